"""Explanations: every neuron of a trained network in terms of the training samples that define it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.blades import Blade
from bladenet.certificate import Certificate
from bladenet.display import ROWS, Listing, Shown, View, brief, counted, short
from bladenet.encoding import Encoding, Level
from bladenet.evidence import Evidence
from bladenet.explained_neurons import DefiningSample, Leverage, NeuronExplanation
from bladenet.formulas import Units, apart, number, percent
from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.row_labels import NUMBERED, RowLabels
from bladenet.scaling import Scaling
from bladenet.styling import CLASS_COLOURS, FAINT, FEWEST_BARS, column_labels, new_axes, style, write_titles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LISTED = 20  # neurons described in the text
TERMS = 12  # features and pairs listed in it
SET = 30  # letters of a line that names columns in a picture
VALUES = 6  # values of one sample, or names, written out
SAMPLES = 4  # defining samples of one neuron written out


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """A trained network in words and numbers: the sum of its neurons, the most important first, and an intercept.

    Attributes
    ----------
    neurons : NeuronExplanation, by descending importance
    intercept : float, for several outputs a tuple
    certificate : Certificate
    feature_names : names of the inputs of the network
    indicators : those inputs that are 1 for a category and else 0
    column_names : names of the columns of the training data
    scaled : whether features are scaled nonlinearly before the network; weights and biases are then those of scaled
        features, everything else is in the user's units
    bias : whether neurons have offsets; if not, every hyperplane passes through the origin
    n_samples : int, training samples of weight above zero
    output : what the network computes: "prediction", "log of the prediction" (Poisson loss), or the class that positive
        scores stand for
    outputs : names of the outputs, if there are several: classes, or "output 0", …
    labelled : whether samples are called by the labels of a data frame
    """

    neurons: tuple[NeuronExplanation, ...]
    intercept: float | tuple[float, ...]
    certificate: Certificate
    feature_names: tuple[str, ...]
    indicators: tuple[str, ...]
    column_names: tuple[str, ...]
    scaled: bool
    bias: bool
    n_samples: int
    output: str
    outputs: tuple[str, ...] = ()
    labelled: bool = False

    def _view(self) -> View:
        rows = [
            (str(n.neuron), number(n.importance), n.formula, brief(tuple(sample.label for sample in n.samples)))
            for n in self.neurons[:ROWS]
        ]
        count, status = len(self.neurons), self.certificate.status.value
        facts = [
            ("output", self.output),
            ("status", f"{status}, gap {short(self.certificate.gap)}"),
            ("intercept", self.amounts(self.intercept)),
            ("training samples", f"{self.n_samples:,}"),
        ]
        note = "print() describes the neurons; data(), features() and leverage() are tables, plot() draws."
        header = ("neuron", "importance", "contribution", "through samples")
        return View(f"Explanation of {counted(count, 'neuron')}", facts, header, rows, count, note)

    def data(self) -> pd.DataFrame:
        """One row per neuron, the most important first.

        Columns: neuron, formula, weight[NAME] per feature, and the fields of :class:`NeuronExplanation` from bias on,
        with amplitude[NAME] per output if there are several; samples are the labels of rows of the training
        data, or their numbers from 0.
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        weights = [f"weight[{name}]" for name in self.feature_names]
        amplitudes = [f"amplitude[{name}]" for name in self.outputs] or ["amplitude"]
        fields = [
            "importance",
            "together",
            "share",
            "kind",
            "orientation",
            "coordinates",
            "columns",
            "switches",
            "acts_on",
        ]
        rows = [
            (
                n.neuron,
                n.formula,
                *n.weights,
                n.bias,
                *(n.amplitude if isinstance(n.amplitude, tuple) else (n.amplitude,)),
                *(getattr(n, field) for field in fields),
                tuple(sample.label for sample in n.samples),
            )
            for n in self.neurons
        ]
        return pd.DataFrame(rows, columns=["neuron", "formula", *weights, "bias", *amplitudes, *fields, "samples"])

    def features(self) -> pd.DataFrame:
        """How much the output depends on which columns of the data, alone and together.

        One row per column, then one per pair that some neuron reads, then larger sets; each group the most important
        first. Columns: term ("age × cement"), columns (tuple), neurons (number of those that read exactly these),
        importance (standard deviation of what those contribute together over the training samples, as a share of the
        sum of those of all rows), share (covariance of it with the output, divided by the variance of the output: these
        sum to 1 too, and one that opposes the others is negative) and total (the share of all neurons that read these
        columns, alone or with others).
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        order = {name: i for i, name in enumerate(self.column_names)}
        exact: dict[tuple[str, ...], list[Any]] = {(name,): [0, 0.0, 0.0] for name in self.column_names}
        for neuron in self.neurons:
            entry = exact.setdefault(neuron.columns, [0, 0.0, 0.0])
            entry[0] += 1
            entry[1] = neuron.together
            entry[2] += neuron.share
        whole = sum(together for _, together, _ in exact.values()) or 1.0
        read = [({*columns}, share) for columns, (neurons, _, share) in exact.items() if neurons]
        totals = {term: sum(share for columns, share in read if columns.issuperset(term)) for term in exact}
        terms = sorted(exact, key=lambda term: (len(term), -exact[term][1], [order[name] for name in term]))
        rows = [
            (" × ".join(term), term, count, together / whole, share, totals[term])
            for term, (count, together, share) in ((term, exact[term]) for term in terms)
        ]
        return pd.DataFrame(rows, columns=["term", "columns", "neurons", "importance", "share", "total"])

    def parts(self) -> pd.DataFrame:
        """The rows of :meth:`features` that some neuron reads, the most important first."""
        frame = self.features()
        return frame[frame["neurons"] > 0].sort_values("importance", ascending=False, kind="stable")

    def leverage(self) -> pd.DataFrame:
        """What rests on which training samples: one row per sample that defines neurons, the weightiest first.

        Columns: sample (label of the row, or its number), its columns, target, neurons (those whose hyperplane passes
        through it), share and importance (of these neurons together: the share of the output's variation, and the root
        of their summed squared importances). Shares of samples overlap, as a neuron may pass through several. A column
        of the data with one of these names is called "NAME (data)".
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        fields = ("sample", "target", "neurons", "share", "importance")
        names = apart(self.column_names, fields)
        rows = [
            (row.sample.label, *row.sample.features, row.sample.target, row.neurons, row.share, row.importance)
            for row in self.defined()
        ]
        return pd.DataFrame(rows, columns=[fields[0], *names, *fields[1:]])

    def defined(self) -> list[Leverage]:
        """What rests on each sample that defines neurons, the weightiest first."""
        samples = {sample.index: sample for neuron in self.neurons for sample in neuron.samples}
        neurons: dict[int, list[NeuronExplanation]] = {i: [] for i in samples}
        for neuron in self.neurons:
            for sample in neuron.samples:
                neurons[sample.index].append(neuron)
        found = [
            Leverage(
                samples[i],
                tuple(neuron.neuron for neuron in own),
                sum(neuron.share for neuron in own),
                float(np.sqrt(sum(neuron.importance**2 for neuron in own))),
            )
            for i, own in neurons.items()
        ]
        return Listing(sorted(found, key=lambda row: (-row.importance, row.sample.index)))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how much columns, pairs and larger sets of columns count."""
        frame = self.parts().head(TERMS)
        with style():
            ax = new_axes() if ax is None else ax
            places = np.arange(len(frame))
            ax.barh(places, 100.0 * frame["importance"], color=CLASS_COLOURS[0], height=0.62)
            for place, share, count in zip(places, frame["importance"], frame["neurons"], strict=True):
                text = f"{percent(share)}, {counted(count, 'neuron')}"
                note = ax.annotate(text, (100.0 * share, place), xytext=(4, 0), textcoords="offset points")
                note.set(va="center", fontsize=8.5, color=FAINT)
            ax.set_yticks(places, column_labels(frame["columns"], SET), fontsize=8.5)
            ax.set_ylim(max(len(frame), FEWEST_BARS) - 0.5, -0.5)
            ax.margins(x=0.25)
            ax.set_xlabel("importance: how much each part moves the output\nover the training samples, % of all parts")
            ax.axvline(0.0, color=FAINT, linewidth=0.8)
            proven = f"{self.certificate.status.value}, {counted(len(self.neurons), 'neuron')}"
            write_titles(ax, "What the output depends on", proven)
        return ax

    def to_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, numbers and strings, ready for JSON."""
        fields = asdict(self)
        fields["certificate"] = self.certificate.to_dict()
        fields["features"] = self.features().to_dict(orient="records")
        return fields

    def __str__(self) -> str:
        count = len(self.neurons)
        lines = [
            f"{counted(count, 'neuron')}, trained on {counted(self.n_samples, 'training sample')} with "
            f"{_listed(self.column_names, ', ')}.",
            f"{self.certificate.status.value} (gap {short(self.certificate.gap)}). {self.certificate.advice}",
        ]
        if not count:
            return "\n".join([*lines, f"{self.output} = {self.amounts(self.intercept)} for every sample."])
        times = ", each times its amplitudes" if self.outputs else ""
        lines += [
            f"{self.output} = {self.amounts(self.intercept)} + the neurons below{times}.",
            f"Samples are {self.naming}. Most important neurons first; importance is the "
            "standard deviation of the neuron's contribution over the training samples.",
        ]
        if self.scaled:
            lines.append(
                "scaled(x) is a strictly increasing function of x; values are in the units of the data. Its table: "
                "scaling_table(), or bladenet explain --scaling."
            )
        lines += self._describe_terms()
        for neuron in self.neurons[:LISTED]:
            lines += ["", *self._describe(neuron)]
        if count > LISTED:
            lines += ["", f"and {counted(count - LISTED, 'more neuron')} that count less; data() has all."]
        return "\n".join(lines)

    @property
    def naming(self) -> str:
        """What stands for a sample."""
        return "rows of the training data, by their labels" if self.labelled else "rows of the training data, from 0"

    def amounts(self, values: float | tuple[float, ...]) -> str:
        """A number, or one for each output with its name."""
        if not isinstance(values, tuple):
            return number(values)
        shown = [f"{name} {number(value)}" for name, value in zip(self.outputs, values, strict=True)]
        return f"({', '.join(_shortened(shown, VALUES, 'output'))})"

    def target_text(self, sample: DefiningSample) -> str:
        """The target of a sample, written out."""
        target = sample.target
        return self.amounts(target) if isinstance(target, tuple) else written(target)

    def _describe_terms(self) -> list[str]:
        """How much columns and pairs count, unless there is only one."""
        frame = self.parts()
        if len(frame) < 2:
            return []
        top = frame.head(TERMS)
        lines = ["", "How much each part moves the output over the training samples, of all parts:"]
        lines += [
            f"  {percent(share):>6}  {_listed(columns, ' × ')} ({counted(neurons, 'neuron')})"
            for columns, neurons, share in zip(top["columns"], top["neurons"], top["importance"], strict=True)
        ]
        if len(frame) > TERMS:
            rest = frame["importance"].iloc[TERMS:].sum()
            lines.append(f"  {percent(rest):>6}  {len(frame) - TERMS} more sets of features")
        return lines

    def _describe(self, neuron: NeuronExplanation) -> list[str]:
        lines = [
            f"neuron {neuron.neuron}: {neuron.formula}",
            f"  amplitude {self.amounts(neuron.amplitude)}, importance {number(neuron.importance)}, acts on "
            f"{neuron.acts_on:,} of {counted(self.n_samples, 'training sample')}",
        ]
        if len(neuron.coordinates) < len(self.feature_names):
            lines.append(f"  reads {_listed(neuron.coordinates, ', ')} only")
        samples = [f"sample {sample.name}" for sample in neuron.samples]
        touched = " and ".join([*([] if self.bias else ["the origin"]), *_shortened(samples, SAMPLES, "sample")])
        place = {1: "kink", 2: "curve" if self.scaled else "line"}.get(len(neuron.coordinates), "hyperplane")
        if neuron.kind == "vertex":
            through = "is at" if place == "kink" else "passes through"
            lines.append(f"  its {place} {through} {touched} (orientation {neuron.orientation:+d})")
        else:
            lines.append(f"  its {place} touches {touched or 'no sample'}, direction set by the samples it acts on")
        lines += self._describe_switch(neuron)
        for sample in neuron.samples[:SAMPLES]:
            values = dict(zip(self.column_names, sample.features, strict=True))
            shown = [f"{name} = {written(values[name])}" for name in neuron.columns]
            lines.append(
                f"    sample {sample.name}: {', '.join(_shortened(shown, VALUES, 'value'))}; "
                f"target {self.target_text(sample)}"
            )
        return lines

    def _describe_switch(self, neuron: NeuronExplanation) -> list[str]:
        """Where the neuron switches on, as far as the formula does not say it."""
        reads = [name for name, weight in zip(self.feature_names, neuron.weights, strict=True) if weight]
        points = neuron.switches
        if len(reads) != 2 or not points:
            return []
        indicator = next((i for i in (0, 1) if reads[i] in self.indicators), None)
        if indicator is not None:
            off, on = (number(point[1 - indicator]) for point in points)
            return [f"  switches at {reads[1 - indicator]} = {on} when {reads[indicator]}, at {off} when not"]
        through = ", ".join(f"({', '.join(map(number, point))})" for point in points[::2])
        return [f"  switches along ({', '.join(reads)}) = {through}"] if self.scaled else []


def explain_network(
    network: ReLUNetwork,
    blades: list[Blade],
    certificate: Certificate,
    evidence: Evidence,
    *,
    bias: bool,
    encoding: Encoding,
    scaling: Scaling,
    classes: tuple[Level, ...] | None = None,
    link: str = "",
    labels: RowLabels = NUMBERED,
) -> Explanation:
    """Explain a trained network.

    Parameters
    ----------
    network : ReLUNetwork
    blades : one per neuron
    certificate, evidence : of the same training
    bias : whether neurons have offsets
    encoding, scaling : from the columns of the data to features, and from those to the inputs of the network
    classes : the classes that targets −1 and +1 stand for, or indicators; None for regression
    link : the function of the prediction that the network computes; contributions are then in its units
    labels : of the rows of the training data
    """
    units = Units(encoding, scaling, evidence.low, evidence.high, bias)
    columns = tuple(column.name for column in encoding.columns)
    position = {int(i): k for k, i in enumerate(evidence.index)}

    several = network.amplitudes.ndim == 2

    def sample(i: int) -> DefiningSample:
        k = position[i]
        value = evidence.targets[k]
        target: Level | tuple[float, ...]
        if classes is not None:
            target = classes[int(value.argmax() if several else value > 0)]
        else:
            target = tuple(value.tolist()) if value.ndim else float(value)
        return DefiningSample(i, tuple(encoding.values(evidence.rows[k]).values()), target, labels[i])

    def explained(j: int) -> NeuronExplanation:
        blade, weight, offset = blades[j], network.weights[j], float(network.biases[j])
        switches = units.switches(weight, offset)
        if len(blade.coordinates) == len(blade.samples) == 1 and switches:
            # the kink is at the sample itself; solving for it only adds rounding
            switches = ((float(evidence.rows[position[blade.samples[0]], blade.coordinates[0]]),),)
        kink = switches[0][0] if len(switches) == 1 else None
        amplitude = _plain(network.amplitudes[j])
        return NeuronExplanation(
            neuron=j,
            formula=units.formula(weight, offset, 1.0 if isinstance(amplitude, tuple) else amplitude, kink),
            weights=tuple(weight.tolist()),
            bias=offset,
            amplitude=amplitude,
            importance=float(evidence.importance[j]),
            together=float(evidence.together[j]),
            share=float(evidence.share[j]),
            kind="vertex" if blade.is_vertex else "face",
            samples=tuple(sample(i) for i in blade.samples),
            coordinates=tuple(units.names[c] for c in blade.coordinates),
            columns=tuple(columns[i] for i in sorted({encoding.sources[c] for c in blade.coordinates})),
            switches=switches,
            orientation=blade.orientation,
            acts_on=int(evidence.acts_on[j]),
        )

    neurons = tuple(explained(j) for j in np.argsort(-evidence.importance, kind="stable").tolist())
    outputs: tuple[str, ...] = ()
    if several:
        outputs = tuple(map(str, classes or [f"output {o}" for o in range(network.amplitudes.shape[1])]))
    if classes is None:
        output = f"{link} of the prediction" if link else "prediction"
    else:
        output = "scores of the classes" if several else f"score (positive for class {classes[1]})"
    return Explanation(
        neurons,
        _plain(network.intercept),
        certificate,
        units.names,
        tuple(units.names[c] for c in units.indicators),
        columns,
        not units.straight.all(),
        bias,
        evidence.n_samples,
        output,
        outputs,
        labels.values is not None,
    )


def _plain(values: float | Array) -> float | tuple[float, ...]:
    """A number, or a tuple of one for each output."""
    return tuple(np.asarray(values).tolist()) if np.ndim(values) else float(values)


def written(value: Level | None) -> str:
    """A value of a column, for reading."""
    if value is None:
        return "another category"
    return number(value) if isinstance(value, float) else str(value)


def _shortened(items: list[str], most: int, noun: str) -> list[str]:
    """The first items, and how many are left out."""
    return items if len(items) <= most else [*items[:most], counted(len(items) - most, f"more {noun}")]


def _listed(names: tuple[str, ...], separator: str) -> str:
    return separator.join(_shortened(list(names), VALUES, "feature"))
