"""Convex losses with their conjugates: everything that training and certificates need to know about a loss.

A loss acts on one prediction f and one target y. Its dual variable is v = ℓ'(f, y), and

    ℓ*(v, y) = sup_f  v f − ℓ(f, y)        (finite on an interval that always contains 0)

Every loss here has infimum 0, so ℓ*(0, y) = 0 and zero is a feasible dual point of every problem.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, xlogy

Array = NDArray[np.float64]
Index = NDArray[np.integer[Any]]


class Loss(ABC):
    """One convex loss; all methods are elementwise over arrays of predictions and targets."""

    name: ClassVar[str]
    classifies: ClassVar[bool] = False  # targets must be −1 or +1
    smooth: ClassVar[bool] = True  # ℓ' is continuous

    @abstractmethod
    def value(self, f: Array, y: Array) -> Array:
        """ℓ(f, y)."""

    @abstractmethod
    def gradient(self, f: Array, y: Array) -> Array:
        """ℓ'(f, y); at a kink, the subgradient of larger magnitude."""

    @abstractmethod
    def hessian(self, f: Array, y: Array) -> Array:
        """ℓ''(f, y) where it exists, a one-sided one elsewhere."""

    @abstractmethod
    def conjugate(self, v: Array, y: Array) -> Array:
        """ℓ*(v, y) for v inside :meth:`domain`."""

    @abstractmethod
    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """The prediction f at which ℓ' is v, for v in the interior of the domain."""

    @abstractmethod
    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """Second derivative of ℓ* in v."""

    @abstractmethod
    def domain(self, y: Array) -> tuple[Array, Array]:
        """Lower and upper ends of the interval on which ℓ* is finite."""

    @abstractmethod
    def constant_fit(self, y: Array, weight: Array) -> float:
        """The constant prediction t that minimises Σ weight · ℓ(t, y).

        Raises
        ------
        ValueError
            If the infimum is not attained (logistic loss, one class).
        """


class SquaredLoss(Loss):
    """½ (f − y)², as in scikit-learn's Lasso."""

    name = "squared"

    def value(self, f: Array, y: Array) -> Array:
        """½ (f − y)²."""
        return 0.5 * (f - y) ** 2

    def gradient(self, f: Array, y: Array) -> Array:
        """f − y."""
        return f - y

    def hessian(self, f: Array, y: Array) -> Array:
        """1."""
        return np.ones_like(f)

    def conjugate(self, v: Array, y: Array) -> Array:
        """½ v² + v y."""
        return v * (0.5 * v + y)

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Y + v."""
        return y + v

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """1."""
        return np.ones_like(v)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """All reals."""
        return np.full_like(y, -np.inf), np.full_like(y, np.inf)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The weighted mean, exact for constant targets."""
        return float(y[0] + weight @ (y - y[0]) / weight.sum())


class HuberLoss(Loss):
    """½ r² for |r| ≤ δ, else δ (|r| − δ/2), with r = f − y."""

    name = "huber"

    def __init__(self, delta: float = 1.0):
        self.delta = float(delta)

    def value(self, f: Array, y: Array) -> Array:
        """½ r² inside ±δ, linear outside."""
        r = np.abs(f - y)
        inside = np.minimum(r, self.delta)
        return inside * (r - 0.5 * inside)

    def gradient(self, f: Array, y: Array) -> Array:
        """F − y clipped to ±δ."""
        return np.clip(f - y, -self.delta, self.delta)

    def hessian(self, f: Array, y: Array) -> Array:
        """1 inside ±δ, 0 outside."""
        return np.where(np.abs(f - y) <= self.delta, 1.0, 0.0)

    def conjugate(self, v: Array, y: Array) -> Array:
        """½ v² + v y on |v| ≤ δ."""
        return v * (0.5 * v + y)

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Y + v."""
        return y + v

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """1."""
        return np.ones_like(v)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """[−δ, δ]."""
        return np.full_like(y, -self.delta), np.full_like(y, self.delta)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The root of the (monotone) summed gradient."""
        low, high = float(y.min()), float(y.max())
        if low == high:
            return low
        return float(brentq(lambda t: weight @ self.gradient(t - y, np.zeros_like(y)), low, high))


class LogisticLoss(Loss):
    """log(1 + exp(−y f)), y ∈ {−1, +1}."""

    name = "logistic"
    classifies = True

    def value(self, f: Array, y: Array) -> Array:
        """log(1 + exp(−y f))."""
        return np.logaddexp(0.0, -y * f)

    def gradient(self, f: Array, y: Array) -> Array:
        """−y / (1 + exp(y f))."""
        return -y * expit(-y * f)

    def hessian(self, f: Array, y: Array) -> Array:
        """1 / (2 + 2 cosh f)."""
        return np.asarray(expit(f) * expit(-f), dtype=np.float64)

    def conjugate(self, v: Array, y: Array) -> Array:
        """Q log q + (1 − q) log(1 − q) with q = −y v ∈ [0, 1]."""
        q = np.clip(-y * v, 0.0, 1.0)
        return xlogy(q, q) + xlogy(1.0 - q, 1.0 - q)

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """−y log(q / (1 − q))."""
        q = -y * v
        return -y * (np.log(q) - np.log1p(-q))

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """1 / (q (1 − q))."""
        q = -y * v
        return 1.0 / (q * (1.0 - q))

    def domain(self, y: Array) -> tuple[Array, Array]:
        """v between 0 and −y."""
        return np.minimum(-y, 0.0), np.maximum(-y, 0.0)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The log-odds of the two classes."""
        positive, negative = weight[y > 0].sum(), weight[y < 0].sum()
        if positive == 0 or negative == 0:
            raise ValueError(
                f"logistic loss with a bias needs both classes, but every target is {y[0]:+g}: "
                "the loss then has no minimiser (the intercept runs to infinity). "
                "Add samples of the other class, use loss='hinge', or bias=False."
            )
        return float(np.log(positive) - np.log(negative))


class HingeLoss(Loss):
    """max(0, 1 − y f), y ∈ {−1, +1}."""

    name = "hinge"
    classifies = True
    smooth = False

    def value(self, f: Array, y: Array) -> Array:
        """max(0, 1 − y f)."""
        return np.maximum(0.0, 1.0 - y * f)

    def gradient(self, f: Array, y: Array) -> Array:
        """−y where y f ≤ 1, else 0."""
        return np.where(y * f <= 1.0, -y, 0.0)

    def hessian(self, f: Array, y: Array) -> Array:
        """0."""
        return np.zeros_like(f)

    def conjugate(self, v: Array, y: Array) -> Array:
        """Y v, that is −q with q = −y v ∈ [0, 1]."""
        return y * v

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Y: inside the domain the prediction sits on the margin."""
        return y.copy()

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """0."""
        return np.zeros_like(v)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """v between 0 and −y."""
        return np.minimum(-y, 0.0), np.maximum(-y, 0.0)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The class with more weight."""
        return 1.0 if weight[y > 0].sum() >= weight[y < 0].sum() else -1.0


LOSSES: dict[str, type[Loss]] = {cls.name: cls for cls in (SquaredLoss, LogisticLoss, HingeLoss, HuberLoss)}


def get_loss(loss: str | Loss) -> Loss:
    """A :class:`Loss` from its name, or the loss itself.

    Raises
    ------
    ValueError
        If the name is unknown or a Huber δ is not a positive number; names the choices.
    """
    if isinstance(loss, Loss):
        if isinstance(loss, HuberLoss) and not (0 < loss.delta < np.inf):
            raise ValueError(f"HuberLoss needs a positive, finite delta, got delta={loss.delta!r}.")
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; choose one of {', '.join(map(repr, LOSSES))}.")
    return LOSSES[loss]()


def balanced(v: Array) -> Array:
    """Shrink the heavier of the positive and negative parts of `v` so that Σ v = 0.

    A free intercept (and offsets b → ∞) force Σ v = 0. Shrinking towards 0 stays inside the domain of every
    conjugate, since each is an interval around 0; adding a constant would not.
    """
    positive, negative = np.maximum(v, 0.0), np.maximum(-v, 0.0)
    up, down = positive.sum(), negative.sum()
    if up == 0.0 or down == 0.0:
        return np.zeros_like(v)
    return positive * min(1.0, down / up) - negative * min(1.0, up / down)
