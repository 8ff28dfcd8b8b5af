"""The Poisson loss, for counts and rates."""

from math import factorial

import numpy as np
from numpy.polynomial.polynomial import polyval

from bladenet.losses.base import Array, ScalarLoss, weighted_mean

FARTHEST = 300.0  # exp(f) goes on as its tangent from here: targets are below exp(231), so no optimum comes near
LARGEST = 709.0  # exp of it is a float64
SMALL = 0.5  # up to which series are summed: the formulas would lose their digits
EXPONENTIAL = [1.0 / factorial(k + 2) for k in range(15)]
LOGARITHMIC = [1.0 / (2 * k + 3) for k in range(17)]


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
        value = np.where(close == r, y * _above_tangent(close), np.exp(inside) - y * (1.0 + r))
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
        return self.conjugate_about(v, y, 1.0)

    def conjugate_about(self, v: Array, y: Array, centre: float | Array) -> Array:
        """See :meth:`Loss.conjugate_about`; f₀ = log centre turns logarithms into those of y / centre."""
        centre = float(centre) or 1.0
        q, small = np.maximum(y + v, 0.0), np.abs(v) <= SMALL * y
        u = np.divide(v, y, out=np.zeros_like(v), where=small & (y > 0))
        far = q * _logarithm(q, centre) - y * _logarithm(y, centre) - v
        return np.where(small, v * _logarithm(y, centre) + y * _relative_entropy(u), far)

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """Log q."""
        return np.log(_inside(y + v))

    def conjugate_hessian(self, v: Array, y: Array) -> Array:
        """1 / q."""
        return 1.0 / _inside(y + v)

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
        return float(np.log(weighted_mean(y, weight)))


def _inside(q: Array) -> Array:
    """What rounding put on the end of the domain, q = 0, or beyond it, back inside."""
    return np.maximum(q, np.finfo(np.float64).tiny)


def _logarithm(y: Array, centre: float = 1.0) -> Array:
    """log(y / centre), 0 where y is 0."""
    positive = np.where(y > 0, y, centre)
    off = positive - centre
    near = np.abs(off) <= 0.5 * centre
    return np.where(near, np.log1p(np.where(near, off, 0.0) / centre), np.log(positive) - np.log(centre))


def _above_tangent(r: Array) -> Array:
    """exp r − 1 − r."""
    near = np.clip(r, -SMALL, SMALL)
    return np.where(near == r, r * r * polyval(near, EXPONENTIAL), np.expm1(r) - r)


def _relative_entropy(u: Array) -> Array:
    """(1 + u) log(1 + u) − u for |u| ≤ SMALL, by the series of artanh w, w = u / (2 + u)."""
    w = u / (2.0 + u)
    return u * u / (2.0 + u) * (1.0 + w * (1.0 + w) * polyval(w * w, LOGARITHMIC))
