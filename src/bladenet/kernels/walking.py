"""Follow h/‖w‖_p along a line of neurons to its first local maximum."""

import numpy as np

from bladenet.kernels.compiling import inner, inner_sums
from bladenet.kernels.linear_algebra import dot

FALLS, PEAK, LIMIT = -1, -2, -3  # how a walk ends other than at a sample or a zero coordinate


@inner_sums
def value_of(v, a):
    """Σ v_i (a_i)_+."""
    total = 0.0
    for i in range(len(v)):
        total += v[i] * max(a[i], 0.0)
    return total


@inner_sums
def longest(features, room):
    """The largest ‖x_i‖: features (d, N), room (N,)."""
    room[:] = 0.0
    for c in range(len(features)):
        for i in range(len(room)):
            room[i] += features[c, i] ** 2
    square = 0.0
    for i in range(len(room)):
        square = max(square, room[i])
    return np.sqrt(square)


@inner_sums
def count_below(a, limit):
    """How many a_i ≤ limit."""
    count = 0
    for i in range(len(a)):
        count += a[i] <= limit
    return count


@inner_sums
def distances(features, direction, out):
    """out[i] = direction·(x_i, 1): features (d, N), direction (d + 1,)."""
    d, n = features.shape
    for i in range(n):
        out[i] = direction[d]
    for c in range(d):
        w = direction[c]
        if w != 0.0:
            for i in range(n):
                out[i] += w * features[c, i]


@inner_sums
def active_sums(features, v, a, above, weight, out):
    """out = Σ_{a_i > above} v_i (x_i, 1), (d + 1,); `weight` is room for N numbers."""
    d, n = features.shape
    for i in range(n):
        weight[i] = v[i] if a[i] > above else 0.0
    total = 0.0
    for i in range(n):  # apart: a loop that writes too is only vectorised where arrays are not close in memory
        total += weight[i]
    out[d] = total
    for c in range(d):
        total = 0.0
        for i in range(n):
            total += weight[i] * features[c, i]
        out[c] = total


@inner_sums
def crossing_times(v, a, slope, touch, times):
    """When a_i + τ·slope_i = 0 (inf if never), and the sums of v_i slope_i: h is Σ v_i (a_i + τ slope_i)_+.

    Returns the slope of h just after τ = 0.
    """
    for i in range(len(v)):
        ai, bi = a[i], slope[i]
        times[i] = -ai / bi if ai * bi < 0.0 and abs(ai) > touch else np.inf
    rise = 0.0
    for i in range(len(v)):  # apart, as above
        rise += v[i] * slope[i] if a[i] > touch or (a[i] >= -touch and slope[i] > 0.0) else 0.0
    return rise


@inner
def sift_down(order, times, root, count):
    """Restore the heap order[:count], soonest first, below `root`."""
    item = order[root]
    while True:
        child = 2 * root + 1
        if child >= count:
            break
        if child + 1 < count and times[order[child + 1]] < times[order[child]]:
            child += 1
        if times[item] <= times[order[child]]:
            break
        order[root] = order[child]
        root = child
    order[root] = item


@inner
def norm_along(w, move, norm):
    """‖w + τ m‖ just after τ = 0: n0 + τ n1 for p = 1, sqrt(n0 + τ² n1) for p = 2, where w ⟂ m and ‖w‖ = 1."""
    if norm == 2:
        return 1.0, dot(move, move)
    n0 = n1 = 0.0
    for c in range(len(w)):
        n0 += abs(w[c])
        n1 += move[c] * np.sign(w[c]) if w[c] != 0.0 else abs(move[c])
    return n0, n1


@inner
def walk(v, a, slope, sa, sb, w, move, norm, touch, tol, limit, window, flat, times, order):
    """Follow w + τ·move, 0 ≤ τ ≤ limit, to the first local maximum of h/‖w‖_p, h = sa + τ sb + Σ_i v_i (…)_+.

    h is linear between the crossings of samples, which are visited in the order of time, `window` by window so that
    few of them are sorted. If `flat`, the walk goes to the first crossing, without asking whether h rises.

    Parameters
    ----------
    v, a, slope : (n,) dual variable, distance and its change with τ of the samples that may change sides
    sa, sb : h and its change with τ without them
    w, move : (d,) weight and its change; p = 2: w is a unit vector, move is zero or a unit vector orthogonal to it
    touch : distance up to which a sample counts as on the hyperplane
    tol : slope of h that is rounding
    times, order : room for n + d numbers

    Returns
    -------
    τ and where it ends: at sample i, at zero coordinate n + c (p = 1), or FALLS (at once), PEAK (p = 2), LIMIT
    """
    n, d = len(v), len(w)
    rise = crossing_times(v, a, slope, touch, times)
    sb += rise
    sa += value_of(v, a)
    n0, n1 = norm_along(w, move, norm)
    events = n
    if norm == 1:
        events = n + d
        for c in range(d):
            times[n + c] = -w[c] / move[c] if w[c] * move[c] < 0.0 else np.inf
    if not flat and (sb if norm == 2 else sb * n0 - sa * n1) <= tol:
        return 0.0, FALLS
    low, top = 0.0, np.int64(0)
    while True:
        high = min(low + window, limit)
        count = top
        for i in range(events):
            order[count] = i
            count += low < times[i] <= high
        for root in range(count // 2 - 1, -1, -1):
            sift_down(order, times, root, count)
        while count > 0:
            i = order[top]
            tau = times[i]
            if flat:
                return tau, i
            if norm == 2 and sb < tau * n1 * sa:
                return sb / (n1 * sa), PEAK
            if i < n:
                side = 1.0 if slope[i] > 0.0 else -1.0
                sa += side * v[i] * a[i]
                sb += side * v[i] * slope[i]
            else:
                n0 -= 2.0 * abs(w[i - n])
                n1 += 2.0 * abs(move[i - n])
            if (sb - tau * n1 * sa if norm == 2 else sb * n0 - sa * n1) <= tol:
                return tau, i
            count -= 1
            order[top] = order[count]
            sift_down(order, times, top, count)
        if norm == 2 and not flat and sb < high * n1 * sa:
            return sb / (n1 * sa), PEAK
        if high >= limit:
            return limit, LIMIT
        low = high
        window *= 4.0
