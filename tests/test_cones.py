"""Kernels of branch and bound and their NumPy twins: every bound is one, and as tight as it says."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from bladenet.kernels import cone_bounds, cones, linear_algebra
from bladenet.pricing import Clock
from bladenet.pricing.branch_and_bound import CELL_DEPTH, MAX_DEPTH, BranchAndBound, cover
from spaces import EXTREME_KINDS, SETTINGS, crude_size, dual, sampled, unreduced

pytestmark = pytest.mark.sampled

every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)
in_every_space = pytest.mark.parametrize("d", [1, 2, 3, 5])


def positive(a):
    return np.maximum(a, 0.0)


class Cone:
    """A random cone inside an orthant, narrow ones among them, and what the kernels keep of it."""

    def __init__(self, rng, d, norm=2, negative=4, n=12):
        width = rng.choice([0.05, 0.3, 3.0])
        weights = np.abs(np.abs(rng.normal(size=d)) + width * rng.normal(size=(d + 1, d)))
        weights *= rng.random(weights.shape) > 0.2
        weights[np.all(weights == 0.0, axis=1)] = 1.0
        weights /= np.linalg.norm(weights, ord=norm, axis=1)[:, None]
        self.g = np.column_stack([weights, 0.5 * rng.normal(size=d + 1)])
        self.points = rng.normal(size=(n, d))
        self.v = np.r_[-np.abs(rng.normal(size=negative)), np.abs(rng.normal(size=n - negative))]
        self.activations = self.g @ np.column_stack([self.points, np.ones(n)]).T
        self.values = positive(self.activations) @ self.v
        self.tilt = self.activations @ self.v
        self.block = np.ascontiguousarray(np.vstack([self.activations, self.v, np.zeros(n)]))
        self.negative = negative
        self.shares = np.vstack([np.eye(d + 1), rng.dirichlet(np.full(d + 1, 0.4), size=400)])

    def h(self):
        """At every neuron Σ λ g of the sampled shares λ."""
        return positive(self.shares @ self.activations) @ self.v

    def good(self, rng):
        """What is good enough: around the largest value."""
        return self.values.max() + rng.normal(size=2)

    def excess(self, above, good):
        return max((above - good[0]).max(), (above - self.tilt - good[1]).max())

    def bend_of(self, alpha):
        """What the samples with v < 0 add to the values for given α."""
        a = self.activations[:, : self.negative]
        return (positive(a) - alpha * a) @ -self.v[: self.negative]

    def least_excess(self, good):
        """The best α for each sample, by a linear program: minimise t ≥ every excess."""
        a, v = self.activations[:, : self.negative], -self.v[: self.negative]
        base = self.values + positive(a) @ v
        rows = np.vstack([np.column_stack([-a * v, -np.ones(len(a))])] * 2)
        limits = np.r_[good[0] - base, good[1] - base + self.tilt]
        boxes = [(0.0, 1.0)] * self.negative + [(None, None)]
        return linprog(np.r_[np.zeros(self.negative), 1.0], A_ub=rows, b_ub=limits, bounds=boxes).fun


# --- sums ------------------------------------------------------------------------------------------------------


@in_every_space
def test_cut_twin(d):
    # guards the exact value within an edge, from which every true value descends
    for seed in range(20):
        rng = np.random.default_rng([seed, d])
        cone = Cone(rng, d)
        a, c, scale = cone.block[0], cone.block[1], 0.7
        x, y = (1.0, 1.0) if seed % 2 else rng.random(2)
        out = np.empty(len(cone.v))
        turned = cones.cut(a, c, x, y, cone.v, scale, out)
        np.testing.assert_allclose(out, (x * a + y * c) * scale, rtol=1e-13, atol=1e-14)
        expected = cone.v @ (positive(x * a) + positive(y * c) - positive(x * a + y * c))
        assert turned == pytest.approx(expected, rel=1e-12, abs=1e-14)
        value = (x * cone.values[0] + y * cone.values[1] - turned) * scale
        assert value == pytest.approx(cone.v @ positive(out), rel=1e-12, abs=1e-13)


def test_where_to_cut():
    # guards what ends the search where samples tie: few mixed samples are cut along, many in the middle
    rng = np.random.default_rng(0)
    for count in (1, 5, cones.ALONG, cones.ALONG + 1):
        a, c, v = rng.normal(size=(3, count))
        a[0], c[0] = 1.0, -0.5
        on, x, y = cones.where_to_cut(a, c, v)
        if count > cones.ALONG:
            assert (on, x, y) == (-1, 1.0, 1.0)
            continue
        bends = np.where(a * c < 0.0, np.abs(v) * np.minimum(np.abs(a), np.abs(c)), 0.0)
        assert on == bends.argmax()
        assert x + y == pytest.approx(1.0)
        assert x * a[on] + y * c[on] == pytest.approx(0.0, abs=1e-15)
    assert cones.where_to_cut(np.ones(3), np.array([0.0, 1.0, 2.0]), np.ones(3)) == (-1, 1.0, 1.0)


@in_every_space
def test_crossings_twin(d):
    # guards the choice of the edge: zeros among the activations, and exactly nothing where no sample crosses
    for seed in range(20):
        rng = np.random.default_rng([seed, d])
        cone = Cone(rng, d)
        a = cone.block[: d + 1]
        a *= rng.random(a.shape) > 0.2
        m, out = rng.integers(d + 1), np.empty(d + 1)
        cones.crossings(cone.block, d + 1, m, out)
        crossed = np.where(a * a[m] < 0.0, np.minimum(np.abs(a), np.abs(a[m])), 0.0)
        np.testing.assert_allclose(out, crossed @ np.abs(cone.v), rtol=1e-13)
        assert (out[~crossed.any(axis=1)] == 0.0).all()


@in_every_space
def test_bend_twins(d):
    # guards the sums that bounds are made of, zeros among the activations
    for seed in range(20):
        rng = np.random.default_rng([seed, d])
        cone = Cone(rng, d, negative=int(rng.integers(12)))
        count, r = cone.negative, d + 1
        cone.block[:r] *= rng.random((r, 12)) > 0.2
        cone.block[r + 1] = cone.block[0] + cone.block[1]
        a, v = cone.block[:, :count], -cone.v[:count]
        hinge = np.empty(r + 2)
        cone_bounds.hinges(cone.block, count, hinge)
        np.testing.assert_allclose(hinge[[*range(r), r + 1]], (positive(a) @ v)[[*range(r), r + 1]], rtol=1e-12)
        k, m = rng.permutation(r)[:2] if d > 1 else (0, 1)
        leans = np.full((2, 12), np.nan)
        cones.middles(cone.block, k, m, count, leans)
        for lean, old in zip(leans, (k, m), strict=True):
            rows = np.arange(r)
            rows[old] = r + 1
            np.testing.assert_allclose(lean[:count], a[rows].sum(axis=0), rtol=1e-12, atol=1e-13)
            assert np.isnan(lean[count:]).all()
            pulls, out = np.empty(count), np.empty(r)
            cone_bounds.pull(pulls, lean[:count], cone.v)
            np.testing.assert_array_equal(pulls, np.where(lean[:count] > 0.0, v, 0.0))
            cone_bounds.lowered(out, cone.values, pulls, cone.block, rows)
            np.testing.assert_allclose(out, cone.values - a[rows] @ pulls, rtol=1e-12, atol=1e-13)


def test_add_twin():
    # guards partial sums, which leave the rest alone
    rng = np.random.default_rng(0)
    out, a = rng.normal(size=(2, 9))
    expected = np.r_[out[:5] + 2.5 * a[:5], out[5:]]
    linear_algebra.add(out[:5], 2.5, a)
    np.testing.assert_allclose(out, expected, rtol=1e-15)


# --- bounds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1, 2])
@in_every_space
def test_ratio_bound_twin(d, norm):
    # guards the step from generators to the sphere: a bound, and close to the maximum where that is positive
    worst = 1.0
    for seed in range(60):
        rng = np.random.default_rng([seed, d, norm])
        cone = Cone(rng, d, norm)
        linear = rng.normal(size=d + 1) + rng.choice([-3.0, 0.0, 1.0, 10.0])
        lengths = np.linalg.norm(cone.shares @ cone.g[:, :d], ord=norm, axis=1)
        most = max(0.0, (cone.shares @ linear / lengths).max())
        got = cone_bounds.ratio_bound(linear, cone.g, d, norm, -np.inf, np.empty(d), np.empty(d + 1))
        assert got >= most * (1 - 1e-13)
        if norm == 1:
            assert got == max(0.0, linear.max())
        elif most > 0.0:
            worst = max(worst, got / most)
        early = cone_bounds.ratio_bound(linear, cone.g, d, norm, 1.5 * most, np.empty(d), np.empty(d + 1))
        assert early >= got * (1 - 1e-15), "stopping early makes it no tighter"
    assert worst <= {1: 1 + 1e-12, 2: 1.02, 3: 1.2, 5: 1.6}[d]


@in_every_space
def test_exact_ratio_of_what_is_linear(d):
    # guards the end of searches on cells where h does not change with the offset: s·w is bounded by ‖s‖ at once,
    # however thin the cone; and what is no such function is bounded too
    for seed in range(60):
        rng = np.random.default_rng([seed, d, 3])
        cone = Cone(rng, d)
        s = np.abs(rng.normal(size=d))
        linear = cone.g[:, :d] @ s
        lengths = np.linalg.norm(cone.shares @ cone.g[:, :d], axis=1)
        size = np.linalg.norm(s)
        got = cone_bounds.exact_ratio(linear, cone.g, d, size * (1 + 1e-11), np.empty(d))
        assert got >= (cone.shares @ linear / lengths).max() * (1 - 1e-13)
        if np.linalg.matrix_rank(cone.g[:, :d], tol=1e-6) == d:
            assert got <= size * (1 + 1e-9)
        linear = rng.normal(size=d + 1) + rng.choice([-1.0, 0.0, 3.0])
        if linear.max() <= 0.0:
            continue
        most = (cone.shares @ linear / lengths).max()
        assert cone_bounds.exact_ratio(linear, cone.g, d, np.inf, np.empty(d)) >= most * (1 - 1e-13)
        assert cone_bounds.exact_ratio(linear, cone.g, d, 1.01 * most, np.empty(d)) >= most * (1 - 1e-13)


@in_every_space
@pytest.mark.parametrize("negative", [0, 1, 4, 12])
def test_linear_bounds_are_bounds(d, negative):
    # guards the inequality everything rests on: h ≤ Σ λ above, before and after α is optimised; and its excess
    hopeless = 0
    for seed in range(25):
        rng = np.random.default_rng([seed, d, negative])
        cone = Cone(rng, d, negative=negative)
        r, good = d + 1, cone.good(rng)
        above, trial, pulls = np.empty(r), np.empty(r), np.empty(negative)
        middle = cone.activations[:, :negative].sum(axis=0)
        raised = cone.values + cone.bend_of(0.0)
        rest = (cone.values, cone.tilt, good)
        over = cone_bounds.bound_linearly(cone.block, np.arange(r), raised, *rest, middle.copy(), pulls, above, trial)
        assert over == pytest.approx(cone.excess(above, good), rel=1e-12, abs=1e-13)
        assert (cone.shares @ above >= cone.h() - 1e-12).all()
        if negative == 0:
            np.testing.assert_array_equal(above, cone.values)
        elif cone_bounds.hopeless(cone.values + cone.bend_of(middle > 0.0), cone.tilt, good):
            hopeless += 1
            assert cone.least_excess(good) > -1e-9, "given up though some α is good enough"
        if negative > cone_bounds.FEW:
            continue
        high, slope, alpha = np.empty(r), np.empty(r), np.empty(cone_bounds.FEW)
        tight = cone_bounds.tighten(cone.block[: r + 1], negative, *rest, over, above, trial, high, slope, alpha)
        assert tight == pytest.approx(cone.excess(above, good), rel=1e-12, abs=1e-12)
        assert (cone.shares @ above >= cone.h() - 1e-12).all()
        best = cone.least_excess(good)
        assert best - 1e-8 <= tight <= over
        if negative == 1:
            assert tight == pytest.approx(best, abs=1e-8), "one sample is optimised exactly"
    assert hopeless > 0 or negative == 0


def test_least_largest_twin():
    # guards the line search for one α: nothing on a fine grid is better
    t = np.linspace(0.0, 1.0, 2001)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        high, slope = rng.normal(size=(2, 1 + seed % 4))
        slope[rng.random(len(slope)) < 0.3] = 0.0  # parallel lines meet nowhere

        def largest(t, high=high, slope=slope):
            return (high - np.outer(t, slope)).max(axis=1)

        got = cone_bounds.least_largest(high, slope)
        assert 0.0 <= got <= 1.0
        assert largest([got])[0] <= largest(t).min() + 1e-13


def test_excess_twin():
    # guards both sides: the opposite neuron has h lower by the tilt
    above, tilt, good = np.array([1.0, 2.0, 0.0]), np.array([0.5, 0.0, -4.0]), np.array([1.5, 1.0])
    assert cone_bounds.excess(above, tilt, good) == (3.0, 2)
    assert cone_bounds.excess(above, 0.0 * tilt, good) == (1.0, 1)


# --- cutting ---------------------------------------------------------------------------------------------------


@in_every_space
def test_keep_mixed_twin(d):
    # guards the inheritance of samples: the mixed ones, v < 0 first, activations at the new generators
    for seed in range(20):
        rng = np.random.default_rng([seed, d])
        cone = Cone(rng, d)
        r, n = d + 1, len(cone.v)
        cone.block[:r][rng.random((r, n)) < 0.2] = 0.0
        cone.block[r + 1] = cone.block[0] + cone.block[-3]
        rows, old = np.arange(r), rng.integers(r)
        rows[old] = r + 1
        signs, mixed, index = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n + 1, dtype=np.uint32)
        buffer, start = np.full(3 + (r + 2) * n, np.nan), 3
        k, m = old, (old + 1) % r
        cones.shared_signs(cone.block, r, k, m, signs)
        cones.both_signs(mixed, signs, cone.block[m])
        kept, negative = cones.keep_mixed(cone.block, rows, cone.negative, mixed, index, buffer, start)
        mixed = (cone.block[rows].min(axis=0) < 0.0) & (cone.block[rows].max(axis=0) > 0.0)
        assert (kept, negative) == (mixed.sum(), mixed[: cone.negative].sum())
        child = buffer[start : start + (r + 1) * kept].reshape(r + 1, kept)
        np.testing.assert_array_equal(child, cone.block[[*rows, r]][:, mixed])
        assert np.isnan(buffer[:start]).all()


@pytest.mark.parametrize("norm", [1, 2])
@in_every_space
def test_between_and_longest_edge_twins(d, norm):
    # guards generators of unit norm, and progress: the edge that bends most, else the longest
    for seed in range(10):
        cone = Cone(np.random.default_rng([seed, d]), d, norm)
        out = np.empty(d + 1)
        for x, y in ((1.0, 1.0), (0.9, 0.1)):
            scale = cones.between(cone.g, 0, 1, x, y, d, norm, out)
            assert np.linalg.norm(out[:d], ord=norm) == pytest.approx(1.0, rel=1e-15)
            np.testing.assert_allclose(out, (x * cone.g[0] + y * cone.g[1]) * scale, rtol=1e-14)
        lengths = ((cone.g[:, None] - cone.g) ** 2).sum(axis=2)
        k, m, length = cones.longest_edge(cone.g, np.zeros((d + 1, d + 1)), d, 0.0, norm)
        assert length == pytest.approx(lengths.max(), rel=1e-14)
        assert length == pytest.approx(lengths[k, m], rel=1e-14)
        bends = np.zeros((d + 1, d + 1))
        bends[d, 0] = bends[0, d] = 1e-3
        assert set(cones.longest_edge(cone.g, bends, d, 1e-9, norm)[:2]) == {0, d}


@every_setting
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_root_cones_and_their_opposites_cover_every_neuron(d, norm, bias):
    # guards the claim that half of the weights, and offsets between the first and the last sample, are enough
    rng = np.random.default_rng([d, norm, bias])
    points = np.vstack([rng.normal(size=(9, d)), np.zeros(d)])
    roots = cover(points, bias)
    for _ in range(60):
        w = rng.normal(size=d) * (rng.random(d) > 0.2)
        places = points @ w
        neuron = np.r_[w, -rng.uniform(places.min(), places.max()) if bias else 0.0]
        inside = False
        for root in roots:
            share = np.linalg.lstsq(root.T, neuron, rcond=None)[0]
            exact = np.allclose(root.T @ share, neuron, atol=1e-12)
            inside |= exact and ((share >= -1e-12).all() or (share <= 1e-12).all())
        assert inside, neuron


# --- the search ------------------------------------------------------------------------------------------------


class StopAfter:
    """A flag that is raised once it was looked at so many times."""

    def __init__(self, looks):
        self.looks = looks

    def __getitem__(self, _):
        self.looks -= 1
        return int(self.looks < 0)


class Rising:
    """A level that is raised once it was looked at so many times."""

    def __init__(self, level, raised, looks):
        self.level, self.raised, self.looks = level, raised, looks

    def __getitem__(self, _):
        self.looks -= 1
        return self.raised if self.looks < 0 else self.level


def searched(form, v, level, stop, slack=1e-6):
    """Largest bound over all root cones, as the interpreter runs the search: each stops after so many cones."""
    search = getattr(cones.branch_and_bound, "py_func", cones.branch_and_bound)
    features, reach = np.ascontiguousarray(form.points.T), BranchAndBound(form).reach
    rounding = np.finfo(float).eps * (len(v) + 256) * np.abs(v).sum() * reach
    bounds = []
    for root in cover(form.points, form.bias):
        for sign in (1.0, -1.0):
            best = np.zeros((2, 1 << CELL_DEPTH))
            neurons = np.zeros((*best.shape, root.shape[1]))
            rest = (form.norm, level(), slack, rounding, CELL_DEPTH, best, neurons, StopAfter(stop), MAX_DEPTH)
            bounds.append(search(features, sign * v, features @ (sign * v), root, *rest)[0])
    return max(bounds)


@every_setting
@in_every_space
def test_bound_holds_after_any_number_of_cones(d, norm, bias):
    # guards a stopped search, cone by cone, from the bound of the roots on: what is unexplored is covered
    for seed, kind in enumerate(("gaussian", "cube", "repeated", "two")):
        rng = np.random.default_rng([seed, d, norm, bias])
        form = unreduced(EXTREME_KINDS[kind](rng, d), norm, bias)
        v = dual(form, rng)
        found = np.abs(BranchAndBound(form).price(v, 0.1 * sampled(form, v, rng, 500), 0.5, Clock(1.0)).values)
        truth = max(found.max(initial=0.0), sampled(form, v, rng, 5000))  # or a little below
        bounds = [searched(form, v, lambda: [0.5 * truth], stop) for stop in (0, 1, 2, 3, 5, 9, 17)]  # noqa: B023
        assert min(bounds) >= truth - 1e-14 * crude_size(form, v)
        assert (np.diff(bounds) <= 1e-12 * bounds[0]).all(), "more cones prove no less"
        assert bounds[0] <= (d + 1) ** 2 * crude_size(form, v) * 2.0


def test_a_level_that_rises_meanwhile_is_reached():
    # guards searches that give way to end in time: whatever is left is closed at the new level, and covered
    for seed, looks in product(range(2), (0, 4, 20)):
        rng = np.random.default_rng(seed)
        form = unreduced(rng.normal(size=(7, 2)), 2, True)
        v = dual(form, rng)
        exact = BranchAndBound(form).price(v, 0.1 * sampled(form, v, rng, 500), 0.0, Clock()).bound
        bound = searched(form, v, lambda: Rising(0.9 * exact, 1.3 * exact, looks), 1000)  # noqa: B023
        assert exact * (1.0 - 1e-9) <= bound <= 1.3 * exact * (1.0 + 1e-9)
