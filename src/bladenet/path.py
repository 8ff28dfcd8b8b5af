"""Regularisation paths: choosing α by cross-validation."""

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from bladenet.column_generation import ColumnGeneration
from bladenet.losses import Array, Loss, get_loss
from bladenet.planning import make_plan
from bladenet.pricing import Clock, Pricer, choose_pricer
from bladenet.pricing.parallel import on_all_cores
from bladenet.problem import Neurons, StandardForm, TrainingProblem
from bladenet.training import largest_violation

FOLDS = 5
ENOUGH = 1000  # held-out samples: no more folds are used than leave out so many
ALPHAS = 15  # values tried, geometric between α_max and RANGE · α_max
RANGE = 1e-5
ROUGH = 0.05  # how closely α_max is found
LOOSE = 5e-2  # relative gap of the trainings that only compare α
RISES = 2  # of the validation loss in a row, after which smaller α, the slowest to train, are left out
CLEARLY = 1.02  # times the smallest validation loss: one such loss is enough

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
) -> tuple[float, Neurons | None]:
    """Choose α = β / Σ_i s_i by cross-validation.

    Fifteen geometric values between α_max, at which the optimal network is constant, and α_max / 10⁵ are compared by
    the mean loss on the samples left out, from the largest down until that has risen clearly, or twice in a row. Each
    search goes on from that for the last α, and proves nothing: it ends when no better neuron turns up. There are five
    folds, of which no more are used than leave out 1,000 samples. They are shuffled with a fixed seed, so the answer is
    deterministic; for classification losses every fold has its share of both classes.

    Parameters
    ----------
    X : (n, d); y : (n,), −1 and +1 for classification losses
    norm, bias, loss, max_interaction, vertices_only : as in :func:`bladenet.train`
    sample_weight : (n,), ≥ 0; weighs training and validation; samples of weight 0 are left out
    time_limit : seconds; when they are over, the values of α not yet compared, the smallest, are left out

    Returns
    -------
    alpha : float
        With the smallest mean validation loss, between the values tried where a parabola through the best of them and
        its neighbours is lowest. If every α gives the same constant network (α_max is 0), 1.0.
    neurons : (weights, biases) or None
        Those of a network trained with it, a place for :func:`bladenet.train` to start from.

    Raises
    ------
    ValueError
        If there are too few samples to split, or as in :func:`bladenet.train`.
    KeyboardInterrupt
        On Ctrl-C: nothing has been selected then.
    """
    clock = Clock(time_limit)
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    checked = get_loss(loss)
    shape: dict[str, Any] = {"norm": norm, "bias": bias, "loss": checked, "max_interaction": max_interaction}
    whole = TrainingProblem.create(X, y, beta=1.0, sample_weight=weight, **shape).standard
    largest = largest_violation(whole, ROUGH, clock) * whole.scale / weight.sum()
    exact = make_plan(whole, LOOSE, time_limit).strategy == "exact"
    kept = weight > 0
    X, y, weight = X[kept], y[kept], weight[kept]
    splits = _splits(y, checked)
    if not largest > 0:
        return 1.0, None
    pricing = partial(choose_pricer, vertices_only=vertices_only, exact=exact)
    folds = [
        Fold(X[rows], y[rows], weight[rows], X[out], y[out], weight[out], largest, shape, pricing, clock)
        for rows, out in splits
    ]
    alphas, losses = np.geomspace(largest, RANGE * largest, ALPHAS), list[float]()
    neurons: Neurons | None = None
    for alpha in alphas:
        if len(folds) == 1:
            total = folds[0].validation_loss(alpha)  # which may use all cores itself
        else:
            total = sum(on_all_cores(lambda fold, _: fold.validation_loss(alpha), folds, clock))  # noqa: B023
        if clock.interrupted:
            raise KeyboardInterrupt  # training turns an interrupt into its best network; a selection has none
        if clock.stopped:
            break
        if total < min(losses, default=np.inf):
            neurons = folds[0].neurons
        losses.append(total)
        if _past_the_minimum(losses):
            break
    return _lowest(alphas, losses), neurons


def _past_the_minimum(losses: list[float]) -> bool:
    """Whether smaller α, the slowest to train, can be left out."""
    best = int(np.argmin(losses))
    rising = len(losses) - 1 - best >= RISES and all(np.diff(losses[-1 - RISES :]) > 0)
    return best > 0 and (rising or losses[-1] > CLEARLY * losses[best])


def _lowest(alphas: Array, losses: list[float]) -> float:
    """The α with the smallest loss, or where a parabola through that and its neighbours is lowest, over log α."""
    if not losses:
        return float(alphas[0])
    best = int(np.argmin(losses))
    if not 0 < best < len(losses) - 1:
        return float(alphas[best])
    before, here, after = losses[best - 1 : best + 2]
    bend = before - 2.0 * here + after
    step = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(alphas[best] * (alphas[best + 1] / alphas[best]) ** step)


class Fold:
    """One split into samples to train on and samples to compare by, and the search that follows α down from α_max."""

    def __init__(
        self,
        X: Array,
        y: Array,
        weight: Array,
        X_out: Array,
        y_out: Array,
        weight_out: Array,
        largest: float,
        shape: dict[str, Any],
        pricing: Callable[[StandardForm], Pricer],
        clock: Clock,
    ):
        self.total, self.loss = float(weight.sum()), shape["loss"]
        problem = TrainingProblem.create(X, y, beta=largest * self.total, sample_weight=weight, **shape)
        self.form = problem.standard
        self.places, self.y_out, self.weight_out = self.form.place(X_out), y_out, weight_out
        self.search = ColumnGeneration(self.form, pricing, LOOSE, clock)
        self.search.violation = 0.0  # by which |h| exceeds β at α_max, if the other folds do not matter much

    def validation_loss(self, alpha: float) -> float:
        """Loss on the samples left out, of the network for this α."""
        self.search = self.search.at(alpha * self.total / self.form.scale).run(prove=False)
        best, weights, offsets = self.search.best, self.search.best_weights, self.search.best_offsets
        used = best.z != 0
        hidden = np.maximum(self.places @ weights[used].T + offsets[used], 0.0)
        return float(self.weight_out @ self.loss.value(hidden @ best.z[used] + best.t, self.y_out))

    @property
    def neurons(self) -> Neurons:
        """Those of the last network."""
        used = self.search.best.z != 0
        return self.form.original_neurons(self.search.best_weights[used], self.search.best_offsets[used])


def _splits(y: Array, loss: Loss) -> list[Split]:
    """Training and validation rows of each fold."""
    used = ceil(ENOUGH / (len(y) / FOLDS))
    if loss.classifies:
        smallest = int(min((y > 0).sum(), (y < 0).sum()))
        if smallest < 2:
            raise ValueError(
                f"alpha='auto' needs at least two samples of each class to cross-validate, but one class has "
                f"n_samples={smallest}. Give alpha as a number."
            )
        folds = StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=0)
        return list(folds.split(y, y > 0))[:used]
    if len(y) < 2:
        raise ValueError(
            f"alpha='auto' needs at least two samples to cross-validate, got n_samples={len(y)}. "
            "Give alpha as a number."
        )
    return list(KFold(min(FOLDS, len(y)), shuffle=True, random_state=0).split(y))[:used]
