"""Isometry of samples under ‖Xw‖₁, and of weighted ones under ‖Xw‖₂, and what it says about chambers.

Lemmas 11 and 12 of the paper (THEORY §6), and a bound beside them that holds up in any number of dimensions.
"""

from collections.abc import Callable
from itertools import product

import numpy as np

from bladenet.losses import Array

MOST_ORTHANTS_RANK = 8  # a search of the sphere starts with 2^(rank − 1) orthants
MOST_BALANCED_RANK, MOST_BALANCED_ROWS = 30, 4_000  # seconds
CHUNK = 4_000_000  # numbers held at one time
ROUNDING = 1e-9  # of eigenvalues and lengths
SLACK = 1e-2  # relative accuracy of a search of the sphere

Bound = Callable[[Array], tuple[Array, Array]]


def isometry_constant(rows: Array, budget: int = 20_000) -> float:
    """The smallest δ with (1 − δ)‖w‖ ≤ κ ‖Xw‖₁ ≤ (1 + δ)‖w‖ for some κ and all w (Lemma 11), or a bound above it.

    With m and M the extremes of ‖Xw‖₁ over the sphere it is (M − m) / (M + m), at κ = 2 / (M + m). In the plane it is
    exact; beyond, m and M are bounded by branch and bound over cones to within a per cent, while the budget lasts.

    Parameters
    ----------
    rows : (n, r) of rank r
    budget : cones to look at

    Returns
    -------
    float in [0, 1]; 1 means that ‖Xw‖₁ could not be kept away from 0
    """
    low, high = _planar_extremes(rows) if rows.shape[1] == 2 else _extremes(rows, budget)
    return min(1.0, max(0.0, (high - low) / (high + low))) if high > 0 else 1.0


def isometry_diameter(delta: float) -> float:
    """The bound 4√δ / (1 + δ) on the maximum chamber diameter that an isometry constant δ gives.

    Lemma 11: w and w' in one chamber have ‖X(w + w')‖₁ = ‖Xw‖₁ + ‖Xw'‖₁, so ‖w + w'‖ ≥ 2 (1 − δ)/(1 + δ) for unit w
    and w', and ‖w − w'‖² = 4 − ‖w + w'‖².
    """
    return 4.0 * float(np.sqrt(delta)) / (1.0 + delta)


def balanced_diameter(rows: Array) -> float:
    """A bound above the maximum chamber diameter, √2 if some weights a_i ≥ 0 make Σ a_i row_i row_iᵀ the identity.

    For w and w' in one chamber all (row_i·w)(row_i·w') ≥ 0, hence w·M w' ≥ 0 for M = Σ a_i row_i row_iᵀ. If M has
    the condition number κ, unit w and w' have w·w' ≥ −(κ − 1)/(κ + 1), so ‖w − w'‖ ≤ 2 √(κ/(κ + 1)). The weights are
    those that bring M closest to the identity. About r² rows in all directions suffice for √2; no rows give less.

    Parameters
    ----------
    rows : (n, r)

    Returns
    -------
    float; 2 where nothing is said
    """
    lengths = np.linalg.norm(rows, axis=1)
    rows = rows[lengths > 0] / lengths[lengths > 0, None]
    r = rows.shape[1]
    weights = np.ones(len(rows))
    if r <= MOST_BALANCED_RANK:
        if len(rows) > MOST_BALANCED_ROWS:
            rows = np.random.default_rng(0).permutation(rows)[:MOST_BALANCED_ROWS]
        weights = _balancing(rows)
    sizes = np.linalg.eigvalsh((rows.T * weights) @ rows)
    if not sizes[0] > ROUNDING * sizes[-1]:
        return 2.0
    return min(2.0, 2.0 / float(np.sqrt(1.0 + sizes[0] / sizes[-1])) + ROUNDING)


def _balancing(rows: Array) -> Array:
    """Weights ≥ 0 for which Σ a_i row_i row_iᵀ is closest to the identity, or equal ones where none are found."""
    from scipy.optimize import nnls

    i, j = np.triu_indices(rows.shape[1])
    products = rows[:, i] * rows[:, j] * np.where(i == j, 1.0, np.sqrt(2.0))
    try:
        return nnls(products.T, (i == j).astype(np.float64))[0]
    except RuntimeError:  # too many iterations
        return np.ones(len(rows))


def gaussian_diameter(n: int, d: int, probability: float = 0.99) -> float:
    """A bound on the maximum chamber diameter of n standard normal samples in R^d, without bias (Lemma 12).

    ‖Xw‖₁ is the largest s·Xw of all signs s, ‖s‖ = √n. By Chevet and Gordon its mean maximum over the sphere is at
    most, its mean minimum at least, E‖g‖₁ ± √n E‖h‖ with normal g in R^n and h in R^d, so n (√(2/π) ± √(d/n)). Both
    are √n-Lipschitz in X, hence but for probability q no farther out than n √(2 log(2/q) / n) more: an isometry
    constant δ = √(π/2) (√(d/n) + √(2 log(2/q) / n)), and Lemma 11.

    Parameters
    ----------
    n, d : numbers of samples and features
    probability : with which the bound holds, below 1

    Returns
    -------
    float; 2 where δ ≥ 1 and nothing is said
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability must be between 0 and 1, got {probability!r}.")
    deviation = np.sqrt(d / n) + np.sqrt(2.0 * np.log(2.0 / (1.0 - probability)) / n)
    delta = float(np.sqrt(np.pi / 2.0) * deviation)
    return isometry_diameter(delta) if delta < 1.0 else 2.0


def _planar_extremes(rows: Array) -> tuple[float, float]:
    """Extremes of ‖Xw‖₁ over the circle, exactly.

    Between neighbouring w ⟂ row it is s·w, s = Σ ± row, with w·s ≥ 0: least at an end, and since
    max ‖Xw‖₁ = max over all signs of ‖Σ ± row‖, the largest ‖s‖ is the maximum.
    """
    rows = rows * np.where((rows[:, 1] > 0) | ((rows[:, 1] == 0) & (rows[:, 0] > 0)), 1.0, -1.0)[:, None]
    rows = rows[np.argsort(np.arctan2(rows[:, 1], rows[:, 0]))]
    sums = rows.sum(axis=0) - 2.0 * np.cumsum(rows, axis=0)
    length = np.linalg.norm(rows, axis=1)
    kept = length > 0
    across = np.abs(sums[:, 0] * rows[:, 1] - sums[:, 1] * rows[:, 0])[kept] / length[kept]
    return float(across.min(initial=np.inf)), float(np.linalg.norm(sums, axis=1).max())


def _extremes(rows: Array, budget: int) -> tuple[float, float]:
    """A lower and an upper bound on ‖Xw‖₁ over the sphere."""
    lengths, singular = np.linalg.norm(rows, axis=1), np.linalg.svd(rows, compute_uv=False)
    smallest = float(singular[-1])
    # ‖a‖₁ ≥ ‖a‖₂ and ≥ ‖a‖₂² / max |a_i|
    low = max(smallest, smallest**2 / float(lengths.max()))
    high = min(float(lengths.sum()), float(np.sqrt(len(rows)) * singular[0]))
    if rows.shape[1] <= MOST_ORTHANTS_RANK:
        low = max(low, minimum_over_sphere(lambda cones: _below(rows, cones), rows.shape[1], budget))
        high = min(high, -minimum_over_sphere(lambda cones: _above(rows, cones), rows.shape[1], budget))
    return low, high


def _below(rows: Array, cones: Array) -> tuple[Array, Array]:
    """For each cone a bound below ‖Xw‖₁, and a value of it.

    With the signs σ that the rows have in the cone's middle, ‖Xw‖₁ ≥ Σ σ_i row_i·w. A unit w is Σ λ_k g_k with
    Σ λ_k ≥ 1, so that this is at least its smallest value at a generator g_k, if that is not negative.
    """
    values = cones @ rows.T
    signs = np.sign(cones.sum(axis=1) @ rows.T)
    lower = (values @ signs[..., None])[..., 0].min(axis=1)
    return np.maximum(lower, 0.0), np.abs(values).sum(axis=2).min(axis=1)


def _above(rows: Array, cones: Array) -> tuple[Array, Array]:
    """For each cone minus a bound above ‖Xw‖₁, and minus a value of it.

    It is convex and a unit w is Σ λ_k g_k with Σ λ_k ≤ 1/c, where c ≤ u·g_k for a unit vector u.
    """
    values = np.abs(cones @ rows.T).sum(axis=2).max(axis=1)
    middle = cones.sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    return -values / (cones @ middle[..., None])[..., 0].min(axis=1), -values


def minimum_over_sphere(bound: Bound, r: int, budget: int) -> float:
    """A bound below the minimum of an even function over the unit sphere of R^r, by branch and bound.

    Parameters
    ----------
    bound : for cones (m, r, r), each with r generators of unit length, bounds below the function on them and values
        that it takes there
    budget : cones to look at; what then is undecided counts with its bound

    Returns
    -------
    float; it is off by at most `SLACK` of the minimum if the budget sufficed
    """
    signs = np.array([(1.0, *rest) for rest in product((1.0, -1.0), repeat=r - 1)])
    cones = signs[:, :, None] * np.eye(r)
    best = proven = np.inf
    while True:
        parts = [bound(part) for part in np.array_split(cones, 1 + cones.size * 64 // CHUNK)]
        lower, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        best = min(best, float(value.min()))
        budget -= len(cones)
        undecided = lower < best - SLACK * abs(best)
        if budget < 2 * undecided.sum():
            return min(proven, float(lower.min()))  # the budget is spent
        proven = min(proven, float(lower[~undecided].min(initial=np.inf)))
        if not undecided.any():
            return proven
        cones = _bisected(cones[undecided])


def _bisected(cones: Array) -> Array:
    """Cut each cone in two at the middle of its longest edge."""
    number = np.arange(len(cones))
    cosines = cones @ np.swapaxes(cones, 1, 2)
    k, l = np.unravel_index(cosines.reshape(len(cones), -1).argmin(axis=1), cosines.shape[1:])
    middle = cones[number, k] + cones[number, l]
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    first, second = cones.copy(), cones.copy()
    first[number, k], second[number, l] = middle, middle
    return np.concatenate([first, second])
