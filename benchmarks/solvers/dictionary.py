"""The explicit dictionary of the paper: one column per blade of d samples, both orientations, ‖w‖₂ = 1.

On the line these are all hinges, which contain a global optimum. In the plane they are the lines through two samples:
for p = 2 an optimum over them is above the global one.
"""

import warnings
from itertools import combinations
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.objective import Network
from benchmarks.problems import Problem
from benchmarks.solvers import Solution

TOLERANCE = 1e-7  # of the solvers that are given the dictionary
MOST_ENTRIES = 20_000_000  # of the dictionary, 160 MB in float64


def too_large(problem: Problem) -> str | None:
    """Why the dictionary cannot be written down, or None."""
    if problem.norm != 2:
        return "the dictionary here is for p = 2"
    n, d = problem.X.shape
    columns = 2 * n if d == 1 else n * (n - 1)
    if n * columns > MOST_ENTRIES:
        return f"dictionary of {n:,} × {columns:,} ({n * columns * 8 / 1e9:,.1f} GB) is too large"
    return None


def not_a_lasso(problem: Problem) -> str | None:
    """Why a Lasso solver cannot be given the dictionary, or None."""
    return too_large(problem) if problem.loss == "squared" else "squared loss only"


def solve_by(lasso: Any, problem: Problem) -> Solution:
    """What a class in the manner of celer's Lasso makes of the dictionary; it has no time limit."""
    model = lasso(alpha=problem.beta / len(problem.X), tol=TOLERANCE, max_iter=200, max_epochs=100_000)
    start = perf_counter()
    weights, biases = hinges(problem.X)
    K = columns(problem.X, weights, biases)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(K, problem.y)
    seconds = perf_counter() - start
    found = network(weights, biases, model.coef_, float(np.ravel(model.intercept_)[0]))
    return Solution(found, seconds, f"{K.shape[1]:,} columns, {scope(problem)}")


def hinges(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (m, d) and biases (m,) of all blades."""
    X = np.unique(X, axis=0)
    if X.shape[1] == 1:
        weights, through = np.ones_like(X), X
    else:
        i, j = np.array(list(combinations(range(len(X)), 2))).T
        along = X[j] - X[i]
        weights = np.column_stack([-along[:, 1], along[:, 0]]) / np.linalg.norm(along, axis=1)[:, None]
        through = X[i]
    biases = -np.einsum("kc,kc->k", weights, through)
    return np.vstack([weights, -weights]), np.r_[biases, -biases]


def columns(X: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """(n, m) outputs of every neuron at every sample, column-major."""
    return np.asfortranarray(np.maximum(X @ weights.T + biases, 0.0))


def network(weights: np.ndarray, biases: np.ndarray, amplitudes: np.ndarray, intercept: float) -> Network:
    """The neurons in use."""
    used = amplitudes != 0
    return Network(weights[used], biases[used], amplitudes[used], float(intercept))


def scope(problem: Problem) -> str:
    """What an optimum over the dictionary is worth."""
    return "all hinges" if problem.X.shape[1] == 1 else "vertices only: its optimum is above the global one"
