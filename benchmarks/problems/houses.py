"""932 sale prices by location, standardised (shipped)."""

from benchmarks.problems.problem import Build, Problem, standardised
from bladenet import datasets


def houses() -> Problem:
    data = datasets.load_houses()
    return Problem("houses", standardised(data.X), standardised(data.y), 0.5)


PROBLEMS: dict[str, Build] = {"houses": houses}
