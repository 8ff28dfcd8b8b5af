"""Theorems 9 and 10 as an operation: every two-layer block rewritten as that of least penalty with the same outputs.

A block, Linear, ReLU, Linear, maps the activations A of the samples to outputs B. Of all blocks of any width that do
so, the one of least penalty Σ_j ‖w_j‖_p ‖u_j‖_q is interpolation with A as samples (THEORY §5, §7), and its neurons
are blades of activations. Where proving that is too much, it is solved over the neurons there are and polished ones.
"""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.basis_pursuit import least_changes, slopes
from bladenet.blades import Blade, neurons
from bladenet.certificate import Certificate
from bladenet.display import Shown
from bladenet.interpolation import FIRST_PRICE, RISE
from bladenet.losses import Array, ExactFit, by_sample, row_norms
from bladenet.network import ReLUNetwork
from bladenet.planning import make_plan
from bladenet.problem import TrainingProblem
from bladenet.rebuilding import Fit, blades_of
from bladenet.torch.blocks import Block, network_of, two_layer_blocks, write_block
from bladenet.torch.fixed_neurons import FixedNeurons
from bladenet.torch.inputs import checked_module, checked_samples
from bladenet.torch.layers import outputs_of, rows_read, watched
from bladenet.torch.polishing import polished_neurons
from bladenet.torch.refusals import advice
from bladenet.training import train

COUNTS = [1, 2, 5, 10, 20]  # samples of the faces that neurons are proposed on
SAME = 1e-9  # relative: outputs that differ by less are the same
ROUNDING = 1e-5  # relative misses that are put right afterwards
ACCURACY = 1e-9
RISES = 5  # of the price of a miss, until none is worth it
LARGEST = 3_000_000  # samples × neurons × outputs of a restricted problem


@dataclass(frozen=True, eq=False, repr=False)
class CanonicalBlock(Shown):
    """One block, before and after.

    Attributes
    ----------
    hidden, out : names of its layers
    network : of least penalty, as a ReLUNetwork of what the block reads
    blades : of its neurons, indices into the samples; amplitudes and these alone rebuild it where all are vertices
    norm, bias : p; whether neurons have biases
    before, after : penalty Σ_j ‖w_j‖_p ‖u_j‖_q
    certificate : that no block of any width has a lower penalty; None where only some neurons were tried
    """

    hidden: str
    out: str
    network: ReLUNetwork
    blades: list[Blade]
    norm: int
    bias: bool
    before: float
    after: float
    certificate: Certificate | None

    def rebuilt(self, A: Array) -> ReLUNetwork:
        """The network from its blades, which are indices into `A`, (n, d) what the block reads, and its amplitudes."""
        weights, biases = neurons(self.blades, A, self.norm, self.bias)
        return replace(self.network, weights=weights, biases=biases)


@dataclass(frozen=True, eq=False, repr=False)
class Canonical(Shown):
    """What :func:`canonicalise` has done.

    Attributes
    ----------
    module : a new module; layers inside blocks may be wider or narrower
    blocks : list of CanonicalBlock, in order
    changed : largest change of an output on the samples, relative to the largest output
    """

    module: nn.Module
    blocks: list[CanonicalBlock]
    changed: float

    @property
    def ratio(self) -> float:
        """Penalty of all blocks after / before, at most 1."""
        before = sum(block.before for block in self.blocks)
        return sum(block.after for block in self.blocks) / before if before > 0 else 1.0


def canonicalise(
    module: nn.Module,
    X: Any,
    *,
    norm: int = 2,
    output_norm: int = 2,
    vertices_only: bool = False,
    tol: float = 1e-6,
    time_limit: float | None = None,
) -> Canonical:
    """Rewrite every two-layer block as the one of least penalty that has the same outputs on the samples.

    Blocks do not overlap: the first and second layer, the third and fourth, and so on (Theorem 9). The penalty
    is never larger than before, and for norm 1 every neuron of an exact block is a blade of activations.

    With `vertices_only` they overlap: the first and second layer, the second and third, and so on, so that all neurons
    of all layers but the last are blades of activations (Theorem 10); for norm 2 the penalty may rise.

    Parameters
    ----------
    module : with Linear layers; it is not changed
    X : what it takes, (n, …)
    norm, output_norm : p and q
    vertices_only : whether every neuron is to be a blade; all blades are listed: for small data
    tol : relative gap of a block's penalty
    time_limit : seconds for each block; without one, only what takes less than ten minutes is proven

    Raises
    ------
    ValueError
        On invalid input, if the module has no such blocks, or no blades have the same outputs.
    """
    module = checked_module(module)
    samples = checked_samples(module, X)
    blocks = two_layer_blocks(module, samples)
    blocks = blocks if vertices_only else _disjoint(blocks)
    if not blocks:
        raise ValueError(
            "the module has no two-layer block: no Linear, ReLU, Linear, plain ones of which the second alone reads "
            f"the first.{advice(module, watched(module, samples).steps)}"
        )
    before = outputs_of(module, samples).double()
    result = deepcopy(module).double()
    rewrite = _of_vertices if vertices_only else _canonical
    done = [rewrite(result, block, samples.double(), norm, output_norm, tol, time_limit) for block in blocks]
    result = result.to(next(module.parameters()).dtype)
    off = (outputs_of(result, samples).double() - before).abs().max() / before.abs().max().clamp(min=1e-300)
    return Canonical(result, done, float(off))


def _disjoint(blocks: list[Block]) -> list[Block]:
    """Every block that shares no layer with those before."""
    chosen: list[Block] = []
    for block in blocks:
        if all(block.hidden.name != other.out for other in chosen):
            chosen.append(block)
    return chosen


def _canonical(
    module: nn.Module, block: Block, X: Tensor, norm: int, output_norm: int, tol: float, time_limit: float | None
) -> CanonicalBlock:
    """Rewrite one block of the module, in place."""
    network, A, B = _mapped(module, block, X)
    bias, intercept = block.have_biases(module)
    problem = TrainingProblem.create(A, B, beta=0, norm=norm, bias=bias, output_norm=output_norm)

    def better(found: ReLUNetwork) -> bool:
        same = np.abs(found.predict(A) - B).max() <= SAME * np.abs(B).max()
        return bool(same and found.penalty(norm, output_norm) <= network.penalty(norm, output_norm))

    found: ReLUNetwork | None = None
    blades: list[Blade] | None = None
    certificate: Certificate | None = None
    if bias == intercept and make_plan(problem.standard, tol, time_limit).strategy == "exact":
        settings = {"norm": norm, "bias": bias, "output_norm": output_norm, "tol": tol, "time_limit": time_limit}
        with suppress(ValueError):  # rounding can make samples contradict each other that the network tells apart
            fit = _interpolated(network, A, B, **settings)
            found, blades, certificate = _of_columns(fit.network), fit.blades, fit.certificate
    if found is None or not better(found):
        blades = certificate = None
        found = _least_penalty(A, B, *_proposed(module, block, X, network), norm, output_norm, intercept)
    if found is None or not better(found):
        found = network
    if blades is None:
        found = _without_idle(found)
        blades, _ = blades_of(problem, *problem.standard.neurons(found.weights, found.biases), {})
    write_block(module, block, found.balanced(norm, output_norm))
    before, after = (each.penalty(norm, output_norm) for each in (network, found))
    return CanonicalBlock(block.hidden.name, block.out, found, blades, norm, bias, before, after, certificate)


def _of_vertices(
    module: nn.Module, block: Block, X: Tensor, norm: int, output_norm: int, tol: float, time_limit: float | None
) -> CanonicalBlock:
    """Rewrite one block of the module, in place, as one of blades, of least penalty among these."""
    network, A, B = _mapped(module, block, X)
    bias, intercept = block.have_biases(module)
    if bias != intercept:
        raise ValueError(
            f"of the layers {block.hidden.name!r} and {block.out!r} one has a bias and the other has none: blades need "
            "both or neither."
        )
    target = B[:, 0] if B.shape[1] == 1 else B
    settings: dict[str, Any] = {"norm": norm, "bias": bias, "output_norm": output_norm, "tol": tol}
    try:
        fit = train(A, target, beta=0, vertices_only=True, time_limit=time_limit, **settings)
    except ValueError as error:
        raise ValueError(f"layers {block.hidden.name!r} and {block.out!r}: {error}") from error
    found = _of_columns(fit.network)
    write_block(module, block, found.balanced(norm, output_norm))
    before, after = (each.penalty(norm, output_norm) for each in (network, found))
    return CanonicalBlock(
        block.hidden.name, block.out, found, list(fit.blades), norm, bias, before, after, fit.certificate
    )


def _mapped(module: nn.Module, block: Block, X: Tensor) -> tuple[ReLUNetwork, Array, Array]:
    """A block as a network, what it reads, and what it makes of that."""
    network = network_of(module, block)
    constant = ~network.weights.any(axis=1) & (network.biases > 0)
    if constant.any() and not block.have_biases(module)[1]:
        raise ValueError(
            f"neuron {int(constant.argmax())} of layer {block.hidden.name!r} has weight 0, and layer {block.out!r} no "
            "bias to take its constant output: give it one."
        )
    A = torch.cat(list(rows_read(module, block.hidden.name, X))).cpu().numpy()
    return network, A, network.predict(A)


def _interpolated(network: ReLUNetwork, A: Array, B: Array, **settings: Any) -> Fit:
    """The interpolant of least penalty, sought from the neurons of the network."""
    start = network.weights, network.biases
    return train(A, B[:, 0] if B.shape[1] == 1 else B, beta=0, start=start, **settings)


def _of_columns(network: ReLUNetwork) -> ReLUNetwork:
    """With a column for each output, also where there is one."""
    if network.amplitudes.ndim == 2:
        return network
    return replace(network, amplitudes=network.amplitudes[:, None], intercept=np.atleast_1d(network.intercept))


def _proposed(module: nn.Module, block: Block, X: Tensor, network: ReLUNetwork) -> tuple[Array, Array]:
    """The neurons of a block and those that polishing makes of them."""
    polished = [neurons for _, neurons in polished_neurons(module, block.hidden, X, COUNTS, full=True)]
    weights = np.vstack([network.weights, *(w.cpu().numpy() for w, _ in polished)])
    biases = np.concatenate([network.biases, *(b.cpu().numpy() for _, b in polished)])
    alive = np.abs(weights).any(axis=1)
    return weights[alive], biases[alive]


def _least_penalty(
    A: Array, B: Array, weights: Array, biases: Array, norm: int, output_norm: int, intercept: bool
) -> ReLUNetwork | None:
    """The network with these neurons, of least penalty among those that map A to B; None if rounding hides it."""
    if not 0 < len(A) * len(weights) * B.shape[1] <= LARGEST:
        return None
    lengths = np.linalg.norm(weights, ord=norm, axis=1)
    weights, biases = by_sample(1.0 / lengths, weights), biases / lengths
    columns = np.maximum(A @ weights.T + biases, 0.0)
    problem = FixedNeurons(columns, B, beta=0, bias=intercept, output_norm=output_norm)
    exact = problem.form.loss
    assert isinstance(exact, ExactFit)  # as β = 0
    first = FIRST_PRICE * len(problem.form.points) * problem.form.beta
    for price in first * RISE ** np.arange(RISES):
        amplitudes, t = problem.solve(ACCURACY, ExactFit(exact.tolerance, float(price)))
        off = B - columns @ amplitudes - t
        if np.abs(off).max() <= ROUNDING * np.abs(B).max():
            *_, change = least_changes(columns, row_norms(amplitudes), intercept, off, slopes(columns, intercept))
            t = t + change[-1] if intercept else t
            return ReLUNetwork(weights, biases, amplitudes + change[: len(amplitudes)], t)
    return None


def _without_idle(network: ReLUNetwork) -> ReLUNetwork:
    """Without the neurons that contribute nothing, nor those that are constant, whose share becomes intercept."""
    sizes = network.sizes()
    flat = ~network.weights.any(axis=1)
    constant = np.maximum(network.biases[flat], 0.0) @ network.amplitudes[flat]
    used = (sizes > 0) & ~flat
    return ReLUNetwork(
        network.weights[used], network.biases[used], network.amplitudes[used], network.intercept + constant
    )
