"""SQL: the model as expressions or a query, so that a database predicts where the data are.

Neurons, curves and categories are CASE expressions of ANSI SQL, probabilities use EXP. A NULL in a column that the
network reads gives NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bladenet.encoding import Column
from bladenet.export.recipe import Curve, Recipe, largest_exponent, recipe_of
from bladenet.io import Model

TOGETHER = 16  # terms of a sum before brackets: databases bound how deep an expression is (SQLite: 1000)
# databases merge a query into the one around it, and repeat its parts, unless it has a window
ONCE = "COUNT(*) OVER ()"
EXPONENT = 700.0  # EXP of more than 709, or of less than −708, is an error in some databases


def to_sql(model: Model) -> dict[str, str]:
    """The model as SQL expressions of the columns of a table, by what they compute.

    A regression or bare network has ``prediction``, or ``prediction_0``, … for several outputs. A classifier has
    ``prediction``, the class; ``score``, or ``score_a`` for each class ``a`` of more than two; and, unless the loss is
    hinge, ``probability_a`` for each class ``a``. Columns are those of the data frame, else ``x0``, ``x1``, …

    Expressions repeat their parts wherever these are used, and get long where there are rank or blend scalings or many
    classes (megabytes for hundreds of neurons); then use :func:`to_sql_query`. SQLite takes a quoted name for a text if
    there is no such column, so check that there is; the query says in which table to look.

    Raises
    ------
    TypeError
        If `model` is not a BladeNetRegressor, BladeNetClassifier or ReLUNetwork.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    recipe = recipe_of(model)
    scores = _scores(recipe, list(_features(recipe, "").values()))
    return _outputs(recipe, scores)


def to_sql_query(model: Model, table: str, keep: str | Sequence[str] = ()) -> str:
    """The model as a SELECT statement, with the columns of :func:`to_sql`; every part is written and computed once.

    Parameters
    ----------
    model : BladeNetRegressor, BladeNetClassifier or ReLUNetwork
    table : name of the table, quoted here
    keep : column of the table to select as well, such as its key, or several

    Raises
    ------
    ValueError
        If a column to keep is called like one of the query's own.
    TypeError
        If `model` is something else.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    recipe = recipe_of(model)
    features = _features(recipe, "bladenet_data.")
    scores = {f"bladenet_score_{k}": score for k, score in enumerate(_scores(recipe, list(map(_name, features))))}
    outputs = _outputs(recipe, list(map(_name, scores)))
    keep = [keep] if isinstance(keep, str) else keep
    kept = {name: _name(name) for name in keep}
    read = {name: f"bladenet_data.{_name(name)}" for name in keep}
    bent = {"bladenet_bent": ONCE} if recipe.curves else {}
    scored = {"bladenet_scored": ONCE} if recipe.classes is not None else {}
    for name in keep:
        if name in {**features, **bent, **scores, **scored, **outputs}:
            raise ValueError(
                f"the query has a column {name!r} of its own: rename that of the table, or do not keep it."
            )
    query = _select({**read, **features, **bent}, f"{_name(table)} bladenet_data")
    query = _select({**kept, **scores, **scored}, f"(\n{query}\n) bladenet_features")
    query = _select({**kept, **outputs}, f"(\n{query}\n) bladenet_scores")
    return "".join(f"-- {line}\n" for line in recipe.title) + query + ";\n"


def _select(values: dict[str, str], source: str) -> str:
    columns = ",\n".join(f"{value} AS {_name(name)}" for name, value in values.items())
    return f"SELECT\n{columns}\nFROM {source}"


def _features(recipe: Recipe, source: str) -> dict[str, str]:
    """Features after their curves, by a name; `source` is what columns are prefixed with."""
    raw = [feature for column in recipe.columns for feature in _encoded(column, source + _name(column.name))]
    return {
        f"bladenet_feature_{j}": _curved(recipe.curves[j], x) if j in recipe.curves else x for j, x in enumerate(raw)
    }


def _encoded(column: Column, name: str) -> list[str]:
    """The features of a column; an unknown category has no indicator, NULL stays NULL."""
    if column.levels is None:
        return [name]
    return [
        f"CASE WHEN {name} = {_literal(level)} THEN 1.0e0 WHEN {name} IS NOT NULL THEN 0.0e0 END"
        for level in column.indicated
    ]


def _curved(curve: Curve, x: str) -> str:
    """A curve, its piece found by bisection."""
    lines = [
        f"{_literal(value)} + {_literal(slope)} * ({x} - {_literal(start)})"
        for start, value, slope in zip(curve.starts, curve.values, curve.slopes, strict=True)
    ]
    return _bisected(x, [_literal(knot) for knot in curve.knots], lines)


def _bisected(x: str, knots: list[str], lines: list[str]) -> str:
    """The line for x; each knot is where the next line begins."""
    if not knots:
        return lines[0]
    half = len(knots) // 2
    below = _bisected(x, knots[:half], lines[: half + 1])
    above = _bisected(x, knots[half + 1 :], lines[half + 1 :])
    return f"CASE WHEN {x} < {knots[half]} THEN\n{below} ELSE\n{above} END"


def _scores(recipe: Recipe, features: list[str]) -> list[str]:
    """The outputs of the network, from its inputs."""
    neurons = [_neuron(w, b, features) for w, b in zip(recipe.weights, recipe.biases, strict=True)]
    return [
        _sum([_literal(t), *(f"{_literal(u)} * {neuron}" for u, neuron in zip(amplitudes, neurons, strict=True) if u)])
        for t, amplitudes in zip(recipe.intercept, recipe.amplitudes.T, strict=True)
    ]


def _neuron(weights: np.ndarray, bias: float, features: list[str]) -> str:
    """(w·x + b)_+; the ELSE branch keeps NULL."""
    z = _sum([*(f"{_literal(w)} * {x}" for w, x in zip(weights, features, strict=True) if w), _literal(bias)])
    return f"CASE WHEN {z} <= 0 THEN 0.0e0 ELSE {z} END"


def _outputs(recipe: Recipe, scores: list[str]) -> dict[str, str]:
    """What is selected in the end, from the outputs of the network."""
    if recipe.logarithmic:
        scores = [_exp(score, largest_exponent(np.float64)) for score in scores]
    if recipe.classes is None:
        if recipe.flat:
            return {"prediction": scores[0]}
        return {f"prediction_{k}": score for k, score in enumerate(scores)}
    classes = recipe.classes.tolist()
    if recipe.flat:
        named = {"score": scores[0]}
        scores = ["0.0e0", scores[0]]
    else:
        named = {f"score_{label}": score for label, score in zip(classes, scores, strict=True)}
    outputs = {"prediction": _largest(classes, scores), **named}
    if recipe.probable:
        for k, label in enumerate(classes):
            outputs[f"probability_{label}"] = _softmax(scores, k)
    return outputs


def _largest(classes: list[Any], scores: list[str]) -> str:
    """The first class whose score no other exceeds; NULL if any score is."""
    cases = [
        f"WHEN {' AND '.join(f'{score} >= {other}' for i, other in enumerate(scores) if i != k)} THEN {_literal(label)}"
        for k, (label, score) in enumerate(zip(classes, scores, strict=True))
    ]
    return "\n".join(["CASE", *cases, "END"])


def _softmax(scores: list[str], k: int) -> str:
    """1 / Σ_i exp(score_i − score_k)."""
    terms = [_exp(f"({score} - {scores[k]})", EXPONENT) for i, score in enumerate(scores) if i != k]
    return f"1.0e0 / {_sum(['1.0e0', *terms])}"


def _exp(z: str, largest: float) -> str:
    """The exponential of z, or of the nearest number that is not too large or small; NULL stays NULL."""
    low, high = _literal(-EXPONENT), _literal(largest)
    return f"EXP(CASE WHEN {z} < {low} THEN {low} WHEN {z} > {high} THEN {high} ELSE {z} END)"


def _sum(terms: list[str]) -> str:
    if len(terms) <= TOGETHER:
        return f"({' + '.join(terms)})"
    return _sum([_sum(terms[i : i + TOGETHER]) + "\n" for i in range(0, len(terms), TOGETHER)])


def _name(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    """A value; numbers with all their digits, and an exponent, without which ANSI SQL computes in decimals."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"
