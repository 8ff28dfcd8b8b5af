"""Proofs that are worth something whenever they are stopped: loose ones first.

A proof of max |h_v| ≤ t·β, for any t ≥ 1, bounds the objective from below, by the value of v/t. What it costs grows
slowly with 1/(t − 1), so that t = 2 is often proven in a hundredth of the time that t = 1.01 takes. Within a time limit
most of it should go to one proof, of the smallest t that it allows; a part of the work tells how long the whole would
take.
"""

from collections.abc import Callable, Iterator
from math import inf, log

from bladenet.clock import Clock
from bladenet.pricing.pace import GROWTH

LOOSE = 1.0  # t − 1 that is tried first
SECURED = 0.05  # of the time left: a proof that costs no more is done before a tighter one, which may have to give way
ONLY = 0.4  # of the time left: a first proof that costs more is begun at once, as tighter ones would hardly fit in
EASY = 0.03  # of the time left: a loose proof so cheap that the finest may be affordable
SHARE = 0.97  # of the time left that the main proof may take by estimate
GROWTHS = 0.6, 3.0  # between which the second estimate is believed
PROGRESS = 0.85  # of t − 1: a tighter proof that gets no further is not worth its time
REFINED = 0.95  # of t − 1: an estimate for a proof that is hardly tighter is not worth its time
NEARLY = 0.4  # of the time it may take: from a proof that needs so much, one that needs all is known well enough
SOON = 1e-3  # seconds, which are left at least
TRIES = 6  # estimates for one proof


def falling_thresholds(
    seconds: Callable[[float, Clock], float], finest: float, loosest: float, clock: Clock
) -> Iterator[float]:
    """t − 1 of the proofs to try, each when the one before is finished; none if nothing helps in the time left.

    Parameters
    ----------
    seconds : about how long a proof of a t − 1 takes, by a part of it that a clock may stop: then inf
    finest : of no use to go below
    loosest : of no use to go above
    clock : Clock with a deadline
    """

    def estimate(excess: float) -> float:
        allowed = SHARE * clock.remaining
        needed = seconds(excess, clock.part(allowed))
        return needed if needed <= allowed else inf

    if finest >= loosest:
        return
    excess = max(finest, min(LOOSE, loosest))
    cost = estimate(excess)
    if cost < EASY * clock.remaining and estimate(finest) < inf:
        yield finest
        return
    while cost == inf:
        if excess >= loosest or clock.stopped:
            return
        excess = min(2.0 * excess, loosest)
        cost = estimate(excess)
    growth, done = GROWTH, inf

    def reachable() -> float:
        """The excess of a proof that takes all of the time left."""
        return max(finest, excess * (cost / (SHARE * max(clock.remaining, SOON))) ** (1.0 / growth))

    while not clock.stopped:
        cheap, only = cost <= SECURED * clock.remaining, done == inf and cost >= ONLY * clock.remaining
        if (cheap or only) and excess < PROGRESS * done:
            yield excess
            done = excess
            if clock.stopped:
                return
        # between `excess`, which is affordable, and what is not or not worth trying
        tight = reachable()
        for _ in range(TRIES):
            if tight >= REFINED * excess:
                break
            if cost >= NEARLY * SHARE * clock.remaining:
                growth = max(growth, GROWTH)
                excess, cost = reachable(), SHARE * clock.remaining
                break
            needed = estimate(tight)
            if needed < inf:
                if needed > cost:
                    growth = min(max(log(needed / cost) / log(excess / tight), GROWTHS[0]), GROWTHS[1])
                excess, cost = tight, needed
                tight = reachable()
            else:
                tight = (excess * tight) ** 0.5
        if excess >= PROGRESS * done or clock.stopped:
            return
        yield excess
        done = excess
        if excess <= finest:
            return
