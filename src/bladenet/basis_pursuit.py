"""The restricted problem of interpolation: the least penalty of an exact fit, over the neurons found so far.

    minimise over Z (m, c), t (c,), R (k, c)   β Σ_j ‖Z_j‖_q + c Σ_i s_i |R_i|   subject to  KZ + t + R = Y

As long as the neurons found do not suffice for an exact fit, R is what is missing, at a price c. A linear program, or a
second-order cone program for several outputs and q = 2; Clarabel solves both. Its dual variables lie in the middle of
the optimal ones, which points to better neurons than a corner does.
"""

import clarabel
import numpy as np
from scipy import sparse

from bladenet.clock import Clock
from bladenet.cone_program import second_order, solved
from bladenet.losses import Array, ExactFit, Mask, by_sample, row_norms
from bladenet.problem import StandardForm
from bladenet.restricted import Restricted, RestrictedProblem, nonzero

PAID = 0.5  # of the price: a multiplier from which on a miss is meant, and not the solver's rounding
DEARER = 1e-6  # of the penalty, by which leaving out neurons may raise it
INDEPENDENT = 1e-13  # of the largest singular value of columns: below it they are dependent


class BasisPursuit(RestrictedProblem):
    """See :mod:`bladenet.basis_pursuit`."""

    def __init__(self, form: StandardForm, clock: Clock):
        super().__init__(form, clock)
        self.grouped = form.y.ndim == 2 and form.output_norm == 2

    def _solve(self, accuracy: float) -> Restricted:
        form = self.form
        assert isinstance(form.loss, ExactFit)  # whose master problem this is
        Y = form.y if form.y.ndim == 2 else form.y[:, None]
        outputs = form.y.shape[1:]
        found = self._program(Y, form.weight * form.loss.price)
        if found is None:  # what is here is still a network, and proves nothing
            v = np.zeros(form.y.shape)
            z, t = self.z, self.t
        else:
            Z, intercepts, V = found
            paid = np.abs(V) > PAID * (form.weight * form.loss.price)[:, None]
            v = V.reshape(form.y.shape)
            if form.bias:
                v = form.loss.balanced(v, form.y, form.weight)
            sizes = form.size(self.columns.adjoint(form.at_points(v))) / form.beta
            v = v / max(float(sizes.max(initial=0.0)), 1.0)
            Z, intercepts = self._cleaned(Z, intercepts, Y, 1.0 - sizes, paid)
            z, t = Z.reshape(-1, *outputs), intercepts if outputs else float(intercepts[0])
        objective = self.objective(z, t)
        return Restricted(z, t, v, objective, objective - form.dual_value(v), nonzero(z))

    def _program(self, Y: Array, prices: Array) -> tuple[Array, Array, Array] | None:
        """Amplitudes (m, c), intercepts (c,) and multipliers (k, c), or None where the solver fails."""
        form = self.form
        K = self.columns.dense()[form.row]
        (k, m), c = K.shape, Y.shape[1]
        size = float(np.abs(Y - np.median(Y, axis=0)).max()) or 1.0
        middle = np.median(Y, axis=0) if form.bias else np.zeros(c)
        eye = sparse.identity(c, format="csc")
        each = sparse.kron(sparse.csc_matrix(K), eye, format="csc")
        ones = sparse.kron(np.ones((k, 1 if form.bias else 0)), eye, format="csc")
        gaps = sparse.identity(k * c, format="csc")
        costs = np.repeat(prices / form.beta, c)
        if self.grouped:
            lengths = sparse.csc_matrix((k * c, m))
            fit = sparse.hstack([each, lengths, ones, gaps, -gaps])
            linear = np.r_[np.zeros(m * c), np.ones(m), np.zeros(ones.shape[1]), costs, costs]
            cones = [clarabel.SecondOrderConeT(c + 1)] * m
        else:
            fit = sparse.hstack([each, -each, ones, gaps, -gaps])
            linear = np.r_[np.ones(2 * m * c), np.zeros(ones.shape[1]), costs, costs]
            cones = [clarabel.NonnegativeConeT(2 * m * c)]
        n = fit.shape[1]
        limits = second_order(m, c, n) if self.grouped else -sparse.eye_array(2 * m * c, n)
        missing = sparse.hstack([sparse.csc_matrix((2 * k * c, n - 2 * k * c)), -sparse.identity(2 * k * c)])
        constraints = sparse.vstack([fit, missing, limits], format="csc")
        right = np.r_[((Y - middle) / size).ravel(), np.zeros(2 * k * c + limits.shape[0])]
        kinds = [clarabel.ZeroConeT(k * c), clarabel.NonnegativeConeT(2 * k * c), *cones]
        solution = solved(sparse.csc_matrix((n, n)), linear, constraints, right, kinds, self.clock.remaining)
        if solution is None:
            return None
        x, multipliers = np.array(solution.x), np.array(solution.z)
        Z = x[: m * c] if self.grouped else x[: m * c] - x[m * c : 2 * m * c]
        t = x[n - 2 * k * c - ones.shape[1] : n - 2 * k * c] if form.bias else np.zeros(c)
        V = form.beta * multipliers[: k * c].reshape(k, c)
        return size * Z.reshape(m, c), size * t + middle, np.clip(V, -prices[:, None], prices[:, None])

    def _cleaned(self, Z: Array, t: Array, Y: Array, slack: Array, paid: Mask) -> tuple[Array, Array]:
        """Without the neurons that are not needed, if that fits at hardly more penalty; misses not `paid` for go.

        Of an amplitude and the slack of |h| ≤ β one is 0, but for rounding: the one that is smaller.
        """
        form, size, K = self.form, row_norms(Z, self.form.output_norm), self.columns.dense()[self.form.row]
        assert isinstance(form.loss, ExactFit)  # whose master problem this is
        needed = (size > slack * size.max(initial=0.0)).astype(np.float64)
        for kept in (needed, np.ones(len(Z))):
            reduced = by_sample(kept, Z)
            change = least_change(K, row_norms(reduced), form.bias, np.where(paid, 0.0, Y - K @ reduced - t))
            fitted, intercepts = reduced + change[: len(Z)], t + change[-1] if form.bias else t
            fits = bool((np.abs(np.where(paid, 0.0, Y - K @ fitted - intercepts)) <= form.loss.tolerance).all())
            # columns that are nearly the same share an amplitude, and what is left of some may not do for all
            if fits and row_norms(fitted, form.output_norm).sum() <= (1.0 + DEARER) * size.sum():
                break
        return fitted, intercepts


def least_change(columns: Array, sizes: Array, bias: bool, off: Array) -> Array:
    """Changes of amplitudes (m,) or (m, c), and of a last intercept if there is a bias, that add `off` to the outputs.

    They are smallest relative to the `sizes` (m,) of the amplitudes: columns are often nearly the same, and what is
    small must stay so.
    """
    # an intercept counts as much as the largest of what the neurons contribute
    weights = np.r_[sizes, [float(np.abs(columns * sizes).max(initial=0.0)) or 1.0] * bias]
    columns = np.column_stack([columns, np.ones(len(columns))]) if bias else columns
    return by_sample(weights, np.linalg.lstsq(columns * weights, off, rcond=INDEPENDENT)[0])
