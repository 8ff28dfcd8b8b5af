"""Theorems 9 and 10: deep networks, block by block. Needs PyTorch.

Their proofs rest on one step: a block replaced by that of least penalty with the same outputs changes no output of the
network. This step is what is measured, on networks with random weights; no deep network is trained to its optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from bladenet.losses import Array
from bladenet.reproduce.convex_programs import best_outputs, group_lasso, lasso
from bladenet.reproduce.descent import new_network
from bladenet.reproduce.enumeration import chambers, diameter, hull_distance
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.theorems.claims import Claim, of_enough
from bladenet.reproduce.theorems.dictionaries import volume_dictionary
from bladenet.reproduce.theorems.polytopes import touched
from bladenet.torch import Canonical, canonicalise

SAMPLES, WIDTHS = 12, (2, 6, 2, 6, 1)  # two blocks
SEEDS = (0, 1, 2)
INTERPOLATED = 1e-6  # relative: what is proven of a block


@dataclass(frozen=True)
class Rewritten:
    """A network whose blocks have been replaced.

    Attributes
    ----------
    result : Canonical
    inputs, outputs : of each block, (n, k) arrays, by NumPy from the weights
    """

    result: Canonical
    inputs: list[Array]
    outputs: list[Array]


def deep_claims() -> Iterator[Claim]:
    """Both theorems."""
    yield theorem_9()
    yield theorem_10()


def theorem_9() -> Claim:
    """p = 1."""
    worst, ratios, neurons = 0.0, [], 0
    for seed in SEEDS:
        new = rewritten(seed, norm=1)
        worst = largest(worst, new.result.changed)
        for block, A, B in zip(new.result.blocks, new.inputs, new.outputs, strict=True):
            least = _least_penalty(A, B, norm=1)
            worst = largest(worst, off(block.after, least), block.after / block.before - 1.0)
            weights = block.network.weights[block.network.sizes(1) > 0]
            worst = largest(worst, *(float(touched(A, w / np.abs(w).max()) < A.shape[1] - 1) for w in weights))
            neurons += len(weights)
        ratios.append(new.result.ratio)
    return Claim(
        "Theorem 9",
        "deep networks, p = 1: some optimum has blades of activations as neurons of odd layers",
        f"the step of the proof: canonicalise(norm=1) on {_networks()}; outputs, and penalties against linear "
        f"programs on volumes of activations; {neurons} neurons touch d − 1 independent samples or axes",
        worst,
        INTERPOLATED,
        remark=f"Penalties fall to {min(ratios):.0%}–{max(ratios):.0%} at the same outputs. Blocks may need more "
        f"neurons than they had ({WIDTHS[1]}): the theorem is for widths that suffice.",
    )


def theorem_10() -> Claim:
    """p = 2."""
    worst, bounded, excesses, inner, factors = 0.0, 0, [], [], []
    for seed in SEEDS:
        new = rewritten(seed, norm=2)
        worst = largest(worst, new.result.changed)
        for k, (block, A, B) in enumerate(zip(new.result.blocks, new.inputs, new.outputs, strict=True)):
            least, cells = best_outputs(A, B, 1.0, loss="exact"), list(chambers(A))
            factor = min(hull_distance(generators) for generators in cells)
            D = max(diameter(generators) for generators in cells)
            excesses.append(_least_penalty(A, B, norm=2) / least - 1.0)
            worst = largest(worst, off(block.after, least), -excesses[-1], factor * (1.0 + excesses[-1]) - 1.0)
            if D < 1.0:
                bounded += 1
                worst = largest(worst, (1.0 - D) * (1.0 + excesses[-1]) - 1.0)
            if k:
                inner.append(D)
                factors.append(factor)
    return Claim(
        "Theorem 10",
        "deep networks, p = 2: blades of activations give the same outputs at 1/(1 − D) times the least penalty, or "
        "twice that",
        "group Lassos on volumes of activations, and canonicalise(norm=2), against the least penalty of all blocks, a "
        f"semidefinite program: {_networks()}; D and c from all chambers",
        of_enough(worst, bounded),
        INTERPOLATED,
        remark=f"Blades cost up to {max(excesses):.1%} more. 1 − D says nothing where D ≥ 1 "
        f"({len(excesses) - bounded} of {len(excesses)} blocks). Without biases D < 1 never holds beyond the first "
        "block: activations are not negative, so all w ≥ 0 are in one chamber and D ≥ √2 (here "
        f"{min(inner):.3f}–{max(inner):.3f}). c of the cap holds: ≥ {min(factors):.2f} here. "
        "Blocks that share no layer need no factor 2.",
    )


def rewritten(seed: int, norm: int) -> Rewritten:
    """A random network with every block replaced by that of least penalty."""
    X = torch.randn(SAMPLES, WIDTHS[0], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    module = new_network(WIDTHS, bias=False, seed=seed, dtype=torch.float64)
    weights = [layer.weight.detach().numpy() for layer in module if isinstance(layer, torch.nn.Linear)]
    inputs, outputs = [X.numpy()], []
    for hidden, out in zip(weights[::2], weights[1::2], strict=True):
        outputs.append(np.maximum(inputs[-1] @ hidden.T, 0.0) @ out.T)
        inputs.append(np.maximum(outputs[-1], 0.0))
    return Rewritten(canonicalise(module, X, norm=norm, output_norm=norm), inputs[:-1], outputs)


def _least_penalty(A: Array, B: Array, norm: int) -> float:
    """Of blades of A with the outputs B; amplitudes are measured in the same norm as weights, as in the paper."""
    K = volume_dictionary(A, norm=norm, bias=False)
    if norm == 2:
        return group_lasso(K, B, 1.0, bias=False, loss="exact").value
    return sum(lasso(K, column, 1.0, bias=False, loss="exact").value for column in B.T)


def _networks() -> str:
    return f"{len(SEEDS)} random networks {'–'.join(map(str, WIDTHS))} and {SAMPLES} normal samples"
