"""Sections 2.2 and 6.1: wedge products, Hodge duals and generalised cross products, against determinants."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bladenet import algebra
from bladenet.losses import Array
from bladenet.reproduce.findings import largest
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.determinants import exact_determinant, exact_normal
from bladenet.reproduce.theorems.rows import Mutant, Row, changed, direction_for_normal

SEED = 6
SETS = 30
ROUNDING = 1e-12
HIGHEST = 5  # dimensions


def wedge_products() -> Claim:
    """Section 2.2."""
    rng = np.random.default_rng(SEED)
    worst = 0.0
    for d in range(2, HIGHEST + 1):
        for vectors in _vectors(d, d, rng):
            scale, exact = np.prod(np.linalg.norm(vectors, axis=1)), exact_determinant(vectors)
            reversal = (-1) ** (d * (d - 1) // 2) * algebra.wedge(vectors[::-1])[0]
            volumes = algebra.wedge(vectors)[0], reversal, algebra.parallelotope_volume(vectors)
            worst = largest(worst, *(abs(found - exact) / scale for found in volumes))
            a, b = vectors, rng.normal(size=(d, d))
            gram = exact_determinant(a) * exact_determinant(b)  # as det(A Bᵀ)
            worst = largest(worst, float(abs(algebra.inner(a, b) - gram) / scale / np.prod(np.linalg.norm(b, axis=1))))
        for k in range(d + 1):
            worst = largest(worst, _hodge_error(d, k, rng))
    a, b, c = rng.normal(size=(3, SETS, 2))
    adjacent = sum(algebra.wedge(np.stack(pair, axis=1))[:, 0] for pair in ((a, b), (b, c), (c, a))) / 2.0
    shoelace = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2.0
    triangles = algebra.simplex_volume(np.stack([a, b, c], axis=1))
    worst = largest(worst, *(float(np.abs(areas - shoelace).max()) for areas in (adjacent, triangles)))
    return Claim(
        "Section 2.2",
        "wedge products are signed volumes and alternate; α ∧ ⋆β = ⟨α, β⟩ e_1…e_d; a triangle's area is half the "
        "sum of the wedges of its sides' ends",
        f"{SETS} sets of vectors each for d = 2–{HIGHEST}, one third dependent, against determinants in rational "
        "numbers",
        worst,
        ROUNDING,
    )


def cross_products() -> Claim:
    """Section 6.1."""
    rng = np.random.default_rng(SEED)
    worst, flipped = 0.0, 0.0
    for d in range(2, HIGHEST + 1):
        for vectors in _vectors(d - 1, d, rng):
            scale = float(np.prod(np.linalg.norm(vectors, axis=1)))
            found = algebra.cross(vectors)
            cofactors = exact_normal(vectors)
            volume = np.sqrt(max(0.0, np.linalg.det(vectors @ vectors.T)))
            worst = largest(
                worst,
                float(np.abs(found - cofactors).max() / scale),
                float(np.abs(vectors @ found).max() / scale / np.linalg.norm(vectors, axis=1).max()),
                abs(float(algebra.unsigned_volume(vectors)) - float(np.linalg.norm(found))) / scale,
                abs(np.linalg.norm(found) - volume) / scale if np.linalg.matrix_rank(vectors) == d - 1 else 0.0,
                float(np.linalg.norm(found) / scale) if np.linalg.matrix_rank(vectors) < d - 1 else 0.0,
            )
            worst = largest(worst, *_distance_errors(vectors, rng.normal(size=d)))
            first = (-1.0) ** (d - 1) * cofactors  # x ahead of the others in the determinant
            flipped = largest(flipped, float(np.linalg.norm(found - first) / scale))
    a = np.array([[3.0, 1.0]])
    clockwise = np.array([a[0, 1], -a[0, 0]])
    turned = float(np.linalg.norm(algebra.cross(a) - clockwise) / np.linalg.norm(a))
    return Claim(
        "Section 6.1",
        "⋆(a_1 ∧ … ∧ a_{d−1}) is orthogonal to the a_k, zero iff they are dependent, as long as their volume; its "
        "product with x is a volume, and gives distances to spans and affine hulls",
        f"{SETS} sets each for d = 2–{HIGHEST}, one third dependent, against rational cofactors, Gram determinants "
        "and least squares",
        worst,
        ROUNDING,
        printed=turned,
        remark="For even d the Hodge dual (2.2) and the cofactors with x first (6.1) differ in sign (by up to "
        f"{flipped:.2g} of the length): ⋆a turns counter-clockwise in R², the example clockwise. Both signs are "
        "columns of K, so no network changes. Distances are absolute values of the products.",
    )


def _vectors(k: int, d: int, rng: np.random.Generator) -> list[Array]:
    """Sets of k vectors in R^d, every third one dependent."""
    found = [rng.normal(size=(k, d)) * 10.0 ** rng.uniform(-2, 2, size=(k, 1)) for _ in range(SETS)]
    for vectors in found[::3]:
        if k > 1:
            vectors[-1] = 2.0 * vectors[0]
    return found


def _hodge_error(d: int, k: int, rng: np.random.Generator) -> float:
    """By how much α ∧ ⋆β differs from the Gram determinant of two k-blades, for β's dual by wedges with the axes."""
    worst = 0.0
    for _ in range(3):
        a, b = rng.normal(size=(2, k, d))
        dual = algebra.hodge(algebra.wedge(b), k, d)
        subsets = list(combinations(range(d), d - k))
        product = sum(
            coordinate * exact_determinant(np.vstack([a, np.eye(d)[list(subset)]]))
            for coordinate, subset in zip(dual, subsets, strict=True)
        )
        worst = largest(worst, abs(float(product) - float(np.linalg.det(a @ b.T))))
    return worst


def _distance_errors(vectors: Array, x: Array) -> tuple[float, float]:
    """Of distances to the span and to the affine hull of the vectors, by least squares."""
    span = x - vectors.T @ np.linalg.lstsq(vectors.T, x, rcond=1e-10)[0]
    edges, from_first = vectors[1:] - vectors[0], x - vectors[0]
    hull = from_first - edges.T @ np.linalg.lstsq(edges.T, from_first, rcond=1e-10)[0] if len(edges) else from_first
    size = np.abs(vectors).max() + np.abs(x).max()
    off_span = abs(algebra.distance_to_span(x, vectors) - np.linalg.norm(span))
    off_hull = abs(algebra.distance_to_affine_hull(x, vectors) - np.linalg.norm(hull))
    return float(off_span / size), float(off_hull / size)


def _nan(found: Array) -> Array:
    return np.full_like(found, np.nan)


ALGEBRA = (
    Row(
        "Section 2.2",
        wedge_products,
        (
            changed("wedge × 1.0001", algebra, "wedge", lambda found: 1.0001 * found),
            changed("wedge is NaN", algebra, "wedge", _nan),
            Mutant("wedge of the vectors backwards", algebra, "wedge", lambda wedge: lambda a: wedge(a[..., ::-1, :])),
            changed("Hodge dual: wrong sign", algebra, "hodge", lambda found: -found),
            changed("Hodge dual: coordinates backwards", algebra, "hodge", lambda found: found[..., ::-1]),
            changed("inner product: wrong sign", algebra, "inner", lambda found: -found),
            changed("triangles: twice the area", algebra, "simplex_volume", lambda found: 2.0 * found),
        ),
    ),
    Row(
        "Section 6.1",
        cross_products,
        (
            changed("cross product: wrong sign", algebra, "cross", lambda found: -found),
            changed("cross product × 3", algebra, "cross", lambda found: 3.0 * found),
            changed("cross product is NaN", algebra, "cross", _nan),
            Mutant("cross product: direction for normal", algebra, "cross", direction_for_normal),
            changed("volume: squared", algebra, "unsigned_volume", np.square),
            Mutant(
                "affine hull: the span", algebra, "distance_to_affine_hull", lambda original: algebra.distance_to_span
            ),
            changed("distance × 0.9", algebra, "distance_to_span", lambda found: 0.9 * found),
        ),
    ),
)
