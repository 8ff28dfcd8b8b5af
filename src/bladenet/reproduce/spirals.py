"""Figure 6 measured: two spirals, a two-layer network, and how far from the certified optimum each method ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bladenet.datasets import make_spirals
from bladenet.losses import Array
from bladenet.reproduce.ablation import BEST, Variant, polishings, refinement, refitted
from bladenet.reproduce.descent import descend_on_all, new_network
from bladenet.torch import polish
from bladenet.torch.layers import relu_layers
from bladenet.torch.objective import Objective
from bladenet.training import Fit, train

DESCENT, TRAINING = "gradient descent", "training"  # the method, and rows of its curve
POINTS = 150  # on it


@dataclass(frozen=True)
class Setup:
    """What is trained. At this β the optimum fits the spirals closely, and gradient descent stops well above it.

    Attributes
    ----------
    samples, width : how many, and neurons of the network
    beta : weight decay, in the units of the summed loss
    rate, epochs : of gradient descent, every step with all samples
    stages : epochs after which refit and full polishing are tried too, besides the last
    trials : networks, from different seeds
    """

    samples: int = 100
    width: int = 100
    beta: float = 0.01
    rate: float = 0.1
    epochs: int = 20_000
    stages: tuple[int, ...] = (100, 300, 1000, 3000, 10_000)
    trials: int = 5


@dataclass(frozen=True, eq=False)
class Spirals:
    """What was measured.

    Attributes
    ----------
    X, y : the samples
    optimum : Fit, certified
    rows : a dictionary for each point of the curves (method "training") and each method of each trial, by epoch
    shown : networks of the first trial, by method
    """

    X: Array
    y: Array
    optimum: Fit
    rows: list[dict[str, Any]]
    shown: dict[str, nn.Module]


def measure(setup: Setup, report: Callable[[str], object]) -> Spirals:
    """Train, polish and refine each trial's network. Ctrl-C ends with the trials that are done, if any are.

    Raises
    ------
    KeyboardInterrupt
        Before the first trial is done.
    """
    X, y = make_spirals(setup.samples)
    optimum = train(X, y, beta=setup.beta)
    report(str(optimum.certificate))
    result = Spirals(X, y, optimum, [], {})
    for trial in range(1, setup.trials + 1):
        report(
            f"trial {trial} of {setup.trials}: {setup.epochs} epochs of gradient descent, then polishing and refinement"
        )
        try:
            rows, variants = _trial(X, y, setup, trial, optimum.certificate.lower_bound)
        except KeyboardInterrupt:
            if trial == 1:
                raise
            break
        result.rows.extend({"trial": trial} | row for row in rows)
        result.shown.update({variant.method: variant.module for variant in variants if trial == 1})
    return result


def _trial(X: Array, y: Array, setup: Setup, seed: int, bound: float) -> tuple[list[dict[str, Any]], list[Variant]]:
    """The curve of one network with what refit and full polishing make of its stages; and all methods at its end."""
    module = new_network((X.shape[1], setup.width, 1), bias=True, seed=seed, dtype=torch.float64)
    objective = Objective.create(module, X, y, beta=setup.beta, loss="squared")
    epochs = {0, *np.geomspace(1, setup.epochs, POINTS).round().astype(int).tolist()}
    curve: list[dict[str, Any]] = []
    stages: list[dict[str, Any]] = []

    def note(epoch: int) -> None:
        if epoch in epochs:
            curve.append({"method": TRAINING, "epoch": epoch, "objective": objective.value(module)})
        if epoch in setup.stages and epoch < setup.epochs:
            stages.extend(_compared(_ablation(objective, module), epoch, bound))

    descend_on_all(module, objective.X, torch.as_tensor(y), setup.beta, setup.rate, setup.epochs, note)
    best = polish(module, X, y, beta=setup.beta)
    variants = [
        *_ablation(objective, module),
        Variant(BEST, best.module, best.after),
        refinement(objective, module, None),
    ]
    return [*curve, *stages, *_compared(variants, setup.epochs, bound)], variants


def _ablation(objective: Objective, module: nn.Module) -> list[Variant]:
    """The network itself, refitted, and polished in full."""
    layer = relu_layers(module, objective.X)[0]
    start = Variant(DESCENT, module, objective.value(module))
    return [start, refitted(objective, module), *polishings(objective, module, layer, [])]


def _compared(variants: list[Variant], epoch: int, bound: float) -> list[dict[str, Any]]:
    """How far above what is proven to be the least, relative to it; and the share of the first one's gap closed."""
    first = variants[0].objective - bound
    return [
        {
            "method": variant.method,
            "epoch": epoch,
            "objective": variant.objective,
            "lower_bound": bound,
            "excess": (variant.objective - bound) / bound,
            "closed": 1.0 - (variant.objective - bound) / first,
        }
        for variant in variants
    ]
