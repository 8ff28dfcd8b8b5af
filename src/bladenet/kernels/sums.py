"""Direct evaluation of neurons."""

import numpy as np

from bladenet.kernels.compiling import kernel
from bladenet.kernels.linear_algebra import add
from bladenet.kernels.walking import value_of

BLOCK = 1024  # samples at a time, so that they and their activations stay in the cache


@kernel
def neuron_values(features, v, weights, offsets, out):
    """out[k] = Σ_i v_i (w_k·x_i + b_k)_+, evaluated directly: features (d, N), (N,), (m, d), (m,) → (m,)."""
    d, n = features.shape
    room = np.empty(BLOCK)
    out[:] = 0.0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        a = room[: stop - start]
        for k in range(len(offsets)):
            a[:] = offsets[k]
            for c in range(d):
                if weights[k, c] != 0.0:
                    add(a, weights[k, c], features[c, start:stop])
            out[k] += value_of(v[start:stop], a)


@kernel
def activations(features, weights, offsets, out):
    """out[k, i] = (w_k·x_i + b_k)_+: features (d, N), (m, d), (m,) → (m, N)."""
    d, n = features.shape
    for k in range(len(offsets)):
        row = out[k]
        row[:] = offsets[k]
        for c in range(d):
            if weights[k, c] != 0.0:
                add(row, weights[k, c], features[c])
        for i in range(n):
            row[i] = max(row[i], 0.0)
