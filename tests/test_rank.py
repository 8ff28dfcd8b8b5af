"""Data of low rank, and principal components (p = 2): the problem in the span of the data is the problem (Lemma 18)."""

import numpy as np
import pytest

import bladenet as bn
from bladenet.certificate import lower_bound_of, objective_of
from bladenet.pricing import PrefixSums, choose_pricer
from oracle import arrangement_optimum

GLOBAL = bn.Status.GLOBAL
with_and_without_bias = pytest.mark.parametrize("bias", [True, False])


def embedded(T, d, rng):
    """The samples T (n, r) turned into d features, lengths and angles unchanged."""
    return T @ np.linalg.qr(rng.normal(size=(d, d)))[0][: T.shape[1]]


def check_neurons(fit):
    """The network acts on the original features, and its blades say the same neurons."""
    X, problem = fit.problem.X, fit.problem
    f = np.maximum(X @ fit.network.weights.T + fit.network.biases, 0.0) @ fit.network.amplitudes + fit.network.intercept
    np.testing.assert_allclose(fit.network.predict(X), f, rtol=1e-12, atol=1e-12)
    assert objective_of(problem, fit.network) == fit.certificate.objective
    assert lower_bound_of(problem, fit.proof) == pytest.approx(fit.certificate.lower_bound, rel=1e-9)
    for blade, weight, offset in zip(fit.blades, fit.network.weights, fit.network.biases, strict=True):
        w, b = blade.neuron(X, 2, problem.bias)
        np.testing.assert_allclose(w, weight, atol=1e-12)
        assert b == pytest.approx(offset, rel=1e-12, abs=1e-12)
        assert np.linalg.norm(w) == pytest.approx(1.0, rel=1e-12)
        size = 1.0 + np.abs(X).max()
        assert np.abs(X[list(blade.samples)] @ w + b).max(initial=0.0) <= 1e-9 * size, "it passes through its samples"
    span = X - X.mean(axis=0) * problem.bias
    outside = fit.network.weights - fit.network.weights @ np.linalg.pinv(span, rcond=1e-9) @ span
    assert np.abs(outside).max(initial=0.0) <= 1e-7, "no weight points where the data do not reach"


@with_and_without_bias
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize(("r", "d"), [(1, 2), (1, 4), (2, 3), (2, 7)])
def test_low_rank_is_the_problem_of_its_span(r, d, loss, bias):
    # guards the basis: same objective as in r features, for the network in d features
    rng = np.random.default_rng([r, d, bias])
    T = rng.normal(size=(12, r))
    y = np.abs(T[:, 0]) + 0.3 * rng.normal(size=12)
    y = np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else y
    settings = {"beta": 0.2, "bias": bias, "loss": loss, "tol": 1e-7}
    X = embedded(T, d, rng) + (rng.normal(size=d) * 5.0 if bias else 0.0)
    whole, small = bn.train(X, y, **settings), bn.train(T, y, **settings)
    assert whole.problem.standard.points.shape[1] == r
    assert whole.certificate.status is small.certificate.status is GLOBAL
    assert whole.certificate.objective == pytest.approx(small.certificate.objective, rel=2e-7)
    assert len(whole.network)
    check_neurons(whole)


@pytest.mark.parametrize("offset", [1e2, 1e4, -1e9])
def test_repeated_and_constant_columns_add_nothing(offset):
    # guards columns that look like features: [T, T, c] is √2 T
    rng = np.random.default_rng(1)
    T, y = np.round(rng.normal(size=(10, 2)), 2), rng.normal(size=10)
    X = np.column_stack([T, T, np.full(10, 3.0)]) + offset
    T = X[:, :2] - offset  # with the rounding that a large offset leaves
    whole, small = (bn.train(Z, y, beta=0.2, tol=1e-6) for Z in (X, np.sqrt(2.0) * T))
    assert whole.problem.standard.points.shape[1] == 2
    assert whole.certificate.status is GLOBAL
    assert whole.certificate.objective == pytest.approx(small.certificate.objective, rel=2e-6)
    check_neurons(whole)


@with_and_without_bias
def test_fewer_samples_than_features(bias):
    # guards d > n: three samples in fifty features span a plane (bias) or a space of three (none)
    rng = np.random.default_rng([2, bias])
    X, y = rng.normal(size=(3, 50)), np.array([1.0, -2.0, 0.5])
    fit = bn.train(X, y, beta=0.5, bias=bias)
    rank = 3 - bias
    assert fit.problem.standard.points.shape == (3, rank)
    U, s, _ = np.linalg.svd(X - X.mean(axis=0) * bias, full_matrices=False)
    expected = arrangement_optimum((U * s)[:, :rank], y, 0.5, norm=2, bias=bias)
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective == pytest.approx(expected, rel=1e-6)
    check_neurons(fit)


@with_and_without_bias
def test_one_sample_and_equal_samples(bias):
    # guards data that span nothing
    for X, y in (([[1.0, 2.0, 3.0]], [2.0]), ([[1.0, 2.0, 3.0]] * 2, [1.0, 3.0])):
        fit = bn.train(X, y, beta=0.1, bias=bias)
        assert fit.problem.standard.points.shape == (1, 1)
        assert fit.certificate.status is GLOBAL
        expected = arrangement_optimum([X[0]], [2.0], 0.1 / len(X), norm=2, bias=bias) * len(X)
        spread = 0.5 * np.sum((np.array(y) - 2.0) ** 2)
        assert fit.certificate.objective == pytest.approx(expected + spread, rel=1e-6, abs=1e-12)
        check_neurons(fit)


@with_and_without_bias
def test_the_one_norm_keeps_its_axes(bias):
    # guards p = 1 against a rotation that would change the penalty: low rank goes only where features repeat
    rng = np.random.default_rng([3, bias])
    y = rng.normal(size=6)
    for X, features in ((embedded(rng.normal(size=(6, 2)), 3, rng), 3), (embedded(rng.normal(size=(6, 1)), 3, rng), 1)):
        fit = bn.train(X, y, beta=0.2, norm=1, bias=bias)
        assert fit.problem.standard.points.shape[1] == features
        assert fit.certificate.status is GLOBAL
        assert fit.certificate.objective == pytest.approx(arrangement_optimum(X, y, 0.2, norm=1, bias=bias), rel=1e-6)


@with_and_without_bias
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("most", [None, 1, 2])
def test_the_one_norm_leaves_out_features_that_repeat_others(most, loss, bias):
    # guards the selection: the largest of proportional features says it all, and blades name it as the user does
    rng = np.random.default_rng([6, bias])
    T, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    y = np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else y
    shift = 3.0 * bias  # constants are offsets, where there are any
    kept = [2, 4]
    X = np.column_stack([np.full(12, shift), -0.5 * T[:, 0] + shift, T[:, 0], 0.25 * T[:, 1], T[:, 1] - shift, T[:, 1]])
    settings = {"beta": 0.1, "norm": 1, "bias": bias, "loss": loss, "max_interaction": most, "tol": 1e-8}
    whole, small = bn.train(X, y, **settings), bn.train(X[:, kept], y, **settings)
    basis = whole.problem.standard.basis
    np.testing.assert_array_equal(basis.toarray(), np.eye(6)[:, kept])
    assert small.problem.standard.basis is None
    assert whole.certificate.status is small.certificate.status is GLOBAL
    assert whole.certificate.objective == pytest.approx(small.certificate.objective, rel=2e-8)
    assert len(whole.network) > 1
    assert not np.delete(whole.network.weights, kept, axis=1).any()
    for blade, weight, offset in zip(whole.blades, whole.network.weights, whole.network.biases, strict=True):
        assert set(np.flatnonzero(weight)) <= set(blade.coordinates) <= set(kept)
        w, b = blade.neuron(X, 1, bias)
        np.testing.assert_allclose(w, weight, atol=1e-12)
        assert b == pytest.approx(offset, rel=1e-12, abs=1e-12)
        assert np.abs(w).sum() == pytest.approx(1.0, rel=1e-12)
        assert np.abs(X[list(blade.samples)] @ w + b).max(initial=0.0) <= 1e-9 * (1 + shift)
    if loss == "squared" and most != 1:  # with two features left, 2 and None are the same problem
        expected = arrangement_optimum(X[:, kept], y, 0.1, norm=1, bias=bias)
        assert whole.certificate.objective == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("distance", [1e-3, 1e-6])
def test_the_one_norm_keeps_features_that_nearly_repeat_others(distance):
    # guards a lower bound above the truth: what differs from a multiple stays, or is paid for
    rng = np.random.default_rng(7)
    T, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    X = np.column_stack([T, T[:, 0] + distance * rng.normal(size=6)])
    fit = bn.train(X, y, beta=0.1, norm=1, tol=1e-7)
    truth = arrangement_optimum(X, y, 0.1, norm=1, bias=True)
    assert fit.certificate.lower_bound <= truth * (1 + 1e-7)
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective == pytest.approx(truth, rel=1e-6)


@with_and_without_bias
def test_vertices_only_on_a_plane_in_space(bias):
    # guards blades of samples that lie in a plane: the restricted optimum is that of the plane, bound included
    rng = np.random.default_rng([4, bias])
    T, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    whole, small = (bn.train(X, y, beta=0.1, bias=bias, vertices_only=True, tol=1e-7) for X in (embedded(T, 4, rng), T))
    assert whole.certificate.status is small.certificate.status is bn.Status.RESTRICTED
    assert whole.certificate.objective == pytest.approx(small.certificate.objective, rel=1e-6)
    assert whole.certificate.lower_bound == pytest.approx(small.certificate.lower_bound, rel=1e-4)
    assert whole.certificate.factor == pytest.approx(small.certificate.factor, rel=1e-9)
    check_neurons(whole)


# --- principal components --------------------------------------------------------------------------------------


@with_and_without_bias
@pytest.mark.parametrize("loss", ["squared", "hinge"])
@pytest.mark.parametrize("flatness", [1.0, 1e-2, 1e-6])
def test_components_prove_a_bound_for_all_features(flatness, loss, bias):
    # guards `lost`: the lower bound holds for the full problem, and is close where little is lost
    for components in (1, 2):
        rng = np.random.default_rng([5, components, bias])
        X = rng.normal(size=(8, 3)) * [1.0, 1.0 if components == 2 else flatness, flatness]
        y = X[:, 0] * 2.0 + np.abs(rng.normal(size=8))
        y = np.where(y > np.median(y), 1.0, -1.0) if loss == "hinge" else y
        settings = {"bias": bias, "loss": loss}
        fit = bn.train(X, y, beta=0.2, n_components=components, **settings)
        assert fit.problem.standard.points.shape[1] == components
        truth = arrangement_optimum(X, y, 0.2, norm=2, **settings)
        certificate = fit.certificate
        assert certificate.lower_bound <= truth * (1 + 1e-9)
        assert certificate.objective >= truth * (1 - 1e-7)
        assert certificate.lower_bound >= truth * (1 - 100 * flatness)
        assert (certificate.status is GLOBAL) == (certificate.gap <= certificate.tol)
        check_neurons_in_components(fit, components)


def check_neurons_in_components(fit, components):
    rank = np.linalg.matrix_rank(fit.network.weights, tol=1e-9) if len(fit.network) else 0
    assert rank <= components
    assert objective_of(fit.problem, fit.network) == fit.certificate.objective


def test_no_factor_is_claimed_for_blades_of_projected_samples():
    # on a line every vertex is optimal: the factor 1 of the projections was said of networks that read all features
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 3))
    y = np.abs(X @ [1.0, -1.0, 0.5])
    cut, whole = (bn.train(X, y, beta=0.05, vertices_only=True, n_components=k).certificate for k in (1, 3))
    assert cut.factor is None
    assert "within a factor" not in cut.advice
    assert bn.train(X, y, beta=0.05).certificate.lower_bound >= whole.factor * whole.objective


@with_and_without_bias
def test_all_components_are_no_restriction(bias):
    # guards n_components ≥ rank, which must change nothing
    rng = np.random.default_rng([6, bias])
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    fits = [bn.train(X, y, beta=0.1, bias=bias, n_components=count) for count in (None, 2, 10)]
    assert {fit.certificate.status for fit in fits} == {GLOBAL}
    assert len({fit.certificate.objective for fit in fits}) == 1
    assert all(fit.problem.standard.basis is None for fit in fits)


@with_and_without_bias
def test_the_first_component_is_trained_to_its_optimum(bias):
    # guards the search in one component, whose points are not sorted: as good as training on their coordinates
    for seed in range(5):
        rng = np.random.default_rng([7, seed, bias])
        X = rng.normal(size=(15, 3)) @ rng.normal(size=(3, 3))
        y = rng.normal(size=15)
        fit = bn.train(X, y, beta=0.2, bias=bias, n_components=1, tol=1e-7)
        form = fit.problem.standard
        assert isinstance(choose_pricer(form), PrefixSums)
        line = bn.train((X - form.centre) @ form.basis, y, beta=0.2, bias=bias, tol=1e-7)
        assert line.certificate.status is GLOBAL
        assert fit.certificate.objective == pytest.approx(line.certificate.objective, rel=2e-7)
