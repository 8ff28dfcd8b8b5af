"""The dictionaries K of the theorems as the paper builds them, from wedge products of samples."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bladenet import algebra
from bladenet.losses import Array

DIGITS = 13  # in which repeated columns agree
AXES, POINTS, NONE = "directions", "points", "none"  # what the added basis vectors e_c are taken for


def volume_dictionary(X: Array, *, norm: int, bias: bool, basis: str | None = None) -> Array:
    """K_iS = (row_i ∧ a_1 ∧ … ∧ a_{d−1})_+ / ‖⋆(a_1 ∧ … ∧ a_{d−1})‖_p, for both orientations.

    Rows are the samples, or with a bias their differences from each one of them; the a_k are rows or, for p = 1, basis
    vectors e_c: directions, or points from which that sample is taken away too.
    """
    basis = (AXES if norm == 1 else NONE) if basis is None else basis
    d, columns = X.shape[1], [np.zeros((len(X), 0))]
    for anchor in np.unique(X, axis=0) if bias else np.zeros((1, d)):
        rows = X - anchor
        added = {AXES: np.eye(d), POINTS: np.eye(d) - anchor, NONE: np.zeros((0, d))}[basis]
        chosen = list(combinations(np.vstack([np.unique(rows, axis=0), added]), d - 1))
        sets = np.array(chosen).reshape(len(chosen), d - 1, d)
        lengths = np.linalg.norm(algebra.cross(sets), ord=norm, axis=-1)
        sets, lengths = sets[lengths > 0], lengths[lengths > 0]
        parallelotopes = np.empty((len(rows), len(sets), d, d))
        parallelotopes[:, :, 0], parallelotopes[:, :, 1:] = rows[:, None], sets
        volumes = algebra.parallelotope_volume(parallelotopes) / lengths
        columns += [np.maximum(volumes, 0.0), np.maximum(-volumes, 0.0)]
    # a hyperplane is met once from each of its samples
    return np.unique(np.hstack(columns).round(DIGITS), axis=1)
