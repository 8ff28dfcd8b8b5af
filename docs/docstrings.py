"""Docstrings as mkdocstrings reads them.

The package writes `name : what it is` where numpydoc has a type after the colon, and
Sphinx roles. Here the text goes below the name, and roles become code, or links where
the reference has the name.
"""

import re
from typing import Any

import griffe

ITEM = re.compile(r"(\w+(?:, \w+)*) : (\S.*)")
TITLES = ("Parameters", "Attributes")
UNDERLINE = re.compile(r"-{3,}")
ROLE = re.compile(r":\w+:`~?([\w.]+)`")
LINKED = re.compile(
    r"bladenet\.(train|path|plan|certify|BladeNet\w+|HuberLoss|QuantileLoss)"
)


class Docstrings(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(_linked, described(obj.docstring.value))


def described(docstring: str) -> str:
    """Parameters and attributes with their text below their names."""
    lines = docstring.splitlines()
    result, inside = [], False
    for k, line in enumerate(lines):
        if k + 1 < len(lines) and UNDERLINE.fullmatch(lines[k + 1].strip()):
            inside = line.strip() in TITLES
        item = ITEM.fullmatch(line) if inside else None
        result += [line] if item is None else [item[1], f"    {item[2]}"]
    return "\n".join(result)


def _linked(role: re.Match[str]) -> str:
    name = role[1]
    return f"[`{name}`][{name}]" if LINKED.fullmatch(name) else f"`{name}`"
