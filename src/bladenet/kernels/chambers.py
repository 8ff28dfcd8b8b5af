"""Search for the largest chamber of an arrangement of hyperplanes through the origin (THEORY §6)."""

import numpy as np

from bladenet.kernels.compiling import inner, kernel
from bladenet.kernels.linear_algebra import dot

ZERO = 1e-12  # a row of unit length with |row·g| below it passes through the generator g
MOST_GENERATORS = 128  # of one cell
MOST_FACETS = 62  # of one cell; one bit each
MOST_OPEN = 512  # cells waiting at one time
DIAMETER, CAP = 0, 1  # what the size of a cell is


@inner
def squared_distance(a, b):
    """‖a − b‖² of two short vectors."""
    total = 0.0
    for k in range(len(a)):
        total += (a[k] - b[k]) ** 2
    return total


@inner
def solve(matrix, right):
    """Replace `right` (k, j) by matrix⁻¹ right, for a small matrix (k, k), which is overwritten."""
    size = len(matrix)
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        for j in range(size):
            matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        for j in range(right.shape[1]):
            right[k, j], right[pivot, j] = right[pivot, j], right[k, j]
        for i in range(size):
            if i != k:
                factor = matrix[i, k] / matrix[k, k]
                for j in range(k, size):
                    matrix[i, j] -= factor * matrix[k, j]
                for j in range(right.shape[1]):
                    right[i, j] -= factor * right[k, j]
    for k in range(size):
        for j in range(right.shape[1]):
            right[k, j] /= matrix[k, k]


@inner
def independent_rows(rows, r):
    """Indices of r rows that span the space, the one farthest from the span of those before it each time (or −1)."""
    n = len(rows)
    rest = rows.copy()
    chosen = np.full(r, -1)
    for k in range(r):
        best, longest = -1, 1e-18
        for i in range(n):
            length = dot(rest[i], rest[i])
            if length > longest:
                best, longest = i, length
        chosen[k] = best
        if best < 0:
            break
        direction = rest[best] / np.sqrt(longest)
        for i in range(n):
            along = dot(rest[i], direction)
            for j in range(r):
                rest[i, j] -= along * direction[j]
    return chosen


@inner
def farthest_pair(g, m, support):
    """The distance of the two generators farthest apart, written to `support`."""
    longest = -1.0
    for k in range(m):
        for l in range(k):
            length = squared_distance(g[k], g[l])
            if length > longest:
                support[0], support[1], longest = k, l, length
    return np.sqrt(max(longest, 0.0)), 2


@inner
def smallest_cap(g, m, support):
    """Sine of the radius of the smallest spherical cap around unit vectors g, and the vectors on its rim that fix it.

    Its centre is the point of their convex hull nearest the origin (found as by Wolfe 1976), at distance c; with u
    its direction, c = min_k u·g_k, and since that is a lower bound on the distance for any u, so is what is returned.
    """
    r = g.shape[1]
    weight = np.zeros(r + 1)
    support[0], weight[0], count = 0, 1.0, 1
    centre = g[0].copy()
    cosine = -1.0
    for _ in range(50 * (r + 1)):
        square = dot(centre, centre)
        new, lowest = 0, np.inf
        for k in range(m):
            value = dot(g[k], centre)
            if value < lowest:
                new, lowest = k, value
        if square > 0.0:
            cosine = max(cosine, lowest / np.sqrt(square))
        if lowest >= square - 1e-14 or count > r:
            break
        known = False
        for k in range(count):
            known |= support[k] == new
        if known:
            break
        support[count], weight[count] = new, 0.0
        count += 1
        while True:  # towards the point of their affine hull nearest the origin, dropping vectors on the way
            gram = np.ones((count, count))
            for k in range(count):
                for l in range(count):
                    gram[k, l] += dot(g[support[k]], g[support[l]])
                gram[k, k] += 1e-15
            target = np.ones((count, 1))
            solve(gram, target)
            total = 0.0
            for k in range(count):
                total += target[k, 0]
            for k in range(count):
                target[k, 0] /= total
            step = 1.0
            for k in range(count):
                if target[k, 0] <= 1e-13 and weight[k] > target[k, 0]:
                    step = min(step, weight[k] / (weight[k] - target[k, 0]))
            kept = 0
            for k in range(count):
                value = weight[k] + step * (target[k, 0] - weight[k])
                if value > 1e-13 or (step == 1.0 and target[k, 0] > 1e-13):
                    support[kept], weight[kept] = support[k], value
                    kept += 1
            done = kept == count or kept == 0
            count = max(kept, 1)
            if done:
                break
        centre[:] = 0.0
        for k in range(count):
            for j in range(r):
                centre[j] += weight[k] * g[support[k], j]
    return np.sqrt(max(0.0, 1.0 - max(cosine, 0.0) ** 2)), count


@inner
def cutting_row(rows, mixed, g, support, count):
    """The row that most evenly separates the supporting generators strictly (−1: none does), and whether any row is
    positive, or negative, on them.
    """
    best, balance = -1, ZERO
    positive = negative = False
    for i in mixed:
        low, high = np.inf, -np.inf
        for k in range(count):
            value = dot(rows[i], g[support[k]])
            low, high = min(low, value), max(high, value)
        positive |= high > ZERO
        negative |= low < -ZERO
        if min(-low, high) > balance:
            best, balance = i, min(-low, high)
    return best, positive, negative


@inner
def share_an_edge(tight_k, tight_l, r):
    """Whether two generators are on r − 2 common facets, so that their edge is one of the cell's, or rarely a chord.

    A chord only adds points of the cell to its generators, which changes no size; a missing edge would lose a part.
    """
    facets, bits = 0, tight_k & tight_l
    while bits:
        bits &= bits - 1
        facets += 1
    return facets >= r - 2


@inner
def cut(g, tight, m, row, bit, r, side, new_g, new_tight):
    """Generators of the part of a cell where side·row ≥ 0; returns their number, or −1 if there are too many."""
    value = np.empty(m)
    for k in range(m):
        value[k] = side * dot(row, g[k])
    count = 0
    for k in range(m):
        if value[k] >= -ZERO:
            if count == len(new_g):
                return -1
            new_g[count] = g[k]
            new_tight[count] = tight[k] | bit if value[k] <= ZERO else tight[k]
            count += 1
        else:
            for l in range(m):
                if value[l] > ZERO and share_an_edge(tight[k], tight[l], r):
                    if count == len(new_g):
                        return -1
                    for j in range(r):
                        new_g[count, j] = value[l] * g[k, j] - value[k] * g[l, j]
                    length = np.sqrt(dot(new_g[count], new_g[count]))
                    for j in range(r):
                        new_g[count, j] /= length
                    new_tight[count] = (tight[k] & tight[l]) | bit
                    count += 1
    return count


@inner
def free_bit(tight, m, r):
    """A bit that marks no facet, once those on fewer than r − 1 generators are forgotten; 0 if there is none."""
    free = np.int64(0)
    for position in range(MOST_FACETS):
        bit = np.int64(1) << position
        touching = 0
        for k in range(m):
            touching += (tight[k] & bit) != 0
        if touching < r - 1:
            free = bit
            for k in range(m):
                tight[k] &= ~bit
    return free


@inner
def still_mixed(rows, mixed, g, m, cut_row, out):
    """Rows that still cut the cell, into `out`; their number, and whether one that no longer does is > 0, or < 0."""
    count = 0
    positive = negative = False
    for i in mixed:
        low, high = np.inf, -np.inf
        for k in range(m):
            value = dot(rows[i], g[k])
            low, high = min(low, value), max(high, value)
        if i != cut_row and low < -ZERO and high > ZERO:
            out[count] = i
            count += 1
        else:  # the cut itself leaves rounding on its other side
            positive |= high > max(ZERO, -low)
            negative |= low < -max(ZERO, high)
    return count, positive, negative


@inner
def largest_chamber(rows, kind, threshold, two_sided, budget):
    """Size of the largest chamber of the arrangement of unit rows (n, r), among those larger than `threshold`.

    A cell is the cone of some rows' signs, given by its generators of unit length; it starts as an orthant of r
    independent rows. Its size, the farthest distance of two generators (right up to √2) or the sine of the radius of
    the smallest cap around them, never grows when a row cuts it. Two generators, or the ones on the rim of the cap,
    that no row separates strictly lie in one chamber, whose size then is that of the cell: no other row matters.
    Otherwise the row that separates them most evenly cuts the cell, the larger part first. C and −C are alike; one is
    searched.

    two_sided : leave out the chambers on which no two rows differ in sign

    Returns
    -------
    size : of the largest chamber, or `threshold` if none is larger
    unresolved : the largest size of a cell that could not be searched, 0 if all were
    work : rows and pairs of generators looked at; the search ends when it exceeds `budget`
    """
    n, r = rows.shape
    basis = independent_rows(rows, r)
    if basis[r - 1] < 0:
        return threshold, 2.0, 0
    inverse = np.eye(r)
    solve(rows[basis], inverse)
    everywhere = np.arange(n)

    cell_g = np.empty((MOST_OPEN, MOST_GENERATORS, r))
    cell_tight = np.empty((MOST_OPEN, MOST_GENERATORS), dtype=np.int64)
    cell_m = np.empty(MOST_OPEN, dtype=np.int64)
    cell_start = np.empty(MOST_OPEN, dtype=np.int64)
    cell_stop = np.empty(MOST_OPEN, dtype=np.int64)
    cell_positive = np.empty(MOST_OPEN, dtype=np.bool_)
    cell_negative = np.empty(MOST_OPEN, dtype=np.bool_)
    pool = np.empty(4 * n, dtype=np.int64)
    mixed = np.empty(n, dtype=np.int64)
    g, tight = np.empty((MOST_GENERATORS, r)), np.empty(MOST_GENERATORS, dtype=np.int64)
    all_generators = np.arange(MOST_GENERATORS)
    support = np.empty(r + 2, dtype=np.int64)
    work, unresolved = 0, 0.0

    for orthant in range(1 << (r - 1)):
        start_positive = start_negative = False
        for k in range(r):
            sign = -1.0 if (orthant >> k) & 1 else 1.0
            cell_g[0, k] = sign * inverse[:, k] / np.sqrt(dot(inverse[:, k], inverse[:, k]))
            cell_tight[0, k] = ((np.int64(1) << r) - 1) & ~(np.int64(1) << k)
            start_positive |= sign > 0.0
            start_negative |= sign < 0.0
        count, positive, negative = still_mixed(rows, everywhere, cell_g[0], r, -1, pool)
        cell_m[0], cell_start[0], cell_stop[0] = r, 0, count
        cell_positive[0], cell_negative[0] = positive or start_positive, negative or start_negative
        work += n
        opened = 1
        while opened:
            opened -= 1
            m, start, stop = cell_m[opened], cell_start[opened], cell_stop[opened]
            g[:m], tight[:m] = cell_g[opened, :m], cell_tight[opened, :m]
            mixed[: stop - start] = pool[start:stop]
            remaining = mixed[: stop - start]
            size, supporting = farthest_pair(g, m, support) if kind == DIAMETER else smallest_cap(g, m, support)
            work += m * m
            if size <= threshold:
                continue
            if work > budget:
                unresolved = max(unresolved, size)
                continue
            work += 2 * len(remaining)
            row, positive, negative = cutting_row(rows, remaining, g, support, supporting)
            if row < 0:
                positive |= cell_positive[opened]
                negative |= cell_negative[opened]
                if not two_sided or (positive and negative):
                    threshold = size
                    continue
                row, _, _ = cutting_row(rows, remaining, g, all_generators, m)
                if row < 0:
                    continue
            bit = free_bit(tight, m, r)
            if bit == 0 or opened + 2 > MOST_OPEN:
                unresolved = max(unresolved, size)
                continue
            if start + 2 * n > len(pool):
                larger = np.empty(2 * len(pool), dtype=np.int64)
                larger[:start] = pool[:start]
                pool = larger
            was_positive, was_negative = cell_positive[opened], cell_negative[opened]
            # the part with more of the generators first: the other one waits below it
            first = 0
            for k in range(m):
                first += 1 if dot(rows[row], g[k]) > 0.0 else -1
            side, end = -1.0 if first > 0 else 1.0, start
            for _ in range(2):
                count = cut(g, tight, m, rows[row], bit, r, side, cell_g[opened], cell_tight[opened])
                if count < 0:
                    unresolved = max(unresolved, size)
                else:
                    left, positive, negative = still_mixed(rows, remaining, cell_g[opened], count, row, pool[end:])
                    cell_m[opened], cell_start[opened], cell_stop[opened] = count, end, end + left
                    cell_positive[opened] = was_positive or positive
                    cell_negative[opened] = was_negative or negative
                    opened += 1
                    end += left
                side = -side
    return threshold, unresolved, work


@kernel
def largest_chamber_of_anchors(points, others, anchors, kind, threshold, two_sided, budget):
    """:func:`largest_chamber` over the arrangements of points[others] − anchor, one for each of the anchors (m, r)."""
    worst, work = 0.0, 0
    rows = np.empty((len(others), points.shape[1]))
    for anchor in anchors:
        count = 0
        for k in others:
            length = np.sqrt(squared_distance(points[k], anchor))
            if length > 0.0:
                rows[count] = (points[k] - anchor) / length
                count += 1
        threshold, unresolved, done = largest_chamber(rows[:count], kind, threshold, two_sided, budget - work)
        work += done
        worst = max(worst, unresolved)
        if work > budget:
            return threshold, 2.0, work
    return threshold, worst, work
