"""Rows other than those that a model was trained on, and how good it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.checks import ROW, RowError, checked_targets, named_cells
from bladenet.display import Shown
from bladenet.folds import class_numbers
from bladenet.losses import Array, Index, get_loss
from bladenet.scores import Measured, as_predictions, class_measures, regression_measures
from bladenet.training_data import checked_lengths


@dataclass(frozen=True, eq=False, repr=False)
class NewRows(Shown):
    """Rows that a model is measured on.

    Attributes
    ----------
    features : (n, d), in the user's units
    seen : how many equal samples that define neurons, target included: the model has seen these at least
    measured : names of measures, as in :class:`bladenet.validation.Validation`, and values with standard errors
    """

    features: Array
    seen: int
    measured: dict[str, Measured]

    @classmethod
    def of(cls, model: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> NewRows:
        """Measure a fitted model.

        Parameters
        ----------
        model : fitted estimator
        X, y, sample_weight : as for ``fit``

        Raises
        ------
        ValueError
            If these are no data for the model: names the column, or the row and what is in it.
        """
        features = model._encoded(X)
        weight = checked_lengths(features, y, sample_weight)
        if not weight.any():
            raise ValueError("sample_weight is zero for every row; at least one must be greater than 0.")
        loss, outputs = get_loss(model.loss), model._scores(X)
        if loss.classifies:
            targets = _numbers_of(y, model.classes_)
            measures = class_measures(len(model.classes_), probabilities=loss.name != "hinge")
        else:
            with named_cells(None, y):
                targets = checked_targets(y, len(features), loss)
            if targets.size != outputs.size:
                raise ValueError(f"y must have shape {outputs.shape}, as in training, got {targets.shape}.")
            targets, measures = targets.reshape(outputs.shape), regression_measures(loss)
        predicted, kept = as_predictions(loss, outputs), weight > 0
        found = {name: measure(targets[kept], predicted[kept], weight[kept]) for name, measure in measures.items()}
        measured = {name: value for name, value in found.items() if np.isfinite(value[0])}  # else it says nothing here
        return cls(features, _count_seen(model, features, targets), measured)


def _numbers_of(y: Any, classes: np.ndarray) -> Array:
    """Numbers of classes (n,)."""
    labels = np.asarray(y)
    unknown = ~np.isin(labels, classes)
    if unknown.any():
        row = int(unknown.argmax())
        label = labels.tolist()[row]
        raise RowError(
            f"y has the class {label!r} in {ROW}, but the model was trained on {classes.tolist()}: correct or drop "
            "such rows.",
            row,
        )
    return np.searchsorted(classes, labels).astype(np.float64)


def _count_seen(model: Any, features: Array, targets: Array) -> int:
    evidence = model.evidence_
    known = class_numbers(evidence.targets) if get_loss(model.loss).classifies else evidence.targets
    defining = {row.tobytes() for row in _joined(evidence.rows, known)}
    return sum(row.tobytes() in defining for row in _joined(features, targets))


def _joined(features: Array, targets: Array | Index) -> Array:
    """Features beside targets; + 0 turns −0 into 0."""
    return np.column_stack([features, targets]).astype(np.float64) + 0.0
