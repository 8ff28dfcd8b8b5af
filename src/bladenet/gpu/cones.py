"""Branch and bound over cones of neurons, many at a time: the search of ``kernels.cones`` in batches (THEORY §3a).

See there for the bounds. A batch holds cones of one depth, and the samples that are mixed in each, cone after cone.
All cones of a batch are cut together; sums over the samples of a cone are sums over a segment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bladenet.gpu import room, tensor
from bladenet.kernels.cone_bounds import FEW, LEANS, SWEEPS
from bladenet.kernels.cones import ALONG
from bladenet.kernels.linear_algebra import TOUCH
from bladenet.losses import Array, Index

TINY = 1e-30  # length of an edge that is not cut any more
CONE = 64  # samples that take as much memory as a cone
OF_CONES = ("g", "h", "tilt", "bends", "bound", "task", "cell", "counts")


@dataclass
class Batch:
    """K open cones with r generators, and their M mixed samples.

    Attributes
    ----------
    g : (K, r, d + 1) generators; h, tilt : (K, r) at these; bends : (K, r, r) of the edges; bound : (K,) proven
    task : (K,) which root; cell : (K,) which part of it
    counts : (K,) mixed samples; v : (M,) theirs; a : (r, M) activations at the generators
    depth : int
    """

    g: Tensor
    h: Tensor
    tilt: Tensor
    bends: Tensor
    bound: Tensor
    task: Tensor
    cell: Tensor
    counts: Tensor
    v: Tensor
    a: Tensor
    depth: int

    def __len__(self) -> int:
        return len(self.bound)

    def part(self, chosen: Tensor) -> "Batch":
        """The cones of a mask (K,)."""
        samples = torch.repeat_interleave(chosen, self.counts)
        of_cones = {name: getattr(self, name)[chosen] for name in OF_CONES}
        return Batch(**of_cones, v=self.v[samples], a=self.a[:, samples], depth=self.depth)

    def pieces(self, most: int) -> Iterator["Batch"]:
        """Parts with about so many samples at most, or with one cone."""
        sizes = self.counts + CONE
        if len(self) == 1 or len(self.v) + CONE * len(self) <= most:
            yield self
            return
        piece = torch.div(torch.cumsum(sizes, 0) - sizes, most, rounding_mode="floor")
        for number in torch.unique(piece):
            yield self.part(piece == number)


def joined(batches: list[Batch]) -> Batch:
    """Batches of one depth as one."""
    whole = {name: torch.cat([getattr(batch, name) for batch in batches]) for name in (*OF_CONES, "v")}
    return Batch(**whole, a=torch.cat([batch.a for batch in batches], dim=1), depth=batches[0].depth)


class Search:
    """One search; arguments as for ``kernels.branch_and_bound``.

    Parameters
    ----------
    tasks : roots (r, d + 1), each with a sign: bound sign·h there
    crude : a bound on |h| of all neurons, for roots that a stopped search has not begun
    device : of PyTorch
    """

    def __init__(
        self,
        features: Array,
        v: Array,
        tasks: list[tuple[Array, float]],
        norm: int,
        threshold: float,
        slack: float,
        rounding: float,
        cell_depth: int,
        crude: float,
        device: Any,
    ):
        self.norm, self.threshold, self.slack, self.rounding = norm, threshold, slack, rounding
        self.cell_depth, self.crude, self.device, self.tasks = cell_depth, crude, device, tasks
        used = np.flatnonzero(v)
        self.features, self.v = tensor(features[:, used], device), tensor(v[used], device)
        cells = len(tasks) << cell_depth
        self.best = torch.zeros((2, cells), dtype=torch.float64, device=device)
        self.neurons = torch.zeros((2, cells, len(features) + 1), dtype=torch.float64, device=device)
        self.bound, self.cones, self.visits = 0.0, 0, 0

    def run(self, stop: Index, max_depth: int) -> tuple[float, int, int, Array, Array]:
        """Search all tasks: (bound, cones, visits, values, neurons of the cells), the bound also if it was stopped."""
        most = _most(self.device, len(self.features) + 1)
        together = max(1, most // max(len(self.v), 1))
        for first in range(0, len(self.tasks), together):
            if stop[0] != 0:
                self.bound = max(self.bound, self.crude)
                break
            numbers = range(first, min(first + together, len(self.tasks)))
            stack = [joined([self._root(number) for number in numbers])]
            while stack:
                batch = stack.pop()
                if stop[0] != 0:
                    self._close(batch.bound)
                    continue
                batch = self._halved(batch, max_depth)
                if len(batch):
                    stack.extend(batch.pieces(most))
        found = self.best > self.threshold
        return self.bound, self.cones, self.visits, self.best[found].cpu().numpy(), self.neurons[found].cpu().numpy()

    def _root(self, number: int) -> Batch:
        """The batch of one root."""
        root, sign = tensor(self.tasks[number][0], self.device), self.tasks[number][1]
        d, v = len(self.features), sign * self.v
        a = root[:, :d] @ self.features + root[:, d:]
        h, tilt = (v * a.clamp(min=0.0)).sum(1), root[:, :d] @ (self.features @ v)
        bends = torch.stack([(v.abs() * crossing(row, a)).sum(1) for row in a])
        size = float((v.abs() * a.abs()).sum(1).max()) if len(v) else 0.0
        bound = len(root) * size * (d**0.5 if self.norm == 2 else 1.0)
        task = torch.tensor([number], device=self.device)
        cells = task.expand(len(root)) << self.cell_depth
        self._offer(h, root, 0, cells)
        self._offer(h - tilt, -root, 1, cells)
        return Batch(
            g=root[None], h=h[None], tilt=tilt[None], bends=bends[None],
            bound=torch.full((1,), bound, dtype=torch.float64, device=self.device),
            task=task, cell=torch.zeros_like(task), counts=torch.tensor([len(v)], device=self.device),
            v=v, a=a, depth=0,
        )  # fmt: skip

    def _edges(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The edge (k, m) of each cone to cut, and its squared length: as ``kernels.cones.longest_edge``."""
        k, m = torch.tril_indices(batch.g.shape[1], batch.g.shape[1], -1, device=self.device)
        squares = (batch.g[:, k] - batch.g[:, m]) ** 2
        turn, length = squares[:, :, :-1].sum(2), squares.sum(2)
        score = batch.bends[:, k, m]
        if self.norm == 2:
            score = torch.maximum(score, 0.125 * true_value(batch.h, batch.tilt)[:, None] * turn)
        edge = torch.where(score == score.amax(1, keepdim=True), length, -1.0).argmax(1)
        return k[edge], m[edge], length.gather(1, edge[:, None])[:, 0]

    def _halved(self, batch: Batch, max_depth: int) -> Batch:
        """The children that are still open, of all cones of a batch that are not too small for it."""
        k, m, length = self._edges(batch)
        ended = (length < TINY) | (batch.depth >= max_depth)
        if bool(ended.any()):
            self._close(batch.bound[ended])
            batch, k, m = batch.part(~ended), k[~ended], m[~ended]
        every = torch.arange(len(batch), device=self.device)
        owner = torch.repeat_interleave(every, batch.counts)
        sample = torch.arange(len(batch.v), device=self.device)
        a_k, a_m = batch.a[k[owner], sample], batch.a[m[owner], sample]
        on, x, y = where_to_cut(batch, owner, a_k, a_m)
        new = x[:, None] * batch.g[every, k] + y[:, None] * batch.g[every, m]
        scale = 1.0 / torch.linalg.vector_norm(new[:, :-1], ord=self.norm, dim=1)
        new = new * scale[:, None]
        a_k, a_m = x[owner] * a_k, y[owner] * a_m
        middle = (a_k + a_m) * scale[owner]
        middle[on] = 0.0
        value = x * batch.h[every, k] + y * batch.h[every, m] - sums(batch.v * crossing(a_k, a_m), batch.counts)
        value = value * scale
        tilt = (x * batch.tilt[every, k] + y * batch.tilt[every, m]) * scale
        bends = sums(batch.v.abs() * crossing(batch.a, middle), batch.counts)
        self.visits += len(batch.v)
        children = []
        for side, old in enumerate((k, m)):
            child = Batch(
                g=batch.g.clone(), h=batch.h.clone(), tilt=batch.tilt.clone(), bends=batch.bends.clone(),
                bound=batch.bound, task=batch.task, counts=batch.counts, v=batch.v, a=batch.a.clone(),
                cell=2 * batch.cell + side if batch.depth < self.cell_depth else batch.cell, depth=batch.depth + 1,
            )  # fmt: skip
            child.g[every, old], child.h[every, old], child.tilt[every, old] = new, value, tilt
            child.bends[every, old], child.bends[every, :, old] = bends, bends
            child.bends[every, old, old] = 0.0
            child.a[old[owner], sample] = middle
            cells = (child.task << self.cell_depth) + (child.cell << max(0, self.cell_depth - child.depth))
            self._offer(value, new, 0, cells)
            self._offer(value - tilt, -new, 1, cells)
            children.append(self._bounded(child, owner, cells))
        return joined(children)

    def _bounded(self, child: Batch, owner: Tensor, cells: Tensor) -> Batch:
        """The cones that their new bounds leave open, with what is still mixed in them."""
        self.cones += len(child)
        good = ((1.0 + self.slack) * self.best[:, cells]).clamp(min=max(self.threshold, 4.0 * self.rounding))
        good = (good - self.rounding).T
        above, over = linear_bound(child, owner, good)
        mixed = (child.a.amin(0) < 0.0) & (child.a.amax(0) > 0.0)
        bound, closed = self._settled(child, above, over, good)
        few = ~closed & (over > 0.0) & (sums((mixed & (child.v < 0.0)).double(), child.counts) <= FEW)
        if bool(few.any()):
            chosen = mixed & few[owner] & (child.v < 0.0)
            above[few], over[few] = tightened(child, chosen, owner, few, above[few], over[few], good)
            bound, closed = self._settled(child, above, over, good)
        child.bound = torch.minimum(child.bound, bound + self.rounding)
        closed |= child.bound - true_value(child.h, child.tilt) <= 4.0 * self.rounding
        self._close(child.bound[closed])
        kept = mixed & ~closed[owner]
        child.counts = sums(kept.double(), child.counts).long()
        child.v, child.a = child.v[kept], child.a[:, kept]
        return child.part(~closed)

    def _settled(self, child: Batch, above: Tensor, over: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
        """Bounds on |h|/‖w‖ from linear bounds on h, and whether they are good enough."""
        weights, enough = child.g[:, :, :-1], torch.where(over[:, None] <= 0.0, good, torch.inf)
        upper = ratio_bound(above, weights, self.norm, enough[:, 0])
        opposite = ratio_bound(above - child.tilt, weights, self.norm, enough[:, 1])
        return torch.maximum(upper, opposite), (upper <= good[:, 0]) & (opposite <= good[:, 1])

    def _offer(self, values: Tensor, neurons: Tensor, side: int, cells: Tensor) -> None:
        """Keep neurons that are the best of their cells."""
        before = self.best[side, cells]
        self.best[side].scatter_reduce_(0, cells, values, "amax")
        won = (values > before) & (values == self.best[side, cells])
        self.neurons[side, cells[won]] = neurons[won]

    def _close(self, bounds: Tensor) -> None:
        if len(bounds):  # what is no number bounds nothing
            self.bound = max(self.bound, float(bounds.nan_to_num(nan=torch.inf, posinf=torch.inf).max()))


def _most(device: Any, r: int) -> int:
    """Samples that a batch may have."""
    return max(1, room(device) // (8 * (4 * r + 16)))


def sums(values: Tensor, counts: Tensor) -> Tensor:
    """Sums over the samples of each cone: (M,) → (K,), or (r, M) → (K, r)."""
    if values.ndim == 2:
        return torch.stack([sums(row, counts) for row in values], dim=1)
    return torch.segment_reduce(values, "sum", lengths=counts, unsafe=True, initial=0.0)


def where_to_cut(batch: Batch, owner: Tensor, a: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where to cut an edge of each cone: (samples cut at, x (K,), y (K,)), as ``kernels.cones.where_to_cut``."""
    x = torch.ones(len(batch), dtype=torch.float64, device=a.device)
    y = torch.ones_like(x)
    bent = torch.where(batch.counts[owner] <= ALONG, batch.v.abs() * crossing(a, c), 0.0)
    most = torch.segment_reduce(bent, "max", lengths=batch.counts, unsafe=True, initial=0.0)
    at = torch.where((bent > 0.0) & (bent == most[owner]), torch.arange(len(a), device=a.device), len(a))
    on = torch.full_like(batch.counts, len(a)).scatter_reduce_(0, owner, at, "amin")
    on = on[on < len(a)]  # the first of equals
    size = a[on].abs() + c[on].abs()
    x[owner[on]], y[owner[on]] = c[on].abs() / size, a[on].abs() / size
    return on, x, y


def crossing(a: Tensor, c: Tensor) -> Tensor:
    """min(|a|, |c|) where the signs are opposite."""
    return torch.where((a < 0.0) != (c < 0.0), torch.minimum(a.abs(), c.abs()), 0.0)


def true_value(h: Tensor, tilt: Tensor) -> Tensor:
    """The largest |h| at the generators, which are neurons."""
    return torch.maximum(h, h - tilt).amax(1).clamp(min=0.0)


def excess(above: Tensor, tilt: Tensor, good: Tensor) -> Tensor:
    """By how much linear bounds exceed what is good enough, on the worse side: (K, r)."""
    return torch.maximum(above - good[:, :1], above - tilt - good[:, 1:])


def linear_bound(child: Batch, owner: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
    """Linear bounds on h at the generators (K, r), and their excess (K,): as ``kernels.cone_bounds.bound_linearly``."""
    r = child.h.shape[1]
    sample = torch.arange(len(child.v), device=child.v.device)
    negative = (-child.v).clamp(min=0.0)
    lean, above = child.a.sum(0), child.h
    over = torch.full_like(child.bound, torch.inf)
    for step in range(1 + LEANS):
        bends = torch.where(lean > 0.0, (-child.a).clamp(min=0.0), child.a.clamp(min=0.0))
        trial = child.h + sums(negative * bends, child.counts)
        over_now, worst = excess(trial, child.tilt, good).max(1)
        above = torch.where((over_now < over)[:, None], trial, above)
        over = torch.minimum(over_now, over)
        lean = lean + 2.0 * r / (step + 2.0) * child.a[worst[owner], sample]  # towards the largest bound
    return above, over


def tightened(
    child: Batch, chosen: Tensor, owner: Tensor, few: Tensor, above: Tensor, over: Tensor, good: Tensor
) -> tuple[Tensor, Tensor]:
    """The linear bounds of the cones in `few`, lowered by their chosen samples, and what is left of their excess.

    As ``kernels.cone_bounds.tighten``.
    """
    number = torch.cumsum(few, 0) - 1  # of a cone among the few
    cone, counts = number[owner[chosen]], sums(chosen.double(), child.counts).long()[few]
    place = torch.arange(len(cone), device=cone.device) - (torch.cumsum(counts, 0) - counts)[cone]
    slopes = torch.zeros((len(counts), FEW, child.h.shape[1]), dtype=torch.float64, device=cone.device)
    slopes[cone, place] = (child.a[:, chosen] * -child.v[chosen]).T
    tilt, good = child.tilt[few], good[few]
    limit = torch.minimum(good[:, :1], tilt + good[:, 1:])
    alpha = (slopes.sum(2) > 0.0).double()
    trial = child.h[few] + (slopes.clamp(min=0.0) - alpha[:, :, None] * slopes).sum(1)
    for _ in range(2):
        for i in range(FEW):
            trial = trial + slopes[:, i] * alpha[:, i, None]
            alpha[:, i] = least_largest(trial - limit, slopes[:, i])
            trial = trial - slopes[:, i] * alpha[:, i, None]
    tightened = excess(trial, tilt, good).amax(1)
    return torch.where((tightened < over)[:, None], trial, above), torch.minimum(tightened, over)


def least_largest(high: Tensor, slope: Tensor) -> Tensor:
    """The t ∈ [0, 1] with the least max_k high_k − slope_k·t, (K,): an end, or where two lines meet."""
    k, m = torch.tril_indices(high.shape[1], high.shape[1], -1, device=high.device)
    t = (high[:, k] - high[:, m]) / (slope[:, k] - slope[:, m])
    t = torch.where((t >= 0.0) & (t <= 1.0), t, 0.0)
    t = torch.cat([t, torch.zeros_like(t[:, :1]), torch.ones_like(t[:, :1])], dim=1)
    largest = (high[:, None] - slope[:, None] * t[:, :, None]).amax(2)
    return t.gather(1, largest.argmin(1, keepdim=True))[:, 0]


def ratio_bound(linear: Tensor, weights: Tensor, norm: int, enough: Tensor) -> Tensor:
    """Upper bounds (K,) on Σ λ_k linear_k over ‖Σ λ_k w_k‖_p, λ ≥ 0: as ``kernels.cone_bounds.ratio_bound``.

    Where that is worth it, as they might become `enough`, exact ones.
    """
    top = linear.amax(1).clamp(min=0.0)
    if norm == 1:
        return top
    p = weights.sum(1)
    share = torch.ones_like(linear)
    best = torch.full_like(top, torch.inf)
    for sweep in range(SWEEPS):
        size, products = torch.linalg.vector_norm(p, dim=1), (weights @ p[:, :, None])[:, :, 0]
        ratios = torch.where(products > 0.0, linear * size[:, None] / products, torch.inf)
        ratio = torch.where(linear > 0.0, ratios, 0.0).amax(1)
        best = torch.minimum(best, ratio)
        if sweep == 0:
            factor = ratio / size
            factor = torch.where(torch.isfinite(factor), factor, 1.0)[:, None]
            share, p = factor.expand_as(share).clone(), p * factor
        for k in range(linear.shape[1]):
            step = torch.maximum(-share[:, k], linear[:, k] - (p * weights[:, k]).sum(1))
            share[:, k] += step
            p = p + step[:, None] * weights[:, k]
    worth = (top > 0.0) & (top <= enough) & (enough < best)
    if bool(worth.any()):
        best[worth] = torch.minimum(best[worth], exact_ratio(linear[worth], weights[worth], enough[worth]))
    return torch.where(top > 0.0, best, 0.0)


def exact_ratio(linear: Tensor, weights: Tensor, enough: Tensor) -> Tensor:
    """The same by the shortest p that fits more and more of the generators: as ``kernels.cone_bounds.exact_ratio``."""
    every, d = torch.arange(len(linear), device=linear.device), weights.shape[2]
    basis = torch.zeros((len(linear), d, d), dtype=torch.float64, device=linear.device)
    p, best = torch.zeros_like(weights[:, 0]), torch.full_like(enough, torch.inf)
    worst, going = linear.argmax(1), torch.ones_like(every, dtype=torch.bool)
    for size in range(d):
        vector = weights[every, worst]
        row = vector
        for _ in range(2):  # twice, for the last digits
            row = row - ((basis @ row[:, :, None]).mT @ basis)[:, 0]
        distance = torch.linalg.vector_norm(row, dim=1)
        going = going & (distance > TOUCH * torch.linalg.vector_norm(vector, dim=1))
        row = torch.where(going[:, None], row / distance[:, None], 0.0)
        step = (linear[every, worst] - (p * vector).sum(1)) / (row * vector).sum(1)
        basis[:, size] = row
        p = p + torch.where(going, step, 0.0)[:, None] * row
        products = (weights @ p[:, :, None])[:, :, 0]
        ratio, worst = torch.where(products > 0.0, linear / products, torch.inf).max(1)
        best = torch.minimum(best, torch.where(going, ratio * torch.linalg.vector_norm(p, dim=1), torch.inf))
        going = going & (best > enough)
        if not bool(going.any()):
            break
    return best
