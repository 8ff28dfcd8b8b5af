"""Theorems 4, 5, 7, 23 and Corollary 8: for p = 2 neurons through samples are near-optimal if chambers are small."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bladenet.chambers import chamber_report
from bladenet.losses import Array
from bladenet.reproduce.convex_programs import Solution, best_network, best_outputs, group_lasso, lasso
from bladenet.reproduce.enumeration import (
    all_neurons,
    chambers,
    diameter,
    directions,
    gaps_of,
    hidden,
    hull_distance,
    nearest_of_hull,
    unit,
)
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.theorems.claims import Claim, of_enough
from bladenet.reproduce.theorems.data import KINDS, regressions
from bladenet.reproduce.theorems.dictionaries import Dictionary, dictionary
from bladenet.reproduce.theorems.exact_networks import BETA, TOL, half, off_solution
from bladenet.reproduce.theorems.returned import objective, off_optimum
from bladenet.reproduce.theorems.rows import Mutant, Row, changed, of_blades, of_fits
from bladenet.training import train

SEED = 2
SMALL = 1e-3  # the β that stands for its limit 0
LARGE = 1e3  # targets beside which β is so small that the network of least objective all but interpolates
INTERPOLATED = 1e-6  # relative: what bladenet proves of penalties where rounding limits the proof
INTERPOLATED_SAMPLES = (8, 24, 48)


@dataclass(frozen=True)
class Sandwich:
    """p* ≤ p̂ ≤ p*/c on one data set.

    Attributes
    ----------
    best : Solution, the optimum of all networks, from the arrangement program
    vertices : p̂, the optimum over the dictionary
    apart : of what bladenet returns, and of the network of the dictionary's z*, from that; relative
    factor : c > 0
    """

    best: Solution
    vertices: float
    apart: float
    factor: float

    @property
    def excess(self) -> float:
        """p̂/p* − 1."""
        return self.vertices / self.best.value - 1.0

    @property
    def allowed(self) -> float:
        """What is promised of the excess: p̂ ≤ min(p*/c, p* + (1/c − 1) β R*), R* the optimum's penalty."""
        return (1.0 / self.factor - 1.0) * min(1.0, BETA * self.best.penalty / self.best.value)

    @property
    def violation(self) -> float:
        """By how much the promise, or p* ≤ p̂, fails, relative to p*."""
        return largest(0.0, -self.excess, self.excess - self.allowed)


def theorem_4() -> Claim:
    """Two features, no bias."""
    found = []
    for _, X, y in regressions(12, 2, SEED):
        for targets in (y, _between_lines(X)):
            found.append(sandwich(X, targets, False, np.cos(0.5 * widest_gap(X))))
    narrow = _in_narrow_cone(np.random.default_rng(SEED))
    neighbours = float(np.diff(np.sort(np.arctan2(narrow[:, 1], narrow[:, 0]))).max())
    there = sandwich(narrow, narrow[:, 0], False, np.cos(0.5 * neighbours))
    return Claim(
        "Theorem 4",
        "d = 2, p = 2, no bias: distances to spans of samples are near-optimal if lines through samples are dense "
        "in angle",
        _checked(found, 12, 2) + ", targets random or of the neuron in the middle of the widest angle; c = cos(ε/2), ε "
        "that angle, by sorting",
        worst(found),
        remark=f"{_measured(found)} It takes up to {_used(found):.1%} of what is allowed. "
        f"The gap across 180° counts too: in a cone of 20° neighbours are within "
        f"{np.degrees(neighbours):.1f}°, yet p̂ is {there.excess:.0%} above p*, where that angle alone would "
        f"allow {1.0 / there.factor - 1.0:.2%}.",
    )


def theorem_5() -> Claim:
    """Two features with biases."""
    found = []
    for _, X, y in regressions(9, 2, SEED):
        anchors = np.unique(X, axis=0)
        corner = max(anchors, key=lambda anchor: widest_gap(X - anchor))
        for targets in (y, _between_lines(X - corner)):
            found.append(sandwich(X, targets, True, np.cos(0.5 * widest_gap(X - corner))))
    X = np.random.default_rng(SEED).normal(size=(200, 2))
    report = chamber_report(X)
    return Claim(
        "Theorem 5",
        "d = 2, p = 2, biases: the same with distances to lines through two samples and the angles seen from each "
        "sample",
        _checked(found, 9, 2) + "; c = cos(ε/2), ε the widest over all samples",
        worst(found),
        remark=f"{_measured(found)} It takes up to {_used(found):.0%} of what is allowed. "
        "ε is never small: a corner of the convex hull sees all samples in less than "
        f"180°, and with h corners ε ≥ 360°/h. For 200 normal samples ε = {np.degrees(report.dispersion):.0f}°, 1/c "
        f"− 1 = {1.0 / report.diameter_factor - 1.0:.1%}; bladenet treats outer chambers apart and proves "
        f"{report.excess:.1%}. In R² the blades are 1-blades of differences, not 2-blades.",
    )


def theorem_7() -> Claim:
    """Any number of features, no bias."""
    kinds = (12, 3, KINDS), (24, 2, KINDS), (24, 3, ("random", "grid"))
    data = [(X, y) for n, d, of in kinds for _, X, y in regressions(n, d, SEED, of)]
    data += [(X, np.random.default_rng(SEED).normal(size=len(X))) for X in (np.eye(3), _spread(24))]
    paper, sharper = [], []
    for X, y in data:
        cells = chambers(X)
        D = max(diameter(generators) for generators in cells)
        for targets in (y, _far_neuron(X, cells)):
            found = sandwich(X, targets, False, 1.0 - D)
            paper.append(found)
            sharper.append(replace(found, factor=diameter_factor(D, X.shape[1])))
    bounded, bounded_sharper = ([each for each in found if each.factor > 0.0] for found in (paper, sharper))
    spread = sharper[-1]
    return Claim(
        "Theorem 7",
        "p = 2, no bias: near-optimal with the factor 1 − D, D the maximum chamber diameter; gap at most (1/c − 1) "
        "β R*",
        _checked(bounded, 24, "2, 3") + ", targets random or of one neuron far from all blades; D from all chambers, "
        "listed",
        of_enough(largest(worst(bounded), worst(bounded_sharper)), len(bounded)),
        remark=f"{_measured(bounded)} 1 − D says nothing where D ≥ 1 ({len(paper) - len(bounded)} of {len(paper)} "
        f"problems); elsewhere p̂ takes at most {_used(bounded):.0%} of what it allows. c = √(1 − D²(r−1)/(2r)) needs "
        f"no more, says something in {len(bounded_sharper)} and is used up to {_used(bounded_sharper):.0%}: "
        f"{spread.factor:.3f} for {paper[-1].factor:.3f} on 24 well-spread samples, where p̂ is {spread.excess:.1%} "
        "above p*.",
    )


def corollary_8() -> Claim:
    """Interpolation."""
    deviation, ratios, allowed, sharpest, limit = 0.0, [], [], 0.0, 0.0
    for n in INTERPOLATED_SAMPLES:
        X = np.random.default_rng([SEED, n]).normal(size=(n, 2))
        columns, gap = dictionary(X, norm=2, bias=False), widest_gap(X)
        D = 2.0 * np.sin(0.5 * gap)
        for y in (np.random.default_rng(n).normal(size=n), _between_lines(X) / LARGE):
            least = best_network(X, y, 1.0, norm=2, bias=False, loss="exact").value
            vertices = lasso(columns.K, y, 1.0, bias=False, loss="exact").value
            settings: dict[str, Any] = {"norm": 2, "bias": False, "loss": "exact"}
            deviation = largest(deviation, off_solution(columns, X, y, vertices, beta=1.0, **settings))
            for only, optimum in ((False, least), (True, vertices)):
                fit = train(X, y, beta=0, bias=False, vertices_only=only, tol=TOL)
                deviation = largest(deviation, off_optimum(fit, X, y, 1.0, optimum, vertices=only, **settings))
            ratio = vertices / least
            deviation = largest(deviation, 1.0 - ratio, ratio * np.cos(0.5 * gap) - 1.0)
            if D < 1.0:
                deviation = largest(deviation, ratio * (1.0 - D) - 1.0)
                allowed.append(1.0 / (1.0 - D))
                ratios.append(ratio)
            sharpest = largest(sharpest, ratio * np.cos(0.5 * gap))
        if n == INTERPOLATED_SAMPLES[0]:
            limit = off(best_network(X, y, SMALL, norm=2, bias=False).value / SMALL, least)
    return Claim(
        "Corollary 8",
        "β → 0: the least ‖z‖₁ with K z = y is within 1/(1 − ε) of the least penalty of a network that interpolates, "
        "if D ≤ ε",
        "train(beta=0), also with vertices_only, and the network of z*, against the arrangement program with equality "
        f"and the dictionary: n = {', '.join(map(str, INTERPOLATED_SAMPLES))}, d = 2, no bias, targets random or of "
        "the neuron in the middle of the widest angle",
        of_enough(deviation, len(ratios)),
        allowed=INTERPOLATED,
        remark=f"p̂/p* is up to {max(ratios):.4f} where 1/(1 − D) allows {min(allowed):.2f} to {max(allowed):.2f}; of "
        f"1/cos(ε/2), which holds too, it reaches {sharpest:.2%}. At β = {SMALL:g} p*(β)/β is within {limit:.1%} of "
        "the limit.",
    )


def theorem_23() -> Claim:
    """Several outputs."""
    deviation, excesses, allowed, seen = 0.0, [], [], 0.0
    rng = np.random.default_rng(SEED)
    data = [(X, rng.normal(size=(len(X), 2))) for _, X, _ in regressions(8, 2, SEED)]
    data += [(X, np.outer(_between_lines(X), [0.6, -0.8])) for X, _ in data[:2]]
    for X, Y in data:
        columns = dictionary(X, norm=1, bias=False)
        exact = group_lasso(columns.K, Y, BETA, bias=False)
        fit = train(X, Y, beta=BETA, norm=1, bias=False, tol=TOL)
        deviation = largest(
            deviation,
            off_optimum(fit, X, Y, BETA, exact.value, norm=1, bias=False, vertices=True),
            off(objective(columns.network(exact), X, Y, BETA, norm=1), exact.value),
        )
        seen = largest(seen, _largest_dual(X, Y - columns.K @ exact.u.reshape(-1, Y.shape[1]), rng) / BETA)
        apart = train(X, Y, beta=BETA, norm=1, bias=False, output_norm=1, tol=TOL)
        each = sum(best_network(X, y, BETA, norm=1, bias=False).value for y in Y.T)
        lassos = sum(lasso(columns.K, y, BETA, bias=False).value for y in Y.T)
        deviation = largest(
            deviation,
            off_optimum(apart, X, Y, BETA, each, norm=1, bias=False, output_norm=1, vertices=True),
            off(lassos, each),
        )
        best = best_outputs(X, Y, BETA)
        fit = train(X, Y, beta=BETA, bias=False, tol=TOL)
        deviation = largest(deviation, off_optimum(fit, X, Y, BETA, best, norm=2, bias=False))
        columns = dictionary(X, norm=2, bias=False)
        vertices = group_lasso(columns.K, Y, BETA, bias=False)
        fit = train(X, Y, beta=BETA, bias=False, vertices_only=True, tol=TOL)
        deviation = largest(
            deviation,
            off_optimum(fit, X, Y, BETA, vertices.value, norm=2, bias=False, vertices=True),
            off(objective(columns.network(vertices), X, Y, BETA, norm=2), vertices.value),
            fit.certificate.lower_bound / best - 1.0,
        )
        excesses.append(vertices.value / best - 1.0)
        allowed.append(1.0 / np.cos(0.5 * widest_gap(X)) - 1.0)
        deviation = largest(deviation, -excesses[-1], excesses[-1] - allowed[-1])
    return Claim(
        "Theorem 23",
        "several outputs: a group Lasso on the same dictionary is exact for p = 1 and near-optimal for p = 2",
        f"group Lassos on volumes and the networks of their z*: {len(excesses)} data sets ({', '.join(KINDS)}), n = 8, "
        "d = 2, two outputs, random or of the neuron in the middle of the widest angle; p = 1: their "
        "residuals at 20,000 directions of neurons, and arrangement programs for "
        "groups in the norm 1; p = 2: the optimum of all networks, a semidefinite program; and train for each, for p = "
        "2 also with vertices_only",
        largest(deviation, seen - 1.0),
        remark=f"Tried directions reach {seen:.9f} β at most. For p = 2 up to {max(excesses):.1%} above the optimum, "
        f"where c allows {min(allowed):.0%} to {max(allowed):.0%}. The paper's norm of a group is p; any norm is as "
        "good, as that of a linear map is convex.",
    )


def sandwich(X: Array, y: Array, bias: bool, factor: float) -> Sandwich:
    """The optima of p = 2, and what is returned for the second."""
    best = best_network(X, y, BETA, norm=2, bias=bias)
    columns = dictionary(X, norm=2, bias=bias)
    vertices = lasso(columns.K, y, BETA, bias=bias).value
    fit = train(X, y, beta=BETA, bias=bias, vertices_only=True, tol=TOL)
    apart = largest(
        off_solution(columns, X, y, vertices, norm=2, bias=bias, loss="squared"),
        off_optimum(fit, X, y, BETA, vertices, norm=2, bias=bias, vertices=True),
        fit.certificate.lower_bound / best.value - 1.0,
    )
    return Sandwich(best, vertices, apart, float(factor))


def worst(found: list[Sandwich]) -> float:
    """The largest violation, or deviation of what is returned."""
    return largest(0.0, *(value for each in found for value in (each.violation, each.apart)))


def widest_gap(rows: Array) -> float:
    """The widest angle between neighbouring lines through 0 and the rows, by sorting."""
    return float(gaps_of(rows[rows.any(axis=1)])[1].max())


def diameter_factor(D: float, r: int) -> float:
    """The least distance from 0 of the hull of unit vectors in R^r that are at most D apart."""
    return float(np.sqrt(max(0.0, 1.0 - D**2 * (r - 1) / (2 * r))))


def _between_lines(rows: Array) -> Array:
    """Outputs of a neuron that neither of the two lines through 0 which are the farthest apart suits better."""
    angles, gaps = gaps_of(rows[np.linalg.norm(rows, axis=1) > 0])
    k = int(gaps.argmax())
    middle = angles[k] + 0.5 * gaps[k]
    return LARGE * _active(rows, np.array([-np.sin(middle), np.cos(middle)]))


def _in_narrow_cone(rng: np.random.Generator) -> Array:
    """Twelve samples of all lengths in a cone of 20°."""
    angles = np.radians(np.linspace(0.0, 20.0, 12))
    return rng.uniform(0.5, 1.5, size=(12, 1)) * np.column_stack([np.cos(angles), np.sin(angles)])


def _spread(n: int) -> Array:
    """n directions that cover a half-space evenly: a spiral of equal areas."""
    heights = (np.arange(n) + 0.5) / n
    turns = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(n)
    across = np.sqrt(1.0 - heights**2)
    return np.column_stack([across * np.cos(turns), across * np.sin(turns), heights])


def _far_neuron(X: Array, cells: list[Array]) -> Array:
    """Outputs of the neuron that needs the most of blades: nearest to 0 in the hull of a chamber's generators."""
    return LARGE * _active(X, unit(nearest_of_hull(min(cells, key=hull_distance))[None])[0])


def _active(X: Array, w: Array) -> Array:
    """Outputs of a neuron, or of its opposite where it is never active."""
    f = np.maximum(X @ w, 0.0)
    return f if f.any() else -X @ w


def _largest_dual(X: Array, V: Array, rng: np.random.Generator) -> float:
    """The largest ‖Vᵀ(Xw)_+‖ over directions with ‖w‖₁ = 1: random ones, and all that touch samples."""
    tried = directions(20_000, X.shape[1], rng)
    tried = np.vstack([tried / np.abs(tried).sum(axis=1, keepdims=True), all_neurons(X, 1, False)[0]])
    return float(np.linalg.norm(hidden(X, (tried, np.zeros(len(tried)))).T @ V, axis=1).max())


def _measured(found: list[Sandwich]) -> str:
    return f"p̂ is up to {largest(0.0, *(each.excess for each in found)):.1%} above p*."


def _used(found: list[Sandwich]) -> float:
    """The largest share of what is allowed."""
    return largest(0.0, *(each.excess / each.allowed for each in found))


def _checked(found: list[Sandwich], n: int, d: int | str) -> str:
    return (
        "p* ≤ p̂ ≤ p*/c with p* from the arrangement program and p̂ from train(vertices_only) and the dictionary: "
        f"{len(found)} problems, n ≤ {n}, d = {d}"
    )


def _random_lines(columns: Dictionary) -> Dictionary:
    """As many neurons, whose lines are random ones."""
    weights = directions(len(columns.offsets), columns.weights.shape[1], np.random.default_rng(SEED))
    return replace(columns, weights=weights)


def _of_random_lines(original: Any) -> Any:
    def wrong(X: Array, **settings: Any) -> Dictionary:
        columns = _random_lines(original(X, **settings))
        return replace(columns, K=hidden(X, (columns.weights, columns.offsets)))

    return wrong


_HERE = sys.modules[__name__]
_FITS = (*of_fits(_HERE), *of_blades(_HERE))
_COLUMNS = (
    changed("half of the columns", _HERE, "dictionary", half),
    Mutant("columns of random lines", _HERE, "dictionary", _of_random_lines),
    changed("neurons of random lines", _HERE, "dictionary", _random_lines),
)
_ANGLE = changed("angle × 0.9", _HERE, "widest_gap", lambda angle: 0.9 * angle)
NEAR_NETWORKS = (
    Row("Theorem 4", theorem_4, (*_FITS, *_COLUMNS, _ANGLE)),
    Row("Theorem 5", theorem_5, (*_FITS, *_COLUMNS, changed("angle × 0.5", _HERE, "widest_gap", lambda a: 0.5 * a))),
    Row("Theorem 7", theorem_7, (*_FITS, *_COLUMNS, changed("D × 0.9", _HERE, "diameter", lambda D: 0.9 * D))),
    Row("Corollary 8", corollary_8, (*_FITS, *_COLUMNS, _ANGLE)),
    Row("Theorem 23", theorem_23, (*_FITS, *_COLUMNS, _ANGLE)),
)
