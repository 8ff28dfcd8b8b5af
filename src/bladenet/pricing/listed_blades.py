"""Blades of samples for several outputs (Theorem 23, p = 2): all are listed, and the length of h is measured."""

from itertools import combinations
from math import comb

import numpy as np

from bladenet.algebra import cross
from bladenet.blades import spanning_rows
from bladenet.clock import Clock
from bladenet.losses import Array
from bladenet.pricing.angular_sweep import missing_directions
from bladenet.pricing.base import Priced, Pricer, Space

MOST = 50_000_000  # numbers: samples times blades
AT_A_TIME = 4096  # blades


class ListedBlades(Pricer):
    """Prices the blades of samples alone, for p = 2. O(N C(N, d − 1)), or with a bias O(N C(N, d)), for each output.

    Raises
    ------
    ValueError
        If there are more blades than can be listed; says how many.
    """

    def __init__(self, form: Space):
        super().__init__(form)
        n, d = form.points.shape
        missing, self.flatness = missing_directions(form)  # to which weights are orthogonal anyway (Lemma 18)
        touched = max(0, d - 1 - len(missing)) + form.bias
        count = 2 * comb(n, touched)
        if count * n > MOST:
            raise ValueError(
                f"{n} points with {d} features have {count:,} blades, and with several outputs every one is listed: "
                f"{MOST // n:,} is the most for so many points. Use vertices_only=False, or fewer samples or features."
            )
        sets = np.array(list(combinations(range(n), touched)), dtype=np.int64).reshape(-1, touched)
        rows = spanning_rows(form.points[sets], form.bias)
        fixed = np.broadcast_to(missing[: d - 1], (len(rows), min(len(missing), d - 1), d))
        normals = cross(np.concatenate([rows, fixed], axis=1))
        lengths = np.linalg.norm(normals, axis=1)
        kept = lengths > 0.0
        weights = normals[kept] / lengths[kept, None]
        offsets = -(weights * form.points[sets[kept, 0]]).sum(axis=1) if form.bias else np.zeros(len(weights))
        self.weights, self.offsets = np.vstack([weights, -weights]), np.r_[offsets, -offsets]

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Exact whatever the slack; if it is stopped, it proves nothing."""
        values = np.zeros(len(self.offsets))
        for start in range(0, len(values), AT_A_TIME):
            if clock.stopped:
                return self.nothing
            part = slice(start, start + AT_A_TIME)
            values[part] = self.values(v, self.weights[part], self.offsets[part])
        (best,) = self.largest(values, threshold)
        bound = float(values.max(initial=0.0)) + self._rounding(v)
        return self.ranked(v, self.weights[best], self.offsets[best], threshold, bound)

    def _rounding(self, v: Array) -> float:
        """What values may lack: sums round, and directions are missing up to rounding."""
        sizes, lengths = np.linalg.norm(v, axis=1), np.abs(self.form.points).sum(axis=1)
        sums = np.finfo(float).eps * (len(v) + 64) * float(sizes @ (lengths + lengths.max()))
        return sums + self.flatness * float(sizes.sum())
