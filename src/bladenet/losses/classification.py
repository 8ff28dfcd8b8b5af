"""Losses for classes."""

import numpy as np
from scipy.special import expit, softmax, xlog1py, xlogy

from bladenet.losses.base import PUT_BACK, Array, OutputsLoss, PiecewiseLinearLoss, ScalarLoss

FAR = 1e3  # of scores: probabilities that far apart are 0 and 1
NEWTON_STEPS = 50


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
        """Q log q + (1 − q) log(1 − q) with q = −y v ∈ [0, 1], where 1 − (1 − q) would lose what is small."""
        q = np.clip(-y * v, 0.0, 1.0)
        return xlogy(q, q) + xlog1py(1.0 - q, -q)

    def conjugate_gradient(self, v: Array, y: Array) -> Array:
        """−y log(q / (1 − q)), near q = ½ from 2q − 1, which is exact."""
        q = -y * v
        near = np.clip(2.0 * q - 1.0, -0.5, 0.5)
        return -y * np.where(near == 2.0 * q - 1.0, 2.0 * np.arctanh(near), np.log(q) - np.log1p(-q))

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


class HingeLoss(PiecewiseLinearLoss):
    """max(0, 1 − y f), y ∈ {−1, +1}."""

    name = "hinge"
    classifies = True

    def domain(self, y: Array) -> tuple[Array, Array]:
        """v between 0 and −y."""
        return np.minimum(-y, 0.0), np.maximum(-y, 0.0)

    def constant_fit(self, y: Array, weight: Array) -> float:
        """The class with more weight."""
        return 1.0 if weight[y > 0].sum() >= weight[y < 0].sum() else -1.0


class SoftmaxLoss(OutputsLoss):
    """Cross-entropy −log(exp f_k / Σ_o exp f_o) of class k, one output per class; y (n, c) has a 1 for the class.

    Adding a number to all outputs of a sample changes nothing. The dual variable is v = p − y with the probabilities p,
    and ℓ*(v, y) = Σ_o q_o log q_o on the simplex of q = y + v. What the other classes have, and their sum, which is
    what the right class lacks, may be tiny: nothing here is 1 less a number near 1.
    """

    name = "softmax"
    classifies = True
    most_outputs = np.inf

    def value(self, f: Array, y: Array) -> Array:
        """log Σ_o exp f_o − f_k."""
        ahead = f - np.sum(f * y, axis=1, keepdims=True)  # of the right class
        most = ahead.max(axis=1, keepdims=True)
        others = np.sum((1.0 - y) * np.exp(ahead - most), axis=1)
        return np.where(most[:, 0] > 0.0, most[:, 0] + np.log(others + np.exp(-most[:, 0])), np.log1p(others))

    def gradient(self, f: Array, y: Array) -> Array:
        """P − y."""
        others = softmax(f, axis=1) * (1.0 - y)
        return _completed(others, y)

    def curvature(self, f: Array, y: Array) -> Array:
        """The Hessians diag p − p pᵀ: (n, c, c)."""
        p = softmax(f, axis=1)
        eye = np.eye(p.shape[1])
        return p[:, :, None] * (eye * (p @ (1.0 - eye))[:, None, :] - (1.0 - eye) * p[:, None, :])

    def conjugate(self, v: Array, y: Array) -> Array:
        """Σ q log q."""
        right = np.clip(np.sum(v * y, axis=1), -1.0, 0.0)
        others = np.maximum(v, 0.0) * (1.0 - y)
        return np.sum(xlogy(others, others), axis=1) + xlog1py(1.0 + right, right)

    def into_domain(self, v: Array, y: Array) -> Array | None:
        """See :meth:`Loss.into_domain`."""
        if (y + v < -PUT_BACK).any() or (np.abs(v.sum(axis=1)) > PUT_BACK).any():
            return None
        others = np.maximum(v, 0.0) * (1.0 - y)
        return _completed(others / np.maximum(others.sum(axis=1, keepdims=True), 1.0), y)

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
            if np.abs(slope).max() <= 1e-15 * float(weight @ np.abs(self.gradient(f + t, y)).max(axis=1)):
                break
            curvature = np.tensordot(weight, self.curvature(f + t, y), axes=1)
            scale = float(np.trace(curvature))
            if scale == 0.0:  # all saturated
                break
            # the direction that changes nothing gets a curvature, and so do saturated ones
            step = -np.linalg.solve(curvature + scale * (1.0 / len(t) + 1e-14 * np.eye(len(t))), slope)
            # further than from one end of the scores to the other nothing changes any more
            step *= min(1.0, (FAR + 2.0 * float(np.ptp(f))) / max(float(np.abs(step).max()), 1.0))
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


def _completed(others: Array, y: Array) -> Array:
    """The dual variable with these entries of the other classes: the right one has minus their sum."""
    return others - y * others.sum(axis=1, keepdims=True)


def probabilities(scores: Array) -> Array:
    """Those of classes, (n, classes), that scores mean: (n,), positive for the second of two, or (n, classes)."""
    if scores.ndim == 2:
        return np.asarray(softmax(scores, axis=1), dtype=np.float64)
    return np.column_stack([expit(-scores), expit(scores)])
