"""How blue a part of a photograph is, by how red and how green: blocks of 2 × 2 pixels, standardised."""

from functools import partial

import numpy as np

from benchmarks.problems.pictures import photographs
from benchmarks.problems.problem import Build, Problem, standardised


def colours(n: int) -> Problem:
    pictures, _ = photographs()
    blocks = pictures.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4), dtype=np.float64).reshape(-1, 3)
    chosen = standardised(blocks[np.random.default_rng(0).permutation(len(blocks))[:n]])
    return Problem(f"colours-{n}", chosen[:, :2], chosen[:, 2], 1e-4 * n)


PROBLEMS: dict[str, Build] = {f"colours-{n}": partial(colours, n) for n in (10_000, 100_000, 1_000_000)}
