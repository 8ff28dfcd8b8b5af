"""scikit-learn's Lasso on the explicit dictionary, by warm-started batches of passes until it converges."""

import warnings
from time import perf_counter

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from benchmarks.problems import Problem
from benchmarks.solvers import Solution, dictionary

NAME = "Lasso (scikit-learn)"
PASSES = 20  # over the columns, between two looks at the clock


def applies(problem: Problem) -> str | None:
    return dictionary.not_a_lasso(problem)


def solve(problem: Problem, time_limit: float) -> Solution:
    start = perf_counter()
    weights, biases = dictionary.hinges(problem.X)
    K = dictionary.columns(problem.X, weights, biases)
    model = Lasso(alpha=problem.beta / len(K), tol=1e-7, max_iter=PASSES, warm_start=True)
    trace, looking = [], 0.0  # the time spent on the neutral objective is not the solver's
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while True:
            model.fit(K, problem.y)
            seconds = perf_counter() - start - looking
            network = dictionary.network(weights, biases, model.coef_, model.intercept_)
            trace.append((seconds, problem.objective(network)))
            looking = perf_counter() - start - seconds
            converged = model.n_iter_ < PASSES
            if converged or seconds > time_limit:
                break
    end = "" if converged else "; stopped by the time limit"
    note = f"{K.shape[1]:,} columns, {dictionary.scope(problem)}{end}"
    return Solution(network, seconds, note, trace)
