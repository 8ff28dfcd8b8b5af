"""Neurons in given directions, each with the best of many offsets, in one pass over the samples."""

import numpy as np

from bladenet.kernels.compiling import inner, inner_sums, kernel

BINS = 256  # of a direction; offsets put the hyperplane between two of them


@inner_sums
def project(features, weight, out):
    """out_i = w·x_i; returns the smallest and the largest."""
    out[:] = 0.0
    for c in range(len(weight)):
        for i in range(len(out)):
            out[i] += weight[c] * features[c, i]
    low = high = out[0]
    for i in range(len(out)):
        low, high = min(low, out[i]), max(high, out[i])
    return low, high


@inner
def fill(p, v, low, width, sums, moments):
    """Σ v and Σ v p over the samples of each bin."""
    sums[:] = 0.0
    moments[:] = 0.0
    last, per_unit = len(sums) - 1, 1.0 / width
    for i in range(len(p)):
        j = min(int((p[i] - low) * per_unit), last)
        sums[j] += v[i]
        moments[j] += v[i] * p[i]


@kernel
def scan(features, v, weights, bias, orientations, offsets, values):
    """Of the neurons ±(w, b) with b between two bins of w·x (0 without bias), those with the largest and smallest h.

    h is a sum over the bins on the active side, and h(−w, −b) = h(w, b) − Σ v (w·x + b), so one pass that fills the
    bins gives h for all of them. The best neurons of all lie beside these, and are found by climbing.

    Parameters
    ----------
    features : (d, N); v : (N,)
    weights : (m, d) directions w
    bias : 0 or 1
    orientations, offsets, values : (m, 2) results: ±1, b and h of the neuron ±(w, b) with the largest h, and of the one
        with the smallest; (1, 0, 0) where no h is above, or below, zero
    """
    p = np.empty(len(v))
    sums, moments = np.empty(BINS), np.empty(BINS)
    orientations[:] = 1.0
    offsets[:] = 0.0
    values[:] = 0.0
    for m in range(len(weights)):
        low, high = project(features, weights[m], p)
        if not bias:
            width, first, last = max(high, -low), BINS // 2, BINS // 2  # of two times 128 bins
            low, width = -width, width / (BINS // 2)
        else:
            width, first, last = (high - low) / BINS, 1, BINS - 1
        if not width > 0.0:
            continue
        fill(p, v, low, width, sums, moments)
        total, moment = sums.sum(), moments.sum()
        active = active_moment = 0.0
        for j in range(BINS - 1, first - 1, -1):
            active += sums[j]
            active_moment += moments[j]
            if j > last:
                continue
            b = -(low + j * width) if bias else 0.0
            h = active_moment + b * active
            opposite = h - (moment + b * total)
            for k in range(2):
                sign = 1.0 - 2.0 * k
                forward = sign * h >= sign * opposite
                best = h if forward else opposite
                if sign * best > sign * values[m, k]:
                    values[m, k] = best
                    orientations[m, k] = 1.0 if forward else -1.0
                    offsets[m, k] = b * orientations[m, k]
