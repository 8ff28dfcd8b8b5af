"""Short vectors, orthonormal bases, and updates of matrix factors."""

import numpy as np

from bladenet.kernels.compiling import inner, inner_sums, kernel

TOUCH = 1e-12  # a vector this close to a span, relative to its own length, lies in it


@kernel
def scaled_part(G, A, unit, ridge):
    """Rows and columns A of G, divided by the units (m,) of both, with a multiple of the identity added."""
    out = np.empty((len(A), len(A)))
    for i in range(len(A)):
        for c in range(len(A)):
            out[i, c] = G[A[i], A[c]] / (unit[A[i]] * unit[A[c]])
        out[i, i] += ridge
    return out


@kernel
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


@kernel
def solve_transposed(R, b):
    """x with Rᵀx = b, R upper triangular. R may be the corner of a larger matrix, which LAPACK would copy."""
    x = b.copy()
    for row in range(len(b)):
        x[row] /= R[row, row]
        add(x[row + 1 :], -x[row], R[row, row + 1 : len(b)])
    return x


@kernel
def solve_triangular(R, b):
    """x with Rx = b, R upper triangular; see :func:`solve_transposed`."""
    x = b.copy()
    for row in range(len(b) - 1, -1, -1):
        x[row] = (x[row] - dot(R[row, row + 1 : len(b)], x[row + 1 :])) / R[row, row]
    return x


@inner_sums
def dot(x, y):
    """x·y."""
    total = 0.0
    for c in range(len(x)):
        total += x[c] * y[c]
    return total


@inner
def add(x, t, y):
    """x += t y, in place."""
    for c in range(len(x)):
        x[c] += t * y[c]


@inner
def copy(x, y):
    """x = y, in place; x[:] = y takes numba seconds to compile, for the text of an error."""
    for c in range(len(x)):
        x[c] = y[c]


@inner
def copy_rows(X, Y):
    """X = Y, in place, for matrices."""
    for k in range(len(X)):
        copy(X[k], Y[k])


@inner
def scale(x, t):
    """x *= t, in place."""
    for c in range(len(x)):
        x[c] *= t


@inner
def project_off(Q, k, vector):
    """Subtract from `vector` (d,) its components along the orthonormal rows Q[:k]; twice, for the last digits."""
    for turn in range(2 * k):
        add(vector, -dot(Q[turn % k], vector), Q[turn % k])


@inner
def extend_basis(basis, size, vector):
    """Make `vector` row `size` of `basis`, after `size` orthonormal rows: its normalised part orthogonal to them.

    Returns its distance from their span, and whether that is more than rounding.
    """
    row = basis[size]
    copy(row, vector)
    length = np.sqrt(dot(row, row))
    project_off(basis, size, row)
    distance = np.sqrt(dot(row, row))
    if distance <= TOUCH * length:
        return distance, False
    row /= distance
    return distance, True


@inner
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


@inner
def size_of(w, norm):
    """‖w‖_p."""
    if norm == 2:
        return np.sqrt(dot(w, w))
    total = 0.0
    for c in range(len(w)):
        total += abs(w[c])
    return total
