"""Branch and bound in any dimension, against brute force, sweeps and samples: never below the truth, nor far above."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bladenet.pricing import AngularSweep, BranchAndBound, Clock, PrefixSums, branch_and_bound, choose_pricer
from spaces import EXTREME_KINDS, KINDS, SETTINGS, brute_force, crude_size, dual, sampled, unreduced

pytestmark = pytest.mark.sampled

every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)
PATIENCE = 2.0  # seconds for one search: if it is stopped its bound is checked, but not how close it is


def true_value(form, v, priced):
    """Largest |h| of neurons, in extended precision, their weights of unit norm whatever they are."""
    weights, offsets = priced.weights.astype(np.longdouble), priced.offsets.astype(np.longdouble)
    h = np.maximum(form.points.astype(np.longdouble) @ weights.T + offsets, 0.0).T @ v.astype(np.longdouble)
    lengths = np.abs(weights).sum(axis=1) if form.norm == 1 else np.sqrt((weights**2).sum(axis=1))
    return float((np.abs(h) / lengths).max(initial=0.0))


def check(form, v, rng, prices=((0.5, 0.1), (0.97, 1e-3), (1.05, 1e-3))):
    """One pricing for each threshold, in units of the truth, and slack; `truth` is the value of a true neuron."""
    sweep = PrefixSums(form) if form.points.shape[1] == 1 else AngularSweep(form)
    truth = max(true_value(form, v, sweep.maximum(v)), sampled(form, v, rng, 500) * (1 - 1e-12))
    pricer = BranchAndBound(form)
    rounding = 8 * np.finfo(float).eps * (len(v) + 256) * np.abs(v).sum() * pricer.reach
    for share, slack in prices:
        threshold, clock = share * truth, Clock(PATIENCE)
        priced = pricer.price(v, threshold, slack, clock)
        most = max(truth, true_value(form, v, priced))
        assert priced.bound >= most * (1 - 1e-15), (share, slack)
        if clock.flag[0]:
            continue
        assert priced.bound <= max(threshold, (1 + slack) * most) + rounding
        if priced.bound > threshold * (1 + slack) + rounding:
            assert len(priced.values), "a bound above the threshold comes with a neuron"
    return truth


@pytest.mark.parametrize("kind", EXTREME_KINDS)
@every_setting
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_bound_on_degenerate_data(kind, d, norm, bias):
    # guards every way in which cones can be flat, and samples be mixed by rounding only
    rng = np.random.default_rng([d, norm, bias])
    form = unreduced(EXTREME_KINDS[kind](rng, d), norm, bias)
    check(form, dual(form, rng, integer=d % 2 == 1), rng, [(0.5, 0.1), (1.05, 1e-3)] if d > 3 else [(0.97, 1e-3)])


@every_setting
@pytest.mark.parametrize(("n", "d"), [(40, 1), (25, 2), (14, 3), (8, 4), (6, 5)])
def test_bound_on_random_data(n, d, norm, bias):
    # guards general position, up to five features
    rng = np.random.default_rng([n, d, norm, bias])
    form = unreduced(rng.normal(size=(n, d)), norm, bias)
    check(form, dual(form, rng), rng, [(0.6, 0.1), (1.05, 1e-3)] if d > 3 else [(0.5, 0.1), (0.97, 1e-6)])


DUALS = {
    "range": lambda rng, n: rng.normal(size=n) * 10.0 ** rng.uniform(-12, 12, size=n),
    "one": lambda rng, n: np.eye(1, n, rng.integers(n))[0],
    "equal": lambda rng, n: np.ones(n),
    "one against the rest": lambda rng, n: np.r_[1.0, np.full(n - 1, -1.0 / n)],
    "tiny": lambda rng, n: 1e-12 * rng.normal(size=n),
    "huge": lambda rng, n: 1e12 * rng.normal(size=n),
}


@pytest.mark.parametrize("kind", DUALS)
@every_setting
@pytest.mark.parametrize("d", [1, 2, 3])
def test_bound_for_extreme_duals(kind, d, norm, bias):
    # guards absolute tolerances, and sums in which one sample drowns the others
    rng = np.random.default_rng([7, d, norm, bias])
    form = unreduced(np.round(rng.normal(size=(9, d)), 1), norm, bias)
    v = DUALS[kind](rng, len(form.points))
    check(form, v - v.mean() if bias else v, rng)


@every_setting
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_zero_dual_is_priced_at_once(d, norm, bias):
    # guards 0/0 and searches without end where everything is zero
    form = unreduced(np.random.default_rng(0).normal(size=(6, d)), norm, bias)
    for priced in (
        BranchAndBound(form).price(np.zeros(6), 0.0, 0.0, Clock()),
        BranchAndBound(form).maximum(np.zeros(6)),
    ):
        assert priced.bound == 0.0
        assert not len(priced.values)
        assert priced.cones < 100 * 2**d


coordinates = st.tuples(*[st.integers(-2, 2).map(float)] * 3)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(X=st.lists(coordinates, min_size=1, max_size=6), seed=st.integers(0, 10**6), setting=st.sampled_from(SETTINGS))
def test_maximum_on_small_integer_data(X, seed, setting):
    # guards coincidences that no list of kinds foresees, against the brute force itself
    rng = np.random.default_rng(seed)
    form = unreduced(np.array(X), *setting)
    v = dual(form, rng, integer=True)
    truth, size = brute_force(form, v), crude_size(form, v)
    priced = BranchAndBound(form).maximum(v, 1e-6)
    assert truth - 1e-13 * size <= priced.bound <= truth * (1 + 2e-6) + 1e-11 * size


TIED = {
    "grid": lambda rng, d: rng.integers(0, 4, size=(12, d)).astype(float),
    "near_duplicates": lambda rng, d: (
        np.repeat(rng.integers(0, 4, size=(5, d)), 2, axis=0) + 1e-12 * rng.normal(size=(10, d))
    ),
    "clusters": lambda rng, d: np.repeat(rng.normal(size=(3, d)), 4, axis=0) + 1e-4 * rng.normal(size=(12, d)),
    "coplanar": lambda rng, d: rng.integers(-2, 3, size=(10, 2)) @ rng.integers(-2, 3, size=(2, d)).astype(float),
}


@pytest.mark.parametrize("kind", TIED)
@every_setting
@pytest.mark.parametrize("d", [3, 4])
def test_ties_need_few_cones(kind, d, norm, bias):
    # guards searches without end along faces where samples tie, and over cells where h does not change with the offset
    rng = np.random.default_rng([d, norm, bias])
    form = unreduced(TIED[kind](rng, d), norm, bias)
    v = rng.choice([-1.0, 1.0, 2.0], size=len(form.points))
    v -= v.mean() if bias else 0.0
    sweep, pricer, clock = AngularSweep(form), BranchAndBound(form), Clock(30.0)
    truth = true_value(form, v, sweep.maximum(v))
    priced = pricer.price(v, truth * (1 + 1e-9), 1e-9, clock)
    rounding = 8 * np.finfo(float).eps * (len(v) + 256) * np.abs(v).sum() * pricer.reach
    assert not clock.flag[0]
    assert truth * (1 - 1e-15) <= priced.bound <= truth * (1 + 2e-9) + rounding
    assert priced.cones < 20_000
    found = pricer.maximum(v, 1e-9)
    assert truth * (1 - 1e-12) - rounding <= abs(found.values[0]) <= found.bound <= truth * (1 + 2e-9) + rounding


def test_a_stopped_search_for_the_maximum_has_the_bound_of_the_step_before():
    # guards time limits: what has been proven counts, and the best neuron is returned beside it
    rng = np.random.default_rng(0)
    form = unreduced(rng.normal(size=(60, 3)), 1, True)
    v, clock, bounds = dual(form, rng), Clock(), []

    class Stopped(BranchAndBound):
        def price(self, v, threshold, slack, clock):
            priced = super().price(v, threshold, slack, clock)
            bounds.append(priced.bound)
            if slack == 0.1:
                clock.interrupt()
            return priced

    found = Stopped(form).maximum(v, 1e-9, clock)
    truth = BranchAndBound(form).maximum(v, 1e-9).bound
    assert found.bound == min(bounds) <= 1.2 * truth
    assert abs(found.values[0]) <= truth * (1 + 1e-9) <= found.bound * (1 + 2e-9)


def test_maximum_without_threshold_needs_few_cones():
    # guards cones that could never be closed: zero is not below any threshold, but within rounding of one
    rng = np.random.default_rng(0)
    for norm, bias in SETTINGS:
        form = unreduced(rng.normal(size=(12, 2)), norm, bias)
        clock = Clock(20.0)
        assert BranchAndBound(form).price(dual(form, rng), 0.0, 1e-3, clock).cones < 100_000
        assert not clock.flag[0]


@every_setting
@pytest.mark.parametrize("d", [3, 5])
def test_bound_holds_at_the_deadline(d, norm, bias):
    # guards Ctrl-C and time limits: a stopped search bounds what it did not see
    rng = np.random.default_rng([3, d, norm, bias])
    form = unreduced(rng.normal(size=(200, d)), norm, bias)
    v, pricer = dual(form, rng), BranchAndBound(form)
    truth = sampled(form, v, rng, 20_000)
    bounds = []
    for limit in (1e-9, 0.01, 0.1):
        clock = Clock(limit)
        priced = pricer.price(v, 0.01 * truth, 1e-6, clock)
        assert clock.flag[0] or limit > 1e-9, "the search was not stopped"
        assert priced.bound >= max(truth, np.abs(priced.values).max(initial=0.0))
        bounds.append(priced.bound)
    assert bounds[-1] <= bounds[0] * (1 + 1e-12)
    clock = Clock()
    timer = threading.Timer(0.05, clock.interrupt)
    timer.start()
    assert pricer.price(v, 0.01 * truth, 1e-6, clock).bound >= truth
    timer.join()


@every_setting
@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_stopped_search_sets_up_no_root(d, norm, bias, monkeypatch):
    # guards the time limit with many features, where the roots alone take minutes
    rng = np.random.default_rng([4, d, norm, bias])
    form = unreduced(rng.normal(size=(200, d)), norm, bias)
    v, pricer = dual(form, rng), BranchAndBound(form)
    monkeypatch.setattr(branch_and_bound.kernels, "branch_and_bound", None)
    clock = Clock()
    clock.interrupt()
    priced = pricer.price(v, 0.0, 1e-6, clock)
    assert sampled(form, v, rng, 20_000) <= priced.bound < np.inf
    assert not len(priced.values)


@every_setting
def test_neurons_of_four_features_are_local_maxima_of_unit_norm(norm, bias):
    # guards columns of the Lasso in higher dimension: true values, unit norm, no offset without bias, none twice
    rng = np.random.default_rng([4, norm, bias])
    form = unreduced(np.round(rng.normal(size=(60, 4)), 1), norm, bias)
    v = dual(form, rng)
    priced = choose_pricer(form).price(v, 0.3 * sampled(form, v, rng, 5000), 0.5, Clock(10.0))
    assert len(priced.values)
    np.testing.assert_allclose(np.linalg.norm(priced.weights, ord=norm, axis=1), 1.0, rtol=1e-12)
    h = v @ np.maximum(form.points @ priced.weights.T + priced.offsets, 0.0)
    np.testing.assert_allclose(priced.values, h, atol=1e-13 * crude_size(form, v))
    assert bias or not priced.offsets.any()
    lifted = np.column_stack([priced.weights, priced.offsets])
    assert len(np.unique(lifted.round(8), axis=0)) == len(lifted)


@every_setting
@pytest.mark.parametrize("d", [2, 3])
def test_many_workers_share_the_cones(d, norm, bias, monkeypatch):
    # guards machines with many cores: no part of the space is lost when root cones are cut, and each gets enough
    rng = np.random.default_rng(d)
    form = unreduced(KINDS["gaussian"](rng, d), norm, bias)
    v, pricer = dual(form, rng), BranchAndBound(form)
    known = pricer.maximum(v)
    shares = []

    def counting(work, items, clock):
        items = list(items)
        shares.append(len(items))
        return [work(item, clock) for item in items]

    monkeypatch.setattr(branch_and_bound, "on_all_workers", counting)
    monkeypatch.setattr(branch_and_bound, "count_workers", lambda: 24)
    assert pricer.maximum(v).bound == pytest.approx(known.bound, rel=1e-9)
    assert min(shares) >= 48


@every_setting
def test_halves_are_the_whole(norm, bias):
    # guards the cover: every neuron of a cone is in one of its halves, whose generators are unit neurons
    rng = np.random.default_rng(3)
    for root in branch_and_bound.cover(rng.normal(size=(9, 3)), bias):
        parts = branch_and_bound.halves(root, norm)
        shares = rng.exponential(size=(50, len(root)))
        found = [np.linalg.solve(_square(part).T, _square(root).T @ shares.T) for part in parts]
        assert ((found[0] > -1e-12).all(axis=0) | (found[1] > -1e-12).all(axis=0)).all()
        for part in parts:
            np.testing.assert_allclose(np.linalg.norm(part[:, :-1], ord=norm, axis=1), 1.0)


def _square(root):
    """Generators as a square matrix: without a bias the offsets are zero."""
    return root[:, : len(root)]


def test_root_cones_beyond_number_do_not_outlast_the_clock():
    # 2^39 orthants
    rng = np.random.default_rng(0)
    form = unreduced(rng.normal(size=(50, 40)), 2, True)
    v = dual(form, rng)
    pricer = BranchAndBound(form)
    priced = pricer.price(v, 0.1, 1e-6, Clock(0.05))
    assert sampled(form, v, rng, 5_000) <= priced.bound < np.inf
    assert pricer.seconds(v, 0.1, 1e-6, Clock(0.05)) == np.inf
