"""Every solver on the same problems in one run, judged by the neutral objective: python -m benchmarks.peers."""

from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import fresh, machine
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.solvers import Solution, adam, bladenet, cvxpy_dictionary, lasso, pyscnn

SOLVERS = {"bladenet": bladenet, "adam": adam, "lasso": lasso, "cvxpy": cvxpy_dictionary, "pyscnn": pyscnn}
LEVELS = (1e-2, 1e-3, 1e-4, 1e-6)  # relative excess over the certified lower bound
DEFAULT = ["spirals-200", "published-spiral", "motorcycle", "houses"]


def main(
    problem: Annotated[list[str], typer.Option(help=f"One of {', '.join(PROBLEMS)}; may be repeated.")] = DEFAULT,
    solver: Annotated[list[str], typer.Option(help="May be repeated.")] = list(SOLVERS),  # noqa: B006
    time_limit: Annotated[float, typer.Option(help="Seconds per solve; per run for each of Adam's nine.")] = 60.0,
) -> None:
    """Compare solvers side by side."""
    console = Console(width=180)
    console.print(machine.description())
    console.print(f"compile time of bladenet, in a new process with an empty cache: {fresh.compile_seconds():.1f} s")
    for name in problem:
        console.print(compare(PROBLEMS[name](), [SOLVERS[key] for key in solver], time_limit))


def compare(problem: Problem, solvers: list[ModuleType], time_limit: float) -> Table:
    """All solvers on one problem, after a first bladenet fit that loads the kernels and gives the lower bound."""
    certificate = bladenet.fit(problem).certificate
    n, d = problem.X.shape
    title = f"{problem.name}: n = {n:,}, d = {d}, β = {problem.beta:g}, {problem.loss} loss; {certificate.status.value}"
    table = Table(title=f"{title}, optimum ≥ {certificate.lower_bound:.9g}")
    for heading in ("solver", "seconds", "objective", "excess", *(f"to {level:.0e}" for level in LEVELS), "note"):
        table.add_column(heading, justify="left" if heading in ("solver", "note") else "right", overflow="fold")
    for solver in solvers:
        table.add_row(solver.NAME, *row(problem, solver, time_limit, certificate.lower_bound))
    return table


def row(problem: Problem, solver: ModuleType, time_limit: float, lower: float) -> list[str]:
    """Seconds, objective, excess, time to each level, note."""
    reason = solver.applies(problem)
    if reason is None:
        try:
            solution = solver.solve(problem, time_limit)
        except RuntimeError as error:
            reason = str(error)
    if reason is not None:
        return ["n/a", "", "", *("" for _ in LEVELS), reason]
    value = problem.objective(solution.network)
    excess = value / lower - 1.0
    times = [time_to(solution, value, lower * (1.0 + level)) for level in LEVELS]
    cells = [f"{t:.3g}" if t is not None else f"not in {solution.seconds:.3g}" for t in times]
    refuted = "BELOW THE CERTIFIED BOUND; " if excess < -1e-9 else ""
    return [f"{solution.seconds:.3g}", f"{value:.9g}", f"{excess:.1e}", *cells, refuted + solution.note]


def time_to(solution: Solution, final: float, target: float) -> float | None:
    """Seconds until the objective was first at most `target`; None if it never was."""
    seen = [*solution.trace, (solution.seconds, final)]
    return min((seconds for seconds, value in seen if value <= target), default=None)


if __name__ == "__main__":
    typer.run(main)
