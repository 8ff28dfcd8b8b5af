"""Training: price the missing neuron, certify, stop or add it, solve the restricted problem (THEORY §4)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import ThreadpoolController

from bladenet.blades import Blade, find_blade, neurons_of
from bladenet.certificate import Certificate, DualProof, certify
from bladenet.interior_point import Restricted
from bladenet.lasso import RestrictedProblem
from bladenet.losses import Array, Loss, balanced
from bladenet.network import ReLUNetwork
from bladenet.chambers import vertex_factor
from bladenet.pricing import Clock, Priced, choose_pricer
from bladenet.problem import StandardForm, TrainingProblem

MOST_NEW = 200  # neurons added per round
MARGIN = 0.8  # of the tolerance; the rest is for turning the solution into blades


@dataclass(frozen=True)
class Round:
    """One round of training, in the user's units.

    Attributes
    ----------
    round, seconds : number and time since the start
    neurons : in the network with the best objective so far
    objective, lower_bound, gap : best so far
    violation : proven bound on max |h| divided by β; 1 at the optimum
    cones : cones of neurons examined
    """

    round: int
    seconds: float
    neurons: int
    objective: float
    lower_bound: float
    gap: float
    violation: float
    cones: int


@dataclass(frozen=True, eq=False)
class Fit:
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


def train(
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    tol: float = 1e-6,
    sample_weight: ArrayLike | None = None,
    vertices_only: bool = False,
    time_limit: float | None = None,
    callback: Callable[[Round], object] | None = None,
) -> Fit:
    """Train a two-layer ReLU network to certified global optimality (one or two features).

    Minimises Σ_i s_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p over networks of any width; for p = 2 this is weight decay
    (β/2) Σ_j (‖w_j‖² + u_j²).

    Parameters
    ----------
    X : (n, d), d = 1 or 2
    y : (n,); −1 and +1 for classification losses
    beta : regularisation, > 0, in the units of the summed loss per unit of penalty
    norm : 1 or 2, the norm of the weights in the penalty
    bias : whether neurons and output have (unpenalised) offsets
    loss : "squared" ½(f − y)², "logistic", "hinge", "huber", or a Loss
    tol : relative duality gap to prove
    sample_weight : (n,), ≥ 0; a weight of 2 is the same as a repeated sample
    vertices_only : restrict neurons to blades of samples (the paper's Theorems 4 and 5; matters for norm=2 with two
        features only)
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
    problem = TrainingProblem.create(X, y, beta=beta, norm=norm, bias=bias, loss=loss, sample_weight=sample_weight)
    _check_controls(tol, time_limit)
    clock = Clock(time_limit)
    with ThreadpoolController().limit(limits=1, user_api="blas"):  # small matrices: BLAS threads only get in the way
        return _ColumnGeneration(problem, tol, vertices_only, clock, callback).run()


def _check_controls(tol: float, time_limit: float | None) -> None:
    if not isinstance(tol, (int, float, np.floating)) or not 1e-12 <= tol < 1:
        raise ValueError(f"tol is a relative gap and must be between 1e-12 and 1, got {tol!r}.")
    if time_limit is not None and not (isinstance(time_limit, (int, float)) and time_limit > 0):
        raise ValueError(f"time_limit must be a number of seconds greater than 0, or None, got {time_limit!r}.")


class _ColumnGeneration:
    """State of one training run; :meth:`run` is the loop."""

    def __init__(
        self,
        problem: TrainingProblem,
        tol: float,
        vertices_only: bool,
        clock: Clock,
        callback: Callable[[Round], object] | None,
    ):
        self.problem, self.form, self.tol, self.clock, self.callback = problem, problem.standard, tol, clock, callback
        self.prover = choose_pricer(self.form)
        faces_matter = problem.norm == 2 and problem.X.shape[1] == 2
        self.pricer = choose_pricer(self.form, vertices_only=True) if vertices_only and faces_matter else self.prover
        self.neurons = RestrictedProblem(self.form)
        self.history: list[Round] = []
        self.best = constant_network(self.form)
        self.best_weights, self.best_offsets = self.neurons.weights, self.neurons.offsets
        self.dual, self.bound = np.zeros(len(self.form.y)), 0.0
        self.lower = self.form.constant

    def run(self) -> Fit:
        """Price, certify, stop or add, solve."""
        current, slack, accuracy, finest = self.best, 0.3, 1e-3, 0.03 * self.tol
        try:
            while not self.clock.stopped:
                allowance = self._allowance(current.v)
                threshold = self.form.beta * (1.0 + allowance)
                priced = self.pricer.price(
                    self.form.at_points(current.v), threshold, max(slack, allowance), self.clock
                )
                self._raise_lower_bound(current.v, priced.bound)
                self._record(priced)
                if self.gap <= MARGIN * self.tol:
                    break
                violation = max(priced.bound / self.form.beta - 1.0, 0.0)
                if self.neurons.add(priced.weights[:MOST_NEW], priced.offsets[:MOST_NEW]):
                    slack, accuracy = 0.3 * violation, max(finest, min(accuracy, 0.03 * self.gap))
                elif accuracy > finest or slack > allowance:
                    slack, accuracy = 0.0, finest
                else:
                    break  # nothing is missing from an exact restricted optimum: only rounding is left
                current = self.neurons.solve(accuracy)
                if current.objective < self.best.objective:
                    self.best = current
                    self.best_weights, self.best_offsets = self.neurons.weights, self.neurons.offsets
                self.neurons.drop_unused(current)
        except KeyboardInterrupt:
            self.clock.interrupt()
        return self._finish()

    @property
    def gap(self) -> float:
        """Relative gap between the best objective and the best bound."""
        return max(0.0, self.objective - self.lower) / max(abs(self.objective), np.finfo(float).tiny)

    @property
    def objective(self) -> float:
        """Best objective so far."""
        return self.best.objective + self.form.constant

    def _allowance(self, v: Array) -> float:
        """How far above β |h| may stay: shrinking v by as much must not cost more than half the tolerance."""
        affordable = 0.5 * self.tol * self.objective
        exact = self._dual_value(v)
        for allowance in 0.5 * self.tol * np.array([1e3, 1e2, 1e1]):
            if exact - self._dual_value(v / (1.0 + allowance)) <= affordable:
                return float(allowance)
        return 0.5 * self.tol

    def _dual_value(self, v: Array) -> float:
        form = self.form
        return form.constant - float(form.weight @ form.loss.conjugate(v / form.weight, form.y))

    def _raise_lower_bound(self, v: Array, bound: float) -> None:
        scaled = v * min(1.0, self.form.beta / bound) if bound > 0 else v
        lower = self._dual_value(scaled)
        if lower > self.lower:
            self.lower, self.dual, self.bound = lower, scaled, min(bound, self.form.beta)

    def _record(self, priced: Priced) -> None:
        row = Round(
            len(self.history),
            self.clock.elapsed,
            int(self.best.used.sum()),
            self.objective,
            self.lower,
            self.gap,
            priced.bound / self.form.beta,
            priced.cones,
        )
        self.history.append(row)
        if self.callback is not None:
            self.callback(row)

    def _finish(self) -> Fit:
        """Turn the best restricted solution into blades, the blades into a network, and certify that."""
        form, problem = self.form, self.problem
        solution, weights, offsets = self._cleaned()
        blades = [
            find_blade(form.points, weight, offset, form.norm, form.bias).relabelled(form.sample)
            for weight, offset in zip(weights, offsets, strict=True)
        ]
        weights, biases = neurons_of(blades, problem.X, problem.norm, problem.bias)
        network = ReLUNetwork(weights, biases, solution.z / form.scale, solution.t)
        bound, stopped = self.bound, self.clock.stopped and self.gap > self.tol
        restricted = self.pricer is not self.prover
        if restricted and self.dual.any():
            bound = self.prover.price(form.at_points(self.dual), form.beta, 1e-3, Clock()).bound
        proof = DualProof(form.original_dual(self.dual), bound * form.scale)
        factor = vertex_factor(problem.X, problem.bias) if restricted else None
        certificate = certify(
            problem, network, proof, self.tol, stopped=stopped, vertices_only=restricted, factor=factor
        )
        return Fit(network, certificate, blades, self.history, problem, proof)

    def _cleaned(self) -> tuple[Restricted, Array, Array]:
        """The best solution on the neurons it needs, solved anew without the others unless that costs something."""
        best, used = self.best, self.best.used
        if not used.any():
            return replace(best, z=best.z[used]), self.best_weights[used], self.best_offsets[used]
        needed = RestrictedProblem(self.form)
        needed.add(self.best_weights[used], self.best_offsets[used])
        solution = needed.solve(0.03 * self.tol)
        if solution.objective > best.objective + 0.1 * self.tol * self.objective:
            return best, self.best_weights, self.best_offsets
        kept = solution.z != 0
        return replace(solution, z=solution.z[kept]), needed.weights[kept], needed.offsets[kept]


def constant_network(form: StandardForm) -> Restricted:
    """The optimal network without neurons, and its dual variable."""
    t = form.loss.constant_fit(form.y, form.weight) if form.bias else 0.0
    f = np.full(len(form.y), t)
    v = form.weight * form.loss.gradient(f, form.y)
    objective = float(form.weight @ form.loss.value(f, form.y))
    return Restricted(np.zeros(0), t, balanced(v) if form.bias else v, objective, np.inf, np.zeros(0, bool))


def beta_max(
    X: ArrayLike,
    y: ArrayLike,
    *,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    sample_weight: ArrayLike | None = None,
) -> float:
    """The smallest β at which the optimal network has no neurons: max |h_v| at the constant fit.

    Parameters and errors as for :func:`train`.
    """
    problem = TrainingProblem.create(X, y, beta=1.0, norm=norm, bias=bias, loss=loss, sample_weight=sample_weight)
    form = problem.standard
    v = form.at_points(constant_network(form).v)
    return choose_pricer(form).maximum(v, slack=1e-9).bound * form.scale
