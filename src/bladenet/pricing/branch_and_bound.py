"""Branch and bound over cones of neurons: the pricer that certifies, exact for both norms, any dimension (THEORY §3a).

Half of the space of weights is covered by orthants, spanned by signed unit vectors; the kernel adds the opposite half.
With a bias each becomes a prism of offsets, from where all samples are inactive to where all are active, cut into d
simplices. Beyond these ends h does not change with the offset.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.gpu import attempted
from bladenet.kernels.ahead import Ahead
from bladenet.losses import Array
from bladenet.parallel import count_workers, on_all_workers, seconds_for
from bladenet.pricing.ascent import Ascent
from bladenet.pricing.base import Priced, Pricer, Space
from bladenet.pricing.climbs import climbed
from bladenet.pricing.merging import Merging
from bladenet.pricing.pace import Pace

CELL_DEPTH = 7  # cones of this depth are the cells that candidates are kept for
MOST_CLIMBS = 256  # neurons per pricing that are followed to their local maximum
STEEP = 5  # features from which ascent finds neurons sooner than branch and bound
MAX_DEPTH = 400  # a cone of this depth is smaller than rounding
MERGED = 0.1  # of what a bound may be above the threshold: how far it may be off as points stand in for others
SHARES = 2  # root cones for each worker, at least
SAMPLED = 256  # root cones from which some are drawn to estimate the time for all
Task = tuple[Array, float]  # a root cone, and the sign of h there
Searched = tuple[float, int, int, Array, Array]


@dataclass(frozen=True, eq=False)
class Cones:
    """One search: what every root cone needs. It travels to other processes, so it holds no more than that.

    Attributes
    ----------
    features : (d, N); v : (N,), or (N, c) for several outputs; norm : 1 or 2
    threshold, slack : see :meth:`Pricer.price`
    pace : Pace, the level of it is what bounds are to come down to: the threshold, unless there is no time for that
    rounding : float, allowed for in every bound
    crude : float, a bound on |h| of all neurons
    cell_depth : of the cones, below a root, that candidates are kept for
    """

    features: Array
    v: Array
    norm: int
    threshold: float
    slack: float
    rounding: float
    crude: float
    pace: Pace
    cell_depth: int = CELL_DEPTH

    def search(self, task: Task, clock: Clock) -> Searched:
        """Bound sign·h over a root cone and its opposite: (bound, cones, visits, values, neurons of the cells).

        For several outputs the length of h, which has no sign.
        """
        root, sign = task
        if clock.flag[0]:  # before a root is set up, which takes a while itself
            return self.crude, 0, 0, np.zeros(0), np.zeros((0, root.shape[1]))
        best = np.zeros((2, 1 << self.cell_depth))
        neurons = np.zeros((*best.shape, root.shape[1]))
        settings = self.norm, self.pace.level, self.slack, self.rounding, self.cell_depth
        search = (root, *settings, best, neurons, clock.flag)
        if self.v.ndim == 1:
            v = sign * self.v
            bound, cones, visits = kernels.branch_and_bound(self.features, v, self.features @ v, *search, MAX_DEPTH)
        else:
            V, lengths = np.ascontiguousarray(self.v.T), np.linalg.norm(self.v, axis=1)
            moments = V @ self.features.T
            bound, cones, visits = kernels.branch_and_bound_of_outputs(
                self.features, V, lengths, moments, *search, MAX_DEPTH
            )
        found = best > self.threshold
        self.pace.finish(float(best.max()))
        return bound, cones, visits, best[found], neurons[found]

    def search_together(self, tasks: list[Task], device: Any, clock: Clock) -> Searched:
        """The same for many root cones at once, on a device of PyTorch; one output."""
        from bladenet.gpu.cones import Search

        settings = self.norm, self.threshold, self.slack, self.rounding, self.cell_depth
        return Search(self.features, self.v, tasks, *settings, self.crude, device).run(clock.flag, MAX_DEPTH)


def compile_search(several: bool) -> None:
    """Search a cone of a handful of points, so that numba compiles the kernel for this machine."""
    rng = np.random.default_rng(0)
    points, v = rng.standard_normal((4, 2)), rng.standard_normal((4, 2) if several else 4)
    cones = Cones(np.ascontiguousarray(points.T), v, 1, 1e-3, 1e-3, 0.0, 1e3, Pace(1e-3))
    cones.search((cover(points, True)[0], 1.0), Clock())


AHEAD = {
    several: Ahead(kernel, f"from {__name__} import compile_search; compile_search({several})")
    for several, kernel in ((False, kernels.branch_and_bound), (True, kernels.branch_and_bound_of_outputs))
}


class BranchAndBound(Pricer):
    """Prices all neurons. Time is linear in the number of points, and grows steeply with the number of features.

    Parameters
    ----------
    climbs : neurons per pricing that are followed to their local maximum
    ascend : whether ascent proposes neurons, which is sooner than a search for a bound where cones are many
    """

    def __init__(self, form: Space, climbs: int = MOST_CLIMBS, ascend: bool = False):
        super().__init__(form)
        self.climbs = climbs
        self.apart = ascend or form.points.shape[1] >= STEEP
        self.ascent = Ascent(form) if self.apart else None
        self.merging = Merging(form.points, form.norm)
        # no activation at a generator is larger
        self.reach = 2.0 * np.abs(form.points).sum(axis=1).max()
        AHEAD[form.several].begin()

    @cached_property
    def roots(self) -> list[Array]:
        """The root cones, exponentially many: not made before there is something to prove."""
        return cover(self.form.points, self.form.bias)

    def _prepared(self, clock: Clock) -> bool:
        """Make the root cones, unless the clock stops that, and wait for the kernel that searches them."""
        if "roots" not in self.__dict__:
            roots = []
            for root in root_cones(self.form.points, self.form.bias):
                if clock.stopped:
                    clock.flag[0] = 1
                    return False
                roots.append(root)
            self.__dict__["roots"] = roots  # where the cached property keeps them
            AHEAD[self.form.several].wait()
        return True

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Root cones are searched on all workers, or together on a CUDA device."""
        cones, off = self._cones(v, threshold, slack)
        if not self._prepared(clock):
            return replace(self.nothing, bound=cones.crude)
        results = self._searched_on_device(cones, clock) or self._searched(cones, clock)
        bounds, examined, visits, values, neurons = zip(*results, strict=True)
        best = np.argsort(-np.concatenate(values), kind="stable")[: self.climbs]
        found = climbed(self, v, np.concatenate(neurons)[best], clock)
        bound = min(max(bounds) + off, cones.crude)  # those of roots can be worse
        return self.ranked(v, found[:, :-1], found[:, -1], threshold, bound, sum(examined), sum(visits))

    def seconds(self, v: Array, threshold: float, slack: float, clock: Clock) -> float:
        """See :meth:`Pricer.seconds`. Some of the root cones are searched."""
        if not self._prepared(clock):
            return np.inf
        cones, tasks = self._tasks(self._cones(v, threshold, slack)[0], SAMPLED)
        return seconds_for(cones.search, tasks, clock)

    def _cones(self, v: Array, threshold: float, slack: float) -> tuple[Cones, float]:
        """The search, and how far |h| is off in it, as points stand in for others near them.

        The search is so much stricter that its bound, raised by that, is no looser than was asked for.
        """
        # sums of up to N terms |v|·|a|, and the halvings that the values at generators descend from
        most = float(np.abs(v).sum() * self.reach)
        rounding = np.finfo(float).eps * (len(v) + 256) * most
        chosen, v, off = self.merging.merged(v, MERGED * slack * threshold)
        features = self.features if chosen is None else np.ascontiguousarray(self.features[:, chosen])
        if off > 0.0:
            # (1 + s)(most + off) + off ≤ (1 + slack) most for s = slack − 3 off / threshold, most ≥ threshold, s ≤ 1
            threshold, slack = threshold - off, slack - 3.0 * off / threshold
        return Cones(features, v, self.form.norm, threshold, slack, rounding, most + rounding, Pace(threshold)), off

    def _searched(self, cones: Cones, clock: Clock) -> list[Searched]:
        """Search on all workers, in an order by chance: what is finished then tells how long the rest takes."""
        cones, tasks = self._tasks(cones, SHARES * count_workers())
        order = np.random.default_rng(0).permutation(len(tasks))
        with cones.pace.kept(len(tasks), clock):
            return on_all_workers(cones.search, [tasks[k] for k in order], clock)

    def _tasks(self, cones: Cones, fewest: int) -> tuple[Cones, list[Task]]:
        """The search and its root cones, cut until there are enough of them."""
        signs = (1.0, -1.0) if cones.v.ndim == 1 else (1.0,)
        roots, depth = self.roots, 0
        while len(roots) * len(signs) < fewest and depth < CELL_DEPTH:
            roots, depth = [half for root in roots for half in halves(root, self.form.norm)], depth + 1
        return replace(cones, cell_depth=CELL_DEPTH - depth), list(product(roots, signs))

    def _searched_on_device(self, cones: Cones, clock: Clock) -> list[Searched] | None:
        """Search on a CUDA device; None if cores are to do it."""
        if cones.v.ndim > 1 or len(self.features) == 1:
            return None

        def search(device: Any, clock: Clock) -> list[Searched]:
            return [cones.search_together(list(product(self.roots, (1.0, -1.0))), device, clock)]

        return attempted(search, len(cones.v), clock)

    def propose(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.propose`. Ascent, where cones are many."""
        return self.ascent.price(v, threshold, slack, clock) if self.ascent else self.price(v, threshold, slack, clock)

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`."""
        found = climbed(self, v, np.column_stack([weights, offsets]), clock)
        return self.ranked(v, found[:, :-1], found[:, -1], threshold, np.inf)


def cover(points: Array, bias: bool) -> list[Array]:
    """Root cones (r, d + 1), rows (w, b) with w a signed unit vector, that with their opposites contain every neuron
    that matters."""
    return list(root_cones(points, bias))


def root_cones(points: Array, bias: bool) -> Iterator[Array]:
    """See :func:`cover`; one at a time, as there are 2^(d − 1) orthants."""
    d = points.shape[1]
    for signs in product((1.0, -1.0), repeat=d - 1):
        weights = np.diag([1.0, *signs])
        places = weights @ points.T
        nobody, everybody = -places.max(axis=1), -places.min(axis=1)
        if not bias:
            yield np.column_stack([weights, np.zeros(d)])
            continue
        low, high = np.column_stack([weights, nobody]), np.column_stack([weights, everybody])
        for k in range(d):
            yield np.vstack([low[: k + 1], high[k:]])


def halves(root: Array, norm: int) -> list[Array]:
    """The two cones (r, d + 1) that a cone is cut into in the middle of its longest edge; a ray stays whole."""
    if len(root) == 1:
        return [root]
    lengths = np.linalg.norm(root[:, None] - root, axis=2)
    k, m = np.unravel_index(lengths.argmax(), lengths.shape)
    middle = root[k] + root[m]
    middle /= np.linalg.norm(middle[:-1], ord=norm)
    parts = root.copy(), root.copy()
    parts[0][k] = parts[1][m] = middle
    return list(parts)
