"""Files as people have them: how a table is written is found out, said in one line, and may be set."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bladenet.checks import LINE
from bladenet.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = "\t;|,"  # in this order: a comma may also be a decimal point, and stands in text
NAMED = {"\t": "tabs", ";": "';'", "|": "'|'", ",": "','", " ": "spaces"}
LOOKED_AT = 200  # rows whose numbers of cells tell the separator
BINARY = {".parquet": "read_parquet", ".feather": "read_feather", ".xlsx": "read_excel", ".xls": "read_excel"}
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
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        unusual = []
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

    Rows of a file of text are known by the line that they begin in, as an editor counts lines: the header is line 1.

    Raises
    ------
    InputError
        If that cannot be found out, or a row does not fit the header; names file, line and remedy.
    """
    import pandas as pd  # here, not at the top: the command line must start fast

    kind = BINARY.get(path.suffix.lower())
    if kind is not None:
        try:
            return getattr(pd, kind)(path), USUAL
        except ImportError as error:
            raise InputError(f"{path} cannot be read here: {error} Or save it as CSV.") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read: {error}.") from None
    content, encoding = _decoded(_bytes(path), asked.encoding, path)
    if not content.strip():
        raise InputError(f"{path} is empty.")
    written = replace(asked, encoding=encoding, separator=asked.separator or separator_of(content))
    lines = _lines(content, written.separator or ",", path)
    frame = _parsed(content, written, dict.fromkeys(text, str), path)
    if frame.empty:
        raise InputError(f"{path} has a header but no rows.")
    unread = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name]) and name not in text]
    decimal = asked.decimal or decimal_of([_cells(frame[name], asked.missing) for name in unread])
    if decimal == ",":  # what looked like 1.234 may be a thousand: all is read again, by our own rules
        texts = _parsed(content, written, str, path)
        names = [name for name in frame.columns if name not in text]
        decimal = asked.decimal or decimal_of([_cells(texts[name], asked.missing) for name in names])
        if decimal == ",":
            frame, unread = texts, names
    for name in unread:
        frame[name] = _as_numbers(frame[name], decimal, asked.missing)
    if len(lines) == len(frame):
        frame.index = pd.Index(lines, name=LINE)
    return frame, replace(written, decimal=decimal)


def _bytes(path: Path) -> bytes:
    """What the file holds, unpacked."""
    from pandas.io.common import get_handle  # type: ignore[import-not-found] # opens what read_csv opens

    try:
        with get_handle(path, "rb", compression="infer", is_text=False) as opened:
            return bytes(opened.handle.read())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


def _decoded(raw: bytes, encoding: str | None, path: Path) -> tuple[str, str]:
    """The text, and its encoding: that asked for, or by its mark, or UTF-8, or what Windows writes in the West."""
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    if encoding is None:
        encoding = next((name for mark, name in marks if raw.startswith(mark)), None)
    if encoding is None and raw[:LOOKED_AT].count(0) > len(raw[:LOOKED_AT]) // 4:  # of Latin letters, half are zeros
        encoding = "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
    for name in (encoding,) if encoding else ("utf-8", "cp1252", "latin-1"):
        try:
            return raw.decode(name), name
        except LookupError:
            raise InputError(f"--encoding {name} is unknown: give one such as utf-8, utf-16 or latin-1.") from None
        except UnicodeDecodeError as error:
            wrong = error
    line = raw[: wrong.start].count(b"\n") + 1
    raise InputError(f"line {line} of {path} is not {wrong.encoding} ({wrong.reason}): give another --encoding.")


def named(separator: str) -> str:
    """A separator in words."""
    return NAMED.get(separator, repr(separator))


def separator_of(content: str) -> str:
    """The first of some characters that splits header and rows into the same number of cells, more than one."""
    best, most = ",", 0.0
    for mark in SEPARATORS:
        rows = csv.reader(StringIO(content), delimiter=mark)
        try:
            counts = [len(cells) for cells, _ in zip((row for row in rows if row), range(LOOKED_AT), strict=False)]
        except csv.Error:
            continue
        same = sum(count == counts[0] for count in counts) / len(counts) if counts and counts[0] > 1 else 0.0
        if same > most:
            best, most = mark, same
        if most == 1.0:
            break
    return best


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


def _parsed(content: str, written: Notation, kinds: dict[str, type[str]] | type[str], path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
            StringIO(content.removeprefix("\ufeff")),
            sep=written.separator,
            dtype=kinds,
            na_values=list(written.missing) or None,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}.") from None


def _lines(content: str, separator: str, path: Path) -> list[int]:
    """The line in which each row begins; rows can have several lines, and empty ones are none.

    Raises
    ------
    InputError
        If a row has more cells than the header.
    """
    begins, last, names = [], 0, 0
    rows = csv.reader(StringIO(content), delimiter=separator)
    try:
        for cells in rows:
            if len(cells) > 1 or "".join(cells).strip():
                begins.append(last + 1)
                names = names or len(cells)
                if len(cells) > names:  # pandas takes the first column for names of rows
                    raise InputError(
                        f"line {last + 1} of {path} has {len(cells)} cells, but the header has {names}: give every "
                        f"column a name, and quote cells that contain {named(separator)}; or say "
                        "--sep."
                    )
            last = rows.line_num
    except csv.Error:  # a cell of more than 100,000 characters
        return []
    return begins[1:]
