"""The columns (w·x + b)_+ of neurons at points, in blocks, so that growing copies (almost) nothing."""

from collections.abc import Iterator

import numpy as np

from bladenet.losses import Array, Index
from bladenet.parallel import on_threads

NARROW = 64  # columns below which the last block still grows
STRIP = 4096  # points whose part of a Gram matrix is summed at once
SLAB = 256  # columns that a thread multiplies at once
LONG = 30_000_000  # multiplications that are worth a second thread


class Columns:
    """An (n, m) matrix that gains and loses columns; blocks hold some columns each, as rows of length n.

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

        strips = [slice(start, start + STRIP) for start in range(0, self.n, STRIP)]
        return sum(on_threads(of_strip, strips), start=np.zeros((len(chosen), len(chosen))))

    def dense(self) -> Array:
        """All columns, (n, m)."""
        return self.take(np.arange(len(self))).T

    def _located(self) -> Iterator[tuple[Array, int]]:
        """Each block with the number of its first column."""
        start = 0
        for block in self.blocks:
            yield block, start
            start += len(block)
