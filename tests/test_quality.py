"""Measures of fit: those of the loss, with the weights of the samples."""

import numpy as np
import pytest
from sklearn.metrics import d2_pinball_score, r2_score

import bladenet as bn
from bladenet.quality import measures

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
y = np.abs(X[:, 0]) + 0.3 * rng.normal(size=60)


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_a_quantile_is_measured_by_its_own_loss(quantile):
    model = bn.BladeNetRegressor(alpha=0.01, loss=bn.QuantileLoss(quantile), tol=1e-3).fit(X, y)
    name, value = next(iter(measures(model, X, y).items()))
    assert f"{quantile} quantile" in name
    assert value == pytest.approx(d2_pinball_score(y, model.predict(X), alpha=quantile))


def test_a_single_column_of_targets_is_measured_row_by_row():
    found = [measures(bn.BladeNetRegressor(alpha=0.05).fit(X, target), X, target) for target in (y, y[:, None])]
    assert found[0] == pytest.approx(found[1])


def test_weights_are_repetitions():
    weight = rng.integers(1, 4, size=60)
    model = bn.BladeNetRegressor(alpha=0.05, tol=1e-3).fit(X, y, sample_weight=weight)
    repeated = np.repeat(np.arange(60), weight)
    assert measures(model, X, y, weight) == pytest.approx(measures(model, X[repeated], y[repeated]))
    assert measures(model, X, y, weight)["R²"] == pytest.approx(r2_score(y, model.predict(X), sample_weight=weight))


@pytest.mark.parametrize("loss", ["squared", "quantile", "poisson"])
def test_where_all_targets_are_the_same_there_is_nothing_to_explain(loss):
    model = bn.BladeNetRegressor(alpha=0.1, loss=loss).fit(X, np.full(60, 3.0))
    assert list(measures(model, X, np.full(60, 3.0))) == ["mean absolute error", "root mean squared error"]
