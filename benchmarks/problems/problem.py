"""What a benchmark problem is."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.objective import Network, objective

Build = Callable[[], "Problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """One training problem, in the units of `bladenet.train`: a sum of losses, and β per unit of penalty.

    It has biases and an intercept, neither of them penalised; with `max_interaction` neurons read that many features.
    """

    name: str
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    beta: float
    norm: int = 2
    loss: str = "squared"
    max_interaction: int | None = None

    def objective(self, network: Network) -> float:
        """The neutral objective of a network."""
        return objective(network, self.X, self.y, self.beta, self.norm, self.loss)


def standardised(a: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and standard deviation 1."""
    return (a - a.mean(axis=0)) / a.std(axis=0)
