"""PyTorch Adam: full batch, float32, weight decay (β/2) Σ (‖w‖² + u²) with free biases, three widths × three rates.

All nine are tried for a twentieth of the time limit, which is not counted: tuning costs Adam nothing. The one that ends
lowest then has the whole limit. Its rate follows a cosine to zero over the time, and it runs on one thread or on all,
whichever a short trial finds faster. The neutral objective is computed beside the clock, in float64.
"""

import os
from dataclasses import replace
from time import perf_counter

import numpy as np
import torch

from benchmarks.objective import Network
from benchmarks.problems import Problem
from benchmarks.solvers import Solution

NAME = "Adam (PyTorch)"
WIDTHS = (100, 300, 1000)
RATES = (3e-3, 1e-2, 3e-2)
LOOKS = 200  # at the neutral objective, evenly over the time limit
TRIAL_STEPS = 10
TRIAL_SHARE = 0.05  # of the time limit
LOOKING = 0.3  # of the time of a run, at most, for looks with the clock stopped
BESIDE = (1.0 + TRIAL_SHARE * len(WIDTHS) * len(RATES)) * (1.0 + LOOKING) - 1.0  # of the time limit, not counted


def applies(problem: Problem) -> str | None:
    return None if problem.norm == 2 else "weight decay is the penalty for p = 2"


def solve(problem: Problem, time_limit: float) -> Solution:
    """The best of all widths and rates, for the whole time."""
    settings = [(width, rate) for width in WIDTHS for rate in RATES]
    best = min(settings, key=lambda pair: _lowest(run(problem, *pair, TRIAL_SHARE * time_limit)))
    found = run(problem, *best, time_limit)
    return replace(found, note=f"best of {len(settings)} settings: {found.note}")


def _lowest(solution: Solution) -> float:
    return min(objective for _, objective in solution.trace)


def run(problem: Problem, width: int, rate: float, time_limit: float) -> Solution:
    """One width and rate until the time limit; returns the best network that a look saw."""
    X, y = torch.tensor(problem.X, dtype=torch.float32), torch.tensor(problem.y, dtype=torch.float32)
    parameters = [torch.tensor(a, dtype=torch.float32, requires_grad=True) for a in starting_network(problem, width)]
    adam = torch.optim.Adam(parameters, lr=rate)
    torch.set_num_threads(faster_threads(problem, X, y, parameters))
    trace, best, lowest, steps, seconds, last_look = [], None, np.inf, 0, 0.0, 0.0
    while seconds < time_limit:
        before = perf_counter()
        adam.param_groups[0]["lr"] = rate * 0.5 * (1.0 + np.cos(np.pi * seconds / time_limit))
        adam.zero_grad()
        loss = training_loss(problem, X, y, *parameters)
        loss.backward()
        adam.step()
        steps += 1
        seconds += perf_counter() - before
        if seconds - last_look >= time_limit / LOOKS:
            last_look = seconds
            network = network_of(parameters)
            value = problem.objective(network)
            trace.append((seconds, value))
            if value < lowest:
                best, lowest = network, value
    note = f"{width} neurons, rate {rate:g}, {steps:,} steps, {torch.get_num_threads()} threads, float32"
    return Solution(best, seconds, note, trace)


def faster_threads(problem: Problem, X: torch.Tensor, y: torch.Tensor, parameters: list[torch.Tensor]) -> int:
    """One thread or one per core: small layers, or a busy machine, make the second far slower."""

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        training_loss(problem, X, y, *parameters).backward()
        before = perf_counter()
        for _ in range(TRIAL_STEPS):
            training_loss(problem, X, y, *parameters).backward()
        return perf_counter() - before

    return min((1, os.cpu_count() or 1), key=seconds)


def network_of(parameters: list[torch.Tensor]) -> Network:
    """The network as neutral arrays."""
    return Network(*(p.detach().numpy().astype(np.float64) for p in parameters))


def starting_network(problem: Problem, width: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Random directions through random samples, with balanced layers."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((width, problem.X.shape[1]))
    weights *= width**-0.25 / np.linalg.norm(weights, axis=1, keepdims=True)
    through = problem.X[rng.integers(len(problem.X), size=width)]
    biases = -np.einsum("kc,kc->k", weights, through)
    return weights, biases, rng.choice([-1.0, 1.0], width) * width**-0.25, np.mean(problem.y)


def training_loss(problem, X, y, weights, biases, amplitudes, intercept):
    f = torch.relu(torch.addmm(biases, X, weights.T)) @ amplitudes + intercept
    loss = 0.5 * ((f - y) ** 2).sum() if problem.loss == "squared" else torch.nn.functional.softplus(-y * f).sum()
    return loss + 0.5 * problem.beta * ((weights**2).sum() + (amplitudes**2).sum())
