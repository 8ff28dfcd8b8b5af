"""The restricted master problem: the Lasso over the neurons found so far, for any loss, with a free intercept.

    minimise over z, t   Σ_i s_i ℓ((Kz)_i + t, y_i) + β ‖z‖₁                                    (primal)
    maximise over v      −Σ_i s_i ℓ*(v_i / s_i, y_i)   subject to  |Kᵀv| ≤ β,  Σ v = 0          (dual)

Squared loss sees the columns only through inner products: the Gram matrix is kept up to date and an active-set method
works on it, whatever the number of samples. Where that does not settle (near interpolation) it works on the columns.
Other smooth losses are sequences of such problems (proximal Newton). What these leave goes to the interior-point
method; with the losses that have kinks (hinge, quantile) the problem is a linear program, solved as one where samples
are few or the interior point is not exact enough. Both see only the columns that the solution can need.
"""

from dataclasses import replace

import numpy as np

from bladenet.active_set import ColumnForm, GramForm, active_set
from bladenet.clock import Clock
from bladenet.interior_point import InteriorPoint
from bladenet.linear_program import linear_program
from bladenet.losses import Array, Index, Mask, PiecewiseLinearLoss, ScalarLoss, SquaredLoss, balanced
from bladenet.problem import StandardForm
from bladenet.proximal_newton import ProximalNewton
from bladenet.restricted import Restricted, RestrictedProblem

SMALL = 2_000_000  # entries of the columns up to which they may be worked on directly
NEAR = 0.1  # of β: how far below it |h| of a neuron may be that is looked at from the start
FEW = 500  # samples up to which a linear program goes to a corner at once: exact, but pricing then takes more rounds
ROUNDS = 4  # of solutions on some columns, before all of them are taken
SECOND_TRY = 1000  # rows and columns up to which an inexact interior point is tried by its other system
ENOUGH = 10.0  # times the accuracy asked for: what a solver may fall short by


class Lasso(RestrictedProblem):
    """The restricted problem of one output."""

    def __init__(self, form: StandardForm, clock: Clock):
        super().__init__(form, clock)
        assert isinstance(form.loss, ScalarLoss)  # the targets have one output
        self.loss = form.loss
        self.squared = isinstance(form.loss, SquaredLoss)
        self.gram = np.zeros((0, 0))
        self.correlation = np.zeros(0)
        self.sums = np.zeros(0)  # of each column, weighted
        self.target = form.y - form.weight @ form.y / form.weight.sum() if form.bias else form.y

    def _extend_gram(self) -> None:
        """Inner products with the columns added since the last solution, less means that an intercept absorbs."""
        known, m, s = len(self.gram), len(self.columns), self.form.weight
        if known == m:
            return
        if known:
            products, sums, correlation = self.columns.products(known, s, self.target)
            across, corner = np.split(products, [known])
        else:  # half of the products, and no copy of all columns
            across, corner = np.zeros((0, m)), self.columns.gram(np.arange(m), s)
            sums, correlation = self.columns.adjoint(np.column_stack([s, s * self.target])).T
        if self.form.bias:
            across -= np.outer(self.sums, sums / s.sum())
            corner -= np.outer(sums, sums / s.sum())
            self.sums = np.r_[self.sums, sums]
        self.gram = np.block([[self.gram, across], [across.T, 0.5 * (corner + corner.T)]])
        self.correlation = np.r_[self.correlation, correlation]

    def _solve(self, accuracy: float) -> Restricted:
        if self.squared:
            return self._least_squares(accuracy)
        if isinstance(self.loss, PiecewiseLinearLoss):
            return self._on_few(accuracy)
        form = self.form
        data = (self.columns, form.row, form.y, form.weight, form.beta, self.loss, form.bias)
        newton = ProximalNewton(*data, lambda: self.clock.stopped).solve(self.z, float(self.t), accuracy)
        if self._settled(newton, accuracy):
            return newton
        return min(newton, self._on_few(accuracy), key=lambda solution: solution.gap)

    def _least_squares(self, accuracy: float) -> Restricted:
        """By active sets, or the interior point where these do not settle (squared loss)."""
        form = self.form
        self._extend_gram()
        z = active_set(GramForm(self.gram, self.correlation), form.beta, self.z, accuracy)
        if z is not None:
            return self._from_amplitudes(z)
        direct: Restricted | None = None
        if len(self.columns) * len(form.points) <= SMALL:
            columns = self._column_form()
            z = active_set(columns, form.beta, self.z, accuracy)
            if z is not None:
                direct = self._sharpened(self._from_amplitudes(z), columns)
                if self._excess(direct.v) <= ENOUGH * accuracy:
                    return direct
        interior = self._on_few(accuracy)
        if direct is None:
            return interior
        # near interpolation either may come closer: keep the better network, and the better dual variable
        better = min(direct, interior, key=lambda solution: solution.objective)
        return replace(better, v=min(direct.v, interior.v, key=self._excess))

    def _on_few(self, accuracy: float) -> Restricted:
        """On the neurons near |h| = β at first; those that the solution turns out to violate join."""
        form = self.form
        h = self._correlations(self.v)
        chosen = (self.z != 0) | (np.abs(h) > (1.0 - NEAR) * form.beta)
        if not self.v.any():
            chosen[:] = True
        for _ in range(ROUNDS):
            solution = self._on(np.flatnonzero(chosen), accuracy)
            excess = np.abs(self._correlations(solution.v)) / form.beta
            missing = (excess > 1.0) & ~chosen
            largest = float(excess.max(initial=0.0, where=missing))
            if largest <= 1.0:
                return solution
            v = solution.v / largest
            feasible = replace(solution, v=v, gap=solution.objective - form.dual_value(v))
            if self._settled(feasible, accuracy):
                return feasible
            chosen |= excess > 1.0 - NEAR
        return self._on(np.arange(len(self.columns)), accuracy)

    def _on(self, chosen: Index, accuracy: float) -> Restricted:
        """The optimum over the chosen neurons alone."""
        form = self.form
        columns = self.columns.take(chosen)
        columns = columns.T if len(form.row) == len(form.points) else columns[:, form.row].T
        corner = isinstance(self.loss, PiecewiseLinearLoss)
        if corner and len(columns) <= FEW:
            solution = self._linear_program(columns, chosen)
        else:
            solution = self._interior_point(columns, accuracy)
            if corner and not self._settled(solution, accuracy):
                solution = min(solution, self._linear_program(columns, chosen), key=lambda candidate: candidate.gap)
        z, used = np.zeros(len(self.columns)), np.zeros(len(self.columns), dtype=bool)
        z[chosen], used[chosen] = solution.z, solution.used
        return replace(solution, z=z, used=used)

    def _linear_program(self, columns: Array, chosen: Index) -> Restricted:
        """By HiGHS; where its time is over, what there was before."""
        form, loss = self.form, self.loss
        assert isinstance(loss, PiecewiseLinearLoss)  # others are no linear programs
        data = (columns, form.bias, form.y, form.weight, form.beta, loss)
        found = linear_program(*data, seconds=self.clock.remaining)
        if found is not None:
            return found
        z = self.z[chosen]
        objective = float(form.weight @ loss.value(columns @ z + self.t, form.y)) + form.beta * float(np.abs(z).sum())
        return Restricted(z, self.t, np.zeros_like(form.y), objective, objective, z != 0)

    def _interior_point(self, columns: Array, accuracy: float) -> Restricted:
        """By the interior-point method, and by its other system if that falls short."""
        form = self.form
        intercept = np.ones(len(form.y)) if form.bias else None
        data = (columns, intercept, form.y, form.weight, form.beta, self.loss)
        solution = InteriorPoint(*data).solve(accuracy, lambda: self.clock.stopped)
        if max(columns.shape) <= SECOND_TRY and not self._settled(solution, accuracy):
            again = InteriorPoint(*data, larger_system=True).solve(accuracy, lambda: self.clock.stopped)
            solution = min(solution, again, key=lambda candidate: candidate.gap)
        return solution

    def _settled(self, solution: Restricted, accuracy: float) -> bool:
        """Whether a solution is good enough, or there is no time for a better one."""
        return solution.gap <= ENOUGH * accuracy * solution.objective or self.clock.stopped

    def _correlations(self, v: Array) -> Array:
        """H of each neuron here, for a dual variable of the loss terms."""
        return self.columns.adjoint(self.form.at_points(v))

    def _excess(self, v: Array) -> float:
        """By how much |h| of a neuron here exceeds β, relative to β (squared loss)."""
        return float(np.abs(self.columns.adjoint(v)).max(initial=0.0)) / self.form.beta - 1.0

    def _column_form(self) -> ColumnForm:
        """Weighted columns and target, centred if there is an intercept to absorb means."""
        form = self.form
        root = np.sqrt(form.weight)
        columns = self.columns.dense()
        if form.bias:
            columns = columns - form.weight @ columns / form.weight.sum()
        return ColumnForm(columns * root[:, None], self.target * root)

    def _sharpened(self, solution: Restricted, direct: ColumnForm) -> Restricted:
        """Replace the dual variable, a difference of large numbers here, by the one its support determines."""
        A = np.flatnonzero(solution.used)
        if not len(A):
            return solution
        v = -np.sqrt(self.form.weight) * direct.optimal_residual(A, np.sign(solution.z[A]), self.form.beta)
        if self.form.bias:
            v = balanced(v)
        return replace(solution, v=min(solution.v, v, key=self._excess))

    def _from_amplitudes(self, z: Array) -> Restricted:
        """Best intercept, dual variable and objective for given amplitudes (squared loss)."""
        form, used = self.form, z != 0
        f = self.columns.forward(z)
        t = float(form.weight @ (form.y - f) / form.weight.sum()) if form.bias else 0.0
        residual = f + t - form.y
        v = form.weight * residual
        objective = 0.5 * float(v @ residual) + form.beta * float(np.abs(z).sum())
        return Restricted(z, t, balanced(v) if form.bias else v, objective, np.nan, used)

    def _keep(self, kept: Mask) -> None:
        super()._keep(kept)
        if self.squared:
            self.gram, self.correlation = self.gram[np.ix_(kept, kept)], self.correlation[kept]
            if self.form.bias:
                self.sums = self.sums[kept]
