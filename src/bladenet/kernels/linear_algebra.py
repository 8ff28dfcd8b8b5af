"""Updates of matrix factors and of orthonormal bases."""

import numpy as np

from bladenet.kernels.compiling import njit_cached

TOUCH = 1e-12  # a vector this close to a span, relative to its own length, lies in it


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


@njit_cached
def dot(a, b):
    """Σ_c a_c b_c."""
    total = 0.0
    for c in range(len(a)):
        total += a[c] * b[c]
    return total


@njit_cached
def extend_basis(basis, size, vector):
    """Make `vector` row `size` of `basis`, after `size` orthonormal rows: its normalised part orthogonal to them.

    Returns its distance from their span, and whether that is more than rounding. Projecting twice leaves nothing of
    the span behind.
    """
    row = basis[size]
    for c in range(len(row)):
        row[c] = vector[c]
    length = np.sqrt(dot(row, row))
    for _ in range(2):
        for k in range(size):
            along = dot(row, basis[k])
            for c in range(len(row)):
                row[c] -= along * basis[k, c]
    distance = np.sqrt(dot(row, row))
    if distance <= TOUCH * length:
        return distance, False
    for c in range(len(row)):
        row[c] /= distance
    return distance, True


@njit_cached
def complete_basis(basis, size):
    """Complete `size` orthonormal rows of the square matrix `basis` by the axes farthest from their span."""
    d = len(basis)
    for k in range(size, d):
        farthest, shortest = 0, np.inf
        for c in range(d):
            inside = 0.0
            for row in range(k):
                inside += basis[row, c] ** 2
            if inside < shortest:
                farthest, shortest = c, inside
        axis = np.zeros(d)
        axis[farthest] = 1.0
        extend_basis(basis, k, axis)
