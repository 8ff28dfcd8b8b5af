"""The 160 points whose published 2 × objective is 0.81227; the certified optimum is 0.8068657."""

import numpy as np

from benchmarks.problems.problem import Build, Problem


def published_spiral() -> Problem:
    i = np.arange(80)
    radius, angle = (104 - i) / 104, i * np.pi / 16
    arm = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return Problem("published-spiral", np.vstack([arm, -arm]), np.repeat([1.0, -1.0], 80), 5e-4)


PROBLEMS: dict[str, Build] = {"published-spiral": published_spiral}
