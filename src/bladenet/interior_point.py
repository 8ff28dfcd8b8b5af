"""A primal–dual interior-point method for the restricted problem, any loss (see :mod:`bladenet.lasso`).

Columns of neurons are strongly correlated, and near interpolation active sets thrash. This method does not: it takes
10 to 30 Newton steps whatever the data, each a Cholesky factorisation of size min(rows, columns). It treats smooth and
kinked losses alike (a kink is an end of the conjugate's domain), but for the latter :mod:`bladenet.linear_program` is
faster and more exact.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bladenet.losses import Array, ScalarLoss, SquaredLoss, balanced
from bladenet.restricted import Restricted

Newton = Callable[[Array, Array, float], tuple[Array, float]]

MAX_STEPS = 80
PATIENCE = 15  # steps without a better gap before giving up
REFINEMENTS = 8
INSIDE = 0.9  # of β: the largest |Kᵀv| to start from
PROXIMAL = 1e-10  # smallest curvature of a loss term, in units of 1 / weight


@dataclass(frozen=True, eq=False)
class Barrier:
    """One family of inequalities: slack > 0 with multiplier > 0, where slack moves by sign · Kᵀ Δv or sign · Δv."""

    slack: Array
    multiplier: Array
    sign: float
    on_columns: bool

    def moved(self, length: float, slack: Array, multiplier: Array) -> "Barrier":
        """After a step of this length."""
        return replace(self, slack=self.slack + length * slack, multiplier=self.multiplier + length * multiplier)


@dataclass(frozen=True, eq=False)
class Move:
    """A Newton step: of v and τ, and of the slacks and multipliers of each family."""

    v: Array
    tau: float
    slacks: list[Array]
    multipliers: list[Array]


class InteriorPoint:
    """Mehrotra's predictor–corrector on the dual.

    The families of inequalities are β − Kᵀv > 0 and β + Kᵀv > 0, with multipliers a and c, and, for losses whose
    conjugate has a bounded domain, its two ends. z = c − a is the primal solution and τ = −t the multiplier of
    oᵀv = 0. Slacks are variables of their own: recomputed from v they would lose their sign to rounding.
    """

    def __init__(
        self,
        K: Array,
        intercept: Array | None,
        y: Array,
        weight: Array,
        beta: float,
        loss: ScalarLoss,
        larger_system: bool = False,
    ):
        # the larger of the two systems loses other digits: worth a second try where the smaller one falls short
        self.by_columns = (K.shape[1] <= K.shape[0]) != larger_system
        self.K, self.o, self.y, self.s, self.beta, self.loss = K, intercept, y, weight, beta, loss
        ends = [(end * weight, sign) for end, sign in zip(loss.domain(y), (1.0, -1.0), strict=True)]
        self.ends = [(end, sign) for end, sign in ends if np.isfinite(end).all()]  # of the conjugate's domain
        squared = isinstance(loss, SquaredLoss)  # its curvature never changes
        self.gram = (K.T * weight) @ K if squared and self.by_columns else None

    def solve(self, tol: float, stopped: Callable[[], bool] = lambda: False) -> Restricted:
        """The solution to a relative duality gap of `tol`, or the best within reach of rounding or until `stopped`."""
        v, tau = self._start(), 0.0
        barriers = self._barriers(v)
        best: Restricted | None = None
        milestone, stalled = np.inf, 0
        for _ in range(MAX_STEPS):
            candidate, residual = self._evaluate(v, tau, barriers)
            if best is None or candidate.gap < best.gap:
                best = candidate
            if candidate.gap < 0.9 * milestone:
                milestone, stalled = candidate.gap, 0
            else:
                stalled += 1
            if best.gap <= tol * abs(best.objective) or stalled >= PATIENCE or stopped():
                break
            try:
                move = self._newton_step(v, residual, barriers)
            except LinAlgError:
                break
            length = min(1.0, 0.995 * _longest(barriers, move))
            v, tau = v + length * move.v, tau + length * move.tau
            barriers = [
                barrier.moved(length, slack, multiplier)
                for barrier, slack, multiplier in zip(barriers, move.slacks, move.multipliers, strict=True)
            ]
        assert best is not None
        return best

    def _start(self) -> Array:
        """Inside the domain (0 if it is all reals), orthogonal to the intercept, scaled into |Kᵀv| < β."""
        if not self.ends:
            return np.zeros_like(self.y)
        if len(self.ends) == 2:
            v = 0.5 * (self.ends[0][0] + self.ends[1][0])
        else:  # half of a gradient stays away from the only end
            t = self.loss.constant_fit(self.y, self.s) if self.o is not None else 0.0
            v = 0.5 * self.s * self.loss.gradient(np.full_like(self.y, t), self.y)
        if self.o is not None:
            v = balanced(v)
        reach = INSIDE * self.beta
        return v * (reach / max(np.abs(self.K.T @ v).max(initial=0.0), reach))

    def _barriers(self, v: Array) -> list[Barrier]:
        """Slacks and multipliers to start from: equal products, but larger where z = 0 is to be stationary."""
        Kv = self.K.T @ v
        slacks = [(self.beta - Kv, -1.0, True), (self.beta + Kv, 1.0, True)]
        slacks += [(sign * (v - end), sign, False) for end, sign in self.ends]
        count = sum(len(slack) for slack, _, _ in slacks)
        scale = float(self.s @ self.loss.value(np.zeros_like(self.y), self.y))
        mu = max(scale, np.finfo(float).tiny) / max(count, 1)
        barriers = [Barrier(slack, mu / slack, sign, on_columns) for slack, sign, on_columns in slacks]
        if not self.ends:
            return barriers
        missing = self.loss.conjugate_gradient(v / self.s, self.y)
        missing -= sum(barrier.sign * barrier.multiplier for barrier in barriers[2:])
        return barriers[:2] + [
            replace(barrier, multiplier=barrier.multiplier + np.maximum(barrier.sign * missing, 0.0))
            for barrier in barriers[2:]
        ]

    def _evaluate(self, v: Array, tau: float, barriers: list[Barrier]) -> tuple[Restricted, Array]:
        """Primal and dual value, each at a feasible point, and the residual of stationarity."""
        K, o, y, s, loss = self.K, self.o, self.y, self.s, self.loss
        p, q = barriers[0], barriers[1]
        z, t = q.multiplier - p.multiplier, -tau
        f = K @ z if o is None else K @ z + o * t
        residual = loss.conjugate_gradient(v / s, y) - f
        for barrier in barriers[2:]:
            residual -= barrier.sign * barrier.multiplier
        primal = float(s @ loss.value(f, y)) + self.beta * float(np.abs(z).sum())
        largest = np.abs(K.T @ v).max(initial=0.0)
        feasible = v * min(1.0, self.beta / max(largest, self.beta))
        gap = primal - float(loss.dual_terms(feasible, y, s, o is not None).sum())
        used = np.abs(z) * self.beta > np.minimum(p.slack, q.slack) * np.abs(z).max(initial=0.0)
        return Restricted(z, t, feasible, primal, gap, used), residual

    def _newton_step(self, v: Array, residual: Array, barriers: list[Barrier]) -> Move:
        """Predictor, then corrector towards the complementarity that the predictor could reach."""
        hessian = self.loss.conjugate_hessian(v / self.s, self.y) / self.s
        W = np.zeros(self.K.shape[1])
        for barrier in barriers:
            if barrier.on_columns:
                W = W + barrier.multiplier / barrier.slack
            else:
                hessian = hessian + barrier.multiplier / barrier.slack
        # a proximal term keeps samples on the margin (curvature → 0) from drowning the others in rounding
        newton = self._factorise(np.maximum(hessian, PROXIMAL / self.s), W)
        count = max(sum(len(barrier.slack) for barrier in barriers), 1)
        now = sum(float(barrier.slack @ barrier.multiplier) for barrier in barriers) / count

        affine = self._direction(newton, v, residual, barriers, [np.zeros(1)] * len(barriers))
        length = min(1.0, _longest(barriers, affine))
        steps = list(zip(barriers, affine.slacks, affine.multipliers, strict=True))
        reached = [barrier.moved(length, slack, multiplier) for barrier, slack, multiplier in steps]
        after = sum(float(barrier.slack @ barrier.multiplier) for barrier in reached) / count
        target = now * min(1.0, max(after / max(now, np.finfo(float).tiny), 0.0)) ** 3
        products = [target - slack * multiplier for _, slack, multiplier in steps]
        return self._direction(newton, v, residual, barriers, products)

    def _direction(
        self, newton: Newton, v: Array, residual: Array, barriers: list[Barrier], products: list[Array]
    ) -> Move:
        """The Newton step that brings slack · multiplier of each family to these products, to first order."""
        Kv = self.K.T @ v
        shorts, bases = [], []
        right, zeta = -residual, np.zeros(self.K.shape[1])
        for barrier, product in zip(barriers, products, strict=True):
            short = self.beta + barrier.sign * Kv - barrier.slack if barrier.on_columns else np.zeros_like(v)
            base = (product - barrier.multiplier * short) / barrier.slack - barrier.multiplier
            if barrier.on_columns:
                zeta = zeta - barrier.sign * base
            else:
                right = right + barrier.sign * base
            shorts.append(short)
            bases.append(base)
        dv, dtau = newton(right, zeta, 0.0 if self.o is None else -float(self.o @ v))
        Kdv = self.K.T @ dv
        slacks, multipliers = [], []
        for barrier, short, base in zip(barriers, shorts, bases, strict=True):
            change = barrier.sign * (Kdv if barrier.on_columns else dv)
            slacks.append(short + change)
            multipliers.append(base - barrier.multiplier / barrier.slack * change)
        return Move(dv, dtau, slacks, multipliers)

    def _factorise(self, hessian: Array, W: Array) -> Newton:
        """Solver of the Newton system, with positive diagonals H and W,

            H Δv + K Δζ + o Δτ = right,   KᵀΔv − W⁻¹ (Δζ − ζ₀) = 0,   oᵀΔv = off.

        Eliminating Δζ or Δv leaves a positive definite system I + BᵀB; the smaller one is taken. When
        both diagonals span many decades the elimination loses digits, which refinement on the full system regains.
        """
        K, o = self.K, self.o
        n, m = K.shape
        if self.by_columns:
            root = np.sqrt(W)
            gram = self.gram if self.gram is not None else (K.T / hessian) @ K
            system = gram * root[:, None] * root
            system[np.diag_indices(m)] += 1.0
            inverse = _positive_solver(system)

            def eliminate(right: Array, below: Array) -> tuple[Array, Array]:
                """H Δv + K Δζ = right, KᵀΔv − W⁻¹Δζ = below."""
                x = right / hessian
                zeta = root * inverse(root * (K.T @ x - below))
                return x - (K @ zeta) / hessian, zeta
        else:
            root = 1.0 / np.sqrt(hessian)
            system = (K * W) @ K.T * root[:, None] * root
            system[np.diag_indices(n)] += 1.0
            inverse = _positive_solver(system)

            def eliminate(right: Array, below: Array) -> tuple[Array, Array]:
                x = root * inverse(root * (right + K @ (W * below)))
                return x, W * (K.T @ x - below)

        def refined(right: Array, below: Array) -> tuple[Array, Array]:
            x, zeta = eliminate(right, below)
            left = np.inf
            for _ in range(REFINEMENTS):
                missing, missing_below = right - hessian * x - K @ zeta, below - K.T @ x + zeta / W
                size = np.abs(missing).max() + np.abs(missing_below).max(initial=0.0)
                if not size < 0.5 * left:
                    break
                left = size
                dx, dzeta = eliminate(missing, missing_below)
                x, zeta = x + dx, zeta + dzeta
            return x, zeta

        if o is not None:
            across = refined(o, np.zeros(m))[0]
            curvature = float(o @ across)
            if not curvature > 0.0:
                raise LinAlgError("the intercept has no curvature left")

        def newton(right: Array, zeta0: Array, off: float) -> tuple[Array, float]:
            x, _ = refined(right, -zeta0 / W)
            if o is None:
                return x, 0.0
            dtau = float(o @ x - off) / curvature
            return x - dtau * across, dtau

        return newton


def _positive_solver(system: Array) -> Callable[[Array], Array]:
    """Solver for a positive definite system, scaled to unit diagonal.

    Where B is huge, rounding swallows the I of I + BᵀB and leaves a system that is singular or slightly indefinite; the
    smallest jitter that lets Cholesky through is then added, whose effect refinement removes.
    """
    if not len(system):
        return lambda right: right
    unit = np.sqrt(np.diag(system))
    system /= unit[:, None] * unit
    jitter = 0.0
    while True:
        try:
            factor = cho_factor(system, lower=True, check_finite=False)
        except LinAlgError:
            step = max(1e-14 * len(system), 9.0 * jitter)
            if not jitter + step < 1e-4:
                raise
            system[np.diag_indices(len(system))] += step
            jitter += step
        else:
            return lambda right: cho_solve(factor, right / unit, check_finite=False) / unit


def _longest(barriers: list[Barrier], move: Move) -> float:
    """The longest step that keeps all slacks and multipliers ≥ 0."""
    longest = np.inf
    for barrier, slack, multiplier in zip(barriers, move.slacks, move.multipliers, strict=True):
        for value, change in ((barrier.slack, slack), (barrier.multiplier, multiplier)):
            falling = change < 0
            longest = min(longest, float((value[falling] / -change[falling]).min(initial=np.inf)))
    return longest
