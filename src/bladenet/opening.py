"""Files opened: their text, or the cells of a sheet; what is no table, or damaged, is said with a remedy."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bladenet.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SHEETS = {".xlsx": "openpyxl", ".xlsm": "openpyxl", ".xls": "xlrd", ".ods": "odfpy"}
COLUMNAR = {".parquet": "read_parquet", ".feather": "read_feather"}
SIGNATURES = {
    b"PK\x03\x04": "a packed file (zip) or an Excel file: name it .zip or .xlsx",
    b"\xd0\xcf\x11\xe0": "an old Excel file: name it .xls, or save it as CSV",
    b"\x1f\x8b": "a packed file: name it .gz",
    b"PAR1": "a parquet file: name it .parquet",
    b"ARROW1": "a feather file: name it .feather",
    b"%PDF": "a PDF document: save the table in it as CSV",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "a database: write the table in it to a CSV file",
}
MARKUP = re.compile(r"<(!doctype|html|\?xml|table|head|body|!--|[a-z]+>)", re.IGNORECASE)
JSON = re.compile(r"\[\s*[\[{\"\d\]-]|\{\s*[\"}]")
LOOKED_AT = 2000  # bytes or letters that tell text from other things
MOST_CONTROLS = 0.02  # share of control characters in what is still text


def columns_of(path: Path) -> pd.DataFrame:
    """The table of a parquet or feather file."""
    import pandas as pd

    kind = path.suffix.lower().removeprefix(".")
    try:
        return getattr(pd, COLUMNAR[path.suffix.lower()])(path)
    except ImportError:
        raise InputError(f"{path} needs pyarrow to be read: pip install pyarrow, or save it as CSV.") from None
    except Exception as error:  # whatever a reader stumbles over, the file is at fault
        raise InputError(f"{path} is damaged or no {kind} file: {_reason(error)}. Write it again, or as CSV.") from None


def cells_of_sheet(path: Path) -> list[list[Any]]:
    """The rows of the first sheet, as it shows them: the first is row 1."""
    import pandas as pd

    package = SHEETS[path.suffix.lower()]
    try:
        return pd.read_excel(path, header=None, keep_default_na=False).to_numpy(dtype=object).tolist()
    except ImportError:
        raise InputError(f"{path} needs {package} to be read: pip install {package}, or save it as CSV.") from None
    except OSError as error:
        if error.errno is not None:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        raise _no_sheet(path) from None
    except Exception:  # as above
        raise _no_sheet(path) from None


def _no_sheet(path: Path) -> InputError:
    return InputError(
        f"{path} is damaged or no Excel file, though its name ends in {path.suffix}: open it and save it as CSV; if it "
        "is text, as exports often are, name it .csv."
    )


def text_of(path: Path, encoding: str | None) -> tuple[str, str]:
    """What a file of text holds, unpacked, and its encoding.

    Raises
    ------
    InputError
        If it is something else: says what.
    """
    raw = _bytes(path)
    for mark, kind in SIGNATURES.items():
        if raw.startswith(mark):
            raise InputError(f"{path} is no table but {kind}.")
    content, encoding = _decoded(raw, encoding, path)
    content = content.removeprefix("\ufeff").replace("\0", "")
    if not content.strip():
        raise InputError(f"{path} is empty.")
    start = content[:LOOKED_AT].lstrip()
    if MARKUP.match(start):
        raise InputError(f"{path} holds HTML or XML, no table: save it as CSV, from a browser or Excel.")
    if JSON.match(start):
        raise InputError(f"{path} holds JSON, no table: save it as CSV; in Python, pandas.read_json may read it.")
    controls = sum(letter < " " and letter not in "\t\n\r\f" for letter in start)
    if controls > MOST_CONTROLS * len(start):
        raise InputError(f"{path} is no text, let alone a table: save what is in it as CSV.")
    return content, encoding


def _bytes(path: Path) -> bytes:
    """What the file holds, unpacked."""
    from pandas.io.common import get_handle  # type: ignore[import-not-found] # opens what read_csv opens

    try:
        with get_handle(path, "rb", compression="infer", is_text=False) as opened:
            return bytes(opened.handle.read())
    except OSError as error:
        if error.errno is not None:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        raise _not_unpacked(path, error) from None
    except Exception as error:  # every way of packing has its own, EOFError among them
        raise _not_unpacked(path, error) from None


def _not_unpacked(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} cannot be unpacked: {_reason(error)}. Unpack it yourself, or fetch it again.")


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".")


def _decoded(raw: bytes, encoding: str | None, path: Path) -> tuple[str, str]:
    """The text, and its encoding: that asked for, or by its mark, or UTF-8, or what Windows writes in the West."""
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    start = raw[:LOOKED_AT]
    if encoding is None:
        encoding = next((name for mark, name in marks if raw.startswith(mark)), None)
    if encoding is None and start.count(0) > len(start) // 4:  # of Latin letters, half are zeros
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
