"""How a search over many cones keeps to its time: it proves less rather than nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bladenet.clock import Clock
from bladenet.parallel import LONGEST_WAIT, SHORTEST_WAIT, beside, count_workers

LOOK = 0.005  # of the time that there is, between two looks at how far a search has come
TRUSTED = 0.5  # of the time, after which what is finished tells how long the rest takes
RESERVED = 0.02  # of the time: a search expected to end later than that before the deadline gives way
GROWTH = 1.2  # a proof costs about excess^−GROWTH, until estimates tell
LEAST = 0.01  # excess over the largest value found, to begin with, where less was to be proven
LAST = 0.015  # of the time: then whatever is left is closed, the sooner, the less time there is


class Pace:
    """What a search aims at, and how far it has come; the threads of this process share it.

    Attributes
    ----------
    level : (1,), bounds that low are good enough; kernels read it as they go
    largest : the largest value found
    finished : root cones searched
    """

    def __init__(self, threshold: float):
        self.level, self.largest, self.finished = np.full(1, threshold), 0.0, 0

    def finish(self, largest: float) -> None:
        """Count a root cone, where the largest value found is this."""
        self.largest, self.finished = max(self.largest, largest), self.finished + 1

    @contextmanager
    def kept(self, tasks: int, clock: Clock) -> Iterator[None]:
        """Raise the level while a search of so many tasks is on that would not end in its time.

        Stopped in the middle, its bound would be that of a whole root cone; so it is what the time allowed. Searches of
        other processes do not see it.
        """
        total, threshold = clock.remaining, self.level[0]
        if not 0.0 < total < LONGEST_WAIT:
            yield
            return

        def watch(done: threading.Event) -> None:
            while not done.wait(max(LOOK * total, SHORTEST_WAIT)):
                looser = self._looser(tasks, clock.remaining / total)
                if looser > 1.0 and self.largest > 0.0:
                    excess = looser * max(threshold / self.largest - 1.0, LEAST)
                    self.level[0] = max(self.level[0], self.largest * (1.0 + excess))

        with beside(watch):
            yield

    def _looser(self, tasks: int, left: float) -> float:
        """By which factor the excess must grow for the search to end, with this part of its time left."""
        gone, left = 1.0 - left, max(left, 1e-9)
        if gone < TRUSTED:
            return 1.0
        unfinished = tasks - self.finished
        waiting = max(unfinished - 0.5 * min(count_workers(), unfinished), 0.5)
        needed = gone * waiting / max(tasks - waiting, 0.5)
        behind = (needed / max(left - RESERVED, 1e-9)) ** (1.0 / GROWTH) if left > 2.0 * RESERVED else 1.0
        return max(1.0, behind, LAST / left)
