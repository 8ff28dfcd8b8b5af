"""Branch and bound over cones of neurons: the pricer that certifies, exact for both norms (THEORY §3a).

The space of neurons (w, b) of the plane is covered by cones with three generators: for each arc of directions between
g_k and g_{k+1}, the prism of offsets −R…R cut in two. Beyond R = max ‖x_i‖ every sample is on one side, and h does
not depend on b there. Without bias, or on the line, the cones are flat and a generator stands twice.
"""

import numpy as np

from bladenet import kernels
from bladenet.losses import Array
from bladenet.pricing.base import Clock, Priced, Pricer
from bladenet.pricing.climbs import climbed
from bladenet.pricing.threads import on_all_cores
from bladenet.problem import StandardForm

CELL_DEPTH = 6  # cones of this depth are the cells that candidates are kept for
MOST_CLIMBS = 256  # neurons per pricing that are followed to their local maximum
MAX_DEPTH = 300  # a cone of this depth is smaller than rounding


class BranchAndBound(Pricer):
    """Prices all neurons of the plane or the line (d ≤ 2), in time linear in the number of points."""

    def __init__(self, form: StandardForm):
        super().__init__(form)
        n, d = form.points.shape
        if d > 2:
            raise ValueError(f"branch and bound covers one or two features so far, the data have {d}.")
        self.points = np.zeros((n, 2))
        self.points[:, :d] = form.points
        lengths = np.abs(self.points).max(axis=1) if form.norm == 1 else np.hypot(*self.points.T)
        self.radius = float(lengths.max()) if form.bias else 0.0
        self.roots = _cover(d, form.norm, self.radius)
        self.lengths = lengths
        self.planar = d == 2 and form.bias

    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.price`. Cones are searched by threads on all cores."""
        cells = len(self.roots) << CELL_DEPTH
        best, lines = np.zeros((2, cells)), np.zeros((2, cells, 3))
        # summation of up to N terms of |v|·|a| in the order the tree visits them
        rounding = np.finfo(float).eps * (len(v) + 64) * float(np.abs(v) @ (self.lengths + self.radius))

        def search(root: int) -> tuple[float, int, int]:
            return kernels.branch_and_bound(
                self.points, v, self.roots[root], root, self.form.norm, threshold, slack, rounding,
                CELL_DEPTH, best, lines, clock.flag, MAX_DEPTH,
            )  # fmt: skip

        bounds, cones, visits = zip(*on_all_cores(search, range(len(self.roots)), clock), strict=True)
        enough = max(threshold, np.partition(best.ravel(), -MOST_CLIMBS)[-MOST_CLIMBS])
        candidates = lines[best > enough]
        if self.planar:
            candidates = climbed(self.form, self.features, v, candidates, clock)
        d = self.form.points.shape[1]
        return self.ranked(v, candidates[:, :d], candidates[:, 2], threshold, max(bounds), sum(cones), sum(visits))

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """See :meth:`Pricer.nearby`."""
        if not self.planar:
            return super().nearby(v, weights, offsets, threshold, clock)
        beside = climbed(self.form, self.features, v, np.column_stack([weights, offsets]), clock)
        return self.ranked(v, beside[:, :2], beside[:, 2], threshold, np.inf)


def _cover(d: int, norm: int, radius: float) -> Array:
    """Root cones (k, 3, 3), generators (w, b) of unit norm, that together contain every neuron that matters."""
    if d == 1:
        edges = [(np.array([sign, 0.0]),) * 2 for sign in (1.0, -1.0)]
    else:
        angles = 2.0 * np.pi * np.arange(16) / 16
        ring = np.column_stack([np.cos(angles), np.sin(angles)])
        if norm == 1:  # the axes are among them, so that each arc stays in one orthant
            ring /= np.abs(ring).sum(axis=1, keepdims=True)
        edges = list(zip(ring, np.roll(ring, -1, axis=0), strict=True))
    roots = []
    for a, b in edges:
        low_a, high_a, low_b, high_b = (*a, -radius), (*a, radius), (*b, -radius), (*b, radius)
        if d == 1 or radius == 0.0:
            roots.append((low_a, high_b, high_b))
        else:
            roots += [(low_a, low_b, high_b), (low_a, high_a, high_b)]
    return np.array(roots)
