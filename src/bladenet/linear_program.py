"""The restricted problem of a piecewise linear loss: a linear program, solved to a vertex by HiGHS.

With ℓ(f, y) = max of v (f − y) over low ≤ v ≤ high, the dual of the problem in :mod:`bladenet.lasso` is

    minimise over v, h   Σ_i y_i v_i   subject to   Kᵀv = h,   Σ v = 0,   |h| ≤ β,   s_i low_i ≤ v_i ≤ s_i high_i

with a row for each neuron. Amplitudes and intercept are the multipliers of its rows. A vertex is the solution of a
linear system, exact but for the tolerance of HiGHS. The simplex method of HiGHS takes it as it is: presolving dense
columns costs more than it saves.
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
    n, m = K.shape
    rows = np.hstack([columns, -np.eye(m)])
    if bias:
        rows = np.vstack([rows, np.repeat([1.0, 0.0], [n, m])])
    ends = np.column_stack([low, high]) / unit
    options = {
        "primal_feasibility_tolerance": FEASIBLE,
        "dual_feasibility_tolerance": FEASIBLE,
        "presolve": False,
    }
    if np.isfinite(seconds):
        options["time_limit"] = max(seconds, 0.0)
    found = linprog(
        np.r_[(y - shift) / height, np.zeros(m)],
        A_eq=rows,
        b_eq=np.zeros(len(rows)),
        bounds=np.vstack([ends, np.tile([-limit, limit], (m, 1))]),
        method="highs-ds",
        options=options,
    )
    if found.status != DONE:
        return None
    z = found.eqlin.marginals[:m] * (height / reach)
    t = float(found.eqlin.marginals[m]) * height + shift if bias else 0.0
    v = np.clip(found.x[:n] * unit, low, high)
    if bias:
        v = balanced(v)
    v *= min(1.0, beta / max(float(np.abs(K.T @ v).max(initial=0.0)), beta))
    objective = float(weight @ loss.value(K @ z + t, y)) + beta * float(np.abs(z).sum())
    return Restricted(z, t, v, objective, objective + float(y @ v), z != 0)
