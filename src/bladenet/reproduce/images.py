"""Figure 7 measured: three-layer networks for images, polished in the first or the second layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.cifar import ImageData
from bladenet.reproduce.ablation import SGD, Variant, polishings, refinement, refitted, ridge_refitted
from bladenet.reproduce.descent import descend, new_network
from bladenet.torch.layers import outputs_of, relu_layers
from bladenet.torch.objective import Objective
from bladenet.training import train

WIDTHS, RATES = "neurons", "learning rate"  # what varies in the two panels
LAYER = {WIDTHS: 0, RATES: 1}  # which layer is polished there


@dataclass(frozen=True)
class Setup:
    """What is trained. The paper does not say how many samples it polishes with or what its weight decay is.

    Attributes
    ----------
    hidden, width, rate : neurons of the first and second layer and learning rate, where they do not vary
    widths, rates : of the two panels
    epochs, batch : of SGD
    decay : β/n, weight decay of SGD on the mean loss
    counts : numbers of samples that partial polishing tries
    refine_seconds : time limit of a refinement
    """

    hidden: int = 128
    width: int = 128
    rate: float = 0.01
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)
    epochs: int = 10
    batch: int = 32
    decay: float = 1e-4
    counts: tuple[int, ...] = (10, 50, 100, 200, 500)
    refine_seconds: float = 30.0

    def networks(self) -> dict[tuple[int, float], list[str]]:
        """Width and learning rate of each network to train, and the panels that it is in; the fastest first."""
        found: dict[tuple[int, float], list[str]] = {}
        for rate in self.rates:
            found.setdefault((self.width, rate), []).append(RATES)
        for width in self.widths:
            found.setdefault((width, self.rate), []).append(WIDTHS)
        return found


@dataclass(frozen=True, eq=False)
class Samples:
    """Images as vectors in float32, pixels in [0, 1] less the mean training image; labels −1 and +1."""

    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor

    @classmethod
    def of(cls, images: ImageData) -> Samples:
        """Scale and centre."""
        train, test = (torch.tensor(x.reshape(len(x), -1) / np.float32(255)) for x in (images.x_train, images.x_test))
        labels = (torch.tensor(2.0 * y - 1.0, dtype=torch.float32) for y in (images.y_train, images.y_test))
        y, y_test = labels
        return cls(train - train.mean(dim=0), y, test - train.mean(dim=0), y_test)

    def accuracies(self, module: nn.Module) -> dict[str, float]:
        """Shares of the training and test images that a network tells right."""
        pairs = {"train_accuracy": (self.X, self.y), "test_accuracy": (self.X_test, self.y_test)}
        return {
            name: float(((outputs_of(module, X)[:, 0] > 0) == (y > 0)).double().mean())
            for name, (X, y) in pairs.items()
        }


def measure(
    images: ImageData, setup: Setup, trials: int, seconds: float, report: Callable[[str], object]
) -> Iterator[list[dict[str, Any]]]:
    """The rows of one network after the other, trial by trial, until the time is over; at least one network's.

    No network is begun that would not end in time if it took as long as the slowest so far.
    """
    samples = Samples.of(images)
    _compile()
    started, longest = perf_counter(), 0.0
    for trial in range(1, trials + 1):
        for (width, rate), panels in setup.networks().items():
            begun = perf_counter()
            if longest and begun - started + longest > seconds:
                report(f"time is over after {begun - started:.0f} s")
                return
            report(f"trial {trial}: {width} neurons in the second layer, learning rate {rate:g}")
            yield [
                {"trial": trial, "panel": panel, "width": width, "rate": rate} | row
                for panel, row in _rows(samples, setup, width, rate, panels, trial)
            ]
            longest = max(longest, perf_counter() - begun)


def _compile() -> None:
    """Let the search be compiled now: the time limit of the first refinement is for searching."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 6)), np.where(rng.normal(size=100) > 0, 1.0, -1.0)
    train(X, y, beta=1.0, bias=False, loss="logistic", strategy="relaxed")


def _rows(
    samples: Samples, setup: Setup, width: int, rate: float, panels: list[str], seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Panel and numbers of every variant of one network."""
    beta = setup.decay * len(samples.X)
    widths = (samples.X.shape[1], setup.hidden, width, 1)
    module = new_network(widths, bias=False, seed=seed, dtype=torch.float32)

    def numbers(variant: Variant) -> dict[str, Any]:
        row = {"method": variant.method, "samples": variant.samples, "objective": variant.objective}
        return row | samples.accuracies(variant.module)

    descend(
        module,
        samples.X,
        samples.y,
        loss="logistic",
        beta=beta,
        rate=rate,
        epochs=setup.epochs,
        batch=setup.batch,
        seed=seed,
    )
    objective = Objective.create(module, samples.X, samples.y, beta=beta, loss="logistic")
    shared = [numbers(Variant(SGD, module, objective.value(module)))]
    shared.extend(numbers(refit(objective, module)) for refit in (refitted, ridge_refitted))
    refined = numbers(refinement(objective, module, setup.refine_seconds))
    layers = relu_layers(module, samples.X)
    for panel in panels:
        yield from ((panel, row) for row in shared)
        for variant in polishings(objective, module, layers[LAYER[panel]], list(setup.counts), ridge=True):
            yield panel, numbers(variant)
        yield panel, refined
