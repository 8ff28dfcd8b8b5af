"""Neurons of few features: each set of k features is priced for itself, exactly (THEORY §4b).

With p = 1 an optimal neuron reads a set C of features. If at most k may be read, pricing all sets of k covers every
neuron, smaller sets being their boundary: a certificate for any number of features. The sets are independent tasks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bladenet.losses import Array, Index
from bladenet.pricing.base import Clock, Priced, Pricer, Space
from bladenet.pricing.parallel import on_all_cores, on_all_workers
from bladenet.problem import distinct_rows, group_sums

CANDIDATES = 512  # neurons per pricing that are followed to local maxima, all sets together
FEWEST = 4  # of these for each set
SHARE = 3  # one set in so many is priced when neurons are only proposed
Columns = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """The neurons that read some features only: the points there, distinct.

    Attributes
    ----------
    columns : (k,) the features
    points : (N', k); point : (N,) which of them each point of the whole space becomes
    norm, bias : as in the whole space
    """

    columns: Index
    points: Array
    point: Index
    norm: int
    bias: bool

    @classmethod
    def of(cls, space: Space, columns: Columns) -> "FeatureSpace":
        """The subspace of the given features."""
        values = space.points[:, columns]
        first, point = distinct_rows(values)
        return cls(np.array(columns), values[first], point, space.norm, space.bias)

    def dual(self, v: Array) -> Array:
        """The dual variable of the points here: (N,) → (N',)."""
        return group_sums(self.point, v, len(self.points))


class Subspaces:
    """The spaces of few features, with their pricers, each made where and when it is first needed.

    They travel to other processes without what has been made: the points once, instead of a part of them for each set.

    Parameters
    ----------
    space, exact : see :class:`FewFeatures`
    climbs : candidates that each pricer follows
    """

    def __init__(self, space: Space, exact: Callable[[Space, int], Pricer], climbs: int):
        self.points, self.norm, self.bias = space.points, space.norm, space.bias
        self.exact, self.climbs = exact, climbs
        self.made: dict[Columns, tuple[FeatureSpace, Pricer]] = {}

    def __getitem__(self, columns: Columns) -> tuple[FeatureSpace, Pricer]:
        if columns not in self.made:
            space = FeatureSpace.of(self, columns)
            self.made[columns] = space, self.exact(space, self.climbs)
        return self.made[columns]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "made": {}}


@dataclass(frozen=True, eq=False)
class Sets:
    """One pricing: what every set of features needs; v, threshold, slack as for :meth:`Pricer.price`."""

    spaces: Subspaces
    v: Array
    threshold: float
    slack: float

    def price(self, columns: Columns, clock: Clock) -> Priced:
        """Price the neurons of one set."""
        space, pricer = self.spaces[columns]
        return pricer.price(space.dual(self.v), self.threshold, self.slack, clock)


class FewFeatures(Pricer):
    """Prices all neurons that read at most k of the features (norm 1).

    Parameters
    ----------
    space : with d features
    most : k < d
    exact : makes the pricer of a space of k features, given that and how many candidates it should follow
    """

    def __init__(self, space: Space, most: int, exact: Callable[[Space, int], Pricer]):
        super().__init__(space)
        self.sets = list(combinations(range(space.points.shape[1]), most))
        self.spaces = Subspaces(space, exact, max(FEWEST, CANDIDATES // len(self.sets)))
        self.last = np.full(len(self.sets), np.inf)  # what was last known about max |h| of each set

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Every set is priced."""
        return self._priced(np.arange(len(self.sets)), v, threshold, slack, clock)

    def propose(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.propose`. The most promising sets are priced, and in turn the others."""
        promising = np.argsort(-self.last, kind="stable")[: -(-len(self.last) // SHARE)]
        self.last *= 1.0 + 1.0 / SHARE  # whoever has to wait becomes more promising
        priced = self._priced(promising, v, threshold, slack, clock)
        return Priced(np.inf, priced.weights, priced.offsets, priced.values, priced.cones, priced.visits)

    def _priced(self, chosen: Index, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        sets = Sets(self.spaces, v, threshold, slack)
        results = on_all_workers(sets.price, [self.sets[which] for which in chosen], clock)
        self.last[chosen] = [priced.bound for priced in results]
        return self._gathered(chosen, results, v, threshold)

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`. Each neuron moves within one of the sets that it belongs to."""
        members = np.zeros((len(self.sets), self.form.points.shape[1]), dtype=bool)
        for which, columns in enumerate(self.sets):
            members[which, columns] = True
        outside = (weights != 0.0) @ ~members.T
        home = np.array([np.flatnonzero(~row)[k % (~row).sum()] for k, row in enumerate(outside)], dtype=np.int64)
        chosen = np.unique(home)

        def move(which: int, clock: Clock) -> Priced:
            (space, pricer), here = self.spaces[self.sets[which]], home == which
            own = np.ascontiguousarray(weights[np.ix_(here, space.columns)])
            return pricer.nearby(space.dual(v), own, offsets[here], threshold, clock)

        return self._gathered(chosen, on_all_cores(move, chosen, clock), v, threshold)

    def _gathered(self, chosen: Index, results: list[Priced], v: Array, threshold: float) -> Priced:
        """The neurons of all sets, as neurons of the whole space."""
        weights, offsets = [np.zeros((0, self.form.points.shape[1]))], [np.zeros(0)]
        for which, priced in zip(chosen, results, strict=True):
            whole = np.zeros((len(priced.offsets), self.form.points.shape[1]))
            whole[:, self.sets[which]] = priced.weights
            weights.append(whole)
            offsets.append(priced.offsets)
        bound = max((priced.bound for priced in results), default=0.0)
        cones, visits = sum(priced.cones for priced in results), sum(priced.visits for priced in results)
        return self.ranked(v, np.vstack(weights), np.concatenate(offsets), threshold, bound, cones, visits)
