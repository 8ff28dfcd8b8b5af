"""A noisy sine of one feature; at this β the optimum has a few dozen neurons."""

from functools import partial

import numpy as np

from benchmarks.problems.problem import Build, Problem


def sine(n: int) -> Problem:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, n)
    return Problem(f"sine-{n}", x[:, None], np.sin(3 * np.pi * x) + 0.2 * rng.standard_normal(n), 3e-4 * n)


PROBLEMS: dict[str, Build] = {f"sine-{n}": partial(sine, n) for n in (100_000, 1_000_000)}
