"""Paths of α: the same optima as trainings of their own, each with its certificate."""

import numpy as np
import pytest

import bladenet as bn


def plane(n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.3 * rng.normal(size=n)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_every_network_is_the_optimum_for_its_alpha(loss):
    X, y = plane()
    y = y if loss == "squared" else np.where(y > 1.0, 1.0, -1.0)
    path = bn.path(X, y, n_alphas=8, eps=1e-2, loss=loss)
    assert (np.diff(path.alphas) < 0).all()
    assert len(path.fits[0].network) == 0  # the first α is the smallest with a constant network
    assert len(path.fits[1].network) > 0
    for alpha, fit in zip(path.alphas, path.fits, strict=True):
        assert fit.certificate.status is bn.Status.GLOBAL
        alone = bn.train(X, y, beta=alpha * len(y), loss=loss)
        assert fit.certificate.objective == pytest.approx(alone.certificate.objective, rel=3e-6)
        assert fit.certificate.lower_bound <= alone.certificate.objective * (1 + 1e-9)


def test_data_has_a_row_for_every_alpha():
    X, y = plane()
    frame = bn.path(X, y, alphas=[0.01, 0.1]).data()
    assert frame["alpha"].tolist() == [0.1, 0.01]
    assert (frame["gap"] <= 1e-6).all()
    assert frame["objective"].is_monotonic_decreasing


def test_a_time_limit_ends_the_path_early():
    X, y = plane(2000)
    path = bn.path(X, y, n_alphas=50, time_limit=0.2)
    assert 1 <= len(path.fits) < 50
    assert len(path.alphas) == len(path.fits)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_alphas": 0}, "n_alphas must be a whole number"),
        ({"eps": 1.5}, "eps must be between 0 and 1"),
        ({"alphas": [0.1, -1.0]}, "alphas must be numbers greater than 0"),
        ({"alphas": []}, "alphas must be numbers greater than 0"),
        ({"tol": 0.0}, "tol"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        bn.path(*plane(), **settings)
