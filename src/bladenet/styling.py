"""One style for all pictures, applied to what is drawn here and to nothing else.

No global matplotlib setting changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np

from bladenet.certificate import Status
from bladenet.display import GROUPED, cut, flat, grouped, short
from bladenet.losses import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


INK, FAINT = "#222222", "#6b6b6b"
# Okabe and Ito's; two classes are blue and vermilion
CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6b6b6b", "#222222")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 2)), (0, (1, 3)))  # so that curves on each other are all seen
PALE = 0.55  # how much white is in the colours of places, so that samples stand out
CLASS_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
FEWEST_BARS = 4  # that a picture has room for, so that one alone is not a wall
SURFACE_TINT = "#f4f6f8"
SURFACE = "viridis"
EFFECT = "RdBu_r"  # below and above the mean
CLASS_SHADES = ("#7fb3d5", "#ffffff", "#f0b088")
RC: dict[Any, Any] = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "figure.figsize": (7.2, 5.0),
    "font.size": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "text.color": INK,
    "text.parse_math": False,  # names of columns may hold dollars
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
ACROSS, HIGH, CAPTION = 56, 42, 88  # letters that there is room for along the axes of a picture, and above them
MEMBERS = 3  # columns of a set that are named
WIDE_TICKS = 5  # intervals along an axis of long numbers
SHORT, LEGEND = 26, 36  # letters of a name that has room inside the axes, and below them
WORD = re.compile(r"[^\s_\-/.,;]*[\s_\-/.,;]*")
STATUS_WORDS = {
    Status.GLOBAL: "Globally optimal",
    Status.BOUNDED: "Not certified to tolerance",
    Status.RESTRICTED: "Optimal among blades of samples",
    Status.STOPPED: "Stopped early",
}


def colour_bar(ax: Axes, surface: Any, label: str, ticks: Array) -> None:
    """A colour scale beside the axes."""
    bar = ax.figure.colorbar(surface, ax=ax, pad=0.02, ticks=ticks)
    group_thousands(bar.ax)
    bar.set_label(wrapped(label, HIGH))
    bar.outline.set_visible(False)


def group_thousands(ax: Axes) -> None:
    """Write numbers along the axes as the text does."""
    from matplotlib.ticker import AutoLocator, ScalarFormatter

    class Grouped(ScalarFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return grouped(super().__call__(x, pos))

    for axis in (ax.xaxis, ax.yaxis):
        if type(axis.get_major_formatter()) is ScalarFormatter:
            axis.set_major_formatter(Grouped())
    if isinstance(ax.xaxis.get_major_locator(), AutoLocator) and max(map(abs, ax.get_xlim())) >= GROUPED:
        ax.locator_params(axis="x", nbins=WIDE_TICKS)


def verdict(model: Any) -> str:
    """The headline of a fitted model: what is proven, and its size."""
    proven, neurons = model.certificate_, len(model.network_)
    return f"{STATUS_WORDS[proven.status]}, gap {short(proven.gap)}, {neurons} neuron{plural(neurons)}"


def room(text: str) -> float:
    """How wide a text is, in average small letters."""
    wide = sum(east_asian_width(letter) in "WF" for letter in text)
    large = sum(letter.isupper() or letter in "mw@%" for letter in text)
    return len(text) + 0.8 * wide + 0.3 * large


def clipped(name: str, most: int) -> str:
    """A name on one line, as wide as so many small letters at most; the middle is left out."""
    name = flat(name)
    letters = len(name)
    while room(cut(name, letters)) > most:
        letters -= 1
    return cut(name, letters)


def abbreviated(names: Sequence[str], most: int) -> dict[str, str]:
    """Names as wide as so many small letters at most, all different.

    The middle is left out, or what comes before the word in which names begin to differ; those that are alike even so
    are numbered.
    """
    short = {name: clipped(name, most) for name in names}
    for text, count in Counter(short.values()).items():
        alike = [name for name in short if short[name] == text]
        if count > 1:
            same = [len(set(letters)) == 1 for letters in zip(*alike, strict=False)]
            before = alike[0][: [*same, False].index(False)]
            word = 1 + max(before.rfind(mark) for mark in " _-./")
            short |= {name: clipped(f"…{name[word:]}", most) for name in alike}
    counts = Counter(short.values())
    alike = [name for name in short if counts[short[name]] > 1]
    return short | {name: f"{clipped(name, most - 5)} #{k + 1}" for k, name in enumerate(alike)}


def wrapped(text: str, width: int, lines: int = 2) -> str:
    """A text on so many lines at most, of so many small letters, broken where words end if that fits."""
    text = flat(text)
    if room(text) <= width:
        return text
    for parts in (re.findall(r"\S+\s*", text), WORD.findall(text), list(clipped(text, (width - 1) * lines))):
        found = [""]
        for part in parts:
            if found[-1] and room((found[-1] + part).rstrip()) > width:
                found.append("")
            found[-1] += part
        if len(found) <= lines and all(room(line.rstrip()) <= width for line in found):
            break
    return "\n".join(line.strip() for line in found)


def column_labels(sets: Iterable[tuple[str, ...]], width: int) -> list[str]:
    """What sets of columns are called in a picture, on two lines of so many letters at most."""
    sets = list(sets)
    short = abbreviated(list(dict.fromkeys(name for columns in sets for name in columns)), width - 2)
    labels = []
    for columns in sets:
        line = " × ".join(columns[:MEMBERS]) if len(columns) <= MEMBERS else f"{len(columns)} columns"
        if room(line) > width and len(columns) <= 2:
            line = " ×\n".join(short[name] for name in columns)
        labels.append("\n".join(wrapped(part, width) for part in line.split("\n")))
    return labels


def draw_legend(ax: Axes, title: str = "", **look: Any) -> None:
    """A legend inside the axes, looking as for ``ax.legend``; below them where it would hide much of what is drawn."""
    from matplotlib.transforms import ScaledTranslation

    handles, labels = ax.get_legend_handles_labels()
    if all(room(label) <= SHORT for label in (*labels, title)):
        ax.legend(handles, labels, title=title or None, loc="best", **look)
        return
    down = 24.0 + 12.0 * len(ax.get_xlabel().splitlines())  # ticks and label, in points
    ax.legend(
        handles,
        labels,
        title=title or None,
        fontsize=8,
        title_fontsize=8,
        ncols=2,
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes + ScaledTranslation(0.0, -down / 72.0, ax.figure.dpi_scale_trans),
        borderaxespad=0.0,
        alignment="left",
    )


def output_look(output: int) -> dict[str, Any]:
    """Colour and dashes of one of several outputs, which differ where colours come again."""
    turn = output + output // len(CLASS_COLOURS)
    return {"color": CLASS_COLOURS[output % len(CLASS_COLOURS)], "linestyle": DASHES[turn % len(DASHES)]}


def blended(shares: Array) -> Array:
    """Pale colours of classes, mixed by their shares (n, classes): (n, 3)."""
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(output_look(k)["color"]) for k in range(shares.shape[1])])
    return shares @ (PALE + (1.0 - PALE) * colours)


def draw_legend_of_outputs(canvas: Any, scene: Any, **look: Any) -> None:
    """A legend of the outputs of a scene, for a figure or for axes."""
    from matplotlib.lines import Line2D

    short = abbreviated(scene.outputs, LEGEND)
    handles = [
        Line2D([], [], linewidth=2, label=shown_in_legend(short[name]), **output_look(k))
        for k, name in enumerate(scene.outputs)
    ]
    place = {"loc": "best", "fontsize": 8, "title_fontsize": 8, "handlelength": 3.0, **look}
    canvas.legend(handles=handles, title=clipped(scene.target, 2 * LEGEND), **place)


def shown_in_legend(text: str) -> str:
    """A label that matplotlib does not take for a private one, which begin with an underscore."""
    return f" {text}" if text.startswith("_") else text


def without_display() -> None:
    """Draw to files only, whatever display there is."""
    import matplotlib

    matplotlib.use("Agg")


def plural(count: int) -> str:
    """The ending of a noun."""
    return "" if count == 1 else "s"


def label_axes(ax: Axes, x: str, y: str) -> None:
    """What the axes of a picture of usual size show."""
    group_thousands(ax)
    ax.set_xlabel(wrapped(x, ACROSS))
    ax.set_ylabel(wrapped(y, HIGH))


def write_titles(ax: Axes, title: str, caption: str) -> None:
    """Title, and between it and the axes a caption of one or more lines."""
    caption = "\n".join(wrapped(line, CAPTION, 3) for line in caption.splitlines())
    ax.set_title(title, pad=10 + 13 * len(caption.splitlines()))
    note = ax.annotate(caption, (0.0, 1.0), xytext=(0, 6), xycoords="axes fraction", textcoords="offset points")
    note.set(ha="left", va="bottom", fontsize=8.5, color=FAINT)


def style() -> AbstractContextManager[Any]:
    """The style, while the context lasts."""
    import matplotlib

    return matplotlib.rc_context(RC)


def new_axes() -> Axes:
    """Axes of a new figure."""
    from matplotlib import pyplot

    return pyplot.subplots()[1]
