"""Pricing: which neuron is missing, and how far above β can |h_v| be?"""

from bladenet.pricing.angular_sweep import AngularSweep
from bladenet.pricing.ascent import Ascent
from bladenet.pricing.base import Clock, Priced, Pricer
from bladenet.pricing.branch_and_bound import BranchAndBound
from bladenet.pricing.prefix_sums import PrefixSums
from bladenet.pricing.relaxation import Relaxation
from bladenet.problem import StandardForm

__all__ = [
    "AngularSweep",
    "Ascent",
    "BranchAndBound",
    "Clock",
    "PrefixSums",
    "Priced",
    "Pricer",
    "Relaxation",
    "choose_pricer",
]


def choose_pricer(form: StandardForm, vertices_only: bool = False) -> Pricer:
    """The fastest exact pricer for the data; `vertices_only` matters where faces can win: p = 2, d > 1.

    Raises
    ------
    ValueError
        If the data have more features than any pricer covers, or too many blades to enumerate.
    """
    d = form.points.shape[1]
    if d == 1:
        return PrefixSums(form)
    if vertices_only and form.norm == 2:
        return AngularSweep(form, vertices_only=True)
    return BranchAndBound(form) if form.bias or d > 2 else AngularSweep(form)
