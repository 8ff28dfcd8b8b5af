"""Piecewise-linear fits: against all partitions by a QP solver, against textbook least squares, and as users come."""

import pickle
from itertools import product

import clarabel
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import (
    check_estimators_nan_inf,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
)

import bladenet as bn
from bladenet.fewest_segments import penalty

SETTINGS = clarabel.DefaultSettings()
SETTINGS.verbose = False
SETTINGS.tol_gap_abs = SETTINGS.tol_gap_rel = SETTINGS.tol_feas = 1e-10


def squares_of(x, y, w, runs, signs, met):
    """The least Σ w (f − y)² of a line for each run; neighbours cross in the gap between them where sign is not 0."""
    size = 2 * len(runs)
    P, q, equal, right, below = np.zeros((size, size)), np.zeros(size), [], [], []
    for j, (first, end) in enumerate(runs):
        for i in range(first, end):
            row = np.zeros(size)
            row[2 * j : 2 * j + 2] = 1.0, x[i]
            if i in met:
                equal.append(row)
                right.append(y[i])
            else:
                P += 2.0 * w[i] * np.outer(row, row)
                q -= 2.0 * w[i] * y[i] * row
    for j, sign in enumerate(signs):
        for side, at in ((1, runs[j][1] - 1), (-1, runs[j][1])):
            row = np.zeros(size)
            row[2 * j : 2 * j + 4] = 1.0, x[at], -1.0, -x[at]
            below += [-sign * side * row] if sign else []
    rows = sparse.csc_matrix(np.array(equal + below).reshape(-1, size))
    cones = [clarabel.ZeroConeT(len(equal)), clarabel.NonnegativeConeT(len(below))]
    values = np.r_[right, np.zeros(len(below))]
    solved = clarabel.DefaultSolver(sparse.csc_matrix(np.triu(P)), q, rows, values, cones, SETTINGS).solve()
    if str(solved.status) != "Solved":
        return np.inf
    loose = [i for i in range(len(x)) if i not in met]
    return solved.obj_val + w[loose] @ y[loose] ** 2


def least_squares_of(x, y, w, k, met=()):
    """The same over all partitions, signs, and gaps with two kinks, which join any two lines."""
    best = np.inf
    for kinks in product((0, 1, 2), repeat=len(x) - 1):
        if sum(kinks) < k:
            cuts = [i + 1 for i, here in enumerate(kinks) if here]
            runs = list(zip([0, *cuts], [*cuts, len(x)], strict=True))
            for signs in product(*[(1, -1) if here == 1 else (0,) for here in kinks if here]):
                best = min(best, squares_of(x, y, w, runs, signs, met))
    return best


def assert_optimal(model, best):
    proven = model.certificate_
    assert proven.lower_bound <= 0.5 * best * (1.0 + 1e-7) + 1e-9
    assert proven.objective == pytest.approx(0.5 * best, rel=1e-6, abs=1e-9)
    assert proven.status is bn.Status.GLOBAL


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_no_partition_does_better(k, seed):
    # guards the proof: a false GLOBAL is the worst bug
    rng = np.random.default_rng(seed)
    x = np.arange(6.0) + rng.uniform(-0.3, 0.3, 6)
    y = rng.normal(size=6) if seed % 2 else np.round(2.0 * rng.normal(size=6))
    w = rng.uniform(0.3, 2.0, 6)
    model = bn.PiecewiseLinear(k).fit(x, y, w)
    assert_optimal(model, least_squares_of(x, y, w, k))
    assert model.n_segments_ <= k
    assert model.certificate_.objective == pytest.approx(0.5 * w @ (model.predict(x) - y) ** 2, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_points_are_met_at_the_least_cost(seed):
    # guards through=: the bound is of an augmented Lagrangian, the fit exact
    rng = np.random.default_rng(seed)
    x, y = np.arange(6.0), rng.normal(size=6)
    model = bn.PiecewiseLinear(3, through=[(1.5, 0.5), (5.0, -1.0)], tol=1e-4).fit(x, y)
    assert model.predict([1.5, 5.0]) == pytest.approx([0.5, -1.0], abs=1e-9)
    # the row at 5 costs the same wherever the fit goes through (5, −1)
    places, targets = np.r_[0.0, 1.0, 1.5, 2.0:6.0], np.r_[y[:2], 0.5, y[2:5], -1.0]
    best = least_squares_of(places, targets, np.ones(7), 3, met=(2, 6)) + (y[5] + 1.0) ** 2
    assert model.certificate_.lower_bound <= 0.5 * best * (1.0 + 1e-7)
    assert model.certificate_.objective == pytest.approx(0.5 * best, rel=1e-4)
    assert model.certificate_.status is bn.Status.GLOBAL


def test_repeated_rows_weights_and_zero_weights():
    # guards the merging of rows
    rng = np.random.default_rng(0)
    x, y, times = np.round(rng.uniform(0, 4, 30), 1), rng.normal(size=30), rng.integers(0, 3, 30)
    weighted = bn.PiecewiseLinear(3).fit(x, y, times)
    repeated = bn.PiecewiseLinear(3).fit(np.repeat(x, times), np.repeat(y, times))
    assert weighted.certificate_.objective == pytest.approx(repeated.certificate_.objective, rel=1e-9)
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), atol=1e-7)


@pytest.mark.parametrize("k", [2, 5, 9])
def test_exact_data_are_found_exactly(k):
    # guards degenerate problems: ties everywhere, kinks that are not needed, more segments than rows have gaps
    x = np.arange(8.0)
    model = bn.PiecewiseLinear(k).fit(x, np.abs(x - 3.5))
    np.testing.assert_allclose(
        model.predict([-1.0, 3.5, 9.0]), [4.5, 0.0, 5.5] if k < 9 else model.predict([-1, 3.5, 9])
    )
    assert model.certificate_.objective < 1e-20
    assert model.certificate_.status is bn.Status.GLOBAL
    np.testing.assert_allclose(model.predict(x), np.abs(x - 3.5), atol=1e-9)


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [0.0, 1.0, 2.0], [1.0] * 9])
def test_few_and_straight_data(values):
    x = np.arange(float(len(values)))
    model = bn.PiecewiseLinear(3).fit(x, values)
    assert model.n_segments_ <= 2
    np.testing.assert_allclose(model.predict(x), values, atol=1e-12)
    assert model.certificate_.status is bn.Status.GLOBAL
    same = bn.PiecewiseLinear(3).fit(np.ones(4), [0.0, 1.0, 2.0, 3.0])
    assert same.predict([7.0]) == pytest.approx([1.5])


def hinges(x, breakpoints):
    return np.column_stack([np.ones(len(x)), x, *(np.maximum(x - kink, 0.0) for kink in breakpoints)])


def test_given_breakpoints_are_least_squares_with_standard_errors():
    # guards the closed form against the textbook's
    rng = np.random.default_rng(1)
    x, w = rng.uniform(0, 10, 60), rng.uniform(0.5, 2.0, 60)
    y = np.abs(x - 4.0) + rng.normal(size=60)
    model = bn.PiecewiseLinear(breakpoints=[0.0, 3.0, 6.5, 10.0]).fit(x[:, None], y, w)  # ends as pwlf has them
    design = hinges(x, [3.0, 6.5])
    inverse = np.linalg.inv(design.T @ (w[:, None] * design))
    solution = inverse @ design.T @ (w * y)
    scale = w @ (y - design @ solution) ** 2 / (60 - 4)
    changes = np.tril(np.ones((3, 3)))  # slopes are sums of changes
    slope = np.hstack([np.zeros((3, 1)), changes])
    np.testing.assert_allclose(model.slopes_, slope @ solution, rtol=1e-8)
    np.testing.assert_allclose(model.slope_errors_, np.sqrt(np.diag(slope @ inverse @ slope.T) * scale), rtol=1e-8)
    start = np.array([[1.0, 0, 0, 0], [1.0, 0, -3.0, 0], [1.0, 0, -3.0, -6.5]])
    np.testing.assert_allclose(model.intercepts_, start @ solution, rtol=1e-8)
    np.testing.assert_allclose(model.intercept_errors_, np.sqrt(np.diag(start @ inverse @ start.T) * scale), rtol=1e-8)
    np.testing.assert_allclose(model.network_.predict(x[:, None]), design @ solution, rtol=1e-8)


def test_errors_of_kinks_that_were_found():
    # guards the derivatives in the kinks against differences of the fitted function
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 10, 200))
    y = np.abs(x - 4.0) + 0.3 * rng.normal(size=200)
    model = bn.PiecewiseLinear(2).fit(x, y)
    (kink,), (first, second) = model.breakpoints_, model.slopes_
    height = model.predict([kink])[0]

    def outputs(parameters):
        at, value, left, right = parameters
        return value + np.where(x < at, left, right) * (x - at)

    best = np.array([kink, height, first, second])
    moves = 1e-6 * np.eye(4)
    jacobian = np.column_stack([(outputs(best + move) - outputs(best - move)) / 2e-6 for move in moves])
    errors = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * np.sum((y - outputs(best)) ** 2) / 196)
    np.testing.assert_allclose(np.r_[model.breakpoint_errors_, model.slope_errors_], errors[[0, 2, 3]], rtol=1e-4)
    assert abs(kink - 4.0) < 4 * errors[0]


@pytest.fixture(scope="module")
def motorcycle():
    data = bn.datasets.load_motorcycle()
    return data.frame[["time_ms"]], data.frame["acceleration_g"]


def test_the_fewest_segments_within_the_tolerance(motorcycle):
    # guards the claim on both sides: the objective recomputed, and the bound that of a training that knows no segments
    X, y = motorcycle
    model = bn.PiecewiseLinear(alpha=0.05, tolerance=0.05).fit(X, y)
    scaled = ((X - X.mean()) / X.std(ddof=0)).to_numpy()
    fit = bn.train(scaled, y, beta=0.05 * len(y), tol=1e-8)
    unit, x = X.to_numpy().std(), X.to_numpy()[:, 0]
    nodes = np.r_[x.min(), model.breakpoints_, x.max()]
    objective = 0.5 * np.sum((model.predict(X) - y) ** 2) + 0.05 * len(y) * unit * penalty(nodes, model.predict(nodes))
    assert model.certificate_.objective == pytest.approx(objective, rel=1e-9)
    assert model.certificate_.lower_bound == pytest.approx(fit.certificate.lower_bound, rel=1e-6)
    assert fit.certificate.lower_bound <= objective <= 1.05 * fit.certificate.objective * (1 + 1e-6)
    assert model.certificate_.needed <= model.n_segments_ < len(fit.network)


def test_the_penalty_is_that_of_a_trained_network():
    # guards the closed form of the penalty, which decides what counts as near
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 5, 12))
    for trend in (0.0, 3.0, -20.0):
        fit = bn.train(x[:, None], rng.normal(size=12) + trend * x, beta=0.5, tol=1e-10)
        assert penalty(x, fit.network.predict(x[:, None])) == pytest.approx(fit.network.penalty(2), rel=1e-6)


def test_fewest_passes_through_points(motorcycle):
    X, y = motorcycle
    model = bn.PiecewiseLinear(alpha=0.05, tolerance=0.1, through=[(0, 0), (60, 10)]).fit(X.to_numpy()[:, 0], y)
    assert model.predict([0.0, 60.0]) == pytest.approx([0.0, 10.0], abs=1e-7)
    assert model.certificate_.lower_bound <= model.certificate_.objective <= 1.101 * model.certificate_.lower_bound


def test_what_users_see(motorcycle):
    X, y = motorcycle
    model = bn.PiecewiseLinear(4).fit(X, y)
    assert list(model.feature_names_in_) == ["time_ms"]
    assert 2.0 * model.certificate_.objective == pytest.approx(67688.6245, rel=1e-6)
    lines = model.summary().splitlines()
    assert lines[0] == "PiecewiseLinear: 4 segments on time_ms"
    assert len(lines) == 7
    assert "between rows" in lines[3]
    low, high = model.breakpoint_rows_[0]
    assert X.iloc[low, 0] < model.breakpoints_[0] < X.iloc[high, 0]
    axes = model.plot(X, y)
    assert axes.get_xlabel() == "time_ms"
    drawn = axes.lines[0].get_xydata()
    np.testing.assert_allclose(drawn[:, 1], model.predict(drawn[:, 0]), rtol=1e-9)


def test_large_data_have_an_honest_gap():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 6000)
    y = np.abs(x - 4.0) + 0.5 * rng.normal(size=6000)
    model = bn.PiecewiseLinear(2).fit(x, y)
    assert model.certificate_.lower_bound <= 0.5 * np.sum((y - np.abs(x - 4.0)) ** 2)
    assert 0.0 < model.certificate_.gap < 0.02
    assert model.breakpoints_ == pytest.approx([4.0], abs=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_segments": 0}, "at least 1, or 'fewest', got 0"),
        ({"n_segments": 2.5}, "got 2.5"),
        ({"n_segments": 3, "breakpoints": [1.0]}, "leave out one of the two"),
        ({"breakpoints": [[1.0]]}, "list of numbers"),
        ({"through": [(1, 2), (1, 3)]}, "y=2 and y=3 at the same x=1"),
        ({"through": [1, 2]}, "list of points"),
        ({"breakpoints": [2.0], "through": [(0, 0), (1, 1), (1.5, 0)]}, r"\(1.5, 0\) in the segment from 0 to 2"),
        ({"n_segments": 1, "through": [(0, 0), (1, 1), (2, 0)]}, "line does not pass through all"),
        ({"breakpoints": [2.1, 2.2, 2.3, 2.4]}, "leave out breakpoints"),
        ({"alpha": -1.0}, "alpha must be"),
        ({"tolerance": 0}, "tolerance must be"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        bn.PiecewiseLinear(**settings).fit(np.arange(6.0), [0.0, 1.0, 0.0, 2.0, 1.0, 1.0])


def test_at_home_in_scikit_learn():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0, 10, (60, 1)), rng.normal(size=60)
    for check in (check_parameters_default_constructible, check_no_attributes_set_in_init, check_estimators_nan_inf):
        check("PiecewiseLinear", bn.PiecewiseLinear(2))
    model = clone(bn.PiecewiseLinear(2, tol=1e-4)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X[:, 0]))
    assert cross_val_score(bn.PiecewiseLinear(2), X, np.abs(X[:, 0] - 5.0), cv=3).min() > 0.99
    with pytest.raises(ValueError, match="one column, and X has 2"):
        model.fit(np.hstack([X, X]), y)
