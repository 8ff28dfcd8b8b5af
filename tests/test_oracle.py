"""The oracle against things it shares nothing with: dictionaries, linear programs, random networks."""

from fractions import Fraction
from itertools import combinations, pairwise
from math import comb, lcm

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.linear_model import Lasso

from cases import HIGHER_KINDS, KINDS, LOSSES, all_cases, higher_cases, problems
from dictionaries import l1_dictionary, l1_rays
from oracle import _cells, activation_patterns, arrangement_optimum, arrangement_solution

CASES = all_cases(400, seed=1)
HIGHER = higher_cases(120, seed=1)
HIGHER_SETTINGS = [(3, False), (3, True), (4, False), (4, True)]

# The comparisons ask cvxpy for more digits than it always reports; they are held to 1e-7 or 1e-6 here.
pytestmark = [
    pytest.mark.sampled,
    pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning"),
]


def solve(case, **changes):
    settings = {"norm": case.norm, "bias": case.bias, "loss": case.loss, **changes}
    X, y, beta = (settings.pop(name, getattr(case, name)) for name in ("X", "y", "beta"))
    return arrangement_solution(X, y, beta, **settings)


def close(value, expected, rel=1e-7):
    return value == pytest.approx(expected, rel=rel, abs=1e-10)


def loss_sum(loss, f, y):
    """Written out again, so that a slip in the oracle's own losses shows."""
    r, m = np.abs(f - y), y * f
    match loss:
        case "squared":
            return np.sum(r**2) / 2
        case "huber":
            return np.sum(np.where(r <= 1, r**2 / 2, r - 1 / 2))
        case "hinge":
            return np.sum(np.maximum(0, 1 - m))
        case "logistic":
            return np.sum(np.log1p(np.exp(-np.abs(m))) + np.maximum(0, -m))


def objective(case, W, b, u, t):
    f = np.maximum(case.X @ W.T + b, 0) @ u + t
    return loss_sum(case.loss, f, case.y) + case.beta * np.abs(u) @ np.linalg.norm(W, case.norm, axis=1)


def convex_loss(loss, f, y):
    match loss:
        case "squared":
            return cp.sum_squares(f - y) / 2
        case "huber":
            return cp.sum(cp.huber(f - y, 1)) / 2
        case "hinge":
            return cp.sum(cp.pos(1 - cp.multiply(y, f)))
        case "logistic":
            return cp.sum(cp.logistic(-cp.multiply(y, f)))


def minimum(expression, constraints=()):
    problem = cp.Problem(cp.Minimize(expression), list(constraints))
    return problem.solve(cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)


def dictionary_optimum(case, W, b):
    """The Lasso over unit-norm neurons (W, b) given outright."""
    K = np.maximum(case.X @ W.T + b, 0)
    z, t = cp.Variable(len(W)), cp.Variable() if case.bias else 0.0
    return minimum(convex_loss(case.loss, K @ z + t, case.y) + case.beta * cp.norm1(z))


# --- the optimum --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_case_is_proven_to_nine_digits():
    for case in CASES:
        optimum = solve(case)
        assert -1e-13 < optimum.gap < 2e-9 or optimum.value < 1e-12, (case, optimum.gap, optimum.status)


@pytest.mark.slow
def test_every_higher_case_is_proven_well_below_the_tolerance_of_its_users():
    for case in HIGHER:
        optimum = solve(case)
        assert -1e-13 < optimum.gap < 2e-8 or optimum.value < 1e-12, (case, optimum.gap, optimum.status)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_dimension_is_a_lasso_on_hinges(loss):
    cases = [c for c in CASES if c.X.shape[1] == 1 and c.bias and c.loss == loss and len(c.y) > 1]
    for case in cases[:20]:
        x = case.X[:, 0]
        W = np.repeat([[1.0], [-1.0]], len(x), axis=0)
        assert close(dictionary_optimum(case, W, np.concatenate([-x, x])), solve(case).value), case


def test_one_dimension_agrees_with_sklearn():
    cases = [c for c in CASES if c.X.shape[1] == 1 and c.bias and c.loss == "squared" and np.ptp(c.y) > 0]
    for case in cases[:15]:
        K = np.maximum(case.X - case.X.T, 0)
        K, n = np.hstack([K, np.maximum(case.X.T - case.X, 0)]), len(case.y)
        size = np.abs(K).max() or 1.0
        lasso = Lasso(alpha=case.beta / (n * size), tol=1e-10, max_iter=1_000_000).fit(K / size, case.y)
        value = loss_sum("squared", lasso.predict(K / size), case.y)
        value += case.beta / size * np.abs(lasso.coef_).sum()
        assert close(value, solve(case).value, rel=1e-6), case


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_l1_in_the_plane_is_a_lasso_on_lines_through_samples(loss, bias):
    cases = [c for c in CASES if c.X.shape[1] == 2 and c.norm == 1 and c.loss == loss and c.bias == bias]
    assert len(cases) >= 8
    for case in cases[:15]:
        value = dictionary_optimum(case, *l1_dictionary(case.X, bias))
        assert close(value, solve(case).value), case


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("d", [2, 3, 4])
def test_l1_is_a_lasso_on_the_rays_through_samples_and_axes(d, bias):
    cases = [c for c in CASES + HIGHER if c.X.shape[1] == d and c.norm == 1 and c.bias == bias]
    assert len(cases) >= 10
    for case in cases[:20]:
        value = dictionary_optimum(case, *l1_rays(case.X, bias))
        assert close(value, solve(case).value, rel=3e-7), case


@pytest.mark.parametrize("kind", ["gaussian", "grid", "collinear_exact", "repeated_rows", "zero_rows"])
def test_l2_in_the_plane_is_the_limit_of_fine_dictionaries(kind):
    """No arrangement at all: many directions, kinks at the samples. From above, and close."""
    angle = np.pi * np.arange(0, 2, 1 / 180) + 1e-3
    directions = np.column_stack([np.cos(angle), np.sin(angle)])
    for case in problems(kind, seed=2):
        if case.X.shape[1] == 2 and case.norm == 2 and case.loss in ("squared", "hinge"):
            W, b = directions, np.zeros(len(directions))
            if case.bias:
                W = np.repeat(directions, len(case.X), axis=0)
                b = -(directions @ case.X.T).ravel()
            value, expected = dictionary_optimum(case, W, b), solve(case).value
            assert expected * (1 - 1e-8) <= value <= expected * 1.01, case


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["gaussian", "grid", "collinear_horizontal", "repeated_rows", "parallel_rows"])
def test_agrees_with_the_arrangement_program_as_published(kind, bias):
    """Patterns by linear programs, program in cvxpy, no scaling and no reductions."""
    cases = [c for c in problems(kind, seed=3) if c.X.shape[1] == 2 and c.norm == 2 and c.bias == bias]
    assert_as_published(cases[:2])


@pytest.mark.parametrize("d", [pytest.param(3, marks=pytest.mark.slow), 4])
def test_agrees_with_the_program_as_published_in_higher_dimension(d):
    cases = [c for c in HIGHER if c.X.shape[1] == d and len(c.y) in (5, 6) and not is_thin(c)]
    assert len(cases) >= 5
    assert_as_published(cases[:5])


def is_thin(case):
    """Cells too thin for a linear program in floats."""
    return case.name.startswith(("far", "flat_oblique", "flat_through", "collinear"))


def assert_as_published(cases):
    for case in cases:
        bias, d = case.bias, case.X.shape[1]
        rows = np.column_stack([case.X, np.ones(len(case.X))]) if bias else case.X
        f, penalty, constraints = cp.Variable() if bias else 0.0, 0.0, []
        for signs in patterns_by_linear_programs(rows):
            for sign in (1, -1):
                theta = cp.Variable(rows.shape[1])
                constraints.append(cp.multiply(signs, rows @ theta) >= 0)
                f = f + sign * cp.multiply(signs > 0, rows @ theta)
                penalty = penalty + cp.norm(theta[:d], case.norm)
        value = minimum(convex_loss(case.loss, f, case.y) + case.beta * penalty, constraints)
        assert close(value, solve(case).value, rel=1e-6), case


@pytest.mark.slow
def test_the_network_attains_the_value_and_none_beats_it():
    rng = np.random.default_rng(0)
    for case in CASES + HIGHER[:60]:
        optimum, d = solve(case), case.X.shape[1]
        W, b, u, t = optimum.weights, optimum.biases, optimum.amplitudes, optimum.intercept
        assert case.bias or (t == 0 and not b.any())
        assert close(objective(case, W, b, u, t), optimum.value, rel=1e-9), case
        floor = optimum.value * (1 - 1e-9) - 1e-12
        for size in 10.0 ** -np.arange(8):
            step = size * rng.normal(size=(len(W), d + 2))
            moved = objective(
                case,
                W + step[:, :d] * np.abs(W).max(initial=0),
                b + step[:, d] * case.bias,
                u * (1 + step[:, -1]),
                t + size * rng.normal() * case.bias,
            )
            assert moved >= floor, case
            fresh = rng.normal(size=(5, d)) / np.abs(case.X).max(initial=1e-3) * size
            hinges = -(fresh * case.X[rng.integers(len(case.X), size=5)]).sum(axis=1) * case.bias
            sizes = rng.choice([-1.0, 1.0], size=5)
            wider = np.vstack([W, fresh]), np.append(b, hinges), np.append(u, sizes), t
            assert objective(case, *wider) >= floor, case
            offset = np.median(case.y) * case.bias
            assert objective(case, fresh, hinges, sizes, offset) >= floor


def test_a_huge_penalty_leaves_the_constant():
    for case in CASES[:100]:
        t = cp.Variable() if case.bias else cp.Constant(0.0)
        constant = minimum(convex_loss(case.loss, t * np.ones(len(case.y)), case.y))
        assert close(solve(case, beta=3e3 * case.beta).value, constant), case


def test_a_tiny_penalty_interpolates():
    X, y = np.random.default_rng(0).normal(size=(2, 6))
    assert arrangement_optimum(X, y, 1e-7) < 1e-4


# --- invariances ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_permuting_translating_rotating_and_scaling():
    rng = np.random.default_rng(1)
    for case in CASES[:60] + [c for c in HIGHER if not is_thin(c)][:15]:
        value, n, d = solve(case).value, *case.X.shape
        order = rng.permutation(n)
        assert close(solve(case, X=case.X[order], y=case.y[order]).value, value), case
        assert close(solve(case, X=3e3 * case.X, beta=3e3 * case.beta).value, value), case
        if case.bias:
            assert close(solve(case, X=case.X + rng.normal(size=d)).value, value), case
        if case.loss == "squared":
            assert close(solve(case, y=50 * case.y, beta=50 * case.beta).value, 2500 * value), case
        if case.norm == 2:
            rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
            assert close(solve(case, X=case.X @ rotation).value, value), case


@pytest.mark.slow
def test_repeated_samples_are_weights():
    rng = np.random.default_rng(2)
    for case in [c for c in CASES[:60] + HIGHER[:6] if len(set(c.y)) > 1]:
        times = rng.integers(1, 4, size=len(case.y))
        repeated = solve(case, X=np.repeat(case.X, times, axis=0), y=np.repeat(case.y, times))
        assert close(solve(case, sample_weight=times).value, repeated.value), case
        ignored = solve(
            case,
            X=np.vstack([case.X, case.X[:1] + 0.3]),
            y=np.append(case.y, -case.y[0]),
            sample_weight=np.append(times, 0),
        )
        assert close(ignored.value, repeated.value), case


def test_huber_with_a_wide_band_is_squared_and_scales():
    for case in [c for c in CASES if c.loss == "huber"][:20]:
        squared = solve(case, loss="squared").value
        assert close(solve(case, huber_delta=1e3).value, squared), case
        narrow = solve(case, huber_delta=0.3).value
        scaled = solve(case, y=10 * case.y, beta=10 * case.beta, huber_delta=3.0).value
        assert close(scaled, 100 * narrow), case


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("d", [3, 4])
def test_higher_dimensions_contain_the_plane(d, bias):
    """A plane embedded in space: same optimum, rotated for p = 2, one feature repeated for p = 1."""
    rng = np.random.default_rng(3)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    for case in [c for c in CASES if c.X.shape[1] == 2 and c.bias == bias][:20]:
        X = case.X @ rotation[:2] if case.norm == 2 else case.X[:, [0, 1, 1, 0][:d]]
        assert close(solve(case, X=X).value, solve(case).value, rel=3e-7), case


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.slow
def test_four_dimensions_contain_three(bias):
    for case in [c for c in HIGHER if c.X.shape[1] == 3 and c.bias == bias][:12]:
        X = np.column_stack([case.X[:, ::-1], np.zeros(len(case.X))])
        assert close(solve(case, X=X).value, solve(case).value, rel=3e-7), case


@pytest.mark.slow
def test_a_function_of_few_features_costs_no_more_with_others():
    """Dropping a feature forbids networks, a huge one makes its weights free: monotone in the scale of a feature."""
    for case in [c for c in HIGHER if len(c.y) > 3][:20]:
        values = [solve(case, X=case.X * np.append(np.ones(case.X.shape[1] - 1), size)).value for size in (4, 1, 0.2)]
        values.append(solve(case, X=case.X[:, :-1]).value)
        assert all(a <= b * (1 + 1e-7) + 1e-12 for a, b in pairwise(values)), case


# --- the cells --------------------------------------------------------------------------------------------


def patterns_by_linear_programs(rows):
    """Sign vectors of the full-dimensional cells, one row at a time, keeping those with an interior point."""
    n, r = rows.shape
    scaled = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    patterns = [np.zeros(0)]
    for i in range(n):
        signs = (1.0, -1.0) if rows[i].any() else (-1.0,)
        patterns = [
            longer
            for pattern in patterns
            for sign in signs
            if _inradius(np.append(pattern, sign)[:, None] * scaled[: i + 1], r) > 1e-6
            for longer in [np.append(pattern, sign)]
        ]
    return patterns


def _inradius(inequalities, r):
    """max δ such that inequalities·θ ≥ δ for some |θ|_∞ ≤ 1; zero rows do not count."""
    inequalities = inequalities[np.any(inequalities != 0, axis=1)]
    system = np.column_stack([-inequalities, np.ones(len(inequalities))])
    bounds = [(-1, 1)] * r + [(0, 1)]
    found = linprog(np.append(np.zeros(r), -1), A_ub=system, b_ub=np.zeros(len(system)), bounds=bounds)
    return found.x[-1]


def as_set(patterns):
    return {tuple(np.asarray(p) > 0) for p in patterns}


@pytest.mark.parametrize(("d", "bias"), [(1, True), (1, False), (2, True), (2, False), *HIGHER_SETTINGS])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12])
def test_general_position_has_covers_number_of_cells(n, d, bias):
    X, r = np.random.default_rng(n).normal(size=(n, d)), d + bias
    patterns = activation_patterns(X, bias)
    assert len(as_set(patterns)) == len(patterns) == 2 * sum(comb(n - 1, k) for k in range(r))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "far_from_origin"])
def test_degenerate_arrangements_agree_with_linear_programs(kind, bias):
    """Far from the origin the lifted rows are too parallel for a linear program to tell cells apart."""
    for d in (1, 2):
        X = KINDS[kind](np.random.default_rng(4), d)[:6]
        rows = np.column_stack([X, np.ones(len(X))]) if bias else X
        found, expected = as_set(activation_patterns(X, bias)), as_set(patterns_by_linear_programs(rows))
        # On an oblique line, rounding opens slivers that only exact arithmetic sees.
        assert found >= expected if kind == "collinear_oblique" else found == expected


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["gaussian", "grid", "collinear_exact", "repeated_rows", "two_layers", "simplex"])
def test_degenerate_arrangements_in_space_agree_with_linear_programs(kind, bias):
    for d in (3, 4):
        X = HIGHER_KINDS[kind](np.random.default_rng(4), d)[:6]
        rows = np.column_stack([X, np.ones(len(X))]) if bias else X
        assert as_set(activation_patterns(X, bias)) == as_set(patterns_by_linear_programs(rows))


def integer_rows(X, bias):
    """The rows, lifted and cleared of denominators, without the zeros."""
    exact = [[*map(Fraction, x), *[Fraction(1)] * bias] for x in X.tolist()]
    scales = [lcm(*(v.denominator for v in row)) for row in exact]
    return [tuple(int(v * c) for v in row) for row, c in zip(exact, scales, strict=True) if any(row)]


def exact_rank(rows):
    """By fraction-free elimination."""
    rows, rank = [list(row) for row in rows], 0
    for j in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][j]), None)
        if pivot is not None:
            rows[rank], rows[pivot] = rows[pivot], rows[rank]
            top = rows[rank]
            for row in rows[rank + 1 :]:
                row[:] = [top[j] * v - row[j] * w for v, w in zip(row, top, strict=True)]
            rank += 1
    return rank


@pytest.mark.parametrize(("d", "bias"), [(1, True), (1, False), (2, True), (2, False), *HIGHER_SETTINGS])
@pytest.mark.parametrize("kind", HIGHER_KINDS)
def test_cells_are_attained_and_as_many_as_whitney_counts(kind, d, bias):
    """Σ_S (−1)^(|S| − rank S) over all sets S of rows is the number of cells, of any arrangement whatever.

    With a point in each of so many different cells, checked in integers, none is missing: a proof.
    """
    if d <= 2 and kind not in KINDS:
        pytest.skip("needs three features")
    for seed in range(3):
        rows = integer_rows(HIGHER_KINDS[kind](np.random.default_rng([seed, d]), d), bias)
        cells = _cells(rows, d + bias)
        for signs, point in cells.items():
            assert signs == tuple(np.sign([sum(v * w for v, w in zip(row, point, strict=True)) for row in rows]))
            assert 0 not in signs
        subsets = [S for size in range(len(rows) + 1) for S in combinations(rows, size)]
        assert len(cells) == sum((-1) ** (len(S) - exact_rank(S)) for S in subsets)


def cells_around_rays(rows):
    """Rank at most three, another way: every cell has an extreme ray, near which only the rows through it count."""
    if not rows:
        return {()}
    cells = set()
    crosses = {tuple(np.cross(a, b)) for a, b in combinations(rows, 2)} - {(0, 0, 0)}
    rays = crosses if any(np.dot(c, a) for c in crosses for a in rows) else None
    if rays is None:  # the rows span a plane with this normal, or a line
        normal = next(iter(crosses), None)
        rays = {tuple(rows[0])} if normal is None else {tuple(np.cross(normal, a)) for a in rows}
    for ray in rays | {tuple(-v for v in ray) for ray in rays}:
        signs = [int(np.sign(np.dot(a, ray))) for a in rows]
        contact = [i for i, s in enumerate(signs) if s == 0]
        for local in cells_around_rays([rows[i] for i in contact]):
            around = list(signs)
            for i, s in zip(contact, local, strict=True):
                around[i] = s
            cells.add(tuple(around))
    return cells


@pytest.mark.parametrize(("d", "bias"), [(1, True), (2, True), (2, False), (3, False)])
@pytest.mark.parametrize("kind", KINDS)
def test_cells_agree_with_those_around_the_rays(kind, d, bias):
    """Also embedded in rank five, by a matrix of integers."""
    rows = integer_rows(KINDS[kind](np.random.default_rng(6), d), bias)
    padded = [np.array([*row, 0, 0][:3], dtype=object) for row in rows]
    found = set(_cells(rows, d + bias))
    assert found == cells_around_rays(padded)
    shear = np.array([[1, 2, 0, -1, 3], [0, 1, -2, 1, 0], [0, 0, 1, 5, -1]], dtype=object)
    assert found == set(_cells([tuple(row @ shear) for row in padded], 5))


@pytest.mark.parametrize("kind", HIGHER_KINDS)
def test_no_random_neuron_has_an_unknown_pattern(kind):
    rng = np.random.default_rng(5)
    low = [(1, True), (2, True), (2, False)] if kind in KINDS else []
    for d, bias in low + HIGHER_SETTINGS:
        X = HIGHER_KINDS[kind](rng, d)
        centred = X - X[0] if bias else X
        patterns = as_set(activation_patterns(X, bias))
        W = rng.normal(size=(4000, d))
        b = -(W * centred[rng.integers(len(X), size=4000)]).sum(axis=1) * rng.choice([1, 0.5], size=4000)
        pre = centred @ W.T + (b + rng.normal(size=4000) * 10 ** rng.uniform(-4, 1, size=4000)) * bias
        clear = np.all((np.abs(pre) > 1e-9) | ~(X.any(axis=1) | bias)[:, None], axis=0)
        assert as_set(pre.T[clear]) <= patterns


def test_known_degenerate_counts():
    assert len(activation_patterns([[1.0, 2.0]] * 5)) == 2
    assert len(activation_patterns([[k, 3 * k] for k in range(6)])) == 12  # a line: as in d = 1
    assert len(activation_patterns([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [0.0, 0.0]], bias=False)) == 4
    assert activation_patterns([[0.0, 0.0]], bias=False).tolist() == [[False]]


# --- refusals ---------------------------------------------------------------------------------------------


def test_unattained_and_malformed_problems_are_refused():
    X, y = np.ones((3, 2)), np.ones(3)
    with pytest.raises(ValueError, match="not attained"):
        arrangement_optimum(X, y, 0.1, loss="logistic")
    assert arrangement_optimum(X, y, 0.1, loss="logistic", bias=False) > 0
    assert arrangement_optimum(X, y, 0.1, loss="hinge") == 0
    with pytest.raises(ValueError, match="too large beyond 5"):
        arrangement_optimum(np.ones((3, 5)), y, 0.1)
    with pytest.raises(ValueError, match="beta"):
        arrangement_optimum(X, y, 0.0)
    with pytest.raises(ValueError, match="hinge needs y"):
        arrangement_optimum(X, 2 * y, 0.1, loss="hinge")


# --- the table of cases -----------------------------------------------------------------------------------


def assert_same_cases(cases, again):
    for a, b in zip(cases, again, strict=True):
        assert a.name == b.name
        assert np.array_equal(a.X, b.X)
        assert np.array_equal(a.y, b.y)
        assert a.beta == b.beta


def test_cases_are_deterministic_small_and_cross_everything():
    cases, again = all_cases(400, seed=0), all_cases(400, seed=0)
    assert len(cases) == 400
    assert len(again) == 400
    assert_same_cases(cases, again)
    assert all(len(c.X) <= 8 and c.X.shape[1] in (1, 2) and c.beta > 0 for c in cases)
    assert len({(c.X.shape[1], c.norm, c.bias, c.loss) for c in cases}) == 32
    assert {c.name.split("-")[0] for c in cases} == set(KINDS)
    for case in cases:
        if case.loss in ("logistic", "hinge"):
            assert set(case.y) <= {-1.0, 1.0}


def test_higher_cases_are_a_deterministic_stream_in_three_and_four_features():
    cases, again = higher_cases(400, seed=0), higher_cases(200, seed=0)
    assert len(cases) == 400
    assert_same_cases(cases[:200], again)
    assert len({c.name for c in cases}) == 400
    assert {c.name for c in cases}.isdisjoint({c.name for c in higher_cases(200, seed=1)})
    assert len({(c.X.shape[1], c.norm, c.bias, c.loss) for c in cases}) == 32
    assert {c.name.split("-")[0] for c in cases} == set(HIGHER_KINDS)
    assert {len(c.y) for c in cases} == set(range(1, 9))
    assert np.mean([len(c.y) >= 6 for c in cases]) > 0.7
    assert {c.X.shape[1] for c in cases} == {3, 4}
