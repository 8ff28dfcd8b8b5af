"""Progress of training on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from bladenet.column_generation import Round


class Progress:
    """Prints one line per round of training."""

    def __init__(self, console: Console):
        self.console = console

    def __call__(self, row: Round) -> None:
        """Print the line of a round, below a header."""
        if row.round == 0:
            self.console.print(
                f"{'round':>5}{'neurons':>9}{'objective':>16}{'lower bound':>16}{'gap':>10}{'seconds':>9}"
            )
        self.console.print(
            f"{row.round:>5}{row.neurons:>9}{row.objective:>16.8g}{row.lower_bound:>16.8g}{row.gap:>10.1e}{row.seconds:>9.2f}"
        )
