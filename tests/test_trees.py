"""Spanning trees: those of scipy, also where points coincide, lie on a grid, or are closer than squares can tell."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from bladenet import kernels

POINTS = {
    "random": lambda rng, k, d: rng.normal(size=(k, d)),
    "grid": lambda rng, k, d: rng.integers(0, 3, size=(k, d)).astype(float),
    "duplicates": lambda rng, k, d: np.repeat(rng.normal(size=(-(-k // 3), d)), 3, axis=0)[:k],
    "tiny": lambda rng, k, d: 1e-170 * rng.normal(size=(k, d)),
}


@pytest.mark.parametrize("kind", POINTS)
@pytest.mark.parametrize(("k", "d"), [(1, 2), (2, 1), (40, 1), (40, 3)])
def test_trees_are_as_short_as_scipys(kind, k, d):
    points = POINTS[kind](np.random.default_rng([k, d]), k, d)
    parents, distances = np.empty(k, dtype=np.int64), np.empty(k)
    kernels.spanning_tree(points, parents, distances)
    assert distances[0] == np.inf
    unit = np.abs(points).max()
    lengths = unit * np.linalg.norm((points - points[parents]) / unit, axis=1)
    np.testing.assert_allclose(distances[1:], lengths[1:], rtol=1e-12)
    distinct = np.unique(points, axis=0)
    shortest = unit * minimum_spanning_tree(cdist(distinct / unit, distinct / unit)).sum()
    assert distances[1:].sum() == pytest.approx(shortest, rel=1e-12)
    for start in range(k):
        steps = 0
        while start:
            start, steps = parents[start], steps + 1
            assert steps < k, "a circle"
