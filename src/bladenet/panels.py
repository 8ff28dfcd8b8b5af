"""A shape drawn: a curve with its kinks, bars of categories, or a map of a pair with the neurons' lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.display import written_out
from bladenet.losses import Array, probabilities
from bladenet.scene import CURVE
from bladenet.styling import (
    CLASS_COLOURS,
    DASHES,
    EFFECT,
    FAINT,
    INK,
    abbreviated,
    blended,
    clipped,
    colour_bar,
    draw_legend,
    draw_legend_of_outputs,
    group_thousands,
    output_look,
    room,
    shown_in_legend,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bladenet.shapes import Shape

EFFECTS = "effect"  # what axes show
MOST_LEVELS = 8  # categories drawn of one column
TAIL = 0.005  # of the effects beyond either end of the colours of a map
LINES = 25  # neurons drawn on a map
DOTS = 1500  # samples drawn on a panel
WRITTEN = 5  # columns of a table with room for its numbers
ACROSS, HIGH, ABOVE = 32, 28, 40  # letters along the axes of a panel, and in a line of its title
LEVEL, UPRIGHT, LEGEND = 24, 16, 19  # of a category beside the axes, below them, and in a legend
CONTOURS = 6  # lines of an output on a map


def draw_shape(shape: Shape, ax: Axes, *, legend: bool = True) -> None:
    """Draw a shape into axes, where there are several outputs with a legend of them."""
    panel = _Panel(ax, shape)
    panel.draw()
    if legend and shape.scene.outputs:
        panel.draw_outputs()


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


def _rounded(value: float) -> str:
    return written_out(value, 3).replace("-", "−")


class _Panel:
    """A shape drawn into axes."""

    def __init__(self, ax: Axes, shape: Shape):
        self.ax, self.shape, self.scene = ax, shape, shape.scene
        self.effect, self.outputs = shape.effect, shape.scene.outputs

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

    def draw_outputs(self) -> None:
        """A legend of the outputs, beside that of categories if there is one."""
        other = self.ax.get_legend()
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0, "alignment": "left"}
        draw_legend_of_outputs(self.ax, self.scene, **place)
        if other is not None:
            self.ax.add_artist(other)

    def _curve(self) -> None:
        """One number."""
        places = self.shape.along(0)
        height = self.effect(self.shape.rows([places[:, None]]))
        self.ax.axhline(0.0, color=FAINT, linewidth=0.6)
        low, high = self.shape.range(0)
        for k, values in enumerate(np.atleast_2d(height.T)):
            look = output_look(k) if self.outputs else {"color": CLASS_COLOURS[1]}
            self.ax.plot(places, values, linewidth=2, **look)
            kinks = self.shape.bends(k)
            kinks = kinks[(kinks >= low) & (kinks <= high)]
            marks = self.ax.scatter(kinks, np.interp(kinks, places, values), s=18, c="white", marker="D", zorder=5)
            marks.set(edgecolor=look["color"], linewidth=1.0, clip_on=False)
        self._rug(0)
        self.ax.set_xlim(low, high)
        self._label(self.shape.names[0], EFFECTS)

    def _label(self, x: str, y: str) -> None:
        group_thousands(self.ax)
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
        places = np.arange(len(names))
        if self.outputs:
            width = 0.8 / len(self.outputs)
            for k, values in enumerate(height.T):
                shift = (k - (len(self.outputs) - 1) / 2) * width
                self.ax.barh(places + shift, values, color=output_look(k)["color"], height=0.9 * width)
        else:
            colours = [CLASS_COLOURS[int(value > 0)] for value in height]
            self.ax.barh(places, height, color=colours, height=0.6)
        self.ax.axvline(0.0, color=FAINT, linewidth=0.8)
        self.ax.set_yticks(np.arange(len(names)), **_levels(names))
        self.ax.invert_yaxis()
        self._label(EFFECTS, self.shape.named(0))

    def _curves(self, which: int) -> None:
        """A number and categories: a curve for each, of every output; of several outputs fewer categories."""
        names, states = self.shape.levels(1 - which, len(DASHES) if self.outputs else MOST_LEVELS)
        short = abbreviated(names, LEGEND)
        places = self.shape.along(which)
        self.ax.axhline(0.0, color=FAINT, linewidth=0.6)
        for k, (name, state) in enumerate(zip(names, states, strict=True)):
            parts = [places[:, None], np.tile(state, (len(places), 1))]
            height = self.effect(self.shape.rows(parts if which == 0 else parts[::-1]))
            label, dashes = shown_in_legend(short[name]), DASHES[k % len(DASHES)]
            for o, values in enumerate(np.atleast_2d(height.T)):
                colour = CLASS_COLOURS[(o if self.outputs else k) % len(CLASS_COLOURS)]
                self.ax.plot(places, values, color=colour, linestyle=dashes, label=None if self.outputs else label)
            if self.outputs:
                self.ax.plot([], [], color=INK, linestyle=dashes, label=label)
        self._rug(which)
        self.ax.set_xlim(*self.shape.range(which))
        self._label(self.shape.names[which], EFFECTS)
        named = self.shape.named(1 - which, len(DASHES) if self.outputs else MOST_LEVELS)
        draw_legend(self.ax, clipped(named, 2 * LEGEND), fontsize=8, title_fontsize=8)

    def _map(self) -> None:
        """Two numbers."""
        first, second = self.shape.places(0), self.shape.places(1)
        (x0, x1), (y0, y1) = first[[0, -1]], second[[0, -1]]
        X, Y = np.meshgrid(first, second)
        height = self.effect(self.shape.rows([X.reshape(-1, 1), Y.reshape(-1, 1)]))
        classes = hasattr(self.scene.model, "classes_")
        if classes and self.outputs:
            colours = blended(probabilities(height)).reshape(*X.shape, 3)
            self.ax.imshow(colours, origin="lower", extent=(x0, x1, y0, y1), aspect="auto", zorder=0)
        elif self.outputs:
            self._contours(X, Y, height.reshape(*X.shape, -1))
        else:
            self._surface(X, Y, height.reshape(X.shape))
        plane = [int(features[0]) for features in self.shape.features]
        if classes or not self.outputs:  # contours are lines enough
            self._neurons(plane, (x0, y0), (x1, y1))
        x, y = self.scene.some(DOTS)[:, plane].T
        self.ax.scatter(x, y, s=4, c=INK, alpha=0.35, linewidths=0)
        self.ax.set_xlim(x0, x1)
        self.ax.set_ylim(y0, y1)
        self._label(*self.shape.names)

    def _neurons(self, plane: list[int], low: tuple[float, float], high: tuple[float, float]) -> None:
        """The lines on which the strongest neurons switch on."""
        from matplotlib.collections import LineCollection

        corner, other = self.scene.units.low.copy(), self.scene.units.high.copy()
        corner[plane], other[plane] = low, high
        units = replace(self.scene.units, low=corner, high=other)
        network, importance = self.scene.model.network_, self.scene.model.evidence_.importance
        strongest = sorted(self.shape.neurons, key=lambda j: -importance[j])[:LINES]
        lines = [units.curve(plane, network.weights[j], float(network.biases[j]), CURVE) for j in strongest]
        drawn = LineCollection([line for line in lines if line is not None], colors=INK, linewidths=0.6, alpha=0.45)
        self.ax.add_collection(drawn, autolim=False)

    def _surface(self, X: Array, Y: Array, height: Array) -> None:
        """A map of one output in colours."""
        from matplotlib.colors import Normalize

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

    def _contours(self, X: Array, Y: Array, height: Array) -> None:
        """A map of several outputs: lines of equal effect, of each in its colour."""
        from matplotlib.ticker import MaxNLocator

        for k, effects in enumerate(self.effect(self.scene.typical).T):
            levels = MaxNLocator(CONTOURS).tick_values(*np.quantile(effects, [TAIL, 1.0 - TAIL]))
            look = output_look(k)
            lines = self.ax.contour(X, Y, height[..., k], levels, colors=look["color"], linestyles=[look["linestyle"]])
            self.ax.clabel(lines, fontsize=7, fmt=_rounded)

    def _table(self) -> None:
        """Two columns of categories."""
        (across, first), (down, second) = self.shape.levels(0), self.shape.levels(1)
        pairs = [np.tile(first, (len(down), 1)), np.repeat(second, len(across), axis=0)]
        height = self.effect(self.shape.rows(pairs))
        shape = len(down), len(across)
        if self.outputs:
            self._bars_in_cells(height.reshape(*shape, -1))
        else:
            self._heat(height.reshape(shape))
        narrow = any(room(name) * len(across) > ACROSS for name in across)
        self.ax.set_xticks(np.arange(len(across)), **_levels(across, UPRIGHT), rotation=90 if narrow else 0)
        self.ax.set_yticks(np.arange(len(down)), **_levels(down))
        self._label(self.shape.named(0), self.shape.named(1))

    def _heat(self, height: Array) -> None:
        """Effects on one output as colours of cells."""
        reach = float(np.abs(height).max()) or 1.0
        surface = self.ax.imshow(height, cmap=EFFECT, vmin=-reach, vmax=reach, aspect="auto")
        for (i, j), value in np.ndenumerate(height if height.shape[1] <= WRITTEN else height[:0]):
            colour = "white" if abs(value) > 0.6 * reach else INK
            self.ax.text(j, i, _rounded(value), ha="center", va="center", fontsize=8, color=colour)
        self._scale(surface, -reach, reach)

    def _bars_in_cells(self, height: Array) -> None:
        """Effects on several outputs as bars, from the middle of every cell upwards or downwards."""
        rows, columns, count = height.shape
        reach, width = float(np.abs(height).max()) or 1.0, 0.8 / count
        for (i, j, k), value in np.ndenumerate(height):
            left = j - 0.4 + k * width
            self.ax.bar(left, -0.45 * value / reach, 0.9 * width, bottom=i, align="edge", color=output_look(k)["color"])
        for i in range(rows):
            self.ax.axhline(i, color=FAINT, linewidth=0.5)
        self.ax.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
        self.ax.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
        self.ax.grid(which="minor", color=FAINT, linewidth=0.3, alpha=0.5)
        self.ax.tick_params(which="minor", length=0)
        self.ax.set_xlim(-0.5, columns - 0.5)
        self.ax.set_ylim(rows - 0.5, -0.5)

    def _scale(self, surface: Any, low: float, high: float) -> None:
        from matplotlib.ticker import MaxNLocator

        ticks = np.array(MaxNLocator(5).tick_values(low, high))
        colour_bar(self.ax, surface, EFFECTS, ticks[(ticks >= low) & (ticks <= high)])
