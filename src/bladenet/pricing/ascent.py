"""Ascent: neurons for any number of features, found by climbing from many starts (THEORY §3b). It proves nothing."""

from functools import partial
from typing import Any

import numpy as np

from bladenet.clock import Clock
from bladenet.gpu import attempted
from bladenet.losses import Array
from bladenet.parallel import on_all_cores
from bladenet.pricing.base import Priced, Pricer, Space
from bladenet.pricing.climbs import climbed

DIRECTIONS = 512  # drawn per pricing
MOST_CLIMBS = 512  # of the neurons in these directions that are followed to a local maximum
MANY = 8  # features from which climbs are long, and start from fewer directions that were turned uphill together
SHARE = 4  # the directions and climbs there are fewer by this factor
TURNS = 6
TRIES = 4  # times that a pricing starts again before it finds nothing
AT_A_TIME = 50_000  # distances of samples that one thread holds at once


class Ascent(Pricer):
    """Proposes local maxima of |h| for data of any dimension; its bound is inf.

    Every pricing draws new starts, so that repeated pricings search on.
    """

    proves = False

    def __init__(self, form: Space, seed: int = 0):
        super().__init__(form)
        self.rng = np.random.default_rng(seed)

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. The bound is inf, whatever the slack."""
        for _ in range(TRIES):
            priced = self._climbed(v, self.starts(v, clock), threshold, clock)
            if len(priced.values) or clock.stopped:
                break
        return priced

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`."""
        return self._climbed(v, np.column_stack([weights, offsets]), threshold, clock)

    def _climbed(self, v: Array, neurons: Array, threshold: float, clock: Clock) -> Priced:
        neurons = climbed(self, v, neurons, clock)
        return self.ranked(v, neurons[:, :-1], neurons[:, -1], threshold, np.inf)

    def starts(self, v: Array, clock: Clock, turns: int = TURNS) -> Array:
        """The most promising neurons (m, d + 1) in random directions, each with its best offset of either sign.

        For several outputs, promising along a random direction of these.
        """
        v = one_output(v, self.rng)
        directions = self._directions()
        many = len(self.features) >= MANY
        if many:
            directions = directions[self.rng.permutation(len(directions))[: DIRECTIONS // SHARE]]
            for _ in range(turns if self.form.norm == 2 else 0):
                neurons, values = self._with_offsets(directions, v, clock)
                half = len(directions)
                upper = np.abs(values[:half]) >= np.abs(values[half:])
                best = np.where(upper[:, None], neurons[:half], neurons[half:])
                directions = np.vstack(on_all_cores(partial(self._turned, v), self._parts(best), clock))
        neurons, values = self._with_offsets(directions, v, clock)
        return neurons[np.argsort(-np.abs(values), kind="stable")[: MOST_CLIMBS // SHARE if many else MOST_CLIMBS]]

    def _with_offsets(self, directions: Array, v: Array, clock: Clock) -> tuple[Array, Array]:
        """Neurons (2m, d + 1) in the given directions with the best offsets, for h > 0 and then for h < 0; their h.

        On a CUDA device, if there is one.
        """

        def on_device(device: Any, clock: Clock) -> tuple[Array, Array]:
            from bladenet.gpu.ascent import with_offsets

            return with_offsets(directions, self.features, v, self.form.bias, device)

        offsets, values = attempted(on_device, len(v), clock) or self._best_offsets(directions, v, clock)
        return np.column_stack([np.vstack([directions, directions]), offsets.ravel()]), values.ravel()

    def _best_offsets(self, directions: Array, v: Array, clock: Clock) -> tuple[Array, Array]:
        """The best offsets (2, m) in the given directions, and h there, on all cores."""

        def evaluate(part: Array, clock: Clock) -> tuple[Array, Array]:
            projections = part @ self.features
            if self.form.bias:
                return best_offsets(projections, v)
            h = np.maximum(projections, 0.0) @ v
            return np.zeros((2, len(part))), np.stack([h, h])

        offsets, values = zip(*on_all_cores(evaluate, self._parts(directions), clock), strict=True)
        return np.hstack(offsets), np.hstack(values)

    def _parts(self, rows: Array) -> list[Array]:
        """Directions or neurons, so many together that a thread can hold their distances of all samples."""
        return np.array_split(rows, max(1, min(len(rows), 1 + len(rows) * self.features.shape[1] // AT_A_TIME)))

    def _turned(self, v: Array, neurons: Array, clock: Clock) -> Array:
        """Unit weights along the slope of |h|: Σ v_i (x_i − anchor) over the samples that a neuron acts on (p = 2)."""
        a = neurons[:, :-1] @ self.features + neurons[:, -1:]
        acting = (a > 0) * v
        slope = acting @ self.form.points
        if self.form.bias:
            slope -= acting.sum(axis=1)[:, None] * self.form.points[np.abs(a).argmin(axis=1)]
        slope *= np.sign(np.sum(acting * a, axis=1))[:, None]
        lengths = np.linalg.norm(slope, axis=1)
        return slope[lengths > 0] / lengths[lengths > 0, None]

    def _directions(self) -> Array:
        """Weights (m, d) of unit norm: half of them random, for p = 1 sparse, half from one sample to another."""
        points, half = self.form.points, DIRECTIONS // 2
        n, d = points.shape
        drawn = self.rng.normal(size=(half, d))
        if self.form.norm == 1:
            rank = self.rng.random((half, d)).argsort(axis=1).argsort(axis=1)
            drawn[rank >= self.rng.integers(1, d + 1, size=(half, 1))] = 0.0
        ends = self.rng.integers(0, n, size=(2, half))
        across = points[ends[0]] - (points[ends[1]] if self.form.bias else 0.0)
        directions = np.vstack([drawn, across])
        lengths = np.linalg.norm(directions, ord=self.form.norm, axis=1)
        directions = directions[lengths > 0] / lengths[lengths > 0, None]
        return np.unique(directions, axis=0)  # few directions have one nonzero coordinate


def one_output(v: Array, rng: np.random.Generator) -> Array:
    """V·u, the dual variable of one output, for a random direction u of several, likelier where V is large."""
    if v.ndim == 1:
        return v
    u = v.T @ rng.normal(size=len(v))
    return v @ (u / max(float(np.linalg.norm(u)), np.finfo(float).tiny))


def best_offsets(projections: Array, v: Array) -> tuple[Array, Array]:
    """For each direction, the offsets with the largest and the smallest h over all hyperplanes through a sample.

    Parameters
    ----------
    projections : (m, N) w·x_i of every direction and sample; v : (N,)

    Returns
    -------
    offsets, values : (2, m), row 0 for the largest h = Σ_i v_i (w·x_i + b)_+, row 1 for the smallest
    """
    order = np.argsort(projections, axis=1)
    p = np.take_along_axis(projections, order, axis=1)
    # h at b = −p_j grows by the slope, the sum of v on the active side, times each step between samples
    slopes = np.cumsum(v[order][:, ::-1], axis=1)[:, :-1]
    h = np.zeros_like(p)
    np.cumsum(slopes * np.diff(p, axis=1)[:, ::-1], axis=1, out=h[:, 1:])
    chosen = np.stack([h.argmax(axis=1), h.argmin(axis=1)])
    m = np.arange(len(p))
    return -p[m, p.shape[1] - 1 - chosen], h[m, chosen]
