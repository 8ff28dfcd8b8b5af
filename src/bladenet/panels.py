"""A network of many features as a grid of panels, each a part of it that reads one or two columns of the data.

The output is a sum over sets of columns: the neurons that read exactly those. Panels show the strongest sets of one and
two columns as effects on the output, less their mean over the training data, in the user's units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.formulas import percent
from bladenet.losses import Array, Index, get_loss
from bladenet.network import ReLUNetwork
from bladenet.scene import CURVE, Scene
from bladenet.styling import CLASS_COLOURS, EFFECT, FAINT, INK, colour_bar, style, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 6
SIZE = (4.4, 3.5)  # inches of one panel
FINE, COARSE = 400, 120  # grid points of a curve, and along each side of a map
TAIL = 0.005  # of the data beyond either end of an axis
MOST_LEVELS = 8  # categories drawn of one column
LINES = 25  # neurons drawn on a map
DOTS = 1500  # samples drawn on a panel
AVERAGED = 100  # samples that average effects are taken over
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6b6b6b", "#222222")  # Okabe and Ito
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 2)), (0, (1, 3)))  # so that curves on each other are all seen


@dataclass(frozen=True, eq=False)
class Term:
    """The neurons that read exactly these columns.

    Attributes
    ----------
    columns : positions in the data, ascending
    neurons : positions in the network
    share : of the variation of the output over the training data
    """

    columns: tuple[int, ...]
    neurons: Index
    share: float


def terms_of(model: Any) -> list[Term]:
    """The parts of a fitted network by the columns that they read, the strongest first."""
    sources = model.encoding_.sources
    groups: dict[tuple[int, ...], list[int]] = {}
    for j, blade in enumerate(model.blades_):
        groups.setdefault(tuple(sorted({sources[c] for c in blade.coordinates})), []).append(j)
    terms = [Term(key, np.array(js), float(model.evidence_.share[js].sum())) for key, js in groups.items()]
    return sorted(terms, key=lambda term: -term.share)


def draw_panels(scene: Scene) -> Axes:
    """Draw the strongest terms of a scene in a new figure; returns its first axes.

    If all neurons read more than two columns, the average effects of single columns (partial dependence) instead.
    """
    from matplotlib import pyplot

    terms = terms_of(scene.model)
    shown = [term for term in terms if len(term.columns) <= 2][:PANELS]
    if shown or not terms:
        parts = [_Part.of(scene, term) for term in shown]
        caption = _caption(scene, terms, shown)
    else:
        parts = _profiles(scene)[:PANELS]
        which = f"the {len(parts)} strongest of {len(scene.names)} columns" * (len(parts) < len(scene.names))
        caption = f"Average effects of single columns on {_output(scene)}; {which or 'each neuron reads more than two'}"
    columns = max(1, min(len(parts), 2 if len(parts) == 4 else 3))
    rows = max(1, -(-len(parts) // columns))
    with style():
        figure = pyplot.figure(figsize=(SIZE[0] * max(columns, 2), SIZE[1] * rows + 0.9))
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax in grid[len(parts) :]:
            ax.set_axis_off()
        for ax, part in zip(grid, parts, strict=False):
            _Panel(ax, scene, part).draw()
        figure.suptitle(f"{verdict(scene.model)}\n", x=0.01, ha="left", fontsize=12, fontweight="bold")
        figure.text(0.01, 1.0 - 0.42 / figure.get_figheight(), caption, fontsize=9, color=FAINT)
    return grid[0]


def _caption(scene: Scene, terms: list[Term], shown: list[Term]) -> str:
    if not terms:
        return f"The network is constant: {scene.model.network_.intercept:.4g}"
    share = sum(term.share for term in shown)
    parts = f"the {len(shown)} strongest of {len(terms)} parts" if len(shown) < len(terms) else "all parts"
    return (
        f"Effects on {_output(scene)}, which add up; {parts} of the network, with their shares of its variation "
        f"(together {percent(share, 0)})"
    )


def _output(scene: Scene) -> str:
    classes = getattr(scene.model, "classes_", None)
    if classes is not None:
        return f"the score of {scene.target} = {classes[1]}"
    link = get_loss(scene.model.loss).link
    return f"the {link} of {scene.target}" if link else scene.target


@dataclass(frozen=True, eq=False)
class _Part:
    """What one panel shows.

    Attributes
    ----------
    columns : positions in the data
    title : str
    effect : from features (n, d), of which only those of the columns count, to effects (n,)
    neurons : positions in the network of the neurons drawn
    """

    columns: tuple[int, ...]
    title: str
    effect: Callable[[Array], Array]
    neurons: Index

    @classmethod
    def of(cls, scene: Scene, term: Term) -> _Part:
        """A term of the network."""
        network, chosen = scene.model.network_, term.neurons
        part = ReLUNetwork(network.weights[chosen], network.biases[chosen], network.amplitudes[chosen], 0.0)
        scaling = scene.units.scaling
        mean = float(part.predict(scaling.apply(scene.X)).mean())
        title = f"{' × '.join(scene.names[i] for i in term.columns)}   {percent(term.share, 0)}"
        return cls(term.columns, title, lambda rows: part.predict(scaling.apply(rows)) - mean, chosen)


def _profiles(scene: Scene) -> list[_Part]:
    """For each column the output averaged over some samples with that column changed, the most variable first."""
    network, scaling = scene.model.network_, scene.units.scaling
    samples, sources = _some(scene.X, AVERAGED), np.array(scene.model.encoding_.sources)

    def average(column: int, rows: Array) -> Array:
        total = np.zeros(len(rows))
        for sample in samples:
            total += network.predict(scaling.apply(np.where(sources == column, rows, sample)))
        return total / len(samples)

    def effect(column: int, mean: float, rows: Array) -> Array:
        return average(column, rows) - mean

    heights = [average(i, samples) for i in range(len(scene.names))]
    none = np.zeros(0, dtype=np.int64)
    parts = [
        _Part((i,), name, partial(effect, i, float(heights[i].mean())), none) for i, name in enumerate(scene.names)
    ]
    spreads = np.array([values.std() for values in heights])
    return [parts[i] for i in np.argsort(-spreads, kind="stable")]


class _Panel:
    """One part drawn into axes."""

    def __init__(self, ax: Axes, scene: Scene, part: _Part):
        self.ax, self.scene, self.part = ax, scene, part
        self.encoding, self.effect = scene.model.encoding_, part.effect
        self.names = [scene.names[i] for i in part.columns]
        self.features = [np.flatnonzero(np.array(self.encoding.sources) == i) for i in part.columns]

    def draw(self) -> None:
        """Choose by the kinds of columns."""
        numeric = [self.encoding.columns[i].levels is None for i in self.part.columns]
        if len(numeric) == 1:
            self._curve() if numeric[0] else self._bars()
        elif all(numeric):
            self._map()
        elif any(numeric):
            self._curves(numeric.index(True))
        else:
            self._table()
        self.ax.set_title(self.part.title, fontsize=10.5)

    def _rows(self, states: list[Array]) -> Array:
        """Rows of features with those of the term's columns set, (k, width) each."""
        rows = np.zeros((len(states[0]), self.scene.X.shape[1]))
        for features, state in zip(self.features, states, strict=True):
            rows[:, features] = state
        return rows

    def _levels(self, which: int) -> tuple[list[str], Array]:
        """Names of the (commonest) categories of a column, and their indicators (levels, width)."""
        column = self.encoding.columns[self.part.columns[which]]
        levels = list(column.levels or ())
        width, skipped = len(self.features[which]), len(levels) - len(self.features[which])
        states = np.eye(len(levels))[:, skipped:].reshape(len(levels), width)
        cells = self.scene.X[:, self.features[which]]
        counts = (cells[:, None, :] == states).all(axis=2).sum(axis=0)
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
        return [str(levels[i]) for i in kept], states[kept]

    def _named(self, which: int) -> str:
        """Name of a column of categories, and how many of them are drawn if not all."""
        count = len(self.encoding.columns[self.part.columns[which]].levels or ())
        return self.names[which] + f" (the {MOST_LEVELS} commonest of {count})" * (count > MOST_LEVELS)

    def _range(self, which: int) -> tuple[float, float]:
        """Of an axis: most of the data."""
        values = self.scene.X[:, self.features[which][0]]
        low, high = np.quantile(values, [TAIL, 1.0 - TAIL], method="inverted_cdf")
        return (low, high) if low < high else (values.min() - 0.5, values.max() + 0.5)

    def _along(self, which: int) -> Array:
        """Fine places along an axis, all bends of the scaling and kinks at samples among them."""
        feature = int(self.features[which][0])
        low, high = self._range(which)
        own = np.concatenate(
            [np.linspace(low, high, FINE), self.scene.units.scaling.bends(feature), self._kinks(which)]
        )
        return np.unique(own[(own >= low) & (own <= high)])

    def _kinks(self, which: int) -> Array:
        """Values at which neurons that read this number alone switch on."""
        network, units = self.scene.model.network_, self.scene.units
        found = [units.switches(network.weights[j], float(network.biases[j])) for j in self.part.neurons]
        return np.array(sorted({points[0][0] for points in found if len(points) == 1 and len(points[0]) == 1}))

    def _curve(self) -> None:
        """One number."""
        places = self._along(0)
        height = self.effect(self._rows([places[:, None]]))
        self.ax.axhline(0.0, color=FAINT, linewidth=0.6)
        self.ax.plot(places, height, color=CLASS_COLOURS[1], linewidth=2)
        low, high = self._range(0)
        kinks = self._kinks(0)
        kinks = kinks[(kinks >= low) & (kinks <= high)]
        marks = self.ax.scatter(kinks, np.interp(kinks, places, height), s=18, c="white", marker="D", zorder=5)
        marks.set(edgecolor=CLASS_COLOURS[1], linewidth=1.0)
        self._rug(0)
        self.ax.set_xlim(low, high)
        self.ax.set_xlabel(self.names[0])
        self.ax.set_ylabel("effect")

    def _rug(self, which: int) -> None:
        """Where the samples are."""
        values = _some(self.scene.X[:, self.features[which][0]])
        across = self.ax.get_xaxis_transform()
        self.ax.vlines(values, 0.0, 0.03, transform=across, color=INK, linewidth=0.4, alpha=0.35)

    def _bars(self) -> None:
        """One column of categories."""
        names, states = self._levels(0)
        height = self.effect(self._rows([states]))
        colours = [CLASS_COLOURS[int(value > 0)] for value in height]
        self.ax.barh(np.arange(len(names)), height, color=colours, height=0.6)
        self.ax.axvline(0.0, color=FAINT, linewidth=0.8)
        self.ax.set_yticks(np.arange(len(names)), names)
        self.ax.invert_yaxis()
        self.ax.set_ylabel(self._named(0))
        self.ax.set_xlabel("effect")

    def _curves(self, which: int) -> None:
        """A number and categories: a curve for each."""
        names, states = self._levels(1 - which)
        places = self._along(which)
        self.ax.axhline(0.0, color=FAINT, linewidth=0.6)
        for k, (name, state) in enumerate(zip(names, states, strict=True)):
            parts = [places[:, None], np.tile(state, (len(places), 1))]
            height = self.effect(self._rows(parts if which == 0 else parts[::-1]))
            self.ax.plot(places, height, color=PALETTE[k], linestyle=DASHES[k % len(DASHES)], label=name)
        self._rug(which)
        self.ax.set_xlim(*self._range(which))
        self.ax.set_xlabel(self.names[which])
        self.ax.set_ylabel("effect")
        self.ax.legend(title=self._named(1 - which), fontsize=8, title_fontsize=8, loc="best")

    def _map(self) -> None:
        """Two numbers."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import Normalize

        (x0, x1), (y0, y1) = self._range(0), self._range(1)
        first, second = np.linspace(x0, x1, COARSE), np.linspace(y0, y1, COARSE)
        X, Y = np.meshgrid(first, second)
        height = self.effect(self._rows([X.reshape(-1, 1), Y.reshape(-1, 1)])).reshape(X.shape)
        low, high = np.quantile(self.effect(self.scene.X), [TAIL, 1.0 - TAIL])  # corners without data may be far out
        low, high = (low, high) if low < high else (low - 1.0, high + 1.0)
        reach = max(-low, high)
        levels = np.linspace(low, high, 22)
        levels[[0, -1]] += [-1e-6 * reach, 1e-6 * reach]  # flat parts lie on the first level
        surface = self.ax.contourf(
            X, Y, height.clip(low, high), levels=levels, cmap=EFFECT, norm=Normalize(-reach, reach)
        )
        self._scale(surface, low, high)
        plane = [int(features[0]) for features in self.features]
        corner, other = self.scene.units.low.copy(), self.scene.units.high.copy()
        corner[plane], other[plane] = (x0, y0), (x1, y1)
        units = replace(self.scene.units, low=corner, high=other)
        network, importance = self.scene.model.network_, self.scene.model.evidence_.importance
        strongest = sorted(self.part.neurons, key=lambda j: -importance[j])[:LINES]
        lines = [units.curve(plane, network.weights[j], float(network.biases[j]), CURVE) for j in strongest]
        drawn = LineCollection([line for line in lines if line is not None], colors=INK, linewidths=0.6, alpha=0.45)
        self.ax.add_collection(drawn, autolim=False)
        x, y = _some(self.scene.X[:, plane]).T
        self.ax.scatter(x, y, s=4, c=INK, alpha=0.35, linewidths=0)
        self.ax.set_xlim(x0, x1)
        self.ax.set_ylim(y0, y1)
        self.ax.set_xlabel(self.names[0])
        self.ax.set_ylabel(self.names[1])

    def _table(self) -> None:
        """Two columns of categories."""
        (across, first), (down, second) = self._levels(0), self._levels(1)
        pairs = [np.tile(first, (len(down), 1)), np.repeat(second, len(across), axis=0)]
        height = self.effect(self._rows(pairs)).reshape(len(down), len(across))
        reach = float(np.abs(height).max()) or 1.0
        surface = self.ax.imshow(height, cmap=EFFECT, vmin=-reach, vmax=reach, aspect="auto")
        for (i, j), value in np.ndenumerate(height):
            colour = "white" if abs(value) > 0.6 * reach else INK
            self.ax.text(j, i, f"{value:.3g}".replace("-", "−"), ha="center", va="center", fontsize=8, color=colour)
        self._scale(surface, -reach, reach)
        self.ax.set_xticks(np.arange(len(across)), across)
        self.ax.set_yticks(np.arange(len(down)), down)
        self.ax.set_xlabel(self._named(0))
        self.ax.set_ylabel(self._named(1))

    def _scale(self, surface: Any, low: float, high: float) -> None:
        from matplotlib.ticker import MaxNLocator

        ticks = np.array(MaxNLocator(5).tick_values(low, high))
        colour_bar(self.ax, surface, "effect", ticks[(ticks >= low) & (ticks <= high)])


def _some(values: Array, most: int = DOTS) -> Array:
    """Enough of the samples to see where they are."""
    chosen = np.random.default_rng(0).permutation(len(values))[:most]
    return values[chosen]
