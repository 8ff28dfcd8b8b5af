"""Theorems 1, 2, 3, 6 and 22: for d = 1 or p = 1 the dictionary of signed volumes holds a global optimum.

The optimum of all networks is that of the program over hyperplane arrangements. Against it stand the Lasso on the
paper's dictionary, solved by the same solver, the network that the paper builds from its solution, and what
:func:`bladenet.train` returns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from bladenet.losses import Array, Index
from bladenet.network import ReLUNetwork
from bladenet.reproduce.convex_programs import best_network, lasso
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.one_dimension import kinks
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.data import KINDS, regressions, signs
from bladenet.reproduce.theorems.dictionaries import NONE, POINTS, Dictionary, dictionary
from bladenet.reproduce.theorems.returned import objective, off_optimum, outputs
from bladenet.reproduce.theorems.rows import Mutant, Row, changed, of_blades, of_fits
from bladenet.training import train

BETA, TOL = 0.1, 1e-8
SEED = 1
Case = tuple[Array, Array, str]  # samples, targets and loss


def theorem_1() -> Claim:
    """One feature."""
    found = list(cases(8, 1))
    deviation = largest(*(largest_deviation(found, norm=norm, bias=True) for norm in (1, 2)))
    fits = [train(X, y, beta=BETA, loss=loss, tol=TOL) for X, y, loss in found]
    away = largest(*(kinks_off_samples(fit.network, X) for fit, (X, _, _) in zip(fits, found, strict=True)))
    pieces = max(len(np.unique(kinks(fit.network))) + 1 - len(fit.network) for fit in fits)
    return Claim(
        "Theorem 1",
        "d = 1: a Lasso on (x_i − x_j)_+ and (x_j − x_i)_+ is the network problem, for every p; break points are "
        "samples",
        _checked(found, 8, 1) + "; p = 1, 2",
        largest(deviation, away),
        remark=f"Kinks at most {away:.1g} off a sample. With k kinks there are k + 1 pieces: up to {pieces} more "
        "than neurons.",
    )


def theorem_2() -> Claim:
    """Two features, no bias."""
    found = list(cases(8, 2))
    without = excess(found, bias=False, basis=NONE)
    return Claim(
        "Theorem 2",
        "d = 2, p = 1, no bias: a Lasso on areas of triangles (0, x_i, x_j) is the network problem",
        _checked(found, 8, 2),
        largest_deviation(found, norm=1, bias=False),
        remark=f"The x_j must include e_1 and e_2, the augmented samples; on samples alone up to {without:.1%} above.",
    )


def theorem_3() -> Claim:
    """Two features with biases."""
    found = list(cases(7, 2))
    points = excess(found, bias=True, basis=POINTS)
    return Claim(
        "Theorem 3",
        "d = 2, p = 1, biases: a Lasso on areas of triangles of three samples is the network problem",
        _checked(found, 7, 2),
        largest_deviation(found, norm=1, bias=True),
        printed=points,
        remark=f"The added e_c are directions (w ⟂ e_c), not corners of triangles: as points up to {points:.1%} "
        "above the optimum.",
    )


def theorem_6() -> Claim:
    """Any number of features, no bias."""
    found = list(cases(8, 3)) + [(X @ np.eye(2, 3) + X[:, :1] * [0.0, 0.0, 2.0], y, loss) for X, y, loss in cases(7, 2)]
    reduced = _cost_of_rank_reduction()
    return Claim(
        "Theorem 6",
        "p = 1, no bias: a Lasso on volumes of parallelotopes is the network problem",
        f"{_checked(found, 8, 3)}, half of them of rank 2",
        largest_deviation(found, norm=1, bias=False),
        remark="Holds for X of any rank, since the e_c span all. The proof's first step, dropping null directions "
        f"by an SVD, is wrong for p = 1: on samples along (2, 1) it costs {reduced:.1%}.",
    )


def theorem_22() -> Claim:
    """Any number of features with biases."""
    found = list(cases(6, 3))
    points = excess(found, bias=True, basis=POINTS)
    return Claim(
        "Theorem 22",
        "p = 1, biases: the same with volumes seen from each sample",
        _checked(found, 6, 3),
        largest_deviation(found, norm=1, bias=True),
        printed=points,
        remark=f"As in Theorem 3; with e_c as points up to {points:.1%} above the optimum.",
    )


def cases(n: int, d: int) -> Iterator[Case]:
    """Every kind of samples, with the squared and the hinge loss."""
    for _, X, y in regressions(n, d, SEED):
        yield X, y, "squared"
        yield X, signs(y), "hinge"


def largest_deviation(found: list[Case], *, norm: int, bias: bool) -> float:
    """Of the Lasso on the dictionary, of the network of its z*, and of trained networks, from the optimum; relative."""
    worst = 0.0
    for X, y, loss in found:
        optimum = best_network(X, y, BETA, norm=norm, bias=bias, loss=loss).value
        columns = dictionary(X, norm=norm, bias=bias)
        worst = largest(worst, off_solution(columns, X, y, optimum, norm=norm, bias=bias, loss=loss))
        fit = train(X, y, beta=BETA, norm=norm, bias=bias, loss=loss, tol=TOL)
        vertices = norm == 1 or X.shape[1] == 1
        worst = largest(
            worst, off_optimum(fit, X, y, BETA, optimum, norm=norm, bias=bias, loss=loss, vertices=vertices)
        )
    return worst


def off_solution(
    columns: Dictionary, X: Array, y: Array, optimum: float, *, norm: int, bias: bool, loss: str, beta: float = BETA
) -> float:
    """How far the Lasso on a dictionary is from an optimum, and the network of its z* from both; relative.

    That network is built from Hodge duals, the columns from volumes; at the samples it must be K z* + t.
    """
    found = lasso(columns.K, y, beta, bias=bias, loss=loss)
    network = columns.network(found)
    f = columns.K @ found.u + found.t
    built = objective(network, X, y, beta, norm=norm, loss=loss)
    same = float(np.abs(outputs(network, X) - f).max() / (1.0 + np.abs(f).max()))
    return largest(off(found.value, optimum), off(built, optimum), same)


def excess(found: list[Case], *, bias: bool, basis: str) -> float:
    """How far above the optimum the Lasso on another reading of the dictionary is, at worst; relative, p = 1."""
    ratios = [
        lasso(dictionary(X, norm=1, bias=bias, basis=basis).K, y, BETA, bias=bias, loss=loss).value
        / best_network(X, y, BETA, norm=1, bias=bias, loss=loss).value
        for X, y, loss in found
    ]
    return max(ratios) - 1.0


def kinks_off_samples(network: ReLUNetwork, X: Array) -> float:
    """The largest distance of a kink from its nearest sample, relative to the extent of the samples."""
    distances = np.abs(kinks(network)[:, None] - X[:, 0]).min(axis=1)
    return float(distances.max(initial=0.0) / np.ptp(X))


def _cost_of_rank_reduction() -> float:
    """What weights in the span of samples along (2, 1) cost more than all weights, for p = 1, to fit |x| exactly."""
    along = np.array([2.0, 1.0])
    X = np.random.default_rng(SEED).normal(size=(8, 1)) * along
    y, weight = np.linalg.norm(X, axis=1), along / np.abs(along).sum()
    in_span = np.maximum(X @ np.column_stack([weight, -weight]), 0.0)
    least = best_network(X, y, 1.0, norm=1, bias=False, loss="exact").value
    return lasso(in_span, y, 1.0, bias=False, loss="exact").value / least - 1.0


def _checked(found: list[Case], n: int, d: int) -> str:
    return (
        f"train, the Lasso and the network of its z* against the arrangement program: {len(found)} data sets, n ≤ {n}, "
        f"d = {d} ({', '.join(KINDS)}), squared and hinge loss"
    )


def _wrong_dictionaries() -> tuple[Mutant, ...]:
    """Ways in which the dictionary of p = 1 could be wrong."""

    def settings(**wrong: object) -> Callable[[Callable[..., Dictionary]], Callable[..., Dictionary]]:
        return lambda original: lambda X, **given: original(X, **(wrong | given if "basis" in given else given | wrong))

    return (
        changed("half of the columns", _HERE, "dictionary", half),
        changed("one orientation only", _HERE, "dictionary", lambda columns: part(columns, _upwards(columns))),
        Mutant("columns without basis vectors", _HERE, "dictionary", settings(basis=NONE)),
        Mutant("columns of the wrong length", _HERE, "dictionary", settings(norm=2)),
        changed(
            "neurons the other way round", _HERE, "dictionary",
            lambda columns: replace(columns, weights=-columns.weights, offsets=-columns.offsets),
        ),
    )  # fmt: skip


def half(columns: Dictionary) -> Dictionary:
    """Every second column."""
    return part(columns, np.arange(0, columns.K.shape[1], 2))


def part(columns: Dictionary, kept: Index) -> Dictionary:
    """Some of the columns."""
    return Dictionary(columns.K[:, kept], columns.weights[kept], columns.offsets[kept])


def _upwards(columns: Dictionary) -> Index:
    first = np.abs(columns.weights).argmax(axis=1)
    return np.flatnonzero(np.take_along_axis(columns.weights, first[:, None], axis=1)[:, 0] > 0)


_HERE = sys.modules[__name__]
_FITS = (*of_fits(_HERE), *of_blades(_HERE))
_COLUMNS = _wrong_dictionaries()
EXACT_NETWORKS = (
    Row("Theorem 1", theorem_1, (*_FITS[:-1], *_COLUMNS[:2], _COLUMNS[-1])),
    Row("Theorem 2", theorem_2, (*_FITS, *_COLUMNS)),
    Row("Theorem 3", theorem_3, (*_FITS, *_COLUMNS)),
    Row("Theorem 6", theorem_6, (*_FITS, *_COLUMNS)),
    Row("Theorem 22", theorem_22, (*_FITS, *_COLUMNS)),
)
