"""skglm's Lasso, coordinate descent on working sets with Anderson acceleration, on the explicit dictionary."""

from dataclasses import replace

from skglm import Lasso

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, dictionary

NAME = "skglm"


def applies(problem: Problem) -> str | None:
    return dictionary.not_a_lasso(problem)


def warm_up(problem: Problem) -> None:
    """Compile its loops, on a tiny problem."""
    dictionary.solve_by(Lasso, replace(problem, X=problem.X[:8], y=problem.y[:8]))


def solve(problem: Problem, time_limit: float) -> Solution:
    return dictionary.solve_by(Lasso, problem)
