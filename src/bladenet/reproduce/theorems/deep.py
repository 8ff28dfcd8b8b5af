"""Theorems 9 and 10, and Section 3.4.3: deep networks, block by block. Needs PyTorch.

The proofs rest on one step: a block replaced by that of least penalty with the same outputs changes no output of the
network. This step is what is measured, on networks with random weights; no deep network is trained to its optimum.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count, islice, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bladenet.display import counted
from bladenet.losses import Array
from bladenet.reproduce.convex_programs import best_outputs, group_lasso, lasso
from bladenet.reproduce.descent import new_network
from bladenet.reproduce.enumeration import chambers, diameter, hull_distance
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.remembering import remembered
from bladenet.reproduce.theorems.claims import Claim, of_enough
from bladenet.reproduce.theorems.dictionaries import dictionary
from bladenet.reproduce.theorems.exact_networks import half
from bladenet.reproduce.theorems.returned import distances_from, off_blades
from bladenet.reproduce.theorems.rows import Mutant, Row, changed
from bladenet.torch import Canonical, canonicalise

SAMPLES = 12
WIDTHS = ((2, 6, 2, 6, 1), (2, 4, 2, 4, 2, 4, 2))  # two blocks with one output, three with two
NETWORKS = 2  # of each kind
FULL = 0.2  # of the largest singular value: what the smallest must be
HIDDEN = 0.25  # of the networks: where rounding may hide which samples define neurons
UNPROVEN = 1.0  # seconds
INTERPOLATED = 1e-6  # relative: what is proven of a block
Layers = list[tuple[Array, Array]]  # weights and biases, as the module has them


@dataclass(frozen=True, eq=False)
class Rewritten:
    """A network before and after.

    Attributes
    ----------
    X : samples
    old, new : layers
    result : Canonical
    """

    X: Array
    old: Layers
    new: Layers
    result: Canonical

    @property
    def changed(self) -> float:
        """How far outputs on the samples moved, relative to the largest; by NumPy from both modules' weights."""
        before, after = (activations(layers, self.X)[-1] for layers in (self.old, self.new))
        return float(np.abs(after - before).max() / np.abs(before).max())

    @property
    def lost_in_rounding(self) -> bool:
        """Whether some neuron is known to touch fewer samples than define it: the others do so up to rounding only."""
        for A, block in zip(activations(self.new, self.X), self.result.blocks, strict=False):
            defined = np.linalg.matrix_rank(A - A[0] * self.bias) - 1 + self.bias
            if any(len(blade.samples) < defined for blade in block.blades):
                return True
        return False

    @property
    def bias(self) -> bool:
        """Whether layers have biases."""
        return any(bias.any() for _, bias in self.old)


def theorem_9() -> Claim:
    """p = 1."""
    worst, ratios, neurons, unproven = 0.0, [], 0, 0
    for new in networks(norm=1):
        worst = largest(worst, new.changed)
        inputs, blocks = activations(new.new, new.X), new.result.blocks
        for k, block in enumerate(blocks):
            A, hidden, out = inputs[2 * k], new.new[2 * k], new.new[2 * k + 1]
            before, after = _penalty(new.old[2 * k], new.old[2 * k + 1], 1), _penalty(hidden, out, 1)
            least = _least_penalty(A, _outputs(A, hidden, out), norm=1, bias=new.bias)
            worst = largest(worst, off(after, least), off(block.after, after), after / before - 1.0)
            proven = block.certificate is not None
            worst = largest(worst, off_blades(block.network, block.blades, A, norm=1, bias=new.bias, vertices=proven))
            unproven += not proven
            worst = largest(worst, _off_module(block, hidden, out))
            ratios.append(after / before)
            neurons += len(block.blades)
    return Claim(
        "Theorem 9",
        "deep networks, p = 1: some optimum has blades of activations as neurons of odd layers",
        f"the step of the proof: canonicalise(norm=1) on {_networks()}; outputs and penalties from the weights of the "
        f"module, against linear programs on volumes of activations; {neurons} neurons against the Hodge duals of "
        "activations",
        worst,
        INTERPOLATED,
        remark=f"Penalties of blocks fall to {min(ratios):.0%}–{max(ratios):.0%} at the same outputs. Blocks may need "
        f"more neurons than they had: the theorem is for widths that suffice. {counted(unproven, 'block')} of "
        f"{len(ratios)} could not be proven, to rounding, and kept neurons that are no blades, at the same penalty.",
    )


def theorem_10() -> Claim:
    """p = 2."""
    worst, bounded, excesses, inner, factors = 0.0, 0, [], [], []
    for new in networks(norm=2):
        worst = largest(worst, new.changed)
        inputs = activations(new.new, new.X)
        for k, block in enumerate(new.result.blocks):
            A, hidden, out = inputs[2 * k], new.new[2 * k], new.new[2 * k + 1]
            after = _penalty(hidden, out, 2)
            worst = largest(worst, off(block.after, after), _off_module(block, hidden, out))
            if new.bias:  # no program that nobody here wrote gives the least penalty of several outputs with biases
                continue
            least, cells = _least_of_all(A, _outputs(A, hidden, out)), chambers(A)
            factor = min(hull_distance(generators) for generators in cells)
            D = max(diameter(generators) for generators in cells)
            excesses.append(_least_penalty(A, _outputs(A, hidden, out), norm=2, bias=False) / least - 1.0)
            worst = largest(worst, off(after, least), -excesses[-1], factor * (1.0 + excesses[-1]) - 1.0)
            if D < 1.0:
                bounded += 1
                worst = largest(worst, (1.0 - D) * (1.0 + excesses[-1]) - 1.0)
            if k:
                inner.append(D)
                factors.append(factor)
    grown, none = [], 0
    for new in networks(norm=2, vertices_only=True):
        worst = largest(worst, new.changed)
        if new.lost_in_rounding:
            none += 1
            continue
        for A, block in zip(activations(new.new, new.X), new.result.blocks, strict=False):
            worst = largest(worst, _touched(A, block, new.bias))
        grown.append(weight_decay(new.new) / weight_decay(new.old))
    worst = largest(worst, float(none > HIDDEN * (none + len(grown))))
    return Claim(
        "Theorem 10",
        "deep networks, p = 2: blades of activations in every layer give the same outputs at 1/(1 − D) times the least "
        "penalty, or 2/(1 − D) where pairs of layers overlap",
        "group Lassos on volumes of activations, and canonicalise(norm=2), against the least penalty of all blocks, a "
        f"semidefinite program: {_networks()}; D and c from all chambers; and canonicalise(norm=2, "
        "vertices_only=True), layer after layer",
        of_enough(worst, bounded),
        INTERPOLATED,
        remark=f"Blades cost up to {max(excesses):.1%} more. 1 − D says nothing where D ≥ 1 "
        f"({len(excesses) - bounded} of {len(excesses)} blocks). Without biases D < 1 never holds beyond the first "
        "block: activations are not negative, so all w ≥ 0 are in one chamber and D ≥ √2 (here "
        f"{min(inner):.3f}–{max(inner):.3f}). c of the cap holds: ≥ {min(factors):.2f} here. Networks (43), all of "
        "whose layers but the last are blades of activations, have the same outputs at "
        f"{min(grown):.1f} to {max(grown):.1f} times the weight decay they had: 2/(1 − D) is infinite there, so the "
        f"factor is not checked. In {none} of {len(grown) + none} networks rounding hides which samples they are.",
    )


def section_3_4_3() -> Claim:
    """What layers put out."""
    worst, neurons = 0.0, 0
    for new in networks(norm=2, vertices_only=True):
        if new.lost_in_rounding:
            continue
        read = activations(new.new, new.X)
        for k, block in enumerate(new.result.blocks):
            A, (weights, _) = read[k], new.new[k]
            lengths = np.linalg.norm(weights, axis=1)
            distances = np.array([distances_from(A, blade.samples, new.bias) for blade in block.blades]).T
            # positive distances to spans or affine hulls, times the length of the neuron; the others become zero
            size = np.abs(distances).max()
            signed = A @ weights.T + new.new[k][1]
            worst = largest(worst, float(np.abs(np.abs(signed) / lengths - distances).max() / size))
            positive = np.where(signed > 0, distances * lengths, 0.0)
            worst = largest(worst, float(np.abs(read[k + 1] - positive).max() / np.abs(positive).max()))
            neurons += len(block.blades)
    return Claim(
        "Section 3.4.3",
        "every layer puts out distances to spans, or affine hulls, of what the layer before makes of some samples, "
        "times the lengths of its neurons; indices and lengths say all",
        f"activations of canonicalise(norm=2, vertices_only=True) against least squares on the samples that its blades "
        f"name: {neurons} neurons of {_networks()}",
        worst,
        INTERPOLATED,
    )


def networks(norm: int, **settings: Any) -> list[Rewritten]:
    """Random networks with every block replaced."""
    found = []
    for widths in WIDTHS:
        for bias in (False, True):
            for seed in _seeds(widths, bias):
                X, module, result = rewritten(widths, bias, seed, norm, **settings)
                found.append(Rewritten(X, layers_of(module), layers_of(result.module), result))
    return found


@remembered
def rewritten(
    widths: tuple[int, ...], bias: bool, seed: int, norm: int, vertices_only: bool = False
) -> tuple[Array, torch.nn.Module, Canonical]:
    """Samples, a random network, and the same with every block replaced."""
    X, module = _random_network(widths, bias, seed)
    limit = UNPROVEN if vertices_only else None  # what networks that are no blades could cost is not asked
    return (
        X.numpy(),
        module,
        canonicalise(module, X, norm=norm, output_norm=norm, vertices_only=vertices_only, time_limit=limit),
    )


def _random_network(widths: tuple[int, ...], bias: bool, seed: int) -> tuple[Tensor, torch.nn.Module]:
    X = torch.randn(SAMPLES, widths[0], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return X, new_network(widths, bias=bias, seed=seed, dtype=torch.float64)


@remembered
def _seeds(widths: tuple[int, ...], bias: bool) -> list[int]:
    """The first few with which no layer is nearly dead: what blocks read is of full rank, as the theorems want it."""

    def is_alive(seed: int) -> bool:
        X, module = _random_network(widths, bias, seed)
        read = activations(layers_of(module), X.numpy())[:-1:2]
        sizes = [np.linalg.svd(A - A.mean(axis=0) * bias, compute_uv=False) for A in read]
        return all(each[-1] > FULL * each[0] for each in sizes)

    return list(islice(filter(is_alive, count()), NETWORKS))


def layers_of(module: torch.nn.Module) -> Layers:
    """Weights (out, in) and biases (out,) of the Linear layers."""
    linear = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    none = [np.zeros(layer.out_features) for layer in linear]
    return [
        (layer.weight.detach().numpy(), zero if layer.bias is None else layer.bias.detach().numpy())
        for layer, zero in zip(linear, none, strict=True)
    ]


def activations(layers: Layers, X: Array) -> list[Array]:
    """What each layer reads, and the outputs: X, (X W₁ᵀ + b₁)_+, …"""
    found = [X]
    for k, (weights, biases) in enumerate(layers):
        sums = found[-1] @ weights.T + biases
        found.append(np.maximum(sums, 0.0) if k < len(layers) - 1 else sums)
    return found


def weight_decay(layers: Layers) -> float:
    """½ Σ ‖W_l‖², least over the scales of neurons: each in turn as long in as out, until nothing changes."""
    weights = [weight.copy() for weight, _ in layers]
    total = np.inf
    while (now := 0.5 * sum(float((weight**2).sum()) for weight in weights)) < total * (1.0 - 1e-12):
        total = now
        for left, right in pairwise(weights):
            come, go = np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=0)
            used = (come > 0) & (go > 0)
            scale = np.where(used, np.sqrt(np.where(used, go, 1.0) / np.where(used, come, 1.0)), 0.0)
            left *= scale[:, None]
            right *= np.where(used, 1.0 / np.where(used, scale, 1.0), 0.0)
    return now


def _outputs(A: Array, hidden: tuple[Array, Array], out: tuple[Array, Array]) -> Array:
    return np.asarray(np.maximum(A @ hidden[0].T + hidden[1], 0.0) @ out[0].T + out[1])


def _penalty(hidden: tuple[Array, Array], out: tuple[Array, Array], norm: int) -> float:
    """Σ_j ‖w_j‖_p ‖u_j‖_p of a block."""
    return float(np.linalg.norm(hidden[0], ord=norm, axis=1) @ np.linalg.norm(out[0], ord=norm, axis=0))


def _off_module(block: Any, hidden: tuple[Array, Array], out: tuple[Array, Array]) -> float:
    """How far the layers of a module are from the network that the block says it is, neuron by neuron; relative."""
    if hidden[0].shape != block.network.weights.shape:
        return 1.0
    theirs = np.concatenate([hidden[0], hidden[1][:, None]], axis=1)[:, :, None] * out[0].T[:, None, :]
    own = np.concatenate([block.network.weights, block.network.biases[:, None]], axis=1)[:, :, None]
    own = own * block.network.amplitudes[:, None, :]
    return float(np.abs(theirs - own).max() / np.abs(own).max())


def _touched(A: Array, block: Any, bias: bool) -> float:
    """How far hyperplanes of neurons are from the activations of the samples that their blades name; relative."""
    worst = 0.0
    for w, b, blade in zip(block.network.weights, block.network.biases, block.blades, strict=True):
        S = list(blade.samples)
        rows = A[S][1:] - A[S][0] if bias else A[S]
        rank = np.linalg.matrix_rank(A - A[0] if bias else A)
        worst = largest(worst, float(np.linalg.matrix_rank(rows) < rank - 1))
        worst = largest(worst, float(np.abs(A[S] @ w + b).max(initial=0.0) / np.abs(A).max()))
    return worst


def _least_penalty(A: Array, B: Array, norm: int, bias: bool) -> float:
    """Of blades of A with the outputs B; amplitudes are measured in the same norm as weights, as in the paper."""
    size, reach = np.abs(A).max(), np.abs(B).max()  # in such units the solver has no trouble with them
    K, B = dictionary(A / size, norm=norm, bias=bias).K, B / reach
    if norm == 2:
        return float(group_lasso(K, B, 1.0, bias=bias, loss="exact").value * reach / size)
    return float(sum(lasso(K, column, 1.0, bias=bias, loss="exact").value for column in B.T) * reach / size)


def _least_of_all(A: Array, B: Array) -> float:
    """Of all networks without biases, p = 2."""
    size, reach = np.abs(A).max(), np.abs(B).max()
    return float(best_outputs(A / size, B / reach, 1.0, loss="exact") * reach / size)


def _networks() -> str:
    widths = " and ".join("–".join(map(str, each)) for each in WIDTHS)
    return f"{4 * NETWORKS} random networks {widths}, with and without biases, and {SAMPLES} normal samples"


def _layers(name: str, odd: float, even: float) -> Mutant:
    """Of the module that comes back: weights of odd and even layers are multiplied."""

    def wrong(result: Canonical) -> Canonical:
        module = deepcopy(result.module)
        linear = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for k, layer in enumerate(linear):
                layer.weight *= even if k % 2 else odd
        return replace(result, module=module)

    return _of_results(name, wrong)


def _of_blocks(name: str, change: Callable[[Any], Any]) -> Mutant:
    return _of_results(name, lambda result: replace(result, blocks=[change(each) for each in result.blocks]))


def _of_results(name: str, change: Callable[[Canonical], Canonical]) -> Mutant:
    """Of what :func:`bladenet.torch.canonicalise` returns."""
    return changed(name, _HERE, "rewritten", lambda found: (*found[:2], change(found[2])))


def _other_samples(block: Any) -> Any:
    blades = [replace(b, samples=tuple((i + 1) % SAMPLES for i in b.samples)) for b in block.blades]
    return replace(block, blades=blades)


_HERE = sys.modules[__name__]
_MODULES = (
    _layers("weights of odd layers × 3", 3.0, 1.0),
    _layers("amplitudes × −3", 1.0, -3.0),
    _layers("a layer is NaN", np.nan, 1.0),
)
_BLOCKS = (
    *_MODULES,
    _of_blocks("penalty × 0.999", lambda block: replace(block, after=0.999 * block.after)),
    changed("half of the columns", _HERE, "dictionary", half),
)
DEEP = (
    Row(
        "Theorem 9",
        theorem_9,
        (
            *_BLOCKS,
            _of_blocks("blades of other samples", _other_samples),
        ),
    ),
    Row(
        "Theorem 10",
        theorem_10,
        (
            *_BLOCKS,
            _of_blocks("blades of other samples", _other_samples),
            changed("c × 1.2", _HERE, "hull_distance", lambda distance: 1.2 * distance),
        ),
    ),
    Row(
        "Section 3.4.3",
        section_3_4_3,
        (*_MODULES[:1], _MODULES[2], _of_blocks("blades of other samples", _other_samples)),
    ),
)
