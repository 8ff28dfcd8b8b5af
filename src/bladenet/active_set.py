"""A primal active-set method for the Lasso: exact, sparse, and fast from a good start.

    minimise  ½ ‖Kz − y‖² + β ‖z‖₁

Each step solves the equations of the current support and signs, searches the segment to that point exactly (the
objective is piecewise quadratic along it) and drops coordinates that end at zero. When the support is optimal, the
neurons that violate optimality join it together.

It sees K and y through inner products, which cost nothing per sample (:class:`GramForm`), or, where z is so large that
these drown in rounding, through the columns themselves (:class:`ColumnForm`).
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from scipy.linalg import LinAlgError, cholesky, qr, solve_triangular
from scipy.linalg.lapack import dpotri

from bladenet import kernels
from bladenet.losses import Array, Index
from bladenet.parallel import all_blas_threads

MAX_JOINS = 50
MAX_STEPS = 2000
FEW, FEW_SHARE = 8, 40  # neurons dropped, at least or as a share, up to which the factor is updated, not made anew
MANY = 16  # neurons that join together, from which an inverse pays: it makes dropping cheap
MOST_SHED = 256  # neurons dropped before the inverse is given up
LARGE = 1000  # neurons from which all cores factor their matrix
RIDGE = 1e-6  # added to what is inverted, relative to the squares of columns
DIVERGING = 1e6  # times the least residual so far, from which a factor that rounding spoils leads nowhere
DEPENDENT = 1e-10  # distance of a column of unit length from the span of others, below which it depends on them


class Quadratic(ABC):
    """½ ‖Kz − y‖² as the method sees it; `unit` (m,) holds the lengths of the columns.

    `rounding` is the error of the gradient, in units of β, at which the method makes do with what it has if rounding
    stops it short of the accuracy that was asked for.
    """

    rounding: float
    unit: Array

    @abstractmethod
    def gradient(self, rows: Index, A: Index, z: Array) -> Array:
        """Kᵀ(y − Kz) at `rows`, for z that is zero outside A."""

    @abstractmethod
    def factor(self, A: Index) -> Array:
        """Upper triangular R with RᵀR = KᵀK on A, columns scaled to unit length; a trace of the identity is added.

        Raises
        ------
        LinAlgError
            If rounding leaves no such factor.
        """


class GramForm(Quadratic):
    """From G = KᵀK and c = Kᵀy."""

    JITTER = 1e-13
    rounding = 0.0  # ColumnForm does better

    def __init__(self, G: Array, c: Array):
        self.G, self.c = G, c
        self.unit = np.sqrt(np.maximum(np.diag(G), np.finfo(float).tiny))

    def gradient(self, rows: Index, A: Index, z: Array) -> Array:
        """See :meth:`Quadratic.gradient`."""
        everywhere = np.zeros(len(self.c))
        everywhere[A] = z
        return (self.c - self.G @ everywhere)[rows]  # all of it: a part of G would be copied first

    def inverse(self, A: Index) -> Array:
        """The inverse of KᵀK on A, columns scaled to unit length, after a ridge is added; its upper triangle."""
        L = self._lower(A, RIDGE)
        with self._threads(A):
            return dpotri(L, lower=True, overwrite_c=True)[0].T

    def factor(self, A: Index) -> Array:
        """See :meth:`Quadratic.factor`."""
        return self._lower(A, self.JITTER * len(A)).T

    def _lower(self, A: Index, ridge: float) -> Array:
        """The lower factor, in the order of LAPACK: its transpose has contiguous rows."""
        system = kernels.scaled_part(self.G, A, self.unit, ridge)
        with self._threads(A):
            return cholesky(system.T, lower=True, overwrite_a=True, check_finite=False)

    @staticmethod
    def _threads(A: Index) -> AbstractContextManager:
        return all_blas_threads() if len(A) >= LARGE else nullcontext()


class ColumnForm(Quadratic):
    """From K and y: O(n m) a step, but a residual that large amplitudes nearly cancel keeps its digits."""

    JITTER = 1e-24
    rounding = 1e-3

    def __init__(self, K: Array, y: Array):
        self.K, self.y = K, y
        self.unit = np.maximum(np.linalg.norm(K, axis=0), np.sqrt(np.finfo(float).tiny))

    def gradient(self, rows: Index, A: Index, z: Array) -> Array:
        """See :meth:`Quadratic.gradient`."""
        return self.K[:, rows].T @ (self.y - self.K[:, A] @ z)

    def factor(self, A: Index) -> Array:
        """See :meth:`Quadratic.factor`."""
        trace = np.sqrt(self.JITTER * len(A)) * np.eye(len(A))
        (R,) = qr(np.vstack([self.K[:, A] / self.unit[A], trace]), mode="r", check_finite=False)
        return np.ascontiguousarray(R[: len(A)])

    def optimal_residual(self, A: Index, signs: Array, beta: float) -> Array:
        """y − Kz at the optimum with this support and signs, without going through z.

        Kᵀ(y − Kz) = β·signs on A says what its part inside the span of the columns is; outside it is that of y. Columns
        that depend on others say nothing new.
        """
        Q, R, pivot = qr(self.K[:, A] / self.unit[A], mode="economic", pivoting=True, check_finite=False)
        size = np.abs(np.diag(R))
        rank = int(np.count_nonzero(size > DEPENDENT * size[0]))
        Q, R, A, signs = Q[:, :rank], R[:rank, :rank], A[pivot[:rank]], signs[pivot[:rank]]
        inside = beta * solve_triangular(R, signs / self.unit[A], trans=1, check_finite=False)
        return self.y + Q @ (inside - Q.T @ self.y)


def active_set(form: Quadratic, beta: float, start: Array, accuracy: float) -> Array | None:
    """Solve the Lasso to |gradient| ≤ β (1 + accuracy), or return None if the support does not settle.

    Parameters
    ----------
    start : (m,) where to begin
    """
    z = start.copy()
    everything = np.arange(len(z))
    for attempt in range(MAX_JOINS):
        support = np.flatnonzero(z)
        gradient = form.gradient(everything, support, z[support])
        off = np.abs(gradient[support] - beta * np.sign(z[support])).max(initial=0.0) / beta
        # once settled, what is off on the support is rounding, and says how much of the rest is
        level = max(accuracy, 2.0 * off) if attempt else accuracy
        joining = np.flatnonzero((z == 0) & (np.abs(gradient) > beta * (1.0 + level)))
        if not len(joining) and (attempt or off <= accuracy):
            return z
        A = np.r_[support, joining]
        try:
            settled = _settle(form, A, beta, z[A], np.sign(np.r_[z[support], gradient[joining]]), accuracy)
        except LinAlgError:
            return None
        if settled is None:
            return None
        z[A] = settled
        if len(joining) and not z[joining].any() and off <= level:
            return z  # every newcomer copies a neuron of the support up to rounding
    return None


def _settle(form: Quadratic, A: Index, beta: float, z: Array, signs: Array, accuracy: float) -> Array | None:
    """Optimise over A alone, dropping coordinates until the rest have optimal signs; z and result are on A."""
    out = np.zeros_like(z)
    place = np.arange(len(A))
    R = gradient = None
    exact = False  # whether the gradient was computed, or only carried along
    before = least = np.inf
    if (z == 0).sum() >= MANY and isinstance(form, GramForm):
        kept, z, signs, gradient = _shed(form, A, beta, z, signs, accuracy)
        A, place, z, signs, gradient = A[kept], place[kept], z[kept], signs[kept], gradient[kept]
        exact = True
    for _ in range(MAX_STEPS):
        if not len(A):
            return out
        if gradient is None:
            gradient, exact = form.gradient(A, A, z), True
        unit = form.unit[A]
        residual = gradient - beta * signs
        left = np.abs(residual).max()
        if exact:
            if not left <= DIVERGING * least:
                return None
            least = min(least, left)
        stalled = exact and left > 0.5 * before and left <= beta * form.rounding
        if (left <= beta * accuracy or stalled) and (z != 0).all():
            if exact:
                out[place] = z
                return out
            gradient = None
            continue
        if R is None:
            R = form.factor(A)
        half = kernels.solve_transposed(R, residual / unit)
        move = kernels.solve_triangular(R, half) / unit
        # a neuron that joins against its sign would not lower the objective: leave it out
        dropped = (z == 0) & (move * signs <= 0)
        before = left if exact else before
        if not dropped.any():
            z, length = _search(float(half @ half), -float(move @ gradient), beta, z, move)
            gradient, exact = gradient - length * residual, False
            signs = np.sign(z)
            dropped = z == 0
        if dropped.any():
            before = least = np.inf
            if dropped.sum() <= max(FEW, len(A) // FEW_SHARE):
                for j in np.flatnonzero(dropped)[::-1]:
                    kernels.cholesky_delete(R, j)
                    R = R[:-1, :-1]
            else:
                R = None
            kept = ~dropped
            A, place, z, signs, gradient = A[kept], place[kept], z[kept], signs[kept], gradient[kept]
    return None


def _shed(
    form: GramForm, A: Index, beta: float, z: Array, signs: Array, accuracy: float
) -> tuple[Index, Array, Array, Array]:
    """Which of A stay, with their z, signs and gradients, when most of those have been dropped that need be.

    The ridge keeps the inverse accurate, and z near where it starts: what that leaves of the gradient is what the next
    round starts from.
    """
    unit = form.unit[A]
    H, U = form.inverse(A), np.empty((MOST_SHED, len(A)))
    kept, price, scaled, signs = np.ones(len(A), dtype=bool), beta / unit, z * unit, signs.copy()
    gradient = form.gradient(A, A, z)
    count, before = 0, np.inf
    while count < MOST_SHED:
        residual = np.where(kept, gradient / unit - price * signs, 0.0)
        left = float((np.abs(residual) / price).max())
        if left <= accuracy or not left <= 0.5 * before:
            break
        before = left
        count = kernels.shed(H, U, count, kept, scaled, signs, residual, price)
        gradient = form.gradient(A, A, scaled / unit)
    return kept, scaled / unit, signs, gradient


def _search(curvature: float, slope: float, beta: float, z: Array, move: Array) -> tuple[Array, float]:
    """The minimum of the objective on z + s·move, 0 ≤ s ≤ 1, and s: its slope rises with s and jumps at sign changes.

    `curvature` and `slope` are those of the quadratic part at s = 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(move * z < 0, -z / move, np.inf)
    order = np.argsort(times)
    order = order[times[order] < 1.0]
    ahead = np.where(z != 0, np.sign(z), np.sign(move))
    slope += beta * float(ahead @ move)
    for k in order:
        if slope + curvature * times[k] >= 0:
            break
        slope += 2.0 * beta * abs(move[k])
        if slope + curvature * times[k] >= 0:
            stop = z + times[k] * move
            stop[k] = 0.0
            return stop, float(times[k])
    length = max(0.0, min(1.0, -slope / curvature)) if curvature > 0 else 1.0
    return z + length * move, length
