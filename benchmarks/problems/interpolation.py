"""200 Gaussian samples and targets without structure; β = 1e-6 β_max almost interpolates them."""

from functools import partial

import numpy as np

from benchmarks.problems.problem import Build, Problem
from bladenet import beta_max


def interpolation(d: int) -> Problem:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, d)), rng.standard_normal(200)
    return Problem(f"interpolation-{d}d", X, y, 1e-6 * beta_max(X, y))


PROBLEMS: dict[str, Build] = {f"interpolation-{d}d": partial(interpolation, d) for d in (1, 2)}
