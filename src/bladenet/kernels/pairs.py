"""Neurons of one column, and of pairs with two-valued columns: maxima over all of them by running sums."""

import numpy as np

from bladenet.kernels.compiling import inner, kernel

TURNS = 64  # of Dinkelbach's method, which takes a handful


@inner
def length_of(h):
    """‖h‖."""
    if len(h) == 1:
        return abs(h[0])
    total = 0.0
    for o in range(len(h)):
        total += h[o] * h[o]
    return np.sqrt(total)


@kernel
def hinges(x, order, V, best, where):
    """The hinges (x − x_j)_+ and (x_j − x)_+ of largest ‖h‖, in each cell of every column.

    h grows by the slope, the sum of V on the active side, times each step between samples. The last (x_j − x)_+ is left
    out: it acts on all samples, as the first (x − x_j)_+ does, and is a constant less that.

    Parameters
    ----------
    x, order : (d, N) ascending values of each column, and the samples that have them
    V : (N, c)
    best : (d, 2, 2, cells) results: largest ‖h‖ by orientation and, for one output, by sign; zeros at the start
    where : the same shape, j, the place in `x` of the kink
    """
    n, cells = x.shape[1], best.shape[3]
    h, slope = np.empty(V.shape[1]), np.empty(V.shape[1])
    for c in range(len(x)):
        width = x[c, n - 1] - x[c, 0]
        if not width > 0.0:
            continue
        for side in range(2):
            h[:] = 0.0
            slope[:] = 0.0
            for step in range(1, n):
                j = step if side else n - 1 - step
                before = j - 1 if side else j + 1
                gap = abs(x[c, j] - x[c, before])
                for o in range(len(h)):
                    slope[o] += V[order[c, before], o]
                    h[o] += slope[o] * gap
                if side and x[c, j] == x[c, n - 1]:
                    break
                size = length_of(h)
                sign = 1 if len(h) == 1 and h[0] < 0.0 else 0
                cell = min(int((x[c, j] - x[c, 0]) / width * cells), cells - 1)
                if size > best[c, side, sign, cell]:
                    best[c, side, sign, cell] = size
                    where[c, side, sign, cell] = j


@inner
def heights(x, v, order, mark, side, H):
    """H_j = Σ v_i (x_i − x_j)_+ (side 0) or Σ v_i (x_j − x_i)_+ (1) over the samples with the mark of j.

    Returns the largest slope of the sum over those without a mark, and with.
    """
    n = len(x)
    h0 = h1 = slope0 = slope1 = steepest0 = steepest1 = 0.0
    last = x[0] if side else x[n - 1]
    for step in range(n):
        j = step if side else n - 1 - step
        gap = abs(x[j] - last)
        last = x[j]
        h0 += slope0 * gap
        h1 += slope1 * gap
        if mark[order[j]]:
            H[j] = h1
            slope1 += v[j]
            steepest1 = max(steepest1, abs(slope1))
        else:
            H[j] = h0
            slope0 += v[j]
            steepest0 = max(steepest0, abs(slope0))
    return steepest0, steepest1


@inner
def best_couple(x, order, mark, sign, H, rate):
    """Max of sign·(H_j + H_k) − rate·|x_j − x_k| over j without a mark and k with one: it and j and k."""
    best, best0, best1 = -np.inf, 0, 0
    top0 = top1 = -np.inf  # largest sign·H so far, less the rate times the way since
    at0 = at1 = 0
    last = x[0]
    for j in range(len(x)):
        way = rate * (x[j] - last)
        last = x[j]
        top0 -= way
        top1 -= way
        height = sign * H[j]
        if mark[order[j]]:
            if height + top0 > best:
                best, best0, best1 = height + top0, at0, j
            if height > top1:
                top1, at1 = height, j
        else:
            if height + top1 > best:
                best, best0, best1 = height + top1, j, at1
            if height > top0:
                top0, at0 = height, j
    return best, best0, best1


@kernel
def two_lines(x, v, order, marks, extents, threshold, slack, rounding, best, where, flag):
    """Bound |h| of the neurons that read a column and a two-valued one, and are no neurons of one of them.

    Parameters
    ----------
    x, v, order : (N,) ascending values of the column, v of the samples that have them, and these
    marks : (m, N) which samples have one of the two values, of m such columns
    extents : (m,) between the two values
    threshold, slack : see :meth:`Pricer.price`
    rounding : what a sum may be off by
    best, where : (m, 2, 2), (m, 2, 2, 2) results: |h|, if above the threshold, of a neuron by orientation and sign, and
        places in `x` of its kinks without and with the mark; zeros at the start
    flag : [1] stops

    Returns
    -------
    The bound; neurons with two kinks in one place, which read only `x`, may exceed it
    """
    H, bound = np.empty(len(x)), threshold
    reach = x[len(x) - 1] - x[0]
    for m in range(len(marks)):
        if flag[0]:
            return np.inf
        per_extent = 1.0 / extents[m]
        for side in range(2):
            steepest = min(*heights(x, v, order, marks[m], side, H))
            if (threshold * per_extent - steepest) * reach >= rounding:
                continue  # no way between the kinks is worth its cost
            for s in range(2):
                sign, t, top = 1.0 - 2.0 * s, threshold, 0.0
                for _ in range(TURNS):
                    top, j, k = best_couple(x, order, marks[m], sign, H, t * per_extent)
                    if not top > t * (1.0 + slack):
                        break
                    value = sign * (H[j] + H[k]) / (1.0 + per_extent * abs(x[j] - x[k]))
                    if not value > t:
                        break  # by rounding
                    t = best[m, side, s] = value
                    where[m, side, s, 0], where[m, side, s, 1] = j, k
                bound = max(bound, t, top + rounding)
    return bound


@kernel
def corners(starts, members, row_starts, columns, counts, V, sums, total, extents, first, last, best, partner, corner):
    """For pairs of two-valued columns the neuron of largest ‖h‖ that acts on one of the four pairs of values.

    Its h is Σ V there times e e' / (e + e'), of the extents of the two columns. Pairs of columns in which one of the
    four does not occur are left out: its neurons on one pair of values are no better than those of one column.

    Parameters
    ----------
    starts, members : samples that have one of the values, the mark, of each of m columns
    row_starts, columns : the same by sample, ascending
    counts, sums : (m,), (m, c) number of marked samples, and of their V
    V, total : (N, c), (c,)
    extents : (m,)
    first, last : columns whose pairs with later ones are looked at
    best, partner, corner : (m,) results: ‖h‖, the other column, and 2·marked + other marked; zeros at the start

    Returns
    -------
    How many pairs have all four
    """
    m, outputs, samples = len(counts), V.shape[1], len(V)
    both, together, met = np.zeros((m, outputs)), np.zeros(m, np.int64), np.empty(m, np.int64)
    here, pairs = np.empty(outputs), 0
    for a in range(first, last):
        number = 0
        for place in range(starts[a], starts[a + 1]):
            i = members[place]
            for beside in range(row_starts[i + 1] - 1, row_starts[i] - 1, -1):
                b = columns[beside]
                if b <= a:
                    break
                if not together[b]:
                    met[number] = b
                    number += 1
                together[b] += 1
                for o in range(outputs):
                    both[b, o] += V[i, o]
        for place in range(number):
            b = met[place]
            shared = together[b]
            if shared < counts[a] and shared < counts[b] and counts[a] + counts[b] - shared < samples:
                pairs += 1
                factor = extents[a] * extents[b] / (extents[a] + extents[b])
                for which in range(4):
                    for o in range(outputs):
                        if which == 3:
                            here[o] = both[b, o]
                        elif which == 2:
                            here[o] = sums[a, o] - both[b, o]
                        elif which == 1:
                            here[o] = sums[b, o] - both[b, o]
                        else:
                            here[o] = total[o] - sums[a, o] - sums[b, o] + both[b, o]
                    size = factor * length_of(here)
                    if size > best[a]:
                        best[a], partner[a], corner[a] = size, b, which
            together[b] = 0
            both[b] = 0.0
    return pairs
