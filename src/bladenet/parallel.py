"""Run searches on all cores, or on the cluster that joblib is set to; stop them at the deadline or on Ctrl-C."""

import os
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from multiprocessing import TimeoutError  # what joblib raises, which is not the built-in one
from typing import Any, TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

from bladenet.clock import Clock

LONGEST_WAIT = 1e6  # seconds that the operating system can wait for
SHORTEST_WAIT = 0.01  # seconds between two looks at a clock that stands still
TASKS = 4  # for each worker of a cluster, so that none waits long for the last
GRACE = 5.0  # seconds after the deadline that a cluster has to answer
FEWEST_TIMED, TIMED_SHARE = 8, 16  # items that are tried to see how long all take: so many, or one of so many
FIRST_TIMED = 4  # of these
UNEVEN = 1.25  # times what evenly shared items would take: measured, 1.2 to 1.3
PATIENCE = 2.5, 1.3  # times their share of the time, which the first and the others may need by chance
WATCH = 0.5  # seconds between two looks at whether a task is still wanted
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Item, Clock], Result]


def on_all_cores(work: Work[Item, Result], items: Iterable[Item], clock: Clock) -> list[Result]:
    """Map `work(item, clock)` over the items; it returns early, with what it has, once clock.flag is set.

    Kernels release the GIL, so threads use all cores, or as many as joblib's n_jobs says. Work that is itself part of
    such a map is done in place. Every item gets a result: those that start after the stop return at once.
    """
    if _here.at_work:
        with _watched(clock):
            return [work(item, clock) for item in items]
    with one_blas_thread():
        pool = _pool()
        futures = [pool.submit(work, item, clock) for item in items]
        try:
            while (ended := wait(futures, _patience(clock), FIRST_EXCEPTION)).not_done:
                if clock.stopped or any(future.exception() for future in ended.done):
                    clock.flag[0] = 1
                    break
        except KeyboardInterrupt:
            clock.interrupt()
        try:
            return [future.result() for future in futures]
        except BaseException:  # nobody waits for the others any more
            clock.interrupt()
            wait(futures)
            raise


@contextmanager
def _watched(clock: Clock) -> Iterator[None]:
    """Set the flag of a part of a clock when its time is over or the whole is stopped; others are watched elsewhere."""
    if clock.whole is None or clock.remaining > LONGEST_WAIT:
        yield
        return
    whole = clock.whole

    def watch(done: threading.Event) -> None:
        while not done.wait(min(WATCH, max(SHORTEST_WAIT, clock.remaining))):
            if clock.stopped or whole.flag[0]:
                clock.flag[0] = 1
                break

    with beside(watch):
        yield


@contextmanager
def beside(watch: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `watch` in a thread of its own, while the block runs; its argument is set once that ends."""
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(done,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _patience(clock: Clock) -> float | None:
    """Seconds to wait for threads before the next look at a clock, which may have stood still."""
    return None if clock.remaining > LONGEST_WAIT else max(SHORTEST_WAIT, clock.remaining)


def on_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Map short work on arrays, which needs no clock, over the items; on Ctrl-C as without threads."""
    return list(as_done(work, items))


def as_done(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The same results one by one, in order, for whoever need not hold them all."""
    if _here.at_work or _threads() == 1:
        yield from map(work, items)
        return
    with one_blas_thread():
        yield from _pool().map(work, items)


def on_all_workers(work: Work[Item, Result], items: Iterable[Item], clock: Clock) -> list[Result]:
    """The same map for long work: it goes where ``joblib.parallel_config(backend=…)`` says, if that is elsewhere.

    There every task has a clock of its own with the same deadline, by the time of day. `work` is pickled once, and sent
    once to each worker of a dask cluster: let it be a method of an object that holds what it needs and no more. On
    Ctrl-C, and if the cluster is not back soon after the deadline, what it did is lost; joblib counts that time from
    when it starts to wait for a task, which may be when the one before was back. What the cluster cannot do at all, as
    all its workers died or its memory is not enough, is done here, with a warning.
    """
    backend, _ = get_active_backend(prefer="threads")
    if _here.at_work or clock.stopped or _here_too(backend):
        return on_all_cores(work, items, clock)
    items = list(items)
    workers = count_workers()
    if workers == 1:  # joblib would do it in this process too, but with what was sent to the cluster
        return on_all_cores(work, items, clock)
    count = max(1, min(len(items), TASKS * workers))
    remaining = None if clock.remaining > LONGEST_WAIT else clock.remaining
    deadline, timeout = (None, None) if remaining is None else (time.time() + remaining, remaining + GRACE)
    packed: Any = np.frombuffer(pickle.dumps(work, protocol=5), dtype=np.uint8)  # joblib maps large arrays to memory
    client = getattr(backend, "client", None)
    if client is not None:  # dask: the result of a task, which it makes anew if the worker that holds it is lost
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            packed = client.submit(_kept, packed, pure=False)
    try:
        tasks = [delayed(_elsewhere)(packed, items[k::count], deadline) for k in range(count)]
        parts = Parallel(n_jobs=workers, batch_size=1, pre_dispatch="all", timeout=timeout)(tasks)
    except KeyboardInterrupt:
        clock.interrupt()
        return on_all_cores(work, items, clock)  # each item returns at once
    except TimeoutError:  # the deadline is past, which nobody need be told by an interruption
        clock.flag[0] = 1
        return on_all_cores(work, items, clock)
    except Exception as error:  # whatever its own kind of it is; an error in the work itself comes back here
        reason = f"{type(error).__name__}: {error}"
        warnings.warn(f"the workers of joblib failed, so the work is done here. {reason}", RuntimeWarning, stacklevel=2)
        return on_all_cores(work, items, clock)
    finally:
        if client is not None and client.status == "running":
            client.cancel(packed, force=True)  # and with it, on Ctrl-C, all tasks that need it
    results: list[Any] = [None] * len(items)
    for k, part in enumerate(parts):
        results[k::count] = part
    return results


def seconds_for(work: Work[Item, Result], items: list[Item], clock: Clock) -> float:
    """About how long :func:`on_all_workers` would take, from some of the items; inf if that is clearly too long.

    Some of the items get their share of the time that the clock has, the first few of them a generous one.
    """
    count = max(len(items) // TIMED_SHARE, min(FEWEST_TIMED, -(-len(items) // 3)))
    some = np.random.default_rng(0).permutation(len(items))[:count].tolist()
    times: list[float] = []

    def timed(number: int, clock: Clock) -> float:
        started = time.perf_counter()
        work(items[number], clock)
        return time.perf_counter() - started

    for part, patience in zip((some[:FIRST_TIMED], some[FIRST_TIMED:]), PATIENCE, strict=True):
        limited = clock.part(patience * clock.remaining * len(part) / len(items))
        times += on_all_cores(timed, part, limited) if part else []
        if part and limited.stopped:
            return float("inf")
    return UNEVEN * float(np.mean(times)) * len(items) / count_workers()


def count_workers() -> int:
    """How many items :func:`on_all_workers` does at once."""
    if _here.at_work:
        return 1
    backend, _ = get_active_backend(prefer="threads")
    return _threads() if _here_too(backend) else backend.effective_n_jobs(_n_jobs() or -1)


class _Here(threading.local):
    """Whether this thread is at work on an item, and the threads that work for it."""

    at_work = False
    pool: ThreadPoolExecutor | None = None
    pool_size = 0


_here = _Here()


def _start_work() -> None:
    _here.at_work = True


def _pool() -> ThreadPoolExecutor:
    """The threads that work for this one; each has its own, so that fits do not wait for each other's tasks."""
    threads = _threads()
    if _here.pool is None or _here.pool_size != threads:
        _here.pool, _here.pool_size = ThreadPoolExecutor(threads, initializer=_start_work), threads
    return _here.pool


def _forget_threads() -> None:
    """They do not follow into a forked process, but a lock that one of them held would."""
    _here.pool = None
    _blas_threads.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def _here_too(backend: Any) -> bool:
    """Whether a backend of joblib runs things in this process."""
    return getattr(backend, "supports_sharedmem", False)  # not all backends say


def _n_jobs() -> int | None:
    """What joblib was told; with a preference for threads it forgets."""
    return get_active_backend()[1]


def _threads() -> int:
    """n_jobs; without it all cores, or the share of them that joblib and dask leave to one of their workers."""
    backend, _ = get_active_backend(prefer="threads")
    jobs = _n_jobs()
    if jobs is not None and _here_too(backend):
        return backend.effective_n_jobs(jobs)
    share = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # a list is for nested levels
    return int(share) if share.isdecimal() and int(share) else 1 if backend.nesting_level else _cores()


@cache
def _cores() -> int:
    """Those that this process may use; finding out takes as long as a small search."""
    return cpu_count()


def _kept(packed: Any) -> Any:
    """Data as the result of a task."""
    return packed


def _elsewhere(packed: Any, items: list[Item], deadline: float | None) -> list[Any]:
    """Packed work in another process, where a thread watches the clock and whether anyone still wants the results."""
    clock = Clock(None if deadline is None else deadline - time.time())
    done = threading.Event()
    threading.Thread(target=_watch, args=(clock, _dask_task(), done), daemon=True).start()
    _here.at_work = True
    try:
        if hasattr(packed, "result"):  # of dask: joblib does it here if all workers but one have died meanwhile
            packed = packed.result()
        work = pickle.loads(memoryview(packed))
        return [work(item, clock) for item in items]
    finally:
        _here.at_work = False
        done.set()


def _watch(clock: Clock, wanted: Callable[[], bool], done: threading.Event) -> None:
    while not done.wait(min(clock.remaining, WATCH)):
        if clock.stopped or not wanted():
            return clock.interrupt()


def _dask_task() -> Callable[[], bool]:
    """For a task of a dask worker: whether it is still wanted. Dask cannot stop a running task, only forget it."""
    if "distributed" in sys.modules:
        from distributed import get_worker

        try:
            worker = get_worker()
        except ValueError:  # dask is here, this process is none of its workers
            return lambda: True
        key, tasks = worker.get_current_task(), worker.state.tasks
        return lambda: key in tasks and tasks[key].state == "executing"
    return lambda: True


class _BlasThreads:
    """How many threads BLAS uses, asked for by several fits at once: the last that is still wanted counts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted: dict[object, int] = {}  # by the context that asks, in the order of asking
        self.before: list[int] = []

    @contextmanager
    def limited(self, threads: int) -> Iterator[None]:
        """While the context lasts, unless another one says otherwise meanwhile."""
        context = object()
        with self.lock:
            if not self.wanted:
                self.before = [library.num_threads for library in _blas()]
            self.wanted[context] = threads
            self._set()
        try:
            yield
        finally:
            with self.lock:
                del self.wanted[context]
                self._set()

    def _set(self) -> None:
        threads = next(reversed(self.wanted.values()), None)
        for library, before in zip(_blas(), self.before, strict=True):
            library.set_num_threads(before if threads is None else threads)
            if hasattr(library, "clear_controlling_thread"):  # else no other thread could set it from now on
                library.clear_controlling_thread()


_blas_threads = _BlasThreads()


def one_blas_thread() -> AbstractContextManager[None]:
    """BLAS on one thread: two are hardly faster on matrices of this size, and spin in the way of whatever else runs."""
    return _blas_threads.limited(1)


def all_blas_threads() -> AbstractContextManager[None]:
    """BLAS on as many threads as there are for this work, for the few matrices that are large enough."""
    return _blas_threads.limited(1 if _here.at_work else _threads())


@cache
def _blas() -> list[Any]:
    """The BLAS libraries of this process; finding them takes milliseconds."""
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
