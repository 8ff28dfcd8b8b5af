"""Networks trained by stochastic gradient descent with weight decay: what polishing starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": lambda outputs, y: 0.5 * (outputs - y).square(),
    "logistic": lambda outputs, y: F.softplus(-y * outputs),
}


def new_network(widths: Sequence[int], *, bias: bool, seed: int, dtype: torch.dtype) -> nn.Sequential:
    """Linear layers with ReLUs between them, as PyTorch initialises them; `widths` from inputs to output."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b, bias=bias, dtype=dtype) for a, b in pairwise(widths)]
    parts = [part for layer in layers for part in (layer, nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def descend(
    module: nn.Module,
    X: Tensor,
    y: Tensor,
    *,
    loss: str,
    beta: float,
    rate: float,
    epochs: int,
    batch: int,
    seed: int,
    callback: Callable[[int], object] = lambda epoch: None,
) -> None:
    """Train a module in place to minimise Σ_i ℓ(f(x_i), y_i) + (β/2) Σ ‖W‖², the objective of ``bladenet.torch``.

    Steps are on the mean loss, with weight decay β/n on weights and none on biases; `callback` is called with the
    number of epochs done, from 0.
    """
    weights = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in module.parameters() if parameter.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": beta / len(X)}, {"params": biases}]
    optimiser = torch.optim.SGD(groups, lr=rate)
    generator = torch.Generator().manual_seed(seed)
    callback(0)
    for epoch in range(epochs):
        for rows in torch.randperm(len(X), generator=generator).split(batch):
            optimiser.zero_grad()
            LOSSES[loss](module(X[rows])[:, 0], y[rows]).mean().backward()
            optimiser.step()
        callback(epoch + 1)


def descend_on_all(
    module: nn.Module,
    X: Tensor,
    y: Tensor,
    beta: float,
    rate: float,
    epochs: int,
    callback: Callable[[int], object],
) -> None:
    """What :func:`descend` does with the squared loss and all samples in each step, for Linear, ReLU, Linear.

    Without automatic differentiation, whose steps cost more than the arithmetic of so small a network.
    """
    weights, biases, amplitudes, intercept = (parameter.detach().numpy() for parameter in module.parameters())  # views
    rows, targets, decay = X.numpy(), y.numpy(), beta / len(X)
    callback(0)
    for epoch in range(epochs):
        hidden = np.maximum(rows @ weights.T + biases, 0.0)
        slopes = (hidden @ amplitudes[0] + intercept - targets) / len(rows)
        back = slopes[:, None] * amplitudes * (hidden > 0)
        amplitudes -= rate * (slopes @ hidden + decay * amplitudes)
        intercept -= rate * slopes.sum()
        weights -= rate * (back.T @ rows + decay * weights)
        biases -= rate * back.sum(axis=0)
        callback(epoch + 1)
