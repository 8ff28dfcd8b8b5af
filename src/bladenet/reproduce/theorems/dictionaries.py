"""The dictionaries K of the theorems as the paper builds them, from wedge products of samples, and their networks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bladenet import algebra
from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.reproduce.convex_programs import Solution

DIGITS = 13  # in which repeated columns agree
AXES, POINTS, NONE = "directions", "points", "none"  # what the added basis vectors e_c are taken for


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Columns, and the neurons that the paper builds from the samples of each.

    Attributes
    ----------
    K : (n, m) positive parts of signed volumes
    weights : (m, d) Hodge duals of wedge products, of length 1; offsets : (m,)
    """

    K: Array
    weights: Array
    offsets: Array

    def network(self, found: Solution) -> ReLUNetwork:
        """Equations (10), (14), (19), (25), (29), (32) and (95): the network of an optimal z."""
        return ReLUNetwork(self.weights, self.offsets, found.u.reshape(len(self.offsets), *found.t.shape), found.t)


def dictionary(X: Array, *, norm: int, bias: bool, basis: str | None = None) -> Dictionary:
    """K_iS = (row_i ∧ a_1 ∧ … ∧ a_{d−1})_+ / ‖⋆(a_1 ∧ … ∧ a_{d−1})‖_p, for both orientations.

    Rows are the samples, or with a bias their differences from each one of them; the a_k are rows or, for p = 1, basis
    vectors e_c: directions, or points from which that sample is taken away too. Neurons do not come from the volumes:
    they are ⋆(a_1 ∧ … ∧ a_{d−1}), with the sign that x has ahead of the a_k in the volume.
    """
    basis = (AXES if norm == 1 else NONE) if basis is None else basis
    d = X.shape[1]
    columns, weights, offsets = [np.zeros((len(X), 0))], [np.zeros((0, d))], [np.zeros(0)]
    for anchor in np.unique(X, axis=0) if bias else np.zeros((1, d)):
        rows = X - anchor
        added = {AXES: np.eye(d), POINTS: np.eye(d) - anchor, NONE: np.zeros((0, d))}[basis]
        chosen = list(combinations(np.vstack([np.unique(rows, axis=0), added]), d - 1))
        sets = np.array(chosen).reshape(len(chosen), d - 1, d)
        normals = algebra.cross(sets)
        lengths = np.linalg.norm(normals, ord=norm, axis=-1)
        sets, normals, lengths = sets[lengths > 0], normals[lengths > 0], lengths[lengths > 0]
        parallelotopes = np.empty((len(rows), len(sets), d, d))
        parallelotopes[:, :, 0], parallelotopes[:, :, 1:] = rows[:, None], sets
        volumes = algebra.parallelotope_volume(parallelotopes) / lengths
        columns += [np.maximum(volumes, 0.0), np.maximum(-volumes, 0.0)]
        normals = (-1.0) ** (d - 1) * normals / lengths[:, None]
        weights += [normals, -normals]
        offsets += [-normals @ anchor, normals @ anchor]
    # a hyperplane is met once from each of its samples
    K, first = np.unique(np.hstack(columns).round(DIGITS), axis=1, return_index=True)
    return Dictionary(K, np.vstack(weights)[first], np.concatenate(offsets)[first])
