"""A primal active-set method for the Lasso in Gram form: exact, sparse, and fast from a good start.

    minimise  ½ zᵀGz − cᵀz + β ‖z‖₁

Each step solves the equations of the current support and signs, searches the segment to that point exactly (the
objective is piecewise quadratic along it) and drops coordinates that end at zero. When the support is optimal, the
neurons that violate optimality join it together.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bladenet.losses import Array

MAX_STEPS = 200
JITTER = 1e-13  # relative to the diagonal: columns this close to dependent count as one


def active_set(G: Array, c: Array, beta: float, start: Array, accuracy: float) -> Array | None:
    """Solve the Lasso to |gradient| ≤ β (1 + accuracy), or return None if the support does not settle.

    Parameters
    ----------
    G : (m, m) Gram matrix; c : (m,); start : (m,) where to begin
    """
    z = start.copy()
    scale = np.sqrt(np.maximum(np.diag(G), np.finfo(float).tiny))
    for _ in range(MAX_STEPS):
        gradient = c - G @ z
        support = z != 0
        signs = np.sign(z)
        off = support & (np.abs(gradient - beta * signs) > beta * accuracy)
        joining = ~support & (np.abs(gradient) > beta * (1.0 + accuracy))
        if not off.any() and not joining.any():
            return z
        if not off.any():
            support, signs = support | joining, np.where(joining, np.sign(gradient), signs)
        moved = _step(G, c, beta, z, support, signs, scale)
        if moved is None:
            return None
        z = moved
    return None


def _step(
    G: Array, c: Array, beta: float, z: Array, support: Array, signs: Array, scale: Array
) -> Array | None:
    """Towards the solution of the equations on the support, as far as the objective falls."""
    while True:
        A = np.flatnonzero(support)
        if not len(A):
            return z
        unit = scale[A]
        system = G[np.ix_(A, A)] / unit[:, None] / unit
        system[np.diag_indices(len(A))] += JITTER * len(A)
        try:
            factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        residual = c[A] - beta * signs[A] - G[np.ix_(A, A)] @ z[A]
        move = cho_solve(factor, residual / unit, check_finite=False) / unit
        # a neuron that joins against its sign would not lower the objective: leave it out
        wrong = (z[A] == 0) & (move * signs[A] <= 0)
        if not wrong.any():
            return _search(G[np.ix_(A, A)], c[A], beta, z, A, move)
        support = support.copy()
        support[A[wrong]] = False


def _search(G: Array, c: Array, beta: float, z: Array, A: Array, move: Array) -> Array:
    """The minimum of the objective on z + s·move, 0 ≤ s ≤ 1: its slope rises with s and jumps at sign changes."""
    curvature = float(move @ G @ move)
    slope = float(move @ (G @ z[A] - c))
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(move * z[A] < 0, -z[A] / move, np.inf)
    order = np.argsort(times)
    order = order[times[order] < 1.0]
    ahead = np.where(z[A] != 0, np.sign(z[A]), np.sign(move))
    slope += beta * float(ahead @ move)
    out = z.copy()
    length = 1.0
    for k in order:
        if slope + curvature * times[k] >= 0:
            break
        slope += 2.0 * beta * abs(move[k])
        if slope + curvature * times[k] >= 0:
            out[A] += times[k] * move
            out[A[k]] = 0.0
            return out
    if curvature > 0:
        length = min(1.0, -slope / curvature)
    out[A] += max(length, 0.0) * move
    return out
