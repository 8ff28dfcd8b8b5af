"""A primal–dual interior-point method for the restricted problem, any loss (see :mod:`bladenet.lasso`).

Columns of neurons are strongly correlated, and near interpolation active sets thrash. This method does not: it takes
10 to 30 Newton steps whatever the data, each a Cholesky factorisation of size min(rows, columns), and treats smooth
and kinked losses alike (a kink is an end of the conjugate's domain).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bladenet.losses import Array, Loss, SquaredLoss, balanced

MAX_STEPS = 80
PATIENCE = 15  # steps without a better gap before giving up
REFINEMENTS = 8
PROXIMAL = 1e-10  # smallest curvature of a loss term, in units of 1 / weight


@dataclass(frozen=True, eq=False)
class Restricted:
    """Solution of the restricted problem.

    Attributes
    ----------
    z : (m,) amplitudes; t : float intercept
    v : (n,) dual variable, inside the domain of the conjugate and orthogonal to the intercept column
    objective : float, primal value at (z, t)
    gap : float, objective minus the dual value at v
    used : (m,) bool, neurons that the solution needs
    """

    z: Array
    t: float
    v: Array
    objective: float
    gap: float
    used: Array


class InteriorPoint:
    """Mehrotra's predictor–corrector on the dual.

    Notation: p = β − Kᵀv and q = β + Kᵀv are the slacks with multipliers a and c, z = c − a; g and h are the
    multipliers of the ends `low` and `high` of the conjugate's domain; τ = −t that of oᵀv = 0. Stationarity is
    ∇ℓ*(v) + K (a − c) + o τ − g + h = 0.
    """

    def __init__(self, K: Array, intercept: Array | None, y: Array, weight: Array, beta: float, loss: Loss):
        self.K, self.o, self.y, self.s, self.beta, self.loss = K, intercept, y, weight, beta, loss
        low, high = loss.domain(y)
        self.low, self.high = low * weight, high * weight
        self.boxed = bool(np.isfinite(self.low).all())
        self.quadratic = not self.boxed and isinstance(loss, SquaredLoss)
        self.gram = (K.T * weight) @ K if self.quadratic and K.shape[1] <= K.shape[0] else None

    def start(self) -> Array:
        """The middle of the domain (0 if it is all reals), made orthogonal to the intercept column."""
        if not self.boxed:
            return np.zeros_like(self.y)
        v = 0.5 * (self.low + self.high)
        return v if self.o is None else balanced(v)

    def solve(self, tol: float) -> Restricted:
        """The solution to a relative duality gap of `tol`, or the best within reach of rounding."""
        K, o, y, s, beta, loss = self.K, self.o, self.y, self.s, self.beta, self.loss
        n, m = K.shape
        v = self.start()
        tau = 0.0
        constraints = 2 * m + (2 * n if self.boxed else 0)
        mu = max(float(s @ loss.value(np.zeros(n), y)), 1e-300) / max(constraints, 1)
        g = mu / (v - self.low) if self.boxed else np.zeros(0)
        h = mu / (self.high - v) if self.boxed else np.zeros(0)
        # slacks are variables of their own: recomputed from v they would lose their sign to rounding, and a start
        # in the middle of the domain need not satisfy |Kᵀv| ≤ β
        Kv = K.T @ v
        p = np.full(m, beta + np.abs(Kv).max(initial=0.0))
        q = p.copy()
        a = mu / p
        c = a.copy()
        lower, upper = (v - self.low, self.high - v) if self.boxed else (g, h)
        best: Restricted | None = None
        milestone, stalled = np.inf, 0
        for step in range(MAX_STEPS + 1):
            z, t = c - a, -tau
            f = K @ z if o is None else K @ z + o * t
            residual = loss.conjugate_gradient(v / s, y) - f
            if self.boxed:
                residual += h - g
            primal = float(s @ loss.value(f, y)) + beta * float(np.abs(z).sum())
            Kv = K.T @ v
            short_p, short_q = beta - Kv - p, beta + Kv - q
            feasible = v * min(1.0, beta / max(np.abs(Kv).max(initial=0.0), beta))
            gap = primal + float(s @ loss.conjugate(feasible / s, y))
            if gap < 0.9 * milestone:
                milestone, stalled = gap, 0
            else:
                stalled += 1
            if best is None or gap < best.gap:
                scale = np.abs(z).max(initial=0.0)
                used = np.abs(z) * beta > np.minimum(p, q) * scale
                best = Restricted(z, t, feasible, primal, gap, used)
            if best.gap <= tol * abs(best.objective) or stalled >= PATIENCE or step == MAX_STEPS or not m + n:
                break

            products = float(a @ p + c @ q)
            hessian = loss.conjugate_hessian(v / s, y) / s
            if self.boxed:
                products += float(g @ lower + h @ upper)
                # a proximal term keeps samples on the margin (curvature → 0) from drowning the others in rounding
                hessian = np.maximum(hessian + g / lower + h / upper, PROXIMAL / s)
            mu = products / max(constraints, 1)
            try:
                newton = self._factorise(hessian, a / p + c / q)
            except LinAlgError:
                break

            def direction(target: float, second: tuple[Array, ...]) -> tuple:
                """Newton step towards complementarity products of `target`, with second-order terms."""
                da0 = (target - second[0] - a * short_p) / p - a
                dc0 = (target - second[1] - c * short_q) / q - c
                right = -residual
                if self.boxed:
                    dg0 = (target - second[2]) / lower - g
                    dh0 = (target - second[3]) / upper - h
                    right = right + dg0 - dh0
                dv, dtau = newton(right, da0 - dc0, 0.0 if o is None else -float(o @ v))
                Kdv = K.T @ dv
                da = da0 + a / p * Kdv
                dc = dc0 - c / q * Kdv
                dg = dg0 - g / lower * dv if self.boxed else g
                dh = dh0 + h / upper * dv if self.boxed else h
                return dv, dtau, short_p - Kdv, short_q + Kdv, da, dc, dg, dh

            def longest(move: tuple) -> float:
                dv, _, dp, dq, da, dc, dg, dh = move
                pairs = [(p, dp), (q, dq), (a, da), (c, dc)]
                if self.boxed:
                    pairs += [(lower, dv), (upper, -dv), (g, dg), (h, dh)]
                return min([_longest(value, change) for value, change in pairs])

            zero = np.zeros(())
            affine = direction(0.0, (zero,) * 4)
            reach = min(1.0, longest(affine))
            dv, _, dp, dq, da, dc, dg, dh = affine
            after = float((a + reach * da) @ (p + reach * dp) + (c + reach * dc) @ (q + reach * dq))
            second: tuple[Array, ...] = (da * dp, dc * dq)
            if self.boxed:
                after += float((g + reach * dg) @ (lower + reach * dv) + (h + reach * dh) @ (upper - reach * dv))
                second += (dg * dv, -dh * dv)
            target = mu * min(1.0, max(after / max(products, 1e-300), 0.0)) ** 3
            move = direction(target, second)
            reach = min(1.0, 0.995 * longest(move))
            dv, dtau, dp, dq, da, dc, dg, dh = move
            v, tau = v + reach * dv, tau + reach * dtau
            a, c = a + reach * da, c + reach * dc
            p, q = p + reach * dp, q + reach * dq
            if self.boxed:
                g, h = g + reach * dg, h + reach * dh
                lower, upper = lower + reach * dv, upper - reach * dv
        assert best is not None
        return best

    def _factorise(self, hessian: Array, W: Array) -> Callable[[Array, Array, float], tuple[Array, float]]:
        """Solver of the Newton system, with positive diagonals H and W,

            H Δv + K Δζ + o Δτ = right,   KᵀΔv − W⁻¹ (Δζ − ζ₀) = 0,   oᵀΔv = off.

        Eliminating Δζ or Δv leaves a positive definite system I + BᵀB; the smaller one is taken. When
        both diagonals span many decades the elimination loses digits, which refinement on the full system regains.
        """
        K, o = self.K, self.o
        n, m = K.shape
        if m <= n:
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
            for _ in range(REFINEMENTS if self.boxed else 0):
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


def _longest(value: Array, change: Array) -> float:
    """The longest step that keeps value + step · change ≥ 0."""
    falling = change < 0
    return float((value[falling] / -change[falling]).min(initial=np.inf))
