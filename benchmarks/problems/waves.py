"""sin 3x₁ · cos 2x₂ + x₃² and noise, of three to five features: more of them that neurons read at once cost more."""

from functools import partial

import numpy as np

from benchmarks.problems.problem import Build, Problem


def waves(d: int, n: int) -> Problem:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(n, d))
    y = np.sin(3 * X[:, 0]) * np.cos(2 * X[:, 1]) + X[:, 2] ** 2 + 0.1 * rng.standard_normal(n)
    return Problem(f"waves-{d}d", X, y, 2e-3 * n)


PROBLEMS: dict[str, Build] = {f"waves-{d}d": partial(waves, d, n) for d, n in ((3, 2_000), (4, 500), (5, 500))}
