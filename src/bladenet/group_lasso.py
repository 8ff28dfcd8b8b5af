"""The restricted problem of several outputs: a group Lasso over the neurons found so far (THEORY §5).

    minimise over Z (m, c), t (c,)   Φ = Σ_i s_i ℓ((KZ)_i + t, y_i) + β Σ_j ‖Z_j‖_q

By proximal Newton: each step lowers a second-order model of the loss on a working set of neurons, those in use and the
worst violators of ‖h_j‖ ≤ β. Within the model, block coordinate descent finds which neurons are needed, and Newton
steps on these get to the last digits, where coordinate descent crawls. With squared loss the model is exact.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bladenet.active_set import active_set
from bladenet.clock import Clock
from bladenet.cone_program import solve_cone_program, solve_on_columns
from bladenet.kernels import descend_groups
from bladenet.losses import Array, Index, OutputsLoss, SquaredLoss, by_sample, row_norms
from bladenet.problem import TINY, StandardForm
from bladenet.proximal_newton import Model as QuadraticModel
from bladenet.restricted import Restricted, RestrictedProblem, nonzero

MAX_STEPS = 60
PATIENCE = 6  # steps without a better gap
JOINING = 60  # violators that join the working set, or as many as the support if that is more
SWEEPS = 3  # of block coordinate descent between two Newton steps
INNER_STEPS = 20
ENOUGH = 10.0  # times the accuracy asked for: what descents may fall short by
DIRECT = 1_000_000  # entries of the columns, for all outputs, up to which the problem itself is a cone program
HIDDEN = 0.02  # of the objective: a gap after a step that failed, from which the problem itself is solved at once
CONIC = 1000  # amplitudes up to which a cone program is solved where that is not enough
FORCING = 1e-2  # accuracy of a model's solution, relative to the violation it starts from
FINEST = 1e-13
RANK = 1e-12  # of the largest curvature of the intercept: below it is rounding, in directions that change nothing
RIDGE = 1e-13  # added to curvatures, relative to the largest
FARTHEST = 1e100  # amplitudes beyond it follow from curvatures that are nothing but rounding
LENGTHS = 0.25 ** np.arange(10)  # of steps that are tried
FIRST_ENDS = 6  # of a model's step, where groups come closest to 0: tried as well


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
    """½ D Q D + gradient·D + β Σ_j ‖(origin + D)_j‖_q over changes D (m, c) of the amplitudes, for the best intercept.

    Q is (m, m) if all outputs share it, else (m c, m c).
    """

    Q: Array
    gradient: Array
    origin: Array
    beta: float
    norm: int
    shared: bool
    clock: Clock

    def times(self, D: Array) -> Array:
        """QD."""
        return self.Q @ D if self.shared else (self.Q @ D.ravel()).reshape(D.shape)

    def solve(self, accuracy: float) -> tuple[Array, bool]:
        """The best D, and whether it violates the optimality conditions by at most `accuracy`, relative to β."""
        D = self._as_lasso(accuracy) if self.norm == 1 else None
        if D is not None:
            return D, True
        Z = self._descended(accuracy)
        hard = self.norm == 2 and Z.size <= CONIC and self._violation(Z) > accuracy * self.beta
        if hard and not self.clock.stopped:
            linear, limit = self.gradient - self.times(self.origin), self.clock.remaining
            other = solve_cone_program(self._whole(), linear, self.beta, limit)
            Z = min(Z, other, key=self._violation)
        return Z - self.origin, self._violation(Z) <= accuracy * self.beta

    def _whole(self) -> Array:
        """Q of all amplitudes, (m c, m c)."""
        return np.asarray(np.kron(self.Q, np.eye(self.origin.shape[1])), dtype=np.float64) if self.shared else self.Q

    def _violation(self, Z: Array) -> float:
        R = self.gradient + self.times(Z - self.origin)
        return float(violation(Z, R, self.beta, self.norm).max(initial=0.0))

    def _descended(self, accuracy: float) -> Array:
        """By descents and Newton steps in turn."""
        Z, R, steps = self.origin.copy(), self.gradient.copy(), self._steps()
        for _ in range(INNER_STEPS):
            if self.clock.stopped:
                break
            descend_groups(self.Q, self.shared, steps, self.beta, self.norm, Z, R, SWEEPS)
            if not (np.abs(Z).max(initial=0.0) <= FARTHEST and np.isfinite(R).all()):
                return self.origin.copy()
            if violation(Z, R, self.beta, self.norm).max(initial=0.0) <= accuracy * self.beta:
                break
            if self.norm == 2 and Z.any():
                Z = Z + self._safe(Z, R, self._newton_step(Z, R))
                R = self.gradient + self.times(Z - self.origin)
        return Z

    def _as_lasso(self, accuracy: float) -> Array | None:
        """With the 1-norm every amplitude counts for itself: a Lasso, or one for each output where they share Q."""

        def change(Q: Array, gradient: Array, origin: Array) -> Array | None:
            optimum = active_set(QuadraticModel(Q, -gradient, origin, accuracy), self.beta, origin, accuracy)
            return None if optimum is None else optimum - origin

        if not self.shared:
            D = change(self.Q, self.gradient.ravel(), self.origin.ravel())
            return None if D is None else D.reshape(self.origin.shape)
        each = [change(self.Q, *parts) for parts in zip(self.gradient.T, self.origin.T, strict=True)]
        return None if any(D is None for D in each) else np.column_stack([D for D in each if D is not None])

    def _steps(self) -> Array:
        """1 / a bound on the curvature of each group, where that is not rounding."""
        m, c = self.origin.shape
        if self.shared:
            bounds = np.diag(self.Q)
        else:
            blocks = np.abs(self.Q.reshape(m, c, m, c)[np.arange(m), :, np.arange(m), :])
            bounds = blocks.sum(axis=2).max(axis=1)
        return 1.0 / np.maximum(bounds, max(RIDGE * float(bounds.max(initial=0.0)), TINY))

    def _newton_step(self, Z: Array, R: Array) -> Array:
        """The Newton step on the groups that are not zero, where the penalty is smooth."""
        used = np.flatnonzero(Z.any(axis=1))
        k, c = len(used), Z.shape[1]
        if self.shared:
            H = np.einsum("ij,op->iojp", self.Q[np.ix_(used, used)], np.eye(c))
        else:
            H = self.Q.reshape(len(Z), c, len(Z), c)[used][:, :, used]
        lengths = row_norms(Z[used])
        unit = Z[used] / lengths[:, None]
        bend = (self.beta / lengths)[:, None, None] * (np.eye(c) - unit[:, :, None] * unit[:, None, :])
        H[np.arange(k), :, np.arange(k), :] += bend
        H = H.reshape(k * c, k * c)
        H[np.diag_indices(k * c)] += RIDGE * np.diag(H).max()
        slope = (R[used] + self.beta * unit).ravel()
        D = np.zeros_like(Z)
        with suppress(LinAlgError):  # then the descent goes on alone
            D[used] = cho_solve(cho_factor(H, lower=True, overwrite_a=True, check_finite=False), -slope).reshape(k, c)
        return D if np.abs(D).max(initial=0.0) <= FARTHEST else np.zeros_like(Z)

    def _safe(self, Z: Array, R: Array, D: Array) -> Array:
        """The best of some parts of a step; groups that would turn round become 0.

        Where columns are nearly the same the step is long, from one to the other: a part that ends where the first
        groups come closest to 0 tells which of them can go.
        """
        across = (Z * D).sum(axis=1)
        closest = np.divide(-across, (D * D).sum(axis=1), out=np.full(len(Z), np.inf), where=across < 0.0)
        ends = np.sort(closest[closest < 1.0])[:FIRST_ENDS]
        best, least = np.zeros_like(Z), 0.0
        for length in np.r_[ends, LENGTHS]:
            stopped = np.where((closest <= length)[:, None], 0.0, Z + length * D) - Z
            for part in (stopped, length * D):
                change = self._change(Z, R, part)
                if change < least:
                    best, least = part, change
        return best

    def _change(self, Z: Array, R: Array, D: Array) -> float:
        lengths = row_norms(Z + D, self.norm) - row_norms(Z, self.norm)
        return float(np.sum(R * D) + 0.5 * np.sum(self.times(D) * D) + self.beta * lengths.sum())


class GroupLasso(RestrictedProblem):
    """The restricted problem of several outputs; see :mod:`bladenet.group_lasso`."""

    def __init__(self, form: StandardForm, clock: Clock):
        super().__init__(form, clock)
        assert isinstance(form.loss, OutputsLoss)  # problems of several outputs have no others
        self.loss = form.loss

    def _solve(self, accuracy: float) -> Restricted:
        point = best = self._at(self.z, np.asarray(self.t))
        stalled = 0
        for _ in range(MAX_STEPS):
            if best.gap <= accuracy * point.objective or stalled >= PATIENCE or self.clock.stopped:
                break
            before = point.objective
            point, solved = self._step(point)
            if not solved and point.gap > HIDDEN * point.objective and self._direct:
                break  # the other steps would crawl too
            stalled = 0 if point.gap < 0.9 * best.gap or point.objective < 0.99 * before else stalled + 1
            if point.objective - point.gap >= best.objective - best.gap:
                best = point
        if best.gap > ENOUGH * accuracy * point.objective and self._direct and not self.clock.stopped:
            point, best = self._on_columns(point, best, accuracy)
        gap = best.gap + (point.objective - best.objective)
        return Restricted(point.Z, point.t, best.dual, point.objective, gap, nonzero(point.Z))

    @property
    def _direct(self) -> bool:
        """Whether the problem itself is a cone program, and not too large a one."""
        grouped = isinstance(self.form.loss, SquaredLoss) and self.form.output_norm == 2
        return grouped and len(self.columns) * self.form.y.size <= DIRECT

    def _on_columns(self, point: Point, best: Point, accuracy: float) -> tuple[Point, Point]:
        """Near interpolation, where curvature hides what is left: the problem itself.

        Returns the better point, and that of the better dual variable.
        """
        form = self.form
        K, middle = self.columns.dense()[form.row], np.mean(form.y, axis=0) * form.bias
        tries = solve_on_columns(K, form.y - middle, form.weight, form.beta, form.bias, self.clock.remaining)
        for Z, t, v in tries:
            direct = self._at(Z, t + middle)
            dual = form.loss.balanced(v, form.y, form.weight) if form.bias else v
            sizes = form.size(self.columns.adjoint(form.at_points(dual)))
            dual = dual * min(1.0, form.beta / max(float(sizes.max(initial=0.0)), form.beta))
            proven = replace(direct, dual=dual, gap=direct.objective - form.dual_value(dual))
            points = (point, best, direct, proven)
            point = min(points, key=lambda each: each.objective)
            best = max(points, key=lambda each: each.objective - each.gap)
            if best.gap + point.objective - best.objective <= accuracy * point.objective:
                break
        return point, best

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

    def _step(self, point: Point) -> tuple[Point, bool]:
        """To the optimum of the model on a working set, or as far towards it as Φ falls; whether that was found."""
        form, used = self.form, point.Z.any(axis=1)
        off = violation(point.Z, point.h, form.beta, form.output_norm)
        support, candidates = np.flatnonzero(used), np.where(used, -np.inf, off)
        worst = np.argsort(-candidates, kind="stable")[: max(JOINING, len(support))]
        working = np.sort(np.r_[support, worst[candidates[worst] > 0.0]])
        model, intercept = self._model(point, working)
        finest = FINEST * max(1.0, float(np.abs(point.v).sum()) / form.beta)
        D, solved = model.solve(max(FORCING * float(off.max(initial=0.0)) / form.beta, finest))
        dZ = np.zeros_like(point.Z)
        dZ[working] = D
        dt = intercept(D)
        for length in LENGTHS:
            moved = self._at(point.Z + length * dZ, point.t + length * dt)
            if moved.objective <= point.objective:
                return moved, solved
        return point, solved

    def _model(self, point: Point, working: Index) -> tuple[Model, Callable[[Array], Array]]:
        """The second-order model, and how the best intercept in it changes with the amplitudes."""
        form = self.form
        m, c = len(working), point.Z.shape[1]
        if isinstance(form.loss, SquaredLoss):
            s = form.at_points(form.weight)
            Q = self.columns.gram(working, s)
            if form.bias:
                sums = self.columns.adjoint(s)[working]
                Q -= np.outer(sums, sums / s.sum())
        else:
            curvatures = by_sample(form.weight, self.loss.curvature(point.F, form.y).reshape(len(point.F), -1))
            weights = form.at_points(curvatures).T.reshape(c, c, -1)
            Q = self.columns.grams(working, weights, form.bias)
            Q = Q.reshape(Q.shape[0] * c, -1)
            if form.bias:
                across = Q[m * c :, : m * c]
                response = np.linalg.pinv(Q[m * c :, m * c :], rcond=RANK, hermitian=True) @ across
                Q = Q[: m * c, : m * c] - across.T @ response
        Q[np.diag_indices(len(Q))] += RIDGE * np.diag(Q).max(initial=np.finfo(float).tiny)
        shared = isinstance(form.loss, SquaredLoss)
        model = Model(Q, point.h[working], point.Z[working], form.beta, form.output_norm, shared, self.clock)
        if shared or not form.bias:
            return model, lambda D: np.zeros(c)  # which is sought anew in any case
        return model, lambda D: -response @ D.ravel()


def directions(Z: Array, norm: int) -> Array:
    """The gradient of ‖Z_j‖_q where it exists, 0 elsewhere."""
    if norm == 1:
        return np.sign(Z)
    lengths = row_norms(Z)[:, None]
    return np.divide(Z, lengths, out=np.zeros_like(Z), where=lengths > 0)


def violation(Z: Array, R: Array, beta: float, norm: int) -> Array:
    """By how much each neuron misses its optimality condition, −R_j ∈ β ∂‖Z_j‖_q."""
    smooth = R + beta * directions(Z, norm)
    if norm == 1:
        return np.where(Z != 0.0, np.abs(smooth), np.maximum(np.abs(R) - beta, 0.0)).max(axis=1, initial=0.0)
    zero = np.maximum(row_norms(R) - beta, 0.0)
    return np.where(Z.any(axis=1), row_norms(smooth), zero)
