"""Lemmas 14 to 19: extreme points and rays of the cones and polytopes behind the dictionaries."""

from __future__ import annotations

import sys
from itertools import combinations

import numpy as np
from scipy.optimize import linprog, nnls
from scipy.spatial import HalfspaceIntersection

from bladenet.losses import Array
from bladenet.reproduce.convex_programs import best_network
from bladenet.reproduce.enumeration import (
    FLAT,
    all_neurons,
    chambers,
    diameter,
    directions,
    hull_distance,
    nearest_of_hull,
    null_directions,
    patterns,
)
from bladenet.reproduce.findings import largest
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.data import KINDS, regressions
from bladenet.reproduce.theorems.exact_networks import BETA, TOL
from bladenet.reproduce.theorems.near_networks import diameter_factor
from bladenet.reproduce.theorems.returned import off_optimum
from bladenet.reproduce.theorems.rows import Mutant, Row, changed, of_fits
from bladenet.training import train

SEED = 3
OBJECTIVES = 10  # random linear ones for each set
OF_CHAMBERS = 2  # and for each chamber, of which there are many
EXACT = 1e-9
DIGITS = 12  # in which points that are listed twice agree
FEATURES = 3


def lemma_14() -> Claim:
    """Extreme points of a chamber cut by the ℓ1 ball."""
    rng = np.random.default_rng(SEED)
    worst, short, points, at_zero, tried = 0.0, 0.0, 0, 0, 0
    for _, X, _ in regressions(7, FEATURES, SEED):
        vertices = np.unique(all_neurons(X, 1, False)[0].round(DIGITS), axis=0)
        for side in patterns(X):
            inside = vertices[((side * (vertices @ X.T)) >= -EXACT).all(axis=1)]
            worst = largest(worst, float(not all_extreme(inside)))
            for direction in directions(OF_CHAMBERS, FEATURES, rng):
                point = _vertex_of_chamber(X, side, direction)
                best = max(0.0, float((inside @ direction).max(initial=0.0)))
                worst = largest(worst, abs(point @ direction - best))
                tried += 1
                if np.abs(point).sum() <= EXACT:
                    at_zero, short = at_zero + 1, 1.0 - float(np.abs(point).sum())
                else:
                    points += 1
                    worst = largest(worst, abs(np.abs(point).sum() - 1.0), float(touched(X, point) < FEATURES - 1))
    return Claim(
        "Lemma 14",
        "w is an extreme point of {‖w‖₁ ≤ 1, w in a chamber} iff ‖w‖₁ = 1 and it is orthogonal to d − 1 independent "
        "rows of X and the unit matrix",
        f"{tried} linear programs (HiGHS, simplex) over all chambers of {len(KINDS)} data sets, n = 7, d = "
        f"{FEATURES}, against all such w, listed",
        worst,
        EXACT,
        printed=short if at_zero else None,
        remark=f"w = 0 is extreme too, with ‖w‖₁ off by {short:g}: {at_zero} of the {tried} optima are there. The "
        f"proof says “non-zero”; all {points} others are as stated.",
    )


def lemma_15() -> Claim:
    """The polytope of a chamber's generators against the chamber in the ball."""
    rng = np.random.default_rng(SEED)
    beyond, tightest, count, off = -np.inf, np.inf, 0, 0.0
    for generators in _chambers_seen():
        nearest = hull_distance(generators)
        for w in _inside(generators, rng):
            shares, missed = nnls(generators.T, w)
            off = largest(off, missed)
            beyond = largest(beyond, shares.sum() * nearest - 1.0)
            tightest = min(tightest, 1.0 / (shares.sum() * nearest))
        count += 1
    return Claim(
        "Lemma 15",
        "a chamber in the unit ball lies between the polytope of its generators (and 0) and 1/d_min times it, d_min "
        "its distance from 0",
        f"{OBJECTIVES} unit vectors, and the one nearest to 0, in each of {_seen(count)}",
        largest(0.0, beyond, off),
        EXACT,
        remark=f"The largest multiple needed is {1.0 / tightest:.1%} of 1/d_min. Needs a pointed cone: X of full "
        "rank (Lemma 18).",
    )


def lemma_16() -> Claim:
    """A chamber's diameter against its distance from 0."""
    below, nearest_bound, count, vacuous = -np.inf, np.inf, 0, 0
    for generators in _chambers_seen():
        nearest, D = hull_distance(generators), diameter(generators)
        sharper = diameter_factor(D, FEATURES)
        below = largest(below, 1.0 - D - nearest, sharper - nearest)
        nearest_bound = min(nearest_bound, nearest / sharper if sharper > 0.0 else np.inf)
        count, vacuous = count + 1, vacuous + (D >= 1.0)
    return Claim(
        "Lemma 16",
        "d_min ≥ 1 − D for a chamber of diameter D",
        _seen(count),
        largest(0.0, below),
        1e-6,  # the weight of the side condition of least squares
        remark=f"Says nothing where D ≥ 1 ({vacuous} of {count} chambers); d_min ≥ √(1 − D²(r−1)/(2r)) always holds "
        f"and is sharper: d_min comes within {nearest_bound - 1.0:.1%} of it, in an orthant.",
    )


def _chambers_seen() -> list[Array]:
    """All chambers of some data sets; and those of the unit matrix, orthants, whose generators are all equally far."""
    data = [*(X for _, X, _ in regressions(9, FEATURES, SEED)), np.eye(FEATURES)]
    return [generators for X in data for generators in chambers(X)]


def _seen(count: int) -> str:
    return (
        f"all {count} chambers of {len(KINDS) + 1} data sets, n = 9 and the unit matrix, d = {FEATURES}, by "
        "non-negative least squares"
    )


def lemma_17() -> Claim:
    """Extreme points of a polytope cut by an affine set."""
    rng = np.random.default_rng(SEED)
    worst, tried, d = 0.0, 0, 4
    for repeat in range(OBJECTIVES):
        A = np.vstack([rng.normal(size=(6, d)), np.eye(d), -np.eye(d)])
        A = np.vstack([A, A[:2]]) if repeat % 2 else A  # constraints that say the same
        b, F = np.abs(rng.normal(size=len(A))) + 0.1, rng.normal(size=(1, d))
        b = np.r_[b[:-2], b[:2]] if repeat % 2 else b
        g = 0.1 * rng.normal(size=1)
        listed = np.unique(_unique_solutions(A, b, F, g).round(DIGITS), axis=0)
        worst = largest(worst, float(not all_extreme(listed)))
        for direction in directions(OBJECTIVES, d, rng):
            found = linprog(-direction, A, b, F, g, bounds=(None, None), method="highs-ds")
            active = A[np.abs(A @ found.x - b) <= EXACT]
            worst = largest(worst, abs(-found.fun - (listed @ direction).max()))
            worst = largest(worst, float(np.linalg.matrix_rank(np.vstack([active, F])) < d))
            tried += 1
    return Claim(
        "Lemma 17",
        "extreme points of {A x ≤ b, F x = g} are the unique solutions of A_S x = b_S, F x = g, rows of A_S "
        "independent",
        f"{tried} linear programs (HiGHS, simplex), 14 or 16 inequalities, d = {d}, half with repeated ones, against "
        "all S",
        worst,
        EXACT,
        remark="Such a solution must also satisfy the other inequalities to be a point of the set.",
    )


def lemma_18() -> Claim:
    """Rank reduction."""
    rng = np.random.default_rng(SEED)
    worst, count = 0.0, 0
    for _, X, y in regressions(8, 2, SEED):
        turned = X @ np.linalg.qr(rng.normal(size=(5, 5)))[0][:2]
        for bias in (False, True):
            reduced = best_network(X, y, BETA, norm=2, bias=bias).value
            fit = train(turned, y, beta=BETA, bias=bias, tol=TOL)
            worst = largest(worst, off_optimum(fit, turned, y, BETA, reduced, norm=2, bias=bias))
            count += 1
    line = np.array([2.0, 1.0])
    X = rng.normal(size=(8, 1)) * line
    y = np.linalg.norm(X, axis=1)
    full = best_network(X, y, 1.0, norm=1, bias=False, loss="exact").value
    reduced = best_network(X @ line[:, None] / np.linalg.norm(line), y, 1.0, norm=1, bias=False, loss="exact").value
    cost = float(abs(reduced * np.linalg.norm(line, ord=1) / np.linalg.norm(line) / full - 1.0))
    return Claim(
        "Lemma 18",
        "X = U Σ Vᵀ: the problem is that of U Σ, with weights V w'",
        f"p = 2: train on {count} problems of rank 2 in R⁵, n = 8, against the arrangement program in R²; p = 1: "
        "samples along (2, 1)",
        worst,
        printed=cost,
        remark="Exact for p = 2 only, but used for p = 1 too (proof of Theorem 6). The ℓ1 norm does not turn with "
        f"the data: weights in the span cost {cost:.1%} more than the best.",
    )


def lemma_19() -> Claim:
    """Weyl's facet lemma."""
    worst, rays, cones = 0.0, 0, 0
    for d in (3, 4):
        for seed in range(OBJECTIVES):
            rng = np.random.default_rng([SEED, d, seed])
            X = np.abs(rng.normal(size=(d + 3, d))) + 0.3 * rng.normal(size=(d + 3, d))
            X = X * np.where(X @ np.ones(d) > 0, 1.0, -1.0)[:, None]  # the cone holds (1, …, 1)
            if seed % 2:
                X = np.vstack([X, X[:2] + X[2:4]])  # constraints that are redundant
            listed = null_directions(X)
            listed = np.vstack([listed, -listed])
            listed = listed[(listed @ X.T >= -EXACT).all(axis=1)]
            section = _section(X)
            listed = listed / (listed @ X.mean(axis=0))[:, None]
            distances = np.linalg.norm(listed[:, None] - section[None], axis=2)
            worst = largest(
                worst, *(float(distances.min(axis=axis, initial=np.inf).max(initial=0.0)) for axis in (0, 1))
            )
            rays, cones = rays + len(section), cones + 1
    return Claim(
        "Lemma 19",
        "w ≠ 0 of the cone {w: x_i·w ≥ 0} spans an extreme ray iff the x_i with x_i·w = 0 have rank d − 1",
        f"{rays} extreme rays of {cones} cones, d = 3, 4, as corners of a section by Qhull, against all w of that rank",
        worst,
        1e-8,  # of Qhull's corners
        remark="For x_i of full rank, else the cone has no extreme rays.",
    )


def _vertex_of_chamber(X: Array, side: Array, direction: Array) -> Array:
    """The corner of {‖w‖₁ ≤ 1, side_i x_i·w ≥ 0} that is best in a direction, by the simplex method on w = w₊ − w₋."""
    d = X.shape[1]
    walls = -side[:, None] * np.hstack([X, -X])
    A, b = np.vstack([walls, np.ones((1, 2 * d))]), np.r_[np.zeros(len(X)), 1.0]
    x = linprog(np.r_[-direction, direction], A, b, method="highs-ds").x
    return np.asarray(x[:d] - x[d:])


def all_extreme(points: Array) -> bool:
    """Whether none of the points is a mean of others."""
    lifted = np.column_stack([points, np.ones(len(points))])
    return all(
        nnls(np.delete(lifted, k, axis=0).T, point)[1] > EXACT for k, point in enumerate(lifted) if len(lifted) > 1
    )


def touched(X: Array, w: Array) -> int:
    """The rank of the rows of X and the unit matrix that are orthogonal to w."""
    rows = np.vstack([X, np.eye(len(w))])
    return int(np.linalg.matrix_rank(rows[np.abs(rows @ w) <= EXACT]))


def _inside(generators: Array, rng: np.random.Generator) -> Array:
    """Unit vectors of the cone, one of them towards the point of the polytope that is nearest to 0."""
    mixed = np.vstack([rng.dirichlet(np.ones(len(generators)), OBJECTIVES) @ generators, nearest_of_hull(generators)])
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))


def _unique_solutions(A: Array, b: Array, F: Array, g: Array) -> Array:
    """The points of {A x ≤ b, F x = g} that d − rank F independent rows of A determine."""
    d = A.shape[1]
    found = []
    for chosen in combinations(range(len(A)), d - len(F)):
        sides = np.vstack([A[list(chosen)], F])
        if np.linalg.svd(sides, compute_uv=False)[-1] > FLAT:
            x = np.linalg.solve(sides, np.r_[b[list(chosen)], g])
            if (A @ x <= b + EXACT).all():
                found.append(x)
    return np.array(found)


def _section(X: Array) -> Array:
    """Corners (k, d) of the cone {w: x_i·w ≥ 0} cut by m·w = 1, m the mean of the x_i, as Qhull finds them."""
    m = X.mean(axis=0)
    basis = np.linalg.svd(m[None])[2]
    origin = np.ones(X.shape[1]) / m.sum()  # of the section, inside the cone
    along = basis[1:]
    found = HalfspaceIntersection(np.column_stack([-X @ along.T, -X @ origin]), np.zeros(X.shape[1] - 1))
    return np.unique((origin + found.intersections @ along).round(10), axis=0)


_HERE = sys.modules[__name__]
POLYTOPES = (
    Row(
        "Lemma 14",
        lemma_14,
        (
            Mutant(
                "without the unit matrix", _HERE, "all_neurons",
                lambda original: lambda X, norm, bias: original(X, norm, bias, axes=False),
            ),
            Mutant("the other norm", _HERE, "all_neurons", lambda original: lambda X, norm, bias: original(X, 2, bias)),
            changed("half of the neurons", _HERE, "all_neurons", lambda found: (found[0][::2], found[1][::2])),
            changed("optima that are NaN", _HERE, "_vertex_of_chamber", lambda point: np.nan * point),
        ),
    ),
    Row(
        "Lemma 15",
        lemma_15,
        (
            changed("d_min × 1.01", _HERE, "hull_distance", lambda distance: 1.01 * distance),
            changed("d_min is NaN", _HERE, "hull_distance", lambda distance: np.nan),
            changed("generators the other way round", _HERE, "_inside", lambda vectors: -vectors),
        ),
    ),
    Row(
        "Lemma 16",
        lemma_16,
        (
            changed("D × 0.9", _HERE, "diameter", lambda D: 0.9 * D),
            changed("D is NaN", _HERE, "diameter", lambda D: np.nan),
            changed("d_min × 0.9", _HERE, "hull_distance", lambda distance: 0.9 * distance),
        ),
    ),
    Row(
        "Lemma 17",
        lemma_17,
        (
            Mutant(
                "half of the S", _HERE, "combinations", lambda original: lambda rows, k: list(original(rows, k))[::2]
            ),
            changed(
                "points inside", _HERE, "_unique_solutions", lambda points: np.vstack([points, points.mean(axis=0)])
            ),
            changed("points × 0.9", _HERE, "_unique_solutions", lambda points: 0.9 * points),
            changed("points are NaN", _HERE, "_unique_solutions", lambda points: np.nan * points),
        ),
    ),
    Row("Lemma 18", lemma_18, of_fits(_HERE)),
    Row(
        "Lemma 19",
        lemma_19,
        (
            Mutant("two constraints forgotten", _HERE, "null_directions", lambda original: lambda X: original(X[:-2])),
            changed("half of the rays", _HERE, "null_directions", lambda rays: rays[::2]),
            changed("rays that are NaN", _HERE, "null_directions", lambda rays: np.nan * rays),
        ),
    ),
)  # fmt: skip
