"""Sections 1.2, 2.1 and 6.13: what neurons measure, how many there are, and where their hyperplanes lie."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from bladenet import blades
from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.reproduce.convex_programs import best_network
from bladenet.reproduce.enumeration import directions
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.data import KINDS, regressions
from bladenet.reproduce.theorems.exact_networks import BETA, TOL
from bladenet.reproduce.theorems.returned import distances_from, outputs
from bladenet.reproduce.theorems.rows import Mutant, Row, changed, of_blades, of_fits, of_proofs, of_scales
from bladenet.training import train

SEED = 6
DEPENDENT = 1e-10  # of the largest singular value
TRIED = 200  # weights, and
OFFSETS = 2_000  # offsets for each


def section_1_2() -> Claim:
    """What a layer puts out, and what is needed to build it again."""
    worst, count = 0.0, 0
    for d, n in ((2, 9), (3, 12)):
        for bias in (False, True):
            for _, X, y in regressions(n, d, SEED):
                fit = train(X, y, beta=BETA, bias=bias, vertices_only=True, tol=TOL)
                network, found = fit.network, list(fit.blades)
                f = outputs(network, X)
                size = np.abs(X).max()
                distances = np.array([distances_from(X, blade.samples, bias) for blade in found]).reshape(-1, len(X))
                signed = X @ network.weights.T + network.biases
                worst = largest(worst, float(np.abs(np.abs(signed.T) - distances).max(initial=0.0) / size))
                positive = np.where(signed.T > 0, distances, 0.0)
                told = network.amplitudes @ positive + network.intercept  # a sum of distances, as the paper reads it
                worst = largest(worst, float(np.abs(told - f).max() / (1.0 + np.abs(f).max())))
                weights, biases = blades.neurons(found, X, 2, bias)
                again = outputs(replace(network, weights=weights, biases=biases), X)
                worst = largest(worst, float(np.abs(again - f).max() / (1.0 + np.abs(f).max())))
                count += len(found)
    return Claim(
        "Section 1.2",
        "a neuron is orthogonal to its special samples and measures the distance from their span, or their affine "
        "hull, on one side; their indices and the amplitudes rebuild the network",
        f"train(vertices_only) on {len(KINDS)} kinds of data, d = 2, 3, with and without biases: {count} neurons "
        "against least squares on the samples that their blades name",
        worst,
    )


def section_2_1() -> Claim:
    """The problem as it is trained, and the number of neurons."""
    worst, widest, returned = 0.0, 0.0, 0.0
    for norm in (1, 2):
        for bias in (False, True):
            for _, X, y in regressions(8, 2, SEED):
                optimum = best_network(X, y, BETA, norm=norm, bias=bias).value
                fit = train(X, y, beta=BETA, norm=norm, bias=bias, tol=TOL)
                network = _narrower(fit.network, X, norm, bias).balanced(norm)
                decay = np.linalg.norm(network.weights, ord=norm, axis=1) ** 2 + network.amplitudes**2
                value = 0.5 * ((outputs(network, X) - y) ** 2).sum() + 0.5 * BETA * decay.sum()
                worst = largest(worst, off(float(value), optimum))
                widest = largest(widest, len(network.amplitudes) / (len(X) + 1.0))
                returned = largest(returned, len(fit.network.amplitudes) / (len(X) + 1.0))
    return Claim(
        "Section 2.1",
        "the trained problem (2), and (3) with weight decay: loss + β/2 Σ (‖w_j‖_p² + u_j²); ‖z*‖₀ ≤ n + 1 neurons "
        "suffice",
        "this sum of ReLUNetwork.balanced, from its numbers, without neurons that depend on others, against the "
        "arrangement program: "
        f"{4 * len(KINDS)} problems, n = 8, d = 2, p = 1, 2, with and without biases",
        largest(worst, widest - 1.0),
        remark=f"Networks need at most {widest:.0%} of n + 1 neurons; those that train returns have up to "
        f"{returned:.0%}, as optima are not unique and their neurons may depend on one another at the samples.",
    )


def section_6_13() -> Claim:
    """Biases."""
    rng = np.random.default_rng(SEED)
    worst, count = 0.0, 0
    for norm in (1, 2):
        for _, X, y in regressions(10, 3, SEED):
            fit = train(X, y, beta=BETA, norm=norm, tol=TOL)
            v = fit.proof.dual
            worst = largest(worst, abs(float(v.sum())) / np.abs(v).sum())
            for w in directions(TRIED, X.shape[1], rng):
                w = w / np.linalg.norm(w, ord=norm)
                places = X @ w
                reach = np.ptp(places)
                tried = np.linspace(-places.max() - reach, -places.min() + reach, OFFSETS)
                anywhere = np.abs(np.maximum(places[:, None] + tried, 0.0).T @ v).max()
                at_samples = np.abs(np.maximum(places[:, None] - places, 0.0).T @ v).max()
                worst = largest(worst, (anywhere - at_samples) / BETA, at_samples / BETA - 1.0)
                count += 1
    return Claim(
        "Section 6.13",
        "biases: Σ v = 0, and |Σ v_i (w·x_i + b)_+| is largest where the hyperplane passes through a sample, b = "
        "−w·x_j, and at most β there",
        f"dual variables of train at {count:,} random weights, {OFFSETS:,} offsets each: {2 * len(KINDS)} problems, "
        "n = 10, d = 3, p = 1, 2",
        worst,
        remark="Several outputs are in Theorem 23.",
    )


def _narrower(network: ReLUNetwork, X: Array, norm: int, bias: bool) -> ReLUNetwork:
    """The same outputs at no more penalty by neurons whose activations (with a bias, and 1) are independent.

    Along a change of amplitudes that changes no output, penalties of an optimum stay what they are until one is zero.
    """
    z, t = network.amplitudes.copy(), float(network.intercept)
    columns = np.maximum(X @ network.weights.T + network.biases, 0.0)
    costs = np.linalg.norm(network.weights, ord=norm, axis=1)
    while (used := np.flatnonzero(z)).size:
        sides = np.hstack([columns[:, used], np.ones((len(X), int(bias)))])
        _, sizes, axes = np.linalg.svd(sides)
        if len(sizes) == sides.shape[1] and sizes[-1] > DEPENDENT * sizes[0]:
            break
        rising = costs[used] @ (np.sign(z[used]) * axes[-1][: len(used)]) > 0.0
        change = -axes[-1] if rising else axes[-1]
        u = change[: len(used)]
        steps = np.divide(-z[used], u, out=np.full(len(used), np.inf), where=-z[used] * u > 0.0)
        first = int(steps.argmin())
        z[used] += steps[first] * u
        z[used[first]] = 0.0
        t += steps[first] * float(change[-1]) * bias
    return replace(network, weights=network.weights[used], biases=network.biases[used], amplitudes=z[used], intercept=t)


_HERE = sys.modules[__name__]
LAYERS = (
    Row(
        "Section 1.2",
        section_1_2,
        (
            of_fits(_HERE)[1],
            *of_blades(_HERE),
            changed(
                "weights × 3", _HERE, "train",
                lambda fit: replace(fit, network=replace(fit.network, weights=3.0 * fit.network.weights)),
            ),
        ),
    ),
    Row(
        "Section 2.1",
        section_2_1,
        (
            *of_fits(_HERE)[:2],
            *of_scales(),
            Mutant("dependent neurons stay", _HERE, "_narrower", lambda original: lambda network, *_: _thrice(network)),
        ),
    ),
    Row(
        "Section 6.13",
        section_6_13,
        (
            of_proofs(_HERE, "dual + 0.01", dual=lambda v: v + 0.01),
            of_proofs(_HERE, "dual × 1.5", dual=lambda v: 1.5 * v),
            of_proofs(_HERE, "dual is NaN", dual=lambda v: np.nan * v),
        ),
    ),
)  # fmt: skip


def _thrice(network: ReLUNetwork) -> ReLUNetwork:
    """The same function, of three times as many neurons."""
    weights, biases, amplitudes = (
        np.concatenate([part] * 3) for part in (network.weights, network.biases, network.amplitudes / 3.0)
    )
    return replace(network, weights=weights, biases=biases, amplitudes=amplitudes)
