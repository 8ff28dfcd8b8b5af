"""Named problems: data, β, norm and loss. Every problem has biases and an intercept, neither of them penalised."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.objective import Network, objective
from bladenet import beta_max, datasets


@dataclass(frozen=True, eq=False)
class Problem:
    """One training problem, in the units of `bladenet.train`: a sum of losses, and β per unit of penalty."""

    name: str
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    beta: float
    norm: int = 2
    loss: str = "squared"

    def objective(self, network: Network) -> float:
        """The neutral objective of a network."""
        return objective(network, self.X, self.y, self.beta, self.norm, self.loss)


def spirals(n: int) -> Problem:
    """Two noisy spirals; β = 1e-4 n keeps the problem comparable as n grows."""
    X, y = datasets.make_spirals(n)
    return Problem(f"spirals-{n}", X, y, 1e-4 * n)


def spirals_logistic(n: int) -> Problem:
    """The same spirals with the logistic loss."""
    X, y = datasets.make_spirals(n)
    return Problem(f"spirals-{n}-logistic", X, y, 1e-4 * n, loss="logistic")


def published_spiral() -> Problem:
    """The 160 points whose published 2 × objective is 0.81227; the certified optimum is 0.8068657."""
    i = np.arange(80)
    radius, angle = (104 - i) / 104, i * np.pi / 16
    arm = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return Problem("published-spiral", np.vstack([arm, -arm]), np.repeat([1.0, -1.0], 80), 5e-4)


def motorcycle() -> Problem:
    """133 readings, one feature, standardised."""
    data = datasets.load_motorcycle()
    return Problem("motorcycle", standardised(data.X), standardised(data.y), 0.1)


def houses() -> Problem:
    """932 sale prices by location, standardised."""
    data = datasets.load_houses()
    return Problem("houses", standardised(data.X), standardised(data.y), 0.5)


def sine(n: int) -> Problem:
    """A noisy sine of one feature; at this β the optimum has a few dozen neurons."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, n)
    return Problem(f"sine-{n}", x[:, None], np.sin(3 * np.pi * x) + 0.2 * rng.standard_normal(n), 3e-4 * n)


def interpolation(d: int) -> Problem:
    """200 Gaussian samples and targets without structure; β = 1e-6 β_max almost interpolates them."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, d)), rng.standard_normal(200)
    return Problem(f"interpolation-{d}d", X, y, 1e-6 * beta_max(X, y))


def standardised(a: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and standard deviation 1."""
    return (a - a.mean(axis=0)) / a.std(axis=0)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "spirals-200": lambda: spirals(200),
    "spirals-1000": lambda: spirals(1_000),
    "spirals-10000": lambda: spirals(10_000),
    "spirals-100000": lambda: spirals(100_000),
    "spirals-200-logistic": lambda: spirals_logistic(200),
    "published-spiral": published_spiral,
    "motorcycle": motorcycle,
    "houses": houses,
    "sine-100000": lambda: sine(100_000),
    "interpolation-1d": lambda: interpolation(1),
    "interpolation-2d": lambda: interpolation(2),
}
