"""Measurements that need a process of their own: compile time, start to finish, memory."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from time import perf_counter
from typing import Any

# Each prints JSON on its last line
SPIRALS = """
from benchmarks.problems import PROBLEMS
from benchmarks.solvers.bladenet import fit
fit(PROBLEMS["spirals-200"]())
print(0)
"""
FIRST_AND_SECOND = """
from time import perf_counter
from benchmarks.problems import PROBLEMS
from benchmarks.solvers.bladenet import fit
problem = PROBLEMS["spirals-200"]()
times = []
for _ in range(2):
    start = perf_counter()
    fit(problem)
    times.append(perf_counter() - start)
print(times[0] - times[1])
"""
MOTORCYCLE = """
import bladenet
data = bladenet.datasets.load_motorcycle()
bladenet.BladeNetRegressor(alpha=1e-3).fit(data.X, data.y)
print(0)
"""
FIT = """
import json, re
from pathlib import Path
from time import perf_counter
from benchmarks.problems import PROBLEMS
from benchmarks.solvers.bladenet import fit
def gigabytes(field):
    return int(re.search(field + r":\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9
fit(PROBLEMS[{warm!r}]())
problem = PROBLEMS[{name!r}]()
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from the present size
before = gigabytes("VmRSS")
start = perf_counter()
found = fit(problem, {tol})
seconds = perf_counter() - start
proven = found.certificate
print(json.dumps([seconds, proven.gap, proven.status.value, len(found.network), gigabytes("VmHWM"), before]))
"""


@dataclass(frozen=True)
class Fitted:
    """What a fit took and proved; memory is the peak resident size during the fit, and that just before it."""

    seconds: float
    gap: float
    status: str
    neurons: int
    peak_gb: float
    before_gb: float


def compile_seconds() -> float:
    """First fit less second fit in a new process whose numba cache is empty."""
    with tempfile.TemporaryDirectory() as empty:
        return run(FIRST_AND_SECOND, empty)


def cold_start_seconds(code: str) -> float:
    """A new process from start to end, with an empty numba cache: import, compile, fit."""
    with tempfile.TemporaryDirectory() as empty:
        return _wall(code, empty)


def warm_start_seconds(code: str) -> float:
    """The same with a filled cache, as every process but the first has it."""
    with tempfile.TemporaryDirectory() as cache:
        run(code, cache)
        return _wall(code, cache)


def fitted(name: str, tol: float, warm: str) -> Fitted:
    """Fit a problem in a new process, after another one; Linux only.

    Memory is not from getrusage: its ru_maxrss is inherited from the parent process, and hides the growth.
    """
    return Fitted(*run(FIT.format(name=name, tol=tol, warm=warm)))


def run(code: str, cache: str | None = None) -> Any:
    """Run code in a new process with the given numba cache; returns what it prints last, as JSON."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _wall(code: str, cache: str) -> float:
    start = perf_counter()
    run(code, cache)
    return perf_counter() - start
