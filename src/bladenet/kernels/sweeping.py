"""Angular sweeps over pencils of lines (THEORY §3c)."""

import numpy as np

from bladenet.kernels.compiling import njit_cached


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
        if event < 0:
            break  # the turn ends here, at no blade
        c, s = np.cos(after), np.sin(after)
        h = s0 * c + s1 * s
        if norm == 1:
            h /= abs(c) + abs(s)
        record(after, abs(h), 0 if h > 0.0 else 1, cells, best, direction)
        theta = after
        if event < n:
            s0 += v[event] * x0[event]
            s1 += v[event] * x1[event]
        elif event < 2 * n:
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
