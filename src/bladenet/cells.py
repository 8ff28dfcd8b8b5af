"""Cells of tables as people write them: which texts are numbers, in whatever notation."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_MONEY = r"(?:¤|(?:US|A|C|R|NZ|HK)¤|EUR|USD|GBP|CHF|JPY|CNY|SEK|NOK|DKK|PLN|CZK|INR|AUD|CAD|Fr\.?|Rs\.?)"
_GAP = r"[.,'’_\s]"  # between groups of digits
_DIGITS = rf"(?:\d{{1,3}}(?:{_GAP}\d{{3}})+|\d{{1,2}}(?:,\d{{2}})+,\d{{3}}|\d+)(?:[.,]\d*)?|[.,]\d+"
_WRITTEN = rf"\(?[-+]?\s*{_MONEY}?\s*[-+]?\s*(?:{_DIGITS})(?:e[-+]?\d+)?(?:[.,]?-)?\s*(?:{_MONEY}|%|‰)?\)?"
WRITTEN = re.compile(_WRITTEN, re.IGNORECASE)
MEASURED = re.compile(rf"{_WRITTEN}(?:\s*[°µ]?[^\W\d_]{{1,4}}(?:[²³]|/[^\W\d_]{{1,4}}[²³]?)?\.?)?", re.IGNORECASE)
DASHES = str.maketrans(dict.fromkeys("−–—", "-"))


def is_number(cell: Any) -> bool:
    """Whether a cell is a number, as a CSV file holds it: "1234.5"."""
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def is_written_number(cell: Any) -> bool:
    """Whether a cell is a number for people: "1,234.50", "€ 12", "12 %", "3,14", "(5)"."""
    return is_number(cell) or WRITTEN.fullmatch(_plain(cell)) is not None


def is_measurement(cell: Any) -> bool:
    """Whether a cell is a number for people, maybe with a unit: "12 kg", "30 km/h"."""
    return is_number(cell) or MEASURED.fullmatch(_plain(cell)) is not None


def _plain(cell: Any) -> str:
    """Text with one sign for all currencies, and one for all dashes."""
    return "".join("¤" if unicodedata.category(c) == "Sc" else c for c in str(cell).strip().translate(DASHES))
