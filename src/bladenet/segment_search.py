"""Least squares by lines that are joined, with given kinks, or with k − 1 kinks anywhere and a proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from bladenet.clock import Clock
from bladenet.kernels import start_runs, suffix_bounds
from bladenet.kernels.segments import GAP, JUMP, SAMPLE
from bladenet.losses import Array

HEAVY, HEAVIER = 1e3, 10.0  # times the weight of all samples: of a point to be met, where a search relaxes that
ROUNDS = 5  # of such searches
MOST_EXACT = 4000  # samples among which kinks are sought everywhere
BINS = 2000  # of more samples, for a lower bound
COARSE = 60  # places for kinks, at first
SHARES = (0.1, 0.4, 1.0)  # of the way from bound to fit: low thresholds are proven soonest
ROUNDING = 1e-14  # of the squares of a constant: what costs may be off by
MISSED = 1e-9  # of the range of targets: a point to be met that is met
PIECES = 32  # of an envelope, at first


@dataclass(frozen=True)
class Samples:
    """Samples in order, all different.

    Attributes
    ----------
    x, y, w : (n,)
    fixed : (n,) whether the fit has to meet y
    spread : float, Σ w (y − mean)² of what was merged, which no fit can change
    """

    x: Array
    y: Array
    w: Array
    fixed: np.ndarray
    spread: float

    @classmethod
    def of(cls, x: Array, y: Array, w: Array, through: Array) -> Self:
        """Merge rows of positive weight that have the same x, and points (m, 2) to be met."""
        places, at = np.unique(np.r_[x, through[:, 0]], return_inverse=True)
        at, met = at[: len(x)], at[len(x) :]
        weight = np.bincount(at, w, len(places))
        mean = np.bincount(at, w * y, len(places)) / np.where(weight > 0.0, weight, 1.0)
        mean[met] = through[:, 1]
        fixed = np.zeros(len(places), dtype=bool)
        fixed[met] = True
        return cls(places, mean, np.where(fixed, HEAVY * w.sum(), weight), fixed, float(w @ (y - mean[at]) ** 2))

    def part(self, first: int, last: int) -> Samples:
        """Those from one to another, both included."""
        rows = slice(first, last + 1)
        return Samples(self.x[rows], self.y[rows], self.w[rows], self.fixed[rows], 0.0)

    def loss(self, nodes: Array, values: Array) -> float:
        """Σ w (f − y)² of the polygon, over the samples that need not be met, with `spread`."""
        off = np.where(self.fixed, 0.0, np.interp(self.x, nodes, values) - self.y)
        return float(self.w @ off**2) + self.spread


def hats(x: Array, nodes: Array) -> Array:
    """(n, nodes): values at x of the polygons that are 1 at one node and 0 at the others."""
    if len(nodes) == 1:
        return np.ones((len(x), 1))
    left = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
    share = (x - nodes[left]) / (nodes[left + 1] - nodes[left])
    matrix, rows = np.zeros((len(x), len(nodes))), np.arange(len(x))
    matrix[rows, left], matrix[rows, left + 1] = 1.0 - share, share
    return matrix


def polygon(samples: Samples, nodes: Array) -> tuple[Array, int, float]:
    """The least squares among polygons with these nodes.

    Returns
    -------
    values at the nodes; how many of them the data leave open; and by how much samples are missed that have to be met
    """
    matrix = hats(samples.x, nodes)
    met, root = matrix[samples.fixed], np.sqrt(samples.w[~samples.fixed])
    exact = np.linalg.pinv(met) @ samples.y[samples.fixed]
    missed = float(np.abs(met @ exact - samples.y[samples.fixed]).max(initial=0.0))
    free = np.eye(len(nodes))
    if len(met):
        _, sizes, directions = np.linalg.svd(met)
        free = directions[np.count_nonzero(sizes > 1e-12 * sizes[0]) :].T
    loose = root[:, None] * matrix[~samples.fixed]
    target = root * samples.y[~samples.fixed] - loose @ exact
    solved, _, rank, _ = np.linalg.lstsq(loose @ free, target, rcond=None)
    return exact + free @ solved, free.shape[1] - int(rank), missed


def nodes_of(samples: Samples, kinks: Array) -> Array:
    """Both ends of the data, and the kinks between them."""
    first, last = samples.x[0], samples.x[-1]
    return np.unique(np.r_[first, kinks[(kinks > first) & (kinks < last)], last])


def best_kinks(samples: Samples, k: int, tol: float, clock: Clock) -> tuple[Array, float]:
    """Kinks of the best k lines found, and at least what any k joined lines cost, Σ w (f − y)²."""
    n = len(samples.x)
    if k == 1 or n <= 2:
        nodes = nodes_of(samples, np.zeros(0))
        return np.zeros(0), samples.loss(nodes, polygon(samples, nodes)[0])
    if k >= n - 1:
        return samples.x[1:-1], samples.spread
    best, upper, lower, target, rise = np.zeros(0), np.inf, samples.spread, samples.y, 0.0
    weight = samples.w
    for _ in range(ROUNDS if samples.fixed.any() else 1):
        search = _Search(replace(samples, y=target, w=weight), samples, k, clock)
        search.descend()
        search.prove(tol)
        lower = max(lower, search.lower * search.unit + samples.spread - rise)
        nodes = nodes_of(samples, search.kinks)
        values, _, missed = polygon(samples, nodes)
        loss = samples.loss(nodes, values) if missed <= MISSED * np.ptp(samples.y) else np.inf
        if loss < upper:
            best, upper = search.kinks, loss
        if upper - lower <= tol * upper or clock.stopped:
            break
        # Σ w (f − y)² is the same where points are met if Σ multiplier (f − y) + Σ heavy (f − y)² over these is added
        forces = 2.0 * samples.w * (samples.y - np.interp(samples.x, nodes, values))
        matrix = hats(samples.x, nodes)
        multipliers = np.linalg.pinv(matrix[samples.fixed].T) @ (matrix.T @ np.where(samples.fixed, 0.0, forces))
        target, weight = samples.y.copy(), np.where(samples.fixed, HEAVIER, 1.0) * weight
        target[samples.fixed] -= multipliers / (2.0 * weight[samples.fixed])
        rise = float((multipliers**2 / (4.0 * weight[samples.fixed])).sum())
    return best, lower


class _Search:
    """The best fit so far and a lower bound, in units in which the best constant costs 1.

    Attributes
    ----------
    kinks : of the best fit so far
    ends : samples or gaps that these are at
    upper, lower : what it costs with points to be met as heavy samples, and a bound of that
    """

    def __init__(self, samples: Samples, true: Samples, k: int, clock: Clock):
        self.samples, self.k, self.clock, self.n = true, k, clock, len(samples.x)
        x, y, loose = samples.x, samples.y, ~samples.fixed
        weight = samples.w[loose] if loose.any() else samples.w
        chosen = y[loose] if loose.any() else y
        mean = float(np.average(chosen, weights=weight))
        self.unit = float(weight @ (chosen - mean) ** 2) or 1.0
        total = float(weight.sum())
        self.x = (2.0 * x - x[0] - x[-1]) / (x[-1] - x[0])
        self.y = (y - mean) * np.sqrt(total / self.unit)
        self.w = samples.w / total
        self.slack = ROUNDING * max(1.0, float(self.w @ self.y**2))
        self.bounds, self.lower = self._bounds()
        self.kinks, self.ends = np.zeros(0), np.zeros(0, dtype=np.int64)
        moments = _moments(self.x, self.y, self.w, np.zeros(1, dtype=np.int64))[0]
        self.upper = max(moments[5] - moments[4] ** 2 / moments[3], 0.0)

    def _bounds(self) -> tuple[Array, float]:
        """What the samples from each one on cost at least, and all of them."""
        n, k = self.n, self.k
        exact = n <= MOST_EXACT
        starts = np.arange(n) if exact else np.unique(np.linspace(0, n, BINS, endpoint=False).astype(np.int64))
        bins = np.empty((k + 1, len(starts) + 2))
        suffix_bounds(_moments(self.x, self.y, self.w, starts), k, int(not exact), bins)
        lower = max(bins[k, 0] - self.k * self.slack, 0.0)
        if exact:
            return bins, lower
        # the rest of a bin costs at least nothing
        bounds = np.zeros((k + 1, n + 2))
        bounds[:, :n] = bins[:, 1 + np.searchsorted(starts, np.arange(n), side="right") - 1]
        return bounds, lower

    def descend(self) -> None:
        """Find a good fit: kinks on a grid, then near those of the last one."""
        step = max(1, -(-self.n // COARSE))
        allowed = np.zeros(self.n, dtype=bool)
        allowed[step // 2 :: step] = True
        self._explore(allowed, self.upper)
        while len(self.ends) and not self.clock.stopped:
            before, finer = self.upper, max(1, step // 8)
            allowed[:] = False
            for end in self.ends:
                allowed[max(0, end - step) : end + step + 1 : finer] = True
            allowed[self.ends] = True
            self._explore(allowed, self.upper)
            if finer == 1 and self.upper >= before * (1.0 - 1e-6):
                return
            step = max(2, finer)

    def prove(self, tol: float) -> None:
        """Raise the lower bound until it is `tol` below the best fit, as far as time allows."""
        if self.n > MOST_EXACT:
            return
        start = self.lower
        for share in SHARES:
            goal = max(self.upper * (1.0 - 0.5 * tol) - 2 * (self.k + 1) * self.slack, 0.0)
            threshold = start + share * (goal - start)
            if threshold <= self.lower:
                continue
            if not self._explore(np.ones(self.n, dtype=bool), threshold):
                return
            self.lower = max(self.lower, min(threshold, self.upper) - 2 * (self.k + 1) * self.slack)
            if self.upper < threshold:
                return

    def _explore(self, allowed: np.ndarray, threshold: float) -> bool:
        """Look for a fit below a threshold with kinks where they are allowed; whether that came to its end."""
        pieces = PIECES
        while True:
            full, ends, cost = self._run(allowed, threshold, pieces)
            if cost < self.upper:
                self.upper, self.kinks = cost, _kinks(self.samples, ends)
                self.ends = np.unique([at for _, at in ends])
            if not full:
                return not self.clock.stopped
            pieces *= 2

    def _run(self, allowed: np.ndarray, threshold: float, pieces: int) -> tuple[bool, list[tuple[int, int]], float]:
        """One pass over the samples; whether more pieces are needed, where runs of the best fit end, and its cost."""
        n, k = self.n, self.k
        limit = np.array([threshold])
        envelope, counts = np.empty((k + 1, n, pieces, 6)), np.zeros((k + 1, n), dtype=np.int64)
        heads, counters = np.full((k + 1, n), -1), np.array([0, -1, 0])
        fits, links = np.empty((4 * n, 3)), np.empty((4 * n, 5), dtype=np.int64)
        scratch = np.empty((4 * pieces + 8, 6))
        tables = self.x, self.y, self.w, allowed, self.bounds, limit, self.slack, envelope, counts, heads
        for i in range(n):
            if self.clock.stopped:
                break
            if i and not (allowed[i - 1] or allowed[i]):
                continue
            pieces_here = int(counts[:, i].sum())
            needed = counters[0] + (k + pieces_here) * (n - i) + pieces_here
            if needed > len(fits):
                fits, links = _longer(fits, 2 * needed), _longer(links, 2 * needed)
            start_runs(i, *tables, fits, links, counters, scratch)
            if counters[2]:
                return True, [], np.inf
        ends, node = [], counters[1]
        while node >= 0 and links[node, 0] >= 0:
            before = links[node, 0]
            ends.append((JUMP if links[node, 4] else int(links[before, 1]), int(links[before, 2])))
            node = before
        return False, ends[::-1], float(limit[0]) if counters[1] >= 0 else np.inf


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    more = np.empty((length, array.shape[1]), dtype=array.dtype)
    more[: len(array)] = array
    return more


def _moments(x: Array, y: Array, w: Array, starts: np.ndarray) -> Array:
    """(bins, 6): Σw, means of x and y, centred Σwxx, Σwxy and Σwyy."""
    total = np.add.reduceat(w, starts)
    mean_x, mean_y = np.add.reduceat(w * x, starts) / total, np.add.reduceat(w * y, starts) / total
    lengths = np.diff(np.r_[starts, len(x)])
    dx, dy = x - np.repeat(mean_x, lengths), y - np.repeat(mean_y, lengths)
    sums = [np.add.reduceat(w * product, starts) for product in (dx * dx, dx * dy, dy * dy)]
    return np.stack([total, mean_x, mean_y, *sums], axis=1)


def _kinks(samples: Samples, ends: list[tuple[int, int]]) -> Array:
    """Where the lines of runs meet, by how and where these end: see `start_runs`."""
    met = np.array([at for kind, at in ends if kind == SAMPLE], dtype=np.int64)
    kinks = list(samples.x[met])
    first, before = 0, None
    for kind, last in [*(end for end in ends if end[0] != SAMPLE), (GAP, len(samples.x) - 1)]:
        block = samples.part(first, last)
        nodes = nodes_of(block, samples.x[met[(met > first) & (met < last)]])
        values = polygon(block, nodes)[0]
        slopes = np.diff(values) / np.diff(nodes)
        if before is not None:
            x, value, slope, jumps = before
            gap = nodes[0] - x
            here = value - (values[0] - slopes[0] * gap)  # differences of the lines at both ends of the gap
            there = value + slope * gap - values[0]
            share = here / (here - there) if here != there else 0.5
            kinks.extend(x + gap * (np.array([1.0, 2.0]) / 3.0 if jumps else np.clip([share], 0.0, 1.0)))
        first, before = last + 1, (nodes[-1], values[-1], slopes[-1], kind == JUMP)
    return np.unique(kinks)
