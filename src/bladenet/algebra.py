"""Reference geometric algebra: blades, their duals, volumes and distances.

Plain NumPy, batched over leading axes; the compiled kernels are tested against it.
Section and theorem numbers refer to Pilanci, "From Complexity to Clarity" (arXiv 2309.16512).

Two decisions hold throughout:

- Vectors are first scaled by powers of two, which is exact, and the scale is put back at the end. Directions
  and distances are therefore safe for entries from 1e-150 to 1e150; a volume overflows or underflows only if
  its own value does.
- Vectors are *dependent* when, each scaled to magnitude one, their smallest singular value is within rounding
  of zero relative to the largest. A dependent set has volume exactly zero.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Exponents = NDArray[np.intc]

# Four times the factor of numpy's matrix_rank: input rows that were themselves computed carry rounding too.
_RANK_TOLERANCE = 4 * np.finfo(np.float64).eps


def wedge(vectors: ArrayLike) -> Array:
    """Wedge product a_1 ∧ … ∧ a_k, whose coordinates are all k×k minors (Section 2.2).

    Computed one factor at a time (Laplace expansion), so small integers give exact results.

    Parameters
    ----------
    vectors : array_like, shape (..., k, d)
        The factors, in order. ``k = 0`` is the empty product, the scalar 1.

    Returns
    -------
    ndarray, shape (..., C(d, k))
        Coordinates on e_{i1} ∧ … ∧ e_{ik}, i1 < … < ik in lexicographic order; no coordinates if k > d.

    Raises
    ------
    ValueError
        If `vectors` has fewer than two axes, d = 0, or an entry is not finite.
    """
    rows, exponents = _split_scale(_as_vectors(vectors, "vectors"))
    k, d = rows.shape[-2:]
    blade = np.ones((*rows.shape[:-2], 1))
    for j in range(k):
        position = {subset: i for i, subset in enumerate(combinations(range(d), j))}
        subsets = list(combinations(range(d), j + 1))
        last = np.array(subsets, dtype=np.intp).reshape(-1, j + 1)
        others = [position[s[:p] + s[p + 1 :]] for s in subsets for p in range(j + 1)]
        rest = np.array(others, dtype=np.intp).reshape(-1, j + 1)
        # e_rest ∧ e_last needs j − p swaps to bring the last factor to place p of the sorted subset.
        signs = (-1.0) ** (j - np.arange(j + 1))
        blade = np.sum(signs * blade[..., rest] * rows[..., j, :][..., last], axis=-1)
    return np.ldexp(blade, _total(exponents)[..., None])


def hodge(kvector: ArrayLike, k: int, d: int) -> Array:
    """Hodge star ⋆ of a k-vector in R^d, defined by α ∧ ⋆β = ⟨α, β⟩ e_1 ∧ … ∧ e_d (Section 2.2).

    Parameters
    ----------
    kvector : array_like, shape (..., C(d, k))
        Coordinates in the order of `wedge`.
    k, d : int
        Grade and dimension, 0 ≤ k ≤ d.

    Returns
    -------
    ndarray, shape (..., C(d, d − k))
        Coordinates of the (d − k)-vector ⋆kvector, in the order of `wedge`.

    Raises
    ------
    ValueError
        If not 0 ≤ k ≤ d, or the last axis does not have C(d, k) entries.
    """
    if not 0 <= k <= d:
        raise ValueError(f"hodge needs 0 <= k <= d; got k = {k}, d = {d}")
    coordinates = np.asarray(kvector, dtype=np.float64)
    if coordinates.ndim == 0 or coordinates.shape[-1] != comb(d, k):
        expected = f"(..., C({d}, {k}) = {comb(d, k)})"
        raise ValueError(f"kvector must have shape {expected}; got shape {coordinates.shape}")
    # Sorting (I, complement of I) takes Σ I − (0 + … + k−1) swaps, and complements of lexicographically
    # ordered subsets are in reverse lexicographic order.
    swaps = np.array([sum(subset) - k * (k - 1) // 2 for subset in combinations(range(d), k)])
    return (np.where(swaps % 2, -1.0, 1.0) * coordinates)[..., ::-1]


def inner(a_vectors: ArrayLike, b_vectors: ArrayLike) -> Array:
    """Inner product ⟨a_1 ∧ … ∧ a_k, b_1 ∧ … ∧ b_k⟩, the Gram determinant det(a_i·b_j) (Section 2.2).

    For the length of one blade use `unsigned_volume`: a Gram matrix squares the condition number.

    Parameters
    ----------
    a_vectors, b_vectors : array_like, shape (..., k, d)
        Factors of the two blades; leading axes broadcast.

    Returns
    -------
    ndarray, shape (...)
        The inner product; 1 for k = 0.

    Raises
    ------
    ValueError
        If the last two axes differ, leading axes do not broadcast, d = 0, or an entry is not finite.
    """
    a, b = _as_vectors(a_vectors, "a_vectors"), _as_vectors(b_vectors, "b_vectors")
    if a.shape[-2:] != b.shape[-2:]:
        raise ValueError(f"a_vectors and b_vectors must agree in (k, d); got {a.shape} and {b.shape}")
    _check_broadcast(a.shape[:-2], b.shape[:-2], "a_vectors and b_vectors")
    (a, a_exponents), (b, b_exponents) = _split_scale(a), _split_scale(b)
    gram = a @ np.swapaxes(b, -1, -2)
    return np.ldexp(np.linalg.det(gram), _total(a_exponents) + _total(b_exponents))


def cross(vectors: ArrayLike) -> Array:
    """Generalised cross product ⋆(a_1 ∧ … ∧ a_{d−1}) (Definition 4, Section 6.1).

    Orthogonal to every a_i, of length `unsigned_volume`, and ``x @ cross(a) = det(a_1, …, a_{d−1}, x)``. The
    paper's dictionaries put x first, which flips the sign when d is even (so its example in R^2 turns
    clockwise, this function counter-clockwise); both signs are columns. Cofactors for d ≤ 3; beyond, the null
    vector of a QR factorisation times the signed volume, accurate for nearly dependent vectors too.

    Parameters
    ----------
    vectors : array_like, shape (..., d − 1, d)
        The factors, in order. In R^1 there are none and the result is [1].

    Returns
    -------
    ndarray, shape (..., d)
        The cross product; the zero vector if the vectors are dependent.

    Raises
    ------
    ValueError
        If there are not d − 1 vectors in R^d, or an entry is not finite.
    """
    normal, exponent = _scaled_cross(_as_vectors(vectors, "vectors"))
    return np.ldexp(normal, exponent[..., None])


def parallelotope_volume(vectors: ArrayLike) -> Array:
    """Signed volume det(a_1, …, a_d) of a parallelotope, the entries of Theorem 6's dictionary.

    Parameters
    ----------
    vectors : array_like, shape (..., d, d)
        The d edges, in order.

    Returns
    -------
    ndarray, shape (...)
        The signed volume; 0 if the vectors are dependent.

    Raises
    ------
    ValueError
        If there are not d vectors in R^d, d = 0, or an entry is not finite.
    """
    edges = _as_vectors(vectors, "vectors")
    if edges.shape[-2] != edges.shape[-1]:
        raise ValueError(f"vectors must have shape (..., d, d): d vectors in R^d; got shape {edges.shape}")
    volume, exponent, _ = _oriented_volume(edges)
    return np.ldexp(volume, exponent)


def unsigned_volume(vectors: ArrayLike) -> Array:
    """k-volume ‖a_1 ∧ … ∧ a_k‖ of k vectors, the root of their Gram determinant (Section 6.1).

    Parameters
    ----------
    vectors : array_like, shape (..., k, d)
        The edges. ``k = 0`` is a point, of volume 1.

    Returns
    -------
    ndarray, shape (...)
        The volume, ≥ 0; 0 if the vectors are dependent, as they are for k > d.

    Raises
    ------
    ValueError
        If `vectors` has fewer than two axes, d = 0, or an entry is not finite.
    """
    edges = _as_vectors(vectors, "vectors")
    if edges.shape[-2] > edges.shape[-1]:
        return np.zeros(edges.shape[:-2])
    volume, exponent, _ = _oriented_volume(edges)
    return np.ldexp(np.abs(volume), exponent)


def simplex_volume(points: ArrayLike) -> Array:
    """Signed volume det(p_1 − p_0, …, p_d − p_0) / d! of a simplex (the triangles of Theorem 3).

    Parameters
    ----------
    points : array_like, shape (..., d + 1, d)
        The corners p_0, …, p_d, in order.

    Returns
    -------
    ndarray, shape (...)
        The signed volume; 0 if the points lie in a hyperplane.

    Raises
    ------
    ValueError
        If there are not d + 1 points in R^d, d = 0, or an entry is not finite.
    """
    corners = _as_vectors(points, "points")
    d = corners.shape[-1]
    if corners.shape[-2] != d + 1:
        raise ValueError(f"points must have shape (..., d + 1, d): d + 1 points in R^d; got {corners.shape}")
    volume, exponent, _ = _oriented_volume(corners[..., 1:, :] - corners[..., :1, :])
    factorial, factorial_exponent = _scaled_product(np.arange(1.0, d + 1))
    return np.ldexp(volume / factorial, exponent - factorial_exponent)


def distance_to_span(x: ArrayLike, vectors: ArrayLike) -> Array:
    """Euclidean distance from x to the linear span of vectors (Section 6.1; Theorems 5 and 7).

    Parameters
    ----------
    x : array_like, shape (..., d)
    vectors : array_like, shape (..., k, d)
        Spanning vectors, possibly dependent or zero; ``k = 0`` spans {0}. Leading axes broadcast with x's.

    Returns
    -------
    ndarray, shape (...)
        The distance, ≥ 0.

    Raises
    ------
    ValueError
        If dimensions disagree, leading axes do not broadcast, d = 0, or an entry is not finite.
    """
    target, spanning = _as_pair(x, vectors, "vectors")
    rows, _ = _split_scale(spanning)
    return _residual_norm(target, rows, noise=0.0)


def distance_to_affine_hull(x: ArrayLike, points: ArrayLike) -> Array:
    """Euclidean distance from x to the affine hull of points (Section 6.1; Section 6.13.1 for biases).

    Points closer together than the rounding of their own coordinates count as one point.

    Parameters
    ----------
    x : array_like, shape (..., d)
    points : array_like, shape (..., k, d)
        At least one point; repeated or affinely dependent points are fine. Leading axes broadcast with x's.

    Returns
    -------
    ndarray, shape (...)
        The distance, ≥ 0.

    Raises
    ------
    ValueError
        If k = 0, dimensions disagree, leading axes do not broadcast, d = 0, or an entry is not finite.
    """
    target, hull = _as_pair(x, points, "points")
    if hull.shape[-2] == 0:
        raise ValueError(f"points must hold at least one point, shape (..., k >= 1, d); got {hull.shape}")
    # One scale for all points, not one each: what is noise in a difference depends on the size of the points.
    _, exponent = np.frexp(np.abs(hull).max(axis=(-2, -1), keepdims=True))
    scaled = np.ldexp(hull, -exponent)
    edges = scaled[..., 1:, :] - scaled[..., :1, :]
    return _residual_norm(target - hull[..., 0, :], edges, noise=1.0)


def signed_distance(x: ArrayLike, vectors: ArrayLike) -> Array:
    """Signed distance x·c / ‖c‖, c = `cross` of the vectors, from x to their hyperplane (Theorems 4, 5, 7).

    Its positive part is a column of the p = 2 dictionary.

    Parameters
    ----------
    x : array_like, shape (..., d)
    vectors : array_like, shape (..., d − 1, d)
        Vectors spanning the hyperplane; leading axes broadcast with x's.

    Returns
    -------
    ndarray, shape (...)
        The distance, positive on the side `cross` points to; 0 if the vectors are dependent (no hyperplane).

    Raises
    ------
    ValueError
        If k ≠ d − 1, dimensions disagree, leading axes do not broadcast, or an entry is not finite.
    """
    target, spanning = _as_pair(x, vectors, "vectors")
    normal, _ = _scaled_cross(spanning)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.sum(target * (normal / np.where(length > 0, length, 1.0)), axis=-1)


def _scaled_cross(vectors: Array) -> tuple[Array, Exponents]:
    """Cross product as a vector of moderate length and a power of two."""
    k, d = vectors.shape[-2:]
    if k != d - 1:
        raise ValueError(f"vectors must have shape (..., d - 1, d): d - 1 vectors in R^d; got {vectors.shape}")
    if d <= 3:
        rows, exponents = _split_scale(vectors)
        return hodge(wedge(rows), k, d) * _independent(rows)[..., None], _total(exponents)
    volume, exponent, basis = _oriented_volume(vectors)
    return volume[..., None] * basis[..., -1], exponent


def _oriented_volume(vectors: Array) -> tuple[Array, Exponents, Array]:
    """det(a_1, …, a_k, q_{k+1}, …, q_d) as mantissa and exponent, and Q, for the QR of k ≤ d vectors."""
    rows, exponents = _split_scale(vectors)
    basis, triangle = np.linalg.qr(np.swapaxes(rows, -1, -2), mode="complete")
    volume, exponent = _scaled_product(np.diagonal(triangle, axis1=-2, axis2=-1))
    oriented = np.sign(np.linalg.det(basis)) * volume * _independent(rows)
    return oriented, exponent + _total(exponents), basis


def _independent(rows: Array) -> NDArray[np.bool_]:
    """Whether the scaled rows are linearly independent beyond rounding."""
    sizes = np.linalg.svd(rows, compute_uv=False)
    # The initial values make an empty set of rows independent.
    cutoff = _RANK_TOLERANCE * max(rows.shape[-2:]) * sizes.max(axis=-1, initial=0.0)
    return sizes.min(axis=-1, initial=np.inf) > cutoff


def _residual_norm(x: Array, rows: Array, noise: float) -> Array:
    """Distance from x to the row space; `noise` × eps is the absolute error already in the rows."""
    target, exponent = _split_scale(x)
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    largest = sizes.max(axis=-1, keepdims=True, initial=0.0)
    cutoff = _RANK_TOLERANCE * max(rows.shape[-2:]) * (largest + noise)
    basis = np.where((sizes > cutoff)[..., None], basis, 0.0)
    projection = np.swapaxes(basis, -1, -2) @ (basis @ target[..., None])
    return np.ldexp(np.linalg.norm(target - projection[..., 0], axis=-1), exponent)


def _split_scale(vectors: Array) -> tuple[Array, Exponents]:
    """Split vectors (..., d) into vectors with largest entry in [1/2, 1) and exponents of two (...)."""
    _, exponents = np.frexp(np.abs(vectors).max(axis=-1))
    return np.ldexp(vectors, -exponents[..., None]), exponents


def _scaled_product(values: Array) -> tuple[Array, Exponents]:
    """Product over the last axis as mantissa and exponent, so that no partial product overflows."""
    mantissa, exponent = np.ones(values.shape[:-1]), np.zeros(values.shape[:-1], dtype=np.intc)
    for j in range(values.shape[-1]):
        mantissa, shift = np.frexp(mantissa * values[..., j])
        exponent = exponent + shift
    return mantissa, exponent


def _total(exponents: Exponents) -> Exponents:
    # ldexp takes C ints; the default accumulator of sum is wider.
    return exponents.sum(axis=-1, dtype=np.intc)


def _as_pair(x: ArrayLike, vectors: ArrayLike, name: str) -> tuple[Array, Array]:
    target, others = _as_finite(x, "x"), _as_vectors(vectors, name)
    if target.ndim == 0 or target.shape[-1] != others.shape[-1]:
        shapes = f"{target.shape} and {others.shape}"
        raise ValueError(f"x (..., d) and {name} (..., k, d) must have the same d; got {shapes}")
    _check_broadcast(target.shape[:-1], others.shape[:-2], f"x and {name}")
    return target, others


def _as_vectors(vectors: ArrayLike, name: str) -> Array:
    array = _as_finite(vectors, name)
    if array.ndim < 2 or array.shape[-1] == 0:
        raise ValueError(f"{name} must have shape (..., k, d) with d >= 1; got shape {array.shape}")
    return array


def _as_finite(values: ArrayLike, name: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(f"{name} must be finite; got {array[where]} at index {where}")
    return array


def _check_broadcast(left: tuple[int, ...], right: tuple[int, ...], names: str) -> None:
    try:
        np.broadcast_shapes(left, right)
    except ValueError:
        raise ValueError(f"leading axes of {names} must broadcast; got {left} and {right}") from None
