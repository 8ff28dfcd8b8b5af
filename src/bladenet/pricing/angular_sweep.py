"""Angular sweeps: the paper's dictionary itself, exactly, one pencil of lines per sample (THEORY §3c).

O(n log n) per pencil, O(n² log n) in all with a bias. Shares no search with branch and bound, which it checks; prices
bias-free neurons of the plane, where one pencil is everything; and can leave out the arcs, which is the vertices-only
network of the paper's Theorems 4 and 5.
"""

import numpy as np
from numpy.typing import NDArray

from bladenet import kernels
from bladenet.losses import Array, Index
from bladenet.pricing.base import Clock, Priced, Pricer
from bladenet.pricing.parallel import on_all_cores
from bladenet.problem import StandardForm

Mask = NDArray[np.bool_]
ANGLE_CELLS = 256
OFFSET_CELLS = 32


class AngularSweep(Pricer):
    """Prices all lines of the plane through a sample (with bias) or through the origin (without).

    Parameters
    ----------
    form : StandardForm with two features
    vertices_only : bool
        Leave out the critical points between two blades (p = 2), so that every neuron is a blade of samples. The
        bound then covers blades only.
    """

    def __init__(self, form: StandardForm, vertices_only: bool = False):
        super().__init__(form)
        if form.points.shape[1] != 2:
            raise ValueError(f"angular sweeps need two features, the data have {form.points.shape[1]}.")
        self.arcs = form.norm == 2 and not vertices_only

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Exact whatever the slack; a stopped sweep proves nothing, its bound is inf."""
        if self.form.bias:
            values, angles, anchors, complete = self._through_samples(v, clock)
        else:
            values, angles, anchors, complete = self._through_origin(v)
        weights = np.column_stack([np.cos(angles), np.sin(angles)])
        if self.form.norm == 1:
            weights /= np.abs(weights).sum(axis=1, keepdims=True)
        offsets = -np.sum(weights * anchors, axis=1)
        found = values > threshold
        largest = float(values.max(initial=0.0))
        if self.form.bias:
            found &= self._best_of_cells(values, angles, offsets)
        lengths = np.abs(self.form.points).sum(axis=1)
        rounding = np.finfo(float).eps * (len(v) + 64) * float(np.abs(v) @ (lengths + lengths.max()))
        bound = largest + rounding if complete else np.inf
        return self.ranked(v, weights[found], offsets[found], threshold, bound)

    def _through_origin(self, v: Array) -> tuple[Array, Array, Array, bool]:
        points = self.form.points
        kept = points.any(axis=1)
        best, direction = np.zeros((2, ANGLE_CELLS)), np.zeros((2, ANGLE_CELLS))
        kernels.sweep_pencil(
            points[kept, 0], points[kept, 1], v[kept], self.form.norm, self.arcs, ANGLE_CELLS, best, direction
        )
        return best.ravel(), direction.ravel(), np.zeros((2 * ANGLE_CELLS, 2)), True

    def _through_samples(self, v: Array, clock: Clock) -> tuple[Array, Array, Array, bool]:
        points = self.form.points
        n = len(points)
        best, direction = np.zeros((n, 2)), np.zeros((n, 2))

        def sweep(anchors: Index, flag: Index) -> bool:
            part_best, part_direction = np.zeros((len(anchors), 2)), np.zeros((len(anchors), 2))
            done = kernels.sweep_anchors(points, v, anchors, self.form.norm, self.arcs, part_best, part_direction, flag)
            best[anchors], direction[anchors] = part_best, part_direction
            return done == len(anchors)

        complete = all(on_all_cores(sweep, np.array_split(np.arange(n), min(n, 64)), clock))
        return best.ravel(), direction.ravel(), np.repeat(points, 2, axis=0), complete

    def _best_of_cells(self, values: Array, angles: Array, offsets: Array) -> Mask:
        """Mark the best neuron of each cell of direction and offset: many pencils find the same neuron."""
        span = np.ptp(offsets) or 1.0
        angle_cell = np.floor((angles + np.pi) / (2.0 * np.pi) * ANGLE_CELLS).astype(np.int64)
        offset_cell = np.floor((offsets - offsets.min()) / span * OFFSET_CELLS).astype(np.int64)
        cell = angle_cell * (OFFSET_CELLS + 1) + offset_cell
        order = np.lexsort((-values, cell))
        best = np.zeros(len(values), dtype=bool)
        best[order[np.r_[True, np.diff(cell[order]) != 0]]] = True
        return best
