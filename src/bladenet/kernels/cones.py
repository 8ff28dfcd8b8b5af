"""Branch and bound over cones of neurons, for any number of features (THEORY §3a).

A cone is spanned by r generators g_k = (w_k, b_k) with ‖w_k‖_p = 1, and a sample enters through its activations a_k at
the generators alone: on the cone a = Σ λ_k a_k, λ ≥ 0. A sample whose activations have one sign contributes linearly.
Only *mixed* samples, with both signs, are kept, and children inherit those of their parent. With the true values
h_k = h(g_k), h ≤ Σ λ_k (h_k + what the mixed samples bend):

- v > 0: (a)_+ is convex and lies below its interpolation: nothing to add;
- v < 0: (a)_+ ≥ α a, α = 0 or 1 or between: |v| ((a_k)_+ − α a_k) to add.

Cutting the edge between g_k and g_m gives a new generator x g_k + y g_m, up to a factor `scale` that makes its weight a
unit one, at which h = (x h_k + y h_m − Σ v min(|x a_k|, |y a_m|)) · scale exactly, the sum over samples that the edge
crosses. Edges are halved, x = y = 1, while many samples are mixed. A cone with few is cut along their hyperplanes: it
falls into finitely many on which h is linear, however its maxima tie.

Opposite neurons come for free, so half of the space is enough: h(−w, −b) = h(w, b) − Σ v a, which differs by a linear
function, `tilt`.

The bounds themselves are in `cone_bounds`.

In memory a cone's mixed samples are a block of r + 2 rows: activations at each generator, v, and a row for those at
the new generator. Samples with v < 0 come first.
"""

import numpy as np

from bladenet.kernels.compiling import inner, inner_sums, kernel
from bladenet.kernels.cone_bounds import FEW, bound_linearly, highest, hinges, settle, tighten
from bladenet.kernels.linear_algebra import copy, copy_rows

MANY = 64  # samples in a block from which on those that are not mixed are only dropped at every so many cuts: few are,
DROPPED = 3  # and they change nothing
ALONG = 8  # mixed samples up to which edges are cut at a sample's hyperplane instead of in the middle


@inner_sums
def cut(a, c, x, y, v, scale, out):
    """Activations (x a + y c)·scale within an edge; returns Σ v min(|x a|, |y c|) over samples that it crosses."""
    total = 0.0
    for i in range(len(v)):
        p, q = x * a[i], y * c[i]
        out[i] = (p + q) * scale
        total += v[i] * (min(max(p, 0.0), max(-q, 0.0)) + min(max(-p, 0.0), max(q, 0.0)))
    return total


@inner_sums
def crossings(block, row, m, out):
    """How much h can bend along the edges from generator m: Σ |v| min(|a|, |c|) over samples with a, c of other signs.

    The block has v in this row. min(|a|, |c|) is half of |a| + |c| − |a + c|, which is exactly zero where signs agree.
    """
    for k in range(len(out)):
        total = 0.0
        for i in range(block.shape[1]):
            a, c = block[k, i], block[m, i]
            total += abs(block[row, i]) * ((abs(a) + abs(c)) - abs(a + c))
        out[k] = 0.5 * total


@inner
def longest_edge(g, bends, d, above, norm):
    """The edge (k, m) to cut, and its length: where mixed samples bend h most, or where ‖w‖ does.

    A linear function with values `above` exceeds its interpolation on the sphere by up to |w_k − w_m|²/8 of itself.
    """
    best_k, best_m, best, length = 0, 1, -1.0, 0.0
    for k in range(len(g)):
        for m in range(k):
            turn = 0.0
            for c in range(d):
                turn += (g[k, c] - g[m, c]) ** 2
            shift = (g[k, d] - g[m, d]) ** 2
            score = bends[k, m]
            if norm == 2:
                score = max(score, 0.125 * above * turn)
            if score > best or (score == best and turn + shift > length):
                best_k, best_m, best, length = k, m, score, turn + shift
    return best_k, best_m, length


@inner
def where_to_cut(a, c, v):
    """Where to cut an edge with activations a and c at its ends: (i, x, y), at the generator x g_k + y g_m.

    In the middle; or, where few samples are mixed, at the hyperplane of the sample i that bends h most on the edge. It
    is mixed in neither part's new edge, so that a few such cuts leave cones on which h is linear, and no search goes on
    for ever along a face where samples tie.
    """
    on, largest = -1, 0.0
    for i in range(len(v) if len(v) <= ALONG else 0):
        if (a[i] < 0.0) != (c[i] < 0.0):
            bent = abs(v[i]) * min(abs(a[i]), abs(c[i]))
            if bent > largest:
                on, largest = i, bent
    if on < 0:
        return on, 1.0, 1.0
    size = abs(a[on]) + abs(c[on])
    return on, abs(c[on]) / size, abs(a[on]) / size


@inner
def between(g, k, m, x, y, d, norm, out):
    """The generator x g_k + y g_m, its weight of unit norm; returns the factor that scales the sum."""
    size = 0.0
    for c in range(d + 1):
        out[c] = x * g[k, c] + y * g[m, c]
        if c < d:
            size += abs(out[c]) if norm == 1 else out[c] * out[c]
    scale = 1.0 / size if norm == 1 else 1.0 / np.sqrt(size)
    for c in range(d + 1):
        out[c] *= scale
    return scale


@inner
def offer(value, g, sign, side, cell, best, neurons):
    """Keep a generator, or its opposite, if it is the best neuron of its side in its cell."""
    if value > best[side, cell]:
        best[side, cell] = value
        for c in range(len(g)):
            neurons[side, cell, c] = sign * g[c]


@inner_sums
def middles(block, k, m, count, leans):
    """Σ a of the first samples over the generators of both parts of a cone: leans_0 without k, leans_1 without m."""
    r = len(block) - 2
    for i in range(count):
        leans[0, i] = block[r + 1, i]
    for j in range(r):
        if j != k and j != m:
            for i in range(count):
                leans[0, i] += block[j, i]
    for i in range(count):
        shared = leans[0, i]
        leans[0, i] = shared + block[m, i]
        leans[1, i] = shared + block[k, i]


@inner_sums
def shared_signs(block, r, k, m, signs):
    """The signs of activations at what both parts of a cone have: the last row, its new generator, and all but k and m.

    For every sample 1 if some are below zero, plus 2 if some are above.
    """
    new = len(block) - 1
    signs[:] = 0
    for j in range(r + 1):
        row = j if j < r else new
        if j != k and j != m:
            for i in range(len(signs)):
                signs[i] |= (1 if block[row, i] < 0.0 else 0) | (2 if block[row, i] > 0.0 else 0)


@inner_sums
def both_signs(out, signs, a):
    """Whether there are both signs, with the activations a: 1 or 0."""
    for i in range(len(out)):
        out[i] = 1 if (signs[i] | (1 if a[i] < 0.0 else 0) | (2 if a[i] > 0.0 else 0)) == 3 else 0


@inner
def keep_mixed(block, rows, negative, mixed, index, buffer, start):
    """Copy the mixed samples of a child to a new block; returns (all, those of the first `negative`).

    Its generators are at `rows`; what follows those of its parent, but for the last row, is copied as it is.
    """
    r = len(rows)
    kept = 0
    for i in range(negative):
        index[kept] = i
        kept += mixed[i]
    kept_negative = kept
    for i in range(negative, len(mixed)):
        index[kept] = i
        kept += mixed[i]
    for k in range(len(block) - 1):
        row, to = rows[k] if k < r else k, start + k * kept
        for i in range(kept):
            buffer[to + i] = block[row, index[i]]
    return kept, kept_negative


@inner_sums
def keep_all(block, rows, buffer, start):
    """Copy all samples of a child to a new block, as `keep_mixed` does."""
    r, count = len(rows), block.shape[1]
    for k in range(len(block) - 1):
        row, to = rows[k] if k < r else k, start + k * count
        for i in range(count):
            buffer[to + i] = block[row, i]


@inner
def inherit(block, rows, negative, k, m, old, depth, noted, signs, mixed, index, buffer, start):
    """Copy to a new block what the part of a cone without generator `old`, k or m, needs of its samples.

    Returns how many are kept, how many of the first `negative`, and whether `signs` are those that both parts share,
    which `noted` says of them before.
    """
    count = block.shape[1]
    if count > MANY and depth % DROPPED > 0:
        keep_all(block, rows, buffer, start)
        return count, negative, noted
    if not noted:
        shared_signs(block, len(rows), k, m, signs[:count])
    both_signs(mixed[:count], signs, block[m if old == k else k])
    kept, kept_negative = keep_mixed(block, rows, negative, mixed[:count], index, buffer, start)
    return kept, kept_negative, True


@inner
def root_block(features, v, root, buffer):
    """Activations of all samples with v ≠ 0 at the generators of a root cone, v < 0 first; returns (all, v < 0)."""
    d, n = features.shape
    r = len(root)
    count = 0
    for i in range(n):
        count += v[i] != 0.0
    kept = negative = 0
    for sign in range(2):
        for i in range(n):
            if v[i] < 0.0 if sign == 0 else v[i] > 0.0:
                for k in range(r):
                    a = root[k, d]
                    for c in range(d):
                        a += root[k, c] * features[c, i]
                    buffer[k * count + kept] = a
                buffer[r * count + kept] = v[i]
                kept += 1
        if sign == 0:
            negative = kept
    return count, negative


@kernel
def branch_and_bound(
    features, v, moment, root, norm, level, slack, rounding, cell_depth, best, neurons, stop, max_depth
):
    """Bound h over a root cone (r, d + 1) and its opposite, from above, by branch and bound.

    A cone is closed once its bound is at most max(level, (1 + slack)·best value seen in its cell); a cell is the
    ancestor of depth `cell_depth`. The level (1,) may be raised meanwhile. `best` (2, cells), `neurons`
    (2, cells, d + 1) receive the best neuron of each cell, row 0 in the cone, row 1 opposite. `moment` is Σ v x.

    Returns (bound, cones, visits): h/‖w‖_p ≤ bound on the whole cone and its opposite, whatever stopped the search.
    """
    d, n = features.shape
    r = len(root)
    buffer = np.empty(4 * (r + 2) * (n + 16))
    height = max_depth + 4
    # one entry per open cone: generators, h and tilt at them, bends of its edges, its bound, its block
    open_g, open_h, open_tilt = np.empty((height, r, d + 1)), np.empty((height, r)), np.empty((height, r))
    open_bends, open_bound = np.zeros((height, r, r)), np.empty(height)
    open_block = np.zeros((height, 5), dtype=np.int64)  # offset, samples, those with v < 0, depth, cell

    g, new = np.empty((r, d + 1)), np.empty(d + 1)
    values, tilt, above, trial = np.empty(r), np.empty(r), np.empty(r), np.empty(r)
    lines, slope, hinge, raised = np.empty(r), np.empty(r), np.empty(r + 2), np.empty(r)
    bends, new_bends = np.empty((r, r)), np.empty(r)
    good, p, weight, alpha = np.empty(2), np.empty(d), np.empty(r), np.empty(FEW)
    signs, mixed, index = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n + 1, dtype=np.uint32)
    leans, pulls = np.empty((2, n)), np.empty(n)
    rows = np.arange(r)

    count, negative = root_block(features, v, root, buffer)
    block = buffer[: (r + 2) * count].reshape(r + 2, count)
    largest = 0.0
    for k in range(r):
        open_tilt[0, k] = root[k, :d] @ moment
        open_h[0, k] = block[r] @ np.maximum(block[k], 0.0)
        copy(open_g[0, k], root[k])
        largest = max(largest, np.abs(block[r]) @ np.abs(block[k]))
        offer(open_h[0, k], root[k], 1.0, 0, 0, best, neurons)
        offer(open_h[0, k] - open_tilt[0, k], root[k], -1.0, 1, 0, best, neurons)
        crossings(block, r, k, open_bends[0, k])
    open_bound[0] = r * largest * (np.sqrt(d) if norm == 2 else 1.0)
    open_block[0, 1], open_block[0, 2] = count, negative
    top = 1

    bound = 0.0
    cones = visits = 0
    if r == 1:  # one neuron and its opposite
        bound = max(0.0, open_h[0, 0], open_h[0, 0] - open_tilt[0, 0]) + rounding
        top = 0
    while top > 0:
        if stop[0] != 0:
            for k in range(top):
                bound = max(bound, open_bound[k])
            break
        top -= 1
        offset, count, negative = open_block[top, 0], open_block[top, 1], open_block[top, 2]
        depth, cell, parent_bound = open_block[top, 3], open_block[top, 4], open_bound[top]
        copy_rows(g, open_g[top])
        copy_rows(bends, open_bends[top])
        copy(values, open_h[top])
        copy(tilt, open_tilt[top])
        end = offset + (r + 2) * count
        if end + 2 * (r + 2) * count > len(buffer):
            larger = np.empty(2 * (end + 2 * (r + 2) * count))
            copy(larger[:end], buffer)
            buffer = larger
        block = buffer[offset:end].reshape(r + 2, count)

        if depth > 0 and parent_bound <= level[0]:  # which was lower when the cone was cut
            bound = max(bound, parent_bound)
            continue
        k, m, length = longest_edge(g, bends, d, highest(values, tilt), norm)
        if depth >= max_depth or length < 1e-30:
            bound = max(bound, parent_bound)
            continue
        on, x, y = where_to_cut(block[k], block[m], block[r])
        scale = between(g, k, m, x, y, d, norm, new)
        value = (x * values[k] + y * values[m] - cut(block[k], block[m], x, y, block[r], scale, block[r + 1])) * scale
        new_tilt = (x * tilt[k] + y * tilt[m]) * scale
        if on >= 0:
            block[r + 1, on] = 0.0
        # what both parts share
        hinges(block, negative, hinge)
        middles(block, k, m, negative, leans)
        noted = False
        visits += count

        for side in range(2):
            cones += 1
            old = k if side == 0 else m
            old_value, old_tilt = values[old], tilt[old]
            rows[old], values[old], tilt[old] = r + 1, value, new_tilt
            child_cell = 2 * cell + side if depth < cell_depth else cell
            first = child_cell << max(0, cell_depth - depth - 1)
            offer(value, new, 1.0, 0, first, best, neurons)
            offer(value - new_tilt, new, -1.0, 1, first, best, neurons)
            for opposite in range(2):
                good[opposite] = max(level[0], (1.0 + slack) * best[opposite, first], 4.0 * rounding) - rounding

            copy_rows(open_g[top], g)
            copy(open_g[top, old], new)
            for j in range(r):
                raised[j] = values[j] + hinge[rows[j]]
            over = bound_linearly(
                block, rows, raised, values, tilt, good, leans[side, :negative], pulls[:negative], above, trial
            )
            child_bound, closed = settle(above, tilt, over, open_g[top], d, norm, good, trial, p, weight)
            if not closed:
                kept, kept_negative, noted = inherit(
                    block, rows, negative, k, m, old, depth, noted, signs, mixed, index, buffer, end
                )
                child = buffer[end : end + (r + 1) * kept].reshape(r + 1, kept)
                if over > 0.0 and kept_negative <= FEW:
                    over = tighten(child, kept_negative, values, tilt, good, over, above, trial, lines, slope, alpha)
                    child_bound, closed = settle(above, tilt, over, open_g[top], d, norm, good, trial, p, weight)
            child_bound = min(parent_bound, child_bound + rounding)
            if closed or child_bound - highest(values, tilt) <= 4.0 * rounding:
                bound = max(bound, child_bound)
            else:
                copy(open_h[top], values)
                copy(open_tilt[top], tilt)
                copy_rows(open_bends[top], bends)
                open_bound[top] = child_bound
                crossings(child, r, old, new_bends)
                copy(open_bends[top, old], new_bends)
                copy(open_bends[top, :, old], new_bends)
                open_block[top, 0], open_block[top, 1], open_block[top, 2] = end, kept, kept_negative
                open_block[top, 3], open_block[top, 4] = depth + 1, child_cell
                end += (r + 2) * kept
                top += 1
            rows[old], values[old], tilt[old] = old, old_value, old_tilt
    return bound, cones, visits
