"""Chambers of the sample arrangement: how far vertices-only networks can be from the global optimum (THEORY §2, §6)."""

import numpy as np

from bladenet.losses import Array


def angular_dispersion(rows: Array) -> float:
    """Largest angle between neighbouring lines spanned by the rows (n, 2), zero rows left out (Definition 2)."""
    rows = rows[rows.any(axis=1)]
    if not len(rows):
        return 0.0
    angles = np.sort(np.arctan2(rows[:, 1], rows[:, 0]) % np.pi)
    return float(np.diff(np.r_[angles, angles[0] + np.pi]).max())


def vertex_factor(X: Array, bias: bool) -> float:
    """The proven c = cos(ε/2): over all v, the largest |h_v| at vertices is at least c times that over all neurons.

    Hence the vertices-only optimum is at most 1/c times the global one (Theorems 4 and 5). ε is the angular
    dispersion of the samples, or with a bias the largest one of the differences from any sample. O(n² log n).

    Parameters
    ----------
    X : (n, 2) samples

    Returns
    -------
    float in [0, 1]; 0 means no guarantee (all samples on one line)
    """
    X = np.unique(X, axis=0)
    dispersion = max(angular_dispersion(X - x) for x in X) if bias else angular_dispersion(X)
    return max(0.0, float(np.cos(0.5 * dispersion))) if dispersion < np.pi else 0.0
