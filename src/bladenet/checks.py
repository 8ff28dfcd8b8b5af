"""Checks of what users pass: every error names the argument, the value that is wrong, and what to do."""

import numbers
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.losses import Array, Loss, SoftmaxLoss

EXTREME = 1e100  # beyond it, and below its inverse, squares of the data leave the range of float64
LIGHTEST = 1e-300  # of weights: their inverses, and shares of them, are still float64 numbers with all digits
MOST_CLASSES = 10_000


def finite_array(values: ArrayLike, name: str) -> Array:
    """`values` as a float64 array, or an error that names the first value that is not a finite number."""
    raw: Any = np.asarray(values)
    if np.iscomplexobj(raw):
        raise ValueError(f"{name} contains complex data, for example {raw.ravel()[0]!r}; real numbers are needed.")
    try:
        array = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must contain numbers only: {error}. Encode or drop non-numeric columns.") from None
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        place = f"row {where[0]}" + (f", column {where[1]}" if len(where) > 1 else "") if len(where) else "the value"
        raise ValueError(
            f"{name} contains {array[tuple(where)]} at {place}. "
            "NaN and infinite values are not accepted: drop or impute them first."
        )
    return array


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
    y = finite_array(y, "y")
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
        raise ValueError(
            f"loss={loss.name!r} needs targets of at least {loss.lowest:g}, but y contains {y[row]:g} in row {row}. "
            "Correct or drop such samples, or use loss='squared'."
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
