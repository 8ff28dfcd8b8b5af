"""How well a fitted model fits: measures that belong to its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.losses import PoissonLoss, QuantileLoss, get_loss

if TYPE_CHECKING:
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor


def measures(
    model: BladeNetRegressor | BladeNetClassifier, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> dict[str, float]:
    """Names and values, the one that belongs to the loss first, unless all targets are the same.

    X, y and sample_weight as for ``fit``.
    """
    from sklearn import metrics
    from sklearn.base import is_classifier

    predicted, weight = model.predict(X), {"sample_weight": sample_weight}
    if is_classifier(model):
        found = {"accuracy": metrics.accuracy_score(y, predicted, **weight)}
        if hasattr(model, "predict_proba"):
            found["log loss"] = metrics.log_loss(y, model.predict_proba(X), labels=model.classes_, **weight)
        return {name: float(value) for name, value in found.items()}
    loss, found = get_loss(model.loss), {}
    targets = np.asarray(y, dtype=np.float64)[slice(None) if sample_weight is None else np.asarray(sample_weight) > 0]
    if len(np.unique(targets, axis=0)) > 1:  # else there is nothing to explain
        if isinstance(loss, QuantileLoss):
            value = metrics.d2_pinball_score(y, predicted, alpha=loss.quantile, **weight)
            found[f"share of the deviation from the {loss.quantile:g} quantile explained"] = value
        elif isinstance(loss, PoissonLoss):
            found["share of the deviance explained"] = metrics.d2_tweedie_score(y, predicted, power=1, **weight)
        else:
            found["R²"] = metrics.r2_score(y, predicted, **weight)
    found["mean absolute error"] = metrics.mean_absolute_error(y, predicted, **weight)
    found["root mean squared error"] = metrics.root_mean_squared_error(y, predicted, **weight)
    return {name: float(value) for name, value in found.items()}
