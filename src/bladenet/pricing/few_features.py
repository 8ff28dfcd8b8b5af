"""Neurons of few features: each set of k features is priced for itself, exactly (THEORY §4b).

With p = 1 an optimal neuron reads a set C of features. If at most k may be read, pricing all sets of k covers every
neuron, smaller sets being their boundary: a certificate for any number of features. The sets are independent tasks.
Single features, and pairs of which one has two values only, have pricers of their own that take them all together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import prod

import numpy as np

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.losses import Array, Index, row_norms
from bladenet.parallel import on_all_cores, on_all_workers, seconds_for
from bladenet.pricing.ascent import one_output
from bladenet.pricing.base import Priced, Pricer, Space
from bladenet.pricing.climbs import climb, climb_outputs
from bladenet.pricing.single_columns import SingleColumns
from bladenet.pricing.two_valued import (
    Corners,
    TwoLines,
    TwoValued,
    in_order,
    meeting_pairs,
    pairs_across,
    pairs_of,
)
from bladenet.problem import distinct_rows, group_sums

CANDIDATES = 256  # neurons per pricing that are followed to local maxima, all sets together
FEWEST = 4  # of these for each set
DIRECTIONS = 8  # drawn in each set, when neurons are only proposed, or more:
ALL_DIRECTIONS = 1024  # in all sets together at least
PROMISING = 0.7  # of the threshold: |h| in a direction from which a climb may lead above it
FADING = 0.5  # of what has been found in a set, per proposal
AT_A_TIME = 8  # sets that a thread scans
DENSE = 4  # cells of a grid per sample, up to which equal samples are found without sorting
HELD = 10_000_000  # coordinates of points that are kept from pricing to pricing
Columns = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """The neurons that read some features only: the points there, distinct.

    Attributes
    ----------
    columns : (k,) the features
    points : (N', k); point : (N,) which of them each point of the whole space becomes
    norm, bias, several : as in the whole space
    """

    columns: Index
    points: Array
    point: Index
    norm: int
    bias: bool
    several: bool

    def dual(self, v: Array) -> Array:
        """The dual variable of the points here: (N,) → (N',), or (N, c) → (N', c)."""
        return group_sums(self.point, v, len(self.points))


class Subspaces:
    """The spaces of few features, with their pricers, each made where and when it is first needed.

    They travel to other processes without what has been made: the points once, instead of a part of them for each set.
    A point is known by the ranks of its coordinates, so that equal ones are found on a grid.

    Parameters
    ----------
    space, exact : see :class:`FewFeatures`
    climbs : candidates that each pricer follows
    """

    def __init__(self, space: Space, exact: Callable[[Space, int], Pricer], climbs: int):
        self.points, self.norm, self.bias, self.several = space.points, space.norm, space.bias, space.several
        self.exact, self.climbs = exact, climbs
        self.made: dict[Columns, tuple[FeatureSpace, Pricer]] = {}

    @cached_property
    def ranks(self) -> list[tuple[Index, int]]:
        """For each feature the rank of every point's value, and the number of values."""
        ranked = [np.unique(feature, return_inverse=True) for feature in self.points.T]
        return [(ranks, len(values)) for values, ranks in ranked]

    def __getitem__(self, columns: Columns) -> tuple[FeatureSpace, Pricer]:
        if columns in self.made:
            return self.made[columns]
        values = self.points[:, columns]
        first, point = self._distinct(columns)
        points = np.asfortranarray(values[first])  # the order that pricers read them in
        space = FeatureSpace(np.array(columns), points, point, self.norm, self.bias, self.several)
        made = space, self.exact(space, self.climbs)
        if len(self.made) * values.size < HELD:
            self.made[columns] = made
        return made

    def _distinct(self, columns: Columns) -> tuple[Index, Index]:
        """As :func:`distinct_rows` of the points in these columns."""
        cells = prod(self.ranks[c][1] for c in columns)
        if cells > DENSE * len(self.points):
            return distinct_rows(self.points[:, columns])
        cell = np.zeros(len(self.points), dtype=np.int64)
        for c in columns:
            ranks, values = self.ranks[c]
            cell = cell * values + ranks
        first = np.full(cells, -1)
        first[cell[::-1]] = np.arange(len(cell))[::-1]  # the last to be written is the first of its cell
        taken = np.flatnonzero(first >= 0)
        number = np.empty(cells, dtype=np.int64)
        number[taken] = np.arange(len(taken))
        return first[taken], number[cell]

    def __getstate__(self) -> dict[str, object]:
        return {key: {} if key == "made" else value for key, value in self.__dict__.items() if key != "ranks"}


@dataclass(frozen=True, eq=False)
class Sets:
    """One pricing: what every set of features needs; v, threshold, slack as for :meth:`Pricer.price`."""

    spaces: Subspaces
    v: Array
    threshold: float
    slack: float

    @cached_property
    def crude(self) -> float:
        """A bound of |h|/‖w‖₁ that needs no search: neurons of unit norm are at most 2 max |x| where they matter."""
        return 2.0 * float(row_norms(self.v).sum() * np.abs(self.spaces.points).max())

    def price(self, columns: Columns, clock: Clock) -> Priced:
        """Price the neurons of one set."""
        if clock.flag[0]:  # even to prepare a set of many points takes time
            return Priced(self.crude, np.zeros((0, len(columns))), np.zeros(0), np.zeros(0))
        space, pricer = self.spaces[columns]
        return pricer.price(space.dual(self.v), self.threshold, self.slack, clock)


class FewFeatures(Pricer):
    """Prices all neurons that read at most k of the features (norm 1).

    Parameters
    ----------
    space : with d features
    most : k < d
    exact : makes the pricer of a space of k features, given that and how many candidates it should follow

    Attributes
    ----------
    sets : (m, k) the sets of features that are priced one by one
    at_once : pricers of many sets together, to which the others are left; they cost so little that they also propose
    """

    def __init__(self, space: Space, most: int, exact: Callable[[Space, int], Pricer]):
        super().__init__(space)
        self.most = most
        d = space.points.shape[1]
        self.at_once: list[Pricer] = []
        self.sets: Index = np.zeros((0, most), dtype=np.int64)
        if most == 1:
            self.at_once = [SingleColumns(space)]
        elif most == 2:
            self._split_pairs(space)
        else:
            self.sets = np.array(list(combinations(range(d), most)))
        self.apart = len(self.sets) > 0
        self.spaces = Subspaces(space, exact, max(FEWEST, CANDIDATES // max(1, len(self.sets))))
        self.digits = float(d) ** np.arange(most)[::-1]  # a set is a number, and these rise
        self.codes = self.sets @ self.digits
        self.rng = np.random.default_rng(0)
        self.found: Array = np.zeros(len(self.sets))

    def _split_pairs(self, space: Space) -> None:
        """Which pairs are priced at once, and which one by one."""
        if not space.bias:
            self.at_once = [SingleColumns(space)]
            self.sets = meeting_pairs(space.points)
            return
        two = TwoValued(space.points)
        self.sets = pairs_of(two.others)
        if not len(two.columns):
            return
        singles = SingleColumns(space)
        self.at_once = [singles, Corners(space, two)]
        if space.several:
            self.sets = in_order(self.sets, pairs_across(two.columns, two.others))
        elif len(two.others):
            self.at_once.append(TwoLines(space, two, singles))

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Every set is priced."""
        together = [pricer.price(v, threshold, slack, clock) for pricer in self.at_once]
        one_by_one = on_all_workers(Sets(self.spaces, v, threshold, slack).price, self._tuples, clock)
        return self._gathered([*together, *self._of_sets(one_by_one)], v, threshold)

    @property
    def _tuples(self) -> list[Columns]:
        """The sets that are priced one by one."""
        return [tuple(columns) for columns in self.sets.tolist()]

    def seconds(self, v: Array, threshold: float, slack: float, clock: Clock) -> float:
        """See :meth:`Pricer.seconds`. Some of the sets are priced."""
        return seconds_for(Sets(self.spaces, v, threshold, slack).price, self._tuples, clock)

    def propose(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.propose`. The best neurons in some random directions of every set climb from there."""
        if not len(self.sets):
            return self.price(v, threshold, slack, clock)  # costs less
        counts = self._directions()
        drawn = self.rng.normal(size=(counts.sum(), self.most))
        directions = drawn / np.abs(drawn).sum(axis=1, keepdims=True)
        orientations, offsets, values = self._scanned(one_output(v, self.rng), counts, directions, clock)
        best = self._promising(np.abs(values), counts, threshold)
        oriented = directions[best[0]] * orientations[best][:, None]
        home = np.repeat(np.arange(len(counts)), counts)[best[0]]
        priced = self.nearby(v, self.spread(self.sets[home], oriented), offsets[best], threshold, clock)
        homes = self._homes(priced.weights)
        found = np.bincount(homes[homes >= 0], minlength=len(self.sets))
        self.found = found + FADING * self.found
        together = [pricer.price(v, threshold, slack, clock) for pricer in self.at_once]
        return self._gathered([*together, priced], v, threshold)

    def _space(self, k: int) -> tuple[FeatureSpace, Pricer]:
        return self.spaces[tuple(self.sets[k].tolist())]

    def _directions(self) -> Index:
        """How many directions to draw in each set: half of them where neurons have been found lately."""
        each = max(DIRECTIONS, ALL_DIRECTIONS // len(self.sets))
        if not self.found.any():
            return np.full(len(self.sets), each)
        return each // 2 + self.rng.multinomial(each * len(self.sets) // 2, self.found / self.found.sum())

    def _scanned(self, v: Array, counts: Index, directions: Array, clock: Clock) -> tuple[Array, Array, Array]:
        """The best neurons in given directions, as :func:`kernels.scan` says: orientations, offsets, values (m, 2)."""
        results = np.zeros((3, len(directions), 2))
        ends = np.cumsum(counts)

        def scan(sets: range, clock: Clock) -> None:
            for k in sets if not clock.flag[0] else ():
                space, pricer = self._space(k)
                rows = slice(ends[k] - counts[k], ends[k])
                kernels.scan(pricer.features, space.dual(v), directions[rows], int(space.bias), *results[:, rows])

        all_sets = range(len(counts))
        on_all_cores(scan, [all_sets[k : k + AT_A_TIME] for k in all_sets[::AT_A_TIME]], clock)
        return results[0], results[1], results[2]

    def _promising(self, size: Array, counts: Index, threshold: float) -> tuple[Index, Index]:
        """Where |h| (m, 2) is largest, in each set and then of all, and a climb may lead above the threshold."""
        home, first = np.repeat(np.arange(len(counts)), 2 * counts), 2 * (np.cumsum(counts) - counts)
        order = np.lexsort((-size.ravel(), home))
        rank = np.arange(len(order)) - first[home]
        share = FEWEST * counts / counts.mean()
        best = order[rank < np.maximum(self.spaces.climbs, share)[home]]
        best = best[np.argsort(-size.ravel()[best], kind="stable")[:CANDIDATES]]
        row, which = np.divmod(best[size.ravel()[best] > PROMISING * threshold], 2)
        return row, which

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`. Each neuron climbs within one of the sets that it belongs to, if there is one."""
        home = self._homes(weights)
        positive = self.values(v, weights, offsets) > 0
        order = np.lexsort((positive, home))
        order = order[home[order] >= 0]
        moved, shifted = weights.copy(), offsets.copy()

        def move(rows: Index, clock: Clock) -> None:
            if clock.flag[0]:
                return
            space, pricer = self._space(home[rows[0]])
            here = np.ix_(rows, space.columns)
            neurons = np.column_stack([weights[here], offsets[rows]])
            dual, split = space.dual(v), int(np.count_nonzero(~positive[rows]))
            if self.form.several:
                climb_outputs(pricer, dual, neurons, clock)
            else:
                climb(pricer, dual, neurons[:split], -1.0, clock)
                climb(pricer, dual, neurons[split:], 1.0, clock)
            moved[here], shifted[rows] = neurons[:, :-1], neurons[:, -1]

        on_all_cores(move, np.split(order, np.flatnonzero(np.diff(home[order])) + 1) if len(order) else [], clock)
        return self.ranked(v, moved, shifted, threshold, np.inf)

    def _homes(self, weights: Array) -> Index:
        """For each neuron one of the sets that it belongs to, in turn; −1 if there is none."""
        home = np.full(len(weights), -1)
        if not len(self.sets):
            return home
        reads = weights != 0.0
        whole = reads.sum(axis=1) == self.most
        codes = np.nonzero(reads[whole])[1].reshape(-1, self.most) @ self.digits
        place = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        home[whole] = np.where(self.codes[place] == codes, place, -1)
        for turn, k in enumerate(np.flatnonzero(~whole)):
            around = np.flatnonzero(reads[k][self.sets].sum(axis=1) == reads[k].sum())
            if len(around):
                home[k] = around[turn % len(around)]
        return home

    def _of_sets(self, results: list[Priced]) -> list[Priced]:
        """What was priced set by set as one, its neurons as neurons of the whole space."""
        if not results:
            return []
        offsets, values = (
            np.concatenate([getattr(priced, name) for priced in results]) for name in ("offsets", "values")
        )
        (best,) = self.largest(np.abs(values), 0.0)
        home = np.repeat(np.arange(len(results)), [len(priced.values) for priced in results])[best]
        weights = self.spread(self.sets[home], np.vstack([priced.weights for priced in results])[best])
        cones, visits = sum(priced.cones for priced in results), sum(priced.visits for priced in results)
        bound = float(max(priced.bound for priced in results))
        return [Priced(bound, weights, offsets[best], values[best], cones, visits)]

    def _gathered(self, results: list[Priced], v: Array, threshold: float) -> Priced:
        """All results as one."""
        weights, offsets = np.vstack([priced.weights for priced in results]), [priced.offsets for priced in results]
        bound = float(max(priced.bound for priced in results))
        cones, visits = sum(priced.cones for priced in results), sum(priced.visits for priced in results)
        return self.ranked(v, weights, np.concatenate(offsets), threshold, bound, cones, visits)
