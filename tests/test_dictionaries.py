"""The dictionary: against columns from determinants alone; its Lasso, solved by another solver, against training."""

import tracemalloc
from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

import bladenet as bn
import dictionaries as oracle

BETA = 0.05


def determinant_columns(X, norm, bias):
    """K_ij = det(row_i, a_1, …, a_{d−1})_+ / ‖cofactors‖_p with every anchor, by determinants; small integers only."""
    d, columns = X.shape[1], []
    for anchor in np.unique(X, axis=0) if bias else np.zeros((1, d)):
        rows = X - anchor
        candidates = np.vstack([np.unique(rows, axis=0), np.eye(d)[: d * (norm == 1)]])
        for chosen in combinations(candidates, d - 1):
            edges = np.array(chosen).reshape(d - 1, d)
            cofactors = [(-1) ** c * np.linalg.det(np.delete(edges, c, axis=1)) for c in range(d)]
            length = np.linalg.norm(cofactors, ord=norm)
            if length > 1e-6:  # of integers: 1 at least
                volumes = [np.linalg.det(np.vstack([row, edges])) for row in rows]
                columns += [np.array(volumes) / length, -np.array(volumes) / length]
    return np.maximum(np.array(columns).reshape(-1, len(X)).T, 0.0)


def assert_same_columns(left, right):
    """Each column of one is a column of the other."""
    left, right = (np.hstack([K, np.zeros((len(K), 1))]).T for K in (left, right))  # 0 may be one or not
    apart = cdist(left, right, "chebyshev")
    assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) <= 1e-9 * max(1.0, np.abs(left).max())


def whole_numbers(kind, d):
    rng = np.random.default_rng([d, len(kind)])
    X = rng.integers(-4, 5, (6, d)).astype(float)
    return {
        "general": X,
        "repeated": np.vstack([X[:4], X[:3]]),
        "collinear": np.vstack([X[0] + np.outer(np.arange(4.0), X[1] - X[0]), X[2:4]]),
        "grid": np.array(list(np.ndindex(*[2] * d)), float),
        "with the origin": np.vstack([X[:5], 0.0 * X[:1]]),
        "parallel": np.vstack([X[:4], -2.0 * X[:2]]),
    }[kind]


KINDS = ["general", "repeated", "collinear", "grid", "with the origin", "parallel"]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_the_volumes_of_the_paper(kind, d, norm, bias):
    # guards the enumeration (coordinates and samples instead of samples and axes), signs, lengths and dependent sets
    X = whole_numbers(kind, d)
    if norm == 2 and np.linalg.matrix_rank(X - X[0] * bias) < d:
        pytest.skip("volumes vanish; the test of rank reduction has such data")
    assert_same_columns(bn.dictionary(X, norm, bias).columns(), determinant_columns(X, norm, bias))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("most", [1, 2])
def test_neurons_of_few_features(most, bias):
    X = whole_numbers("general", 4)
    W, b = oracle.few_features(X, most, bias)
    K = bn.dictionary(X, 1, bias, max_interaction=most)
    assert_same_columns(K.columns(), np.maximum(X @ W.T + b, 0.0))
    assert max(np.count_nonzero(K.neurons()[0], axis=1)) == most


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("r", [1, 2, 3])
def test_rank_is_reduced_for_the_2_norm(r, bias):
    # guards Lemma 18 (with a bias: the affine hull), also where rounding alone has further dimensions
    rng = np.random.default_rng(r)
    Z = rng.integers(-4, 5, (7, r)).astype(float)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0][:r]
    X = Z @ turn + 1e4 * bias * rng.normal(size=5)
    K = bn.dictionary(X, 2, bias)
    left, right = (np.hstack([k, np.zeros((7, 1))]).T for k in (K.columns(), determinant_columns(Z, 2, bias)))
    apart = cdist(left, right, "chebyshev")
    assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < (1e-8 if bias else 1e-12)
    weights, offsets = K.neurons()
    span = turn.T @ turn
    np.testing.assert_allclose(weights @ span, weights, atol=1e-8)
    column = int(np.flatnonzero(weights.any(axis=1))[-1])
    assert K.blade(column).pull is not None
    found = K.blade(column).neuron(X, 2, bias)
    assert found[0] == pytest.approx(weights[column], abs=1e-9)
    assert found[1] == pytest.approx(offsets[column], abs=1e-4 if bias else 1e-12)


def test_points_on_lines_but_for_rounding():
    # guards dependence: decimals far from 0 are collinear up to their rounding, which spans no hyperplane
    grid = np.array(list(np.ndindex(3, 3)), float)
    for shift, size in ((1000.0, 0.1), (0.0, 0.1), (1e6, 0.3)):
        for norm in (1, 2):
            exact = bn.dictionary(grid, norm).columns()
            rounded = bn.dictionary(shift + size * grid, norm).columns() / size
            left, right = (np.hstack([K, np.zeros((9, 1))]).T for K in (exact, rounded))
            assert cdist(right, left, "chebyshev").min(axis=1).max() < 1e-8
            assert cdist(left, right, "chebyshev").min(axis=1).max() < 1e-8


def test_units_of_single_features():
    # guards what counts as dependent: the 1-norm dictionary follows each feature's units
    X = whole_numbers("general", 3)
    units = np.array([1e-12, 1.0, 1e12])
    left, right = (bn.dictionary(x, 1).neurons()[0].any(axis=1) for x in (X, X * units))
    np.testing.assert_array_equal(left, right)


# --- blades and networks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_blades_say_which_samples_and_coordinates(d, norm, bias):
    X = whole_numbers("repeated", d)
    K = bn.dictionary(X, norm, bias)
    weights, offsets = K.neurons()
    columns = K.columns()
    np.testing.assert_allclose(np.linalg.norm(weights, ord=norm, axis=1)[weights.any(axis=1)], 1.0)
    for j in range(len(K)):
        if not weights[j].any():
            assert not columns[:, j].any()
            with pytest.raises(ValueError, match=rf"column {j} is 0: .* dependent"):
                K.blade(j)
            continue
        blade = K.blade(j)
        w, b = blade.neuron(X, norm, bias)
        assert w == pytest.approx(weights[j], abs=1e-12)
        assert b == pytest.approx(offsets[j], abs=1e-12)
        assert np.abs(X[list(blade.samples)] @ w + b).max(initial=0.0) < 1e-12
        assert set(np.flatnonzero(w)) <= set(blade.coordinates)
        assert np.maximum(X @ w + b, 0.0) == pytest.approx(columns[:, j], abs=1e-12)


@pytest.mark.parametrize("outputs", [(), (3,)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", [1, 2])
def test_network_of_random_amplitudes(norm, bias, outputs):
    # guards equations (10), (14), (19), (25), (29), (32), (95)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(7, 3))
    K = bn.dictionary(X, norm, bias)
    z = rng.normal(size=(len(K), *outputs)) * (rng.random((len(K), *[1] * len(outputs))) < 0.3)
    t = rng.normal(size=outputs) * bias
    network = K.network(z, t)
    assert len(network) == np.count_nonzero(z.reshape(len(K), -1).any(axis=1))
    np.testing.assert_allclose(network.predict(X), K.columns() @ z + t, atol=1e-12)
    assert network.penalty(norm) == pytest.approx(np.linalg.norm(z.reshape(len(K), -1), axis=1).sum())
    some = np.flatnonzero(z.reshape(len(K), -1).any(axis=1))[::-1]
    np.testing.assert_allclose(K.network(z[some], t, some).predict(X), network.predict(X), atol=1e-12)


def lasso(K, Y, bias):
    """Optimum, amplitudes and intercept of ½‖Kz + t − Y‖² + β Σ‖z_j‖₂ by an interior-point solver; Y (n, c)."""
    z, t = cp.Variable((K.shape[1], Y.shape[1])), cp.Variable((1, Y.shape[1]))
    loss = 0.5 * cp.sum_squares(K @ z + np.ones((len(K), 1)) @ t * float(bias) - Y)
    problem = cp.Problem(cp.Minimize(loss + BETA * cp.sum(cp.norm(z, 2, axis=1))))
    problem.solve(solver=cp.CLARABEL)
    return problem.value, z.value, t.value[0] * bias


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("norm", "d"), [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("kind", ["general", "collinear", "grid"])
def test_lasso_is_the_network_problem(kind, norm, d, bias):
    # guards the meaning of K: z gives a network whose objective is the one that training proves
    X = whole_numbers(kind, d)
    y = np.random.default_rng(0).normal(size=len(X))
    K = bn.dictionary(X, norm, bias)
    optimum, z, t = lasso(K.columns(), y[:, None], bias)
    fit = bn.train(X, y, beta=BETA, norm=norm, bias=bias, vertices_only=norm == 2, tol=1e-8)
    assert fit.certificate.objective == pytest.approx(optimum, rel=1e-6)
    network = K.network(z[:, 0], t[0])
    reached = 0.5 * np.sum((network.predict(X) - y) ** 2) + BETA * network.penalty(norm)
    assert reached == pytest.approx(optimum, rel=1e-6)


def test_lasso_of_several_outputs():
    X = whole_numbers("general", 2)
    Y = np.random.default_rng(1).normal(size=(len(X), 2))
    K = bn.dictionary(X, 1)
    optimum, z, t = lasso(K.columns(), Y, True)
    assert bn.train(X, Y, beta=BETA, norm=1, tol=1e-8).certificate.objective == pytest.approx(optimum, rel=1e-6)
    network = K.network(z, t)
    reached = 0.5 * np.sum((network.predict(X) - Y) ** 2) + BETA * network.penalty(1)
    assert reached == pytest.approx(optimum, rel=1e-6)


# --- numbers of columns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("norm", "bias"), [(1, True), (1, False), (2, True), (2, False)])
def test_blocks_and_single_columns_are_those_of_the_whole(norm, bias):
    K = bn.dictionary(whole_numbers("general", 3), norm, bias)
    whole = K.columns()
    assert K.shape == whole.shape
    blocks = [K.columns(slice(start, start + 7)) for start in range(0, len(K), 7)]
    np.testing.assert_allclose(np.hstack(blocks), whole, atol=1e-15)
    chosen = np.random.default_rng(0).permutation(len(K))[:11]
    np.testing.assert_allclose(K.columns(chosen), whole[:, chosen], atol=1e-15)
    np.testing.assert_allclose(K.columns(-1), whole[:, -1], atol=1e-15)
    assert K.columns([]).shape == (6, 0)


def test_large_data_stay_unbuilt():
    # guards laziness: 10¹⁵ columns are counted, and any of them computed, in the memory of a few copies of X
    X = np.random.default_rng(0).normal(size=(20_000, 3))
    tracemalloc.start()
    K = bn.dictionary(X)
    chosen = [0, len(K) // 3, len(K) - 1]
    columns = K.columns(chosen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(K) == 20_000 * 19_999 * 19_998 // 3
    assert peak < 20 * X.nbytes
    for number, column in zip(chosen, columns.T, strict=True):
        w, b = K.blade(number).neuron(X, 2, True)
        assert column == pytest.approx(np.maximum(X @ w + b, 0.0), abs=1e-11)
    assert K.blade(0).samples == (0, 1, 2)
    assert K.blade(-1).samples == (19_997, 19_998, 19_999)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("norm", [1, 2])
def test_hardly_any_samples(n, norm):
    X = np.arange(3.0 * n).reshape(n, 3)
    for bias in (True, False):
        K = bn.dictionary(X, norm, bias)
        assert K.columns().shape == (n, len(K))
        assert len(bn.dictionary(0.0 * X, norm, bias).columns()) == n


def test_errors_say_what_to_do():
    K = bn.dictionary(np.eye(3))
    many = np.random.default_rng(0).normal(size=(999, 9))
    cases = [
        (lambda: bn.dictionary([1.0, 2.0]), r"shape \(samples, features\), at least one of each, got shape \(2,\)"),
        (lambda: bn.dictionary(np.eye(2), norm=3), "norm must be 1 or 2, got 3"),
        (lambda: bn.dictionary(np.eye(2), max_interaction=1), "max_interaction=1 needs norm=1"),
        (lambda: bn.dictionary(many), r"columns, more than .* bladenet.train"),
        (lambda: K.network(np.ones(5)), rf"z must have shape \({len(K)},\).* got shape \(5,\)"),
        (lambda: bn.dictionary(np.eye(2), bias=False).network(np.ones(4), 1.0), "intercept must be 0 .* got 1.0"),
        (lambda: K.network(np.ones(len(K)), [1.0]), r"intercept must be a number .* got shape \(1,\)"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(IndexError, match=f"no column {len(K)}: the dictionary has {len(K)}"):
        K.columns(len(K))
    with pytest.raises(IndexError, match=r"whole numbers \(m,\), got 0.5"):
        K.columns(0.5)
