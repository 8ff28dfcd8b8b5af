"""Automobile or ship, by a piece of 8 × 8 pixels: its two leading principal components, logistic loss."""

from functools import partial

import numpy as np

from benchmarks.problems.pictures import photographs
from benchmarks.problems.problem import Build, Problem, standardised

SIDE, PER_PICTURE = 8, 100


def patches(n: int) -> Problem:
    pictures, classes = photographs()
    grey = pictures.mean(axis=3, dtype=np.float32)
    rng = np.random.default_rng(0)
    places = grey.shape[1] - SIDE + 1
    picture = np.repeat(np.arange(len(grey)), PER_PICTURE)
    row, column = rng.integers(0, places, size=(2, len(picture)))
    chosen = rng.permutation(len(picture))[:n]
    picture, row, column = picture[chosen], row[chosen], column[chosen]
    pieces = np.column_stack([grey[picture, row + i, column + j] for i in range(SIDE) for j in range(SIDE)])
    pieces -= pieces.mean(axis=0)
    _, axes = np.linalg.eigh((pieces.T @ pieces).astype(np.float64))
    X = standardised(pieces.astype(np.float64) @ axes[:, -2:])
    return Problem(f"patches-{n}", X, np.where(classes[picture] == 1, 1.0, -1.0), 1e-4 * n, loss="logistic")


PROBLEMS: dict[str, Build] = {f"patches-{n}": partial(patches, n) for n in (10_000, 100_000, 1_000_000)}
