"""How much each column counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.losses import Array

if TYPE_CHECKING:
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor


def importances_of(model: BladeNetRegressor | BladeNetClassifier) -> Array:
    """Shares (columns,) of the neurons' importances, which sum to 1; zeros for a constant.

    A neuron's importance is the standard deviation of its contribution to the output. It is shared among the columns
    that it reads by how far each moves the neuron over its range in the training data.
    """
    evidence, network = model.evidence_, model.scaling_.unfold(model.network_)
    ends = model.scaling_.apply(np.vstack([evidence.low, evidence.high]))
    moved = np.abs(network.weights) * (ends[1] - ends[0])
    parts = moved / np.where(moved.any(axis=1), moved.sum(axis=1), 1.0)[:, None]
    counts = np.zeros(len(model.encoding_.columns))
    np.add.at(counts, np.array(model.encoding_.sources), evidence.importance @ parts)
    return counts / (counts.sum() or 1.0)
