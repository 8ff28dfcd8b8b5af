"""PyTorch L-BFGS: full batch, float64, weight decay with free biases, from nine starts."""

from time import perf_counter

import numpy as np
import torch

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, adam

NAME = "L-BFGS (PyTorch)"
WIDTHS = (100, 300, 1000)
RUNS = 9
STEPS = 20  # between two looks at the clock
STALLED = 1e-7  # relative fall of the loss in so many steps, below which a run is over


def applies(problem: Problem) -> str | None:
    return adam.applies(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    """The best of as many runs as fit, at most RUNS, of one width after the other."""
    X, y = torch.tensor(problem.X), torch.tensor(problem.y)
    trace, best, lowest, seconds, runs = [], None, np.inf, 0.0, 0
    while seconds < time_limit and runs < RUNS:
        width = WIDTHS[runs % len(WIDTHS)]
        start = adam.starting_network(problem, width, seed=runs)
        parameters = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in start]
        torch.set_num_threads(adam.faster_threads(problem, X, y, parameters))
        lbfgs = torch.optim.LBFGS(parameters, max_iter=STEPS, history_size=50, line_search_fn="strong_wolfe")

        def loss(lbfgs=lbfgs, parameters=parameters):
            lbfgs.zero_grad()
            value = adam.training_loss(problem, X, y, *parameters)
            value.backward()
            return value

        before = np.inf
        runs += 1
        while seconds < time_limit:
            began = perf_counter()
            value = float(lbfgs.step(loss).detach())
            seconds += perf_counter() - began
            network = adam.network_of(parameters)
            reached = problem.objective(network)
            trace.append((seconds, reached))
            if reached < lowest:
                best, lowest, width_of_best = network, reached, width
            if not before - value > STALLED * value:
                break
            before = value
    return Solution(best, seconds, f"best of {runs} runs: {width_of_best} neurons, float64", trace)
