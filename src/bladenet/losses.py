"""Convex losses with their conjugates: everything that training and certificates need to know about a loss.

A loss acts on one prediction f and one target y, numbers or (several outputs) rows of numbers. Its dual variable is
v = ∇ℓ(f, y), and

    ℓ*(v, y) = sup_f  v·f − ℓ(f, y)        (finite on a set that always contains 0, for one output an interval)

Every loss here has infimum 0, so ℓ*(0, y) = 0 and zero is a feasible dual point of every problem.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logsumexp, softmax, xlogy

Array = NDArray[np.float64]
Index = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
PUT_BACK = 1e-12  # of the width of a domain: rounding
NEWTON_STEPS = 50


class Loss(ABC):
    """A convex loss. Methods take predictions and targets of many samples: (n,), or (n, c) for several outputs."""

    name: ClassVar[str]
    classifies: ClassVar[bool] = False  # targets are −1 and +1, or for several outputs classes 0, 1, …
    smooth: ClassVar[bool] = True  # ∇ℓ is continuous
    exact: ClassVar[bool] = False  # infinite but at the target: training is interpolation
    most_outputs: ClassVar[float] = 1

    @abstractmethod
    def value(self, f: Array, y: Array) -> Array:
        """ℓ(f, y), (n,)."""

    @abstractmethod
    def gradient(self, f: Array, y: Array) -> Array:
        """∇ℓ(f, y), as f; at a kink, the subgradient of larger magnitude."""

    @abstractmethod
    def conjugate(self, v: Array, y: Array) -> Array:
        """ℓ*(v, y), (n,), for v inside :meth:`into_domain`."""

    @abstractmethod
    def into_domain(self, v: Array, y: Array) -> Array | None:
        """Dual variables with what rounding put outside the domain of ℓ* put back; None if it is more than that."""

    @abstractmethod
    def balanced(self, v: Array, y: Array, weight: Array) -> Array:
        """Change Σ_i v_i to 0, which a free intercept forces, staying inside the domain of weight · ℓ*(v / weight)."""

    @abstractmethod
    def constant_fit(self, y: Array, weight: Array) -> float | Array:
        """The constant prediction t that minimises Σ weight · ℓ(t, y).

        Raises
        ------
        ValueError
            If the infimum is not attained (logistic loss, one class).
        """


class OutputsLoss(Loss):
    """A smooth loss of several outputs."""

    @abstractmethod
    def intercept(self, f: Array, y: Array, weight: Array, start: Array) -> Array:
        """The best constant to add to predictions f, (n, c) → (c,), sought from `start`."""

    @abstractmethod
    def curvature(self, f: Array, y: Array) -> Array:
        """Hessians in f: (n, c, c)."""


class ScalarLoss(Loss):
    """A loss of one prediction and one target; all methods are elementwise."""

    @abstractmethod
    def hessian(self, f: Array, y: Array) -> Array:
        """ℓ''(f, y) where it exists, a one-sided one elsewhere."""

    @abstractmethod
    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """The prediction f at which ℓ' is v, for v in the interior of the domain."""

    @abstractmethod
    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """Second derivative of ℓ* in v."""

    @abstractmethod
    def domain(self, y: Array) -> tuple[Array, Array]:
        """Lower and upper ends of the interval on which ℓ* is finite."""

    def into_domain(self, v: Array, y: Array) -> Array | None:
        """See :meth:`Loss.into_domain`."""
        low, high = self.domain(y)
        width = np.where(np.isfinite(high), high - low, 0.0)
        if (v < low - PUT_BACK * width).any() or (v > high + PUT_BACK * width).any():
            return None
        return np.clip(v, low, high)

    def balanced(self, v: Array, y: Array, weight: Array) -> Array:
        """See :meth:`Loss.balanced`."""
        return balanced(v)


class SquaredLoss(ScalarLoss, OutputsLoss):
    """½ (f − y)², as in scikit-learn's Lasso; over several outputs their sum."""

    name = "squared"
    most_outputs = np.inf

    def value(self, f: Array, y: Array) -> Array:
        """½ (f − y)²."""
        return over_outputs(0.5 * (f - y) ** 2)

    def gradient(self, f: Array, y: Array) -> Array:
        """f − y."""
        return f - y

    def hessian(self, f: Array, y: Array) -> Array:
        """1."""
        return np.ones_like(f)

    def conjugate(self, v: Array, y: Array) -> Array:
        """½ v² + v y."""
        return over_outputs(v * (0.5 * v + y))

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Y + v."""
        return y + v

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """1."""
        return np.ones_like(v)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """All reals."""
        return np.full_like(y, -np.inf), np.full_like(y, np.inf)

    def balanced(self, v: Array, y: Array, weight: Array) -> Array:
        """Each output for itself."""
        return balanced(v) if v.ndim == 1 else np.column_stack([balanced(column) for column in v.T])

    def constant_fit(self, y: Array, weight: Array) -> float | Array:
        """The weighted mean, exact for constant targets."""
        mean = y[0] + weight @ (y - y[0]) / weight.sum()
        return float(mean) if y.ndim == 1 else mean

    def intercept(self, f: Array, y: Array, weight: Array, start: Array) -> Array:
        """The best constant to add to predictions f: (n, c) → (c,)."""
        return weight @ (y - f) / weight.sum()

    def curvature(self, f: Array, y: Array) -> Array:
        """Identities."""
        return np.broadcast_to(np.eye(f.shape[1]), (*f.shape, f.shape[1]))


class HuberLoss(ScalarLoss):
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


class LogisticLoss(ScalarLoss):
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


class HingeLoss(ScalarLoss):
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


class SoftmaxLoss(OutputsLoss):
    """Cross-entropy −log(exp f_k / Σ_o exp f_o) of class k, one output per class; y (n, c) has a 1 for the class.

    Adding a number to all outputs of a sample changes nothing. The dual variable is v = p − y with the probabilities p,
    and ℓ*(v, y) = Σ_o q_o log q_o on the simplex of q = y + v.
    """

    name = "softmax"
    classifies = True
    most_outputs = np.inf

    def value(self, f: Array, y: Array) -> Array:
        """log Σ_o exp f_o − f_k."""
        return logsumexp(f, axis=1) - np.sum(f * y, axis=1)

    def gradient(self, f: Array, y: Array) -> Array:
        """P − y."""
        return softmax(f, axis=1) - y

    def curvature(self, f: Array, y: Array) -> Array:
        """The Hessians diag p − p pᵀ: (n, c, c)."""
        p = softmax(f, axis=1)
        return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])

    def conjugate(self, v: Array, y: Array) -> Array:
        """Σ q log q."""
        q = np.maximum(y + v, 0.0)
        return np.sum(xlogy(q, q), axis=1)

    def into_domain(self, v: Array, y: Array) -> Array | None:
        """See :meth:`Loss.into_domain`."""
        q = y + v
        if (q < -PUT_BACK).any() or (np.abs(v.sum(axis=1)) > PUT_BACK).any():
            return None
        q = np.maximum(q, 0.0)
        return q / q.sum(axis=1, keepdims=True) - y

    def balanced(self, v: Array, y: Array, weight: Array) -> Array:
        """A little of every q is replaced by one distribution for all samples, with which the sums come out."""
        total, classes = weight.sum(), weight @ y
        surplus = v.sum(axis=0)
        share = 2.0 * float(np.max(surplus / np.maximum(classes, np.finfo(float).tiny), initial=0.0))
        if not 0.0 < share < 1.0:
            return v if share == 0.0 else weight[:, None] * (classes / total - y)
        mixed = (classes - (1.0 - share) / share * surplus) / total
        return (1.0 - share) * v + share * weight[:, None] * (mixed - y)

    def constant_fit(self, y: Array, weight: Array) -> Array:
        """The logarithms of the shares of the classes, with mean 0."""
        classes = weight @ y
        if (classes == 0.0).any():
            raise ValueError(
                f"softmax loss with a bias needs samples of every class 0, …, {y.shape[1] - 1}, but class "
                f"{int(classes.argmin())} has none (of positive weight). Number only the classes that occur, or use "
                "bias=False."
            )
        t = np.log(classes)
        return t - t.mean()

    def intercept(self, f: Array, y: Array, weight: Array, start: Array) -> Array:
        """The best constant to add to predictions f, (n, c) → (c,), of mean 0; by Newton's method."""
        t = start - start.mean()
        value = float(weight @ self.value(f + t, y))
        for _ in range(NEWTON_STEPS):
            slope = weight @ self.gradient(f + t, y)
            if np.abs(slope).max() <= 1e-15 * weight.sum():
                break
            curvature = np.tensordot(weight, self.curvature(f + t, y), axes=1)
            scale = float(np.trace(curvature))
            if scale == 0.0:  # all saturated
                break
            # the direction that changes nothing gets a curvature, and so do saturated ones
            step = -np.linalg.solve(curvature + scale * (1.0 / len(t) + 1e-14 * np.eye(len(t))), slope)
            length = 1.0
            while length > 1e-8:
                lower = float(weight @ self.value(f + t + length * step, y))
                if lower <= value:
                    break
                length *= 0.5
            else:
                break
            t, value = t + length * (step - step.mean()), lower
        return t


LOSSES: dict[str, type[Loss]] = {
    cls.name: cls for cls in (SquaredLoss, LogisticLoss, HingeLoss, HuberLoss, SoftmaxLoss)
}


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


def over_outputs(values: Array) -> Array:
    """Sums over the outputs, where there are several: (n,) or (n, c) → (n,)."""
    return values if values.ndim == 1 else values.sum(axis=1)


def row_norms(z: Array, norm: float = 2) -> Array:
    """|z| of numbers (m,), or the norms of rows (m, c): → (m,)."""
    return np.abs(z) if z.ndim == 1 else np.asarray(np.linalg.norm(z, ord=norm, axis=1), dtype=np.float64)


def by_sample(weight: Array, values: Array) -> Array:
    """Every sample's values (n,) or (n, c) times its weight."""
    return weight * values if values.ndim == 1 else weight[:, None] * values


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
