"""Section 4.1: polishing as the paper writes it, and that ours never hurts. Needs PyTorch."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch

from bladenet.losses import Array
from bladenet.reproduce.descent import new_network
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.deep import activations, layers_of
from bladenet.reproduce.theorems.determinants import exact_normal
from bladenet.reproduce.theorems.rows import Row, changed
from bladenet.torch import polish
from bladenet.torch.layers import relu_layers
from bladenet.torch.polishing import FULL, polished_neurons

SAMPLES, HIDDEN, BETA = 40, 12, 0.1


def section_4_1() -> Claim:
    """Polishing."""
    worst, neurons, gains = 0.0, 0, []
    for d in (2, 3):
        for bias in (False, True):
            generator = torch.Generator().manual_seed(d)
            X, y = (torch.randn(shape, dtype=torch.float64, generator=generator) for shape in ((SAMPLES, d), SAMPLES))
            module = new_network((d, HIDDEN, 1), bias=bias, seed=d, dtype=torch.float64)
            (layer,) = relu_layers(module, X)
            found = dict(polished_neurons(module, layer, X, [], full=True))[FULL]
            (old, offsets), *_ = layers_of(module)
            for w, b, new, offset in zip(old, offsets, *(part.numpy() for part in found), strict=True):
                expected, moved = _as_written(X.numpy(), w, b, bias)
                size = float(np.linalg.norm(w))
                worst = largest(worst, float(np.abs(new - expected).max() / size), abs(float(offset) - moved) / size)
                neurons += 1
            result = polish(module, X, y, beta=BETA)
            values = [_objective(each, X.numpy(), y.numpy()) for each in (module, result.module)]
            worst = largest(worst, off(result.before, values[0]), off(result.after, values[1]))
            worst = largest(worst, result.after / result.refit_only - 1.0, result.refit_only / result.before - 1.0)
            gains.append(1.0 - values[1] / values[0])
    return Claim(
        "Section 4.1",
        "polishing: a neuron becomes the cross product of the samples of smallest |x·w|, at its length and on its "
        "side; then the next layer is optimised",
        f"bladenet.torch.polish on {len(gains)} random networks, d = 2, 3, {SAMPLES} samples, with and without biases: "
        f"{neurons} neurons against rational cofactors, objectives by NumPy from the modules' weights",
        worst,
        remark=f"The objective falls by {min(gains):.0%} to {max(gains):.0%}, and never less than by refitting alone.",
    )


def _as_written(X: Array, w: Array, b: float, bias: bool) -> tuple[Array, float]:
    """Steps 1 to 3 of the paper, with its scale kept; with a bias, differences from the nearest sample."""
    near = np.argsort(np.abs(X @ w + b), kind="stable")[: len(w) - 1 + bias]
    rows = X[near[1:]] - X[near[0]] if bias else X[near]
    normal = exact_normal(rows)
    normal = normal * (np.linalg.norm(w) / np.linalg.norm(normal)) * (1.0 if normal @ w >= 0 else -1.0)
    return normal, -float(normal @ X[near[0]]) if bias else 0.0


def _objective(module: torch.nn.Module, X: Array, y: Array) -> float:
    layers = layers_of(module)
    misses = activations(layers, X)[-1][:, 0] - y
    return float(0.5 * (misses**2).sum() + 0.5 * BETA * sum((weights**2).sum() for weights, _ in layers))


def _wrong(neurons: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return -neurons[0], -neurons[1]


_HERE = sys.modules[__name__]
POLISHING = (
    Row(
        "Section 4.1",
        section_4_1,
        (
            changed(
                "neurons the other way round", _HERE, "polished_neurons",
                lambda found: [(what, _wrong(neurons)) for what, neurons in found],
            ),
            changed(
                "neurons of length 1", _HERE, "polished_neurons",
                lambda found: [(what, (w / w.norm(dim=1, keepdim=True), b)) for what, (w, b) in found],
            ),
            changed(
                "neurons that are NaN", _HERE, "polished_neurons",
                lambda found: [(what, (np.nan * w, b)) for what, (w, b) in found],
            ),
            changed(
                "objective × 0.99", _HERE, "polish", lambda result: replace(result, after=0.99 * result.after)
            ),
            changed(
                "the next layer not optimised", _HERE, "polish",
                lambda result: replace(result, module=_spoilt(result.module)),
            ),
        ),
    ),
)  # fmt: skip


def _spoilt(module: torch.nn.Module) -> torch.nn.Module:
    """With a last layer twice as large."""
    with torch.no_grad():
        list(module.parameters())[-1].mul_(2.0)
    return module
