"""Chambers of the sample arrangement: how far vertices-only networks can be from the global optimum (THEORY §2, §6).

The rows are the samples or, with a bias, their differences from one anchor; a chamber is a cone {w : ± row_i·w ≥ 0}.
On it h_v is linear, h_v(w) = s·w, and its generators g_k (extreme rays, of unit length) are vertices: orthogonal to
r − 1 rows. A unit w in it is Σ λ_k g_k with λ ≥ 0 and 1/Σ λ ≥ c, the distance of the origin from the convex hull of
the g_k, so max_k s·g_k ≥ c s·w if that is positive: no neuron of the chamber is better than its best vertex by more
than 1/c. This c is the cosine of the radius of the smallest spherical cap around the chamber, at least
sqrt(1 − D² (r−1)/(2r)) and so at least the paper's 1 − D, D the chamber's diameter. The smallest c of all chambers is
a factor for all v (Theorems 4, 5, 7).

*With a bias* the best neuron passes through some anchor, and any anchor may be that one: the worst of them counts.
But the chamber N of an anchor on which all other samples are on one side need not count, though it is often the
largest. There the neuron is linear on the samples (or zero): h_v = s·w with s = Σ v_i x_i, for every anchor, as
Σ v = 0. The best linear neuron has |h_v| = ‖s‖, and the facets of the samples' convex hull, with unit normals f_k,
are vertices with |h_v| = |s·f_k|. So they reach the factor min over unit u of max_k |u·f_k|, never below that of the
chambers N. The guarantee is the smaller one of this and of the chambers with samples strictly on both sides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bladenet.checks import feature_matrix
from bladenet.display import Shown
from bladenet.isometry import (
    MOST_BALANCED_ROWS,
    balanced_diameter,
    isometry_constant,
    isometry_diameter,
    minimum_over_sphere,
)
from bladenet.losses import Array, Index

BUDGET = 100_000_000  # rows and pairs of generators that one search looks at: a few seconds
HIGHEST_RANK = 8  # beyond it no search is tried
HIGHEST_HULL_RANK = 5  # beyond it convex hulls have too many facets
FEWEST_OTHERS = 64  # rows of each anchor, where the budget does not allow all
RIGHT_ANGLE = np.sqrt(2.0) * (1.0 + 1e-12)  # the distance of orthogonal unit vectors, however rounded
ROUNDING = 1e-9  # of the search, in lengths
HULL_TOLERANCE = 1e-9  # relative, for a point on a facet
MOST_CONES = 20_000  # of one search of the sphere
BALANCE_BUDGET = 10_000_000_000  # samples times those of each anchor times rank⁴: seconds
STARTS, TURNS = 12, 3  # of the search for two weights far apart
INSIDE = 1e-6  # of a chamber, relative
ISOMETRY_BUDGET = 50_000_000  # cones times samples, over all anchors


@dataclass(frozen=True, repr=False)
class Chambers(Shown):
    """Geometry of the chambers of a data set, and what it guarantees for networks of vertices only.

    Attributes
    ----------
    rank : int, r, of the samples, or of their differences
    bias : bool
    diameter : float, the maximum chamber diameter D (Definition 3), or a bound above it; with a bias the largest over
        all anchors
    exact : bool, whether `diameter` is D itself
    isometry : float, the constant δ of Lemma 11, exact for rank 2, otherwise a bound above it
    factor : float, the proven c: the vertices-only optimum is at most 1/c times the global one; 0 is no guarantee
    diameter_at_least : float, the distance of two unit weights that were found in one chamber, a bound below D
    """

    rank: int
    bias: bool
    diameter: float
    exact: bool
    isometry: float
    factor: float
    diameter_at_least: float

    @property
    def dispersion(self) -> float:
        """The largest angle within a chamber, in radians (Definition 2), or a bound above it."""
        return 2.0 * float(np.arcsin(min(1.0, 0.5 * self.diameter)))

    @property
    def isometry_diameter(self) -> float:
        """The bound on D that the isometry gives (Lemma 11)."""
        return isometry_diameter(self.isometry)

    @property
    def paper_factor(self) -> float:
        """The paper's c = 1 − D (Theorem 7), 0 if that is negative."""
        return max(0.0, 1.0 - self.diameter)

    @property
    def diameter_factor(self) -> float:
        """The c = sqrt(1 − D² (r−1)/(2r)) that D alone proves, cos(ε/2) for rank 2; 0 if there is none."""
        return _diameter_factor(self.diameter, self.rank)

    @property
    def excess(self) -> float:
        """1/c − 1: the vertices-only optimum is at most this share of the global one above it."""
        return 1.0 / self.factor - 1.0 if self.factor > 0 else np.inf

    @property
    def guarantee(self) -> str:
        """What is proven about vertices-only networks, in a sentence."""
        if self.factor <= 0:
            return (
                "Nothing is guaranteed for neurons through samples only: too few samples (or directions of samples) "
                "for the rank, or too many for the search. Use vertices_only=False."
            )
        return (
            "Whatever the targets, the best network of neurons through samples has an objective at most "
            f"{100 * self.excess:.3g} % above the global optimum, and at most {self.excess:.3g} · β R* above it, R* "
            "the Σ|u|‖w‖ of an optimal network (p = 2)."
        )

    def __str__(self) -> str:
        sign = "D =" if self.exact else f"{self.diameter_at_least:.6g} ≤ D ≤"
        return (
            f"rank {self.rank}, chamber diameter {sign} {self.diameter:.6g} ({np.degrees(self.dispersion):.4g}°), "
            f"isometry δ = {self.isometry:.4g}, factor c = {self.factor:.6g} (the paper's: {self.paper_factor:.6g}). "
            f"{self.guarantee}"
        )


def chamber_report(X: ArrayLike, bias: bool = True) -> Chambers:
    """Measure the chambers of samples, in their span (Lemma 18: for p = 2 nothing outside it matters).

    Exact in rank 1 and 2, in O(n² log n) with a bias. From rank 3 to 8 chambers are searched for the largest one, which
    is exact unless D > √2 or the budget of work runs out: then what is left unsearched counts in full. Where D is not
    exact, and at any higher rank, it is bracketed: from above by isometries of the samples (Lemma 11) and of weighted
    samples, which give D ≤ √2 and c ≥ 1/√r where some r² samples lie in all directions; from below by two weights that
    were found in one chamber.

    Parameters
    ----------
    X : (n, d) samples
    bias : whether neurons have offsets

    Returns
    -------
    Chambers

    Raises
    ------
    ValueError
        If X is not a finite array of shape (samples, features).
    """
    samples = feature_matrix(X)
    if samples.ndim != 2:
        raise ValueError(f"X must have shape (samples, features), got shape {samples.shape}.")
    points = _in_span(np.unique(samples, axis=0), bias)
    r = points.shape[1]
    if r < 2:  # chambers are rays
        return Chambers(r, bias, 0.0, True, 0.0, 1.0, 0.0)
    delta = _worst_isometry(points, bias)
    if r == 2:
        dispersion, factor = _plane(points, bias)
        diameter, exact = 2.0 * float(np.sin(0.5 * dispersion)), True
    else:
        factor = _factor(points, bias)
        diameter, exact = _diameter(points, bias)
    if exact:
        return Chambers(r, bias, diameter, True, delta, max(factor, _diameter_factor(diameter, r)), diameter)
    diameter = min(diameter, isometry_diameter(delta))
    if not bias:  # else the factor leaves chambers out
        diameter = min(diameter, 2.0 * float(np.sqrt(1.0 - factor**2)) + ROUNDING)
    diameter = _balanced_diameter(points, bias, diameter)
    factor = max(factor, _diameter_factor(diameter, r))
    return Chambers(r, bias, diameter, False, delta, factor, _found_diameter(points, bias))


def vertex_factor(X: Array, bias: bool) -> float:
    """A proven c: over all v, the largest |h_v| at vertices is at least c times that over all neurons.

    Hence the vertices-only optimum is at most 1/c times the global one (Theorems 4, 5 and 7). Vertices are neurons
    orthogonal to d − 1 independent rows, so there are none if the rank is below d: reduce it first. O(n² log n) for
    two features, a search within a budget of work beyond.

    Parameters
    ----------
    X : (n, d) samples that neurons may pass through: those of positive weight

    Returns
    -------
    float in [0, 1]; 0 means no guarantee
    """
    X = np.unique(X, axis=0)
    rows = X - X[0] if bias else X
    if not rows.any():
        return 1.0  # no neuron does anything
    if X.shape[1] == 2:
        return _plane(X, bias)[1]
    if np.linalg.matrix_rank(rows) < X.shape[1]:
        return 0.0
    return _factor(X, bias) if X.shape[1] > 1 else 1.0


def angular_dispersion(rows: Array) -> float:
    """Largest angle between neighbouring lines spanned by the rows (n, 2), zero rows left out (Definition 2)."""
    return float(_gaps(rows)[1].max(initial=0.0))


# --- the plane -------------------------------------------------------------------------------------------------


def _gaps(rows: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Angles of the lines spanned by the rows (n, 2), sorted in [0, π]; the gaps after them; and whether a line in the
    gap has all rows on one side.
    """
    rows = rows[rows.any(axis=1)]
    if not len(rows):
        return np.empty(0), np.empty(0), np.empty(0, dtype=bool)
    directed = np.arctan2(rows[:, 1], rows[:, 0])
    angles = directed % np.pi
    order = np.argsort(angles)
    # of the rows on the left of a line, those at larger angles point along their own line, the others against it
    along = np.where(angles == directed, 1, -1)[order]
    angles = angles[order]
    one_sided = np.abs(along.sum() - 2 * np.cumsum(along)) == len(along)
    return angles, np.diff(np.r_[angles, angles[0] + np.pi]), one_sided


def _plane(points: Array, bias: bool) -> tuple[float, float]:
    """The angular dispersion, with a bias the largest one of all anchors, and the factor, for points (n, 2)."""
    if not bias:
        dispersion = angular_dispersion(points)
        return dispersion, _half_cosine(dispersion)
    widest = two_sided = 0.0
    facets = []
    for anchor in points:
        angles, gaps, outer = _gaps(points - anchor)
        widest = max(widest, float(gaps.max(initial=0.0)))
        two_sided = max(two_sided, float(gaps[~outer].max(initial=0.0)))
        facets += [angles[outer], np.roll(angles, -1)[outer]]
    edges = np.concatenate(facets)
    linear = angular_dispersion(np.column_stack([np.cos(edges), np.sin(edges)]))
    return widest, min(_half_cosine(two_sided), _half_cosine(linear))


def _half_cosine(angle: float) -> float:
    return max(0.0, float(np.cos(0.5 * angle))) if angle < np.pi else 0.0


# --- higher rank -----------------------------------------------------------------------------------------------


def _factor(points: Array, bias: bool) -> float:
    """The factor for points (n, r) of rank r ≥ 3; 0 if none was proven."""
    linear = _linear_factor(points) if bias else None
    sine, _ = _largest(points, bias, "cap", two_sided=linear is not None)
    factor = float(np.sqrt(max(0.0, 1.0 - (sine + ROUNDING) ** 2)))
    factor = factor if linear is None else min(factor, linear)
    if factor > 0.0:
        return factor
    r = points.shape[1]
    says_nothing = float(np.sqrt(2 * r / (r - 1)))
    diameter = _balanced_diameter(points, bias, says_nothing)
    return _diameter_factor(diameter, r) if diameter < says_nothing else 0.0


def _diameter_factor(diameter: float, r: int) -> float:
    return float(np.sqrt(max(0.0, 1.0 - diameter**2 * (r - 1) / (2 * r)))) if r > 1 else 1.0


def _balanced_diameter(points: Array, bias: bool, known: float) -> float:
    """A bound above the maximum chamber diameter from weighted samples of each anchor, or the known one if smaller."""
    n, r = points.shape
    if not bias:
        return min(known, balanced_diameter(points))
    if n * min(n, MOST_BALANCED_ROWS) * r**4 > BALANCE_BUDGET:
        return known
    largest = 0.0
    for anchor in _outermost(points):  # they are the worst, and one that is no better than what is known ends it
        largest = max(largest, balanced_diameter(points - anchor))
        if largest >= known:
            return known
    return largest


def _outermost(points: Array) -> Array:
    """The points, those farthest from their mean first."""
    return points[np.argsort(-np.linalg.norm(points - points.mean(axis=0), axis=1))]


def _found_diameter(points: Array, bias: bool) -> float:
    """The largest distance found of two unit weights in one chamber, a bound below the maximum chamber diameter.

    From random weights inside of chambers, which are more often in large ones: the farthest weights of the chamber from
    one another in turn, each by a linear program. Both are moved inside, and their signs compared.
    """
    from scipy.optimize import linprog

    rng, found = np.random.default_rng(0), 0.0
    anchors = _outermost(points)[:: max(1, len(points) // STARTS)][:STARTS] if bias else np.zeros((STARTS, 1))
    for anchor in anchors:
        rows = points - anchor
        rows = rows[rows.any(axis=1)]
        inside = rng.normal(size=points.shape[1]) - anchor * bias / np.linalg.norm(rows, axis=1).mean()
        signed = rows * np.sign(rows @ inside)[:, None] / np.linalg.norm(rows, axis=1, keepdims=True)
        inside /= np.linalg.norm(inside)
        ends = [inside, inside]
        for _ in range(TURNS):
            far = linprog(
                ends[1], A_ub=-signed, b_ub=np.zeros(len(rows)), A_eq=inside[None], b_eq=[1.0], bounds=(None, None)
            )
            if far.x is None:
                break
            moved = far.x + INSIDE * np.linalg.norm(far.x) * inside
            ends = [ends[1], moved / np.linalg.norm(moved)]
            if all((signed @ end > 0.0).all() for end in ends):
                found = max(found, float(np.linalg.norm(ends[0] - ends[1])))
    return found


def _diameter(points: Array, bias: bool) -> tuple[float, bool]:
    """The maximum chamber diameter for points (n, r) of rank r ≥ 3, or a bound above it, and whether it is exact.

    For unit w = Σ λ_k g_k and w' of a chamber with g_k·g_l ≥ 0, w·w' ≥ min_k g_k·w' ≥ min_kl g_k·g_l since Σ λ ≥ 1: the
    farthest points are generators. If two generators are more than √2 apart, others may be farther apart; but the
    chamber lies in its smallest cap, whose diameter is twice the sine of its radius.
    """
    length, exact = _largest(points, bias, "diameter")
    if length <= RIGHT_ANGLE:
        return length + ROUNDING, exact
    return min(2.0, 2.0 * _largest(points, bias, "cap")[0] + ROUNDING), False


def _largest(points: Array, bias: bool, kind: str, two_sided: bool = False) -> tuple[float, bool]:
    """The largest size of a chamber, its diameter or the sine of the radius of its cap, and whether it is exact.

    The search is run with falling thresholds: as far as the budget lasts each proves a bound, until one finds
    a chamber. Where the differences of all anchors are too many, some of them are left out, which only makes chambers
    larger.
    """
    from bladenet.kernels import largest_chamber_of_anchors

    n, r = points.shape
    others = _others(n, r, n if bias else 1)
    top, worst = (RIGHT_ANGLE, 2.0) if kind == "diameter" else (1.0 - ROUNDING, 1.0)
    if r > HIGHEST_RANK or not len(others):
        return worst, False
    anchors = points if bias else np.zeros((1, r))
    two_sided = two_sided and len(others) == n
    left, exact = BUDGET, False
    for halvings in range(50):
        threshold = top * 0.5**halvings
        size, unresolved, work = largest_chamber_of_anchors(
            points, others, anchors, int(kind == "cap"), threshold, two_sided, left
        )
        worst, left = min(worst, max(size, unresolved)), left - work
        if size > threshold or unresolved > size:
            exact = unresolved <= size and len(others) == n
            break
    return worst, exact


def _others(n: int, r: int, anchors: int) -> Index:
    """The points whose differences from each anchor are searched: all, or what a quarter of the budget affords."""
    affordable = BUDGET // (4 * anchors * 2 ** (r - 1))
    if affordable >= n:
        return np.arange(n)
    return np.random.default_rng(0).permutation(n)[: affordable if affordable >= FEWEST_OTHERS else 0]


def _linear_factor(points: Array) -> float | None:
    """min over unit u of max_k |u·f_k|, or a bound below it, f_k the unit normals of the facets of the convex hull.

    None if the rank is too high for a hull. Each facet is computed anew from its vertices and must be one.
    """
    from scipy.spatial import ConvexHull, QhullError

    r = points.shape[1]
    if r > HIGHEST_HULL_RANK:
        return None
    try:
        corners = points[ConvexHull(points).simplices]
    except QhullError:
        return None
    edges = corners[:, 1:] - corners[:, :1]
    edges /= np.linalg.norm(edges, axis=2, keepdims=True)
    _, sizes, basis = np.linalg.svd(edges)
    solid = sizes[:, -1] > HULL_TOLERANCE
    normals, corners = basis[solid, -1], corners[solid, 0]
    size = np.ptp(points, axis=0).max()
    kept = []
    for normal, corner in zip(normals, corners, strict=True):
        height = (points - corner) @ normal
        kept.append(min(-height.min(), height.max()) <= HULL_TOLERANCE * size)
    facets = normals[kept]
    if np.linalg.matrix_rank(facets) < r:
        return None

    def below(cones: Array) -> tuple[Array, Array]:
        # on a cone where f is positive at all generators, f·u is at least its smallest value there
        values = cones @ facets.T
        lowest = np.maximum(values.min(axis=1), -values.max(axis=1))
        return np.maximum(lowest.max(axis=1), 0.0), np.abs(values).max(axis=2).min(axis=1)

    return minimum_over_sphere(below, r, MOST_CONES)


def _in_span(points: Array, bias: bool) -> Array:
    """Coordinates (n, r) of the points, or with a bias of their differences from their mean, in their span."""
    if not len(points):
        return np.empty((0, 0))
    rows = points - points.mean(axis=0) if bias else points
    left, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    r = int((sizes > np.finfo(np.float64).eps * max(rows.shape) * sizes.max(initial=0.0)).sum())
    return rows if r == rows.shape[1] else left[:, :r] * sizes[:r]


def _worst_isometry(points: Array, bias: bool) -> float:
    """The isometry constant, with a bias the largest of all anchors."""
    anchors = points if bias else np.zeros((1, points.shape[1]))
    budget = min(MOST_CONES, ISOMETRY_BUDGET // (len(points) * len(anchors)))
    if len(anchors) * len(points) > ISOMETRY_BUDGET:
        return 1.0
    return max(isometry_constant(points - anchor, budget) for anchor in anchors)
