"""Faces around the arcs of a pencil: where |h| may be largest for p = 2 besides blades and arcs (THEORY §2).

On the face where the rows of a set F are orthogonal to w and the samples of A are active, h = s·w, s = Σ_A v_i row_i.
Its critical points are ±P s/‖P s‖ with P the projector on what F leaves free, their value is ‖P s‖. Every face has one
of a dimension less on its boundary, and so on down to an arc of a pencil. So all faces are found from the arcs, by
leaving the samples that a pencil is fixed to one after the other, in every order and to either side.
"""

import numpy as np

from bladenet.kernels.compiling import njit_cached
from bladenet.kernels.linear_algebra import TOUCH, complete_basis, extend_basis


@njit_cached
def faces_around(points, v, pencil, first, inside, basis, fixed):
    """The faces that meet every arc of a pencil, as maps of the arc's lifted moment s̃ = Σ_A v_i (x_i − x_j, 1).

    P s = Cᵀ (M s̃ + t): the orthonormal rows of C (m, d) span what the face leaves free; M = C (I | x_j − a) replaces
    the pencil's first sample x_j by the anchor a that the face keeps (both are 0 without a bias); t stems from the
    samples in the span of the pencil, which are on all of its hyperplanes and active or not on the face.

    first: 1 with a bias, so that one sample is always kept, 0 without.
    inside: samples in the span of the pencil. basis (d, d): its first rows, `fixed` many, are kept by all faces.

    Returns M (faces, d, d + 1), t (faces, d), m (faces,), and a (faces, d).
    """
    q, d = len(pencil), len(basis)
    depth = q - first
    orders = 1
    for k in range(2, q + 1):
        orders *= k
    most = orders * (2 ** (depth + 1) - 2)
    maps, shifts = np.zeros((most, d, d + 1)), np.zeros((most, d))
    sizes, anchors = np.zeros(most, np.int64), np.zeros((most, d))
    flag, order = basis.copy(), np.arange(q)
    start, anchor = np.zeros(d), np.zeros(d)
    if first == 1:
        start[:] = points[pencil[0]]
    count = 0
    for _ in range(orders):
        if first == 1:
            anchor[:] = points[pencil[order[0]]]
        size = fixed
        for k in order[first:]:
            if not extend_basis(flag, size, points[pencil[k]] - anchor)[1]:
                break
            size += 1
        if size == fixed + depth:
            complete_basis(flag, size)  # the pencil's own plane may differ by rounding from what this order spans
            leaving = moments_on_leaving(points, v, inside, anchor, flag, fixed, depth)
            for left in range(1, depth + 1):
                free = flag[fixed + depth - left :]
                for sides in range(2**left):
                    maps[count, : len(free), :d] = free
                    for c in range(len(free)):
                        maps[count, c, d] = np.sum(free[c] * (start - anchor))
                        for k in range(left):
                            shifts[count, c] += np.sum(free[c] * leaving[depth - left + k, (sides >> k) & 1])
                    sizes[count], anchors[count] = len(free), anchor
                    count += 1
        next_permutation(order)
    return maps[:count], shifts[:count], sizes[:count], anchors[:count]


@njit_cached
def moments_on_leaving(points, v, inside, anchor, flag, fixed, depth):
    """Moments Σ v_i row_i (depth, 2, d) of the samples that become active when vector k of a flag is left to a side.

    A row in the span of the first k vectors of the flag but not of the first k − 1 stays on the hyperplane until the
    k-th is left; its component along that one then decides.
    """
    d = flag.shape[1]
    moments = np.zeros((depth, 2, d))
    for i in inside:
        row = points[i] - anchor
        length = np.sqrt(np.sum(row * row))
        for k in range(depth - 1, -1, -1):
            along = np.sum(row * flag[fixed + k])
            if abs(along) > TOUCH * length:
                moments[k, 0 if along > 0.0 else 1] += v[i] * row
                break
    return moments


@njit_cached
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
    order[k + 1 :] = order[k + 1 :][::-1].copy()


@njit_cached
def best_faces(rows, u, kept, times, order, around, points, v, threshold, best, neurons):
    """Turn once round a pencil and keep the best critical points of the faces around its arcs.

    A face whose value ‖P s‖ exceeds both `threshold` and the best neuron so far has its critical points evaluated
    directly: |h| is ‖P s‖ there if they lie on the face, and otherwise the value of some other neuron.

    rows (·, d + 1): (x_i − x_j, 1) as in faces_around; kept (m,): those of weight u that cross at `times`, in `order`.
    best (2, cells), neurons (2, cells, d + 1): the first cell is for faces.
    """
    maps, shifts, sizes, anchors = around
    m, d = len(u), points.shape[1]
    moment, projected, w = np.zeros(d + 1), np.empty(d), np.empty(d)
    for i in range(m):
        if times[m + i] < times[i]:
            moment += u[i] * rows[kept[i]]
    theta = -np.pi
    for k in range(2 * m + 1):
        event = order[k] if k < 2 * m else -1
        after = times[event] if event >= 0 else np.pi
        for face in range(len(maps) if after > theta else 0):
            squared = 0.0
            for c in range(sizes[face]):
                y = shifts[face, c]
                for j in range(d + 1):
                    y += maps[face, c, j] * moment[j]
                projected[c] = y
                squared += y * y
            if squared <= max(threshold, min(best[0, 0], best[1, 0])) ** 2:
                continue
            for sign in range(2):
                if squared <= best[sign, 0] ** 2:
                    continue
                scale = (1.0 - 2.0 * sign) / np.sqrt(squared)
                offset = 0.0
                for j in range(d):
                    w[j] = 0.0
                    for c in range(sizes[face]):
                        w[j] += scale * projected[c] * maps[face, c, j]
                    offset -= w[j] * anchors[face, j]
                h = neuron_value(points, v, w, offset)
                side = 0 if h > 0.0 else 1
                if abs(h) > best[side, 0]:
                    best[side, 0] = abs(h)
                    neurons[side, 0, :d], neurons[side, 0, d] = w, offset
        if event < 0:
            break
        theta = after
        if event < m:
            moment += u[event] * rows[kept[event]]
        else:
            moment -= u[event - m] * rows[kept[event - m]]


@njit_cached
def neuron_value(points, v, w, offset):
    """h(w, b) = Σ_i v_i (w·x_i + b)_+."""
    h = 0.0
    for i in range(len(v)):
        a = offset
        for c in range(len(w)):
            a += w[c] * points[i, c]
        h += v[i] * max(a, 0.0)
    return h
