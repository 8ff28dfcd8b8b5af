"""Determinants of floats, which are rational numbers, without rounding but that of the result."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, permutations

import numpy as np

from bladenet.losses import Array


def exact_determinant(rows: Array) -> float:
    """By the sum over permutations."""
    exact = [[Fraction(float(entry)) for entry in row] for row in rows]
    total = Fraction(0)
    for order in permutations(range(len(exact))):
        swaps = sum(order[i] > order[j] for i, j in combinations(range(len(order)), 2))
        term = Fraction(-1 if swaps % 2 else 1)
        for i, j in enumerate(order):
            term *= exact[i][j]
        total += term
    return float(total)


def exact_normal(rows: Array) -> Array:
    """The Hodge dual of the wedge product of d − 1 rows (d − 1, d): the c with det(rows, x) = c·x."""
    return np.array([exact_determinant(np.vstack([rows, axis])) for axis in np.eye(rows.shape[1])])
