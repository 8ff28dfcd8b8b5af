"""What an explanation consists of: neurons, the samples that define them, and what rests on a sample."""

from __future__ import annotations

from dataclasses import dataclass

from bladenet.display import Shown, View, brief, number
from bladenet.encoding import Level
from bladenet.formulas import Point
from bladenet.row_labels import Label, written_label


@dataclass(frozen=True, repr=False)
class DefiningSample(Shown):
    """A training sample that the hyperplane of a neuron passes through.

    Attributes
    ----------
    index : row of the training data, from 0, whatever it is called
    features : its value in each column of the training data, in the user's units
    target : its target, or its class
    label : what its row is called: the label of a data frame that has its own, else its number
    """

    index: int
    features: tuple[Level | None, ...]
    target: Level | tuple[float, ...]
    label: Label

    @property
    def name(self) -> str:
        """The label, for reading."""
        return written_label(self.label)


@dataclass(frozen=True, repr=False)
class NeuronExplanation(Shown):
    """One neuron, amplitude · relu(weights·x + bias), and what defines it.

    Attributes
    ----------
    neuron : position in the network
    formula : its contribution to the output, with feature names and rounded numbers; with several outputs what its
        amplitudes multiply
    weights, bias, amplitude : as in the network; for several outputs a tuple of amplitudes
    importance : standard deviation of its contribution over the training samples, in units of the output; with several
        outputs the length of theirs
    together : the same of what all neurons that read the same columns contribute in sum
    share : covariance of its contribution with the output, divided by the variance of the output: those of all neurons
        sum to 1, and one that opposes the others is negative
    kind : "vertex" if the samples (and the coordinates) determine the hyperplane, else "face"
    samples : training samples that the hyperplane passes through
    coordinates : names of the features that the weights may use
    columns : names of the columns of the training data that those come from
    switches : where it switches on, in the user's units of the features it reads: a value of one, points along a line
        or a curve of two, () for more
    orientation : +1 or −1, the sign of the generalised cross product of the samples; 0 for a face
    acts_on : number of training samples on its active side
    """

    neuron: int
    formula: str
    weights: tuple[float, ...]
    bias: float
    amplitude: float | tuple[float, ...]
    importance: float
    together: float
    share: float
    kind: str
    samples: tuple[DefiningSample, ...]
    coordinates: tuple[str, ...]
    columns: tuple[str, ...]
    switches: tuple[Point, ...]
    orientation: int
    acts_on: int

    def _view(self) -> View:
        through = brief(tuple(sample.label for sample in self.samples))
        facts = [("neuron", str(self.neuron)), ("importance", number(self.importance)), ("contribution", self.formula)]
        return View("NeuronExplanation", [*facts, ("through samples", through), ("acts on", str(self.acts_on))])


@dataclass(frozen=True, repr=False)
class Leverage(Shown):
    """What rests on one training sample.

    Attributes
    ----------
    sample : DefiningSample
    neurons : those whose hyperplane passes through it, the most important first
    share, importance : of these neurons together
    """

    sample: DefiningSample
    neurons: tuple[int, ...]
    share: float
    importance: float

    def _view(self) -> View:
        neurons, importance = brief(self.neurons), number(self.importance)
        return View("Leverage", [("sample", self.sample.name), ("neurons", neurons), ("importance", importance)])
