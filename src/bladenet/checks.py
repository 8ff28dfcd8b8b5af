"""Checks of what users pass: every error names the argument, the value that is wrong, and what to do."""

import numbers
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.losses import Array, Loss, SoftmaxLoss

EXTREME = 1e100  # beyond it, and below its inverse, squares of the data leave the range of float64
LIGHTEST = 1e-300  # of weights: their inverses, and shares of them, are still float64 numbers with all digits
MOST_CLASSES = 10_000
NOT_FINITE = "NaN and infinite values are not accepted: drop or impute them first."
ROW = "\0"  # in the template of a message, where the name of a row goes
LINE = "line of the file"  # name of the index of a table whose rows are known by the lines that they begin in
SHEET = "row of the sheet"  # likewise, as Excel shows it


def place(row: int, index: Any = None) -> str:
    """A row in words: its line or row, where the index of the table is one of a file or sheet, or its position."""
    unit = {LINE: "line", SHEET: "row"}.get(str(getattr(index, "name", "")))
    if unit is not None:
        return f"{unit} {index[row]}"
    return f"row {row} (counting from 0)"


class RowError(ValueError):
    """An error about rows of the data, named by their positions, or by lines of a file with :meth:`told`.

    Parameters
    ----------
    template : the message, with ROW for each row
    rows : positions, from 0
    """

    def __init__(self, template: str, *rows: int):
        self.template, self.rows = template, rows
        super().__init__(self.told(None))

    def told(self, index: Any) -> str:
        """The message, for a table with this index."""
        message = self.template
        for row in self.rows:
            message = message.replace(ROW, place(row, index), 1)
        return message


def finite_array(values: ArrayLike, name: str, remedy: str = "Encode or drop non-numeric columns.") -> Array:
    """`values` as a float64 array, or an error that names the first value that is not a finite number."""
    raw: Any = np.asarray(values)
    if raw.dtype.kind in "mM":
        raise ValueError(f"{name} holds dates or times, such as {raw.ravel()[0]}: make numbers of them, such as days.")
    if np.iscomplexobj(raw):
        raise ValueError(f"{name} contains complex data, for example {raw.ravel()[0]!r}; real numbers are needed.")
    try:
        array = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        refuse_cells(raw, name, remedy)
        raise ValueError(f"{name} must contain numbers only: {error}. {remedy}") from None
    if not np.isfinite(array).all():
        refuse_cells(array, name, "")
        raise ValueError(f"{name} is {array}. {NOT_FINITE}")
    return array


def frame_type(X: Any) -> tuple[str, str]:
    """Library and name of the data frame type of X, pandas' or polars'; empty if it is none."""
    for cls in type(X).__mro__:
        library = cls.__module__.split(".")[0]
        if library in ("pandas", "polars") and cls.__name__ in ("DataFrame", "LazyFrame"):
            return library, cls.__name__
    return "", ""


def is_frame(X: Any) -> bool:
    """Whether X is a pandas or polars DataFrame.

    Raises
    ------
    TypeError
        For a polars LazyFrame, which has no rows yet.
    """
    _, name = frame_type(X)
    if name == "LazyFrame":
        raise TypeError("X is a polars LazyFrame, which has not been computed yet: pass X.collect().")
    return name == "DataFrame"


def feature_matrix(X: Any) -> Array:
    """Features as a float64 array, from an array or from a data frame whose columns are all numbers.

    Raises
    ------
    ValueError
        Naming the first cell that is no finite number.
    """
    if not is_frame(X):
        return finite_array(X, "X")
    if 0 in X.shape:
        return np.zeros(X.shape)
    columns = X.get_columns() if frame_type(X)[0] == "polars" else [X.iloc[:, k] for k in range(X.shape[1])]
    return np.column_stack([_column_of_numbers(column) for column in columns])


def _column_of_numbers(column: Any) -> Array:
    """A column of a data frame, (n,), false and true as 0 and 1."""
    kind = getattr(column.dtype, "kind", "")  # of pandas
    if kind:
        numeric = kind in "iufb"
        cells = column.to_numpy(dtype=np.float64, na_value=np.nan) if numeric else column.astype(object).to_numpy()
    else:
        numeric = column.dtype.is_numeric() or str(column.dtype) == "Boolean"
        cells = column.cast(float).to_numpy() if numeric else np.array([*column.to_list(), None], dtype=object)[:-1]
    if not numeric and str(column.dtype) == "object":  # anything can be in it, numbers too
        missing = np.array([is_missing(cell) for cell in cells])
        odd = ~missing & [not isinstance(cell, (numbers.Real, Decimal)) for cell in cells]
    else:
        missing = np.isnan(cells) if numeric else np.zeros(len(cells), dtype=bool)
        odd = np.full(len(cells), not numeric)
    if odd.any():
        row = int(odd.argmax())
        shown = repr(cells[row]) if isinstance(cells[row], str) else str(cells[row])
        raise RowError(
            f"column {column.name!r} of X, of type {column.dtype}, must hold numbers, but has {shown} in {ROW}. Leave "
            "it out or convert it, or use BladeNetRegressor or BladeNetClassifier, which take text as categories.",
            row,
        )
    values = np.where(missing, np.nan, cells).astype(np.float64)
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        raise RowError(f"X contains {values[row]} in {ROW}, column {column.name!r}. {NOT_FINITE}", row)
    return values


def refuse_cells(values: Any, name: str, remedy: str) -> None:
    """Raise an error about the first cell of an array that is text, missing or infinite, if there is one.

    Parameters
    ----------
    values : (n,) or (n, columns), of numbers, text or objects
    remedy : for text

    Raises
    ------
    RowError
        Naming the cell.
    """
    cells = as_cells(values)
    if cells.ndim not in (1, 2):
        return
    if cells.dtype.kind == "f":
        wrong = np.argwhere(~np.isfinite(cells)).tolist()
    else:
        wrong = [list(where) for where, cell in np.ndenumerate(cells) if _is_no_number(cell)]
    if not wrong:
        return
    cell, column = cells[tuple(wrong[0])], "".join(f", column {k}" for k in wrong[0][1:])
    if isinstance(cell, (str, bytes)):
        shown = cell.item() if isinstance(cell, np.generic) else cell
        raise RowError(f"{name} must contain numbers only, but has {shown!r} in {ROW}{column}. {remedy}", wrong[0][0])
    raise RowError(f"{name} contains {cell} in {ROW}{column}. {NOT_FINITE}", wrong[0][0])


@contextmanager
def named_cells(X: Any, y: Any) -> Iterator[None]:
    """Where scikit-learn refuses an array for a cell that is no finite number, say which one and what to do."""
    try:
        yield
    except (TypeError, ValueError):
        if X is not None:
            refuse_cells(X, "X", "Pass a pandas or polars data frame, whose columns of text become categories.")
        if y is not None:
            refuse_cells(y, "y", "Correct or drop such rows; for classes there is BladeNetClassifier.")
        raise


def check_labels(y: Any) -> None:
    """Refuse classes of which some are missing, or some text and some numbers.

    Raises
    ------
    RowError
        Naming a row.
    """
    cells = as_cells(y)
    if cells.dtype.kind == "f":
        missing = np.isnan(cells)
    elif cells.dtype.kind == "O":
        missing = np.array([is_missing(cell) for cell in cells.ravel()], dtype=bool)
    else:
        return
    if missing.any():
        row, more = int(missing.argmax()), int(missing.sum()) - 1
        others = f" and {more} more" if more else ""
        raise RowError(
            f"y contains {cells.ravel()[row]} in {ROW}{others}, where a label is missing: drop such rows, or make them "
            "a class of their own.",
            row,
        )
    text = np.array([isinstance(cell, str) for cell in cells.ravel()], dtype=bool)
    if cells.dtype.kind == "O" and text.any() and not text.all():
        rows = int(text.argmax()), int((~text).argmax())
        one, other = (repr(cells.ravel()[row]) for row in rows)
        raise RowError(
            f"y mixes text and other labels, {one} in {ROW} and {other} in {ROW}: make all of one type.", *rows
        )


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, or what pandas has for them."""
    if cell is None:
        return True
    try:
        return bool(cell != cell)  # NaN and NaT are no equals of themselves
    except (TypeError, ValueError):  # pandas.NA does not say; an array is something
        return type(cell).__name__ == "NAType"


def as_cells(values: Any) -> np.ndarray:
    """An array of what is in it: a list of text and numbers stays one."""
    array = np.asarray(values) if not isinstance(values, (list, tuple)) else np.array(values, dtype=object)
    numeric = array.dtype.kind == "O" and all(type(cell) in (int, float) for cell in array.ravel())
    return array.astype(np.float64) if numeric else array


def _is_no_number(cell: Any) -> bool:
    if isinstance(cell, (str, bytes)):
        try:
            return not np.isfinite(float(cell))
        except ValueError:
            return True
    return is_missing(cell) or (isinstance(cell, numbers.Real) and not np.isfinite(float(cell)))


def is_zero(value: Any) -> bool:
    """Whether `value` is the number 0."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and value == 0


def positive_number(value: Any, name: str, or_zero: bool = False) -> float:
    """`value` as a float if it is a finite number above zero, or zero where that is allowed.

    Raises
    ------
    ValueError
        Otherwise, naming the value.
    """
    number = np.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            number = float(value)
    if not (0 < number < np.inf or (or_zero and number == 0)):
        raise ValueError(
            f"{name} must be a finite number {'of at least' if or_zero else 'greater than'} 0, got {value!r}."
        )
    return number


def checked_weights(sample_weight: ArrayLike | None, n: int) -> Array:
    """Weights of n samples, (n,); 1 if there are none.

    Raises
    ------
    ValueError
        Also where weights are so small or large that what they multiply would leave the range of float64.
    """
    weight = np.ones(n) if sample_weight is None else finite_array(sample_weight, "sample_weight")
    if weight.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got shape {weight.shape}.")
    largest = float(weight.max())
    if (weight < 0).any() or largest == 0.0:
        raise ValueError(
            f"sample_weight must be ≥ 0 and not all zero, got a minimum of {weight.min():g} "
            f"and a maximum of {largest:g}."
        )
    if not 1.0 / EXTREME <= largest <= EXTREME:
        raise ValueError(
            f"the largest sample_weight is {largest:g}: multiply sample_weight and beta by a number that brings it to "
            f"between {1 / EXTREME:g} and {EXTREME:g}."
        )
    smallest = float(weight[weight > 0].min())
    if smallest < LIGHTEST:
        raise ValueError(
            f"sample_weight contains {smallest:g}, which float64 cannot calculate with: set weights below {LIGHTEST:g} "
            "to 0, or rescale sample_weight and beta."
        )
    return weight


def checked_targets(y: ArrayLike, n: int, loss: Loss) -> Array:
    """Checked targets, (n,) or for several outputs (n, c)."""
    y = finite_array(y, "y", "Correct or drop such rows; for classes there is BladeNetClassifier.")
    if isinstance(loss, SoftmaxLoss):
        return _indicators(y, n)
    several = loss.most_outputs > 1 and y.ndim == 2 and y.shape[1] > 0
    if not (y.ndim == 1 or several) or len(y) != n:
        shapes = f"({n},)" if loss.most_outputs == 1 else f"({n},) or ({n}, outputs)"
        hint = f" loss={loss.name!r} has one output." if y.ndim == 2 and loss.most_outputs == 1 else ""
        raise ValueError(f"y must have shape {shapes}, one target per row of X, got shape {y.shape}.{hint}")
    if np.abs(y).max() > EXTREME:
        raise ValueError(f"the largest entry of y is {np.abs(y).max():g}: rescale y to below {EXTREME:g}.")
    if (y < loss.lowest).any():
        row = int((y < loss.lowest).argmax())
        raise RowError(
            f"loss={loss.name!r} needs targets of at least {loss.lowest:g}, but y contains {y[row]:g} in {ROW}. "
            "Correct or drop such samples, or use loss='squared'.",
            row,
        )
    if loss.classifies and not np.isin(y, (-1.0, 1.0)).all():
        odd = y[~np.isin(y, (-1.0, 1.0))][0]
        raise ValueError(
            f"loss={loss.name!r} needs targets −1 and +1, but y contains {odd:g}. "
            "Map your two classes to −1 and +1, or use BladeNetClassifier, which does."
        )
    return y


def _indicators(y: Array, n: int) -> Array:
    """Classes 0, 1, … (n,) as rows with a single 1, (n, c); or such rows."""
    if (
        y.ndim == 2
        and y.shape[0] == n
        and y.shape[1] > 1
        and np.isin(y, (0.0, 1.0)).all()
        and (y.sum(axis=1) == 1).all()
    ):
        return y
    if y.shape != (n,):
        raise ValueError(
            f"y must have shape ({n},), one class per row of X, or ({n}, classes) with a single 1 in each row, "
            f"got shape {y.shape}."
        )
    odd = y[(y < 0) | (y != np.floor(y)) | (y > MOST_CLASSES)]
    if len(odd):
        raise ValueError(
            f"loss='softmax' needs classes numbered 0, 1, …, but y contains {odd[0]:g}. "
            "Number your classes, or use BladeNetClassifier, which does."
        )
    if not y.any():
        raise ValueError("loss='softmax' needs at least two classes, but every entry of y is 0.")
    return np.eye(int(y.max()) + 1)[y.astype(np.int64)]


def checked_interaction(value: Any, norm: int) -> int | None:
    """`max_interaction`: None, or a number of features."""
    if value is None:
        return None
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"max_interaction is the number of features that a neuron may read: 1, 2, …, or None, got {value!r}."
        )
    if norm != 1:
        raise ValueError(
            f"max_interaction={value} needs norm=1: with norm={norm} the best neurons read all features. "
            "Set norm=1, or leave max_interaction out."
        )
    return int(value)


def checked_components(value: Any, norm: int) -> int | None:
    """`n_components`: None, or a number of components."""
    if value is None:
        return None
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"n_components is a number of principal components: 1, 2, …, or None, got {value!r}.")
    if norm != 2:
        raise ValueError(
            f"n_components={value} needs norm=2: the 1-norm of the weights depends on the axes, so that components "
            "would change the problem. Set norm=2, or leave n_components out."
        )
    return int(value)


def checked_alphas(alphas: ArrayLike | None, n_alphas: int, eps: float) -> Array:
    """The α asked for, largest first, or those relative to α_max."""
    if alphas is not None:
        given = np.sort(np.atleast_1d(finite_array(alphas, "alphas")))[::-1]
        if given.ndim != 1 or not len(given) or given[-1] <= 0:
            raise ValueError(f"alphas must be numbers greater than 0, got {alphas!r}.")
        return np.ascontiguousarray(given)
    if not isinstance(n_alphas, (int, np.integer)) or isinstance(n_alphas, bool) or n_alphas < 1:
        raise ValueError(f"n_alphas must be a whole number of at least 1, got {n_alphas!r}.")
    if not isinstance(eps, (int, float, np.floating)) or not 0 < eps < 1:
        raise ValueError(f"eps must be between 0 and 1, the smallest α relative to α_max, got {eps!r}.")
    return np.geomspace(1.0, eps, int(n_alphas))
