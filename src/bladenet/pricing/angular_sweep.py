"""Angular sweeps: the paper's dictionary itself, exactly, one pencil of hyperplanes after the other (THEORY §2, §3c).

O(n log n) per pencil: n pencils of lines in the plane, C(n, d − 1) of hyperplanes in d dimensions, one in the plane
without a bias. Shares no search with branch and bound, which it checks; prices bias-free neurons of the plane, where
one pencil is everything; and can leave out all but the blades, which is the vertices-only network of the paper's
Theorems 4, 5 and 7.

Why all blades are found. For p = 1, w is orthogonal to d − 1 independent vectors out of the rows and the axes (Theorem
22); for p = 2, out of the rows and the directions N that the data do not have, to which w is orthogonal anyway (Lemma
18). Any d − 2 of the d − 1 are a pencil, which is independent, and the last is met when it is swept. For p = 2, N is
among the vectors of every pencil.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, islice
from math import comb

import numpy as np

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.losses import Array, Index
from bladenet.parallel import on_all_workers
from bladenet.pricing.base import Priced, Pricer, Space

MOST_BLADES = 2e9  # a few minutes per pricing
MOST_GROUPS = 2**15  # of pencils, each keeps its best neurons
TASKS = 64
ANGLE_CELLS = 256  # of a pencil that is the only one
WEIGHT_CELLS = 4096  # of the box of weights, and
OFFSET_CELLS = 32  # of offsets: many pencils find the same neuron, each cell keeps its best
NO_EXTENT = 1e-12  # directions in which the data extend less than this, relative to the others, they do not have


@dataclass(frozen=True, eq=False)
class Pencils:
    """One pricing: what the sweep of every pencil needs. It travels to other processes, and holds no more than that.

    Attributes
    ----------
    points : (N, d); v : (N,); events : (m, d), directions at which a sweep stops apart from the points
    norm, bias, threshold : see :meth:`Pricer.price`
    critical : whether the critical points between blades are visited
    share : pencils that keep their best neurons together; cells : parts of a pencil that keep their own
    """

    points: Array
    v: Array
    events: Array
    norm: int
    bias: bool
    critical: bool
    threshold: float
    share: int
    cells: int

    def sweep(self, task: tuple[Array, Index], clock: Clock) -> tuple[float, Array, Array, float, bool]:
        """Pencils through each of the samples and all of the fixed vectors.

        Returns the largest |h|, values and neurons (k, d + 1) above the threshold, see `kernels.sweep_pencils` for
        what was neglected, and whether the sweep is complete.
        """
        fixed, samples = task
        d = self.points.shape[1]
        groups = -(-len(samples) // self.share)
        best, neurons = np.zeros((groups, 2, self.cells)), np.zeros((groups, 2, self.cells, d + 1))
        pencils = (self.points, self.v, samples, fixed, self.events, self.bias)
        done, neglected = kernels.sweep_pencils(*pencils, self.norm, self.critical, best, neurons, clock.flag)
        if self.critical and len(fixed) < d - 2:
            done, neglected = kernels.sweep_faces(*pencils, self.threshold, best, neurons, clock.flag)
        found = best > self.threshold
        return float(best.max()), best[found], neurons[found], neglected, done == len(samples)


class AngularSweep(Pricer):
    """Prices all hyperplanes of two or more features through samples (with bias) or the origin (without).

    Parameters
    ----------
    form : StandardForm with at least two features
    vertices_only : bool
        Leave out the critical points between blades (p = 2), so that every neuron is a blade of samples. The bound
        then covers blades only. Samples dependent up to rounding have none, and the blade of nearly dependent ones
        is any whose hyperplane passes through them up to rounding.

    Raises
    ------
    ValueError
        For one feature, or for more blades than can be enumerated; says how many.
    """

    def __init__(self, form: Space, vertices_only: bool = False):
        super().__init__(form)
        n, d = form.points.shape
        if d < 2:
            raise ValueError(f"angular sweeps need two or more features, the data have {d}.")
        self.critical = form.norm == 2 and not vertices_only
        self.flatness = 0.0  # how far samples reach into directions that are taken not to exist
        if form.norm == 1:
            self.events = np.eye(d)
            fixed = [self.events[list(axes)] for count in range(d - 1) for axes in combinations(range(d), count)]
        else:
            self.events, self.flatness = missing_directions(form)
            fixed = [self.events[: d - 2]]
        touched = [d - 2 - len(vectors) + form.bias for vectors in fixed]
        pencils = sum(comb(n, q) for q in touched)
        blades = 2 * pencils * (n + len(self.events))
        if blades > MOST_BLADES:
            raise ValueError(
                f"{n} points with {d} features have about {blades:.0e} blades, and angular sweeps visit every one: "
                f"{MOST_BLADES:.0e} is the most they do. Use vertices_only=False, or fewer samples or features."
            )
        self.tasks = [
            (vectors, samples)
            for vectors, q in zip(fixed, touched, strict=True)
            for samples in _subsets(n, q, -(-comb(n, q) // TASKS))
        ]
        self.share = -(-pencils // MOST_GROUPS)
        self.cells = ANGLE_CELLS if pencils == 1 else 1

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Exact whatever the slack; a stopped sweep proves nothing, its bound is inf."""
        form, d = self.form, self.form.points.shape[1]
        points = np.ascontiguousarray(form.points)  # those of few features are not
        settings = (form.norm, form.bias, self.critical, threshold, self.share, self.cells)
        pencils = Pencils(points, v, self.events, *settings)
        largest, values, neurons, neglected, complete = zip(
            *on_all_workers(pencils.sweep, self.tasks, clock), strict=True
        )
        best = np.concatenate(neurons)
        if self.cells == 1 and len(best):
            best = best[_best_of_cells(np.concatenate(values), best)]
        bound = np.inf
        if all(complete):
            bound = max(largest) + self._rounding(v, max(neglected))
            if self.critical and d > 2:  # faces below the threshold were left out
                bound = max(bound, threshold)
        return self.ranked(v, best[:, :d], best[:, d], threshold, bound)

    def _rounding(self, v: Array, neglected: float) -> float:
        """What the values of a sweep may lack.

        Its sums round. And if rows closer than δ to the span of others are moved into it, so that fewer blades
        exist, |h| changes by at most δ Σ|v| for each vector of a blade.
        """
        points = self.form.points
        lengths = np.abs(points).sum(axis=1)
        sums = np.finfo(float).eps * (len(v) + 64) * float(np.abs(v) @ (lengths + lengths.max()))
        return sums + float(np.abs(v).sum()) * (points.shape[1] * neglected + self.flatness)


def missing_directions(form: Space) -> tuple[Array, float]:
    """Orthonormal directions (m, d) in which the points do not differ (with bias) or have no component.

    And how far they reach into these nevertheless.
    """
    d = form.points.shape[1]
    points = form.points - form.points.mean(axis=0) if form.bias else form.points
    _, extents, directions = np.linalg.svd(np.vstack([points, np.zeros((d, d))]), full_matrices=False)
    missing = directions[extents <= NO_EXTENT * extents[0]]
    return missing, float(np.abs(points @ missing.T).sum(axis=1).max())


def _subsets(n: int, size: int, most: int) -> Iterator[Index]:
    """All subsets of `size` out of n samples in lexicographic order, in arrays of at most `most` rows."""
    subsets = combinations(range(n), size)
    while part := list(islice(subsets, most)):
        yield np.fromiter(chain.from_iterable(part), np.int64).reshape(len(part), size)


def _best_of_cells(values: Array, neurons: Array) -> Index:
    """Indices of the best neuron (w, b) of each cell of weights and offset."""
    d = neurons.shape[1] - 1
    step = 2.0 / int(WEIGHT_CELLS ** (1.0 / d))
    cells = np.floor(neurons / np.r_[np.full(d, step), (np.ptp(neurons[:, d]) or 1.0) / OFFSET_CELLS])
    order = np.lexsort((-values, *cells.T))
    return order[np.r_[True, np.any(np.diff(cells[order], axis=0), axis=1)]]
