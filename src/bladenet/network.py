"""ReLUNetwork: the trained network as frozen arrays."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bladenet.checks import feature_matrix
from bladenet.display import FIRST, ROWS, Shown, View, brief, first, number
from bladenet.losses import Array, by_sample, row_norms

STRIP = 4096  # samples whose activations are held at once


@dataclass(frozen=True, eq=False, repr=False)
class ReLUNetwork(Shown):
    """f(x) = Σ_j amplitudes_j · (weights_j·x + biases_j)_+ + intercept, a two-layer ReLU network.

    Attributes
    ----------
    weights : (m, d)
    biases : (m,)
    amplitudes : (m,), or (m, c) for several outputs
    intercept : float, or (c,)
    """

    weights: Array
    biases: Array
    amplitudes: Array
    intercept: float | Array

    def __post_init__(self) -> None:
        m = len(self.amplitudes)
        if self.weights.ndim != 2 or len(self.weights) != m or self.biases.shape != (m,):
            raise ValueError(
                f"a network of {m} amplitudes needs weights ({m}, features) and biases ({m},), got shapes "
                f"{self.weights.shape} and {self.biases.shape}."
            )
        if np.shape(self.intercept) != self.amplitudes.shape[1:]:
            raise ValueError(
                f"amplitudes of shape {self.amplitudes.shape} need an intercept of shape {self.amplitudes.shape[1:]}, "
                f"got {np.shape(self.intercept)}."
            )
        for array in (self.weights, self.biases, self.amplitudes, self.intercept):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.amplitudes)

    def _view(self) -> View:
        several = self.amplitudes.ndim == 2
        title = f"ReLUNetwork: {self.weights.shape[1]} inputs → {len(self)} neurons"
        if several:
            title += f" → {self.amplitudes.shape[1]} outputs"
        names = ("neuron", "amplitudes" if several else "amplitude", "weights", "bias")
        rows = [
            (str(j), brief(self.amplitudes[j]), _terms(self.weights[j]), number(float(bias)))
            for j, bias in enumerate(self.biases[:ROWS])
        ]
        return View(title, [("intercept", brief(self.intercept))], names, rows, len(self))

    def hidden(self, X: ArrayLike) -> Array:
        """Activations of the hidden layer: (n, d) → (n, m)."""
        return self._activations(self._checked(X))

    def _activations(self, X: Array) -> Array:
        return np.maximum(X @ self.weights.T + self.biases, 0.0)

    def _checked(self, X: ArrayLike) -> Array:
        X = feature_matrix(X)
        d = self.weights.shape[1]
        if X.ndim != 2 or X.shape[1] != d:
            raise ValueError(f"X must have shape (samples, {d}), as in training, got shape {X.shape}.")
        return X

    def predict(self, X: ArrayLike) -> Array:
        """Outputs of the network: (n, d) → (n,), or (n, c); for classes their scores, or that of class +1."""
        X = self._checked(X)
        output = np.tile(np.asarray(self.intercept, dtype=np.float64), (len(X), *([1] * np.ndim(self.intercept))))
        for start in range(0, len(X), STRIP):  # all activations at once can be gigabytes
            rows = slice(start, start + STRIP)
            output[rows] += self._activations(X[rows]) @ self.amplitudes
        return output

    def sizes(self, output_norm: int = 2) -> Array:
        """|u_j| of each neuron, (m,), or ‖u_j‖_q for several outputs."""
        return row_norms(self.amplitudes, output_norm)

    def penalty(self, norm: int, output_norm: int = 2) -> float:
        """Σ_j |u_j| ‖w_j‖_p, or Σ_j ‖u_j‖_q ‖w_j‖_p; unchanged by :meth:`balanced`."""
        return float(self.sizes(output_norm) @ np.linalg.norm(self.weights, ord=norm, axis=1))

    def balanced(self, norm: int = 2, output_norm: int = 2) -> "ReLUNetwork":
        """The same function with ‖w_j‖_p = |u_j|, which minimises ½ Σ (‖w_j‖_p² + |u_j|²) (paper §6.12).

        A neuron that contributes nothing becomes zero.
        """
        lengths, sizes = np.linalg.norm(self.weights, ord=norm, axis=1), self.sizes(output_norm)
        common = np.sqrt(sizes * lengths)
        factor = np.divide(common, lengths, out=np.zeros_like(common), where=lengths > 0)
        share = np.divide(common, sizes, out=np.zeros_like(common), where=sizes > 0)
        return replace(
            self,
            weights=self.weights * factor[:, None],
            biases=self.biases * factor,
            amplitudes=by_sample(share, self.amplitudes),
        )


def _terms(weights: Array) -> str:
    """The largest weights of a neuron, with the numbers of their inputs."""
    order = np.argsort(-np.abs(weights), kind="stable")[: np.count_nonzero(weights)]
    return first([f"{number(float(weights[c]))}·x{c}" for c in order[: FIRST + 1]], len(order)) or "0"
