"""Where neurons are sought, duals to price there, and the largest |h| by brute force from THEORY §2.

The brute force enumerates all subsets and nothing cleverly: up to about eight samples.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np

from bladenet.problem import StandardForm, TrainingProblem

SETTINGS = [(norm, bias) for norm in (1, 2) for bias in (True, False)]


def standard_form(X, norm, bias) -> StandardForm:
    """Of any targets: pricing does not need them."""
    return TrainingProblem.create(X, np.zeros(len(X)), beta=1.0, norm=norm, bias=bias).standard


def unreduced(X, norm, bias) -> StandardForm:
    """The same in all features, so that pricers meet data that span less than the space, and repeated features."""
    form = replace(standard_form(X, norm, bias), basis=None, lost=0.0)
    return replace(form, points=form.place(np.asarray(X, float)[form.sample]))


def dual(form, rng, integer=False):
    """A dual variable of the points; it sums to zero if there is a bias."""
    n = len(form.points)
    v = rng.integers(-2, 3, size=n).astype(float) if integer else rng.normal(size=n)
    return v - v.mean() if form.bias else v


def crude_size(form, v) -> float:
    """At least max |h|."""
    return np.abs(v).sum() * np.linalg.norm(form.points, axis=1).max() or 1.0


def kernel_of(vectors, d):
    """Orthonormal basis (m, d) of what is orthogonal to the vectors."""
    vectors = np.asarray(vectors).reshape(-1, d)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    _, s, Vt = np.linalg.svd(np.vstack([vectors / np.where(lengths > 0, lengths, 1.0), np.zeros((d, d))]))
    return Vt[s <= 1e-12]


def normals(vectors, d, also=()):
    """Unit normals of all hyperplanes through 0 spanned by some of the vectors and all of `also`."""
    also = np.asarray(also).reshape(-1, d)
    for k in range(d - len(also)):
        for chosen in combinations(vectors, k):
            free = kernel_of(np.vstack([*chosen, also]), d)
            if len(free) == 1:
                yield free[0]


def critical_points(rows, v):
    """Unit ±P_F s_A for all sets F of rows and all sets A, whether any neuron acts on just A or not."""
    n, d = rows.shape
    patterns = np.array(list(np.ndindex(*[2] * n)), float)
    sums = (patterns * v) @ rows
    for k in range(d):
        for F in combinations(range(n), k):
            free = kernel_of(rows[list(F)], d)
            if len(free):
                yield from np.unique(np.round(sums @ free.T @ free, 12), axis=0)


def brute_force(form, v, vertices_only=False):
    """max |h| over all candidates for every anchor, each evaluated directly."""
    points, d = form.points, form.points.shape[1]
    best = 0.0
    for anchor in points if form.bias else [np.zeros(d)]:
        rows = points - anchor
        directions = rows[rows.any(axis=1)]
        if form.norm == 1:
            W = list(normals([*directions, *np.eye(d)], d))
        else:  # inside the row space: weights orthogonal to all directions that the data do not have
            W = list(normals(directions, d, kernel_of(rows, d)))
            W += [] if vertices_only else list(critical_points(directions, v[rows.any(axis=1)]))
        W = np.array(W).reshape(-1, d)
        lengths = np.linalg.norm(W, ord=form.norm, axis=1)
        W = W[lengths > 1e-9] / lengths[lengths > 1e-9, None]
        for side in (1.0, -1.0):
            best = max(best, np.abs(v @ np.maximum(side * rows @ W.T, 0.0)).max(initial=0.0))
    return best


def sampled(form, v, rng, count) -> float:
    """Largest |h| over random neurons, and over random ones through a sample; at most the truth."""
    W = rng.normal(size=(count, form.points.shape[1]))
    W /= np.linalg.norm(W, ord=form.norm, axis=1, keepdims=True)
    a = form.points @ W.T
    if form.bias:
        a = np.hstack([a + rng.uniform(-1.5, 1.5, count), a - a[rng.integers(len(a), size=count), np.arange(count)]])
    return np.abs(v @ np.maximum(a, 0.0)).max()


# --- kinds of data: (rng, d) → X, every way in which samples can lie in the span of others ---


def _line(rng, d):
    return rng.normal(size=d) + rng.normal(size=(6, 1)) * rng.normal(size=d)


def _plane(rng, d):
    return rng.normal(size=d) + rng.normal(size=(6, 2)) @ rng.normal(size=(2, d))


def _lines(rng, d):
    """Two lines, exactly, through one sample."""
    steps = np.array([-1.0, 0.0, 1.0, 2.0])[:, None]
    return np.vstack([steps * np.arange(1.0, d + 1), steps[[0, 2, 3]] * np.array([1.0, -1.0, 2.0, 0.0])[:d]])


def _near_duplicates(rng, d):
    X = rng.normal(size=(4, d))
    return np.vstack([X, X[:2] + 1e-10 * rng.normal(size=(2, d))])


def _nearly_flat(rng, d):
    X = rng.normal(size=(6, d))
    X[:, -1] = X[:, 0] + 1e-8 * X[:, -1]
    return X


KINDS = {
    "gaussian": lambda rng, d: rng.normal(size=(6, d)),
    "cube": lambda rng, d: rng.permutation(np.array(list(np.ndindex(*[2] * d)), float))[:7],
    "lattice": lambda rng, d: rng.integers(-1, 2, size=(7, d)).astype(float),
    "line": _line,
    "plane": _plane,
    "lines": _lines,
    "near_duplicates": _near_duplicates,
    "nearly_flat": _nearly_flat,
    "repeated": lambda rng, d: rng.normal(size=(4, d))[rng.integers(0, 4, 7)],
    "parallel": lambda rng, d: np.kron(np.array([[1.0], [2.0], [-1.0]]), rng.normal(size=(2, d))),
    "zeros": lambda rng, d: np.vstack([np.zeros(d), rng.normal(size=(5, d)) * (rng.random((5, d)) > 0.4)]),
    "constant_column": lambda rng, d: np.column_stack([rng.normal(size=(6, d - 1)), np.ones(6)]),
    "axes": lambda rng, d: np.vstack([np.eye(d), -2 * np.eye(d)])[:7],
    "units": lambda rng, d: rng.normal(size=(6, d)) * 10.0 ** np.arange(d),
    "far": lambda rng, d: np.round(rng.normal(size=(6, d)), 2) + 1e4,
    "one": lambda rng, d: rng.normal(size=(1, d)),
    "two": lambda rng, d: rng.normal(size=(2, d)),
    "all_zero": lambda rng, d: np.zeros((3, d)),
}


def _nearly_repeated(distance):
    def make(rng, d):
        X = rng.normal(size=(4, d))
        return np.vstack([X, X[:3] + distance * rng.normal(size=(3, d))])

    return make


EXTREME_KINDS = KINDS | {  # no rule for ties should be needed for these
    "repeated_1e-9": _nearly_repeated(1e-9),
    "repeated_1e-12": _nearly_repeated(1e-12),
    "repeated_1e-14": _nearly_repeated(1e-14),
    "extreme_units": lambda rng, d: rng.normal(size=(7, d)) * 10.0 ** rng.choice([-8.0, -3.0, 0.0, 3.0, 8.0], size=d),
    "very_far": lambda rng, d: rng.normal(size=(7, d)) + 1e9,
    "layers": lambda rng, d: np.column_stack([rng.normal(size=(7, d - 1)), np.arange(7) % 2]),
}
