"""Targets of the wrong kind: text where a regressor needs numbers, amounts where a classifier needs classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from bladenet.cells import is_measurement, is_number
from bladenet.checks import ROW, RowError, as_cells, check_labels, is_missing

FEW = 20  # different values are classes, however few rows there are
ROWS_OF_A_CLASS = 4  # on average, of whole numbers that are codes of classes
ROWS_OF_A_TEXT = 2  # the same of texts
SHOWN = 3  # values listed
CONVERT = "convert them to numbers (1234.5: no thousands separators, currency or units)"


def check_amounts(y: Any) -> None:
    """Refuse targets of a regressor that are text or dates.

    Raises
    ------
    RowError
        Naming a value, its row and the remedy. Missing values are left to other checks.
    """
    cells = as_cells(y)
    if cells.ndim not in (1, 2) or not cells.size or cells.dtype.kind not in "OUSmM":
        return
    if cells.dtype.kind in "mM":
        raise RowError(f"y holds dates or times, {cells.flat[0]} in {ROW}: make numbers of them, such as days.", 0)
    values = cells.ravel()
    odd = np.array([not is_number(cell) and not is_missing(cell) for cell in values])
    if not odd.any():
        return
    place = int(odd.argmax())
    row, value = place // (cells.size // len(cells)), _shown(values[place])
    if _measured(values[odd]):
        raise RowError(f"y holds numbers written as text, {value} in {ROW}: {CONVERT}.", row)
    if odd.mean() > 0.5:
        raise RowError(
            f"y must contain numbers, but has {value} in {ROW}: BladeNetRegressor predicts these; for classes there "
            "is BladeNetClassifier.",
            row,
        )
    raise RowError(
        f"y must contain numbers only, but has {value} in {ROW}. Correct or drop such rows; for classes there is "
        "BladeNetClassifier.",
        row,
    )


def check_classes(y: Any) -> None:
    """Refuse targets of a classifier that are missing, of mixed types, amounts or names of rows.

    Raises
    ------
    RowError
        Naming a value, its row and the remedy; "Unknown label type", as scikit-learn says, of numbers with decimals.
    """
    check_labels(y)
    cells = as_cells(y)
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.ndim != 1 or cells.dtype.kind not in "iufOUS":
        return
    if cells.dtype.kind == "O" and all(isinstance(cell, Real) and not isinstance(cell, bool) for cell in cells):
        cells = cells.astype(np.float64)
    n, kinds = len(cells), np.unique(cells)
    listed = ", ".join(_shown(value) for value in kinds[:SHOWN]) + ", …" * (len(kinds) > SHOWN)
    regress, codes = "to predict amounts use BladeNetRegressor", "if these are codes of classes"
    if cells.dtype.kind == "f" and (broken := cells != np.floor(cells)).any():
        row = int(broken.argmax())
        raise RowError(
            f"Unknown label type: continuous. y has {len(kinds)} different numbers in {n} rows, with decimals as "
            f"{cells[row]:g} in {ROW}: {regress}; {codes}, make text of them.",
            row,
        )
    many = crowded(len(kinds), n)
    if many and cells.dtype.kind in "iuf":
        raise ValueError(
            f"y has {len(kinds)} different numbers in {n} rows ({listed}), too many for classes: {regress}; {codes}, "
            "group them."
        )
    if many and _measured(cells):
        raise ValueError(
            f"y has {len(kinds)} different numbers, written as text, in {n} rows ({listed}), too many for classes: "
            f"{CONVERT} and use BladeNetRegressor; {codes}, group them."
        )
    if many and len(kinds) * ROWS_OF_A_TEXT > n:
        raise ValueError(
            f"y has {len(kinds)} different values in {n} rows ({listed}), too many for classes: it looks like a name "
            "of each row. Choose another target, or group its values."
        )


def crowded(kinds: int, rows: int) -> bool:
    """Whether there are too many different numbers in so many rows for codes of classes."""
    return kinds > FEW and kinds * ROWS_OF_A_CLASS > rows


def _measured(cells: Any) -> bool:
    """Whether most cells are numbers for people, such as "1,200" or "3.5 kg"."""
    return bool(np.mean([is_measurement(cell) for cell in cells]) > 0.5)


def _shown(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    return f"{value:.15g}" if isinstance(value, float) else repr(value)
