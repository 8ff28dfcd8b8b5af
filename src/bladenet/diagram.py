"""The network drawn as a graph: columns of the data, the most important neurons, the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.display import counted
from bladenet.explain import Explanation
from bladenet.styling import CLASS_COLOURS, FAINT, INK, SURFACE_TINT, abbreviated, new_axes, style, write_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEURONS, COLUMNS, OUTPUTS = 14, 14, 10  # most drawn
LETTERS = 22  # of a name
LEFT, MIDDLE, RIGHT = 0.0, 1.0, 2.0  # where columns, neurons and outputs are


def draw_network(explanation: Explanation, ax: Axes | None = None) -> Axes:
    """Draw which columns the most important neurons read and whether they raise or lower the outputs.

    The wider a line from a neuron, the more its contribution varies over the training samples; vermilion raises an
    output, blue lowers it.
    """
    neurons = explanation.neurons[:NEURONS]
    columns, outputs = _nodes(explanation)
    short, results = abbreviated(columns, LETTERS), abbreviated(outputs, LETTERS)
    amplitudes = np.array([np.atleast_1d(neuron.amplitude)[: len(outputs)] for neuron in neurons])
    largest = max((neuron.importance for neuron in neurons), default=0.0) or 1.0
    with style():
        ax = new_axes() if ax is None else ax
        places = {name: (LEFT, y) for name, y in zip(columns, _spread(len(columns)), strict=True)}
        middles, ends = _spread(len(neurons)), _spread(len(outputs))
        for neuron, y, amplitude in zip(neurons, middles, amplitudes, strict=True):
            strength = neuron.importance / largest
            for name in neuron.columns:
                if name in places:
                    x0, y0 = places[name]
                    ax.plot([x0, MIDDLE], [y0, y], color=FAINT, linewidth=0.8, alpha=0.35 + 0.5 * strength, zorder=1)
            shares = np.abs(amplitude) / (np.linalg.norm(amplitude) or 1.0)
            for end, value, share in zip(ends, amplitude, shares, strict=True):
                line = ax.plot([MIDDLE, RIGHT], [y, end], color=CLASS_COLOURS[int(value > 0)], zorder=1)
                line[0].set(linewidth=0.4 + 4.0 * strength * share, alpha=0.8, solid_capstyle="round")
        for name, (x, y) in places.items():
            _node(ax, x, y, short[name])
        for neuron, y in zip(neurons, middles, strict=True):
            _node(ax, MIDDLE, y, f"neuron {neuron.neuron}")
        for name, y in zip(outputs, ends, strict=True):
            _node(ax, RIGHT, y, results[name])
        ax.set_xlim(LEFT - 0.4, RIGHT + 0.4)
        ax.set_ylim(-0.08, 1.08)
        ax.set_axis_off()
        total = len(explanation.neurons)
        which = f"the {len(neurons)} most important of {total} neurons" if total > len(neurons) else "all neurons"
        caption = f"{which}; wider lines matter more, vermilion raises the output and blue lowers it"
        write_titles(ax, f"{columns_read(explanation)} → {counted(total, 'neuron')}", caption)
    return ax


def columns_read(explanation: Explanation) -> str:
    """How many columns the neurons read, of how many."""
    count, total = len({name for n in explanation.neurons for name in n.columns}), len(explanation.column_names)
    return counted(total, "column") if count == total else f"{count:,} of {counted(total, 'column')}"


def drawn_names(explanation: Explanation) -> dict[str, str]:
    """What is written for the names of columns and outputs."""
    columns, outputs = _nodes(explanation)
    return abbreviated(columns, LETTERS) | abbreviated(outputs, LETTERS)


def _nodes(explanation: Explanation) -> tuple[list[str], list[str]]:
    """The columns and outputs that are drawn."""
    read = {name for neuron in explanation.neurons[:NEURONS] for name in neuron.columns}
    columns = [name for name in explanation.column_names if name in read][:COLUMNS]
    return columns, list(explanation.outputs or (_output(explanation),))[:OUTPUTS]


def _output(explanation: Explanation) -> str:
    return explanation.output.split(" (")[0]  # "score (positive for class …)" is too long for a node


def _spread(count: int) -> np.ndarray:
    """Heights of so many nodes, from above."""
    return np.linspace(1.0, 0.0, count) if count > 1 else np.full(count, 0.5)


def _node(ax: Axes, x: float, y: float, text: str) -> None:
    box = {"boxstyle": "round,pad=0.35", "facecolor": SURFACE_TINT, "edgecolor": FAINT, "linewidth": 0.8}
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, bbox=box, zorder=3)
