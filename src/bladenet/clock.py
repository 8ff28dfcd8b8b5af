"""How long a search may go on, and whether it has been interrupted."""

import time

import numpy as np

from bladenet.kernels.compiling import compilation


def now() -> float:
    """Seconds of a clock that stands still while kernels are compiled or loaded, which a process does once."""
    before, since = compilation.seen()
    return (time.perf_counter() if since is None else since) - before


class Clock:
    """Time limit and interruption, shared with the kernels through `flag`. Compiling them does not count."""

    def __init__(self, time_limit: float | None = None):
        self.started = now()
        self.deadline = np.inf if time_limit is None else self.started + time_limit
        self.flag = np.zeros(1, dtype=np.int64)
        self.interrupted = False
        self.whole: Clock | None = None  # of which this is a part

    def interrupt(self) -> None:
        """Ask everything that watches this clock to stop."""
        self.interrupted = True
        self.flag[0] = 1
        if self.whole is not None:
            self.whole.interrupt()

    def end(self) -> None:
        """Let the time be over, as what is left is too little for anything."""
        self.deadline, self.flag[0] = now(), 1

    def part(self, seconds: float) -> "Clock":
        """A clock for work that may take so long, and no longer than this one has; Ctrl-C stops both."""
        clock = Clock(min(max(0.0, self.remaining), seconds))
        clock.whole = self
        return clock

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
