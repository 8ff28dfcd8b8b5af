"""Ascent: neurons for any number of features, found by climbing from many starts (THEORY §3b). It proves nothing."""

import numpy as np

from bladenet.losses import Array
from bladenet.pricing.base import Clock, Priced, Pricer, Space
from bladenet.pricing.climbs import climbed

STARTS = 1024  # directions drawn per pricing
MOST_CLIMBS = 256  # of their neurons that are followed to a local maximum
AT_A_TIME = 2_000_000  # distances of samples held in memory at once


class Ascent(Pricer):
    """Proposes local maxima of |h| for data of any dimension; its bound is inf.

    Every pricing draws new starts, so that repeated pricings search on.
    """

    def __init__(self, form: Space, seed: int = 0):
        super().__init__(form)
        self.rng = np.random.default_rng(seed)

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Whatever the slack, the bound is inf."""
        starts = self._starts(v, clock)
        return self._climbed(v, starts, threshold, clock)

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`."""
        return self._climbed(v, np.column_stack([weights, offsets]), threshold, clock)

    def _climbed(self, v: Array, neurons: Array, threshold: float, clock: Clock) -> Priced:
        neurons = climbed(self.form, self.features, v, neurons, clock)
        return self.ranked(v, neurons[:, :-1], neurons[:, -1], threshold, np.inf)

    def _starts(self, v: Array, clock: Clock) -> Array:
        """The most promising neurons (m, d + 1) in random directions, each with its best offset."""
        found, values = [], []
        batch = max(1, min(STARTS, AT_A_TIME // len(v)))
        for start in range(0, STARTS, batch):
            if clock.stopped:
                break
            directions = self._directions(min(batch, STARTS - start))
            projections = directions @ self.features
            if self.form.bias:
                offsets, h = best_offsets(projections, v)
            else:
                offsets, h = np.zeros((1, len(directions))), (np.maximum(projections, 0.0) @ v)[None]
            found += [np.column_stack([directions, b]) for b in offsets]
            values += list(np.abs(h))
        if not found:
            return np.zeros((0, len(self.features) + 1))
        best = np.argsort(-np.concatenate(values), kind="stable")[:MOST_CLIMBS]
        return np.concatenate(found)[best]

    def _directions(self, count: int) -> Array:
        """Random weights (count, d) of unit norm; for p = 1 with any number of nonzero coordinates."""
        d = len(self.features)
        directions = self.rng.normal(size=(count, d))
        if self.form.norm == 1:  # optimal weights have few nonzero coordinates
            rank = self.rng.random((count, d)).argsort(axis=1).argsort(axis=1)
            directions[rank >= self.rng.integers(1, d + 1, size=(count, 1))] = 0.0
        lengths = np.linalg.norm(directions, ord=self.form.norm, axis=1)
        return directions / lengths[:, None]


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
