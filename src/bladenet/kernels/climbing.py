"""Climb |h| from a line of the plane to a local maximum: a blade, or the peak of an arc."""

import numpy as np

from bladenet.kernels.compiling import njit_cached

NEIGHBOURHOOD = 0.05  # distance to a line, in units of the data, up to which samples may change sides in one climb


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
    window = farthest / 20.0
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
        window = farthest - tau
    for k in range(3):
        line[k] += tau * move[k]
    return -1


@njit_cached
def normalise(line, norm):
    """Scale a line so that ‖w‖_p = 1; returns the old norm."""
    size = abs(line[0]) + abs(line[1]) if norm == 1 else np.sqrt(line[0] ** 2 + line[1] ** 2)
    for c in range(3):
        line[c] /= size
    return size


@njit_cached
def climb_nearby(points, v, n, base, line, norm, touch, farthest, a, slope):
    """Climb h/‖w‖_p from `line` (in place) while only the samples 0…n−1 change sides; see :func:`walk`.

    There must be at least one. Alternately shift the line and rotate it about the samples it touches, each time to the
    next local maximum of that one-parameter family, until no such move raises it. Then it is a vertex (blade of two
    samples, or of one and an axis for p = 1) or the peak of an arc (p = 2), and a local maximum. Returns whether the
    line moved.
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

    Only samples near a line change sides while it moves a little, so each climb runs on those, and their
    neighbourhood follows the line. O(N) per neighbourhood, of which few are needed.
    """
    n = points.shape[0]
    near_points, near_v = np.empty((n, 2)), np.empty(n)
    a, slope = np.empty(n), np.empty(n)
    base = np.empty(3)
    for row in range(lines.shape[0]):
        line = lines[row]
        normalise(line, norm)
        width = NEIGHBOURHOOD if n > 100 else np.inf
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
            farthest = min(0.6 * width, 1e3)
            if not climb_nearby(near_points, near_v, count, base, line, norm, touch, farthest, a, slope):
                break
