"""Shortest trees that span points."""

import numpy as np

from bladenet.kernels.compiling import inner, kernel

FEWEST = 1e-140  # differences below it have squares without digits


@inner
def distance(points, i, j):
    """‖x_i − x_j‖₂, also where squares vanish."""
    total = largest = 0.0
    for c in range(points.shape[1]):
        off = abs(points[i, c] - points[j, c])
        largest = max(largest, off)
        total += off * off
    if largest >= FEWEST or largest == 0.0:
        return np.sqrt(total)
    total = 0.0
    for c in range(points.shape[1]):
        total += ((points[i, c] - points[j, c]) / largest) ** 2
    return largest * np.sqrt(total)


@kernel
def spanning_tree(points, parents, distances):
    """Prim's algorithm, from point 0, whose distance stays infinite: O(k² d) for points (k, d).

    Parameters
    ----------
    parents, distances : (k,), filled with the neighbour of every point towards point 0, and how far away that is
    """
    k, d = points.shape
    points, order = points.copy(), np.arange(k)  # those of the tree first, the newest of them last
    parents[:], distances[:] = 0, np.inf
    place, nearest, squares = np.zeros(k, dtype=np.int64), np.full(k, np.inf), np.full(k, np.inf)
    for newest in range(k - 1):
        best = newest + 1
        for i in range(newest + 1, k):
            square = 0.0
            for c in range(d):
                square += (points[i, c] - points[newest, c]) ** 2
            if square <= squares[i]:  # a root is slow, and seldom needed
                length = distance(points, i, newest)
                if length < nearest[i]:
                    nearest[i], squares[i], place[i] = length, square, order[newest]
            if nearest[i] < nearest[best]:
                best = i
        parents[order[best]], distances[order[best]] = place[best], nearest[best]
        after = newest + 1
        order[after], order[best] = order[best], order[after]
        place[best], nearest[best], squares[best] = place[after], nearest[after], squares[after]
        for c in range(d):
            points[after, c], points[best, c] = points[best, c], points[after, c]
