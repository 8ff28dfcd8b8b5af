"""What the words mean that certificates, summaries and reports use: one text for Python, the shell and all pages."""

from __future__ import annotations

import difflib
import re
import textwrap
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

FILE = "glossary.md"
WIDTH = 100  # of a line
MARKS = re.compile(r"`([^`]+)`|\*([^*]+)\*")  # code, and what is stressed


@dataclass(frozen=True)
class Entry:
    """Some words and what they mean.

    Attributes
    ----------
    title : the words, such as "kink, line, hyperplane"
    paragraphs : plain text, but for `code` and *stress*
    """

    title: str
    paragraphs: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Name of its place on a page."""
        return "word-" + re.sub(r"\W+", "-", self.title.casefold()).strip("-")

    @property
    def words(self) -> list[str]:
        """Those that it explains, in small letters."""
        return re.split(r"[,:] ", self.title.casefold())

    @property
    def html(self) -> list[str]:
        """The paragraphs as HTML."""
        return [MARKS.sub(_marked, escape(text, quote=False)) for text in self.paragraphs]

    def __str__(self) -> str:
        lines = [textwrap.fill(text.replace("`", "").replace("*", ""), WIDTH) for text in self.paragraphs]
        return "\n".join([self.title, *(textwrap.indent(line, "  ") for line in lines)])


class Glossary(tuple[Entry, ...]):
    """Entries in alphabetical order, which print themselves."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(
            f"<p><b>{escape(entry.title)}</b></p>{''.join(f'<p>{text}</p>' for text in entry.html)}" for entry in self
        )


def glossary(word: str | None = None) -> Glossary:
    """What the words mean that certificates, summaries and reports use; print it.

    Parameters
    ----------
    word : such as "gap"; without, all of them

    Raises
    ------
    ValueError
        If the word is not explained; names those that are.
    """
    entries = _entries()
    if word is None:
        return entries
    asked = word.strip().casefold()
    found = [entry for entry in entries if asked in entry.words] or [
        entry for entry in entries if asked and asked in entry.title.casefold()
    ]
    if not found:
        words = [name for entry in entries for name in entry.words]
        close = difflib.get_close_matches(asked, words, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"the glossary does not explain {word!r}.{hint} It has: {', '.join(words)}.")
    return Glossary(found)


@cache
def _entries() -> Glossary:
    """What the file says: a title behind ##, and paragraphs."""
    text = files("bladenet").joinpath(FILE).read_text(encoding="utf-8")
    parts = [part.strip().split("\n\n") for part in text.split("## ")[1:]]
    return Glossary(Entry(title, tuple(paragraphs)) for title, *paragraphs in parts)


def _marked(found: re.Match[str]) -> str:
    code, stress = found.groups()
    return f"<code>{code}</code>" if code else f"<em>{stress}</em>"
