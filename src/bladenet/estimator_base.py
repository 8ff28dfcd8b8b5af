"""What the estimators share: data that are checked and encoded, alpha, training, and what is kept of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, check_X_y, validate_data

from bladenet.checks import is_frame, named_cells, positive_number
from bladenet.clock import Clock
from bladenet.defaults import AUTO, check_asked, settle
from bladenet.encoding import Encoding
from bladenet.evidence import Evidence
from bladenet.losses import LOSSES, Array, Loss, get_loss
from bladenet.problem import TrainingProblem
from bladenet.readable import Readable
from bladenet.row_labels import RowLabels
from bladenet.scaling import fit_scaling
from bladenet.selection import Selection, select_alpha
from bladenet.target_kind import check_amounts, check_classes
from bladenet.training import Round, solve
from bladenet.validation import FoldTraining, Validation

_SELECTION_SHARE = 0.5  # of time_limit, for choosing alpha
_VALIDATION_SHARE = 0.3  # of what is left then
_VALIDATED = 1e-3  # relative gap, about, of networks that only predict rows left out


class BladeNet(Readable, BaseEstimator):
    """What both estimators share; parameters and attributes are documented there."""

    alpha: float | str = AUTO  # of those that do not take it, but always choose it

    def __init__(
        self,
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
        self.norm = norm
        self.bias = bias
        self.loss = loss
        self.output_norm = output_norm
        self.tol = tol
        self.scaling = scaling
        self.max_interaction = max_interaction
        self.vertices_only = vertices_only
        self.strategy = strategy
        self.time_limit = time_limit
        self.callback = callback

    def _train(self, X: Array, y: Array, weight: Array, loss: str | Loss) -> Self:
        """Train on encoded and validated data; y as in :func:`bladenet.train`."""
        clock = Clock(self.time_limit)
        self.settings_ = settle(
            X.shape[1],
            norm=self.norm,
            max_interaction=self.max_interaction,
            scaling=self.scaling,
            tol=self.tol,
            interpolates=self.alpha == 0,
            vertices_only=bool(self.vertices_only),
        )
        scaling = fit_scaling(self.settings_.scaling, X, weight, centred=bool(self.bias))
        scaled = scaling.apply(X)
        settings = self._settings(weight, loss)
        limit = None if self.time_limit is None else _SELECTION_SHARE * self.time_limit
        selection = self._selection(scaled, y, limit, settings)
        if selection.cut_off is not None:
            warnings.warn(
                f"the choice of alpha was cut off after {limit:g} s, half of time_limit. Values compared: "
                f"{selection.cut_off}. alpha={selection.alpha:.3g} is the best guess from these: allow more time, or "
                "give alpha as a number.",
                stacklevel=3,  # where fit was called
            )
        self.validation_ = self._validated(X, y, selection, clock, settings)
        scaling = scaling.stretched(selection.factors)
        scaled = scaling.apply(X)
        beta = selection.alpha * float(weight.sum())
        remaining = None if self.time_limit is None else max(clock.remaining, 1e-3)
        problem, tol = TrainingProblem.create(scaled, y, beta=beta, **settings), self.settings_.tol
        if self.settings_.scaling is not None and not self.vertices_only:  # else units matter anyway
            problem = problem.in_any_units(tol)
        fit = solve(
            problem,
            tol=tol,
            vertices_only=self.vertices_only,
            start=selection.start,
            strategy=self.strategy,
            time_limit=remaining,
            callback=self.callback,
        )
        self.alpha_, self.beta_ = selection.alpha, beta
        self.scaling_, self.network_ = scaling, scaling.fold(fit.network)
        self.certificate_, self.blades_, self.history_ = fit.certificate, fit.blades, fit.history
        self.evidence_ = Evidence.of(X, fit, self.encoding_.sources, weight)
        return self

    def _validated(
        self, X: Array, y: Array, selection: Selection, clock: Clock, settings: dict[str, Any]
    ) -> Validation | None:
        """How good the model is on rows that it has not seen; None if no folds chose alpha."""
        if not isinstance(self.alpha, str):
            return None
        shape = {name: value for name, value in settings.items() if name != "sample_weight"}
        kind, tol = self.settings_.scaling, max(self.settings_.tol, _VALIDATED)
        folds = FoldTraining(X, y, settings["sample_weight"], shape, kind, tol, self.vertices_only)
        part = clock if self.time_limit is None else clock.part(_VALIDATION_SHARE * clock.remaining)
        return replace(folds.validated(selection, part), labels=self.row_labels_)

    def _settings(self, weight: Array, loss: str | Loss) -> dict[str, Any]:
        """The problem that is solved, but for data and α."""
        return {
            "norm": self.settings_.norm,
            "bias": self.bias,
            "loss": loss,
            "output_norm": self.output_norm,
            "sample_weight": weight,
            "max_interaction": self.settings_.max_interaction,
        }

    def _selection(self, X: Array, y: Array, time_limit: float | None, settings: dict[str, Any]) -> Selection:
        """The α to train with, chosen here if it is not given."""
        if not isinstance(self.alpha, str):
            return Selection(float(self.alpha), np.ones(X.shape[1]))
        emphasise = self.scaling == AUTO and self.settings_.max_interaction is not None
        control: dict[str, Any] = {
            "emphasise": emphasise,
            "time_limit": time_limit,
            "vertices_only": self.vertices_only,
        }
        return select_alpha(X, y, **control, **settings)

    def _check_settings(self, *, classifies: bool) -> None:
        """Refuse wrong hyper-parameters before any work; the rest is checked by :func:`bladenet.train`."""
        fitting = ", ".join(repr(name) for name, cls in LOSSES.items() if cls.classifies is classifies)
        if isinstance(self.loss, str) and self.loss not in LOSSES:
            raise ValueError(f"unknown loss {self.loss!r}; choose one of {fitting}.")
        loss = get_loss(self.loss)
        if loss.classifies is not classifies:
            other = "BladeNetRegressor" if classifies else "BladeNetClassifier"
            raise ValueError(
                f"loss={loss.name!r} does not fit {type(self).__name__}: choose one of {fitting}, or use {other}."
            )
        self._check_alpha()
        check_asked(self.norm, self.max_interaction, self.scaling, self.tol)
        if self.time_limit is not None:
            positive_number(self.time_limit, "time_limit")
        if not isinstance(self.vertices_only, (bool, np.bool_)):
            raise ValueError(f"vertices_only must be True or False, got {self.vertices_only!r}.")

    def _check_alpha(self) -> None:
        if not isinstance(self.alpha, str):
            positive_number(self.alpha, "alpha", or_zero=True)
        elif self.alpha != AUTO:
            raise ValueError(f"alpha must be a number of at least 0 or 'auto', got {self.alpha!r}.")

    def _prepare(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, **checks: Any
    ) -> tuple[Array, np.ndarray, Array]:
        """Validate training data: features (n, d), targets as they come and weights (n,)."""
        if getattr(X, "shape", ())[:1] == (0,):
            raise ValueError("X has no rows, so that there is nothing to train on: see how it was read or filtered.")
        framed, numeric, labels = is_frame(X), bool(checks.get("y_numeric")), RowLabels.of(X)
        if y is not None:
            check_amounts(y) if numeric else check_classes(y)
        if framed:
            validate_data(self, X, skip_check_array=True)  # names and number of columns
        else:
            with named_cells(X, y if numeric else None):
                X, y = validate_data(self, X, y, dtype=np.float64, **checks)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if len(weight) and not weight.any():  # older scikit-learn accepts this
            raise ValueError("sample_weight is zero for every sample; at least one must be greater than 0.")
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        if framed:
            encoding, X = Encoding.of_frame(X, names, weight > 0)
            with named_cells(None, y if numeric else None):
                X, y = check_X_y(X, y, dtype=np.float64, estimator=self, **checks)
        else:
            encoding = Encoding.of_numbers(names)
        self.encoding_, self.row_labels_ = encoding, labels
        return X, y, weight

    def _encoded(self, X: ArrayLike) -> Array:
        """Features (n, d) of new data, checked to be of the kind trained on."""
        if is_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
            return self.encoding_.matrix(X)
        if self.encoding_.has_categories:
            columns = ", ".join(repr(column.name) for column in self.encoding_.columns)
            raise ValueError(
                f"the model was trained on a data frame with categories: pass a pandas or polars DataFrame with the "
                f"columns {columns}, not {type(X).__name__}."
            )
        with named_cells(X, None):
            return validate_data(self, X, reset=False, dtype=np.float64)

    def _scores(self, X: ArrayLike) -> Array:
        check_is_fitted(self, "network_")
        return self.network_.predict(self.scaling_.remaining.apply(self._encoded(X)))
