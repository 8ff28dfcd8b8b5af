"""Folds of samples, shuffled by a fixed seed and stratified by class, and smaller samples that resemble them."""

from math import ceil

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from bladenet.losses import Array, Index, Loss, PoissonLoss

FOLDS = 5
ENOUGH = 1000  # held-out samples (500 of either class): no more folds are used than leave out so many

Split = tuple[np.ndarray, np.ndarray]


def shuffled_splits(y: Array, loss: Loss, folds: int | None = None, classes: np.ndarray | None = None) -> list[Split]:
    """Training and validation rows of each fold, shuffled by a fixed seed and stratified by class.

    Without a number five, or as many as there are samples (of the rarest class). The user's `classes` are for messages.
    """
    if isinstance(loss, PoissonLoss):
        return _splits_of_counts(y, folds)
    counts = _counts(y, loss)
    smallest = int(counts.min())
    if smallest < 2:
        each = " of each class" if loss.classifies else ""
        rarest = "one class" if classes is None else f"class {classes.tolist()[counts.argmin()]!r}"
        raise ValueError(
            f"to choose alpha by cross-validation at least two samples{each} are needed, got n_samples={smallest}"
            f"{f' of {rarest}' if loss.classifies else ''}. Give alpha as a number."
        )
    count = min(FOLDS, smallest) if folds is None else folds
    if not loss.classifies:
        return list(KFold(count, shuffle=True, random_state=0).split(y))
    return list(StratifiedKFold(count, shuffle=True, random_state=0).split(y, class_numbers(y)))


def class_numbers(y: Array) -> Index:
    """Numbers of classes, (n,), of coded targets: −1 and +1, or (n, c) indicators."""
    return y.argmax(axis=1) if y.ndim == 2 else (y > 0).astype(np.int64)


def _splits_of_counts(y: Array, folds: int | None) -> list[Split]:
    """Every fold has targets above 0 to train on: without, a constant has no best value."""
    some = y > 0
    if some.sum() < 2:
        raise ValueError(
            "to choose alpha by cross-validation with the poisson loss at least two targets above 0 are needed, got "
            f"{some.sum()}. Give alpha as a number."
        )
    count = min(FOLDS, len(y)) if folds is None else folds
    order = np.random.default_rng(0).permutation(len(y))
    order = order[np.argsort(~some[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % count  # those above 0 are dealt out first
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]


def _counts(y: Array, loss: Loss) -> Array:
    """Samples of each class, in order; of all of them where there are no classes."""
    if not loss.classifies:
        return np.array([len(y)])
    return y.sum(axis=0) if y.ndim == 2 else np.array([(y < 0).sum(), (y > 0).sum()])


def enough_folds(y: Array, loss: Loss) -> int:
    """How many folds together leave out 1,000 samples, or 500 of either class; more than there are if none do."""
    counts = _counts(y, loss)
    return ceil(ENOUGH * FOLDS / (len(counts) * counts.min()))


def thinned(rows: np.ndarray, y: Array, loss: Loss, size: int) -> np.ndarray:
    """Some of the rows, at random but with every class and the extreme targets among them; all if they are few."""
    if len(rows) <= size:
        return rows
    target = y[rows]
    key = target.argmax(axis=1) if loss.classifies and target.ndim == 2 else target.reshape(len(rows), -1)[:, 0]
    order = np.random.default_rng(0).permutation(len(rows))
    order = order[np.argsort(key[order], kind="stable")]
    chosen = order[np.linspace(0, len(rows) - 1, size).round().astype(np.int64)]
    if loss.classifies:
        chosen = np.union1d(chosen, np.unique(key, return_index=True)[1])
    return rows[np.sort(chosen)]
