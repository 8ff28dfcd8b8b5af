"""Estimators that choose α by cross-validation and keep the curve by which they chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, check_cv

from bladenet.checks import checked_alphas, checked_targets
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.losses import Array, Loss, get_loss
from bladenet.selection import Comparison, Selection, Split, shuffled_splits
from bladenet.training import Round

if TYPE_CHECKING:
    import pandas as pd

RULES = ("best", "one_standard_error")

Splitter: TypeAlias = int | BaseCrossValidator | Iterable[Split] | None


@dataclass(frozen=True, eq=False)
class ValidationCurve:
    """Mean losses on samples left out, for falling α.

    Attributes
    ----------
    alphas : (k,) falling
    losses : (k, folds), the mean loss on the samples that each fold leaves out
    """

    alphas: Array
    losses: Array

    @property
    def means(self) -> Array:
        """Means over the folds, (k,)."""
        return np.asarray(self.losses.mean(axis=1), dtype=np.float64)

    @property
    def standard_errors(self) -> Array:
        """Standard errors of these means, (k,); 0 for a single fold."""
        folds = self.losses.shape[1]
        if folds < 2:
            return np.zeros(len(self.losses))
        return np.asarray(self.losses.std(axis=1, ddof=1) / np.sqrt(folds), dtype=np.float64)

    def choose(self, rule: str) -> int:
        """The α of the smallest mean, or the largest α whose mean is within one standard error of that."""
        means = self.means
        best = int(means.argmin())
        if rule == "best":
            return best
        return int(np.argmax(means <= means[best] + self.standard_errors[best]))

    def data(self) -> pd.DataFrame:
        """One row per α: alpha, loss, standard_error."""
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        return pd.DataFrame({"alpha": self.alphas, "loss": self.means, "standard_error": self.standard_errors})


class _CrossValidated:
    """What both estimators share: α from a validation curve."""

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        n_alphas: int = 25,
        eps: float = 1e-5,
        cv: Splitter = None,
        rule: str = "best",
        norm: int = 2,
        bias: bool = True,
        loss: str | Loss = "squared",
        output_norm: int = 2,
        tol: float = 1e-6,
        scaling: str | None = "auto",
        max_interaction: int | None = None,
        vertices_only: bool = False,
        strategy: str = "auto",
        time_limit: float | None = None,
        callback: Callable[[Round], object] | None = None,
    ):
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.rule = rule
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

    def _check_alpha(self) -> None:
        checked_alphas(self.alphas, self.n_alphas, self.eps)
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(map(repr, RULES))}, got {self.rule!r}.")

    def _selection(self, X: Array, y: Array, time_limit: float | None, settings: dict[str, Any]) -> Selection:
        """The α that the rule picks from the validation curve."""
        shape = {key: value for key, value in settings.items() if key not in ("sample_weight", "vertices_only")}
        splits = _splits(self.cv, X, y, get_loss(settings["loss"]))
        comparison, largest = Comparison.of(
            X, y, settings["sample_weight"], shape, time_limit, splits, settings["vertices_only"]
        )
        given = checked_alphas(self.alphas, self.n_alphas, self.eps)
        alphas = given if self.alphas is not None else given * (largest or 1.0)
        descent = comparison.along(alphas, whole=self.alphas is not None)
        if not descent.losses:
            raise ValueError(
                f"the {time_limit:g} s for cross-validation were over before the first alpha was compared: allow more "
                "time, or use BladeNetRegressor or BladeNetClassifier with alpha as a number."
            )
        sizes = [comparison.weight[left_out].sum() for _, left_out in splits]
        self.validation_ = ValidationCurve(alphas[: len(descent.losses)], np.array(descent.by_fold) / sizes)
        chosen = self.validation_.choose(self.rule)
        return Selection(float(alphas[chosen]), np.ones(X.shape[1]), descent.tried[chosen][0][:2])


def _splits(cv: Splitter, X: Array, y: Array, loss: Loss) -> list[Split]:
    """Training and validation rows of each fold."""
    if cv is None or (isinstance(cv, (int, np.integer)) and not isinstance(cv, bool)):
        # rows are often sorted, so that folds of neighbours would measure extrapolation
        return shuffled_splits(checked_targets(y, len(y), loss), loss, None if cv is None else int(cv))
    return list(check_cv(cv, y, classifier=loss.classifies).split(X, y))


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
        number are shuffled, with a fixed seed, and stratified by class.
    rule : "best" (the smallest mean loss) or "one_standard_error" (the largest α whose loss is within one standard
        error of that: a sparser network that validation cannot tell from the best)
    norm, bias, loss, output_norm, tol, scaling, max_interaction, vertices_only, strategy, time_limit, callback
        as for :class:`BladeNetRegressor`

    Attributes
    ----------
    alpha_ : float, chosen
    validation_ : ValidationCurve with ``alphas`` (k,) and ``losses`` (k, folds), in units of the mean loss, and
        ``data()``, a data frame of means and standard errors; all others are those of :class:`BladeNetRegressor`
    """


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
        norm: int = 2,
        bias: bool = True,
        loss: str | Loss = "logistic",
        output_norm: int = 2,
        tol: float = 1e-6,
        scaling: str | None = "auto",
        max_interaction: int | None = None,
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
