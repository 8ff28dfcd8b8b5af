"""Encoding: the columns of a data frame as features of a network, and back.

Numbers stay as they are; a column of categories becomes indicators, "colour=red", one per category (one in all if
there are two). pandas and polars frames are recognised by the module of their type; neither library is imported
before the user has.
"""

from __future__ import annotations

import numbers
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Self

import numpy as np

from bladenet.cells import is_measurement, is_number
from bladenet.checks import frame_type, place
from bladenet.display import Shown
from bladenet.losses import Array, Index
from bladenet.row_labels import RowLabels, written_label

Level = str | int | float | bool

FEW_LEVELS = 12  # text may have that many different values, whatever they look like,
FEWEST_ROWS = 10  # but in as many rows, numbers that mostly differ are no categories
SHOWN = 5  # columns or values listed in a message


@dataclass(frozen=True, repr=False)
class Column(Shown):
    """One column of the data and the features it becomes.

    Attributes
    ----------
    name : str
    levels : the categories seen in training, in order; None for a column of numbers
    """

    name: str
    levels: tuple[Level, ...] | None = None

    @property
    def indicated(self) -> tuple[Level, ...]:
        """The levels that have an indicator: the second of two, or all."""
        levels = self.levels or ()
        return levels[1:] if len(levels) == 2 else levels

    @property
    def features(self) -> tuple[str, ...]:
        """Names of its features."""
        return (self.name,) if self.levels is None else tuple(f"{self.name}={level}" for level in self.indicated)

    def encode(self, cells: Cells) -> Array:
        """Its features, (n, width); a level not seen in training has no indicator."""
        if self.levels is None:
            return cells.as_numbers()[:, None]
        code = self._code(cells)
        first = len(self.levels) - len(self.indicated)
        return (code[:, None] == np.arange(first, len(self.levels))).astype(np.float64)

    def warn_of_new(self, cells: Cells) -> None:
        """Warn if there are levels that were not seen in training."""
        if self.levels is None or not (new := self._code(cells) < 0).any():
            return
        levels = list(dict.fromkeys(cells.as_levels()[new]))
        like = repr(self.levels[0]) if len(self.levels) == 2 else "no known category (all indicators 0)"
        rows = f"{int(new.sum()):,} row{'s' * (int(new.sum()) > 1)}"
        warnings.warn(
            f"column {self.name!r} has categories not seen in training: {_listed(levels)}; {rows}, the "
            f"first is {cells.place(new)}. They are treated like {like}.",
            UserWarning,
            stacklevel=3,
        )

    def _code(self, cells: Cells) -> Index:
        """Number of each cell's level, (n,); −1 for one not seen in training."""
        position = {level: i for i, level in enumerate(self.levels or ())}
        return np.array([position.get(level, -1) for level in cells.as_levels()], dtype=np.int64)

    def value(self, features: Array) -> Level | None:
        """The value behind its features, (width,); None for a level not seen in training."""
        levels = self.levels
        if levels is None:
            return float(features[0])
        if features.any():
            return self.indicated[int(features.argmax())]
        return levels[0] if len(levels) == 2 else None


@dataclass(frozen=True, repr=False)
class Encoding(Shown):
    """How the columns of the data become the features of the network; :meth:`matrix` does it."""

    columns: tuple[Column, ...]

    @classmethod
    def of_numbers(cls, names: Iterable[str]) -> Self:
        """Columns that are all numbers."""
        return cls(tuple(Column(name) for name in names))

    @classmethod
    def of_frame(cls, frame: Any, names: Iterable[str], kept: np.ndarray) -> tuple[Self, Array]:
        """Choose it for a data frame, and encode that: the encoding and the features (n, d).

        Parameters
        ----------
        frame : pandas or polars DataFrame
        names : one per column
        kept : (n,) bool, the rows that count; categories that only others have are not seen

        Raises
        ------
        ValueError
            If values are missing or infinite, a column can be neither numbers nor categories, or names repeat. Names
            the columns and rows, and the remedy.
        """
        read = _read(frame)
        encoding = cls(tuple(cells.column(name, kept) for name, cells in zip(names, read, strict=True)))
        repeated = [name for name, count in Counter(encoding.features).items() if count > 1]
        if repeated:
            raise ValueError(f"X has several features called {repeated[0]!r}: rename columns so that names differ.")
        return encoding, encoding._encode(read)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of the features, (d,)."""
        return tuple(name for column in self.columns for name in column.features)

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """The column that each feature comes from, (d,)."""
        return tuple(i for i, column in enumerate(self.columns) for _ in column.features)

    @property
    def has_categories(self) -> bool:
        """Whether any column is not numbers."""
        return any(column.levels is not None for column in self.columns)

    def opposite(self, feature: int) -> str | None:
        """What holds where an indicator is 0, in words; None for a feature that is a number."""
        column, name = self.columns[self.sources[feature]], self.features[feature]
        if column.levels is None:
            return None
        return f"{column.name}={column.levels[0]}" if len(column.levels) == 2 else f"not {name}"

    def matrix(self, frame: Any) -> Array:
        """Encode a data frame that has these columns in this order: (n, d).

        Warns
        -----
        UserWarning
            About categories not seen in training; all indicators of their column are 0.

        Raises
        ------
        ValueError
            If values are missing or infinite, or a column of numbers is something else now.
        """
        read = _read(frame)
        for column, cells in zip(self.columns, read, strict=True):
            column.warn_of_new(cells)
        return self._encode(read)

    def _encode(self, read: list[Cells]) -> Array:
        return np.column_stack([column.encode(cells) for column, cells in zip(self.columns, read, strict=True)])

    def values(self, row: Array) -> dict[str, Level | None]:
        """The data behind one row of features, (d,), by column; None for a level not seen in training."""
        starts = np.searchsorted(self.sources, np.arange(1, len(self.columns)))
        parts = zip(self.columns, np.split(row, starts), strict=True)
        return {column.name: column.value(part) for column, part in parts}


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one column, read from whatever library.

    Attributes
    ----------
    name : str
    values : (n,) float64 if the column holds numbers, else object
    missing : (n,) bool
    declared : levels of a categorical type in its order; () if it has none of its own; None for other types
    index : of a pandas frame, which may name its rows
    """

    name: str
    values: np.ndarray
    missing: np.ndarray
    declared: tuple[Any, ...] | None
    index: Any = None

    @property
    def numeric(self) -> bool:
        """Whether the cells are numbers."""
        return self.values.dtype != object

    def place(self, mask: np.ndarray) -> str:
        """The first row of a mask, in words."""
        row, labels = int(mask.argmax()), RowLabels.of_index(self.index)
        return place(row, self.index) if labels.values is None else f"row {written_label(labels[row])}"

    def column(self, name: str, kept: np.ndarray) -> Column:
        """What the column is, from its type and its kept cells."""
        if self.numeric:
            return Column(name)
        seen = dict.fromkeys(self.as_levels()[kept])
        if self.declared is None:
            self._check_text(seen, int(kept.sum()))
        order = {_level(level): i for i, level in enumerate(self.declared or sorted(seen))}
        return Column(name, tuple(sorted(seen, key=order.__getitem__)))

    def as_numbers(self) -> Array:
        """The cells as numbers, false and true as 0 and 1."""
        odd = np.array([not self.numeric and not isinstance(value, (bool, np.bool_)) for value in self.values])
        if odd.any():
            words = odd & [not is_number(value) for value in self.values]
            odd = words if words.any() else odd  # one word makes text of all numbers in a file
            raise ValueError(
                f"column {self.name!r} held numbers in training, but holds {self.values[odd.argmax()]!r} in "
                f"{self.place(odd)}: convert it to numbers as in training."
            )
        return self.values.astype(np.float64)

    def as_levels(self) -> np.ndarray:
        """The cells as categories, (n,) object."""
        levels = np.empty(len(self.values), dtype=object)
        levels[:] = [_level(value) for value in self.values.tolist()]
        return levels

    def _check_text(self, seen: dict[Level, None], rows: int) -> None:
        """Refuse what is no set of categories: mixtures, other types, numbers as text, identifiers."""
        kinds = {type(level) for level in seen}
        alike = kinds in ({str}, {bool}) and all(isinstance(v, (str, bool, np.bool_)) for v in self.values)
        measured = np.mean([is_measurement(value) and not isinstance(value, bool) for value in self.values]) > 0.5
        mostly_different = 2 * len(seen) > rows >= FEWEST_ROWS
        if alike and len(seen) <= FEW_LEVELS and not (measured and mostly_different):
            return
        if measured:
            odd = np.array([not (_is_real(value) or (alike and is_number(value))) for value in self.values])
            raise ValueError(
                f"column {self.name!r} holds numbers as text, {self.values[odd.argmax()]!r} in {self.place(odd)}: "
                "convert it to numbers (1234.5: no thousands separators, currency or units), or to a categorical type "
                "if they are codes."
            )
        if not alike:
            types = ", ".join(sorted({type(value).__name__ for value in self.values.tolist()}))
            raise ValueError(
                f"column {self.name!r} holds neither numbers nor categories but values of type {types} "
                f"(such as {self.values[0]!r}): convert it to numbers, to strings, or drop it."
            )
        if 2 * len(seen) > rows:
            raise ValueError(
                f"column {self.name!r} has {len(seen)} different texts in {rows} rows, for example "
                f"{_listed(list(seen))}, which is too many for categories: drop it, or group its values."
            )


def _read(frame: Any) -> list[Cells]:
    """The columns of a data frame, checked to be complete and finite."""
    library, _ = frame_type(frame)
    if 0 in frame.shape:
        raise ValueError(f"X is empty: it has shape {frame.shape}; found 0 sample(s) or 0 feature(s), 1 is required.")
    if library == "pandas":
        cells = [_read_pandas(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
        cells = [replace(column, index=frame.index) for column in cells]
    else:
        cells = [_read_polars(column) for column in frame.get_columns()]
    fill = "X.dropna() and X.fillna(value)" if library == "pandas" else "X.drop_nulls() and X.fill_null(value)"
    _refuse(cells, [column.missing for column in cells], "missing", f"Drop those rows or fill them in: {fill}.")
    infinite = [np.isinf(c.values) if c.numeric else np.zeros(len(c.values), dtype=bool) for c in cells]
    _refuse(cells, infinite, "infinite", "Drop those rows or replace the values.")
    return cells


def _read_pandas(name: str, column: Any) -> Cells:
    kind, declared = column.dtype.kind, None
    if column.dtype.name == "category":
        declared = tuple(column.dtype.categories)
    elif kind in "iuf":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return Cells(name, values, column.isna().to_numpy() | np.isnan(values), None)
    return _from_objects(name, column.astype(object).to_numpy(), column.isna().to_numpy(), declared)


def _read_polars(column: Any) -> Cells:
    missing = column.is_null().to_numpy()
    if column.dtype.is_numeric():
        values = column.cast(float).to_numpy()
        return Cells(column.name, values, missing | np.isnan(values), None)
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_list()
    kind = type(column.dtype).__name__
    declared = {"Enum": lambda: tuple(column.dtype.categories), "Categorical": tuple}.get(kind)
    return _from_objects(column.name, values, missing, declared() if declared else None)


def _from_objects(name: str, values: np.ndarray, missing: np.ndarray, declared: tuple[Any, ...] | None) -> Cells:
    """Objects, or the numbers that all of them are."""
    if declared is None and not missing.all() and all(_is_real(value) for value in values[~missing]):
        present = np.full(len(values), np.nan)
        present[~missing] = values[~missing].astype(np.float64)
        return Cells(name, present, missing | np.isnan(present), None)
    return Cells(name, values, missing, declared)


def _refuse(cells: list[Cells], wrong: list[np.ndarray], adjective: str, remedy: str) -> None:
    found = [
        f"{int(mask.sum())} in column {column.name!r}, the first in {column.place(mask)}"
        for column, mask in zip(cells, wrong, strict=True)
        if mask.any()
    ]
    if found:
        more = f" and in {len(found) - SHOWN} more columns" if len(found) > SHOWN else ""
        raise ValueError(f"X has {adjective} values: {'; '.join(found[:SHOWN])}{more}. {remedy}")


def _level(value: Any) -> Level:
    """A cell as something that can be compared and saved."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _is_real(value: Any) -> bool:
    return isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, bool)


def _listed(values: list[Any]) -> str:
    return ", ".join(map(repr, values[:SHOWN])) + ", …" * (len(values) > SHOWN)
