"""Tables for the command line: CSV files read and checked, with errors that name column and row; and predictions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bladenet.cells import is_measurement, is_number
from bladenet.checks import place
from bladenet.datasets import csv_path
from bladenet.errors import InputError
from bladenet.layout import LOOKED_AT
from bladenet.reading import Notation, read

if TYPE_CHECKING:
    import pandas as pd

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

SHOWN = 3  # rows listed in a message
FEWEST = 10  # rows of which a column can be told to number or name them
_THING = (
    "user|customer|client|patient|subject|passenger|person|employee|student|member|product|item|order|record|case|"
    "sample|session|transaction|account|invoice|ticket|row|kunden?|patienten?|probanden?|artikel|auftrags?|produkt"
)
IDENTIFIER = re.compile(
    rf"(.*[ _.-])?(id|key|nr|no|num|uuid|guid)\.?|(?!p?snr).*(nr\.?|nummer|#|n[°º]|№)|"
    rf"({_THING})(id|no|num)|(.*[ _.-])?({_THING})[ _.-]?(key|index|number)|"
    r"(?!.*\b(atomic|wave|mass|reynolds|mach|octane|cetane|iodine|prandtl))(.*[ _.-])?number"
)
ENDS = re.compile(r"(?<=[a-z])(?=(ID|Id|No|Nr|Num|Number|Key|Index|UUID|GUID)\.?$)")  # CustomerID: customer id
COUNTER = re.compile(
    r"|unnamed: \d+|index|level_0|idx|rows?|row ?names?|(sr|sl|s)\.? ?no\.?|line|obs\.?|observation|record|case|"
    r"sample|zeile|fall|lfd\.?"
)
DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?$|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([ T].*)?$")
TIME = re.compile(r"([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d([.,]\d+)?)?( ?[ap]\.?m\.?)?", re.IGNORECASE)
CODE = re.compile(r"0\d+")
MOST = 0.9  # of the cells of a column say what all are meant to be
NO_VALUE = -(10.0 ** np.arange(2, 7)) + 1.0  # −99, −999, …, which many write where they have no value
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
    """Which columns say nothing of new rows, and why: they are empty, number or name the rows, or are dates."""
    found = {name: why for name in names if (why := _useless(frame[name]))}
    return found if len(found) < len(names) else {}


def _useless(column: pd.Series) -> str:
    """Why a column says nothing of new rows; "" if it may say something."""
    if column.isna().all():
        return "is empty"
    if len(column) < FEWEST or column.isna().any() or column.dtype == bool:
        return ""
    differ = column.nunique() == len(column)
    if is_numeric(column):
        values = column.to_numpy(dtype=float)
        if not differ or (values != np.round(values)).any():
            return ""
        counts = values[0] in (0.0, 1.0) and bool((np.diff(values) == 1.0).all())
        if not _is_identifier(str(column.name)) and not (counts and COUNTER.fullmatch(_title(str(column.name)))):
            return ""
        return "numbers the rows" if counts else "has another number in every row"
    cells = [str(cell) for cell in column]
    for pattern, what, parts in ((DATE, "dates", "the year or month"), (TIME, "times", "hours or minutes")):
        if np.mean([pattern.fullmatch(cell) is not None for cell in cells[:LOOKED_AT]]) >= MOST:
            return f"holds {what} such as {cells[0]!r}; make columns of {parts} to use them"
    if _is_code(column):
        return f"has too many different codes such as {cells[0]!r}" if 2 * column.nunique() > len(cells) else ""
    amounts = np.mean([is_measurement(cell) for cell in cells]) > 0.5  # encoding says which are no numbers
    return "has another text in every row" if differ and (not amounts or _is_identifier(str(column.name))) else ""


def _title(name: str) -> str:
    """A name without capitals, its last word apart."""
    return ENDS.sub(" ", name.strip()).casefold()


def _is_identifier(name: str) -> bool:
    """Whether a column has a name of those that tell rows apart: CustomerID, Kunden-Nr., order_no."""
    return IDENTIFIER.fullmatch(_title(name)) is not None


def _is_code(column: pd.Series) -> bool:
    """Whether a column of text holds codes of digits, some with zeros before them: 01067."""
    cells = [str(cell) for cell in column.dropna()]
    return not is_numeric(column) and all(map(str.isdecimal, cells)) and any(map(CODE.fullmatch, cells))


def doubts(frame: pd.DataFrame, names: list[str]) -> list[str]:
    """What was read in one of two ways: numbers that may stand for no value, and codes."""
    found = []
    for name in names:
        column = frame[name].dropna()
        if is_numeric(column):
            lowest = float(column.min())
            others = column[column > lowest]
            count = len(column) - len(others)
            if lowest not in NO_VALUE or count < 2 or others.empty:
                continue
            apart = float(others.min()) - lowest
            if others.min() >= 0 or 4.0 * apart > float(others.max() - others.min()):
                found.append(
                    f"−{-lowest:.0f} stands in {count} rows of {name!r}: if it means no value, say --na {lowest:.0f}"
                )
        elif _is_code(column):
            found.append(f"column {name!r} holds codes with zeros before them, such as {column.min()!r}: categories")
    return found


def is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers; true and false are classes."""
    from pandas.api import types

    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column)


def _check_column(frame: pd.DataFrame, name: str) -> None:
    if name in frame.columns:
        return
    columns = [str(column) for column in frame.columns]
    alike = {column.casefold().strip(): column for column in columns}
    close = difflib.get_close_matches(name.casefold().strip(), list(alike), n=1)
    hint = f" Did you mean {alike[close[0]]!r}?" if close else ""
    if 2 * sum(map(is_number, columns)) >= len(columns):
        hint += " The first row holds numbers: if there is no header, put a line above that names the columns."
    raise InputError(f"there is no column {name!r}.{hint} The columns are: {', '.join(columns)}.")


def check_present(frame: pd.DataFrame, optional: Sequence[str] = ()) -> None:
    """Refuse empty cells: names every column that has some, and what can be done.

    Parameters
    ----------
    optional : columns that may be left out by --features
    """
    empty = {str(name): frame[name].isna().to_numpy() for name in frame.columns}
    empty = {name: mask for name, mask in empty.items() if mask.any()}
    if not empty:
        return
    listed = [f"column {name!r} has no value in {_first(mask, frame.index)}" for name, mask in empty.items()]
    full = [name for name in optional if name not in empty]
    remedies = ["drop such rows", "fill the cells in"]
    if full and set(empty) <= set(optional):
        remedies.insert(1, f"leave the column{'s' * (len(empty) > 1)} out (--features {_option(full)})")
    raise InputError(
        f"{'; '.join(listed)}: no cell may be empty; {', or '.join(remedies)}. In "
        "Python, df.dropna() does the first, df.fillna(value) the last."
    )


def _first(mask: np.ndarray, index: pd.Index) -> str:
    more = int(mask.sum()) - 1
    return place(int(mask.argmax()), index) + (f" and {more} more" if more else "")


def _option(names: list[str]) -> str:
    """Names as an option takes them."""
    listed = ",".join(names)
    return f'"{listed}"' if re.search(r"[^\w,.-]", listed) else listed


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
    check_present(frame[names])
    for name in names:
        check_finite(frame[name])
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
