"""Choosing α, and what features count, by cross-validation."""

import numpy as np
import pytest

import bladenet as bn
from bladenet.scaling import fit_scaling
from bladenet.selection import Descent, emphasis, select_alpha


def sparse_problem(n, d, seed):
    """Two features of many matter."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, np.abs(X[:, 0]) + np.maximum(X[:, 1] - X[:, 0], 0.0) + 0.5 * rng.normal(size=n)


def test_emphasis_costs_the_network_nothing_and_favours_what_it_uses():
    rng = np.random.default_rng(0)
    weights, amplitudes = rng.normal(size=(6, 4)) * [4.0, 1.0, 0.1, 0.0], rng.normal(size=6)
    factors = emphasis([(weights, np.zeros(6), amplitudes)], 4)
    before = np.abs(amplitudes) @ np.abs(weights).sum(axis=1)
    assert np.abs(amplitudes) @ np.abs(weights / factors).sum(axis=1) == pytest.approx(before)
    mass = np.abs(amplitudes) @ np.abs(weights)
    np.testing.assert_allclose(factors[:3] / factors[0], np.sqrt(mass[:3] / mass[0]))
    assert 0 < factors[3] < factors[2]


@pytest.mark.parametrize("networks", [[], [(np.zeros((0, 3)), np.zeros(0), np.zeros(0))]])
def test_emphasis_without_neurons_changes_nothing(networks):
    assert (emphasis(networks, 3) == 1.0).all()


def test_features_without_use_are_scaled_down_and_predictions_improve():
    X, y = sparse_problem(300, 12, 0)
    X_test, y_test = sparse_problem(2000, 12, 1)
    settings = {"norm": 1, "max_interaction": 2}
    selection = select_alpha(X, y, emphasise=True, **settings)
    assert selection.factors[:2].min() > 2.0 * selection.factors[2:].max()

    def error(X, X_test, alpha):
        network = bn.train(X, y, beta=alpha * len(y), tol=1e-2, **settings).network
        return np.mean((network.predict(X_test) - y_test) ** 2)

    plain = select_alpha(X, y, **settings)
    assert (plain.factors == 1.0).all()
    factors = selection.factors
    assert error(X * factors, X_test * factors, selection.alpha) < 0.98 * error(X, X_test, plain.alpha)


def test_only_automatic_scaling_is_adapted():
    X, y = sparse_problem(200, 6, 0)
    settings = {"alpha": "auto", "norm": 1, "max_interaction": 2, "tol": 1e-2}
    blend = fit_scaling("blend", X, np.ones(200), centred=True).apply(X)
    kept = bn.BladeNetRegressor(scaling="blend", **settings).fit(X, y)
    np.testing.assert_allclose(kept.scaling_.apply(X), blend)
    adapted = bn.BladeNetRegressor(**settings).fit(X, y)
    ratio = adapted.scaling_.apply(X) / blend
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=1e-9)
    assert ratio[0, :2].min() > ratio[0, 2:].max()
    assert adapted.certificate_.status is bn.Status.GLOBAL


@pytest.mark.parametrize("kind", [None, "standard", "rank", "blend"])
def test_a_stretched_scaling(kind):
    rng = np.random.default_rng(0)
    X, factors = rng.normal(size=(50, 3)), np.array([2.0, 0.5, 1e-3])
    scaling = fit_scaling(kind, X, np.ones(50), centred=True)
    stretched = scaling.stretched(factors)
    np.testing.assert_allclose(stretched.apply(X), scaling.apply(X) * factors)
    np.testing.assert_allclose(stretched.inverse(stretched.apply(X)), X, atol=1e-12)


def test_alpha_between_the_values_compared():
    alphas = np.array([1.0, 0.1, 0.01, 0.001])
    assert Descent(alphas, [[3.0], [1.0], [3.0]], []).alpha == pytest.approx(0.1)
    assert 0.01 < Descent(alphas, [[3.0], [1.0], [2.0]], []).alpha < 0.1
    assert Descent(alphas, [[3.0], [2.0], [1.0]], []).alpha == 0.01
    assert Descent(alphas, [], []).alpha == 1.0


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([1.0, 0.9995, 0.999], 1),  # little is not nothing: a constant network is no draw
        ([1.0, 1.1, 1.2], 0),
        ([2.0, 1.0, 0.9991, 1.0], 1),  # validation cannot tell, so the larger α
        ([2.0, 1.0, 0.99, 1.0], 2),
        ([0.0, 0.0, 0.0], 0),
        ([], 0),
    ],
)
def test_the_best_alpha_is_the_largest_that_is_as_good_as_any(losses, best):
    descent = Descent(np.geomspace(1.0, 0.1, 4))
    for loss in losses:
        descent.add([loss], [])
    assert descent.best == best


def test_emphasised_features_are_compared_by_both_losses():
    alphas = np.geomspace(1.0, 0.1, 4)
    plain = Descent(alphas)
    for loss in (3.0, 2.0, 2.2, 2.6):
        plain.add([loss], [])
    adapted = Descent(alphas[1:], rival=plain)
    for loss in (2.1, 2.0, 1.99):  # alone, the end of the range would win by noise
        adapted.add([loss], [])
    assert adapted.best == 0
    assert adapted.loss == 1.99
