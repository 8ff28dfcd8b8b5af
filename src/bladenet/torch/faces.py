"""Faces and blades of samples in any dimension: a neuron moved onto the hyperplane of the samples nearest to it.

The nearest k samples of a neuron define a face, the directions orthogonal to them (to their differences, with a bias).
Projecting the neuron onto it is partial polishing; with as many samples as leave one direction, the face is their blade
and the projection the wedge product ± ⋆(x_1 ∧ … ∧ x_{r−1}) of the paper's Section 4.1 (THEORY §2, §8).
"""

from __future__ import annotations

import torch
from torch import Tensor

DEPENDENT = 1e-9  # of its length: a row closer than this to the span of those before it adds nothing
LARGE = 512  # dimension from which blades come from one factorisation in float32, refined
REFINEMENTS = 10
EXACT = 1e-13  # relative residual that they stop at


def directions(samples: Tensor, bias: bool) -> Tensor:
    """What the weight of a neuron through samples (k, d) is orthogonal to: these, or differences from the first."""
    return samples[1:] - samples[0] if bias else samples


def projections(weight: Tensor, samples: Tensor, bias: bool, counts: list[int]) -> tuple[Tensor, Tensor]:
    """A weight (d,) projected onto the faces of its nearest samples (k, d): of so many of them, for each of `counts`.

    Returns
    -------
    weights (len(counts), d) and biases (len(counts),); with a bias the hyperplane passes through the first sample.
    A weight is 0 where nothing but rounding is left.
    """
    basis = _basis(directions(samples[: max(counts)], bias))
    counted = torch.tensor([max(count - bias, 0) for count in counts], device=weight.device)
    inside = torch.arange(basis.shape[1], device=weight.device) < counted[:, None]
    weights = weight.expand(len(counts), -1)
    for _ in range(2):  # the second time takes off the rounding of the first
        weights = weights - (weights @ basis * inside) @ basis.T
    left = torch.linalg.vector_norm(weights, dim=1) > DEPENDENT * torch.linalg.vector_norm(weight)
    weights = weights * left[:, None]
    return weights, -(weights @ samples[0]) if bias else weights.new_zeros(len(counts))


def blade(weight: Tensor, samples: Tensor, bias: bool, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The blade of the nearest independent samples, on the side of `weight`.

    Parameters
    ----------
    samples : (k, d), nearest first; at least as many as define a neuron
    rank : of the directions that samples span

    Returns
    -------
    weight (d,) of unit length, bias, and the positions in `samples` of those that define it.
    """
    d = samples.shape[1]
    first = torch.arange(rank - 1 + bias, device=samples.device)
    if rank == d >= LARGE:
        found = _orthogonal(directions(samples[: len(first)], bias), weight)
        if found is not None:
            return found, -(found @ samples[0]) if bias else found.new_zeros(()), first
    rows = directions(samples, bias)
    basis = _basis(rows, most=rank - 1)
    used = torch.nonzero(basis.any(dim=0))[:, 0]
    found = weight
    for _ in range(2):
        found = found - basis @ (basis.T @ found)
        found = found / torch.linalg.vector_norm(found)
    chosen = torch.cat([used.new_zeros(1), used + 1]) if bias else used
    return found, -(found @ samples[0]) if bias else found.new_zeros(()), chosen


def _basis(rows: Tensor, most: int | None = None) -> Tensor:
    """An orthonormal basis (d, k) of what the rows (k, d) span, a column for each; 0 for a row that adds nothing.

    With `most`, rows are passed over once so many have been found to be independent.
    """
    lengths = torch.linalg.vector_norm(rows, dim=1)
    if len(rows) <= (rows.shape[1] if most is None else most):
        basis, triangle = torch.linalg.qr(rows.T)
        if (triangle.diagonal().abs() > DEPENDENT * lengths).all():
            return basis
    basis, count = rows.new_zeros(rows.shape[1], len(rows)), 0  # behind a dependent row, QR's directions are arbitrary
    known = rows.new_zeros(rows.shape[1], min(rows.shape))
    for k, row in enumerate(rows):
        rest = row
        for _ in range(2):
            rest = rest - known[:, :count] @ (known[:, :count].T @ rest)
        length = torch.linalg.vector_norm(rest)
        if length > DEPENDENT * lengths[k] and lengths[k] > 0.0:
            basis[:, k] = known[:, count] = rest / length
            count += 1
        if count == (known.shape[1] if most is None else most):
            break
    return basis


def _orthogonal(rows: Tensor, weight: Tensor) -> Tensor | None:
    """The unit vector orthogonal to d − 1 rows, on the side of `weight`; None if rounding hides it.

    It solves [rows; weight] u = (0, …, 0, 1), by a factorisation in float32 and residuals in float64.
    """
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    system = torch.cat([rows / lengths, (weight / torch.linalg.vector_norm(weight))[None]])
    factors, pivots = torch.linalg.lu_factor(system.float())
    target = torch.zeros(len(system), 1, dtype=system.dtype, device=system.device)
    target[-1] = 1.0
    solution = torch.zeros_like(target)
    for _ in range(REFINEMENTS):
        residual = target - system @ solution
        if not torch.isfinite(residual).all():
            return None
        if residual.abs().max() <= EXACT * solution.abs().max():
            return (solution / torch.linalg.vector_norm(solution))[:, 0]
        size = residual.abs().max()
        solution = solution + size * torch.linalg.lu_solve(factors, pivots, (residual / size).float()).double()
    return None
