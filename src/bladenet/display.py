"""How results show themselves: a few lines of text, and in a notebook a small table.

A result inherits :class:`Shown`. By default its fields are shown, arrays by their shapes; `_view` says what is
shown instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from html import escape
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

ROWS, COLUMNS = 8, 8  # of a table
FIRST = 4  # values of an array or a list
WIDE = 100  # characters of a line
CELL = 48  # characters of a cell in a notebook; the rest is seen on hovering
HOVER = 200
NOTE = 700  # characters
GROUPED = 1e4  # numbers from which thousands are separated: years are not
LONGEST = 1e15  # numbers up to which whole digits are written, all of which float64 knows


@dataclass(frozen=True)
class View:
    """What is shown of a result.

    Attributes
    ----------
    title : what it is
    facts : names and values
    header, rows : a table
    total : number of rows that there are, shown or not
    note : sentences below
    """

    title: str
    facts: Sequence[tuple[str, str]] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    total: int = 0
    note: str = ""

    def text(self) -> str:
        """As lines of text."""
        facts = [(name, flat(value)) for name, value in self.facts]
        line = f"{self.title}: {', '.join(f'{name} {value}' for name, value in facts)}"
        lines = [line if facts and len(line) <= WIDE else cut(self.title, WIDE)]
        if facts and len(line) > WIDE:
            lines += _aligned([list(fact) for fact in facts])
        if self.rows:
            lines += _aligned([list(row[:COLUMNS]) for row in (self.header, *self.rows[:ROWS])])
        return "\n".join([*lines, *([f"  {self._more}"] if self._more else []), *self._notes])

    def html(self) -> str:
        """As a table of HTML, all names escaped."""
        start = 'style="text-align:left"'
        rows = [
            f"<tr><th {start}>{escape(name)}</th><td {start}>{_cell(value)}</td></tr>" for name, value in self.facts
        ]
        parts = [f"<b>{escape(cut(flat(self.title), WIDE))}</b>"]
        if rows:
            parts.append(f"<table><tbody>{''.join(rows)}</tbody></table>")
        if self.rows:
            head = "".join(f"<th>{_cell(name)}</th>" for name in self.header[:COLUMNS])
            body = [
                f"<tr>{''.join(f'<td {start}>{_cell(value)}</td>' for value in row[:COLUMNS])}</tr>"
                for row in self.rows[:ROWS]
            ]
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>")
        parts += [f"<div>{escape(text)}</div>" for text in (self._more, *self._notes) if text]
        return f'<div style="max-width:60em;overflow-x:auto">{"".join(parts)}</div>'

    @property
    def _more(self) -> str:
        """What the table leaves out."""
        rows, columns = self.total - min(len(self.rows), ROWS), len(self.header) - COLUMNS
        parts = [*([f"{rows} more"] if rows > 0 else []), *([f"{columns} more columns"] if columns > 0 else [])]
        return f"… and {' with '.join(parts)}" if parts else ""

    @property
    def _notes(self) -> list[str]:
        note = self.note if len(self.note) <= NOTE else f"{self.note[: NOTE - 1]}…"
        return note.splitlines()


class Shown:
    """A result that shows itself in a few lines, and in a notebook as a small table.

    Dataclasses among its subclasses are made with ``repr=False``: they would write all their arrays otherwise.
    """

    __slots__ = ()

    def _view(self) -> View:
        """What is shown: all fields that hold something, and what ``print`` writes if that is more than this."""
        named = [(field.name, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]
        held = [(name, value) for name, value in named if value is not None and value is not False]
        own = type(self).__str__ is not object.__str__
        return View(
            type(self).__name__,
            [(name.replace("_", " "), brief(value)) for name, value in held],
            note=str(self) if own else "",
        )

    def __repr__(self) -> str:
        return _seen(self).text()

    def _repr_html_(self) -> str:
        return _seen(self).html()


class Listing(Shown, list[T]):
    """A list that shows its first items only, as a table of what each shows."""

    __slots__ = ()

    def _view(self) -> View:
        views = [item._view() for item in self[:ROWS] if isinstance(item, Shown)]
        header = list(dict.fromkeys(name for view in views for name, _ in view.facts))
        rows = [[str(k), *(dict(view.facts).get(name, "") for name in header)] for k, view in enumerate(views)]
        title = f"{views[0].title} × {len(self)}" if views else "[]"
        return View(title, (), ["", *header], rows, len(self))


def _seen(result: Shown) -> View:
    """The view of a result, also of one that is not whole."""
    try:
        return result._view()
    except Exception as error:
        return View(type(result).__name__, note=f"incomplete: {type(error).__name__}")


def brief(value: Any) -> str:
    """A value in a few words: numbers rounded, arrays by their shapes, of lists the first items."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(value)
    if isinstance(value, Real):
        return number(float(value))
    if isinstance(value, str):
        return flat(value)
    if isinstance(value, np.ndarray) and (value.ndim != 1 or len(value) > FIRST):
        return f"array {value.shape}"
    if isinstance(value, np.ndarray | tuple | list):
        if any(is_dataclass(item) for item in value[:1]):
            return f"{len(value)} of {type(value[0]).__name__}"
        return first([brief(item) for item in value[: FIRST + 1]], len(value)) or "none"
    if isinstance(value, Shown):
        return value._view().title
    return type(value).__name__ if value is not None else "none"


def first(items: Iterable[str], total: int) -> str:
    """The first items, and how many are left out: ``1, 2, 3, 4, … (57 more)``."""
    shown = list(items)[: FIRST if total > FIRST + 1 else total]
    return ", ".join([*shown, *([f"… ({total - len(shown)} more)"] if total > len(shown) else [])])


def spread(count: int) -> list[int]:
    """Numbers of so many things of which a table has room for, from the first to the last."""
    return list(range(count)) if count <= ROWS else np.linspace(0, count - 1, ROWS).round().astype(int).tolist()


def number(value: float) -> str:
    """A number for reading: five significant digits and a true minus sign."""
    return written_out(value, 5).replace("-", "−")


def written_out(value: float, digits: int) -> str:
    """A number with so many significant digits, as people write it: 123,457 and 1.2e-5, not 1.2346e+05 and 1.2e-05."""
    text, _, exponent = f"{value:.{digits}g}".partition("e")
    if exponent:
        return f"{value:,.0f}" if 1.0 < abs(value) < LONGEST else f"{text}e{int(exponent)}"
    return grouped(text)


def grouped(text: str) -> str:
    """A number without an exponent, its thousands separated if it is so large: 93,022.5."""
    whole, point, rest = text.partition(".")
    digits = whole.lstrip("-−")
    if not digits.isdecimal() or int(digits) < GROUPED:
        return text
    return f"{whole.removesuffix(digits)}{int(digits):,}{point}{rest}"


def short(gap: float) -> str:
    """A gap with two significant digits: 4.3e-7, 1e-6, and 0.43 rather than 4.3e-1."""
    if 0.0 < gap < 0.01:
        digits, exponent = f"{gap:.1e}".split("e")
        return f"{digits.removesuffix('.0')}e{int(exponent)}"
    return f"{gap:.2g}".replace("inf", "∞")


def at_most(count: int) -> str:
    """What a neuron reads, in words: an indicator of a category is one of so many."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    things = "column or category" if count == 1 else "columns or categories"
    return f"at most {words[count] if count < len(words) else count} {things}"


def flat(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def cut(text: str, most: int) -> str:
    """Text in at most so many characters, the middle left out: names in a table often differ at their ends."""
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


def _cell(value: str) -> str:
    """A cell of a table of HTML."""
    text = flat(value)
    if len(text) <= CELL:
        return escape(text)
    return f'<span title="{escape(cut(text, HOVER))}">{escape(cut(text, CELL))}</span>'


def _aligned(rows: list[list[str]]) -> list[str]:
    """Rows of a table as lines that are not too wide; the widest cells are cut."""
    rows = [[flat(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    most = max(widths)
    while sum(min(width, most) for width in widths) > WIDE - 2 * len(widths) and most > 1:
        most -= 1
    return [
        "  "
        + "  ".join(cut(cell, most).ljust(min(width, most)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def counted(count: int, noun: str) -> str:
    """``1 neuron``, ``2,000 neurons``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
