"""bladenet, with its own certificate in the note."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import bladenet as bn
from benchmarks.objective import Network
from benchmarks.problems import Problem
from benchmarks.solvers import Solution

NAME = "bladenet"


def applies(problem: Problem) -> str | None:
    return None


def fit(
    problem: Problem,
    tol: float = 1e-6,
    time_limit: float | None = None,
    callback: Callable[[Any], object] | None = None,
) -> bn.Fit:
    """`bladenet.train` on a problem."""
    return bn.train(
        problem.X,
        problem.y,
        beta=problem.beta,
        norm=problem.norm,
        loss=problem.loss,
        max_interaction=problem.max_interaction,
        tol=tol,
        time_limit=time_limit,
        callback=callback,
    )


def warm_up(problem: Problem) -> None:
    """Load the kernels."""
    fit(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    trace = []  # by the same clock as all: a round's own seconds leave out the checks of the data before
    start = perf_counter()
    result = fit(problem, time_limit=time_limit, callback=lambda r: trace.append((perf_counter() - start, r.objective)))
    return Solution(network_of(result), perf_counter() - start, note_of(result), trace)


def network_of(result: bn.Fit) -> Network:
    """The network as neutral arrays."""
    found = result.network
    return Network(found.weights, found.biases, found.amplitudes, found.intercept)


def note_of(result: bn.Fit) -> str:
    """Status, proven gap and size."""
    proven = result.certificate
    return f"{proven.status.value}, gap {proven.gap:.1e}, {len(result.network)} neurons"
