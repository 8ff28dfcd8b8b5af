"""Run kernels on all cores, and stop them at the deadline or on Ctrl-C."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from joblib import cpu_count

from bladenet.pricing.base import Clock

LONGEST_WAIT = 1e6  # seconds that the operating system can wait for
Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(work: Callable[[Item], Result], items: Iterable[Item], clock: Clock) -> list[Result]:
    """Map with threads (kernels release the GIL). At the deadline or on Ctrl-C, `clock` tells the kernels to return.

    Every item gets a result: kernels that start after the stop return at once.
    """
    with ThreadPoolExecutor(cpu_count()) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            remaining = None if clock.remaining > LONGEST_WAIT else max(0.0, clock.remaining)
            if wait(futures, timeout=remaining).not_done:
                clock.flag[0] = 1
        except KeyboardInterrupt:
            clock.interrupt()
        return [future.result() for future in futures]
