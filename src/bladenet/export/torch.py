"""PyTorch: the model as a module, to go on training, to embed in others, or to run on other hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bladenet.export.recipe import recipe_of
from bladenet.io import Model

if TYPE_CHECKING:
    import torch

    from bladenet.export.modules import ReLUModule


def to_torch(model: Model, dtype: torch.dtype | None = None) -> ReLUModule:
    """The model as a ``torch.nn.Module`` of features in the user's units.

    Called, it gives what ``predict`` gives for a regression or a bare network, and scores (``decision_function``) for
    classes; ``module.probabilities(X)`` and ``module.labels(X)`` say more on these. Weights, biases, amplitudes and
    intercept are parameters and can be trained on; a rank or blend scaling in front of them is fixed. NaN is not
    refused: numbers become NaN, and labels mean nothing.

    Parameters
    ----------
    model : BladeNetRegressor, BladeNetClassifier or ReLUNetwork
    dtype : torch.float64 (default) or torch.float32

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError
        If `model` is something else.
    ValueError
        On another dtype, or if the model takes categories, which are no tensors.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    recipe = recipe_of(model)
    try:
        import torch
    except ImportError as error:
        raise ImportError('to_torch needs PyTorch: pip install "bladenet[torch]".') from error
    from bladenet.export.modules import ReLUModule

    dtype = torch.float64 if dtype is None else dtype
    if dtype not in (torch.float64, torch.float32):
        raise ValueError(f"dtype must be torch.float64 or torch.float32, got {dtype!r}.")
    categories = [column.name for column in recipe.columns if column.levels is not None]
    if categories:
        raise ValueError(
            f"the columns {', '.join(map(repr, categories))} hold categories, which are no tensors: train on encoded "
            "features, model.fit(model.encoding_.matrix(X), y), or use to_onnx, to_sql or to_numpy_source."
        )
    return ReLUModule(recipe, dtype)
