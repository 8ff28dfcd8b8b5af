"""ReLUNetwork: the trained network as frozen arrays."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bladenet.losses import Array
from bladenet.problem import finite_array

STRIP = 4096  # samples whose activations are held at once


@dataclass(frozen=True, eq=False)
class ReLUNetwork:
    """f(x) = Σ_j amplitudes_j · (weights_j·x + biases_j)_+ + intercept, a two-layer ReLU network.

    Attributes
    ----------
    weights : (m, d)
    biases : (m,)
    amplitudes : (m,)
    intercept : float
    """

    weights: Array
    biases: Array
    amplitudes: Array
    intercept: float

    def __post_init__(self) -> None:
        m = len(self.amplitudes)
        if self.weights.ndim != 2 or len(self.weights) != m or self.biases.shape != (m,):
            raise ValueError(
                f"a network of {m} amplitudes needs weights ({m}, features) and biases ({m},), got shapes "
                f"{self.weights.shape} and {self.biases.shape}."
            )
        for array in (self.weights, self.biases, self.amplitudes):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.amplitudes)

    def hidden(self, X: ArrayLike) -> Array:
        """Activations of the hidden layer: (n, d) → (n, m)."""
        return self._activations(self._checked(X))

    def _activations(self, X: Array) -> Array:
        return np.maximum(X @ self.weights.T + self.biases, 0.0)

    def _checked(self, X: ArrayLike) -> Array:
        X = finite_array(X, "X")
        d = self.weights.shape[1]
        if X.ndim != 2 or X.shape[1] != d:
            raise ValueError(f"X must have shape (samples, {d}), as in training, got shape {X.shape}.")
        return X

    def predict(self, X: ArrayLike) -> Array:
        """Outputs of the network: (n, d) → (n,). For classification these are scores, positive for class +1."""
        X = self._checked(X)
        output = np.full(len(X), self.intercept)
        for start in range(0, len(X), STRIP):  # all activations at once can be gigabytes
            rows = slice(start, start + STRIP)
            output[rows] += self._activations(X[rows]) @ self.amplitudes
        return output

    def penalty(self, norm: int) -> float:
        """Σ_j |u_j| ‖w_j‖_p, unchanged by :meth:`balanced`."""
        return float(np.abs(self.amplitudes) @ np.linalg.norm(self.weights, ord=norm, axis=1))

    def balanced(self, norm: int = 2) -> "ReLUNetwork":
        """The same function with ‖w_j‖_p = |u_j|, which minimises ½ Σ (‖w_j‖_p² + u_j²) (paper §6.12).

        A neuron that contributes nothing becomes zero.
        """
        lengths = np.linalg.norm(self.weights, ord=norm, axis=1)
        sizes = np.sqrt(np.abs(self.amplitudes) * lengths)
        factor = np.divide(sizes, lengths, out=np.zeros_like(sizes), where=lengths > 0)
        return replace(
            self,
            weights=self.weights * factor[:, None],
            biases=self.biases * factor,
            amplitudes=np.sign(self.amplitudes) * sizes,
        )
