"""A primal active-set method for the Lasso in Gram form: exact, sparse, and fast from a good start.

    minimise  ½ zᵀGz − cᵀz + β ‖z‖₁

Each step solves the equations of the current support and signs, searches the segment to that point exactly (the
objective is piecewise quadratic along it) and drops coordinates that end at zero. When the support is optimal, the
neurons that violate optimality join it together.
"""

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from bladenet.kernels import cholesky_delete
from bladenet.losses import Array

MAX_JOINS = 50
MAX_STEPS = 2000
JITTER = 1e-13  # relative to the diagonal: columns this close to dependent count as one


def active_set(G: Array, c: Array, beta: float, start: Array, accuracy: float) -> Array | None:
    """Solve the Lasso to |gradient| ≤ β (1 + accuracy), or return None if the support does not settle.

    Parameters
    ----------
    G : (m, m) Gram matrix; c : (m,); start : (m,) where to begin
    """
    z = start.copy()
    for _ in range(MAX_JOINS):
        support = np.flatnonzero(z)
        gradient = c - G[:, support] @ z[support]
        off = np.abs(gradient[support] - beta * np.sign(z[support])) > beta * accuracy
        joining = np.flatnonzero((z == 0) & (np.abs(gradient) > beta * (1.0 + accuracy)))
        if not off.any() and not len(joining):
            return z
        A = np.r_[support, joining]
        signs = np.sign(np.r_[z[support], gradient[joining]])
        settled = _settle(G[np.ix_(A, A)], c[A], beta, z[A], signs, accuracy)
        if settled is None:
            return None
        z[A] = settled
        if len(joining) and not z[joining].any() and not off.any():
            return z  # every newcomer copies a neuron of the support up to rounding
    return None


def _settle(G: Array, c: Array, beta: float, z: Array, signs: Array, accuracy: float) -> Array | None:
    """Optimise over the support alone, dropping coordinates until the rest have optimal signs."""
    out = np.zeros_like(z)
    A = np.arange(len(z))
    unit = np.sqrt(np.maximum(np.diag(G), np.finfo(float).tiny))
    R = None
    for _ in range(MAX_STEPS):
        if not len(A):
            return out
        if R is None:
            system = G / unit[:, None] / unit
            system[np.diag_indices(len(A))] += JITTER * len(A)
            try:
                R = np.ascontiguousarray(cholesky(system, overwrite_a=True, check_finite=False))
            except LinAlgError:
                return None
        residual = c - beta * signs - G @ z
        if np.abs(residual).max() <= beta * accuracy and (z != 0).all():
            out[A] = z
            return out
        move = solve_triangular(R, residual / unit, trans=1, check_finite=False)
        move = solve_triangular(R, move, check_finite=False) / unit
        # a neuron that joins against its sign would not lower the objective: leave it out
        dropped = (z == 0) & (move * signs <= 0)
        if not dropped.any():
            z = _search(G, c, beta, z, move)
            signs = np.sign(z)
            dropped = z == 0
        if dropped.any():
            kept = ~dropped
            if dropped.sum() <= 8:
                for j in np.flatnonzero(dropped)[::-1]:
                    cholesky_delete(R, j)
                    R = R[:-1, :-1]
            else:
                R = None
            A, z, signs, c, unit, G = A[kept], z[kept], signs[kept], c[kept], unit[kept], G[np.ix_(kept, kept)]
    return None


def _search(G: Array, c: Array, beta: float, z: Array, move: Array) -> Array:
    """The minimum of the objective on z + s·move, 0 ≤ s ≤ 1: its slope rises with s and jumps at sign changes."""
    curvature = float(move @ G @ move)
    slope = float(move @ (G @ z - c))
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(move * z < 0, -z / move, np.inf)
    order = np.argsort(times)
    order = order[times[order] < 1.0]
    ahead = np.where(z != 0, np.sign(z), np.sign(move))
    slope += beta * float(ahead @ move)
    for k in order:
        if slope + curvature * times[k] >= 0:
            break
        slope += 2.0 * beta * abs(move[k])
        if slope + curvature * times[k] >= 0:
            stop = z + times[k] * move
            stop[k] = 0.0
            return stop
    length = min(1.0, -slope / curvature) if curvature > 0 else 1.0
    return z + max(length, 0.0) * move
