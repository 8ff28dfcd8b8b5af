"""skglm's Lasso, coordinate descent on working sets with Anderson acceleration, on the explicit dictionary."""

from skglm import Lasso

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, dictionary

NAME = "skglm"


def applies(problem: Problem) -> str | None:
    return dictionary.not_a_lasso(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    return dictionary.solve_by(Lasso, problem)
