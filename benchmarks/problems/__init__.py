"""Named problems, a module for each set of data: its PROBLEMS are functions that make them."""

from benchmarks.problems import (
    colours,
    friedman,
    houses,
    interpolation,
    motorcycle,
    patches,
    published_spiral,
    sine,
    spirals,
    waves,
)
from benchmarks.problems.problem import Build, Problem, standardised

SETS = (spirals, published_spiral, motorcycle, houses, sine, interpolation, colours, patches, friedman, waves)
PROBLEMS: dict[str, Build] = {name: build for data in SETS for name, build in data.PROBLEMS.items()}

__all__ = ["PROBLEMS", "Problem", "standardised"]
