"""The PyTorch modules behind :func:`bladenet.to_torch`; apart from it, since importing this imports torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bladenet.export.recipe import Curve, Recipe, largest_exponent


class CurveModule(torch.nn.Module):
    """One feature along its curve: (n,) → (n,)."""

    knots: torch.Tensor
    starts: torch.Tensor
    values: torch.Tensor
    slopes: torch.Tensor

    def __init__(self, curve: Curve, dtype: torch.dtype):
        super().__init__()
        for name, table in vars(curve.rounded(_numpy_type(dtype))).items():
            self.register_buffer(name, torch.tensor(table, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Look up the piece, then follow its line."""
        piece = torch.searchsorted(self.knots, x.contiguous(), right=True)
        return self.values[piece] + self.slopes[piece] * (x - self.starts[piece])


class ReLUModule(torch.nn.Module):
    """A two-layer ReLU network of features in the user's units.

    Attributes
    ----------
    hidden, output : torch.nn.Linear; ``hidden`` reads x − centre
    curves : CurveModule of each feature that is scaled by one, by the number of the feature
    classes : list of classes, or None
    """

    centre: torch.Tensor

    def __init__(self, recipe: Recipe, dtype: torch.dtype):
        super().__init__()
        centre, biases = recipe.centred(_numpy_type(dtype))
        self.register_buffer("centre", torch.tensor(centre, dtype=dtype))
        self.curves = torch.nn.ModuleDict({str(j): CurveModule(c, dtype) for j, c in recipe.curves.items()})
        self.hidden = _linear(recipe.weights, biases, dtype)
        self.output = _linear(recipe.amplitudes.T, recipe.intercept, dtype)
        self.flat = recipe.flat
        self.classes: list[Any] | None = None if recipe.classes is None else recipe.classes.tolist()
        self.probable = recipe.probable
        self.largest = largest_exponent(_numpy_type(dtype)) if recipe.logarithmic else None

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Outputs, or scores of classes: (n, d) → (n,) or (n, c)."""
        if self.curves:
            columns = [self.curves[str(j)](x) if str(j) in self.curves else x for j, x in enumerate(X.unbind(1))]
            X = torch.stack(columns, dim=1)
        output = self.output(torch.relu(self.hidden(X - self.centre)))
        output = output if self.largest is None else torch.exp(output.clamp(max=self.largest))
        return output[:, 0] if self.flat else output

    def probabilities(self, X: torch.Tensor) -> torch.Tensor:
        """Class probabilities, as ``predict_proba``: (n, d) → (n, classes)."""
        if not self.probable:
            raise AttributeError("this model has no probabilities: it is a regression, or trained with loss='hinge'.")
        scores = self(X)
        if self.flat:
            scores = torch.stack([torch.zeros_like(scores), scores], dim=1)
        return torch.softmax(scores, dim=1)

    def labels(self, X: torch.Tensor) -> list[Any]:
        """Predicted classes, as ``predict``: (n, d) → n of them."""
        if self.classes is None:
            raise AttributeError("this model has no classes: it is a regression; call the module itself.")
        scores = self(X)
        code = (scores > 0).long() if self.flat else scores.argmax(dim=1)
        return [self.classes[k] for k in code.tolist()]


def _linear(weight: np.ndarray, bias: np.ndarray, dtype: torch.dtype) -> torch.nn.Linear:
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def _numpy_type(dtype: torch.dtype) -> Any:
    return np.float32 if dtype == torch.float32 else np.float64
