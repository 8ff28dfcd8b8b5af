"""Two noisy spirals; β = 1e-4 n keeps the problem comparable as n grows."""

from functools import partial

from benchmarks.problems.problem import Build, Problem
from bladenet import datasets

SIZES = (200, 1_000, 10_000, 100_000, 1_000_000)


def spirals(n: int, loss: str = "squared") -> Problem:
    X, y = datasets.make_spirals(n)
    name = f"spirals-{n}" if loss == "squared" else f"spirals-{n}-{loss}"
    return Problem(name, X, y, 1e-4 * n, loss=loss)


PROBLEMS: dict[str, Build] = {f"spirals-{n}": partial(spirals, n) for n in SIZES}
PROBLEMS["spirals-200-logistic"] = partial(spirals, 200, "logistic")
