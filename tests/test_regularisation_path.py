"""Paths of α: the same optima as trainings of their own, each with its certificate."""

import time

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
    path = bn.path(X, y, n_alphas=8, eps=1e-2, loss=loss, tol=1e-6)
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
    assert (frame["gap"] <= 1e-3).all()
    assert frame["objective"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("loss", "settings"),
    [
        ("squared", {"norm": 1}),
        ("squared", {"bias": False}),
        ("squared", {"max_interaction": 1, "norm": 1}),
        ("huber", {}),
        ("hinge", {}),
        ("quantile", {}),
        ("poisson", {}),
        pytest.param("softmax", {}, marks=pytest.mark.slow),
        ("outputs", {"output_norm": 1}),
        pytest.param("outputs", {"output_norm": 2}, marks=pytest.mark.slow),
    ],
)
def test_mixed_dual_variables_prove_no_more_than_is_true(loss, settings):
    X, y = plane(40)
    weight = np.random.default_rng(1).integers(1, 4, size=40).astype(float)
    if loss == "outputs":
        y, settings = np.column_stack([y, X[:, 0] * X[:, 1]]), {"loss": "squared", **settings}
    else:
        y = {
            "hinge": np.where(y > 1.0, 1.0, -1.0),
            "poisson": np.round(y**2),
            "softmax": np.digitize(y, [0.0, 1.0]),
        }.get(loss, y)
        settings = {"loss": loss, **settings}
    path = bn.path(X, y, n_alphas=17, eps=0.05, tol=1e-2, sample_weight=weight, **settings)
    assert all(fit.certificate.status is GLOBAL for fit in path.fits)
    mixed = [fit for fit in path.fits if not fit.history]  # nothing was priced
    assert mixed
    for fit in mixed:
        alone = bn.train(X, y, beta=fit.problem.beta, sample_weight=weight, tol=1e-4, **settings)
        assert fit.certificate.lower_bound <= alone.certificate.objective * (1 + 1e-9)
        assert fit.certificate.objective >= alone.certificate.lower_bound * (1 - 1e-9)


def test_alphas_may_be_equal():
    X, y = plane(30)
    path = bn.path(X, y, alphas=[0.1] * 6 + [0.05])
    assert [fit.certificate.status for fit in path.fits] == [GLOBAL] * 7
    np.testing.assert_allclose(path.data()["objective"][:6], path.fits[0].certificate.objective, rtol=1e-3)


def test_a_time_limit_leaves_out_alphas():
    X, y = plane(2000)
    path = bn.path(X, y, n_alphas=50, tol=1e-6, time_limit=0.2)
    assert 1 <= len(path.fits) < 50
    np.testing.assert_allclose(path.alphas * 2000, [fit.problem.beta for fit in path.fits])
    assert (np.diff(path.alphas) < 0).all()
    assert all(fit.certificate.status is GLOBAL for fit in path.fits[:-1])


def test_the_largest_alpha_takes_a_share_of_the_time(monkeypatch):
    # guards paths that end before they begin: where the search for it is stopped, a larger α is as good
    X, y = plane(30)
    top = bn.beta_max(X, y)

    def slow(form, slack, clock):
        while not clock.stopped:
            time.sleep(0.01)
        return 0.0, 2.0 * top / form.price

    monkeypatch.setattr(regularisation_path, "largest_violation", slow)
    monkeypatch.setattr(regularisation_path, "FIRST_SHARE", 0.01)
    path = bn.path(X, y, n_alphas=4, time_limit=30.0)
    assert len(path.fits) == 4
    assert path.alphas[0] * 30 == pytest.approx(2.0 * top)
    assert [fit.certificate.status for fit in path.fits] == [GLOBAL] * 4


def test_stretches_side_by_side_find_what_one_after_the_other_does():
    X, y = plane(100)
    together = bn.path(X, y, n_alphas=9, eps=1e-2, tol=1e-6)
    rounds = []
    one = bn.path(X, y, n_alphas=9, eps=1e-2, tol=1e-6, callback=rounds.append)  # which sees one search at a time
    assert len(rounds) == sum(len(fit.history) for fit in one.fits)
    np.testing.assert_array_equal(together.alphas, one.alphas)
    np.testing.assert_allclose(together.data()["objective"], one.data()["objective"], rtol=2e-6)


def test_an_interrupted_path_keeps_what_is_finished(monkeypatch):
    X, y = plane(50)
    finish, calls = regularisation_path.finish, []

    def interrupted(*arguments, **settings):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return finish(*arguments, **settings)

    monkeypatch.setattr(regularisation_path, "finish", interrupted)
    path = bn.path(X, y, n_alphas=6, eps=1e-2, callback=lambda _: None)  # here, not in threads
    assert len(path.fits) == len(path.alphas) == 3


@pytest.mark.parametrize("begun", [1, 3])
@pytest.mark.parametrize("follow", [None, lambda _: None])
def test_ctrl_c_between_two_searches_keeps_those_before(begun, follow, monkeypatch):
    # guards the moments in which no search is there to catch it
    X, y = plane(50)
    begin, calls = regularisation_path.ColumnGeneration.begin, []

    def interrupted(*arguments, **settings):
        calls.append(arguments)
        if len(calls) == begun:
            raise KeyboardInterrupt
        return begin(*arguments, **settings)

    monkeypatch.setattr(regularisation_path.ColumnGeneration, "begin", interrupted)
    path = bn.path(X, y, n_alphas=20, callback=follow)
    assert len(path.fits) == len(path.alphas) == begun  # the first search needs no beginning
    assert all(fit.certificate.status is GLOBAL for fit in path.fits)


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
