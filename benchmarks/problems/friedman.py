"""Friedman's first function of ten features, five of which say nothing; neurons read at most two of them."""

from functools import partial

from sklearn.datasets import make_friedman1

from benchmarks.problems.problem import Build, Problem, standardised


def friedman(n: int) -> Problem:
    X, y = make_friedman1(n, 10, noise=1.0, random_state=0)
    return Problem(f"friedman-{n}", standardised(X), standardised(y), 1e-4 * n, norm=1, max_interaction=2)


PROBLEMS: dict[str, Build] = {f"friedman-{n}": partial(friedman, n) for n in (100_000,)}
