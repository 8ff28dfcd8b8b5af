"""Updates of matrix factors."""

import numpy as np

from bladenet.kernels.compiling import njit_cached


@njit_cached
def cholesky_delete(R, j):
    """Cholesky factor RᵀR after row and column j are deleted, in place: in the leading part, one smaller.

    Without column j, R is upper Hessenberg from there on; Givens rotations of neighbouring rows restore it.
    """
    k = R.shape[0]
    for row in range(j + 1):
        for c in range(j, k - 1):
            R[row, c] = R[row, c + 1]
    for row in range(j + 1, k):
        for c in range(max(row - 1, 0), k - 1):
            R[row, c] = R[row, c + 1]
    for p in range(j, k - 1):
        x, y = R[p, p], R[p + 1, p]
        size = np.hypot(x, y)
        if size == 0.0:
            continue
        cosine, sine = x / size, y / size
        for c in range(p, k - 1):
            upper, lower = R[p, c], R[p + 1, c]
            R[p, c] = cosine * upper + sine * lower
            R[p + 1, c] = cosine * lower - sine * upper
