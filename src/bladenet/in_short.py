"""A fitted model in three sentences that need no mathematics: how good on new rows, what it reads, how good at best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.certificate import Certificate, Status
from bladenet.formulas import listed, percent
from bladenet.importances import importances_of

if TYPE_CHECKING:
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

NAMED = 3  # columns that are named


def in_short(model: BladeNetRegressor | BladeNetClassifier) -> list[str]:
    """The sentences."""
    return [_on_new_rows(model), _reads(model), _at_best(model.certificate_)]


def _on_new_rows(model: BladeNetRegressor | BladeNetClassifier) -> str:
    if model.validation_ is None:
        return "How good it is on rows it has not seen was not measured, as alpha was given ('auto' measures it)."
    return f"On rows it has not seen: {model.validation_}."


def _reads(model: BladeNetRegressor | BladeNetClassifier) -> str:
    shares, columns = importances_of(model), model.encoding_.columns
    used = np.argsort(-shares, kind="stable")[: np.count_nonzero(shares)]
    if not len(used):
        return "It reads no column: no network is worth its penalty, and the constant is best."
    named = listed([f"{columns[k].name} ({percent(shares[k], 0)})" for k in used], NAMED)
    return f"It reads {len(used)} of {len(columns)} columns; most count {named}."


def _at_best(proven: Certificate) -> str:
    if not proven.gap < 1.0:
        return "Nothing is proven yet about how much better another network could be: allow more time."
    share = f"{100.0 * proven.gap:.2g} %"
    if proven.status is Status.RESTRICTED:
        return "No network of its kind, whose neurons are blades of samples, is better: this is proven."
    if proven.status is Status.GLOBAL:
        return f"No {proven.networks} is better: this is proven, to {share} of what training minimises."
    return f"Another {proven.networks} could be better by at most {share} of what training minimises: this is proven."
