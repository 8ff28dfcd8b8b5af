"""Certificates: how good a network is, proven from the data, the network and a priced dual variable.

Weak duality: any v in the domain of the conjugates with Σ v = 0 (if there is a bias) and |Σ_i v_i (w·x_i + b)_+| ≤ β
for every neuron with ‖w‖_p = 1 gives  min objective ≥ −Σ_i s_i ℓ*(v_i / s_i, y_i).  For several outputs v_i is a row
and |·| the dual of the norm that amplitudes have in the penalty (Theorem 23).  Everything is evaluated here
anew in float64, in the user's units, from the definition; nothing comes from the solver but the network, v and the
bound that a pricer proved for that v.
"""

from dataclasses import asdict, dataclass
from enum import Enum
from itertools import chain
from typing import Any

import numpy as np

from bladenet.losses import Array, by_sample
from bladenet.network import ReLUNetwork
from bladenet.problem import TrainingProblem

PROBES = 8  # random directions, and neurons, that a claimed bound is tried on
STRIP = 4096  # samples whose activations are held at once
HELD = 1_000_000  # numbers that probing holds at a time, per array
LOOSEST = 0.5  # gap up to which it helps to raise the tolerance
TINY = float(np.finfo(np.float64).tiny)


class Status(Enum):
    """What is proven about a network."""

    GLOBAL = "GLOBAL"
    BOUNDED = "BOUNDED"
    RESTRICTED = "RESTRICTED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, eq=False)
class DualProof:
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


@dataclass(frozen=True)
class Certificate:
    """The proven quality of a network.

    Attributes
    ----------
    status : Status
    objective : float, of the network, recomputed
    lower_bound : float, no network of any width has a smaller objective
    gap : float, (objective − lower_bound) / max(|objective|, tiny)
    tol : float, the gap that was asked for
    factor : float or None; for vertices-only networks with p = 2, the proven c of Theorems 4 and 5: the optimum over
        vertices is at most 1/c times the optimum over all networks
    max_interaction : int or None; then "all networks" are those whose neurons read at most so many features
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

    def to_dict(self) -> dict[str, Any]:
        """Everything as strings and numbers, ready for JSON; what is infinite, as before an exact fit, is None."""
        fields = {k: v if not isinstance(v, float) or np.isfinite(v) else None for k, v in asdict(self).items()}
        return fields | {"status": self.status.value, "advice": self.advice}

    @property
    def _networks(self) -> str:
        most = self.max_interaction
        reads = "" if most is None else f" whose neurons read at most {most} feature{'s' * (most > 1)}"
        fits = "" if self.misfit is None else f"{' and' if reads else ''} that fits all targets exactly"
        return f"ReLU network of any width{reads}{fits}"

    @property
    def advice(self) -> str:
        """What the status means and what to do about it."""
        if self.status is Status.GLOBAL:
            return (
                f"Globally optimal: no {self._networks} has {self._measure} below {self.lower_bound:.8g}, and "
                f"this one has {self.objective:.8g}{self._missed}."
            )
        if self.status is Status.BOUNDED:
            return (
                f"The true optimum is between {self.lower_bound:.8g} and {self.objective:.8g}, but the gap exceeds "
                f"the tolerance {self.tol:.1e}. {self._remedy}"
            )
        if self.status is Status.RESTRICTED:
            tail = f" Any vertices-only optimum is within a factor {1 / self.factor:.6g} of it." if self.factor else ""
            return (
                "Optimal among networks whose neurons are blades of samples (vertices_only=True); over all networks "
                f"the optimum is at least {self.lower_bound:.8g}.{tail} Use vertices_only=False for the global one."
            )
        return (
            f"Stopped before the tolerance {self.tol:.1e} was reached: this is the best network so far{self._missed}, "
            f"and the true optimum is proven to be at least {self.lower_bound:.8g}. Allow more time or raise tol."
        )

    @property
    def _measure(self) -> str:
        return "an objective" if self.misfit is None else "a penalty"

    @property
    def _missed(self) -> str:
        return "" if self.misfit is None else f" (and misses targets by {self.misfit:.1e} at most)"

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
        raised = f"raise tol to {self.gap:.1e}, " if self.gap < LOOSEST else ""
        return (
            f"Rounding limits what can be proven: {raised}raise beta, or rescale features and target to moderate size."
        )

    def __str__(self) -> str:
        return (
            f"{self.status.value}: objective {self.objective:.10g}, proven lower bound {self.lower_bound:.10g}, "
            f"gap {self.gap:.2e} (tolerance {self.tol:.1e}). {self.advice}"
        )


def _outputs(problem: TrainingProblem, network: ReLUNetwork) -> Array:
    """f(x_i)."""
    f = np.zeros(problem.y.shape) + network.intercept
    for start in range(0, len(f), STRIP):
        rows = slice(start, start + STRIP)
        f[rows] += np.maximum(problem.X[rows] @ network.weights.T + network.biases, 0.0) @ network.amplitudes
    return f


def misfit_of(problem: TrainingProblem, network: ReLUNetwork) -> float:
    """The largest |f(x_i) − y_i|, over samples of positive weight."""
    off = np.abs(_outputs(problem, network) - problem.y)[problem.sample_weight > 0]
    return float(off.max())


def objective_of(problem: TrainingProblem, network: ReLUNetwork) -> float:
    """Σ_i s_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p, from the definition; without a loss term of weight 0."""
    kept = problem.sample_weight > 0
    losses = problem.loss.value(_outputs(problem, network)[kept], problem.y[kept])
    lengths = np.linalg.norm(network.weights, ord=problem.norm, axis=1)
    u = network.amplitudes
    sizes = np.abs(u) if u.ndim == 1 else np.linalg.norm(u, ord=problem.output_norm, axis=1)
    penalty = float(sizes @ lengths)
    return float(problem.sample_weight[kept] @ losses) + problem.beta * penalty


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
        v = problem.loss.balanced(v, y, s)
    # rounding only has moved v, which changes |h| by at most what changed times the largest distance
    bound += 2.0 * float(np.abs(v - given).sum()) * reach
    if probe(problem, v, X, network) > bound * (1.0 + 1e-9) + 1e-15 * len(v) * total * reach:
        return 0.0
    scaled = v * min(1.0, problem.beta / bound) if bound > 0 else v
    if problem.bias and problem.loss.location:
        y = y - y.mean(axis=0)  # with Σ v = 0 an offset of the targets cancels, and would only round the rest away
    value = -float(s @ problem.loss.conjugate(by_sample(1.0 / s, scaled), y))
    return max(0.0, value)


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
    if lower > objective + 1e-9 * abs(objective) + _rounding(problem, proof, network):
        lower = 0.0  # weak duality refutes the proof: no valid bound exceeds an objective
    lower = min(lower, objective)
    gap = max(0.0, objective - lower) / max(abs(objective), TINY) if np.isfinite(objective) else np.inf
    if vertices_only:
        status = Status.STOPPED if stopped else Status.RESTRICTED
    elif gap <= tol:
        status = Status.GLOBAL
    else:
        status = Status.STOPPED if stopped else Status.BOUNDED
    scope = (problem.max_interaction, problem.n_components, relaxed)
    return Certificate(status, objective, lower, gap, tol, factor, *scope, misfit)


def _rounding(problem: TrainingProblem, proof: DualProof, network: ReLUNetwork) -> float:
    """What rounding may take off an objective: activations far from the origin are differences of large numbers."""
    terms = np.abs(network.weights) @ np.abs(problem.X).max(axis=0) + np.abs(network.biases)
    sizes = network.sizes(output_norm=1)
    return 4.0 * float(np.finfo(float).eps * (sizes @ terms) * np.abs(proof.dual).sum())
