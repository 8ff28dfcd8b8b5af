"""A fitted model in three sentences that need no mathematics: how good on new rows, what it reads, how good at best."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING

import numpy as np

from bladenet.certificate import Certificate, Status
from bladenet.formulas import listed, percent
from bladenet.importances import importances_of
from bladenet.losses import Loss, QuantileLoss, get_loss

if TYPE_CHECKING:
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
    from bladenet.scores import Score
    from bladenet.validation import Validation

NAMED = 3  # columns that are named
SMALL, HARDLY = 1e-6, 0.99  # a gap that is as good as none, and one that says next to nothing


def in_short(model: BladeNetRegressor | BladeNetClassifier) -> list[str]:
    """The sentences."""
    return [_on_new_rows(model), _reads(model), _at_best(model.certificate_)]


def _on_new_rows(model: BladeNetRegressor | BladeNetClassifier) -> str:
    validation = model.validation_
    if validation is None:
        return "How good it is on rows it has not seen was not measured, as alpha was given ('auto' measures it)."
    if not validation.scores:
        return "How good it is on rows it has not seen was not measured, as no alpha could be compared."
    score = telling_score(validation)
    says = _right(score) if score.name == "accuracy" else _explained(score, get_loss(model.loss))
    return f"On rows it has not seen: {says} ({validation.where}).{_beside_linear(score)}"


def telling_score(validation: Validation) -> Score:
    """The score that needs the least explanation, the larger the better: of classes the accuracy."""
    return next((score for score in validation.scores if score.name == "accuracy"), validation.scores[0])


def _beside_linear(score: Score) -> str:
    """What is to be said if nothing is gained over a linear model."""
    if not score.linear >= score.value - score.standard_error:
        return ""
    if score.linear > score.value + score.standard_error:
        return " The linear model is better."
    return " The linear model is as good, within one standard error."


def _right(score: Score) -> str:
    return (
        f"it names the right class for {percent(score.value)} ± {100.0 * score.standard_error:.1f} of them; a linear "
        f"model does so for {percent(score.linear)}, and who always names the most frequent class for "
        f"{percent(score.constant)}"
    )


def _explained(score: Score, loss: Loss) -> str:
    """What is explained of the variation; less than nothing is nothing."""
    of = "variation of the target"
    if isinstance(loss, QuantileLoss):
        of = f"deviation from {'the median' if loss.quantile == 0.5 else f'the {loss.quantile:g} quantile'}"
    if not np.isfinite(score.value):
        return f"there is no {of} to explain"
    value = f"{score.value:.3f} ± {score.standard_error:.3f}".replace("-", "−")
    own, linear = (percent(share, 0) if share > 0.0 else "nothing" for share in (score.value, score.linear))
    measured = f"R² {value}, so it" if score.name == "R²" else f"a share of {value}: it"
    return f"{measured} explains {own} of the {of}; a linear model explains {linear}"


def _reads(model: BladeNetRegressor | BladeNetClassifier) -> str:
    shares, columns = importances_of(model), model.encoding_.columns
    used = np.argsort(-shares, kind="stable")[: np.count_nonzero(shares)]
    if not len(used):
        proven = model.certificate_.status is Status.GLOBAL
        why = "nothing else is worth its penalty" if proven else "nothing better has been found"
        return f"It reads no column and predicts the same for every row: {why}."
    if len(columns) == 1:
        return f"It reads the only column, {columns[0].name}."
    named = listed([f"{columns[k].name} ({percent(shares[k], 0)})" for k in used], NAMED)
    count = f"{len(used):,} of {len(columns):,}"
    if len(used) == len(columns):
        count = "both" if len(columns) == 2 else f"all {len(columns):,}"
    return f"It reads {count} columns; how much they count: {named}."


def _at_best(proven: Certificate) -> str:
    if not proven.gap < HARDLY:
        return "How much better another network could be is not known yet: hardly anything is proven. Allow more time."
    better = f"no {proven.networks} is better by more than {_share(proven.gap)} of what training minimises"
    if proven.status is Status.RESTRICTED:
        return f"It is the best network whose neurons are blades of samples, and it is proven that {better}."
    if proven.status is Status.GLOBAL:
        return f"No better network was missed: it is proven that {better}."
    return f"A better network may have been missed, but it is proven that {better}."


def _share(gap: float) -> str:
    """A gap in per cent with two digits, rounded up so that it stays proven."""
    if gap <= SMALL:
        return f"{100.0 * SMALL:.4f} %"
    digits = 1 - floor(log10(100.0 * gap))
    return f"{ceil(100.0 * gap * 10.0**digits) / 10.0**digits:.{max(digits, 0)}f} %"
