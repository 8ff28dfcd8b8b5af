"""The group Lasso as a second-order cone program, solved by Clarabel: its quadratic model, or the problem itself.

    minimise  ½ Z Q Z + q·Z + β Σ_j τ_j                    subject to  ‖Z_j‖₂ ≤ τ_j
    minimise  ½ Σ_i s_i ‖R_i‖² + β Σ_j τ_j                 subject to  ‖Z_j‖₂ ≤ τ_j,  KZ + t − R = Y

Clarabel takes the same few steps where columns are nearly the same and descents crawl, but each costs (m c)³. The
second form does not square the condition of K, which near interpolation hides what is left of the residuals.
"""

from collections.abc import Iterator
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from bladenet.clock import Clock
from bladenet.losses import Array, row_norms

DIGITS = 1e-11
FINEST = 1e-12
REGULARISATIONS = (1e-8, 1e-7, 1e-6)  # of the solver's systems, each tried where those before were too little
INSIDE = 1e-7  # of β: a multiplier that far inside its ball belongs to a group that is 0


def solve_cone_program(Q: Array, q: Array, beta: float, seconds: float = np.inf) -> Array:
    """The optimal Z (m, c), groups that are not needed exactly 0; Q (m c, m c), q (m, c)."""
    m, c = q.shape
    n = m * c
    quadratic = sparse.triu(sparse.block_diag([Q, sparse.csc_matrix((m, m))]), format="csc")
    limits = second_order(m, c, n + m)
    linear = np.r_[q.ravel(), np.full(m, beta)]
    cones = [clarabel.SecondOrderConeT(c + 1)] * m
    settings = settings_for(FINEST, seconds)
    solution = clarabel.DefaultSolver(quadratic, linear, limits, np.zeros(m * (c + 1)), cones, settings).solve()
    Z = np.array(solution.x[:n]).reshape(m, c)
    multipliers = np.array(solution.z).reshape(m, c + 1)[:, 1:]
    Z[row_norms(multipliers) < (1.0 - INSIDE) * beta] = 0.0
    return Z


def solve_on_columns(
    K: Array, Y: Array, s: Array, beta: float, bias: bool, seconds: float
) -> Iterator[tuple[Array, Array, Array]]:
    """Squared loss: amplitudes (m, c), intercepts (c,) and dual variable (k, c), until one try is exact; perhaps none.

    In units of β: with R = β ρ / s it is minimise Σ_j τ_j + (β/2) Σ ‖ρ_i‖² / s_i, and ρ stays of order one.
    """
    (k, m), c = K.shape, Y.shape[1]
    size = float(np.abs(Y).max()) or 1.0
    eye = sparse.identity(c, format="csc")
    residual = np.repeat(beta / (s * size), c)
    ones = sparse.kron(np.ones((k, 1 if bias else 0)), eye, format="csc")
    fit = sparse.hstack(
        [sparse.kron(sparse.csc_matrix(K), eye), sparse.csc_matrix((k * c, m)), ones, -sparse.diags(residual)]
    )
    n = fit.shape[1]
    before = n - k * c  # of the variables Z, τ, t, ρ
    limits = second_order(m, c, n)
    quadratic = sparse.block_diag([sparse.csc_matrix((before, before)), sparse.diags(residual)], format="csc")
    linear = np.r_[np.zeros(m * c), np.ones(m), np.zeros(n - m * (c + 1))]
    kinds = [clarabel.ZeroConeT(k * c), *[clarabel.SecondOrderConeT(c + 1)] * m]
    right = np.r_[(Y / size).ravel(), np.zeros(m * (c + 1))]
    for solution in solutions(quadratic, linear, sparse.vstack([fit, limits], format="csc"), right, kinds, seconds):
        x, multipliers = np.array(solution.x), np.array(solution.z)
        Z, t = size * x[: m * c].reshape(m, c), size * x[m * (c + 1) : before]
        slack = row_norms(multipliers[k * c :].reshape(m, c + 1)[:, 1:])
        Z[slack < 1.0 - INSIDE] = 0.0
        yield Z, t if bias else np.zeros(c), beta * multipliers[: k * c].reshape(k, c)


def second_order(m: int, c: int, n: int) -> sparse.csc_matrix:
    """The rows −(τ_j, Z_j), one group after the other, for n variables that begin with Z (m, c) and τ (m,)."""
    rows = np.arange(m * (c + 1)).reshape(m, c + 1)
    columns = np.column_stack([m * c + np.arange(m), np.arange(m * c).reshape(m, c)])
    return sparse.csc_matrix((-np.ones(rows.size), (rows.ravel(), columns.ravel())), shape=(rows.size, n))


def solved(quadratic: Any, linear: Array, constraints: Any, right: Array, kinds: list[Any], seconds: float) -> Any:
    """The best of Clarabel's solutions; None where it fails."""
    exact = clarabel.SolverStatus.Solved
    tries = solutions(quadratic, linear, constraints, right, kinds, seconds)
    return min(tries, key=lambda each: (each.status != exact, each.r_prim), default=None)


def solutions(
    quadratic: Any, linear: Array, constraints: Any, right: Array, kinds: list[Any], seconds: float
) -> Iterator[Any]:
    """Clarabel's solutions, until one is exact.

    Columns are often nearly the same, and its systems then hard to solve: where needed they are regularised more.
    """
    clock = Clock(seconds)
    for regularisation in REGULARISATIONS:
        settings = settings_for(DIGITS, clock.remaining)
        settings.static_regularization_constant = regularisation
        found = clarabel.DefaultSolver(quadratic, linear, constraints, right, kinds, settings).solve()
        if found.status in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved):
            yield found
        if found.status == clarabel.SolverStatus.Solved or clock.stopped:
            break


def settings_for(digits: float, seconds: float) -> clarabel.DefaultSettings:
    """Of Clarabel: silent, to this accuracy, within this time."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = digits
    if seconds < np.inf:
        settings.time_limit = max(seconds, 1e-3)
    return settings
