"""The scan of directions: real neurons, real values, and no better one between the bins that it looks at."""

import numpy as np
import pytest

from bladenet import kernels
from bladenet.kernels.scanning import BINS


def scanned(X, v, weights, bias):
    results = [np.full((len(weights), 2), np.nan) for _ in range(3)]
    kernels.scan(np.ascontiguousarray(X.T), v, weights, bias, *results)
    return results


@pytest.mark.parametrize("bias", [0, 1])
@pytest.mark.parametrize("n", [1, 2, 30, 500])
@pytest.mark.parametrize("grid", [False, True])
def test_values_are_those_of_the_neurons(n, bias, grid):
    # guards orientations, offsets and sums over bins; n = 1 and grids leave most bins empty
    rng = np.random.default_rng([n, bias, grid])
    X = rng.integers(-1, 2, size=(n, 4)).astype(float) if grid else rng.normal(size=(n, 4))
    v = rng.normal(size=n)
    v -= bias * v.mean()
    weights = rng.normal(size=(20, 4))
    orientations, offsets, values = scanned(X, v, weights, bias)
    for k, sign in enumerate((1.0, -1.0)):
        w = weights * orientations[:, [k]]
        h = np.maximum(w @ X.T + offsets[:, [k]], 0.0) @ v
        found = values[:, k] != 0
        np.testing.assert_allclose(values[found, k], h[found], atol=1e-12 * n)
        assert (sign * values[:, k] >= 0).all()
        assert bias or not offsets.any()


def test_no_better_neuron_far_from_those_of_the_scan():
    # guards edges that are skipped: h changes by at most Σ|v| per unit of the offset, a bin's width away from the best
    rng = np.random.default_rng(0)
    X, v = rng.normal(size=(300, 3)), rng.normal(size=300)
    v -= v.mean()
    weights = rng.normal(size=(30, 3))
    _, _, values = scanned(X, v, weights, 1)
    for m in range(30):
        p = X @ weights[m]
        every = np.maximum(p - p[:, None], 0.0) @ v, np.maximum(p[:, None] - p, 0.0) @ v
        near = np.abs(v).sum() * np.ptp(p) / BINS
        assert np.max(every) - near <= values[m, 0] <= np.max(every) + 1e-9
        assert np.min(every) - 1e-9 <= values[m, 1] <= np.min(every) + near
