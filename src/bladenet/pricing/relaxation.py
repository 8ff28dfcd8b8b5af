"""Convex relaxation of pricing: a proven bound on max |h| for any number of features, in a fraction of a second.

With Σ v = 0 a neuron and its opposite differ by a linear term, so that |h| is covered by the cases

    F(w, b) = ½ o m·w + ½ Σ_i v_i |w·x_i + b| ,   b ≥ 0,   o = ±1,   m = Σ v_i x_i ,   for v and for −v.

Without a bias b = 0 and o = 1. Each case takes one interval of offsets, low ≤ b ≤ high. On it F is bounded term by
term, with a = w·x_i + b:

    v_i > 0:  |a| ≤ a²/(2t_i) + t_i/2              for every t_i > 0
    v_i < 0:  |a| ≥ any mean of a, −a and the parabola through 0 that meets |a| at both ends of the range of a

What is left is a quadratic form in (w, b). On the sphere its maximum is found exactly (p = 2); without its negative
eigenvalues it is convex, and on the cross-polytope largest at a corner (p = 1). Every choice of t and of the means
proves a bound. The best choice solves a semidefinite program (that of max-cut and Grothendieck's inequality, with a
linear part); its other side is a maximum over mixtures of neurons, which is climbed by conditional gradients. Each step
proves a bound at the price of one eigendecomposition (d × d) and two products with the samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.special import softmax

from bladenet.clock import Clock
from bladenet.losses import Array
from bladenet.pricing.base import Priced, Pricer, Space

EPS, TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)
STEPS = 100  # conditional-gradient steps for one bound, all cases together
CLOSE = 0.01  # a bound this close to the best that the relaxation can prove is good enough
CUTS = (0.3, 0.6, 1.0, 1.5, 2.2)  # between intervals of offsets, in standard deviations of the samples
BLUR = 0.1  # of the mean |a|: within this of the best lower bound of |a|, the others take part
SPREAD = 0.3  # of the gap: how far mixtures may stay below the maximum to spread
SMALLEST = 1e-5  # t in units of the largest |a|, so that a²/t does not drown the bound in rounding
SEARCHES = 6  # evaluations of a line search
NEWTON = 60  # steps of Newton's method for one root; a few do


def relaxed_bound(points: Array, v: Array, norm: int, bias: bool) -> float:
    """An upper bound on |Σ_i v_i (w·x_i + b)_+| over all ‖w‖_p = 1 and all b (b = 0 without bias).

    Parameters
    ----------
    points : (N, d)
    v : (N,), summing to zero up to rounding if there is a bias
    norm : 1 or 2, p

    Returns
    -------
    float, never below the true maximum: the rounding of its own evaluation is added
    """
    return RelaxedMaximum(points, norm, bias).bound(v)


class RelaxedMaximum:
    """The relaxation for one set of points; it remembers where it was for the next v.

    Parameters
    ----------
    points : (N, d); norm : 1 or 2; bias : bool
    """

    def __init__(self, points: Array, norm: int, bias: bool):
        size = float(np.abs(points).max(initial=0.0))
        if bias:
            points = points - points.mean(axis=0)
        self.scale = float(np.abs(points).max(initial=0.0)) or 1.0
        points, self.size = points / self.scale, size / self.scale  # in whose rounding centring and rotating are off
        if norm == 2 and points.shape[1] > len(points):
            points = points @ np.linalg.qr(points.T)[0]  # the samples span no more directions than there are of them
        self.points, self.bias = np.ascontiguousarray(points), bias
        lengths = np.linalg.norm(points, axis=1, ord=None if norm == 2 else np.inf)
        self.reach = float(lengths.max())  # beyond it all samples are on one side and h does not depend on b
        cuts = [0.0]
        if bias:
            spread = float(np.linalg.norm(points, 2) / np.sqrt(len(points)))
            cuts += [cut * spread for cut in CUTS if cut * spread < self.reach] + [self.reach]
        intervals = list(pairwise(cuts)) if bias else [(0.0, 0.0)]
        case = Sphere if norm == 2 else CrossPolytope
        orientations = (1.0, -1.0) if bias else (1.0,)
        self.cases: list[Case] = [
            case(self.points, lengths, sign, orientation, interval)
            for sign in (1.0, -1.0)
            for orientation in orientations
            for interval in intervals
        ]
        self.asked: list[Case] = []  # those that the last bound came from

    def bound(self, v: Array, threshold: float = 0.0, slack: float = CLOSE, clock: Clock | None = None) -> float:
        """Bound max |h|. It is not improved further once it is below the threshold or close to the best possible."""
        self.asked = []
        unit = float(np.abs(v).max(initial=0.0))
        if unit == 0.0:
            return 0.0
        v, unit = v / unit, unit * self.scale
        d = self.points.shape[1]
        rounding = 2.0 * EPS * (len(v) + d + 64) * d * (1.0 + self.size) * float(np.abs(v).sum())
        if self.bias:  # if v does not quite sum to zero, h moves with the offset
            rounding += 4.0 * (d * self.size + self.reach) * abs(float(v.sum()))
        if self.reach == 0.0:
            return rounding * unit
        self.asked = self.cases
        for case in self.cases:
            case.start(v)
        for case in self.cases:
            case.step()
            if clock is not None and clock.stopped:  # the others have their first bounds
                break
        for _ in range(STEPS - len(self.cases)):
            worst = max(self.cases, key=lambda case: case.bound)
            enough = max(threshold / unit, (1.0 + slack) * max(case.reached for case in self.cases))
            if worst.bound + rounding <= enough or (clock is not None and clock.stopped):
                break
            worst.step()
        return max(0.0, max(case.bound for case in self.cases) + rounding) * unit

    def columns(self) -> Array:
        """The relaxed neurons that the last bound came from: one f of each case, (k, N), Σ v f nearly its bound."""
        return self.scale * np.array([case.column() for case in self.asked]).reshape(-1, len(self.points))


class Relaxation(Pricer):
    """Bounds |h| over all neurons of any number of features; it proposes none, and its bound is not exact."""

    def __init__(self, form: Space):
        super().__init__(form)
        self.relaxed = RelaxedMaximum(form.points, form.norm, form.bias)

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`; the slack is towards the best bound that the relaxation can prove.

        The length of h for several outputs is at most that of the bounds on each.
        """
        columns = np.ascontiguousarray(v.reshape(len(v), -1).T)
        share = threshold / np.sqrt(len(columns))
        bound = float(np.linalg.norm([self.relaxed.bound(one, share, max(slack, CLOSE), clock) for one in columns]))
        return Priced(bound, np.zeros((0, self.form.points.shape[1])), np.zeros(0), np.zeros(0))


class Case(ABC):
    """One sign of v, orientation and interval of offsets, and the mixture of neurons that climbs in it.

    Attributes
    ----------
    offsets : the ends of the interval; all neurons of the mixture are at one of them
    bound : float, proven for F; reached : float, the relaxation cannot prove less than this
    w : (d,) mean weight; a, q : (N,) mean and mean square of w·x_i + b, all over the mixture
    """

    def __init__(self, points: Array, lengths: Array, sign: float, orientation: float, interval: tuple[float, float]):
        self.points, self.sign, self.orientation = points, sign, orientation
        self.offsets = np.unique(interval)
        low, high = self.offsets[0] - lengths, self.offsets[-1] + lengths  # the range of w·x_i + b
        self.farthest = np.maximum(high, -low)
        across = low < 0  # else w·x_i + b ≥ 0, which is its own absolute value
        width = np.where(across, high - low, 1.0)
        self.curvature, self.slope = np.where(across, 2.0 / width, 0.0), np.where(across, -(low + high) / width, 1.0)
        self.w = np.zeros(points.shape[1])
        self.a = np.full(len(points), self.offsets.mean())
        self.q = np.mean(points**2, axis=1) + np.mean(self.offsets**2)
        self.bound, self.reached = np.inf, -np.inf

    def start(self, v: Array) -> None:
        """Turn to another v; the mixture stays."""
        self.v = self.sign * v
        self.up, self.down = np.flatnonzero(self.v > 0), np.flatnonzero(self.v < 0)
        self.m = self.orientation * (self.v @ self.points)
        self.bound, self.reached = float(np.abs(v) @ self.farthest), self.value()

    def step(self) -> None:
        """Prove a bound with the terms' bounds that suit the mixture best; move the mixture towards its maximisers."""
        v, up, down = self.v, self.up, self.down
        gap = (self.bound - self.reached) / max(self.bound, TINY)
        blur = min(BLUR, max(0.5 * gap, EPS)) * float(np.sqrt(self.q).mean()) + TINY
        t = np.maximum(np.sqrt(self.q[up]), SMALLEST * self.farthest.max())
        mean = softmax(self.pieces(self.a, self.q) / blur, axis=0)
        curvature, linear = np.zeros(len(v)), np.zeros(len(v))
        curvature[up] = 0.5 * v[up] / t
        curvature[down] = v[down] * mean[2] * self.curvature[down]
        linear[down] = v[down] * (mean[0] - mean[1] + mean[2] * self.slope[down])
        constant = 0.5 * float(v[up] @ t)
        size = np.abs(curvature) @ self.farthest**2 + (np.abs(linear) + np.abs(v)) @ self.farthest + constant
        rounding = EPS * (len(v) + 16 * len(self.m) + 64) * float(size)
        self.bound = min(self.bound, 0.5 * (self.largest(curvature, linear, rounding) + constant) + rounding)

        w, a, q = self.maximisers(max(self.bound - self.reached, 1e-12 * abs(self.bound)) + TINY)
        dw, da, dq = w - self.w, a - self.a, q - self.q
        flat = float(self.m @ dw)

        def derivative(x: float) -> float:
            mean = softmax(self.pieces(self.a + x * da, self.q + x * dq) / blur, axis=0)
            falling = (mean[0] - mean[1] + mean[2] * self.slope[down]) * da[down]
            falling += mean[2] * self.curvature[down] * dq[down]
            rising = 0.5 * dq[up] / np.sqrt(np.maximum(self.q[up] + x * dq[up], TINY))
            return flat + float(v[up] @ rising + v[down] @ falling)

        x = where_it_vanishes(derivative)
        self.w, self.a, self.q = self.w + x * dw, self.a + x * da, np.maximum(self.q + x * dq, 0.0)
        self.reached = max(self.reached, self.value())

    def pieces(self, a: Array, q: Array) -> Array:
        """The three lower bounds of |w·x_i + b| for v_i < 0, (3, ·)."""
        a, q = a[self.down], q[self.down]
        return np.array([a, -a, self.curvature[self.down] * q + self.slope[self.down] * a])

    def value(self) -> float:
        """F of the mixture, in the relaxation."""
        return 0.5 * float(self.w @ self.m + self.v @ self.lengths())

    def lengths(self) -> Array:
        """|w·x_i + b| of the mixture, in the relaxation."""
        lengths = np.sqrt(self.q)
        lengths[self.down] = self.pieces(self.a, self.q).max(axis=0)
        return lengths

    def column(self) -> Array:
        """The derivative of F by v at the mixture, (N,)."""
        return 0.5 * self.sign * (self.lengths() + self.orientation * (self.points @ self.w))

    @abstractmethod
    def largest(self, curvature: Array, linear: Array, rounding: float) -> float:
        """An upper bound on Σ_i (curvature_i a_i² + linear_i a_i) + m·w over all neurons of the case."""

    @abstractmethod
    def maximisers(self, gap: float) -> tuple[Array, Array, Array]:
        """w, a and q of a mixture of neurons whose sum in :meth:`largest` is the largest but for about the gap."""


class Sphere(Case):
    """p = 2: the form is maximised on the sphere by its eigenvalues and the secular equation."""

    def largest(self, curvature: Array, linear: Array, rounding: float) -> float:
        """See :meth:`Case.largest`. For each w the form is largest at an end of the interval if it is convex in b.

        If it is not, it lies below its tangent at the middle of the interval plus what is linear in b.
        """
        X, total = self.points, float(curvature.sum())
        self._eigenvalues, self._vectors = np.linalg.eigh((X.T * curvature) @ X)
        concave = max(0.0, -total) * (0.5 * float(np.ptp(self.offsets))) ** 2
        best = -np.inf
        for b in self.offsets:
            pull = 0.5 * (self._vectors.T @ (X.T @ (2.0 * b * curvature + linear) + self.m))
            value = largest_on_sphere(self._eigenvalues, pull, rounding) + b * b * total + b * float(linear.sum())
            if value > best:
                best, self._pull, self._offset = value, pull, b
        return best + concave

    def maximisers(self, gap: float) -> tuple[Array, Array, Array]:
        """See :meth:`Case.maximisers`: spread as far as the gap allows, so that one mixture serves many directions."""
        mean, variances = spread_on_sphere(self._eigenvalues, self._pull, SPREAD * 2.0 * gap / len(self.m))
        along = self.points @ self._vectors
        a = along @ mean + self._offset
        return self._vectors @ mean, a, a**2 + along**2 @ variances


class CrossPolytope(Case):
    """p = 1: the form without its negative eigenvalues is convex in (w, b), and so largest at a corner (±e_c, b)."""

    def largest(self, curvature: Array, linear: Array, rounding: float) -> float:
        """See :meth:`Case.largest`. The eigenvalues depend on the unit of offsets: it is the size of the samples."""
        d, unit = len(self.m), float(np.sqrt(np.mean(self.points**2)))
        lifted = np.column_stack([self.points, np.full(len(self.points), unit)])
        form = (lifted.T * curvature) @ lifted
        if self.offsets[-1] == 0.0:
            form[d], form[:, d] = 0.0, 0.0
        eigenvalues, vectors = np.linalg.eigh(form)
        form = (vectors * np.maximum(eigenvalues, 0.0)) @ vectors.T
        slope = lifted.T @ linear
        slope[:d] += self.m
        b, turn = self.offsets[:, None, None] / unit, np.array([1.0, -1.0])[:, None]
        corners = np.diag(form)[:d] + turn * (slope[:d] + 2.0 * b * form[:d, d]) + b * b * form[d, d] + b * slope[d]
        self._corners = corners  # (ends, 2, d)
        # the form is rounded by as much as `rounding` where every |a| is as large as it gets, at these corners b/unit
        return float(corners.max()) + 2.0 * d * rounding * (1.0 + float(b.max())) ** 2

    def maximisers(self, gap: float) -> tuple[Array, Array, Array]:
        """See :meth:`Case.maximisers`: corners are mixed by how close they come."""
        share = softmax(self._corners / (SPREAD * 2.0 * gap))
        straight, ends = share[:, 0] - share[:, 1], share.sum(axis=(1, 2))
        w = straight.sum(axis=0)
        q = self.points**2 @ share.sum(axis=(0, 1)) + 2.0 * (self.points @ (self.offsets @ straight))
        return w, self.points @ w + float(self.offsets @ ends), np.maximum(q + float(self.offsets**2 @ ends), 0.0)


def largest_on_sphere(eigenvalues: Array, pull: Array, rounding: float) -> float:
    """An upper bound on max Σ_k λ_k w_k² + 2 pull·w over ‖w‖₂ = 1, equal to it up to the rounding.

    By weak duality it is at most μ + Σ pull_k² / (μ − λ_k) for every μ > max λ; at the best, Σ (pull_k/(μ−λ_k))² = 1.
    """
    shift = _root(eigenvalues, pull, 0.0, rounding)
    return float(eigenvalues[-1] + shift + (pull**2 / (shift + (eigenvalues[-1] - eigenvalues))).sum())


def spread_on_sphere(eigenvalues: Array, pull: Array, barrier: float) -> tuple[Array, Array]:
    """Mean and variances of the w that maximise Σ λ_k E w_k² + 2 pull·E w + barrier·log det Cov w, E‖w‖² = 1."""
    shift = _root(eigenvalues, pull, barrier, 0.0)
    distance = shift + (eigenvalues[-1] - eigenvalues)
    return pull / distance, barrier / distance


def _root(eigenvalues: Array, pull: Array, barrier: float, least: float) -> float:
    """The shift s = μ − max λ ≥ least at which f(s) = barrier·Σ 1/(μ−λ_k) + Σ (pull_k/(μ−λ_k))² falls to 1.

    f^(−½) is concave, so that Newton's method runs up to the root from the left and never past it.
    """
    below = eigenvalues[-1] - eigenvalues
    size = float(np.linalg.norm(pull)) + barrier
    s = max(least, abs(float(pull[-1])), barrier, 1e-14 * size, TINY)
    for _ in range(NEWTON):
        inverse = 1.0 / (s + below)
        squares = (pull * inverse) ** 2
        f = barrier * float(inverse.sum()) + float(squares.sum())
        if f <= 1.0 + 1e-10:
            break
        slope = barrier * float((inverse**2).sum()) + 2.0 * float((squares * inverse).sum())
        s += 2.0 * f * (np.sqrt(f) - 1.0) / slope
    return s


def where_it_vanishes(derivative: Callable[[float], float]) -> float:
    """A step x in [0, 1] to where a falling derivative is about zero; 0 if it starts below."""
    low, high = 0.0, 1.0
    at_low, at_high = derivative(low), derivative(high)
    if at_low <= 0.0 or at_high >= 0.0:
        return low if at_low <= 0.0 else high
    for _ in range(SEARCHES):
        x = (low * at_high - high * at_low) / (at_high - at_low)
        value = derivative(x)
        if value > 0.0:  # halving the value that stays is the Illinois rule
            low, at_low, at_high = x, value, 0.5 * at_high
        else:
            high, at_high, at_low = x, value, 0.5 * at_low
        if abs(value) <= 0.05 * at_low:
            break
    return x
