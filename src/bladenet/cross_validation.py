"""Estimators that choose α by cross-validation and keep the curve by which they chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from bladenet.checks import checked_alphas, checked_targets
from bladenet.defaults import AUTO
from bladenet.estimator_base import BladeNet
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.folds import Split, shuffled_splits
from bladenet.losses import Array, Loss, Mask, get_loss
from bladenet.selection import Comparison, Selection, what_was_cut_off
from bladenet.training import Round
from bladenet.validation_curve import RULES, ValidationCurve

Splitter: TypeAlias = int | BaseCrossValidator | Iterable[Split] | None


class _CrossValidated(BladeNet):
    """What both estimators share: α from a validation curve."""

    def __init__(
        self,
        alphas: ArrayLike | None,
        n_alphas: int,
        eps: float,
        cv: Splitter,
        rule: str,
        norm: int | str,
        bias: bool,
        loss: str | Loss,
        output_norm: int,
        tol: float | str,
        scaling: str | None,
        max_interaction: int | str | None,
        vertices_only: bool,
        strategy: str,
        time_limit: float | None,
        callback: Callable[[Round], object] | None,
    ):
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.rule = rule
        BladeNet.__init__(
            self,
            norm,
            bias,
            loss,
            output_norm,
            tol,
            scaling,
            max_interaction,
            vertices_only,
            strategy,
            time_limit,
            callback,
        )

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose α, and train with it.

        Parameters
        ----------
        X, y : as for the estimator without cross-validation
        sample_weight : (n,), ≥ 0; weighs training and validation; samples of weight 0 are left out. A splitter sees
            them nevertheless: it is given the rows that there are
        groups : (n,), for a splitter that keeps groups together, such as GroupKFold

        Raises
        ------
        ValueError
            On invalid data or hyper-parameters, or a fold without samples to train on or to compare by.
        """
        self._groups = groups  # a setting of this call, not of the estimator
        try:
            return super().fit(X, y, sample_weight)
        finally:
            del self._groups

    def _check_alpha(self) -> None:
        checked_alphas(self.alphas, self.n_alphas, self.eps)
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(map(repr, RULES))}, got {self.rule!r}.")

    def _selection(self, X: Array, y: Array, time_limit: float | None, settings: dict[str, Any]) -> Selection:
        """The α that the rule picks from the validation curve."""
        weight = settings["sample_weight"]
        shape = {name: value for name, value in settings.items() if name != "sample_weight"}
        splits = self._splits(X, y, weight > 0, get_loss(settings["loss"]))
        comparison = Comparison.of(X, y, weight, shape, time_limit, splits, self.vertices_only)
        given = checked_alphas(self.alphas, self.n_alphas, self.eps)
        fixed = self.alphas is not None
        trials = comparison.trials(lambda largest: given if fixed else given * largest, whole=fixed)
        last, cut_off = trials[-1], what_was_cut_off(trials)
        alphas, count = last.descent.alphas, len(last.descent.losses)
        sizes = [comparison.weight[left_out].sum() for _, left_out in splits]
        losses = np.reshape(last.descent.by_fold, (count, len(splits))) / sizes
        curve = ValidationCurve(alphas[:count], losses)
        if not count or (cut_off is not None and not last.descent.turned):  # the curve does not show the lowest losses
            alpha = last.selection.alpha
            nearest = float(given[np.abs(np.log(given / alpha)).argmin()]) if fixed else alpha
            return replace(last.selection, alpha=nearest, cut_off=cut_off, curve=curve)
        chosen = curve.choose(self.rule)
        folds = comparison.choices(last, lambda fold: curve.without(fold).choose(self.rule))
        start = last.descent.tried[chosen][0][:2]
        return Selection(float(alphas[chosen]), np.ones(X.shape[1]), start, cut_off, folds, curve)

    def _splits(self, X: Array, y: Array, used: Mask, loss: Loss) -> list[Split]:
        """Training and validation rows of each fold, of those used."""
        classes = getattr(self, "classes_", None)
        if self.cv is None or (isinstance(self.cv, (int, np.integer)) and not isinstance(self.cv, bool)):
            if self._groups is not None:
                raise ValueError(
                    f"cv={self.cv} draws folds by rows, and would ignore groups: use a splitter that keeps them "
                    "together, such as GroupKFold."
                )
            kept = np.flatnonzero(used)
            count = None if self.cv is None else int(self.cv)
            # rows are often sorted, so that folds of neighbours would measure extrapolation
            folds = shuffled_splits(checked_targets(y, len(y), loss)[kept], loss, count, classes)
            splits = [(kept[train], kept[left_out]) for train, left_out in folds]
        else:
            splitter = check_cv(self.cv, y, classifier=loss.classifies)
            if self._groups is None and get_routing_for_object(splitter).consumes("split", ["groups"]):
                raise ValueError(f"cv={splitter} needs groups, but fit got none: fit(X, y, groups=…), one per row.")
            given = enumerate(splitter.split(X, y, self._groups))
            splits = [(_rows(train, used, k), _rows(left_out, used, k)) for k, (train, left_out) in given]
        if not splits:
            raise ValueError(f"cv={self.cv!r} has no folds: give a number of them, a splitter or a list of splits.")
        for k, fold in enumerate(splits):
            _check_fold(k, fold, y, classes)
        return splits


def _rows(part: Any, used: Mask, k: int) -> np.ndarray:
    """Those of the rows in a part of fold k, numbers or a mask, that are used."""
    part = np.asarray(part)
    try:
        rows = np.arange(len(used))[part if part.size else []]
    except IndexError as error:
        raise ValueError(
            f"fold {k} of cv (the first is 0) does not fit the {len(used)} rows of X: {error}. Give numbers of rows."
        ) from None
    return rows[used[rows]]


def _check_fold(k: int, fold: Split, y: Array, classes: np.ndarray | None) -> None:
    """Refuse a fold with nothing to train on or to compare by; `classes` are the user's, those of y in order."""
    for rows, purpose in zip(fold, ("to train on", "to compare alpha by"), strict=True):
        if not len(rows):
            raise ValueError(
                f"fold {k} of cv (the first is 0) has no sample of positive weight {purpose}: leave it out, or choose "
                "another cv."
            )
    if classes is not None and len(missing := np.setdiff1d(y, y[fold[0]])):
        label = classes.tolist()[np.searchsorted(np.unique(y), missing[0])]
        raise ValueError(
            f"fold {k} of cv (the first is 0) has no sample of class {label!r} to train on: at least two samples of "
            "each class are needed, and folds that share them, such as those of StratifiedKFold."
        )


class BladeNetRegressorCV(_CrossValidated, BladeNetRegressor):
    """:class:`BladeNetRegressor` with α chosen by cross-validation; the network of all samples has its certificate.

    Searches of every fold follow α down, each going on from the last, and prove nothing: a few times the cost of one
    fit, whatever the number of α. (`alpha="auto"` of :class:`BladeNetRegressor` is cheaper still, and also chooses how
    much features count; it keeps no curve.)

    Parameters
    ----------
    alphas : (k,) to compare; default None: `n_alphas` geometric values from α_max, at which the network is constant,
        to eps · α_max, smaller ones being left out once the loss has risen clearly
    n_alphas, eps : see alphas
    cv : int, splitter of scikit-learn or list of (training rows, validation rows); default five folds. Folds of a
        number are shuffled, with a fixed seed, and stratified by class. ``fit`` takes the groups that a splitter needs.
    rule : "best" (the smallest mean loss) or "one_standard_error" (the largest α whose loss is within one standard
        error of that: a sparser network that validation cannot tell from the best)
    norm, bias, loss, output_norm, tol, scaling, max_interaction, vertices_only, strategy, time_limit, callback
        as for :class:`BladeNetRegressor`

    Attributes
    ----------
    alpha_ : float, chosen
    validation_ : Validation; its ``curve`` has ``alphas`` (k,) and ``losses`` (k, folds), in units of the mean loss,
        and ``data()``, a data frame of means and standard errors; all others are those of :class:`BladeNetRegressor`
    """

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        n_alphas: int = 25,
        eps: float = 1e-5,
        cv: Splitter = None,
        rule: str = "best",
        norm: int | str = AUTO,
        bias: bool = True,
        loss: str | Loss = "squared",
        output_norm: int = 2,
        tol: float | str = AUTO,
        scaling: str | None = AUTO,
        max_interaction: int | str | None = AUTO,
        vertices_only: bool = False,
        strategy: str = "auto",
        time_limit: float | None = None,
        callback: Callable[[Round], object] | None = None,
    ):
        super().__init__(
            alphas,
            n_alphas,
            eps,
            cv,
            rule,
            norm,
            bias,
            loss,
            output_norm,
            tol,
            scaling,
            max_interaction,
            vertices_only,
            strategy,
            time_limit,
            callback,
        )


class BladeNetClassifierCV(_CrossValidated, BladeNetClassifier):
    """:class:`BladeNetClassifier` with α chosen by cross-validation on its own loss; see :class:`BladeNetRegressorCV`.

    Parameters and attributes are those of :class:`BladeNetRegressorCV`, and of :class:`BladeNetClassifier` but for
    alpha.
    """

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        n_alphas: int = 25,
        eps: float = 1e-5,
        cv: Splitter = None,
        rule: str = "best",
        norm: int | str = AUTO,
        bias: bool = True,
        loss: str | Loss = "logistic",
        output_norm: int = 2,
        tol: float | str = AUTO,
        scaling: str | None = AUTO,
        max_interaction: int | str | None = AUTO,
        vertices_only: bool = False,
        strategy: str = "auto",
        time_limit: float | None = None,
        callback: Callable[[Round], object] | None = None,
        class_weight: dict[Any, float] | str | None = None,
    ):
        super().__init__(
            alphas,
            n_alphas,
            eps,
            cv,
            rule,
            norm,
            bias,
            loss,
            output_norm,
            tol,
            scaling,
            max_interaction,
            vertices_only,
            strategy,
            time_limit,
            callback,
        )
        self.class_weight = class_weight
