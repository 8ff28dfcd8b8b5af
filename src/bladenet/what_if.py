"""What if some samples had not been there: the optimum without them, beside the one with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from bladenet.certificate import Certificate, Status
from bladenet.display import ROWS, Shown, View, brief, counted
from bladenet.formulas import listed, number, percent
from bladenet.losses import Array, row_norms
from bladenet.network import ReLUNetwork
from bladenet.row_labels import NUMBERED, Label, RowLabels, written_label
from bladenet.styling import CLASS_COLOURS, INK, label_axes, new_axes, style, write_titles
from bladenet.training import Fit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NAMED = 5  # rows written out
SAME = 1e-9  # distance of hyperplanes that are one


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Shown):
    """Two optima for the same β: of all samples, and of those that are left.

    Attributes
    ----------
    without : labels of the rows of the training data that were left out, or their numbers
    certificate_before, certificate_after : of the two networks; objectives are sums over the samples of each
    outputs_before, outputs_after : (n,), or (n, c), of the networks for all rows: predictions, the logarithm of the
        prediction (Poisson), or scores of classes
    neurons_before, neurons_after : their numbers
    kept : neurons of both, on the same hyperplane with the same active side
    output : what the outputs are
    fit : Fit without the samples, in the (scaled) features trained on
    labels : RowLabels of the training data
    """

    without: tuple[Label, ...]
    certificate_before: Certificate
    certificate_after: Certificate
    outputs_before: Array
    outputs_after: Array
    neurons_before: int
    neurons_after: int
    kept: int
    output: str
    fit: Fit
    labels: RowLabels = NUMBERED

    @classmethod
    def of(cls, model: Any, fit: Fit, X: Array, without: Sequence[int], output: str) -> WhatIf:
        """Compare a fitted model with a fit to scaled samples X (n, d), of which some were left out."""
        folded = model.scaling_.fold(fit.network)
        before, after = (_hyperplanes(network, fit) for network in (model.scaling_.unfold(model.network_), fit.network))
        distances = cKDTree(before).query(after)[0] if len(before) and len(after) else np.zeros(0)
        remaining = model.scaling_.remaining.apply(X)
        outputs = model.network_.predict(remaining)
        return cls(
            tuple(model.row_labels_[i] for i in sorted(without)),
            model.certificate_,
            fit.certificate,
            outputs,
            folded.predict(remaining).reshape(outputs.shape),  # of a single column of targets
            len(model.network_),
            len(fit.network),
            int((distances <= SAME).sum()),
            output,
            fit,
            model.row_labels_,
        )

    @property
    def positions(self) -> tuple[int, ...]:
        """Numbers of the rows left out, from 0."""
        found = (self.labels.row(label, len(self.outputs_before)) for label in self.without)
        return tuple(row for row in found if row is not None)

    def _view(self) -> View:
        before, after = self.certificate_before, self.certificate_after
        facts = [
            ("neurons", f"{self.neurons_before} → {self.neurons_after}, {self.kept} the same"),
            ("objective", f"{number(before.objective)} → {number(after.objective)}"),
            ("status", f"{before.status.value} → {after.status.value}"),
        ]
        chosen = list(self.positions[:ROWS])
        shown = zip(chosen, self.outputs_before[chosen], self.outputs_after[chosen], strict=True)
        rows = [(self._called(i), brief(old), brief(new)) for i, old, new in shown]
        title = f"WhatIf: without {counted(len(self.without), 'row')}"
        header = ("left out", f"{self.output} before", "after")
        return View(title, facts, header, rows, len(self.without), self._moved)

    @property
    def changes(self) -> Array:
        """How far each row's output moves, (n,); for several outputs the length of the change."""
        return row_norms(self.outputs_after - self.outputs_before)

    @property
    def _moved(self) -> str:
        """Which row's output moves most, and by how much."""
        moved = self.changes
        furthest = int(moved.argmax())
        spread = float(row_norms(self.outputs_before - self.outputs_before.mean(axis=0)).max())
        relative = f", {percent(moved[furthest] / spread)} of the largest deviation of outputs" if spread > 0 else ""
        by = number(float(moved[furthest]))
        return f"The {self.output} moves most at row {self._called(furthest)}: by {by}{relative}."

    def _called(self, row: int) -> str:
        return written_label(self.labels[row])

    @property
    def _rows(self) -> list[str]:
        """The rows left out, named."""
        return [f"row {self._called(i)}" for i in self.positions]

    def data(self) -> pd.DataFrame:
        """One row per row of the training data: left_out, before and after (numbered for several outputs), change.

        The index has the labels of the rows, if they have some.
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        columns: dict[str, Any] = {"left_out": np.isin(np.arange(len(self.outputs_before)), self.positions)}
        for name, outputs in (("before", self.outputs_before), ("after", self.outputs_after)):
            if outputs.ndim == 1:
                columns[name] = outputs
            else:
                columns |= {f"{name}[{k}]": outputs[:, k] for k in range(outputs.shape[1])}
        index = None if self.labels.values is None else pd.Index(self.labels.values, tupleize_cols=False)
        return pd.DataFrame({**columns, "change": self.changes}, index=index)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, numbers and strings, ready for JSON."""
        certificates = {"before": self.certificate_before.to_dict(), "after": self.certificate_after.to_dict()}
        return {
            "without": list(self.without),
            "output": self.output,
            "neurons": {"before": self.neurons_before, "after": self.neurons_after, "kept": self.kept},
            "objective": {name: proven["objective"] for name, proven in certificates.items()},
            "status": {name: proven["status"] for name, proven in certificates.items()},
            "outputs": {"before": self.outputs_before.tolist(), "after": self.outputs_after.tolist()},
        }

    def __str__(self) -> str:
        rows = listed(self._rows, NAMED)
        before, after = self.certificate_before, self.certificate_after
        lines = [
            f"Without {rows} the {_found(before, after)} has {counted(self.neurons_after, 'neuron')} instead of "
            f"{self.neurons_before}; {self.kept} of them are the same.",
            f"Objective {number(before.objective)} ({before.status.value}) → {number(after.objective)} "
            f"({after.status.value}).",
            self._moved,
        ]
        if self.outputs_before.ndim == 1:
            lines += [
                f"  row {self._called(i)}, left out: {number(float(self.outputs_before[i]))} → "
                f"{number(float(self.outputs_after[i]))}"
                for i in self.positions[:NAMED]
            ]
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how far each row's output moves; of several outputs all in one picture."""
        with style():
            ax = new_axes() if ax is None else ax
            before, after = (values.reshape(len(values), -1) for values in (self.outputs_before, self.outputs_after))
            left_out = np.isin(np.arange(len(before)), self.positions)
            ax.axhline(0.0, color=INK, linewidth=0.8)
            for chosen, colour, marker, label in (
                (~left_out, CLASS_COLOURS[0], "o", "rows that stay"),
                (left_out, CLASS_COLOURS[1], "^", "rows left out"),
            ):
                moved = (after - before)[chosen]
                marks = ax.scatter(before[chosen].ravel(), moved.ravel(), s=24, c=colour, marker=marker, label=label)
                marks.set(edgecolor="white", linewidth=0.4)
            label_axes(ax, f"{self.output}, with all rows", "change without them")
            ax.legend(loc="best")
            caption = f"{self.neurons_before} → {counted(self.neurons_after, 'neuron')}, {self.kept} of them the same"
            write_titles(ax, f"Without {listed(self._rows, NAMED)}", caption)
        return ax


def _found(before: Certificate, after: Certificate) -> str:
    """What the networks may be called."""
    proven = before.status is after.status is Status.GLOBAL
    return "optimum" if proven else "best network found"


def _hyperplanes(network: ReLUNetwork, fit: Fit) -> Array:
    """Unit normals of the neurons and their distances from the middle of the data in units of its size, (m, d + 1)."""
    X = fit.problem.X
    middle = 0.5 * (X.min(axis=0) + X.max(axis=0))
    lengths = np.linalg.norm(network.weights, axis=1, keepdims=True)
    size = float(np.abs(X - middle).max()) or 1.0
    offsets = (network.biases + network.weights @ middle)[:, None] / size
    return np.hstack([network.weights, offsets]) / np.where(lengths > 0, lengths, 1.0)
