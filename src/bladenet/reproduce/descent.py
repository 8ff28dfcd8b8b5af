"""Networks trained by stochastic gradient descent with weight decay: what polishing starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

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
