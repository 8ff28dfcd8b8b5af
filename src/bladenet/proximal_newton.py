"""Proximal Newton for the restricted problem with a smooth loss: a short sequence of Lassos on the neurons that matter.

    minimise over z, t   Φ(z, t) = Σ_i s_i ℓ((Kz)_i + t, y_i) + β ‖z‖₁

Each step replaces the loss by its second-order model, which is a Lasso with weights s ℓ''; the active-set method
solves it on a working set, the support and the worst violators of |Kᵀv| ≤ β, so a step costs n |working set|² and not
n m². A search along the step makes Φ fall. The intercept is optimal after every step, hence Σ v = 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bladenet.active_set import GramForm, active_set
from bladenet.columns import Columns
from bladenet.losses import Array, Index, ScalarLoss, balanced, weighted_mean
from bladenet.problem import group_sums
from bladenet.restricted import Restricted

MAX_STEPS = 60
PATIENCE = 8  # steps without a better gap or a much better objective before giving up
FAILURES = 2  # models in a row that the active-set method may fail on
JOINING = 100  # violators that join the working set, or as many as the support if that is more
FORCING = 1e-3  # accuracy of a model's solution, relative to the violation it starts from
ROUNDING = 0.1  # and the one to make do with
COARSEST = 1e-2  # never more than this
FINEST = 1e-13  # but none below this,
EPSILON = 2e-16  # nor below the rounding of h
DAMPING = (1e-10, 1e-6, 1.0)  # least, first and largest curvature that is added to ℓ''
RIDGE = 1e-15  # added to the Gram matrix, relative to its largest entry
SUFFICIENT = 0.1  # share of the predicted decrease that makes a full step good enough
BISECTIONS = 20


@dataclass(frozen=True, eq=False)
class Point:
    """Where the method stands: amplitudes, the best intercept for them, and what follows from these.

    f (k,) predictions, v (k,) = s ℓ'(f), h (m,) = Kᵀv, and the duality gap of v scaled into |h| ≤ β.
    """

    z: Array
    t: float
    f: Array
    v: Array
    h: Array
    objective: float
    gap: float


class Model(GramForm):
    """The second-order model around z₀, from its gradient there: where z comes close to z₀, nothing is rounded away."""

    def __init__(self, G: Array, descent: Array, origin: Array, rounding: float):
        super().__init__(G, descent)
        self.origin, self.rounding = origin, rounding

    def gradient(self, rows: Index, A: Index, z: Array) -> Array:
        """See :meth:`Quadratic.gradient`."""
        change = -self.origin
        change[A] += z
        moved = np.flatnonzero(change)
        return self.c[rows] - self.G[np.ix_(rows, moved)] @ change[moved]


class ProximalNewton:
    """The method for one set of columns.

    Parameters
    ----------
    columns : (N, m) at the points
    row : (k,) the point of each loss term; y, weight : (k,)
    bias : whether there is a free intercept t
    stopped : asked before each step whether to end with what there is
    """

    def __init__(
        self,
        columns: Columns,
        row: Index,
        y: Array,
        weight: Array,
        beta: float,
        loss: ScalarLoss,
        bias: bool,
        stopped: Callable[[], bool],
    ):
        self.K, self.row, self.s, self.beta, self.loss = columns, row, weight, beta, loss
        self.bias, self.stopped = bias, stopped
        # targets far from 0 would round the residuals; the intercept takes what they have in common for free
        self.shift = float(weighted_mean(y, weight)) if bias and loss.location else 0.0
        self.y = y - self.shift

    def solve(self, z: Array, t: float, accuracy: float) -> Restricted:
        """From (z, t) to a relative duality gap of `accuracy`, or the best within reach."""
        least, damping, largest = DAMPING
        start = self._at(z, t - self.shift)
        if z.any():  # a start worse than no neurons at all may be too far away
            start = min(start, self._at(np.zeros_like(z), 0.0), key=lambda point: point.objective)
        point = best = start
        stalled = failures = 0
        for _ in range(MAX_STEPS):
            done = best.gap <= accuracy * point.objective
            if done or stalled >= PATIENCE or failures >= FAILURES or self.stopped():
                break
            working = self._working_set(point)
            step = self._step(point, working, damping)
            if step is None:
                damping = min(1e3 * damping, largest)
                failures += 1
                continue
            failures, before = 0, point.objective
            length, point = self._search(point, *step)
            damping = max(0.1 * damping, least) if length == 1.0 else damping
            if length < 0.5:
                damping = min(max(10.0 * damping, 1e-4), largest)
            progress = point.gap < 0.9 * best.gap or point.objective < 0.99 * before
            stalled = 0 if progress else stalled + 1
            if point.objective - point.gap >= best.objective - best.gap:
                best = point
        return self._restricted(point, best)

    def _at(self, z: Array, t: float) -> Point:
        """The point with these amplitudes and the best intercept, sought from t."""
        f = self.K.forward(z)[self.row]
        t = self._intercept(f, t)
        f = f + t
        v = self.s * self.loss.gradient(f, self.y)
        h = self.K.adjoint(self._at_points(v))
        objective = float(self.s @ self.loss.value(f, self.y)) + self.beta * float(np.abs(z).sum())
        dual = self._feasible(v, h)
        gap = objective - float(self.loss.dual_terms(dual, self.y, self.s, self.bias).sum())
        return Point(z, t, f, v, h, objective, gap)

    def _feasible(self, v: Array, h: Array) -> Array:
        """The dual variable with Σ v = 0 and |Kᵀv| ≤ β next to v."""
        if self.bias:
            v = balanced(v)  # by rounding only: h stays what it is
        return v * min(1.0, self.beta / max(np.abs(h).max(initial=0.0), self.beta))

    def _at_points(self, v: Array) -> Array:
        return group_sums(self.row, v, self.K.n)

    def _intercept(self, f: Array, t: float) -> float:
        """The t with Σ s ℓ'(f + t) = 0, by Newton's method between bounds that close in."""
        if not self.bias:
            return 0.0
        low, high, reach = -np.inf, np.inf, 1.0
        for _ in range(200):
            v = self.s * self.loss.gradient(f + t, self.y)
            slope = float(v.sum())
            if abs(slope) <= 1e-15 * float(np.abs(v).sum()):
                break
            low, high = (low, t) if slope > 0 else (t, high)
            curvature = float(self.s @ self.loss.hessian(f + t, self.y))
            trial = t - np.sign(slope) * min(reach, abs(slope) / max(curvature, 1e-9 * abs(slope)))
            if not low < trial < high and trial != t:
                trial = 0.5 * (low + high)
            if trial in (low, high):  # one of which is t
                break
            t = trial
            reach *= 2.0
        return t

    def _working_set(self, point: Point) -> Index:
        """The support and the worst violators."""
        excess = np.where(point.z != 0, -np.inf, np.abs(point.h) - self.beta)
        support = np.flatnonzero(point.z)
        limit = max(JOINING, len(support))
        worst = np.argsort(-excess, kind="stable")[:limit]
        return np.sort(np.r_[support, worst[excess[worst] > 0]])

    def _step(self, point: Point, working: Index, damping: float) -> tuple[Array, float] | None:
        """From the point to the optimum of its model over the working set: changes of z and t."""
        curvature = self.s * (self.loss.hessian(point.f, self.y) + damping)
        weight = self._at_points(curvature)
        G = self.K.gram(working, weight)
        total = float(weight.sum())
        if self.bias:
            sums = self.K.adjoint(weight)[working]
            G -= np.outer(sums, sums / total)
        # columns without curvature (zero, constant, or on saturated samples alone) must not move to infinity
        G[np.diag_indices(len(G))] += RIDGE * np.diag(G).max(initial=np.finfo(float).tiny)
        z, h = point.z[working], point.h[working]
        off = np.where(z != 0, np.abs(h + self.beta * np.sign(z)), np.abs(h) - self.beta)
        violation = float(off.max(initial=0.0)) / self.beta
        reach = self.K.adjoint(self._at_points(np.abs(point.v)))[working].max(initial=0.0)
        finest = max(FINEST, EPSILON * float(reach) / self.beta)
        model = Model(G, -h, z, max(ROUNDING * violation, finest))
        optimum = active_set(model, self.beta, z, max(min(FORCING * violation, COARSEST), finest))
        if optimum is None:
            return None
        dz = np.zeros_like(point.z)
        dz[working] = optimum - z
        return dz, -float(sums @ dz[working]) / total if self.bias else 0.0

    def _search(self, point: Point, dz: Array, dt: float) -> tuple[float, Point]:
        """The whole step if it brings enough of what the model promises, else to where Φ is lowest along it."""
        df = self.K.forward(dz)[self.row] + dt
        before = self.loss.value(point.f, self.y)

        def change(length: float) -> float:
            loss = float(self.s @ (self.loss.value(point.f + length * df, self.y) - before))
            return loss + self.beta * float((np.abs(point.z + length * dz) - np.abs(point.z)).sum())

        def slope(length: float) -> float:
            v = self.s * self.loss.gradient(point.f + length * df, self.y)
            return float(v @ df) + self.beta * float(np.sign(point.z + length * dz) @ dz)

        promised = float(point.v @ df) + self.beta * float((np.abs(point.z + dz) - np.abs(point.z)).sum())
        rounding = 1e-15 * point.objective
        length = 1.0
        if change(1.0) > SUFFICIENT * promised + rounding:
            low, high = 0.0, 1.0
            for _ in range(BISECTIONS):
                middle = 0.5 * (low + high)
                low, high = (low, middle) if slope(middle) > 0 else (middle, high)
            length = high if change(high) <= 0 else low
        return length, self._at(point.z + length * dz, point.t + length * dt)

    def _restricted(self, point: Point, best: Point) -> Restricted:
        """The last network, whose objective is the lowest, with the best dual variable."""
        gap = best.gap + (point.objective - best.objective)
        v = self._feasible(best.v, best.h)
        return Restricted(point.z, point.t + self.shift, v, point.objective, gap, point.z != 0)
