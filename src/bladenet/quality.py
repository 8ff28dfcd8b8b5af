"""How well a fitted model fits: measures that belong to its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.losses import get_loss

if TYPE_CHECKING:
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor


def measures(model: BladeNetRegressor | BladeNetClassifier, X: Any, y: ArrayLike) -> dict[str, float]:
    """Names and values, the one that belongs to the loss first; X and y as for ``fit``."""
    from sklearn.base import is_classifier
    from sklearn.metrics import d2_absolute_error_score, d2_tweedie_score, log_loss, mean_absolute_error

    predicted = model.predict(X)
    if is_classifier(model):
        found = {"accuracy": float(np.mean(predicted == np.asarray(y)))}
        if hasattr(model, "predict_proba"):
            found["log loss"] = float(log_loss(y, model.predict_proba(X), labels=model.classes_))
        return found
    errors = {
        "mean absolute error": float(mean_absolute_error(y, predicted)),
        "root mean squared error": float(np.sqrt(np.mean((np.asarray(y) - predicted) ** 2))),
    }
    name = get_loss(model.loss).name
    if name == "quantile":
        return {"share of the absolute error explained": float(d2_absolute_error_score(y, predicted)), **errors}
    if name == "poisson":
        return {"share of the deviance explained": float(d2_tweedie_score(y, predicted, power=1)), **errors}
    return {"R²": float(model.score(X, y)), **errors}
