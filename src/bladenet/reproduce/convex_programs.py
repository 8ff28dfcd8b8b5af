"""The convex programs of the paper as they stand, handed to an interior-point solver that nobody here wrote (Clarabel).

Every one of them is: minimise a loss of M u + t plus β times the norms of groups of u, where rows of `inside`, if any,
keep G u ≥ 0. A Lasso has groups of one, a group Lasso one for each neuron, and the program over hyperplane arrangements
(Pilanci & Ergen, 2020), whose optimum is that of all networks of any width, one for each activation pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from bladenet.losses import Array
from bladenet.reproduce.enumeration import chambers, patterns
from bladenet.reproduce.remembering import remembered

ACCURACY = 1e-11


@dataclass(frozen=True)
class Solution:
    """The optimal value, Σ of the groups' norms, the variables u, and the intercept t: a number, or one per output."""

    value: float
    penalty: float
    u: Array
    t: Array


def lasso(K: Array, y: Array, beta: float, *, bias: bool, loss: str = "squared") -> Solution:
    """Minimise ℓ(K z + t, y) + β ‖z‖₁, with t = 0 unless `bias`; "exact": ‖z‖₁ where K z + t = y."""
    return penalised_fit(K, y, beta, [np.array([j]) for j in range(K.shape[1])], bias=bias, loss=loss)


def group_lasso(K: Array, Y: Array, beta: float, *, bias: bool, loss: str = "squared") -> Solution:
    """The same for several outputs Y (n, c), with the penalty Σ_j ‖z_j‖₂ on the rows of z (m, c)."""
    c = Y.shape[1]
    groups = [np.arange(j * c, (j + 1) * c) for j in range(K.shape[1])]
    return penalised_fit(np.asarray(np.kron(K, np.eye(c))), Y.ravel(), beta, groups, bias=bias, loss=loss, outputs=c)


@remembered
def best_network(X: Array, y: Array, beta: float, *, norm: int, bias: bool, loss: str = "squared") -> Solution:
    """The optimum of all ReLU networks: min over w_k, w'_k in the cone of each activation pattern D_k."""
    lifted = np.column_stack([X, np.ones((len(X), int(bias)))])
    signs = patterns(lifted)
    active = signs > 0
    parts = [sign * on[:, None] * lifted for on in active for sign in (1.0, -1.0)]
    cones = [side[:, None] * lifted for side in np.where(active, 1.0, -1.0) for _ in range(2)]
    r, d = lifted.shape[1], X.shape[1]
    groups = [k * r + np.arange(d) for k in range(len(parts))]
    M, inside = np.hstack(parts), sparse.block_diag(cones)
    return penalised_fit(M, y, beta, groups, norm=norm, bias=bias, loss=loss, inside=inside)


@remembered
def best_outputs(X: Array, Y: Array, beta: float, *, loss: str = "squared") -> float:
    """The optimum of all ReLU networks of several outputs Y (n, c) on the plane; p = 2, no biases, Σ ‖w_j‖₂ ‖u_j‖₂.

    The dual is solved: V·Y − ½‖V‖² at its largest, or for "exact" V·Y, with ‖Vᵀ(Xw)_+‖ ≤ β ‖w‖ for all w. On a chamber
    w = Gᵀμ with μ ≥ 0, and (Xw)_+ = H μ: β² G Gᵀ − (VᵀH)ᵀ(VᵀH) is copositive. So is a matrix of two rows iff it is
    semidefinite after some t ≥ 0 is taken off its off-diagonal; and then β G Gᵀ − t J bordered by VᵀH and β I is.
    """
    n, c = Y.shape
    found = chambers(X)
    count = n * c
    size = count + len(found)  # V, and t for each chamber
    rows: list[tuple[Any, Array, Any]] = []
    # the triangle of a symmetric matrix by columns; off-diagonal entries count twice in its length
    column, row = np.tril_indices(2 + c)
    weight = np.where(row == column, 1.0, np.sqrt(2.0))[:, None]
    for k, G in enumerate(found):
        H = np.maximum(X @ G.T, 0.0)
        constant, varying = beta * np.eye(2 + c), np.zeros((2 + c, 2 + c, size))
        constant[:2, :2] = beta * (G @ G.T)
        varying[0, 1, count + k] = 1.0
        varying[:2, 2:, :count] = -np.einsum("ik,jl->klij", H, np.eye(c)).reshape(2, c, count)
        sides = sparse.csc_matrix(weight * varying[row, column])
        rows.append((sides, weight[:, 0] * constant[row, column], clarabel.PSDTriangleConeT(2 + c)))
    rows.append((-_choose(np.arange(count, size), size), np.zeros(len(found)), clarabel.NonnegativeConeT(len(found))))
    quadratic = sparse.diags(np.r_[np.full(count, float(loss == "squared")), np.zeros(len(found))]).tocsc()
    _, value = _solved(quadratic, np.r_[-Y.ravel(), np.zeros(len(found))], rows)
    return -value


def penalised_fit(
    M: Array,
    y: Array,
    beta: float,
    groups: list[Any],
    *,
    norm: int = 2,
    bias: bool,
    loss: str,
    outputs: int = 1,
    inside: Any = None,
) -> Solution:
    """Minimise ℓ(M u + t, y) + β Σ_g ‖u_g‖_norm; losses are "squared" ½(f − y)², "hinge", and "exact" (f = y)."""
    n, m, g, t = len(y), M.shape[1], len(groups), outputs if bias else 0
    size = m + t + g + n + (m if norm == 1 else 0)  # u, t, norms, residuals or slacks, moduli
    intercept = np.kron(np.ones((n // outputs, 1)), np.eye(outputs))[:, :t]
    fit = sparse.hstack([sparse.csc_matrix(np.hstack([M, intercept])), sparse.csc_matrix((n, g))])
    rest = sparse.csc_matrix((n, size - m - t - g - n))
    at = m + t + g
    quadratic = sparse.csc_matrix((size, size))
    linear = np.zeros(size)
    linear[m + t : at] = 1.0 if loss == "exact" else beta
    zero = sparse.csc_matrix((n, n))
    rows: list[tuple[Any, Array, Any]] = []
    if loss == "squared":
        quadratic = sparse.diags(np.r_[np.zeros(at), np.ones(n), np.zeros(size - at - n)]).tocsc()
        rows.append((sparse.hstack([fit, -sparse.eye(n), rest]), y, clarabel.ZeroConeT(n)))
    elif loss == "exact":
        rows.append((sparse.hstack([fit, zero, rest]), y, clarabel.ZeroConeT(n)))
    else:
        linear[at : at + n] = 1.0
        margin = sparse.hstack([-sparse.diags(y) @ fit, -sparse.eye(n), rest])
        rows.append((margin, -np.ones(n), clarabel.NonnegativeConeT(n)))
        rows.append((-_choose(np.arange(at, at + n), size), np.zeros(n), clarabel.NonnegativeConeT(n)))
    rows.extend(_norms(groups, norm, m, m + t, at + n, size))
    if inside is not None:
        k = inside.shape[0]
        rows.append(
            (sparse.hstack([-inside, sparse.csc_matrix((k, size - m))]), np.zeros(k), clarabel.NonnegativeConeT(k))
        )
    x, value = _solved(quadratic, linear, rows)
    free = x[m : m + t] if bias else np.zeros(outputs)
    return Solution(value, float(x[m + t : at].sum()), x[:m], free if outputs > 1 else free[0])


def _norms(groups: list[Any], norm: int, m: int, norms: int, moduli: int, size: int) -> list[tuple[Any, Array, Any]]:
    """Constraints ‖u_g‖ ≤ s_g; for norm 1 by moduli of all entries."""
    if norm == 2:
        return [
            (
                -_choose(np.r_[norms + k, group], size),
                np.zeros(1 + len(group)),
                clarabel.SecondOrderConeT(1 + len(group)),
            )
            for k, group in enumerate(groups)
        ]
    entry, modulus = _choose(np.arange(m), size), _choose(np.arange(moduli, moduli + m), size)
    members = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    places = members, moduli + np.concatenate(groups)
    sums = sparse.csc_matrix((np.ones(len(members)), places), shape=(len(groups), size))
    sums = sums - _choose(np.arange(norms, norms + len(groups)), size)
    sides = sparse.vstack([entry - modulus, -entry - modulus, sums])
    return [(sides, np.zeros(sides.shape[0]), clarabel.NonnegativeConeT(sides.shape[0]))]


def _choose(columns: Any, size: int) -> Any:
    """The rows of the unit matrix with these numbers."""
    return sparse.csc_matrix((np.ones(len(columns)), (np.arange(len(columns)), columns)), shape=(len(columns), size))


def _solved(quadratic: Any, linear: Array, rows: list[tuple[Any, Array, Any]]) -> tuple[Array, float]:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = ACCURACY
    A = sparse.vstack([part for part, _, _ in rows]).tocsc()
    b = np.concatenate([side for _, side, _ in rows])
    found = clarabel.DefaultSolver(quadratic, linear, A, b, [cone for _, _, cone in rows], settings).solve()
    if found.status not in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved):
        raise RuntimeError(f"Clarabel ended with {found.status}: the program has no solution, or rounding hides it.")
    return np.array(found.x), float(found.obj_val)


def lasso_dual(K: Array, y: Array, beta: float, *, bias: bool) -> float:
    """The largest v·y − ½‖v‖² with |Kᵀv| ≤ β, and with a bias Σ v = 0 (Lemmas 20 and 21, squared loss)."""
    n, m = K.shape
    sides = sparse.csc_matrix(np.vstack([K.T, -K.T]))
    rows = [(sides, np.full(2 * m, beta), clarabel.NonnegativeConeT(2 * m))]
    if bias:
        rows.append((sparse.csc_matrix(np.ones((1, n))), np.zeros(1), clarabel.ZeroConeT(1)))
    _, value = _solved(sparse.eye(n).tocsc(), -y, rows)
    return -value
