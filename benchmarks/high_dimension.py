"""Fifty features: the same wall time for every solver, and a lower bound: python -m benchmarks.high_dimension."""

from pathlib import Path

import numpy as np

from benchmarks.problems import Problem, standardised

SAMPLES, FEATURES = 5_000, 50
SHARE = 0.02  # of a lower bound of β_max
PICTURES = Path("/work/shared/data/cifar10-automobile-ship.npz")


def teacher() -> Problem:
    """Ten random ReLU neurons, and noise of half their standard deviation."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, FEATURES))
    weights = rng.standard_normal((10, FEATURES)) / np.sqrt(FEATURES)
    f = np.maximum(X @ weights.T + 0.5 * rng.standard_normal(10), 0.0) @ rng.standard_normal(10)
    return with_beta("teacher", X, standardised(f) + 0.5 * rng.standard_normal(SAMPLES))


def friedman() -> Problem:
    """Friedman's function of five features, beside 45 that say nothing."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(SAMPLES, FEATURES))
    f = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return with_beta("friedman", standardised(X), standardised(f + rng.standard_normal(SAMPLES)))


def pictures() -> Problem:
    """Automobiles and ships of CIFAR-10, by the fifty leading principal components; logistic loss."""
    data = np.load(PICTURES)
    chosen = np.random.default_rng(0).permutation(len(data["y_train"]))[:SAMPLES]
    X = data["x_train"][chosen].reshape(SAMPLES, -1) / 255.0
    y = np.where(data["y_train"][chosen] == data["y_train"].max(), 1.0, -1.0)
    X = X - X.mean(axis=0)
    _, directions = np.linalg.eigh(X.T @ X)
    components = X @ directions[:, -FEATURES:]
    return with_beta("pictures", components / components.std(), y, loss="logistic")


def with_beta(name: str, X: np.ndarray, y: np.ndarray, loss: str = "squared") -> Problem:
    """β as a share of ½ ‖Xᵀv‖, v the dual variable of the constant fit: of w and −w one neuron has that |h|."""
    v = y - y.mean() if loss == "squared" else 0.5 * (y - y.mean())
    return Problem(name, X, y, SHARE * 0.5 * float(np.linalg.norm(X.T @ v)), loss=loss)
