"""How kernels are compiled: without the GIL, with few signatures.

What Python calls is cached on disk. What only other kernels call is not: a function that comes from the cache cannot be
inlined, one that has just been compiled can, so that the code of a kernel would depend on what was compiled before it.
A loop of `inner_sums` either writes or sums, except within one buffer (`cut`): one that does both is vectorised only
where arrays are not close in memory, and would round differently from call to call.
"""

import logging
import os
import time
from threading import Lock, get_ident
from typing import Any

from numba import njit
from numba.core import event

SILENT = 1.0  # seconds of compiling that nobody needs to be told of
kernel = njit(cache=True, nogil=True, error_model="numpy")
inner = njit(nogil=True, error_model="numpy")
# sums in any order, so that they can run in SIMD; NaN and inf keep their meaning
inner_sums = njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})


class Compilation(event.Listener):
    """Measures how long any thread of this process has been compiling kernels, loading them, or waiting for that.

    Attributes
    ----------
    depth : of the compilations under way, by thread
    times : seconds that are over, and when those under way began, or None; replaced as one
    """

    def __init__(self) -> None:
        self.times: tuple[float, float | None] = 0.0, None
        self.forget()

    def forget(self) -> None:
        """Nothing is being compiled any more."""
        self.lock, self.depth = Lock(), dict[int, int]()
        self.times = self.times[0], None

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

    def seen(self) -> tuple[float, float | None]:
        """The times, asked for by a thread that compiles nothing."""
        if get_ident() in self.depth:  # Ctrl-C has kept numba from saying that it ended
            self.come_back()
        return self.times


class Notice(event.Listener):
    """Says once, while it happens, that kernels are being compiled; kernels that come from the cache say nothing.

    Through the logger "bladenet", which writes to stderr unless the user's program says otherwise.

    Attributes
    ----------
    since : seconds that `compilation` had seen when the first kernel was compiled; None before
    said : whether that has been said
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self.said = False

    def on_start(self, event: Any) -> None:
        """Say it as soon as it takes long."""
        if self.said or not event.data["dispatcher"].py_func.__module__.startswith("bladenet."):
            return
        before, since = compilation.times
        seconds = before + (time.perf_counter() - since if since else 0.0)
        if self.since is None:
            self.since = seconds
        if seconds - self.since >= SILENT:
            self.said = True
            logging.getLogger("bladenet").warning(
                "bladenet: compiling for this machine, which is needed once and takes a minute or two"
            )

    def on_end(self, event: Any) -> None:
        """Say nothing."""


compilation = Compilation()
event.register("numba:compiler_lock", compilation)
event.register("numba:compile", Notice())
if hasattr(os, "register_at_fork"):  # the threads that were compiling do not follow into a forked process
    os.register_at_fork(after_in_child=compilation.forget)
