"""The restricted problem of interpolation: the least penalty of an exact fit, over the neurons found so far.

    minimise over Z (m, c), t (c,), R (k, c)   β Σ_j ‖Z_j‖_q + c Σ_i s_i |R_i|   subject to  KZ + t + R = Y

As long as the neurons found do not suffice for an exact fit, R is what is missing, at a price c. A linear program, or a
second-order cone program for several outputs and q = 2; Clarabel solves both. Its dual variables lie in the middle of
the optimal ones, which points to better neurons than a corner does.
"""

from collections.abc import Iterator
from functools import cached_property

import clarabel
import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.cone_program import second_order, solved
from bladenet.losses import Array, ExactFit, Mask, by_sample, row_norms
from bladenet.problem import StandardForm
from bladenet.restricted import Restricted, RestrictedProblem, nonzero

PAID = 0.5  # of the price: a multiplier from which on a miss is meant, and not the solver's rounding
DEARER = 1e-6  # of the penalty, by which leaving out neurons may raise it
SAME_RAY = 1e-14  # between unit vectors: closer ones differ by rounding
SMALLEST = 1e-4  # of the largest output: one that a linear program still counts in its own units
DEPENDENT = (1e-6, 1e-9, 1e-13)  # of the largest singular value of columns: below it they are taken for dependent


class BasisPursuit(RestrictedProblem):
    """See :mod:`bladenet.basis_pursuit`."""

    def __init__(self, form: StandardForm, clock: Clock):
        super().__init__(form, clock)
        self.grouped = form.y.ndim == 2 and form.output_norm == 2

    @cached_property
    def slopes(self) -> sparse.csr_array:
        """Of all samples, see :func:`slopes`."""
        return slopes(self.form.points[self.form.row], self.form.bias)

    def _solve(self, accuracy: float) -> Restricted:
        form = self.form
        assert isinstance(form.loss, ExactFit)  # whose master problem this is
        Y = form.y if form.y.ndim == 2 else form.y[:, None]
        outputs = form.y.shape[1:]
        prices = np.multiply.outer(form.weight, np.broadcast_to(form.loss.price, Y.shape[1]))
        found = self._program(Y, prices)
        if found is None:  # what is here is still a network, and proves nothing
            v = np.zeros(form.y.shape)
            z, t = self.z, self.t
        else:
            Z, intercepts, V = found
            paid = np.abs(V) > PAID * prices
            v = V.reshape(form.y.shape)
            if form.bias:
                v = form.loss.balanced(v, form.y, form.weight)
            sizes = form.size(self.columns.adjoint(form.at_points(v))) / form.beta
            v = v / max(float(sizes.max(initial=0.0)), 1.0)
            Z, intercepts = self._cleaned(Z, intercepts, Y, 1.0 - sizes, np.where(paid, 0.0, np.abs(V)), paid)
            z, t = Z.reshape(-1, *outputs), intercepts if outputs else float(intercepts[0])
        objective = self.objective(z, t)
        return Restricted(z, t, v, objective, objective - form.dual_value(v), nonzero(z))

    def _program(self, Y: Array, prices: Array) -> tuple[Array, Array, Array] | None:
        """Amplitudes (m, c), intercepts (c,) and multipliers (k, c), or None where the solver fails."""
        form, T = self.form, self.slopes
        K = T @ self.columns.dense()[form.row]
        (k, m), c = K.shape, Y.shape[1]
        middle = np.median(Y, axis=0) if form.bias else np.zeros(c)
        right = T @ (Y - middle)
        units = spreads(right)  # of each output, whose own size its misses must be small beside
        shares = np.tile(units / units.max(), m)
        eye = sparse.identity(c, format="csc")
        each = sparse.kron(sparse.csc_matrix(K), eye, format="csc")
        ones = sparse.kron(T @ np.ones((k, 1 if form.bias else 0)), eye, format="csc")
        # misses in units of what they cost
        gaps = sparse.kron(T, eye) @ sparse.diags((form.beta * units.max() / (prices * units)).ravel(), format="csc")
        costs = np.ones(k * c)
        if self.grouped:
            lengths = sparse.csc_matrix((k * c, m))
            fit = sparse.hstack([each, lengths, ones, gaps, -gaps])
            linear = np.r_[np.zeros(m * c), np.ones(m), np.zeros(ones.shape[1]), costs, costs]
            cones = [clarabel.SecondOrderConeT(c + 1)] * m
        else:
            fit = sparse.hstack([each, -each, ones, gaps, -gaps])
            linear = np.r_[shares, shares, np.zeros(ones.shape[1]), costs, costs]
            cones = [clarabel.NonnegativeConeT(2 * m * c)]
        n = fit.shape[1]
        if self.grouped:
            limits = second_order(m, c, n) @ sparse.diags(np.r_[shares, np.ones(n - m * c)])
        else:
            limits = -sparse.eye_array(2 * m * c, n)
        missing = sparse.hstack([sparse.csc_matrix((2 * k * c, n - 2 * k * c)), -sparse.identity(2 * k * c)])
        constraints = sparse.vstack([fit, missing, limits], format="csc")
        sides = np.r_[(right / units).ravel(), np.zeros(2 * k * c + limits.shape[0])]
        kinds = [clarabel.ZeroConeT(k * c), clarabel.NonnegativeConeT(2 * k * c), *cones]
        solution = solved(sparse.csc_matrix((n, n)), linear, constraints, sides, kinds, self.clock.remaining)
        if solution is None:
            return None
        x, multipliers = np.array(solution.x), np.array(solution.z)
        Z = x[: m * c] if self.grouped else x[: m * c] - x[m * c : 2 * m * c]
        t = x[n - 2 * k * c - ones.shape[1] : n - 2 * k * c] if form.bias else np.zeros(c)
        V = form.beta * units.max() / units * (T.T @ multipliers[: k * c].reshape(k, c))
        return Z.reshape(m, c) * units, t * units + middle, np.clip(V, -prices, prices)

    def _cleaned(self, Z: Array, t: Array, Y: Array, slack: Array, V: Array, paid: Mask) -> tuple[Array, Array]:
        """Without the neurons that are not needed, if that fits at hardly more penalty; misses not `paid` for go.

        Of an amplitude and the slack of |h| ≤ β one is 0, but for rounding: the one that is smaller.
        """
        form, size, K = self.form, row_norms(Z, self.form.output_norm), self.columns.dense()[self.form.row]
        assert isinstance(form.loss, ExactFit)  # whose master problem this is
        needed = (size > slack * size.max(initial=0.0)).astype(np.float64)
        best, lowest = (Z, t), np.inf
        for kept in (needed, np.ones(len(Z))):
            reduced = by_sample(kept, Z)
            off = np.where(paid, 0.0, Y - K @ reduced - t)
            for change in least_changes(K, row_norms(reduced), form.bias, off, self.slopes):
                fitted, intercepts = reduced + change[: len(Z)], t + change[-1] if form.bias else t
                left = np.abs(np.where(paid, 0.0, Y - K @ fitted - intercepts))
                cost = form.beta * row_norms(fitted, form.output_norm).sum() + float((V * left).sum())
                # columns that are nearly the same share an amplitude, and what is left of some may not do for all
                if (left <= form.loss.tolerance).all() and cost < lowest:
                    best, lowest = (fitted, intercepts), cost
                if lowest <= (1.0 + DEARER) * form.beta * size.sum():
                    return best
        if not (self.grouped or paid.any() or self.clock.stopped):  # simplex is slower, but exact
            found = [corner(K, np.ones(len(Z)), y, form.bias, self.slopes, self.clock.remaining) for y in Y.T]
            each = [one for one in found if one is not None]
            if len(each) == len(found):
                fitted, intercepts = np.column_stack([z for z, _ in each]), np.array([t for _, t in each])
                fits = (np.abs(Y - K @ fitted - intercepts) <= form.loss.tolerance).all()
                if fits and form.beta * row_norms(fitted, form.output_norm).sum() < lowest:
                    best = fitted, intercepts
        return best


def corner(
    columns: Array, costs: Array, y: Array, bias: bool, slopes: sparse.csr_array, seconds: float = np.inf
) -> tuple[Array, float] | None:
    """Amplitudes (m,) of least Σ costs |z| and an intercept, with at most as many neurons as samples, by simplex.

    They fit y; None where the solver fails.
    """
    K, ones = slopes @ columns, slopes @ np.ones((len(y), int(bias)))
    middle = float(np.median(y)) * bias
    right = slopes @ (y - middle)
    size = float(np.abs(right).max(initial=0.0))
    if not size or not len(costs):
        return np.zeros(len(costs)), middle
    unit = costs * (float((np.abs(K) / costs).max()) or 1.0)  # the solver's tolerances are absolute
    sides = np.hstack([K / unit, -K / unit, ones, -ones])
    prices = np.r_[costs / unit, costs / unit, np.zeros(2 * ones.shape[1])]
    limit = {} if seconds == np.inf else {"time_limit": max(seconds, 0.0)}
    found = linprog(prices, A_eq=sides, b_eq=right / size, method="highs-ds", options=limit)
    if found.x is None:
        return None
    up, down, t = np.split(size * found.x, [len(costs), 2 * len(costs)])
    return (up - down) / unit, middle + float(t[0] - t[1]) if bias else 0.0


def least_changes(columns: Array, sizes: Array, bias: bool, off: Array, slopes: sparse.csr_array) -> Iterator[Array]:
    """Changes of amplitudes (m,) or (m, c), and of a last intercept if there is a bias, that add `off` to the outputs.

    They are smallest relative to the `sizes` (m,) of the amplitudes: columns are often nearly the same, and what is
    small must stay so. The first leave out what only differences of such columns can add, which takes large changes;
    the last is as exact as can be, in terms of `slopes`.
    """
    # an intercept counts as much as the largest of what the neurons contribute
    weights = np.r_[sizes, [float(np.abs(columns * sizes).max(initial=0.0)) or 1.0] * bias]
    columns = np.column_stack([columns, np.ones(len(columns))]) if bias else columns
    U, spread, V = np.linalg.svd(slopes @ (columns * weights), full_matrices=False)
    parts = U.T @ (slopes @ off)
    for least in DEPENDENT:
        kept = spread > least * spread.max(initial=0.0)
        yield by_sample(weights, V[kept].T @ by_sample(1.0 / spread[kept], parts[kept]))


def slopes(points: Array, bias: bool) -> sparse.csr_array:
    """A matrix (k, k) that takes values at points to slopes along a shortest tree that spans them, and one at its root.

    Outputs at close points are the same but for little, which a solver takes for rounding; as a slope it counts.
    Without a bias outputs grow in proportion along a ray, and the values are those at points of unit length.
    """
    lengths = np.ones(len(points)) if bias else row_norms(points)
    lengths = np.where(lengths > 0.0, lengths, 1.0)
    places = points - points[0] * bias
    places = by_sample(1.0 / lengths, places) / (float(np.abs(by_sample(1.0 / lengths, places)).max()) or 1.0)
    k = len(points)
    nearest, parent = np.empty(k), np.empty(k, dtype=np.int64)
    kernels.spanning_tree(np.ascontiguousarray(places), parent, nearest)
    apart = nearest > (0.0 if bias else SAME_RAY)
    steep = np.where(apart, 1.0 / np.where(apart, nearest, 1.0), 1.0)
    steep[0] = 1.0
    child = np.arange(1, k)
    return sparse.csr_array(
        (
            np.r_[steep / lengths, -(steep / lengths[parent])[1:]],
            (np.r_[np.arange(k), child], np.r_[np.arange(k), parent[1:]]),
        ),
        shape=(k, k),
    )


def spreads(values: Array) -> Array:
    """The largest |value| of each output, (k, c) → (c,), but not beyond what a solver can hold beside the largest."""
    sizes = np.abs(values).max(axis=0)
    return np.asarray(np.maximum(sizes, SMALLEST * sizes.max()) if sizes.any() else np.ones_like(sizes))
