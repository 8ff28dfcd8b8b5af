"""The speed targets, each the median of several runs after a warm-up fit: python -m benchmarks.targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import bladenet as bn
from benchmarks import fresh, machine
from benchmarks.peers import first_below
from benchmarks.problems import PROBLEMS
from benchmarks.problems.pictures import ARCHIVE
from benchmarks.solvers import adam, bladenet

RUNS, RUNS_OF_SLOW = 5, 3


@dataclass(frozen=True)
class Result:
    """One measured number and its target; `met` is None where no number was set."""

    what: str
    measured: str
    target: str
    met: bool | None


def timed(name: str, runs: int = RUNS, tol: float = 1e-6) -> tuple[float, bn.Fit]:
    """Median seconds of a fit, and the last fit."""
    problem = PROBLEMS[name]()
    seconds = []
    for _ in range(runs):
        start = perf_counter()
        fit = bladenet.fit(problem, tol)
        seconds.append(perf_counter() - start)
    return median(seconds), fit


def certified(fit: bn.Fit) -> bool:
    """Whether the fit is certified to its tolerance."""
    return fit.certificate.status is bn.Status.GLOBAL


def fit_within(name: str, limit: float, runs: int = RUNS) -> Iterator[Result]:
    """A problem certified to 1e-6 in at most `limit` seconds."""
    seconds, fit = timed(name, runs)
    measured = f"{seconds:.3g} s, gap {fit.certificate.gap:.1e}, {len(fit.network)} neurons"
    yield Result(f"{name}, certified 1e-6", measured, f"≤ {limit:g} s", certified(fit) and seconds <= limit)


def starting() -> Iterator[Result]:
    """Whole processes: import, compile or load, fit motorcycle."""
    for name, code in (("motorcycle", fresh.MOTORCYCLE), ("spirals-200", fresh.SPIRALS)):
        cold = median(fresh.cold_start_seconds(code) for _ in range(RUNS_OF_SLOW))
        warm = median(fresh.warm_start_seconds(code) for _ in range(RUNS_OF_SLOW))
        yield Result(f"first process in all, {name}, empty cache", f"{cold:.3g} s", "reported", None)
        yield Result(f"second process in all, {name}", f"{warm:.3g} s", "reported", None)
    compiling = median(fresh.compile_seconds() for _ in range(RUNS_OF_SLOW))
    yield Result("compile time in a first fit of the plane", f"{compiling:.3g} s", "reported", None)


def published() -> Iterator[Result]:
    """The published 160-point spiral."""
    seconds, fit = timed("published-spiral")
    proven = fit.certificate
    network = bladenet.network_of(fit)
    twice = 2 * PROBLEMS["published-spiral"]().objective(network)
    yield Result("published spiral, 2 × objective", f"{twice:.8g}", "≤ 0.806867", twice <= 0.806867)
    yield Result("published spiral, gap", f"{proven.gap:.1e}", "≤ 1e-6", certified(fit))
    yield Result("published spiral, seconds", f"{seconds:.3g} s", "< 3 s", seconds < 3)


def memory() -> Iterator[Result]:
    """Growth of the peak resident size."""
    fits = [fresh.fitted("spirals-10000", 1e-6, "spirals-200") for _ in range(RUNS_OF_SLOW)]
    growth = 1e3 * median(fit.peak_gb - fit.before_gb for fit in fits)
    yield Result("spirals-10000, memory growth", f"{growth:.0f} MB", "≤ 500 MB", growth <= 500)


def scale(name: str, tol: float, limit: float, most_gb: float = np.inf, runs: int = RUNS_OF_SLOW) -> Iterator[Result]:
    """A large problem, each run in a process of its own, after a small one that loads the kernels."""
    warm = "motorcycle" if name.startswith("sine") else "spirals-200"
    fits = [fresh.fitted(name, tol, warm) for _ in range(runs)]
    seconds, peak = median(fit.seconds for fit in fits), max(fit.peak_gb for fit in fits)
    worst = max(fits, key=lambda fit: fit.gap)
    met = worst.status == "GLOBAL" and seconds <= limit and peak <= most_gb
    measured = f"{seconds:.3g} s, gap {worst.gap:.1e}, {worst.neurons} neurons, {peak:.2f} GB"
    target = f"≤ {limit:g} s" + (f", ≤ {most_gb:g} GB" if most_gb < np.inf else "")
    yield Result(f"{name}, certified {tol:.0e}".replace("e-0", "e-"), measured, target, met)


def at_scale() -> Iterator[Result]:
    """Spirals and two real sets in the plane, one feature, pairs of ten features."""
    pictures = ("colours", "patches") if ARCHIVE.exists() else ()
    for data in ("spirals", *pictures):
        yield from scale(f"{data}-10000", 1e-6, 3.0, runs=RUNS)
        yield from scale(f"{data}-100000", 1e-5, 30.0)
        yield from scale(f"{data}-1000000", 1e-3, 300.0, most_gb=8.0)
    if not pictures:
        yield Result("colours, patches", f"left out: {ARCHIVE} is not there", "", None)
    yield from scale("sine-1000000", 1e-6, 10.0)
    yield from scale("friedman-100000", 1e-2, 600.0)


def growth() -> Iterator[Result]:
    """Exponent of the time in n, from a straight line through log times."""
    sizes = np.array([1_000, 10_000, 100_000])
    fits = [timed(f"spirals-{n}", RUNS_OF_SLOW if n < 100_000 else 1) for n in sizes]
    seconds = [t for t, _ in fits]
    exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    measured = f"{exponent:.2f} ({', '.join(f'{t:.3g} s' for t in seconds)})"
    met = bool(exponent <= 1.3) and all(certified(fit) for _, fit in fits)
    yield Result("spirals, growth exponent 10³ to 10⁵", measured, "≤ 1.3", met)


def interpolating() -> Iterator[Result]:
    """Near interpolation, where Gram matrices break down."""
    for d in (1, 2):
        seconds, fit = timed(f"interpolation-{d}d", RUNS_OF_SLOW, tol=1e-5)
        measured = f"gap {fit.certificate.gap:.1e}, {seconds:.3g} s"
        yield Result(f"near interpolation, d = {d}", measured, "certified 1e-5", certified(fit))


def features() -> Iterator[Result]:
    """Neurons of three to five features."""
    for d, tol in ((3, 1e-3), (4, 1e-2), (5, 1e-2)):
        seconds, fit = timed(f"waves-{d}d", RUNS_OF_SLOW, tol)
        proven = fit.certificate
        measured = f"{seconds:.3g} s, {proven.status.value}, gap {proven.gap:.1e}, {len(fit.network)} neurons"
        yield Result(f"{len(fit.problem.y):,} × {d}, tolerance {tol:.0e}", measured, "reported", None)


def against_adam(limit: float) -> Iterator[Result]:
    """How much sooner bladenet certifies 1e-6 than the best Adam run is within 1e-3."""
    seconds, fit = timed("spirals-200")
    problem = PROBLEMS["spirals-200"]()
    solution = adam.solve(problem, limit)
    final = problem.objective(solution.network)
    reached = first_below([*solution.trace, (solution.seconds, final)], fit.certificate.lower_bound * 1.001)
    ratio = (reached or limit) / seconds
    excess = final / fit.certificate.lower_bound - 1
    adams = f"{reached:.3g} s" if reached else f"not in {limit:g} s (excess {excess:.1e})"
    measured = f"{'' if reached else '> '}{ratio:.0f} ×: {seconds:.3g} s, Adam {adams}"
    met = True if ratio >= 200 else (False if reached else None)
    yield Result("spirals-200, sooner than Adam within 1e-3", measured, "≥ 200 ×", met and certified(fit))


def all_targets(adam_limit: float) -> dict[str, Callable[[], Iterator[Result]]]:
    """Measurements by name."""
    return {
        "starting": starting,
        "published": published,
        "spirals-1000": lambda: fit_within("spirals-1000", 1.0),
        "spirals-10000": lambda: fit_within("spirals-10000", 5.0),
        "memory": memory,
        "scale": at_scale,
        "growth": growth,
        "sine": lambda: fit_within("sine-100000", 2.0),
        "interpolation": interpolating,
        "features": features,
        "adam": lambda: against_adam(adam_limit),
    }


def main(
    only: Annotated[list[str], typer.Option(help=f"One of {', '.join(all_targets(0))}; may be repeated.")] = [],  # noqa: B006
    adam_limit: Annotated[
        float, typer.Option(help="Seconds for Adam's run; its nine trials take a twentieth of it each.")
    ] = 120.0,
) -> None:
    """Measure the targets."""
    console = Console(width=150)
    console.print(machine.description())
    for name in ("spirals-200", "motorcycle"):
        bladenet.fit(PROBLEMS[name]())  # compiles, or loads, every kernel that is timed below
    table = Table()
    for heading in ("what", "measured", "target", "met"):
        table.add_column(heading, overflow="fold")
    words = {True: "yes", False: "NO", None: "–"}
    for name, measure in all_targets(adam_limit).items():
        if not only or name in only:
            for result in measure():
                console.print(f"{result.what}: {result.measured}", style="dim")
                table.add_row(result.what, result.measured, result.target, words[result.met])
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
