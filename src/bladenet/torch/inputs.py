"""What the user hands over, checked before any work: a module, samples and targets."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.checks import place
from bladenet.network import ReLUNetwork


def checked_module(module: Any) -> nn.Module:
    """The module, as it is; a copy that runs eagerly if it is compiled, which can be watched.

    Raises
    ------
    TypeError
        If it is no ``torch.nn.Module`` written in Python.
    """
    if not isinstance(module, nn.Module):
        hint = "; for networks of bladenet there is bladenet.certify" if isinstance(module, ReLUNetwork) else ""
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}{hint}.")
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError("module is a TorchScript module, whose layers cannot be seen: pass the module it was made of.")
    if not any("_orig_mod" in part._modules or part._compiled_call_impl for part in module.modules()):
        return module
    eager = deepcopy(module)  # which forgets what module.compile() has made
    for part in list(eager.modules()):
        for name, child in part.named_children():
            if "_orig_mod" in child._modules:
                setattr(part, name, child._modules["_orig_mod"])
    return eager.get_submodule("_orig_mod") if "_orig_mod" in eager._modules else eager


def checked_samples(module: nn.Module, X: Any) -> Tensor:
    """Samples as a tensor of the module's device and type.

    Raises
    ------
    ValueError
        If the module has no weights or some are NaN or infinite, or if `X` is empty, not numeric, not finite or on
        another device.
    """
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
    tensor = finite_tensor(y, "y").cpu()
    targets = (tensor.double() if tensor.is_floating_point() else tensor).numpy()  # NumPy has no bfloat16
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
    except (TypeError, ValueError):
        what = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
        raise ValueError(f"{name} must hold numbers, as a tensor or an array, got {what}.") from None
    if tensor.is_complex():
        raise ValueError(f"{name} must hold real numbers, got {tensor.dtype}.")
    if not (finite := torch.isfinite(tensor)).all():
        row = int((~finite.reshape(len(tensor), -1).all(dim=1)).nonzero()[0]) if tensor.ndim else 0
        raise ValueError(f"{name} has NaN or infinite entries, first in {place(row)}; remove or impute them.")
    return tensor
