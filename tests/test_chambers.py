"""Chambers: against dense samples of directions, all vertices of small arrangements, and networks trained both ways.

A factor above the true one is a false promise, a diameter below the true one leads to it.
"""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

import bladenet as bn
from bladenet import chambers, kernels
from bladenet.chambers import vertex_factor
from bladenet.isometry import (
    balanced_diameter,
    gaussian_diameter,
    isometry_constant,
    isometry_diameter,
    minimum_over_sphere,
)

pytestmark = pytest.mark.sampled

RANKS = [2, 3, 4]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def chambers_of(rows):
    """Generators of each chamber, by brute force: all vertices, grouped by the signs that they allow."""
    r = rows.shape[1]
    vertices = []
    for chosen in combinations(range(len(rows)), r - 1):
        _, sizes, basis = np.linalg.svd(rows[list(chosen)])
        if r == 1 or sizes[-1] > 1e-9:
            vertices += [basis[-1], -basis[-1]]
    vertices = np.array(vertices)
    values = vertices @ rows.T
    signs = np.where(np.abs(values) < 1e-9, 0, np.sign(values)).astype(int)
    rng = np.random.default_rng(0)
    inside = unit(rng.normal(size=(20_000, r)))
    # a chamber of any size is met by the middle of r of its vertices, small ones are found nowhere else
    near = [np.argsort(-(vertices @ vertex))[: 3 * r] for vertex in vertices]
    inside = np.vstack([inside, *[vertices[rng.permutation(k)[:r]].mean(axis=0) for k in near for _ in range(5)]])
    seen = np.unique(np.sign(inside @ rows.T)[(np.abs(inside @ rows.T) > 1e-9).all(axis=1)], axis=0)
    for chamber in seen:
        yield chamber, vertices[(signs * chamber >= 0).all(axis=1)]


def nearest(generators):
    """Distance of the origin from the convex hull, by non-negative least squares: min ‖Gᵀλ‖, Σ λ = 1."""
    heavy = 1e4
    weight, _ = nnls(
        np.vstack([generators.T, heavy * np.ones(len(generators))]), np.r_[np.zeros(generators.shape[1]), heavy]
    )
    return np.linalg.norm(weight @ generators) / weight.sum()


def farthest(points):
    return np.sqrt(max(0.0, 2.0 - 2.0 * (points @ points.T).min()))


def grid(r, steps=3):
    return np.array(list(product(range(-(steps // 2), steps - steps // 2), repeat=r)), float)


def degenerate(rng, kind, r):
    """Rows (or samples) with many ties, of rank r."""
    X = rng.normal(size=(3 * r, r))
    return {
        "grid": grid(r)[rng.permutation(3**r)[: 4 * r + 3]],
        "repeated": np.repeat(X[: r + 2], 3, axis=0),
        "parallel": np.vstack([X[: r + 2], -2.0 * X[: r + 2], 0.1 * X[:r]]),
        "zero rows": np.vstack([X, np.zeros((3, r))]),
        "axes": np.vstack([np.eye(r), -np.eye(r), X[:2]]),
        "in few planes": np.vstack([X[:r], (X[:4, :2] @ X[:2]), X[:4, 1:3] @ X[1:3] if r > 2 else X[:1]]),
        "tiny": 1e-8 * X,
        "uneven": X * 10.0 ** rng.integers(-6, 6, size=(len(X), 1)),
    }[kind]


KINDS = ["grid", "repeated", "parallel", "zero rows", "axes", "in few planes", "tiny", "uneven"]


# --- the search against brute force ------------------------------------------------------------------------------


def brute_sizes(rows):
    rows = unit(rows[rows.any(axis=1)])
    all_generators = [generators for _, generators in chambers_of(rows)]
    return max(map(farthest, all_generators)), min(map(nearest, all_generators))


def check_against_brute_force(X):
    report = bn.chamber_report(X, bias=False)
    diameter, factor = brute_sizes(X)
    if diameter <= np.sqrt(2.0):
        assert report.exact
        assert report.diameter == pytest.approx(diameter, abs=1e-6)
    else:
        assert report.diameter >= diameter - 1e-6
        assert report.exact == (report.rank == 2)
    assert report.factor == pytest.approx(factor, abs=1e-6)
    assert report.factor >= report.diameter_factor >= report.paper_factor - 1e-8


@pytest.mark.parametrize("r", RANKS)
@pytest.mark.parametrize("n", [4, 7, 12])
def test_random_arrangements(n, r):
    # guards the search itself: cells, cuts, the choice of rows that matter
    for seed in range(5):
        check_against_brute_force(np.random.default_rng([n, r, seed]).normal(size=(n, r)))


@pytest.mark.parametrize("r", [2, 3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_degenerate_arrangements(kind, r):
    # guards ties: many hyperplanes through one ray, the same hyperplane many times
    for seed in range(3):
        check_against_brute_force(degenerate(np.random.default_rng([seed, r]), kind, r))


@pytest.mark.parametrize("r", RANKS)
def test_diameter_is_not_below_any_two_directions_of_one_chamber(r):
    # guards the definition, without vertices: directions with the same signs are at most D apart, and come close to it
    for seed in range(3):
        rng = np.random.default_rng([seed, r])
        X = rng.normal(size=(4 * r, r))
        directions = unit(rng.normal(size=(50_000, r)))
        _, chamber = np.unique(np.packbits(directions @ X.T > 0, axis=1), axis=0, return_inverse=True)
        report, seen = bn.chamber_report(X, bias=False), 0.0
        for k in np.flatnonzero(np.bincount(chamber.ravel()) > 1):
            seen = max(seen, farthest(directions[chamber.ravel() == k][:500]))
        assert report.diameter >= seen
        assert not report.exact or report.diameter <= seen + 0.3


@pytest.mark.parametrize("r", RANKS)
def test_more_rows_make_no_chamber_larger(r):
    # guards monotonicity: what the use of some rows only, on large data, relies on
    X = np.random.default_rng(r).normal(size=(40, r))
    reports = [bn.chamber_report(X[:n], bias=False) for n in (r, 10, 20, 40)]
    assert all(more.diameter <= fewer.diameter + 1e-8 for fewer, more in pairwise(reports))
    assert all(more.factor >= fewer.factor - 1e-8 for fewer, more in pairwise(reports))
    assert reports[-1].diameter < reports[0].diameter


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("r", RANKS)
def test_invariance(r, bias):
    # guards rotation, scale, repeated rows, more coordinates (Lemma 18), and with a bias translation
    rng = np.random.default_rng(r)
    X = rng.normal(size=(12, r))
    turn = np.linalg.qr(rng.normal(size=(r + 2, r + 2)))[0][:r]
    reference = bn.chamber_report(X, bias)
    for changed in (3e-5 * X @ turn, np.vstack([X, X]), 1e4 * X, -X, X + bias * 7.0):
        report = bn.chamber_report(changed, bias)
        assert report.rank == r
        assert report.diameter == pytest.approx(reference.diameter, abs=1e-7)
        assert report.factor == pytest.approx(reference.factor, abs=0.01 * (bias and r > 2) + 1e-7)  # hull: to SLACK


def test_equally_spaced_lines():
    # guards the plane by hand: lines π/k apart
    angles = np.pi * np.arange(5) / 5
    report = bn.chamber_report(np.column_stack([np.cos(angles), np.sin(angles)]), bias=False)
    assert report.exact
    assert report.dispersion == pytest.approx(np.pi / 5)
    assert report.diameter == pytest.approx(2 * np.sin(np.pi / 10))
    assert report.factor == pytest.approx(np.cos(np.pi / 10))
    assert report.paper_factor == pytest.approx(1 - report.diameter)


def test_orthants():
    # guards r = 3 by hand: D = √2 between axes, c = 1/√3 at the middle of an orthant
    report = bn.chamber_report(np.eye(3), bias=False)
    assert report.diameter == pytest.approx(np.sqrt(2.0), abs=1e-6)
    assert report.factor == pytest.approx(1 / np.sqrt(3.0), abs=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "X", [np.zeros((1, 3)), np.ones((1, 3)), np.ones((4, 3)), np.outer([1.0, 2.0, 5.0], [1, 2, 0])]
)
def test_rays(X, bias):
    # guards n = 1, no row at all, all on one line: in the span every neuron is a vertex
    report = bn.chamber_report(X, bias)
    assert report.rank <= 1
    assert (report.diameter, report.factor, report.excess) == (0.0, 1.0, 0.0)


def test_vertex_factor_without_vertices_promises_nothing():
    # guards against a factor where no neuron is orthogonal to d − 1 independent rows
    plane = np.random.default_rng(0).normal(size=(9, 2)) @ np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])
    assert vertex_factor(plane, bias=False) == 0.0
    assert vertex_factor(plane + 1.0, bias=True) == 0.0
    assert bn.chamber_report(plane, bias=True).factor > 0.0


def test_invalid_input_is_named():
    with pytest.raises(ValueError, match=r"shape \(samples, features\), got shape \(3,\)"):
        bn.chamber_report([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"nan in row 0 \(counting from 0\), column 1"):
        bn.chamber_report([[1.0, np.nan]])


# --- the factor, as a promise about h_v --------------------------------------------------------------------------


def all_vertices(X, bias):
    """Neurons (w, b), one orientation each, through r samples, or through r − 1 without bias."""
    n, r = X.shape
    lifted = np.column_stack([X, np.ones(n)]) if bias else X
    for chosen in combinations(range(n), r - 1 + bias):
        basis = np.linalg.svd(lifted[list(chosen)])[2]
        w = basis[-1] / np.linalg.norm(basis[-1][:r])
        yield w if bias else np.r_[w, 0.0]


def h(X, v, neurons):
    return np.abs(np.maximum(X @ neurons[:, :-1].T + neurons[:, -1], 0.0).T @ v)


@pytest.mark.parametrize(
    ("r", "bias"), [(2, True), (2, False), (3, False), pytest.param(3, True, marks=pytest.mark.slow)]
)
def test_factor_holds_for_every_dual_variable(r, bias):
    # guards the theorem with its exception for chambers on one side: no sampled neuron beats the vertices by more than
    # 1/c. Linear functions and sparse v are where the exception, and single anchors, matter
    closest = np.inf
    for seed in range(12):
        rng = np.random.default_rng([seed, r])
        X = rng.normal(size=(7, r)) * (1.0 + 2.0 * (seed % 2) * np.eye(r)[0])
        vertices = np.array(list(all_vertices(X, bias)))
        vertices = np.vstack([vertices, -vertices])
        w = unit(rng.normal(size=(3000, r)))
        neurons = np.vstack([np.column_stack([w, -w @ x]) for x in (X if bias else np.zeros((1, r)))])
        for _ in range(30):
            v = rng.normal(size=7) * (rng.random(7) < rng.choice([0.4, 1.0]))
            v = v - v.mean() * bias
            if v.any():
                ratio = h(X, v, vertices).max() / h(X, v, neurons).max()
                assert ratio >= vertex_factor(X, bias)
                closest = min(closest, ratio / vertex_factor(X, bias))
    assert closest < {2: 1.4, 3: 1.7}[r], "the factor is far below what happens: is it the right one?"


def test_best_linear_neuron_meets_the_linear_factor():
    # guards the facets: over all linear functions the worst ratio of facets to ‖s‖ is what is claimed, to SLACK
    X = np.random.default_rng(5).normal(size=(12, 3))
    claimed = chambers._linear_factor(X)
    facets = np.array([w for w in all_vertices(X, True) if (lambda a: min(a.max(), -a.min()) < 1e-9)(X @ w[:3] + w[3])])
    s = unit(np.random.default_rng(6).normal(size=(200_000, 3)))
    actual = np.abs(s @ facets[:, :3].T).max(axis=1).min()
    assert claimed <= actual <= claimed * 1.03


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(KINDS), st.booleans())
def test_anchors_on_degenerate_samples(seed, kind, bias):
    # guards differences with ties: the factor never exceeds what a random neuron and v achieve
    rng = np.random.default_rng(seed)
    X = np.unique(degenerate(rng, kind, 2), axis=0)
    factor = vertex_factor(X, bias)
    v = rng.normal(size=len(X)) * (rng.random(len(X)) < 0.6)
    v -= v.mean() * bias
    vertices = [w for w in all_vertices(X, bias) if np.isfinite(w).all()]
    vertices = np.vstack([vertices, np.negative(vertices)])
    w = unit(rng.normal(size=(500, 2)))
    neurons = np.vstack([np.column_stack([w, -w @ x]) for x in (X if bias else np.zeros((1, 2)))])
    assert h(X, v, vertices).max() >= factor * h(X, v, neurons).max() * (1 - 1e-9)


# --- what the search does when it is not allowed to finish -------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("budget", [0, 300, 3_000, 30_000])
def test_a_spent_budget_leaves_true_bounds(monkeypatch, budget, bias):
    # guards early ends: less work may only weaken what is claimed, and is not called exact
    X = np.random.default_rng(8).normal(size=(40, 3))
    full = [chambers._largest(X, bias, kind) for kind in ("diameter", "cap")]
    monkeypatch.setattr(chambers, "BUDGET", budget)
    monkeypatch.setattr(chambers, "FEWEST_OTHERS", 10)
    for kind, (size, _) in zip(("diameter", "cap"), full, strict=True):
        bound, exact = chambers._largest(X, bias, kind)
        assert bound >= size - 1e-12
        assert not exact or bound == pytest.approx(size, abs=1e-8)
        assert budget or (bound >= 1.0 and not exact)
    assert chambers._factor(X, bias) <= np.sqrt(1 - full[1][0] ** 2) + 1e-8 or bias


def test_large_data_uses_some_rows(monkeypatch):
    # guards the subset of rows: bounds, never called exact
    X = np.random.default_rng(9).normal(size=(300, 3))
    exact = chambers._largest(X, True, "cap")[0]
    monkeypatch.setattr(chambers, "BUDGET", 4 * 300 * 4 * 100)
    assert len(chambers._others(300, 3, 300)) == 100
    bound, is_exact = chambers._largest(X, True, "cap", two_sided=True)
    assert exact <= bound < 1.0
    assert not is_exact


def test_few_samples_of_many_features_promise_nothing():
    X = np.random.default_rng(10).normal(size=(40, 12))
    report = bn.chamber_report(X, bias=False)
    assert not report.exact
    assert report.diameter <= isometry_diameter(report.isometry)
    assert "Nothing is guaranteed" in report.guarantee
    assert report.excess == np.inf


# --- brackets beyond what is searched ----------------------------------------------------------------------------


def seen_in_one_chamber(X, rng):
    """The farthest of sampled pairs of unit weights that agree in all signs: both ends of lines through a chamber."""
    seen = 0.0
    for _ in range(300):
        w, along = unit(rng.normal(size=(2, X.shape[1])))
        values, rates = X @ w, X @ along
        steps = -values / rates
        forth, back = steps[steps > 0].min(initial=10.0), steps[steps < 0].max(initial=-10.0)
        ends = unit(np.array([w + 0.999 * forth * along, w + 0.999 * back * along]))
        assert (np.sign(X @ ends[0]) == np.sign(X @ ends[1])).all()
        seen = max(seen, farthest(ends))
    return seen


@pytest.mark.parametrize("r", [3, 4])
@pytest.mark.parametrize("kind", ["general", *KINDS])
def test_bounds_hold_the_exact_diameter(kind, r):
    # guards both ends of the bracket, on data whose chambers are known
    rng = np.random.default_rng(r)
    X = rng.normal(size=(4 * r, r)) if kind == "general" else degenerate(rng, kind, r)
    points = np.unique(X, axis=0)[:14]
    diameter, _ = brute_sizes(points)
    assert balanced_diameter(points) >= diameter - 1e-9
    assert 0.3 * diameter <= chambers._found_diameter(points, False) <= diameter + 1e-9


@pytest.mark.parametrize(("n", "r"), [(6, 2), (12, 2), (6, 3)])
def test_bounds_hold_with_anchors(n, r):
    points = np.random.default_rng([n, r]).normal(size=(n, r))
    diameter = max(brute_sizes(points - anchor)[0] for anchor in points)
    assert chambers._balanced_diameter(points, True, 2.0) >= diameter - 1e-9
    assert 0.3 * diameter <= chambers._found_diameter(points, True) <= diameter + 1e-9


@pytest.mark.parametrize("r", [6, 7, 8, 12])
def test_brackets_in_higher_dimensions(r, monkeypatch):
    # guards bounds where chambers cannot be listed: what is seen is below them, and they say something
    monkeypatch.setattr(chambers, "BUDGET", 1_000_000)
    rng = np.random.default_rng(r)
    X = rng.normal(size=(2 * r * r, r))
    report = bn.chamber_report(X, bias=False)
    assert not report.exact
    assert seen_in_one_chamber(X, rng) <= report.diameter <= np.sqrt(2.0) + 1e-8
    assert 0.0 < report.diameter_at_least <= report.diameter
    assert 1.0 / np.sqrt(r) - 1e-8 <= report.factor <= np.sqrt(1.0 - report.diameter_at_least**2 / 4)
    assert "≤ D ≤" in str(report)
    assert vertex_factor(X, False) == pytest.approx(report.factor, abs=1e-8)


@pytest.mark.parametrize("r", [3, 9])
def test_balance_is_what_the_bound_needs(r):
    # guards the weights: an orthonormal basis has chambers of exactly √2, stretched axes wider ones without them
    assert balanced_diameter(np.eye(r)) == pytest.approx(np.sqrt(2.0))
    assert balanced_diameter(np.diag(np.arange(1.0, r + 1))) == pytest.approx(np.sqrt(2.0))
    oblique = np.eye(r) + 0.5 * np.eye(r, k=1)
    inverse = np.linalg.inv(oblique).T
    # r rows make 2^r chambers, whose rays are the dual basis with signs
    corner = unit(inverse * np.where(np.arange(r) % 2, -1.0, 1.0)[:, None])
    assert balanced_diameter(oblique) >= max(farthest(unit(inverse)), farthest(corner))
    assert balanced_diameter(np.eye(r)[:-1]) == 2.0  # rank r − 1


# --- isometry ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("r", [2, 3, 4, 6])
@pytest.mark.parametrize("n", [8, 50])
def test_isometry_constant_is_not_below_sampled_directions(n, r):
    # guards δ: exact in the plane, a bound beyond
    rng = np.random.default_rng([n, r])
    X = rng.normal(size=(n, r)) * rng.exponential(size=(n, 1))
    delta = isometry_constant(X)
    values = np.abs(unit(rng.normal(size=(100_000, r))) @ X.T).sum(axis=1)
    sampled = (values.max() - values.min()) / (values.max() + values.min())
    assert sampled <= delta
    assert delta <= sampled + {2: 1e-4, 3: 0.03, 4: 0.15, 6: 1.0}[r]


@pytest.mark.parametrize("kind", KINDS)
def test_isometry_of_degenerate_planes(kind):
    X = degenerate(np.random.default_rng(3), kind, 2)
    angles = np.pi * np.arange(200_000) / 200_000
    values = np.abs(np.column_stack([np.cos(angles), np.sin(angles)]) @ X.T).sum(axis=1)
    sampled = (values.max() - values.min()) / (values.max() + values.min())
    assert isometry_constant(X) == pytest.approx(sampled, abs=1e-4)


def test_isometry_of_a_budget_of_nothing():
    # guards the bounds from singular values, where no search helps
    X = np.random.default_rng(4).normal(size=(60, 4))
    assert isometry_constant(X, budget=20_000) <= isometry_constant(X, budget=1) <= 1.0
    assert isometry_constant(np.random.default_rng(4).normal(size=(200, 20))) < 1.0


@pytest.mark.parametrize("r", RANKS)
def test_isometry_implies_small_chambers(r):
    # guards Lemma 11 on random data, where both sides say something
    for seed in range(5):
        X = np.random.default_rng([seed, r]).normal(size=(80, r))
        report = bn.chamber_report(X, bias=False)
        assert report.exact
        assert report.diameter <= report.isometry_diameter < 2.0


def test_gaussian_samples_have_small_chambers():
    # guards Lemma 12: the bound says something for large n, falls with n, rises with d and with the probability
    bound = gaussian_diameter(3000, 2, 0.99)
    assert bound < 2.0
    for seed in range(10):
        assert bn.chamber_report(np.random.default_rng(seed).normal(size=(3000, 2)), bias=False).diameter <= bound
        assert isometry_constant(np.random.default_rng(seed).normal(size=(3000, 2))) <= np.sqrt(np.pi / 2) * (
            np.sqrt(2 / 3000) + np.sqrt(2 * np.log(200) / 3000)
        )
    assert gaussian_diameter(10**6, 2) < bound < gaussian_diameter(3000, 5) <= 2.0
    assert gaussian_diameter(3000, 2, 0.5) < bound
    assert gaussian_diameter(10, 2) == 2.0
    # and no more than that: many features come close to what it promises
    X = np.random.default_rng(0).normal(size=(4000, 100))
    lengths = np.abs(X @ np.linalg.svd(X, full_matrices=False)[2].T).sum(axis=0)
    reached = isometry_diameter((lengths.max() - lengths.min()) / (lengths.max() + lengths.min()))
    assert 0.7 * gaussian_diameter(4000, 100) <= reached <= gaussian_diameter(4000, 100)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.0"):
        gaussian_diameter(10, 2, 1.0)


def test_minimum_over_sphere_of_a_known_function():
    # guards branch and bound: max_k |u_k| over the sphere of R³ is least, 1/√3, at the corners of a cube
    def bound(cones):
        return np.abs(cones).min(axis=1).max(axis=1) * (np.abs(cones.sum(axis=1)) > 0).all(), np.abs(cones).max(
            axis=2
        ).min(axis=1)

    least = minimum_over_sphere(bound, 3, 20_000)
    assert 0.98 / np.sqrt(3) <= least <= 1 / np.sqrt(3) + 1e-12


# --- the guarantee, on trained networks ---------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("seed", range(15))
def test_the_guarantee_holds(seed, bias):
    # guards p* ≤ p̂ ≤ min(p*/c, p* + (1/c − 1) β R*) on random problems
    rng = np.random.default_rng([seed, bias])
    X = rng.normal(size=(int(rng.integers(5, 25)), 2))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * (X[:, 1] > 0) + 0.3 * rng.normal(size=len(X))
    beta = 10.0 ** rng.uniform(-2, 0)
    exact = bn.train(X, y, beta=beta, bias=bias)
    vertices = bn.train(X, y, beta=beta, bias=bias, vertices_only=True)
    report = bn.chamber_report(X, bias)
    best, reached = exact.certificate.objective, vertices.certificate.objective
    network = exact.network
    penalty = beta * float(np.abs(network.amplitudes) @ np.linalg.norm(network.weights, axis=1))
    assert reached >= exact.certificate.lower_bound * (1 - 1e-9)
    assert reached <= best * (1 + report.excess) * (1 + 2e-6)
    assert reached <= best + report.excess * penalty + 2e-6 * best
    assert vertices.certificate.factor == pytest.approx(report.factor, abs=1e-9)


def test_samples_of_weight_zero_give_no_guarantee():
    # guards the factor of a fit: neurons do not pass through samples that do not count
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    weight = np.r_[np.ones(6), np.zeros(34)]
    fit = bn.train(X, rng.normal(size=40), beta=0.1, sample_weight=weight, vertices_only=True)
    assert fit.certificate.factor == pytest.approx(vertex_factor(X[:6], True))
    assert fit.certificate.factor < vertex_factor(X, True)


def test_kernel_accepts_no_independent_rows():
    # guards the search without full rank: unresolved, not small
    points = np.outer(np.arange(1.0, 5.0), [1.0, 2.0, 3.0])
    size, unresolved, _ = kernels.largest_chamber_of_anchors(
        points, np.arange(4), np.zeros((1, 3)), 0, 0.5, False, 10**6
    )
    assert (size, unresolved) == (0.5, 2.0)
