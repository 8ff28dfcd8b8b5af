"""All statements in the order of the paper, and what must make their checks say no."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from bladenet.reproduce.theorems.claims import NO, Claim
from bladenet.reproduce.theorems.exact_networks import EXACT_NETWORKS
from bladenet.reproduce.theorems.isometries import ISOMETRIES
from bladenet.reproduce.theorems.layers import LAYERS
from bladenet.reproduce.theorems.near_networks import NEAR_NETWORKS
from bladenet.reproduce.theorems.optimality import OPTIMALITY
from bladenet.reproduce.theorems.polytopes import POLYTOPES
from bladenet.reproduce.theorems.products import ALGEBRA
from bladenet.reproduce.theorems.rows import Row

Report = Callable[[str], object]
NEED_TORCH = {
    "Theorem 9": "deep networks, p = 1: some optimum has blades of activations as neurons of odd layers",
    "Theorem 10": "deep networks, p = 2: blades of activations, within a factor of the least penalty",
    "Section 3.4.3": "every layer puts out distances to spans or affine hulls",
    "Section 4.1": "polishing: a neuron becomes the cross product of the samples nearest to its hyperplane",
}


def all_rows() -> list[Row]:
    """Numbered statements by their number, which runs over all kinds of them, then sections."""
    rows = [*ALGEBRA, *EXACT_NETWORKS, *NEAR_NETWORKS, *LAYERS, *ISOMETRIES, *POLYTOPES, *OPTIMALITY, *_with_torch()]
    return sorted(rows, key=lambda row: _place(row.name))


def check_all(report: Report) -> list[Claim]:
    """Check every statement; `report` is told of each as it is done."""
    found = []
    for row in all_rows():
        found.append(row.measured())
        report(f"{row.name}: {found[-1].verdict}")
    return found


def check_mutants(report: Report) -> list[dict[str, object]]:
    """Be wrong in every way that there is for each statement: what its check then says."""
    found: list[dict[str, object]] = []
    for row in all_rows():
        for mutant in row.mutants:
            claim = row.caught(mutant)
            found.append({"name": row.name, "mutant": mutant.name, "deviation": claim.deviation, "says": claim.verdict})
        own = [each for each in found if each["name"] == row.name]
        report(f"{row.name}: {sum(each['says'] == NO for each in own)} of {len(own)} ways to be wrong are seen")
    return found


def _with_torch() -> list[Row]:
    if find_spec("torch") is None:
        return [Row(name, partial(_unchecked, name), ()) for name in NEED_TORCH]
    from bladenet.reproduce.theorems.deep import DEEP
    from bladenet.reproduce.theorems.polishing import POLISHING

    return [*DEEP, *POLISHING]


def _unchecked(name: str) -> Claim:
    return Claim(name, NEED_TORCH[name], 'needs torch: pip install "bladenet[torch]"', None)


def _place(name: str) -> tuple[bool, list[int]]:
    kind, number = name.split()
    return kind == "Section", [int(part) for part in number.split(".")]
