"""Regularisation paths: choosing α by cross-validation."""

import time
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from bladenet.certificate import Status
from bladenet.losses import Array, Loss, get_loss
from bladenet.training import beta_max, train

FOLDS = 5
ALPHAS = 12  # values tried, geometric between α_max and RANGE · α_max
RANGE = 1e-4
LOOSE = 1e-2  # relative gap of the trainings that only compare α
RISES = 2  # of the validation loss in a row, after which smaller α, the slowest to train, are left out

Split = tuple[np.ndarray, np.ndarray]


def select_alpha(
    X: Array,
    y: Array,
    *,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    sample_weight: Array | None = None,
    max_interaction: int | None = None,
    vertices_only: bool = False,
    time_limit: float | None = None,
) -> float:
    """Choose α = β / Σ_i s_i by five-fold cross-validation.

    Twelve geometric values between α_max, at which the optimal network is constant, and α_max / 10⁴ are compared by
    the mean loss on the samples left out, from the largest down until that has risen twice in a row. Folds are
    shuffled with a fixed seed, so the answer is deterministic; for classification losses every fold has its share of
    both classes.

    Parameters
    ----------
    X : (n, d); y : (n,), −1 and +1 for classification losses
    norm, bias, loss, max_interaction, vertices_only : as in :func:`bladenet.train`
    sample_weight : (n,), ≥ 0; weighs training and validation; samples of weight 0 are left out
    time_limit : seconds; when they are over, the values of α not yet compared, the smallest, are left out

    Returns
    -------
    float
        α with the smallest mean validation loss (the largest such α). If every α gives the same constant network
        (α_max is 0), 1.0.

    Raises
    ------
    ValueError
        If there are too few samples to split, or as in :func:`bladenet.train`.
    KeyboardInterrupt
        On Ctrl-C: nothing has been selected then.
    """
    deadline = np.inf if time_limit is None else time.perf_counter() + time_limit
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    checked = get_loss(loss)
    shape: dict[str, Any] = {"norm": norm, "bias": bias, "loss": checked, "max_interaction": max_interaction}
    largest = beta_max(X, y, sample_weight=weight, **shape) / weight.sum()
    kept = weight > 0
    X, y, weight = X[kept], y[kept], weight[kept]
    splits = _splits(y, checked)
    if not largest > 0:
        return 1.0
    best, best_loss, last_loss, rises = largest, np.inf, np.inf, 0
    for alpha in np.geomspace(largest, RANGE * largest, ALPHAS):
        total = 0.0
        for rows, held_out in splits:
            remaining = deadline - time.perf_counter()
            if remaining <= 0:
                return float(best)
            fit = train(
                X[rows],
                y[rows],
                beta=float(alpha * weight[rows].sum()),
                tol=LOOSE,
                sample_weight=weight[rows],
                vertices_only=vertices_only,
                time_limit=None if time_limit is None else remaining,
                **shape,
            )
            if fit.certificate.status is Status.STOPPED and time.perf_counter() < deadline:
                raise KeyboardInterrupt  # training turns an interrupt into its best network; a selection has none
            total += float(weight[held_out] @ checked.value(fit.network.predict(X[held_out]), y[held_out]))
        if time.perf_counter() >= deadline:
            break
        rises = rises + 1 if total > last_loss else 0
        last_loss = total
        if total < best_loss:
            best, best_loss = alpha, total
        elif rises == RISES and best < largest:
            break
    return float(best)


def _splits(y: Array, loss: Loss) -> list[Split]:
    """Training and validation rows of each fold."""
    if loss.classifies:
        smallest = int(min((y > 0).sum(), (y < 0).sum()))
        if smallest < 2:
            raise ValueError(
                f"alpha='auto' needs at least two samples of each class to cross-validate, but one class has "
                f"n_samples={smallest}. Give alpha as a number."
            )
        folds = StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=0)
        return list(folds.split(y, y > 0))
    if len(y) < 2:
        raise ValueError(
            f"alpha='auto' needs at least two samples to cross-validate, got n_samples={len(y)}. "
            "Give alpha as a number."
        )
    return list(KFold(min(FOLDS, len(y)), shuffle=True, random_state=0).split(y))
