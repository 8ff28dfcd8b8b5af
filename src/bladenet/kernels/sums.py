"""Direct evaluation of neurons."""

import numpy as np

from bladenet.kernels.compiling import njit_sums

BLOCK = 512  # samples at a time, so that their activations stay in the cache


@njit_sums
def neuron_values(features, v, weights, offsets, out):
    """out[k] = Σ_i v_i (w_k·x_i + b_k)_+, evaluated directly: features (d, N), (N,), (m, d), (m,) → (m,)."""
    d, n = features.shape
    a = np.empty(BLOCK)
    for k in range(len(offsets)):
        total = 0.0
        for start in range(0, n, BLOCK):
            size = min(BLOCK, n - start)
            a[:size] = offsets[k]
            for c in range(d):
                w = weights[k, c]
                for i in range(size if w != 0.0 else 0):
                    a[i] += w * features[c, start + i]
            for i in range(size):
                total += v[start + i] * max(a[i], 0.0)
        out[k] = total
