"""What a fitted model says about itself: its neurons, its predictions, what was proven, and pictures of it all."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from bladenet.blades import Blade
from bladenet.certificate import Certificate
from bladenet.contributions import Contributions
from bladenet.defaults import Settings
from bladenet.display import counted
from bladenet.encoding import Encoding
from bladenet.evidence import Evidence
from bladenet.explain import Explanation, explain_network
from bladenet.importances import importances_of
from bladenet.in_short import in_short
from bladenet.losses import Array, Loss, get_loss
from bladenet.network import ReLUNetwork
from bladenet.row_labels import RowLabels
from bladenet.scaling import Scaling
from bladenet.scene import Scene
from bladenet.settings import settings_of
from bladenet.shapes import Shape, shapes_of
from bladenet.training import Round, train
from bladenet.training_data import TrainingData
from bladenet.validation import Validation
from bladenet.what_if import WhatIf

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Readable:
    """Part of the estimators; what they bring is declared here."""

    n_features_in_: int
    network_: ReLUNetwork
    blades_: list[Blade]
    certificate_: Certificate
    evidence_: Evidence
    history_: list[Round]
    encoding_: Encoding
    row_labels_: RowLabels
    scaling_: Scaling
    settings_: Settings
    validation_: Validation | None
    alpha_: float
    beta_: float
    bias: bool
    loss: str | Loss
    vertices_only: bool
    strategy: str
    time_limit: float | None
    _encoded: Callable[[ArrayLike], Array]
    _coded: Callable[[Any, Array], tuple[Array, Array, str | Loss]]
    _settings: Callable[[Array, str | Loss], dict[str, Any]]

    @property
    def feature_importances_(self) -> Array:
        """How much each column counts, (n_features_in_,), summing to 1; see :mod:`bladenet.importances`."""
        check_is_fitted(self, "network_")
        model: Any = self  # one of the two estimators
        return importances_of(model)

    def explain(self) -> Explanation:
        """Every neuron in terms of the training samples that define it; print it, or see its ``data()``."""
        check_is_fitted(self, "network_")
        classes = getattr(self, "classes_", None)
        return explain_network(
            self.network_,
            self.blades_,
            self.certificate_,
            self.evidence_,
            bias=bool(self.bias),
            encoding=self.encoding_,
            scaling=self.scaling_.remaining,
            classes=None if classes is None else tuple(classes.tolist()),
            link=get_loss(self.loss).link,
            labels=self.row_labels_,
        )

    def scaling_table(self) -> pd.DataFrame:
        """What columns are scaled by, to recompute it by hand.

        With rank or blend scaling one row per knot: a feature's x and scaled(x), straight between neighbours, and
        outside with the slope given. Else one row per feature: its centre and scale.
        """
        check_is_fitted(self, "network_")
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        return pd.DataFrame(self.scaling_.table(self.encoding_.features))

    def explain_predictions(self, X: ArrayLike) -> Contributions:
        """What every neuron contributes to the output for each row of X; print it, or see ``data()`` and ``plot()``.

        With the intercept the contributions sum to the output: ``predict(X)``, its logarithm with the Poisson loss, or
        ``decision_function(X)`` of a classifier. Rows have the labels of X, if it is a data frame with its own.
        """
        explanation, inputs = self.explain(), self.scaling_.remaining.apply(self._encoded(X))
        return Contributions.of(explanation, self.network_, inputs, RowLabels.of(X))

    def shapes(self, X: ArrayLike | None = None, y: ArrayLike | None = None) -> list[Shape]:
        """The parts of the network by the columns that they read, as curves, bars and maps; the strongest first.

        Each has ``data()``, ``plot()`` and ``to_dict()``, with an effect on every output or class. Neurons of more than
        two columns are left out; if all are such, there are the average effects of single columns instead.

        Parameters
        ----------
        X, y : the training data, over which the mean of an effect is 0; else over the samples that define neurons

        Raises
        ------
        ValueError
            If the neurons pass through other samples than these.
        """
        check_is_fitted(self, "network_")
        if (X is None) != (y is None):
            raise ValueError("shapes need both X and y, the training data, or neither of them.")
        return shapes_of(Scene.of(self, X, y))

    def what_if(
        self, X: ArrayLike, y: ArrayLike, without: Any = None, sample_weight: ArrayLike | None = None
    ) -> WhatIf:
        """The optimum without some samples, for the same β and scaling, beside this one.

        Parameters
        ----------
        X, y, sample_weight : the training data, as in ``fit``
        without : row or rows to leave out: by their labels, if the data frame trained on has its own (then numbers are
            labels too), else by their numbers, from 0

        Raises
        ------
        ValueError
            If these are not the data that was trained on, or a row does not exist (says what labels look like), or too
            few are left.
        """
        explanation = self.explain()
        data = TrainingData.of(self, X, y, sample_weight)
        rows = _checked_rows(without, len(data.features), self.row_labels_)
        targets, weight, loss = self._coded(y, data.weight)
        weight = np.where(np.isin(np.arange(len(weight)), rows), 0.0, weight)
        control: dict[str, Any] = {"tol": self.settings_.tol, "strategy": self.strategy, "time_limit": self.time_limit}
        problem = self._settings(weight, loss)
        fit = train(data.problem.X, targets, beta=self.beta_, vertices_only=self.vertices_only, **control, **problem)
        return WhatIf.of(self, fit, data.features, rows, explanation.output)

    def summary(self) -> str:
        """A few lines on the network and what is proven about it."""
        check_is_fitted(self, "network_")
        last = self.history_[-1] if self.history_ else None
        effort = "no rounds"
        if last is not None:
            effort = f"{counted(len(self.history_), 'round')} in {last.seconds:.2g} s"
        faces = sum(not blade.is_vertex for blade in self.blades_)
        model: Any = self  # one of the two estimators
        lines = [
            *in_short(model),
            f"{type(self).__name__}: {counted(len(self.network_), 'neuron')}, "
            f"{counted(self.n_features_in_, 'feature')}, "
            f"{counted(self.evidence_.n_samples, 'training sample')}, {effort}",
            ", ".join(f"{name} {value}" for name, value in settings_of(self)),
            f"neurons determined by the samples they pass through: {len(self.blades_) - faces}; "
            f"with a direction set by the samples they act on: {faces}",
            *([] if self.validation_ is None else [f"on rows left out: {self.validation_}"]),
            str(self.certificate_),
            "What the words mean: bladenet.glossary()",
        ]
        return "\n".join(lines)

    def plot(self, X: ArrayLike | None = None, y: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
        """Draw the network over its training data into `ax`, or a new figure; see :mod:`bladenet.plotting`.

        Without X and y it is drawn over the samples that define its neurons. Refuses X and y through whose samples the
        neurons do not pass.
        """
        check_is_fitted(self, "network_")
        if (X is None) != (y is None):
            raise ValueError("plot needs both X and y, the training data, or neither of them.")
        from bladenet.plotting import draw_scene  # here, not at the top: slow to import

        return draw_scene(Scene.of(self, X, y), ax)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted model to a file that ends in .json or .safetensors; see :func:`bladenet.save_model`."""
        import bladenet  # here, not at the top: files come after all that can be written to them

        model: Any = self  # one of the estimators
        bladenet.save_model(model, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a model of this class that :meth:`save` wrote; :func:`bladenet.load` reads any.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file cannot be read, or holds a model of another class; says which.
        """
        import bladenet  # here, not at the top: files come after all that can be written to them

        model = bladenet.load_model(path)
        if not isinstance(model, cls):
            kind = type(model).__name__
            remedy = "bladenet.load" if isinstance(model, bladenet.ReLUNetwork) else f"{kind}.load, or bladenet.load"
            raise ValueError(f"{str(path)!r} holds a {kind}, not a {cls.__name__}: read it with {remedy}.")
        return model

    def report(
        self,
        path: str | PathLike[str],
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        title: str | None = None,
        target: str | None = None,
    ) -> None:
        """Write all of this to one self-contained page of HTML; see :func:`bladenet.report.write_report`."""
        check_is_fitted(self, "network_")
        from bladenet.report import write_report  # here, not at the top: slow to import

        write_report(self, path, X, y, sample_weight=sample_weight, title=title, target=target)


def _checked_rows(without: Any, n: int, labels: RowLabels) -> list[int]:
    """Numbers of the rows to leave out, each once."""
    kind = "row numbers" if labels.values is None else "labels of rows"
    if without is None:
        example = 0 if labels.values is None else labels.values[0]
        raise ValueError(f"what_if needs the rows to leave out, given as {kind}: such as without=[{example!r}].")
    asked = labels.listed(without)
    if not asked or (labels.values is None and np.asarray(asked).dtype.kind not in "iu"):
        raise ValueError(f"without must be one or more {kind}, got {without!r}.")
    found = {labels.row(label, n): label for label in reversed(asked)}  # of unknown ones the first
    if None in found:
        label = found[None]
        if labels.values is None:
            raise ValueError(f"without has row {label}, but X has rows 0 to {n - 1}.")
        raise ValueError(f"without has {label!r}, which is no label of a row; there are {labels.examples}.")
    left_out = sorted(row for row in found if row is not None)
    if len(left_out) == n:
        raise ValueError(f"without names all {n} rows: nothing would be left to train on.")
    return left_out
