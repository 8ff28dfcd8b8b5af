"""All statements in the order of the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import chain

from bladenet.reproduce.theorems.claims import Claim
from bladenet.reproduce.theorems.exact_networks import exact_network_claims
from bladenet.reproduce.theorems.isometries import isometry_claims
from bladenet.reproduce.theorems.near_networks import near_network_claims
from bladenet.reproduce.theorems.optimality import best_scales, lasso_duals, strong_duality
from bladenet.reproduce.theorems.polytopes import polytope_claims
from bladenet.reproduce.theorems.products import cross_products, wedge_products


def check_all(report: Callable[[str], object]) -> list[Claim]:
    """Check every statement; `report` is told of each as it is done."""
    found = []
    for claim in chain(*(topic() for topic in (_algebra, _networks, _deep, _geometry, _duality))):
        report(f"{claim.name}: {claim.verdict}")
        found.append(claim)
    return sorted(found, key=lambda claim: _place(claim.name))


def _algebra() -> Iterator[Claim]:
    yield wedge_products()
    yield cross_products()
    yield best_scales()


def _networks() -> Iterator[Claim]:
    yield from exact_network_claims()
    yield from near_network_claims()


def _deep() -> Iterator[Claim]:
    if find_spec("torch") is None:
        for name, says in (
            ("Theorem 9", "deep networks, p = 1: some optimum has blades of activations as neurons of odd layers"),
            ("Theorem 10", "deep networks, p = 2: blades of activations, within a factor of the least penalty"),
        ):
            yield Claim(name, says, 'needs torch: pip install "bladenet[torch]"', None)
        return
    from bladenet.reproduce.theorems.deep import deep_claims

    yield from deep_claims()


def _geometry() -> Iterator[Claim]:
    yield from isometry_claims()
    yield from polytope_claims()


def _duality() -> Iterator[Claim]:
    yield strong_duality()
    yield from lasso_duals()


def _place(name: str) -> tuple[bool, float]:
    """Numbered statements by their number, which runs over all kinds of them, then sections."""
    kind, number = name.split()
    return kind == "Section", float(number)
