"""What a figure claims, and how far from it the measured numbers are, as a table and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rich.console import Group

ROUNDING = 1e-12
SOLVED = 1e-7  # relative, for optima of different solvers


def largest(*deviations: float) -> float:
    """The largest; NaN if one of them is, which Python's max would drop."""
    return float(np.max(deviations))


def off(value: float, reference: float) -> float:
    """The relative deviation of a value."""
    return abs(value - reference) / abs(reference)


@dataclass(frozen=True)
class Finding:
    """A claim and the largest deviation from it that was measured.

    Attributes
    ----------
    claim : in a few words
    checked : on what
    deviation, allowed : the claim holds if the first is at most the second
    """

    claim: str
    checked: str
    deviation: float
    allowed: float = ROUNDING

    @property
    def holds(self) -> bool:
        """Whether the numbers bear the claim out; NaN does not."""
        return bool(self.deviation <= self.allowed)


def findings_table(findings: list[Finding], title: str) -> Group:
    """A row for each claim."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("claim")
    table.add_column("checked on")
    table.add_column("largest deviation", justify="right", no_wrap=True)
    table.add_column("holds", no_wrap=True)
    for finding in findings:
        table.add_row(finding.claim, finding.checked, f"{finding.deviation:.1e}", "yes" if finding.holds else "NO")
    return Group(title, table)


def findings_verdict(figure: str, findings: list[Finding]) -> str:
    """Which claims of a figure hold."""
    failed = [finding.claim for finding in findings if not finding.holds]
    if not failed:
        return f"{figure} holds: all {len(findings)} claims, to the deviations above."
    held = len(findings) - len(failed)
    return f"{figure}: {held} of {len(findings)} claims hold. Not so: {'; '.join(failed)}."
