"""Files as people have them: how a table is written is found out, said in one line, and may be set."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.checks import LINE, SHEET, place
from bladenet.errors import InputError
from bladenet.layout import Layout, named, rows_of_text, said_separator, separator_of
from bladenet.opening import COLUMNAR, SHEETS, cells_of_sheet, columns_of, text_of

if TYPE_CHECKING:
    import pandas as pd

DIGITS = re.compile(r"\d+|")
CODE = re.compile(r"0\d+")
MISSING = {"", "-", "--", "?", ".", "..", "n.a.", "n/a", "na", "nan", "null", "none", "missing", "#n/a", "<na>"}
BETWEEN = re.compile(r"(?<=\d)[\s'’](?=\d{3})")  # thousands, whatever the decimal sign
POINT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d*)?([eE][+-]?\d+)?")
ONLY_COMMA = re.compile(
    r"[+-]?(\d*,(\d{1,2}|\d{4,})|\d{4,},\d*|0,\d+|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,})([eE][+-]?\d+)?"
)
ONLY_POINT = re.compile(
    r"[+-]?(\d*\.(\d{1,2}|\d{4,})|\d{4,}\.\d*|0\.\d+|\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,})([eE][+-]?\d+)?"
)


@dataclass(frozen=True)
class Notation:
    """How a file of text is written; None where that is to be found out.

    Attributes
    ----------
    encoding : such as "utf-8"
    separator : of cells, one character
    decimal : "." or ","
    missing : text that stands for no value, besides the usual
    header : the line that names the columns
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()
    header: int = 1

    def __str__(self) -> str:
        unusual = []
        if self.header > 1:
            unusual.append(f"the header is line {self.header}")
        if self.separator != ",":
            unusual.append(f"cells separated by {named(str(self.separator))}")
        if self.decimal == ",":
            unusual.append("decimal commas")
        if self.encoding not in ("utf-8", "utf-8-sig"):
            unusual.append(f"encoding {self.encoding}")
        return ", ".join(unusual)


USUAL = Notation("utf-8", ",", ".")


def read(path: Path, asked: Notation, text: tuple[str, ...] = ()) -> tuple[pd.DataFrame, Notation]:
    """A table, and how it is written; some columns as text.

    Rows of a file of text are known by the line that they begin in, as an editor counts lines; those of a sheet by
    the row that it shows.

    Raises
    ------
    InputError
        If that cannot be found out, or a row does not fit the header; names file, line and remedy.
    """
    suffix = path.suffix.lower()
    if suffix in COLUMNAR:
        return columns_of(path), USUAL
    if suffix in SHEETS:
        return _sheet(path, asked)
    content, encoding = text_of(path, asked.encoding)
    said, content = said_separator(content)
    separator = asked.separator or said or separator_of(content)
    table = Layout.of(rows_of_text(content, separator, path), path, "line")
    written = replace(asked, encoding=encoding, separator=separator, header=table.header)
    text = (*text, *_codes(table))
    frame = _parsed(table, asked.missing, dict.fromkeys(text, str))
    unread = [name for name in frame.columns if _is_text(frame[name]) and name not in text]
    decimal = asked.decimal or decimal_of([_cells(frame[name], asked.missing) for name in unread])
    if decimal == ",":  # what looked like 1.234 may be a thousand: all is read again, by our own rules
        texts = _parsed(table, asked.missing, str)
        names = [name for name in frame.columns if name not in text]
        decimal = asked.decimal or decimal_of([_cells(texts[name], asked.missing) for name in names])
        if decimal == ",":
            frame, unread = texts, names
    for name in unread:
        frame[name] = _as_numbers(frame[name], decimal, asked.missing)
        if decimal == "," and _is_text(frame[name]) and _are_numbers(_cells(frame[name], asked.missing), COMMA):
            raise InputError(
                f"column {name!r} of {path} separates thousands by points in some cells and not in others: write all "
                "cells alike."
            )
    for name in frame.columns if asked.decimal is None else ():
        _refuse_doubtful(frame[name], table.column(name), decimal, asked.missing)
    return frame, replace(written, decimal=decimal)


def _sheet(path: Path, asked: Notation) -> tuple[pd.DataFrame, Notation]:
    """The table of the first sheet; its cells of text may be numbers, as in files of text."""
    import pandas as pd  # here, not at the top: the command line must start fast

    rows = [(k, [_plain(cell) for cell in cells]) for k, cells in enumerate(cells_of_sheet(path), 1)]
    rows = [row for row in rows if any(cell != "" for cell in row[1])]
    if not rows:
        raise InputError(f"{path} is empty.")
    table = Layout.of(rows, path, "row")
    cells = [[None if cell == "" or cell in asked.missing else cell for cell in row] for row in table.rows]
    frame = pd.DataFrame(cells, columns=table.names, dtype=object).infer_objects()
    unread = [name for name in frame.columns if _is_text(frame[name])]
    decimal = asked.decimal or decimal_of([_cells(frame[name], asked.missing) for name in unread])
    frame.index = pd.Index(table.begins, name=SHEET)
    for name in unread:
        frame[name] = _as_numbers(frame[name], decimal, asked.missing)
        if asked.decimal is None:
            _refuse_doubtful(frame[name], table.column(name), decimal, asked.missing)
    return frame, replace(USUAL, header=table.header)


def _plain(cell: Any) -> Any:
    """A cell of a sheet: text without blanks around it; "" if there is nothing in it."""
    if isinstance(cell, str):
        return cell.strip()
    return "" if cell is None or cell != cell else cell


def _is_text(column: pd.Series) -> bool:
    from pandas.api.types import is_string_dtype

    return bool(is_string_dtype(column))


def _codes(table: Layout) -> list[str]:
    """Columns of digits that begin with 0, as codes do: some where all are equally long (01067), or most."""
    found = []
    for name, cells in zip(table.names, zip(*table.rows, strict=True), strict=True):
        if all(map(DIGITS.fullmatch, cells)):
            zeros, lengths = sum(map(bool, map(CODE.fullmatch, cells))), set(map(len, filter(None, cells)))
            if zeros and (len(lengths) == 1 or 2 * zeros > len(cells)):
                found.append(name)
    return found


def _refuse_doubtful(column: pd.Series, written: list[str], decimal: str, missing: tuple[str, ...]) -> None:
    """Refuse numbers such as 7.953 beside 201 if no cell tells decimals from thousands."""
    if column.dtype != float:
        return
    grouped = re.compile(rf"[+-]?[1-9]\d{{0,2}}{re.escape(decimal)}\d{{3}}")
    first: dict[str, int] = {}
    for row, cell in enumerate(written):
        if grouped.fullmatch(cell):
            first.setdefault("part", row)
        elif cell.lstrip("+-").isdecimal():
            first.setdefault("whole", row)
        elif _cell(cell, missing) is not None:
            return
    if len(first) < 2:
        return
    part, other = written[first["part"]], "," if decimal == "." else "."
    raise InputError(
        f"column {column.name!r} may hold thousands or decimals: {part!r} in {place(first['part'], column.index)} "
        f"stands beside {written[first['whole']]!r} in {place(first['whole'], column.index)}. If it means "
        f"{part.replace(decimal, '')}, write it so or say --decimal {other} ; if not, say --decimal {decimal}"
    )


def decimal_of(columns: list[list[str]]) -> str:
    """A comma if some column can only be read with decimal commas and none only with points."""
    comma = point = False
    for cells in columns:
        comma |= _are_numbers(cells, COMMA) and any(map(ONLY_COMMA.fullmatch, cells))
        point |= _are_numbers(cells, POINT) and any(map(ONLY_POINT.fullmatch, cells))
    return "," if comma and not point else "."


def _cells(column: pd.Series, missing: tuple[str, ...]) -> list[str]:
    """Different texts of a column, without those that stand for no value, nor gaps between thousands."""
    found = (_cell(cell, missing) for cell in {str(cell) for cell in column.dropna().unique()})
    return [text for text in found if text is not None]


def _cell(cell: object, missing: tuple[str, ...]) -> str | None:
    """Its text without gaps between thousands; None if it stands for no value."""
    text = str(cell).strip()
    none = cell != cell or text.casefold() in MISSING or text.casefold() in {other.casefold() for other in missing}
    return None if none else BETWEEN.sub("", text)


def _are_numbers(cells: list[str], pattern: re.Pattern[str]) -> bool:
    """Whether all cells, of which there are some, are numbers of this pattern."""
    return bool(cells) and all(pattern.fullmatch(cell) and any(map(str.isdigit, cell)) for cell in cells)


def _as_numbers(column: pd.Series, decimal: str, missing: tuple[str, ...]) -> pd.Series:
    """The column as numbers if all of its cells are; the others are missing."""
    pattern, group = (COMMA, ".") if decimal == "," else (POINT, ",")
    cells = _cells(column, missing)
    if not _are_numbers(cells, pattern):
        return column
    grouped = any(re.search(rf"\d{re.escape(group)}\d{{3}}", cell) for cell in cells)
    if grouped and any(re.match(r"[+-]?\d{4,}", cell) for cell in cells):
        return column  # thousands are separated in some cells and not in others: which are wrong?

    def number(cell: object) -> float:
        text = _cell(cell, missing)
        return np.nan if text is None else float(text.replace(group, "").replace(decimal, "."))

    numbers = column.map(number)
    whole = not numbers.isna().any() and not any(decimal in cell or "e" in cell.casefold() for cell in cells)
    return numbers.astype(np.int64) if whole and numbers.abs().max() < 2.0**53 else numbers


def _parsed(table: Layout, missing: tuple[str, ...], kinds: dict[str, type[str]] | type[str]) -> pd.DataFrame:
    import pandas as pd  # here, not at the top: the command line must start fast

    content = StringIO()
    csv.writer(content).writerows(table.rows)
    content.seek(0)
    frame = pd.read_csv(
        content, header=None, names=table.names, dtype=kinds, na_values=list(missing) or None, low_memory=False
    )
    frame.index = pd.Index(table.begins, name=LINE)
    return frame
