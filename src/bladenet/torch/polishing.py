"""Polishing (the paper's Section 4.1), made so that it can never hurt.

Each neuron of a layer is moved onto the face of its nearest k samples, keeping its length and its side; with as many
as leave one direction that is the paper's blade. The next layer and the last block are fitted anew, scales are made
optimal, and the result is kept only if the objective is lower. How many samples is best is decided by the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.display import Shown
from bladenet.losses import Loss, row_norms
from bladenet.torch.blocks import Block, last_block, two_layer_blocks
from bladenet.torch.faces import Blades, projections, span
from bladenet.torch.inputs import checked_module
from bladenet.torch.layers import ReLULayer, relu_layers, rows_read
from bladenet.torch.nearest import nearest_rows, rank_of
from bladenet.torch.objective import Objective, inputs_of

if TYPE_CHECKING:
    import pandas as pd

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # samples per face that are tried
SPARE = 1.2  # times as many nearest rows as define a neuron are looked at, since some depend on others
FULL, REFIT, MIXED = "full", "refit only", "each its own"


@dataclass(frozen=True, repr=False)
class Step(Shown):
    """One thing that was tried.

    Attributes
    ----------
    layer : that was polished, "" for none
    what : "refit only", the number of samples of each neuron's face, "full" for blades, or "each its own": of all
        these the best for each neuron, where the layer is the last
    objective : after it
    accepted : whether the polished module has it
    """

    layer: str
    what: str
    objective: float
    accepted: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Polished(Shown):
    """What :func:`polish` has done.

    Attributes
    ----------
    module : a new module, of the same architecture
    before, refit_only, after : objectives; `refit_only` without polishing, to compare with
    steps : list of Step, what was tried in which order
    """

    module: nn.Module
    before: float
    refit_only: float
    after: float
    steps: list[Step]

    def data(self) -> pd.DataFrame:
        """One row per step: layer, what, objective, accepted."""
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        return pd.DataFrame([vars(step) for step in self.steps])


def polish(
    module: nn.Module,
    X: Any,
    y: Any,
    *,
    beta: float,
    loss: str | Loss = "squared",
    layers: list[str] | None = None,
    counts: list[int] | None = None,
    full: bool = True,
    callback: Callable[[Step], object] | None = None,
) -> Polished:
    """Move neurons onto faces and blades of the samples nearest to them, where that lowers the objective.

    The objective is Σ_i ℓ(f(x_i), y_i) + (β/2) Σ ‖W‖², over the weights of all layers: what SGD with weight decay β/n
    on the mean loss minimises. It is never higher afterwards.

    Parameters
    ----------
    module : must end in Linear, ReLU, Linear; it is not changed
    X, y : what it was trained on; y as for :func:`bladenet.train`
    beta : weight decay, in the units of the summed loss
    loss : as for :func:`bladenet.train`
    layers : names of the layers to polish, in order; by default all that a ReLU follows
    counts : how many nearest samples to try for the faces; by default 1, 2, 5, 10, … 1000
    full : whether to try blades, the paper's polishing; in thousands of dimensions that takes a minute
    callback : called with each Step

    Raises
    ------
    ValueError
        On invalid input, before any work; names the value and the remedy.
    """
    module = checked_module(module)
    objective = Objective.create(module, X, y, beta=beta, loss=loss)
    found = relu_layers(module, objective.X)
    chosen = _chosen(found, layers)
    counts = sorted(set(_checked_counts(counts)))
    blocks = two_layer_blocks(module, objective.X)
    last = last_block(blocks, module, objective.X)
    inputs_of(module, last, objective.X)  # one row per sample, or an error
    steps: list[Step] = []
    best, before = module, objective.value(module)
    lowest = before

    def tried(candidate: nn.Module, layer: str, what: str) -> None:
        nonlocal best, lowest
        fitted = objective.refitted(candidate, blocks)
        value = objective.value(fitted)
        steps.append(Step(layer, what, value, value < lowest))
        if value < lowest:
            best, lowest = fitted, value
        if callback is not None:
            callback(steps[-1])

    tried(module, "", REFIT)
    refit_only = lowest
    for layer in chosen:
        start = best
        variants: list[tuple[Tensor, Tensor]] = []
        for what, neurons in polished_neurons(start, layer, objective.X, counts, full):
            variants.append(neurons)
            candidate = deepcopy(start)
            layer.set_neurons(candidate, *neurons)
            tried(candidate, layer.name, what)
            following = [block for block in blocks if block.hidden == layer and block != last]
            for block in following:
                tried(_matched(start, candidate, block, objective.X), layer.name, f"{what}, next layer matched")
        if layer == last.hidden and len(variants) > 1:
            candidate = deepcopy(start)
            layer.set_neurons(candidate, *_best_of_each(objective, start, last, variants))
            tried(candidate, layer.name, MIXED)
    return Polished(best if best is not module else deepcopy(module), before, refit_only, lowest, steps)


def polished_neurons(
    module: nn.Module, layer: ReLULayer, X: Tensor, counts: list[int], full: bool
) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """The neurons of a layer on the faces of their nearest rows, for each of `counts`; then on blades.

    Yields what was done, and weights (m, d) and biases (m,) as long as those of the layer. Neurons that a face leaves
    nothing of stay as they are.
    """
    weights, biases = layer.neurons(module)
    bias, rank = layer.has_bias(module), rank_of(module, layer, X)
    defining = rank - 1 + bias
    counts = [count for count in counts if bias <= count < defining]
    near = nearest_rows(module, layer, X, round(SPARE * defining) + 1 if full else max(counts, default=1))
    lengths = torch.linalg.vector_norm(weights, dim=1)
    alive = [k for k in range(len(weights)) if lengths[k] > 0.0]
    faces = {k: projections(weights[k], near.of(k), bias, counts) for k in alive} if counts else {}
    for c, count in enumerate(counts):
        yield str(count), _placed(weights, biases, {k: (w[c], b[c]) for k, (w, b) in faces.items()})
    if full and rank > 0:
        inside = span(near.table, bias) if rank < weights.shape[1] else None
        blades = Blades(near.table, bias, rank)
        moved = {k: blades.of(_within(inside, weights[k]), near.place[k])[:2] for k in alive}
        yield FULL, _placed(weights, biases, moved)


def _placed(weights: Tensor, biases: Tensor, moved: dict[int, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Neurons with some of them moved, at the lengths that they had."""
    weights, biases = weights.clone(), biases.clone()
    for k, (weight, offset) in moved.items():
        length = torch.linalg.vector_norm(weight)
        if length > 0.0 and torch.isfinite(weight).all():
            scale = torch.linalg.vector_norm(weights[k]) / length
            weights[k], biases[k] = scale * weight, scale * offset
    return weights, biases


def _within(axes: Tensor | None, weight: Tensor) -> Tensor:
    """The part of a weight that acts on the data."""
    return weight if axes is None else axes @ (axes.T @ weight)


def _matched(before: nn.Module, after: nn.Module, block: Block, X: Tensor) -> nn.Module:
    """A copy of `after` whose next layer comes as near as it can to what that computed before (least squares)."""
    result, layer = deepcopy(after), ReLULayer(block.out)
    weights, biases = layer.neurons(before)
    targets = torch.cat([rows @ weights.T + biases for rows in rows_read(before, block.out, X)])
    read = torch.cat(list(rows_read(after, block.out, X)))
    d = read.shape[1]
    if layer.has_bias(after):
        read = torch.cat([read, read.new_ones(len(read), 1)], dim=1)
    solution = torch.linalg.lstsq(read.cpu(), targets.cpu(), driver="gelsd").solution.T.to(weights)
    layer.set_neurons(result, solution[:, :d], solution[:, -1])
    return result


def _best_of_each(
    objective: Objective, module: nn.Module, block: Block, variants: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Of each neuron of the last block and its variants the one that the optimum over all of them uses most."""
    weights, biases = block.hidden.neurons(module)
    pairs = [(weights, biases), *variants]
    stacked, offsets = torch.cat([w for w, _ in pairs]), torch.cat([b for _, b in pairs])
    read, (_, intercept) = inputs_of(module, block, objective.X), block.have_biases(module)
    network = objective.lasso(read, stacked.cpu().numpy(), offsets.cpu().numpy(), intercept)
    sizes = row_norms(network.amplitudes).reshape(len(pairs), len(weights))
    best = torch.as_tensor(np.argmax(sizes, axis=0), device=weights.device)
    rows = best * len(weights) + torch.arange(len(weights), device=weights.device)
    return stacked[rows], offsets[rows]


def _chosen(found: list[ReLULayer], names: list[str] | None) -> list[ReLULayer]:
    known = {layer.name: layer for layer in found}
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise ValueError(f"no ReLU layer is called {unknown[0]!r}; there are {', '.join(map(repr, known))}.")
    return found if names is None else [known[name] for name in names]


def _checked_counts(counts: list[int] | None) -> list[int]:
    if counts is None:
        return list(COUNTS)
    for count in counts:
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"counts must be whole numbers of at least 1, got {count!r}.")
    return counts
