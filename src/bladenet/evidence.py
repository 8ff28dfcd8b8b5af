"""What is kept of the training data, so that a network can be explained without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bladenet.blades import CONTACT, Blade
from bladenet.display import Shown
from bladenet.losses import Array, Index, by_sample, over_outputs, row_norms
from bladenet.training import Fit

BLOCK = 4_000_000  # activations held at a time


@dataclass(frozen=True, eq=False, repr=False)
class Evidence(Shown):
    """What neurons rest on and what they do on the training samples.

    Attributes
    ----------
    n_samples : int, training samples of weight above zero
    index : (k,) rows of the training data that define neurons, ascending
    rows : (k, d) their features in the user's units
    targets : (k,) their targets, or (k, c); −1 and +1 for two classes, indicators for more
    low, high : (d,) range of the features in the user's units
    acts_on : (m,) number of training samples on the active side of each neuron
    importance : (m,) standard deviation of each neuron's contribution to the output over the training samples; with
        several outputs the length of theirs
    together : (m,) the same of what all neurons that read the same columns of the data contribute in sum: how much
        this part of the network counts
    share : (m,) covariance of each neuron's contribution with the output, divided by the variance of the output; they
        sum to 1, and one that opposes the others is negative
    """

    n_samples: int
    index: Index
    rows: Array
    targets: Array
    low: Array
    high: Array
    acts_on: Index
    importance: Array
    together: Array
    share: Array

    @classmethod
    def of(cls, X: Array, fit: Fit, sources: Sequence[int], weight: Array | None = None) -> Evidence:
        """Collect it from the training data X (n, d), in the user's units, the training result and columns of features.

        An exact fit is the same whatever the weights (n,) of the samples; these say then what a mean is.
        """
        problem, network = fit.problem, fit.network
        index = np.array(sorted({i for blade in fit.blades for i in blade.samples}), dtype=np.int64)
        kept = problem.sample_weight > 0
        samples, weight = problem.X[kept], (problem.sample_weight if weight is None else weight)[kept]
        weight = weight / weight.sum()
        m = len(network)
        output = np.zeros(problem.y.shape)[kept]
        acts_on, importance, together, share = np.zeros(m, dtype=np.int64), np.zeros(m), np.zeros(m), np.zeros(m)
        width = max(1, BLOCK // len(samples))
        for neurons in parts_of(fit.blades, sources).values():
            part = np.zeros(output.shape)
            for block in _blocks(neurons, width):
                part += _hidden(fit, samples, block) @ network.amplitudes[block]
            part -= weight @ part
            together[neurons] = np.sqrt(float(weight @ over_outputs(part**2)))
            output += part
        for block in _blocks(np.arange(m), width):
            hidden = _hidden(fit, samples, block)
            acts_on[block] = (hidden > CONTACT * problem.standard.scale).sum(axis=0)
            hidden -= weight @ hidden
            amplitudes = network.amplitudes[block]
            importance[block] = row_norms(amplitudes) * np.sqrt(weight @ hidden**2)
            share[block] = over_outputs(amplitudes * (hidden.T @ by_sample(weight, output)))
        variance = float(weight @ over_outputs(output**2))
        return cls(
            int(kept.sum()),
            index,
            X[index],
            problem.y[index],
            X[kept].min(axis=0),
            X[kept].max(axis=0),
            acts_on,
            importance,
            together,
            share / variance if variance > 0 else np.zeros(m),
        )


def parts_of(blades: Sequence[Blade], sources: Sequence[int]) -> dict[tuple[int, ...], Index]:
    """The neurons that read exactly these columns, given the column that each feature comes from."""
    parts: dict[tuple[int, ...], list[int]] = {}
    for j, blade in enumerate(blades):
        parts.setdefault(tuple(sorted({sources[c] for c in blade.coordinates})), []).append(j)
    return {columns: np.array(neurons) for columns, neurons in parts.items()}


def _blocks(neurons: Index, width: int) -> list[Index]:
    return [neurons[start : start + width] for start in range(0, len(neurons), width)]


def _hidden(fit: Fit, samples: Array, block: Index) -> Array:
    """Activations of some neurons, (n, block)."""
    return np.maximum(samples @ fit.network.weights[block].T + fit.network.biases[block], 0.0)
