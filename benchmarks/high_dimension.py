"""Fifty features: the same wall time for every solver, and a lower bound: python -m benchmarks.high_dimension."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from benchmarks import machine
from benchmarks.problems import Problem, standardised
from benchmarks.solvers import Solution, adam, bladenet, pyscnn

SAMPLES, FEATURES = 5_000, 50
SHARE = 0.02  # of a lower bound of β_max
PICTURES = Path(__file__).parents[2] / "shared" / "data" / "cifar10-automobile-ship.npz"  # beside the checkout
ADAM = ((100, 1e-2), (300, 3e-3), (300, 1e-2))  # widths and rates; each run has the whole time
TIE = 1e-3  # of the lowest objective


def teacher() -> Problem:
    """Ten random ReLU neurons, and noise of half their standard deviation."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, FEATURES))
    weights = rng.standard_normal((10, FEATURES)) / np.sqrt(FEATURES)
    f = np.maximum(X @ weights.T + 0.5 * rng.standard_normal(10), 0.0) @ rng.standard_normal(10)
    return with_beta("teacher", X, standardised(f) + 0.5 * rng.standard_normal(SAMPLES))


def friedman() -> Problem:
    """Friedman's function of five features, beside 45 that say nothing."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(SAMPLES, FEATURES))
    f = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return with_beta("friedman", standardised(X), standardised(f + rng.standard_normal(SAMPLES)))


def pictures() -> Problem:
    """Automobiles and ships of CIFAR-10; where they are not at hand, odd and even digits 0 to 9 with noise added."""
    rng = np.random.default_rng(0)
    name = "pictures" if PICTURES.exists() else "pictures (noisy digits)"
    if PICTURES.exists():
        data = np.load(PICTURES)
        chosen = rng.permutation(len(data["y_train"]))[:SAMPLES]
        X, kind = data["x_train"][chosen].reshape(SAMPLES, -1) / 255.0, data["y_train"][chosen]
        first = kind == kind.max()
    else:
        digits = load_digits()
        chosen = rng.integers(len(digits.target), size=SAMPLES)
        X, first = digits.data[chosen] / 16.0 + 0.2 * rng.standard_normal((SAMPLES, 64)), digits.target[chosen] % 2 == 1
    X = X - X.mean(axis=0)
    _, directions = np.linalg.eigh(X.T @ X)
    components = X @ directions[:, -FEATURES:]
    return with_beta(name, components / components.std(), np.where(first, 1.0, -1.0), loss="logistic")


def with_beta(name: str, X: np.ndarray, y: np.ndarray, loss: str = "squared") -> Problem:
    """β as a share of ½ ‖Xᵀv‖, v the dual variable of the constant fit: of w and −w one neuron has that |h|."""
    v = y - y.mean() if loss == "squared" else 0.5 * (y - y.mean())
    return Problem(name, X, y, SHARE * 0.5 * float(np.linalg.norm(X.T @ v)), loss=loss)


PROBLEMS = {"teacher": teacher, "friedman": friedman, "pictures": pictures}


def main(
    seconds: Annotated[list[float], typer.Option(help="Wall time for each solve; may be repeated.")] = [15, 30, 60],  # noqa: B006
    problem: Annotated[list[str], typer.Option(help="May be repeated.")] = list(PROBLEMS),  # noqa: B006
) -> None:
    """Solve every problem anew for every time limit, one solver after the other."""
    console = Console(width=180)
    console.print(machine.description())
    for name in problem:
        data = PROBLEMS[name]()
        few = Problem(name, data.X[:300], data.y[:300], data.beta, loss=data.loss)
        before = perf_counter()
        bladenet.solve(few, 2.0)
        console.print(f"{name}: warm-up on 300 samples, kernels loaded or compiled, {perf_counter() - before:.1f} s")
        console.print(compare(data, seconds))


def compare(problem: Problem, seconds: list[float]) -> Table:
    """Objectives after each time limit, ours with its proven lower bound."""
    n, d = problem.X.shape
    table = Table(title=f"{problem.name}: n = {n:,}, d = {d}, β = {problem.beta:g}, {problem.loss} loss")
    for heading in ("limit", "solver", "seconds", "objective", "above the lowest", "note"):
        table.add_column(heading, justify="left" if heading in ("solver", "note") else "right", overflow="fold")
    for limit in seconds:
        solution = ours(problem, limit)
        spent = max(limit, solution.seconds)  # a limit is not kept to the second: the others get what was used
        solutions = {bladenet.NAME: solution, adam.NAME: best_adam(problem, spent)}
        if problem.loss == "squared":
            solutions[pyscnn.NAME] = pyscnn.solve(problem, spent, trial=10)
        values = {name: problem.objective(solution.network) for name, solution in solutions.items()}
        lowest = min(values.values())
        for name, solution in solutions.items():
            excess = values[name] / lowest - 1.0
            place = "lowest" if excess == 0 else f"{excess:.1e}{', a tie' if excess <= TIE else ''}"
            table.add_row(f"{limit:g}", name, f"{solution.seconds:.1f}", f"{values[name]:.6g}", place, solution.note)
        table.add_section()
    return table


def ours(problem: Problem, limit: float) -> Solution:
    """bladenet, with its lower bound in the note."""
    before = perf_counter()
    fit = bladenet.fit(problem, time_limit=limit)
    seconds = perf_counter() - before
    note = f"{bladenet.note_of(fit)}, optimum ≥ {fit.certificate.lower_bound:.6g}"
    return Solution(bladenet.network_of(fit), seconds, note)


def best_adam(problem: Problem, limit: float) -> Solution:
    """The best of a few widths and rates."""
    runs = [adam.run(problem, width, rate, limit) for width, rate in ADAM]
    return min(runs, key=lambda run: problem.objective(run.network))


if __name__ == "__main__":
    typer.run(main)
