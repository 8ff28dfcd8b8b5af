"""Certificates: how good a network is, proven from the data, the network and a priced dual variable.

Weak duality: any v in the domain of the conjugates with Σ v = 0 (if there is a bias) and |Σ_i v_i (w·x_i + b)_+| ≤ β
for every neuron with ‖w‖_p = 1 gives  min objective ≥ −Σ_i s_i ℓ*(v_i / s_i, y_i).  For several outputs v_i is a row
and |·| the dual of the norm that amplitudes have in the penalty (Theorem 23).  Everything is evaluated here
anew in float64, in the user's units, from the definition; nothing comes from the solver but the network, v and the
bound that a pricer proved for that v.

Rounding counts against the proof, never for it. Every v_i is only known to a few units in the last place, and so is
the sum of v: there are dual variables with Σ v = 0 exactly among those that shrink some v_i by as little. ℓ* is convex
and 0 at 0, so shrinking v_i by a fraction costs at most that fraction of |s_i ℓ*|, and moves h by that fraction of
|v_i| times a distance. Terms of the dual value cancel by no more than a small multiple of it, as half of v is feasible
as well. In the objective, outputs of neurons may be off by their rounding, in the direction that costs more.
"""

from dataclasses import asdict, dataclass
from enum import Enum
from itertools import chain
from math import fsum
from typing import Any

import numpy as np

from bladenet.display import Shown, View, at_most, short, written_out
from bladenet.losses import Array, by_sample, row_norms, weighted_mean
from bladenet.network import ReLUNetwork
from bladenet.problem import TrainingProblem

PROBES = 8  # random directions, and neurons, that a claimed bound is tried on
STRIP = 4096  # samples whose activations are held at once
HELD = 1_000_000  # numbers that probing holds at a time, per array
LOOSEST = 0.5  # gap up to which it helps to raise the tolerance
EPS, TINY = float(np.finfo(np.float64).eps), float(np.finfo(np.float64).tiny)
UNDERFLOW = float(np.finfo(np.float64).smallest_subnormal)
SLIGHT = 0.1  # of the tolerance, or of a larger gap: rounding that is not worth a more precise evaluation
ROUNDINGS = 32.0 * EPS  # of a value computed in a few steps and summed in pairs, relative to the sizes of its terms


class Status(Enum):
    """What is proven about a network."""

    GLOBAL = "GLOBAL"
    BOUNDED = "BOUNDED"
    RESTRICTED = "RESTRICTED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, eq=False, repr=False)
class DualProof(Shown):
    """A dual variable together with what pricing proved for this very variable.

    Attributes
    ----------
    dual : (n,) one entry per sample, or (n, c) for several outputs, in the user's units
    bound : float, |Σ_i dual_i (w·x_i + b)_+| ≤ bound for every neuron with ‖w‖_p = 1 and any offset b. It is trusted:
        certification tries it on some neurons and refuses it if it fails there, but on two features only a pricer
        can prove it.
    """

    dual: Array
    bound: float


@dataclass(frozen=True, repr=False)
class Certificate(Shown):
    """The proven quality of a network.

    Attributes
    ----------
    status : Status
    objective : float, of the network, recomputed
    lower_bound : float, no network of any width in the class (see `bias`, `max_interaction`) has a smaller objective
    gap : float, (objective − lower_bound) / objective, with what rounding may hide in the objective
    tol : float, the gap that was asked for
    factor : float or None; for vertices-only networks with p = 2, the proven c of Theorems 4 and 5: the optimum over
        vertices is at most 1/c times the optimum over all networks
    max_interaction : int or None; then "all networks" are those whose neurons read at most so many features
    bias : whether networks have biases and an intercept; if False, "all networks" are those without
    n_components : int or None; principal components that neurons were sought in
    relaxed : whether the lower bound is that of a convex relaxation, without a search that proves
    misfit : float or None; for interpolation the largest |f(x_i) − y_i|. The objective is then the penalty, or inf if
        the misfit is more than rounding
    """

    status: Status
    objective: float
    lower_bound: float
    gap: float
    tol: float
    factor: float | None = None
    max_interaction: int | None = None
    n_components: int | None = None
    relaxed: bool = False
    misfit: float | None = None
    bias: bool = True

    def _view(self) -> View:
        facts = [("status", self.status.value), ("objective", self._reached), ("lower bound", self._lowest)]
        return View("Certificate", [*facts, ("gap", short(self.gap)), ("tol", short(self.tol))], note=self.advice)

    def to_dict(self) -> dict[str, Any]:
        """Everything as strings and numbers, ready for JSON; what is infinite, as before an exact fit, is None."""
        fields = {k: v if not isinstance(v, float) or np.isfinite(v) else None for k, v in asdict(self).items()}
        return fields | {"status": self.status.value, "advice": self.advice}

    @property
    def networks(self) -> str:
        """What the lower bound speaks of, in words: "no …" has a smaller objective."""
        reads = self._reads
        fits = "" if self.misfit is None else f"{' and' if reads else ''} that fits all targets exactly"
        return f"ReLU network of any width{self._unbiased}{reads}{fits}"

    @property
    def _unbiased(self) -> str:
        return "" if self.bias else " without biases"

    @property
    def _reads(self) -> str:
        return "" if self.max_interaction is None else f" with neurons reading {at_most(self.max_interaction)}"

    @property
    def _optimum(self) -> str:
        narrower = f"{self._unbiased}{self._reads}"
        return f"true optimum{f' among networks{narrower}' if narrower else ''}"

    @property
    def advice(self) -> str:
        """What the status means and what to do about it."""
        if self.status is Status.GLOBAL:
            return (
                f"Globally optimal: no {self.networks} has {self._measure} below {self._lowest}, and "
                f"this one has {self._reached}{self._missed}."
            )
        if self.status is Status.BOUNDED and self.misfit is not None and not np.isfinite(self.objective):
            return (
                f"Targets are missed by up to {written_out(self.misfit, 2)}: beside others so large, or so much "
                f"steeper, float64 tells no more apart. Any {self.networks} has {self._measure} of at least "
                f"{self._lowest}. Use "
                "beta > 0, leave outliers out, or train on a transformed target."
            )
        if self.status is Status.BOUNDED:
            known = f"The {self._optimum} is between {self._lowest} and {self._reached}"
            if self.misfit:  # the optimum may be above the penalty of a network that misses targets, by ever so little
                known = (
                    f"No {self.networks} has {self._measure} below {self._lowest}, and this one has "
                    f"{self._reached}{self._missed}"
                )
            return f"{known}, but the gap exceeds the tolerance {short(self.tol)}. {self._remedy}"
        if self.status is Status.RESTRICTED:
            tail = f" Any vertices-only optimum is within a factor {1 / self.factor:.6g} of it." if self.factor else ""
            return (
                f"Optimal among networks{self._unbiased} whose neurons are blades of samples (vertices_only=True); "
                f"over all networks{self._unbiased} the optimum is at least {self._lowest}.{tail} Use "
                "vertices_only=False for the global one."
            )
        return (
            f"Stopped before the tolerance {short(self.tol)} was reached: this is the best network so far"
            f"{self._missed}, and the {self._optimum} is proven to be at least {self._lowest}. "
            "Allow more time or raise tol."
        )

    @property
    def _lowest(self) -> str:
        return written_out(self.lower_bound, 8)

    @property
    def _reached(self) -> str:
        return written_out(self.objective, 8)

    @property
    def _measure(self) -> str:
        return "an objective" if self.misfit is None else "a penalty"

    @property
    def _missed(self) -> str:
        return "" if self.misfit is None else f" (and misses targets by {written_out(self.misfit, 2)} at most)"

    @property
    def _remedy(self) -> str:
        if self.n_components is not None:
            return f"Neurons were sought in {self.n_components} principal components: raise n_components."
        if self.relaxed:
            return (
                "No better neuron was found by ascent; the bound is that of a convex relaxation, and the network is "
                "usually much better than it can prove. For a proof use fewer features, max_interaction, or "
                "strategy='exact' with enough time."
            )
        raised = f"raise tol to {short(self.gap)}, " if self.gap < LOOSEST else ""
        return (
            f"Rounding limits what can be proven: {raised}raise beta, or rescale features and target to moderate size."
        )

    def __str__(self) -> str:
        objective, bound = written_out(self.objective, 10), written_out(self.lower_bound, 10)
        return (
            f"{self.status.value}: objective {objective}, proven lower bound {bound}, "
            f"gap {short(self.gap)} (tolerance {short(self.tol)}). {self.advice}"
        )


def _outputs(problem: TrainingProblem, network: ReLUNetwork, dtype: type[np.floating[Any]] = np.float64) -> Any:
    """f(x_i)."""
    f = np.zeros(problem.y.shape, dtype) + network.intercept
    weights = network.weights.T.astype(dtype)
    for start in range(0, len(f), STRIP):
        rows = slice(start, start + STRIP)
        f[rows] += np.maximum(problem.X[rows] @ weights + network.biases, 0.0) @ network.amplitudes
    return f


def misfit_of(problem: TrainingProblem, network: ReLUNetwork) -> float:
    """The largest |f(x_i) − y_i|, over samples of positive weight."""
    off = np.abs(_outputs(problem, network) - problem.y)[problem.sample_weight > 0]
    return float(off.max())


def missed_by(problem: TrainingProblem, network: ReLUNetwork, dual: Array) -> float:
    """Σ_i |v_i| |f(x_i) − y_i|: to first order, what fitting the rest of the targets costs."""
    return float((np.abs(dual) * np.abs(_outputs(problem, network) - problem.y))[problem.sample_weight > 0].sum())


def objective_of(problem: TrainingProblem, network: ReLUNetwork) -> float:
    """Σ_i s_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p, from the definition; without a loss term of weight 0."""
    kept = problem.sample_weight > 0
    losses = problem.loss.value(_outputs(problem, network)[kept], problem.y[kept])
    penalty = float(row_norms(network.amplitudes, problem.output_norm) @ row_norms(network.weights, problem.norm))
    return float(problem.sample_weight[kept] @ losses) + problem.beta * penalty


def highest_objective_of(
    problem: TrainingProblem, network: ReLUNetwork, dtype: type[np.floating[Any]] = np.float64
) -> float:
    """The objective with every output moved as far as it may be rounded, in the direction that costs more.

    Outputs and losses are computed in `dtype`: long doubles have room for differences of nearly equal numbers.
    """
    kept = problem.sample_weight > 0
    X, y, s, loss = problem.X[kept], problem.y[kept].astype(dtype), problem.sample_weight[kept], problem.loss
    f, sizes = _outputs(problem, network, dtype)[kept], np.abs(network.amplitudes)
    # |w·x + b| ≤ |w|_∞ |x|_1 + |b|, whatever cancels
    steep, offset = sizes.T @ np.abs(network.weights).max(axis=1, initial=0.0), sizes.T @ np.abs(network.biases)
    inner = np.multiply.outer(np.abs(X).sum(axis=1), steep) + offset
    # a constant is exact, but not beside the logarithms of targets, unless these are the same
    rounded = len(network) > 0 or (loss.link != "" and float(np.ptp(y)) > 0.0)
    off = np.finfo(dtype).eps * ((X.shape[1] + len(network) + 4) * inner + 2.0 * np.abs(f) * rounded)
    # either way: near the minimum of a loss its slope is rounding itself
    off = off * np.where(loss.gradient(f.astype(np.float64), problem.y[kept]) < 0.0, -1.0, 1.0)
    losses = s * np.maximum(loss.value(f + off, y), loss.value(f - off, y))
    penalties = problem.beta * network.sizes(problem.output_norm) * row_norms(network.weights, problem.norm)
    lost = 4.0 * UNDERFLOW * (np.count_nonzero(losses) + np.count_nonzero(sizes))
    return float((losses.sum() + penalties.sum()) * (1.0 + ROUNDINGS) + lost)


def lower_bound_of(problem: TrainingProblem, proof: DualProof, network: ReLUNetwork | None = None) -> float:
    """The lower bound that a priced dual variable proves; 0, which holds for every loss here, if it proves nothing.

    The bound is refused if v is not in the domain or does not sum to 0, or if a :func:`probe` exceeds it: then it was
    not proven for this v.
    """
    s, v = problem.sample_weight, proof.dual
    kept = s > 0
    if not (np.isfinite(v).all() and 0.0 <= proof.bound < np.inf) or v[~kept].any():
        return 0.0
    given, s, y, X = v[kept], s[kept], problem.y[kept], problem.X[kept]
    ratio = by_sample(1.0 / s, given)
    inside = problem.loss.into_domain(ratio, y)
    if inside is None:
        return 0.0
    v = np.where(inside == ratio, given, by_sample(s, inside))
    total, reach = float(np.abs(v).sum()), float(np.abs(X - X.mean(axis=0) * problem.bias).max()) * X.shape[1]
    bound = proof.bound
    if problem.bias:
        surplus = float(np.abs(v.sum(axis=0)).sum())
        # residuals are differences of targets, whose rounding is all that is left of small ones
        if surplus > 1e-12 * total + 1e-14 * float(np.abs(by_sample(s, y)).sum()):
            return 0.0
        if surplus > 4.0 * EPS * total:
            v = problem.loss.balanced(v, y, s)
    # rounding only has moved v, which changes |h| by at most what changed times the largest distance
    bound += 2.0 * float(np.abs(v - given).sum()) * reach
    probed = probe(problem, v, X, network)
    if probed > bound * (1.0 + 1e-9) + 1e-15 * len(v) * total * reach:
        return 0.0
    bound = (max(bound, probed) + _rounding(v, X, problem.bias, reach)) * (1.0 + ROUNDINGS)
    terms = problem.loss.dual_terms(v * min(1.0, problem.beta / bound) if bound > 0 else v, y, s, problem.bias)
    value = fsum(terms) - ROUNDINGS * float(np.abs(terms).sum()) - UNDERFLOW * np.count_nonzero(v)
    return max(0.0, value)


def _rounding(v: Array, X: Array, bias: bool, reach: float) -> float:
    """By how much h can change where every v_i is moved by its rounding, and Σ v to 0 if there is a bias.

    With a bias only distances to any one point count, and what Σ v is off: (w·x_i + b)_+ is its value there and a rest.
    """
    sizes = np.abs(v.reshape(len(v), -1))
    if not bias:
        return ROUNDINGS * float(sizes.sum(axis=1) @ np.abs(X).sum(axis=1))
    surplus = sum(abs(fsum(column)) for column in v.reshape(len(v), -1).T)
    distances = np.abs(X - weighted_mean(X, sizes.sum(axis=1))).sum(axis=1)
    return ROUNDINGS * float(sizes.sum(axis=1) @ distances) + 2.0 * surplus * reach


def probe(problem: TrainingProblem, v: Array, X: Array, network: ReLUNetwork | None) -> float:
    """The largest |h| over some neurons of unit norm.

    These are the network's own, and the best of all offsets in the directions of its strongest neurons, of the axes
    and in random ones. On one feature this is the true maximum, whatever a pricer claims.
    """
    d = X.shape[1]
    most = problem.max_interaction or d
    centre = X.mean(axis=0) * problem.bias  # far from the origin an offset is only as sharp as its own rounding
    centred = X - centre
    largest = 0.0
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=(PROBES * (d > 1), d))]
    for direction in directions[0]:
        direction[rng.permutation(d)[most:]] = 0.0
    if network is not None and len(network):
        lengths = np.linalg.norm(network.weights, ord=problem.norm, axis=1)
        offsets = network.weights @ centre + network.biases
        h = np.zeros((len(network), *v.shape[1:]))
        for start in range(0, len(v), STRIP):  # all activations at once can be gigabytes
            rows = slice(start, start + STRIP)
            h += np.maximum(centred[rows] @ network.weights.T + offsets, 0.0).T @ v[rows]
        h = dual_size(h, problem)
        largest = float((h[lengths > 0] / lengths[lengths > 0]).max(initial=0.0))
        strongest = np.argsort(-network.sizes(problem.output_norm))[:PROBES]
        directions.append(network.weights[strongest])
    stacked = np.vstack(directions)
    stacked = stacked[np.count_nonzero(stacked, axis=1) > 1]
    lengths = np.linalg.norm(stacked, ord=problem.norm, axis=1)
    stacked = stacked / lengths[:, None]
    first = np.take_along_axis(stacked, np.abs(stacked).argmax(axis=1)[:, None], axis=1)
    stacked = np.unique(stacked * np.sign(first), axis=0)  # opposites are tried together
    at_a_time = max(1, HELD // v.size)
    axes = (centred[:, k : k + at_a_time].T for k in range(0, d, at_a_time))
    others = (stacked[k : k + at_a_time] @ centred.T for k in range(0, len(stacked), at_a_time))
    for place in chain(axes, others):  # w·x of all samples for some directions
        if not problem.bias:
            h = np.concatenate([np.maximum(place, 0.0) @ v, np.maximum(-place, 0.0) @ v])
            largest = max(largest, float(dual_size(h, problem).max()))
            continue
        order = np.argsort(place, axis=1)
        place = np.take_along_axis(place, order, axis=1).reshape(*order.shape, *[1] * (v.ndim - 1))
        for side in (slice(None, None, -1), slice(None)):  # the neurons and their opposites
            passed, active = place[:, side], v[order[:, side]]
            # the offset at a sample leaves those before it active
            h = np.cumsum(passed * active, axis=1) - passed * np.cumsum(active, axis=1)
            largest = max(largest, float(dual_size(h.reshape(-1, *v.shape[1:]), problem).max()))
    return largest


def dual_size(h: Array, problem: TrainingProblem) -> Array:
    """|h| of neurons (m,), or for several outputs (m, c) the dual of the norm that amplitudes have in the penalty."""
    if h.ndim == 1:
        return np.abs(h)
    return np.asarray(np.linalg.norm(h, ord={1: np.inf, 2: 2}[problem.output_norm], axis=1), dtype=np.float64)


def certify(
    problem: TrainingProblem,
    network: ReLUNetwork,
    proof: DualProof,
    tol: float,
    *,
    stopped: bool = False,
    relaxed: bool = False,
    vertices_only: bool = False,
    factor: float | None = None,
) -> Certificate:
    """Certify a network.

    Parameters
    ----------
    proof : DualProof whose bound covers every neuron, whatever the network is restricted to
    stopped : the search was ended early
    relaxed : no proof was tried but a convex relaxation
    vertices_only, factor : the network is restricted to blades of samples; the factor proven for that
    """
    objective = objective_of(problem, network)
    misfit = misfit_of(problem, network) if problem.loss.exact else None
    lower = lower_bound_of(problem, proof, network)
    # what misses a target by so much may have a penalty lower by so much than any network that fits
    missed = 0.0 if misfit is None else missed_by(problem, network, proof.dual) + ROUNDINGS * objective
    highest = highest_objective_of(problem, network) if misfit is None else objective + missed
    if misfit is None and highest - objective > SLIGHT * max(tol * objective, objective - lower):  # it is in the way
        highest = highest_objective_of(problem, network, np.longdouble)
    if not lower <= highest:
        lower = 0.0  # weak duality refutes the proof: no valid bound exceeds an objective
    lower = min(lower, objective)
    gap = _relative(highest - lower, objective)
    if vertices_only:
        status = Status.STOPPED if stopped else Status.RESTRICTED
    elif gap <= tol:
        status = Status.GLOBAL
    else:
        status = Status.STOPPED if stopped else Status.BOUNDED
    scope = (problem.max_interaction, problem.n_components, relaxed)
    return Certificate(status, objective, lower, gap, tol, factor, *scope, misfit, problem.bias)


def _relative(missing: float, objective: float) -> float:
    """A gap relative to the objective; infinite where that is lost, also to underflow."""
    if not np.isfinite(objective):
        return np.inf
    return 0.0 if missing <= 0.0 else float(missing / objective) if objective > 0.0 else np.inf
