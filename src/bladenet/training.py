"""Training: from samples to the globally best network, its blades and its certificate."""

import numbers
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.checks import finite_array
from bladenet.column_generation import ColumnGeneration, Round, constant_network
from bladenet.interpolation import interpolate
from bladenet.losses import Loss
from bladenet.planning import LONG, UNASKED, Plan, make_plan
from bladenet.pricing import Clock, choose_pricer, choose_relaxation
from bladenet.problem import Neurons, StandardForm, TrainingProblem
from bladenet.rebuilding import MARGIN, Fit, finish
from bladenet.restricted import nonzero

SEARCH_SHARE = 0.5  # of the time limit, where bounds are still to come
SINGLE_SHARE = 0.25  # of the time, for neurons of one feature before those of several
POOR = 0.5  # a gap that a relaxation may well improve on
SETTLED = 1e-3  # the search by ascent ends when a round lowers the objective by a fraction of this


def train(
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    output_norm: int = 2,
    tol: float = 1e-6,
    sample_weight: ArrayLike | None = None,
    max_interaction: int | None = None,
    n_components: int | None = None,
    vertices_only: bool = False,
    start: tuple[ArrayLike, ArrayLike] | None = None,
    strategy: str = "auto",
    time_limit: float | None = None,
    callback: Callable[[Round], object] | None = None,
) -> Fit:
    """Train a two-layer ReLU network to certified global optimality.

    Minimises Σ_i s_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p over networks of any width; for p = 2 this is weight decay
    (β/2) Σ_j (‖w_j‖² + u_j²).

    Parameters
    ----------
    X : (n, d), an array or a pandas or polars data frame, of numbers
    y : (n,); −1 and +1 for classification losses, ≥ 0 for poisson, 0, 1, … for softmax; (n, c) for several outputs
        (squared loss)
    beta : regularisation, in the units of the summed loss per unit of penalty; 0 interpolates: of all networks that
        fit the targets exactly, that of least penalty, which then is the objective (Corollary 8)
    norm : 1 or 2, the norm of the weights in the penalty
    bias : whether neurons and output have (unpenalised) offsets
    loss : "squared" ½(f − y)², "logistic", "hinge", "huber", "quantile", "poisson", "softmax", or a Loss
    output_norm : the norm of a neuron's amplitudes u_j in the penalty, where there are several outputs: 2 (they share
        neurons, as in the group Lasso) or 1 (each output has its own)
    tol : relative duality gap to prove
    sample_weight : (n,), ≥ 0; a weight of 2 is the same as a repeated sample
    max_interaction : neurons read at most so many features; then optimal among all such networks, for any d (norm=1)
    n_components : seek neurons in the span of so many principal components of X only; what that may miss enters the
        lower bound (norm=2)
    vertices_only : restrict neurons to blades of samples (the paper's Theorems 4, 5 and 7; matters for norm=2 with
        two or more features only, and enumerates all blades: for small data)
    start : weights (m, d) and biases (m,) of neurons to begin with, for example those of a similar network; they
        save time and change nothing else
    strategy : "exact" (prove global optimality), "anytime" (search by ascent, then prove as small a gap as the time
        limit allows, loose bounds first), "relaxed" (ascent, and a bound by convex relaxation, for many features), or
        "auto": exact unless that would take longer than the time limit, or five minutes without one, else anytime up
        to nine features per neuron; see :func:`plan`
    time_limit : seconds; when they are over, or on Ctrl-C, the best network so far is returned with what is proven
    callback : called with each Round

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        On invalid input, before any work; names the value and the remedy.
    """
    problem = TrainingProblem.create(
        X,
        y,
        beta=beta,
        norm=norm,
        bias=bias,
        loss=loss,
        sample_weight=sample_weight,
        max_interaction=max_interaction,
        n_components=n_components,
        output_norm=output_norm,
    )
    controls: dict[str, Any] = {"strategy": strategy, "time_limit": time_limit, "callback": callback}
    return solve(problem, tol=tol, vertices_only=vertices_only, start=start, **controls)


def solve(
    problem: TrainingProblem,
    *,
    tol: float,
    vertices_only: bool,
    start: tuple[ArrayLike, ArrayLike] | None,
    strategy: str,
    time_limit: float | None,
    callback: Callable[[Round], object] | None,
) -> Fit:
    """Train on a problem that is there; see :func:`train`."""
    check_controls(tol, time_limit)
    start = None if start is None else _checked_start(start, problem)
    restricted = vertices_only and problem.norm == 2 and problem.X.shape[1] > 1
    form = problem.standard
    planned = make_plan(form, tol, time_limit, strategy)
    exact, anytime = restricted or planned.strategy == "exact", planned.strategy == "anytime"
    if exact and not restricted and time_limit is None and callback is None and planned.seconds > LONG:
        warnings.warn(f"{planned} Give a time_limit, or a callback to follow it.", stacklevel=3)
    pricing = partial(choose_pricer, vertices_only=restricted, exact=exact or anytime, hurried=anytime)
    if problem.loss.exact:
        return interpolate(problem, pricing, tol, Clock(time_limit), callback, exact, start, restricted)
    clock = Clock(time_limit if exact or time_limit is None else SEARCH_SHARE * time_limit)
    search = ColumnGeneration(form, pricing, MARGIN * tol if exact else max(tol, SETTLED), clock, callback)
    if time_limit is not None and (problem.max_interaction or 1) > 1:
        _begin_with_single_features(search, problem, start)
    elif start is not None:
        search.begin(*form.neurons(*start))
    search.run(prove=exact)
    try:
        if not exact:
            clock.extend(time_limit)
        if anytime and not clock.stopped:
            if time_limit is None:
                clock.extend(clock.elapsed + max(UNASKED, clock.elapsed))
            search.tol = MARGIN * tol
            search.run(at_once=True)
            clock.extend(time_limit)
            if search.exhausted and time_limit is not None and not clock.stopped:  # a better network
                clock.extend(clock.elapsed + SEARCH_SHARE * clock.remaining)
                search.run(prove=False)
                clock.extend(time_limit)
        stopped = (clock.stopped or search.exhausted) and search.gap > search.tol
        unproven = planned.strategy == "relaxed" or (search.gap > POOR and form.points.shape[1] > 2)
        if unproven and not search.relaxed and not clock.stopped:
            search.relax()
            stopped |= clock.stopped and search.gap > search.tol
        return finish(problem, search, tol, restricted, stopped)
    except KeyboardInterrupt:  # too late to save time, too early to lose the network
        clock.interrupt()
        return finish(problem, search, tol, restricted, stopped=True)


def _begin_with_single_features(search: ColumnGeneration, problem: TrainingProblem, start: Neurons | None) -> None:
    """Start from the best network found of neurons that read one feature: with little time, the best there is."""
    form, clock = search.form, search.clock
    single = replace(form, original=replace(problem, max_interaction=1))
    first = ColumnGeneration(single, search.pricing, search.tol, clock.part(SINGLE_SHARE * clock.remaining))
    weights, offsets = form.neurons(*start) if start is not None else (np.zeros((0, form.points.shape[1])), np.zeros(0))
    one = (weights != 0.0).sum(axis=1) == 1
    if one.any():
        first.begin(weights[one], offsets[one])
    first.run(prove=False)
    used = nonzero(first.best.z)
    search.neurons.mix(first.best_weights[used], first.best_offsets[used], first.best.z[used])
    search.neurons.t = first.best.t
    if used.any() or len(offsets):
        search.begin(weights, offsets)


def plan(
    X: ArrayLike,
    y: ArrayLike,
    *,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    tol: float = 1e-6,
    max_interaction: int | None = None,
    n_components: int | None = None,
    strategy: str = "auto",
    time_limit: float | None = None,
) -> Plan:
    """Say what :func:`train` will attempt and about how long that takes, without doing it; print the result.

    Parameters and errors as for :func:`train`.
    """
    problem = TrainingProblem.create(
        X, y, beta=1.0, norm=norm, bias=bias, loss=loss, max_interaction=max_interaction, n_components=n_components
    )
    check_controls(tol, time_limit)
    return make_plan(problem.standard, tol, time_limit, strategy)


def check_controls(tol: float, time_limit: float | None) -> None:
    """Refuse a tolerance or a time limit that makes no sense."""
    if not isinstance(tol, (int, float, np.floating)) or not 1e-12 <= tol < 1:
        raise ValueError(f"tol is a relative gap and must be between 1e-12 and 1, got {tol!r}.")
    number = isinstance(time_limit, numbers.Real) and not isinstance(time_limit, bool)
    if time_limit is not None and not (number and time_limit > 0):
        raise ValueError(f"time_limit must be a number of seconds greater than 0, or None, got {time_limit!r}.")


def _checked_start(start: tuple[ArrayLike, ArrayLike], problem: TrainingProblem) -> Neurons:
    """Neurons to start from, which must be among those that are sought."""
    weights, biases = finite_array(start[0], "start's weights"), finite_array(start[1], "start's biases")
    d, most = problem.X.shape[1], problem.max_interaction
    if weights.ndim != 2 or weights.shape[1] != d or biases.shape != weights.shape[:1]:
        raise ValueError(
            f"start must be weights (m, {d}) and biases (m,) of neurons, got shapes {weights.shape} and {biases.shape}."
        )
    if not problem.bias and biases.any():
        raise ValueError("start has biases, but bias=False; set them to 0.")
    reads = int((weights != 0).sum(axis=1).max(initial=0))
    if most is not None and reads > most:
        raise ValueError(f"start has a neuron that reads {reads} features, but max_interaction={most}; leave it out.")
    return weights, biases


def beta_max(
    X: ArrayLike,
    y: ArrayLike,
    *,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    sample_weight: ArrayLike | None = None,
    max_interaction: int | None = None,
    time_limit: float | None = None,
) -> float:
    """The β from which on the optimal network has no neurons: max |h_v| at the constant fit.

    It is the smallest such β, with two exceptions. With the hinge and the quantile loss the constant fit can lie on a
    kink (with a bias it always does), v is one of many, and the smallest β may be lower. And where :func:`plan` does
    not say "exact", or the time limit or Ctrl-C ends the search, this is an upper bound.

    Parameters and errors as for :func:`train`, but for

    Parameters
    ----------
    time_limit : seconds; when they are over, or on Ctrl-C, the upper bound that is proven by then is returned, with a
        warning that says between which values the largest |h_v| lies
    """
    problem = TrainingProblem.create(
        X, y, beta=1.0, norm=norm, bias=bias, loss=loss, sample_weight=sample_weight, max_interaction=max_interaction
    )
    check_controls(1e-9, time_limit)
    clock = Clock(time_limit)
    found, proven = (side * problem.standard.price for side in largest_violation(problem.standard, 1e-9, clock))
    if clock.stopped and proven > found * (1.0 + 1e-9):
        warnings.warn(
            f"beta_max was stopped after {clock.elapsed:.2g} seconds: it lies between {found:.6g} and {proven:.6g}. "
            "The larger one is returned, from which on networks are surely constant; more time brings them together.",
            stacklevel=2,
        )
    return proven


def largest_violation(form: StandardForm, slack: float, clock: Clock) -> tuple[float, float]:
    """Max |h_v| at the constant fit: the largest found, and a proven bound.

    To a relative `slack`, unless the clock stops the search; where an exact one takes long, nothing is sought, and the
    bound is that of a relaxation.
    """
    v = form.at_points(constant_network(form).v)
    if make_plan(form, slack).strategy != "exact":
        return 0.0, choose_relaxation(form).price(v, 0.0, slack, clock).bound
    largest = choose_pricer(form).maximum(v, slack, clock)
    return float(np.abs(largest.values).max(initial=0.0)), largest.bound
