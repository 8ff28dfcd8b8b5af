"""Run searches on all cores, or on the cluster that joblib is set to; stop them at the deadline or on Ctrl-C."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from joblib.parallel import get_active_backend

from bladenet.losses import Index
from bladenet.pricing.base import Clock

LONGEST_WAIT = 1e6  # seconds that the operating system can wait for
Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(work: Callable[[Item, Index], Result], items: Iterable[Item], clock: Clock) -> list[Result]:
    """Map `work(item, flag)` over the items; it returns early, with what it has, once flag[0] is not 0.

    Kernels release the GIL, so threads use all cores. Under ``joblib.parallel_config(backend=…)`` with processes or a
    cluster (dask, ray, loky) the items go there, where each has its own flag, set at the deadline. Every item gets a
    result: those that start after the stop return at once.
    """
    backend, jobs = get_active_backend(prefer="threads")
    remaining = None if clock.remaining > LONGEST_WAIT else max(0.0, clock.remaining)
    if not backend.supports_sharedmem:
        run = delayed(_with_own_flag)
        return list(Parallel(n_jobs=jobs or -1)(run(work, item, remaining) for item in items))
    with ThreadPoolExecutor(cpu_count()) as pool:
        futures = [pool.submit(work, item, clock.flag) for item in items]
        try:
            if wait(futures, timeout=remaining).not_done:
                clock.flag[0] = 1
        except KeyboardInterrupt:
            clock.interrupt()
        return [future.result() for future in futures]


def _with_own_flag(work: Callable[[Item, Index], Result], item: Item, seconds: float | None) -> Result:
    """`work(item, flag)` in another process: a timer there stands in for the clock here."""
    flag = np.zeros(1, dtype=np.int64)
    timer = None if seconds is None else threading.Timer(seconds, lambda: flag.__setitem__(0, 1))
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        return work(item, flag)
    finally:
        if timer is not None:
            timer.cancel()
