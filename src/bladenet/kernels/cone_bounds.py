"""Bounds on h over a cone of neurons, from its values at the generators and the mixed samples: see `cones`.

A linear bound is a number for each generator, h ≤ Σ λ_k above_k; it becomes one on h/‖w‖_p by `ratio_bound`.
"""

import numpy as np

from bladenet.kernels.compiling import inner, inner_sums
from bladenet.kernels.linear_algebra import add, copy, dot, extend_basis

FEW = 8  # mixed samples with v < 0 up to which their α are optimised one by one
LEANS = 2  # steps of the other samples' α towards the generator with the largest bound
SWEEPS = 6  # of the generators, to bound a linear function over the Euclidean norm


@inner_sums
def hinges(block, count, out):
    """out_k = Σ |v| (a_k)_+ over samples 0…count−1, with v < 0, for all activations of a block."""
    r = len(block) - 2
    for k in range(r + 2):
        total = 0.0
        for i in range(count):
            total -= block[r, i] * max(block[k, i], 0.0)
        out[k] = total


@inner_sums
def pull(out, lean, v):
    """out = α |v|, with α = 1 of the samples that lean to the active side, else 0; v < 0."""
    for i in range(len(out)):
        out[i] = -v[i] if lean[i] > 0.0 else 0.0


@inner_sums
def lowered(out, raised, pulls, block, rows):
    """out_k = raised_k − Σ α |v| a_k."""
    for k in range(len(rows)):
        row = rows[k]
        total = 0.0
        for i in range(len(pulls)):
            total += pulls[i] * block[row, i]
        out[k] = raised[k] - total


@inner
def highest(values, tilt):
    """The largest of h at generators and their opposites, or 0: all are true values."""
    best = 0.0
    for k in range(len(values)):
        best = max(best, values[k], values[k] - tilt[k])
    return best


@inner
def ratio_bound(linear, g, d, norm, enough, p, weight):
    """Upper bound on Σ λ_k linear_k over ‖Σ λ_k w_k‖_p, λ ≥ 0; stops once it is at most `enough`.

    p = 1: the norm is linear inside an orthant, so the maximum is at a generator. p = 2: every vector p with positive
    products proves ‖p‖ · max_k linear_k / (p·w_k); the best one, Σ λ w at the maximum, is approached by coordinate
    ascent on the quadratic program Σ λ linear − ½ ‖Σ λ w‖². Room: p (d,), weight (r,).
    """
    r = len(linear)
    top = 0.0
    for k in range(r):
        top = max(top, linear[k])
    if norm == 1 or top == 0.0:
        return top
    for c in range(d):
        p[c] = 0.0
    for k in range(r):
        weight[k] = 1.0
        for c in range(d):
            p[c] += g[k, c]
    best = np.inf
    for sweep in range(SWEEPS):
        size = 0.0
        for c in range(d):
            size += p[c] * p[c]
        size = np.sqrt(size)
        ratio = 0.0
        for k in range(r):
            if linear[k] > 0.0:
                product = 0.0
                for c in range(d):
                    product += p[c] * g[k, c]
                ratio = max(ratio, linear[k] * size / product) if product > 0.0 else np.inf
        best = min(best, ratio)
        if best <= enough or best <= top * (1.0 + 1e-12):
            break
        if sweep == 0:
            for k in range(r):
                weight[k] = ratio / size
            for c in range(d):
                p[c] *= ratio / size
        for k in range(r):
            product = 0.0
            for c in range(d):
                product += p[c] * g[k, c]
            step = max(-weight[k], linear[k] - product)
            weight[k] += step
            for c in range(d):
                p[c] += step * g[k, c]
    if top <= enough < best:
        best = min(best, exact_ratio(linear, g, d, enough, p))
    return best


@inner
def exact_ratio(linear, g, d, enough, p):
    """The bound of `ratio_bound` for p = 2 by the shortest p that fits more and more generators, the worst first.

    A p with p·w_k = linear_k at the generators where the maximum is and p·w_k ≥ linear_k at the others is exact. So a
    cone on which h is linear is closed at once, where sweeps would need cones the smaller, the flatter the maximum is:
    h does not change with the offset on cells where Σ v over the active samples is zero.
    """
    basis = np.empty((d, d))
    p[:] = 0.0
    square, best, worst = 0.0, np.inf, linear.argmax()
    for size in range(d):
        _, apart = extend_basis(basis, size, g[worst, :d])
        if not apart:
            break
        row = basis[size]
        step = (linear[worst] - dot(p, g[worst, :d])) / dot(row, g[worst, :d])
        add(p, step, row)
        square += step * step
        ratio = 0.0
        for k in range(len(linear)):
            product = dot(p, g[k, :d])
            here = linear[k] / product if product > 0.0 else np.inf
            if here > ratio:
                ratio, worst = here, k
        best = min(best, ratio * np.sqrt(square))
        if best <= enough or square > enough * enough:
            break
    return best


@inner
def excess(above, tilt, good):
    """By how much a linear bound exceeds what is good enough, on either side; and at which generator."""
    worst, where = -np.inf, 0
    for k in range(len(above)):
        over = max(above[k] - good[0], above[k] - tilt[k] - good[1])
        if over > worst:
            worst, where = over, k
    return worst, where


@inner
def bound_linearly(block, rows, raised, values, tilt, good, lean, pulls, above, trial):
    """A linear bound on h over a cone: above_k = h_k + bend, for the best of a few choices of α; returns its excess.

    The bend Σ |v| ((a_k)_+ − α a_k) of the samples with v < 0 falls into two sums: raised_k = h_k + Σ |v| (a_k)_+
    is given. First every sample takes the side on which the middle of the cone, `lean`, is; then, as in Frank–Wolfe for
    the best α, samples lean towards the generator where the bound is largest. At the middle the first choice is the
    best one, and the bound there is the mean of above_k: no other choice is good enough if that is not.
    """
    r = len(values)
    v = block[r]
    over = np.inf
    where = 0
    for step in range(1 + LEANS):
        if step > 0:
            if max(values[where] - good[0], values[where] - tilt[where] - good[1]) > 0.0:
                break  # a true value: no bound is lower
            add(lean, 2.0 * r / (step + 1.0), block[rows[where]])
        pull(pulls, lean, v)
        lowered(trial, raised, pulls, block, rows)
        excess_now, where = excess(trial, tilt, good)
        if excess_now < over:
            over = excess_now
            copy(above, trial)
        if over <= 0.0 or (step == 0 and hopeless(trial, tilt, good)):
            break
    return over


@inner
def hopeless(above, tilt, good):
    """Whether the mean of a linear bound at the generators exceeds what is good enough, on either side."""
    total, opposite = 0.0, 0.0
    for k in range(len(above)):
        total += above[k]
        opposite += above[k] - tilt[k]
    return total > len(above) * good[0] or opposite > len(above) * good[1]


@inner
def least_largest(high, slope):
    """The t ∈ [0, 1] with the least max_k high_k − slope_k·t: an end, or where two lines meet."""
    r = len(high)
    best, least = 0.0, np.inf
    for k in range(r + 1):
        for m in range(k if k < r else 2):
            t = (high[k] - high[m]) / (slope[k] - slope[m]) if k < r else float(m)
            if 0.0 <= t <= 1.0:
                largest = -np.inf
                for j in range(r):
                    largest = max(largest, high[j] - slope[j] * t)
                if largest < least:
                    best, least = t, largest
    return best


@inner
def tighten(block, count, values, tilt, good, over, above, trial, high, slope, alpha):
    """Lower a linear bound by optimising α ∈ [0, 1] of the samples with v < 0, one at a time; returns its excess.

    With one such sample, the usual case on a ridge of h, the result is exact; without this, ridges would be cut to
    dust.
    """
    r = len(values)
    copy(trial, values)
    for i in range(count):
        middle = 0.0
        for k in range(r):
            middle += block[k, i]
        alpha[i] = 1.0 if middle > 0.0 else 0.0
        for k in range(r):
            trial[k] -= block[r, i] * (max(block[k, i], 0.0) - alpha[i] * block[k, i])
    for _ in range(2):
        for i in range(count):
            for k in range(r):
                slope[k] = -block[r, i] * block[k, i]
                trial[k] += slope[k] * alpha[i]
                high[k] = trial[k] - min(good[0], tilt[k] + good[1])
            alpha[i] = least_largest(high, slope)
            for k in range(r):
                trial[k] -= slope[k] * alpha[i]
    tightened, _ = excess(trial, tilt, good)
    if tightened < over:
        copy(above, trial)
        return tightened
    return over


@inner
def settle(above, tilt, over, g, d, norm, good, trial, p, weight):
    """Bound h/‖w‖_p and its opposite on a cone from a linear bound on h; returns it, and whether it is good enough."""
    enough_above, enough_opposite = (good[0], good[1]) if over <= 0.0 else (np.inf, np.inf)
    upper = ratio_bound(above, g, d, norm, enough_above, p, weight)
    for k in range(len(above)):
        trial[k] = above[k] - tilt[k]
    opposite = ratio_bound(trial, g, d, norm, enough_opposite, p, weight)
    return max(upper, opposite), upper <= good[0] and opposite <= good[1]
