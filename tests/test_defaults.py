"""What is chosen where nothing is asked for, and that what contradicts itself is refused before any work."""

import numpy as np
import pandas as pd
import pytest

import bladenet as bn
from bladenet.defaults import settle

ESTIMATORS = (bn.BladeNetRegressor, bn.BladeNetClassifier, bn.BladeNetRegressorCV, bn.BladeNetClassifierCV)


def table(d, n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, d)), columns=list("abcdefgh")[:d])
    return X, (np.abs(X["a"]) + 0.3 * rng.normal(size=n)).to_numpy()


@pytest.mark.parametrize(
    ("features", "asked", "expected"),
    [
        (1, {}, (2, None, "standard", 1e-6)),
        (2, {}, (2, None, "standard", 1e-6)),
        (3, {}, (1, 2, "blend", 1e-3)),
        (3, {"norm": 1}, (1, 2, "blend", 1e-3)),
        (3, {"norm": 2}, (2, None, "standard", 1e-3)),
        (3, {"max_interaction": 1}, (1, 1, "blend", 1e-3)),
        (2, {"max_interaction": 1}, (1, 1, "blend", 1e-6)),
        (3, {"max_interaction": None}, (2, None, "standard", 1e-3)),
        (3, {"vertices_only": True}, (2, None, "standard", 1e-3)),
        (3, {"interpolates": True}, (2, None, "standard", 1e-3)),
        (3, {"scaling": None, "tol": 0.1}, (1, 2, None, 0.1)),
    ],
)
def test_what_fits_so_many_features(features, asked, expected):
    settings = settle(features, **asked)
    assert (settings.norm, settings.max_interaction, settings.scaling, settings.tol) == expected
    assert set(dict(settings.reasons)).isdisjoint(asked)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("conflict", "words"),
    [
        ({"norm": 2, "max_interaction": 2}, ["max_interaction=2", "norm=1"]),
        ({"norm": "both"}, ["norm", "'both'", "'auto'"]),
        ({"max_interaction": "pairs"}, ["max_interaction", "'pairs'"]),
        ({"tol": "fine"}, ["tol", "'fine'"]),
        ({"tol": 0.0}, ["tol", "0.0"]),
        ({"scaling": "log"}, ["scaling", "'log'", "'blend'"]),
    ],
)
def test_contradictions_are_refused_before_any_work(estimator, conflict, words, monkeypatch):
    monkeypatch.setattr("bladenet.estimator_base.fit_scaling", None)  # work would call it
    X, y = table(3)
    y = y > 0.8 if "Classifier" in estimator.__name__ else y
    with pytest.raises(ValueError, match=words[0]) as caught:
        estimator(**conflict).fit(X, y)
    assert all(word in str(caught.value) for word in words)


def test_no_argument_is_needed():
    X, y = table(4)
    model = bn.BladeNetRegressor().fit(X, y)
    assert model.settings_ == settle(4)
    assert model.certificate_.gap <= model.settings_.tol == 1e-3
    assert model.certificate_.max_interaction == 2
    assert "why" in repr(model.settings_)
    assert model.get_params()["norm"] == "auto", "what was asked for stays"


def test_a_column_of_text_counts_for_each_of_its_categories():
    X, y = table(1)
    X["kind"] = np.array(["red", "green", "blue"])[np.arange(len(X)) % 3]
    assert bn.BladeNetRegressor(alpha=0.1).fit(X, y).settings_.max_interaction == 2


def test_settings_are_saved(tmp_path):
    X, y = table(3)
    model = bn.BladeNetRegressor(alpha=0.1).fit(X, y)
    bn.save_model(model, tmp_path / "model.json")
    assert bn.load_model(tmp_path / "model.json").settings_ == model.settings_
