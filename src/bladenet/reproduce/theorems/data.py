"""Samples on which the statements are checked: random ones, and those on which a proof that forgets a case breaks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bladenet.losses import Array

KINDS = ("random", "grid", "repeated", "parallel", "uneven")


def samples(kind: str, n: int, d: int, rng: np.random.Generator) -> Array:
    """n samples of d features; all but "random" are degenerate.

    "grid": small integers, so with ties and collinear samples; "repeated": every sample twice; "parallel": samples on
    common rays; "uneven": of sizes from 1/10 to 10.
    """
    X = rng.normal(size=(n, d))
    if kind == "grid":
        return np.vstack([np.eye(d), rng.integers(-2, 3, size=(n - d, d))]).astype(float)
    if kind == "repeated":
        return np.repeat(X, 2, axis=0)[:n]
    if kind == "parallel":
        return np.vstack([X[: n - n // 2], -2.0 * X[: n // 2]])
    return X * 10.0 ** rng.uniform(-1, 1, size=(n, 1)) if kind == "uneven" else X


def regressions(n: int, d: int, seed: int, kinds: tuple[str, ...] = KINDS) -> Iterator[tuple[str, Array, Array]]:
    """Each kind of samples with random targets, (kind, X, y)."""
    for k, kind in enumerate(kinds):
        rng = np.random.default_rng([seed, k])
        yield kind, samples(kind, n, d, rng), rng.normal(size=n)


def signs(y: Array) -> Array:
    """Targets of two classes, both of which occur."""
    return np.where(y > np.median(y), 1.0, -1.0)
