"""Tables for the command line: CSV files read and checked, with errors that name column and row; and predictions."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bladenet.checks import LINE, RowError, place
from bladenet.datasets import csv_path

if TYPE_CHECKING:
    import pandas as pd

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

SHOWN = 3  # rows listed in a message
SHIPPED = ("motorcycle", "houses", "penguins")


class InputError(Exception):
    """Something the user can put right; its message is one line."""

    @classmethod
    def of(cls, error: Exception, frame: pd.DataFrame | None = None) -> InputError:
        """The same as an error of the library; rows are those of a table that was read."""
        return cls(error.told(frame.index) if isinstance(error, RowError) and frame is not None else str(error))


def read_table(data: str, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a CSV file, or a shipped data set if there is no file of that name; some columns as text.

    Rows are known by the line of the file that they begin in, as an editor counts lines: the header is line 1.
    """
    import pandas as pd  # here, not at the top: the command line must start fast

    path = Path(data)
    if not path.exists():
        if data not in SHIPPED:
            raise InputError(f"there is no file {data}, and no shipped data set of that name ({', '.join(SHIPPED)}).")
        path = csv_path(data)
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(text, str), low_memory=False)
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty.") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if frame.empty:
        raise InputError(f"{path} has a header but no rows.")
    if len(frame.columns) == 1 and (found := [mark for mark in ";\t|" if mark in str(frame.columns[0])]):
        raise InputError(
            f"{path} has one column; its header separates names by {found[0]!r}, not by commas: replace them."
        )
    lines = _lines(path)
    if len(lines) == len(frame):
        frame.index = pd.Index(lines, name=LINE)
    return frame


def _lines(path: Path) -> list[int]:
    """The line in which each row begins; rows can have several lines, and empty ones are none.

    Raises
    ------
    InputError
        If a row has more cells than the header.
    """
    from pandas.io.common import get_handle  # type: ignore[import-not-found] # opens what read_csv opens

    begins, last, names = [], 0, 0
    with get_handle(path, "r", encoding="utf-8", compression="infer") as opened:
        rows = csv.reader(opened.handle)
        try:
            for cells in rows:
                if len(cells) > 1 or "".join(cells).strip():
                    begins.append(last + 1)
                    names = names or len(cells)
                    if len(cells) > names:  # pandas takes the first column for names of rows
                        raise InputError(
                            f"line {last + 1} of {path} has {len(cells)} cells, but the header has {names}: give every "
                            "column a name, and quote cells that contain commas."
                        )
                last = rows.line_num
        except csv.Error:  # a cell of more than 100,000 characters
            return []
    return begins[1:]


def is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers; true and false are classes."""
    from pandas.api import types

    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column)


def _check_column(frame: pd.DataFrame, name: str) -> None:
    if name in frame.columns:
        return
    columns = [str(column) for column in frame.columns]
    close = difflib.get_close_matches(name, columns, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(f"there is no column {name!r}.{hint} The columns are: {', '.join(columns)}.")


def check_present(column: pd.Series) -> None:
    """Refuse missing cells."""
    missing = column.isna().to_numpy()
    if missing.any():
        raise InputError(f"column {column.name!r} has no value in {listed_rows(column, missing)}: drop or fill it.")


def check_finite(column: pd.Series) -> None:
    """Refuse infinite numbers."""
    infinite = np.isinf(column.to_numpy(dtype=float)) if is_numeric(column) else np.zeros(1, dtype=bool)
    if infinite.any():
        raise InputError(f"column {column.name!r} is infinite in {listed_rows(column, infinite)}: correct or drop it.")


def listed_rows(column: pd.Series, mask: np.ndarray) -> str:
    """Some rows of a mask, with what is in them unless it is nothing: "line 13 ('on request') and 2 more"."""
    rows = np.flatnonzero(mask).tolist()
    cells = [column.iloc[row] for row in rows[:SHOWN]]
    shown = ["" if cell != cell else f" ({str(cell)!r})" for cell in cells]
    listed = [f"{place(row, column.index)}{cell}" for row, cell in zip(rows, shown, strict=False)]
    return ", ".join(listed) + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")


def choose_features(frame: pd.DataFrame, target: str, asked: list[str]) -> list[str]:
    """The feature columns: those asked for, or all besides the target."""
    _check_column(frame, target)
    names = [name.strip() for item in asked for name in item.split(",")]
    if not names:
        names = [str(name) for name in frame.columns if name != target]
        if not names:
            raise InputError(f"there is no column besides the target {target!r}.")
    for name in names:
        _check_column(frame, name)
    if target in names:
        raise InputError(f"the target {target!r} cannot be a feature as well.")
    if len(set(names)) < len(names):
        raise InputError(f"--features takes different columns, got: {', '.join(names)}.")
    return names


def feature_columns(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The feature columns, checked to be there and complete; estimators check what is in them."""
    for name in names:
        _check_column(frame, name)
        column = frame[name]
        check_present(column)
        check_finite(column)
    return frame[names]


def predictions(model: BladeNetRegressor | BladeNetClassifier, X: pd.DataFrame) -> pd.DataFrame:
    """What a model says about rows: predictions, and for classes scores and probabilities, as columns."""
    import pandas as pd

    from bladenet.estimators import BladeNetClassifier

    result = pd.DataFrame({"prediction": model.predict(X)})
    if isinstance(model, BladeNetClassifier):
        several = len(model.classes_) > 2
        scores = model.decision_function(X)
        if several:
            result[[f"score_{label}" for label in model.classes_]] = scores
        else:
            result["score"] = scores
        if hasattr(model, "predict_proba"):
            shown = slice(0 if several else 1, None)
            result[[f"probability_{label}" for label in model.classes_[shown]]] = model.predict_proba(X)[:, shown]
    return result
