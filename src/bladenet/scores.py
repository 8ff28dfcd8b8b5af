"""Measures of predictions with their standard errors, beside those of a constant and of a linear model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bladenet.losses import Array, Index, Loss, PoissonLoss, QuantileLoss, probabilities

LEAST = 1e-15  # a probability below it counts as that
MODEL, CONSTANT, LINEAR = "model", "constant", "linear"  # what predictions are of

Measured = tuple[float, float]  # a value and its standard error
Measure = Callable[[Array, Array, Array], Measured]  # of targets, predictions and weights


@dataclass(frozen=True)
class Score:
    """One measure on rows that were left out.

    Attributes
    ----------
    name : what is measured, such as "R²"
    value, standard_error : of the model; the error says how much the value depends on which rows were at hand
    constant, linear : values of the best constant and of a linear model, of the same folds
    """

    name: str
    value: float
    standard_error: float
    constant: float
    linear: float


def scores_of(
    measures: Mapping[str, Measure], y: Array, weight: Array, predicted: Mapping[str, Array]
) -> tuple[Score, ...]:
    """All measures of predictions, those of the "model" with standard errors."""
    found = []
    for name, measure in measures.items():
        value, error = measure(y, predicted[MODEL], weight)
        others = (measure(y, predicted[other], weight)[0] for other in (CONSTANT, LINEAR))
        found.append(Score(name, value, error, *others))
    return tuple(found)


def as_predictions(loss: Loss, outputs: Array) -> Array:
    """Predicted targets, or probabilities of classes (scores, with the hinge loss): outputs (k,) or (k, c)."""
    if not loss.classifies:
        return loss.mean(outputs)
    return np.column_stack([-outputs, outputs]) if loss.name == "hinge" else probabilities(outputs)


def regression_measures(loss: Loss) -> dict[str, Measure]:
    """Measures of predicted targets (k,), or (k, c), the one that belongs to the loss first."""
    if isinstance(loss, QuantileLoss):

        def pinball(y: Array, f: Array) -> Array:
            return np.maximum(loss.quantile * (y - f), (loss.quantile - 1.0) * (y - f))

        explained = f"share of the deviation from the {loss.quantile:g} quantile explained"
        return {explained: _explained(pinball, loss.quantile), "pinball loss": _mean(pinball)}
    if isinstance(loss, PoissonLoss):
        return {"share of the deviance explained": _explained(_deviance), "mean deviance": _mean(_deviance)}
    return {"R²": _explained(_square), "root mean squared error": _root, "mean absolute error": _mean(_distance)}


def class_measures(classes: int, probabilities: bool) -> dict[str, Measure]:
    """Measures of probabilities (k, classes), or of scores alike; targets are numbers of classes (k,)."""
    measures: dict[str, Measure] = {"accuracy": _mean(_right)}
    if probabilities:
        measures = {"log loss": _mean(_surprise), **measures}
    if classes == 2:
        measures["AUC"] = _area
    return measures


def _square(y: Array, f: Array) -> Array:
    return (y - f) ** 2


def _distance(y: Array, f: Array) -> Array:
    return np.abs(y - f)


def _deviance(y: Array, f: Array) -> Array:
    ratio = np.divide(y, f, out=np.ones_like(y), where=y > 0)
    return 2.0 * (y * np.log(ratio) - y + f)


def _right(y: Array, p: Array) -> Array:
    return (p.argmax(axis=1) == y).astype(np.float64)


def _surprise(y: Array, p: Array) -> Array:
    return -np.log(np.maximum(p[np.arange(len(y)), y.astype(np.int64)], LEAST))


def _by_row(values: Array) -> Array:
    """Means over the outputs."""
    return values if values.ndim == 1 else values.mean(axis=1)


def _mean(loss: Callable[[Array, Array], Array]) -> Measure:
    """The weighted mean of a loss."""

    def measure(y: Array, f: Array, weight: Array) -> Measured:
        return _average(_by_row(loss(y, f)), weight)

    return measure


def _average(values: Array, weight: Array) -> Measured:
    share = weight / weight.sum()
    mean = float(share @ values)
    return mean, float(np.sqrt((share**2) @ (values - mean) ** 2))


def _root(y: Array, f: Array, weight: Array) -> Measured:
    """The root of the mean square; its error by the delta method."""
    square, error = _average(_by_row(_square(y, f)), weight)
    root = float(np.sqrt(square))
    return root, error / (2.0 * root) if root > 0 else 0.0


def _explained(loss: Callable[[Array, Array], Array], quantile: float | None = None) -> Measure:
    """1 − the loss / that of the best constant for all these rows, the mean over outputs; error by the delta method."""

    def measure(y: Array, f: Array, weight: Array) -> Measured:
        share = weight / weight.sum()
        columns, outputs = y.reshape(len(y), -1), f.reshape(len(y), -1)
        values, influence = [], np.zeros(len(y))
        for target, output in zip(columns.T, outputs.T, strict=True):
            level = share @ target if quantile is None else _weighted_quantile(target, share, quantile)
            off, total = loss(target, output), loss(target, np.full(len(y), level))
            whole = float(share @ total)
            if not whole > 0 or np.ptp(target) == 0.0:
                continue  # nothing to explain but rounding
            ratio = float(share @ off) / whole
            values.append(1.0 - ratio)
            influence += (off - ratio * total) / whole
        if not values:
            return float("nan"), 0.0
        return float(np.mean(values)), float(np.sqrt((share**2) @ (influence / len(values)) ** 2))

    return measure


def _weighted_quantile(values: Array, share: Array, quantile: float) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(share[order]), quantile).clip(max=len(values) - 1)])


def _area(y: Array, p: Array, weight: Array) -> Measured:
    """The area under the receiver's curve, and its error after DeLong: the chance that a 1 scores above a 0."""
    score, one = p[:, 1], y == 1
    if one.all() or not one.any():
        return float("nan"), 0.0
    above, below = (
        _placements(score[one], score[~one], weight[~one]),
        _placements(-score[~one], -score[one], weight[one]),
    )
    (area, first), (_, second) = _average(above, weight[one]), _average(below, weight[~one])
    return area, float(np.hypot(first, second))


def _placements(score: Array, others: Array, weight: Array) -> Array:
    """For each score the share of the others that are below, ties counting half."""
    order: Index = np.argsort(others)
    sums = np.r_[0.0, np.cumsum(weight[order])] / weight.sum()
    left, right = (np.searchsorted(others[order], score, side) for side in ("left", "right"))
    return 0.5 * (sums[left] + sums[right])
