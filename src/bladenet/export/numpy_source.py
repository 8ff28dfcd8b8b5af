"""NumPy source: the model as a short program that needs nothing but NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from bladenet import __version__
from bladenet.export.recipe import Curve, Recipe, largest_exponent, recipe_of
from bladenet.io import Model

NUMBERS = '''

def features(X):
    """The input of the network: (n, d)."""
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or X.shape[1] != len(COLUMNS):
        raise ValueError(f"X must have the columns {COLUMNS}, got shape {X.shape}")
'''
FRAME = '''

def features(X):
    """The input of the network, (n, d), from a data frame or a dictionary of columns."""
    parts = []
    for name, indicated in COLUMNS.items():
        cells = np.asarray(X[name])
        if indicated is None:
            parts.append(cells.astype(float)[:, None])
        else:
            parts.append((cells.astype(object)[:, None] == np.array(indicated, dtype=object)).astype(float))
    X = np.concatenate(parts, axis=1)
'''
FINITE = """    if not np.isfinite(X).all():
        raise ValueError("X has missing or infinite values")
"""
BEND = """    X = X.copy()
    for j, (knots, starts, values, slopes) in CURVES.items():
        piece = np.searchsorted(knots, X[:, j], side="right")
        X[:, j] = values[piece] + slopes[piece] * (X[:, j] - starts[piece])
"""
NETWORK = '''    return X


def {name}(X):
    """{what}"""
    hidden = np.maximum(features(X) @ WEIGHTS.T + BIASES, 0.0)
    return {output}
'''
PREDICT = '''

def predict(X):
    """Predicted classes: (n,)."""
    scores = decision_function(X)
    return CLASSES[{code}]
'''
PROBABILITIES = '''

def predict_proba(X):
    """Class probabilities: (n, classes)."""
    scores = decision_function(X)
{pair}    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
'''
PAIR = "    scores = np.column_stack([np.zeros(len(scores)), scores])\n"


def to_numpy_source(model: Model) -> str:
    """The model as the text of a Python module that needs only NumPy.

    It has ``predict(X)``, and for classifiers ``decision_function(X)`` and, unless the loss is hinge,
    ``predict_proba(X)``. X is an array (n, d); for a model with categories a data frame, or a dictionary of columns.

    Raises
    ------
    TypeError
        If `model` is not a BladeNetRegressor, BladeNetClassifier or ReLUNetwork.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    recipe = recipe_of(model)
    return "".join(
        [
            *(f"# {line}\n" for line in recipe.title),
            f"# Written by bladenet {__version__}; needs NumPy only.\n\nimport numpy as np\n\n",
            _constants(recipe),
            FRAME if recipe.encoding.has_categories else NUMBERS,
            FINITE,
            BEND if recipe.curves else "",
            _functions(recipe),
        ]
    )


def _constants(recipe: Recipe) -> str:
    constants = [
        f"COLUMNS = {_columns(recipe)}",
        f"WEIGHTS = {_array(recipe.weights)}  # a row per neuron",
        f"BIASES = {_array(recipe.biases)}",
        f"AMPLITUDES = {_array(recipe.amplitudes[:, 0] if recipe.flat else recipe.amplitudes)}",
        f"INTERCEPT = {float(recipe.intercept[0])!r}" if recipe.flat else f"INTERCEPT = {_array(recipe.intercept)}",
    ]
    if recipe.curves:
        curves = "".join(f"    {j}: {_curve(curve)},\n" for j, curve in recipe.curves.items())
        constants.append(f"CURVES = {{  # feature: knots, and starts, values and slopes of the pieces\n{curves}}}")
    if recipe.classes is not None:
        constants.append(f"CLASSES = {_array(recipe.classes)}")
    return "\n".join(constants) + "\n"


def _columns(recipe: Recipe) -> str:
    """Names; with the categories that have an indicator where there are any."""
    if not recipe.encoding.has_categories:
        return repr([column.name for column in recipe.columns])
    lines = (
        f"    {column.name!r}: {None if column.levels is None else list(column.indicated)!r},\n"
        for column in recipe.columns
    )
    return f"{{  # column: None for numbers, else the categories that have an indicator\n{''.join(lines)}}}"


def _curve(curve: Curve) -> str:
    return f"({', '.join(_array(table) for table in (curve.knots, curve.starts, curve.values, curve.slopes))})"


def _array(values: np.ndarray) -> str:
    """An array with all its digits, matrices with a line per row."""
    if values.ndim == 1:
        return f"np.array({values.tolist()!r}{', dtype=object' * (values.dtype == object)})"
    rows: list[Any] = values.tolist()
    return "np.array([\n" + "".join(f"    {row!r},\n" for row in rows) + "])"


def _functions(recipe: Recipe) -> str:
    output = "hidden @ AMPLITUDES + INTERCEPT"
    if recipe.logarithmic:
        output = f"np.exp(np.minimum({output}, {largest_exponent(np.float64)}))"
    if recipe.classes is None:
        return NETWORK.format(name="predict", what="Predictions: (n, d) → (n,) or (n, outputs).", output=output)
    what = (
        "Scores: (n,), positive for CLASSES[1]." if recipe.flat else "Scores, the largest for the class: (n, classes)."
    )
    parts = [
        NETWORK.format(name="decision_function", what=what, output=output),
        PREDICT.format(code="(scores > 0).astype(int)" if recipe.flat else "scores.argmax(axis=1)"),
    ]
    if recipe.probable:
        parts.append(PROBABILITIES.format(pair=PAIR if recipe.flat else ""))
    return "".join(parts)
