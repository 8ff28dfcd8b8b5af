"""Points so close to each other that a pricing may take them for one.

|(w·x + b)_+ − (w·x' + b)_+| ≤ |w·(x − x')|, at most the largest |x_c − x'_c| for weights of ‖w‖₁ = 1, and ‖x − x'‖₂ for
‖w‖₂ = 1. So h changes by Σ |v_i| times these distances at most if points stand in for others near them.
"""

import numpy as np

from bladenet.losses import Array, Index, row_norms
from bladenet.problem import distinct_rows, group_sums

MOST = 1000  # points that are looked at: among more, pairs whose v cancel are never all there is


class Merging:
    """The points (N, d) of a space of neurons with weights of this norm, merged as closely as is asked for."""

    def __init__(self, points: Array, norm: int):
        self.points, self.norm = points, norm
        self.made: dict[int, tuple[Index, Index, Array] | None] = {}

    def merged(self, v: Array, allowed: float) -> tuple[Index | None, Array, float]:
        """Points that stand in for all, the sums of v (N,) or (N, c) over theirs, and how far |h| is off by at most.

        This is at most `allowed`; None if all points stay.
        """
        sizes = row_norms(v)
        total = float(sizes.sum())
        share = allowed / total if total else 0.0  # which underflows beside a tiny β
        if len(v) > MOST or not 0.0 < share < np.inf:
            return None, v, 0.0
        found = self._groups(int(np.floor(np.log2(share))))
        if found is None:
            return None, v, 0.0
        first, group, distances = found
        return first, group_sums(group, v, len(first)), float(sizes @ distances)

    def _groups(self, level: int) -> tuple[Index, Index, Array] | None:
        """Groups of points within 2^level of their first: the first of each, which each point is in, its distance."""
        if level not in self.made:
            size = 2.0**level / (np.sqrt(self.points.shape[1]) if self.norm == 2 else 1.0)
            cells = np.column_stack([_cells(values, size) for values in self.points.T])
            first, group = distinct_rows(cells)
            distances = row_norms(self.points - self.points[first][group], 2 if self.norm == 2 else np.inf)
            self.made[level] = (first, group, distances) if len(first) < len(group) else None
        return self.made[level]


def _cells(values: Array, size: float) -> Index:
    """Numbers of the intervals, no longer than `size`, that values fall in: runs without larger gaps, cut to length.

    No grid can part values that are close to each other and far from all others.
    """
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    begins = np.r_[True, np.diff(sorted_values) > size]
    start = sorted_values[begins][np.cumsum(begins) - 1]
    part = np.floor((sorted_values - start) / size)
    begins[1:] |= np.diff(part) != 0
    cells = np.empty(len(values), dtype=np.int64)
    cells[order] = np.cumsum(begins) - 1
    return cells
