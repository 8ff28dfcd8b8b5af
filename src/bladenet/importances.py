"""How much each column counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.evidence import parts_of
from bladenet.losses import Array

if TYPE_CHECKING:
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor


def importances_of(model: BladeNetRegressor | BladeNetClassifier) -> Array:
    """Shares (columns,) of the importances of the network's parts, which sum to 1; zeros for a constant.

    A part's importance is the standard deviation of what the neurons that read the same columns contribute together to
    the output. It is shared among these columns by how far each moves the neurons over its range in the training data.
    """
    evidence, network = model.evidence_, model.scaling_.unfold(model.network_)
    ends = model.scaling_.apply(np.vstack([evidence.low, evidence.high]))
    moved = np.abs(network.weights) * (ends[1] - ends[0])
    moved /= np.where(moved.any(axis=1), moved.sum(axis=1), 1.0)[:, None]
    sources, importance = model.encoding_.sources, evidence.importance.copy()
    for neurons in parts_of(model.blades_, sources).values():
        importance[neurons] *= evidence.together[neurons] / (importance[neurons].sum() or 1.0)
    counts = np.zeros(len(model.encoding_.columns))
    np.add.at(counts, np.array(sources), importance @ moved)
    return counts / (counts.sum() or 1.0)
