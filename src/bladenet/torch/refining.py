"""Refinement: the last block of a network replaced by the best one of any width, for what it reads.

Given the layers before, the last block, Linear, ReLU, Linear, is the core's problem with their activations as samples:
its missing neurons are priced, and its optimum is certified.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from bladenet.certificate import TINY
from bladenet.column_generation import Round
from bladenet.display import Shown
from bladenet.losses import Loss
from bladenet.rebuilding import Fit
from bladenet.torch.blocks import last_block, two_layer_blocks, write_block
from bladenet.torch.inputs import checked_module
from bladenet.torch.objective import Objective, inputs_of, rescaled
from bladenet.training import train


@dataclass(frozen=True, eq=False, repr=False)
class Refined(Shown):
    """What :func:`refine` has done.

    Attributes
    ----------
    module : a new module; its last block may be wider or narrower
    before, after : objectives
    lower_bound : no last block of any width has a lower objective, given the layers before; for two layers, no network
    fit : Fit of the last block, with certificate and blades (rows of what the block reads)
    """

    module: nn.Module
    before: float
    after: float
    lower_bound: float
    fit: Fit

    @property
    def gap(self) -> float:
        """How far above the lower bound the objective may be, relative to it."""
        return max(0.0, self.after - self.lower_bound) / max(abs(self.after), TINY)


def refine(
    module: nn.Module,
    X: Any,
    y: Any,
    *,
    beta: float,
    loss: str | Loss = "squared",
    tol: float = 1e-6,
    strategy: str = "auto",
    time_limit: float | None = None,
    callback: Callable[[Round], object] | None = None,
) -> Refined:
    """Replace the last block of a network by the best one of any width, for what the layers before compute.

    The objective is that of :func:`polish`, and never higher afterwards.

    Parameters
    ----------
    module : must end in Linear, ReLU, Linear, both with a bias or both without; it is not changed
    X, y, beta, loss : as for :func:`polish`
    tol, strategy, time_limit, callback : as for :func:`bladenet.train`

    Raises
    ------
    ValueError
        On invalid input, before any work; names the value and the remedy.
    """
    module = checked_module(module)
    objective = Objective.create(module, X, y, beta=beta, loss=loss)
    blocks = two_layer_blocks(module, objective.X)
    block = last_block(blocks, module, objective.X)
    bias, intercept = block.have_biases(module)
    if bias != intercept:
        without = block.out if bias else block.hidden.name
        raise ValueError(
            f"layer {without!r} has no bias and the other one of the last block has: give both one, or none."
        )
    start = rescaled(module, blocks)
    weights, offsets = (tensor.cpu().numpy() for tensor in block.hidden.neurons(start))
    fit = train(
        inputs_of(start, block, objective.X),
        objective.targets,
        beta=beta,
        bias=bias,
        loss=objective.loss,
        start=(weights, offsets),
        tol=tol,
        strategy=strategy,
        time_limit=time_limit,
        callback=callback,
    )
    result = deepcopy(start)
    write_block(result, block, fit.network.balanced())
    candidates = [deepcopy(module), start, result]
    values = [objective.value(candidate) for candidate in candidates]
    best = int(np.argmin(values))
    lower = fit.certificate.lower_bound + objective.penalty(start, without=block)
    return Refined(candidates[best], values[0], values[best], min(lower, values[best]), fit)
