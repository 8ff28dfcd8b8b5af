"""All numba code: plain njit functions with the formula in the docstring.

Conventions. Samples are (N, d) float64, `v` is their dual variable, a neuron of the plane is a line (w1, w2, b) and
acts on a sample by a = w·x + b; h(w, b) = Σ_i v_i (w·x_i + b)_+.
"""

import numpy as np
from numba import njit

njit_cached = njit(cache=True, nogil=True, error_model="numpy")
# sums in any order, so that they can run in SIMD; NaN and inf keep their meaning
njit_sums = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})


@njit_cached
def ratio_on_edge(p, q, distance_squared):
    """Maximum of (λp + μq) / ‖λg + μk‖₂ over λ, μ ≥ 0 (not both 0), for unit vectors g, k at the given distance.

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
def grown(array, used, capacity):
    """A longer copy of a buffer."""
    larger = np.empty(capacity)
    larger[:used] = array[:used]
    return larger


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
        total += abs(v[i]) * (abs(points[i, 0]) + abs(points[i, 1]) + abs(root[0, 2]) + abs(root[1, 2]) + abs(root[2, 2]))
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
        for k in range(3):
            sign = 0 if value[k] > 0.0 else 1
            if abs(value[k]) > best[sign, first]:
                best[sign, first] = abs(value[k])
                for c in range(3):
                    lines[sign, first, c] = g[k, c]

        upper = ratio_on_cone(above, g, norm) + rounding
        lower = ratio_on_cone(below, g, norm) + rounding
        if upper <= max(threshold, (1.0 + slack) * best[0, first]) and lower <= max(
            threshold, (1.0 + slack) * best[1, first]
        ):
            bound = max(bound, upper, lower)
            continue
        k, m, length = longest_edge(g)
        if depth >= max_depth or length < 1e-30:
            bound = max(bound, upper, lower)
            continue

        # midpoint of the longest edge, its direction scaled back to unit norm
        w0, w1 = g[k, 0] + g[m, 0], g[k, 1] + g[m, 1]
        size = abs(w0) + abs(w1) if norm == 1 else np.sqrt(w0 * w0 + w1 * w1)
        w0, w1, b = w0 / size, w1 / size, (g[k, 2] + g[m, 2]) / size
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


@njit_cached
def neuron_values(points, v, weights, offsets, out):
    """out[k] = Σ_i v_i (w_k·x_i + b_k)_+, evaluated directly: (N, d), (N,), (m, d), (m,) → (m,)."""
    n, d = points.shape
    for k in range(weights.shape[0]):
        total = 0.0
        for i in range(n):
            a = offsets[k]
            for c in range(d):
                a += weights[k, c] * points[i, c]
            if a > 0.0:
                total += v[i] * a
        out[k] = total


@njit_cached
def norm_ahead(line, move, tau, norm):
    """‖w + τ m‖_p as n0 + τ n1 just after τ for p = 1; for p = 2 returns (1, 0), since w ⟂ m are unit vectors."""
    if norm == 2:
        return 1.0, 0.0
    n0 = n1 = 0.0
    for c in range(2):
        a, m = line[c], move[c]
        ahead = a + tau * m
        if abs(ahead) <= 1e-14:  # on the axis: the sign after it is that of the move
            ahead = m
        if ahead >= 0.0:
            n0 += a
            n1 += m
        else:
            n0 -= a
            n1 -= m
    return n0, n1


@njit_cached
def rises(sa, sb, tau, rotating, n0, n1, norm):
    """Whether h/‖w‖ rises just after τ, with h = sa + τ sb on the current cell (sign of its derivative).

    Rotating, p = 2: ‖w‖ = sqrt(1 + τ²), derivative ∝ sb − τ sa. p = 1: ‖w‖ = n0 + τ n1, ∝ sb n0 − sa n1.
    """
    if not rotating:
        return sb > 0.0
    if norm == 2:
        return sb - tau * sa > 0.0
    return sb * n0 - sa * n1 > 0.0


@njit_cached
def walk(points, v, n, base, line, move, rotating, norm, touch, farthest, a, slope):
    """Follow line + τ·move, 0 ≤ τ ≤ farthest, to the first local maximum of h/‖w‖; `line` is replaced by it.

    Samples 0…n−1 cross where a + τ·slope = 0 (a = distance now, slope = its change); all others keep their side and
    add base·(w1, w2, b). Between crossings h is linear in τ; the walk stops at a crossing (a blade), at `farthest`,
    or, rotating with p = 2, where h/‖w‖ peaks between two crossings (an arc).
    Returns the sample it stopped at, or −1.
    """
    sa = base[0] * line[0] + base[1] * line[1] + base[2] * line[2]
    sb = base[0] * move[0] + base[1] * move[1] + base[2] * move[2]
    for i in range(n):
        ai = line[0] * points[i, 0] + line[1] * points[i, 1] + line[2]
        bi = move[0] * points[i, 0] + move[1] * points[i, 1] + move[2]
        a[i] = ai
        slope[i] = bi
        if ai > touch:
            sa += v[i] * ai
            sb += v[i] * bi
        elif ai >= -touch and bi > 0.0:
            sb += v[i] * bi
    n0, n1 = norm_ahead(line, move, 0.0, norm)
    if not rises(sa, sb, 0.0, rotating, n0, n1, norm):
        return -1

    tau = 0.0
    window = farthest / 32.0
    order = np.empty(n, dtype=np.int64)
    times = np.empty(n)
    while tau < farthest:
        # crossings in (tau, tau + window], nearest first
        count = 0
        for i in range(n):
            if abs(a[i]) > touch and a[i] * slope[i] < 0.0:
                t = -a[i] / slope[i]
                if tau < t <= tau + window:
                    order[count] = i
                    times[count] = t
                    count += 1
        rank = np.argsort(times[:count])
        last = tau
        for j in range(count + 1):
            t = times[rank[j]] if j < count else tau + window
            if rotating and norm == 1:
                # stop at the first axis before t, if h/‖w‖ falls after it
                for c in range(2):
                    if line[c] * move[c] < 0.0 and abs(line[c]) > 1e-14:
                        axis = -line[c] / move[c]
                        if last < axis < t:
                            n0, n1 = norm_ahead(line, move, axis, norm)
                            if not rises(sa, sb, axis, rotating, n0, n1, norm):
                                for k in range(3):
                                    line[k] += axis * move[k]
                                line[c] = 0.0
                                return -1
                            last = axis
            if rotating and norm == 2 and sb < t * sa:
                peak = sb / sa
                for k in range(3):
                    line[k] += peak * move[k]
                return -1
            if j == count:
                break
            i = order[rank[j]]
            if slope[i] > 0.0:
                sa += v[i] * a[i]
                sb += v[i] * slope[i]
            else:
                sa -= v[i] * a[i]
                sb -= v[i] * slope[i]
            n0, n1 = norm_ahead(line, move, t, norm)
            if not rises(sa, sb, t, rotating, n0, n1, norm):
                for k in range(3):
                    line[k] += t * move[k]
                return i
            last = t
        tau += window
        window *= 4.0
    for k in range(3):
        line[k] += tau * move[k]
    return -1


@njit_cached
def normalise(line, norm):
    """Scale a line so that ‖w‖_p = 1; returns the old norm."""
    if norm == 1:
        size = abs(line[0]) + abs(line[1])
    else:
        size = np.sqrt(line[0] ** 2 + line[1] ** 2)
    for c in range(3):
        line[c] /= size
    return size


@njit_cached
def climb_nearby(points, v, n, base, line, norm, touch, farthest, a, slope):
    """Climb h/‖w‖_p from `line` (in place) while only the samples 0…n−1 change sides; see :func:`walk`.

    There must be at least one. Alternately shift the line and rotate it about the samples it touches, each time to the next local maximum of
    that one-parameter family, until no such move raises it. Then it is a vertex (blade of two samples, or of one and
    an axis for p = 1) or the peak of an arc (p = 2), and a local maximum. Returns whether the line moved.
    """
    move, trial = np.empty(3), np.empty(3)
    contacts = np.full(2, -1)
    moved = False
    for _ in range(20):
        changed = False
        for side in range(2):
            move[0] = move[1] = 0.0
            move[2] = 1.0 - 2.0 * side
            before = line[2]
            touched = walk(points, v, n, base, line, move, False, norm, touch, farthest, a, slope)
            if line[2] != before:
                changed = True
                contacts[0], contacts[1] = touched, -1
                break
        if contacts[0] < 0:  # h is flat in the offset or the walk left the neighbourhood: take the nearest sample
            nearest = 0
            for i in range(1, n):
                if abs(a[i]) < abs(a[nearest]):
                    nearest = i
            line[2] = -(line[0] * points[nearest, 0] + line[1] * points[nearest, 1])
            contacts[0] = nearest
        for which in range(2):
            about = contacts[which]
            if about < 0:
                continue
            x0, x1 = points[about, 0], points[about, 1]
            line[2] = -(line[0] * x0 + line[1] * x1)
            length = np.sqrt(line[0] ** 2 + line[1] ** 2)
            for side in range(2):
                turn = (1.0 - 2.0 * side) / length
                for c in range(3):
                    trial[c] = line[c] / length
                move[0], move[1] = -line[1] * turn, line[0] * turn
                move[2] = -(move[0] * x0 + move[1] * x1)
                touched = walk(points, v, n, base, trial, move, True, norm, touch, farthest, a, slope)
                if trial[0] != line[0] / length or trial[1] != line[1] / length:
                    changed = True
                    normalise(trial, norm)
                    for c in range(3):
                        line[c] = trial[c]
                    contacts[0], contacts[1] = about, touched
                    break
        normalise(line, norm)
        if not changed:
            break
        moved = True
    return moved


@njit_cached
def climb(points, v, lines, norm, touch):
    """Climb h/‖w‖_p from each line of the plane (m, 3), in place, to a local maximum over all lines.

    Only samples near a line change sides while it moves a little, so each climb runs on those (about 100) and
    their neighbourhood follows the line. O(N) per neighbourhood, of which few are needed.
    """
    n = points.shape[0]
    near_points, near_v = np.empty((n, 2)), np.empty(n)
    a, slope = np.empty(n), np.empty(n)
    base = np.empty(3)
    for row in range(lines.shape[0]):
        line = lines[row]
        normalise(line, norm)
        width = 50.0 / n if n > 100 else np.inf
        for _ in range(20):
            base[:] = 0.0
            count = 0
            for i in range(n):
                ai = line[0] * points[i, 0] + line[1] * points[i, 1] + line[2]
                if abs(ai) <= width:
                    near_points[count, 0], near_points[count, 1] = points[i, 0], points[i, 1]
                    near_v[count] = v[i]
                    count += 1
                elif ai > 0.0:
                    base[0] += v[i] * points[i, 0]
                    base[1] += v[i] * points[i, 1]
                    base[2] += v[i]
            if count == 0:
                width *= 4.0
                continue
            farthest = min(0.2 * width, 1e3)
            if not climb_nearby(near_points, near_v, count, base, line, norm, touch, farthest, a, slope):
                break


@njit_cached
def sweep_pencil(x0, x1, v, norm, arcs, cells, best, direction):
    """Turn a line once round the origin over the samples (x0, x1), none of them 0: all blades of one pencil.

    A sample is active while its angle is within π/2 of the neuron's, so over a full turn it enters once and leaves
    once, and s = Σ_active v_i x_i changes by one sample per step. h = s·w is continuous where a sample crosses, so
    the order of ties does not matter. Values are taken at every crossing, at the axes for p = 1, and, if `arcs`, at
    ±s/‖s‖ where that lies between its two crossings (p = 2).

    best (2, cells), direction (2, cells): for h > 0 and h < 0, the largest |h|/‖w‖_p in each angular cell and the
    angle of its neuron.
    """
    n = len(x0)
    axes = 4 if norm == 1 else 0
    times = np.empty(2 * n + axes)
    s0 = s1 = 0.0
    for i in range(n):
        angle = np.arctan2(x1[i], x0[i])
        enter = angle - 0.5 * np.pi if angle >= -0.5 * np.pi else angle + 1.5 * np.pi
        leave = angle + 0.5 * np.pi if angle < 0.5 * np.pi else angle - 1.5 * np.pi
        times[i], times[n + i] = enter, leave
        if leave < enter:  # active at −π
            s0 += v[i] * x0[i]
            s1 += v[i] * x1[i]
    for k in range(axes):
        times[2 * n + k] = (k - 1) * 0.5 * np.pi

    order = np.argsort(times)
    theta = -np.pi
    for k in range(len(order) + 1):
        event = order[k] if k < len(order) else -1
        after = times[event] if event >= 0 else np.pi
        size = np.sqrt(s0 * s0 + s1 * s1)
        if arcs and size > 0.0:
            for sign in range(2):
                peak = np.arctan2(s1, s0) if sign == 0 else np.arctan2(-s1, -s0)
                if theta <= peak <= after:
                    record(peak, size, sign, cells, best, direction)
        c, s = np.cos(after), np.sin(after)
        h = s0 * c + s1 * s
        if norm == 1:
            h /= abs(c) + abs(s)
        record(after, abs(h), 0 if h > 0.0 else 1, cells, best, direction)
        theta = after
        if 0 <= event < n:
            s0 += v[event] * x0[event]
            s1 += v[event] * x1[event]
        elif n <= event < 2 * n:
            s0 -= v[event - n] * x0[event - n]
            s1 -= v[event - n] * x1[event - n]


@njit_cached
def record(theta, value, sign, cells, best, direction):
    """Keep the neuron at angle θ if it is the best of its sign in its angular cell."""
    cell = min(cells - 1, int((theta + np.pi) / (2.0 * np.pi) * cells))
    if value > best[sign, cell]:
        best[sign, cell] = value
        direction[sign, cell] = theta


@njit_cached
def sweep_anchors(points, v, anchors, norm, arcs, best, direction, stop):
    """Sweep the pencil of lines through each anchor sample: row k of `best`, `direction` (k, 2) is for anchors[k].

    The rows of a pencil are x_i − x_j; those equal to 0 lie on every line and drop out. Returns how many anchors
    were done before `stop`.
    """
    n = points.shape[0]
    x0, x1, weight = np.empty(n), np.empty(n), np.empty(n)
    pencil_best, pencil_direction = np.empty((2, 1)), np.empty((2, 1))
    for k in range(len(anchors)):
        if stop[0] != 0:
            return k
        j = anchors[k]
        count = 0
        for i in range(n):
            r0, r1 = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1]
            if r0 != 0.0 or r1 != 0.0:
                x0[count], x1[count], weight[count] = r0, r1, v[i]
                count += 1
        pencil_best[:] = 0.0
        pencil_direction[:] = 0.0
        sweep_pencil(x0[:count], x1[:count], weight[:count], norm, arcs, 1, pencil_best, pencil_direction)
        for sign in range(2):
            best[k, sign] = pencil_best[sign, 0]
            direction[k, sign] = pencil_direction[sign, 0]
    return len(anchors)


@njit_cached
def cholesky_delete(R, j):
    """Cholesky factor RᵀR after row and column j are deleted, in place: in the leading part, one smaller.

    Without column j, R is upper Hessenberg from there on; Givens rotations of neighbouring rows restore it.
    """
    k = R.shape[0]
    for row in range(j + 1):
        for c in range(j, k - 1):
            R[row, c] = R[row, c + 1]
    for row in range(j + 1, k):
        for c in range(max(row - 1, 0), k - 1):
            R[row, c] = R[row, c + 1]
    for p in range(j, k - 1):
        x, y = R[p, p], R[p + 1, p]
        size = np.hypot(x, y)
        if size == 0.0:
            continue
        cosine, sine = x / size, y / size
        for c in range(p, k - 1):
            upper, lower = R[p, c], R[p + 1, c]
            R[p, c] = cosine * upper + sine * lower
            R[p + 1, c] = cosine * lower - sine * upper
