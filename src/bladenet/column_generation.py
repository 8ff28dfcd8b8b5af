"""Column generation: price the missing neuron, bound, stop or add it, solve the restricted problem (THEORY §4)."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import numpy as np

from bladenet.display import Shown
from bladenet.joint_descent import descended, moved_together
from bladenet.losses import Array, by_sample
from bladenet.master import restricted_problem
from bladenet.parallel import one_blas_thread
from bladenet.pricing import Clock, Priced, Pricer, choose_relaxation
from bladenet.problem import StandardForm
from bladenet.relaxed_dual import relaxed_dual
from bladenet.restricted import Restricted, nonzero
from bladenet.staged_proofs import LOOSE, falling_thresholds

MOST_NEW = 200  # neurons added per round, shared among several outputs
FEWEST_NEW = 20
FIRST_SLACK = 0.3
SLACK = 0.05  # of the last violation: how closely pricing looks for the next ones
WORTHWHILE = 0.03  # of the last violation: neurons below it can wait
SLACK_NEXT, WORTHWHILE_NEXT = 0.01, 0.001  # the same where a search goes on with another β: little is missing
FINENESS = 0.03  # of the gap: how exactly restricted problems are solved
NEAR = 0.1  # of the last violation: the same, where the gap is unknown
PROGRESS = 0.001  # of the tolerance: a fall of the objective from which neurons may be dropped
DRY = 0.1  # of the tolerance: an objective that falls by less has little to gain from further proposals
DRY_UNPROVEN = 0.3  # the same where nothing will be proven
DRY_TOGETHER = 0.03  # the same where rounds are cheap and the last neurons are many
FOLLOWING = 0.1  # of the change of β: the violation that it brings
BEGUN = 1.0  # violation expected of neurons to start from
RIPE = 2.0  # times the tolerance: a gap that proposals would have to leave possible before it is worth a proof
STAGNANT = 0.03  # of a fall that is small otherwise: one after which a proof must tell what is missing
UNPROVEN = 0.1  # violation that the first proof reckons with
HARDLY_ANY = 0.05  # of the neurons in use: so few others wait for the next round
PATIENCE = 3  # rounds that gain little before a proof, which costs as much as many of them
EXCESSES = np.geomspace(1e-6, 1e3, 91)  # of |h| over β, that a proof in stages may leave
STAGE_SLACK = 0.1  # for proofs in stages
DESCENDED = 20_000  # points up to which a network to start from descends on all of them
DESCENDING = 0.3  # of the time left, at most, for a network to start from
SEARCHING = 0.4  # of the time left, after which proofs are tried whatever else could still be found
WORTH_PROVING = 0.02  # of the gap, by which a proof in stages must at least be able to close it
LATENESS = 0.5  # of the time that the last restricted solution took: with less left, none is begun
COARSE = 2000  # points from which the first neurons are sought on a subsample
COARSE_SHARE = 8
COARSE_TOL = 0.02
TYPICAL = 30  # points per feature, below which a subsample says little about the whole


@dataclass(frozen=True, repr=False)
class Round(Shown):
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


class ColumnGeneration:
    """One search for the optimum of a standard form; :meth:`run` is the loop.

    Attributes
    ----------
    best : Restricted, the best solution so far, over neurons best_weights (m, d), best_offsets (m,)
    lower : the best lower bound so far, proven by `dual`, whose |h| is at most `bound`
    relaxed : whether that is the bound of a convex relaxation
    exhausted : whether no better bound can be proven in the time that is left
    """

    def __init__(
        self,
        form: StandardForm,
        pricing: Callable[[StandardForm], Pricer],
        tol: float,
        clock: Clock,
        callback: Callable[[Round], object] | None = None,
    ):
        self.form, self.pricing, self.tol, self.clock, self.callback = form, pricing, tol, clock, callback
        self.pricer = pricing(form)
        self.neurons = restricted_problem(form, clock)
        self.history: list[Round] = []
        self.best = constant_network(form)
        self.best_weights, self.best_offsets = self.neurons.weights, self.neurons.offsets
        self.dual, self.bound = np.zeros(form.y.shape), 0.0
        self.lower = form.constant
        self.relaxed = self.exhausted = False
        self.solving = 0.0  # seconds that the last restricted solution took
        # how far above β the largest |h| is expected, relative to β; at first by a crude bound
        lengths = np.abs(form.points).sum(axis=1)
        self.violation = 2.0 * float(np.abs(self.best.v).sum() * lengths.max()) / form.beta
        self.worthwhile, self.slack = WORTHWHILE, SLACK
        self.proven = UNPROVEN  # the violation that the next proof reckons with

    def at(self, form: StandardForm) -> "ColumnGeneration":
        """The search for the same problem with another β; it takes over the neurons of this one."""
        other = self._afresh(form)
        other.violation = FOLLOWING * max(0.0, self.form.beta / form.beta - 1.0)
        self.neurons.form = form
        other.begin()
        return other

    def between(self, below: "ColumnGeneration", form: StandardForm) -> "ColumnGeneration":
        """The search for a β between that of this search and a smaller one; it starts from the best of both.

        max |h_v| is convex in v. So where v is feasible for one β and v' for the other, their mixtures are feasible
        for the mixtures of β: there is a lower bound before anything is priced.
        """
        other = self._afresh(form)
        other.neurons = restricted_problem(form, self.clock)
        span = self.form.beta - below.form.beta
        share = (self.form.beta - form.beta) / span if span > 0 else 0.0
        for search, part in ((self, 1.0 - share), (below, share)):
            used = nonzero(search.best.z)
            other.neurons.mix(search.best_weights[used], search.best_offsets[used], part * search.best.z[used])
            other.neurons.t = other.neurons.t + part * search.best.t
        other.begin(accuracy=FINENESS * self.tol)
        dual = (1.0 - share) * self.dual + share * below.dual
        bound = (1.0 - share) * self.bound + share * below.bound
        rounding = 8.0 * np.finfo(float).eps * float(np.abs(dual).sum() * np.abs(form.points).sum(axis=1).max())
        other._raise_lower_bound(dual, bound + rounding)
        other.violation = other.gap
        return other

    def _afresh(self, form: StandardForm) -> "ColumnGeneration":
        """This search, which knows no bound yet, with another β."""
        other = copy(self)
        other.form = form
        other.history, other.dual, other.bound = [], np.zeros(form.y.shape), 0.0
        other.lower = form.constant
        other.relaxed = other.exhausted = False
        other.worthwhile, other.slack = WORTHWHILE_NEXT, SLACK_NEXT
        return other

    def begin(self, weights: Array | None = None, offsets: Array | None = None, accuracy: float = FINENESS) -> None:
        """Start from the best network of neurons (in units of the standard form): these and those that are here."""
        if weights is not None and offsets is not None:
            self.neurons.add(weights, offsets)
            self.violation = BEGUN
        self.best = self.neurons.solve(accuracy) if len(self.neurons.offsets) else constant_network(self.form)
        self.best_weights, self.best_offsets = self.neurons.weights, self.neurons.offsets

    def begin_at(self, weights: Array, offsets: Array, z: Array, t: float, v: Array) -> None:
        """Take a network that misses no target (in units of the standard form) for the best, and v for its proof."""
        self.best = Restricted(z, t, v, self.form.beta * self.form.penalty(z), np.inf, nonzero(z))
        self.best_weights, self.best_offsets = weights, offsets
        self._record(self._price(v, 0.0, 0.0, proving=True))

    def run(
        self, prove: bool = True, worthwhile: Callable[[], bool] = lambda: True, at_once: bool = False
    ) -> "ColumnGeneration":
        """Price, bound, stop or add, solve. Without `prove`, only until proposals that prove nothing dry up.

        Before each round `worthwhile` is asked whether to go on. `at_once` begins with a proof, for a search whose
        proposals have dried up.
        """
        if self.gap <= self.tol:
            return self
        finest = FINENESS * self.tol
        slack, accuracy = (
            min(FIRST_SLACK, self.violation),
            finest if self.pricer.together else FINENESS,
        )  # there the gap is unknown
        dry = self.tol * (DRY_TOGETHER if self.pricer.together else DRY if prove else DRY_UNPROVEN)
        patience = PATIENCE if prove and not self.pricer.together else 1
        dried, proving = 0, at_once  # proposals may be cheaper; once they dry up, a proof says what they missed
        due = self._due()
        try:
            current = self._started()
            while not self.clock.stopped and worthwhile():
                allowance = self._allowance(current.v)
                found_all, proving = proving, proving or (prove and self.clock.elapsed > due)
                unknown = self.pricer.together or not (self.pricer.proves or self.history)  # how large |h| is
                reach = allowance if unknown else max(allowance, self.worthwhile * self.violation)
                if proving and self.staged:
                    priced, due, reach = self._prove_in_stages(current.v, allowance), self._due(), allowance
                    loose = priced.bound > self.form.beta * (1.0 + 2.0 * allowance)
                    self.exhausted = found_all and loose and not len(priced.values)
                else:
                    priced = self._price(current.v, reach, max(slack, allowance), proving)
                self._record(priced)
                if self.gap <= self.tol or self.exhausted:
                    break
                if self._too_late():
                    self.clock.end()
                    break
                was_proving, proving = proving, False
                ripe = not prove or self._gap_of(current.v) <= RIPE * self.tol
                if self._joined(priced, current.v, reach):
                    slack = self.slack * self.violation
                    accuracy = max(finest, min(accuracy, FINENESS * self.gap, NEAR * self.violation))
                    before = self.objective
                    current = self._refined(self._solve(accuracy), accuracy)
                    little = dry if ripe else STAGNANT * dry
                    # at a kink the first neurons may only turn the dual variable, until others join them
                    begun = self.form.loss.smooth or self.best.used.any()
                    small = begun and priced.bound == np.inf and before - self.objective < little * self.objective
                    dried = dried + 1 if small else 0
                    if dried >= patience:
                        dried = 0
                        proving, self.violation = True, self.proven
                elif reach > allowance:
                    self.violation, proving = min(self.violation, reach), was_proving
                    slack = min(slack, reach)
                    if current.gap > NEAR * reach * self.objective:  # else neurons are sought for a wrong v
                        accuracy = max(finest, min(accuracy, NEAR * reach))
                        current = self._solve(accuracy)
                elif not was_proving and priced.bound == np.inf:
                    self.violation, proving = self.proven, True
                elif self.neurons.unseen or accuracy > finest or slack > allowance:
                    slack, accuracy = 0.0, finest
                    current = self._refined(self._solve(accuracy), accuracy)
                else:
                    break  # nothing is missing from an exact restricted optimum: only rounding is left
                if proving and not prove:
                    break
        except KeyboardInterrupt:
            self.clock.interrupt()
        return self

    @property
    def searching(self) -> bool:
        """Whether neurons are found by ascent, as cones are too many for that."""
        return self.pricer.apart or not self.pricer.proves

    @property
    def staged(self) -> bool:
        """Whether proofs start with loose ones, as the time for a tight one may not suffice."""
        return self.pricer.apart and self.clock.remaining < np.inf

    def _due(self) -> float:
        """When to prove something, whether or not there is more to be found."""
        return self.clock.elapsed + SEARCHING * self.clock.remaining if self.staged else np.inf

    def _prove_in_stages(self, v: Array, finest: float) -> Priced:
        """Prove max |h| ≤ β (1 + excess) for falling excess, as far as the time allows; what the last proof found.

        Where cones can prove nothing in time, a convex relaxation bounds |h|.
        """
        points, beta = self.form.at_points(v), self.form.beta

        def seconds(excess: float, clock: Clock) -> float:
            return self.pricer.seconds(points, beta * (1.0 + excess), min(STAGE_SLACK, excess), clock)

        priced = None
        for most in (LOOSE, np.inf):
            for excess in falling_thresholds(seconds, finest, min(most, self._loosest(v)), self.clock):
                if priced is not None:
                    self._record(priced)
                priced = self._price(v, excess, min(STAGE_SLACK, excess), proving=True)
                if self.gap <= self.tol or len(priced.values):
                    return priced
            if priced is not None or self.relaxed or self.clock.stopped:
                break
            self.relax()
        return priced or self.pricer.nothing

    def _loosest(self, v: Array) -> float:
        """The largest excess of max |h| over β, relative to β, that would raise the lower bound by enough."""
        enough = self.lower + WORTH_PROVING * (self.objective - self.lower) - self.form.constant
        useful = [e for e in EXCESSES if self.form.dual_value(v / (1.0 + e)) >= enough]
        return float(max(useful, default=0.0))

    def relax(self) -> None:
        """Raise the lower bound by a convex relaxation of pricing, where no proof was tried or it was not finished."""
        with one_blas_thread():
            if self.clock.stopped:
                pass  # one step of it takes long where samples are many
            elif self.form.y.ndim == 1:
                self._raise_lower_bound(*relaxed_dual(self.form, self.best.v, self.clock), relaxed=True)
            else:
                v = self.form.at_points(self.best.v)
                bound = choose_relaxation(self.form).price(v, 0.0, 0.0, self.clock).bound
                self._raise_lower_bound(self.best.v, bound, relaxed=True)
        self.relaxed |= self.lower <= self.form.constant  # then nothing else has been proven either

    def _started(self) -> Restricted:
        """Where to begin: the neurons that are here, those of a network that descended or of a subsample, or none."""
        n, d = self.form.points.shape
        if len(self.neurons.offsets):
            return self.best
        smooth = self.form.several and self.form.norm == 2 and self.form.loss.smooth
        if self.searching and smooth and n <= DESCENDED:
            return self._from_descent()
        if n <= COARSE or n < COARSE_SHARE * TYPICAL * d:
            return self.best
        if self.pricer.proves:  # a bound of whole root cones, for a search that is stopped before it has a better one
            v = self.form.at_points(self.best.v)
            self._raise_lower_bound(self.best.v, self.pricer.price(v, np.inf, FIRST_SLACK, self.clock).bound)
        return self._from_subsample()

    def _price(self, v: Array, reach: float, slack: float, proving: bool) -> Priced:
        """Neurons with |h| > β (1 + reach); raises the lower bound by what is proven on the way."""
        price = self.pricer.price if proving else self.pricer.propose
        priced = price(self.form.at_points(v), self.form.beta * (1.0 + reach), slack, self.clock)
        self._raise_lower_bound(v, priced.bound)
        largest = priced.bound if priced.bound < np.inf else float(np.abs(priced.values).max(initial=0.0))
        self.violation = max(0.0, largest / self.form.beta - 1.0) if largest else reach
        if priced.bound < np.inf:
            self.proven = self.violation
        return priced

    def _too_late(self) -> bool:
        """Whether the clock has stopped, or would before another solution, as long as the last took; not at first."""
        return bool(self.best.used.any()) and self.clock.remaining <= LATENESS * self.solving

    def _joined(self, priced: Priced, v: Array, reach: float) -> int:
        """Add what was priced, and where neurons move together those that the ones in use can split into."""
        outputs = self.form.y.shape[1] if self.form.several else 1  # each of which is a variable of a new neuron
        most = max(FEWEST_NEW, MOST_NEW // outputs)
        joined = self.neurons.add(priced.weights[:most], priced.offsets[:most])
        if self.pricer.together:
            threshold = self.form.beta * (1.0 + reach)
            beside = self.pricer.nearby(self.form.at_points(v), *self.neurons.in_use, threshold, self.clock)
            joined += self.neurons.add(beside.weights, beside.offsets)
        return joined

    def _solve(self, accuracy: float) -> Restricted:
        """The restricted optimum; remembered if it is the best network so far."""
        before = self.clock.elapsed
        solution = self.neurons.solve(accuracy)
        self.solving = self.clock.elapsed - before
        progress = self.best.objective - solution.objective
        worthwhile = PROGRESS * self.tol * self.objective
        if progress > 0:
            self.best = solution
            self.best_weights, self.best_offsets = self.neurons.weights, self.neurons.offsets
        if progress > worthwhile:  # else unused neurons may be all that keeps the dual variable in place
            self.neurons.drop_unused(solution)
        return solution

    def _refined(self, current: Restricted, accuracy: float) -> Restricted:
        """Let the neurons in use move to the local maxima that the new dual variable puts beside them."""
        if self.pricer.together:
            self.neurons.add(*moved_together(self.form, self.neurons.in_use, current, self.clock))
            return self._solve(accuracy)
        threshold = self.form.beta * (1.0 + max(accuracy, 0.5 * self.tol))
        v = self.form.at_points(current.v)
        beside = self.pricer.nearby(v, *self.neurons.in_use, threshold, self.clock)
        joined = self.neurons.add(beside.weights, beside.offsets)
        if self.clock.stopped or joined <= HARDLY_ANY * len(self.neurons.in_use[1]):
            return current  # a solution reads all columns, whatever the number of new ones
        return self._solve(accuracy)

    def _from_descent(self) -> Restricted:
        """Start from a network that went downhill, which is kept if the clock stops its first restricted problem."""
        form = self.form
        (weights, offsets), z, t, v = descended(form, self.clock.part(DESCENDING * self.clock.remaining))
        self.neurons.mix(weights, offsets, z)
        self.neurons.t = t
        self.violation = BEGUN
        z, objective = self.neurons.z, self.neurons.objective(self.neurons.z, t)
        if objective < self.best.objective:
            v = form.loss.balanced(v, form.y, form.weight) if form.bias else v
            self.best = Restricted(z, t, v, objective, np.inf, nonzero(z))
            self.best_weights, self.best_offsets = self.neurons.weights, self.neurons.offsets
        return self._solve(FINENESS)

    def _from_subsample(self) -> Restricted:
        """Start from the neurons of a smaller problem: they are nearly right, and cost a fraction."""
        form = self.form.subsample(len(self.form.points) // COARSE_SHARE)
        coarse = ColumnGeneration(form, self.pricing, COARSE_TOL, self.clock).run(prove=False)
        used = coarse.best.used
        if not self.neurons.add(coarse.best_weights[used], coarse.best_offsets[used]):
            return self.best
        return self._solve(COARSE_TOL)

    def outputs_at(self, points: Array) -> Array:
        """What the best network so far computes at points of the standard form: (n, d) → (n,) or (n, c)."""
        used = nonzero(self.best.z)
        hidden = np.maximum(points @ self.best_weights[used].T + self.best_offsets[used], 0.0)
        return np.asarray(hidden @ self.best.z[used] + self.best.t, dtype=np.float64)

    @property
    def gap(self) -> float:
        """Relative gap between the best objective and the best bound."""
        return max(0.0, self.objective - self.lower) / max(abs(self.objective), np.finfo(float).tiny)

    @property
    def objective(self) -> float:
        """Best objective so far."""
        return self.best.objective + self.form.constant

    def _gap_of(self, v: Array) -> float:
        """The gap that v could prove at best, once neurons with a certain violation have been found."""
        lower = self.form.constant + self.form.dual_value(v / (1.0 + self.violation))
        return (self.objective - lower) / self.objective

    def _allowance(self, v: Array) -> float:
        """How far above β |h| may stay: shrinking v by as much must not cost more than a third of the tolerance."""
        affordable = self.tol / 3 * self.objective
        exact = self.form.dual_value(v)
        for allowance in self.tol / 3 * np.array([1e3, 1e2, 1e1]):
            if exact - self.form.dual_value(v / (1.0 + allowance)) <= affordable:
                return float(allowance)
        return self.tol / 3

    def _raise_lower_bound(self, v: Array, bound: float, relaxed: bool = False) -> None:
        scaled = v * min(1.0, self.form.beta / bound) if bound > 0 else v
        lower = self.form.constant + self.form.dual_value(scaled)
        if lower > self.lower:
            self.lower, self.dual, self.bound = lower, scaled, min(bound, self.form.beta)
            self.relaxed = relaxed

    def _record(self, priced: Priced) -> None:
        row = Round(
            len(self.history),
            self.clock.elapsed,
            int(self.best.used.sum()),
            self.objective * self.form.value,
            self.lower * self.form.value,
            self.gap,
            priced.bound / self.form.beta,
            priced.cones,
        )
        self.history.append(row)
        if self.callback is not None:
            self.callback(row)


def constant_network(form: StandardForm) -> Restricted:
    """The optimal network without neurons, and its dual variable."""
    outputs = form.y.shape[1:]
    t = form.loss.constant_fit(form.y, form.weight) if form.bias else np.zeros(outputs)
    f = np.broadcast_to(t, form.y.shape)
    if form.bias:
        v = form.loss.constant_dual(f, form.y, form.weight)
    else:
        v = by_sample(form.weight, form.loss.gradient(f, form.y))
    objective = float(form.weight @ form.loss.value(f, form.y))
    return Restricted(np.zeros((0, *outputs)), t if outputs else float(t), v, objective, np.inf, np.zeros(0, bool))
