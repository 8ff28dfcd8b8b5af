"""How a table lies in its file: the header, below titles; the rows, and where each begins; cells that do not fit."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

from bladenet.cells import is_number
from bladenet.display import counted
from bladenet.errors import InputError

SEPARATORS = "\t;|,"  # in this order: a comma may also be a decimal point, and stands in text
NAMED = {"\t": "tabs", ";": "';'", "|": "'|'", ",": "','", " ": "blanks"}
SAID = re.compile(r"\"?sep=(.)\"?[ \t]*(?=[\r\n])", re.IGNORECASE)  # Excel's first line
LOOKED_AT = 200  # rows whose numbers of cells tell the separator
MOST_TITLES = 20  # lines above the header

Row = tuple[int, list[Any]]  # where it begins, counted from 1, and its cells; "" for none


@dataclass(frozen=True)
class Layout:
    """A table as it lies in its file.

    Attributes
    ----------
    names : of the columns; "Unnamed: 3" where the header has none
    rows : cells, as many as names each; "" for none
    begins : the line that each row begins in
    header : the line of the header
    """

    names: list[str]
    rows: list[list[Any]]
    begins: list[int]
    header: int

    @classmethod
    def of(cls, rows: list[Row], path: Path, unit: str) -> Layout:
        """Find it in the rows of a file that are not empty.

        Parameters
        ----------
        unit : what rows are counted in, "line" or "row"

        Raises
        ------
        InputError
            If names repeat or a row does not fit the header. Names it and the remedy.
        """
        (header, names), *body = rows[_titles(rows) :]
        names = [str(name) for name in names]
        _refuse_repeated(names, f"{unit} {header} of {path}")
        if not names[-1]:  # lines that end in a separator
            widest = max((_width(cells) for _, cells in body), default=0)
            while len(names) > widest and not names[-1]:
                names.pop()
        for begin, cells in body:
            if len(cells) == len(names):
                continue
            differs = f"{unit} {begin} of {path} has {counted(len(cells), 'cell')}, but the header has {len(names)}"
            if len(cells) < len(names):
                raise InputError(f"{differs}: complete it, or remove it if it is no row of the table.")
            if _width(cells) > len(names):  # pandas would take the first column for names of rows
                raise InputError(
                    f"{differs}: give every column a name, and quote cells that contain the separator; or say --sep."
                )
        if not body:
            raise InputError(f"{path} has a header but no rows.")
        names = [name or f"Unnamed: {k}" for k, name in enumerate(names)]
        width = len(names)
        return cls(
            names,
            [cells if len(cells) == width else cells[:width] for _, cells in body],
            [begin for begin, _ in body],
            header,
        )

    def column(self, name: str) -> list[Any]:
        """Its cells."""
        k = self.names.index(name)
        return [cells[k] for cells in self.rows]


def _width(cells: list[Any]) -> int:
    """The number of cells up to the last that holds something."""
    return max((k for k, cell in enumerate(cells, 1) if cell != ""), default=0)


def _titles(rows: list[Row]) -> int:
    """How many rows are a title or comments above the header: narrower than the table, and then names of columns."""
    ((usual, _),) = Counter(len(cells) for _, cells in rows[:LOOKED_AT]).most_common(1)
    for above, (_, cells) in enumerate(rows[:MOST_TITLES]):
        filled = [cell for cell in cells if cell != ""]
        if 2 * len(filled) <= usual or (str(filled[0]).startswith("#") and _width(cells) < usual):
            continue
        names = len(filled) >= max(2, usual - 1) and not any(map(is_number, filled))
        return above if names else 0
    return 0


def _refuse_repeated(names: list[str], place: str) -> None:
    repeated = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if repeated:
        columns = [str(k) for k, name in enumerate(names, 1) if name == repeated[0]]
        remedy = "rename all but one, or remove them"
        if is_number(repeated[0]):
            remedy = "is there no header? Put a line above that names the columns"
        others = f"; likewise {', '.join(map(repr, repeated[1:]))}" if len(repeated) > 1 else ""
        raise InputError(
            f"{place} gives the name {repeated[0]!r} to columns {', '.join(columns[:-1])} and {columns[-1]}{others}: "
            f"{remedy}."
        )


def rows_of_text(content: str, separator: str, path: Path) -> list[Row]:
    """The rows that hold something, without blanks around cells, and the lines in which they begin.

    Raises
    ------
    InputError
        If a quote is not closed.
    """
    found, last = [], 0
    reader = _reader(content, separator)
    try:
        for cells in reader:
            cells = list(map(str.strip, cells))
            if any(cells):
                found.append((last + 1, cells))
            last = reader.line_num
    except csv.Error:  # a cell of more than 131,072 letters
        raise _unclosed(last + 1, path) from None
    if not found:
        raise InputError(f"{path} is empty.")
    if last > found[-1][0]:  # the last row has several lines
        rest = islice(_lines(content), found[-1][0] - 1, None)
        try:
            list(csv.reader(rest, delimiter=separator, skipinitialspace=True, strict=True))
        except csv.Error as error:
            if "end of data" in str(error):
                raise _unclosed(found[-1][0], path) from None
    if separator == " ":
        (header, names), *body = found
        if body and all(len(cells) == len(names) + 1 for _, cells in body):  # rows have names, and these no header
            found[0] = header, ["", *names]
    return found


def _unclosed(line: int, path: Path) -> InputError:
    return InputError(f'line {line} of {path} opens a quote (") that is never closed: close or remove it.')


def _reader(content: str, separator: str) -> Any:
    lines: Iterable[str]
    if separator == " ":  # columns that stand below each other: any number of blanks is one separator
        lines = (re.sub(r"[ \t]+", " ", line.strip(" \t\r\n")) + "\n" for line in _lines(content))
    else:
        lines = _lines(content)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _lines(content: str) -> Iterable[str]:
    return StringIO(content, newline="")


def said_separator(content: str) -> tuple[str | None, str]:
    """The separator that the first line says ("sep=;"), and the content with that line empty."""
    said = SAID.match(content)
    return (said[1], content[said.end() :]) if said else (None, content)


def separator_of(content: str) -> str:
    """The first of some characters that splits most rows into the same number of cells, more than one.

    Blanks, where nothing else does, and they split all rows alike.
    """
    best, most = ",", 0.0
    for mark in SEPARATORS:
        counts = _counts(content, mark)
        usual, times = counts.most_common(1)[0] if counts else (1, 0)
        same = times / counts.total() if usual > 1 else 0.0
        if same > most:
            best, most = mark, same
        if most == 1.0:
            break
    if most < 1.0:
        blanks = _counts(content, " ")
        fewest = min(blanks, default=0)
        unnamed = blanks[fewest] == 1 and set(blanks) == {fewest, fewest + 1}  # names of rows have none themselves
        if fewest > 1 and (len(blanks) == 1 or unnamed):
            return " "
    return best


def _counts(content: str, separator: str) -> Counter[int]:
    """How many rows have how many cells."""
    rows = (cells for cells in _reader(content, separator) if any(map(str.strip, cells)))
    try:
        return Counter(len(cells) for cells in islice(rows, LOOKED_AT))
    except csv.Error:
        return Counter()


def named(separator: str) -> str:
    """A separator in words."""
    return NAMED.get(separator, repr(separator))
