"""Run searches on all cores, or on the cluster that joblib is set to; stop them at the deadline or on Ctrl-C."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed
from joblib.parallel import get_active_backend

from bladenet.pricing.base import Clock

LONGEST_WAIT = 1e6  # seconds that the operating system can wait for
Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(work: Callable[[Item, Clock], Result], items: Iterable[Item], clock: Clock) -> list[Result]:
    """Map `work(item, clock)` over the items; it returns early, with what it has, once clock.flag is set.

    Kernels release the GIL, so threads use all cores. Under ``joblib.parallel_config(backend=…)`` with processes or a
    cluster (dask, ray, loky) the items go there, each with a clock of its own. Work that is itself part of such a map
    is done in place. Every item gets a result: those that start after the stop return at once.
    """
    backend, jobs = get_active_backend(prefer="threads")
    if _here.at_work or backend.supports_sharedmem:
        return in_threads(work, items, clock)
    run, remaining = delayed(_elsewhere), _wait(clock)
    return list(Parallel(n_jobs=jobs or -1)(run(work, item, remaining) for item in items))


def in_threads(work: Callable[[Item, Clock], Result], items: Iterable[Item], clock: Clock) -> list[Result]:
    """:func:`on_all_cores` of this machine, whatever joblib is set to."""
    if _here.at_work:
        return [work(item, clock) for item in items]
    with ThreadPoolExecutor(cpu_count(), initializer=_start_work) as pool:
        futures = [pool.submit(work, item, clock) for item in items]
        try:
            if wait(futures, timeout=_wait(clock)).not_done:
                clock.flag[0] = 1
        except KeyboardInterrupt:
            clock.interrupt()
        return [future.result() for future in futures]


def _wait(clock: Clock) -> float | None:
    """Seconds until the deadline; None where there is none to speak of."""
    return None if clock.remaining > LONGEST_WAIT else max(0.0, clock.remaining)


class _Here(threading.local):
    """Whether this thread is at work on an item."""

    at_work = False


_here = _Here()


def _start_work() -> None:
    _here.at_work = True


def _elsewhere(work: Callable[[Item, Clock], Result], item: Item, seconds: float | None) -> Result:
    """`work` in another process: a timer there does what waiting does here."""
    clock = Clock(seconds)
    timer = threading.Timer(LONGEST_WAIT if seconds is None else seconds, clock.interrupt)
    timer.daemon = True
    timer.start()
    _start_work()
    try:
        return work(item, clock)
    finally:
        _here.at_work = False
        timer.cancel()
