"""Why a prediction is what it is: what every neuron contributes to it, which adds up exactly.

A neuron contributes amplitude · distance, where the distance of a sample is that from the hyperplane through the
neuron's defining samples, to the side on which it is active (0 on the other): the paper's oriented distance to a hull.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.display import ROWS, Shown, View, counted, cut, number
from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.row_labels import NUMBERED, RowLabels, written_label
from bladenet.styling import (
    CLASS_COLOURS,
    FAINT,
    FEWEST_BARS,
    INK,
    clipped,
    column_labels,
    group_thousands,
    new_axes,
    style,
    wrapped,
    write_titles,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from bladenet.explain import Explanation

STRONGEST = 3  # contributions to one prediction in a table
LISTED = 8  # contributions to one prediction written out
PRINTED = 20  # predictions written out
NAME = 24  # characters of an output in a table
BARS = 10  # contributions to one prediction drawn
NOTHING = 1e-12  # of the largest contribution: rounding, of a sample on the neuron's hyperplane
WIDE = 28  # letters of a line that names what a neuron reads in a picture


@dataclass(frozen=True, eq=False, repr=False)
class Contributions(Shown):
    """What the neurons contribute to the outputs of some samples, in units of the output.

    For classifiers the output is the score (see `output` of :class:`Explanation`), for Poisson the logarithm.

    Attributes
    ----------
    explanation : Explanation of the network; neurons are in its order, the most important first
    distances : (n, m), of each sample from each neuron's hyperplane, to its active side, else 0; in units of the
        features that the network reads
    amplitudes : (m,), or (m, c) for several outputs: contribution per unit of distance
    intercept : float, or (c,)
    outputs : (n,), or (n, c), of the network for each sample
    labels : RowLabels, what the samples are called
    """

    explanation: Explanation
    distances: Array
    amplitudes: Array
    intercept: float | Array
    outputs: Array
    labels: RowLabels = NUMBERED

    @classmethod
    def of(
        cls, explanation: Explanation, network: ReLUNetwork, X: Array, labels: RowLabels = NUMBERED
    ) -> Contributions:
        """Those to the network's outputs for X (n, d), in units of the network's inputs, with labels of its rows."""
        order = [neuron.neuron for neuron in explanation.neurons]
        lengths = np.linalg.norm(network.weights[order], axis=1)
        divisors = np.where(lengths > 0, lengths, 1.0)
        amplitudes = (network.amplitudes[order].T * divisors).T
        return cls(
            explanation,
            network.hidden(X)[:, order] / divisors,
            amplitudes,
            network.intercept,
            network.predict(X),
            labels,
        )

    @property
    def values(self) -> Array:
        """Contributions (n, m), or (n, m, c); with the intercept those of a sample sum to its output."""
        if self.amplitudes.ndim == 1:
            return self.distances * self.amplitudes
        return self.distances[:, :, None] * self.amplitudes

    def __len__(self) -> int:
        return len(self.distances)

    def _view(self) -> View:
        outputs = np.atleast_2d(self.outputs[:ROWS].T).T
        rows = []
        for k, values in enumerate(outputs):
            best = int(values.argmax())
            parts = self.distances[k] * self.amplitudes.reshape(-1, outputs.shape[1])[:, best]
            largest = np.argsort(-np.abs(parts), kind="stable")[:STRONGEST]
            shown = [f"neuron {self.explanation.neurons[j].neuron} {number(parts[j])}" for j in largest if parts[j]]
            name = (cut(self._name(best), NAME),) if len(values) > 1 else ()
            rows.append((self._called(k), *name, number(values[best]), ", ".join(shown) or "none"))
        header = ("row", *(("largest output",) if outputs.shape[1] > 1 else ()), "output", "strongest contributions")
        count = len(self.explanation.neurons)
        title = f"Contributions of {counted(count, 'neuron')} to the {self.explanation.output}"
        note = "print() has more of them, data() is a table of all, plot(row) draws."
        return View(
            title, [("intercept", self.explanation.amounts(self.explanation.intercept))], header, rows, len(self), note
        )

    def data(self) -> pd.DataFrame:
        """One row per sample and neuron active there, after one for the intercept; contributions of a sample sum up.

        Columns: row (its label in the data given, or its number), neuron (as in ``explain().data()``, missing for the
        intercept), formula, distance, amplitude and contribution; with several outputs amplitude[NAME] and
        contribution[NAME] for each.
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        n, neurons = len(self), self.explanation.neurons
        rows, which = np.nonzero(self.distances)
        names = [f"[{name}]" for name in self.explanation.outputs] or [""]
        constant = np.tile(np.atleast_1d(self.intercept), (n, 1))
        amplitudes = self.amplitudes.reshape(len(neurons), len(names))[which]
        parts = self.distances[rows, which][:, None] * amplitudes
        number_of = np.array([neuron.neuron for neuron in neurons], dtype=np.int64)
        formula_of = np.array([neuron.formula for neuron in neurons], dtype=object)
        nothing = np.full((n, len(names)), np.nan)
        frame = pd.DataFrame(
            {
                "row": np.r_[np.arange(n), rows],
                "neuron": pd.array([None] * n + number_of[which].tolist(), dtype="Int64"),
                "formula": ["intercept"] * n + formula_of[which].tolist(),
                "distance": np.r_[np.full(n, np.nan), self.distances[rows, which]],
            }
        )
        for k, name in enumerate(names):
            frame[f"amplitude{name}"] = np.r_[nothing[:, k], amplitudes[:, k]]
        for k, name in enumerate(names):
            frame[f"contribution{name}"] = np.r_[constant[:, k], parts[:, k]]
        frame = frame.sort_values("row", kind="stable", ignore_index=True)
        frame["row"] = self.labels.column(frame["row"].to_numpy())
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, numbers and strings, ready for JSON."""
        samples = []
        for row, (distances, output, parts) in enumerate(zip(self.distances, self.outputs, self.values, strict=True)):
            neurons = [
                {
                    "neuron": self.explanation.neurons[j].neuron,
                    "formula": self.explanation.neurons[j].formula,
                    "distance": float(distances[j]),
                    "contribution": parts[j].tolist(),
                }
                for j in np.flatnonzero(distances)
            ]
            samples.append({"row": self.labels[row], "output": output.tolist(), "contributions": neurons})
        intercept = self.intercept.tolist() if isinstance(self.intercept, np.ndarray) else float(self.intercept)
        return {"output": self.explanation.output, "intercept": intercept, "samples": samples}

    def __str__(self) -> str:
        shown = range(min(len(self), PRINTED))
        texts = ["\n".join(self._described(row)) for row in shown]
        more = len(self) - len(shown)
        return "\n\n".join([*texts, *([f"and {counted(more, 'more row')}; data() has all."] if more else [])])

    def plot(self, row: Any = None, output: int = 0, ax: Axes | None = None, title: str | None = None) -> Axes:
        """Draw one output of one sample as a waterfall from the intercept over the strongest neurons to the output.

        Parameters
        ----------
        row : its label, if the rows of the data given have their own, else its number from 0; None for the first
        output : from 0
        ax : axes to draw in; a new figure if None
        title : what the row is called; by default "Row" and its label or number

        Raises
        ------
        IndexError
            If there is no such row or output; says what there is.
        """
        outputs = np.atleast_2d(self.outputs.T).T
        asked, row = row, 0 if row is None else self.labels.row(row, len(self))
        if row is None:
            wanted = f"0 to {len(self) - 1}" if self.labels.values is None else f"one of {self.labels.examples}"
            raise IndexError(f"row must be {wanted}, got {asked!r}.")
        if not 0 <= output < outputs.shape[1]:
            raise IndexError(f"output must be 0 to {outputs.shape[1] - 1}, got {output}.")
        parts = self.values[row].reshape(-1, outputs.shape[1])[:, output]
        neurons = self.explanation.neurons
        reads = column_labels([neuron.columns for neuron in neurons], WIDE)
        short = [f"neuron {neuron.neuron}: {text}" for neuron, text in zip(neurons, reads, strict=True)]
        steps = self._steps(parts, float(np.atleast_1d(self.intercept)[output]), short, BARS)
        names, heights = [name for name, _ in steps], np.array([height for _, height in steps])
        ends = np.cumsum(heights)
        total = float(outputs[row, output])
        with style():
            ax = new_axes() if ax is None else ax
            places = np.arange(len(steps))
            ax.axvline(total, color=INK, linewidth=1.2, linestyle=(0, (4, 2)), zorder=0)
            ax.plot(ends[0], 0, color=FAINT, marker="D")  # not a bar from 0, which may be far away
            colours = [CLASS_COLOURS[int(height > 0)] for height in heights[1:]]
            ax.barh(places[1:], heights[1:], left=ends[:-1], color=colours, height=0.62)
            for k, end in enumerate(ends[:-1]):
                ax.plot([end, end], [k, k + 1], color=FAINT, linewidth=0.7, zorder=1)
            for place, height, low, high in zip(places, heights, [ends[0], *ends[:-1]], ends, strict=True):
                note = ax.annotate(number(height), (max(low, high), place), xytext=(7, 0), textcoords="offset points")
                note.set(va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})  # over the lines
            ax.set_yticks(places, names, fontsize=8.5)
            ax.set_ylim(max(len(steps), FEWEST_BARS) - 0.5, -0.5)
            ax.use_sticky_edges = False
            ax.margins(x=0.14)
            name = self._name(output)
            ax.set_xlabel(wrapped(name, WIDE + 12))
            group_thousands(ax)
            if not self.explanation.outputs:
                name = name.split(" (")[0]  # the class that a positive score stands for is below the axis
            active = int((self.distances[row] > 0).sum())
            caption = f"{active} of {counted(len(parts), 'neuron')} active; each adds its bar,\nthe strongest first"
            write_titles(ax, f"{title or f'Row {self._called(row)}'}: {clipped(name, WIDE)} = {number(total)}", caption)
        return ax

    def _steps(self, parts: Array, intercept: float, names: list[str], most: int) -> list[tuple[str, float]]:
        """The intercept, the largest contributions, and the sum of the others."""
        order = np.argsort(-np.abs(parts), kind="stable")
        order = order[np.abs(parts[order]) > NOTHING * np.abs(parts).max(initial=0.0)]
        kept = order if len(order) <= most else order[: most - 1]
        steps = [(names[j], float(parts[j])) for j in kept]
        if len(kept) < len(order):
            steps.append((f"{len(order) - len(kept)} other neurons", float(parts[order[len(kept) :]].sum())))
        return [("intercept", intercept), *steps]

    def _called(self, row: int) -> str:
        return written_label(self.labels[row])

    def _name(self, output: int) -> str:
        return self.explanation.outputs[output] if self.explanation.outputs else self.explanation.output

    def _described(self, row: int) -> list[str]:
        """The text for one sample: one output after the other."""
        outputs = np.atleast_1d(self.outputs[row])
        parts = self.distances[row][:, None] * self.amplitudes.reshape(-1, len(outputs))
        formulas = [neuron.formula for neuron in self.explanation.neurons]
        lines = []
        for k, (total, intercept) in enumerate(zip(outputs, np.atleast_1d(self.intercept), strict=True)):
            lines.append(f"row {self._called(row)}: {self._name(k)} = {number(float(total))}")
            steps = self._steps(parts[:, k], intercept, formulas, LISTED)
            lines += [f"  {number(value):>11}  {text}" for text, value in steps]
        return lines
