"""Tables for the command line: CSV files read and checked, with errors that name column and row; and predictions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bladenet.checks import place
from bladenet.datasets import csv_path
from bladenet.errors import InputError
from bladenet.reading import LOOKED_AT, Notation, read

if TYPE_CHECKING:
    import pandas as pd

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

SHOWN = 3  # rows listed in a message
FEWEST = 10  # rows of which a column can be told to number or name them
IDENTIFIER = re.compile(r"|(.*[ _.-])?(id|key|index|nr|no|row ?names?|uuid|guid)|unnamed: \d+")
TIMES = {"time", "t", "x", "step", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "age"}
DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?$|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([ T].*)?$")
SHIPPED = ("motorcycle", "houses", "penguins")


def read_table(data: str, asked: Notation, text: Iterable[str] = ()) -> tuple[pd.DataFrame, str]:
    """Read a file, or a shipped data set if there is no file of that name; and how it is written, if not as usual.

    Parameters
    ----------
    asked : how the file is written, as far as that is given
    text : columns that are text
    """
    path = Path(data)
    if not path.exists():
        if data not in SHIPPED:
            raise InputError(f"there is no file {data}, and no shipped data set of that name ({', '.join(SHIPPED)}).")
        path = csv_path(data)
    frame, written = read(path, asked, tuple(text))
    return frame, str(written)


def left_out(frame: pd.DataFrame, names: list[str]) -> dict[str, str]:
    """Which columns say nothing of new rows, and why: they number or name the rows, or are dates."""
    found = {}
    for name in names:
        column, title = frame[name], name.strip().casefold()
        if len(column) < FEWEST or column.isna().any():
            continue
        if not is_numeric(column):
            if column.dtype != bool and all(DATE.match(str(cell)) for cell in column.head(LOOKED_AT)):
                found[name] = (
                    f"holds dates such as {str(column.iloc[0])!r}; make columns of the year or month to use them"
                )
            elif column.nunique() == len(column):
                found[name] = "has another text in every row"
            continue
        values = column.to_numpy(dtype=float)
        if (values != np.round(values)).any() or column.nunique() < len(column):
            continue
        counts = values[0] in (0.0, 1.0) and bool((np.diff(values) == 1.0).all())
        if IDENTIFIER.fullmatch(title) or (counts and title not in TIMES):
            found[name] = "numbers the rows" if counts else "has another number in every row"
    return found if len(found) < len(names) else {}


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


def _each(asked: list[str]) -> list[str]:
    """Names of columns, of options that may hold several."""
    return [name.strip() for item in asked for name in item.split(",")]


def choose_features(frame: pd.DataFrame, target: str, asked: list[str]) -> list[str]:
    """The feature columns: those asked for, or all besides the target."""
    _check_column(frame, target)
    names = _each(asked)
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


def beside(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Columns that are written beside predictions."""
    names = _each(names)
    for name in names:
        _check_column(frame, name)
        if name == "prediction" or name.startswith(("score", "probability_")):
            raise InputError(f"--keep {name}: predictions are written under that name; rename the column.")
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
