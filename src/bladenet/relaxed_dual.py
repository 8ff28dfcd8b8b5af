"""A dual variable chosen for the bound that can be proven about it, where pricing has no exact answer.

Scaling any v until a relaxed bound on max |h_v| is β proves a lower bound of the objective; the best v for that is not
the residual of the best network. The relaxed bound is a maximum over relaxed neurons (pricing.relaxation), whose
columns join the same restricted problem as those of true neurons do: column generation on the relaxation,

    minimise  Σ s ℓ(Σ_k u_k f_k + t, y) + β Σ_k u_k  over u ≥ 0, t.
"""

import numpy as np
from scipy.optimize import minimize

from bladenet.losses import Array, balanced
from bladenet.pricing import Clock
from bladenet.pricing.relaxation import RelaxedMaximum
from bladenet.problem import StandardForm

ROUNDS = 25
TOL = 0.02  # gap of the relaxation, relative to its optimum, at which its dual is good enough
FINENESS = 0.1  # of that gap: how close a bound has to come to the best that the relaxation can prove
ROUNDING = 1e-12  # allowed for when v is scaled
INWARD = 0.5  # share of the best v so far in the v that is priced, which damps the zigzag of cutting planes


def relaxed_dual(form: StandardForm, v0: Array, clock: Clock) -> tuple[Array, float]:
    """A dual variable with a high proven lower bound, and the bound on its |h|.

    Parameters
    ----------
    form : StandardForm
    v0 : (k,) dual variable of the loss terms to start from, for example that of a trained network; in the domain of
        the conjugate, and summing to zero if there is a bias

    Returns
    -------
    v : (k,), and bound with |h_v| ≤ bound ≤ β for all neurons of unit norm, so that v itself is dual feasible; at
    least as good as v0 scaled by its own relaxed bound
    """
    relaxed = RelaxedMaximum(form.points, form.norm, form.bias)
    best, best_value, best_bound = np.zeros(len(form.y)), 0.0, 0.0
    columns, amplitudes = np.zeros((0, len(form.y))), np.zeros(0)
    t = float(form.loss.constant_fit(form.y, form.weight)) if form.bias else 0.0
    v, gap = v0, 0.0
    for _ in range(ROUNDS):
        bound = relaxed.bound(form.at_points(v), slack=max(TOL, gap) * FINENESS, clock=clock) * (1.0 + ROUNDING)
        shrink = min(1.0, form.beta / bound) if bound > 0 else 1.0
        value = form.dual_value(v * shrink)
        if value > best_value:
            best, best_value, best_bound = v * shrink, value, min(bound * shrink, form.beta)
        if clock.stopped:
            break
        new = -relaxed.columns()[:, form.row]  # v is the gradient of the loss: columns against it lower the loss
        new = new[new @ v < -form.beta]
        columns, amplitudes = np.vstack([columns, new]), np.r_[amplitudes, np.zeros(len(new))]
        amplitudes, t, objective, v = _solve(form, columns, amplitudes, t, clock)
        gap = 1.0 - best_value / objective if objective > 0 else 0.0
        if gap <= TOL:
            break
        used = amplitudes > 0
        columns, amplitudes = columns[used], amplitudes[used]
        v = INWARD * best + (1.0 - INWARD) * v
    return best, best_bound


def _solve(
    form: StandardForm, columns: Array, start: Array, t: float, clock: Clock
) -> tuple[Array, float, float, Array]:
    """The problem restricted to these columns: amplitudes, intercept, objective, and the gradient of the loss."""

    def objective(x: Array) -> tuple[float, Array]:
        f = x[:-1] @ columns + x[-1]
        slope = form.weight * form.loss.gradient(f, form.y)
        value = float(form.weight @ form.loss.value(f, form.y)) + form.beta * float(x[:-1].sum())
        return value, np.r_[columns @ slope + form.beta, slope.sum() * form.bias]

    def watch(_: Array) -> None:
        if clock.stopped:
            raise StopIteration

    limits = [(0.0, None)] * len(start) + [(None, None) if form.bias else (0.0, 0.0)]
    options = {"maxiter": 300, "maxcor": 30}
    first = np.r_[start, t]
    found = minimize(objective, first, jac=True, method="L-BFGS-B", bounds=limits, options=options, callback=watch)
    v = form.weight * form.loss.gradient(found.x[:-1] @ columns + found.x[-1], form.y)
    return found.x[:-1], float(found.x[-1]), float(found.fun), balanced(v) if form.bias else v
