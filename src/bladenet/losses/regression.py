"""Losses for real targets."""

import numpy as np

from bladenet.losses.base import Array, OutputsLoss, PiecewiseLinearLoss, ScalarLoss, over_outputs, weighted_mean


class SquaredLoss(ScalarLoss, OutputsLoss):
    """½ (f − y)², as in scikit-learn's Lasso; over several outputs their sum."""

    name = "squared"
    location = True
    degree = 2
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

    def constant_fit(self, y: Array, weight: Array) -> float | Array:
        """The weighted mean, exact for constant targets."""
        mean = weighted_mean(y, weight)
        return float(mean) if y.ndim == 1 else mean

    def intercept(self, f: Array, y: Array, weight: Array, start: Array) -> Array:
        """The best constant to add to predictions f: (n, c) → (c,)."""
        return weighted_mean(y - f, weight)

    def curvature(self, f: Array, y: Array) -> Array:
        """Identities."""
        return np.broadcast_to(np.eye(f.shape[1]), (*f.shape, f.shape[1]))


class HuberLoss(ScalarLoss):
    """½ r² for |r| ≤ δ, else δ (|r| − δ/2), with r = f − y."""

    name = "huber"
    location = True

    def __init__(self, delta: float = 1.0):
        self.delta = float(delta)

    def check(self) -> None:
        """See :meth:`Loss.check`."""
        if not 0 < self.delta < np.inf:
            raise ValueError(f"HuberLoss needs a positive, finite delta, got delta={self.delta!r}.")

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
        """The root of the summed gradient, which rises and is a straight line from each y ± δ to the next."""

        def slope(t: float) -> float:
            return float(weight @ self.gradient(np.full_like(y, t), y))

        knots = np.clip(np.sort(np.r_[y - self.delta, y + self.delta]), y.min(), y.max())
        low, high = 0, len(knots) - 1  # the slope is ≤ 0 at the first, ≥ 0 at the last
        while high - low > 1:
            between = (low + high) // 2
            low, high = (between, high) if slope(float(knots[between])) < 0.0 else (low, between)
        (a, b), (down, up) = knots[[low, high]], map(slope, knots[[low, high]])
        return float(a - down * (b - a) / (up - down) if up > down else a)


class QuantileLoss(PiecewiseLinearLoss):
    """max(q (y − f), (1 − q) (f − y)), the pinball loss: the network predicts the q-quantile of the target."""

    name = "quantile"
    location = True
    degree = 1

    def __init__(self, quantile: float = 0.5):
        self.quantile = float(quantile)

    def check(self) -> None:
        """See :meth:`Loss.check`."""
        if not 0 < self.quantile < 1:
            raise ValueError(f"QuantileLoss needs a quantile between 0 and 1, got quantile={self.quantile!r}.")

    def domain(self, y: Array) -> tuple[Array, Array]:
        """[−q, 1 − q]."""
        return np.full_like(y, -self.quantile), np.full_like(y, 1.0 - self.quantile)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The weighted quantile: the first target with at least a share q of the weight at or below it."""
        order = np.argsort(y, kind="stable")
        below = np.cumsum(weight[order])
        first = int(np.searchsorted(below, self.quantile * below[-1]))
        return float(y[order[first]])
