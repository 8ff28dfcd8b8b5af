"""Direct evaluation of neurons."""

from bladenet.kernels.compiling import njit_cached


@njit_cached
def neuron_values(points, v, weights, offsets, out):
    """out[k] = Σ_i v_i (w_k·x_i + b_k)_+, evaluated directly: (N, d), (N,), (m, d), (m,) → (m,)."""
    n, d = points.shape
    for k in range(weights.shape[0]):
        total = 0.0
        for i in range(n):
            a = offsets[k]
            for c in range(d):
                a += weights[k, c] * points[i, c]
            if a > 0.0:
                total += v[i] * a
        out[k] = total
