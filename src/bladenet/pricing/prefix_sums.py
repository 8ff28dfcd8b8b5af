"""Prefix sums: all hinges of one feature, exactly, in one pass over the sorted samples (Theorem 1)."""

import numpy as np

from bladenet.clock import Clock
from bladenet.losses import Array, Mask, by_sample, over_outputs, row_norms
from bladenet.pricing.base import Priced, Pricer, Space

EPS = float(np.finfo(np.float64).eps)
CELLS = 128  # stretches of the line, each keeps its best hinge of either orientation and sign


class PrefixSums(Pricer):
    """Prices (x − x_j)_+ and (x_j − x)_+ for all samples j, or (x)_+ and (−x)_+ without bias (d = 1, any norm)."""

    def __init__(self, form: Space):
        super().__init__(form)
        if form.points.shape[1] != 1:
            raise ValueError(f"prefix sums need one feature, the data have {form.points.shape[1]}.")
        self.order = np.argsort(form.points[:, 0], kind="stable")  # of principal components: any
        self.x = form.points[self.order, 0]
        place = ((self.x - self.x[0]) / (np.ptp(self.x) or 1.0) * (CELLS - 1)).astype(np.int64)
        _, self.starts, self.cell = np.unique(place, return_index=True, return_inverse=True)

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Exact, whatever the slack."""
        x, sorted_v, n = self.x, v[self.order], len(self.x)
        if self.form.bias:
            # h(±1, ∓x_j) grows by the slope, the sum of v on the active side, times each step between samples
            steps, none = np.diff(x), np.zeros((1, *v.shape[1:]))
            right, off_right = _summed(steps[::-1], sorted_v[::-1])
            left, off_left = _summed(steps, sorted_v)
            right, rounding = right[::-1], max(off_right, off_left)
            values = np.concatenate([right, none, none, left])
            weights, offsets = np.repeat([1.0, -1.0], n), np.concatenate([-x, x])
        else:
            values = np.array([np.maximum(x, 0.0) @ sorted_v, np.maximum(-x, 0.0) @ sorted_v])
            weights, offsets = np.array([1.0, -1.0]), np.zeros(2)
            rounding = EPS * (n + 64) * float(over_outputs(np.abs(sorted_v)) @ np.abs(x))
        if v.ndim == 2:
            values = row_norms(values)
        found = self._best_of_cells(values) & (np.abs(values) > threshold)
        bound = float(np.abs(values).max()) + rounding
        return self.ranked(v, weights[found, None], offsets[found], threshold, bound)

    def _best_of_cells(self, values: Array) -> Mask:
        """Of each orientation, cell and sign of the value the hinge of largest |value|, (2n,) bool."""
        if not self.form.bias:
            return np.ones(len(values), dtype=bool)
        best = np.zeros((2, len(self.x)), dtype=bool)
        for orientation, found in zip(values.reshape(2, -1), best, strict=True):
            for heights in (orientation, -orientation):
                tops = np.maximum.reduceat(heights, self.starts)
                highest = np.flatnonzero((heights == tops[self.cell]) & (heights > 0.0))
                found[highest[np.unique(self.cell[highest], return_index=True)[1]]] = True
        return best.ravel()


def _summed(steps: Array, v: Array) -> tuple[Array, float]:
    """h at each step but the first, and by how much rounding may change the most changed.

    Every sum is off by at most its size times EPS / 2, so that a few large v that cancel round little but their own.
    """
    slopes = np.cumsum(v, axis=0)[:-1]
    h = np.cumsum(by_sample(steps, slopes), axis=0)
    sizes = over_outputs(np.abs(slopes))
    off = float(np.sum(steps * (np.cumsum(sizes) + 2.0 * sizes)) + np.sum(over_outputs(np.abs(h))))
    return h, EPS * (off + float(steps @ sizes))
