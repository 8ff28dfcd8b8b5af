"""Several outputs and several classes: against the group Lasso over all blades, and over dense samples of neurons.

Set BLADENET_OUTPUT_CASES=200 for a long comparison.
"""

import os
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import pytest

import bladenet as bn
from cases import HIGHER_KINDS, KINDS
from dictionaries import l1_rays

COUNT = int(os.environ.get("BLADENET_OUTPUT_CASES", "60"))
NEGLIGIBLE = 1e-10

pytestmark = [
    pytest.mark.sampled,
    pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning"),
]


@dataclass(frozen=True, eq=False)
class Case:
    """One problem; y (n, c) for squared loss, (n,) classes for softmax."""

    name: str
    X: np.ndarray
    y: np.ndarray
    beta: float
    settings: dict

    def __repr__(self) -> str:
        return self.name


def cases(norm, count, seed):
    """Every kind of data once before any twice; one to three features, two to four outputs."""
    made = []
    for number in range(10 * count):
        rng = np.random.default_rng([seed, norm, number])
        kinds = KINDS if number % 3 < 2 else HIGHER_KINDS
        d = 1 + number % 3
        kind = list(kinds)[(number // 3) % len(kinds)]
        X = kinds[kind](rng, d)[:7]
        bias, output_norm, loss = (
            bool(rng.integers(2)),
            int(rng.choice([2, 2, 1])),
            str(rng.choice(["squared", "softmax"])),
        )
        c, n = int(rng.integers(2, 5)), len(X)
        if loss == "squared":
            y = rng.normal(size=(n, c)) * rng.choice([0.1, 1.0, 5.0], size=c)
            if kind == "repeated_samples":
                y[n // 2 : 2 * (n // 2)] = y[: n // 2]
        else:
            y = rng.integers(0, c, size=n)
            if n < 2:
                continue
            y[:2] = [0, 1]
            y = np.unique(y, return_inverse=True)[1]
        reach = np.abs(X - X.mean(axis=0) * bias).sum(axis=1).max()
        size = np.abs(y - y.mean(axis=0)).sum() if loss == "squared" else 0.5 * n
        beta = float(10.0 ** rng.uniform(-2.5, -0.2) * (size * reach if size * reach > 1e-9 else 1.0))
        settings = {"norm": norm, "bias": bias, "loss": loss, "output_norm": output_norm}
        name = f"{kind}-d{d}-n{n}-c{c}-{loss}-q{output_norm}-{'bias' if bias else 'nobias'}-{number}"
        made.append(Case(name, X, y, beta, settings))
        if len(made) == count:
            break
    return [pytest.param(case, marks=pytest.mark.slow) if is_large(case) else case for case in made]


def is_large(case):
    """Neurons of 2-norm in space take longest to bound."""
    return case.settings["norm"] == 2 and case.X.shape[1] == 3 and targets(case).shape[1] > 2


def targets(case):
    """(n, c)."""
    return case.y if case.y.ndim == 2 else np.eye(case.y.max() + 1)[case.y]


def dictionary_optimum(case, W, b):
    """The group Lasso over unit-norm neurons (W, b) given outright."""
    K, Y = np.maximum(case.X @ W.T + b, 0.0), targets(case)
    Z = cp.Variable((len(W), Y.shape[1]))
    F = K @ Z
    if case.settings["bias"]:
        F = F + np.ones((len(Y), 1)) @ cp.Variable((1, Y.shape[1]))
    if case.settings["loss"] == "squared":
        loss = cp.sum_squares(F - Y) / 2
    else:
        loss = cp.sum(cp.log_sum_exp(F, axis=1)) - cp.sum(cp.multiply(Y, F))
    lengths = cp.norm(Z, 2, axis=1) if case.settings["output_norm"] == 2 else cp.norm(Z, 1, axis=1)
    problem = cp.Problem(cp.Minimize(loss + case.beta * cp.sum(lengths)))
    for digits in (1e-10, 1e-8, 1e-6):  # where rounding leaves no ten digits, fewer will do
        try:
            return problem.solve(cp.CLARABEL, tol_gap_abs=digits, tol_gap_rel=digits, tol_feas=digits)
        except cp.SolverError:
            continue
    return problem.solve(cp.SCS, eps_abs=1e-7, eps_rel=1e-7, max_iters=200_000)


def sampled_neurons(X, bias, count, rng):
    """Random directions of 2-norm 1, with the offsets of all samples."""
    directions = rng.normal(size=(count, X.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if not bias:
        return directions, np.zeros(count)
    offsets = -directions @ X.T
    return np.repeat(directions, len(X), axis=0), offsets.ravel()


@pytest.mark.parametrize("case", cases(1, COUNT, seed=1), ids=repr)
def test_one_norm_is_the_group_lasso_over_all_blades(case):
    fit = bn.train(case.X, case.y, beta=case.beta, time_limit=60.0, **case.settings)
    expected = dictionary_optimum(case, *l1_rays(case.X, case.settings["bias"]))
    certificate = fit.certificate
    assert certificate.status is bn.Status.GLOBAL, str(certificate)
    assert certificate.objective == pytest.approx(expected, rel=1e-5, abs=NEGLIGIBLE)


@pytest.mark.parametrize("case", cases(2, COUNT, seed=2), ids=repr)
def test_two_norm_lies_between_its_bound_and_denser_and_denser_dictionaries(case):
    fit = bn.train(case.X, case.y, beta=case.beta, time_limit=60.0, **case.settings)
    certificate = fit.certificate
    assert certificate.status is bn.Status.GLOBAL, str(certificate)
    rng = np.random.default_rng(0)
    sampled = [
        dictionary_optimum(case, *sampled_neurons(case.X, case.settings["bias"], count, rng)) for count in (10, 100)
    ]
    floor = certificate.lower_bound - 1e-5 * abs(certificate.lower_bound) - NEGLIGIBLE
    assert all(value >= floor for value in sampled), (sampled, certificate)
    if certificate.objective > NEGLIGIBLE:
        assert sampled[-1] <= 1.2 * certificate.objective, (sampled, certificate)


@pytest.mark.parametrize(
    ("loss", "output_norm"),
    [
        ("squared", 1),
        ("softmax", 1),
        *(pytest.param(loss, 2, marks=pytest.mark.slow) for loss in ("squared", "softmax")),
    ],
)
def test_weights_are_repeated_rows(loss, output_norm):
    # guards merging: coinciding samples of several outputs, and classes that coincide, count by their weights
    rng = np.random.default_rng(5)
    X = np.round(rng.normal(size=(18, 2)), 1)
    Y = rng.normal(size=(18, 2)) if loss == "squared" else np.arange(18) % 3
    times = np.r_[np.ones(3, dtype=int), rng.integers(0, 4, size=15)]
    settings = {"beta": 0.3, "loss": loss, "output_norm": output_norm, "tol": 1e-7}
    once = bn.train(X, Y, sample_weight=times, **settings)
    repeated = bn.train(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), **settings)
    assert once.certificate.status is repeated.certificate.status is bn.Status.GLOBAL
    assert once.certificate.objective == pytest.approx(repeated.certificate.objective, rel=2e-7)
    np.testing.assert_allclose(once.network.predict(X[times > 0]), repeated.network.predict(X[times > 0]), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("beta", [pytest.param(0.02, marks=pytest.mark.rare), 0.002])
def test_classes_that_are_told_apart(beta):
    # a direction that changes nothing was taken for curvature: the model was not convex, and the gap stayed at 4 %
    rng = np.random.RandomState(0)
    X = 3 * rng.uniform(size=(20, 3))
    fit = bn.train(X, X[:, 0].astype(int), beta=beta, loss="softmax", tol=1e-4)
    assert fit.certificate.status is bn.Status.GLOBAL


@pytest.mark.parametrize("beta", [1e-4, 1e-3])
@pytest.mark.parametrize("d", [1, pytest.param(2, marks=[pytest.mark.slow, pytest.mark.rare])])
def test_near_interpolation_outputs_are_certified_too(beta, d):
    # guards the restricted problem: its curvature squares the condition of the columns, and once hid a gap of 20 %
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(11, d)), rng.normal(size=(11, 3))
        assert bn.train(X, Y, beta=beta).certificate.status is bn.Status.GLOBAL


@pytest.mark.slow
def test_outputs_of_very_different_sizes_are_certified():
    # guards the restricted problem near interpolation: descents crawled, and 20 s left a gap of 90 %
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 2)), rng.normal(size=(12, 3)) * [1.0, 1e4, 1e8]
    fit = bn.train(X, Y, beta=3e-4 * bn.beta_max(X, Y), tol=1e-4)
    assert fit.certificate.status is bn.Status.GLOBAL
