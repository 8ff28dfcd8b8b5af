"""What any model computes, as steps that every export writes down: encode, bend, hidden layer, output, classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from bladenet.encoding import Column, Encoding
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.io import Model
from bladenet.losses import Array, get_loss
from bladenet.network import ReLUNetwork
from bladenet.scaling import MonotoneScaling, Scaling


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise linear function: values[i] + slopes[i] · (x − starts[i]), where i counts the knots ≤ x.

    Attributes
    ----------
    knots : (k,), strictly increasing
    starts, values, slopes : (k + 1,)
    """

    knots: Array
    starts: Array
    values: Array
    slopes: Array

    @classmethod
    def through(cls, knots: Array, places: Array, slope: float) -> Curve:
        """From knots to places, and on with the given slope outside."""
        inner = np.diff(places) / np.diff(knots)
        return cls(knots, np.r_[knots[0], knots], np.r_[places[0], places], np.r_[slope, inner, slope])

    def rounded(self, dtype: Any) -> Curve:
        """This curve, at numbers of type `dtype`, with knots that are such numbers too."""
        knots = self.knots.astype(dtype)
        # never down: as many knots ≤ x as before, for every x of that type
        knots = np.where(knots < self.knots, np.nextafter(knots, dtype(np.inf)), knots).astype(np.float64)
        starts = np.r_[knots[0], knots]
        return Curve(knots, starts, self.values + self.slopes * (starts - self.starts), self.slopes)


@dataclass(frozen=True, eq=False)
class Recipe:
    """The steps from the user's columns to the output.

    Attributes
    ----------
    title : lines on what it is and what is proven about it
    encoding : Encoding, from columns to d features
    curves : of those features that are bent before they enter the network, by their number
    weights : (m, d), biases : (m,), amplitudes : (m, c), intercept : (c,) of the network
    centre : (d,), the middle of the training data: where float32 is to be accurate
    flat : whether the c = 1 outputs are returned as (n,) rather than (n, 1)
    classes : (classes,), or None for a regression or a bare network
    probable : whether the scores of classes have probabilities
    logarithmic : whether outputs are the logarithms of predictions
    """

    title: tuple[str, ...]
    encoding: Encoding
    curves: dict[int, Curve]
    weights: Array
    biases: Array
    amplitudes: Array
    intercept: Array
    centre: Array
    flat: bool
    classes: np.ndarray | None = None
    probable: bool = False
    logarithmic: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the user's data."""
        return self.encoding.columns

    def centred(self, dtype: Any) -> tuple[Array, Array]:
        """A centre c of type `dtype` and the biases that belong to w·(x − c): rounding x there costs no digits."""
        centre = self.centre.astype(dtype).astype(np.float64)
        return centre, self.biases + self.weights @ centre


def largest_exponent(dtype: Any) -> float:
    """Where logarithms of predictions are cut off, as by ``predict``: the exponential is a number of that type."""
    return float(np.floor(np.log(np.finfo(dtype).max)))


def recipe_of(model: Model) -> Recipe:
    """Read a fitted estimator or a network.

    Raises
    ------
    TypeError
        If `model` is something else.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    if isinstance(model, ReLUNetwork):
        d = model.weights.shape[1]
        encoding = Encoding.of_numbers(f"x{i}" for i in range(d))
        return Recipe(
            (_named(model, model),), encoding, {}, *_layers(model), np.zeros(d), np.ndim(model.intercept) == 0
        )
    if not isinstance(model, (BladeNetRegressor, BladeNetClassifier)):
        raise TypeError(
            f"cannot export a {type(model).__name__}: pass a fitted BladeNetRegressor or BladeNetClassifier, or a "
            "ReLUNetwork."
        )
    check_is_fitted(model, "network_")
    network, curves = _straightened(model.network_, model.scaling_.remaining)
    evidence = model.evidence_
    centre = 0.5 * evidence.low + 0.5 * evidence.high
    centre[list(curves)] = 0.0  # a bent feature has been moved to about 0
    loss = get_loss(model.loss)
    classifies = isinstance(model, BladeNetClassifier)
    return Recipe(
        (_named(model, network), *str(model.certificate_).splitlines()),
        model.encoding_,
        curves,
        *_layers(network),
        centre,
        np.ndim(network.intercept) == 0,
        model.classes_ if classifies else None,
        hasattr(model, "predict_proba"),
        loss.link == "log",
    )


def _named(model: Model, network: ReLUNetwork) -> str:
    return f"{type(model).__name__}, {len(network)} neurons"


def _layers(network: ReLUNetwork) -> tuple[Array, Array, Array, Array]:
    """Weights, biases, amplitudes (m, c) and intercept (c,)."""
    intercept = np.atleast_1d(np.asarray(network.intercept, dtype=np.float64))
    weights, biases, amplitudes = network.weights, network.biases, network.amplitudes.reshape(-1, len(intercept))
    if not len(network):  # one neuron that does nothing: not every program knows empty matrices
        weights, biases, amplitudes = np.zeros((1, weights.shape[1])), np.zeros(1), np.zeros((1, len(intercept)))
    return weights, biases, amplitudes, intercept


def _straightened(network: ReLUNetwork, scaling: Scaling) -> tuple[ReLUNetwork, dict[int, Curve]]:
    """The network with all straight lines of a scaling inside it, and the curves that remain."""
    if not isinstance(scaling, MonotoneScaling):  # an affine scaling is inside already
        return network, {}
    straight, slopes, intercepts = scaling.straight()
    straight |= ~network.weights.any(axis=0)  # what no neuron reads need not be bent
    weights = network.weights * np.where(straight, slopes, 1.0)
    biases = network.biases + network.weights @ np.where(straight, intercepts, 0.0)
    curves = {
        j: Curve.through(scaling.knots[j], scaling.places[j], scaling.slopes[j])
        for j in np.flatnonzero(~straight).tolist()
    }
    return ReLUNetwork(weights, biases, network.amplitudes, network.intercept), curves
