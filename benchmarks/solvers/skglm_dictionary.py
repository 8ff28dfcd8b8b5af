"""skglm's Lasso, coordinate descent on working sets with Anderson acceleration, on the explicit dictionary."""

from skglm import Lasso

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, dictionary

NAME = "skglm"


def applies(problem: Problem) -> str | None:
    return dictionary.not_a_lasso(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    """Has no time limit."""
    model = Lasso(alpha=problem.beta / len(problem.X), tol=dictionary.TOLERANCE, max_iter=200, max_epochs=100_000)
    return dictionary.solve_by(model, problem)
