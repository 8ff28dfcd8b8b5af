"""Paths of α: the same optima as trainings of their own, each with its certificate."""

import numpy as np
import pytest

import bladenet as bn
from bladenet import regularisation_path

GLOBAL = bn.Status.GLOBAL


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
    # guards the order of two chains, one of which may have come further
    np.testing.assert_allclose(path.alphas * 2000, [fit.problem.beta for fit in path.fits])
    assert all(fit.certificate.status is GLOBAL for fit in path.fits[:-1])


def test_two_chains_find_what_one_finds():
    X, y = plane(100)
    two = bn.path(X, y, n_alphas=9, eps=1e-2)
    rounds = []
    one = bn.path(X, y, n_alphas=9, eps=1e-2, callback=rounds.append)  # which sees them in order
    assert len(rounds) == sum(len(fit.history) for fit in one.fits)
    np.testing.assert_array_equal(two.alphas, one.alphas)
    np.testing.assert_allclose(two.data()["objective"], one.data()["objective"], rtol=2e-6)


def test_an_interrupted_path_keeps_what_is_finished(monkeypatch):
    X, y = plane(50)
    finish, calls = regularisation_path.finish, []

    def interrupted(*arguments, **settings):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return finish(*arguments, **settings)

    monkeypatch.setattr(regularisation_path, "finish", interrupted)
    path = bn.path(X, y, n_alphas=6, eps=1e-2)
    assert len(path.fits) == len(path.alphas) == 3


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
