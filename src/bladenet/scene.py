"""What a picture of a fitted model shows: checked data and names, kinks, clipped lines, defining samples.

Nothing here draws; :mod:`bladenet.plotting` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.checks import ROW, RowError, is_frame
from bladenet.display import Shown, cut, flat
from bladenet.formulas import Units
from bladenet.losses import Array, by_sample, get_loss, row_norms
from bladenet.row_labels import written_label

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

GRID = 300  # grid points per axis
CURVE = 60  # points along a line that a scaling bends
MARGIN = 0.04  # of the data's range, around the data
NAMED = 24  # letters of the target, and of a class, beside an axis
CONTACT = 1e-6  # a sample this close to a hyperplane, in units of the data's range, lies on it


@dataclass(frozen=True, eq=False, repr=False)
class Scene(Shown):
    """What all pictures need: checked data, names, and which samples are ringed."""

    model: Any
    X: Array
    y: np.ndarray
    names: tuple[str, ...]  # of the columns of the data
    target: str
    defining: np.ndarray  # (n,) bool: the sample lies where a neuron is pinned
    outputs: tuple[str, ...] = ()  # names of the outputs, if there are several

    @classmethod
    def create(cls, model: Any, X: Any, y: ArrayLike, feature_names: Sequence[str] | None, target: str | None) -> Scene:
        """Check everything; parameters and errors as for :func:`bladenet.plotting.plot_fit`."""
        model = _of_one_output(model)
        framed = is_frame(X)
        d = model.n_features_in_
        if framed and X.shape[1] == d:
            points = model.encoding_.matrix(X)
        elif model.encoding_.has_categories:
            raise ValueError("the model was trained on a data frame with categories; pass that data frame.")
        else:
            points = np.asarray(X, dtype=float)
            if points.ndim != 2 or points.shape[1] != d:
                raise ValueError(f"X must have shape (samples, {d}), as in training, got shape {points.shape}.")
        values, shape = np.asarray(y), (len(points), *_columns_of_targets(model))
        if values.shape == (len(points), 1) and len(shape) == 1:
            values = values[:, 0]
        if values.shape != shape:
            raise ValueError(f"y must have shape {shape}, one value per row of X, got {values.shape}.")
        seen = getattr(model, "feature_names_in_", None)  # scikit-learn sets it only for data with names
        default = [f"feature {i}" for i in range(d)] if seen is None else seen
        names = tuple(str(name) for name in (default if feature_names is None else feature_names))
        if len(names) != d:
            raise ValueError(f"feature_names must have {d} names, one per column, got {len(names)}.")
        target = target or getattr(y, "name", None) or "target"  # a pandas Series knows its name
        outputs = _output_names(model, y)
        return cls(model, points, values, names, target, defining_samples(model, points), outputs)

    @classmethod
    def of(cls, model: Any, X: Any, y: ArrayLike | None, target: str | None = None) -> Scene:
        """With the training data; without them with the samples that define the neurons. Errors as of `create`."""
        if X is None or y is None:
            return cls.of_evidence(model, target or "target")
        return cls.create(model, X, y, None, target)

    @classmethod
    def of_evidence(cls, model: Any, target: str = "target") -> Scene:
        """With the samples that define the neurons for data: what a model knows without its training data."""
        model = _of_one_output(model)
        evidence, classes = model.evidence_, getattr(model, "classes_", None)
        y = evidence.targets
        if classes is not None:
            y = classes[y.argmax(axis=1) if y.ndim == 2 else (y > 0).astype(np.int64)]
        names = tuple(column.name for column in model.encoding_.columns)
        return cls(model, evidence.rows, y, names, target, np.ones(len(y), dtype=bool), _output_names(model, None))

    @property
    def units(self) -> Units:
        """How the picture's coordinates become inputs of the network."""
        model = self.model
        return Units(model.encoding_, model.scaling_.remaining, self.low, self.high, bool(model.bias))

    @property
    def low(self) -> Array:
        """Lower corner of the picture."""
        return self.model.evidence_.low - MARGIN * self._extent

    @property
    def high(self) -> Array:
        """Upper corner of the picture."""
        return self.model.evidence_.high + MARGIN * self._extent

    @property
    def _extent(self) -> Array:
        extent = self.model.evidence_.high - self.model.evidence_.low
        return np.where(extent > 0, extent, 1.0)

    @property
    def typical(self) -> Array:
        """The samples; if there are none, as where no neuron passes through one, the ends of the training data."""
        return self.X if len(self.X) else np.array([self.model.evidence_.low, self.model.evidence_.high])

    def some(self, most: int) -> Array:
        """Enough of the samples to see where they are, (k, d)."""
        return self.X[np.random.default_rng(0).permutation(len(self.X))[:most]]

    def grid(self) -> tuple[Array, Array, Array]:
        """Grid coordinates along both axes and the grid's points (GRID², 2)."""
        first, second = (np.linspace(self.low[k], self.high[k], GRID) for k in (0, 1))
        return first, second, np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)

    def named(self, points: Array) -> Any:
        """Points in the form the model was fitted on, so that it need not warn about missing names."""
        seen = getattr(self.model, "feature_names_in_", None)
        if seen is None:
            return points
        import pandas as pd

        return pd.DataFrame(points, columns=list(seen))


def _of_one_output(model: Any) -> Any:
    """The model; if its only output is a column, one whose output is none."""
    network, evidence = model.network_, model.evidence_
    if network.amplitudes.ndim == 1 or network.amplitudes.shape[1] > 1:
        return model
    single = copy(model)
    single.network_ = replace(network, amplitudes=network.amplitudes[:, 0], intercept=float(network.intercept[0]))
    single.evidence_ = replace(evidence, targets=evidence.targets[:, 0])
    return single


def _columns_of_targets(model: Any) -> tuple[int, ...]:
    """(c,) for several outputs that are no classes, or ()."""
    return () if hasattr(model, "classes_") else model.network_.amplitudes.shape[1:]


def _output_names(model: Any, y: Any) -> tuple[str, ...]:
    """Classes, columns of a data frame of targets, or "output 0", …; () for one output."""
    if model.network_.amplitudes.ndim == 1:
        return ()
    if hasattr(model, "classes_"):
        return tuple(map(str, model.classes_))
    return tuple(map(str, y.columns if is_frame(y) else [f"output {k}" for k in range(len(model.network_.intercept))]))


def defining_samples(model: Any, X: Array) -> np.ndarray:
    """Which of the samples (n, d) that a model was trained on define a neuron, (n,) bool; repeated ones count together.

    Raises
    ------
    ValueError
        If these are not the training data.
    """
    network, n = model.network_, len(X)
    points = X
    X = model.scaling_.remaining.apply(X)
    chosen = sorted({i for blade in model.blades_ for i in blade.samples})
    if chosen and chosen[-1] >= n:
        raise ValueError(
            f"the neurons refer to row {chosen[-1]} (counting from 0), but X has {n} rows; pass the training data."
        )
    extent = float(np.ptp(X, axis=0).max(initial=0.0)) + float(np.abs(X).max(initial=0.0))
    for blade, weight, bias in zip(model.blades_, network.weights, network.biases, strict=True):
        samples = list(blade.samples)
        off = np.abs(X[samples] @ weight + bias) > CONTACT * (np.linalg.norm(weight) * extent + abs(bias))
        if off.any():
            row, labels = samples[int(off.argmax())], model.row_labels_
            name = ROW if labels.values is None else f"row {written_label(labels[row])}"
            raise RowError(f"{name} of X is not on the neuron it should define; pass the training data.", row)
    if not chosen:
        return np.zeros(n, dtype=bool)
    groups = np.unique(points, axis=0, return_inverse=True)[1].ravel()
    return np.isin(groups, groups[chosen])


@dataclass(frozen=True, eq=False)
class Score:
    """What is drawn of a classifier: the probability of its second class if it has one, or else its score."""

    evaluate: Callable[[Any], Array]
    middle: float
    reach: float  # the classes are at middle ± reach: probabilities 0 and 1, or the hinge's margins −1 and 1
    label: str

    @classmethod
    def of(cls, scene: Scene) -> Score:
        """The score of the scene's classifier."""
        model, positive = scene.model, cut(flat(str(scene.model.classes_[1])), NAMED)
        target = cut(flat(scene.target), NAMED)
        if get_loss(model.loss).name == "logistic":
            label = f"probability of {target} = {positive}"
            return cls(lambda X: model.predict_proba(X)[:, 1], 0.5, 0.5, label)
        return cls(model.decision_function, 0.0, 1.0, f"score, above 0 for {target} = {positive}")

    def heights(self, scene: Scene) -> Array:
        """Where each sample's class is."""
        return self.middle + self.reach * np.where(scene.y == scene.model.classes_[1], 1.0, -1.0)


def kink_positions(scene: Scene) -> Array:
    """Where the slope of a function of one feature changes at a neuron, within the picture, ascending."""
    network, scaling = scene.model.network_, scene.units.scaling
    low, high = scaling.apply(np.array([scene.low, scene.high]))[:, 0]
    weights = network.weights[:, 0]
    places = (-network.biases / weights - low) / (high - low)
    spots, inverse = np.unique(np.round(places, 9), return_inverse=True)
    change = np.zeros((len(spots), *network.amplitudes.shape[1:]))
    np.add.at(change, inverse, by_sample(np.abs(weights), network.amplitudes))
    change = row_norms(change)
    real = change > 1e-9 * change.max(initial=0.0)
    seen = spots[real & (spots >= 0.0) & (spots <= 1.0)]
    return scaling.inverse((low + (high - low) * seen)[:, None])[:, 0]


def neuron_lines(scene: Scene) -> tuple[list[Array], Array]:
    """Lines on which the neurons of two features switch on, clipped to the picture, strongest first.

    Returns
    -------
    lines : list of (k, 2), end points, or points along the curve that a scaling makes of a line
    strength : (lines,), the change of slope across each line in units of the picture; the largest is 1
    """
    network, units = scene.model.network_, scene.units
    size = np.ptp(units.scaling.apply(np.array([scene.low, scene.high])), axis=0)
    strength = network.sizes() * np.linalg.norm(network.weights * size, axis=1)
    visible = [
        (line, strength[j])
        for j in np.argsort(-strength, kind="stable")
        if (line := units.curve([0, 1], network.weights[j], float(network.biases[j]), CURVE)) is not None
    ]
    powers = np.array([power for _, power in visible])
    return [line for line, _ in visible], powers / powers.max(initial=np.finfo(float).tiny)
