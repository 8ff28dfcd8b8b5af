"""Shapes: the parts of a network that read one column of the data, or a pair, as curves, bars and maps.

The output is a sum over sets of columns: the neurons that read exactly those. A shape is such a part as an effect on
the output, less its mean over the training data, in the user's units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.display import Listing, Shown, View
from bladenet.evidence import parts_of
from bladenet.formulas import apart, percent
from bladenet.losses import Array, Index
from bladenet.network import ReLUNetwork
from bladenet.panels import MOST_LEVELS, draw_shape
from bladenet.scaling import Scaling
from bladenet.scene import Scene
from bladenet.styling import new_axes, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FINE, COARSE = 400, 120  # grid points of a curve, and along each side of a map
TAIL = 0.005  # of the data beyond either end of an axis
FIELDS = ("kink", "sample")  # beside columns and effects, in data()
AVERAGED = 100  # samples that average effects are taken over


@dataclass(frozen=True, eq=False, repr=False)
class Term(Shown):
    """The neurons that read exactly these columns.

    Attributes
    ----------
    columns : positions in the data, ascending
    neurons : positions in the network
    importance : standard deviation of what they contribute together over the training data, as a share of the sum of
        those of all terms
    share : covariance of it with the output, divided by the variance of the output; negative if it opposes the others
    """

    columns: tuple[int, ...]
    neurons: Index
    importance: float
    share: float


def terms_of(model: Any) -> list[Term]:
    """The parts of a fitted network by the columns that they read, the most important first."""
    evidence, parts = model.evidence_, parts_of(model.blades_, model.encoding_.sources)
    total = sum(evidence.together[neurons[0]] for neurons in parts.values()) or 1.0
    terms = [
        Term(columns, neurons, float(evidence.together[neurons[0]] / total), float(evidence.share[neurons].sum()))
        for columns, neurons in parts.items()
    ]
    return sorted(terms, key=lambda term: -term.importance)


@dataclass(frozen=True, eq=False, repr=False)
class Shape(Shown):
    """An effect on the output as a function of one or two columns.

    Attributes
    ----------
    scene : Scene, the model and its data
    columns : positions in the data
    title : str
    importance : how much it moves the output: the standard deviation of the effect over the training data, as a share
        of the sum of those of all parts; nan for an average effect
    share : covariance of the effect with the output over the training data, divided by the variance of the output:
        negative if it opposes the other parts; nan for an average effect
    effect : from features (n, d), of which only those of the columns count, to effects (n,), or (n, c) for several
        outputs
    neurons : positions in the network of the neurons that make it
    """

    scene: Scene
    columns: tuple[int, ...]
    title: str
    importance: float
    share: float
    effect: Callable[[Array], Array]
    neurons: Index

    def _view(self) -> View:
        neurons = str(len(self.neurons)) if len(self.neurons) else "all, averaged"
        importance = "unknown" if np.isnan(self.importance) else percent(self.importance)
        return View("Shape", [("columns", " × ".join(self.names)), ("importance", importance), ("neurons", neurons)])

    @classmethod
    def of(cls, scene: Scene, term: Term) -> Shape:
        """A term of the network."""
        network, chosen = scene.model.network_, term.neurons
        part = ReLUNetwork(
            network.weights[chosen], network.biases[chosen], network.amplitudes[chosen], 0.0 * network.intercept
        )
        scaling = scene.units.scaling
        mean = part.predict(scaling.apply(scene.typical)).mean(axis=0)
        title = f"{' × '.join(scene.names[i] for i in term.columns)}   {percent(term.importance, 0)}"
        effect = partial(_above, partial(_output, part, scaling), mean)
        return cls(scene, term.columns, title, term.importance, term.share, effect, chosen)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [self.scene.names[i] for i in self.columns]

    @property
    def numeric(self) -> list[bool]:
        """Whether each column is a number, and not categories."""
        return [self.scene.model.encoding_.columns[i].levels is None for i in self.columns]

    @property
    def features(self) -> list[Index]:
        """The features of the network that each column becomes."""
        sources = np.array(self.scene.model.encoding_.sources)
        return [np.flatnonzero(sources == i) for i in self.columns]

    def data(self) -> pd.DataFrame:
        """Its values: one row for each place on a grid of the columns, with the effect there.

        A column of numbers has places along most of its range, among them all kinks of neurons that read it alone; for
        a single one, `kink` says which they are, and `sample` the row of the training data that is there. A column of
        categories has its (commonest) categories. With several outputs there is effect[NAME] for each. One of these
        names among the columns becomes "NAME (data)".
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        several = len(self.columns) > 1
        axes = [self._axis(which, coarse=several and all(self.numeric)) for which in range(len(self.columns))]
        places = np.meshgrid(*(np.arange(len(states)) for _, states in axes), indexing="ij")
        states = [states[place.ravel()] for (_, states), place in zip(axes, places, strict=True)]
        fields = [f"effect[{name}]" for name in self.scene.outputs] or ["effect"]
        names = apart(self.names, (*fields, *FIELDS))
        frame = pd.DataFrame(
            {name: values[place.ravel()] for name, (values, _), place in zip(names, axes, places, strict=True)}
        )
        effects = np.atleast_2d(self.effect(self.rows(states)).T)
        for field, values in zip(fields, effects, strict=True):
            frame[field] = values
        if not several and self.numeric[0]:
            pinned = self._pinned
            frame["kink"] = np.isin(frame[names[0]], self.kinks())
            labels, found = self.scene.model.row_labels_, [pinned.get(value) for value in frame[names[0]]]
            called = [None if row is None else labels[row] for row in found]
            whole = all(isinstance(label, int) for label in called if label is not None)
            frame["sample"] = pd.array(called, dtype="Int64" if whole else "object")
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, numbers and strings, ready for JSON."""
        known = not np.isnan(self.share)
        return {
            "columns": self.names,
            "importance": self.importance if known else None,
            "share": self.share if known else None,
            "neurons": self.neurons.tolist(),
            "values": self.data().to_dict("list"),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it, into `ax` or a new figure."""
        with style():
            ax = new_axes() if ax is None else ax
            draw_shape(self, ax)
        return ax

    def _axis(self, which: int, *, coarse: bool) -> tuple[np.ndarray, Array]:
        """Values of a column, (k,), and the features that they are, (k, width)."""
        if not self.numeric[which]:
            names, states = self.levels(which)
            return np.array(names, dtype=object), states
        values = self.places(which) if coarse else self.along(which)
        return values, values[:, None]

    def rows(self, states: list[Array]) -> Array:
        """Rows of features with those of the term's columns set, (k, width) each."""
        rows = np.zeros((len(states[0]), self.scene.X.shape[1]))
        for features, state in zip(self.features, states, strict=True):
            rows[:, features] = state
        return rows

    def levels(self, which: int, most: int = MOST_LEVELS) -> tuple[list[str], Array]:
        """Names of the commonest categories of a column, `most` or all, and their indicators (levels, width)."""
        column = self.scene.model.encoding_.columns[self.columns[which]]
        levels = list(column.levels or ())
        width, skipped = len(self.features[which]), len(levels) - len(self.features[which])
        states = np.eye(len(levels))[:, skipped:].reshape(len(levels), width)
        cells = self.scene.X[:, self.features[which]]
        counts = (cells[:, None, :] == states).all(axis=2).sum(axis=0)
        kept = np.sort(np.argsort(-counts, kind="stable")[:most])
        return [str(levels[i]) for i in kept], states[kept]

    def named(self, which: int, most: int = MOST_LEVELS) -> str:
        """Name of a column of categories, and how many of them are drawn if not all."""
        count = len(self.scene.model.encoding_.columns[self.columns[which]].levels or ())
        return self.names[which] + f" (the {most} commonest of {count})" * (count > most)

    def range(self, which: int) -> tuple[float, float]:
        """Of an axis: most of the data."""
        values = self.scene.typical[:, self.features[which][0]]
        low, high = np.quantile(values, [TAIL, 1.0 - TAIL], method="inverted_cdf")
        return (low, high) if low < high else (values.min() - 0.5, values.max() + 0.5)

    def places(self, which: int) -> Array:
        """Evenly spaced places along an axis, for a map."""
        return np.linspace(*self.range(which), COARSE)

    def along(self, which: int) -> Array:
        """Fine places along an axis, all bends of the scaling and kinks at samples among them."""
        feature = int(self.features[which][0])
        low, high = self.range(which)
        own = np.concatenate([np.linspace(low, high, FINE), self.scene.units.scaling.bends(feature), self.kinks()])
        return np.unique(own[(own >= low) & (own <= high)])

    def kinks(self) -> Array:
        """Values at which neurons that read this number alone switch on, ascending."""
        return np.array(sorted({value for value, _, _ in self._switches}))

    def bends(self, output: int) -> Array:
        """Those of the kinks at which this output bends more than the others."""
        turns: dict[float, Any] = {}
        for value, _, amplitude in self._switches:
            turns[value] = turns.get(value, 0.0) + np.abs(amplitude)
        return np.array(sorted(value for value, turn in turns.items() if np.argmax(turn) == output))

    @property
    def _pinned(self) -> dict[float, int]:
        """The samples at the kinks."""
        return {value: samples[0] for value, samples, _ in self._switches if samples}

    @property
    def _switches(self) -> list[tuple[float, tuple[int, ...], Array]]:
        """Where the neurons that read one number alone switch on, the samples that pin them, and the outputs' bends."""
        model, units = self.scene.model, self.scene.units
        network = model.network_
        found = [(units.switches(network.weights[j], float(network.biases[j])), j) for j in self.neurons]
        steepness = np.linalg.norm(network.weights, axis=1)
        return [
            (points[0][0], model.blades_[j].samples, steepness[j] * network.amplitudes[j])
            for points, j in found
            if len(points) == 1 and len(points[0]) == 1
        ]


def shapes_of(scene: Scene) -> list[Shape]:
    """The parts of a network that read one or two columns, the most important first.

    If all neurons read more, the average effects of single columns (partial dependence), the most variable first.
    """
    terms = terms_of(scene.model)
    shown = [Shape.of(scene, term) for term in terms if len(term.columns) <= 2]
    return Listing(shown if shown or not terms else _profiles(scene))


def _profiles(scene: Scene) -> list[Shape]:
    """For each column the output averaged over some samples with that column changed, the most variable first."""
    network, scaling = scene.model.network_, scene.units.scaling
    samples = scene.some(AVERAGED) if len(scene.X) else scene.typical
    sources = np.array(scene.model.encoding_.sources)

    averages = [partial(_average, network, scaling, samples, sources == i) for i in range(len(scene.names))]
    heights = [average(samples) for average in averages]
    none = np.zeros(0, dtype=np.int64)
    parts = [
        Shape(
            scene, (i,), name, float("nan"), float("nan"), partial(_above, averages[i], heights[i].mean(axis=0)), none
        )
        for i, name in enumerate(scene.names)
    ]
    spreads = np.array([np.linalg.norm(values.std(axis=0)) for values in heights])
    return [parts[i] for i in np.argsort(-spreads, kind="stable")]


def _output(network: ReLUNetwork, scaling: Scaling, rows: Array) -> Array:
    return network.predict(scaling.apply(rows))


def _average(network: ReLUNetwork, scaling: Scaling, samples: Array, column: np.ndarray, rows: Array) -> Array:
    """The output averaged over samples in which the features of one column, (d,) bool, are those of each row."""
    parts = (network.predict(scaling.apply(np.where(column, rows, sample))) for sample in samples)
    return np.asarray(sum(parts) / len(samples))


def _above(function: Callable[[Array], Array], mean: Array, rows: Array) -> Array:
    return function(rows) - mean
