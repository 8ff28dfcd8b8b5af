"""The restricted problem of a piecewise linear loss: a linear program, solved to a vertex by HiGHS.

With ℓ(f, y) = max of v (f − y) over low ≤ v ≤ high, the dual of the problem in :mod:`bladenet.lasso` is

    minimise over v   Σ_i y_i v_i   subject to   |Kᵀv| ≤ β,   Σ v = 0,   s_i low_i ≤ v_i ≤ s_i high_i

with few rows where there are few neurons. Amplitudes and intercept are the multipliers of its rows. A vertex is the
solution of a linear system, so that both are exact to rounding.
"""

import numpy as np
from scipy.optimize import linprog

from bladenet.losses import Array, PiecewiseLinearLoss, balanced
from bladenet.restricted import Restricted

FEASIBLE = 1e-10  # the finest tolerance of HiGHS
DONE = 0  # status of a program that is solved


def linear_program(
    K: Array,
    bias: bool,
    y: Array,
    weight: Array,
    beta: float,
    loss: PiecewiseLinearLoss,
    seconds: float = np.inf,
) -> Restricted | None:
    """The optimum over columns K (k, m) for targets and weights (k,), or None where HiGHS finds none within the time.

    Parameters
    ----------
    bias : whether there is a free intercept
    seconds : time limit
    """
    low, high = (weight * end for end in loss.domain(y))
    # HiGHS has absolute tolerances: everything to size 1, and v to where |Kᵀv| ≤ β or its domain limits it
    shift = float(np.median(y)) if bias and loss.location else 0.0
    height = float(np.abs(y - shift).max()) or 1.0
    reach = float(np.abs(K).max(initial=0.0)) or 1.0
    unit = min(float(max(high.max(), -low.min())), beta / reach)
    columns, limit = K.T / reach, beta / reach / unit
    options = {"primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE}
    if np.isfinite(seconds):
        options["time_limit"] = max(seconds, 0.0)
    found = linprog(
        (y - shift) / height,
        A_ub=np.vstack([columns, -columns]),
        b_ub=np.full(2 * len(columns), limit),
        A_eq=np.ones((1, len(y))) if bias else None,
        b_eq=[0.0] if bias else None,
        bounds=np.column_stack([low, high]) / unit,
        method="highs-ds",
        options=options,
    )
    if found.status != DONE:
        return None
    above, below = np.split(found.ineqlin.marginals, 2)
    z = (above - below) * (height / reach)
    t = float(found.eqlin.marginals[0]) * height + shift if bias else 0.0
    v = np.clip(found.x * unit, low, high)
    if bias:
        v = balanced(v)
    v *= min(1.0, beta / max(float(np.abs(K.T @ v).max(initial=0.0)), beta))
    objective = float(weight @ loss.value(K @ z + t, y)) + beta * float(np.abs(z).sum())
    return Restricted(z, t, v, objective, objective + float(y @ v), z != 0)
