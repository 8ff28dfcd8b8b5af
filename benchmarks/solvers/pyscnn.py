"""pyscnn: a convex ReLU programme on sampled activation patterns, by its augmented-Lagrangian solver in float32.

Its neurons have no free bias and its network no intercept. Here the data get a constant column of ones, so that it
minimises ½ Σ (f − y)² + β Σ |u| ‖(w, b)‖₂: biases are penalised, and an intercept is a neuron with w = 0 that pays for
it. Its own mapping turns the convex solution into a ReLU network, which the neutral objective judges without that
extra penalty.
"""

import logging
from time import perf_counter

import numpy as np
from scnn.metrics import Metrics
from scnn.models import ConvexReLU, Model
from scnn.optimize import optimize_model
from scnn.regularizers import NeuronGL1
from scnn.solvers import AL

from benchmarks.objective import Network
from benchmarks.problems import Problem
from benchmarks.solvers import Solution

NAME = "pyscnn"
PATTERNS = 200  # activation patterns sampled, each giving one neuron of either sign
TRIAL = 100  # iterations from which the time of one is estimated, since the solver has no time limit
MOST_ITERATIONS = 20_000
SHARE = 0.95  # of the time limit that the iterations are to take
BESIDE = 0.5  # of the time limit, for the trial
MOST_SAMPLES = 2_000


def applies(problem: Problem) -> str | None:
    if problem.loss != "squared" or problem.norm != 2:
        return "squared loss and p = 2 only"
    if len(problem.X) > MOST_SAMPLES:
        return f"more than {MOST_SAMPLES:,} samples take it minutes per hundred iterations"
    return None


def solve(problem: Problem, time_limit: float, trial: int = TRIAL) -> Solution:
    """As many iterations as fit into the time limit, judging by a short trial of so many."""
    logging.getLogger("scnn").addFilter(lambda record: False)  # it warns of every budget that is used up
    _, seconds = _train(problem, trial)
    iterations = min(MOST_ITERATIONS, max(trial, int(trial * SHARE * time_limit / seconds)))
    model, seconds = _train(problem, iterations)
    note = f"at most {iterations:,} iterations, {PATTERNS} patterns; minimises another objective: biases penalised"
    return Solution(_network(model), seconds, note)


def _train(problem: Problem, iterations: int) -> tuple[Model, float]:
    """The non-convex ReLU network behind the convex solution, and the seconds it took."""
    n = len(problem.X)
    lifted = np.column_stack([problem.X, np.ones(n)])
    start = perf_counter()
    convex = ConvexReLU(_gates(problem.X))
    model, _ = optimize_model(
        convex,
        AL(convex, max_primal_iters=iterations),
        Metrics(),
        lifted,
        problem.y,
        regularizer=NeuronGL1(problem.beta / n),  # its loss is a mean
        unitize_data=False,  # scaled columns would change the penalty
    )
    return model, perf_counter() - start


def _gates(X: np.ndarray) -> np.ndarray:
    """Hyperplanes in random directions through random samples, and the pattern in which all samples are active."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((PATTERNS - 1, X.shape[1]))
    through = X[rng.integers(len(X), size=PATTERNS - 1)]
    gates = np.column_stack([weights, -np.einsum("kc,kc->k", weights, through)])
    return np.vstack([gates, np.r_[np.zeros(X.shape[1]), 1.0]]).T


def _network(model: Model) -> Network:
    """Split off the biases; neurons without weights keep the constant they add."""
    lifted, amplitudes = (np.asarray(a, dtype=np.float64) for a in model.parameters)
    return Network(lifted[:, :-1], lifted[:, -1], amplitudes.ravel(), 0.0)
