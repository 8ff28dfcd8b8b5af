"""Pictures of what was measured."""

from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, LogLocator

from bladenet.styling import CLASS_COLOURS, FAINT, style

COLUMNS = 3
SMALLEST = 1e-9  # excess that is drawn
DASHES = ("-", (0, (5, 2)), (0, (2, 1)))  # so that more solvers than colours differ
FACES = (None, "white", "white")


def draw_peers(everything: list[dict[str, Any]], levels: tuple[float, ...]) -> Figure:
    """How far above the certified bound each solver is, over time: a panel for each problem."""
    rows = -(-len(everything) // COLUMNS)
    with style():
        figure, places = pyplot.subplots(rows, COLUMNS, figsize=(12, 3.4 * rows + 0.6), squeeze=False)
        keys = list(dict.fromkeys(key for records in everything for key in records["solvers"]))
        labels: dict[str, Any] = {}
        for ax, records in zip(places.flat, everything, strict=False):
            for key, solve in records["solvers"].items():
                if not solve.get("trace"):
                    continue
                k = keys.index(key)
                seconds, values = np.array(solve["trace"]).T
                excess = np.maximum(values / records["lower_bound"] - 1.0, SMALLEST)
                ends = np.r_[seconds, max(solve["seconds"], seconds[-1])], np.r_[excess, excess[-1]]
                again, colour = divmod(k, len(CLASS_COLOURS))
                look = {"color": CLASS_COLOURS[colour], "linestyle": DASHES[again], "markerfacecolor": FACES[again]}
                width = 2.6 if key == "bladenet" else 1.4
                marker = "o" if len(seconds) == 1 else None  # only the end is known
                (labels[solve["name"]],) = ax.step(*ends, where="post", linewidth=width, marker=marker, **look)
            for level in levels:
                ax.axhline(level, color=FAINT, linewidth=0.5, linestyle=(0, (2, 3)))
            ax.set(xscale="log", yscale="log", xlabel="seconds", ylabel="excess over the certified bound")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(LogLocator(numticks=6))
                axis.set_major_formatter(LogFormatter())
            ax.set_title(records["problem"])
        for ax in places.flat[len(everything) :]:
            ax.set_axis_off()
        figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=5)
    return figure
