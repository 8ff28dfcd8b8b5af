"""The restricted problem: the optimum over the neurons found so far. Here is what all its solvers share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from bladenet.clock import Clock
from bladenet.columns import Columns, ComputedColumns, activations
from bladenet.losses import Array, Mask
from bladenet.parallel import one_blas_thread
from bladenet.problem import StandardForm

HELD = 20_000_000  # entries of columns that are kept in memory
PATIENCE = 3  # solutions that a neuron may go unused before it is dropped


@dataclass(frozen=True, eq=False)
class Restricted:
    """Solution of the restricted problem.

    Attributes
    ----------
    z : (m,) amplitudes, or (m, c); t : intercept, a float or (c,)
    v : (k,) or (k, c) dual variable, inside the domain of the conjugate and orthogonal to the intercept column
    objective : float, primal value at (z, t)
    gap : float, objective minus the dual value at v
    used : (m,) bool, neurons that the solution needs
    """

    z: Array
    t: float | Array
    v: Array
    objective: float
    gap: float
    used: Mask


class RestrictedProblem(ABC):
    """The neurons found so far, their columns (w·x + b)_+, and the optimum over them.

    Attributes
    ----------
    weights : (m, d), offsets : (m,) the neurons
    unseen : how many of them have joined since the last solution
    """

    def __init__(self, form: StandardForm, clock: Clock):
        self.form, self.clock = form, clock
        outputs = form.y.shape[1:]
        self.weights = np.zeros((0, form.points.shape[1]))
        self.offsets = np.zeros(0)
        self.columns = Columns(len(form.points))
        self.v = np.zeros(form.y.shape)  # dual variable of the last solution
        self.z = np.zeros((0, *outputs))
        self.t: float | Array = np.zeros(outputs) if outputs else 0.0
        self.idle = np.zeros(0, dtype=np.int64)
        self.unseen = 0

    @abstractmethod
    def _solve(self, accuracy: float) -> Restricted:
        """See :meth:`solve`."""

    def solve(self, accuracy: float) -> Restricted:
        """The restricted optimum, to a relative duality gap of about `accuracy`."""
        with one_blas_thread():
            solution = self._solve(accuracy)
        self.z, self.t, self.v = masked(solution.z, solution.used), solution.t, solution.v
        self.unseen = 0
        return solution

    def add(self, weights: Array, offsets: Array) -> int:
        """Add neurons (k, d), (k,) that are not here yet; returns how many."""
        known = {row.tobytes() for row in _keys(self.weights, self.offsets)}
        new = [k for k, row in enumerate(_keys(weights, offsets)) if row.tobytes() not in known]
        weights, offsets = weights[new], offsets[new]
        self.weights, self.offsets = np.vstack([self.weights, weights]), np.r_[self.offsets, offsets]
        points = self.form.points
        if isinstance(self.columns, ComputedColumns):
            self.columns.add_neurons(weights, offsets)
        elif len(points) * len(self.offsets) > HELD:
            self.columns = ComputedColumns(points, self.weights, self.offsets)
        else:
            self.columns.add(activations(points.T, weights, offsets))
        self.idle = np.r_[self.idle, np.zeros(len(new), dtype=np.int64)]
        self.z = np.concatenate([self.z, np.zeros((len(new), *self.z.shape[1:]))])
        self.unseen += len(new)
        return len(new)

    def mix(self, weights: Array, offsets: Array, z: Array) -> None:
        """Add neurons with amplitudes, also to the amplitudes of those that are here."""
        self.add(weights, offsets)
        place = {row.tobytes(): k for k, row in enumerate(_keys(self.weights, self.offsets))}
        np.add.at(self.z, [place[row.tobytes()] for row in _keys(weights, offsets)], z)

    def objective(self, z: Array, t: float | Array) -> float:
        """Of these amplitudes of the neurons here and this intercept."""
        form = self.form
        f = self.columns.forward(z)[form.row] + t
        return float(form.weight @ form.loss.value(f, form.y)) + form.beta * form.penalty(z)

    @property
    def in_use(self) -> tuple[Array, Array]:
        """Weights and offsets of the neurons in the last solution."""
        used = nonzero(self.z)
        return self.weights[used], self.offsets[used]

    def drop_unused(self, solution: Restricted) -> None:
        """Forget neurons that several solutions in a row did without, once they are many."""
        self.idle = np.where(solution.used, 0, self.idle + 1)
        kept = self.idle < PATIENCE
        if kept.sum() < 0.75 * len(kept):
            self._keep(kept)

    def _keep(self, kept: Mask) -> None:
        """Forget the other neurons."""
        self.weights, self.offsets = self.weights[kept], self.offsets[kept]
        self.idle, self.z = self.idle[kept], self.z[kept]
        self.columns.keep(np.flatnonzero(kept))


def nonzero(z: Array) -> Mask:
    """Which neurons have an amplitude that is not zero: (m,) or (m, c) → (m,) bool."""
    return np.asarray(z.any(axis=1) if z.ndim == 2 else z != 0.0, dtype=np.bool_)


def masked(z: Array, used: Mask) -> Array:
    """The amplitudes with those of unused neurons set to zero."""
    return np.where(used[:, None] if z.ndim == 2 else used, z, 0.0)


def _keys(weights: Array, offsets: Array) -> Array:
    """Neurons rounded so that the same one found twice compares equal."""
    return np.asarray(np.round(np.column_stack([weights, offsets]), 10) + 0.0, dtype=np.float64)
