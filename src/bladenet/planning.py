"""The plan: what will be attempted on a problem and about how long it takes, said before the work (THEORY §3).

The cost of a proof is that of branch and bound, which is linear in the number of points and grows about twelvefold with
every dimension of the neurons. The numbers were measured on noisy data; they tell seconds from minutes from days.
"""

from dataclasses import dataclass
from math import log10

from joblib import cpu_count

from bladenet.display import Shown
from bladenet.pricing import count_sets
from bladenet.problem import StandardForm

STRATEGIES = ("auto", "exact", "anytime", "relaxed")
LONG = 300.0  # seconds that are not begun unasked
UNASKED = 5.0  # seconds that loose proofs may take where there is no limit, or as long as the search for neurons took
MOST_FEATURES = 9  # from more on the cones are so many that they prove less than a relaxation does
SORTED = 2  # dimensions of neurons up to which sorting proves everything in no time
LOOSE_SECONDS = 4.0  # on two cores, for a proof of max |h| ≤ 2β of 500 points and six features with an offset
LOOSE_GROWTH = 15.0  # of these with every dimension
LOOSE_GAP = 0.85  # of 1 − 1/t: the gap that a proof of max |h| ≤ tβ leaves
RELAXED_GAP = 0.6  # what a relaxation leaves, typically
VISITS = 300.0  # of every point in one proof to a gap of 1 %, for neurons of three dimensions (the plane, with offset)
GROWTH = 12.0  # with every dimension
VISIT = 25e-9  # seconds
PASS = 30e-9  # seconds for a point, of each set that is priced with others at once
FEATURE = 5e-5  # seconds for all that is found in a round to be held as neurons of so many features
PROOFS = 4.0  # in one training, the loosest ones not counted
FOREVER = 3e10
MASTER = 0.02  # seconds for a restricted problem, which small data need all the same
ROUNDS = 12


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """What will be attempted.

    Attributes
    ----------
    strategy : "exact": until no neuron is missing and that is proven. "anytime": until ascent from many starts finds
        no neuron that helps; then a bound as good as the time allows, by loose proofs first or by a convex relaxation.
        "relaxed": the relaxation only
    seconds : rough estimate for the exact strategy
    sets : sets of features that are priced one by one
    dimension : of the neurons of one set, an offset included
    points : distinct samples
    time_limit : seconds, or None
    """

    strategy: str
    seconds: float
    sets: int
    dimension: int
    points: int
    outputs: int = 1
    time_limit: float | None = None

    def expected_gap(self, seconds: float) -> float:
        """The relative gap that is very roughly to be expected after so many seconds of proofs."""
        work = self.sets * self.outputs * self.points / 500 * LOOSE_GROWTH ** (self.dimension - 7)
        excess = LOOSE_SECONDS * work * 2 / cpu_count() / seconds
        return min(LOOSE_GAP * excess / (1.0 + excess), RELAXED_GAP)

    def __str__(self) -> str:
        sets = f"{self.sets:,} sets of columns, " if self.sets > 1 else ""
        size = f"{self.points:,} distinct samples, {sets}neurons of {self.dimension} dimensions"
        if self.strategy == "exact":
            return f"{size}: search and proof of global optimality, very roughly {_spoken(self.seconds)}."
        found = f"{size}: a proof of global optimality would take very roughly {_spoken(self.seconds)}, so neurons are "
        if self.strategy == "relaxed":
            return found + "found by ascent, and a convex relaxation bounds what it may have missed."
        limits = [UNASKED, 60.0, 600.0] if self.time_limit is None else [self.time_limit]
        expected = ", ".join(f"{self.expected_gap(seconds):.0%} in {_spoken(seconds)}" for seconds in limits)
        return found + (
            "found by ascent, and what it may have missed is bounded as closely as the time allows. Very roughly the "
            f"proven gap will be {expected}."
        )


def make_plan(form: StandardForm, tol: float, time_limit: float | None = None, strategy: str = "auto") -> Plan:
    """Plan the training of a problem in standard form.

    Parameters
    ----------
    tol : relative gap to prove
    time_limit : seconds, or None: then no more than five minutes are begun
    strategy : "auto", or the one to take

    Raises
    ------
    ValueError
        If there is no such strategy.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(map(repr, STRATEGIES))}, got {strategy!r}.")
    points, d = form.points.shape
    most = min(form.original.max_interaction or d, d)
    one_by_one, at_once = count_sets(form, most) if most < d else (1, 0)
    sets, dimension = one_by_one + at_once, most + form.bias
    outputs = form.y.shape[1] if form.y.ndim == 2 else 1
    search = ROUNDS * (MASTER + d * FEATURE + at_once * points * PASS / cpu_count())
    proofs = 0.0
    if dimension > SORTED:
        fineness = 0.4 + 0.3 * log10(1.0 / tol)
        visits = PROOFS * one_by_one * VISITS * GROWTH ** (dimension - 3) * fineness * points * outputs
        proofs = visits * VISIT / cpu_count()
    if strategy == "auto":
        affordable = proofs <= (LONG if time_limit is None else time_limit)
        strategy = "exact" if affordable else "anytime" if most <= MOST_FEATURES else "relaxed"
    return Plan(strategy, search + proofs, sets, dimension, points, outputs, time_limit)


def _spoken(seconds: float) -> str:
    if seconds > FOREVER:
        return "thousands of years"
    for size, unit in ((86400.0 * 365, "years"), (86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 1.5 else "a second"
