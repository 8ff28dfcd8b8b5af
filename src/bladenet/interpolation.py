"""Interpolation (Corollary 8): the network of least penalty among those that fit every target exactly.

    minimise  Σ_j ‖u_j‖_q ‖w_j‖_p   subject to  f(x_i) = y_i        (β → 0)

Column generation needs a network to start from, and there may be none. So misses are allowed at a price, which rises
until it is not worth paying: an exact penalty. Any dual variable with |h| ≤ 1 (and Σ v = 0) proves −Σ v_i·y_i.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bladenet.basis_pursuit import slopes, spreads
from bladenet.blades import corners, neurons
from bladenet.certificate import TINY
from bladenet.checks import ROW, RowError
from bladenet.column_generation import ColumnGeneration, Round
from bladenet.display import at_most
from bladenet.losses import Array, ExactFit, by_sample
from bladenet.losses.exact_fit import ROUNDING
from bladenet.master import restricted_problem
from bladenet.pricing import Clock, Pricer
from bladenet.problem import Neurons, StandardForm, TrainingProblem, distinct_rows
from bladenet.rebuilding import MARGIN, Fit, finish
from bladenet.restricted import nonzero
from bladenet.spline import closed_form, spline

FIRST_PRICE = 10.0  # of a miss, times the number of points and the price of a neuron
RISE = 100.0
HIGHEST_PRICE = 1e9  # times the first
ROUGH = 1e-2  # gap to which a price is tried
SAME_RAY = 1e-13  # of a target for each unit of length: rounding of samples on a ray


def interpolate(
    problem: TrainingProblem,
    pricing: Callable[[StandardForm], Pricer],
    tol: float,
    clock: Clock,
    callback: Callable[[Round], object] | None,
    prove: bool,
    start: Neurons | None = None,
    restricted: bool = False,
) -> Fit:
    """The certified interpolant of least penalty; sought from the neurons of `start`, in the user's units.

    `restricted` says that the pricer knows blades of samples only.

    Raises
    ------
    ValueError
        If no network fits the targets, naming two samples that contradict each other or the proof.
    """
    check_consistent(problem)
    form = problem.standard
    # the closer samples are, the steeper a miss: as much is paid for it as for a slope
    steep = slopes(form.points[form.row], form.bias)
    form = replace(form, weight=abs(steep).max(axis=0).toarray().ravel())
    assert isinstance(form.loss, ExactFit)  # problems with β = 0 have no other loss
    # and in an output of small targets as much as beside large ones
    sizes = spreads(steep @ (form.y - np.median(form.y, axis=0) * form.bias))
    first = price = FIRST_PRICE * len(form.points) * form.beta * sizes.max() / sizes
    search: ColumnGeneration | None = None
    if closed_form(form):
        here = replace(form, loss=ExactFit(form.loss.tolerance, first))
        search = ColumnGeneration(here, pricing, tol, clock, callback)
        blades, z, t, v = spline(form)
        search.begin_at(*neurons(blades, form.points, form.norm, bias=True), z, t, v)
        return finish(problem, search, tol, restricted=False, stopped=False, given=blades)
    proven = 0.0
    while True:
        here = replace(form, loss=ExactFit(form.loss.tolerance, price))
        if search is not None:
            search = search.at(here)
        else:
            search = ColumnGeneration(here, pricing, ROUGH, clock, callback)
            if start is not None:
                search.begin(*form.neurons(*start))
        search.run(prove=prove)
        if clock.stopped or fits(search):
            break
        proven = max(proven, search.lower)  # a bound for every price, as misses only help
        if (price >= HIGHEST_PRICE * first).all():
            if _missed_by_rounding(search):
                break
            raise ValueError(_impossible(problem, search, proven, restricted))
        price = price * RISE
    search.tol = MARGIN * tol
    search.run(prove=prove)
    if start is not None and not clock.stopped:
        _move_to_blades(search, *form.neurons(*start))
    if not prove:
        search.relax()
    return finish(problem, search, tol, restricted, stopped=clock.stopped and search.gap > tol)


def _move_to_blades(search: ColumnGeneration, weights: Array, offsets: Array) -> None:
    """Replace the neurons that it was started from, which may touch no sample, by the corners of their cells."""
    form, neurons = search.form, search.neurons
    started = {row.tobytes() for row in np.column_stack([weights, offsets])}
    apart = np.array(
        [row.tobytes() in started for row in np.column_stack([neurons.weights, neurons.offsets])], dtype=bool
    )
    needed = np.flatnonzero(apart & nonzero(neurons.z))
    others = restricted_problem(form, search.clock)
    others.add(neurons.weights[~apart], neurons.offsets[~apart])
    for k in needed:
        found = corners(form.points, neurons.weights[k], neurons.offsets[k], form.norm, form.bias)
        others.add(found[:, :-1], found[:, -1])
    solution = others.solve(search.tol)
    if solution.objective <= search.best.objective * (1.0 + 0.1 * search.tol):
        search.neurons, search.best = others, solution
        search.best_weights, search.best_offsets = others.weights, others.offsets


def fits(search: ColumnGeneration) -> bool:
    """Whether the best network so far misses no target."""
    form = search.form
    return not form.loss.value(search.outputs_at(form.points)[form.row], form.y).any()


def _missed_by_rounding(search: ColumnGeneration) -> bool:
    """Whether the best network so far misses no target by more than its outputs, large terms that cancel, may round."""
    form = search.form
    terms = 2.0 * np.abs(search.best.z).sum(axis=0) + np.abs(search.best.t)  # neurons reach no farther than 2
    off = np.abs(search.outputs_at(form.points)[form.row] - form.y)
    return bool((off <= ROUNDING * (terms + np.abs(form.y).max(axis=0))).all())


def check_consistent(problem: TrainingProblem) -> None:
    """Refuse samples that every network maps to the same output, or to proportional ones, but whose targets differ.

    Raises
    ------
    ValueError
        Naming two such samples.
    """
    rows = np.flatnonzero(problem.sample_weight > 0)
    X, Y = problem.X[rows], problem.y[rows].reshape(len(rows), -1)
    lengths = np.ones(len(rows)) if problem.bias else np.linalg.norm(X, axis=1)
    zero = lengths == 0.0
    if (zero & Y.any(axis=1)).any():
        raise RowError(
            f"no network without a bias fits {ROW}, which is 0 and whose target is not: use bias=True, or beta > 0.",
            int(rows[zero & Y.any(axis=1)][0]),
        )
    X, Y, rows = (array[~zero] for array in (by_sample(1.0 / np.where(zero, 1.0, lengths), X), Y, rows))
    Y = by_sample(1.0 / lengths[~zero], Y)
    first, group = distinct_rows(X if problem.bias else np.round(X, 14))
    assert isinstance(problem.loss, ExactFit)  # whose tolerance two targets for one output may share
    shared = np.multiply.outer(1.0 / lengths[~zero], np.atleast_1d(problem.loss.tolerance))
    shared = shared + shared[first][group] + (0.0 if problem.bias else SAME_RAY * np.abs(Y))
    off = (np.abs(Y - Y[first][group]) - shared).max(axis=1, initial=0.0)
    if not off.any():
        return
    k = int(off.argmax())
    same = "the same" if problem.bias else "on the same ray (and there is no bias)"
    raise RowError(
        f"no network fits the targets exactly: {ROW} and {ROW} are {same} but have different targets. "
        "Use beta > 0 (alpha > 0), or leave one of them out.",
        int(rows[first[group[k]]]),
        int(rows[k]),
    )


def _impossible(problem: TrainingProblem, search: ColumnGeneration, proven: float, restricted: bool) -> str:
    form = search.form
    off = np.abs(search.outputs_at(form.points)[form.row] - form.y)
    most = problem.max_interaction
    among = " of blades of samples" * restricted + ("" if most is None else f" with neurons reading {at_most(most)}")
    digits = 10.0 ** np.floor(np.log10(max(proven, TINY)) - 1.0)  # rounded down, so that it stays proven
    return (
        f"no network{among}{'' if problem.bias else ' without a bias'} fits the targets exactly, unless its penalty "
        f"exceeds {np.floor(proven / digits) * digits:.2g} (proven); the best one found misses targets by up to "
        f"{off.max():.2g}. Use beta > 0 (alpha > 0), or a larger class of networks."
    )
