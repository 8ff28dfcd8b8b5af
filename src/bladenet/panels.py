"""A shape drawn: a curve with its kinks, bars of categories, or a map of a pair with the neurons' lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.scene import CURVE
from bladenet.styling import (
    CLASS_COLOURS,
    EFFECT,
    FAINT,
    INK,
    abbreviated,
    clipped,
    colour_bar,
    draw_legend,
    room,
    shown_in_legend,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bladenet.shapes import Shape

TAIL = 0.005  # of the effects beyond either end of the colours of a map
LINES = 25  # neurons drawn on a map
DOTS = 1500  # samples drawn on a panel
WRITTEN = 5  # columns of a table with room for its numbers
ACROSS, HIGH, ABOVE = 32, 28, 40  # letters along the axes of a panel, and in a line of its title
LEVEL, UPRIGHT, LEGEND = 24, 16, 19  # of a category beside the axes, below them, and in a legend
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 2)), (0, (1, 3)))  # so that curves on each other are all seen


def draw_shape(shape: Shape, ax: Axes) -> None:
    """Draw a shape into axes."""
    _Panel(ax, shape).draw()


def _title(shape: Shape) -> str:
    """The title on one line, or a line for each column; the axes have the names in full."""
    if room(shape.title) <= ABOVE:
        return shape.title
    short = abbreviated(shape.names, ABOVE - 7)
    share = shape.title.removeprefix(" × ".join(shape.names))
    return " ×\n".join(short[name] for name in shape.names) + share


def _levels(names: list[str], letters: int = LEVEL) -> dict[str, Any]:
    """Categories as labels of ticks."""
    short = abbreviated(names, letters)
    return {"labels": [short[name] for name in names], "fontsize": 10 if max(map(room, names)) <= letters / 2 else 7.5}


class _Panel:
    """A shape drawn into axes."""

    def __init__(self, ax: Axes, shape: Shape):
        self.ax, self.shape, self.scene = ax, shape, shape.scene
        self.effect = shape.effect

    def draw(self) -> None:
        """Choose by the kinds of columns."""
        numeric = self.shape.numeric
        if len(numeric) == 1:
            self._curve() if numeric[0] else self._bars()
        elif all(numeric):
            self._map()
        elif any(numeric):
            self._curves(numeric.index(True))
        else:
            self._table()
        self.ax.set_title(_title(self.shape), fontsize=10.5)

    def _curve(self) -> None:
        """One number."""
        places = self.shape.along(0)
        height = self.effect(self.shape.rows([places[:, None]]))
        self.ax.axhline(0.0, color=FAINT, linewidth=0.6)
        self.ax.plot(places, height, color=CLASS_COLOURS[1], linewidth=2)
        low, high = self.shape.range(0)
        kinks = self.shape.kinks()
        kinks = kinks[(kinks >= low) & (kinks <= high)]
        marks = self.ax.scatter(kinks, np.interp(kinks, places, height), s=18, c="white", marker="D", zorder=5)
        marks.set(edgecolor=CLASS_COLOURS[1], linewidth=1.0)
        self._rug(0)
        self.ax.set_xlim(low, high)
        self._label(self.shape.names[0], "effect")

    def _label(self, x: str, y: str) -> None:
        self.ax.set_xlabel(wrapped(x, ACROSS))
        self.ax.set_ylabel(wrapped(y, HIGH))

    def _rug(self, which: int) -> None:
        """Where the samples are."""
        values = self.scene.some(DOTS)[:, self.shape.features[which][0]]
        across = self.ax.get_xaxis_transform()
        self.ax.vlines(values, 0.0, 0.03, transform=across, color=INK, linewidth=0.4, alpha=0.35)

    def _bars(self) -> None:
        """One column of categories."""
        names, states = self.shape.levels(0)
        height = self.effect(self.shape.rows([states]))
        colours = [CLASS_COLOURS[int(value > 0)] for value in height]
        self.ax.barh(np.arange(len(names)), height, color=colours, height=0.6)
        self.ax.axvline(0.0, color=FAINT, linewidth=0.8)
        self.ax.set_yticks(np.arange(len(names)), **_levels(names))
        self.ax.invert_yaxis()
        self._label("effect", self.shape.named(0))

    def _curves(self, which: int) -> None:
        """A number and categories: a curve for each."""
        names, states = self.shape.levels(1 - which)
        short = abbreviated(names, LEGEND)
        places = self.shape.along(which)
        self.ax.axhline(0.0, color=FAINT, linewidth=0.6)
        for k, (name, state) in enumerate(zip(names, states, strict=True)):
            parts = [places[:, None], np.tile(state, (len(places), 1))]
            height = self.effect(self.shape.rows(parts if which == 0 else parts[::-1]))
            self.ax.plot(
                places,
                height,
                color=CLASS_COLOURS[k % len(CLASS_COLOURS)],
                linestyle=DASHES[k % len(DASHES)],
                label=shown_in_legend(short[name]),
            )
        self._rug(which)
        self.ax.set_xlim(*self.shape.range(which))
        self._label(self.shape.names[which], "effect")
        draw_legend(self.ax, clipped(self.shape.named(1 - which), 2 * LEGEND), fontsize=8, title_fontsize=8)

    def _map(self) -> None:
        """Two numbers."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import Normalize

        first, second = self.shape.places(0), self.shape.places(1)
        (x0, x1), (y0, y1) = first[[0, -1]], second[[0, -1]]
        X, Y = np.meshgrid(first, second)
        height = self.effect(self.shape.rows([X.reshape(-1, 1), Y.reshape(-1, 1)])).reshape(X.shape)
        effects = self.effect(self.scene.typical)  # corners without data may be far out
        low, high = np.quantile(effects, [TAIL, 1.0 - TAIL])
        low, high = (low, high) if low < high else (low - 1.0, high + 1.0)
        reach = max(-low, high)
        levels = np.linspace(low, high, 22)
        levels[[0, -1]] += [-1e-6 * reach, 1e-6 * reach]  # flat parts lie on the first level
        surface = self.ax.contourf(
            X, Y, height.clip(low, high), levels=levels, cmap=EFFECT, norm=Normalize(-reach, reach)
        )
        self._scale(surface, low, high)
        plane = [int(features[0]) for features in self.shape.features]
        corner, other = self.scene.units.low.copy(), self.scene.units.high.copy()
        corner[plane], other[plane] = (x0, y0), (x1, y1)
        units = replace(self.scene.units, low=corner, high=other)
        network, importance = self.scene.model.network_, self.scene.model.evidence_.importance
        strongest = sorted(self.shape.neurons, key=lambda j: -importance[j])[:LINES]
        lines = [units.curve(plane, network.weights[j], float(network.biases[j]), CURVE) for j in strongest]
        drawn = LineCollection([line for line in lines if line is not None], colors=INK, linewidths=0.6, alpha=0.45)
        self.ax.add_collection(drawn, autolim=False)
        x, y = self.scene.some(DOTS)[:, plane].T
        self.ax.scatter(x, y, s=4, c=INK, alpha=0.35, linewidths=0)
        self.ax.set_xlim(x0, x1)
        self.ax.set_ylim(y0, y1)
        self._label(*self.shape.names)

    def _table(self) -> None:
        """Two columns of categories."""
        (across, first), (down, second) = self.shape.levels(0), self.shape.levels(1)
        pairs = [np.tile(first, (len(down), 1)), np.repeat(second, len(across), axis=0)]
        height = self.effect(self.shape.rows(pairs)).reshape(len(down), len(across))
        reach = float(np.abs(height).max()) or 1.0
        surface = self.ax.imshow(height, cmap=EFFECT, vmin=-reach, vmax=reach, aspect="auto")
        for (i, j), value in np.ndenumerate(height if len(across) <= WRITTEN else height[:0]):
            colour = "white" if abs(value) > 0.6 * reach else INK
            self.ax.text(j, i, f"{value:.3g}".replace("-", "−"), ha="center", va="center", fontsize=8, color=colour)
        self._scale(surface, -reach, reach)
        narrow = any(room(name) * len(across) > ACROSS for name in across)
        self.ax.set_xticks(np.arange(len(across)), **_levels(across, UPRIGHT), rotation=90 if narrow else 0)
        self.ax.set_yticks(np.arange(len(down)), **_levels(down))
        self._label(self.shape.named(0), self.shape.named(1))

    def _scale(self, surface: Any, low: float, high: float) -> None:
        from matplotlib.ticker import MaxNLocator

        ticks = np.array(MaxNLocator(5).tick_values(low, high))
        colour_bar(self.ax, surface, "effect", ticks[(ticks >= low) & (ticks <= high)])
