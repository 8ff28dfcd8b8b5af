"""What the user hands over, checked before any work: a module, samples and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def checked_samples(module: nn.Module, X: Any) -> Tensor:
    """Samples as a tensor of the module's device and type.

    Raises
    ------
    TypeError
        If `module` is no ``torch.nn.Module``.
    ValueError
        If the module has no weights or some are NaN or infinite, or if `X` is empty, not numeric, not finite or on
        another device.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
    parameters = dict(module.named_parameters())
    if not parameters:
        raise ValueError("the module has no parameters, so no neurons.")
    for name, parameter in parameters.items():
        if not torch.isfinite(parameter).all():
            raise ValueError(f"the module's parameter {name!r} has NaN or infinite entries; train or load it again.")
    first = next(iter(parameters.values()))
    if isinstance(X, Tensor) and X.device != first.device:
        raise ValueError(f"X is on {X.device} and the module on {first.device}: move one, X.to({str(first.device)!r}).")
    samples = finite_tensor(X, "X")
    if samples.ndim < 2 or not len(samples):
        raise ValueError(f"X must have the shape (samples, …) that the module takes, got {tuple(samples.shape)}.")
    return samples.to(device=first.device, dtype=first.dtype)


def checked_targets(y: Any, samples: Tensor) -> np.ndarray:
    """Targets as an array, one for each sample.

    Raises
    ------
    ValueError
        If their number is another, or they are not finite numbers.
    """
    targets = finite_tensor(y, "y").detach().cpu().numpy()
    if targets.ndim == 0 or len(targets) != len(samples):
        raise ValueError(f"y must have one target for each of the {len(samples)} samples, got shape {targets.shape}.")
    return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets


def finite_tensor(values: Any, name: str) -> Tensor:
    """Numbers as a tensor that no gradient is followed through.

    Raises
    ------
    ValueError
        If they are no numbers, or some are NaN or infinite.
    """
    try:
        tensor = values.detach() if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
    except TypeError as error:
        raise ValueError(f"{name} must hold numbers, got {type(values).__name__}: {error}") from error
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} has NaN or infinite entries; remove or impute them.")
    return tensor
