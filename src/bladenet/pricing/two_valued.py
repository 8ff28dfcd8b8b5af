"""Pairs with columns of two values, such as indicators of categories: their neurons have a structure that is quick to
search, exactly.

Let column a take two values, e apart. A neuron that reads it and another column is a hinge of the other column on
either value of a. If its weights are w_a and w, the kinks s and s' of the two are |s − s'| = |w_a| e / |w| apart, so
with |w_a| + |w| = 1 it has h = (H(s) + H'(s')) / (1 + |s − s'| / e), where H and H' are those of hinges of slope 1 over
the samples with either value; the best s and s' are at samples. If the other column has two values as well, nothing is
left but neurons that act on one of the four pairs of values.
"""

from functools import cached_property
from math import comb

import numpy as np
from scipy.sparse import csc_array, triu

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.losses import Array, Index
from bladenet.parallel import on_all_cores
from bladenet.pricing.base import Priced, Pricer, Space
from bladenet.pricing.single_columns import SingleColumns

AT_A_TIME = 32  # two-valued columns that a thread looks at


class TwoValued:
    """The columns of two values.

    Attributes
    ----------
    columns : (m,), others : (d − m,)
    marks : (m, N) uint8, the samples that have the rarer value
    marked, unmarked, extents : (m,) these values, and how far apart they are
    """

    def __init__(self, points: Array):
        low, high = points.min(axis=0), points.max(axis=0)
        two = ((points == low) | (points == high)).all(axis=0) & (low < high)
        self.columns, self.others = np.flatnonzero(two), np.flatnonzero(~two)
        highest = (points[:, two] == high[two]).T
        rare = 2 * highest.sum(axis=1) <= len(points)
        self.marks = np.ascontiguousarray(highest == rare[:, None]).view(np.uint8)
        low, high = low[two], high[two]
        self.marked, self.unmarked, self.extents = np.where(rare, high, low), np.where(rare, low, high), high - low


def count_sets(space: Space, most: int) -> tuple[int, int]:
    """How many sets of at most so many features are priced one by one, and how many with others at once."""
    d = space.points.shape[1]
    if most == 1:
        return 0, d
    if most != 2:
        return comb(d, most), 0
    if not space.bias:
        return len(meeting_pairs(space.points)), d
    two = TwoValued(space.points)
    pairs = Corners(space, two).pairs if len(two.columns) > 1 else 0
    numbers, crossing = comb(len(two.others), 2), len(two.columns) * len(two.others)
    return (numbers + crossing, pairs) if space.several else (numbers, crossing + pairs)


def meeting_pairs(points: Array) -> Index:
    """The pairs of columns, in order, that are to be priced without bias; others have no sample where both are not 0.

    There (w x + w' x')_+ = (w x)_+ + (w' x')_+, so two neurons of one column do the same at the same penalty. Only
    columns that are mostly 0 are compared: of others any two have such a sample, or few do not.
    """
    filled = points != 0.0
    sparse = 2 * filled.sum(axis=0) <= len(points)
    some, others = np.flatnonzero(sparse), np.flatnonzero(~sparse)
    marks = csc_array(filled[:, some].astype(np.int64))
    met = some[np.column_stack(triu(marks.T @ marks, 1).nonzero())]
    return in_order(met, pairs_of(others), pairs_across(some, others))


def pairs_of(columns: Index) -> Index:
    """All pairs of them, (m, 2)."""
    return columns[np.column_stack(np.triu_indices(len(columns), 1))]


def pairs_across(some: Index, others: Index) -> Index:
    """All pairs of one of either, (m, 2)."""
    return np.column_stack([np.repeat(some, len(others)), np.tile(others, len(some))])


def in_order(*pairs: Index) -> Index:
    """All of them, (m, 2), rising."""
    ordered = np.sort(np.vstack(pairs), axis=1)
    return ordered[np.lexsort(ordered.T[::-1])]


class TwoLines(Pricer):
    """Prices the neurons that read a two-valued column and one of more values; for one output, with bias.

    Neurons that read only one of the columns are priced by :class:`SingleColumns`, and are missing in the bound.
    """

    def __init__(self, space: Space, two: TwoValued, singles: SingleColumns):
        super().__init__(space)
        self.two, self.singles = two, singles
        starts = range(0, len(two.columns), AT_A_TIME)
        self.tasks = [(other, slice(k, k + AT_A_TIME)) for other in two.others.tolist() for k in starts]

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`."""
        n = len(v)
        reach = float(np.abs(self.features).max())
        rounding = np.finfo(float).eps * (n + 64) * float(np.abs(v).sum() * reach * 4.0)

        def work(task: tuple[int, slice], clock: Clock) -> tuple[float, Array, Array]:
            other, part = task
            marks, extents = self.two.marks[part], self.two.extents[part]
            best, where = np.zeros((len(marks), 2, 2)), np.zeros((len(marks), 2, 2, 2), dtype=np.int64)
            x, order = self.singles.sorted[other], self.singles.order[other]
            settings = (threshold, slack, rounding, best, where, clock.flag)
            bound = kernels.two_lines(x, v[order], order, marks, extents, *settings)
            found = np.nonzero(best)
            kinks = x[where[found]]
            labels = np.full(len(kinks), other), part.start + found[0], 1.0 - 2.0 * found[1]
            return bound, best[found], np.column_stack([*labels, kinks])

        bounds, values, found = zip(*on_all_cores(work, self.tasks, clock), strict=True)
        (best,) = self.largest(np.concatenate(values), threshold)
        other, level, side, unmarked, marked = np.concatenate(found)[best].T
        other, level = other.astype(np.int64), level.astype(np.int64)
        weight = side / (1.0 + np.abs(marked - unmarked) / self.two.extents[level])
        across = -weight * (marked - unmarked) / (self.two.marked - self.two.unmarked)[level]
        weights = self.spread(np.column_stack([self.two.columns[level], other]), np.column_stack([across, weight]))
        offsets = -weight * marked - across * self.two.marked[level]
        return self.ranked(v, weights, offsets, threshold, min(max(bounds), 2.0 * reach * float(np.abs(v).sum())))


class Corners(Pricer):
    """Prices the neurons that read two two-valued columns; with bias. In the bound, those of one column are missing.

    If one of the four pairs of values does not occur, as of two indicators of one category, nothing need be priced.
    Let V, V' be the sums of v over the samples with either mark, and none have both. Neurons that read one column
    reach |V| e and |V'| e', and those that act on one pair of values have |V|, |V'| or |V + V'| times
    e e'/(e + e'), of which the last is at most (|V| e · e' + |V'| e' · e)/(e + e'), a mean of those two. Where another
    pair does not occur, swap the values of a column.
    """

    def __init__(self, space: Space, two: TwoValued):
        super().__init__(space)
        self.two = two
        m, n = two.marks.shape
        self.counts = two.marks.sum(axis=1, dtype=np.int64)
        of_columns, self.members = np.nonzero(two.marks)
        of_samples, self.columns = np.nonzero(two.marks.T)
        self.starts = np.r_[0, np.cumsum(np.bincount(of_columns, minlength=m))]
        self.row_starts = np.r_[0, np.cumsum(np.bincount(of_samples, minlength=n))]

    @cached_property
    def pairs(self) -> int:
        """How many pairs of columns have all four pairs of values."""
        return self._searched(np.zeros(len(self.form.points)), Clock())[0]

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Exact, whatever the slack."""
        two, n = self.two, len(v)
        _, best, partners, corners = self._searched(v, clock)
        (a,) = self.largest(best, threshold)
        b, corner = partners[a], corners[a]
        weights, offsets = np.empty((len(a), 2)), np.zeros(len(a))
        for k, (column, other, there) in enumerate(((a, b, corner >= 2), (b, a, corner % 2 == 1))):
            here = np.where(there, two.marked[column], two.unmarked[column])
            away = np.where(there, two.unmarked[column], two.marked[column])
            weights[:, k] = np.sign(here - away) * two.extents[other] / (two.extents[a] + two.extents[b])
            offsets -= weights[:, k] * (here if k else away)  # it is zero where one of the two has its other value
        most = float(np.abs(v).sum() * np.abs(self.features).max())
        rounding = np.finfo(float).eps * (n + 64) * 4.0 * most
        bound = 2.0 * most if clock.flag[0] else float(best.max()) + rounding
        return self.ranked(v, self.spread(two.columns[np.column_stack([a, b])], weights), offsets, threshold, bound)

    def _searched(self, v: Array, clock: Clock) -> tuple[int, Array, Index, Index]:
        """The number of pairs, and the best of each column with those that follow."""
        m = len(self.counts)
        V = np.ascontiguousarray(v.reshape(len(v), -1))
        sums, total = np.add.reduceat(V[self.members], self.starts[:-1]), V.sum(axis=0)
        best, partner, corner = np.zeros(m), np.zeros(m, dtype=np.int64), np.zeros(m, dtype=np.int64)

        def work(first: int, clock: Clock) -> int:
            if clock.flag[0]:
                return 0
            data = (self.starts, self.members, self.row_starts, self.columns, self.counts, V, sums, total)
            last = min(first + AT_A_TIME, m)
            return int(kernels.corners(*data, self.two.extents, first, last, best, partner, corner))

        return sum(on_all_cores(work, range(0, m, AT_A_TIME), clock)), best, partner, corner
