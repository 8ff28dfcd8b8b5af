"""Small, nasty training problems, crossed with every norm, bias and loss: the table the tests share.

`all_cases` has one and two features, `higher_cases` three and four.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as count_from
from itertools import islice, product

import numpy as np

MAX_SAMPLES = 8
LOSSES = ("squared", "logistic", "hinge", "huber")


@dataclass(frozen=True, eq=False)
class Case:
    """One training problem; y is real for squared and huber loss, ±1 for logistic and hinge."""

    name: str
    X: np.ndarray
    y: np.ndarray
    beta: float
    norm: int
    bias: bool
    loss: str

    def __repr__(self) -> str:
        return self.name


# --- kinds of data: (rng, d) → X; each is its own little geometry ------------------------------------------


def _count(rng, d, low=3):
    """Beyond the plane mostly enough samples that no hyperplane holds them all."""
    return int(rng.integers(low if d <= 2 else 6, MAX_SAMPLES + 1))


def _line(rng, direction):
    d = len(direction)
    positions = rng.normal(size=(_count(rng, d), 1))
    return rng.normal(size=(1, d)) + positions * np.array([direction])


def _gaussian(rng, d):
    return rng.normal(size=(_count(rng, d), d))


def _uniform(rng, d):
    return rng.uniform(size=(_count(rng, d), d))


def _grid(rng, d):
    shapes = {1: [(MAX_SAMPLES,)], 2: [(3, 3), (2, 4)]}.get(d, [(2,) * d, (3,) * d])
    shape = shapes[rng.integers(2)] if len(shapes) > 1 else shapes[0]
    points = np.array(list(np.ndindex(*shape)), float)
    return rng.permutation(points - rng.integers(0, 2, size=d))[: _count(rng, d, 4)]


def _collinear_oblique(rng, d):
    return _line(rng, rng.normal(size=d))


def _collinear_exact(rng, d):
    """On one oblique line exactly, in integers: no rounding separates the hyperplanes."""
    steps = rng.permutation(np.arange(-4, 5))[: _count(rng, d)].astype(float)
    return np.array([1.0, -2.0, 0.0, 3.0])[:d] + steps[:, None] * np.array([2.0, 1.0, -1.0, 3.0])[:d]


def _collinear_horizontal(rng, d):
    return _line(rng, np.eye(1, d)[0])


def _collinear_vertical(rng, d):
    return _line(rng, np.eye(1, d, 1)[0])


def _line_through_origin(rng, d):
    return np.arange(-3.0, 4.0)[rng.permutation(7)][: _count(rng, d), None] * rng.integers(1, 4, size=d)


def _repeated_rows(rng, d):
    return rng.normal(size=(max(3, d + 1), d))[rng.integers(0, max(3, d + 1), size=_count(rng, d, 4))]


def _repeated_samples(rng, d):
    half = rng.normal(size=(_count(rng, d) // 2 + 1, d))
    return np.concatenate([half, half])[:MAX_SAMPLES]


def _zero_rows(rng, d):
    X = rng.normal(size=(_count(rng, d), d))
    X[: 1 + len(X) // 3] = 0.0
    return X


def _equal_rows(rng, d):
    return np.repeat(rng.normal(size=(1, d)), _count(rng, d), axis=0)


def _parallel_rows(rng, d):
    """x, 2x and −x: one hyperplane for three samples when there is no bias."""
    half = rng.normal(size=(2 if d <= 2 else 3, d))
    return np.concatenate([half, 2 * half, -half])[: _count(rng, d)]


def _constant_feature(rng, d):
    X = rng.normal(size=(_count(rng, d), d))
    X[:, -1] = 1.0
    return X


def _mixed_units(rng, d):
    return rng.normal(size=(_count(rng, d), d)) * 10.0 ** rng.uniform(-2, 2) * np.array([1.0, 5.0, 0.3, 20.0])[:d]


def _far_from_origin(rng, d):
    return rng.normal(size=(_count(rng, d), d)) + 100.0


def _one_sample(rng, d):
    return rng.normal(size=(1, d))


def _two_samples(rng, d):
    return rng.normal(size=(2, d))


def _flat_exact(rng, d):
    """On one oblique flat of dimension 2 … d − 1 exactly, in integers: the samples span less than the space."""
    k = int(rng.integers(2, d))
    return rng.integers(-2, 3, size=d) + (_distinct(rng, d, k) @ rng.integers(-2, 3, size=(k, d))).astype(float)


def _flat_oblique(rng, d):
    """The same in floats: rounding lifts the samples off the flat."""
    k = int(rng.integers(2, d))
    return rng.normal(size=d) + rng.normal(size=(_count(rng, d), k)) @ rng.normal(size=(k, d))


def _flat_through_origin(rng, d):
    k = int(rng.integers(2, d))
    return rng.normal(size=(_count(rng, d), k)) @ np.linalg.qr(rng.normal(size=(d, k)))[0].T


def _two_layers(rng, d):
    """On two parallel hyperplanes, as a yes/no feature puts them."""
    X = rng.normal(size=(_count(rng, d), d))
    X[:, rng.integers(d)] = np.arange(len(X)) % 2
    return X


def _simplex(rng, d):
    """The unit vectors, 0 and their opposites in part: one-hot columns, and many samples in few hyperplanes."""
    points = np.vstack([np.eye(d), np.zeros(d), -np.eye(d)])
    return points[: _count(rng, d)] * rng.integers(1, 3)


def _distinct(rng, d, k):
    """Different integer points of a small k-dimensional grid."""
    return rng.permutation(np.array(list(np.ndindex(*(3,) * k))) - 1)[: _count(rng, d)]


KINDS = {
    "gaussian": _gaussian,
    "uniform": _uniform,
    "grid": _grid,
    "collinear_oblique": _collinear_oblique,
    "collinear_exact": _collinear_exact,
    "collinear_horizontal": _collinear_horizontal,
    "collinear_vertical": _collinear_vertical,
    "line_through_origin": _line_through_origin,
    "repeated_rows": _repeated_rows,
    "repeated_samples": _repeated_samples,
    "zero_rows": _zero_rows,
    "equal_rows": _equal_rows,
    "parallel_rows": _parallel_rows,
    "constant_feature": _constant_feature,
    "mixed_units": _mixed_units,
    "far_from_origin": _far_from_origin,
    "constant_target": _gaussian,
    "one_sample": _one_sample,
    "two_samples": _two_samples,
}
HIGHER_KINDS = KINDS | {  # three features or more
    "flat_exact": _flat_exact,
    "flat_oblique": _flat_oblique,
    "flat_through_origin": _flat_through_origin,
    "two_layers": _two_layers,
    "simplex": _simplex,
}


# --- problems ---------------------------------------------------------------------------------------------


def problems(kind: str, seed: int) -> Iterator[Case]:
    """Fresh data of one kind for every (d, norm, bias, loss) it makes sense for."""
    for settings in product((1, 2), (1, 2), (True, False), LOSSES):
        case = _case(kind, seed, *settings)
        if case is not None:
            yield case


def all_cases(count: int, seed: int) -> list[Case]:
    """`count` deterministic cases; every (kind, d, norm, bias, loss) appears once before any twice."""
    table = list(product(KINDS, (1, 2), (1, 2), (True, False), LOSSES))
    cases: list[Case] = []
    for repeat in range(count + 1):
        order = np.random.default_rng([seed, repeat]).permutation(len(table))
        for kind, *settings in (table[i] for i in order):
            if len(cases) == count:
                return cases
            case = _case(kind, seed + 1000 * repeat, *settings)
            if case is not None:
                cases.append(case)
    return cases


def higher_cases(count: int, seed: int) -> list[Case]:
    """The first `count` of a deterministic stream in three and four features, mostly squared and logistic."""
    return list(islice(_higher_stream(seed), count))


def _higher_stream(seed: int) -> Iterator[Case]:
    table = list(product(HIGHER_KINDS, (3, 4), (1, 2), (True, False)))
    rng = np.random.default_rng([seed, 3])
    for repeat in count_from(0):
        for position, i in enumerate(rng.permutation(len(table))):
            loss = LOSSES[rng.choice(len(LOSSES), p=(0.35, 0.35, 0.15, 0.15))]
            kind, *settings = table[i]
            case = _case(kind, seed + 1000 * (repeat * len(table) + position), *settings, loss)
            if case is not None:
                yield case


def _case(kind: str, seed: int, d: int, norm: int, bias: bool, loss: str) -> Case | None:
    """The case, or None where the combination has no attained optimum (logistic, bias, one class)."""
    key = [seed, list(HIGHER_KINDS).index(kind), d, norm, int(bias), LOSSES.index(loss)]
    rng = np.random.default_rng(key)
    X = HIGHER_KINDS[kind](rng, d)
    if d > 2 and rng.random() < 0.2:  # any geometry with few samples, n < d among them
        X = X[: rng.integers(1, len(X) + 1)]
    y = _targets(kind, rng, X, loss)
    if loss == "logistic" and bias and len(set(y)) < 2:
        return None
    beta = 10.0 ** rng.uniform(-3, 0) * _penalty_scale(X, y, bias, loss)
    name = f"{kind}-d{d}-n{len(X)}-l{norm}-{'bias' if bias else 'nobias'}-{loss}-seed{seed}"
    return Case(name, X, y, float(beta), norm, bias, loss)


def _targets(kind, rng, X, loss):
    n = len(X)
    real = loss in ("squared", "huber")
    y = rng.normal(size=n) * rng.choice([0.5, 1.0, 3.0]) if real else rng.choice([-1.0, 1.0], size=n)
    if kind == "grid" and real:
        y = np.round(y)
    if kind == "repeated_samples":
        half = n // 2
        y[half : 2 * half] = y[:half]
    if kind == "constant_target":
        return np.full(n, y[0])
    if not real and n >= 2 and len(set(y)) < 2:
        y[: max(1, n // 2)] *= -1.0
        if kind == "repeated_samples":  # one whole pair changes class, so pairs stay exact copies
            y[:] = y[-1]
            y[[0, n // 2]] *= -1.0
    return y


def _penalty_scale(X, y, bias, loss):
    """A rough β above which the network is constant: half the loss gradient times the reach of the data."""
    centre = X.mean(axis=0) if bias else 0.0
    if loss in ("squared", "huber"):
        gradient = y - (y.mean() if bias else 0.0)
        gradient = np.clip(gradient, -1.0, 1.0) if loss == "huber" else gradient
    else:
        gradient = 0.5 * np.ones(len(y))
    scale = 0.5 * np.abs(gradient).sum() * np.linalg.norm(X - centre, axis=1).max()
    return scale if scale > 1e-9 else 1.0
