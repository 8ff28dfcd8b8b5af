"""Finite sets of neurons that hold an optimum for p = 1, enumerated from the theorems without a line of bladenet."""

from itertools import combinations

import cvxpy as cp
import numpy as np

from oracle import loss_values
from spaces import kernel_of


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


def few_features(X, most, bias):
    """Unit neurons (m, d), (m,) of all blades that read at most so many features, up to their opposites."""
    weights, offsets = [], []
    for size in range(1, most + 1):
        for C in map(list, combinations(range(X.shape[1]), size)):
            for members in combinations(range(len(X)), size - 1 + bias):
                anchor = X[members[0], C] if bias else np.zeros(size)
                free = kernel_of([X[i, C] - anchor for i in members[bias:]], size)
                if len(free) == 1:
                    w = np.zeros(X.shape[1])
                    w[C] = free[0] / np.abs(free[0]).sum()
                    weights.append(w)
                    offsets.append(-w[C] @ anchor)
    W, b = np.array(weights), np.array(offsets)
    return np.vstack([W, -W]), np.r_[b, -b]


def explicit_optimum(X, y, beta, most, bias, loss="squared"):
    """Optimum over the dictionary, by an interior-point solver that knows nothing of pricing."""
    W, b = few_features(X, most, bias)
    K = np.unique(np.maximum(X @ W.T + b, 0.0).round(12), axis=1)
    z, t = cp.Variable(K.shape[1]), cp.Variable()
    f = K @ z + (t if bias else 0.0)
    losses = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "huber": lambda: 0.5 * cp.sum(cp.huber(f - y, 1.0)),
        "hinge": lambda: cp.sum(cp.pos(1 - cp.multiply(y, f))),
        "logistic": lambda: cp.sum(cp.logistic(-cp.multiply(y, f))),
    }
    cp.Problem(cp.Minimize(losses[loss]() + beta * cp.norm1(z))).solve(solver=cp.CLARABEL)
    amplitudes = z.value
    prediction = K @ amplitudes + (t.value if bias else 0.0)
    return loss_values(loss, prediction, y).sum() + beta * np.abs(amplitudes).sum()
