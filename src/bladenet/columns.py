"""The columns (w·x + b)_+ of neurons at points: kept in memory while they are few, else computed whenever needed.

Computing a column of few features takes about as long as reading it from memory.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np

from bladenet import kernels
from bladenet.losses import Array, Index
from bladenet.parallel import as_done, on_threads

NARROW = 64  # columns below which the last block still grows
STRIP = 4096  # points whose part of a Gram matrix is summed at once
SHORT = 512  # the same where columns are computed: they stay in the cache
STRETCH = 1 << 15  # points whose columns a thread computes at a time
SLAB = 256  # columns that a thread multiplies at once
LONG = 30_000_000  # multiplications that are worth a second thread
SPARSE = 8  # weights per neuron up to which a loop over them is faster than a product of matrices


class Columns:
    """An (n, m) matrix that gains and loses columns; blocks hold some columns each, as rows of length n, so that
    growing copies (almost) nothing.

    Parameters
    ----------
    n : number of points
    """

    def __init__(self, n: int):
        self.n = n
        self.blocks: list[Array] = []

    def __len__(self) -> int:
        """The number of columns."""
        return sum(len(block) for block in self.blocks)

    def add(self, columns: Array) -> None:
        """Append columns, given as rows (k, n)."""
        if self.blocks and len(self.blocks[-1]) < NARROW:
            columns = np.vstack([self.blocks.pop(), columns])
        self.blocks.append(columns)

    def keep(self, kept: Index) -> None:
        """Drop all columns but these, in increasing order; at most one block is held twice."""
        for k, (block, start) in enumerate(self._located()):
            rows = kept[(kept >= start) & (kept < start + len(block))] - start
            if len(rows) < len(block):
                self.blocks[k] = block[rows]
        self.blocks = [block for block in self.blocks if len(block)]

    def take(self, chosen: Index, points: slice = slice(None)) -> Array:
        """The chosen columns (in increasing order) at some points, as rows (k, n)."""
        parts = [np.empty((0, self.n))[:, points]]
        for block, start in self._located():
            rows = chosen[(chosen >= start) & (chosen < start + len(block))] - start
            parts.append(block[rows, points])
        return np.vstack(parts)

    def forward(self, z: Array) -> Array:
        """Kz: (m,) → (n,), or (m, c) → (n, c); columns with z = 0 cost nothing."""
        f = np.zeros((*z.shape[1:], self.n))
        for block, start in self._located():
            part = z[start : start + len(block)]
            used = np.flatnonzero(part if z.ndim == 1 else part.any(axis=1))
            if 2 * len(used) > len(part):
                f += part.T @ block
            elif len(used):
                f += part[used].T @ block[used]
        return f.T

    def adjoint(self, v: Array) -> Array:
        """Kᵀv: (n,) → (m,), or (n, k) → (m, k)."""
        if len(self) * v.size < LONG:
            parts = [block @ v for block in self.blocks]
        else:
            slabs = [block[k : k + SLAB] for block in self.blocks for k in range(0, len(block), SLAB)]
            parts = on_threads(lambda slab: slab @ v, slabs)
        return np.concatenate([np.zeros((0, *v.shape[1:])), *parts])

    def gram(self, chosen: Index, weight: Array) -> Array:
        """Weighted inner products of the chosen columns, (k, k)."""
        root = np.sqrt(weight)

        def of_strip(strip: slice) -> Array:
            part = self.take(chosen, strip)
            part *= root[strip]
            return part @ part.T

        return self._summed(of_strip, (len(chosen), len(chosen)))

    def grams(self, chosen: Index, weights: Array, constant: bool) -> Array:
        """The same for several outputs, weighted for each pair of them, (k, c, k, c).

        Parameters
        ----------
        weights : (c, c, n), symmetric, of either sign
        constant : whether a column of ones is added
        """
        c, k = len(weights), len(chosen) + constant

        def of_strip(strip: slice) -> Array:
            part = self.take(chosen, strip)
            if constant:
                part = np.vstack([part, np.ones(part.shape[1])])
            products = np.empty((k, c, k, c))
            for o in range(c):
                for q in range(o + 1):
                    products[:, o, :, q] = (part * weights[o, q, strip]) @ part.T
                    products[:, q, :, o] = products[:, o, :, q]
            return products

        return self._summed(of_strip, (k, c, k, c))

    def _summed(self, of_strip: Callable[[slice], Array], shape: tuple[int, ...]) -> Array:
        """The sum over strips of points, on all cores; always in the same order."""
        strips = [slice(start, start + STRIP) for start in range(0, self.n, STRIP)]
        return total(as_done(of_strip, strips), shape)

    def products(self, known: int, weight: Array, target: Array) -> tuple[Array, Array, Array]:
        """Weighted inner products of the columns from number `known` on: with all columns (m, k), with 1 and `target`.

        Parameters
        ----------
        weight, target : (n,)
        """
        weighted = (self.take(np.arange(known, len(self))) * weight).T
        return self.adjoint(weighted), weighted.sum(axis=0), weighted.T @ target

    def dense(self) -> Array:
        """All columns, (n, m)."""
        return self.take(np.arange(len(self))).T

    def _located(self) -> Iterator[tuple[Array, int]]:
        """Each block with the number of its first column."""
        start = 0
        for block in self.blocks:
            yield block, start
            start += len(block)


class ComputedColumns(Columns):
    """The same without blocks, computed from the neurons.

    Parameters
    ----------
    points : (n, d)
    weights, offsets : (m, d), (m,) of the neurons
    """

    def __init__(self, points: Array, weights: Array, offsets: Array):
        super().__init__(len(points))
        self.features = np.ascontiguousarray(points.T)
        self.weights, self.offsets = weights, offsets
        ends = [*range(0, self.n, STRETCH), self.n]
        self.stretches = [range(start, stop, SHORT) for start, stop in pairwise(ends)]

    def __len__(self) -> int:
        return len(self.offsets)

    def add_neurons(self, weights: Array, offsets: Array) -> None:
        """Append the columns of neurons (k, d), (k,)."""
        self.weights, self.offsets = np.vstack([self.weights, weights]), np.r_[self.offsets, offsets]

    def keep(self, kept: Index) -> None:
        """See :meth:`Columns.keep`."""
        self.weights, self.offsets = self.weights[kept], self.offsets[kept]

    def take(self, chosen: Index, points: slice = slice(None)) -> Array:
        """See :meth:`Columns.take`."""
        return activations(self.features[:, points], self.weights[chosen], self.offsets[chosen])

    def forward(self, z: Array) -> Array:
        """See :meth:`Columns.forward`."""
        used = np.flatnonzero(z if z.ndim == 1 else z.any(axis=1))
        f = np.zeros((self.n, *z.shape[1:]))

        def along(stretch: range) -> None:
            for strip in _strips(stretch):
                f[strip] = self.take(used, strip).T @ z[used]

        on_threads(along, self.stretches)
        return f

    def adjoint(self, v: Array) -> Array:
        """See :meth:`Columns.adjoint`."""
        everything = np.arange(len(self))
        return self._summed(lambda strip: self.take(everything, strip) @ v[strip], (len(self), *v.shape[1:]))

    def products(self, known: int, weight: Array, target: Array) -> tuple[Array, Array, Array]:
        """See :meth:`Columns.products`."""
        everything, sides = np.arange(len(self)), np.column_stack([weight, weight * target])

        def of_strip(strip: slice) -> Array:
            part = self.take(everything, strip)
            new = part[known:]
            return np.hstack([part @ (new * weight[strip]).T, part @ sides[strip]])

        found = self._summed(of_strip, (len(self), len(self) - known + 2))
        return found[:, :-2], found[known:, -2], found[known:, -1]

    def _summed(self, of_strip: Callable[[slice], Array], shape: tuple[int, ...]) -> Array:
        """See :meth:`Columns._summed`."""

        return total(as_done(lambda stretch: total(map(of_strip, _strips(stretch)), shape), self.stretches), shape)


def activations(features: Array, weights: Array, offsets: Array) -> Array:
    """(w_j·x_i + b_j)_+ of neurons (m, d), (m,) at points (d, n), as rows (m, n)."""
    if np.count_nonzero(weights) > SPARSE * len(weights):
        columns = weights @ features
        columns += offsets[:, None]
        np.maximum(columns, 0.0, out=columns)
        return columns
    columns = np.empty((len(offsets), features.shape[1]))
    kernels.activations(features, weights, offsets, columns)
    return columns


def total(parts: Iterable[Array], shape: tuple[int, ...]) -> Array:
    """Their sum, one after the other."""
    found = np.zeros(shape)
    for part in parts:
        found += part
    return found


def _strips(stretch: range) -> Iterator[slice]:
    return (slice(start, min(start + SHORT, stretch.stop)) for start in stretch)
