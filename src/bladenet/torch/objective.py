"""The objective of a module: its loss on the data plus weight decay, and the steps that can only lower it.

    Σ_i ℓ(f(x_i), y_i) + (β/2) Σ ‖W‖²      over the weights W of all layers, not over biases

With the last block's amplitudes and the scales of its neurons free, this is the core's Lasso over the neurons:
weight decay of a block is at least Σ_j ‖w_j‖ ‖u_j‖, with equality once both factors are equal (paper §6.12).
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.losses import Array, Loss
from bladenet.network import ReLUNetwork
from bladenet.problem import TrainingProblem
from bladenet.torch.blocks import Block, last_block, write_block
from bladenet.torch.fixed_neurons import FixedNeurons
from bladenet.torch.inputs import checked_samples, checked_targets
from bladenet.torch.layers import ReLULayer, outputs_of, rows_read

ACCURACY = 1e-7  # relative, of the Lasso over the last block's neurons
SWEEPS = 30  # over blocks, each of which shares layers with the next
STILL = 1e-12  # a relative change of scales that is none


@dataclass(frozen=True, eq=False)
class Objective:
    """See :mod:`bladenet.torch.objective`.

    Attributes
    ----------
    X : what the module takes, (n, …)
    targets : (n,) or (n, c) as :func:`bladenet.train` takes them; y, as the loss does
    loss : Loss
    beta : float
    """

    X: Tensor
    targets: np.ndarray
    y: Array
    loss: Loss
    beta: float

    @classmethod
    def create(cls, module: nn.Module, X: Any, y: Any, *, beta: float, loss: str | Loss) -> Objective:
        """Check everything, the shape of the module's output too.

        Raises
        ------
        ValueError
            Naming what is wrong.
        """
        samples = checked_samples(module, X)
        targets = checked_targets(y, samples)
        if beta == 0:
            raise ValueError("beta must be greater than 0: without weight decay scales mean nothing.")
        problem = TrainingProblem.create(np.zeros((len(targets), 1)), targets, beta=beta, bias=False, loss=loss)
        self = cls(samples, targets, problem.y, problem.loss, problem.beta)
        self.outputs(module)
        return self

    def value(self, module: nn.Module) -> float:
        """The objective."""
        return self.data_term(self.outputs(module)) + self.penalty(module)

    def data_term(self, outputs: Array) -> float:
        """Σ_i ℓ(f(x_i), y_i)."""
        return float(self.loss.value(outputs, self.y).sum())

    def penalty(self, module: nn.Module, without: Block | None = None) -> float:
        """(β/2) Σ ‖W‖², of all layers or of those outside a block."""
        inside = [] if without is None else [f"{name}.weight" for name in (without.hidden.name, without.out)]
        weights = [weight for name, weight in module.named_parameters() if weight.ndim > 1 and name not in inside]
        return 0.5 * self.beta * sum(float(weight.detach().double().square().sum()) for weight in weights)

    def outputs(self, module: nn.Module) -> Array:
        """What the module computes, in the shape of the targets."""
        outputs = outputs_of(module, self.X).double().cpu().numpy()
        flat = outputs[:, 0] if self.y.ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs
        if flat.shape != self.y.shape:
            raise ValueError(f"the module's output has shape {outputs.shape}, and the targets {self.y.shape}.")
        return flat

    def refitted(self, module: nn.Module, blocks: list[Block]) -> nn.Module:
        """A copy with the best scales, whose last block has the best amplitudes for the neurons that it has.

        Neurons that the optimum does without become 0.
        """
        result, last = rescaled(module, blocks), last_block(blocks, module, self.X)
        weights, biases = (tensor.cpu().numpy() for tensor in last.hidden.neurons(result))
        network = self.lasso(inputs_of(result, last, self.X), weights, biases, last.have_biases(module)[1])
        write_block(result, last, network.balanced())
        return result

    def lasso(self, A: Array, weights: Array, biases: Array, intercept: bool) -> ReLUNetwork:
        """The network of least objective with these neurons, of what the block reads, (n, d)."""
        lengths = np.linalg.norm(weights, axis=1)
        unit = np.where(lengths > 0, lengths, 1.0)
        weights, biases = weights / unit[:, None], biases / unit
        columns = np.maximum(A @ weights.T + biases, 0.0)
        problem = FixedNeurons(columns * (lengths > 0), self.targets, beta=self.beta, bias=intercept, loss=self.loss)
        return ReLUNetwork(weights, biases, *problem.solve(ACCURACY))


def inputs_of(module: nn.Module, block: Block, X: Tensor) -> Array:
    """What a block reads, (n, d).

    Raises
    ------
    ValueError
        If it reads several rows of each sample.
    """
    rows = torch.cat(list(rows_read(module, block.hidden.name, X))).cpu().numpy()
    if len(rows) != len(X):
        raise ValueError(
            f"layer {block.hidden.name!r} reads {len(rows) // len(X)} rows of each sample (tokens); one is needed."
        )
    return rows


def rescaled(module: nn.Module, blocks: list[Block]) -> nn.Module:
    """A copy with the scales of neurons that minimise weight decay (paper §6.12); it computes the same."""
    result = deepcopy(module)
    for _ in range(SWEEPS):
        moved = 0.0
        for block in blocks:
            hidden, out = block.hidden.of(result), ReLULayer(block.out).of(result)
            with torch.no_grad():
                lengths = torch.linalg.vector_norm(hidden.weight.double(), dim=1)
                sizes = torch.linalg.vector_norm(out.weight.double(), dim=0)
                used = (lengths > 0) & (sizes > 0)
                factor = torch.where(used, (sizes / torch.where(used, lengths, 1.0)).sqrt(), 1.0)
                hidden.weight.mul_(factor[:, None])
                if hidden.bias is not None:
                    hidden.bias.mul_(factor)
                out.weight.div_(factor)
            moved = max(moved, float((factor - 1.0).abs().max()))
        if moved <= STILL:
            break
    return result
