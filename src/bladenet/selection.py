"""Choosing α, and how much each feature counts, by cross-validation."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from bladenet.column_generation import ColumnGeneration, constant_network
from bladenet.losses import Array, Loss, PoissonLoss, row_norms
from bladenet.parallel import on_all_cores
from bladenet.planning import make_plan
from bladenet.pricing import Clock, Pricer, choose_pricer
from bladenet.problem import Neurons, StandardForm, TrainingProblem
from bladenet.restricted import nonzero
from bladenet.training import largest_violation

FOLDS = 5
ENOUGH = 1000  # held-out samples (500 of either class): no more folds are used than leave out so many
ALPHAS = 15  # values tried, geometric between α_max and RANGE · α_max
RANGE = 1e-5
ROUGH = 0.05  # how closely α_max is found
QUICK = 5.0  # seconds that this may take
LOOSE = 5e-2  # relative gap of the trainings that only compare α
RISES = 2  # of the validation loss in a row, after which smaller α, the slowest to train, are left out
CLEARLY = 1.02  # times the smallest validation loss: one such loss is enough
EQUAL = 1.002  # times the smallest loss: as good, and a larger α is cheaper and sparser
SPARSER = 1.005  # times the smallest loss: so much may be lost with emphasised features, whose networks are sparser
ANY = 2  # α compared: the first of which only gives a constant network
LEAST = 1e-3  # of the largest share of the penalty: what a feature counts for that has none

Split = tuple[np.ndarray, np.ndarray]
Samples = tuple[Array, Array, Array]
Network = tuple[Array, Array, Array]  # weights, biases, amplitudes


@dataclass(frozen=True, eq=False)
class Selection:
    """What :func:`select_alpha` has chosen.

    Attributes
    ----------
    alpha : float
    factors : (d,) by which features are to be multiplied
    start : (weights, biases) or None, neurons of a network trained with both: a place for :func:`bladenet.train` to
        start from, in units of the multiplied features
    """

    alpha: float
    factors: Array
    start: Neurons | None = None


def select_alpha(
    X: Array,
    y: Array,
    *,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    output_norm: int = 2,
    sample_weight: Array | None = None,
    max_interaction: int | None = None,
    vertices_only: bool = False,
    emphasise: bool = False,
    time_limit: float | None = None,
) -> Selection:
    """Choose α = β / Σ_i s_i, and with `emphasise` how much each feature counts, by cross-validation.

    Fifteen geometric values between α_max, at which the optimal network is constant, and α_max / 10⁵ are compared by
    the mean loss on the samples left out, from the largest down until that has risen clearly, or twice in a row. Each
    search goes on from that for the last α, and proves nothing: it ends when no better neuron turns up. There are five
    folds, of which no more are used than leave out 1,000 samples, for classification losses 500 of either class: where
    one is rare, validation losses are as noisy as its samples are few. They are shuffled with a fixed seed, so the
    answer is deterministic, and every fold has its share of both classes. The α chosen lies between the values tried,
    where a parabola through the best of them (the largest within 0.2 % of the smallest loss) and its neighbours is
    lowest.

    With `emphasise`, values near the best are compared once more with features multiplied by the square roots of their
    shares of the penalty, so that those which matter less cost more (see :func:`emphasis`); α is then placed where the
    losses of both comparisons together are lowest, which have less noise. Each fold takes the shares in its own best
    network; those of all folds together are chosen unless the validation loss rises by more than 0.5 %.

    Parameters
    ----------
    X : (n, d); y : (n,) or (n, c), as in :func:`bladenet.train`
    norm, bias, loss, output_norm, max_interaction, vertices_only : as in :func:`bladenet.train`
    sample_weight : (n,), ≥ 0; weighs training and validation; samples of weight 0 are left out
    emphasise : for norm=1
    time_limit : seconds; when they are over, what has not been compared yet, the smallest α, is left out

    Returns
    -------
    Selection
        If every α gives the same constant network (α_max is 0), alpha is 1.0.

    Raises
    ------
    ValueError
        If there are too few samples to split, or as in :func:`bladenet.train`.
    KeyboardInterrupt
        On Ctrl-C: nothing has been selected then.
    """
    shape: dict[str, Any] = {"norm": norm, "bias": bias, "loss": loss, "output_norm": output_norm}
    shape["max_interaction"] = max_interaction
    comparison, largest = Comparison.of(X, y, sample_weight, shape, time_limit, vertices_only=vertices_only)
    as_they_are = np.ones(X.shape[1])
    if not largest > 0:
        return Selection(1.0, as_they_are)
    alphas = np.geomspace(largest, RANGE * largest, ALPHAS)
    plain = comparison.along(alphas)
    if comparison.clock.stopped and len(plain.losses) < ANY:
        warnings.warn(
            f"the {time_limit:g} s for choosing alpha were over before anything but a constant network was compared: "
            "the network will be constant. Allow more time, or give alpha as a number.",
            stacklevel=4,  # where fit was called
        )
    if not emphasise or not plain.networks or comparison.clock.stopped:
        return plain.selection(as_they_are)
    adapted = comparison.along(alphas[max(0, plain.best - 1) : len(plain.losses)], plain)
    if adapted.loss > SPARSER * plain.loss:
        return plain.selection(as_they_are)
    return adapted.selection(emphasis(plain.networks, X.shape[1]))


def emphasis(networks: list[Network], d: int) -> Array:
    """Factors (d,) that make features cost less which networks of the same problem use more.

    Trained on features multiplied by s_j, a network costs Σ_j m_j / s_j, where m_j = Σ_k |u_k| |w_kj|. With s_j next to
    √m_j this is the tangent to 2 Σ_j √m_j at m, so that training is a step of majorisation–minimisation towards
    networks of fewer features, as in the adaptive Lasso. The m are averages; the networks' own cost stays what it was.
    """
    masses = [row_norms(amplitudes) @ np.abs(weights) for weights, _, amplitudes in networks]
    share = sum((mass / mass.sum() for mass in masses if mass.any()), start=np.zeros(d))
    if not share.any():
        return np.ones(d)
    root = np.sqrt(np.maximum(share, LEAST * share.max()))
    return root * float((share / root).sum() / share.sum())


@dataclass(frozen=True, eq=False)
class Descent:
    """How the folds' losses depend on α.

    Attributes
    ----------
    alphas : (k,) falling
    by_fold : for each α compared so far, the loss of every fold on the samples it leaves out
    tried : for each of these, the network of every fold
    rival : another that has seen them; where losses are lowest is sought in the sum of both, which has less noise
    """

    alphas: Array
    by_fold: list[list[float]] = field(default_factory=list)
    tried: list[list[Network]] = field(default_factory=list)
    rival: "Descent | None" = None

    @property
    def losses(self) -> list[float]:
        """For each α compared so far, the loss on all samples left out."""
        return [sum(losses) for losses in self.by_fold]

    @property
    def scores(self) -> Array:
        """By which α are compared."""
        return np.array(
            [
                loss + (self.rival.loss_at(alpha) if self.rival else 0.0)
                for alpha, loss in zip(self.alphas, self.losses, strict=False)
            ]
        )

    @property
    def best(self) -> int:
        """The number of the best α: the first whose score is as good as the smallest; 0 before anything is compared.

        The first network of all is constant, and must be better than the others, not as good: little is not nothing.
        """
        if not self.losses:
            return 0
        scores = self.scores
        equal = scores <= EQUAL * scores.min()
        equal[0] &= self.rival is not None or scores.argmin() == 0
        return int(np.argmax(equal))

    @property
    def networks(self) -> list[Network]:
        """Those of every fold at the best α; none if nothing has been compared."""
        return self.tried[self.best] if self.tried else []

    def add(self, by_fold: list[float], networks: list[Network]) -> None:
        """What the next α brought."""
        self.by_fold.append(by_fold)
        self.tried.append(networks)

    @property
    def loss(self) -> float:
        """The smallest loss."""
        return min(self.losses, default=np.inf)

    def loss_at(self, alpha: float) -> float:
        """The loss for one of the α compared."""
        return self.losses[int(np.flatnonzero(self.alphas == alpha)[0])]

    @property
    def alpha(self) -> float:
        """The best α, or where a parabola through its loss and those beside it is lowest, over log α."""
        if not self.losses:
            return float(self.alphas[0])
        best = self.best
        if not 0 < best < len(self.losses) - 1:
            return float(self.alphas[best])
        before, here, after = self.scores[best - 1 : best + 2]
        bend = before - 2.0 * here + after
        step = min(0.5 * (before - after) / bend, 0.5) if bend > 0 else 0.0  # further only where all are as good
        return float(self.alphas[best] * (self.alphas[best + 1] / self.alphas[best]) ** step)

    def selection(self, factors: Array) -> Selection:
        """The best α, and the neurons of the first fold to start from."""
        start = self.networks[0][:2] if self.networks else None
        return Selection(self.alpha, factors, start)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Splits of the samples, and what is to be trained on each: arguments as in :func:`select_alpha`."""

    X: Array
    y: Array
    weight: Array
    splits: list[Split]
    shape: dict[str, Any]
    pricing: Callable[[StandardForm], Pricer]
    clock: Clock

    @classmethod
    def of(
        cls,
        X: Array,
        y: Array,
        sample_weight: Array | None,
        shape: dict[str, Any],
        time_limit: float | None,
        splits: list[Split] | None = None,
        vertices_only: bool = False,
    ) -> tuple["Comparison", float]:
        """The comparison on samples of positive weight, by these splits or our own, and about the largest useful α."""
        clock = Clock(time_limit)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        problem = TrainingProblem.create(X, y, beta=1.0, sample_weight=weight, **shape)
        whole, y = problem.standard, problem.y
        largest = _about_largest(whole, clock) * whole.scale / weight.sum()
        exact = make_plan(whole, LOOSE, time_limit).strategy == "exact"
        pricing = partial(choose_pricer, vertices_only=vertices_only, exact=exact)
        kept = np.flatnonzero(weight > 0)
        if splits is None:
            splits = shuffled_splits(y[kept], problem.loss)[: _enough(y[kept], problem.loss)]
            splits = [(kept[train], kept[test]) for train, test in splits]
        return cls(X, y, weight, splits, {**shape, "loss": problem.loss}, pricing, clock), largest

    def along(self, alphas: Array, rival: Descent | None = None, whole: bool = False) -> Descent:
        """Compare falling α until the loss has risen clearly, or with `whole` all of them.

        With a `rival` that has seen them, features are emphasised as its networks say, and it ends as soon as the loss
        rises or is clearly above the rival's. Without, the first network is constant; a loss that has never been below
        that may still fall, and must have risen both clearly and twice in a row.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C: training turns that into its best network; a comparison has none.
        """
        folds = [self._fold(k, alphas[0], rival.networks[k] if rival else None) for k in range(len(self.splits))]
        descent = Descent(alphas, rival=rival)
        for alpha in alphas:
            if len(folds) == 1:  # which may use all cores itself
                hopeless = CLEARLY * descent.loss if descent.best > 0 and not whole else np.inf
                losses = [folds[0].validation_loss(alpha, hopeless)]
            else:
                losses = on_all_cores(lambda fold, _: fold.validation_loss(alpha), folds, self.clock)  # noqa: B023
            if self.clock.interrupted:
                raise KeyboardInterrupt
            if self.clock.stopped:
                break
            descent.add(losses, [fold.network for fold in folds])
            if whole:
                continue
            total = descent.losses[-1]
            best, since = descent.best, len(descent.losses) - 1 - descent.best
            if rival is None:
                rising, clearly = (
                    since >= RISES and all(np.diff(descent.losses[-1 - RISES :]) > 0),
                    total > CLEARLY * descent.loss,
                )
                if (rising and clearly) or (best > 0 and (rising or clearly)):
                    break
            elif since > 0 or (best > 0 and total > SPARSER * rival.loss_at(alpha)):
                break
        return descent

    def _fold(self, k: int, alpha: float, network: Network | None) -> "Fold":
        """One split; its search begins with a network's neurons, and with what that network emphasises.

        The network must be of this very fold: others know of the samples left out.
        """
        factors = emphasis([network] if network else [], self.X.shape[1])
        kept, left_out = ((self.X[rows] * factors, self.y[rows], self.weight[rows]) for rows in self.splits[k])
        fold = Fold(kept, left_out, alpha, self.shape, self.pricing, self.clock)
        if network:
            fold.begin(network[0] / factors, network[1])
        return fold


class Fold:
    """One split into samples to train on and samples to compare by, and the search that follows α down from the first.

    Parameters
    ----------
    kept, left_out : X (n, d), y (n,) and weights (n,) of the samples
    alpha : the first
    """

    def __init__(
        self,
        kept: Samples,
        left_out: Samples,
        alpha: float,
        shape: dict[str, Any],
        pricing: Callable[[StandardForm], Pricer],
        clock: Clock,
    ):
        X, y, weight = kept
        X_out, self.y_out, self.weight_out = left_out
        self.total, self.loss = float(weight.sum()), shape["loss"]
        self.problem = TrainingProblem.create(X, y, beta=alpha * self.total, sample_weight=weight, **shape)
        self.form = self.problem.standard
        self.places = self.form.place(X_out)
        self.search = ColumnGeneration(self.form, pricing, LOOSE, clock)
        self.search.violation = 0.0  # by which |h| exceeds β at α_max, if the other folds do not matter much

    def begin(self, weights: Array, biases: Array) -> None:
        """Start from these neurons."""
        self.search.begin(*self.form.neurons(weights, biases))

    def validation_loss(self, alpha: float, limit: float = np.inf) -> float:
        """Loss on the samples left out, of the network for this α; the search ends if that is above a limit."""
        self.search = self.search.at(self.problem.at(alpha * self.total).standard)
        self.search.run(prove=False, worthwhile=lambda: limit == np.inf or self._loss() <= limit)
        return self._loss()

    def _loss(self) -> float:
        """That of the best network so far."""
        return float(self.weight_out @ self.loss.value(self.search.outputs_at(self.places), self.y_out))

    @property
    def network(self) -> Network:
        """The last: weights, biases and, up to a factor, amplitudes."""
        used = nonzero(self.search.best.z)
        neurons = self.form.original_neurons(self.search.best_weights[used], self.search.best_offsets[used])
        return *neurons, self.search.best.z[used]


def _about_largest(form: StandardForm, clock: Clock) -> float:
    """About the β from which on networks are constant: proven where that is quick, else by ascent."""
    if form.original.max_interaction is not None or make_plan(form, ROUGH, QUICK).strategy == "exact":
        _, largest = largest_violation(form, ROUGH, clock)
    else:
        v = form.at_points(constant_network(form).v)
        found = choose_pricer(form, exact=False).price(v, 0.0, ROUGH, clock).values
        largest = float(np.abs(found).max(initial=0.0))
    if clock.interrupted:
        raise KeyboardInterrupt  # the searches turn it into what they have; here that is no answer
    return largest


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
    classes = y.argmax(axis=1) if y.ndim == 2 else y > 0
    return list(StratifiedKFold(count, shuffle=True, random_state=0).split(y, classes))


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


def _enough(y: Array, loss: Loss) -> int:
    """How many folds together leave out 1,000 samples, or 500 of either class; more than there are if none do."""
    counts = _counts(y, loss)
    return ceil(ENOUGH * FOLDS / (len(counts) * counts.min()))
