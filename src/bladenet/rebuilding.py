"""From a search to what it was for: the neurons of its best solution as blades, their network and its certificate."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from bladenet.basis_pursuit import corner, least_changes, slopes
from bladenet.blades import APART, Blade, corners, find_blades, neurons
from bladenet.certificate import Certificate, DualProof, certify, misfit_of, missed_by, objective_of
from bladenet.chambers import vertex_factor
from bladenet.column_generation import ColumnGeneration, Round
from bladenet.display import Listing, Shown, View, brief, number
from bladenet.losses import Array, ExactFit
from bladenet.master import restricted_problem
from bladenet.network import ReLUNetwork
from bladenet.planning import make_plan
from bladenet.pricing import Clock, choose_pricer, choose_relaxation
from bladenet.problem import Neurons, StandardForm, TrainingProblem, distinct_rows, group_sums
from bladenet.restricted import Restricted, masked, nonzero

FORGIVEN = 1e3  # times the smallest miss that counts: what moving neurons to blades may bring about
FEW = 4  # coordinates of a neuron whose corners are sought: they are up to 2 to that power
CROOKED = 1e3  # times what digits left out move a sample by: what they move a neuron by that is hardly defined by it
LATE, LATE_SHARE = 0.05, 0.03  # seconds past a limit, and of those before it, to put a network on its blades
MARGIN = 0.9  # of the tolerance for a search; the rest is for turning its solution into blades
Known = dict[bytes, Blade]  # of the neurons of a standard form


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Shown):
    """Result of :func:`train`.

    Attributes
    ----------
    network : ReLUNetwork, rebuilt from the blades
    certificate : Certificate
    blades : list of Blade, one per neuron: indices into the rows of X
    history : list of Round
    problem : TrainingProblem
    proof : DualProof behind the certificate
    """

    network: ReLUNetwork
    certificate: Certificate
    blades: list[Blade]
    history: list[Round]
    problem: TrainingProblem
    proof: DualProof

    def _view(self) -> View:
        proven, last = self.certificate, self.history[-1] if self.history else None
        facts = [
            ("status", proven.status.value),
            ("beta", number(self.problem.beta)),
            ("objective", f"{proven.objective:.8g}"),
            ("lower bound", f"{proven.lower_bound:.8g}"),
            ("gap", f"{proven.gap:.2g}"),
            ("neurons", str(len(self.network))),
            ("samples, features", brief(self.problem.X.shape)),
            ("rounds", f"{len(self.history)}" + (f" in {last.seconds:.2g} s" if last else "")),
        ]
        return View("Fit", facts, note=proven.advice)


def finish(
    problem: TrainingProblem,
    search: ColumnGeneration,
    tol: float,
    restricted: bool,
    stopped: bool,
    known: Known | None = None,
    given: list[Blade] | None = None,
) -> Fit:
    """Turn the best restricted solution of a search into blades, the blades into a network, and certify that.

    `known` holds the blades of neurons that have been looked at, also for other β; `given` are those of the best
    solution (of points), where that is exact as it is.
    """
    form = search.form
    if given is None:
        solution, blades, (weights, biases) = _rebuilt(problem, search, {} if known is None else known)
    else:
        solution, places = search.best, zip(given, search.best_weights, strict=True)
        blades = [_relabelled(form, blade, weight) for blade, weight in places]
        weights, biases = neurons(blades, problem.X, problem.norm, problem.bias)
    network = ReLUNetwork(weights, biases, solution.z * form.unit / form.scale, solution.t * form.unit)
    dual = form.original_dual(search.dual)
    if isinstance(problem.loss, ExactFit):
        whole, steep = network, slopes(problem.X[problem.sample_weight > 0], problem.bias)
        network = fitted_exactly(problem, whole, dual, steep)
        if problem.y.ndim == 1 and given is None:
            least, few = at_corner(problem, whole, blades, steep)
            fitted, (most, misfit) = fitted_exactly(problem, least, dual, steep), _costs(problem, network, dual)
            # fewer neurons may leave rounding nowhere to go
            if _costs(problem, fitted, dual) <= ((1.0 + 0.05 * tol) * most, misfit):
                network, blades = fitted, few
    bound = search.bound
    if restricted and search.dual.any():  # so far it covers blades only
        everything = choose_pricer if make_plan(form, tol, None).strategy == "exact" else choose_relaxation
        bound = everything(form).price(form.at_points(search.dual), form.beta, 1e-3, search.clock).bound
    # |w·x| may be more by what is lost; samples that are one point here may have duals that cancel
    proof = DualProof(dual, bound * form.price + form.lost * form.scale * float(np.abs(dual).sum()))
    cut = problem.n_components is not None and form.basis is not None  # the factor is of projected samples
    certificate = certify(
        problem,
        network,
        proof,
        tol,
        stopped=stopped or search.clock.interrupted,
        relaxed=search.relaxed,
        vertices_only=restricted,
        factor=vertex_factor(form.points, form.bias) if restricted and not (stopped or cut) else None,
    )
    return Fit(network, certificate, Listing(blades), Listing(search.history), problem, proof)


def _rebuilt(
    problem: TrainingProblem, search: ColumnGeneration, known: Known
) -> tuple[Restricted, list[Blade], Neurons]:
    """The best solution, its blades, and the neurons in the user's units that follow from these."""
    solution, weights, offsets = _cleaned(search)
    blades, neurons = blades_of(problem, weights, offsets, known)
    form = search.form
    if isinstance(form.loss, ExactFit):  # misses that small are put right at the end
        form = replace(form, loss=ExactFit(FORGIVEN * form.loss.tolerance, form.loss.price))
    left = 0.0 if search.clock.interrupted else max(0.0, search.clock.remaining)
    clock = Clock(left + LATE + LATE_SHARE * search.clock.elapsed)
    moved, places = restricted_problem(form, clock), form.neurons(*neurons)
    moved.add(*places)
    whole = len(moved.offsets) == len(blades)
    objective = moved.objective(solution.z, solution.t) if whole else np.inf
    if objective > solution.objective + 0.05 * search.tol * search.objective:
        # neurons that a search did not move to blades, such as those that it was started from
        for neuron in _between(weights, offsets, places, APART + CROOKED * form.lost):
            found = corners(form.points, neuron[:-1], neuron[-1], form.norm, form.bias)
            moved.add(found[:, :-1], found[:, -1])
        again = moved.solve(0.03 * search.tol)
        if again.objective < objective:
            solution, weights, offsets = _nonzero(again, moved.weights, moved.offsets)
            blades, neurons = blades_of(problem, weights, offsets, known)
    return _each_once(solution, blades, neurons)


def _each_once(solution: Restricted, blades: list[Blade], neurons: Neurons) -> tuple[Restricted, list[Blade], Neurons]:
    """One neuron where several have become the same."""
    first, group = distinct_rows(np.column_stack(neurons))
    if len(first) == len(blades):
        return solution, blades, neurons
    order = np.argsort(first)
    once, z = first[order], group_sums(group, solution.z, len(first))[order]
    weights, biases = neurons
    return replace(solution, z=z), [blades[k] for k in once], (weights[once], biases[once])


def _between(weights: Array, offsets: Array, places: Neurons, near: float) -> Array:
    """Those neurons (k, d + 1), of few coordinates, that are not where their blades are, nor near."""
    lines, blades = np.column_stack([weights, offsets]), np.column_stack(places)
    if len(lines) != len(blades):
        return lines[:0]
    apart = np.abs(lines - blades).max(axis=1) > near
    return lines[apart & (np.count_nonzero(weights, axis=1) <= FEW)]


def blades_of(problem: TrainingProblem, weights: Array, offsets: Array, known: Known) -> tuple[list[Blade], Neurons]:
    """The blades of neurons of the standard form, and the neurons that these define."""
    form = problem.standard
    keys = [np.r_[weight, offset].tobytes() for weight, offset in zip(weights, offsets, strict=True)]
    new = [k for k, key in enumerate(keys) if key not in known]
    for k, blade in zip(new, find_blades(form.points, weights[new], offsets[new], form.norm, form.bias), strict=True):
        known[keys[k]] = _relabelled(form, blade, weights[k])
    blades = [known[key] for key in keys]
    return blades, neurons(blades, problem.X, problem.norm, problem.bias)


def _relabelled(form: StandardForm, blade: Blade, weight: Array) -> Blade:
    """The blade of points as one of samples; `weight` is its neuron's."""
    here = blade.relabelled(form.sample)
    return here if form.basis is None else here.in_basis(form.basis, form.basis @ weight)


def _cleaned(search: ColumnGeneration) -> tuple[Restricted, Array, Array]:
    """The best solution on the neurons it needs, solved anew without the others unless that costs something."""
    best, used = search.best, search.best.used
    sparse = replace(best, z=masked(best.z, used))
    needed = search.neurons = restricted_problem(search.form, search.clock)  # the many columns of the search can go
    if not (used.any() and best.z[~used].any()):  # nothing to do without
        return _nonzero(sparse, search.best_weights, search.best_offsets)
    if needed.add(search.best_weights[used], search.best_offsets[used]) == used.sum():
        needed.z, needed.t = best.z[used], best.t
    affordable = best.objective + 0.05 * max(search.tol, search.gap * search.clock.stopped) * search.objective
    if search.clock.stopped:  # no time to solve anything
        without = needed.objective(best.z[used], best.t)
        return _nonzero(sparse if without <= affordable else best, search.best_weights, search.best_offsets)
    solution = needed.solve(0.03 * search.tol)
    if solution.objective > affordable:
        return _nonzero(best, search.best_weights, search.best_offsets)
    return _nonzero(solution, needed.weights, needed.offsets)


def _nonzero(solution: Restricted, weights: Array, offsets: Array) -> tuple[Restricted, Array, Array]:
    kept = nonzero(solution.z)
    return replace(solution, z=solution.z[kept]), weights[kept], offsets[kept]


def at_corner(
    problem: TrainingProblem, network: ReLUNetwork, blades: list[Blade], steep: csr_array
) -> tuple[ReLUNetwork, list[Blade]]:
    """Among optimal amplitudes of an interpolating network some with at most as many neurons as samples, by simplex.

    `steep` are the :func:`slopes` of samples of positive weight, here and below.
    """
    kept = problem.sample_weight > 0
    X, y = problem.X[kept], problem.y[kept]
    lengths = np.linalg.norm(network.weights, ord=problem.norm, axis=1)
    found = corner(network.hidden(X), lengths, y, problem.bias, steep)
    if found is None:
        return network, blades
    z, intercept = found
    used = np.flatnonzero(z)
    fewer = ReLUNetwork(network.weights[used], network.biases[used], z[used], intercept)
    return fewer, [blades[k] for k in used]


def fitted_exactly(problem: TrainingProblem, network: ReLUNetwork, dual: Array, steep: csr_array) -> ReLUNetwork:
    """The network with the least change of its amplitudes (and intercept) that takes rounding off its misfits.

    `dual` says what misses cost: of those that fit it is the one of least penalty with that, else the least misfit.
    """
    kept = problem.sample_weight > 0
    X, y = problem.X[kept], problem.y[kept]
    off, candidates = y - network.predict(X), [network]
    for change in least_changes(network.hidden(X), network.sizes(), problem.bias, off, steep):
        amplitudes = network.amplitudes + change[: len(network)]
        intercept = network.intercept + change[-1] if problem.bias else network.intercept
        candidates.append(replace(network, amplitudes=amplitudes, intercept=intercept))
    return min(candidates, key=lambda candidate: _costs(problem, candidate, dual))


def _costs(problem: TrainingProblem, network: ReLUNetwork, dual: Array) -> tuple[float, float]:
    """The penalty and what is missed, infinite where that is more than rounding; and the largest miss."""
    return objective_of(problem, network) + missed_by(problem, network, dual), misfit_of(problem, network)
