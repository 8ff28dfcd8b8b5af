"""The neutral objective: plain NumPy in float64, and nothing imported from any solver."""

from typing import NamedTuple

import numpy as np


class Network(NamedTuple):
    """f(x) = Σ_j amplitudes_j (weights_j·x + biases_j)_+ + intercept, as every solver hands it back."""

    weights: np.ndarray
    biases: np.ndarray
    amplitudes: np.ndarray
    intercept: float


def objective(network: Network, X: np.ndarray, y: np.ndarray, beta: float, norm: int, loss: str) -> float:
    """Σ_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p, where ℓ is ½ (f − y)² or log(1 + e^{−yf})."""
    weights, amplitudes = np.asarray(network.weights, float), np.asarray(network.amplitudes, float)
    hidden = np.maximum(X @ weights.T + np.asarray(network.biases, float), 0.0)
    f = hidden @ amplitudes + float(network.intercept)
    losses = 0.5 * (f - y) ** 2 if loss == "squared" else np.logaddexp(0.0, -y * f)
    penalty = np.abs(amplitudes) @ np.linalg.norm(weights, ord=norm, axis=1)
    return float(np.sum(losses) + beta * penalty)
