"""The data that a fitted model was trained on, checked to be just that before anything is said about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from bladenet.certificate import misfit_of, objective_of
from bladenet.display import Shown
from bladenet.formulas import number
from bladenet.losses import Array
from bladenet.problem import TrainingProblem
from bladenet.scene import defining_samples

SAME = 1e-9  # relative difference of two objectives that are the same
ROUNDING = 1e-12  # of outputs and targets


@dataclass(frozen=True, eq=False, repr=False)
class TrainingData(Shown):
    """What a model was trained on.

    Attributes
    ----------
    features : (n, d), in the user's units
    weight : (n,), sample_weight as the user gave it
    problem : TrainingProblem that was solved, in the scaled features trained on
    """

    features: Array
    weight: Array
    problem: TrainingProblem

    @classmethod
    def of(cls, model: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> TrainingData:
        """Check that a fitted model was trained on these.

        Parameters
        ----------
        model : fitted estimator
        X, y, sample_weight : as for ``fit``

        Raises
        ------
        ValueError
            If they are not what the model was trained on: its neurons pass through other samples, or its objective on
            them is not what training ended with.
        """
        features = model._encoded(X)
        defining_samples(model, features)  # refuses other rows by name
        weight = checked_lengths(features, y, sample_weight)
        targets, weights, loss = model._coded(y, weight)
        settings = model._settings(weights, loss)
        problem = TrainingProblem.create(model.scaling_.apply(features), targets, beta=model.beta_, **settings)
        _check_objective(model, problem)
        return cls(features, weight, problem)


def checked_lengths(features: Array, y: ArrayLike, sample_weight: ArrayLike | None) -> Array:
    """The weights (n,) of rows; refuses targets and weights that are not one per row."""
    if np.shape(y)[:1] != (len(features),):
        raise ValueError(f"y must have {len(features)} values, one per row of X, got shape {np.shape(y)}.")
    return np.asarray(_check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True))


def trained_on(model: Any, features: Array, weight: Array) -> bool:
    """Whether features (n, d), in the user's units, are those that a model was trained on, row by row.

    It knows their number and ranges, and the rows that define its neurons.
    """
    evidence, kept = model.evidence_, features[weight > 0]
    return (
        len(kept) == evidence.n_samples
        and max(evidence.index, default=0) < len(features)
        and np.array_equal(features[evidence.index], evidence.rows)
        and np.array_equal(kept.min(axis=0), evidence.low)
        and np.array_equal(kept.max(axis=0), evidence.high)
    )


def _check_objective(model: Any, problem: TrainingProblem) -> None:
    """Refuse a problem on which the network has another objective, or misses targets by more, than in training."""
    proven, network = model.certificate_, model.scaling_.unfold(model.network_)
    if problem.y.ndim == 1 and network.amplitudes.ndim == 2:  # a single column of targets
        network = replace(network, amplitudes=network.amplitudes[:, 0], intercept=float(network.intercept[0]))
    reach = np.abs(network.weights) @ np.abs(problem.X).max(axis=0) + np.abs(network.biases)
    size = float(np.abs(problem.y).max() + np.max(network.sizes(1) @ reach + np.abs(network.intercept)))
    found = objective_of(problem, network)
    same = found == proven.objective  # infinite, where training for an exact fit was stopped
    same |= (
        abs(found - proven.objective) <= SAME * abs(proven.objective) + ROUNDING * size * problem.sample_weight.sum()
    )
    if proven.misfit is not None:
        same &= misfit_of(problem, network) <= (1.0 + SAME) * proven.misfit + ROUNDING * size
    if not same:
        raise ValueError(
            f"the model has an objective of {number(found)} on these data, but training ended with "
            f"{number(proven.objective)}: pass the training data, X, y and sample_weight, as they were given to fit."
        )
