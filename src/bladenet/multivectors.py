"""Multivectors of Clifford's algebra for Section 2.2: k-vectors of `bladenet.algebra` as objects of kingdon, and back.

`bladenet.algebra` computes with the coordinates of k-vectors. For products of any multivectors there is kingdon, whose
``*`` is the geometric product, ``^`` the wedge product, ``|`` the inner product, ``.grade(k)`` a part of one grade and
``.hodge()`` the Hodge star, with the signs of :func:`bladenet.algebra.hodge`. Install it with
``pip install "bladenet[algebra]"``.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from kingdon import Algebra, MultiVector


def multivector(coordinates: ArrayLike, k: int, d: int) -> MultiVector:
    """A k-vector in R^d as a multivector of kingdon.

    Parameters
    ----------
    coordinates : array_like, shape (..., C(d, k))
        In the order of :func:`bladenet.algebra.wedge`: a number in an array for k = 0, a vector for k = 1.
    k, d : int
        Grade and dimension, 0 ≤ k ≤ d.

    Returns
    -------
    kingdon.MultiVector
        Its values have the leading axes of `coordinates`.

    Raises
    ------
    ImportError
        If kingdon is not installed.
    ValueError
        If not 0 ≤ k ≤ d, or the last axis does not have C(d, k) entries.

    Examples
    --------
    >>> from bladenet.multivectors import kvector, multivector
    >>> a, b = multivector([1.0, 2.0], 1, 2), multivector([3.0, 4.0], 1, 2)
    >>> kvector(a * b, 0), kvector(a * b, 2)  # a·b and a ∧ b
    (array([11.]), array([-2.]))
    """
    if not 0 <= k <= d or d < 1:
        raise ValueError(f"multivector needs 0 <= k <= d and d >= 1; got k = {k}, d = {d}")
    values = np.asarray(coordinates, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != comb(d, k):
        expected = f"(..., C({d}, {k}) = {comb(d, k)})"
        raise ValueError(f"coordinates must have shape {expected}; got shape {values.shape}")
    return _algebra(d).multivector(keys=_keys(k, d), values=list(np.moveaxis(values, -1, 0)))


def kvector(multivector: MultiVector, k: int) -> NDArray[np.float64]:
    """Coordinates of the part of grade k of a multivector.

    Parameters
    ----------
    multivector : kingdon.MultiVector
        Of an algebra whose basis vectors square to 1, as :func:`multivector` makes them.
    k : int
        Grade, 0 ≤ k ≤ d.

    Returns
    -------
    ndarray, shape (..., C(d, k))
        In the order of :func:`bladenet.algebra.wedge`; 0 where the multivector has no such part.

    Raises
    ------
    ValueError
        If not 0 ≤ k ≤ d.
    """
    d = multivector.algebra.d
    if not 0 <= k <= d:
        raise ValueError(f"kvector needs 0 <= k <= {d}, the dimension of the algebra; got k = {k}")
    values = dict(multivector.items())
    parts = [np.asarray(values.get(key, 0.0), dtype=np.float64) for key in _keys(k, d)]
    shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
    return np.stack([np.broadcast_to(part, shape) for part in parts], axis=-1)


def _keys(k: int, d: int) -> tuple[int, ...]:
    """Kingdon's numbers of e_{i1} ∧ … ∧ e_{ik}, one bit for each factor, in lexicographic order."""
    return tuple(sum(1 << i for i in subset) for subset in combinations(range(d), k))


@lru_cache
def _algebra(d: int) -> Algebra:
    try:
        from kingdon import Algebra
    except ImportError:
        raise ImportError('multivectors need kingdon: pip install "bladenet[algebra]".') from None
    return Algebra(d)
