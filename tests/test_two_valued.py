"""Categories in pairs and wide tables: what is priced all together or left out, against every blade listed."""

import tracemalloc
from math import comb

import numpy as np
import pytest

import bladenet as bn
from bladenet.pricing import Clock, FewFeatures, count_sets, exact_pricer
from bladenet.pricing.two_valued import Corners, TwoValued
from dictionaries import explicit_optimum, few_features
from spaces import crude_size, dual, unreduced

pytestmark = pytest.mark.sampled


def table(rng, n):
    """Indicators of one or two categories, of any size, and other columns: at least three."""
    columns = []
    for _ in range(rng.integers(1, 3)):
        levels = int(rng.integers(2, 5))
        code = rng.integers(0, levels, n)
        for level in range(levels == 2, levels):
            columns.append((code == level) * rng.choice([1.0, -2.0, 30.0, 0.01]) + rng.normal())
    columns += [rng.normal(size=n) if rng.random() < 0.6 else rng.integers(0, 4, n) for _ in range(rng.integers(0, 3))]
    columns += [rng.integers(0, 2, n)] * (rng.random() < 0.3)
    while len(columns) < 3:
        columns.append(rng.normal(size=n))
    return np.column_stack(columns).astype(float)


def pricer_of(X, bias=True):
    return FewFeatures(unreduced(X, 1, bias), 2, exact_pricer)


# --- pricing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_bound_is_that_of_all_pairs(seed):
    # guards pairs that are left out, kinks at the wrong samples, signs and orientations, sums that miss samples
    rng = np.random.default_rng(seed)
    pricer = pricer_of(table(rng, int(rng.integers(3, 14))))
    points, v = pricer.form.points, dual(pricer.form, rng, integer=seed % 2 == 1)
    W, b = few_features(points, 2, True)
    truth, size = np.abs(v @ np.maximum(points @ W.T + b, 0.0)).max(), crude_size(pricer.form, v)
    for share, slack in ((0.3, 0.05), (0.9, 1e-6), (1.001, 0.1)):
        priced = pricer.price(v, share * truth, slack, Clock())
        assert truth - 1e-14 * size <= priced.bound <= max(share, 1.0 + slack) * truth + 1e-11 * size
        assert (np.count_nonzero(priced.weights, axis=1) <= 2).all()
        np.testing.assert_allclose(np.abs(priced.weights).sum(axis=1), 1.0, rtol=1e-12)
        if truth > 1e-9 * size and share < 1.0:
            assert abs(priced.values[0]) >= truth / (1.0 + slack) * (1.0 - 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_without_bias_columns_that_never_meet_are_left_out(seed):
    # guards indicators of one category, which are 0 together or apart, and other columns that are mostly 0
    rng = np.random.default_rng([8, seed])
    X = np.column_stack([np.eye(4)[rng.integers(0, 4, 12)], rng.normal(size=(12, 3)) * (rng.random((12, 3)) < 0.4)])
    X = X * rng.choice([-1.0, 5.0], size=7)
    pricer = pricer_of(X, bias=False)
    points, v = pricer.form.points, dual(pricer.form, rng)
    both = (points != 0.0).T @ (points != 0.0).astype(int) > 0
    few = 2 * (points != 0.0).sum(axis=0) <= len(points)
    expected = [[a, b] for a in range(7) for b in range(a + 1, 7) if both[a, b] or not (few[a] and few[b])]
    assert pricer.sets.tolist() == expected
    assert count_sets(pricer.form, 2) == (len(expected), 7)
    W, b = few_features(points, 2, False)
    truth = np.abs(v @ np.maximum(points @ W.T + b, 0.0)).max()
    priced = pricer.price(v, 0.5 * truth, 1e-6, Clock())
    assert priced.bound == pytest.approx(truth, rel=1e-6)
    assert abs(priced.values[0]) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_several_outputs_are_bounded_too(seed):
    # guards lengths of vectors in running sums and at corners
    rng = np.random.default_rng([1, seed])
    X, Y = table(rng, 9), rng.normal(size=(9, 2))
    form = bn.TrainingProblem.create(X, Y, beta=1.0, norm=1, max_interaction=2).standard
    if form.points.shape[1] < 3:
        form = bn.TrainingProblem.create(np.column_stack([X, rng.normal(size=(9, 2))]), Y, beta=1.0, norm=1).standard
    pricer = FewFeatures(form, 2, exact_pricer)
    v = rng.normal(size=(len(form.points), 2))
    v -= v.mean(axis=0)
    W, b = few_features(form.points, 2, True)
    truth = np.linalg.norm(v.T @ np.maximum(form.points @ W.T + b, 0.0), axis=0).max()
    priced = pricer.price(v, 0.5 * truth, 1e-3, Clock())
    assert truth * (1.0 - 1e-12) <= priced.bound <= 1.001 * truth * (1.0 + 1e-9)
    assert priced.values[0] >= truth / 1.001 * (1.0 - 1e-9)


def test_a_stopped_search_is_a_bound():
    # guards a time limit: pairs that were not looked at are covered too
    rng = np.random.default_rng(2)
    X = np.column_stack([np.eye(5)[rng.integers(0, 5, 60)], rng.integers(0, 2, 60), rng.normal(size=(60, 2))])
    pricer = pricer_of(X)
    v, clock = dual(pricer.form, rng), Clock()
    truth = pricer.maximum(v, 1e-6).bound
    clock.interrupt()
    assert pricer.price(v, 0.1 * truth, 1e-6, clock).bound >= truth


def test_sets_that_remain_are_counted():
    # guards the plan: no pairs of levels of one category, those of two categories where all four combinations occur
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 6, 200), rng.integers(0, 40, 200)
    X = np.column_stack([np.eye(6)[first], np.eye(40)[second], rng.normal(size=(200, 3))])
    meeting = len(set(zip(first, second, strict=True)))
    meeting -= sum(len(set(first[second == level])) == 1 for level in range(40))  # such a level implies the other
    form = unreduced(X, 1, True)
    assert Corners(form, TwoValued(form.points)).pairs == meeting
    assert count_sets(form, 2) == (comb(3, 2), 46 * 3 + meeting)
    assert count_sets(form, 1) == (0, 49)
    assert count_sets(form, 3) == (comb(49, 3), 0)
    planned = bn.plan(X, X[:, 0], norm=1, max_interaction=2, tol=1e-2)
    assert planned.sets == 3 + 46 * 3 + meeting
    assert planned.strategy == "exact"


# --- training --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_training_reaches_the_optimum_over_all_pairs(seed):
    # guards everything: an explicit Lasso over all neurons of one and two columns, levels meeting included
    rng = np.random.default_rng([4, seed])
    X = table(rng, int(rng.integers(8, 16)))
    y = X[:, 0] * rng.normal() + np.abs(X[:, -1]) * (X[:, 1] > np.median(X[:, 1])) + rng.normal(size=len(X))
    loss = ("squared", "huber", "logistic")[seed % 3]
    y = np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else y
    beta = (0.03, 0.3)[seed % 2]
    fit = bn.train(X, y, beta=beta, norm=1, max_interaction=2, loss=loss, tol=1e-7)
    assert fit.certificate.status is bn.Status.GLOBAL, str(fit.certificate)
    # centred columns are the same problem, and easier for the other solver
    X = X - 0.5 * (X.max(axis=0) + X.min(axis=0))
    assert fit.certificate.objective == pytest.approx(explicit_optimum(X, y, beta, 2, True, loss), rel=1e-6, abs=1e-7)


def test_hundreds_of_levels():
    # guards the certificate where no pair of levels is ever looked at: the best step per level is among the neurons
    rng = np.random.default_rng(5)
    code, x = rng.integers(0, 120, 600), rng.normal(size=600)
    X = np.column_stack([np.eye(120)[code], x])
    y = rng.normal(size=120)[code] + np.abs(x) + 0.1 * rng.normal(size=600)
    fit = bn.train(X, y, beta=0.3, norm=1, max_interaction=2, tol=1e-2)
    assert fit.certificate.status is bn.Status.GLOBAL, str(fit.certificate)
    alone = bn.train(X, y, beta=0.3, norm=1, max_interaction=1, tol=1e-2)
    assert fit.certificate.lower_bound <= alone.certificate.objective
    assert np.var(y - fit.network.predict(X)) < 0.05 * np.var(y)


# --- wide tables -----------------------------------------------------------------------------------------------


def test_a_wide_table_needs_no_memory_of_columns_squared():
    # guards arrays of columns by columns, or of all candidates by columns: here 8 bytes for each pair are 200 MB
    rng = np.random.default_rng(6)
    X = rng.normal(size=(40, 5_000))
    X[:, 7] = -2.0 * X[:, 3]  # one of them is left out, which may not cost a matrix either
    y = X[:, 3] + np.abs(X[:, 1])
    tracemalloc.start()
    fit = bn.train(X, y, beta=4.0, norm=1, max_interaction=1, tol=1e-2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.certificate.status is bn.Status.GLOBAL
    assert fit.problem.standard.points.shape[1] == 4_999
    assert peak < 200e6


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("seed", range(15))
def test_multiples_are_found_as_by_comparing_all_columns(seed, bias):
    # guards the search among neighbours: multiples of any sign and size, exact or nearly, and constants
    rng = np.random.default_rng([7, seed])
    base = rng.normal(size=(12, 6)) if seed % 2 else rng.integers(0, 2, (12, 6)).astype(float)
    off = rng.choice([0.0, 1e-15, 1e-14, 1e-11, 1e-6], size=30)
    X = base[:, rng.integers(0, 6, 30)] * rng.choice([1.0, -1.0, 3.7, 1e-5, 0.0], size=30)
    X += off * rng.normal(size=X.shape) + rng.normal(size=30) * bias * (rng.random() < 0.5)
    form = bn.TrainingProblem.create(X, X[:, 0], beta=1.0, norm=1, bias=bias).standard
    points = ((X - form.centre) / form.scale)[form.sample]
    sizes, lengths = np.abs(points).max(axis=0), np.linalg.norm(points, axis=0)
    kept = []
    for k in np.argsort(-lengths, kind="stable"):
        rest = [sizes[k]] * bool(kept)
        for j in kept:
            product = points[:, k] @ points[:, j]
            if abs(product) > (1.0 - 1e-9) * lengths[k] * lengths[j]:
                rest.append(np.abs(points[:, k] - product / lengths[j] ** 2 * points[:, j]).max())
        if min(rest, default=np.inf) > 1e-13 * sizes.max():
            kept.append(int(k))
    basis = np.eye(30) if form.basis is None else form.basis.toarray()
    np.testing.assert_array_equal(basis, np.eye(30)[:, sorted(kept)])
    others = [c for c in range(30) if c not in kept]
    for c, j in ((c, j) for c in others for j in kept):
        if abs(points[:, c] @ points[:, j]) > (1.0 - 1e-9) * lengths[c] * lengths[j]:
            assert form.lost <= 1e-13 * sizes.max()
