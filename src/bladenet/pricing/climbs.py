"""Follow neurons to local maxima of |h|, on all cores."""

import numpy as np

from bladenet import kernels
from bladenet.clock import Clock
from bladenet.losses import Array, Index
from bladenet.parallel import on_all_cores
from bladenet.pricing.base import Pricer

TOUCH = 1e-12  # samples this close to a hyperplane, in units of the data, lie on it
CHUNK = 8  # neurons that one thread climbs at a time
MOST_TURNS = 30  # of the direction of outputs
STILL = 1e-13  # of ‖h‖: a rise that is none


def climbed(pricer: Pricer, v: Array, neurons: Array, clock: Clock) -> Array:
    """Local maxima of |h|/‖w‖_p above the given neurons (m, d + 1), weights and offsets, in the same order.

    The space is that of the pricer; v : (N,), or (N, c). What is not done when the clock stops comes back as it is.
    """
    if v.ndim == 2:
        result = neurons.copy()
        parts = [result[k : k + CHUNK] for k in range(0, len(result), CHUNK)]
        on_all_cores(lambda part, clock: climb_outputs(pricer, v, part, clock), parts, clock)
        return result
    values = pricer.values(v, neurons[:, :-1], neurons[:, -1])
    result = neurons.copy()
    chunks = [
        (chosen, neurons[chosen], sign)
        for which, sign in ((values > 0, 1.0), (values < 0, -1.0))
        for chosen in np.array_split(np.flatnonzero(which), -(-which.sum() // CHUNK) or 1)
    ]

    def work(chunk: tuple[Index, Array, float], clock: Clock) -> Array:
        _, part, sign = chunk
        climb(pricer, v, part, sign, clock)
        return part

    for (chosen, _, _), part in zip(chunks, on_all_cores(work, chunks, clock), strict=True):
        result[chosen] = part
    return result


def climb(pricer: Pricer, v: Array, neurons: Array, sign: float, clock: Clock) -> None:
    """Move neurons (m, d + 1) in place to local maxima of sign · h/‖w‖_p, unless the clock has stopped."""
    kernels.climb(pricer.features, sign * v, neurons, pricer.form.norm, int(pricer.form.bias), TOUCH, clock.flag)


def climb_outputs(pricer: Pricer, v: Array, neurons: Array, clock: Clock) -> None:
    """Move neurons (m, d + 1) in place to local maxima of ‖h‖/‖w‖_p for several outputs, v (N, c).

    ‖h‖ ≥ u·h for every direction u of the outputs, with equality for u = h/‖h‖: climbing u·h, which is the h of one
    output with dual variable v·u, raises ‖h‖ too, until neither moves.
    """
    for k in range(len(neurons)):
        h = pricer.outputs(v, neurons[k : k + 1, :-1], neurons[k : k + 1, -1])[0]
        for _ in range(MOST_TURNS):
            length = float(np.linalg.norm(h))
            if clock.flag[0] or not length > 0.0:
                break
            moved = neurons[k : k + 1].copy()
            climb(pricer, v @ (h / length), moved, 1.0, clock)
            h = pricer.outputs(v, moved[:, :-1], moved[:, -1])[0]
            if not float(np.linalg.norm(h)) > length * (1.0 + STILL):
                break
            neurons[k] = moved[0]
