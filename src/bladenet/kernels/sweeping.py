"""Angular sweeps over pencils of hyperplanes (THEORY §3c).

A pencil is all neurons whose weight is orthogonal to d − 2 independent vectors, w = cos θ B_0 + sin θ B_1, and whose
hyperplane, with a bias, passes through an anchor sample. Of the rows (x_i − anchor, or x_i) only the projections on
the plane of B_0 and B_1 matter there.
"""

import numpy as np

from bladenet.kernels.compiling import inner, kernel
from bladenet.kernels.linear_algebra import TOUCH, complete_basis, dot, extend_basis


@kernel
def sweep_pencils(points, v, pencils, fixed, events, bias, norm, arcs, best, neurons, stop):
    """Sweep pencils: all of their blades and, if `arcs`, the critical points between them (p = 2).

    pencils (k, q): samples that all hyperplanes of a pencil pass through; with a bias the first is the anchor.
    fixed (f, d): orthonormal vectors that all weights are orthogonal to as well; f + q − bias = d − 2.
    events (m, d): vectors that a weight may be orthogonal to as if they were rows.
    best (g, 2, cells), neurons (g, 2, cells, d + 1): for h > 0 and h < 0 and for each cell of angles, the largest
    |h|/‖w‖_p within a group of successive pencils, and its neuron (w, b).

    Pencils whose vectors are dependent are left out: no d − 1 independent vectors contain them, so all blades are in
    other pencils. Returns the number of pencils done before `stop`, and a distance: vectors closer than it to the
    span of others were taken to lie in it.
    """
    n, d = points.shape
    rows, basis, x, kept, inside = workspace(n, fixed, events)
    heights, angles = np.empty(best.shape[1:]), np.empty(best.shape[1:])
    neglected = 0.0
    for k in range(len(pencils)):
        if stop[0] != 0:
            return k, neglected
        m, _, distance = open_pencil(points, v, pencils[k], bias, len(fixed), rows, basis, x, kept, inside)
        neglected = max(neglected, distance)
        if m == 0:
            continue
        x0, x1, u = x[0, :m], x[1, :m], x[2, :m]
        times, order = crossings(x0, x1)
        heights[:] = 0.0
        angles[:] = 0.0
        turn(x0, x1, u, times, order, basis[d - 2 :], norm, arcs, heights, angles)
        group = k * len(best) // len(pencils)
        anchor = points[pencils[k, 0]] if bias else np.zeros(d)
        keep_neurons(heights, angles, basis[d - 2 :], anchor, norm, best[group], neurons[group])
    return len(pencils), neglected


@inner
def workspace(n, fixed, events):
    """Arrays for open_pencil: rows that end with the events, a basis that starts with the fixed vectors, the others."""
    d = events.shape[1]
    rows, basis = np.zeros((n + len(events), d)), np.zeros((d, d))
    for c in range(d):
        for k in range(len(events)):
            rows[n + k, c] = events[k, c]
        for k in range(len(fixed)):
            basis[k, c] = fixed[k, c]
    return rows, basis, np.zeros((3, len(rows))), np.zeros(len(rows), np.int64), np.zeros(n, np.int64)


@inner
def open_pencil(points, v, pencil, bias, fixed, rows, basis, x, kept, inside):
    """Fill in the rows x_i − anchor, the basis of fixed vectors, those of the pencil and two of its plane, and x.

    x (3, ·): the two coordinates in that plane, and the weight, of the rows that are not 0 there; events weigh 0.

    Returns how many these rows are, `kept` lists them; how many samples are `inside` the span of the pencil's vectors,
    so that they are on all of its hyperplanes; and the distance from it of the farthest of those. If the pencil's
    vectors are dependent nothing is kept or inside, and the distance is that of the one that depends on the others.
    """
    n, d = points.shape
    for i in range(n):
        for c in range(d):
            rows[i, c] = points[i, c] - points[pencil[0], c] if bias else points[i, c]
    size = fixed
    for k in range(1 if bias else 0, len(pencil)):
        distance, independent = extend_basis(basis, size, rows[pencil[k]])
        if not independent:
            return 0, 0, distance
        size += 1
    complete_basis(basis, size)
    outside = within = 0
    farthest = 0.0
    for i in range(len(rows)):
        y0, y1 = dot(basis[d - 2], rows[i]), dot(basis[d - 1], rows[i])
        distance = np.sqrt(y0 * y0 + y1 * y1)
        if distance > TOUCH * np.sqrt(dot(rows[i], rows[i])):
            x[0, outside], x[1, outside], x[2, outside] = y0, y1, v[i] if i < n else 0.0
            kept[outside] = i
            outside += 1
        elif i < n:
            inside[within] = i
            within += 1
            farthest = max(farthest, distance)
    return outside, within, farthest


@inner
def crossings(x0, x1):
    """Angles in [−π, π] at which w = (cos θ, sin θ) starts (2m, first half) and ceases to act on each x; their order.

    A sample is active while its angle is within π/2 of θ: over a full turn it enters once and leaves once.
    """
    m = len(x0)
    times = np.empty(2 * m)
    for i in range(m):
        angle = np.arctan2(x1[i], x0[i])
        times[i] = angle - 0.5 * np.pi if angle >= -0.5 * np.pi else angle + 1.5 * np.pi
        times[m + i] = angle + 0.5 * np.pi if angle < 0.5 * np.pi else angle - 1.5 * np.pi
    return times, np.argsort(times)


@inner
def turn(x0, x1, u, times, order, frame, norm, arcs, heights, angles):
    """Turn w = cos θ B_0 + sin θ B_1 once round over samples x of weight u: all blades of one pencil.

    s = Σ_active u_i x_i changes by one sample per crossing. h = s·(cos θ, sin θ) is continuous where a sample
    crosses, so the order of ties does not matter. Values are taken at every crossing and, if `arcs`, at ±s/‖s‖ where
    that lies between two crossings (p = 2).

    heights (2, cells), angles (2, cells): for h > 0 and h < 0 the largest |h|/‖w‖_p in each cell of angles, and where.
    """
    m = len(x0)
    s0 = s1 = 0.0
    for i in range(m):
        if times[m + i] < times[i]:  # active at −π
            s0 += u[i] * x0[i]
            s1 += u[i] * x1[i]
    theta = -np.pi
    for k in range(2 * m + 1):
        event = order[k] if k < 2 * m else -1
        after = times[event] if event >= 0 else np.pi
        size = np.sqrt(s0 * s0 + s1 * s1)
        if arcs and size > 0.0:
            for sign in range(2):
                peak = np.arctan2(s1, s0) if sign == 0 else np.arctan2(-s1, -s0)
                if theta <= peak <= after:
                    record(peak, size, sign, heights, angles)
        if event < 0:
            break  # the turn ends here, at no blade
        cosine, sine = np.cos(after), np.sin(after)
        h = s0 * cosine + s1 * sine
        if norm == 1:
            length = 0.0
            for c in range(frame.shape[1]):
                length += abs(cosine * frame[0, c] + sine * frame[1, c])
            h /= length
        record(after, abs(h), 0 if h > 0.0 else 1, heights, angles)
        theta = after
        if event < m:
            s0 += u[event] * x0[event]
            s1 += u[event] * x1[event]
        else:
            s0 -= u[event - m] * x0[event - m]
            s1 -= u[event - m] * x1[event - m]


@inner
def record(theta, value, sign, heights, angles):
    """Keep the angle θ if its neuron is the best of its sign in its cell of angles."""
    cells = heights.shape[1]
    cell = min(cells - 1, int((theta + np.pi) / (2.0 * np.pi) * cells))
    if value > heights[sign, cell]:
        heights[sign, cell] = value
        angles[sign, cell] = theta


@inner
def keep_neurons(heights, angles, frame, anchor, norm, best, neurons):
    """Turn angles into neurons (w, b) where they are better than those that are there."""
    d = len(anchor)
    for sign in range(2):
        for cell in range(heights.shape[1]):
            if heights[sign, cell] <= best[sign, cell]:
                continue
            best[sign, cell] = heights[sign, cell]
            neuron = neurons[sign, cell]
            cosine, sine = np.cos(angles[sign, cell]), np.sin(angles[sign, cell])
            length = 0.0
            for c in range(d):
                neuron[c] = cosine * frame[0, c] + sine * frame[1, c]
                length += abs(neuron[c]) if norm == 1 else neuron[c] ** 2
            length = length if norm == 1 else np.sqrt(length)
            neuron[d] = 0.0
            for c in range(d):
                neuron[c] /= length
                neuron[d] -= neuron[c] * anchor[c]
