"""The relaxed bound is never below a true |h|, in any dimension, and not far above it where that is known."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bladenet.pricing import BranchAndBound, Clock, Relaxation
from bladenet.pricing.relaxation import (
    CrossPolytope,
    RelaxedMaximum,
    Sphere,
    largest_on_sphere,
    relaxed_bound,
    spread_on_sphere,
)
from bladenet.problem import TrainingProblem
from cases import KINDS

pytestmark = pytest.mark.sampled

SLOW = pytest.mark.slow
SETTINGS = [(norm, bias) for norm in (1, 2) for bias in (True, False)]
every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


def standard_form(X, norm, bias):
    return TrainingProblem.create(X, np.zeros(len(X)), beta=1.0, norm=norm, bias=bias).standard


def unit(W, norm):
    return W / np.maximum(np.linalg.norm(W, ord=norm, axis=1, keepdims=True), 1e-300)


def best_offsets(X, v, W, bias):
    """max over b of h(w, b) for each row w of W, an optimal hyperplane passes through a sample."""
    A = X @ W.T
    if not bias:
        return v @ np.maximum(A, 0.0), np.zeros(len(W))
    order = np.argsort(-A, axis=0)
    A, v = np.take_along_axis(A, order, axis=0), v[order]
    h = np.cumsum(v * A, axis=0) - A * np.cumsum(v, axis=0)
    b = -A[h.argmax(axis=0), np.arange(len(W))]
    return np.einsum("ij,ij->j", v, np.maximum(A + b, 0.0)), b


def ascent(X, v, norm, bias, rng, starts=30, steps=10):
    """The largest |h| that climbing finds: at most the truth, and close to it in few dimensions."""
    d, best = X.shape[1], 0.0
    for signed in (v, -v):
        W = unit(np.vstack([rng.normal(size=(starts, d)), np.eye(d), -np.eye(d), X[:20], -X[:20]]), norm)
        for k in range(steps):
            h, b = best_offsets(X, signed, W, bias)
            best = max(best, float(h.max()))
            gradient = ((X @ W.T + b > 0) * signed[:, None]).T @ X
            if norm == 1:  # the corner that the gradient points to, in steps that fall
                corner = np.zeros_like(W)
                c = np.abs(gradient).argmax(axis=1)
                corner[np.arange(len(W)), c] = np.sign(gradient[np.arange(len(W)), c])
                gradient = W + 2.0 / (k + 2) * (corner - W)
            W = unit(gradient, norm)
    return best


def dual(rng, n, bias, kind=0):
    """Duals of every kind: dense, integer, huge ranges, sparse, of one dominating sign."""
    v = [
        rng.normal(size=n),
        rng.integers(-2, 3, size=n).astype(float),
        rng.normal(size=n) * 10.0 ** rng.uniform(-12, 12, size=n),
        rng.normal(size=n) * (rng.uniform(size=n) < 0.3),
        np.abs(rng.normal(size=n)) - 0.1,
    ][kind]
    return v - v.mean() if bias else v


@pytest.mark.parametrize("kind", KINDS)
@every_setting
@pytest.mark.parametrize("d", [pytest.param(1, marks=SLOW), 2])
def test_never_below_the_exact_maximum_on_degenerate_data(kind, d, norm, bias):
    # guards the proof where branch and bound knows the truth: collinear, gridded, repeated, zero rows, one sample
    for seed in range(5):
        rng = np.random.default_rng([seed, d, norm, bias])
        form = standard_form(KINDS[kind](rng, d), norm, bias)
        v = dual(rng, len(form.points), bias, seed)
        truth = abs(BranchAndBound(form).maximum(v).values).max(initial=0.0)
        bound = relaxed_bound(form.points, v, norm, bias)
        assert truth <= bound
        # a bound of that kind that counted every sample at its full length would be worth nothing
        crude = np.abs(v).sum() * 2.0 * np.abs(form.points).sum(axis=1).max()
        assert bound <= crude * (1.0 + 1e-9)


@every_setting
@pytest.mark.parametrize(
    ("n", "d"),
    [(1, 3), (2, 4), (5, 3), (30, 3), (60, 6), *(pytest.param(*shape, marks=SLOW) for shape in [(20, 40), (200, 12)])],
)
def test_never_below_what_ascent_finds(n, d, norm, bias):
    # guards the proof in dimensions that no exact pricer covers, also with fewer samples than features
    for kind in range(5):
        rng = np.random.default_rng([n, d, norm, bias, kind])
        X, v = rng.normal(size=(n, d)), dual(rng, n, bias, kind)
        found = ascent(X, v, norm, bias, rng)
        assert found <= relaxed_bound(X, v, norm, bias) + 1e-14 * np.abs(v).sum() * np.abs(X).sum(axis=1).max()


coordinate = st.integers(-3, 3).map(float)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    X=st.lists(st.tuples(coordinate, coordinate, coordinate), min_size=1, max_size=7),
    seed=st.integers(0, 10**6),
    setting=st.sampled_from(SETTINGS),
)
def test_never_below_on_small_integer_data(X, seed, setting):
    # guards coincidences in space that no list of kinds foresees
    rng = np.random.default_rng(seed)
    X = np.array(X)
    v = dual(rng, len(X), setting[1], int(rng.integers(2)))
    found = ascent(X, v, *setting, rng, starts=20, steps=6)
    assert found <= relaxed_bound(X, v, *setting) + 1e-14 * np.abs(v).sum() * 9.0


@every_setting
def test_every_step_of_every_case_proves_a_bound(norm, bias):
    # guards each interval and orientation by itself: a case that is too low hides behind one that is too high
    rng = np.random.default_rng([norm, bias])
    X = rng.normal(size=(25, 3)) * [1.0, 0.3, 2.0]
    v = dual(rng, 25, bias)
    v /= np.abs(v).max()
    relaxed = RelaxedMaximum(X, norm, bias)
    points = relaxed.points  # centred and scaled, not rotated: d < n
    W = unit(np.vstack([rng.normal(size=(2000, 3)), np.eye(3), -np.eye(3)]), norm)
    for case in relaxed.cases:
        case.start(v)
        low, high = case.offsets[0], case.offsets[-1]
        F = -np.inf
        for b in np.linspace(low, high, 9):
            h = case.sign * v @ np.abs(points @ W.T + b)
            F = max(F, 0.5 * (h + case.orientation * case.sign * (v @ points) @ W.T).max())
        for _ in range(25):
            case.bound = np.inf
            case.step()
            assert case.bound >= F
            assert case.reached <= case.bound * (1.0 + 1e-9)


@every_setting
def test_exact_where_nothing_cancels(norm, bias):
    # guards against bounds that are right because they are loose: here h is known, and so is its bound
    x, z = np.array([[3.0, -1.0, 2.0]]), np.array([[1.0, 1.0, -4.0]])
    size = (lambda a: np.abs(a).max()) if norm == 1 else np.linalg.norm
    if bias:
        X, v, truth = np.vstack([x, z]), np.array([1.5, -1.5]), 1.5 * size(x - z)
    else:
        X, v, truth = np.vstack([x, 2.0 * x]), np.array([1.5, 0.25]), 2.0 * size(x)
    assert truth <= relaxed_bound(X, v, norm, bias) <= 1.05 * truth


@every_setting
def test_scales_with_the_data_and_the_dual(norm, bias):
    # guards units, and against overflow of squares
    rng = np.random.default_rng(3)
    X, v = rng.normal(size=(40, 5)), dual(rng, 40, bias)
    bound = relaxed_bound(X, v, norm, bias)
    for scale in (1e-120, 1e-3, 1e120):
        assert relaxed_bound(X * scale, v, norm, bias) == pytest.approx(bound * scale, rel=1e-6)
        assert relaxed_bound(X, v * scale, norm, bias) == pytest.approx(bound * scale, rel=1e-6)
        assert relaxed_bound(X, -v, norm, bias) == pytest.approx(bound, rel=0.03)


@every_setting
def test_nothing_to_bound(norm, bias):
    # guards 0/0: no dual, all samples at the origin
    assert relaxed_bound(np.ones((4, 3)), np.zeros(4), norm, bias) == 0.0
    v = np.array([1.0, -1.0, 2.0, -2.0])
    assert 0.0 <= relaxed_bound(np.zeros((4, 3)), v, norm, bias) <= 1e-10


def test_offsets_far_from_the_origin_cost_nothing_with_a_bias():
    # guards the centring: h does not change when all samples are moved
    rng = np.random.default_rng(4)
    X, v = rng.normal(size=(100, 4)), dual(rng, 100, True)
    for norm in (1, 2):
        here, there = relaxed_bound(X, v, norm, True), relaxed_bound(X + 1e4, v, norm, True)
        assert there == pytest.approx(here, rel=1e-3)


@pytest.mark.parametrize(("norm", "bias", "most"), [(1, True, 4.0), (1, False, 5.0), (2, True, 3.0), (2, False, 3.0)])
def test_tight_enough_to_be_worth_printing(norm, bias, most):
    # guards against a relaxation that is valid and useless; noise without any structure is its worst case
    rng = np.random.default_rng(5)
    for n, d in ((100, 4), (300, 8)):
        X, v = rng.uniform(-1, 1, size=(n, d)), dual(rng, n, bias)
        assert relaxed_bound(X, v, norm, bias) <= most * ascent(X, v, norm, bias, rng, 10, 8)


def test_largest_on_sphere_matches_its_dual_and_a_search():
    # guards the secular equation, also where the pull is orthogonal to the top (the hard case) or zero
    rng = np.random.default_rng(6)
    W = unit(rng.normal(size=(200000, 3)), 2)
    values = np.array([[-3.0, -1.0, 2.0], [1.0, 1.0, 1.0], [-3.0, -2.0, -1.0], [0.0, 0.0, 0.0], [0.0, 5.0, 5.0]])
    pulls = np.array([[1.0, 2.0, 3.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0], [5.0, 0.0, 1e-9]])
    for eigenvalues, pull in product(values, pulls):
        found = (W**2 @ eigenvalues + 2.0 * W @ pull).max()
        bound = largest_on_sphere(eigenvalues, pull, 1e-12)
        assert found <= bound <= found + 1e-3 * (np.abs(eigenvalues).max() + np.abs(pull).max()) + 1e-11


def test_spread_is_a_distribution_on_the_sphere():
    # guards the mixture: mean squares that do not add up to one belong to no neurons
    rng = np.random.default_rng(7)
    for barrier in (1e-9, 1e-3, 1.0):
        mean, variances = spread_on_sphere(np.sort(rng.normal(size=6)), rng.normal(size=6), barrier)
        assert mean @ mean + variances.sum() == pytest.approx(1.0, abs=1e-8)
        assert (variances > 0).all()


@every_setting
def test_columns_are_subgradients(norm, bias):
    # guards relaxed_dual: a column f of one v bounds no other v by more than that v's own relaxed bound
    rng = np.random.default_rng([8, norm, bias])
    X = rng.normal(size=(30, 4))
    relaxed = RelaxedMaximum(X, norm, bias)
    v = dual(rng, 30, bias)
    bound = relaxed.bound(v)
    columns = relaxed.columns()
    assert 0.9 * bound <= (columns @ v).max() <= bound
    for kind in range(5):
        other = dual(rng, 30, bias, kind)
        assert (columns @ other).max() <= relaxed_bound(X, other, norm, bias)


@every_setting
def test_prices_as_a_pricer(norm, bias):
    # guards the contract: a bound at any threshold, no candidates, and a stopped clock still gives a bound
    rng = np.random.default_rng(9)
    form = standard_form(rng.normal(size=(50, 5)), norm, bias)
    v = dual(rng, len(form.points), bias)
    pricer = Relaxation(form)
    found = ascent(form.points, v, norm, bias, rng)
    stopped = Clock()
    stopped.interrupt()
    for threshold, clock in ((0.0, Clock()), (3.0 * found, Clock()), (0.0, stopped)):
        priced = pricer.price(v, threshold, 0.1, clock)
        assert found <= priced.bound < np.inf
        assert priced.weights.shape == (0, 5)
        assert not len(priced.offsets)


def test_cases_cover_what_they_should():
    # guards the list of cases: both signs; both orientations and adjoining intervals up to the reach with a bias
    X = np.random.default_rng(10).normal(size=(30, 4))
    for norm, kind in ((1, CrossPolytope), (2, Sphere)):
        free = RelaxedMaximum(X, norm, False).cases
        assert [(case.sign, list(case.offsets)) for case in free] == [(1.0, [0.0]), (-1.0, [0.0])]
        assert all(isinstance(case, kind) for case in free)
        relaxed = RelaxedMaximum(X, norm, True)
        for sign, orientation in product((1.0, -1.0), (1.0, -1.0)):
            ends = [tuple(c.offsets) for c in relaxed.cases if (c.sign, c.orientation) == (sign, orientation)]
            assert ends[0][0] == 0.0
            assert ends[-1][1] == relaxed.reach
            assert all(before[1] == after[0] for before, after in pairwise(ends))
