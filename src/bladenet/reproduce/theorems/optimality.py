"""Sections 2.3 and 6.12, Lemmas 20 and 21: duals without a gap, and the best scales of neurons."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from scipy.optimize import linprog, minimize_scalar

from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.reproduce.convex_programs import best_network, lasso, lasso_dual
from bladenet.reproduce.enumeration import all_neurons, directions, hidden
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.data import KINDS, regressions, signs
from bladenet.reproduce.theorems.exact_networks import BETA, TOL
from bladenet.reproduce.theorems.rows import Row, changed, of_proofs, of_scales
from bladenet.training import train

SEED = 5
TRIED = 20_000
NEURONS = 50


def strong_duality() -> Claim:
    """The dual of the network problem."""
    rng = np.random.default_rng(SEED)
    worst, reached, count = 0.0, 0.0, 0
    for norm in (1, 2):
        for bias in (False, True):
            for _, X, y in regressions(8, 2, SEED):
                fit = train(X, y, beta=BETA, norm=norm, bias=bias, tol=TOL)
                v = fit.proof.dual * min(1.0, BETA / fit.proof.bound)
                best = best_network(X, y, BETA, norm=norm, bias=bias).value
                there = _largest_value(X, v, norm, bias, rng)
                promised = fit.proof.bound * min(1.0, BETA / fit.proof.bound)
                worst = largest(worst, off(_dual_value(v, y), best), float(abs(v.sum())) * bias, there / promised - 1.0)
                reached = largest(reached, there / BETA)
                count += 1
    return Claim(
        "Section 2.3",
        "the network problem and its convex dual (5), −ℓ*(v) at its largest, have the same value, and |Σ v_i (w·x_i + "
        "b)_+| ≤ β for unit neurons",
        f"dual variables of train at {TRIED:,} random neurons and all through samples, their −v·y − ½‖v‖² against the "
        f"arrangement program: {count} problems, n = 8, d = 2, p = 1, 2, with and without biases",
        largest(worst, reached - 1.0),
        remark=f"Tried neurons reach {reached:.7f} β at most. With biases Σ v = 0 must be added (proof of "
        "Theorem 1). v has the sign of the loss's slope, f(X) − y.",
    )


def lemma_20() -> Claim:
    """The dual of a Lasso."""
    return _lasso_dual("Lemma 20", bias=False)


def lemma_21() -> Claim:
    """The same with a free intercept."""
    return _lasso_dual("Lemma 21", bias=True)


def _lasso_dual(name: str, bias: bool) -> Claim:
    worst, count = 0.0, 0
    for _, X, y in regressions(9, 2, SEED):
        K = hidden(X, all_neurons(X, 1, bias))
        squared = lasso(K, y, BETA, bias=bias).value
        worst = largest(worst, off(lasso_dual(K, y, BETA, bias=bias), squared))
        hinge = lasso(K, signs(y), BETA, bias=bias, loss="hinge").value
        worst, count = largest(worst, off(_hinge_dual(K, signs(y), bias), hinge)), count + 2
        v = train(X, y, beta=BETA, norm=1, bias=bias, tol=TOL).proof.dual
        worst = largest(worst, off(_dual_value(v, y), squared), np.abs(K.T @ v).max() / BETA - 1.0, bias * abs(v.sum()))
    return Claim(
        name,
        f"the dual of a Lasso{' with a free intercept' * bias}: −ℓ*(v) at its largest with |Kᵀv| ≤ β"
        + " and Σ v = 0" * bias,
        f"primal and dual solved apart (Clarabel; hinge dual: HiGHS), and the dual variables of train(norm=1): {count} "
        f"problems ({', '.join(KINDS)}), n = 9, squared and hinge loss",
        worst,
    )


def best_scales() -> Claim:
    """Section 6.12."""
    rng = np.random.default_rng(SEED)
    worst, ratio_itself = 0.0, 0.0
    weights, biases, amplitudes = (rng.lognormal(0, 2, size=shape) for shape in ((NEURONS, 3), NEURONS, NEURONS))
    network = ReLUNetwork(weights, biases, amplitudes, 0.0)
    X = rng.normal(size=(20, 3))
    for norm in (1, 2):
        lengths = np.linalg.norm(network.weights, ord=norm, axis=1)
        balanced = network.balanced(norm)
        for w, u, new in zip(lengths, network.amplitudes, balanced.amplitudes, strict=True):

            def cost(t: float, w: float = w, u: float = u) -> float:
                return float(0.5 * (np.exp(2 * t) * w**2 + np.exp(-2 * t) * u**2))

            least = minimize_scalar(cost, bounds=(-20.0, 20.0), method="bounded", options={"xatol": 1e-12}).fun
            worst = largest(worst, abs(cost(float(np.log(u / new))) - least) / least, abs(least - u * w) / least)
            ratio_itself = largest(ratio_itself, cost(float(np.log(u / w))) / least)
        moved = np.abs(balanced.predict(X) - network.predict(X)).max() / np.abs(network.predict(X)).max()
        worst = largest(worst, float(moved))
    return Claim(
        "Section 6.12",
        "the best scale of a neuron is √(|u|/‖w‖): the penalty becomes |u|‖w‖ and the output stays",
        f"{NEURONS} neurons, p = 1, 2: ReLUNetwork.balanced against a search over scales (Brent)",
        worst,
        1e-10,
        remark="The words say “the ratio of the norms”; it is its root: the ratio itself costs up to "
        f"{ratio_itself:.0f} times as much.",
    )


def _dual_value(v: Array, y: Array) -> float:
    """−ℓ*(v) of the squared loss; v is its slope, f(X) − y."""
    return -float(v @ y + 0.5 * v @ v)


def _largest_value(X: Array, v: Array, norm: int, bias: bool, rng: np.random.Generator) -> float:
    """The largest |Σ v_i (w·x_i + b)_+| of random neurons of unit norm, and of all through samples."""
    weights = directions(TRIED, X.shape[1], rng)
    weights /= np.linalg.norm(weights, ord=norm, axis=1, keepdims=True)
    offsets = -(weights * X[rng.integers(len(X), size=TRIED)]).sum(axis=1) if bias else np.zeros(TRIED)
    through = all_neurons(X, norm, bias)
    return max(float(np.abs(hidden(X, neurons).T @ v).max()) for neurons in ((weights, offsets), through))


def _hinge_dual(K: Array, y: Array, bias: bool) -> float:
    """The largest Σ a_i, v = y a, with 0 ≤ a ≤ 1, |Kᵀv| ≤ β and, with a bias, Σ v = 0, as a linear program."""
    sides = np.vstack([K.T * y, -K.T * y])
    equal = (y[None], np.zeros(1)) if bias else (None, None)
    found = linprog(-np.ones(len(y)), sides, np.full(len(sides), BETA), *equal, bounds=(0, 1), method="highs-ds")
    return float(-found.fun)


_HERE = sys.modules[__name__]
_PROOFS = (
    of_proofs(_HERE, "dual: wrong sign", dual=lambda v: -v),
    of_proofs(_HERE, "dual × 1.001", dual=lambda v: 1.001 * v),
    of_proofs(_HERE, "dual is NaN", dual=lambda v: np.nan * v),
)
_DUALS = (
    *_PROOFS,
    changed("dual value × 1.001", _HERE, "lasso_dual", lambda value: 1.001 * value),
    changed("half of the columns", _HERE, "all_neurons", lambda found: (found[0][::2], found[1][::2])),
)
OPTIMALITY = (
    Row("Section 2.3", strong_duality, (*_PROOFS, of_proofs(_HERE, "bound × 0.9", bound=lambda bound: 0.9 * bound))),
    Row("Lemma 20", lemma_20, _DUALS),
    Row("Lemma 21", lemma_21, _DUALS),
    Row(
        "Section 6.12",
        best_scales,
        (
            *of_scales(),
            changed(
                "amplitudes × −3", ReLUNetwork, "balanced",
                lambda found: replace(found, amplitudes=-3.0 * found.amplitudes),
            ),
            changed(
                "weights are NaN", ReLUNetwork, "balanced", lambda found: replace(found, weights=np.nan * found.weights)
            ),
        ),
    ),
)  # fmt: skip
