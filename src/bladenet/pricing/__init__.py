"""Pricing: which neuron is missing, and how far above β can |h_v| be?"""

from bladenet.clock import Clock
from bladenet.pricing.angular_sweep import AngularSweep
from bladenet.pricing.ascent import MANY, Ascent
from bladenet.pricing.base import Priced, Pricer, Space
from bladenet.pricing.branch_and_bound import MOST_CLIMBS, BranchAndBound
from bladenet.pricing.each_output import EachOutput
from bladenet.pricing.few_features import FewFeatures
from bladenet.pricing.listed_blades import ListedBlades
from bladenet.pricing.prefix_sums import PrefixSums
from bladenet.pricing.relaxation import Relaxation
from bladenet.pricing.rising import Rising, anchored, stopping
from bladenet.pricing.two_valued import count_sets
from bladenet.problem import StandardForm

CROWD = 30  # points per feature, from which |h| is smooth enough to rise on instead of climbing

__all__ = [
    "AngularSweep",
    "Ascent",
    "BranchAndBound",
    "Clock",
    "EachOutput",
    "FewFeatures",
    "ListedBlades",
    "PrefixSums",
    "Priced",
    "Pricer",
    "Relaxation",
    "Rising",
    "anchored",
    "choose_pricer",
    "choose_relaxation",
    "count_sets",
    "stopping",
]


def choose_pricer(form: StandardForm, vertices_only: bool = False, exact: bool = True, hurried: bool = False) -> Pricer:
    """The fastest pricer for the data: one that proves its bound, unless `exact` is false.

    `vertices_only` matters where faces can win: p = 2, d > 1. `hurried` is for proofs that may never be finished:
    neurons are then proposed without any.

    Raises
    ------
    ValueError
        If there are too many blades to enumerate.
    """
    if form.y.ndim == 2 and not form.several:
        return EachOutput(_pricer_of_one_space(form, vertices_only, exact, hurried))
    return _pricer_of_one_space(form, vertices_only, exact, hurried)


def choose_relaxation(form: StandardForm) -> Pricer:
    """Bounds |h| for any number of features, and proposes nothing."""
    relaxation = Relaxation(form)
    return EachOutput(relaxation) if form.y.ndim == 2 and not form.several else relaxation


def _pricer_of_one_space(form: StandardForm, vertices_only: bool, exact: bool, hurried: bool) -> Pricer:
    most, d = form.original.max_interaction, form.points.shape[1]
    if most is not None and most < d:
        return FewFeatures(form, most, exact_pricer)
    if vertices_only and form.norm == 2 and d > 1:
        return ListedBlades(form) if form.several else AngularSweep(form, vertices_only=True)
    if exact:
        return exact_pricer(form, MOST_CLIMBS, hurried)
    smooth = form.y.ndim == 1 and form.norm == 2 and form.loss.smooth and d >= MANY and len(form.points) >= CROWD * d
    return Rising(form) if smooth else Ascent(form)


def exact_pricer(space: Space, climbs: int, hurried: bool = False) -> Pricer:
    """The fastest pricer of all neurons of a space, which follows so many candidates to local maxima."""
    d = space.points.shape[1]
    if d == 1:
        return PrefixSums(space)
    if d == 2 and not (space.bias or space.several):
        return AngularSweep(space)
    return BranchAndBound(space, climbs, ascend=hurried)
