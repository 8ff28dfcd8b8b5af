"""Faces around the arcs of a pencil: where |h| may be largest for p = 2 besides blades and arcs (THEORY §2).

On the face where the rows of a set F are orthogonal to w and the samples of A are active, h = s·w, s = Σ_A v_i row_i.
Its critical points are ±P s/‖P s‖ with P the projector on what F leaves free, their value is ‖P s‖. Every face has one
of a dimension less on its boundary, and so on down to an arc of a pencil. So all faces are found from the arcs, by
leaving the samples that a pencil is fixed to one after the other, in every order and to either side.
"""

import numpy as np

from bladenet.kernels.compiling import inner, kernel
from bladenet.kernels.linear_algebra import TOUCH, complete_basis, dot, extend_basis
from bladenet.kernels.sweeping import crossings, open_pencil, workspace

OFF_FACE = 1e-9  # critical points on the wrong side of a sample by more than this are off the face


@kernel
def sweep_faces(points, v, pencils, fixed, events, bias, threshold, best, neurons, stop):
    """Keep the best critical points of the faces around the arcs of pencils (p = 2).

    Arguments and results as for sweep_pencils, which comes first; of all cells of angles the first is for faces.
    Faces whose value ‖P s‖ does not exceed both `threshold` and the best neuron so far are passed over.
    """
    n = len(points)
    rows, basis, x, kept, inside = workspace(n, fixed, events)
    noise = 0.0  # of sums over samples
    for i in range(n):
        noise += np.finfo(np.float64).eps * (n + 64) * abs(v[i]) * (1.0 + np.sqrt(dot(points[i], points[i])))
    neglected = 0.0
    for k in range(len(pencils)):
        if stop[0] != 0:
            return k, neglected
        m, within, distance = open_pencil(points, v, pencils[k], bias, len(fixed), rows, basis, x, kept, inside)
        neglected = max(neglected, distance)
        if m == 0:
            continue
        times, order = crossings(x[0, :m], x[1, :m])
        around = faces_around(points, v, pencils[k], bias, inside[:within], basis, len(fixed))
        group = k * len(best) // len(pencils)
        best_faces(points, v, rows, x[2, :m], kept, times, order, around, threshold, noise, best[group], neurons[group])
    return len(pencils), neglected


@inner
def faces_around(points, v, pencil, bias, inside, basis, fixed):
    """The faces that meet every arc of a pencil, as maps of the arc's moments s = Σ_A v_i (x_i − x_j) and q = Σ_A v_i.

    P s' = Cᵀ (C s + q c + t): the orthonormal rows of C (m, d) span what the face leaves free; c = C (x_j − a) replaces
    the pencil's first sample x_j by the anchor a that the face keeps (both are 0 without a bias); t stems from the
    samples in the span of the pencil, which are on all of its hyperplanes and active or not on the face.

    inside: samples in the span of the pencil. basis (d, d): its first rows, `fixed` many, are kept by all faces.

    Returns (C, c) (faces, d, d + 1), t (faces, d), m (faces,), a (faces, d), and a sign (faces,): that of w along the
    first row of C, the side to which its sample was left.
    """
    q, d = len(pencil), len(basis)
    first = 1 if bias else 0  # with a bias, one sample is always kept
    depth = q - first
    orders = 1
    for k in range(2, q + 1):
        orders *= k
    most = orders * (2 ** (depth + 1) - 2)
    maps, shifts = np.zeros((most, d, d + 1)), np.zeros((most, d))
    sizes, anchors, signs = np.zeros(most, np.int64), np.zeros((most, d)), np.zeros(most)
    flag, order = basis.copy(), np.arange(q)
    anchor, row, leaving = np.zeros(d), np.zeros(d), np.zeros((depth, 2, d))
    count = 0
    for _ in range(orders):
        if bias:
            anchor[:] = points[pencil[order[0]]]
        size = fixed
        for k in range(first, q):
            for c in range(d):
                row[c] = points[pencil[order[k]], c] - anchor[c]
            if not extend_basis(flag, size, row)[1]:
                break
            size += 1
        if size == fixed + depth:
            complete_basis(flag, size)  # the pencil's own plane may differ by rounding from what this order spans
            moments_on_leaving(points, v, inside, anchor, flag, fixed, leaving)
            for left in range(1, depth + 1):
                start = fixed + depth - left
                for sides in range(2**left):
                    for c in range(d - start):
                        free = flag[start + c]
                        maps[count, c, :d] = free
                        maps[count, c, d] = dot(free, points[pencil[0]]) - dot(free, anchor) if bias else 0.0
                        for k in range(left):
                            shifts[count, c] += dot(free, leaving[depth - left + k, (sides >> k) & 1])
                    sizes[count], anchors[count], signs[count] = d - start, anchor, 1.0 - 2.0 * (sides & 1)
                    count += 1
        next_permutation(order)
    return maps[:count], shifts[:count], sizes[:count], anchors[:count], signs[:count]


@inner
def moments_on_leaving(points, v, inside, anchor, flag, fixed, moments):
    """Moments Σ v_i row_i (depth, 2, d) of the samples that become active when vector k of a flag is left to a side.

    A row in the span of the first k vectors of the flag but not of the first k − 1 stays on the hyperplane until the
    k-th is left; its component along that one then decides.
    """
    d = len(anchor)
    row = np.zeros(d)
    moments[:] = 0.0
    for i in inside:
        for c in range(d):
            row[c] = points[i, c] - anchor[c]
        length = np.sqrt(dot(row, row))
        for k in range(len(moments) - 1, -1, -1):
            along = dot(row, flag[fixed + k])
            if abs(along) > TOUCH * length:
                for c in range(d):
                    moments[k, 0 if along > 0.0 else 1, c] += v[i] * row[c]
                break


@inner
def next_permutation(order):
    """The next permutation of 0 … q − 1 in lexicographic order, in place; the last one stays."""
    k = len(order) - 2
    while k >= 0 and order[k] > order[k + 1]:
        k -= 1
    if k < 0:
        return
    other = len(order) - 1
    while order[other] < order[k]:
        other -= 1
    order[k], order[other] = order[other], order[k]
    low, high = k + 1, len(order) - 1
    while low < high:
        order[low], order[high] = order[high], order[low]
        low, high = low + 1, high - 1


@inner
def best_faces(points, v, rows, u, kept, times, order, around, threshold, noise, best, neurons):
    """Turn once round a pencil and keep the best critical points of the faces around its arcs.

    Critical points are evaluated directly: |h| is ‖P s‖ if they lie on the face, and otherwise the value of some other
    neuron. Those that the samples at either end of the arc, or the one left, show to be off the face are passed over.

    kept (m,): rows of weight u that cross at `times`, in `order`; around: see faces_around; noise: rounding of P s.
    """
    maps, shifts, sizes, anchors, signs = around
    m, d = len(u), points.shape[1]
    moment, projected, w = np.zeros(d + 1), np.zeros(d), np.zeros(d)
    for i in range(m):
        if times[m + i] < times[i]:
            add_row(moment, u[i], rows[kept[i]])
    theta, before = -np.pi, -1
    for k in range(2 * m + 1):
        event = order[k] if k < 2 * m else -1
        after = times[event] if event >= 0 else np.pi
        for face in range(len(maps) if after > theta else 0):
            squared = 0.0
            for c in range(sizes[face]):
                projected[c] = shifts[face, c] + dot(maps[face, c], moment)
                squared += projected[c] * projected[c]
            if squared <= max(threshold, min(best[0, 0], best[1, 0])) ** 2:
                continue
            size = np.sqrt(squared)
            tolerance = OFF_FACE + noise / size
            for sign in range(2):
                scale = (1.0 - 2.0 * sign) / size
                if size <= best[sign, 0] or scale * projected[0] * signs[face] < -tolerance:
                    continue
                w[:] = 0.0
                for c in range(sizes[face]):
                    for j in range(d):
                        w[j] += scale * projected[c] * maps[face, c, j]
                offset = -dot(w, anchors[face])
                if before >= 0 and sided(points[kept[before % m]], w, offset, before < m) < -tolerance:
                    continue
                if event >= 0 and sided(points[kept[event % m]], w, offset, event >= m) < -tolerance:
                    continue
                h = 0.0
                for i in range(len(v)):
                    h += v[i] * max(dot(w, points[i]) + offset, 0.0)
                side = 0 if h > 0.0 else 1
                if abs(h) > best[side, 0]:
                    best[side, 0] = abs(h)
                    neurons[side, 0, :d] = w
                    neurons[side, 0, d] = offset
        if event < 0:
            break
        theta, before = after, event
        if event < m:
            add_row(moment, u[event], rows[kept[event]])
        else:
            add_row(moment, -u[event - m], rows[kept[event - m]])


@inner
def add_row(moment, weight, row):
    """Add weight · (row, 1)."""
    for c in range(len(row)):
        moment[c] += weight * row[c]
    moment[len(row)] += weight


@inner
def sided(x, w, offset, active):
    """w·x + b, or its negative for a sample that should not be active: below 0 where it contradicts that."""
    return dot(w, x) + offset if active else -(dot(w, x) + offset)
