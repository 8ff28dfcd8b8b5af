"""scikit-learn's multi-layer perceptron by its L-BFGS: its penalty, α/2 Σ ‖w‖² of a mean loss times n, is weight decay.

It goes on from where it stopped, so that there are looks at the clock in between.
"""

import warnings
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.objective import Network
from benchmarks.problems import Problem
from benchmarks.solvers import Solution, adam

NAME = "MLP (scikit-learn)"
NEURONS = 300
STEPS = 100  # between two looks at the clock
STALLED = 1e-7  # relative fall in so many steps, below which it is over


def applies(problem: Problem) -> str | None:
    return adam.applies(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    kind = MLPRegressor if problem.loss == "squared" else MLPClassifier
    settings = {"solver": "lbfgs", "alpha": problem.beta, "max_iter": STEPS, "tol": 0.0, "random_state": 0}
    model = kind(hidden_layer_sizes=(NEURONS,), warm_start=True, **settings)
    trace, seconds = [], 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while seconds < time_limit:
            began = perf_counter()
            model.fit(problem.X, problem.y)
            seconds += perf_counter() - began
            network = _network(model)
            trace.append((seconds, problem.objective(network)))
            if len(trace) > 1 and not trace[-2][1] - trace[-1][1] > STALLED * trace[-1][1]:
                break
    end = "stopped by the time limit" if seconds >= time_limit else "converged"
    return Solution(network, seconds, f"{NEURONS} neurons, {end}", trace)


def _network(model: MLPRegressor | MLPClassifier) -> Network:
    (inner, outer), (biases, intercept) = model.coefs_, model.intercepts_
    return Network(inner.T, biases, outer[:, 0], float(np.ravel(intercept)[0]))
