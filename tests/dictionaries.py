"""Finite sets of neurons that hold an optimum for p = 1, enumerated from the theorems without a line of bladenet."""

from itertools import combinations

import numpy as np


def l1_dictionary(X, bias):
    """THEORY §2, p = 1, d ≤ 2: axis hinges at every sample, and lines through two (bias) or one and 0."""
    n, d = X.shape
    eye = np.eye(d)
    neurons = [(sign * e, -sign * (e @ x)) for e in eye for x in (X if bias else [0 * e]) for sign in (1, -1)]
    if d == 2:
        spans = [(X[i] - X[j], X[i]) for i, j in combinations(range(n), 2)] if bias else [(x, 0 * x) for x in X]
        for direction, point in spans:
            normal = np.array([-direction[1], direction[0]])
            if normal.any():
                w = normal / np.abs(normal).sum()
                neurons += [(w, -w @ point), (-w, w @ point)]
    return np.array([w for w, _ in neurons]), np.array([offset for _, offset in neurons])


def l1_rays(X, bias):
    """p = 1, any d: within a cell of the samples' and the axes' hyperplanes all is linear, so its rays suffice."""
    n, d = X.shape
    shift = X[0] * bias
    size = np.abs(X - shift).max() or 1.0
    ones = np.ones((n, int(bias)))
    rows = np.vstack([np.hstack([(X - shift) / size, ones]), np.eye(d, d + bias)])
    neurons = []
    for chosen in combinations(np.unique(rows, axis=0), d + bias - 1):
        _, values, directions = np.linalg.svd(np.array(chosen).reshape(-1, d + bias))
        if values.min(initial=1.0) > 1e-9 and np.abs(directions[-1, :d]).sum() > 1e-9:
            ray = directions[-1] / np.abs(directions[-1, :d]).sum()
            neurons += [ray, -ray]
    W = np.array(neurons)[:, :d]
    return W, (size * np.array(neurons)[:, d] - W @ shift if bias else np.zeros(len(W)))
