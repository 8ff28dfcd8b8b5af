"""The Lasso's first steps where many neurons have joined: which of them, and of the old ones, end at zero."""

import numpy as np

from bladenet.kernels.compiling import inner, kernel
from bladenet.kernels.linear_algebra import add, copy, dot


@kernel
def shed(H, U, k, kept, z, signs, residual, price):
    """Minimise ½ dᵀH⁻¹d − gᵀd + Σ_j price_j |z_j + d_j| over d, dropping coordinates that end at zero.

    Each step goes along the Newton direction p of the present signs to the lowest point, kinks included. A coordinate
    that stops there at zero is dropped: a rank-one change H − UᵀU, so that a step costs O(m) per coordinate dropped so
    far and not O(m²). Rounding grows with every step by the condition of H; the result is a start, to be checked.

    Parameters
    ----------
    H : (m, m) inverse of the curvature, its upper triangle
    U : (most, m), of which k rows are filled
    kept : (m,) bool, the coordinates not dropped so far
    z, signs : (m,) where to begin; signs of those at zero are the ones that they join with
    residual : (m,) g − price · signs
    price : (m,)

    Returns
    -------
    k : rows of U in use at the end; all of them if more had to be dropped. U, kept, z, signs, residual are changed.
    """
    m = len(z)
    p = _direction(H, U, k, kept, residual)
    while k < len(U):
        dropped = -1
        for j in range(m):
            if kept[j] and z[j] == 0.0 and p[j] * signs[j] <= 0.0:  # it would join against its sign
                dropped = j
                break
        if dropped < 0:
            dropped, length, flips = _lowest(z, p, residual, kept, price)
            add(z, length, p)
            for j in range(m):
                residual[j] *= 1.0 - length
                p[j] *= 1.0 - length
            for f in flips:
                change = 2.0 * price[f] * signs[f]
                signs[f] = -signs[f]
                residual[f] += change
                add(p, change, _column(H, U, k, kept, f))
            if dropped < 0:
                if len(flips) == 0:
                    return k
                continue
        column = _column(H, U, k, kept, dropped)
        pivot = column[dropped]
        if pivot > 0.0:  # else rounding
            add(p, -p[dropped] / pivot, column)
            size = np.sqrt(pivot)
            for j in range(m):
                U[k, j] = column[j] / size
            k += 1
        z[dropped] = p[dropped] = residual[dropped] = 0.0
        kept[dropped] = False
    return k


@inner
def _direction(H, U, k, kept, residual):
    """(H − UᵀU) · residual."""
    m = len(residual)
    p = np.zeros(m)
    for j in range(m):
        p[j] += dot(H[j, j:], residual[j:])
        add(p[j + 1 :], residual[j], H[j, j + 1 :])
    for i in range(k):
        add(p, -dot(U[i], residual), U[i])
    for j in range(m):
        if not kept[j]:
            p[j] = 0.0
    return p


@inner
def _column(H, U, k, kept, j):
    """Column j of H − UᵀU, without the rounding at coordinates that were dropped."""
    column = np.empty(len(H))
    copy(column[:j], H[:j, j])
    copy(column[j:], H[j, j:])
    for i in range(k):
        if U[i, j] != 0.0:
            add(column, -U[i, j], U[i])
    for c in range(len(column)):
        if not kept[c]:
            column[c] = 0.0
    return column


@inner
def _lowest(z, p, residual, kept, price):
    """The lowest point along z + t p, 0 ≤ t ≤ 1: which coordinate stops there at zero, or −1; t; which change sign."""
    curvature = dot(p, residual)
    crossing = np.flatnonzero(kept & (z * p < 0.0) & (np.abs(p) > np.abs(z)))
    times = -z[crossing] / p[crossing]
    order = np.argsort(times)
    slope = -curvature
    for i in range(len(order)):
        j, t = crossing[order[i]], times[order[i]]
        if slope + curvature * t >= 0.0:
            return -1, min(1.0, -slope / curvature), crossing[order[:i]]
        slope += 2.0 * price[j] * abs(p[j])
        if slope + curvature * t >= 0.0:
            return j, t, crossing[order[:i]]
    length = -slope / curvature if curvature > 0.0 else 1.0
    return -1, min(1.0, length), crossing[order]
