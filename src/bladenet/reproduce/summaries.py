"""Means over trials with their standard errors, as numbers and as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.display import counted

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group


def with_errors(frame: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """Means over trials, and in ``<column>_error`` their standard errors, which are NaN for one trial."""
    groups = frame.groupby(by, sort=False)[columns]
    return groups.mean().join(groups.sem().add_suffix("_error")).reset_index()


def trials_of(frame: pd.DataFrame) -> str:
    """How many trials each setting and method of figure 7 has: ``3 trials``, ``2 to 3 trials``."""
    counts = frame.groupby(["panel", "width", "rate", "method"]).trial.nunique()
    fewest, most = int(counts.min()), int(counts.max())
    return counted(most, "trial") if fewest == most else f"{fewest} to {most} trials"


def table_of(frame: pd.DataFrame, title: str, texts: dict[str, str], shown: dict[str, tuple[str, str]]) -> Group:
    """A title above a table: columns of text by their headings, and columns of numbers by heading and format."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in texts:
        table.add_column(heading, no_wrap=True)
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    for _, row in frame.iterrows():
        numbers = [_number(row[name], row.get(f"{name}_error", np.nan), form) for name, form in shown.values()]
        table.add_row(*(f"{row[name]}" for name in texts.values()), *numbers)
    return Group(title, table)


def _number(mean: float, error: float, form: str) -> str:
    return f"{mean:{form}}" if np.isnan(error) else f"{mean:{form}} ± {error:{form}}"
