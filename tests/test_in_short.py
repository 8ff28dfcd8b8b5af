"""Sentences for those who want no mathematics, and numbers as people write them."""

import re

import numpy as np
import pytest

import bladenet as bn
from bladenet import datasets
from bladenet.display import at_most, number, short, written_out
from bladenet.in_short import _share, in_short


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (123456.0, 5, "123,456"),
        (99999.7, 5, "100,000"),
        (2015.0, 5, "2015"),
        (5347587432.4, 10, "5,347,587,432"),
        (123456.789, 8, "123,456.79"),
        (3.4e17, 5, "3.4e17"),
        (1.2e-5, 5, "1.2e-5"),
        (-1234567.0, 5, "-1,234,567"),
        (37158.79273, 10, "37,158.79273"),
        (93022.0, 5, "93,022"),
        (9302.2, 5, "9302.2"),
        (0.0, 5, "0"),
        (np.inf, 5, "inf"),
    ],
)
def test_numbers_as_people_write_them(value, digits, text):
    assert written_out(value, digits) == text
    assert number(value) == written_out(value, 5).replace("-", "−")


@pytest.mark.parametrize("value", 10.0 ** np.arange(-20, 20) * 1.23456789)
def test_numbers_are_what_they_say(value):
    for sign in (1.0, -1.0):
        assert float(written_out(sign * value, 8).replace(",", "")) == pytest.approx(sign * value, rel=1e-7)
    assert float(short(value)) == pytest.approx(value, rel=0.05)


def test_what_neurons_read_in_words():
    assert [at_most(k) for k in (1, 2, 12)] == [
        "at most one column or category",
        "at most two columns or categories",
        "at most 12 columns or categories",
    ]


@pytest.mark.parametrize("gap", [0.0, 3e-10, 1e-6, 1.01e-6, 2.5e-4, 0.00999, 0.0254, 0.1, 0.5, 0.98])
def test_a_gap_is_never_understated(gap):
    text = _share(gap)
    assert re.fullmatch(r"[0-9.]+ %", text)  # no exponents
    said = float(text.removesuffix(" %")) / 100.0
    assert said >= gap * (1.0 - 1e-12)
    assert said <= max(1.11 * gap, 1e-6)


def sentences(model, X, y):
    return in_short(model.fit(X, y))


def test_sentences_of_each_kind_of_model():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 1))
    f, noise = np.abs(x[:, 0]), rng.normal(size=120)
    new, reads, best = sentences(bn.BladeNetRegressor(), x, f + 0.1 * noise)
    assert re.match(r"On rows it has not seen: R² 0\.9\d\d ± 0\.\d{3}, so it explains 9\d % of the variation", new)
    assert reads == "It reads the only column, x0."
    assert best.startswith("No better network was missed: it is proven that no ReLU network of any width is better by")
    new, *_ = sentences(bn.BladeNetRegressor(loss="quantile"), x, f + 0.1 * noise)
    assert re.search(r"it explains \d\d % of the deviation from the median; a linear model explains", new)
    new, *_ = sentences(bn.BladeNetRegressor(loss="poisson"), x, rng.poisson(np.exp(f)))
    assert re.search(r"it explains \d\d % of the variation of the target", new)
    new, reads, _ = sentences(bn.BladeNetRegressor(), x, noise)
    assert "explains nothing of the variation" in new
    assert reads == "It reads no column and predicts the same for every row: nothing else is worth its penalty."
    new, *_ = sentences(bn.BladeNetRegressor(), x, np.ones(120))
    assert new.endswith("no alpha could be compared.")


def test_sentences_of_classes_and_of_what_is_not_proven():
    data = datasets.load_penguins()
    model = bn.BladeNetClassifier().fit(data.X[:, :1], data.y)
    new, *_ = in_short(model)
    found = {score.name: score for score in model.validation_.scores}["accuracy"]
    assert f"it names the right class for {100 * found.value:.1f} % ± " in new
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    model = bn.BladeNetRegressor(alpha=0.2, norm=1, max_interaction=1, tol=1e-2)
    *_, best = sentences(model, X, np.sin(3 * X).sum(axis=1))
    assert "with neurons reading at most one column or category" in best
    model = bn.BladeNetRegressor(alpha=1e-3, strategy="relaxed", tol=1e-6).fit(X, np.sin(3 * X).sum(axis=1))
    assert model.certificate_.status is not bn.Status.GLOBAL
    *_, best = in_short(model)
    assert best.startswith(("A better network may have been missed, but", "How much better another network could be"))
