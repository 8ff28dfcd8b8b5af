"""What a loss is: its value, its gradient and its conjugate, and the kinds of losses there are.

A loss acts on one prediction f and one target y, numbers or (several outputs) rows of numbers. Its dual variable is
v = ∇ℓ(f, y), and

    ℓ*(v, y) = sup_f  v·f − ℓ(f, y)        (finite on a set that always contains 0, for one output an interval)

Every loss here has infimum 0, so ℓ*(0, y) = 0 and zero is a feasible dual point of every problem.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
TINY_SQUARES = 1e-150  # numbers below it have squares that underflow, or nearly
PUT_BACK = 1e-12  # of the size of a domain: rounding


class Loss(ABC):
    """A convex loss. Methods take predictions and targets of many samples: (n,), or (n, c) for several outputs."""

    name: ClassVar[str]
    classifies: ClassVar[bool] = False  # targets are −1 and +1, or for several outputs classes 0, 1, …
    smooth: ClassVar[bool] = True  # ∇ℓ is continuous
    location: ClassVar[bool] = False  # ℓ depends on f − y alone, so that an offset of all targets is one of f
    degree: ClassVar[int] = 0  # k, where ℓ(c f, c y) = c^k ℓ(f, y) for every c > 0, and 0 where there is no such k
    link: ClassVar[str] = ""  # the function of the prediction that the network computes, if it is not the identity
    lowest: ClassVar[float] = -np.inf  # that a target may be
    exact: ClassVar[bool] = False  # infinite but at the target: training is interpolation
    most_outputs: ClassVar[float] = 1

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def check(self) -> None:  # noqa: B027 - most losses have no parameters
        """Refuse parameters that make no sense, by a ValueError that names them."""

    def mean(self, f: Array) -> Array:
        """The prediction, in units of the target, that an output f of the network stands for."""
        return f

    @abstractmethod
    def value(self, f: Array, y: Array) -> Array:
        """ℓ(f, y), (n,)."""

    @abstractmethod
    def gradient(self, f: Array, y: Array) -> Array:
        """∇ℓ(f, y), as f; at a kink, the subgradient of larger magnitude."""

    @abstractmethod
    def conjugate(self, v: Array, y: Array) -> Array:
        """ℓ*(v, y), (n,), for v inside :meth:`into_domain`."""

    def conjugate_about(self, v: Array, y: Array, centre: float | Array) -> Array:
        """ℓ*(v, y) − v·f₀, (n,), where f₀ is the constant prediction for a target `centre`, or 0 if that gains nothing.

        Where Σ v = 0 the sum stays the same, and targets far from 0 no longer round away what is left of it.
        """
        return self.conjugate(v, y - centre) if self.location else self.conjugate(v, y)

    def dual_terms(self, v: Array, y: Array, weight: Array, balanced: bool) -> Array:
        """What each sample adds to the dual value Σ −weight · ℓ*(v / weight, y), (n,).

        `balanced` says that Σ v = 0, and allows terms that differ from these by a constant prediction times v.
        """
        ratio = by_sample(1.0 / weight, v)
        if not balanced:
            return -weight * self.conjugate(ratio, y)
        return -weight * self.conjugate_about(ratio, y, weighted_mean(y, np.abs(v)))

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
            If the infimum is not attained (logistic loss, one class; Poisson loss, all targets 0).
        """

    def constant_dual(self, f: Array, y: Array, weight: Array) -> Array:
        """Subgradients of weight · ℓ at the :meth:`constant_fit` f with Σ_i v_i = 0, which prove that it is one."""
        return self.balanced(by_sample(weight, self.gradient(f, y)), y, weight)


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
        # 0 is inside, so that the farther of the finite ends tells how large numbers are
        size = np.maximum(np.where(np.isfinite(low), -low, 0.0), np.where(np.isfinite(high), high, 0.0))
        if (v < low - PUT_BACK * size).any() or (v > high + PUT_BACK * size).any():
            return None
        return np.clip(v, low, high)

    def balanced(self, v: Array, y: Array, weight: Array) -> Array:
        """See :meth:`Loss.balanced`."""
        return balanced(v)


class PiecewiseLinearLoss(ScalarLoss):
    """ℓ(f, y) = max of v (f − y) over the v in an interval around 0: linear below y and above, with a kink at y."""

    smooth = False

    def value(self, f: Array, y: Array) -> Array:
        """The larger of the two lines."""
        low, high = self.domain(y)
        return np.maximum(low * (f - y), high * (f - y))

    def gradient(self, f: Array, y: Array) -> Array:
        """The slope of the line; at the kink the steeper one."""
        low, high = self.domain(y)
        return np.where((f < y) | ((f == y) & (-low >= high)), low, high)

    def hessian(self, f: Array, y: Array) -> Array:
        """0."""
        return np.zeros_like(f)

    def conjugate(self, v: Array, y: Array) -> Array:
        """Y v."""
        return y * v

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Y: inside the domain the prediction sits on the kink."""
        return y.copy()

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """0."""
        return np.zeros_like(v)

    def constant_dual(self, f: Array, y: Array, weight: Array) -> Array:
        """See :meth:`Loss.constant_dual`; what is on its kink has a choice of slopes, and balances the rest."""
        low, high = (weight * end for end in self.domain(y))
        v = balanced_at_kinks(weight * self.gradient(f, y), f == y, weight)
        # where what is on the kink weighs next to nothing, the rounding of the sum is more than it can take
        return self.balanced(np.clip(v, low, high), y, weight)


def weighted_mean(y: Array, weight: Array) -> Array:
    """Of targets (n,), or of each output (n, c), with weights (n,) or as targets.

    Exact for constants, and for the targets that matter where weights span many decades.
    """
    weights = weight if weight.ndim == y.ndim else weight[:, None]
    total, mean = np.maximum(weight.sum(axis=0), np.finfo(float).tiny), y[0]
    for _ in range(2):  # targets that are far off round the first
        mean = mean + (weights * (y - mean)).sum(axis=0) / total
    return np.asarray(mean)


def over_outputs(values: Array) -> Array:
    """Sums over the outputs, where there are several: (n,) or (n, c) → (n,)."""
    return values if values.ndim == 1 else values.sum(axis=1)


def row_norms(z: Array, norm: float = 2) -> Array:
    """|z| of numbers (m,), or the norms of rows (m, c): → (m,)."""
    if z.ndim == 1:
        return np.abs(z)
    norms = np.asarray(np.linalg.norm(z, ord=norm, axis=1), dtype=np.float64)
    small = norms < TINY_SQUARES
    if norm == 2 and small.any():  # squares underflow
        sizes = np.abs(z[small]).max(axis=1, initial=0.0)
        norms[small] = sizes * np.linalg.norm(z[small] / np.where(sizes > 0.0, sizes, 1.0)[:, None], axis=1)
    return norms


def by_sample(weight: Array, values: Array) -> Array:
    """Every sample's values (n,) or (n, c) times its weight."""
    return weight * values if values.ndim == 1 else weight[:, None] * values


def balanced_at_kinks(v: Array, kink: Mask, weight: Array) -> Array:
    """Subgradients (n,) with those of samples on their kinks chosen such that the sum is zero."""
    if not kink.any():
        return v
    return np.where(kink, -weight * (v[~kink].sum() / weight[kink].sum()), v)


def balanced(v: Array) -> Array:
    """Shrink the heavier of the positive and negative parts of `v` so that Σ v = 0, in each column for itself.

    A free intercept (and offsets b → ∞) force Σ v = 0. Shrinking towards 0 stays inside the domain of every
    conjugate, since each is an interval around 0; adding a constant would not.
    """
    if v.ndim == 2:
        return np.column_stack([balanced(column) for column in v.T])
    positive, negative = np.maximum(v, 0.0), np.maximum(-v, 0.0)
    up, down = positive.sum(), negative.sum()
    if up == 0.0 or down == 0.0:
        return np.zeros_like(v)
    return positive * min(1.0, down / up) - negative * min(1.0, up / down)
