"""The loss of interpolation: nothing where a prediction is the target, infinite elsewhere; or a price for missing it.

With a finite price c, c |f − y| has the interval |v| ≤ c for a domain and is an exact penalty: once c exceeds every
|v_i| of the interpolation problem, both have the same solutions.
"""

import numpy as np
from scipy.spatial import cKDTree

from bladenet.losses.base import Array, OutputsLoss, balanced, balanced_at_kinks, by_sample, over_outputs

RESOLVED = 1e-3  # of the difference between the targets of close samples: what may be missed of it at most
HIDDEN = 0.1  # the same, of the median gap between the values that targets have
ROUNDING = 256 * float(np.finfo(float).eps)  # of the largest number that outputs are differences of


class ExactFit(OutputsLoss):
    """c |f − y| summed over outputs, for a price c; differences within the tolerance are none.

    Parameters
    ----------
    tolerance : of all outputs, or of each, (c,); see :meth:`of`
    price : c, the same for all outputs or one for each; inf makes it a constraint
    """

    name = "exact"
    smooth = False
    exact = True
    location = True
    most_outputs = np.inf

    def __init__(self, tolerance: float | Array, price: float | Array = np.inf):
        self.tolerance, self.price = tolerance, price

    @classmethod
    def of(cls, X: Array, y: Array) -> "ExactFit":
        """The constraint for these samples: what rounds are targets, and slopes between samples times the data's width.

        A network that fits close samples whose targets differ is a difference of outputs that are so much larger. But
        rounding is no excuse for hiding what most targets differ by.
        """
        rows, rounded = np.unique(X, axis=0, return_index=True)[1], ROUNDING * np.abs(y).max(axis=0)
        if len(rows) == 1:
            return cls(rounded)
        apart, nearest = cKDTree(X[rows]).query(X[rows], k=2)
        jumps = np.abs(y[rows] - y[rows][nearest[:, 1]])
        heights = by_sample(float(np.linalg.norm(np.ptp(X, axis=0))) / apart[:, 1], jumps)
        rounded = np.maximum(rounded, np.minimum(ROUNDING * heights, RESOLVED * jumps).max(axis=0))
        gaps = [np.diff(np.unique(column)) for column in y.reshape(len(y), -1).T]
        told = [np.sort(gap)[(len(gap) - 1) // 2] if len(gap) else np.inf for gap in gaps]
        return cls(np.minimum(rounded, HIDDEN * np.reshape(told, rounded.shape)))

    def value(self, f: Array, y: Array) -> Array:
        """c |f − y|."""
        off = np.abs(f - y)
        missed = off > self.tolerance
        return over_outputs(np.where(missed, self.price, 0.0) * off)

    def gradient(self, f: Array, y: Array) -> Array:
        """c sign(f − y)."""
        return self.price * np.sign(f - y)

    def conjugate(self, v: Array, y: Array) -> Array:
        """v·y."""
        return over_outputs(v * y)

    def into_domain(self, v: Array, y: Array) -> Array | None:
        """Every |v| ≤ c."""
        if (np.abs(v) > self.price * (1.0 + 1e-12)).any():
            return None
        return np.clip(v, -self.price, self.price)

    def balanced(self, v: Array, y: Array, weight: Array) -> Array:
        """Each output for itself."""
        return balanced(v)

    def constant_fit(self, y: Array, weight: Array) -> float | Array:
        """A weighted median of each output."""
        if y.ndim == 2:
            return np.array([self.constant_fit(column, weight) for column in y.T])
        order = np.argsort(y, kind="stable")
        reached = np.cumsum(weight[order]) >= 0.5 * weight.sum()
        return float(y[order][int(np.argmax(reached))])

    def constant_dual(self, f: Array, y: Array, weight: Array) -> Array:
        """See :meth:`Loss.constant_dual`; targets that are hit have a choice, and balance the rest."""
        V, Y = by_sample(weight, self.gradient(f, y)).reshape(len(y), -1), y.reshape(len(y), -1)
        hits = np.broadcast_to(f, y.shape).reshape(Y.shape) == Y
        each = [balanced_at_kinks(v, hit, weight) for v, hit in zip(V.T, hits.T, strict=True)]
        limit = np.multiply.outer(weight, np.broadcast_to(self.price, Y.shape[1]))
        return self.balanced(np.clip(np.column_stack(each), -limit, limit).reshape(y.shape), y, weight)

    def intercept(self, f: Array, y: Array, weight: Array, start: Array) -> Array:
        """Weighted medians of what is missing."""
        return np.asarray(self.constant_fit(y - f, weight), dtype=np.float64)

    def curvature(self, f: Array, y: Array) -> Array:
        """None."""
        return np.zeros((*f.shape, f.shape[1]))
