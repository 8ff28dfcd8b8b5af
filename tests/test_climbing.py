"""Climbs and the pricer built on them: never down, to local maxima, exactly on their contacts, in any dimension.

A climb proves nothing, so no error here makes a false proof; but a neuron that is not quite on its samples has no
blade, and a climb that stops halfway costs rounds of training.
"""

from itertools import combinations, product

import numpy as np
import pytest

from bladenet import kernels
from bladenet.algebra import cross
from bladenet.blades import find_blades
from bladenet.pricing import Ascent, BranchAndBound, Clock
from bladenet.pricing.ascent import best_offsets
from bladenet.pricing.climbs import TOUCH, climbed
from bladenet.problem import TrainingProblem
from cases import KINDS

pytestmark = pytest.mark.sampled

GO = np.zeros(1, dtype=np.int64)  # the flag of a clock that does not stop
SETTINGS = [(norm, bias) for norm in (1, 2) for bias in (True, False)]
every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


def standard_form(X, norm, bias):
    return TrainingProblem.create(X, np.zeros(len(X)), beta=1.0, norm=norm, bias=bias).standard


def dual(form, rng, integer=False):
    n = len(form.points)
    v = rng.integers(-2, 3, size=n).astype(float) if integer else rng.normal(size=n)
    return v - v.mean() if form.bias else v


def h(points, v, neurons):
    return np.maximum(points @ neurons[:, :-1].T + neurons[:, -1], 0.0).T @ v


def random_neurons(form, rng, count):
    weights = rng.normal(size=(count, form.points.shape[1]))
    weights /= np.linalg.norm(weights, ord=form.norm, axis=1)[:, None]
    offsets = rng.uniform(-1, 1, size=count) if form.bias else np.zeros(count)
    return np.column_stack([weights, offsets])


def climb(form, v, neurons):
    """Neurons with h > 0 that are climbed, before and after."""
    before = neurons[h(form.points, v, neurons) > 1e-9 * np.abs(v).sum()]
    after = before.copy()
    kernels.climb(np.ascontiguousarray(form.points.T), v, after, form.norm, int(form.bias), TOUCH, GO)
    return before, after


def degenerate(kind, d, rng):
    """A kind of data of the shared table in any dimension: random combinations of its two columns, or a lattice."""
    if kind == "lattice":
        return rng.permutation(np.array(list(product((-1.0, 0.0, 1.0), repeat=d))))[:40]
    if kind == "binary":
        return rng.integers(0, 2, size=(30, d)).astype(float)
    if kind == "one_hot":
        return np.column_stack([np.eye(d - 1)[rng.integers(0, d - 1, size=25)], rng.normal(size=25)])
    X = KINDS[kind](rng, 2)
    return X if d == 2 else X @ rng.integers(-1, 2, size=(2, d))


def check_neurons(form, v, before, after):
    assert np.isfinite(after).all()
    np.testing.assert_allclose(np.linalg.norm(after[:, :-1], ord=form.norm, axis=1), 1.0, rtol=1e-14)
    assert form.bias or not after[:, -1].any()
    assert (h(form.points, v, after) >= h(form.points, v, before) * (1 - 1e-12)).all()


@every_setting
@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("kind", [*KINDS, "lattice", "binary", "one_hot"])
def test_climbs_never_go_down(kind, d, norm, bias):
    # guards ties, dependent contacts, rank(X) < d, one sample: an end, no crash, nothing worse than the start
    for seed in range(3):
        rng = np.random.default_rng([seed, d, norm, bias])
        form = standard_form(degenerate(kind, d, rng), norm, bias)
        v = dual(form, rng, integer=seed == 1)
        before, after = climb(form, v, random_neurons(form, rng, 30))
        check_neurons(form, v, before, after)
        starts, again = climb(form, v, after)  # starts on its contacts
        check_neurons(form, v, starts, again)
        if norm == 1:  # no neuron stays on a flat face, such as two equal columns make
            assert all(blade.is_vertex for blade in find_blades(form.points, after[:, :-1], after[:, -1], 1, bias))


@every_setting
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_climbs_do_not_depend_on_the_size_of_v(norm, bias, factor):
    # guards absolute tolerances
    rng = np.random.default_rng(1)
    form = standard_form(rng.normal(size=(60, 3)), norm, bias)
    v = dual(form, rng)
    starts = climb(form, v, random_neurons(form, rng, 20))[0]
    np.testing.assert_allclose(climb(form, factor * v, starts)[1], climb(form, v, starts)[1], atol=1e-9)


def improvement(form, v, neurons, rng, size, count=300):
    """The largest relative gain of h/‖w‖ that random perturbations of each neuron find."""
    best = np.zeros(len(neurons))
    start = h(form.points, v, neurons)
    for _ in range(count):
        step = size * rng.normal(size=neurons.shape) * (rng.random(neurons.shape) < rng.choice([0.4, 1.0]))
        if not form.bias:
            step[:, -1] = 0.0
        moved = neurons + step
        value = h(form.points, v, moved) / np.linalg.norm(moved[:, :-1], ord=form.norm, axis=1)
        best = np.maximum(best, value / start - 1.0)
    return best


@every_setting
@pytest.mark.parametrize(("n", "d"), [(40, 2), (900, 2), (30, 3), (200, 4), (600, 6), (40, 12)])
def test_climbs_end_at_local_maxima(n, d, norm, bias):
    # guards the multipliers, the walk along a move, and the neighbourhood (n > 256)
    rng = np.random.default_rng([2, n, d, norm, bias])
    form = standard_form(rng.normal(size=(n, d)), norm, bias)
    v = dual(form, rng)
    starts = random_neurons(form, rng, 60)
    if (h(form.points, v, starts) > 0).mean() < 0.5:
        v = -v
    before, after = climb(form, v, starts)
    check_neurons(form, v, before, after)
    assert len(after) > 3
    for size in (1e-3, 1e-5, 1e-7):
        assert improvement(form, v, after, rng, size / n).max() <= 1e-11
    # guards the check itself: the starts are no local maxima
    assert (improvement(form, v, before, rng, 1e-4 / n) > 1e-8).mean() > 0.9


@every_setting
@pytest.mark.parametrize("kind", ["lattice", "binary", "grid", "collinear_exact", "parallel_rows"])
def test_climbs_mostly_end_at_local_maxima_on_ties(kind, norm, bias):
    # guards the exchange of contacts: with more samples on a hyperplane than define it, a climb may stop early, rarely
    stopped = []
    for seed in range(8):
        rng = np.random.default_rng([3, seed])
        form = standard_form(degenerate(kind, 3 if kind in ("lattice", "binary") else 2, rng), norm, bias)
        v = dual(form, rng)
        _, after = climb(form, v, random_neurons(form, rng, 20))
        if len(after):
            stopped += list(improvement(form, v, after, rng, 1e-5) > 1e-9)
    assert len(stopped) > 20
    assert np.mean(stopped) <= 0.05


@every_setting
@pytest.mark.parametrize(("n", "d"), [(50, 2), (300, 3), (80, 5)])
def test_neurons_are_their_blades(n, d, norm, bias):
    # guards the explanation: contacts hold to rounding, and the samples found from a neuron give it back
    rng = np.random.default_rng([4, n, d, norm, bias])
    form = standard_form(rng.normal(size=(n, d)), norm, bias)
    v = dual(form, rng)
    _, after = climb(form, v, random_neurons(form, rng, 30))
    vertices = 0
    for *weight, offset in after:
        blade = find_blades(form.points, np.array([weight]), np.array([offset]), norm, bias)[0]
        distances = np.abs(form.points @ weight + offset)
        assert distances[list(blade.samples)].max(initial=0.0) <= 2e-15
        rebuilt, shift = blade.neuron(form.points, norm, bias)
        np.testing.assert_allclose(np.append(rebuilt, shift), [*weight, offset], atol=1e-12)
        assert len(blade.samples) >= int(bias)
        vertices += blade.is_vertex
    if norm == 1:
        assert vertices == len(after), "p = 1 has no maxima between blades"


def test_unpromising_neurons_stay():
    # guards the precondition h > 0: nothing happens, and a zero dual variable divides nothing by zero
    rng = np.random.default_rng(5)
    for norm, bias in SETTINGS:
        form = standard_form(rng.normal(size=(20, 3)), norm, bias)
        neurons = random_neurons(form, rng, 10)
        neurons = neurons[(form.points @ neurons[:, :-1].T + neurons[:, -1]).min(axis=0) < 0]
        for v in (np.zeros(20), -np.ones(20)):
            after = neurons.copy()
            kernels.climb(np.ascontiguousarray(form.points.T), v, after, norm, int(bias), TOUCH, GO)
            np.testing.assert_allclose(after, neurons, rtol=1e-14)


def test_a_stopped_climb_leaves_its_neurons_where_they_are():
    # guards limits: where samples are many, climbs that no clock could end took seconds
    rng = np.random.default_rng(6)
    form = standard_form(rng.normal(size=(300, 3)), 2, True)
    v, neurons = dual(form, rng), random_neurons(form, rng, 20)
    after = neurons.copy()
    kernels.climb(np.ascontiguousarray(form.points.T), v, after, 2, 1, TOUCH, np.ones(1, dtype=np.int64))
    np.testing.assert_array_equal(after, neurons)


# --- the best offset of a direction ------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 50])
def test_best_offsets_twin(n):
    # guards the prefix sums, with ties: every sample is tried as anchor
    rng = np.random.default_rng([6, n])
    for projections in (rng.normal(size=(9, n)), rng.integers(-2, 3, size=(9, n)).astype(float)):
        v = rng.normal(size=n)
        offsets, values = best_offsets(projections, v - v.mean())
        all_h = np.maximum(projections[:, None, :] - projections[:, :, None], 0.0) @ (v - v.mean())
        np.testing.assert_allclose(values, [all_h.max(axis=1), all_h.min(axis=1)], atol=1e-12)
        for k in range(2):
            attained = np.maximum(projections + offsets[k][:, None], 0.0) @ (v - v.mean())
            np.testing.assert_allclose(attained, values[k], atol=1e-12)


# --- the pricer --------------------------------------------------------------------------------------------


@every_setting
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("n", [1, 5, 60, 400])
def test_ascent_finds_what_branch_and_bound_proves(n, d, norm, bias):
    # guards global maxima, with |h| of either sign
    rng = np.random.default_rng([7, n, d, norm, bias])
    form = standard_form(rng.normal(size=(n, d)), norm, bias)
    v = dual(form, rng)
    proven = BranchAndBound(form).maximum(v).bound
    priced = Ascent(form).maximum(v)
    if proven > 1e-9 * np.abs(v).sum():
        assert abs(priced.values[0]) == pytest.approx(proven, rel=1e-9)
    else:
        assert not len(priced.values)


def dictionary_maximum(points, v, bias):
    """max |h| over the paper's dictionary for p = 1: all blades of samples in all subsets of coordinates."""
    d = points.shape[1]
    best = 0.0
    for size in range(1, d + 1):
        for C in map(list, combinations(range(d), size)):
            for S in map(list, combinations(range(len(points)), size - 1 + bias)):
                rows = points[S][:, C]
                rows = rows[1:] - rows[0] if bias else rows
                w = np.zeros(d)
                w[C] = cross(rows) if size > 1 else 1.0
                if np.abs(w).sum() > 1e-12:
                    w /= np.abs(w).sum()
                    a = points @ w - (points[S[0]] @ w if bias else 0.0)
                    best = max(best, abs(v @ np.maximum(a, 0.0)), abs(v @ np.maximum(-a, 0.0)))
    return best


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["gaussian", "rounded", "binary"])
def test_ascent_finds_the_best_blade_of_all(kind, bias):
    # guards three features against the paper's dictionary, written out
    for seed in range(4):
        rng = np.random.default_rng([8, seed])
        X = rng.integers(0, 2, size=(12, 3)).astype(float) if kind == "binary" else rng.normal(size=(12, 3))
        form = standard_form(np.round(X, 1 if kind == "rounded" else 9), 1, bias)
        v = dual(form, rng)
        expected = dictionary_maximum(form.points, v, bias)
        assert abs(Ascent(form).maximum(v).values[0]) == pytest.approx(expected, rel=1e-9)


@every_setting
@pytest.mark.parametrize("d", [3, 6])
def test_ascent_keeps_the_contract_and_claims_no_bound(d, norm, bias):
    # guards a false proof, and columns of the Lasso: distinct unit neurons above the threshold with their true h
    rng = np.random.default_rng([9, d, norm, bias])
    form = standard_form(rng.normal(size=(150, d)), norm, bias)
    v = dual(form, rng)
    pricer = Ascent(form)
    largest = abs(pricer.maximum(v).values[0])
    priced = pricer.price(v, 0.2 * largest, 0.0, Clock())
    assert priced.bound == np.inf
    assert len(priced.values) > 1
    assert (np.abs(priced.values) > 0.2 * largest).all()
    assert (priced.values > 0).any()
    assert (priced.values < 0).any()
    neurons = np.column_stack([priced.weights, priced.offsets])
    np.testing.assert_allclose(priced.values, h(form.points, v, neurons), rtol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(priced.weights, ord=norm, axis=1), 1.0, rtol=1e-12)
    assert len(np.unique(neurons.round(8), axis=0)) == len(neurons)
    beside = pricer.nearby(v, priced.weights, priced.offsets, 0.2 * largest, Clock())
    np.testing.assert_allclose(beside.values, priced.values, rtol=1e-12)  # they are local maxima already


def test_every_pricing_starts_anew_and_repeats_with_the_seed():
    # guards rounds of training that try the same starts for ever, and results that change from run to run
    rng = np.random.default_rng(10)
    form = standard_form(rng.normal(size=(300, 5)), 2, True)
    v = dual(form, rng)
    pricers = [Ascent(form, seed=3), Ascent(form, seed=3)]
    runs = [[pricer.starts(v, Clock()) for _ in range(2)] for pricer in pricers]
    np.testing.assert_array_equal(*runs)
    together = np.vstack(runs[0])
    assert len(np.unique(together, axis=0)) == len(together)
    first, second = (pricer.price(v, 0.0, 0.0, Clock()) for pricer in pricers)
    np.testing.assert_array_equal(first.weights, second.weights)


def test_stopped_ascent_returns_at_once():
    # guards the time limit
    rng = np.random.default_rng(11)
    form = standard_form(rng.normal(size=(2000, 8)), 2, True)
    v = dual(form, rng)
    clock = Clock()
    clock.interrupt()
    neurons = random_neurons(form, rng, 20)
    np.testing.assert_array_equal(climbed(Ascent(form), v, neurons, clock), neurons)
    priced = Ascent(form).price(v, 0.0, 0.0, clock)
    assert priced.bound == np.inf
    np.testing.assert_allclose(
        priced.values, h(form.points, v, np.column_stack([priced.weights, priced.offsets])), rtol=1e-9
    )
