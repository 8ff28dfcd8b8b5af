"""Faces and blades of samples in any dimension: a neuron moved onto the hyperplane of the samples nearest to it.

The nearest k samples of a neuron define a face, the directions orthogonal to them (to their differences, with a bias).
Projecting the neuron onto it is partial polishing; with as many samples as leave one direction, the face is their blade
and the projection the wedge product ± ⋆(x_1 ∧ … ∧ x_{r−1}) of the paper's Section 4.1 (THEORY §2, §8).
"""

from __future__ import annotations

import torch
from torch import Tensor

DEPENDENT = 1e-9  # of its length: a row closer than this to the span of those before it adds nothing
LARGE = 512  # dimension from which blades come from a system of equations
EXACT = 1e-12  # relative residual of its solution


def directions(samples: Tensor, bias: bool) -> Tensor:
    """What the weight of a neuron through samples (k, d) is orthogonal to: these, or differences from the first."""
    return samples[1:] - samples[0] if bias else samples


def span(rows: Tensor, bias: bool) -> Tensor:
    """An orthonormal basis (d, r) of the directions of all rows, or with a bias of their differences."""
    _, sizes, axes = torch.linalg.svd(rows - rows[0] if bias else rows, full_matrices=False)
    return axes[sizes > sizes.max() * max(rows.shape) * torch.finfo(rows.dtype).eps].T


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


def closeness(weight: Tensor, samples: Tensor, bias: bool) -> Tensor:
    """Cosine between a weight (d,) and its projection onto the face of its nearest samples (k, d).

    Only the triangle of a QR decomposition is needed, a third of the work of :func:`projections`: rotated into as few
    dimensions as there are vectors, what is left of the weight behind the rows is as long.
    """
    rows = directions(samples, bias)
    if len(rows) < rows.shape[1]:
        triangle = torch.linalg.qr(torch.cat([rows, weight[None]]).T, mode="r").R
        enough = DEPENDENT * torch.linalg.vector_norm(triangle, dim=0)
        new = triangle.diagonal().abs() > enough
        new[-1] = False
        count = int(new.sum())
        if count < len(rows):  # behind a row that adds nothing, directions are arbitrary: such rows go to the end
            order = torch.argsort(new.int(), descending=True, stable=True)
            triangle, enough = torch.linalg.qr(triangle[:, order], mode="r").R, enough[order]
        *others, left = torch.linalg.vector_norm(triangle[count:, count:], dim=0)
        if all(rest <= most for rest, most in zip(others, enough[count:-1], strict=True)):
            return torch.where(left > enough[-1], left / torch.linalg.vector_norm(weight), 0.0)
    left = torch.linalg.vector_norm(projections(weight, samples, bias, [len(samples)])[0])
    return left / torch.linalg.vector_norm(weight)


class Blades:
    """Blades of the nearest independent rows of neurons, one after the other.

    Parameters
    ----------
    table : (u, d) rows
    bias : whether neurons have one
    rank : of the directions that all rows span
    """

    def __init__(self, table: Tensor, bias: bool, rank: int):
        self.table, self.bias, self.rank = table, bias, rank
        self.first = rank - 1 + bias  # rows that define a neuron
        self.large = rank == table.shape[1] >= LARGE
        if self.large:  # memory for a system of equations, which costs as much to get as to fill
            self.system, self.factors = table.new_empty(rank, rank), table.new_empty(rank, rank)

    def of(self, weight: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The blade of the rows at `place` in the table, nearest first, on the side of `weight`.

        Returns
        -------
        weight (d,) of unit length, bias, and which of these rows define it.
        """
        if self.large and len(place) >= self.first:
            found = self._orthogonal(weight, place[: self.first])
            if found is not None:
                return found, self._offset(found, place), torch.arange(self.first, device=place.device)
        basis = _basis(directions(self.table[place], self.bias), most=self.rank - 1)
        used = torch.nonzero(basis.any(dim=0))[:, 0]
        found = weight
        for _ in range(2):
            found = found - basis @ (basis.T @ found)
            found = found / torch.linalg.vector_norm(found)
        return found, self._offset(found, place), torch.cat([used[:0].new_zeros(1), used + 1]) if self.bias else used

    def _offset(self, weight: Tensor, place: Tensor) -> Tensor:
        return -(weight @ self.table[place[0]]) if self.bias else weight.new_zeros(())

    def _orthogonal(self, weight: Tensor, place: Tensor) -> Tensor | None:
        """The unit vector orthogonal to d − 1 directions, on the side of `weight`; None if rounding hides it.

        It solves [rows; weight] u = (0, …, 0, 1), half of the work of an orthonormal basis.
        """
        system, rank = self.system, self.rank
        torch.index_select(self.table, 0, place[self.bias :], out=system[:-1])
        if self.bias:
            system[:-1] -= self.table[place[0]]
        system[-1] = weight * (system[0].norm() / weight.norm())
        pivots, singular = place.new_empty(rank, dtype=torch.int32), place.new_empty((), dtype=torch.int32)
        torch.linalg.lu_factor_ex(system, out=(self.factors, pivots, singular))
        if singular:
            return None
        target = system.new_zeros(rank, 1)
        target[-1] = system[-1].norm()
        solution = torch.linalg.lu_solve(self.factors, pivots, target)
        residual = (target - system @ solution).abs().max()
        if not residual <= EXACT * target[-1] * torch.linalg.vector_norm(solution):
            return None
        return (solution / torch.linalg.vector_norm(solution))[:, 0]


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
