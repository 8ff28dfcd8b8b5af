"""The hot loops against what this machine can do at best, on one thread: python -m benchmarks.floor."""

from collections.abc import Callable
from itertools import product
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from joblib import parallel_config
from numba import njit
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks import machine
from benchmarks.problems import PROBLEMS
from benchmarks.solvers import bladenet
from bladenet import TrainingProblem, kernels
from bladenet.certificate import PROBES, probe
from bladenet.columns import Columns, ComputedColumns, activations
from bladenet.pricing import BranchAndBound, Clock, PrefixSums
from bladenet.pricing.branch_and_bound import Cones

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


class Measured(NamedTuple):
    """A loop beside its floor: seconds, the least seconds, and what takes these."""

    what: str
    seconds: float
    floor: float
    least: str


def seconds_of(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median wall time, after a first call."""
    work()
    times = []
    for _ in range(runs):
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


def sample(n: int, neurons: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in the plane, and weights and offsets of neurons there."""
    points = np.random.default_rng(0).uniform(-1.0, 1.0, size=(n, 2))
    angles = np.linspace(0.0, 6.0, neurons)
    return points, np.column_stack([np.cos(angles), np.sin(angles)]), 0.3 * np.cos(7 * angles)


def solved(name: str) -> tuple[TrainingProblem, np.ndarray]:
    """A solved problem and its dual variable at the points of its standard form."""
    fit = bladenet.fit(PROBLEMS[name]())
    form = fit.problem.standard
    residual = fit.network.predict(form.points[form.row] * form.scale + form.centre) - form.y
    return fit.problem, form.at_points(form.weight * residual)


def branch_and_bound() -> Measured:
    """Per sample visited, proving max |h| ≤ β (1 + TOL) for spirals-10000."""
    problem, v = solved("spirals-10000")
    form = problem.standard
    pricer = BranchAndBound(form)
    cones = Cones(pricer.features, v, form.norm, form.beta * (1 + TOL), TOL, 0.0, np.inf)
    visits = 0

    def search() -> None:
        nonlocal visits
        visits = sum(cones.search(task, Clock())[2] for task in product(pricer.roots, (1.0, -1.0)))

    seconds = seconds_of(search)
    what = f"branch and bound, per sample visited ({visits / len(v):,.0f} n visits)"
    return Measured(what, seconds / visits, fused_seconds(), "three activations and their sum, in cache")


def prefix_sums() -> Measured:
    """Per pricing of sine-100000."""
    problem, v = solved("sine-100000")
    form = problem.standard
    pricer = PrefixSums(form)
    seconds = seconds_of(lambda: pricer.price(v, form.beta * (1 + TOL), TOL, Clock()))
    floor = 4 * v.nbytes / bandwidth()
    return Measured(f"prefix sums, {len(v):,} samples", seconds, floor, "read x and v, write both orientations")


def evaluation(neurons: int = 64) -> Measured:
    """Per neuron and sample, of evaluating neurons for a proof, at a million samples."""
    points, weights, offsets = sample(1_000_000, neurons)
    features, v, out = np.ascontiguousarray(points.T), points[:, 0].copy(), np.empty(neurons)
    seconds = seconds_of(lambda: kernels.neuron_values(features, v, weights, offsets, out))
    per_value = seconds / neurons / len(points)
    return Measured(
        "evaluation of neurons, per sample", per_value, fused_seconds() / 3, "an activation and a sum, in cache"
    )


def gram_update(known: int = 200, new: int = 50) -> Measured:
    """Inner products of new neurons with all, in the master problem of 10,000 samples, whose columns are kept."""
    points, weights, offsets = sample(10_000, known + new)
    columns = Columns(len(points))
    columns.add(activations(points.T, weights, offsets))
    ones = np.ones(len(points))
    seconds = seconds_of(lambda: columns.products(known, ones, ones))
    operations = 2 * len(points) * new * (known + new)
    what = f"Gram update, {known} + {new} neurons, n = {len(points):,}"
    return Measured(what, seconds, operations / multiply_rate(), "its multiplications, as one large product")


def computed_gram_update(known: int = 200, new: int = 50) -> Measured:
    """The same for a million samples, whose columns are computed again: what the master problem then does."""
    points, weights, offsets = sample(1_000_000, known + new)
    columns = ComputedColumns(points, weights, offsets)
    ones = np.ones(len(points))
    seconds = seconds_of(lambda: columns.products(known, ones, ones), runs=3)
    operations = 2 * len(points) * ((known + new) * (new + 2) + (known + new) * points.shape[1])
    what = f"Gram update, computed columns, {known} + {new} neurons, n = 10⁶"
    return Measured(what, seconds, operations / multiply_rate(), "the same, and computing the columns")


def computed_forward(neurons: int = 250) -> Measured:
    """Outputs of a network at a million samples from computed columns."""
    points, weights, offsets = sample(1_000_000, neurons)
    columns = ComputedColumns(points, weights, offsets)
    z = np.cos(np.arange(neurons))
    seconds = seconds_of(lambda: columns.forward(z), runs=3)
    what = f"outputs of {neurons} neurons, computed columns, n = 10⁶"
    return Measured(what, seconds, neurons * len(points) * fused_seconds() / 3, "an activation and a sum, in cache")


def probing() -> Measured:
    """The certificate's own search for a neuron that refutes the bound, on spirals-100000."""
    data = PROBLEMS["spirals-100000"]()
    problem = TrainingProblem.create(data.X, data.y, beta=data.beta)
    X, dual = problem.X, problem.y - problem.y.mean()
    seconds = seconds_of(lambda: probe(problem, dual, X, None), runs=3)
    lines = 2 + PROBES
    place = X[:, 0].copy()
    floor = lines * seconds_of(lambda: np.sort(place), runs=3)
    return Measured(
        f"probe of the certificate, {lines} directions, n = {len(X):,}", seconds, floor, "a sort for each direction"
    )


LOOPS = (branch_and_bound, prefix_sums, evaluation, gram_update, computed_gram_update, computed_forward, probing)


def main() -> None:
    """Print measured time, floor and their ratio."""
    console = Console(width=150)
    console.print(machine.description())
    table = Table()
    for heading in ("loop", "measured", "floor", "ratio", "the floor is the time to"):
        table.add_column(heading, justify="right" if heading in ("measured", "floor", "ratio") else "left")
    with threadpool_limits(1), parallel_config(n_jobs=1):
        console.print(
            f"one thread: {bandwidth() / 1e9:.1f} GB/s, {multiply_rate() / 1e9:.1f} Gflop/s, "
            f"fused loop {fused_seconds() * 1e9:.2f} ns per sample"
        )
        for loop in LOOPS:
            found = loop()
            ratio = f"{found.seconds / found.floor:.1f}"
            table.add_row(found.what, readable(found.seconds), readable(found.floor), ratio, found.least)
    console.print(table)


def readable(seconds: float) -> str:
    """Seconds as ms or ns."""
    return f"{seconds * 1e9:.2f} ns" if seconds < 1e-6 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
