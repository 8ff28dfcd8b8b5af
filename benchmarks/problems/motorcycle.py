"""133 readings of an accelerometer, one feature, standardised (shipped)."""

from benchmarks.problems.problem import Build, Problem, standardised
from bladenet import datasets


def motorcycle() -> Problem:
    data = datasets.load_motorcycle()
    return Problem("motorcycle", standardised(data.X), standardised(data.y), 0.1)


PROBLEMS: dict[str, Build] = {"motorcycle": motorcycle}
