"""Cones of several outputs: every bound is one, cone by cone and over the whole search."""

from itertools import product

import numpy as np
import pytest

import bladenet as bn
from bladenet.joint_descent import descended
from bladenet.kernels import vector_cones
from bladenet.pricing import Clock
from bladenet.pricing.branch_and_bound import BranchAndBound
from bladenet.problem import TrainingProblem
from spaces import EXTREME_KINDS, SETTINGS, unreduced


def duals(n, c, kind, rng):
    """V (n, c) of several kinds, degenerate ones included."""
    if kind == "random":
        return rng.normal(size=(n, c))
    if kind == "parallel":
        return np.outer(rng.normal(size=n), rng.normal(size=c))
    if kind == "classes":  # p − y of samples between two classes
        V = np.zeros((n, c))
        V[np.arange(n), rng.integers(c, size=n)] += rng.random(n)
        return V - np.eye(c)[rng.integers(c, size=n)] * V.sum(axis=1, keepdims=True)
    V = rng.normal(size=(n, c)) * 10.0 ** rng.integers(-8, 1, size=(n, 1))  # of very different sizes
    V[:, rng.integers(c)] = 0.0
    return V


KINDS = ("random", "parallel", "classes", "sizes")


@pytest.mark.parametrize("kind", KINDS)
def test_the_part_across_is_bounded_around_its_middle(kind):
    rng = np.random.default_rng(0)
    for c, n in ((1, 3), (2, 4), (3, 6), (5, 8)):
        V, gap, h = duals(n, c, kind, rng), rng.random(n), rng.normal(size=c)
        u = rng.normal(size=c)
        u /= np.linalg.norm(u)
        away = np.eye(c) - np.outer(u, u)
        across = float(gap @ np.linalg.norm(V @ away, axis=1))
        block = np.vstack([np.zeros((2, n)), V.T])
        bound = vector_cones.across_centred(block, 2, c, gap, h, u, across, np.empty(c))
        corners = np.array(list(product((0.0, 1.0), repeat=n))) * gap  # a length is largest at one
        truth = np.linalg.norm((h - corners @ V) @ away, axis=1).max()
        assert truth - 1e-12 <= bound <= np.linalg.norm(away @ h) + across + 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_in_a_cone_are_below_the_bound(kind):
    bound_length = getattr(vector_cones.bound_length, "py_func", vector_cones.bound_length)  # compiled anew every time
    rng = np.random.default_rng(1)
    for r, c, n in ((2, 1, 1), (2, 3, 5), (4, 2, 9), (7, 5, 40)):
        block = np.zeros((r + c + 2, n))
        block[:r], V = rng.normal(size=(r, n)) + rng.normal(size=n), duals(n, c, kind, rng)
        block[r : r + c], block[r + c] = V.T, np.linalg.norm(V, axis=1)
        h = np.maximum(block[:r], 0.0) @ V
        shares = np.vstack([np.eye(r), rng.dirichlet(np.ones(r), size=300), np.full(r, 1.0 / r)])
        lengths = np.linalg.norm(np.maximum(shares @ block[:r], 0.0) @ V, axis=1)
        size = float(np.abs(block[:r]).max() * block[r + c].sum())
        for good, stretch in product((0.0, 0.5 * lengths.max(), 1.1 * lengths.max(), 3.0 * size), (1.0, 1.7)):
            above, each = np.empty(r), [np.empty(r) for _ in range(5)]
            component, aside, height, sideways, trial = each
            bound_length(
                block, np.arange(r), n, c, h, good, stretch, np.empty(c), np.empty(c), component, aside, height,
                sideways, np.empty((7, n)), above, trial, np.empty(vector_cones.FEW), np.empty(r), np.empty(r)
            )  # fmt: skip
            assert (shares @ above >= lengths - 1e-13 * size).all()


@pytest.mark.parametrize(("norm", "bias"), SETTINGS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_searches_are_bounds_at_any_threshold(d, norm, bias):
    for seed, (points, kind) in enumerate(zip(("gaussian", "cube", "repeated", "two"), KINDS, strict=True)):
        rng = np.random.default_rng([seed, d, norm, bias])
        form = unreduced(EXTREME_KINDS[points](rng, d), norm, bias)
        V = duals(len(form.points), 3, kind, rng)
        V = V - V.mean(axis=0) if bias else V
        pricer = BranchAndBound(form)
        W = rng.normal(size=(3000, d))
        W /= np.linalg.norm(W, axis=1, ord=norm)[:, None]
        b = -np.sum(W * form.points[rng.integers(len(form.points), size=len(W))], axis=1) * bias
        found = pricer.price(V, 0.0, 1e-3, Clock(5.0))
        truth = max(pricer.values(V, W, b).max(), found.values.max(initial=0.0))
        rounding = 1e-13 * np.linalg.norm(V, axis=1).sum()
        for times, slack in ((0.5, 0.1), (1.01, 1e-3), (1.5, 0.1), (3.0, 0.1), (8.0, 0.1)):
            bound = pricer.price(V, times * truth, slack, Clock(5.0)).bound
            assert truth - rounding <= bound <= max(times, 1.0 + slack) * truth * (1.0 + 1e-9) + 1e3 * rounding


def classes(n, d, c):
    """Clusters that overlap."""
    rng = np.random.default_rng(2)
    y = np.arange(n) % c
    return rng.normal(size=(c, d))[y] * 1.5 + rng.normal(size=(n, d)), y


@pytest.mark.parametrize("bias", [True, False])
def test_a_wide_network_goes_downhill_to_near_the_optimum(bias):
    X, y = classes(60, 2, 3)
    fit = bn.train(X, y, beta=1.0, loss="softmax", bias=bias, tol=1e-4)
    form = TrainingProblem.create(X, y, beta=1.0, loss="softmax", bias=bias).standard
    (weights, offsets), z, t, v = descended(form, Clock())
    f = (np.maximum(form.points @ weights.T + offsets, 0.0) @ z)[form.row] + t
    objective = form.weight @ form.loss.value(f, form.y) + form.beta * form.penalty(z)
    assert np.linalg.norm(weights, axis=1) == pytest.approx(1.0)
    assert bias or not (offsets.any() or t.any())
    np.testing.assert_allclose(
        v, form.weight[:, None] * form.loss.gradient(f, form.y), atol=0.01
    )  # tiny neurons are left out
    assert fit.certificate.lower_bound <= objective + 1e-9 <= 1.02 * fit.certificate.objective


@pytest.mark.parametrize("loss", [pytest.param("softmax", marks=pytest.mark.slow), "squared"])
def test_searches_that_start_from_it_find_the_optimum_and_bound_it(loss):
    X, y = classes(50, 3, 3)
    y = y if loss == "softmax" else np.eye(3)[y]
    exact = bn.train(X, y, beta=1.0, loss=loss, tol=1e-3).certificate
    assert exact.status is bn.Status.GLOBAL
    for strategy in ("anytime", "relaxed"):
        hurried = bn.train(X, y, beta=1.0, loss=loss, tol=1e-3, strategy=strategy, time_limit=2.0).certificate
        assert hurried.lower_bound <= exact.objective * (1.0 + 1e-9)
        assert exact.lower_bound <= hurried.objective * (1.0 + 1e-9) <= 1.01 * exact.objective
