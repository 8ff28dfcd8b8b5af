"""How good a model is on rows it has not seen: predictions out of the folds that chose alpha, and what they measure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.clock import Clock
from bladenet.descent import FoldChoice
from bladenet.display import Shown, View, number
from bladenet.folds import class_numbers
from bladenet.losses import Array, Index, PoissonLoss, QuantileLoss
from bladenet.parallel import on_all_cores
from bladenet.problem import TrainingProblem
from bladenet.progress import Step, current_listener
from bladenet.row_labels import NUMBERED, RowLabels
from bladenet.scaling import fit_scaling
from bladenet.scores import (
    CONSTANT,
    LINEAR,
    MODEL,
    Score,
    as_predictions,
    class_measures,
    regression_measures,
    scores_of,
)
from bladenet.selection import Fold, Selection, pricing_of
from bladenet.validation_curve import ValidationCurve

if TYPE_CHECKING:
    import pandas as pd

SLIGHT = 1e-6  # penalty of linear models, which makes them unique
MOST_STEPS = 1000
FEW = 5000  # samples of a linear model of quantiles, which takes a linear program


@dataclass(frozen=True, eq=False, repr=False)
class Validation(Shown):
    """What cross-validation says of rows that a model has not seen.

    Every fold's network is trained without the rows that the fold leaves out, with the scaling and the alpha that the
    other folds choose: neither knows of these rows, so that the choice does not flatter the model.

    Attributes
    ----------
    rows : (k,) the rows that were left out by one of the folds, ascending; all of them unless there are thousands
    targets : (k,) or (k, c) of these rows; numbers of classes
    predictions : (k,) or (k, c) for these rows: of targets, or probabilities of classes
    fold : (k,) number of the fold that left the row out
    fold_alphas : for each fold the alpha that the others chose
    scores : the measure that belongs to the loss first; none if there was no time for it
    curve : of losses by alpha, of the estimators with cross-validation
    labels : RowLabels, what the rows of the training data are called
    """

    rows: Index
    targets: Array
    predictions: Array
    fold: Index
    fold_alphas: tuple[float, ...]
    scores: tuple[Score, ...]
    curve: ValidationCurve | None = None
    labels: RowLabels = NUMBERED

    @classmethod
    def of_curve(cls, curve: ValidationCurve | None) -> Validation:
        """Nothing but the curve, if there is one."""
        none = np.zeros(0, dtype=np.int64)
        return cls(none, np.zeros(0), np.zeros(0), none, (), (), curve)

    def __str__(self) -> str:
        if not self.scores:
            return "not measured, as no alpha could be compared"
        first = self.scores[0]
        return (
            f"{first.name} {first.value:.3f} ± {first.standard_error:.3f} ({self.where}); a linear model has "
            f"{first.linear:.3f}, a constant {first.constant:.3f}"
        ).replace("-", "−")

    @property
    def where(self) -> str:
        """How many folds and rows."""
        if len(self.fold_alphas) == 1:
            return f"{len(self.rows):,} rows left out"
        return f"{len(self.fold_alphas)} folds, {len(self.rows):,} rows"

    def _view(self) -> View:
        rows = [
            (score.name, *map(number, (score.value, score.standard_error, score.linear, score.constant)))
            for score in self.scores
        ]
        header = ("on rows it has not seen", "this model", "standard error", "a linear model", "a constant")
        return View(f"Validation: {self.where}", (), header, rows, len(rows))

    def margin(self, coverage: float, spread: Callable[[Array], Array] = np.ones_like) -> Array:
        """How far targets are from predictions for this share of new rows, in units of the `spread` there: (), or (c,).

        The conformal quantile of what the folds have missed the rows by that they left out. If new rows are drawn like
        these, it covers at least the share that was asked for, but for what the folds' networks, trained on fewer rows,
        are worse than the model.

        Raises
        ------
        ValueError
            If the coverage is not between 0 and 1, or more than so many rows can tell.
        """
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage must be between 0 and 1, such as 0.9, got {coverage!r}.")
        count = len(self.rows)
        rank = ceil((count + 1) * coverage)
        if rank > count:
            raise ValueError(
                f"a coverage of {coverage:g} takes at least {ceil(coverage / (1.0 - coverage))} rows that folds have "
                f"left out, and there are {count}: lower it, or train on more rows."
            )
        off = np.abs(self.targets - self.predictions) / spread(self.predictions)
        return np.asarray(np.sort(off, axis=0)[rank - 1], dtype=np.float64)

    def data(self) -> pd.DataFrame:
        """One row per row that was left out: row, fold, and prediction (numbered for several outputs or classes).

        Where there is a curve, that instead, for one more version.
        """
        if self.curve is not None:
            return self._of_curve("data")()
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        columns: dict[str, Any] = {"row": self.labels.column(self.rows), "fold": self.fold}
        if self.predictions.ndim == 1:
            columns["prediction"] = self.predictions
        else:
            columns |= {f"prediction[{k}]": self.predictions[:, k] for k in range(self.predictions.shape[1])}
        return pd.DataFrame(columns)

    def _of_curve(self, name: str) -> Any:
        """What was said of the curve when it was all there was."""
        if self.curve is None:
            raise AttributeError(f"there is no {name!r}: alpha was not chosen from a curve.")
        warnings.warn(f"validation_.{name} is validation_.curve.{name} now.", DeprecationWarning, stacklevel=3)
        return getattr(self.curve, name)

    alphas = property(lambda self: self._of_curve("alphas"), doc="Of the curve.")
    losses = property(lambda self: self._of_curve("losses"), doc="Of the curve.")
    means = property(lambda self: self._of_curve("means"), doc="Of the curve.")
    standard_errors = property(lambda self: self._of_curve("standard_errors"), doc="Of the curve.")
    choose = property(lambda self: self._of_curve("choose"), doc="Of the curve.")


@dataclass(frozen=True, eq=False)
class FoldTraining:
    """What every fold's network is trained with, but for what the fold itself is given.

    Attributes
    ----------
    X : (n, d), not scaled; y, weight : as for :func:`bladenet.train`
    shape : its other arguments that make the problem, the loss among them
    scaling : its kind, fitted to the rows that a fold keeps
    tol : how close to optimal the networks are, about; nothing is proven
    vertices_only : as for :func:`bladenet.train`
    """

    X: Array
    y: Array
    weight: Array
    shape: dict[str, Any]
    scaling: str | None
    tol: float
    vertices_only: bool

    def validated(self, selection: Selection, clock: Clock) -> Validation:
        """Train and measure.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C: half a validation is none.
        """
        choices, curve = selection.folds, selection.curve
        if not choices:
            return Validation.of_curve(curve)
        problem = TrainingProblem.create(self.X, self.y, beta=1.0, sample_weight=self.weight, **self.shape)
        predicted = {
            MODEL: [as_predictions(problem.loss, outputs) for outputs in self._outputs(problem, choices, clock)],
            CONSTANT: [_constant(problem, choice) for choice in choices],
            LINEAR: [_linear(problem, choice) for choice in choices],
        }
        if clock.interrupted:
            raise KeyboardInterrupt
        rows = np.concatenate([choice.left_out for choice in choices])
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        by_kind = {name: np.concatenate(parts)[order] for name, parts in predicted.items()}
        fold = np.repeat(np.arange(len(choices)), [len(choice.left_out) for choice in choices])[order]
        classes = by_kind[MODEL].shape[-1]
        if problem.loss.classifies:
            measures = class_measures(classes, probabilities=problem.loss.name != "hinge")
            targets = class_numbers(problem.y)[rows].astype(np.float64)
        else:
            measures, targets = regression_measures(problem.loss), problem.y[rows]
        scores = scores_of(measures, targets, problem.sample_weight[rows], by_kind)
        return Validation(rows, targets, by_kind[MODEL], fold, tuple(choice.alpha for choice in choices), scores, curve)

    def _outputs(self, problem: TrainingProblem, choices: Sequence[FoldChoice], clock: Clock) -> list[Array]:
        """Outputs of every fold's network for the rows that it leaves out."""
        pricing = pricing_of(problem, self.tol, None, self.vertices_only)
        shape = {**self.shape, "loss": problem.loss}
        step = partial(Step, "measuring on rows left out", folds=len(choices))
        tell, done = current_listener(), count(1)
        tell(step(0))

        def outputs(choice: FoldChoice, clock: Clock) -> Array:
            X, kept = problem.X, choice.kept
            scaling = fit_scaling(self.scaling, X[kept], problem.sample_weight[kept], centred=problem.bias)
            scaled = scaling.stretched(choice.factors).apply(X)
            both = [(scaled[rows], problem.y[rows], problem.sample_weight[rows]) for rows in (kept, choice.left_out)]
            fold = Fold(both[0], both[1], choice.alpha, shape, pricing, clock, self.tol)
            fold.begin(*choice.start)
            fold.validation_loss(choice.alpha)
            tell(step(next(done)))
            return fold.outputs

        if len(choices) == 1:  # which may use all cores itself
            return [outputs(choices[0], clock)]
        return on_all_cores(outputs, choices, clock)


def _constant(problem: TrainingProblem, choice: FoldChoice) -> Array:
    """What the best constant of the rows kept predicts for those left out."""
    y, weight = problem.y[choice.kept], problem.sample_weight[choice.kept]
    if problem.loss.classifies:
        classes = y.shape[1] if y.ndim == 2 else 2
        level = np.bincount(class_numbers(y), weight, minlength=classes) / weight.sum()
    else:
        level = problem.loss.mean(np.asarray(problem.loss.constant_fit(y, weight)))
    return np.broadcast_to(level, (len(choice.left_out), *np.shape(level))).copy()


def _linear(problem: TrainingProblem, choice: FoldChoice) -> Array:
    """What a linear model of the rows kept predicts for those left out, by scikit-learn with hardly any penalty."""
    from sklearn import linear_model  # here, not at the top: slow to import

    kept, left_out, loss = choice.kept, choice.left_out, problem.loss
    weight = problem.sample_weight[kept] / problem.sample_weight[kept].mean()
    scaling = fit_scaling("standard", problem.X[kept], weight, centred=True)
    X, X_out, y = scaling.apply(problem.X[kept]), scaling.apply(problem.X[left_out]), problem.y[kept]
    if loss.classifies:
        found = linear_model.LogisticRegression(max_iter=MOST_STEPS).fit(X, class_numbers(y), weight)
        return np.asarray(found.predict_proba(X_out), dtype=np.float64)
    if isinstance(loss, QuantileLoss) and len(X) <= FEW:
        model = linear_model.QuantileRegressor(quantile=loss.quantile, alpha=0.0)
    elif isinstance(loss, PoissonLoss):
        model = linear_model.PoissonRegressor(alpha=SLIGHT, max_iter=MOST_STEPS)
    else:
        model = linear_model.Ridge(alpha=SLIGHT * len(X))
    return np.asarray(model.fit(X, y, weight).predict(X_out), dtype=np.float64)
