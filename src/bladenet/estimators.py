"""scikit-learn estimators: thin wrappers of :func:`bladenet.train` in units of the mean loss, α = β / Σ_i s_i."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from bladenet.checks import named_cells
from bladenet.defaults import AUTO
from bladenet.estimator_base import BladeNet
from bladenet.losses import Array, Loss, get_loss, probabilities
from bladenet.row_labels import named_rows
from bladenet.training import Round


class BladeNetRegressor(RegressorMixin, BladeNet):
    """Globally optimal two-layer ReLU network for regression, with a certificate.

    Minimises Σ_i s_i ℓ(f(x_i), y_i) / Σ_i s_i + α Σ_j |u_j| ‖w_j‖_p over networks of any width.

    Parameters
    ----------
    alpha : float or "auto"
        Regularisation, in units of the mean loss; β = alpha · Σ_i s_i. 0 interpolates: of all networks that fit the
        targets exactly, that of least penalty. "auto" chooses it by cross-validation, see
        :func:`bladenet.selection.select_alpha`.
    norm : 1, 2 or "auto"
        Norm of the weights in the penalty. "auto": 1 where neurons read few features, else 2.
    bias : bool
        Whether neurons and output have (unpenalised) offsets.
    loss : "squared" ½(f − y)², "huber", "quantile" (the median), "poisson" exp f − y f for counts and rates y ≥ 0, or a
        :class:`bladenet.HuberLoss` or :class:`bladenet.QuantileLoss`. With "poisson" the network computes the logarithm
        of the mean, ``predict`` the mean, and explanations are of the logarithm.
    output_norm : 1 or 2
        Norm of a neuron's amplitudes in the penalty, where there are several outputs: with 2 they share neurons (group
        Lasso), with 1 each has its own.
    tol : float or "auto"
        Relative duality gap to prove. "auto": 1e-6 up to two features, else 1e-3.
    scaling : "auto", None, "standard", "rank" or "blend"
        Map of the features before training; the penalty depends on units, so it is part of the model. "standard":
        to standard deviation 1, and mean 0 if there is a bias. "rank": monotone and piecewise linear through weighted
        mid-ranks. "blend": the mean of the two. "auto": "blend" with max_interaction, else "standard"; with
        alpha="auto" and max_interaction features that matter less are then scaled down, if that predicts better.
        Penalty and certificate are those of the scaled problem; explanations and pictures are in the user's units.
    max_interaction : int, None or "auto"
        Most features that a neuron may read, each indicator of a category counting as one; needs norm=1. 1 is an
        additive model, 2 adds pairs of features, None sets no limit. "auto": no limit up to two features, nor where
        norm=2, alpha=0 or vertices_only asks for that; else 2.
    vertices_only : bool
        Restrict neurons to blades of samples (matters for norm=2 and two or more features; for small data).
    strategy : "auto", "exact", "anytime" or "relaxed"
        Whether to prove global optimality, see :func:`bladenet.train`; :func:`bladenet.plan` says how long that takes.
    time_limit : float or None
        Seconds for ``fit``, half of them at most for alpha="auto". Then the best network so far is kept, with what is
        proven about it; a warning says which alpha were not compared. Compiling, on first use, is not counted.
    callback : callable or None
        Called with each Round of the (final) training. Not saved.

    Attributes
    ----------
    network_ : ReLUNetwork of the features scaled by ``scaling_.remaining``: of the user's units with scaling None or
        "standard", which is folded into the network; of rank or blend scaled features else
    settings_ : Settings, what "auto" came to, and why
    scaling_ : Scaling, from the user's units to those trained on
    encoding_ : Encoding, from the columns of a data frame to features
    certificate_ : Certificate, in units of the summed loss
    blades_ : list of Blade, one per neuron: numbers of rows of X, from 0, whatever labels they have; `pull` is
        in the (scaled) features trained on
    history_ : list of Round
    alpha_, beta_ : float, the regularisation used
    validation_ : Validation, how good the model is on rows that it has not seen, from the folds that chose alpha; None
        where alpha was given
    evidence_ : Evidence, what is kept of the training data for :meth:`explain`
    row_labels_ : RowLabels, what the rows of X are called in explanations and by :meth:`what_if`: labels of a pandas
        frame whose index is not 0, 1, … in order, unless some are the same; else their numbers, from 0
    n_features_in_ : int
    feature_names_in_ : of str, if X was a data frame with string columns
    """

    def __init__(
        self,
        alpha: float | str = AUTO,
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
        self.alpha = alpha
        super().__init__(
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

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : (n, d), an array of numbers, or a pandas or polars data frame of numbers and categories (text, booleans,
            categorical types), which become indicators such as "colour=red"
        y : (n,), or (n, c) for several outputs (squared loss)
        sample_weight : (n,), ≥ 0; a weight of 2 is the same as a repeated sample

        Raises
        ------
        ValueError
            On invalid data or hyper-parameters; names the value and the remedy.
        """
        self._check_settings(classifies=False)
        with named_rows(X):
            samples, target, weight = self._prepare(X, y, sample_weight, y_numeric=True, multi_output=True)
            with named_cells(None, target):
                coded = self._coded(target, weight)
            self._train(samples, *coded)
        if np.ndim(target) == 2 and np.shape(target)[1] == 1:  # predictions come in the shape of the targets
            network = self.network_
            self.network_ = replace(
                network, amplitudes=network.amplitudes[:, None], intercept=np.array([network.intercept])
            )
            self.evidence_ = replace(self.evidence_, targets=self.evidence_.targets[:, None])
        return self

    def _coded(self, y: Any, weight: Array) -> tuple[Array, Array, str | Loss]:
        """Targets, weights and loss as :func:`bladenet.train` takes them."""
        target = np.asarray(y, dtype=np.float64)
        column = target.ndim == 2 and target.shape[1] == 1
        return target[:, 0] if column else target, weight, self.loss

    def predict(self, X: ArrayLike) -> Array:
        """Predicted targets: (n, d) → (n,), or (n, c) for several outputs; with the Poisson loss exp f, the mean."""
        return get_loss(self.loss).mean(self._scores(X))

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> Array:
        """Intervals that hold the targets of this share of new rows: (n, d) → (n, 2), or (n, c, 2), low and high.

        Around the prediction, as wide as the folds that chose alpha have missed rows by that they left out, which is
        the same everywhere; with the Poisson loss in proportion to the root of the prediction, and not below 0.

        Raises
        ------
        ValueError
            If alpha was given, so that there are no folds, or they left out too few rows for the coverage.
        """
        check_is_fitted(self, "network_")
        if self.validation_ is None or not self.validation_.scores:
            raise ValueError(
                "intervals follow from the folds that choose alpha, and there are none: fit with alpha='auto'."
            )
        counts = get_loss(self.loss).link == "log"
        spread = np.sqrt if counts else np.ones_like
        middle = self.predict(X)
        width = self.validation_.margin(coverage, spread) * spread(middle)
        low = middle - width
        return np.stack([np.maximum(low, 0.0) if counts else low, middle + width], axis=-1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _probabilities_exist(model: BladeNetClassifier) -> bool:
    name = get_loss(model.loss).name
    if name == "hinge":
        raise AttributeError(
            f"loss={name!r} estimates no probabilities: use decision_function, or train with loss='logistic'."
        )
    return True


class BladeNetClassifier(ClassifierMixin, BladeNet):
    """Globally optimal two-layer ReLU network for classification, with a certificate.

    For two classes the network's output is a score, positive for ``classes_[1]``; for more there is a score for each,
    trained on the cross-entropy of their softmax, with neurons that all classes share. Parameters and attributes are
    those of :class:`BladeNetRegressor`, except:

    Parameters
    ----------
    loss : "logistic" log(1 + exp(−y f)) with y = ±1, the cross-entropy for more than two classes; or "hinge"
        max(0, 1 − y f), for two
    class_weight : None, "balanced" or a dictionary from classes to weights, by which those of their samples are
        multiplied; "balanced" gives every class the same total

    Attributes
    ----------
    classes_ : (classes,), sorted
    """

    def __init__(
        self,
        alpha: float | str = AUTO,
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
        self.alpha = alpha
        super().__init__(
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

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : (n, d), an array of numbers, or a pandas or polars data frame of numbers and categories (text, booleans,
            categorical types), which become indicators such as "colour=red"
        y : (n,), classes: numbers or strings
        sample_weight : (n,), ≥ 0; a weight of 2 is the same as a repeated sample

        Raises
        ------
        ValueError
            On invalid data or hyper-parameters, or if there is one class only.
        """
        self._check_settings(classifies=True)
        with named_rows(X):
            samples, labels, weight = self._prepare(X, y, sample_weight)
            check_classification_targets(labels)
            self.classes_: np.ndarray = np.unique(labels)
            self._train(samples, *self._coded(labels, weight))
        return self

    def _coded(self, y: Any, weight: Array) -> tuple[Array, Array, str | Loss]:
        """Targets, weights and loss as :func:`bladenet.train` takes them.

        Raises
        ------
        ValueError
            If there is one class only, or too many for the loss, or one that was not trained on.
        """
        classes = self.classes_
        unknown = ~np.isin(y, classes)
        if unknown.any():
            label = np.asarray(y)[unknown].tolist()[0]
            raise ValueError(f"y has the class {label!r}, but the model was trained on {classes.tolist()}.")
        code = np.searchsorted(classes, y)
        weight = weight * self._class_weights(classes, code, weight)[code]
        used = np.unique(code[weight > 0])
        if len(used) < 2:
            label, which = classes.tolist()[used[0]], "" if len(classes) < 2 else " of positive weight"
            raise ValueError(f"y has one class only{which}, {label!r}; a classifier needs samples of two classes.")
        loss = get_loss(self.loss).name
        if len(classes) == 2 and loss != "softmax":
            return np.where(code == 1, 1.0, -1.0), weight, self.loss
        if loss == "hinge":
            raise ValueError(
                f"loss='hinge' is for two classes, but y has {len(classes)}: use loss='logistic', which is the "
                "cross-entropy there, or sklearn.multiclass.OneVsRestClassifier."
            )
        return code.astype(np.float64), weight, "softmax"

    def _class_weights(self, classes: np.ndarray, code: np.ndarray, weight: Array) -> Array:
        """The factor for each class."""
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            counts = np.bincount(code, weight)  # scikit-learn counts samples, to which a weight of 2 is one
            return np.divide(weight.sum(), len(classes) * counts, out=np.zeros(len(classes)), where=counts > 0)
        factors = compute_class_weight(self.class_weight, classes=classes, y=classes[code])
        if not (np.isfinite(factors).all() and (factors >= 0).all() and factors.any()):
            raise ValueError(f"class_weight must give numbers of at least 0, not all 0, got {self.class_weight!r}.")
        return np.asarray(factors, dtype=np.float64)

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores: (n, d) → (n,), positive for ``classes_[1]``, or (n, classes), the largest for the predicted class."""
        return self._scores(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predicted classes: (n, d) → (n,)."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.int64)]

    @property
    def predict_interval(self) -> Any:
        """Of regressors only: raises AttributeError."""
        raise AttributeError("a classifier has no predict_interval: predict_proba says how sure it is of each class.")

    @available_if(_probabilities_exist)
    def predict_proba(self, X: ArrayLike) -> Array:
        """Class probabilities, columns as in ``classes_``: (n, d) → (n, classes). Logistic loss only."""
        return probabilities(self.decision_function(X))
