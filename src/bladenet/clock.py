"""How long a search may go on, and whether it has been interrupted."""

import os
import time
from threading import Lock, get_ident
from typing import Any

import numpy as np
from numba.core import event


class _Compilation(event.Listener):
    """Measures how long any thread of this process has been compiling kernels, loading them, or waiting for that.

    Attributes
    ----------
    depth : of the compilations under way, by thread
    times : seconds that are over, and when those under way began, or None; replaced as one
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nothing is being compiled."""
        self.lock, self.depth = Lock(), dict[int, int]()
        self.times: tuple[float, float | None] = 0.0, None

    def on_start(self, event: Any) -> None:
        """Go deeper."""
        with self.lock:
            if not self.depth:
                self.times = self.times[0], time.perf_counter()
            self.depth[get_ident()] = self.depth.get(get_ident(), 0) + 1

    def on_end(self, event: Any) -> None:
        """Come back."""
        self.come_back(self.depth.get(get_ident(), 1) - 1)

    def come_back(self, depth: int = 0) -> None:
        """Go back to this depth."""
        with self.lock:
            if depth:
                self.depth[get_ident()] = depth
            elif self.depth.pop(get_ident(), 0) and not self.depth:
                before, since = self.times
                self.times = before + (time.perf_counter() - since if since else 0.0), None


_compilation = _Compilation()
event.register("numba:compiler_lock", _compilation)
if hasattr(os, "register_at_fork"):  # the threads that were compiling do not follow into a forked process
    os.register_at_fork(after_in_child=_compilation.begin)


def now() -> float:
    """Seconds of a clock that stands still while kernels are compiled or loaded, which a process does once."""
    if get_ident() in _compilation.depth:  # Ctrl-C has kept numba from saying that it ended
        _compilation.come_back()
    before, since = _compilation.times
    return (time.perf_counter() if since is None else since) - before


class Clock:
    """Time limit and interruption, shared with the kernels through `flag`. Compiling them does not count."""

    def __init__(self, time_limit: float | None = None):
        self.started = now()
        self.deadline = np.inf if time_limit is None else self.started + time_limit
        self.flag = np.zeros(1, dtype=np.int64)
        self.interrupted = False

    def interrupt(self) -> None:
        """Ask everything that watches this clock to stop."""
        self.interrupted = True
        self.flag[0] = 1

    def extend(self, time_limit: float | None) -> None:
        """Move the deadline to so many seconds after the start."""
        self.deadline = np.inf if time_limit is None else self.started + time_limit
        self.flag[0] = int(self.stopped)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return now() - self.started

    @property
    def remaining(self) -> float:
        """Seconds left; inf without a limit."""
        return self.deadline - now()

    @property
    def stopped(self) -> bool:
        """Whether the work should end now."""
        return self.interrupted or self.remaining <= 0
