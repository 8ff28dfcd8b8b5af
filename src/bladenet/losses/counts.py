"""The Poisson loss, for counts and rates."""

import numpy as np
from scipy.special import xlogy

from bladenet.losses.base import Array, ScalarLoss

FARTHEST = 300.0  # exp(f) goes on as its tangent from here: targets are below exp(231), so no optimum comes near
LARGEST = 709.0  # exp of it is a float64


class PoissonLoss(ScalarLoss):
    """exp f − y f, less its minimum y − y log y over f; y ≥ 0. The network predicts the logarithm of the mean.

    This is half the Poisson deviance. Near its minimum it is written with r = f − log y, where nothing large cancels.
    Beyond `FARTHEST` it is continued linearly, and so underestimated: a network out there is never certified.
    """

    name = "poisson"
    link = "log"
    lowest = 0.0

    def mean(self, f: Array) -> Array:
        """The exponential of f."""
        return np.exp(np.minimum(f, LARGEST))

    def value(self, f: Array, y: Array) -> Array:
        """Exp f − y − y r, and near the minimum y (exp r − 1 − r)."""
        inside = np.minimum(f, FARTHEST)
        r = inside - _logarithm(y)
        close = np.clip(r, -1.0, 1.0)
        value = np.where(close == r, y * (np.expm1(close) - close), np.exp(inside) - y * (1.0 + r))
        return np.where(y > 0, value, np.exp(inside)) + self.gradient(inside, y) * (f - inside)

    def gradient(self, f: Array, y: Array) -> Array:
        """Exp f − y, and near the minimum y (exp r − 1)."""
        inside = np.minimum(f, FARTHEST)
        r = inside - _logarithm(y)
        close = np.clip(r, -1.0, 1.0)
        return np.where(close == r, np.where(y > 0, y * np.expm1(close), np.exp(inside)), np.exp(inside) - y)

    def hessian(self, f: Array, y: Array) -> Array:
        """Exp f."""
        return np.exp(np.minimum(f, FARTHEST))

    def conjugate(self, v: Array, y: Array) -> Array:
        """Q log q − q, less y log y − y, with q = y + v ≥ 0."""
        q, small = np.maximum(y + v, 0.0), np.abs(v) < 0.5 * y
        u = np.divide(v, y, out=np.zeros_like(v), where=small)
        near = v * _logarithm(y) + y * ((1.0 + u) * np.log1p(u) - u)
        return np.where(small, near, xlogy(q, q) - q - (xlogy(y, y) - y))

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Log q."""
        return np.log(y + v)

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """1 / q."""
        return 1.0 / (y + v)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """v ≥ −y."""
        return -y, np.full_like(y, np.inf)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The logarithm of the weighted mean."""
        if not y.any():
            raise ValueError(
                "poisson loss with a bias needs a target above 0, but every target (of positive weight) is 0: the loss "
                "then has no minimiser (the intercept runs to minus infinity). Add samples, or use bias=False."
            )
        return float(np.log(y[0] + weight @ (y - y[0]) / weight.sum()))


def _logarithm(y: Array) -> Array:
    """log y, 0 where y is 0."""
    return np.log(np.where(y > 0, y, 1.0))
