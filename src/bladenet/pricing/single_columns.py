"""Running sums along every column: all neurons of one feature, exactly, in one pass over the sorted samples."""

import numpy as np

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.losses import Array, row_norms
from bladenet.parallel import on_threads
from bladenet.pricing.base import Priced, Pricer, Space

CELLS, FEWEST_CELLS = 128, 8  # stretches of a column, each keeps its best hinge of either orientation and sign
ALL_CELLS = 16384  # of all columns together, at least
AT_A_TIME = 64  # columns that a thread looks at


class SingleColumns(Pricer):
    """Prices (x_c − s)_+ and (s − x_c)_+ for all columns c and offsets s, or (x_c)_+ and (−x_c)_+ without bias.

    Attributes
    ----------
    order, sorted : (d, N) samples by value in each column, and these values
    """

    def __init__(self, form: Space):
        super().__init__(form)
        self.order = np.argsort(self.features, axis=1, kind="stable")
        self.sorted = np.take_along_axis(self.features, self.order, axis=1)
        self.cells = int(np.clip(ALL_CELLS // len(self.order), FEWEST_CELLS, CELLS))

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Exact, whatever the slack."""
        d, n = self.features.shape
        if self.form.bias:
            best = np.zeros((d, 2, 2, self.cells))
            where = np.zeros(best.shape, dtype=np.int64)
            V = np.ascontiguousarray(v.reshape(n, -1))
            parts = [slice(k, k + AT_A_TIME) for k in range(0, d, AT_A_TIME)]
            on_threads(lambda p: kernels.hinges(self.sorted[p], self.order[p], V, best[p], where[p]), parts)
            found = self.largest(best, threshold)
            column, side = found[0], 1.0 - 2.0 * found[1]
            offsets = -side * self.sorted[column, where[found]]
        else:
            best = np.array([_size(np.maximum(side * self.features, 0.0) @ v) for side in (1.0, -1.0)]).T
            found = self.largest(best, threshold)
            column, side = found[0], 1.0 - 2.0 * found[1]
            offsets = np.zeros(len(column))
        rounding = np.finfo(float).eps * (n + 64) * float(np.abs(v).sum() * np.abs(self.features).max() * 2.0)
        weights = self.spread(column[:, None], side[:, None].astype(np.float64))
        return self.ranked(v, weights, offsets, threshold, float(best.max()) + rounding)


def _size(h: Array) -> Array:
    return row_norms(h, 2)
