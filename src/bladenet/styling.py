"""One style for all pictures, applied to what is drawn here and to nothing else.

No global matplotlib setting changes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from bladenet.certificate import Status
from bladenet.losses import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT = "#222222", "#6b6b6b"
# Okabe and Ito's; two classes are blue and vermilion
CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6b6b6b", "#222222")
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
STATUS_WORDS = {
    Status.GLOBAL: "Globally optimal",
    Status.BOUNDED: "Not certified to tolerance",
    Status.RESTRICTED: "Optimal among blades of samples",
    Status.STOPPED: "Stopped early",
}


def colour_bar(ax: Axes, surface: Any, label: str, ticks: Array) -> None:
    """A colour scale beside the axes."""
    bar = ax.figure.colorbar(surface, ax=ax, pad=0.02, ticks=ticks)
    bar.set_label(label)
    bar.outline.set_visible(False)


def verdict(model: Any) -> str:
    """The headline of a fitted model: what is proven, and its size."""
    proven, neurons = model.certificate_, len(model.network_)
    return f"{STATUS_WORDS[proven.status]}, gap {short(proven.gap)}, {neurons} neuron{plural(neurons)}"


def short(gap: float) -> str:
    """4.3e-7 rather than 4.3e-07, and 0.43 rather than 4.3e-1."""
    if gap == 0.0 or gap >= 0.01:
        return f"{gap:.2g}".replace("inf", "∞")
    digits, exponent = f"{gap:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def clipped(name: str, most: int) -> str:
    """A name in at most so many characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


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


def write_titles(ax: Axes, title: str, caption: str) -> None:
    """Title, and between it and the axes a caption of one or more lines."""
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
