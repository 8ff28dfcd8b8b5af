"""A statement of the paper, how it was checked, and what came out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bladenet.reproduce.findings import SOLVED
from bladenet.styling import plural

if TYPE_CHECKING:
    from rich.console import Group

YES, CORRECTED, NO, UNCHECKED = "yes", "corrected", "NO", "unchecked"
ENOUGH = 3  # cases where a bound says something, without which it counts as unchecked


@dataclass(frozen=True)
class Claim:
    """One statement.

    Attributes
    ----------
    name, says : which it is, and its content in a few words
    checked : how, on what data of what size
    deviation : the largest from the statement, as corrected, that was measured; None if it was not checked
    allowed : what rounding, or a solver's tolerance, explains
    printed : how far off the statement is, at its counterexample, as the paper prints or uses it; None where it is not
    remark : what was corrected or must be known, with the measured numbers
    """

    name: str
    says: str
    checked: str
    deviation: float | None
    allowed: float = SOLVED
    printed: float | None = None
    remark: str = ""

    @property
    def verdict(self) -> str:
        """Whether the statement holds; follows from the numbers alone."""
        if self.deviation is None:
            return UNCHECKED
        if not self.deviation <= self.allowed:  # NaN is no support
            return NO
        return YES if self.printed is None or self.printed <= self.allowed else CORRECTED

    def row(self) -> dict[str, Any]:
        """For the table of all numbers."""
        return {"holds": self.verdict} | asdict(self)


def of_enough(deviation: float, cases: int) -> float | None:
    """The deviation from a bound; None, so not checked, if the bound says something in too few cases."""
    return deviation if cases >= ENOUGH else None


def claims_table(claims: list[Claim]) -> Group:
    """A row for each statement."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("statement", no_wrap=True)
    table.add_column("deviation", justify="right", no_wrap=True)
    table.add_column("as printed", justify="right", no_wrap=True)
    table.add_column("holds")
    table.add_column("what it says · how it was checked → what to know", ratio=1)
    for claim in claims:
        numbers = ("–" if value is None else f"{value:.1e}" for value in (claim.deviation, claim.printed))
        text = f"{claim.says} · {claim.checked}" + (f" → {claim.remark}" if claim.remark else "")
        table.add_row(claim.name, *numbers, claim.verdict, text)
    return Group("The statements of the paper, measured", table)


def mutants_table(found: list[dict[str, Any]]) -> Group:
    """A row for each statement: how many ways to be wrong its check sees, and which."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("statement", no_wrap=True)
    table.add_column("seen", justify="right", no_wrap=True)
    table.add_column("ways to be wrong", ratio=1)
    for name in dict.fromkeys(each["name"] for each in found):
        own = [each for each in found if each["name"] == name]
        ways = (each["mutant"] if each["says"] == NO else f"NOT SEEN: {each['mutant']}" for each in own)
        table.add_row(name, f"{sum(each['says'] == NO for each in own)} of {len(own)}", "; ".join(ways))
    return Group("What each check sees if the implementation is wrong", table)


def mutants_verdict(found: list[dict[str, Any]]) -> str:
    """Whether every one is seen."""
    missed = [f"{each['name']}, {each['mutant']}" for each in found if each["says"] != NO]
    of = f"Of {len(found)} ways to be wrong, in {len({each['name'] for each in found})} statements,"
    return f"{of} every one is seen." if not missed else f"{of} {len(missed)} are NOT SEEN: {'; '.join(missed)}."


def claims_verdict(claims: list[Claim]) -> str:
    """How many hold, and which do not."""
    names = {verdict: [claim.name for claim in claims if claim.verdict == verdict] for verdict in _WORDS}
    parts = [
        f"{len(own)} {words.format(s=plural(len(own)))}" + ("" if verdict == YES else f" ({', '.join(own)})")
        for (verdict, words), own in zip(_WORDS.items(), names.values(), strict=True)
        if own
    ]
    return f"Of {len(claims)} statements: {'; '.join(parts)}."


_WORDS = {
    YES: "hold as stated",
    CORRECTED: "fail as printed and hold as corrected",
    NO: "FAIL",
    UNCHECKED: "not checked",
}
