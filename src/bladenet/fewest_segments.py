"""The fewest lines that do about as well as the best ReLU network of any width on one feature.

With the squared loss the objective J is strongly convex in the outputs: for networks f and g, and 0 < t < 1,
J((1 − t) g + t f) ≤ (1 − t) J(g) + t J(f) − t (1 − t) D, where D = ½ Σ s (f − g)². The left side is at least a certified
lower bound L. So f can only be within the tolerance if D ≤ (J(f) − J(g) + (J(g) − L) / t) / (1 − t): it has to come
close to the network g that was trained, and how close k joined lines can come to that is what `best_kinks` bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bladenet.clock import Clock
from bladenet.losses import Array
from bladenet.segment_search import Samples, best_kinks, nodes_of, polygon
from bladenet.training import train

TOL = 1e-9  # of the network compared with
CLOSE = 1e-2  # to which kinks of as few lines are sought and proven
HEAVY = 1e6  # times the weight of all samples: of a point to be met, where a network is trained
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
    """The first number of lines with which a fit within the tolerance is found; None if points cannot be met.

    `unit` is the length of x in which the penalty measures slopes.
    """
    weight = np.where(samples.fixed, HEAVY * samples.w[~samples.fixed].sum(), samples.w)
    heavy = replace(samples, w=weight)
    limit = None if np.isinf(clock.deadline) else max(0.5 * clock.remaining, 1e-3)
    features = ((samples.x - samples.x.mean()) / unit)[:, None]
    fit = train(features, samples.y, beta=beta, sample_weight=weight, tol=TOL, time_limit=limit)
    best, lower = (value + 0.5 * samples.spread for value in (fit.certificate.objective, fit.certificate.lower_bound))
    most = (1.0 + tolerance) * best
    near = 2.0 * float(np.min((most - best + (best - lower) / SHARES) / (1.0 - SHARES)))
    outputs = replace(heavy, y=fit.network.predict(features), fixed=np.zeros_like(samples.fixed), spread=0.0)
    needed, found = 1, None
    for k in range(1, len(samples.x) + 1):
        kinks, least = best_kinks(outputs, k, CLOSE, clock)
        if least > near:
            needed = max(needed, k + 1)
            continue
        nodes = nodes_of(samples, kinks)
        values, met = _shrunk(heavy, nodes, beta, unit)
        objective = 0.5 * samples.loss(nodes, values) + beta * penalty(nodes, values) * unit
        if met and (found is None or objective < found.objective):
            found = Fewest(nodes, values, objective, lower, needed)
        if found is not None and (found.objective <= most or clock.stopped):
            break
    return None if found is None else replace(found, needed=min(needed, max(1, len(found.nodes) - 1)))


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


def _shrunk(samples: Samples, nodes: Array, beta: float, unit: float) -> tuple[Array, bool]:
    """Values at given nodes of the polygon of least objective, and whether it meets the points that it has to."""
    from sklearn.linear_model import Lasso

    if len(nodes) == 1:
        values, _, missed = polygon(samples, nodes)
        return values, missed <= 1e-9 * np.ptp(samples.y)

    def columns(x: Array) -> Array:
        right = np.maximum(x[:, None] - nodes[:-1], 0.0)
        left = np.maximum(nodes[1:-1] - x[:, None], 0.0)
        return np.hstack([right, left]) / unit

    lasso = Lasso(alpha=beta / samples.w.sum(), tol=1e-10, max_iter=100_000)
    lasso.fit(columns(samples.x), samples.y, sample_weight=samples.w)
    shrunk = np.where(samples.fixed, samples.y, lasso.predict(columns(samples.x)))
    values, _, missed = polygon(replace(samples, y=shrunk), nodes)
    return values, missed <= 1e-9 * np.ptp(samples.y)
