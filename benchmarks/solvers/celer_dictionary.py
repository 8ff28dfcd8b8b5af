"""celer's Lasso, with working sets and dual extrapolation, on the explicit dictionary."""

from celer import Lasso

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, dictionary

NAME = "celer"


def applies(problem: Problem) -> str | None:
    return dictionary.not_a_lasso(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    return dictionary.solve_by(Lasso, problem)
