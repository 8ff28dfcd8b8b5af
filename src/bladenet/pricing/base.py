"""Pricing: which neuron is missing? The contract that every pricer keeps.

For a dual variable v of the points, h(w, b) = Σ_i v_i (w·x_i + b)_+. A pricer returns neurons with large |h| and a
proven upper bound on |h| over all neurons with ‖w‖_p = 1 and any offset (offset 0 if there is no bias). With several
outputs v is (N, c), h is a vector, and |h| stands for its length.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from bladenet.clock import Clock
from bladenet.kernels import neuron_values
from bladenet.losses import Array, Index, row_norms
from bladenet.parallel import on_threads

LONG = 3_000_000  # samples times neurons that are worth a second thread
AT_A_TIME = 64  # neurons that a thread evaluates
STRIP = 4096  # points whose activations are held at once
EASE = 1.0  # of the best neuron: how far above it the first bound on the maximum may be
FALL = 0.1  # of that: how far the next may be, until it is
EASY = 0.01  # from which on proofs cost little more when they are exact
WIDE, FEWEST = 4_000_000, 400  # weights that the neurons found may have in all, and neurons whatever their weights


class Space(Protocol):
    """Where neurons are sought: what a pricer needs of a standard form.

    Attributes
    ----------
    points : (N, d) distinct samples of unit size, centred if there is a bias
    norm : 1 or 2
    bias : bool
    several : bool, whether h is a vector, for several outputs
    """

    @property
    def points(self) -> Array:
        """(N, d)."""

    @property
    def norm(self) -> int:
        """1 or 2."""

    @property
    def bias(self) -> bool:
        """Whether neurons have offsets."""

    @property
    def several(self) -> bool:
        """Whether h is a vector."""


@dataclass(frozen=True, eq=False)
class Priced:
    """Outcome of one pricing.

    Attributes
    ----------
    bound : float, |h| ≤ bound for every neuron that the pricer covers
    weights : (k, d), offsets : (k,), values : (k,) neurons of unit norm and their h (its length, for several outputs),
        largest |h| first
    cones : number of cones examined (0 where there are none)
    visits : samples examined, summed over cones
    """

    bound: float
    weights: Array
    offsets: Array
    values: Array
    cones: int = 0
    visits: int = 0


class Pricer(ABC):
    """Finds and bounds neurons of one space; the constructor prepares what does not depend on v."""

    proves = True  # whether bounds are finite
    apart = False  # whether proposals cost less than a proof
    together = False  # whether the dimension is high: neurons are found, and are best moved, all together

    def __init__(self, form: Space):
        self.form = form
        self.features = np.ascontiguousarray(form.points.T)

    @property
    def nothing(self) -> Priced:
        """No neuron, and nothing proven."""
        return Priced(np.inf, np.zeros((0, len(self.features))), np.zeros(0), np.zeros(0))

    @abstractmethod
    def price(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """Bound |h| and return neurons.

        Parameters
        ----------
        v : (N,) dual variable of the points, (N, c) for several outputs
        threshold : float, neurons below it are of no interest; the bound may be as loose as this
        slack : float, relative looseness allowed where |h| exceeds the threshold
        clock : Clock, stops the search; the bound returned is then what was proven so far
        """

    def propose(self, v: Array, threshold: float, slack: float, clock: Clock) -> Priced:
        """Neurons as :meth:`price` returns them, perhaps not from everywhere; the bound may be inf."""
        return self.price(v, threshold, slack, clock)

    def seconds(self, v: Array, threshold: float, slack: float, clock: Clock) -> float:
        """About how long :meth:`price` would take, from a part of its work; inf if the clock stops even that.

        0 for a pricer that has nothing to try first.
        """
        return 0.0

    def nearby(self, v: Array, weights: Array, offsets: Array, threshold: float, clock: Clock) -> Priced:
        """Local maxima of |h| near given neurons, above the threshold: cheap candidates that prove nothing."""
        return self.ranked(v, weights, offsets, threshold, np.inf)

    def maximum(self, v: Array, slack: float = 1e-10, clock: Clock | None = None) -> Priced:
        """Locate max |h| over all neurons to a relative `slack`: the best neurons found and a bound as close.

        The threshold falls from a crude bound until something is above it. From then on what is allowed above the best
        neuron falls, each step being cheap beside the next: where the clock stops the search, it has the last bound.
        """
        clock = clock or Clock()
        lengths = np.abs(self.form.points).sum(axis=1)
        crude = 2.0 * float(np.abs(v).sum() * lengths.max())
        floor = crude * len(v) * np.finfo(float).eps
        threshold = crude / 4
        while True:
            found = self.propose(v, threshold, EASE, clock)
            if len(found.values) or threshold <= floor or clock.stopped:
                break
            # a proof costs little while it is far above all neurons
            threshold = 0.5 * min(threshold, found.bound) if found.bound < np.inf else threshold / 16
        best, bound, ease = float(np.abs(found.values[:1]).max(initial=0.0)), min(found.bound, crude), EASE
        while bound > max(best * (1.0 + slack), floor) and not clock.stopped:
            again = self.price(v, max(best * (1.0 + ease), floor), ease, clock)
            bound, better = min(bound, again.bound), len(again.values) > 0
            if better:
                found, best = again, abs(again.values[0])
            if ease == slack and not better:
                break
            ease = max(slack, FALL * ease) if ease > EASY else slack
        return replace(found, bound=max(bound, best))

    def values(self, v: Array, weights: Array, offsets: Array) -> Array:
        """h of given neurons, or its length, evaluated directly: O(N d) each, nothing reused from a search."""
        if v.ndim == 2:
            return row_norms(self.outputs(v, weights, offsets))
        weights, offsets, out = np.ascontiguousarray(weights), np.ascontiguousarray(offsets), np.empty(len(offsets))
        if len(v) * len(offsets) < LONG:
            neuron_values(self.features, v, weights, offsets, out)
        else:
            parts = [slice(k, k + AT_A_TIME) for k in range(0, len(offsets), AT_A_TIME)]
            on_threads(lambda part: neuron_values(self.features, v, weights[part], offsets[part], out[part]), parts)
        return out

    def outputs(self, v: Array, weights: Array, offsets: Array) -> Array:
        """h of given neurons for several outputs: v (N, c) → (m, c)."""
        strips = [slice(k, k + STRIP) for k in range(0, len(v), STRIP)]
        h = np.zeros((len(offsets), v.shape[1]))
        for strip in strips:
            h += np.maximum(weights @ self.features[:, strip] + offsets[:, None], 0.0) @ v[strip]
        return h

    def largest(self, values: Array, threshold: float) -> tuple[Index, ...]:
        """Where values are above the threshold, largest first; no more than can be held as neurons of all features."""
        found = np.flatnonzero(values > threshold)
        most = max(FEWEST, WIDE // len(self.features))
        best = found[np.argsort(-values.ravel()[found], kind="stable")[:most]]
        return np.unravel_index(best, values.shape)

    def spread(self, columns: Index, weights: Array) -> Array:
        """Weights (m, k) of some columns (m, k) as weights of all features, (m, d)."""
        whole = np.zeros((len(columns), len(self.features)))
        np.put_along_axis(whole, columns, weights, axis=1)
        return whole

    def ranked(
        self, v: Array, weights: Array, offsets: Array, threshold: float, bound: float, cones: int = 0, visits: int = 0
    ) -> Priced:
        """Re-evaluate neurons, drop repeated ones and those not above the threshold, best first."""
        values = self.values(v, weights, offsets)
        order = np.argsort(-np.abs(values), kind="stable")
        order = order[np.abs(values[order]) > threshold]
        rounded = np.round(np.column_stack([weights, offsets])[order], 9) + 0.0
        first: dict[bytes, int] = {}
        for k, row in zip(order.tolist(), rounded, strict=True):
            first.setdefault(row.tobytes(), k)
        order = np.array(list(first.values()), dtype=np.int64)
        best = float(np.abs(values).max(initial=0.0))
        return Priced(max(bound, best), weights[order], offsets[order], values[order], cones, visits)
