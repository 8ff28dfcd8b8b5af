"""How rows of data are named: by the labels of a data frame that has its own, else by their numbers from 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np

from bladenet.checks import LINE, ROW, SHEET, RowError, frame_type
from bladenet.display import Shown, View, cut, flat
from bladenet.losses import Index

Label: TypeAlias = "str | int | float | tuple[Label, ...]"

WIDE = 40  # letters of a label in a text
EXAMPLES = 3  # labels shown in a message


@dataclass(frozen=True, eq=False, repr=False)
class RowLabels(Shown):
    """The labels of the rows of a pandas frame, if they tell rows apart and are no mere numbers 0, 1, … in order.

    Attributes
    ----------
    values : one label per row: numbers and text as they are, several levels as a tuple, all others, such as dates, as
        text; None where rows are known by their numbers, as those of arrays and polars frames
    """

    values: tuple[Label, ...] | None = None

    @classmethod
    def of(cls, X: Any) -> Self:
        """Those of a data frame or an array."""
        return cls.of_index(X.index if frame_type(X)[0] == "pandas" else None)

    @classmethod
    def of_index(cls, index: Any) -> Self:
        """Those of the index of a pandas frame, or of None."""
        if index is None or index.name in (LINE, SHEET):  # lines of a file are for messages about the file
            return cls()
        if index.nlevels == 1 and np.array_equal(index.to_numpy(), np.arange(len(index))):
            return cls()
        return cls.given(index)

    @classmethod
    def given(cls, labels: Iterable[Any]) -> Self:
        """These labels; none if some are the same."""
        values = tuple(map(_plain, labels))
        return cls(values if len(set(values)) == len(values) else None)

    def _view(self) -> View:
        facts = [("rows", f"{len(self.values):,}, such as {self.examples}" if self.values else "numbers from 0")]
        return View("RowLabels", facts)

    def __getitem__(self, row: int) -> Label:
        """The label of a row, or its number."""
        return int(row) if self.values is None else self.values[row]

    @property
    def examples(self) -> str:
        """Some labels, for a message."""
        shown = [cut(repr(label), WIDE) for label in (self.values or ())[:EXAMPLES]]
        return ", ".join(shown) + ", …" * (len(self.values or ()) > EXAMPLES)

    @cached_property
    def _rows(self) -> dict[Label, int]:
        return {label: row for row, label in enumerate(self.values or ())}

    def row(self, label: Any, n: int) -> int | None:
        """The number of the row, of n, that is called so, or None; numbers are labels where rows have some."""
        if self.values is not None:
            return self._rows.get(_plain(label))
        whole = isinstance(label, (int, np.integer)) and not isinstance(label, bool)
        return int(label) if whole and 0 <= label < n else None

    def listed(self, asked: Any) -> list[Any]:
        """The labels asked for, one or several; a tuple is one if a row is called that."""
        single = isinstance(asked, (str, bytes)) or not isinstance(asked, Iterable)
        return [asked] if single or (isinstance(asked, tuple) and _plain(asked) in self._rows) else list(asked)

    def column(self, rows: Index) -> Any:
        """What rows (k,) are called, for a column of a table."""
        return rows if self.values is None else [self.values[row] for row in rows]


NUMBERED = RowLabels()


def written_label(label: Label) -> str:
    """A label for reading, on one line."""
    text = f"({', '.join(map(str, label))})" if isinstance(label, tuple) else str(label)
    return cut(flat(text), WIDE)


@contextmanager
def named_rows(X: Any) -> Iterator[None]:
    """Errors about rows of X name their labels, where they have some."""
    try:
        yield
    except RowError as error:
        labels = RowLabels.of(X)
        if labels.values is None or max(error.rows, default=-1) >= len(labels.values):
            raise
        template = error.template
        for row in error.rows:
            template = template.replace(ROW, f"row {written_label(labels[row])}", 1)
        raise RowError(template) from None


def _plain(label: Any) -> Label:
    """A label as something that can be compared and saved."""
    if isinstance(label, np.datetime64):
        label = label.astype("datetime64[us]").item()
    elif isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, tuple):
        return tuple(map(_plain, label))
    if isinstance(label, (str, int, float)) and not isinstance(label, bool) and label == label:
        return label
    return str(label).removesuffix(" 00:00:00")
