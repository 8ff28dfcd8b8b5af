"""Explanations: every neuron of a trained network in terms of the training samples that define it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.blades import CONTACT, Blade
from bladenet.certificate import Certificate
from bladenet.losses import Array, Index
from bladenet.network import ReLUNetwork
from bladenet.training import Fit

if TYPE_CHECKING:
    import pandas as pd

Label = float | int | str | bool


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is kept of the training data so that neurons can be explained without it.

    Attributes
    ----------
    n_samples : int, training samples of weight above zero
    index : (k,) rows of the training data that define neurons, ascending
    rows : (k, d) their features in the user's units
    targets : (k,) their targets; −1 and +1 for classification
    acts_on : (m,) number of training samples on the active side of each neuron
    importance : (m,) standard deviation of each neuron's contribution to the output over the training samples
    """

    n_samples: int
    index: Index
    rows: Array
    targets: Array
    acts_on: Index
    importance: Array

    @classmethod
    def of(cls, X: Array, fit: Fit) -> Evidence:
        """Collect it from the training data X (n, d), in the user's units, and the training result."""
        problem, network = fit.problem, fit.network
        index = np.array(sorted({i for blade in fit.blades for i in blade.samples}), dtype=np.int64)
        weight = problem.sample_weight
        kept = weight > 0
        hidden = np.maximum(problem.X[kept] @ network.weights.T + network.biases, 0.0)
        active = hidden > CONTACT * problem.standard.scale
        share = weight[kept] / weight.sum()
        spread = np.sqrt(share @ (hidden - share @ hidden) ** 2)
        return cls(
            int(kept.sum()),
            index,
            X[index],
            problem.y[index],
            active.sum(axis=0),
            np.abs(network.amplitudes) * spread,
        )


@dataclass(frozen=True)
class DefiningSample:
    """A training sample that the hyperplane of a neuron passes through.

    Attributes
    ----------
    index : row of the training data, from 0
    features : its feature values in the user's units
    target : its target, or its class
    """

    index: int
    features: tuple[float, ...]
    target: Label


@dataclass(frozen=True)
class NeuronExplanation:
    """One neuron, amplitude · relu(weights·x + bias), and what defines it.

    Attributes
    ----------
    neuron : position in the network
    formula : its contribution to the output, with feature names and rounded numbers
    weights, bias, amplitude : as in the network, in the user's units
    importance : standard deviation of its contribution over the training samples, in units of the output
    kind : "vertex" if the samples (and the coordinates) determine the hyperplane, else "face"
    samples : training samples that the hyperplane passes through
    coordinates : names of the features that the weights may use
    orientation : +1 or −1, the sign of the generalised cross product of the samples; 0 for a face
    acts_on : number of training samples on its active side
    """

    neuron: int
    formula: str
    weights: tuple[float, ...]
    bias: float
    amplitude: float
    importance: float
    kind: str
    samples: tuple[DefiningSample, ...]
    coordinates: tuple[str, ...]
    orientation: int
    acts_on: int


@dataclass(frozen=True)
class Explanation:
    """A trained network in words and numbers: the sum of its neurons, the most important first, and an intercept.

    Attributes
    ----------
    neurons : NeuronExplanation, by descending importance
    intercept : float
    certificate : Certificate
    feature_names : tuple of str
    bias : whether neurons have offsets; if not, every hyperplane passes through the origin
    n_samples : int, training samples of weight above zero
    output : what the network computes: "prediction", or the class that positive scores stand for
    """

    neurons: tuple[NeuronExplanation, ...]
    intercept: float
    certificate: Certificate
    feature_names: tuple[str, ...]
    bias: bool
    n_samples: int
    output: str

    def data(self) -> pd.DataFrame:
        """One row per neuron, the most important first.

        Columns: neuron, formula, weight[NAME] per feature, bias, amplitude, importance, kind, orientation,
        coordinates and samples (tuples), acts_on.
        """
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        weights = [f"weight[{name}]" for name in self.feature_names]
        before = ["neuron", "formula"]
        after = [
            "bias",
            "amplitude",
            "importance",
            "kind",
            "orientation",
            "coordinates",
            "samples",
            "acts_on",
        ]
        rows = [
            (
                n.neuron,
                n.formula,
                *n.weights,
                n.bias,
                n.amplitude,
                n.importance,
                n.kind,
                n.orientation,
                n.coordinates,
                tuple(sample.index for sample in n.samples),
                n.acts_on,
            )
            for n in self.neurons
        ]
        return pd.DataFrame(rows, columns=before + weights + after)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, numbers and strings, ready for JSON."""
        fields = asdict(self)
        fields["certificate"]["status"] = self.certificate.status.value
        fields["certificate"]["advice"] = self.certificate.advice
        return fields

    def __str__(self) -> str:
        count = len(self.neurons)
        lines = [
            f"{counted(count, 'neuron')}, trained on {counted(self.n_samples, 'training sample')} with "
            f"{', '.join(self.feature_names)}.",
            f"{self.certificate.status.value} (gap {self.certificate.gap:.1e}). {self.certificate.advice}",
        ]
        if count:
            lines += [
                f"{self.output} = {number(self.intercept)} + the neurons below.",
                "Samples are rows of the training data, from 0. Most important neurons first; importance is the "
                "standard deviation of the neuron's contribution over the training samples.",
            ]
        else:
            lines.append(f"{self.output} = {number(self.intercept)} for every sample.")
        for neuron in self.neurons:
            lines += ["", *self._describe(neuron)]
        return "\n".join(lines)

    def _describe(self, neuron: NeuronExplanation) -> list[str]:
        lines = [
            f"neuron {neuron.neuron}: {neuron.formula}",
            f"  amplitude {number(neuron.amplitude)}, importance {number(neuron.importance)}, acts on "
            f"{neuron.acts_on} of {counted(self.n_samples, 'training sample')}",
        ]
        if len(neuron.coordinates) < len(self.feature_names):
            lines.append(f"  uses {', '.join(neuron.coordinates)} only")
        touched = " and ".join(
            [*([] if self.bias else ["the origin"]), *(f"sample {sample.index}" for sample in neuron.samples)]
        )
        if neuron.kind == "vertex":
            lines.append(f"  its hyperplane passes through {touched} (orientation {neuron.orientation:+d})")
        else:
            lines.append(f"  its hyperplane touches {touched or 'no sample'}, direction set by the samples it acts on")
        for sample in neuron.samples:
            values = ", ".join(
                f"{name} = {number(value)}" for name, value in zip(self.feature_names, sample.features, strict=True)
            )
            target = number(sample.target) if isinstance(sample.target, float) else sample.target
            lines.append(f"    sample {sample.index}: {values}; target {target}")
        return lines


def explain_network(
    network: ReLUNetwork,
    blades: list[Blade],
    certificate: Certificate,
    evidence: Evidence,
    *,
    bias: bool,
    feature_names: tuple[str, ...],
    classes: tuple[Label, Label] | None = None,
) -> Explanation:
    """Explain a trained network.

    Parameters
    ----------
    network : ReLUNetwork, in the user's units
    blades : one per neuron
    certificate, evidence : of the same training
    bias : whether neurons have offsets
    feature_names : (d,)
    classes : the classes that targets −1 and +1 stand for; None for regression
    """
    position = {int(i): k for k, i in enumerate(evidence.index)}

    def sample(i: int) -> DefiningSample:
        k = position[i]
        signed = float(evidence.targets[k])
        target: Label = signed if classes is None else classes[int(signed > 0)]
        return DefiningSample(i, tuple(evidence.rows[k].tolist()), target)

    neurons = tuple(
        NeuronExplanation(
            neuron=j,
            formula=_formula(network.weights[j], network.biases[j], network.amplitudes[j], feature_names, bias),
            weights=tuple(network.weights[j].tolist()),
            bias=float(network.biases[j]),
            amplitude=float(network.amplitudes[j]),
            importance=float(evidence.importance[j]),
            kind="vertex" if blades[j].is_vertex else "face",
            samples=tuple(sample(i) for i in blades[j].samples),
            coordinates=tuple(feature_names[c] for c in blades[j].coordinates),
            orientation=blades[j].orientation,
            acts_on=int(evidence.acts_on[j]),
        )
        for j in np.argsort(-evidence.importance, kind="stable").tolist()
    )
    output = "prediction" if classes is None else f"score (positive for class {classes[1]})"
    return Explanation(neurons, float(network.intercept), certificate, feature_names, bias, evidence.n_samples, output)


def number(value: float) -> str:
    """A number for reading: five significant digits and a true minus sign."""
    return f"{value:.5g}".replace("-", "−")


def _formula(weight: Array, offset: float, amplitude: float, names: tuple[str, ...], bias: bool) -> str:
    """``2.5 · (time_ms − 14.6)+`` for one feature, ``2.5 · relu(0.83·longitude − 0.56·latitude + 12.1)`` for more."""
    if len(names) == 1:
        slope = float(weight[0])
        knot = -float(offset) / slope
        if not bias:
            hinge = f"({'' if slope > 0 else '−'}{names[0]})+"
        elif slope > 0:
            hinge = f"({names[0]} {_signed(-knot)})+"
        else:
            hinge = f"({number(knot)} − {names[0]})+"
        return f"{number(float(amplitude) * abs(slope))} · {hinge}"
    terms = [f"{_signed(float(w))}·{name}" for w, name in zip(weight, names, strict=True) if w]
    if bias:
        terms.append(_signed(float(offset)))
    inside = " ".join(terms).removeprefix("+ ")
    if inside.startswith("− "):
        inside = "−" + inside[2:]
    return f"{number(float(amplitude))} · relu({inside})"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'} {number(abs(value))}"


def counted(count: int, noun: str) -> str:
    """``1 neuron``, ``2 neurons``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
