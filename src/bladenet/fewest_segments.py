"""The fewest lines that do about as well as the best ReLU network of any width on one feature.

With the squared loss the objective J is strongly convex in the outputs: for networks f and g, and 0 < t < 1,
J((1 − t) g + t f) ≤ (1 − t) J(g) + t J(f) − t (1 − t) D, where D = ½ Σ s (f − g)². The left side is at least L, a
certified lower bound. So f can only be within the tolerance if D ≤ (J(f) − J(g) + (J(g) − L) / t) / (1 − t): it has to
come close to the network g that was trained. How close k joined lines can come to that is what `best_kinks` bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bladenet.clock import Clock
from bladenet.losses import Array
from bladenet.master import restricted_problem
from bladenet.problem import TrainingProblem
from bladenet.segment_search import MISSED, Samples, best_kinks, nodes_of, polygon
from bladenet.training import train

TOL = 1e-9  # of the network compared with
ACCURATE = 1e-6  # of refits
CLOSE = 1e-2  # to which kinks of as few lines are sought and proven
HEAVY = 100.0  # times the weight of all samples: of a point to be met, where a network is trained
FEW = 24  # nodes up to which the kink that can go best is found by trying all
MOST = 12  # lines that a proof looks at
ROUNDS = 8  # of training, until points are met
NEAR = 1e-6  # of the range of targets: a point that is met, until a polygon does so exactly
SHARES = np.geomspace(1e-6, 0.5, 60)  # values of t


@dataclass(frozen=True)
class Fewest:
    """Joined lines about as good as the best network.

    Attributes
    ----------
    nodes, values : of the polygon
    objective : ½ Σ s (f − y)² + β times the penalty of `penalty`, as of the network
    lower_bound : certified, for networks of any width
    needed : as few lines as this can be within the tolerance
    """

    nodes: Array
    values: Array
    objective: float
    lower_bound: float
    needed: int


def fewest(samples: Samples, unit: float, beta: float, tolerance: float, clock: Clock) -> Fewest | None:
    """As few lines as found with which a fit is within the tolerance; None if points cannot be met.

    `unit` is the length of x in which the penalty measures slopes.
    """
    heavy = replace(samples, w=np.where(samples.fixed, HEAVY * samples.w[~samples.fixed].sum(), samples.w))
    features = ((samples.x - samples.x.mean()) / unit)[:, None]
    target, rise, lower = samples.y, 0.0, 0.0
    for _ in range(ROUNDS):  # of the augmented Lagrangian: each bounds the objective where points are met
        limit = None if np.isinf(clock.deadline) else max(0.5 * clock.remaining, 1e-3)
        fit = train(features, target, beta=beta, sample_weight=heavy.w, tol=TOL, time_limit=limit)
        lower = max(lower, fit.certificate.lower_bound + 0.5 * samples.spread - rise)
        best = fit.certificate.objective + 0.5 * samples.spread - rise
        off = np.where(samples.fixed, fit.network.predict(features) - samples.y, 0.0)
        if np.abs(off).max() <= NEAR * np.ptp(samples.y) or clock.stopped:
            break
        target = target - off
        rise = 0.5 * float(heavy.w @ (target - samples.y) ** 2)
    most = (1.0 + tolerance) * best
    network, refit = fit.network, _Refit(samples, fit.problem, unit, beta)
    chosen = refit.at(samples.x.mean() - unit * network.biases / network.weights[:, 0])
    while len(chosen.nodes) > 2 and not clock.stopped:
        ways = sorted(_fewer(chosen), key=lambda way: way[0])
        tried = ways if len(chosen.nodes) <= FEW else ways[:1]
        fewer = min((refit.at(kinks) for _, kinks in tried), key=lambda one: one.objective)
        if fewer.objective > most:
            break
        chosen = fewer
    near = 2.0 * float(np.min((most - best + (best - lower) / SHARES) / (1.0 - SHARES)))
    outputs = replace(heavy, y=network.predict(features), fixed=np.zeros_like(samples.fixed), spread=0.0)
    needed = 1
    for k in range(1, min(len(chosen.nodes) - 1, MOST + 1)):
        kinks, least = best_kinks(outputs, k, CLOSE, clock)
        if least > near:
            needed = k + 1
            continue
        other = refit.at(kinks)
        if other.objective <= most:
            chosen = other
        if other.objective <= most or clock.stopped:
            break
    if np.isinf(chosen.objective):
        return None
    return Fewest(chosen.nodes, chosen.values, chosen.objective, lower, min(needed, max(1, len(chosen.nodes) - 1)))


def penalty(nodes: Array, values: Array) -> float:
    """Σ |u_j| |w_j| of the cheapest network that is this polygon between its ends.

    A change of slope costs its size, and whether its neuron faces right or left is free: those that face left make
    the first slope, as far as changes of the other sign go; the rest of it takes a neuron of its own.
    """
    slopes = np.diff(values) / np.diff(nodes)
    if not len(slopes):
        return 0.0
    changes = np.diff(slopes)
    helping = np.abs(changes[changes * slopes[0] < 0.0]).sum()
    return float(np.abs(changes).sum() + max(0.0, abs(slopes[0]) - helping))


@dataclass(frozen=True)
class Polygon:
    """Nodes, values there, and the objective, inf where points are not met."""

    nodes: Array
    values: Array
    objective: float


@dataclass(frozen=True)
class _Refit:
    """The least objective of polygons with given kinks: the Lasso over their neurons."""

    samples: Samples
    problem: TrainingProblem
    unit: float
    beta: float

    def at(self, kinks: Array) -> Polygon:
        """With these kinks."""
        samples, form = self.samples, self.problem.standard
        nodes = nodes_of(samples, kinks)
        facing = np.r_[np.ones(max(1, len(nodes) - 1)), -np.ones(max(0, len(nodes) - 2))]
        places = self._standard(np.r_[nodes[: max(1, len(nodes) - 1)], nodes[1:-1]])
        lasso = restricted_problem(form, Clock())
        lasso.add(facing[:, None], -facing * places)
        solution = lasso.solve(ACCURATE)

        def outputs(x: Array) -> Array:
            hidden = np.maximum(self._standard(x)[:, None] * lasso.weights.T + lasso.offsets, 0.0)
            return np.asarray(form.unit * (hidden @ solution.z + solution.t), dtype=np.float64)

        values, missed = outputs(nodes), 0.0
        if samples.fixed.any():  # which the Lasso comes near to
            target = np.where(samples.fixed, samples.y, outputs(samples.x))
            values, _, missed = polygon(replace(samples, y=target), nodes)
        if missed > MISSED * np.ptp(samples.y):
            return Polygon(nodes, values, np.inf)
        return Polygon(
            nodes, values, 0.5 * samples.loss(nodes, values) + self.beta * self.unit * penalty(nodes, values)
        )

    def _standard(self, x: Array) -> Array:
        form = self.problem.standard
        return ((x - self.samples.x.mean()) / self.unit - form.centre[0]) / form.scale


def _fewer(polygon: Polygon) -> Iterator[tuple[float, Array]]:
    """The kinks less one of them, or with two neighbours at the place between them that keeps the lines beside.

    Before them, about how far the polygon moves by that.
    """
    kinks = polygon.nodes[1:-1]
    changes = np.diff(np.diff(polygon.values) / np.diff(polygon.nodes))
    for j in range(len(kinks)):
        yield abs(changes[j]) * min(kinks[j] - polygon.nodes[j], polygon.nodes[j + 2] - kinks[j]), np.delete(kinks, j)
        if j and changes[j - 1] * changes[j] > 0.0:
            between = np.average(kinks[j - 1 : j + 1], weights=np.abs(changes[j - 1 : j + 1]))
            moved = abs(changes[j]) * (kinks[j] - between)
            yield moved, np.r_[kinks[: j - 1], between, kinks[j + 1 :]]
