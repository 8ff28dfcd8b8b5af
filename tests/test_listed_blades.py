"""Blades of samples for several outputs, and interpolation by blades: cvxpy on all lines, by singular vectors."""

from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest

import bladenet as bn
from bladenet.pricing import Clock, ListedBlades
from bladenet.problem import TrainingProblem


def columns(X, bias):
    """Activations (n, m) of all neurons of unit length through samples, both orientations."""
    n, d = X.shape
    found = []
    for S in combinations(range(n), d - 1 + bias):
        rows = X[list(S[1:])] - X[S[0]] if bias else X[list(S)]
        _, sizes, axes = np.linalg.svd(rows.reshape(-1, d))
        if len(rows) and sizes[-1] < 1e-9:
            continue
        a = (X - X[S[0]]) @ axes[-1] if bias else X @ axes[-1]
        found += [np.maximum(a, 0.0), np.maximum(-a, 0.0)]
    return np.array(found).T


def optimum(X, Y, beta, bias):
    """min loss + β Σ ‖z_j‖₂, or for β = 0 the least Σ ‖z_j‖₂ of an exact fit."""
    K = columns(X, bias)
    Z, t = cp.Variable((K.shape[1], Y.shape[1])), cp.Variable((1, Y.shape[1]))
    f = K @ Z + (np.ones((len(X), 1)) @ t if bias else 0.0)
    price = cp.sum(cp.norm(Z, axis=1))
    if beta:
        return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(f - Y) + beta * price)).solve(solver="CLARABEL")
    return cp.Problem(cp.Minimize(price), [f == Y]).solve(solver="CLARABEL")


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["random", "grid", "repeated", "flat"])
@pytest.mark.parametrize("d", [2, 3])
def test_several_outputs(d, kind, bias):
    rng = np.random.default_rng([d, bias])
    X = rng.normal(size=(8, d))
    if kind == "grid":
        X = np.vstack([np.eye(d), rng.integers(-2, 3, size=(8 - d, d))]).astype(float)
    if kind == "repeated":
        X = np.repeat(X[:4], 2, axis=0)
    Y = rng.normal(size=(8, 2))
    whole = X @ np.linalg.qr(rng.normal(size=(5, 5)))[0][:d] if kind == "flat" else X
    fit = bn.train(whole, Y, beta=0.1, bias=bias, vertices_only=True, tol=1e-8)
    assert fit.certificate.objective == pytest.approx(optimum(X, Y, 0.1, bias), rel=1e-6)
    assert fit.certificate.status is bn.Status.RESTRICTED
    everything = bn.train(whole, Y, beta=0.1, bias=bias, tol=1e-6).certificate
    assert fit.certificate.lower_bound <= everything.objective * (1 + 1e-9)
    assert fit.certificate.objective >= everything.lower_bound * (1 - 1e-9)
    assert fit.certificate.factor * fit.certificate.objective <= everything.objective * (1 + 1e-6)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("d", "outputs"), [(2, 1), (2, 2), (3, 2)])
def test_interpolation(d, outputs, bias):
    rng = np.random.default_rng([d, outputs, bias])
    X, Y = rng.normal(size=(7, d)), rng.normal(size=(7, outputs))
    y = Y[:, 0] if outputs == 1 else Y
    fit = bn.train(X, y, beta=0, bias=bias, vertices_only=True, tol=1e-8)
    assert fit.certificate.objective == pytest.approx(optimum(X, Y, 0.0, bias), rel=1e-5)
    assert np.abs(fit.network.predict(X).reshape(7, -1) - Y).max() < 1e-8
    assert all(blade.is_vertex for blade in fit.blades)
    everything = bn.train(X, y, beta=0, bias=bias, tol=1e-4).certificate
    assert fit.certificate.lower_bound <= everything.objective * (1 + 1e-9)


def test_targets_that_no_blades_fit_are_refused():
    # of two samples on a ray every network without a bias makes proportional outputs
    X = np.array([[1.0, 0.0], [2.0, 0.0]])
    with pytest.raises(ValueError, match="are on the same ray"):
        bn.train(X, [1.0, 5.0], beta=0, bias=False, vertices_only=True)


def test_values_of_all_blades_and_a_clock_that_has_stopped():
    rng = np.random.default_rng(0)
    X, v = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    form = TrainingProblem.create(X, rng.normal(size=(9, 2)), beta=1.0, bias=False).standard
    pricer = ListedBlades(form)
    priced = pricer.price(v, 0.0, 0.0, Clock())
    largest = np.linalg.norm(columns(form.points, False).T @ v, axis=1).max()
    assert priced.values[0] == pytest.approx(largest, rel=1e-12)
    assert largest <= priced.bound <= largest * (1 + 1e-9)
    stopped = Clock()
    stopped.interrupt()
    assert pricer.price(v, 0.0, 0.0, stopped).bound == np.inf


def test_too_many_are_refused_before_any_work():
    X = np.random.default_rng(0).normal(size=(400, 3))
    with pytest.raises(ValueError, match="400 points with 3 features have 21,173,600 blades"):
        bn.train(X, np.column_stack([X[:, 0], X[:, 1]]), beta=0.1, vertices_only=True)
