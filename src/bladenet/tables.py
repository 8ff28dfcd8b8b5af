"""Tables for the command line: CSV files read and checked, with errors that name column and row; and predictions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bladenet.datasets import csv_path

if TYPE_CHECKING:
    import pandas as pd

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

SHIPPED = ("motorcycle", "houses", "penguins")


class InputError(Exception):
    """Something the user can put right; its message is one line."""


def read_table(data: str, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a CSV file, or a shipped data set if there is no file of that name; some columns as text."""
    import pandas as pd  # here, not at the top: the command line must start fast

    path = Path(data)
    if not path.exists():
        if data not in SHIPPED:
            raise InputError(f"there is no file {data}, and no shipped data set of that name ({', '.join(SHIPPED)}).")
        path = csv_path(data)
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(text, str))
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
    return frame


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


def _check_present(column: pd.Series) -> None:
    missing = column.isna().to_numpy()
    if missing.any():
        others = f" and {missing.sum() - 1} more" if missing.sum() > 1 else ""
        row = f"row {missing.argmax() + 1}{others}"
        raise InputError(f"column {column.name!r} has no value in {row} (row 1 follows the header): drop or fill it.")


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
        _check_present(column)
        infinite = np.isinf(column.to_numpy(dtype=float)) if is_numeric(column) else np.zeros(1, dtype=bool)
        if infinite.any():
            raise InputError(f"column {name!r} is infinite in row {infinite.argmax() + 1} (row 1 follows the header).")
    return frame[names]


def checked_target(y: pd.Series, loss: str, *, classifies: bool) -> pd.Series:
    """The target, checked to be numbers or classes as the loss needs."""
    _check_present(y)
    if not classifies:
        if not is_numeric(y):
            raise InputError(f"--loss {loss} needs a numeric target; {y.name!r} is not. Use logistic or hinge.")
        return y.astype(float)
    classes = y.unique()
    continuous = is_numeric(y) and (y.astype(float) % 1 != 0).any()
    if continuous or len(classes) < 2 or (loss == "hinge" and len(classes) > 2):
        shown = ", ".join(str(label) for label in classes[:5]) + (", …" if len(classes) > 5 else "")
        needed = "exactly two classes" if loss == "hinge" else "at least two classes"
        needed += ", text or whole numbers" if continuous else ""
        raise InputError(
            f"--loss {loss} needs {needed}; {y.name!r} has {len(classes)} values: {shown}. "
            "A numeric target is fitted with --loss squared, huber, quantile or poisson."
        )
    return y if is_numeric(y) else y.astype(str)


def target_trained_on(model: BladeNetRegressor | BladeNetClassifier, y: pd.Series) -> pd.Series:
    """A target in the form that the model was trained on it: numbers, truth values or text."""
    classes = getattr(model, "classes_", None)
    kind = np.dtype(float) if classes is None else classes.dtype
    if kind.kind not in "biuf":
        return y.astype(str)
    try:
        return y.astype(kind)
    except ValueError as error:
        raise InputError(f"the model was trained on numbers, but column {y.name!r} holds text: {error}.") from None


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
