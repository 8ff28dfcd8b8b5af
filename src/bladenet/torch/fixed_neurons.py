"""The best amplitudes for given neurons: the core's restricted problem, with the neurons' outputs as its features.

A problem whose samples are columns ≥ 0, one for each neuron, has the unit vectors among its own neurons for p = 1, and
(e_j · column)_+ is the column: the Lasso over these is the Lasso over the given neurons, whatever they read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bladenet.clock import Clock
from bladenet.losses import Array, Loss
from bladenet.master import restricted_problem
from bladenet.problem import TrainingProblem


class FixedNeurons:
    """Minimise Σ_i ℓ(f_i, y_i) + β Σ_j ‖u_j‖_q over amplitudes u (m, c) and an intercept, f = columns u + t.

    Parameters
    ----------
    columns : (n, m) ≥ 0, outputs of neurons of unit weights; those that are 0 get amplitudes 0
    y, settings : as for :func:`bladenet.train`; beta=0 fits y exactly
    """

    def __init__(self, columns: Array, y: Any, **settings: Any):
        self.form = TrainingProblem.create(columns, y, norm=1, **settings).standard
        self.count = columns.shape[1]
        basis = self.form.basis  # leaves out columns that are constant, or multiples of others
        self.kept = np.arange(self.count) if basis is None else basis.nonzero()[0]

    def solve(self, accuracy: float, loss: Loss | None = None) -> tuple[Array, Any]:
        """Amplitudes (m,) or (m, c) and intercept, to a relative gap; with another loss than that of the problem."""
        form = self.form if loss is None else replace(self.form, loss=loss)
        restricted = restricted_problem(form, Clock())
        restricted.add(*form.neurons(np.eye(self.count)[self.kept], np.zeros(len(self.kept))))
        solution = restricted.solve(accuracy)
        amplitudes = np.zeros((self.count, *form.y.shape[1:]))
        amplitudes[self.kept] = solution.z * form.unit / form.scale
        return amplitudes, solution.t * form.unit
