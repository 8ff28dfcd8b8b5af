"""cvxpy with Clarabel, an interior-point method, on the explicit dictionary."""

from time import perf_counter

import cvxpy as cp

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, dictionary

NAME = "cvxpy (Clarabel)"


def applies(problem: Problem) -> str | None:
    return dictionary.too_large(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    start = perf_counter()
    weights, biases = dictionary.hinges(problem.X)
    K = dictionary.columns(problem.X, weights, biases)
    z, t = cp.Variable(K.shape[1]), cp.Variable()
    f = K @ z + t
    loss = (
        0.5 * cp.sum_squares(f - problem.y)
        if problem.loss == "squared"
        else cp.sum(cp.logistic(cp.multiply(-problem.y, f)))
    )
    program = cp.Problem(cp.Minimize(loss + problem.beta * cp.norm1(z)))
    program.solve(cp.CLARABEL, time_limit=time_limit)
    seconds = perf_counter() - start
    if z.value is None:
        raise RuntimeError(f"Clarabel ended with status {program.status} after {seconds:.0f} s")
    network = dictionary.network(weights, biases, z.value, t.value)
    return Solution(network, seconds, f"{program.status}; {K.shape[1]:,} columns, {dictionary.scope(problem)}")
