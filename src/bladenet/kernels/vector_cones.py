"""Branch and bound over cones of neurons for several outputs (Theorem 23): see `cones`, of which this is the sibling.

Samples have dual variables V_i of one number per output, h(w, b) = Σ_i V_i (w·x_i + b)_+ is a vector, and its length
‖h‖₂ is to be bounded. On a cone h = Σ λ_k h_k − Σ_i V_i t_i, where mixed sample i is off by 0 ≤ t_i ≤ Σ λ_k gap_ik, so
‖h‖ ≤ Σ λ_k above_k if above_k bounds ‖h_k − Σ_i V_i t_i‖, 0 ≤ t_i ≤ gap_ik. Along a direction u, that of the middle of
the cone, mixed samples act like those of one output with v = V·u; what they do across it counts only in squares. There
the sum lies around its middle, t = gap/2, no farther away than ½ Σ gap ‖V_i‖ and than the length of ½ Σ gap |V_i|,
which is less where samples move different outputs.

A cone and its opposite are closed one by one: what is left of either is searched on.

In memory a cone's mixed samples are a block of r + c + 2 rows: activations at each generator, V, ‖V_i‖, and a row for
the activations at the new generator.
"""

import numpy as np

from bladenet.kernels.compiling import inner, inner_sums, kernel
from bladenet.kernels.cone_bounds import FEW, LEANS, least_largest, ratio_bound
from bladenet.kernels.cones import between, crossings, inherit, longest_edge, where_to_cut
from bladenet.kernels.linear_algebra import add, copy, copy_rows, dot

ROUNDED = 1.0 + 1e-14  # squares of lengths may be too small by so much


@inner_sums
def cut(a, c, x, y, scale, out, crossed):
    """Activations (x a + y c)·scale within an edge, and min(|x a|, |y c|) of the samples that it crosses, else 0."""
    for i in range(len(a)):
        p, q = x * a[i], y * c[i]
        out[i] = (p + q) * scale
        crossed[i] = min(max(p, 0.0), max(-q, 0.0)) + min(max(-p, 0.0), max(q, 0.0))


@inner_sums
def split(along, rising, falling):
    """How V_i moves h along a direction per unit of the gap: up, or down."""
    for i in range(len(along)):
        rising[i] = max(-along[i], 0.0)
        falling[i] = max(along[i], 0.0)


@inner_sums
def turned(along, across, lengths):
    """across_i = ‖V_i‖ across a direction, from ‖V_i‖ and the part along it; not below it by rounding."""
    for i in range(len(along)):
        across[i] = np.sqrt(max(ROUNDED * lengths[i] ** 2 - along[i] ** 2, 0.0))


@inner_sums
def lean_to(lean, turn):
    """−1 for samples that lean to the active side, else 1: the gap is (turn·a)_+."""
    for i in range(len(turn)):
        turn[i] = -1.0 if lean[i] > 0.0 else 1.0


@inner_sums
def gaps(a, turn, gap):
    """How far every mixed sample may be off."""
    for i in range(len(gap)):
        gap[i] = max(turn[i] * a[i], 0.0)


@inner_sums
def reach(a, turn, rising, falling, across):
    """How far mixed samples may move h: up, down and across."""
    up = down = aside = 0.0
    for i in range(len(a)):
        gap = max(turn[i] * a[i], 0.0)
        up += gap * rising[i]
        down += gap * falling[i]
        aside += gap * across[i]
    return up, down, aside


@inner_sums
def sum_and_size(gap, v):
    """Σ gap v and Σ gap |v|."""
    total = size = 0.0
    for i in range(len(gap)):
        total += gap[i] * v[i]
        size += gap[i] * abs(v[i])
    return total, size


@inner
def length_of(x):
    """‖x‖₂."""
    return np.sqrt(dot(x, x))


@inner
def length_across(x, u, along):
    """‖x‖ across the direction u, from the part along it."""
    square = 0.0
    for o in range(len(x)):
        square += (x[o] - along * u[o]) ** 2
    return np.sqrt(square)


@inner
def across_centred(block, r, c, gap, h, u, across, centre):
    """Bound on the length across u of h − Σ V_i t_i, 0 ≤ t_i ≤ gap_i, around its middle."""
    square = 0.0
    for o in range(c):
        total, size = sum_and_size(gap, block[r + o])
        centre[o] = h[o] - 0.5 * total
        square += size * size
    return length_across(centre, u, dot(u, centre)) + 0.5 * min(across, np.sqrt(square))


@inner
def middle_direction(h, u):
    """The direction of Σ_k h_k, or the first axis; h (r, c)."""
    u[:] = 0.0
    for k in range(len(h)):
        for o in range(len(u)):
            u[o] += h[k, o]
    length = length_of(u)
    if length > 0.0:
        for o in range(len(u)):
            u[o] /= length
    else:
        u[0] = 1.0


@inner
def refine_leans(block, rows, count, along, across, component, aside, above, trial, turn, alpha, high, slope):
    """Lower the bound by optimising α of the (few) samples that bend h upwards, one at a time.

    With one such sample this is exact along the direction: without it, ridges of ‖h‖ would be cut to dust.
    """
    r = len(component)
    few = np.empty(FEW, dtype=np.int64)
    negative = 0
    for i in range(count):
        if along[i] < 0.0:
            if negative == FEW:
                return
            few[negative] = i
            negative += 1
    if negative == 0:
        return
    for j in range(negative):
        i = few[j]
        alpha[j] = 1.0 if turn[i] < 0.0 else 0.0
    up = np.zeros(r)
    for k in range(r):
        for j in range(negative):
            a = block[rows[k], few[j]]
            up[k] -= along[few[j]] * (max(a, 0.0) - alpha[j] * a)
    for _ in range(2):
        for j in range(negative):
            i = few[j]
            for k in range(r):
                slope[k] = -along[i] * block[rows[k], i]
                high[k] = component[k] + up[k] + slope[k] * alpha[j]
            alpha[j] = least_largest(high, slope)
            for k in range(r):
                up[k] = high[k] - slope[k] * alpha[j] - component[k]
    for k in range(r):
        down = sideways = 0.0
        for i in range(count):
            gap = max(turn[i] * block[rows[k], i], 0.0)
            down += gap * max(along[i], 0.0)
            sideways += gap * across[i]
        for j in range(negative):
            a = block[rows[k], few[j]]
            sideways += (max(a, 0.0) - alpha[j] * a - max(turn[few[j]] * a, 0.0)) * across[few[j]]
        height = max(component[k] + max(up[k], 0.0), down - component[k])
        trial[k] = np.sqrt(height * height + (aside[k] + max(sideways, 0.0)) ** 2)
    if trial.max() < above.max():
        copy(above, trial)


@inner
def bound_length(
    block, rows, count, c, h, good, stretch, u, centre, component, aside, height, sideways, room, above, trial, alpha,
    high, slope
):  # fmt: skip
    """Numbers above_k (r,) with ‖h‖ ≤ Σ λ_k above_k on a cone whose generators have the values h (r, c).

    They are lowered as long as that may bring Σ λ_k above_k / ‖Σ λ_k w_k‖ down to `good`, where 1/‖Σ λ_k w_k‖, Σ λ = 1,
    is at most `stretch`. Room (7, N).
    """
    r = len(rows)
    along, rising, falling, across = room[0, :count], room[1, :count], room[2, :count], room[3, :count]
    lean, turn, gap = room[4, :count], room[5, :count], room[6, :count]
    middle_direction(h, u)
    largest = 0.0
    for k in range(r):
        component[k] = dot(u, h[k])
        aside[k] = length_across(h[k], u, component[k])
        largest = max(largest, length_of(h[k]))
    along[:] = 0.0
    for o in range(c):
        add(along, u[o], block[r + o])
    split(along, rising, falling)
    turned(along, across, block[r + c])
    lean[:] = 0.0
    for k in range(r):
        add(lean, 1.0, block[rows[k]])
    above[:] = np.inf
    hopeless = largest > good
    for step in range(1 + LEANS):
        lean_to(lean, turn)
        mean = 0.0
        for k in range(r):
            up, down, sideways[k] = reach(block[rows[k]], turn, rising, falling, across)
            height[k] = max(component[k] + up, down - component[k])
            trial[k] = np.sqrt(height[k] ** 2 + (aside[k] + sideways[k]) ** 2)
            mean += (component[k] + up) / r
        hopeless = hopeless or (step == 0 and mean > good)  # of all α these have the least mean
        if not hopeless and height.max() <= good:
            for k in range(r):
                if trial[k] * stretch > good:
                    gaps(block[rows[k]], turn, gap)
                    beside = across_centred(block, r, c, gap, h[k], u, sideways[k], centre)
                    trial[k] = np.sqrt(height[k] ** 2 + beside * beside)
            hopeless = step == 0 and trial.mean() > good
        where = trial.argmax()
        if trial[where] < above.max():
            copy(above, trial)
        if above.max() <= good or hopeless or step == LEANS:
            break
        add(lean, 2.0 * r / (step + 2.0), block[rows[where]])
    if above.max() > good and not hopeless:
        refine_leans(block, rows, count, along, across, component, aside, above, trial, turn, alpha, high, slope)


@inner
def offer(h, g, sign, side, cell, best, neurons):
    """Keep a generator, or its opposite, if it is the best neuron of its side in its cell."""
    length = length_of(h)
    if length > best[side, cell]:
        best[side, cell] = length
        for k in range(len(g)):
            neurons[side, cell, k] = sign * g[k]


@kernel
def branch_and_bound_of_outputs(
    features, V, lengths, moment, root, norm, level, slack, rounding, cell_depth, best, neurons, stop, max_depth
):
    """As `branch_and_bound`, for the length of h: V (c, N), lengths (N,) of the V_i, moment (c, d) = Σ V_i x_i."""
    d, n = features.shape
    r, c = len(root), len(V)
    tall = r + c + 2
    buffer = np.empty(4 * tall * (n + 16))
    height = max_depth + 4
    open_g, open_h, open_tilt = np.empty((height, r, d + 1)), np.empty((height, r, c)), np.empty((height, r, c))
    open_bends, open_bound = np.zeros((height, r, r)), np.empty(height)
    open_block = np.zeros((height, 4), dtype=np.int64)  # offset, samples, depth, cell
    open_side = np.ones((height, 2), dtype=np.bool_)  # the cone and its opposite

    g, new = np.empty((r, d + 1)), np.empty(d + 1)
    values, tilt, sided = np.empty((r, c)), np.empty((r, c)), np.empty((r, c))
    value, new_tilt, old_value, old_tilt = np.empty(c), np.empty(c), np.empty(c), np.empty(c)
    above, trial, component, aside, ones = np.empty(r), np.empty(r), np.empty(r), np.empty(r), np.ones(r)
    heights, sideways, lines, slope = np.empty(r), np.empty(r), np.empty(r), np.empty(r)
    u, centre, alpha, sides = np.empty(c), np.empty(c), np.empty(FEW), np.empty(2, dtype=np.bool_)
    p, weight = np.empty(d), np.empty(r)
    bends, new_bends = np.empty((r, r)), np.empty(r)
    crossed, room = np.empty(n), np.empty((7, n))
    signs, mixed, index = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n + 1, dtype=np.uint32)
    rows = np.arange(r)

    # all samples that matter, at the generators of the root
    count = 0
    for i in range(n):
        if lengths[i] > 0.0:
            index[count] = i
            count += 1
    block = buffer[: tall * count].reshape(tall, count)
    for j in range(count):
        i = index[j]
        for k in range(r):
            a = root[k, d]
            for e in range(d):
                a += root[k, e] * features[e, i]
            block[k, j] = a
        for o in range(c):
            block[r + o, j] = V[o, i]
        block[r + c, j] = lengths[i]
    largest = 0.0
    for k in range(r):
        copy(open_g[0, k], root[k])
        for o in range(c):
            open_tilt[0, k, o] = root[k, :d] @ moment[o]
            open_h[0, k, o] = block[r + o] @ np.maximum(block[k], 0.0)
            value[o] = open_h[0, k, o] - open_tilt[0, k, o]
        largest = max(largest, block[r + c] @ np.abs(block[k]))
        offer(open_h[0, k], root[k], 1.0, 0, 0, best, neurons)
        offer(value, root[k], -1.0, 1, 0, best, neurons)
        crossings(block, r + c, k, open_bends[0, k])
    open_bound[0] = r * largest * (np.sqrt(d) if norm == 2 else 1.0)
    open_block[0, 1] = count
    top = 1

    bound = 0.0
    cones = visits = 0
    if r == 1:  # one neuron and its opposite
        bound = max(best[0, 0], best[1, 0]) + rounding
        top = 0
    while top > 0:
        if stop[0] != 0:
            for k in range(top):
                bound = max(bound, open_bound[k])
            break
        top -= 1
        offset, count, depth, cell = open_block[top, 0], open_block[top, 1], open_block[top, 2], open_block[top, 3]
        parent_bound = open_bound[top]
        copy_rows(g, open_g[top])
        copy_rows(bends, open_bends[top])
        copy_rows(values, open_h[top])
        copy_rows(tilt, open_tilt[top])
        copy(sides, open_side[top])
        end = offset + tall * count
        if end + 2 * tall * count > len(buffer):
            larger = np.empty(2 * (end + 2 * tall * count))
            copy(larger[:end], buffer)
            buffer = larger
        block = buffer[offset:end].reshape(tall, count)
        true = 0.0
        for k in range(r):
            if sides[0]:
                true = max(true, length_of(values[k]))
            if sides[1]:
                copy(sided[k], values[k])
                add(sided[k], -1.0, tilt[k])
                true = max(true, length_of(sided[k]))

        if depth > 0 and parent_bound <= level[0]:  # which was lower when the cone was cut
            bound = max(bound, parent_bound)
            continue
        k, m, length = longest_edge(g, bends, d, true, norm)
        if depth >= max_depth or length < 1e-30:
            bound = max(bound, parent_bound)
            continue
        on, x, y = where_to_cut(block[k], block[m], block[r + c])
        scale = between(g, k, m, x, y, d, norm, new)
        cut(block[k], block[m], x, y, scale, block[r + c + 1], crossed[:count])
        for o in range(c):
            value[o] = (x * values[k, o] + y * values[m, o] - dot(crossed[:count], block[r + o])) * scale
            new_tilt[o] = (x * tilt[k, o] + y * tilt[m, o]) * scale
        if on >= 0:
            block[r + c + 1, on] = 0.0
        visits += count

        noted = False
        for part in range(2):
            cones += 1
            old = k if part == 0 else m
            copy(old_value, values[old])
            copy(old_tilt, tilt[old])
            rows[old] = r + c + 1
            copy(values[old], value)
            copy(tilt[old], new_tilt)
            child_cell = 2 * cell + part if depth < cell_depth else cell
            first = child_cell << max(0, cell_depth - depth - 1)
            offer(value, new, 1.0, 0, first, best, neurons)
            offer(value - new_tilt, new, -1.0, 1, first, best, neurons)
            copy_rows(open_g[top], g)
            copy(open_g[top, old], new)

            child_bound, stretch = 0.0, ratio_bound(ones, open_g[top], d, norm, 1.0, p, weight)
            for side in range(2):
                open_side[top, side] = False
                if not sides[side]:
                    continue
                good = max(level[0], (1.0 + slack) * best[side, first], 4.0 * rounding) - rounding
                true = 0.0
                for j in range(r):
                    copy(sided[j], values[j])
                    if side:
                        add(sided[j], -1.0, tilt[j])
                    true = max(true, length_of(sided[j]))
                bound_length(
                    block, rows, count, c, sided, good, stretch, u, centre, component, aside, heights, sideways, room,
                    above, trial, alpha, lines, slope
                )  # fmt: skip
                upper = ratio_bound(above, open_g[top], d, norm, good if above.max() <= good else np.inf, p, weight)
                side_bound = min(parent_bound, upper + rounding)
                if upper <= good or side_bound - true <= 4.0 * rounding:
                    bound = max(bound, side_bound)
                else:
                    open_side[top, side] = True
                    child_bound = max(child_bound, side_bound)
            if open_side[top, 0] or open_side[top, 1]:
                kept, _, noted = inherit(block, rows, 0, k, m, old, depth, noted, signs, mixed, index, buffer, end)
                crossings(buffer[end : end + (r + c + 1) * kept].reshape(r + c + 1, kept), r + c, old, new_bends)
                copy_rows(open_h[top], values)
                copy_rows(open_tilt[top], tilt)
                copy_rows(open_bends[top], bends)
                open_bound[top] = child_bound
                copy(open_bends[top, old], new_bends)
                copy(open_bends[top, :, old], new_bends)
                open_block[top, 0], open_block[top, 1], open_block[top, 2] = end, kept, depth + 1
                open_block[top, 3] = child_cell
                end += tall * kept
                top += 1
            rows[old] = old
            copy(values[old], old_value)
            copy(tilt[old], old_tilt)
    return bound, cones, visits
