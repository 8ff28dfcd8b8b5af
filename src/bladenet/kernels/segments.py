"""Continuous piecewise-linear least squares, kinks anywhere, by dynamic programming over runs of samples.

A fit of k lines splits the samples x_0 < … < x_{n−1} into runs with a line each. Lines of neighbouring runs meet at a
sample, or between two samples j and j + 1 ("in gap j"): their difference changes its sign there. Two kinks in one gap
join any two lines. At an optimum, what lies between two kinks in gaps is a least-squares fit of its own: moving it a
little leaves the other kinks in their gaps. So the state of a search from left to right is

- after a kink at sample l: the least cost as a function of the value v there, pieces c + a (v − v0)² on intervals;
- after a run that ends in a gap: for each such fit its cost and its line, with which the next line has to cross there.

What costs more than a threshold, with a bound on the rest, is dropped. If nothing is found, no fit is below it.
"""

import numpy as np

from bladenet.kernels.compiling import inner, kernel

GAP, SAMPLE, JUMP = 0, 1, 2  # where a run ends; with JUMP there are two kinks in the gap
LOW, HIGH, CURVATURE, VERTEX, COST, PARENT = range(6)  # of a piece; twice the fit before, and 1 with two kinks between
USED, BEST, FULL = range(3)  # of counters


@inner
def add(sums, x, y, w):
    """Take a sample into the moments of a run: Σw, means of x and y, centred Σwxx, Σwxy and Σwyy."""
    total = sums[0] + w
    dx, dy = x - sums[1], y - sums[2]
    share = w / total
    sums[1] += share * dx
    sums[2] += share * dy
    rest = sums[0] * share
    sums[3] += rest * dx * dx
    sums[4] += rest * dx * dy
    sums[5] += rest * dy * dy
    sums[0] = total


@inner
def line_cost(sums):
    """Σ w (y − line)² of the best line."""
    explained = sums[4] * sums[4] / sums[3] if sums[3] > 0.0 else 0.0
    return max(sums[5] - explained, 0.0)


@inner
def anchored(sums, x):
    """The best line through (x, v): its cost is c + a (v − v0)², its slope s + r (v − v0); also Σ w (x_i − x)²."""
    d = sums[1] - x
    spread = sums[3] + sums[0] * d * d
    s = sums[4] / sums[3] if sums[3] > 0.0 else 0.0
    v0 = sums[2] - s * d
    return sums[0] * sums[3] / spread, v0, line_cost(sums), s, -sums[0] * d / spread, spread


@inner
def merge(sums, part):
    """Take the moments of a bin into those of a run."""
    add(sums, part[1], part[2], part[0])
    sums[3:] += part[3:]


@kernel
def suffix_bounds(moments, k, dropped, bounds):
    """bounds[r, i]: at least what r lines cost on bins i and later, if they need not meet.

    Parameters
    ----------
    moments : (bins, 6) of samples, see `add`
    dropped : 1 if a kink may lie inside a bin, which then costs nothing; 0 if bins are single samples
    bounds : (k + 1, bins + 2) result
    """
    n = len(moments)
    bounds[:] = np.inf
    bounds[:, n:] = 0.0
    sums = np.empty(6)
    for i in range(n - 1, -1, -1):
        sums[:] = 0.0
        if dropped:
            for r in range(1, k + 1):
                bounds[r, i] = bounds[r - 1, i + 1]
        for j in range(i, n):
            merge(sums, moments[j])
            cost = line_cost(sums)
            for r in range(1, k + 1):
                if j + 1 >= n:
                    bounds[r, i] = min(bounds[r, i], cost)
                elif r > 1:
                    bounds[r, i] = min(bounds[r, i], cost + bounds[r - 1, j + 1 + dropped])


@inner
def half_line(height, slope, v0):
    """The interval of v in which height + slope (v − v0) ≥ 0."""
    if slope > 0.0:
        return v0 - height / slope, np.inf
    if slope < 0.0:
        return -np.inf, v0 - height / slope
    return (-np.inf, np.inf) if height >= 0.0 else (np.inf, -np.inf)


@inner
def emit(pieces, count, low, high, piece):
    """Write a piece on an interval behind the others, or make the last one longer."""
    if not low < high or count == len(pieces):
        return count
    if count and pieces[count - 1, HIGH] == low:
        same = True
        for f in range(CURVATURE, PARENT + 1):
            same = same and pieces[count - 1, f] == piece[f]
        if same:
            pieces[count - 1, HIGH] = high
            return count
    pieces[count, :] = piece
    pieces[count, LOW], pieces[count, HIGH] = low, high
    return count + 1


@inner
def lower_of(pieces, count, low, high, old, new, slack):
    """Write the lower of two pieces on an interval: the old one, unless the new one is lower by more than rounding."""
    a, b, shift = new[CURVATURE], old[CURVATURE], new[VERTEX] - old[VERTEX]
    # new − old + slack in z = v − (vertex of new)
    p, q, r = a - b, -2.0 * b * shift, new[COST] - old[COST] - b * shift * shift + slack
    first = second = np.inf
    if abs(p) <= 1e-15 * max(a, b):
        if q != 0.0:
            first = -r / q
    else:
        root = q * q - 4.0 * p * r
        if root > 0.0:
            t = -0.5 * (q + np.sqrt(root)) if q > 0.0 else -0.5 * (q - np.sqrt(root))
            first = t / p
            second = r / t if t != 0.0 else np.inf
    first, second = min(first, second) + new[VERTEX], max(first, second) + new[VERTEX]
    start = low
    for k in range(3):
        end = first if k == 0 else second if k == 1 else high
        end = min(max(end, start), high)
        z = 0.5 * (start + end) - new[VERTEX]
        count = emit(pieces, count, start, end, new if (p * z + q) * z + r < 0.0 else old)
        start = end
    return count


@inner
def insert(pieces, count, new, scratch, slack):
    """The lower envelope of pieces on disjoint intervals, in order, and one more; its length, or −1 if it is full."""
    size, at, low, high = 0, new[LOW], new[LOW], new[HIGH]
    for k in range(count):
        old = pieces[k]
        if old[LOW] >= high:
            size = emit(scratch, size, at, high, new)
            at = max(at, high)
        else:
            size = emit(scratch, size, at, min(old[LOW], high), new)
        start, end = max(old[LOW], low), min(old[HIGH], high)
        if start >= end:
            size = emit(scratch, size, old[LOW], old[HIGH], old)
            continue
        size = emit(scratch, size, old[LOW], start, old)
        size = lower_of(scratch, size, start, end, old, new, slack)
        size = emit(scratch, size, end, old[HIGH], old)
        at = max(at, end)
    size = emit(scratch, size, at, high, new)
    if size > len(pieces):
        return -1
    pieces[:size] = scratch[:size]
    return size


@inner
def put(m, at, new, low, high, room, envelope, counts, counters, scratch, slack):
    """Take a piece on an interval into the envelope of sample `at`, where it costs no more than `room`."""
    left = room - new[COST]
    if left < 0.0:
        return
    reach = np.sqrt(left / new[CURVATURE])
    new[LOW], new[HIGH] = max(low, new[VERTEX] - reach), min(high, new[VERTEX] + reach)
    if new[LOW] < new[HIGH]:
        size = insert(envelope[m, at], counts[m, at], new, scratch, slack)
        if size < 0:
            counters[FULL] = 1
        else:
            counts[m, at] = size


@inner
def end_run(m, at, cost, line, parent, jumps, threshold, heads, fits, links, counters):
    """Note a fit of m lines that ends in a gap; `line` gives its values at the samples around it."""
    node = counters[USED]
    counters[USED] += 1
    fits[node, 0], fits[node, 1], fits[node, 2] = cost, line[0], line[1]
    links[node, 0], links[node, 1], links[node, 2], links[node, 3] = parent, GAP, at, heads[m, at]
    links[node, 4] = jumps
    heads[m, at] = node
    if at == heads.shape[1] - 1 and cost < threshold[0]:
        threshold[0] = cost
        counters[BEST] = node


@kernel
def start_runs(i, x, y, w, allowed, bounds, threshold, slack, envelope, counts, heads, fits, links, counters, scratch):
    """All runs of samples that begin at sample i, or with a kink there, behind those that end before.

    Parameters
    ----------
    i : sample; the runs of all samples before it have been started
    x, y, w : (n,) samples in order, all different, and positive weights
    allowed : (n,) whether a kink may be at a sample or in the gap behind it
    bounds : (k + 1, n + 2) see `suffix_bounds`
    threshold : (1,) cost above which fits are dropped; falls to that of the best fit found
    envelope, counts : (k + 1, n, pieces, 6) and (k + 1, n) pieces, by number of lines and sample
    heads : (k + 1, n) the last fit that ends in a gap, by number of lines and gap
    fits : cost, and values of the line at the samples before and behind the gap
    links : the fit before the last run, how and where that ends, the next fit in the same gap, and whether there are
        two kinks before the run
    counters : how many fits there are, the best, and whether an envelope was full
    """
    n, k, gap = len(x), len(heads) - 1, i - 1
    sums, new, line = np.zeros(6), np.zeros(6), np.zeros(2)
    if i == 0 or allowed[gap]:
        totals = np.zeros(k + 1, dtype=np.int64)
        for m in range(1, k):
            node = heads[m, gap] if i else -1
            while node >= 0:
                totals[m] += 1
                node = links[node, 3]
        before = np.zeros((k + 1, max(1, totals.max())), dtype=np.int64)  # by cost
        for m in range(1, k):
            node = heads[m, gap] if i else -1
            for c in range(totals[m]):
                before[m, c] = node
                node = links[node, 3]
            before[m, : totals[m]] = before[m, np.argsort(fits[before[m, : totals[m]], 0])]
        for last in range(i, n):
            add(sums, x[last], y[last], w[last])
            if last == i or not (allowed[last] or last == n - 1):
                continue
            a, v0, cost, s, r, _ = anchored(sums, x[last])
            line[0] = v0
            line[1] = v0 + s * (x[last + 1] - x[last]) if last + 1 < n else v0
            back = x[i] - x[last]
            here, there = v0 + s * back, (v0 + s * (x[gap] - x[last]) if i else 0.0)
            for m in range(1, k + 1):
                ahead = bounds[k - m, last + 1]
                room = threshold[0] + slack - ahead - cost
                free, parent = np.inf, -1  # where lines need not meet: at the start, and with two kinks in the gap
                if i == 0 and m == 1:
                    free = 0.0
                elif m > 2 and totals[m - 2]:
                    parent = before[m - 2, 0]
                    free = fits[parent, 0]
                if free <= room:
                    best, origin = free, parent
                else:
                    best, origin = np.inf, -1
                for c in range(totals[m - 1]):
                    node = before[m - 1, c]
                    if fits[node, 0] > room or fits[node, 0] >= best:
                        break
                    if (fits[node, 1] - there) * (fits[node, 2] - here) <= 0.0:
                        best, origin = fits[node, 0], node
                        break
                if best <= room:
                    jumps = int(origin >= 0 and origin == parent)
                    end_run(m, last, best + cost, line, origin, jumps, threshold, heads, fits, links, counters)
                if last == n - 1:
                    continue
                new[CURVATURE], new[VERTEX] = a, v0
                if free <= room:
                    new[COST], new[PARENT] = free + cost, 2 * parent + int(parent >= 0)
                    put(m, last, new, -np.inf, np.inf, room + cost, envelope, counts, counters, scratch, slack)
                for c in range(totals[m - 1]):
                    node = before[m - 1, c]
                    if fits[node, 0] > room:
                        break
                    if fits[node, 0] >= free:  # two kinks in the gap do it for less
                        break
                    new[COST], new[PARENT] = fits[node, 0] + cost, 2 * node
                    for sign in (-1.0, 1.0):
                        low, high = half_line(sign * (there - fits[node, 1]), sign * (1.0 + r * (x[gap] - x[last])), v0)
                        low2, high2 = half_line(sign * (fits[node, 2] - here), -sign * (1.0 + r * back), v0)
                        low, high = max(low, low2), min(high, high2)
                        put(m, last, new, low, high, room + cost, envelope, counts, counters, scratch, slack)
    if i == 0 or i == n - 1 or not allowed[i]:
        return
    for m in range(1, k):
        for c in range(counts[m, i]):  # kinks at i have to be known before what follows them
            piece = envelope[m, i, c]
            node = counters[USED]
            counters[USED] += 1
            links[node, 0], links[node, 1], links[node, 2], links[node, 3] = int(piece[PARENT]) // 2, SAMPLE, i, -1
            links[node, 4] = int(piece[PARENT]) % 2
            piece[PARENT] = 2 * node
    sums[:] = 0.0
    for last in range(i + 1, n):
        add(sums, x[last], y[last], w[last])
        if not (allowed[last] or last == n - 1):
            continue
        a, v0, cost, s, r, spread = anchored(sums, x[i])
        h = x[last] - x[i]
        b, growth = spread / (h * h), 1.0 + h * r  # of the value at `last` with that at i
        for m in range(1, k):
            ahead = bounds[k - m - 1, last + 1]
            for c in range(counts[m, i]):
                piece = envelope[m, i, c]
                both = a + piece[CURVATURE]
                v = (a * v0 + piece[CURVATURE] * piece[VERTEX]) / both
                together = piece[COST] + cost + a * piece[CURVATURE] / both * (v0 - piece[VERTEX]) ** 2
                if together + ahead > threshold[0] + slack:
                    continue
                slope = s + r * (v - v0)
                line[0] = v + slope * h
                if piece[LOW] <= v <= piece[HIGH]:
                    line[1] = v + slope * (x[last + 1] - x[i]) if last + 1 < n else line[0]
                    parent = int(piece[PARENT]) // 2
                    end_run(m + 1, last, together, line, parent, 0, threshold, heads, fits, links, counters)
                if last == n - 1:
                    continue
                stiff = both + b * growth * growth
                new[CURVATURE], new[VERTEX], new[COST] = both * b / stiff, line[0], together
                new[PARENT] = piece[PARENT]
                share = b * growth / stiff  # of a change of the value at `last` that the best value at i follows
                low, high = half_line(v - piece[LOW], share, line[0])
                low2, high2 = half_line(piece[HIGH] - v, -share, line[0])
                low, high = max(low, low2), min(high, high2)
                room = threshold[0] + slack - ahead
                put(m + 1, last, new, low, high, room, envelope, counts, counters, scratch, slack)
