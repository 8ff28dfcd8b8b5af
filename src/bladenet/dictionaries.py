"""The dictionary of the paper: a column for each set of samples and coordinates that defines a neuron.

Columns are numbered, not stored. Number 2k and 2k + 1 are the two orientations of the k-th set; sets with fewer
coordinates come first, and those with as many are told apart by the ranks of their two index sets among all of their
size (the combinatorial number system). So any column can be computed from its number alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from bladenet import algebra
from bladenet.bases import span
from bladenet.blades import Blade, spanning_rows
from bladenet.checks import checked_interaction, feature_matrix, finite_array
from bladenet.display import Shown, View
from bladenet.losses import Array, Index
from bladenet.network import ReLUNetwork

MOST_COLUMNS = 2**62  # that 64-bit integers can number
CHUNK = 100_000  # columns whose hyperplanes are computed at one time
EPS = float(np.finfo(np.float64).eps)

Which = int | slice | ArrayLike  # numbers of columns


def dictionary(X: ArrayLike, norm: int = 2, bias: bool = True, max_interaction: int | None = None) -> "Dictionary":
    """The dictionary K whose Lasso is the network problem: min over z, t of loss(K z + t, y) + β ‖z‖₁.

    A column holds the values at the samples of one neuron of length ‖w‖_p = 1 that *samples and coordinates* define:
    the positive parts of the samples' signed volumes or distances, over the hyperplane through the chosen samples.

    - ``norm=1``: K_ij = (x_i ∧ a_1 ∧ … ∧ a_{d−1})_+ / ‖⋆(a_1 ∧ … ∧ a_{d−1})‖_1, the a_k samples, or directions e_c
      (Theorems 2, 3, 6 and 22; equations (10), (14), (19), (32), (95)). The optimum of the Lasso is that of networks of
      any width. In other words, a column is a set of k coordinates and a hyperplane within them through k − 1 samples.
    - ``norm=2``: positive parts of distances to the span of r − 1 samples, r the rank of X, which is reduced first
      (Theorems 4, 5 and 7, Lemma 18; equations (25) and (29)). The Lasso is what ``train(vertices_only=True)``
      solves; how far above the optimum of all networks that can be, :func:`bladenet.chamber_report` says.
    - With a bias (Section 6.13.1) hyperplanes pass through one sample more and need not contain the origin, and t is
      free; without, t = 0. For one feature both norms are Theorem 1.

    Nothing is built until asked for: `len` counts the columns, :meth:`Dictionary.columns` computes some of them.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Samples. Repeated ones define nothing twice.
    norm : {1, 2}
        The p of ‖w‖_p, as in :func:`bladenet.train`.
    bias : bool
        Whether neurons have offsets.
    max_interaction : int, optional
        The most coordinates of a neuron, with ``norm=1``.

    Returns
    -------
    Dictionary

    Raises
    ------
    ValueError
        If X is not a finite array of shape (samples, features), an option is not one of those above, or there are more
        than 2⁶² columns.

    Examples
    --------
    >>> import bladenet as bn
    >>> K = bn.dictionary([[0.0], [1.0], [3.0]])
    >>> len(K)
    6
    >>> K.columns([2, 3])  # right and left of the sample 1
    array([[0., 1.],
           [0., 0.],
           [2., 0.]])
    >>> K.blade(2).samples
    (1,)
    """
    samples = feature_matrix(X)
    if samples.ndim != 2 or 0 in samples.shape:
        raise ValueError(f"X must have shape (samples, features), at least one of each, got shape {samples.shape}.")
    if norm not in (1, 2):
        raise ValueError(f"norm must be 1 or 2, got {norm!r}.")
    most = checked_interaction(max_interaction, norm)
    made = Dictionary(samples.copy(), int(norm), bool(bias), most)
    if made._total > MOST_COLUMNS:
        raise ValueError(
            f"the dictionary of {len(samples)} samples has {made._total:.3g} columns, more than can be numbered: set "
            "max_interaction (norm=1), or use bladenet.train, which finds the columns that it needs by itself."
        )
    return made


@dataclass(frozen=True)
class _Frame:
    """Coordinates in which hyperplanes are computed: those of X, or for p = 2 of its span, each of size about 1.

    Attributes
    ----------
    points : (n, r) the samples, with a bias from their mean
    scale : (r,) powers of two that they were divided by
    rounding : (r,) of the coordinates of X, in these units: what differences of samples may be off by
    basis : (d, r) orthonormal, or None if r = d
    """

    points: Array
    scale: Array
    rounding: Array
    basis: Array | None


@dataclass(frozen=True, eq=False, repr=False)
class Dictionary(Shown):
    """A dictionary of neurons that samples define, made by :func:`bladenet.dictionary`.

    Columns 2k and 2k + 1 are the two sides of one hyperplane. A column is 0 if its samples are dependent and span no
    hyperplane; columns repeat where a hyperplane passes through more samples than it needs.

    Attributes
    ----------
    X : (n, d) samples
    norm : 1 or 2, the p of ‖w‖_p = 1
    bias : whether neurons have offsets
    max_interaction : the most coordinates of a neuron, or None
    """

    X: Array
    norm: int
    bias: bool
    max_interaction: int | None

    def __len__(self) -> int:
        return self._total

    @property
    def _total(self) -> int:
        """The number of columns, which `len` only gives up to 2⁶³."""
        return 2 * sum(subsets * sets for _, subsets, sets in self._kinds)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and of columns."""
        return len(self.X), self._total

    def _view(self) -> View:
        facts = [("samples", f"{len(self.X):,}"), ("columns", f"{self._total:,}"), ("p", str(self.norm))]
        return View("Dictionary", [*facts, ("biases", "yes" if self.bias else "no")])

    def columns(self, which: Which = slice(None)) -> Array:
        """Columns by number, or a block of them as a slice: (n, m), all if nothing is said.

        Parameters
        ----------
        which : int, slice, or integers (m,)
            Negative numbers count from the end.

        Returns
        -------
        ndarray, shape (n, m), or (n,) for one number

        Raises
        ------
        IndexError
            If there is no such column.
        """
        numbers = self._numbers(which)
        columns = np.empty((len(self.X), len(numbers)))
        for part, normals, anchors in self._hyperplanes(numbers):
            points = self._frame.points
            lengths = self._lengths(normals)
            heights = points @ normals.T
            if self.bias:
                heights -= (normals * points[anchors]).sum(axis=1)
            columns[:, part] = np.maximum(heights, 0.0) / lengths
        return columns[:, 0] if isinstance(which, (int, np.integer)) else columns

    def neurons(self, which: Which = slice(None)) -> tuple[Array, Array]:
        """Weights (m, d) of length ‖w‖_p = 1 and offsets (m,) of columns, whose values are (Xw + b)_+.

        Parameters
        ----------
        which : int, slice, or integers (m,)

        Returns
        -------
        weights, offsets : ndarrays, shapes (m, d) and (m,)
            0 where the samples are dependent.
        """
        numbers = self._numbers(which)
        weights, offsets = np.empty((len(numbers), self.X.shape[1])), np.zeros(len(numbers))
        frame = self._frame
        for part, normals, anchors in self._hyperplanes(numbers):
            units = normals / frame.scale / self._lengths(normals)[:, None]
            weights[part] = units if frame.basis is None else units @ frame.basis.T
            if self.bias:
                offsets[part] = -(weights[part] * self.X[anchors]).sum(axis=1)
        return weights, offsets

    def blade(self, column: int) -> Blade:
        """The samples and coordinates that define a column.

        Parameters
        ----------
        column : int

        Returns
        -------
        Blade
            Its `neuron` is the column's. If X spans less than all directions and p = 2, samples alone do not say in
            which of them the weight lies: that is its `pull`, as in the blades of a fit.

        Raises
        ------
        IndexError
            If there is no such column.
        ValueError
            If its samples are dependent: the column is 0 and no neuron's.
        """
        numbers = self._numbers(column)
        weight = self.neurons(column)[0][0]
        _, coordinates, samples = next(self._sets(numbers))
        blade = Blade(tuple(map(int, samples[0])), tuple(map(int, coordinates[0])), int(1 - 2 * (numbers[0] % 2)))
        if not weight.any():
            raise ValueError(
                f"column {column} is 0: in the coordinates {blade.coordinates} the samples {blade.samples} are "
                "dependent and span no hyperplane."
            )
        return blade if self._frame.basis is None else blade.in_basis(self._frame.basis, weight)

    def network(self, z: ArrayLike, intercept: ArrayLike = 0.0, which: Which = slice(None)) -> ReLUNetwork:
        """The network of amplitudes z: its outputs at X are K z + t, its penalty Σ |u_j| ‖w_j‖_p is ‖z‖₁.

        Equations (10), (14), (19), (25), (29), (32) and (95). It has as many neurons as z has entries that are not 0,
        in the order of the columns; columns of dependent samples, which are 0, are left out.

        Parameters
        ----------
        z : array_like, shape (m,), or (m, c) for c outputs
            Amplitudes of the columns.
        intercept : float, or array_like, shape (c,)
            The t of the Lasso; 0 without biases.
        which : int, slice, or integers (m,)
            The columns that z speaks of: all, if nothing is said.

        Returns
        -------
        ReLUNetwork

        Raises
        ------
        ValueError
            If z is not one finite amplitude, or row of amplitudes, for each of the columns, or `intercept` does not
            fit to it.
        """
        numbers, amplitudes = self._numbers(which), finite_array(z, "z")
        if amplitudes.ndim not in (1, 2) or len(amplitudes) != len(numbers):
            m = len(numbers)
            raise ValueError(
                f"z must have shape ({m},), or ({m}, outputs), one row per column, got shape {amplitudes.shape}."
            )
        constant = finite_array(intercept, "intercept")
        if not self.bias and constant.any():
            raise ValueError(f"intercept must be 0 for networks without biases, got {intercept!r}.")
        several = amplitudes.shape[1:]
        if constant.shape not in ((), several):
            raise ValueError(f"intercept must be a number or have shape {several}, got shape {constant.shape}.")
        used = np.flatnonzero(amplitudes.any(axis=1) if several else amplitudes)
        weights, offsets = self.neurons(numbers[used])
        solid = weights.any(axis=1)
        return ReLUNetwork(
            weights[solid],
            offsets[solid],
            amplitudes[used][solid],
            np.broadcast_to(constant, several).copy() if several else float(constant),
        )

    @cached_property
    def _frame(self) -> _Frame:
        n, d = self.X.shape
        points = self.X - self.X.mean(axis=0) if self.bias else self.X
        rounding, basis = EPS * np.abs(self.X).max(axis=0), None
        if self.norm == 2:
            basis, _ = span(points, self.bias, None, float(np.sqrt(n * d) * rounding.max()))
        if basis is not None:
            points, rounding = points @ basis, np.full(basis.shape[1], rounding.max())
        scale = np.ldexp(1.0, np.frexp(np.abs(points).max(axis=0))[1])
        return _Frame(points / scale, scale, rounding / scale, basis)

    @cached_property
    def _defining(self) -> Index:
        """Samples that hyperplanes are put through: one of those that are equal, and without a bias not the origin."""
        _, first = np.unique(self.X, axis=0, return_index=True)
        first = np.sort(first)
        return first if self.bias else first[self.X[first].any(axis=1)]

    @cached_property
    def _kinds(self) -> list[tuple[int, int, int]]:
        """For each number of coordinates, how many sets of coordinates and how many of samples there are."""
        n, r = len(self._defining), self._frame.points.shape[1]
        sizes = range(1, min(r, self.max_interaction or r) + 1) if self.norm == 1 else [r]
        return [(size, comb(r, size), comb(n, size - 1 + self.bias)) for size in sizes]

    def _numbers(self, which: Which) -> Index:
        """Numbers of columns, (m,)."""
        if isinstance(which, slice):
            return np.arange(*which.indices(self._total))
        numbers = np.atleast_1d(np.asarray(which))
        if not numbers.size:
            return np.empty(0, dtype=np.int64)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise IndexError(f"columns are asked for by a whole number, a slice or whole numbers (m,), got {which!r}.")
        outside = numbers[(numbers < -self._total) | (numbers >= self._total)]
        if len(outside):
            raise IndexError(f"there is no column {outside[0]}: the dictionary has {self._total:,}.")
        return np.where(numbers < 0, numbers + self._total, numbers).astype(np.int64)

    def _sets(self, numbers: Index) -> Iterator[tuple[Index, Index, Index]]:
        """For each kind places (m,) in `numbers`, coordinates (m, size), and samples (m, size − 1, or size)."""
        pair, start = numbers // 2, 0
        for size, subsets, sets in self._kinds:
            (part,) = np.nonzero((pair >= start) & (pair < start + subsets * sets))
            if len(part):
                subset, chosen = np.divmod(pair[part] - start, sets)
                coordinates = _unranked(subset, self._frame.points.shape[1], size)
                yield part, coordinates, self._defining[_unranked(chosen, len(self._defining), size - 1 + self.bias)]
            start += subsets * sets

    def _hyperplanes(self, numbers: Index) -> Iterator[tuple[Index, Array, Index]]:
        """Places in `numbers`, normals (m, r) in the frame, 0 for dependent samples, and a sample on each one."""
        for first in range(0, len(numbers), CHUNK):
            for part, C, S in self._sets(numbers[first : first + CHUNK]):
                normals = np.zeros((len(part), self._frame.points.shape[1]))
                sides = 1.0 - 2.0 * (numbers[first + part] % 2)
                np.put_along_axis(normals, C, sides[:, None] * self._crossed(C, S), axis=1)
                yield first + part, normals, S[:, 0] if self.bias else np.zeros(len(part), dtype=np.int64)

    def _crossed(self, C: Index, S: Index) -> Array:
        """Cross products (m, size) of the samples S in the coordinates C, 0 where they are dependent."""
        rows = spanning_rows(self._frame.points[S[:, :, None], C[:, None, :]], self.bias)
        lengths = np.linalg.norm(rows, axis=2)
        directions = rows / np.where(lengths > 0.0, lengths, 1.0)[:, :, None]
        # differences of samples carry the rounding of these
        noise = self._frame.rounding[C].max(axis=1) / lengths.min(axis=1, initial=1.0, where=lengths > 0.0)
        least = np.linalg.svd(directions, compute_uv=False).min(axis=1, initial=np.inf)
        normals = algebra.cross(directions)
        return np.where((least > 4 * C.shape[1] * (EPS + noise))[:, None], normals, 0.0)

    def _lengths(self, normals: Array) -> Array:
        """‖w‖_p of the weights in the units of X, 1 where there are none."""
        lengths = np.linalg.norm(normals / self._frame.scale, ord=self.norm, axis=1)
        return np.where(lengths > 0.0, lengths, 1.0)


def _unranked(ranks: Index, n: int, size: int) -> Index:
    """Subsets (m, size) of 0 … n − 1, increasing, of these ranks in the combinatorial number system."""
    subsets = np.empty((len(ranks), size), dtype=np.int64)
    for k in range(size, 0, -1):
        before = _before(n, k)
        subsets[:, k - 1] = np.searchsorted(before, ranks, side="right") - 1
        ranks = ranks - before[subsets[:, k - 1]]
    return subsets


@lru_cache(maxsize=64)
def _before(n: int, k: int) -> Index:
    """How many subsets of size k come before those with largest element 0, …, n − 1; no more than ranks can be."""
    return np.array([min(comb(largest, k), MOST_COLUMNS) for largest in range(n)], dtype=np.int64)
