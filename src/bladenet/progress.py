"""What a fit is at: steps before training, for whoever listens, and all of it on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bladenet.display import counted, short, written_out

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from bladenet.column_generation import Round


@dataclass(frozen=True)
class Step:
    """What has been done of the work before training.

    Attributes
    ----------
    stage : what for
    fold, folds : how many are done, and how many there are
    value, values : which alpha is tried, from 1, and how many there are at most; 0 where none is
    """

    stage: str
    fold: int
    folds: int
    value: int = 0
    values: int = 0

    def __str__(self) -> str:
        value = f"{self.value} of at most {self.values}, " if self.values else ""
        return f"{self.stage}: {value}{self.fold} of {counted(self.folds, 'fold')} done"


Listener = Callable[[Step], object]
_listener: ContextVar[Listener] = ContextVar("listener")


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Steps of what is fitted in the block go to the listener, from any thread; the first of each stage from this."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def current_listener() -> Listener:
    """Who listens; nobody in threads, so ask before."""
    return _listener.get(lambda step: None)


class Progress:
    """Shows one line per round of training, and on a terminal, before that, a line that changes with every step."""

    def __init__(self, console: Console):
        self.console = console
        self._line: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end_line()

    def hear(self, step: Step) -> None:
        """Show a step; where output is no terminal, nothing."""
        if not self.console.is_terminal or self.console.quiet:
            return
        if self._line is None:
            self._line = self.console.status(str(step))
            self._line.start()
        self._line.update(str(step))

    def __call__(self, row: Round) -> None:
        """Print the line of a round, below a header."""
        self._end_line()
        if row.round == 0:
            self.console.print(
                f"{'round':>5}{'neurons':>9}{'objective':>16}{'lower bound':>16}{'gap':>10}{'seconds':>9}"
            )
        objective, bound = written_out(row.objective, 8), written_out(row.lower_bound, 8)
        self.console.print(
            f"{row.round:>5}{row.neurons:>9}{objective:>16}{bound:>16}{short(row.gap):>10}{row.seconds:>9.2f}"
        )

    def _end_line(self) -> None:
        if self._line is not None:
            self._line.stop()
            self._line = None
