"""Convex relaxation of pricing: a proven bound on max |h| for any number of features, in a fraction of a second.

With Σ v = 0 a neuron and its opposite differ by a linear term, so that |h| is covered by the cases

    F(w, b) = ½ o m·w + ½ Σ_i v_i |w·x_i + b| ,   b ≥ 0,   o = ±1,   m = Σ v_i x_i ,   for v and for −v.

Each case takes one interval of offsets, low ≤ b ≤ high. On it F is bounded term by term, with a = w·x_i + b:

    v_i > 0:  |a| ≤ a²/(2t_i) + t_i/2              for every t_i > 0
    v_i < 0:  |a| ≥ any mean of a, −a and the parabola through 0 that meets |a| at both ends of the range of a

What is left is a quadratic form on the sphere, whose maximum is found exactly (p = 2), or, with |a| itself for v_i > 0,
a convex function on the cross-polytope, whose maximum is at a corner (p = 1). Every choice of t and of the means proves
a bound. The best choice solves a semidefinite program (for p = 2 that of Grothendieck's inequality and max-cut, with a
linear part); its other side is a maximum over mixtures of neurons, which is climbed by conditional gradients. Each step
proves a bound at the price of one eigendecomposition (d × d) and two products with the samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.special import softmax

from bladenet.losses import Array
from bladenet.pricing.base import Clock, Priced, Pricer, Space

EPS, TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)
STEPS = 100  # conditional-gradient steps for one bound, all cases together
CLOSE = 0.01  # a bound this close to the best that the relaxation can prove is good enough
CUTS = {1: (2.0,), 2: (0.3, 0.6, 1.0, 1.5, 2.2)}  # between offsets, in standard deviations of the samples, by norm
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
        self.scale = float(np.abs(points).max(initial=0.0)) or 1.0
        points = points / self.scale
        if bias:
            points = points - points.mean(axis=0)
        if norm == 2 and points.shape[1] > len(points):
            points = points @ np.linalg.qr(points.T)[0]  # the samples span no more directions than there are of them
        self.points, self.bias = np.ascontiguousarray(points), bias
        lengths = np.linalg.norm(points, axis=1, ord=None if norm == 2 else np.inf)
        self.reach = float(lengths.max())  # beyond it all samples are on one side and h does not depend on b
        cuts = [0.0]
        if bias:
            spread = float(np.linalg.norm(points, 2) / np.sqrt(len(points)))
            cuts += [cut * spread for cut in CUTS[norm] if cut * spread < self.reach] + [self.reach]
        intervals = list(pairwise(cuts)) if bias else [(0.0, 0.0)]
        case = Sphere if norm == 2 else CrossPolytope
        orientations = (1.0, -1.0) if bias else (1.0,)
        self.cases = [
            case(self.points, lengths, sign, orientation, interval)
            for sign in (1.0, -1.0)
            for orientation in orientations
            for interval in intervals
        ]

    def bound(self, v: Array, threshold: float = 0.0, slack: float = CLOSE, clock: Clock | None = None) -> float:
        """Bound max |h|. It is not improved further once it is below the threshold or close to the best possible."""
        unit = float(np.abs(v).max(initial=0.0))
        if unit == 0.0:
            return 0.0
        v, unit = v / unit, unit * self.scale
        # centring and rotating round each sample by its size; a sum of v that is not zero shifts h by it times an offset
        d = self.points.shape[1]
        rounding = 2.0 * EPS * (len(v) + d + 64) * d * float(np.abs(v).sum())
        if self.bias:
            rounding += 4.0 * (1.0 + self.reach) * abs(float(v.sum()))
        if self.reach == 0.0:
            return rounding * unit
        for case in self.cases:
            case.start(v)
            case.step()
        for _ in range(STEPS - len(self.cases)):
            worst = max(self.cases, key=lambda case: case.bound)
            enough = max(threshold / unit, (1.0 + slack) * max(case.reached for case in self.cases))
            if worst.bound + rounding <= enough or (clock is not None and clock.stopped):
                break
            worst.step()
        return max(0.0, max(case.bound for case in self.cases) + rounding) * unit

    def columns(self) -> Array:
        """The relaxed neurons that the last bound came from, one of each case: (k, N), f with Σ v f nearly its bound."""
        return self.scale * np.array([case.column() for case in self.cases])


class Relaxation(Pricer):
    """Bounds |h| over all neurons of any number of features; it proposes none, and its bound is not exact."""

    def __init__(self, form: Space):
        super().__init__(form)
        self.relaxed = RelaxedMaximum(form.points, form.norm, form.bias)

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`; the slack is towards the best bound that the relaxation can prove."""
        bound = self.relaxed.bound(v, threshold, max(slack, CLOSE), clock)
        return Priced(bound, np.zeros((0, self.form.points.shape[1])), np.zeros(0), np.zeros(0))


class Case(ABC):
    """One sign of v, orientation and interval of offsets; a mixture of neurons that it climbs with.

    Attributes
    ----------
    bound : float, proven for F; reached : float, the relaxation cannot prove less than this
    w : (d,) mean of the mixture; a : (N,) mean of w·x_i + b
    """

    def __init__(self, points: Array, lengths: Array, sign: float, orientation: float, interval: tuple[float, float]):
        self.points, self.sign, self.orientation = points, sign, orientation
        self.offsets = np.unique(interval)
        low, high = self.offsets[0] - lengths, self.offsets[-1] + lengths
        self.farthest = np.maximum(high, -low)
        self.bound, self.reached = np.inf, -np.inf
        self.w = np.zeros(points.shape[1])
        self.a = np.full(len(points), self.offsets.mean())
        self.low, self.high = low, high

    def start(self, v: Array) -> None:
        """Turn to another v; the mixture stays."""
        self.v = self.sign * v
        self.up, self.down = np.flatnonzero(self.v > 0), np.flatnonzero(self.v < 0)
        self.m = self.orientation * (self.v @ self.points)
        self.bound, self.reached = np.inf, self.value()

    @abstractmethod
    def value(self) -> float:
        """F of the mixture, in the relaxation."""

    @abstractmethod
    def step(self) -> None:
        """Prove a bound with the terms' bounds that suit the mixture best; move the mixture."""

    @abstractmethod
    def column(self) -> Array:
        """The derivative of F by v at the mixture, (N,)."""

    @property
    def gap(self) -> float:
        """How far the bound may still fall, relatively; large at the start."""
        return 1.0 if not np.isfinite(self.bound) else max(1e-9, (self.bound - self.reached) / max(self.bound, TINY))


class Sphere(Case):
    """p = 2. The mixture is known by its means w, a, and the mean squares q of w·x_i + b."""

    def __init__(self, points: Array, lengths: Array, sign: float, orientation: float, interval: tuple[float, float]):
        super().__init__(points, lengths, sign, orientation, interval)
        self.q = lengths**2 / points.shape[1] + np.mean(self.offsets**2)
        width = np.where(self.high > self.low, self.high - self.low, 1.0)
        across = self.low < 0  # else w·x_i + b ≥ 0, and a itself is exact
        self.curvature = np.where(across, 2.0 / width, 0.0)
        self.slope = np.where(across, -(self.low + self.high) / width, 1.0)

    def pieces(self, a: Array, q: Array) -> Array:
        """The three lower bounds of |a| for v_i < 0, (3, ·)."""
        return np.array([a, -a, self.curvature[self.down] * q + self.slope[self.down] * a])

    def value(self) -> float:
        below = self.pieces(self.a[self.down], self.q[self.down]).max(axis=0)
        v = self.v
        return 0.5 * float(self.w @ self.m + v[self.up] @ np.sqrt(self.q[self.up]) + v[self.down] @ below)

    def column(self) -> Array:
        f = np.sqrt(self.q)
        f[self.down] = self.pieces(self.a[self.down], self.q[self.down]).max(axis=0)
        return 0.5 * self.sign * (f + self.orientation * (self.points @ self.w))

    def step(self) -> None:
        v, up, down, X = self.v, self.up, self.down, self.points
        t = np.sqrt(self.q[up])
        t = np.maximum(t, SMALLEST * self.farthest.max())
        blur = min(0.1, 0.5 * self.gap) * float(np.sqrt(self.q).mean()) + TINY
        mean = softmax(self.pieces(self.a[down], self.q[down]) / blur, axis=0)
        curvature, linear = np.zeros(len(v)), np.zeros(len(v))
        curvature[up] = 0.5 * v[up] / t
        curvature[down] = v[down] * mean[2] * self.curvature[down]
        rising, falling = curvature[up].sum(), -curvature[down].sum()
        if rising < falling:  # keep it convex in b, so that the largest F is at an end of the interval
            curvature[down] *= rising / falling
            mean[2] *= rising / falling
        linear[down] = v[down] * (mean[0] - mean[1] + mean[2] * self.slope[down])
        constant = 0.5 * float(v[up] @ t)

        eigenvalues, vectors = np.linalg.eigh((X.T * curvature) @ X)
        size = np.abs(curvature) @ self.farthest**2 + (np.abs(linear) + np.abs(v)) @ self.farthest + constant
        rounding = EPS * (len(v) + 16 * len(self.m) + 64) * float(size)
        best, top = -np.inf, (self.w, 0.0)
        for b in self.offsets:
            pull = 0.5 * (vectors.T @ (X.T @ (2.0 * b * curvature + linear) + self.m))
            value = largest_on_sphere(eigenvalues, pull, rounding) + b * b * curvature.sum() + b * linear.sum()
            if value > best:
                best, top = value, (pull, b)
        self.bound = min(self.bound, 0.5 * (best + constant) + rounding)
        self._move(eigenvalues, vectors, *top, blur)
        self.reached = max(self.reached, self.value())

    def _move(self, eigenvalues: Array, vectors: Array, pull: Array, b: float, blur: float) -> None:
        """Mix in neurons around the maximiser: as a determinant barrier of the size of the gap spreads them."""
        barrier = 0.6 * max(self.bound - self.reached, 1e-12 * abs(self.bound)) / len(pull) + TINY
        mean, variances = spread_on_sphere(eigenvalues, pull, barrier)
        along = self.points @ vectors
        centre = along @ mean
        step = vectors @ mean - self.w, centre + b - self.a, (centre + b) ** 2 + along**2 @ variances - self.q
        v, up, down = self.v, self.up, self.down
        dw, da, dq = step
        flat = 0.5 * float(self.m @ dw)

        def derivative(x: float) -> float:
            mean = softmax(self.pieces(self.a[down] + x * da[down], self.q[down] + x * dq[down]) / blur, axis=0)
            falling = (mean[0] - mean[1] + mean[2] * self.slope[down]) * da[down]
            falling += mean[2] * self.curvature[down] * dq[down]
            rising = 0.5 * dq[up] / np.sqrt(np.maximum(self.q[up] + x * dq[up], TINY))
            return flat + 0.5 * float(v[up] @ rising + v[down] @ falling)

        x = where_it_vanishes(derivative)
        self.w, self.a, self.q = self.w + x * dw, self.a + x * da, np.maximum(self.q + x * dq, 0.0)


class CrossPolytope(Case):
    """p = 1. The mixture is weights of the corners (±e_c, b), for v_i > 0 the terms |a| are mixed, not a."""

    def __init__(self, points: Array, lengths: Array, sign: float, orientation: float, interval: tuple[float, float]):
        super().__init__(points, lengths, sign, orientation, interval)
        d, ends = points.shape[1], len(self.offsets)
        self.share = np.full((ends, 2, d), 1.0 / (2 * ends * d))  # by offset, sign of e_c, and c

    def start(self, v: Array) -> None:
        self.v = self.sign * v
        up = self.v > 0
        X = self.points[up]
        self.convex = np.array([[self.v[up] @ np.abs(turn * X + b) for turn in (1.0, -1.0)] for b in self.offsets])
        super().start(v)

    def value(self) -> float:
        return 0.5 * float(
            (self.share * self.convex).sum() + self.w @ self.m + self.v[self.down] @ np.abs(self.a[self.down])
        )

    def column(self) -> Array:
        f = np.abs(self.a)
        f[self.up] = sum(
            np.abs(turn * self.points[self.up] + b) @ self.share[k, j]
            for k, b in enumerate(self.offsets)
            for j, turn in enumerate((1.0, -1.0))
        )
        return 0.5 * self.sign * (f + self.orientation * (self.points @ self.w))

    def step(self) -> None:
        v, down = self.v, self.down
        blur = min(0.1, 0.5 * self.gap) * float(np.abs(self.a).mean() + 0.1 * self.farthest.mean()) + TINY
        linear = v[down] * np.tanh(self.a[down] / blur)
        slope = linear @ self.points[down] + self.m
        corners = 0.5 * (self.convex + np.array([slope, -slope]) + self.offsets[:, None, None] * linear.sum())
        rounding = EPS * (len(v) + 64) * float(np.abs(v) @ self.farthest) * 2.0
        self.bound = min(self.bound, float(corners.max()) + rounding)
        warmth = 0.3 * max(self.bound - self.reached, 1e-12 * abs(self.bound)) + TINY
        atom = softmax(corners / warmth)
        dshare = atom - self.share
        dw = (dshare[:, 0] - dshare[:, 1]).sum(axis=0)
        da = self.points @ dw + float(self.offsets @ dshare.sum(axis=(1, 2)))
        flat = 0.5 * float((dshare * self.convex).sum() + self.m @ dw)

        def derivative(x: float) -> float:
            return flat + 0.5 * float(v[down] @ (np.tanh((self.a[down] + x * da[down]) / blur) * da[down]))

        x = where_it_vanishes(derivative)
        self.w, self.a, self.share = self.w + x * dw, self.a + x * da, self.share + x * dshare
        self.reached = max(self.reached, self.value())


def largest_on_sphere(eigenvalues: Array, pull: Array, rounding: float) -> float:
    """An upper bound on max Σ_k λ_k w_k² + 2 pull·w over ‖w‖₂ = 1, equal to it up to the rounding.

    By weak duality it is at most μ + Σ pull_k² / (μ − λ_k) for every μ > max λ; the best μ solves Σ (pull_k/(μ−λ_k))² = 1.
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
