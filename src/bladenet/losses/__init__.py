"""Convex losses with their conjugates: everything that training and certificates need to know about a loss."""

from bladenet.losses.base import (
    Array,
    Index,
    Loss,
    Mask,
    OutputsLoss,
    PiecewiseLinearLoss,
    ScalarLoss,
    balanced,
    by_sample,
    over_outputs,
    row_norms,
    weighted_mean,
)
from bladenet.losses.classification import HingeLoss, LogisticLoss, SoftmaxLoss, probabilities
from bladenet.losses.counts import PoissonLoss
from bladenet.losses.exact_fit import ExactFit
from bladenet.losses.regression import HuberLoss, QuantileLoss, SquaredLoss

__all__ = [
    "LOSSES",
    "Array",
    "ExactFit",
    "HingeLoss",
    "HuberLoss",
    "Index",
    "LogisticLoss",
    "Loss",
    "Mask",
    "OutputsLoss",
    "PiecewiseLinearLoss",
    "PoissonLoss",
    "QuantileLoss",
    "ScalarLoss",
    "SoftmaxLoss",
    "SquaredLoss",
    "balanced",
    "by_sample",
    "get_loss",
    "over_outputs",
    "probabilities",
    "row_norms",
    "weighted_mean",
]

LOSSES: dict[str, type[Loss]] = {
    cls.name: cls for cls in (SquaredLoss, LogisticLoss, HingeLoss, HuberLoss, QuantileLoss, PoissonLoss, SoftmaxLoss)
}


def get_loss(loss: str | Loss) -> Loss:
    """A :class:`Loss` from its name, or the loss itself.

    Raises
    ------
    ValueError
        If the name is unknown, or a parameter of the loss makes no sense; names the choices.
    """
    if isinstance(loss, Loss):
        loss.check()
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; choose one of {', '.join(map(repr, LOSSES))}.")
    return LOSSES[loss]()
