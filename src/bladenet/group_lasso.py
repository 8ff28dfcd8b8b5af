"""The restricted problem of several outputs: a group Lasso over the neurons found so far (THEORY §5).

    minimise over Z (m, c), t (c,)   Φ = Σ_i s_i ℓ((KZ)_i + t, y_i) + β Σ_j ‖Z_j‖_q

By proximal Newton: each step lowers a second-order model of the loss on a working set of neurons, those in use and the
worst violators of ‖h_j‖ ≤ β. Within the model, block coordinate descent finds which neurons are needed, and Newton
steps on these get to the last digits, where coordinate descent crawls. With squared loss the model is exact.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bladenet.clock import Clock
from bladenet.kernels import descend_groups
from bladenet.losses import Array, Index, OutputsLoss, SquaredLoss
from bladenet.problem import StandardForm
from bladenet.restricted import Restricted, RestrictedProblem

MAX_STEPS = 60
PATIENCE = 6  # steps without a better gap
JOINING = 60  # violators that join the working set, or as many as the support if that is more
SWEEPS = 3  # of block coordinate descent between two Newton steps
INNER_STEPS = 60
FORCING = 1e-2  # accuracy of a model's solution, relative to the violation it starts from
FINEST = 1e-13
RIDGE = 1e-13  # added to curvatures, relative to the largest
LENGTHS = 0.5 ** np.arange(20)  # of steps that are tried


@dataclass(frozen=True, eq=False)
class Point:
    """Amplitudes and the best intercept for them; v = s ℓ', h = Kᵀv, and the gap of v scaled into ‖h_j‖ ≤ β."""

    Z: Array
    t: Array
    F: Array
    v: Array
    h: Array
    objective: float
    dual: Array
    gap: float


@dataclass(frozen=True, eq=False)
class Model:
    """½ D Q D + gradient·D + Σ_j price_j ‖(origin + D)_j‖_q over changes D (m, c) of the amplitudes.

    Q is (m, m) if all outputs share it, else (m c, m c).
    """

    Q: Array
    gradient: Array
    origin: Array
    prices: Array
    norm: int

    @property
    def shared(self) -> bool:
        """Whether outputs do not interact."""
        return len(self.Q) == len(self.prices) and self.gradient.shape[1] > 1

    def times(self, D: Array) -> Array:
        """QD."""
        return self.Q @ D if self.shared else (self.Q @ D.ravel()).reshape(D.shape)

    def solve(self, accuracy: float) -> Array:
        """The best D, to a violation of the optimality conditions of `accuracy` (in units of h)."""
        Z, R = self.origin.copy(), self.gradient.copy()
        for _ in range(INNER_STEPS):
            descend_groups(self.Q, self.shared, self._steps(), self.prices, self.norm, Z, R, SWEEPS)
            if violation(Z, R, self.prices, self.norm).max(initial=0.0) <= accuracy:
                break
            D = self._newton_step(Z, R)
            if D is not None:
                D = self._safe(Z, R, D)
                Z = Z + D
                R = self.gradient + self.times(Z - self.origin)
        return Z - self.origin

    def _steps(self) -> Array:
        """1 / a bound on the curvature of each group."""
        m, c = self.origin.shape
        if self.shared:
            return 1.0 / np.diag(self.Q)
        blocks = np.abs(self.Q.reshape(m, c, m, c)[np.arange(m), :, np.arange(m), :])
        return 1.0 / blocks.sum(axis=2).max(axis=1)

    def _newton_step(self, Z: Array, R: Array) -> Array | None:
        """The Newton step on what is not zero, where the penalty is smooth."""
        rows, outputs = self._support(Z)
        if not len(rows):
            return None
        c = Z.shape[1]
        if self.shared:
            H = np.where(outputs[:, None] == outputs, self.Q[np.ix_(rows, rows)], 0.0)
        else:
            H = self.Q[np.ix_(rows * c + outputs, rows * c + outputs)]
        slope = (R + self.prices[:, None] * directions(Z, self.norm))[rows, outputs]
        if self.norm == 2:
            used = np.flatnonzero(Z.any(axis=1))
            lengths = np.linalg.norm(Z[used], axis=1)
            unit = Z[used] / lengths[:, None]
            bend = (self.prices[used] / lengths)[:, None, None] * (np.eye(c) - unit[:, :, None] * unit[:, None, :])
            inside = np.arange(len(used) * c).reshape(len(used), c)
            H[inside[:, :, None], inside[:, None, :]] += bend
        H[np.diag_indices(len(H))] += RIDGE * np.diag(H).max()
        try:
            step = cho_solve(cho_factor(H, lower=True, overwrite_a=True, check_finite=False), -slope)
        except LinAlgError:
            return None
        D = np.zeros_like(Z)
        D[rows, outputs] = step
        return D

    def _support(self, Z: Array) -> tuple[Index, Index]:
        """Rows and outputs of the amplitudes that may move: of all in a group that is not zero."""
        mask = np.repeat(Z.any(axis=1)[:, None], Z.shape[1], axis=1) if self.norm == 2 else Z != 0.0
        mask[self.prices == 0.0] = True
        return np.nonzero(mask)

    def _safe(self, Z: Array, R: Array, D: Array) -> Array:
        """The longest of some parts of a step that lowers the model; amplitudes that would change sides become 0."""
        QD = self.times(D)
        for length in LENGTHS:
            moved = Z + length * D
            turned = moved * Z < 0.0 if self.norm == 1 else ((moved * Z).sum(axis=1) < 0.0)[:, None]
            stopped = np.where(turned & (self.prices > 0.0)[:, None], 0.0, moved) - Z
            if turned.any() and self._change(Z, R, stopped, self.times(stopped)) < 0.0:
                return stopped
            if self._change(Z, R, length * D, length * QD) < 0.0:
                return length * D
        return np.zeros_like(Z)

    def _change(self, Z: Array, R: Array, D: Array, QD: Array) -> float:
        lengths = group_lengths(Z + D, self.norm) - group_lengths(Z, self.norm)
        return float(np.sum(R * D) + 0.5 * np.sum(QD * D) + self.prices @ lengths)


class GroupLasso(RestrictedProblem):
    """The restricted problem of several outputs; see :mod:`bladenet.group_lasso`."""

    def __init__(self, form: StandardForm, clock: Clock):
        super().__init__(form, clock)
        assert isinstance(form.loss, OutputsLoss)  # problems of several outputs have no others
        self.loss = form.loss

    def _solve(self, accuracy: float) -> Restricted:
        point = best = self._at(self.z, self.t)
        stalled = 0
        for _ in range(MAX_STEPS):
            if best.gap <= accuracy * point.objective or stalled >= PATIENCE or self.clock.stopped:
                break
            before = point.objective
            point = self._step(point)
            stalled = 0 if point.gap < 0.9 * best.gap or point.objective < 0.99 * before else stalled + 1
            if point.objective - point.gap >= best.objective - best.gap:
                best = point
        gap = best.gap + (point.objective - best.objective)
        return Restricted(point.Z, point.t, best.dual, point.objective, gap, point.Z.any(axis=1))

    def _at(self, Z: Array, t: Array) -> Point:
        """The point with these amplitudes and the best intercept, sought from t."""
        form = self.form
        F = self.columns.forward(Z)[form.row]
        if form.bias:
            t = self.loss.intercept(F, form.y, form.weight, t)
        F = F + t
        v = form.weight[:, None] * form.loss.gradient(F, form.y)
        h = self.columns.adjoint(form.at_points(v))
        objective = float(form.weight @ form.loss.value(F, form.y)) + form.beta * form.penalty(Z)
        dual = form.loss.balanced(v, form.y, form.weight) if form.bias else v
        dual = dual * min(1.0, form.beta / max(form.size(h).max(initial=0.0), form.beta))
        return Point(Z, t, F, v, h, objective, dual, objective - form.dual_value(dual))

    def _step(self, point: Point) -> Point:
        """To the optimum of the model on a working set, or as far towards it as Φ falls."""
        form = self.form
        off = violation(point.Z, point.h, np.full(len(point.Z), form.beta), form.output_norm)
        used = point.Z.any(axis=1)
        support, candidates = np.flatnonzero(used), np.where(used, -np.inf, off)
        worst = np.argsort(-candidates, kind="stable")[: max(JOINING, len(support))]
        working = np.sort(np.r_[support, worst[candidates[worst] > 0.0]])
        largest = float(off.max(initial=0.0))
        model = self._model(point, working)
        D = model.solve(max(FORCING * largest, FINEST * float(np.abs(point.v).sum())))
        dZ = np.zeros_like(point.Z)
        dZ[working] = D[: len(working)]
        dt = D[len(working)] if len(D) > len(working) else np.zeros_like(point.t)
        for length in LENGTHS:
            moved = self._at(point.Z + length * dZ, point.t + length * dt)
            if moved.objective <= point.objective:
                return moved
        return point

    def _model(self, point: Point, working: Index) -> Model:
        """The second-order model; where outputs interact, with the intercept as one more neuron, of price 0."""
        form = self.form
        prices = np.full(len(working), form.beta)
        origin, gradient = point.Z[working], point.h[working]
        if isinstance(form.loss, SquaredLoss):
            s = form.at_points(form.weight)
            Q = self.columns.gram(working, s)
            if form.bias:
                sums = self.columns.adjoint(s)[working]
                Q -= np.outer(sums, sums / s.sum())
            Q[np.diag_indices(len(Q))] += RIDGE * np.diag(Q).max(initial=np.finfo(float).tiny)
            return Model(Q, gradient, origin, prices, form.output_norm)
        columns = self.columns.take(working)
        if form.bias:
            columns = np.vstack([columns, np.ones(columns.shape[1])])
            origin, gradient = np.vstack([origin, point.t]), np.vstack([gradient, point.v.sum(axis=0)])
            prices = np.r_[prices, 0.0]
        m, c = origin.shape
        Q = np.empty((m, c, m, c))
        curvatures = self.loss.curvature(point.F, form.y) * form.weight[:, None, None]
        for o in range(c):
            for q in range(o + 1):
                part = (columns * form.at_points(curvatures[:, o, q])) @ columns.T
                Q[:, o, :, q] = part
                Q[:, q, :, o] = part
        whole: Any = Q.reshape(m * c, m * c)
        whole[np.diag_indices(m * c)] += RIDGE * np.diag(whole).max(initial=np.finfo(float).tiny)
        return Model(whole, gradient, origin, prices, form.output_norm)


def group_lengths(Z: Array, norm: int) -> Array:
    """‖Z_j‖_q of each row."""
    return np.linalg.norm(Z, ord=norm, axis=1)


def directions(Z: Array, norm: int) -> Array:
    """The gradient of ‖Z_j‖_q where it exists, 0 elsewhere."""
    if norm == 1:
        return np.sign(Z)
    lengths = group_lengths(Z, 2)[:, None]
    return np.divide(Z, lengths, out=np.zeros_like(Z), where=lengths > 0)


def violation(Z: Array, R: Array, prices: Array, norm: int) -> Array:
    """By how much each group misses its optimality condition, −R_j ∈ price_j ∂‖Z_j‖_q."""
    smooth = R + prices[:, None] * directions(Z, norm)
    if norm == 1:
        return np.where(Z != 0.0, np.abs(smooth), np.maximum(np.abs(R) - prices[:, None], 0.0)).max(axis=1)
    zero = np.maximum(group_lengths(R, 2) - prices, 0.0)
    return np.where(Z.any(axis=1), group_lengths(smooth, 2), zero)
