"""One module per solver, each with NAME, applies(problem) and solve(problem, time_limit)."""

from dataclasses import dataclass, field

from benchmarks.objective import Network


@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Attributes
    ----------
    network : Network
    seconds : wall time of the whole solve
    note : what a reader must know to compare it
    trace : (seconds, objective) along the way, if the solver tells
    """

    network: Network
    seconds: float
    note: str
    trace: list[tuple[float, float]] = field(default_factory=list)
