"""Scalings of features: part of the model, since the penalty depends on units, and always invertible.

The network is trained on x' = s(x). An affine s is folded into the network, which then takes the user's units; a rank
or blend scaling stays in front of it, and what is said about neurons is mapped back through its inverse.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bladenet.display import Shown
from bladenet.losses import Array
from bladenet.network import ReLUNetwork

SCALINGS = ("standard", "rank", "blend")
KNOTS = 256  # at most, per feature
APART = 1e-12  # knots closer in rank than this are one; their distance on the other axis has no slope left
SMALLEST = 1e-100  # the same for their distance in the user's units


class Scaling(Shown, ABC):
    """A strictly increasing map of each feature; see :func:`fit_scaling`."""

    @abstractmethod
    def apply(self, X: Array) -> Array:
        """From the user's units to those the network is trained in: (n, d) → (n, d)."""

    @abstractmethod
    def stretched(self, factors: Array) -> Self:
        """This scaling, its result multiplied by positive factors (d,)."""

    @abstractmethod
    def only(self, features: list[int]) -> Self:
        """The same scaling of some of the features, in this order."""

    @abstractmethod
    def inverse(self, scaled: Array) -> Array:
        """Back to the user's units: (n, d) → (n, d)."""

    @abstractmethod
    def fold(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network with as much of this scaling inside it as a ReLU network can hold; the rest is `remaining`."""

    @abstractmethod
    def unfold(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network trained on x', of one that was folded."""

    @property
    @abstractmethod
    def remaining(self) -> Scaling:
        """The map that stays in front of a folded network."""

    @abstractmethod
    def straight(self) -> tuple[np.ndarray, Array, Array]:
        """Which features are scaled by a straight line, (d,) bool, and its slope and intercept, (d,) each."""

    @abstractmethod
    def bends(self, feature: int) -> Array:
        """Values of a feature at which the slope of its scaling changes, ascending."""

    @abstractmethod
    def table(self, names: Sequence[str]) -> dict[str, Any]:
        """What to recompute it from: columns of a table, in which the features (d,) have these names."""


@dataclass(frozen=True, eq=False, repr=False)
class AffineScaling(Scaling):
    """x' = (x − centre) / scale.

    Attributes
    ----------
    centre, scale : (d,)
    """

    centre: Array
    scale: Array

    @classmethod
    def none(cls, d: int) -> Self:
        """Leaves d features as they are."""
        return cls(np.zeros(d), np.ones(d))

    @classmethod
    def standard(cls, X: Array, share: Array, *, centred: bool) -> Self:
        """To standard deviation 1, and mean 0 if `centred`. Constant features keep their scale.

        Parameters
        ----------
        X : (n, d); share : (n,), positive weights of sum 1
        """
        mean = X[0] + share @ (X - X[0])
        reach = np.abs(X - mean).max(axis=0)
        constant = (X[0] == X).all(axis=0) | (reach == 0)
        # in units of the reach, so that squares neither overflow nor vanish
        deviation = reach * np.sqrt(share @ ((X - mean) / np.where(constant, 1.0, reach)) ** 2)
        scale = np.where(constant | (deviation == 0), 1.0, deviation)
        return cls(mean if centred else np.zeros(X.shape[1]), scale)

    def apply(self, X: Array) -> Array:
        """(x − centre) / scale."""
        return (X - self.centre) / self.scale

    def stretched(self, factors: Array) -> Self:
        """See :meth:`Scaling.stretched`."""
        return type(self)(self.centre, self.scale / factors)

    def only(self, features: list[int]) -> Self:
        """See :meth:`Scaling.only`."""
        return type(self)(self.centre[features], self.scale[features])

    def inverse(self, scaled: Array) -> Array:
        """Centre + scale · x'."""
        return self.centre + self.scale * scaled

    def fold(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network of x that computes what `network` computes of x'."""
        weights = network.weights / self.scale
        biases = network.biases - weights @ self.centre
        return ReLUNetwork(weights, biases, network.amplitudes, network.intercept)

    def unfold(self, network: ReLUNetwork) -> ReLUNetwork:
        """The inverse of :meth:`fold`."""
        biases = network.biases + network.weights @ self.centre
        return ReLUNetwork(network.weights * self.scale, biases, network.amplitudes, network.intercept)

    @property
    def remaining(self) -> Scaling:
        """Nothing: a ReLU network holds an affine map."""
        return AffineScaling.none(len(self.scale))

    def straight(self) -> tuple[np.ndarray, Array, Array]:
        """All of them."""
        return np.ones(len(self.scale), dtype=bool), 1.0 / self.scale, -self.centre / self.scale

    def bends(self, feature: int) -> Array:
        """None."""
        return np.zeros(0)

    def table(self, names: Sequence[str]) -> dict[str, Any]:
        """One row per feature: (x − centre) / scale."""
        return {"feature": list(names), "centre": self.centre, "scale": self.scale}


@dataclass(frozen=True, eq=False, repr=False)
class MonotoneScaling(Scaling):
    """Each feature mapped piecewise linearly through knots, and straight on outside them.

    Attributes
    ----------
    knots : d arrays (k,), strictly increasing, in the user's units
    places : d arrays (k,), strictly increasing: where the knots are mapped to
    slopes : (d,), > 0, outside the knots
    """

    knots: tuple[Array, ...]
    places: tuple[Array, ...]
    slopes: Array

    @classmethod
    def rank(cls, X: Array, share: Array, *, centred: bool) -> Self:
        """Mid-ranks of (at most 256) values, scaled to standard deviation 1. Constant features keep their scale.

        With `centred` the mean becomes 0; else 0 stays 0.

        Parameters
        ----------
        X : (n, d); share : (n,), positive weights of sum 1
        """
        curves = [_rank_curve(column, share, centred) for column in X.T]
        return cls(tuple(k for k, _, _ in curves), tuple(p for _, p, _ in curves), np.array([s for _, _, s in curves]))

    def blended(self, other: AffineScaling) -> MonotoneScaling:
        """The mean of this scaling and an affine one."""
        places = tuple(
            0.5 * (place + (knots - centre) / scale)
            for place, knots, centre, scale in zip(self.places, self.knots, other.centre, other.scale, strict=True)
        )
        return MonotoneScaling(self.knots, places, 0.5 * (self.slopes + 1.0 / other.scale))

    def apply(self, X: Array) -> Array:
        """Through knots → places."""
        columns = zip(X.T, self.knots, self.places, self.slopes, strict=True)
        return np.column_stack([_through(*column) for column in columns])

    def stretched(self, factors: Array) -> Self:
        """See :meth:`Scaling.stretched`."""
        places = tuple(place * factor for place, factor in zip(self.places, factors, strict=True))
        return type(self)(self.knots, places, self.slopes * factors)

    def only(self, features: list[int]) -> Self:
        """See :meth:`Scaling.only`."""
        knots, places = tuple(self.knots[c] for c in features), tuple(self.places[c] for c in features)
        return type(self)(knots, places, self.slopes[features])

    def inverse(self, scaled: Array) -> Array:
        """Through places → knots."""
        columns = zip(scaled.T, self.places, self.knots, 1.0 / self.slopes, strict=True)
        return np.column_stack([_through(*column) for column in columns])

    def fold(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network itself: its inputs stay scaled."""
        return network

    def unfold(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network itself."""
        return network

    @property
    def remaining(self) -> Scaling:
        """This scaling itself."""
        return self

    def straight(self) -> tuple[np.ndarray, Array, Array]:
        """Those of at most two values, such as indicators of categories."""
        straight = np.array([len(knots) <= 2 for knots in self.knots])
        intercepts = [place[0] - slope * knots[0] for knots, place, slope in self._curves()]
        return straight, self.slopes, np.array(intercepts)

    def bends(self, feature: int) -> Array:
        """The knots."""
        return self.knots[feature]

    def table(self, names: Sequence[str]) -> dict[str, Any]:
        """One row per knot: straight between neighbours, and outside with the slope given."""
        counts = [len(knots) for knots in self.knots]
        return {
            "feature": np.repeat(np.array(names, dtype=object), counts),
            "x": np.concatenate(self.knots),
            "scaled(x)": np.concatenate(self.places),
            "slope outside": np.repeat(self.slopes, counts),
        }

    def _curves(self) -> Any:
        return zip(self.knots, self.places, self.slopes, strict=True)


def fit_scaling(kind: str | None, X: Array, weight: Array, *, centred: bool) -> Scaling:
    """Fit a scaling to training data.

    Parameters
    ----------
    kind : None (no scaling), "standard" (to standard deviation 1), "rank" (monotone and piecewise linear through
        weighted mid-rank quantiles) or "blend" (the mean of the two)
    X : (n, d)
    weight : (n,), ≥ 0; a weight of 2 is a repeated sample, a weight of 0 an absent one
    centred : whether means become 0; else 0 stays 0, so that a network without bias keeps its origin
    """
    if kind is None:
        return AffineScaling.none(X.shape[1])
    X, weight = X[weight > 0], weight[weight > 0]
    share = weight / weight.sum()
    if kind == "rank":
        return MonotoneScaling.rank(X, share, centred=centred)
    standard = AffineScaling.standard(X, share, centred=centred)
    if kind == "standard":
        return standard
    return MonotoneScaling.rank(X, share, centred=centred).blended(standard)


def _rank_curve(column: Array, share: Array, centred: bool) -> tuple[Array, Array, float]:
    """Knots, places and outer slope of the rank scaling of one feature."""
    values, inverse = np.unique(column, return_inverse=True)
    shares = np.bincount(inverse, share)
    rank = np.cumsum(shares) - 0.5 * shares
    chosen = np.arange(len(values))
    if len(values) > KNOTS:
        chosen = np.unique(np.searchsorted(rank, np.linspace(rank[0], rank[-1], KNOTS)).clip(max=len(values) - 1))
    knots, places = values[chosen], rank[chosen]
    apart = np.r_[True, (np.diff(places) > APART) & (np.diff(knots) > SMALLEST)]
    knots, places = knots[apart], places[apart]
    if len(knots) == 1:
        return knots, np.zeros(1) if centred else knots.copy(), 1.0
    slope = (places[-1] - places[0]) / (knots[-1] - knots[0])
    ranks = _through(column, knots, places, slope)
    mean = float(share @ ranks)
    deviation = float(np.sqrt(share @ (ranks - mean) ** 2))
    origin = mean if centred else float(_through(np.zeros(1), knots, places, slope)[0])
    return knots, (places - origin) / deviation, slope / deviation


def _through(x: Array, knots: Array, places: Array, slope: float) -> Array:
    """The piecewise linear map through (knots, places), with the given slope outside them."""
    outside = np.minimum(x - knots[0], 0.0) + np.maximum(x - knots[-1], 0.0)
    return np.interp(x, knots, places) + slope * outside
