"""Neurons in the user's units: their formulas, and where they switch on.

A neuron amplitude · relu(weights·s(x) + bias) switches on at a value of the one feature that it reads, along a line
or a curve of the two that it reads. Features scaled by a straight line s, indicators of categories among them, are
written in their own units; the others as scaled(name).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bladenet.display import number
from bladenet.encoding import Encoding
from bladenet.losses import Array
from bladenet.scaling import Scaling

TERMS = 8  # most terms written of one neuron
POINTS = 9  # of a curve

Point = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Units:
    """What features are called, how they are scaled before the network, and their range in training.

    Attributes
    ----------
    encoding : Encoding
    scaling : Scaling, in front of the network
    low, high : (d,)
    bias : whether neurons have offsets
    """

    encoding: Encoding
    scaling: Scaling
    low: Array
    high: Array
    bias: bool

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features, (d,)."""
        return self.encoding.features

    @cached_property
    def straight(self) -> np.ndarray:
        """(d,) bool: features that need no ``scaled(…)``."""
        return self.lines[0]

    @cached_property
    def lines(self) -> tuple[np.ndarray, Array, Array]:
        """See :meth:`Scaling.straight`."""
        return self.scaling.straight()

    @cached_property
    def indicators(self) -> dict[int, str]:
        """For features that are indicators, what holds where they are 0."""
        opposites = {c: self.encoding.opposite(c) for c in range(len(self.names))}
        return {c: text for c, text in opposites.items() if text is not None}

    def formula(self, weight: Array, offset: float, amplitude: float, kink: float | None = None) -> str:
        """The contribution of a neuron, with rounded numbers.

        ``2.5 · (time_ms − 14.6)+`` for one feature, ``3.1 when colour=red`` for an indicator, else
        ``2.5 · relu(0.83·longitude − 0.56·latitude + 12.1)``.

        Parameters
        ----------
        weight : (d,), offset, amplitude : of the network
        kink : the value at which a neuron of one feature switches on, if known exactly
        """
        reads = np.flatnonzero(weight).tolist()
        if reads and all(c in self.indicators for c in reads) and len(reads) <= 2:
            return self._cases(reads, weight, offset, amplitude)
        if len(reads) == 1:
            return self._hinge(reads[0], weight, offset, amplitude, kink)
        _, slopes, intercepts = self.lines
        own = np.where(self.straight, weight * slopes, weight)
        size = np.abs(own) * np.where(self.straight, self.high - self.low, 1.0)
        shown = sorted(sorted(reads, key=lambda c: -size[c])[:TERMS])
        terms = [f"{_signed(float(own[c]))}·{self._term(c)}" for c in shown]
        if len(shown) < len(reads):
            terms.append(f"+ … ({len(reads) - len(shown)} smaller terms)")
        if self.bias:
            terms.append(_signed(float(offset + weight[self.straight] @ intercepts[self.straight])))
        inside = " ".join(terms).removeprefix("+ ")
        if inside.startswith("− "):
            inside = "−" + inside[2:]
        return f"{number(float(amplitude))} · relu({inside})"

    def switches(self, weight: Array, offset: float) -> tuple[Point, ...]:
        """Where a neuron of one or two features switches on, as values of the features it reads; () for others.

        One point for one feature. For two, the ends of a line, or points along the curve that a scaling makes of it,
        within the range low to high; for an indicator and a number, the points at 0 and at 1.
        """
        reads = np.flatnonzero(weight).tolist()
        free = [c for c in reads if c not in self.indicators]
        if len(reads) > 2 or not free:
            return ()
        if len(reads) == 1:
            return ((float(self._solve(reads[0], weight, offset, np.zeros(1))[0]),),)
        if len(free) == 1:
            (other,) = set(reads) - set(free)
            states = self._scaled([other], np.array([[0.0], [1.0]]))[:, 0] * weight[other]
            values = self._solve(free[0], weight, offset, states)
            return tuple(
                (float(v), state) if free[0] < other else (state, float(v))
                for v, state in zip(values, (0.0, 1.0), strict=True)
            )
        curve = self.curve(reads, weight, offset, POINTS)
        return () if curve is None else tuple(map(tuple, curve.tolist()))

    def curve(self, plane: list[int], weight: Array, offset: float, points: int) -> Array | None:
        """Where a neuron switches on in the plane of two numbers, if it reads no others, within low and high.

        Returns
        -------
        (2, 2), the ends of a line; (points, 2) along the curve that a scaling makes of it; or None if there is none
        """
        low, high = self._scaled(plane, np.array([self.low[plane], self.high[plane]]))
        size = np.where(high > low, high - low, 1.0)
        ends = clip_line(weight[plane] * size, float(offset + weight[plane] @ low))
        if ends is None:
            return None
        along = np.linspace(ends[0], ends[1], 2 if self.straight[plane].all() else points)
        return self._unscaled(plane, low + size * along)

    def _solve(self, feature: int, weight: Array, offset: float, others: Array) -> Array:
        """Values of one feature at which weight·s(x) + offset = 0, given what the others add, (k,)."""
        return self._unscaled([feature], -(offset + others[:, None]) / weight[feature])[:, 0]

    def _scaled(self, features: list[int], values: Array) -> Array:
        return self.scaling.only(features).apply(values)

    def _unscaled(self, features: list[int], values: Array) -> Array:
        return self.scaling.only(features).inverse(values)

    def _term(self, feature: int) -> str:
        name = self.names[feature]
        if feature in self.indicators:
            return f"[{name}]"
        return name if self.straight[feature] else f"scaled({name})"

    def _hinge(self, c: int, weight: Array, offset: float, amplitude: float, kink: float | None) -> str:
        """A neuron of one feature."""
        name, slope = self._term(c), float(weight[c] * (self.lines[1][c] if self.straight[c] else 1.0))
        if kink is None:
            kink = float(self._solve(c, weight, offset, np.zeros(1))[0])
        if not self.bias:
            hinge = f"({'' if slope > 0 else '−'}{name})+"
        elif not self.straight[c]:
            place = f"scaled({number(kink)})"
            hinge = f"({name} − {place})+" if slope > 0 else f"({place} − {name})+"
        else:
            hinge = f"({name} {_signed(-kink)})+" if slope > 0 else f"({number(kink)} − {name})+"
        return f"{number(float(amplitude) * abs(slope))} · {hinge}"

    def _cases(self, reads: list[int], weight: Array, offset: float, amplitude: float) -> str:
        """A neuron of one or two indicators: what it adds in which case."""
        states = np.array(np.meshgrid(*[[1.0, 0.0]] * len(reads), indexing="ij")).reshape(len(reads), -1).T
        sums = self._scaled(reads, states) @ weight[reads] + offset
        same = len({self.encoding.sources[c] for c in reads}) < len(reads)  # then both at 1 cannot be
        rounding = 1e-12 * (np.abs(weight[reads]).sum() + abs(offset))
        cases = [
            f"{number(float(amplitude * total))} when "
            + " and ".join(self.names[c] if on else self.indicators[c] for c, on in zip(reads, state, strict=True))
            for state, total in zip(states, sums, strict=True)
            if total > rounding and not (same and state.all())
        ]
        return "; ".join(cases) or "0"


def clip_line(weight: Array, bias: float) -> Array | None:
    """The part of the line weight·x + bias = 0 inside the unit square, (2, 2); None if it misses it."""
    length = float(np.hypot(*weight))
    if length == 0.0:
        return None
    start = -bias * weight / length**2
    direction = np.array([-weight[1], weight[0]]) / length
    first, last = -np.inf, np.inf
    for position, step in zip(start, direction, strict=True):
        if abs(step) < 1e-12:
            if not 0.0 <= position <= 1.0:
                return None
            continue
        ends = sorted((-position / step, (1.0 - position) / step))
        first, last = max(first, ends[0]), min(last, ends[1])
    return start + np.outer([first, last], direction) if first < last else None


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent."""
    value = round(100.0 * share, digits) + 0.0  # + 0 turns −0 into 0
    return f"{value:.{digits}f} %".replace("-", "−")


def apart(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Names of columns that stand beside the columns `taken`: ``NAME (data)`` where it is one of these."""
    found: list[str] = []
    for name in names:
        own = name
        while own in taken or own in found or (own != name and own in names):
            own = f"{own} (data)"
        found.append(own)
    return found


def listed(names: list[str], most: int) -> str:
    """The first names, and how many are left out: ``a, b and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'} {number(abs(value))}"
