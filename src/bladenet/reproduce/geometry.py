"""Figures 1, 3, 4, 5 and 8 measured: areas, dictionaries, distances, angles and chambers in the plane.

Each function returns what is drawn, its numbers as rows, and what they say about the figure's claims, checked on the
data that are drawn and on many random ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bladenet import algebra
from bladenet.blades import Blade, neurons
from bladenet.chambers import chamber_report
from bladenet.losses import Array
from bladenet.reproduce.enumeration import chambers, diameter, gaps_of, hull_distance
from bladenet.reproduce.findings import Finding, largest

PAIRS = 1000  # random ones
AREA = 1e-15  # relative to the product of lengths
PAIR = np.array([[3.0, 1.0], [1.0, 2.0]])
TRIANGLE = np.array([[0.5, 0.4], [3.2, 1.0], [1.4, 2.7]])
# of Figures 3 and 4: samples on both sides of the lines, none of them on top of another
SAMPLES = np.array(
    [[2.0, 1.5], [2.6, 0.5], [1.4, -1.1], [-0.9, -1.3], [-1.7, 0.6], [0.4, 2.0], [-0.6, 1.2], [3.1, 1.9]]
)
THROUGH, SECOND = 0, 6  # the samples that the hyperplanes of Figures 3 and 4 pass through
Area = Callable[[Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Measured:
    """One figure.

    Attributes
    ----------
    rows : the numbers that are drawn
    findings : the figure's claims and the deviations from them
    drawn : arrays by name
    """

    rows: list[dict[str, Any]]
    findings: list[Finding]
    drawn: dict[str, Any]


def wedge_area(a: Array, b: Array) -> Array:
    """a ∧ b for pairs of plane vectors (n, 2)."""
    return algebra.wedge(np.stack([a, b], axis=1))[:, 0]


# --- Figure 1 --------------------------------------------------------------------------------------------------


def wedge_figure(area: Area = wedge_area) -> Measured:
    """Figure 1: the wedge product of two plane vectors is the signed area of their parallelogram.

    `area` is what is tried.
    """
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, PAIRS, 2)) * 10.0 ** rng.uniform(-2, 2, size=(3, PAIRS, 1))
    b[::5] = 2.0 * a[::5]  # parallel: no area
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    exact = exact_areas(a, b)
    turn = np.sign(np.angle((b @ [1, 1j]) / (a @ [1, 1j])))
    clear = np.abs(exact) > 1e-9 * sizes
    others = (np.linalg.norm(each, axis=1) for each in (a, b, c))
    triangle = 0.5 * (area(a, b) + area(b, c) + area(c, a))
    turned, swapped = np.sign(area(a, b)), area(b, a)
    findings = [
        Finding("a ∧ b is the signed area", f"{PAIRS} pairs, exactly", _most((area(a, b) - exact) / sizes), AREA),
        Finding("positive iff b is on the left of a", f"{clear.sum()} pairs, by angle", _share(turned != turn, clear)),
        Finding("b ∧ a = −a ∧ b", f"{PAIRS} pairs", _most((area(a, b) + swapped) / sizes), AREA),
        Finding("a ∧ b = 0 for parallel a and b", f"{len(a[::5])} pairs", _most((swapped / sizes)[::5]), AREA),
        Finding(
            "half the sum of a∧b, b∧c, c∧a is the area of the triangle abc",
            f"{PAIRS} triangles, exactly",
            _most((triangle - 0.5 * exact_areas(b - a, c - a)) / sum(others) ** 2),
            AREA,
        ),
    ]
    values = [float(area(PAIR[:1], PAIR[1:])[0]), float(area(PAIR[1:], PAIR[:1])[0])]
    corners = np.array([[0.0, 0.0], PAIR[0], PAIR.sum(axis=0), PAIR[1]])
    adjacent = area(TRIANGLE, np.roll(TRIANGLE, -1, axis=0))
    rows = [
        {"panel": name, "point": k, "x1": x, "x2": y, "wedge": value}
        for name, value, points in zip(("a∧b", "b∧a"), values, (corners, corners[[0, 3, 2, 1]]), strict=True)
        for k, (x, y) in enumerate(points)
    ]
    rows += [
        {"panel": "triangle", "point": k, "x1": x, "x2": y, "wedge": value}
        for k, ((x, y), value) in enumerate(zip(TRIANGLE, adjacent, strict=True))
    ]
    drawn = {"corners": corners, "values": values, "triangle": TRIANGLE, "adjacent": adjacent}
    return Measured(rows, findings, drawn)


def exact_areas(a: Array, b: Array) -> Array:
    """a_1 b_2 − a_2 b_1 of pairs (n, 2) in rational numbers, rounded once."""
    exact = [[Fraction(float(x)) for x in pair] for pair in np.hstack([a, b])]
    return np.array([float(p * s - q * r) for p, q, r, s in exact])


# --- Figures 3 and 4 ---------------------------------------------------------------------------------------------


def dictionary_figure() -> Measured:
    """Figure 3: columns of the dictionaries for p = 1 are positive parts of signed areas of triangles."""
    rng = np.random.default_rng(3)
    findings, rows = [], []
    for bias in (False, True):
        where = "triangles x_i, x_j, x_k" if bias else "triangles 0, x_i, x_j"
        data = [SAMPLES, *rng.normal(size=(20, 8, 2)), rng.integers(-2, 3, size=(8, 2)) + 0.5]
        off, side, count = 0.0, 0.0, 0
        for X in data:
            for chosen in _lines(X, bias):
                areas, base, entries = _column(X, chosen, bias, norm=1)
                off = largest(off, _most(entries - np.maximum(2.0 * areas, 0.0) / np.abs(base).sum()) / np.abs(X).max())
                right = _right_of(X, X[chosen[1]] if bias else np.zeros(2), base)
                clear = np.abs(areas) > 1e-9
                side, count = largest(side, _share((entries > 0) != right, clear)), count + 1
        findings += [
            Finding(
                f"{'with' if bias else 'without'} bias: entries are twice the positive part of the signed area / "
                "‖base‖₁",
                f"{count} columns, {where}",
                off,
            ),
            Finding(
                f"{'with' if bias else 'without'} bias: non-zero iff x_i is right of the line",
                f"{count} columns, by angle",
                side,
            ),
        ]
        rows += _drawn_rows(bias, norm=1)
    drawn = [row for row in rows if row["panel"] == "with bias" and abs(row["signed"]) > 1e-9]
    clockwise = [_clockwise(SAMPLES[[row["sample"], THROUGH, SECOND]]) for row in drawn]
    wrong = np.mean([(row["entry"] > 0) != turned for row, turned in zip(drawn, clockwise, strict=True)])
    findings.append(
        Finding(
            "with bias, the paper's remark, read in this order: positive iff x_i, x_j, x_k are clockwise",
            f"{len(drawn)} triangles drawn; the share that contradicts",
            float(wrong),
        )
    )
    return Measured(rows, findings, {"samples": SAMPLES, "through": (THROUGH, SECOND)})


def distance_figure() -> Measured:
    """Figure 4: for p = 2 they are positive parts of distances to the line through 0, or a second sample, and x_j."""
    rng = np.random.default_rng(4)
    findings, rows = [], []
    for bias in (False, True):
        hull = "the line through x_j and x_k" if bias else "the span of x_j"
        off, heights, count = 0.0, 0.0, 0
        for X in [SAMPLES, *rng.normal(size=(20, 8, 2))]:
            for chosen in _lines(X, bias):
                areas, base, entries = _column(X, chosen, bias, norm=2)
                feet = _feet(X, X[chosen[1]] if bias else np.zeros(2), base)
                distances = np.linalg.norm(X - feet, axis=1)
                off = largest(off, _most(entries - np.where(areas > 0, distances, 0.0)) / np.abs(X).max())
                heights = largest(heights, _most(2.0 * np.abs(areas) / np.linalg.norm(base) - distances))
                count += 1
        findings += [
            Finding(
                f"entries are positive parts of signed distances to {hull}", f"{count} columns, by least squares", off
            ),
            Finding("the distance is twice the area by the base", f"{count} columns", heights),
        ]
        rows += _drawn_rows(bias, norm=2)
    return Measured(rows, findings, {"samples": SAMPLES, "through": (THROUGH, SECOND)})


def _lines(X: Array, bias: bool) -> list[tuple[int, ...]]:
    """Samples that lines of the dictionary pass through, and that are apart."""
    pairs = combinations(range(len(X)), 2)
    if bias:
        return [(j, k) for j, k in pairs if np.linalg.norm(X[j] - X[k]) > 1e-9]
    return [(j,) for j in range(len(X)) if np.linalg.norm(X[j]) > 1e-9]


def _column(X: Array, chosen: tuple[int, ...], bias: bool, norm: int) -> tuple[Array, Array, Array]:
    """Signed areas of the triangles of x_i and the base by the shoelace formula, the base, and the neuron's outputs."""
    origin = X[chosen[1]] if bias else np.zeros(2)
    base = X[chosen[0]] - origin
    moved = X - origin
    areas = 0.5 * (moved[:, 0] * base[1] - moved[:, 1] * base[0])
    # the paper puts x_i first in the product, which in the plane is the other orientation
    weights, offsets = neurons([Blade(tuple(reversed(chosen)), (0, 1), -1)], X, norm, bias)
    return areas, base, np.maximum(X @ weights[0] + offsets[0], 0.0)


def _right_of(X: Array, origin: Array, base: Array) -> Array:
    """Whether samples are to the right of someone who walks from the origin along the base."""
    angles = np.angle(((X - origin) @ [1, 1j]) * np.conj(base @ [1, 1j]))
    return np.asarray((angles < 0) & (angles > -np.pi))


def _feet(X: Array, origin: Array, base: Array) -> Array:
    """The points of the line that are nearest to the samples, by least squares."""
    along = np.linalg.lstsq(base[:, None], (X - origin).T, rcond=None)[0][0]
    return np.asarray(origin + along[:, None] * base)


def _clockwise(corners: Array) -> bool:
    a, b, c = corners @ [1, 1j]
    return bool(np.angle((c - a) / (b - a)) < 0)


def _drawn_rows(bias: bool, norm: int) -> list[dict[str, Any]]:
    """The column that is drawn, one row per sample."""
    chosen = (THROUGH, SECOND) if bias else (THROUGH,)
    areas, base, entries = _column(SAMPLES, chosen, bias, norm)
    feet = _feet(SAMPLES, SAMPLES[SECOND] if bias else np.zeros(2), base)
    return [
        {
            "panel": "with bias" if bias else "without bias",
            "sample": i,
            "x1": x,
            "x2": y,
            "signed": float(2.0 * area / np.linalg.norm(base, ord=norm)),
            "entry": float(entry),
            "foot1": float(foot[0]),
            "foot2": float(foot[1]),
        }
        for i, ((x, y), area, entry, foot) in enumerate(zip(SAMPLES, areas, entries, feet, strict=True))
    ]


# --- Figures 5 and 8 ---------------------------------------------------------------------------------------------

DISPERSED = np.radians([12.0, 31.0, 47.0, 88.0, 104.0, 141.0, 163.0])  # lines through samples
LENGTHS = np.array([1.3, 0.8, 1.6, 1.1, -1.4, 0.9, -1.2])  # the last few of them point downwards
ANGLES = np.radians(np.arange(1, 180))
CHORD = np.radians(80.0)  # the chamber that Figure 8 shows
CHAMBER = 1e-9


def dispersion_figure() -> Measured:
    """Figure 5: the widest angle between neighbouring lines is that of the largest chamber, and bounds its diameter."""
    X = LENGTHS[:, None] * np.column_stack([np.cos(DISPERSED), np.sin(DISPERSED)])
    rng = np.random.default_rng(5)
    data = [X, *rng.normal(size=(30, 9, 2))]
    widest, across, rays = [], [], []
    for each in data:
        report, cells = chamber_report(each, bias=False), chambers(each)
        sizes = [diameter(generators) for generators in cells]
        widest.append(abs(report.dispersion - max(gaps_of(each)[1])))
        across.append(
            largest(abs(report.diameter - max(sizes)), abs(max(sizes) - 2.0 * np.sin(0.5 * report.dispersion)))
        )
        arcs = np.sort([2.0 * np.arcsin(0.5 * size) for size in sizes])
        rays.append(_most(arcs - np.sort(np.repeat(gaps_of(each)[1], 2))))
    checked = f"{len(data)} data sets, chambers listed"
    findings = [
        Finding(
            "ε, the widest angle between neighbouring lines, is that of chamber_report",
            checked,
            largest(*widest),
            CHAMBER,
        ),
        Finding("the chambers of w are as wide as the angles between lines", checked, largest(*rays), CHAMBER),
        Finding("the maximum chamber diameter is D = 2 sin(ε/2)", checked, largest(*across), CHAMBER),
    ]
    angles, gaps = gaps_of(X)
    rows = [
        {"panel": "lines", "angle_deg": float(np.degrees(angle)), "gap_after_deg": float(np.degrees(gap))}
        for angle, gap in zip(angles, gaps, strict=True)
    ]
    rows += [
        {"panel": "chambers", "chamber": k, "w1": w[0], "w2": w[1], "diameter": diameter(generators)}
        for k, generators in enumerate(chambers(X))
        for w in generators
    ]
    return Measured(rows, findings, {"samples": X, "angles": angles, "gaps": gaps, "chambers": chambers(X)})


def chord_figure() -> Measured:
    """Figure 8: the chord of a chamber of angle ε is cos(ε/2) from 0, which is more than 1 − D."""
    rows, off, above = [], 0.0, -np.inf
    for angle in ANGLES:
        ends = np.array([[np.cos(0.5 * angle), np.sin(0.5 * angle)], [np.cos(0.5 * angle), -np.sin(0.5 * angle)]])
        distance, D = hull_distance(ends), diameter(ends)
        off, above = largest(off, abs(distance - np.cos(0.5 * angle))), largest(above, 1.0 - D - distance)
        rows.append(
            {
                "angle_deg": float(np.degrees(angle)),
                "measured": distance,
                "cos_half": float(np.cos(0.5 * angle)),
                "one_minus_D": 1.0 - D,
            }
        )
    turned = np.linspace(-0.5 * CHORD, 0.5 * CHORD, 1001)
    shares = np.linalg.solve(
        np.array([[np.cos(0.5 * CHORD)] * 2, [np.sin(0.5 * CHORD), -np.sin(0.5 * CHORD)]]),
        np.vstack([np.cos(turned), np.sin(turned)]),
    )
    stretch = float(shares.sum(axis=0).max())
    checked = f"{len(ANGLES)} angles from 1° to 179°"
    findings = [
        Finding("the chord is cos(ε/2) from 0", f"{checked}, by non-negative least squares", off, 1e-6),
        Finding("cos(ε/2) ≥ 1 − D, D = 2 sin(ε/2)", checked, largest(0.0, above)),
        Finding(
            "the triangle of the chord, stretched by 1/cos(ε/2), covers the arc and no less does (ε = "
            f"{np.degrees(CHORD):.0f}°)",
            f"{len(turned)} points of the arc",
            abs(stretch * np.cos(0.5 * CHORD) - 1.0),
        ),
    ]
    return Measured(rows, findings, {"angle": CHORD})


def _most(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _share(wrong: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(np.mean(wrong[among])) if among.any() else 0.0
