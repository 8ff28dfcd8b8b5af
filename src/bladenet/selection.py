"""Choosing α, and how much each feature counts, by cross-validation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import sqrt
from typing import Any

import numpy as np

from bladenet.column_generation import ColumnGeneration, constant_network
from bladenet.descent import CLEARLY, SPARSER, Descent, FoldChoice, Network, Selection, emphasis
from bladenet.folds import ENOUGH, Split, enough_folds, shuffled_splits, thinned
from bladenet.losses import Array, Loss, row_norms
from bladenet.parallel import on_all_cores
from bladenet.planning import make_plan
from bladenet.pricing import Clock, Pricer, choose_pricer
from bladenet.problem import RESOLUTION, StandardForm, TrainingProblem
from bladenet.progress import Step, current_listener
from bladenet.restricted import nonzero
from bladenet.training import largest_violation

ALPHAS = 15  # values tried, geometric between α_max and RANGE · α_max
RANGE = 1e-5
ROUGH = 0.05  # how closely α_max is found
LOWER = 16.0  # by which the threshold falls until a neuron is above it
QUICK = 5.0  # seconds that this may take
LOOSE = 5e-2  # relative gap of the trainings that only compare α
FIRST = 400  # samples of the first rehearsal
GROWTH = 3  # from one rehearsal to the next
COARSE = 2  # a rehearsal compares every so many of the α
GUESS = 1e-2  # of α_max: what to train with where nothing has been compared
FURTHER = 5.0  # below the last α compared: what to train with where the loss was still falling

Samples = tuple[Array, Array, Array]


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
    time_limit : seconds. Then everything is rehearsed with few samples of one fold, and more of them, first; when
        the seconds are over, the last rehearsal says which of the smaller α, not compared yet, would have been best

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
    comparison = Comparison.of(X, y, sample_weight, shape, time_limit, vertices_only=vertices_only)

    def alphas(largest: float) -> Array:
        return np.geomspace(largest, RANGE * largest, ALPHAS)

    trials = comparison.trials(alphas, emphasise=emphasise)
    folds = comparison.choices(trials[-1])
    return replace(trials[-1].selection, cut_off=what_was_cut_off(trials), folds=folds)


@dataclass(frozen=True, eq=False)
class Trial:
    """A comparison as far as time allowed, and what follows from it.

    Attributes
    ----------
    folds, rows : their number, and samples that the networks of each are trained on
    most : features that a neuron may read, or None
    descent : without emphasis
    selection : what to train with
    finished : whether nothing more was to be compared
    adapted : the descent with emphasis, if there was one
    """

    folds: int
    rows: int
    most: int | None
    descent: Descent
    selection: Selection
    finished: bool = True
    adapted: Descent | None = None

    def __str__(self) -> str:
        where = f"on {self.folds} fold{'s' if self.folds > 1 else ''} of {self.rows:,} samples"
        alphas, count = self.descent.alphas, len(self.descent.losses)
        if self.finished:
            return f"{where} as many as needed"
        if self.descent.over:
            return f"{where} as many as needed, but not with features scaled down that matter less"
        if not count:
            return f"{where} none of {len(alphas)} ({alphas[0]:.2g} to {alphas[-1]:.2g})"
        tried, left = f"{alphas[0]:.2g} to {alphas[count - 1]:.2g}", f"{alphas[count]:.2g} to {alphas[-1]:.2g}"
        return f"{where} {count} of {len(alphas)} ({tried}; not tried: {left})"


def what_was_cut_off(trials: list[Trial]) -> str | None:
    """What has been compared and what not; None if the last trial, of all samples, has been finished."""
    if trials[-1].finished:
        return None
    single = [" with neurons reading one column" if trial.most != trials[-1].most else "" for trial in trials]
    return "; ".join(f"{trial}{kind}" for trial, kind in zip(reversed(trials), reversed(single), strict=True))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Splits of the samples, and what is to be trained on each: arguments as in :func:`select_alpha`.

    `rows` are those that the largest α follows from; None: all.
    """

    X: Array
    y: Array
    weight: Array
    splits: list[Split]
    shape: dict[str, Any]
    pricing: Callable[[StandardForm], Pricer]
    clock: Clock
    rows: np.ndarray | None = None

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
    ) -> "Comparison":
        """The comparison on samples of positive weight, by these splits or our own."""
        clock = Clock(time_limit)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        problem = TrainingProblem.create(X, y, beta=1.0, sample_weight=weight, **shape)
        y = problem.y
        pricing = pricing_of(problem, LOOSE, time_limit, vertices_only)
        kept = np.flatnonzero(weight > 0)
        if splits is None:
            splits = shuffled_splits(y[kept], problem.loss)[: enough_folds(y[kept], problem.loss)]
            splits = [(kept[train], kept[test]) for train, test in splits]
        return cls(X, y, weight, splits, {**shape, "loss": problem.loss}, pricing, clock)

    def trials(self, grid: Callable[[float], Array], emphasise: bool = False, whole: bool = False) -> list[Trial]:
        """Compare the α that `grid` makes of α_max; with a time limit after rehearsals, as far as there is time.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C: training turns that into its best network; a comparison has none.
        """
        trials: list[Trial] = []
        known = None  # the last trial that found more than a constant network
        for rehearsal in self._rehearsals() if self.clock.remaining < np.inf else []:
            if trials and self.clock.stopped:
                break
            single = rehearsal.shape.get("max_interaction") == 1  # which does not show what matters in pairs
            trials.append(rehearsal._trial(grid, emphasise and not single, False, known))
            if trials[-1].descent.best > 0:
                known = trials[-1]
        return [*trials, self._trial(grid, emphasise, whole, known)]

    def _rehearsals(self) -> list["Comparison"]:
        """Cheaper comparisons: on one fold, and trained on few of its samples, then on more.

        Where neurons read several features, those that read one are found in a fraction of the time: they come first.
        """
        kept, left_out = self.splits[0]
        loss, size = self.shape["loss"], FIRST
        sizes = []
        while 2 * size <= len(kept):
            sizes.append(size)
            size *= GROWTH
        if len(self.splits) > 2:
            sizes.append(len(kept))
        few = [(thinned(kept, self.y, loss, size), thinned(left_out, self.y, loss, ENOUGH)) for size in sizes]
        rehearsals = [replace(self, splits=[split], rows=split[0]) for split in few]
        if rehearsals and (self.shape.get("max_interaction") or 1) > 1:
            rehearsals.insert(0, replace(rehearsals[0], shape={**self.shape, "max_interaction": 1}))
        return rehearsals

    def _trial(self, grid: Callable[[float], Array], emphasise: bool, whole: bool, known: Trial | None) -> Trial:
        """Compare falling α, and emphasis near the best of them; what there is no time for, a trial before may know."""
        most = self.shape.get("max_interaction")
        trial = partial(Trial, len(self.splits), len(self.splits[0][0]), most)
        as_they_are = np.ones(self.X.shape[1])
        if known is not None and self.clock.stopped:
            plain = Descent(grid(float(known.descent.alphas[0])))
        else:
            largest = self._largest()
            if not largest > 0:
                return trial(Descent(grid(1.0)), Selection(1.0, as_they_are))
            alphas = grid(largest) if self.rows is None else grid(largest)[::COARSE]
            plain = self.along(alphas, whole=whole)
        if not plain.over:
            unfinished = self._unadapted(plain, known) if plain.turned else self._reckoned(plain, known)
            return trial(plain, unfinished, finished=False)
        if not emphasise:
            return trial(plain, plain.selection(as_they_are))
        adapted = self.along(plain.alphas[max(0, plain.best - 1) : len(plain.losses)], plain)
        if not adapted.over:
            return trial(plain, self._unadapted(plain, known), finished=False)
        if adapted.loss > SPARSER * plain.loss:
            return trial(plain, plain.selection(as_they_are), adapted=adapted)
        return trial(plain, adapted.selection(emphasis(plain.networks, self.X.shape[1])), adapted=adapted)

    def choices(self, trial: Trial, choose: Callable[[int], int] | None = None) -> tuple[FoldChoice, ...]:
        """What every fold is trained with if the others choose.

        `choose` says which α is best for those without a fold, if not the one whose loss is smallest.
        """
        plain, adapted, found = trial.descent, trial.adapted, []
        for k, (kept, left_out) in enumerate(self.splits if plain.losses else ()):
            others, tried, factors = plain.without(k), plain.tried, np.ones(self.X.shape[1])
            if adapted is not None and adapted.without(k).loss <= SPARSER * others.loss:
                others, tried = adapted.without(k), adapted.tried
                factors = emphasis([plain.networks[k]], self.X.shape[1])
            best = others.best if choose is None else choose(k)
            alpha = others.alpha if choose is None else float(others.alphas[best])
            found.append(FoldChoice(kept, left_out, alpha, factors, tried[best][k][:2]))
        return tuple(found)

    def _unadapted(self, plain: Descent, known: Trial | None) -> Selection:
        """The best α, with emphasis if that was better in the trial before."""
        factors = np.ones(self.X.shape[1])
        if known is not None and (known.selection.factors != 1.0).any():
            factors = emphasis(plain.networks, self.X.shape[1])
        weights, biases, _ = plain.networks[0]
        return Selection(plain.alpha, factors, (weights / factors, biases))

    def _reckoned(self, descent: Descent, known: Trial | None) -> Selection:
        """What to train with where the loss was still falling when the time was over.

        With n samples α falls about as their noise does, as 1/√n.
        """
        last = float(descent.alphas[max(0, len(descent.losses) - 1)])
        if known is not None:
            alpha = known.selection.alpha * sqrt(known.rows / len(self.splits[0][0]))
            if alpha < last or descent.best == 0:
                return replace(known.selection, alpha=min(alpha, last))
        here = descent.selection(np.ones(self.X.shape[1]))
        if descent.best == 0:
            return replace(here, alpha=GUESS * float(descent.alphas[0]))
        return replace(here, alpha=last / FURTHER)

    def _largest(self) -> float:
        """About the largest useful α."""
        rows = np.arange(len(self.X)) if self.rows is None else self.rows
        weight = self.weight[rows]
        problem = TrainingProblem.create(self.X[rows], self.y[rows], beta=1.0, sample_weight=weight, **self.shape)
        problem = replace(problem, resolution=ROUGH * RESOLUTION)
        proven = self.rows is None
        return _about_largest(problem.standard, self.clock, proven) * problem.standard.price / float(weight.sum())

    def along(self, alphas: Array, rival: Descent | None = None, whole: bool = False) -> Descent:
        """Compare falling α until the descent is over or the clock stops it.

        With a `rival` that has seen them, features are emphasised as its networks say.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C: training turns that into its best network; a comparison has none.
        """
        folds = [self._fold(k, alphas[0], rival.networks[k] if rival else None) for k in range(len(self.splits))]
        descent = Descent(alphas, rival=rival, whole=whole)
        stage = "choosing alpha" if self.rows is None else "choosing alpha, rehearsal"
        step = partial(Step, stage, folds=len(folds), values=len(alphas))
        for value, alpha in enumerate(alphas, 1):
            tell, done = current_listener(), count(1)
            tell(step(0, value=value))

            def compared(fold: Fold, _: Clock, limit: float = np.inf) -> float:
                loss = fold.validation_loss(alpha, limit)  # noqa: B023
                tell(step(next(done), value=value))  # noqa: B023
                return loss

            if len(folds) == 1:  # which may use all cores itself
                hopeless = CLEARLY * descent.loss if descent.best > 0 and not whole else np.inf
                losses = [compared(folds[0], self.clock, hopeless)]
            else:
                losses = on_all_cores(compared, folds, self.clock)
            if self.clock.interrupted:
                raise KeyboardInterrupt
            if self.clock.stopped:
                break
            descent.add(losses, [fold.network for fold in folds])
            if descent.over:
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


def pricing_of(
    problem: TrainingProblem, tol: float, time_limit: float | None, vertices_only: bool
) -> Callable[[StandardForm], Pricer]:
    """Makes the pricer of a fold: exact where that is planned for all samples."""
    exact = make_plan(problem.standard, tol, time_limit).strategy == "exact"
    return partial(choose_pricer, vertices_only=vertices_only, exact=exact)


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
        tol: float = LOOSE,
    ):
        X, y, weight = kept
        X_out, self.y_out, self.weight_out = left_out
        self.total, self.loss = float(weight.sum()), shape["loss"]
        problem = TrainingProblem.create(X, y, beta=alpha * self.total, sample_weight=weight, **shape)
        self.problem = problem.in_any_units(tol)
        self.form = self.problem.standard
        self.places = self.form.place(X_out)
        self.search = ColumnGeneration(self.form, pricing, tol, clock)
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
        return float(self.weight_out @ self.loss.value(self.outputs, self.y_out))

    @property
    def outputs(self) -> Array:
        """Of the best network so far, for the samples left out."""
        return self.search.outputs_at(self.places) * self.form.unit

    @property
    def network(self) -> Network:
        """The last: weights, biases and, up to a factor, amplitudes."""
        used = nonzero(self.search.best.z)
        neurons = self.form.original_neurons(self.search.best_weights[used], self.search.best_offsets[used])
        return *neurons, self.search.best.z[used]


def _about_largest(form: StandardForm, clock: Clock, proven: bool) -> float:
    """About the β from which on networks are constant: proven where that is wanted and quick, else by ascent."""
    few = form.original.max_interaction is not None
    if proven and (few or make_plan(form, ROUGH, QUICK).strategy == "exact"):
        _, largest = largest_violation(form, ROUGH, clock)
    else:
        v, pricer = form.at_points(constant_network(form).v), choose_pricer(form, exact=False)
        reach = row_norms(form.points, 2 if form.norm == 2 else np.inf).max()
        threshold = 2.0 * float(np.abs(v).sum() * reach)  # above all |h|
        floor, found = threshold * len(v) * np.finfo(float).eps, np.zeros(0)
        while not len(found) and threshold > floor and not clock.stopped:
            threshold /= LOWER
            found = pricer.propose(v, threshold, ROUGH, clock).values
        largest = float(np.abs(found).max(initial=0.0))
    if clock.interrupted:
        raise KeyboardInterrupt  # the searches turn it into what they have; here that is no answer
    return max(largest, _about_middles(form)) if clock.stopped else largest


def _about_middles(form: StandardForm) -> float:
    """The largest |h| of neurons that read one feature and are 0 up to its middle: far too small only by chance."""
    middles = np.median(form.points, axis=0) * form.bias
    h = np.maximum(form.points - middles, 0.0).T @ form.at_points(constant_network(form).v)
    return float(form.size(h).max(initial=0.0))
