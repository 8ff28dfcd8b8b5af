"""Lemmas 11 and 12 and Theorem 13: samples that keep lengths have small chambers."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from bladenet.chambers import chamber_report
from bladenet.isometry import gaussian_diameter, isometry_constant, isometry_diameter
from bladenet.losses import Array
from bladenet.reproduce.enumeration import chambers, diameter, directions, isometry
from bladenet.reproduce.findings import largest
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.data import regressions
from bladenet.reproduce.theorems.near_networks import widest_gap
from bladenet.reproduce.theorems.rows import Row, changed

SEED = 4
SEARCHED = 1e-6  # absolute, of a search for chambers
PROBABILITY = 0.99
TRIALS, MANY = 100, 20_000  # sets of Gaussian samples, and of how many
SOME, FEWER = 5, 4_000  # the same where that is slow
OF_DIRECTIONS = 100
SECTIONS = (10, 100, 1000)  # dimensions of the ball that is cut
RIGHT_ANGLE = np.sqrt(2.0)


def lemma_11() -> Claim:
    """Isometry implies small chambers."""
    worst, nearest, count = 0.0, 0.0, 0
    for d, n in ((2, 30), (3, 14)):
        data = [X for _, X, _ in regressions(n, d, SEED)]
        for X in data if d > 2 else [*data, _regular(n)]:
            D = max(diameter(generators) for generators in chambers(X))
            delta, report = isometry(X), chamber_report(X, bias=False)
            bound = isometry_diameter(delta)
            # in space the package's isometry is a bound
            worst = largest(worst, abs(isometry_constant(X) - delta) if d == 2 else delta - isometry_constant(X))
            if D <= RIGHT_ANGLE:  # beyond it generators are not the farthest points
                worst = largest(worst, abs(report.diameter - D))
            worst, nearest, count = largest(worst, D - bound), max(nearest, D / bound), count + 1
    return Claim(
        "Lemma 11",
        "(1 − δ)‖w‖ ≤ κ‖X w‖₁ ≤ (1 + δ)‖w‖ for all w implies a chamber diameter of at most 4√δ",
        f"δ and D from all chambers, listed: {count} data sets, n = 30 and 14, d = 2 and 3, one of samples at equal "
        "angles; against chamber_report and isometry_constant",
        worst,
        SEARCHED,
        remark=f"Derived again: D ≤ 4√δ/(1 + δ), sharper. At equal angles D is {nearest:.2%} of it. (The constant of "
        "the source text is lost.)",
    )


def lemma_12() -> Claim:
    """Gaussian samples have small chambers."""
    rng = np.random.default_rng(SEED)
    promised = gaussian_diameter(MANY, 2, PROBABILITY)
    measured = np.array([2.0 * np.sin(0.5 * widest_gap(rng.normal(size=(MANY, 2)))) for _ in range(TRIALS)])
    outside, tightest = float((~(measured <= promised)).mean()), 0.0  # NaN is outside
    for d in (3, 10, 100):
        reached = np.array([_isometry_reached(rng.normal(size=(FEWER, d)), rng) for _ in range(SOME)])
        shares = reached / gaussian_diameter(FEWER, d, PROBABILITY)
        outside, tightest = largest(outside, float((~(shares <= 1.0)).mean())), largest(tightest, *shares)
    enough = next((n for n in range(100, 1_000_000, 100) if gaussian_diameter(n, 2, PROBABILITY) < 1.0), np.inf)
    return Claim(
        "Lemma 12",
        "n normal samples in R^d: D is at most a constant times (d/n)^¼ with high probability",
        f"{TRIALS} sets, n = {MANY}, d = 2, D by sorting; and the isometry behind it for n = {FEWER}, d = 3, 10, 100, "
        f"‖X w‖₁ at principal and random directions; probability {PROBABILITY:g}; deviation: the share of sets outside",
        outside,
        1.0 - PROBABILITY,
        remark=f"Derived again with Gordon’s inequality: the isometry found takes {tightest:.0%} of the bound on D. "
        f"D itself is far smaller: for d = 2 at most {measured.max():.4f}, promised {promised:.2f}. It falls like "
        f"log(n)/n, not n^−¼; so Theorem 7 gets something (D < 1) from n = {enough:,} on. (The printed constants are "
        "lost.)",
    )


def _isometry_reached(X: Array, rng: np.random.Generator) -> float:
    """The bound on D by the isometry constant that some directions show: the true one is at least that."""
    principal = np.linalg.svd(X, full_matrices=False)[2]
    tried = np.vstack([principal, directions(OF_DIRECTIONS, X.shape[1], rng)])
    lengths = np.abs(X @ tried.T).sum(axis=0)
    low, high = float(lengths.min()), float(lengths.max())
    return isometry_diameter((high - low) / (high + low))


def _regular(n: int) -> Array:
    """Samples of equal length at equal angles: all chambers are alike."""
    angles = np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles)])


def theorem_13() -> Claim:
    """Dvoretzky's theorem, on sections of the ℓ1 ball."""
    rng = np.random.default_rng(SEED)
    worst, ratios = 0.0, []
    for n in SECTIONS:
        X = rng.normal(size=(n, 2))
        low, high = _radii(X)
        worst = largest(worst, abs((high - low) / (high + low) - isometry_constant(X)))
        ratios.append(high / low)
    rising = largest(0.0, *np.diff(ratios))
    text = ", ".join(f"{ratio:.3f} at n = {n}" for ratio, n in zip(ratios, SECTIONS, strict=True))
    return Claim(
        "Theorem 13",
        "symmetric convex bodies have nearly round sections (Dvoretzky); for the ℓ1 ball this is the isometry of "
        "Lemma 11",
        f"plane sections {{w: ‖X w‖₁ ≤ 1}}, X normal, n = {', '.join(map(str, SECTIONS))}: radii at all corners and "
        "10⁵ angles against isometry_constant",
        largest(worst, rising),
        SEARCHED,
        remark=f"Outer by inner radius: {text}. An illustration: one body, random planes.",
    )


def _radii(X: Array) -> tuple[float, float]:
    """The inner and the outer radius of {w: ‖X w‖₁ ≤ 1} in the plane, tried at its corners and many angles."""
    corners = np.column_stack([-X[:, 1], X[:, 0]]) / np.linalg.norm(X, axis=1)[:, None]
    angles = np.linspace(0.0, np.pi, 100_000)
    tried = np.vstack([corners, np.column_stack([np.cos(angles), np.sin(angles)])])
    lengths = np.concatenate([np.abs(part @ X.T).sum(axis=1) for part in np.array_split(tried, 100)])
    return float(1.0 / lengths.max()), float(1.0 / lengths.min())


_HERE = sys.modules[__name__]
_CONSTANTS = (
    changed("isometry constant × 0.99", _HERE, "isometry_constant", lambda delta: 0.99 * delta),
    changed("isometry constant is NaN", _HERE, "isometry_constant", lambda delta: np.nan),
)
ISOMETRIES = (
    Row(
        "Lemma 11",
        lemma_11,
        (
            *_CONSTANTS,
            changed("the bound × 0.9", _HERE, "isometry_diameter", lambda D: 0.9 * D),
            changed("the bound is NaN", _HERE, "isometry_diameter", lambda D: np.nan),
            changed(
                "chamber_report: D × 0.9", _HERE, "chamber_report",
                lambda report: replace(report, diameter=0.9 * report.diameter),
            ),
        ),
    ),
    Row(
        "Lemma 12",
        lemma_12,
        (
            changed("half the bound", _HERE, "gaussian_diameter", lambda D: 0.5 * D),
            changed("the bound is NaN", _HERE, "gaussian_diameter", lambda D: np.nan),
            changed("isometry × 1.3", _HERE, "_isometry_reached", lambda D: 1.3 * D),
            changed("isometry is NaN", _HERE, "_isometry_reached", lambda D: np.nan),
            changed("widest angle is NaN", _HERE, "widest_gap", lambda angle: np.nan),
        ),
    ),
    Row("Theorem 13", theorem_13, _CONSTANTS),
)  # fmt: skip
