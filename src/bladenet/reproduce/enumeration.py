"""All neurons, activation patterns and chambers of a few samples, listed one by one in plain NumPy.

What the searches of the package are checked against: nothing of them is used here, and no formula of the paper either.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from scipy.optimize import nnls

from bladenet.losses import Array
from bladenet.reproduce.remembering import remembered

FLAT = 1e-9  # relative: less than this is zero
HEAVY = 1e4  # weight of Σ λ = 1 in non-negative least squares


def unit(rows: Array) -> Array:
    """Rows of length one; those that are zero are left out."""
    lengths = np.linalg.norm(rows, axis=1)
    return rows[lengths > 0] / lengths[lengths > 0, None]


def null_directions(rows: Array) -> Array:
    """A unit vector (k, r) orthogonal to each set of r − 1 independent rows of R^r, by singular values."""
    r = rows.shape[1]
    found = []
    for chosen in combinations(unit(rows), r - 1):
        _, sizes, basis = np.linalg.svd(np.array(chosen).reshape(r - 1, r))
        if sizes.min(initial=1.0) > FLAT:
            found.append(basis[-1])
    return np.array(found).reshape(-1, r)


def all_neurons(X: Array, norm: int, bias: bool, axes: bool | None = None) -> tuple[Array, Array]:
    """Weights (m, d) with ‖w‖_p = 1 and offsets (m,) of every hyperplane through samples, both orientations.

    `axes`: whether weights may instead be orthogonal to coordinate directions; by default for p = 1.
    """
    d = X.shape[1]
    rows = np.column_stack([X, np.ones((len(X), int(bias)))])
    if norm == 1 if axes is None else axes:
        rows = np.vstack([rows, np.eye(d, d + bias)])
    neurons = null_directions(np.unique(rows, axis=0))
    lengths = np.linalg.norm(neurons[:, :d], ord=norm, axis=1)
    neurons = neurons[lengths > FLAT] / lengths[lengths > FLAT, None]
    neurons = np.vstack([neurons, -neurons])
    return neurons[:, :d], neurons[:, d] if bias else np.zeros(len(neurons))


def hidden(X: Array, neurons: tuple[Array, Array]) -> Array:
    """Activations (n, m)."""
    return np.maximum(X @ neurons[0].T + neurons[1], 0.0)


def patterns(rows: Array) -> Array:
    """Signs (k, n) of the rows in every cell of their arrangement; 0 for rows that are zero.

    In the span of the rows each cell has an extreme ray; around it the rows that it does not touch keep their signs,
    and the others are an arrangement of one dimension less.
    """
    rows = in_span(rows)
    if rows.shape[1] < 2:
        signs = np.sign(rows.sum(axis=1))
        return np.unique([signs, -signs], axis=0) + 0.0
    lengths = np.linalg.norm(rows, axis=1)
    found = []
    for ray in null_directions(np.unique(rows, axis=0)):
        values = np.divide(rows @ ray, lengths, out=np.zeros(len(rows)), where=lengths > 0)
        touched = np.abs(values) <= FLAT
        complement = np.linalg.svd(ray[None])[2][1:]
        for around, sign in product(patterns(rows[touched] @ complement.T), (1.0, -1.0)):
            signs = sign * np.sign(values)
            signs[touched] = around
            found.append(signs)
    return np.unique(found, axis=0) + 0.0


def in_span(rows: Array) -> Array:
    """Coordinates (n, rank) of the rows in their span."""
    left, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    rank = int((sizes > FLAT * sizes.max(initial=0.0)).sum())
    coordinates = left[:, :rank] * sizes[:rank]
    coordinates[~rows.any(axis=1)] = 0.0
    return np.asarray(coordinates)


@remembered
def chambers(rows: Array) -> list[Array]:
    """Unit generators (k, r) of every chamber of the rows, which are of full rank."""
    rows = unit(rows)
    rays = null_directions(rows)
    rays = np.vstack([rays, -rays])
    values = rays @ rows.T
    inside = ((signs * values >= -FLAT).all(axis=1) for signs in patterns(rows))
    return [np.unique(rays[each].round(12), axis=0) for each in inside]


def diameter(points: Array) -> float:
    """The largest distance between two points."""
    return float(np.linalg.norm(points[:, None] - points[None], axis=2).max())


def gaps_of(X: Array) -> tuple[Array, Array]:
    """Angles of the lines through 0 and the samples, sorted, and from each to the next, from the last to the first."""
    angles = np.sort(np.arctan2(X[:, 1], X[:, 0]) % np.pi)
    return angles, np.diff(np.r_[angles, angles[0] + np.pi])


def nearest_of_hull(points: Array) -> Array:
    """The point of the convex hull nearest to 0: ‖Gᵀλ‖ least over λ ≥ 0, Σ λ = 1, by non-negative least squares."""
    sides = np.vstack([points.T, HEAVY * np.ones(len(points))])
    shares, _ = nnls(sides, np.r_[np.zeros(points.shape[1]), HEAVY])
    return np.asarray(shares @ points / shares.sum())


def hull_distance(points: Array) -> float:
    """Distance of 0 from the convex hull."""
    return float(np.linalg.norm(nearest_of_hull(points)))


def directions(count: int, r: int, rng: np.random.Generator) -> Array:
    """Unit vectors (count, r) all around, at random."""
    return unit(rng.normal(size=(count, r)))


def isometry(rows: Array) -> float:
    """(M − m) / (M + m) for the extremes M and m of ‖X w‖₁ over unit w.

    On a cell it is linear, σ·X w: least at an extreme ray; and M is the largest ‖σ·X‖ of all sign patterns σ.
    """
    most = np.linalg.norm(patterns(rows) @ rows, axis=1).max()
    least = np.abs(null_directions(rows) @ rows.T).sum(axis=1).min()
    return float((most - least) / (most + least))
