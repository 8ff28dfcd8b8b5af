"""Climb h/‖w‖_p from a neuron to a local maximum, for any number of features: an active-set ascent.

The state is a neuron and its contacts: independent samples on its hyperplane, and for p = 1 the coordinates where w is
zero. With a bias the first contact is the anchor x_a, and b = −w·x_a eliminates the offset: a contact is then the row
x_i − x_a that w is orthogonal to. Let s = Σ_{active} v_i (x_i, 1) and g = s_w − s_b x_a − h ∂‖w‖, the slope of h/‖w‖ if
all contacts stay inactive. While the projection of g on what the contacts leave free is not zero, w moves along it.
Then a contact is let go if h rises to one side of it; if none is, the neuron is a local maximum. h is linear along a
move between crossings of samples, so each move goes exactly to the first local maximum along it (:func:`walk`).
"""

import numpy as np

from bladenet.kernels.compiling import inner, kernel
from bladenet.kernels.linear_algebra import add, dot, project_off, scale, size_of
from bladenet.kernels.walking import FALLS, LIMIT, active_sums, count_below, distances, longest, value_of, walk

NEIGHBOURHOOD = 0.05  # distance to a hyperplane, in units of the data, up to which samples may change sides at first
FEW = 256  # samples that need no neighbourhood
APART = 1e-9  # rows closer than this to the span of others do not define a direction
VANISHES = 1e-14  # coordinates of w below it are zero (p = 1)
ROUNDING = 1e-13  # slopes of h below this share of Σ|v_i| are rounding
FARTHEST = 1e3  # longest move of a unit weight
EXCHANGES = 10  # choices of contacts tried at a neuron on more samples than define it
STEPS = 100  # and MORE for each feature: moves of one climb
MORE = 20


@inner
def contact_row(features, i, contacts, bias, row):
    """What w is orthogonal to if sample i is a contact: x_i, or x_i − x_anchor with a bias."""
    for c in range(len(row)):
        row[c] = features[c, i]
        if bias:
            row[c] -= features[c, contacts[0]]


@inner
def set_offset(features, bias, anchor, neuron):
    """b = −w·x_anchor."""
    d = features.shape[0]
    neuron[d] = 0.0
    if bias:
        for c in range(d):
            neuron[d] -= neuron[c] * features[c, anchor]


@inner
def find_contacts(features, a, touch, support, bias, contacts, count, Q, lower, dual):
    """Choose independent samples with |a_i| ≤ touch as contacts, those among contacts[:count] first.

    With bias, the first is the anchor. Q[:k] becomes an orthonormal basis of the k contact rows on the `support` (d,)
    of w, row_i = Σ_j lower[i, j] Q[j], and dual[i] the vector in their span with row_i·dual_i = 1 that is orthogonal
    to the other rows. Returns the number of contacts.
    """
    d, n = features.shape
    most = bias - 1
    for c in range(d):
        most += support[c] != 0.0
    chosen = 0
    for turn in range(count + n):
        if chosen >= most:
            break
        i = contacts[turn] if turn < count else turn - count
        if abs(a[i]) > touch:
            continue
        k = chosen - bias
        if k >= 0:
            row = Q[k]
            contact_row(features, i, contacts, bias, row)
            for c in range(d):
                row[c] *= support[c]
            for j in range(k):
                lower[k, j] = 0.0
            for twice in range(2 * k):
                j = twice % k
                share = dot(Q[j], row)
                lower[k, j] += share
                add(row, -share, Q[j])
            length = np.sqrt(dot(row, row))
            if length <= APART:
                continue
            lower[k, k] = length
            scale(row, 1.0 / length)
        contacts[chosen] = i
        chosen += 1
    k = max(chosen - bias, 0)
    for i in range(k - 1, -1, -1):  # lowerᵀ dual = Q, from the last row
        for c in range(d):
            dual[i, c] = Q[i, c]
        for j in range(i + 1, k):
            add(dual[i], -lower[j, i], dual[j])
        scale(dual[i], 1.0 / lower[i, i])
    return chosen


@inner
def releases(features, v, a, touch, g, pull, h, shift, bias, contacts, count, dual, support, gains, room):
    """How fast h/‖w‖ rises per unit of movement if one contact is let go, signed by the side.

    gains[i] is for the sample contacts[i], gains[count + c] for the coordinate w_c = 0 (p = 1). At a contact,
    h = … + v_i (a_i)_+, with a multiplier λ_i such that g + Σ λ_i row_i = 0: h rises by v_i − λ_i per unit of a_i
    towards its active side and by λ_i towards the other. A zero coordinate is the same with −h |w_c|. Other samples
    that touch the hyperplane move too, and add their part.
    """
    d = len(g)
    k = max(count - bias, 0)
    row, together, rest, shares = room[0, :d], room[1, :d], room[2, :d], room[3, :d]
    up, down = room[4], room[5]
    total = 0.0
    for c in range(d):
        together[c] = 0.0
        rest[c] = pull[c]
    for i in range(k):
        multiplier = -dot(dual[i], g)
        up[i + bias], down[i + bias] = v[contacts[i + bias]] - multiplier, multiplier
        total += multiplier
        add(together, 1.0, dual[i])
        contact_row(features, contacts[i + bias], contacts, bias, row)
        for c in range(d):
            rest[c] += multiplier * row[c]
    if bias:
        up[0], down[0] = v[contacts[0]] + shift + total, -shift - total
    for c in range(d):
        up[count + c], down[count + c] = rest[c] - h, -rest[c] - h

    for t in range(len(v)):
        if abs(a[t]) > touch or contains(contacts, count, t):
            continue
        contact_row(features, t, contacts, bias, row)
        left = 1.0
        for i in range(k):
            shares[i] = dot(dual[i], row)
            left -= shares[i]
            up[i + bias] += v[t] * max(shares[i], 0.0)
            down[i + bias] += v[t] * max(-shares[i], 0.0)
        if bias:
            up[0] += v[t] * max(left, 0.0)
            down[0] += v[t] * max(-left, 0.0)
        for c in range(d):
            if support[c] == 0.0:
                moved = row[c]
                for i in range(k):
                    anchor = features[c, contacts[0]] if bias else 0.0
                    moved -= shares[i] * (features[c, contacts[i + bias]] - anchor)
                up[count + c] += v[t] * max(moved, 0.0)
                down[count + c] += v[t] * max(-moved, 0.0)

    for i in range(count + d):
        length = 1.0
        if bias and i == 0:
            length = np.sqrt(dot(together, together)) if k > 0 else 1.0
        elif i < count:
            length = np.sqrt(dot(dual[i - bias], dual[i - bias]))
        gains[i] = max(up[i], 0.0) / length if up[i] >= down[i] else -max(down[i], 0.0) / length
        if i >= count and support[i - count] != 0.0:
            gains[i] = 0.0


@inner
def contains(contacts, count, i):
    """Whether sample i is among contacts[:count]."""
    found = False
    for j in range(count):
        found |= contacts[j] == i
    return found


@inner
def release(features, which, side, bias, contacts, count, dual, move, row):
    """The move (d + 1,) of unit length that lets go of one contact, numbered as in :func:`releases`, to a side."""
    d = dual.shape[0]
    k = max(count - bias, 0)
    weight = move[:d]
    for c in range(d):
        weight[c] = 0.0
    stays = 0  # a contact that keeps its place and gives the offset
    if which >= count:
        weight[which - count] = 1.0
        for i in range(k):
            contact_row(features, contacts[i + bias], contacts, bias, row)
            add(weight, -row[which - count], dual[i])
    elif which >= bias:
        add(weight, 1.0, dual[which - bias])
    elif k > 0:
        stays = 1
        for i in range(k):  # the anchor moves alone if all others move the other way, and the offset follows them
            add(weight, -1.0, dual[i])
    else:
        move[d] = side  # the only contact: shift
        return
    scale(weight, side / np.sqrt(dot(weight, weight)))
    set_offset(features, bias, contacts[stays], move)


@inner
def advance(near, v, base, a, slope, neuron, move, norm, touch, tol, limit, window, flat, times, order):
    """Walk from the neuron along the move and stay where the walk ends; returns τ, the end and the old norm."""
    d, n = near.shape
    distances(near, move, slope)
    sa, sb = dot(base, neuron), dot(base, move)
    tau, end = walk(v, a, slope, sa, sb, neuron[:d], move[:d], norm, touch, tol, limit, window, flat, times, order)
    if end == FALLS or (flat and end == LIMIT):
        return 0.0, FALLS, 1.0
    add(neuron, tau, move)
    add(a, tau, slope)
    if end >= n:
        neuron[end - n] = 0.0
    elif end >= 0:
        a[end] = 0.0
    if norm == 1:
        for c in range(d):
            if abs(neuron[c]) <= VANISHES:
                neuron[c] = 0.0
    size = size_of(neuron[:d], norm)
    scale(neuron, 1.0 / size)
    scale(a, 1.0 / size)
    return tau, end, size


@inner
def draw_contacts(a, touch, contacts, draw, touching):
    """Put other samples that touch the hyperplane first among the contacts; returns how many touch it."""
    count = 0
    for i in range(len(a)):
        if abs(a[i]) <= touch:
            touching[count] = i
            count += 1
    for j in range(min(len(contacts), count)):
        draw = (draw * 1103515245 + 12345) % 2147483648
        contacts[j] = touching[(draw >> 8) % count]
    return count


@inner
def slide(Q, k, w, support, move, trial):
    """A move that contacts leave free, across w, along which a coordinate of w vanishes; False if there is none.

    For a flat face (p = 1): h/‖w‖ is the same on all of it, and its vertices are the blades.
    """
    d = len(w)
    square, longest = dot(w, w), APART
    for c in range(d):
        if support[c] == 0.0:
            continue
        for l in range(d):
            trial[l] = -w[c] * w[l] / square
        trial[c] += 1.0
        project_off(Q, k, trial)
        length = np.sqrt(dot(trial, trial))
        if length > longest:
            longest = length
            for l in range(d):
                move[l] = -np.sign(w[c]) * trial[l] / length
    return longest > APART


@inner
def largest(gains, count):
    """Index of the largest |gain| among gains[:count]."""
    best = 0
    for i in range(1, count):
        if abs(gains[i]) > abs(gains[best]):
            best = i
    return best


@inner
def climb_nearby(near, v, base, neuron, a, width, reach, norm, bias, touch, tol, steps, slope, times, order):
    """Climb from `neuron` (in place) while only the samples `near` (d, n) change sides; others add base·(w, b).

    a : (n,) their distances; width : how far away the others are at least; reach : how far a sample moves at most per
    unit of a move. Returns the number of steps left, 0 when the neuron is a local maximum, and whether a move was cut
    short because other samples came near.
    """
    d = near.shape[0]
    contacts, count = np.empty(d + 1, dtype=np.int64), np.int64(0)  # typed: a literal 0 compiles everything twice
    Q, lower, dual, room = np.empty((d, d)), np.empty((d, d)), np.empty((d, d)), np.empty((6, 2 * d + 1))
    support, residual, g, pull = np.ones(d), np.empty(d), np.empty(d), np.empty(d)
    s, move, gains = np.empty(d + 1), np.empty(d + 1), np.zeros(2 * d + 1)
    left, window, exchanges = width, 0.05, 0
    cut = False
    while steps > 0 and not (cut or left < 0.25 * width):
        steps -= 1
        if norm == 1:
            for c in range(d):
                support[c] = 1.0 if neuron[c] != 0.0 else 0.0
        count = find_contacts(near, a, touch, support, bias, contacts, count, Q, lower, dual)
        active_sums(near, v, a, touch, slope, s)
        add(s, 1.0, base)
        h = dot(s, neuron)
        flat = sliding = False
        if bias and count == 0:
            # h is linear in the offset here: shift it to the next sample, or on to the next local maximum
            rising, choices = 0.0, 1
            flat = abs(s[d]) <= tol
            gains[0] = s[d] if not flat else 2.0 * tol
        else:
            for c in range(d):
                pull[c] = s[c] - s[d] * near[c, contacts[0]] if bias else s[c]
                g[c] = support[c] * (pull[c] - h * (neuron[c] if norm == 2 else np.sign(neuron[c])))
                residual[c] = g[c]
            project_off(Q, count - bias, residual)
            rising, choices = np.sqrt(dot(residual, residual)), count + d
            releases(near, v, a, touch, g, pull, h, s[d], bias, contacts, count, dual, support, gains, room)

        limit = min(0.9 * left / reach, FARTHEST)
        tau, end, size = 0.0, FALLS, 1.0
        while end == FALLS:
            which = largest(gains, choices)
            gain = gains[which]
            letting_go = abs(gain) > max(tol, rising)
            if letting_go:
                release(near, which, np.sign(gain), bias, contacts, max(count, bias), dual, move, room[0, :d])
            elif rising > tol:
                for c in range(d):
                    move[c] = residual[c] / rising
                set_offset(near, bias, contacts[0], move)
            elif norm == 1 and not flat and slide(Q, count - bias, neuron[:d], support, move, room[0, :d]):
                set_offset(near, bias, contacts[0], move)
                sliding = True
            else:
                break
            tau, end, size = advance(
                near, v, base, a, slope, neuron, move, norm, touch, tol, limit, window, flat or sliding, times, order
            )
            if end == FALLS:
                if sliding:
                    cut = True
                    break
                if flat and gain > 0.0:
                    gains[0] = -gain
                elif letting_go:
                    gains[which] = 0.0
                else:
                    rising = 0.0
        if end != FALLS:
            exchanges = 0
            cut = end == LIMIT
            left = (left - tau * reach) / size
            window = max(2.0 * tau, 1e-6)
        elif flat or cut:
            cut = True
        elif exchanges < EXCHANGES:
            # more samples than define the neuron may touch it: their other choices can be let go in other ways
            exchanges += 1
            touching = draw_contacts(a, touch, contacts, exchanges, order)
            if touching <= count:
                break
            count = min(touching, d + 1)
        else:
            break
    # the exact neuron on its contacts
    count = find_contacts(near, a, touch, support, bias, contacts, count, Q, lower, dual)
    if count > 0:
        project_off(Q, count - bias, neuron[:d])
        scale(neuron, 1.0 / size_of(neuron[:d], norm))
        set_offset(near, bias, contacts[0], neuron)
    if cut or left < 0.25 * width:
        return steps, cut
    return 0, False


@inner
def measure(features, bias, touch, neuron, far):
    """Distances of all samples; where all are active, after the offset has gone back to the outermost.

    Beyond it h changes by Σ v = 0, whose rounding must not lead to infinity.
    """
    distances(features, neuron, far)
    if bias and count_below(far, touch) == 0:
        set_offset(features, bias, far.argmin(), neuron)
        distances(features, neuron, far)


@kernel
def climb(features, v, neurons, norm, bias, touch, stop):
    """Climb h/‖w‖_p, where h(w, b) = Σ_i v_i (w·x_i + b)_+ > 0, from each neuron to a local maximum, in place.

    Only samples near a hyperplane change sides while it moves a little, so each climb runs on those, and their
    neighbourhood follows the hyperplane. O(N d) per neighbourhood, of which few are needed.

    Parameters
    ----------
    features : (d, N) samples of unit size, by feature
    v : (N,)
    neurons : (m, d + 1) weights and offsets, replaced by neurons with ‖w‖_p = 1 and no smaller h/‖w‖_p
    norm : 1 or 2
    bias : 0 or 1; 0 keeps b = 0
    touch : distance up to which a sample lies on a hyperplane
    stop : (1,) flag, not zero once the climbs that are left should not begin, nor those begun go on
    """
    d, n = features.shape
    near_room, near_v, base = np.empty(d * n), np.empty(n), np.empty(d + 1)
    far, near_a = np.empty(n), np.empty(n)
    slope, times, order = np.empty(n), np.empty(n + d), np.empty(n + d, dtype=np.int64)
    start = np.empty(d + 1)
    reach, tol = 2.0 * longest(features, far) + 1.0, ROUNDING * np.abs(v).sum()
    for row in range(len(neurons)):
        if stop[0] != 0:
            break
        neuron = neurons[row]
        scale(neuron, 1.0 / size_of(neuron[:d], norm))
        measure(features, bias, touch, neuron, far)
        for c in range(d + 1):
            start[c] = neuron[c]
        before = value_of(v, far)
        width = NEIGHBOURHOOD if n > FEW else np.inf
        steps = STEPS + MORE * d if before > tol else 0
        while steps > 0 and stop[0] == 0:
            count = 0
            for i in range(n):
                order[count] = i
                count += abs(far[i]) <= width
            if count > n // 2:
                width, count = np.inf, n
                for i in range(n):
                    order[i] = i
            near = near_room[: d * count].reshape((d, count))
            for j in range(count):
                near_v[j], near_a[j] = v[order[j]], far[order[j]]
            for c in range(d):
                base[c] = 0.0
                for j in range(count):
                    near[c, j] = features[c, order[j]]
            base[d] = 0.0
            if count < n:
                active_sums(features, v, far, width, slope, base)
            steps, cut = climb_nearby(
                near, near_v[:count], base, neuron, near_a[:count], width, reach, norm, bias, touch, tol, steps,
                slope[:count], times[: count + d], order[: count + d],
            )  # fmt: skip
            if cut:
                width *= 4.0
            measure(features, bias, touch, neuron, far)
        if value_of(v, far) < before - 0.01 * tol:  # by more than the rounding of h
            for c in range(d + 1):
                neuron[c] = start[c]
