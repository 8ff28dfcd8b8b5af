"""The rows nearest to each neuron's hyperplane, found in one pass over the data and fetched in a second."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bladenet.torch.faces import LARGE
from bladenet.torch.layers import ReLULayer, rows_at, rows_read


@dataclass(frozen=True, eq=False)
class Nearest:
    """For each of m neurons the k rows with the smallest |w·x + b|, nearest first.

    Attributes
    ----------
    indices : (m, k) of rows; where a sample has several, as tokens or patches, sample i has rows i·p … i·p + p − 1
    table : (u, d) the rows that are among the nearest of some neuron
    place : (m, k) where in `table` they are
    total : how many rows there are
    """

    indices: Tensor
    table: Tensor
    place: Tensor
    total: int

    def of(self, neuron: int) -> Tensor:
        """The nearest rows of a neuron, (k, d)."""
        return self.table[self.place[neuron]]


def nearest_rows(module: nn.Module, layer: ReLULayer, X: Tensor, count: int) -> Nearest:
    """The `count` rows nearest to each neuron, or all if there are fewer."""
    weights, biases = layer.neurons(module)
    best = weights.new_zeros(len(weights), 0)
    indices = torch.zeros(len(weights), 0, dtype=torch.long, device=weights.device)
    total = 0
    for rows in rows_read(module, layer.name, X):
        away = (weights @ rows.T + biases[:, None]).abs()
        numbers = torch.arange(total, total + len(rows), device=rows.device).expand(len(weights), -1)
        away, numbers = torch.cat([best, away], dim=1), torch.cat([indices, numbers], dim=1)
        order = away.argsort(dim=1, stable=True)[:, :count]  # of rows that are as near, the first
        best, indices = away.gather(1, order), numbers.gather(1, order)
        total += len(rows)
    needed, place = torch.unique(indices, return_inverse=True)
    return Nearest(indices, rows_at(module, layer.name, X, needed), place, total)


def rank_of(module: nn.Module, layer: ReLULayer, X: Tensor) -> int:
    """How many directions the rows span, or with a bias their differences; in many dimensions as many as they can."""
    first, bias = next(rows_read(module, layer.name, X[:1])), layer.has_bias(module)
    d = first.shape[1]
    if d >= LARGE:
        return min(d, len(first) * len(X) - bias)
    triangle = first[:0]
    for rows in rows_read(module, layer.name, X):
        stacked = torch.cat([triangle, rows - first[0] if bias else rows])
        triangle = torch.linalg.qr(stacked, mode="r").R if len(stacked) > d else stacked
    return int(torch.linalg.matrix_rank(triangle))
