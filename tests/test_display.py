"""Results show themselves: short, escaped, without arrays, whatever they hold."""

import copy
import pickle
import time
from functools import cache

import numpy as np
import pandas as pd
import pytest

import bladenet as bn
from bladenet.contributions import Contributions
from bladenet.display import ROWS, Listing, Shown, View, brief, cut, first
from bladenet.validation_curve import ValidationCurve
from bladenet.what_if import WhatIf

TEXT, HTML = 2_000, 12_000  # characters
HOSTILE = "<b>a & b</b> " + "very_long_name_" * 6


@cache
def regression():
    data = bn.datasets.load_motorcycle()
    model = bn.BladeNetRegressor(alpha=1.0, scaling="standard").fit(data.X, data.y)
    return model, bn.train(data.X, data.y, beta=200.0), data.X, data.y


@cache
def classification():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 12)), columns=[f"{HOSTILE}{k}" for k in range(12)])
    y = np.array([HOSTILE, "b", "c"])[rng.integers(0, 3, 40)]
    model = bn.BladeNetClassifier(alpha=0.05, norm=1, max_interaction=1, tol=1e-2, scaling="standard")
    return model.fit(X, y), X, y


@cache
def validated():
    _, _, X, y = regression()
    alphas = np.geomspace(100.0, 0.5, 20)
    return bn.BladeNetRegressorCV(alphas=alphas, cv=3, tol=1e-2, scaling="standard").fit(X, y)


@cache
def path():
    _, _, X, y = regression()
    return bn.path(X, y, n_alphas=12, tol=1e-2)


def several():
    X, Y = np.arange(8.0)[:, None], np.column_stack([np.arange(8.0) ** 2, np.ones(8)])
    return bn.train(X, Y, beta=1.0, tol=1e-2)


RESULTS = {
    "explanation": (lambda: regression()[0].explain(), ["neurons", "importance", "GLOBAL", "x0"]),
    "explanation of classes": (lambda: classification()[0].explain(), ["neurons", "scores of the classes"]),
    "neuron": (lambda: regression()[0].explain().neurons[0], ["importance", "through samples"]),
    "sample": (lambda: classification()[0].explain().neurons[0].samples[0], ["index", "… (8 more)"]),
    "leverage": (lambda: regression()[0].explain().defined(), ["sample", "neurons", "importance"]),
    "contributions": (lambda: regression()[0].explain_predictions(regression()[2]), ["… and 125 more", "neuron "]),
    "contributions of classes": (
        lambda: classification()[0].explain_predictions(classification()[1]),
        ["largest output"],
    ),
    "what if": (lambda: regression()[0].what_if(*regression()[2:], [3, 4]), ["neurons", "→", "moves most at row"]),
    "shapes": (lambda: regression()[0].shapes(), ["columns", "x0"]),
    "shape": (lambda: regression()[0].shapes()[0], ["columns x0", "importance 100.0 %"]),
    "evidence": (lambda: regression()[0].evidence_, ["rows", "133"]),
    "encoding": (lambda: classification()[0].encoding_, ["12 of Column"]),
    "scaling": (lambda: classification()[0].scaling_, ["array (12,)"]),
    "fit": (lambda: regression()[1], ["GLOBAL", "beta", "133, 1", "Globally optimal"]),
    "fit of several outputs": (several, ["8, 1", "objective"]),
    "network of several outputs": (lambda: several().network, ["→ 2 outputs"]),
    "network": (lambda: regression()[1].network, ["1 inputs → 12 neurons", "… and 4 more"]),
    "sparse network": (lambda: classification()[0].network_, ["·x", "3 outputs"]),
    "certificate": (lambda: regression()[1].certificate, ["GLOBAL", "gap", "Globally optimal"]),
    "proof": (lambda: regression()[1].proof, ["array (133,)"]),
    "problem": (lambda: regression()[1].problem, ["samples 133", "SquaredLoss()", "beta 200"]),
    "blades": (lambda: regression()[1].blades, ["Blade × 12", "… and 4 more"]),
    "blade": (lambda: regression()[1].blades[0], ["samples 60", "orientation +1"]),
    "history": (lambda: regression()[1].history, ["objective", "gap"]),
    "path": (path, ["12 alphas", "neurons", "… and 4 more"]),
    "fits": (lambda: path().fits, ["Fit × 12", "status"]),
    "validation": (lambda: validated().validation_, ["3 folds, 133 rows", "R²", "a linear model"]),
    "curve": (lambda: validated().validation_.curve, ["20 alphas, 3 folds", "best", "… and 12 more"]),
    "plan": (lambda: bn.plan(*regression()[2:]), ["exact", "proof of global optimality"]),
    "assessment": (
        lambda: bn.certify(regression()[1].network, *regression()[2:], beta=200.0),
        ["objective", "times the optimum"],
    ),
    "chambers": (lambda: bn.chamber_report(regression()[2]), ["rank", "diameter"]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_shows_what_it_is_and_no_more(name):
    make, words = RESULTS[name]
    result = make()
    shown = {repr(other) for other in (result, copy.deepcopy(result), pickle.loads(pickle.dumps(result)))}
    (text,) = shown
    page = result._repr_html_()
    assert len(text) <= TEXT
    assert len(page) <= HTML
    for word in words:
        assert word in text
    assert "incomplete" not in text
    assert "array([" not in text
    assert "<b>a" not in page.replace("<b>" + "Contributions", "")
    assert page.count("<table") == page.count("</table>")


def test_estimators_stay_short_when_arrays_are_parameters():
    model = validated()
    assert len(repr(model)) < TEXT
    splits = [(np.arange(50_000), np.arange(50_000, 100_000))] * 3
    assert len(repr(bn.BladeNetRegressorCV(alphas=np.geomspace(1.0, 1e-3, 900), cv=splits))) < TEXT


def empty(outputs=()):
    return bn.ReLUNetwork(
        np.zeros((0, 3)), np.zeros(0), np.zeros((0, *outputs)), np.zeros(outputs) if outputs else np.nan
    )


def constant():
    return bn.BladeNetRegressor(alpha=1e6).fit(np.arange(6.0)[:, None], np.arange(6.0))


def stopped():
    def interrupt(row):
        raise KeyboardInterrupt

    return bn.train(np.arange(6.0)[:, None], np.arange(6.0) ** 2, beta=0.1, callback=interrupt)


DEGENERATE = {
    "no neurons": empty,
    "no neurons, two outputs": lambda: empty((2,)),
    "not numbers": lambda: bn.ReLUNetwork(np.full((2, 3), np.nan), np.full(2, np.inf), np.full(2, -np.inf), np.nan),
    "explanation of a constant": lambda: constant().explain(),
    "contributions to a constant": lambda: constant().explain_predictions(np.arange(3.0)[:, None]),
    "contributions to nothing": lambda: Contributions(
        constant().explain(), np.zeros((0, 0)), np.zeros(0), 0.0, np.zeros(0)
    ),
    "what if of a constant": lambda: constant().what_if(np.arange(6.0)[:, None], np.arange(6.0), [0]),
    "stopped": stopped,
    "empty path": lambda: bn.RegularisationPath(np.zeros(0), []),
    "empty curve": lambda: ValidationCurve(np.zeros(0), np.zeros(0)),
    "curve of nothing known": lambda: ValidationCurve(np.ones(3), np.full((3, 2), np.nan)),
    "no blades": lambda: Listing(),
    "blade of nothing": lambda: bn.Blade((), (), 0, np.zeros(3)),
    "certificate of nothing": lambda: bn.Certificate(bn.Status.STOPPED, np.inf, 0.0, np.inf, 1e-6),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_what_is_degenerate_shows_itself_too(name):
    result = DEGENERATE[name]()
    text = repr(result)
    assert 0 < len(text) <= TEXT
    assert "incomplete" not in text
    assert len(result._repr_html_()) <= HTML


def test_a_half_made_result_does_not_raise():
    assert repr(bn.Fit.__new__(bn.Fit)) == "Fit\nincomplete: AttributeError"


def test_a_million_samples_take_no_time():
    n = 1_000_000
    fit, certificate = regression()[1], regression()[1].certificate
    wide = WhatIf((3,), certificate, certificate, np.zeros(n), np.ones(n), 3, 3, 2, "prediction", fit)
    start = time.perf_counter()
    assert "1 row" in repr(wide)
    assert brief(np.zeros(n)) == "array (1000000,)"
    assert time.perf_counter() - start < 2.0


def test_views_cut_what_is_wide_and_escape_what_is_named():
    rows = [(f"{k}", HOSTILE, "1") for k in range(250)]
    view = View(HOSTILE * 3, [("name", HOSTILE)], ("row", HOSTILE, "value"), rows, len(rows), "note " * 500)
    lines = view.text().splitlines()
    assert max(map(len, lines[:-1])) <= 101
    assert sum(line.startswith("  ") for line in lines) == ROWS + 3
    assert "  … and 242 more" in lines
    assert "&lt;b&gt;" in view.html()
    assert "<b>a" not in view.html()


def test_words_for_values():
    assert brief((1, 2.5, "x", True)) == "1, 2.5, x, yes"
    assert brief(np.zeros((5, 2))) == "array (5, 2)"
    assert brief(list(range(60))) == "0, 1, 2, 3, … (56 more)"
    assert first(["a", "b"], 2) == "a, b"
    assert cut("abcdefghij", 5) == "ab…ij"


def test_every_result_that_is_shown_uses_the_one_mechanism():
    # guards against a dataclass that writes its own representation, with all its arrays
    def below(cls):
        return {cls}.union(*(below(other) for other in cls.__subclasses__()))

    kinds = {kind for kind in below(Shown) if kind.__module__.startswith("bladenet")}
    assert len(kinds) > 20
    assert {kind.__name__ for kind in kinds if kind.__repr__ is not Shown.__repr__} == set()
