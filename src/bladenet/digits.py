"""Numbers without their last digits, which are not the same in other units: a gram is no round part of a pound.

Where an optimum is not unique, or a search stops at a tolerance, it is rounding that decides what comes out. Without
the digits that change, inches and centimetres train the same network.
"""

import numpy as np

from bladenet.losses import Array

AWAY = np.sqrt(2.0)  # from powers of two, and from short numbers: where rounding would turn next to nothing into a step
SMALLEST = 1e-200


def without_last_digits(columns: Array, weight: Array, share: float) -> Array:
    """Numbers (n,) or (n, c) rounded column by column, to about this share of how far they typically lie apart.

    That is their distance from the median or, where that is less, their standard deviation: outliers do not make it
    coarser, nor do rows of little weight (n,). Numbers that have no finer digits stay as they are.
    """
    if columns.ndim == 1:
        return without_last_digits(columns[:, None], weight, share)[:, 0]
    steps = np.array([share * _typical(column, weight / weight.sum()) for column in columns.T])
    steps = 2.0 ** np.floor(np.log2(np.maximum(AWAY * steps, SMALLEST)))  # powers of two: only the rounding rounds
    return np.round(columns / steps) * steps


def shortened(number: float, share: float) -> float:
    """A positive number rounded up, by up to about four times this share of it."""
    _, exponent = np.frexp(AWAY * number)
    kept = int(np.ceil(-np.log2(share)))
    return float(np.ldexp(np.ceil(np.ldexp(number, kept - exponent) + AWAY - 1.0), exponent - kept))


def _typical(column: Array, weight: Array) -> float:
    values = np.unique(column)
    distance = float(np.median(np.abs(values - np.median(values))))
    off = np.abs(column - weight @ column)
    reach = float(off.max()) or 1.0  # in units of which squares do not overflow
    return min(distance, reach * float(np.sqrt(weight @ (off / reach) ** 2)))
