"""Every solver on the same problems, judged by the neutral objective: python -m benchmarks.peers.

What was measured is kept in docs/numbers/peers, a file for each problem, so that a run can be stopped and goes on where
it was. The table and the picture are made of these files.
"""

import json
import multiprocessing
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from benchmarks import machine
from benchmarks.pictures import draw_peers
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.solvers import Solution, bladenet

SOLVERS = ("bladenet", "adam", "lbfgs", "mlp", "pyscnn", "lasso", "celer_dictionary", "skglm_dictionary")
SOLVERS += ("cvxpy_dictionary",)
LEVELS = (1e-2, 1e-4, 1e-6)  # relative excess over the certified lower bound
DEFAULT = ["motorcycle", "published-spiral", "houses", "spirals-1000", "colours-10000", "patches-10000"]
KEPT = Path(__file__).parents[1] / "docs" / "numbers" / "peers"
TABLE = KEPT.with_suffix(".md")
PICTURE = KEPT.parents[1] / "images" / "peers.png"
STARTING = 60.0  # seconds that a process has beside the limit, and what its solver says that it needs beside it
POINTS = 100  # of a trace that are kept
SHORT = 20.0  # seconds; a solve that takes less is run RUNS times, and the median one is kept
RUNS = 5
USED = 0.85  # of the limit: who took as much was still at work, or was given as many iterations as fit
READING = """Times to 1e-2, 1e-4 and 1e-6 above the certified bound, one below the other, in multiples of bladenet's
(bladenet: in seconds). ">": not within the limit, which is so many times as long. "never": it had ended above.
"–": not applicable.
"""
Record = dict[str, Any]


def main(
    problem: Annotated[list[str], typer.Option(help=f"One of {', '.join(PROBLEMS)}; may be repeated.")] = DEFAULT,
    solver: Annotated[list[str], typer.Option(help="May be repeated.")] = list(SOLVERS),  # noqa: B006
    time_limit: Annotated[float, typer.Option(help="Seconds per solve.")] = 600.0,
    again: Annotated[bool, typer.Option(help="Measure what has been measured before, too.")] = False,
) -> None:
    """Measure what is missing, then write the table and the picture of all that was measured."""
    console = Console()
    console.print(machine.description())
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in problem:
        records = load(name)
        known = records.get("solvers", {})
        missing = [key for key in solver if again or known.get(key, {}).get("limit") != time_limit]
        if missing:
            try:
                problem_here = PROBLEMS[name]()
            except FileNotFoundError as error:  # photographs do not ship
                console.print(f"{name}: left out. {error}")
                continue
            measured(problem_here, missing, time_limit, records, console)
    everything = [load(path.stem) for path in sorted(KEPT.glob("*.json"))]
    TABLE.write_text("\n".join([READING, *summary(everything), "", *tables(everything)]) + "\n")
    draw_peers(everything, LEVELS).savefig(PICTURE)
    console.print(f"written: {TABLE}, {PICTURE}")


def load(name: str) -> Record:
    """What has been measured of a problem."""
    path = KEPT / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def measured(problem: Problem, solvers: list[str], time_limit: float, records: Record, console: Console) -> None:
    """Run solvers on one problem, and keep each result at once."""
    certificate = bladenet.fit(problem).certificate  # loads the kernels, and gives the lower bound
    n, d = problem.X.shape
    records |= {
        "problem": problem.name,
        "about": f"n = {n:,}, d = {d}, β = {problem.beta:g}, {problem.loss} loss",
        "status": certificate.status.value,
        "lower_bound": certificate.lower_bound,
    }
    records.setdefault("solvers", {})
    for key in track(solvers, description=problem.name, console=console):
        records["solvers"][key] = record(problem, key, time_limit, certificate.lower_bound)
        console.print(f"{problem.name}, {key}: {times(records['solvers'][key], records['lower_bound'])}")
        (KEPT / f"{problem.name}.json").write_text(json.dumps(records, ensure_ascii=False) + "\n")


def record(problem: Problem, key: str, time_limit: float, lower: float) -> Record:
    """One solve in a process of its own: times at which the objective fell, the end, and what it ran on."""
    found: Record = {"limit": time_limit, "machine": machine.description()}
    try:
        solver = import_module(f"benchmarks.solvers.{key}")
    except ImportError as error:
        return found | {"name": key, "why_not": f"{error.name} is not installed"}
    found["name"] = solver.NAME
    reason = solver.applies(problem)
    if reason is not None:
        return found | {"why_not": reason}
    solution = _solved_apart(key, problem, time_limit, getattr(solver, "BESIDE", 0.0))
    if solution is None:  # some solvers look at no clock
        return found | {"seconds": time_limit, "note": "ended from outside, without a result"}
    if isinstance(solution, str):
        return found | {"why_not": solution}
    value = problem.objective(solution.network)
    if value < lower * (1.0 - 1e-9):
        raise AssertionError(f"{solver.NAME} got below the certified bound on {problem.name}: {value} < {lower}")
    trace = list(_falls([*solution.trace, (solution.seconds, value)], lower))
    return found | {"seconds": solution.seconds, "objective": value, "note": solution.note, "trace": trace}


def _solved_apart(key: str, problem: Problem, time_limit: float, beside: float) -> Solution | str | None:
    """A solver's solution (the median of several short ones), or why there is none; None if it was not back in time."""
    first = _solved_once(key, problem, time_limit, beside)
    if not isinstance(first, Solution) or first.seconds > SHORT:
        return first
    others = [_solved_once(key, problem, time_limit, beside) for _ in range(RUNS - 1)]
    solutions = [first, *(other for other in others if isinstance(other, Solution))]
    return sorted(solutions, key=lambda solution: solution.seconds)[len(solutions) // 2]


def _solved_once(key: str, problem: Problem, time_limit: float, beside: float) -> Solution | str | None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_solve, args=(key, problem, time_limit, there), daemon=True)
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(time_limit * (1.0 + beside) + STARTING) else None
    except EOFError:
        return "its process died"
    finally:
        process.kill()


def _solve(key: str, problem: Problem, time_limit: float, there: Connection) -> None:
    solver = import_module(f"benchmarks.solvers.{key}")
    try:
        if hasattr(solver, "warm_up"):  # compiles, or loads what has been compiled
            solver.warm_up(problem)
        there.send(solver.solve(problem, time_limit))
    except (RuntimeError, MemoryError) as error:
        there.send(str(error) or type(error).__name__)


def _falls(trace: list[tuple[float, float]], lower: float) -> Iterator[tuple[float, float]]:
    """The points where the objective falls, all that reach a level among them, others thinned out."""
    best, reached = np.inf, 0
    last = -np.inf
    span = trace[-1][0] / POINTS
    for seconds, value in trace:
        levels = sum(value <= lower * (1.0 + level) for level in LEVELS)
        if value < best and (levels > reached or seconds - last > span or seconds == trace[-1][0]):
            yield seconds, value
            last = seconds
        best, reached = min(best, value), max(reached, levels)


def first_below(trace: Sequence[tuple[float, float]], target: float) -> float | None:
    """Seconds until the objective was first at most `target`; None if it never was."""
    return min((seconds for seconds, value in trace if value <= target), default=None)


def times(solve: Record, lower: float) -> list[float | None]:
    """Seconds to each level above the lower bound."""
    return [first_below(solve.get("trace", []), lower * (1.0 + level)) for level in LEVELS]


def summary(everything: list[Record]) -> Iterator[str]:
    """Markdown: all solvers on all problems in one table, the times to each level as multiples of bladenet's."""
    yield "| solver | " + " | ".join(records["problem"] for records in everything) + " |"
    yield "|" + "---|" * (len(everything) + 1)
    for key in SOLVERS:
        solves = [records["solvers"].get(key, {}) for records in everything]
        if any(solves):
            cells = (_multiples(solve, records) for solve, records in zip(solves, everything, strict=True))
            name = next(solve["name"] for solve in solves if solve)
            yield f"| {name} | " + " | ".join(cells) + " |"


def _multiples(solve: Record, records: Record) -> str:
    """A cell of the summary; it has seconds for bladenet itself, and where bladenet has no time to compare with."""
    if not solve or "why_not" in solve:
        return "–"
    own, parts = times(records["solvers"].get("bladenet", {}), records["lower_bound"]), []
    for seconds, base in zip(times(solve, records["lower_bound"]), own, strict=True):
        if seconds is None:
            limit = f"{readable(solve['limit'] / base)} ×" if base else f"{readable(solve['limit'])} s"
            parts.append("never" if stayed_above(solve) else f"> {limit}")
        elif solve["name"] == bladenet.NAME or not base:
            parts.append(f"{readable(seconds)} s")
        else:
            parts.append(f"{readable(seconds / base)} ×")
    cell = "<br>".join(parts if len(set(parts)) > 1 else parts[:1])
    return cell.replace(" ", "\N{NO-BREAK SPACE}")


def stayed_above(solve: Record) -> bool:
    """Whether a solver that did not reach a level had ended before the limit."""
    return solve["seconds"] < USED * solve["limit"]


def readable(ratio: float) -> str:
    """Two digits, or whole numbers."""
    return f"{ratio:.2g}" if ratio < 100 else f"{float(f'{ratio:.2g}'):,.0f}"


def tables(everything: list[Record]) -> Iterator[str]:
    """Markdown: a table for each problem, a row for each solver, times as multiples of bladenet's too."""
    heads = ["solver", *(f"to {level:.0e}".replace("e-0", "e-") for level in LEVELS), "excess at the end"]
    for records in everything:
        own = times(records["solvers"].get("bladenet", {}), records["lower_bound"])
        yield f"**{records['problem']}**: {records['about']}"
        yield ""
        yield "| " + " | ".join([*heads, "seconds in all", "note"]) + " |"
        yield "|" + "---|" * (len(heads) + 2)
        for key in sorted(records["solvers"], key=SOLVERS.index):
            yield "| " + " | ".join(_cells(records, key, own)) + " |"
        yield ""
    texts = {solve["machine"] for records in everything for solve in records["solvers"].values()}
    machines = sorted({re.sub(r" load [\d.]+,", "", text) for text in texts})  # which each solve notes in its file
    yield from (f"Measured on: {text}.".replace("\n", "; ") for text in machines)


def _cells(records: Record, key: str, own: list[float | None]) -> Iterator[str]:
    solve = records["solvers"][key]
    yield solve["name"]
    if "why_not" in solve:
        yield from ("", "", "", "", "", f"not applicable: {solve['why_not']}")
        return
    for seconds, base in zip(times(solve, records["lower_bound"]), own, strict=True):
        if seconds is None:
            yield "never: it ended above" if stayed_above(solve) else f"not in {solve['limit'] / 60:.3g} minutes"
        elif key == "bladenet" or not base:
            yield f"{seconds:.3g} s"
        else:
            yield f"{seconds:.3g} s ({readable(seconds / base)} ×)"
    yield f"{solve['objective'] / records['lower_bound'] - 1.0:.1e}" if "objective" in solve else ""
    yield f"{solve['seconds']:.3g}"
    yield solve["note"]


if __name__ == "__main__":
    typer.run(main)
