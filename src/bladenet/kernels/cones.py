"""Branch and bound over cones of lines (THEORY §3a)."""

import numpy as np

from bladenet.kernels.compiling import njit_cached, njit_sums

FEW = 8  # mixed samples up to which their linear bounds are optimised one by one


@njit_cached
def ratio_on_edge(p, q, distance_squared):
    """Maximum of (λp + μq) / ‖λg + μk‖₂ over λ, μ ≥ 0 (not both 0), for unit vectors g, k at the given distance, if it
    is positive.

    The maximum is at g or k unless the linear function peaks between them; there it is the norm of its gradient,
    sqrt(((p−q)²/δ² + pq) / (1 − δ²/4)).
    """
    cosine = 1.0 - 0.5 * distance_squared
    if p <= cosine * q:
        return q
    if q <= cosine * p:
        return p
    return np.sqrt(((p - q) ** 2 / distance_squared + p * q) / (1.0 - 0.25 * distance_squared))


@njit_cached
def ratio_on_cone(value, g, norm):
    """Maximum of a linear function over ‖w‖_p on a cone with three generators of unit norm.

    p = 1: the norm is linear inside an orthant, so the maximum is at a generator. p = 2: w lives in the plane, so an
    optimal point needs two generators only (a basic solution), and edges suffice.
    """
    top = max(value[0], value[1], value[2])
    if norm == 1 or top <= 0.0:
        return top
    for k in range(3):
        m = (k + 1) % 3
        gap = (g[k, 0] - g[m, 0]) ** 2 + (g[k, 1] - g[m, 1]) ** 2
        if gap > 0.0:
            top = max(top, ratio_on_edge(value[k], value[m], gap))
    return top


@njit_cached
def longest_edge(g):
    """The two generators farthest apart, as lines: (k, m, squared length).

    Offsets count double: samples are spread around the centre, so turning moves them less than shifting does.
    """
    best_k, best_m, best = 0, 1, -1.0
    for k in range(3):
        m = (k + 1) % 3
        length = (g[k, 0] - g[m, 0]) ** 2 + (g[k, 1] - g[m, 1]) ** 2 + 2.0 * (g[k, 2] - g[m, 2]) ** 2
        if length > best:
            best_k, best_m, best = k, m, length
    return best_k, best_m, best


@njit_cached
def activation_range(x0, x1, start, stop, g, low, high):
    """Smallest and largest a = w·x + b over the generators, for samples start…stop−1."""
    g00, g01, g02 = g[0, 0], g[0, 1], g[0, 2]
    g10, g11, g12 = g[1, 0], g[1, 1], g[1, 2]
    g20, g21, g22 = g[2, 0], g[2, 1], g[2, 2]
    for k in range(stop - start):
        a0 = g00 * x0[start + k] + g01 * x1[start + k] + g02
        a1 = g10 * x0[start + k] + g11 * x1[start + k] + g12
        a2 = g20 * x0[start + k] + g21 * x1[start + k] + g22
        low[k] = min(a0, a1, a2)
        high[k] = max(a0, a1, a2)


@njit_cached
def separate(x0, x1, v, start, stop, low, high, active):
    """Copy the mixed samples of start…stop−1 to stop…; add the active ones to their sum. Returns the new end."""
    write = stop
    s0, s1, s2 = active[0], active[1], active[2]
    for k in range(stop - start):
        i = start + k
        p, q, vi = x0[i], x1[i], v[i]
        x0[write], x1[write], v[write] = p, q, vi
        write += (low[k] < 0.0) & (high[k] > 0.0)
        vi = vi if low[k] >= 0.0 else 0.0
        s0 += vi * p
        s1 += vi * q
        s2 += vi
    active[0], active[1], active[2] = s0, s1, s2
    return write


@njit_sums
def mixed_sums(x0, x1, v, start, stop, g, out):
    """Sums over mixed samples at each generator k: out[0, k] = Σ v P_k, the true values; and what to add to them for
    a linear upper bound, out[1, k], and lower bound, out[2, k], of h on the cone.

    A mixed sample's (a)_+ lies below the interpolation of its values P_k = (a_k)_+ at the generators, and above 0 and
    above a: of these two the one that is off by less in sum, ΣP or Σ(P − a).
    """
    g00, g01, g02 = g[0, 0], g[0, 1], g[0, 2]
    g10, g11, g12 = g[1, 0], g[1, 1], g[1, 2]
    g20, g21, g22 = g[2, 0], g[2, 1], g[2, 2]
    t0 = t1 = t2 = 0.0
    u0 = u1 = u2 = 0.0
    l0 = l1 = l2 = 0.0
    for i in range(start, stop):
        a0 = g00 * x0[i] + g01 * x1[i] + g02
        a1 = g10 * x0[i] + g11 * x1[i] + g12
        a2 = g20 * x0[i] + g21 * x1[i] + g22
        p0, p1, p2 = max(a0, 0.0), max(a1, 0.0), max(a2, 0.0)
        rather_active = 1.0 if a0 + a1 + a2 > 0.0 else 0.0
        up = max(-v[i], 0.0)
        down = max(v[i], 0.0)
        t0 += v[i] * p0
        t1 += v[i] * p1
        t2 += v[i] * p2
        e0, e1, e2 = p0 - rather_active * a0, p1 - rather_active * a1, p2 - rather_active * a2
        u0 += up * e0
        u1 += up * e1
        u2 += up * e2
        l0 += down * e0
        l1 += down * e1
        l2 += down * e2
    out[0, 0], out[0, 1], out[0, 2] = t0, t1, t2
    out[1, 0], out[1, 1], out[1, 2] = u0, u1, u2
    out[2, 0], out[2, 1], out[2, 2] = l0, l1, l2


@njit_cached
def tighten(x0, x1, v, start, stop, g, sign, bound, alpha):
    """Lower the largest of the three bounds on sign·h, by the choice of α ∈ [0, 1] for each mixed sample that bends
    sign·h down (sign·v < 0): there (a)_+ ≥ α a, and :func:`mixed_sums` took α = 0 or 1.

    One sample at a time, the bound at generator k is c_k − s_k α: the best α is an end or where two of these meet. With
    one such sample, the usual case on a ridge of h, the result is exact; without this, ridges would be cut to dust.
    """
    for i in range(start, stop):
        total = 0.0
        for k in range(3):
            total += g[k, 0] * x0[i] + g[k, 1] * x1[i] + g[k, 2]
        alpha[i - start] = 1.0 if total > 0.0 else 0.0
    for _ in range(2):
        for i in range(start, stop):
            m = -sign * v[i]
            if m <= 0.0:
                continue
            old = alpha[i - start]
            s0 = m * (g[0, 0] * x0[i] + g[0, 1] * x1[i] + g[0, 2])
            s1 = m * (g[1, 0] * x0[i] + g[1, 1] * x1[i] + g[1, 2])
            s2 = m * (g[2, 0] * x0[i] + g[2, 1] * x1[i] + g[2, 2])
            c0, c1, c2 = bound[0] + s0 * old, bound[1] + s1 * old, bound[2] + s2 * old
            best, least = old, max(bound[0], bound[1], bound[2])
            for choice in range(5):
                if choice == 0:
                    t = 0.0
                elif choice == 1:
                    t = 1.0
                elif choice == 2:
                    t = (c0 - c1) / (s0 - s1)
                elif choice == 3:
                    t = (c1 - c2) / (s1 - s2)
                else:
                    t = (c2 - c0) / (s2 - s0)
                if 0.0 <= t <= 1.0:
                    largest = max(c0 - s0 * t, c1 - s1 * t, c2 - s2 * t)
                    if largest < least:
                        best, least = t, largest
            alpha[i - start] = best
            bound[0], bound[1], bound[2] = c0 - s0 * best, c1 - s1 * best, c2 - s2 * best


@njit_cached
def grown(array, used, capacity):
    """A longer copy of a buffer."""
    larger = np.empty(capacity)
    larger[:used] = array[:used]
    return larger


@njit_cached
def offer(value, g, cell, best, lines):
    """Keep the generators of a cone that are the best neurons of their sign in its cell."""
    for k in range(3):
        sign = 0 if value[k] > 0.0 else 1
        if abs(value[k]) > best[sign, cell]:
            best[sign, cell] = abs(value[k])
            for c in range(3):
                lines[sign, cell, c] = g[k, c]


@njit_cached
def midpoint(g, k, m, norm):
    """The generator halfway between two, its direction scaled back to unit norm."""
    w0, w1 = g[k, 0] + g[m, 0], g[k, 1] + g[m, 1]
    size = abs(w0) + abs(w1) if norm == 1 else np.sqrt(w0 * w0 + w1 * w1)
    return w0 / size, w1 / size, (g[k, 2] + g[m, 2]) / size


@njit_cached
def branch_and_bound(
    points, v, root, root_cell, norm, threshold, slack, rounding, cell_depth, best, lines, stop, max_depth
):
    """Bound |h| over the cone of lines spanned by `root` (3 generators), from above, by branch and bound.

    On a cone a sample is active, inactive or mixed. Active samples add v·a exactly (their sum is kept), inactive ones
    nothing, mixed ones are bounded linearly: h is between two linear functions, and true at the generators. Children
    re-examine only the mixed samples of their parent.

    A cone is closed for one sign once its bound is at most max(threshold, (1 + slack)·best value seen in its cell); a
    cell is the ancestor of depth `cell_depth`. `best` (2, cells) and `lines` (2, cells, 3) receive the best neuron of
    each cell and sign (row 0: h > 0, row 1: h < 0).

    Returns (bound, cones, visits): |h|/‖w‖ ≤ bound on the whole cone, whatever stopped the search.
    """
    n = points.shape[0]
    capacity = 4 * n + 64
    x0, x1, weight = np.empty(capacity), np.empty(capacity), np.empty(capacity)
    x0[:n], x1[:n], weight[:n] = points[:, 0], points[:, 1], v
    low, high = np.empty(n), np.empty(n)

    # One stack entry per open cone: generators, active sum, mixed samples of the parent (offset, count), depth, cell,
    # and the parent's bounds, which hold for it too if the search is stopped
    height = 2 * max_depth + 4
    stack_g = np.empty((height, 3, 3))
    stack_s = np.zeros((height, 3))
    stack_list = np.zeros((height, 2), dtype=np.int64)
    stack_depth = np.zeros(height, dtype=np.int64)
    stack_cell = np.zeros(height, dtype=np.int64)
    stack_bound = np.full(height, np.inf)

    total = 0.0
    for i in range(n):
        total += abs(v[i]) * (abs(points[i, 0]) + abs(points[i, 1]) + np.abs(root[:, 2]).max())
    stack_g[0] = root
    stack_list[0, 1] = n
    stack_cell[0] = root_cell
    stack_bound[0] = 2.0 * total
    top = 1

    bound = 0.0
    cones = 0
    visits = 0
    g = np.empty((3, 3))
    value = np.empty(3)
    above = np.empty(3)
    below = np.empty(3)
    active = np.empty(3)
    sums = np.empty((3, 3))
    alpha = np.empty(FEW)
    while top > 0:
        if stop[0] != 0:
            for k in range(top):
                bound = max(bound, stack_bound[k])
            break
        top -= 1
        depth = stack_depth[top]
        cell = stack_cell[top]
        offset, count = stack_list[top, 0], stack_list[top, 1]
        for k in range(3):
            for c in range(3):
                g[k, c] = stack_g[top, k, c]
        for c in range(3):
            active[c] = stack_s[top, c]
        cones += 1
        visits += count

        begin, end = offset, offset + count
        if end + count + 1 > capacity:
            capacity = 2 * (end + count + 1)
            x0, x1, weight = grown(x0, end, capacity), grown(x1, end, capacity), grown(weight, end, capacity)
        activation_range(x0, x1, begin, end, g, low, high)
        write = separate(x0, x1, weight, begin, end, low, high, active)
        mixed_sums(x0, x1, weight, end, write, g, sums)
        for k in range(3):
            value[k] = sums[0, k] + active[0] * g[k, 0] + active[1] * g[k, 1] + active[2] * g[k, 2]
            above[k] = value[k] + sums[1, k]
            below[k] = sums[2, k] - value[k]

        first = cell << max(0, cell_depth - depth)
        offer(value, g, first, best, lines)
        good_above = max(threshold, (1.0 + slack) * best[0, first])
        good_below = max(threshold, (1.0 + slack) * best[1, first])
        upper = ratio_on_cone(above, g, norm) + rounding
        lower = ratio_on_cone(below, g, norm) + rounding
        if write - end <= FEW:
            if upper > good_above:
                tighten(x0, x1, weight, end, write, g, 1.0, above, alpha)
                upper = min(upper, ratio_on_cone(above, g, norm) + rounding)
            if lower > good_below:
                tighten(x0, x1, weight, end, write, g, -1.0, below, alpha)
                lower = min(lower, ratio_on_cone(below, g, norm) + rounding)
        if upper <= good_above and lower <= good_below:
            bound = max(bound, upper, lower)
            continue
        k, m, length = longest_edge(g)
        if depth >= max_depth or length < 1e-30:
            bound = max(bound, upper, lower)
            continue

        w0, w1, b = midpoint(g, k, m, norm)
        deeper = depth < cell_depth
        for side in range(2):
            for j in range(3):
                for c in range(3):
                    stack_g[top, j, c] = g[j, c]
            old = k if side == 0 else m
            for j in range(3):
                # a flat cone (bias-free, or d = 1) carries one generator twice: both move
                if g[j, 0] == g[old, 0] and g[j, 1] == g[old, 1] and g[j, 2] == g[old, 2]:
                    stack_g[top, j, 0], stack_g[top, j, 1], stack_g[top, j, 2] = w0, w1, b
            for c in range(3):
                stack_s[top, c] = active[c]
            stack_list[top, 0], stack_list[top, 1] = end, write - end
            stack_depth[top] = depth + 1
            stack_cell[top] = 2 * cell + side if deeper else cell
            stack_bound[top] = max(upper, lower)
            top += 1
    return bound, cones, visits
