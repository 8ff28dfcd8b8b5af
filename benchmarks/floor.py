"""The hot loops against what this machine can do at best, on one thread: python -m benchmarks.floor."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
from numba import njit
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks import machine
from benchmarks.problems import PROBLEMS
from benchmarks.solvers import bladenet
from bladenet import TrainingProblem, kernels
from bladenet.lasso import Lasso
from bladenet.pricing import BranchAndBound, Clock, PrefixSums
from bladenet.pricing.branch_and_bound import CELL_DEPTH, MAX_DEPTH

RUNS = 5
TOL = 1e-5  # of the pricing measured, a late round's
CACHED = 1_000  # samples, which stay in the first-level cache


@njit(fastmath=True, error_model="numpy")
def fused(x0, x1, v, lines):
    """Σ_i v_i (a_i)_+ at three lines: the least that examining a cone can cost, in one pass without branches."""
    total = 0.0
    for i in range(len(v)):
        for k in range(3):
            total += v[i] * max(lines[k, 0] * x0[i] + lines[k, 1] * x1[i] + lines[k, 2], 0.0)
    return total


def seconds_of(work: Callable[[], object]) -> float:
    """Median wall time, after a first call."""
    work()
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def bandwidth() -> float:
    """Bytes read and written per second by a copy far larger than a core's caches."""
    source = np.ones(16_000_000)
    target = np.empty_like(source)
    return 2 * source.nbytes / seconds_of(lambda: np.copyto(target, source))


def multiply_rate() -> float:
    """Floating-point operations per second of a square matrix product."""
    A = np.random.default_rng(0).standard_normal((1_000, 1_000))
    return 2 * len(A) ** 3 / seconds_of(lambda: A @ A)


def fused_seconds() -> float:
    """Per sample, of the fused loop."""
    rng = np.random.default_rng(0)
    x0, x1, v, lines = *rng.standard_normal((3, CACHED)), rng.standard_normal((3, 3))
    repeats = 1_000
    return seconds_of(lambda: [fused(x0, x1, v, lines) for _ in range(repeats)]) / repeats / CACHED


def solved(name: str) -> tuple[TrainingProblem, np.ndarray]:
    """A solved problem and its dual variable at the points of its standard form."""
    fit = bladenet.fit(PROBLEMS[name]())
    form = fit.problem.standard
    residual = fit.network.predict(form.points[form.row] * form.scale + form.centre) - form.y
    return fit.problem, form.at_points(form.weight * residual)


def branch_and_bound() -> tuple[str, float, float]:
    """Seconds and floor per sample visited, proving max |h| ≤ β (1 + TOL) for spirals-10000."""
    problem, v = solved("spirals-10000")
    form = problem.standard
    pricer = BranchAndBound(form)
    visits = 0

    def search() -> None:
        nonlocal visits
        cells = len(pricer.roots) << CELL_DEPTH
        best, lines = np.zeros((2, cells)), np.zeros((2, cells, 3))
        visits = sum(
            kernels.branch_and_bound(
                pricer.points, v, cone, root, form.norm, form.beta * (1 + TOL), TOL, 0.0,
                CELL_DEPTH, best, lines, Clock().flag, MAX_DEPTH,
            )[2]
            for root, cone in enumerate(pricer.roots)
        )  # fmt: skip

    seconds = seconds_of(search)
    what = f"branch and bound, per sample visited ({visits / len(v):,.0f} n visits)"
    return what, seconds / visits, fused_seconds()


def prefix_sums() -> tuple[str, float, float]:
    """Seconds per pricing of sine-100000; the floor streams x and v in and both orientations out."""
    problem, v = solved("sine-100000")
    form = problem.standard
    pricer = PrefixSums(form)
    seconds = seconds_of(lambda: pricer.price(v, form.beta * (1 + TOL), TOL, Clock()))
    return f"prefix sums, {len(v):,} samples", seconds, 4 * v.nbytes / bandwidth()


def gram_update(known: int = 200, new: int = 50) -> tuple[str, float, float]:
    """Seconds to add neurons to the master problem; the floor is its multiplications at full rate."""
    problem = PROBLEMS["spirals-10000"]()
    form = TrainingProblem.create(problem.X, problem.y, beta=problem.beta).standard
    angles = np.linspace(0.0, 6.0, known + new)
    weights = np.column_stack([np.cos(angles), np.sin(angles)])
    offsets = 0.3 * np.cos(7 * angles)
    times = []
    for _ in range(RUNS):
        master = Lasso(form, Clock())
        master.add(weights[:known], offsets[:known])
        start = perf_counter()
        master.add(weights[known:], offsets[known:])
        times.append(perf_counter() - start)
    operations = 2 * len(form.points) * new * (known + new + form.points.shape[1])
    return f"Gram update, {known} + {new} neurons, n = 10,000", median(times), operations / multiply_rate()


def main() -> None:
    """Print measured time, floor and their ratio."""
    console = Console(width=130)
    console.print(machine.description())
    table = Table()
    for heading in ("loop", "measured", "floor", "ratio"):
        table.add_column(heading, justify="left" if heading == "loop" else "right")
    with threadpool_limits(1):
        console.print(
            f"one thread: {bandwidth() / 1e9:.1f} GB/s, {multiply_rate() / 1e9:.1f} Gflop/s, "
            f"fused loop {fused_seconds() * 1e9:.2f} ns per sample"
        )
        for loop in (branch_and_bound, prefix_sums, gram_update):
            what, measured, floor = loop()
            table.add_row(what, readable(measured), readable(floor), f"{measured / floor:.1f}")
    console.print(table)


def readable(seconds: float) -> str:
    """Seconds as ms or ns."""
    return f"{seconds * 1e9:.2f} ns" if seconds < 1e-6 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
