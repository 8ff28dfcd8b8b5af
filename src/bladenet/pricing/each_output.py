"""Several outputs whose amplitudes cost their sum (output_norm=1): the largest |h| of any output."""

from collections.abc import Callable

import numpy as np

from bladenet.clock import Clock
from bladenet.losses import Array
from bladenet.pricing.base import Priced, Pricer


class EachOutput(Pricer):
    """Prices every output by a pricer of one; |h| is that of the output where it is largest.

    Parameters
    ----------
    one : the pricer of one output
    """

    def __init__(self, one: Pricer):
        super().__init__(one.form)
        self.one, self.proves, self.apart = one, one.proves, one.apart

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`."""
        return self._gathered(v, threshold, lambda column: self.one.price(column, threshold, slack, clock))

    def propose(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.propose`."""
        return self._gathered(v, threshold, lambda column: self.one.propose(column, threshold, slack, clock))

    def seconds(self, v: Array, threshold: float, slack: float, clock: Clock) -> float:
        """See :meth:`Pricer.seconds`."""
        return sum(self.one.seconds(np.ascontiguousarray(column), threshold, slack, clock) for column in v.T)

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`."""
        return self._gathered(v, threshold, lambda column: self.one.nearby(column, weights, offsets, threshold, clock))

    def values(self, v: Array, weights: Array, offsets: Array) -> Array:
        """See :meth:`Pricer.values`: the largest |h| of any output."""
        return np.abs(self.outputs(v, weights, offsets)).max(axis=1)

    def _gathered(self, v: Array, threshold: float, price: Callable[[Array], Priced]) -> Priced:
        each = [price(np.ascontiguousarray(column)) for column in v.T]
        weights = np.vstack([priced.weights for priced in each])
        offsets = np.concatenate([priced.offsets for priced in each])
        cones, visits = sum(priced.cones for priced in each), sum(priced.visits for priced in each)
        return self.ranked(v, weights, offsets, threshold, max(priced.bound for priced in each), cones, visits)
