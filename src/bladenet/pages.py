"""Pages of HTML that need nothing else, from the templates of this package."""

from __future__ import annotations

import base64
import io
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from bladenet.files import check_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BREAKS = re.compile(r"([_/])(?=\w)")  # in a name
TOGETHER = re.compile(r"(?<=\d) (?=[%±]|rows?\b)|(?<=±) (?=\d)")  # a number and its unit


def checked_page(path: str | PathLike[str]) -> Path:
    """Where a page can be written.

    Raises
    ------
    ValueError
        If the path does not end in .html.
    FileNotFoundError
        If there is no such folder.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"what is written is a page of HTML, so its path must end in .html, got {str(path)!r}.")
    check_folder(path)
    return path


def render(template: str, context: dict[str, Any]) -> str:
    """A template filled in; what users named is escaped, and a missing value is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bladenet", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template(template).render(context)


def breakable(text: Any) -> Markup:
    """Text, escaped, that may be broken where a name goes on after an underscore or the like, not before a unit."""
    return Markup(BREAKS.sub(r"\1<wbr>", TOGETHER.sub("\u00a0", str(escape(text)))))


def picture(ax: Axes, kind: str, dpi: float, **settings: Any) -> str:
    """What was drawn as part of a page, a data URI; the figure is closed."""
    from matplotlib import pyplot

    figure: Any = ax.figure
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=dpi, **settings)
    pyplot.close(figure)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
