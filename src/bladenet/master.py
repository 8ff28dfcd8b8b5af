"""The restricted problem that fits the loss and the number of outputs."""

from bladenet.basis_pursuit import BasisPursuit
from bladenet.clock import Clock
from bladenet.group_lasso import GroupLasso
from bladenet.lasso import Lasso
from bladenet.problem import StandardForm
from bladenet.restricted import RestrictedProblem


def restricted_problem(form: StandardForm, clock: Clock) -> RestrictedProblem:
    """Without neurons yet."""
    if form.loss.exact:
        return BasisPursuit(form, clock)
    return Lasso(form, clock) if form.y.ndim == 1 else GroupLasso(form, clock)
