"""Rising: neurons of many features for p = 2, turned uphill all together (THEORY §3b). It proves nothing.

With many samples |h|/‖w‖ is nearly smooth, and a climb from contact to contact takes hundreds of moves. A quasi-Newton
ascent of Σ_k |h_k|/‖w_k‖ reaches nearly the same heights by a few dozen matrix products.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bladenet.clock import Clock
from bladenet.gpu import attempted
from bladenet.losses import Array, Index
from bladenet.parallel import on_all_cores, one_blas_thread
from bladenet.pricing.ascent import Ascent
from bladenet.pricing.base import Priced, Pricer
from bladenet.problem import StandardForm

MOVES = 150
GROUP = 64  # neurons that rise together
STRIP = 4096  # points whose distances to all of them are held at once
TRIES = 4  # times that a pricing starts again before it finds nothing
SHAKE = 0.5  # change of a unit weight
Single = NDArray[np.float32]


class Rising(Pricer):
    """Proposes neurons near local maxima of |h|, through a sample each; its bound is inf.

    Every pricing draws new starts, so that repeated pricings search on.
    """

    proves = False
    together = True

    def __init__(self, form: StandardForm, seed: int = 0):
        super().__init__(form)
        self.ascent = Ascent(form, seed)
        self.lifted = np.column_stack([form.points, np.full(len(form.points), float(form.bias))]).astype(np.float32)

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. The bound is inf, whatever the slack."""
        for _ in range(TRIES):
            with one_blas_thread():
                starts = self.ascent.starts(v, clock, turns=0)
            priced = self._risen(v, starts, threshold, clock)
            if len(priced.values) or clock.stopped:
                break
        return priced

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`. Beside neurons that work, others are found far more often than elsewhere."""
        shaken = self.ascent.rng.normal(size=weights.shape)
        shaken = weights + SHAKE * shaken / np.linalg.norm(shaken, axis=1)[:, None]
        lengths = np.linalg.norm(shaken, axis=1)
        starts = np.vstack([np.column_stack([weights, offsets]), np.column_stack([shaken, offsets]) / lengths[:, None]])
        return self._risen(v, starts, threshold, clock)

    def _risen(self, v: Array, neurons: Array, threshold: float, clock: Clock) -> Priced:
        signs = np.sign(self.values(v, neurons[:, :-1], neurons[:, -1]))
        neurons, signs = neurons[signs != 0], signs[signs != 0]
        if len(neurons):
            neurons = self._uphill(v / np.abs(v).max(), neurons, signs, clock)
        weights, offsets = neurons[:, :-1], neurons[:, -1]
        if self.form.bias:
            offsets = anchored(self.form.points, v, weights, offsets, signs)
        return self.ranked(v, weights, offsets, threshold, np.inf)

    def _uphill(self, v: Array, neurons: Array, signs: Array, clock: Clock) -> Array:
        """See :func:`risen`: all together on a CUDA device, or in groups on all cores."""

        def on_device(device: Any, clock: Clock) -> Array:
            from bladenet.gpu import ascent

            return risen(ascent.active_sums(self.lifted, v, device), neurons, signs, clock)

        def on_core(group: Index, clock: Clock) -> Array:
            return risen(sums_of, neurons[group], signs[group], clock)

        together = attempted(on_device, len(v), clock)
        if together is not None:
            return together
        sums_of = partial(active_sums, self.lifted, v.astype(np.float32))
        groups = np.array_split(np.arange(len(neurons)), -(-len(neurons) // GROUP))
        return np.vstack(on_all_cores(on_core, groups, clock))


def active_sums(lifted: Single, v: Single, w: Array) -> Array:
    """Σ v_i (x_i, 1) over the samples that each neuron (m, d + 1) acts on.

    lifted : (N, d + 1) points and a column of ones, or of zeros without a bias; v : (N,). In single precision: what is
    found is judged anew.
    """
    sums = np.zeros_like(w)
    for start in range(0, len(v), STRIP):
        strip = slice(start, start + STRIP)
        active = lifted[strip] @ w.T.astype(np.float32) > 0
        sums += (active * v[strip, None]).T @ lifted[strip]
    return sums


def risen(sums_of: Callable[[Array], Array], neurons: Array, signs: Array, clock: Clock) -> Array:
    """Neurons (m, d + 1) near local maxima of sign · h/‖w‖ above the given ones, with ‖w‖ = 1.

    sums_of : gives the sums of v (x, 1) over the samples that neurons act on, v of unit size; signs : (m,)
    """

    def heights(x: Array) -> tuple[float, Array]:
        w = x.reshape(neurons.shape)
        sums = sums_of(w)
        lengths = np.linalg.norm(w[:, :-1], axis=1)
        h = signs * np.sum(sums * w, axis=1) / lengths
        slope = signs[:, None] * sums
        slope[:, :-1] -= (h / lengths)[:, None] * w[:, :-1]
        return -float(h.sum()), -(slope / lengths[:, None]).ravel()

    w = minimize(
        heights, neurons.ravel(), jac=True, method="L-BFGS-B", callback=stopping(clock), options={"maxiter": MOVES}
    ).x.reshape(neurons.shape)
    return w / np.linalg.norm(w[:, :-1], axis=1)[:, None]


def stopping(clock: Clock) -> Callable[[Array], None]:
    """A callback of scipy's minimize that ends it when the clock stops."""

    def callback(_: Array) -> None:
        if clock.stopped:
            raise StopIteration

    return callback


def anchored(points: Array, v: Array, weights: Array, offsets: Array, signs: Array) -> Array:
    """The offsets (m,) moved to the next sample, in the direction in which sign · h does not fall.

    h is linear in the offset between samples, so that one of the two next ones is at least as good.
    """
    moved = offsets.copy()
    for j, (weight, offset, sign) in enumerate(zip(weights, offsets, signs, strict=True)):
        a = points @ weight + offset
        upward = sign * v[a > 0].sum() > 0
        ahead = -a[a <= 0] if upward else -a[a > 0]
        moved[j] += ahead[np.abs(ahead).argmin()] if len(ahead) else -a[np.abs(a).argmin()]
    return moved
