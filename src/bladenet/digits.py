"""Numbers without their last digits, which are not the same in other units: a gram is no round part of a pound.

Where an optimum is not unique, or a search stops at a tolerance, it is rounding that decides what comes out. Without
the digits that change, inches and centimetres train the same network.
"""

import numpy as np

from bladenet.losses import Array

KEPT = 42  # binary digits kept of a single number
AWAY = np.sqrt(2.0)  # from powers of two, and from short numbers: where rounding would turn next to nothing into a step
SMALLEST = 1e-200


def without_last_digits(columns: Array, share: float) -> Array:
    """Numbers (n,) or (n, c) rounded column by column, to about this share of their typical distance from the median.

    Outliers do not make it coarser; numbers that have no finer digits stay as they are.
    """
    if columns.ndim == 1:
        return without_last_digits(columns[:, None], share)[:, 0]
    steps = np.array([_step(column, share) for column in columns.T])
    steps[steps < SMALLEST] = SMALLEST
    return np.round(columns / steps) * steps  # powers of two: only the rounding rounds


def shortened(number: float) -> float:
    """A positive number rounded up, by less than 2⁻⁴⁰ of it."""
    _, exponent = np.frexp(AWAY * number)
    return float(np.ldexp(np.ceil(np.ldexp(number, KEPT - exponent) + AWAY - 1.0), exponent - KEPT))


def _step(column: Array, share: float) -> float:
    values = np.unique(column)
    typical = float(np.median(np.abs(values - np.median(values))))
    return float(2.0 ** np.floor(np.log2(AWAY * typical * share))) if typical > 0.0 else 0.0
