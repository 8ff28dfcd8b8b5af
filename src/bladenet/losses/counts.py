"""The Poisson loss, for counts and rates."""

import numpy as np
from scipy.special import xlogy

from bladenet.losses.base import Array, ScalarLoss

FARTHEST = 500.0  # exp(f) goes on as its tangent from here: targets are below exp(231), so no optimum comes near
LARGEST = 709.0  # exp of it is a float64


class PoissonLoss(ScalarLoss):
    """exp f − y f, less its minimum y − y log y over f; y ≥ 0. The network predicts the logarithm of the mean.

    This is half the Poisson deviance. Where y > 0 it is written with r = f − log y, in which nothing large cancels.
    Beyond `FARTHEST` it is continued linearly, and so underestimated: a network out there is never certified.
    """

    name = "poisson"
    lowest = 0.0

    def mean(self, f: Array) -> Array:
        """The exponential of f."""
        return np.exp(np.minimum(f, LARGEST))

    def value(self, f: Array, y: Array) -> Array:
        """Y (exp r − 1 − r), or exp f where y = 0."""
        near, some = np.minimum(f, FARTHEST), y > 0
        r = near - _logarithm(y)
        value = np.where(some, y * (np.expm1(np.where(some, r, 0.0)) - r), np.exp(near))
        return value + self.gradient(near, y) * (f - near)

    def gradient(self, f: Array, y: Array) -> Array:
        """Exp f − y."""
        near, some = np.minimum(f, FARTHEST), y > 0
        return np.where(some, y * np.expm1(np.where(some, near - _logarithm(y), 0.0)), np.exp(near))

    def hessian(self, f: Array, y: Array) -> Array:
        """Exp f."""
        return np.exp(np.minimum(f, FARTHEST))

    def conjugate(self, v: Array, y: Array) -> Array:
        """Q log q − q, less y log y − y, with q = y + v ≥ 0."""
        some = y > 0
        u = np.divide(v, y, out=np.zeros_like(v), where=some)
        share = np.maximum(1.0 + u, 0.0)
        # share · log(share), exact for small u
        above = np.where(share > 0, share * np.log1p(np.where(share > 0, u, 0.0)) - u, 1.0)
        return np.where(some, v * _logarithm(y) + y * above, xlogy(np.maximum(v, 0.0), np.maximum(v, 0.0)) - v)

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
