"""The group Lasso's quadratic model as a second-order cone program, solved by Clarabel.

    minimise  ½ Z Q Z + q·Z + β Σ_j t_j   subject to  ‖Z_j‖₂ ≤ t_j

It takes the same few steps where columns are nearly the same and descents crawl, but each costs (m c)³.
"""

import clarabel
import numpy as np
from scipy import sparse

from bladenet.losses import Array, row_norms

DIGITS = 1e-12
INSIDE = 1e-7  # of β: a multiplier that far inside its ball belongs to a group that is 0


def solve_cone_program(Q: Array, q: Array, beta: float) -> Array:
    """The optimal Z (m, c), groups that are not needed exactly 0; Q (m c, m c), q (m, c)."""
    m, c = q.shape
    n = m * c
    quadratic = sparse.triu(sparse.block_diag([Q, sparse.csc_matrix((m, m))]), format="csc")
    # the slack (t_j, Z_j) of group j lies in a cone
    rows = np.arange(m * (c + 1)).reshape(m, c + 1)
    columns = np.column_stack([n + np.arange(m), np.arange(n).reshape(m, c)])
    limits = sparse.csc_matrix((-np.ones(rows.size), (rows.ravel(), columns.ravel())), shape=(rows.size, n + m))
    settings = settings_for(DIGITS)
    linear = np.r_[q.ravel(), np.full(m, beta)]
    cones = [clarabel.SecondOrderConeT(c + 1)] * m
    solution = clarabel.DefaultSolver(quadratic, linear, limits, np.zeros(rows.size), cones, settings).solve()
    Z = np.array(solution.x[:n]).reshape(m, c)
    multipliers = np.array(solution.z).reshape(m, c + 1)[:, 1:]
    Z[row_norms(multipliers) < (1.0 - INSIDE) * beta] = 0.0
    return Z


def settings_for(digits: float) -> clarabel.DefaultSettings:
    """Of Clarabel: silent, to this accuracy."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = digits
    return settings
