"""Block coordinate descent on a quadratic plus lengths of groups (the group Lasso's model)."""

import numpy as np

from bladenet.kernels.compiling import inner, kernel


@inner
def shrunk(row, step, price, norm):
    """The proximal step of price·‖row‖₂, or of price·‖row‖₁, in place; `step` is 1 / curvature."""
    if norm == 1:
        for o in range(len(row)):
            row[o] = np.sign(row[o]) * max(abs(row[o]) - step * price, 0.0)
        return
    length = 0.0
    for o in range(len(row)):
        length += row[o] * row[o]
    length = np.sqrt(length)
    factor = max(1.0 - step * price / length, 0.0) if length > 0.0 else 0.0
    for o in range(len(row)):
        row[o] *= factor


@kernel
def descend_groups(Q, shared, steps, beta, norm, Z, R, sweeps):
    """Lower ½ ZQZ + … + β Σ_j ‖Z_j‖ group by group, in place.

    Parameters
    ----------
    Q : (m, m) if `shared` by all outputs (then the quadratic is ½ Σ_o Z_oᵀ Q Z_o), else (m c, m c)
    steps : (m,) 1 / a bound on the curvature of each group; beta : float; norm : 2, or 1 for single entries
    Z : (m, c) ; R : (m, c) the gradient of the quadratic at Z, kept up to date
    """
    m, c = Z.shape
    new, change = np.empty(c), np.empty(c)
    for _ in range(sweeps):
        for j in range(m):
            for o in range(c):
                new[o] = Z[j, o] - steps[j] * R[j, o]
            shrunk(new, steps[j], beta, norm)
            moved = False
            for o in range(c):
                change[o] = new[o] - Z[j, o]
                moved = moved or change[o] != 0.0
                Z[j, o] = new[o]
            if not moved:
                continue
            if shared:
                for k in range(m):
                    for o in range(c):
                        R[k, o] += Q[j, k] * change[o]
            else:
                for o in range(c):
                    if change[o] != 0.0:
                        for k in range(m):
                            for q in range(c):
                                R[k, q] += Q[j * c + o, k * c + q] * change[o]
