"""What each step is worth: SGD, the refit alone, polishing in full and in part, refinement.

The paper polishes and refits the last layer together; here either is measured alone. What polishing does is kept
even where it raises the objective, unlike in :func:`bladenet.torch.polish`. The last layer is refitted in two ways:
for the network's own objective, which is a Lasso over its neurons, and as in the paper, by ridge least squares.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import nn

from bladenet.certificate import Status
from bladenet.torch import refine
from bladenet.torch.blocks import last_block, two_layer_blocks
from bladenet.torch.layers import ReLULayer, rows_read
from bladenet.torch.objective import Objective, rescaled
from bladenet.torch.polishing import FULL, polished_neurons
from bladenet.training import SEARCH_SHARE

SGD, REFIT, PAPER, RIDGE, PAPER_RIDGE, PARTIAL, BEST, REFINED = (
    "SGD",
    "refit only",
    "full polishing",
    "ridge only",
    "full polishing, ridge",
    "partial polishing",
    "best polishing",
    "refinement",
)
ROUNDING = 1e-6  # of the largest outputs: neurons whose outputs are smaller than this are 0, but for float32


@dataclass(frozen=True, eq=False)
class Variant:
    """A network that one of the methods has made.

    Attributes
    ----------
    method, module : which, and its network
    objective : Σ_i ℓ(f(x_i), y_i) + (β/2) Σ ‖W‖²
    samples : how many each neuron was made orthogonal to, in partial polishing
    """

    method: str
    module: nn.Module
    objective: float
    samples: int | None = None


def refitted(objective: Objective, module: nn.Module, method: str = REFIT, samples: int | None = None) -> Variant:
    """The module with the best last layer and the best scales for its neurons (steps 4 and 5 of the paper)."""
    fitted = objective.refitted(module, two_layer_blocks(module, objective.X))
    return Variant(method, fitted, objective.value(fitted), samples)


def ridge_refitted(objective: Objective, module: nn.Module, method: str = RIDGE) -> Variant:
    """The module with the last layer of least ½ Σ (f(x_i) − y_i)² + (β/2) ‖u‖² on labels −1 and +1, as in the paper.

    For networks without biases. The paper does not say how large its ridge is, and that means something only together
    with the scales of neurons, which are free (step 5): here outputs of every neuron have mean square 1.
    """
    blocks = two_layer_blocks(module, objective.X)
    out = last_block(blocks, module, objective.X).out
    outputs = torch.cat(list(rows_read(module, out, objective.X))).cpu().numpy()
    sizes = np.sqrt(np.square(outputs).mean(axis=0))
    used = sizes > ROUNDING * sizes.max()
    columns = outputs[:, used] / sizes[used]
    amplitudes = np.zeros(len(sizes))
    ridge = objective.beta * np.eye(columns.shape[1])
    amplitudes[used] = np.linalg.solve(columns.T @ columns + ridge, columns.T @ objective.y) / sizes[used]
    result = deepcopy(module)
    ReLULayer(out).set_neurons(result, torch.as_tensor(amplitudes)[None], torch.zeros(1))
    result = rescaled(result, blocks)
    return Variant(method, result, objective.value(result))


def polishings(
    objective: Objective, module: nn.Module, layer: ReLULayer, counts: list[int], *, ridge: bool = False
) -> Iterator[Variant]:
    """The paper's polishing of a layer; and the partial one whose number of samples has the lowest objective.

    With `ridge` the paper's polishing with its own refit too.
    """
    partial: Variant | None = None
    for what, neurons in polished_neurons(module, layer, objective.X, counts, full=True):
        moved = deepcopy(module)
        layer.set_neurons(moved, *neurons)
        if what == FULL:
            yield refitted(objective, moved, PAPER)
            if ridge:
                yield ridge_refitted(objective, moved, PAPER_RIDGE)
            continue
        variant = refitted(objective, moved, PARTIAL, int(what))
        if partial is None or variant.objective < partial.objective:
            partial = variant
    if partial is not None:
        yield partial


def refinement(objective: Objective, module: nn.Module, time_limit: float | None) -> Variant:
    """The best last block, of any width, or what is found in so many seconds.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, which :func:`bladenet.torch.refine` takes as the end of its own search.
    """
    started = perf_counter()
    result = refine(
        module, objective.X, objective.targets, beta=objective.beta, loss=objective.loss, time_limit=time_limit
    )
    stopped = result.fit.certificate.status is Status.STOPPED
    if stopped and (time_limit is None or perf_counter() - started < SEARCH_SHARE * time_limit):
        raise KeyboardInterrupt
    return Variant(REFINED, result.module, result.after)
