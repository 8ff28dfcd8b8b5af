"""Interpolation on one feature in closed form: what no solver has to find among columns that are nearly the same.

Knots at samples suffice, so the optimum is the polygon through them: a neuron for each change c_j of its slope, facing
right or left, and perhaps one more at the first sample. A neuron that faces left takes c_j off the slope on its left:
of the first slope s, that one has to bring s + Σ c_j, over the c_j that face left. A share of a change may face left:
so this is 0, and the penalty Σ |c_j|, unless all changes of the sign opposite to s together are smaller than s.
"""

import numpy as np

from bladenet.blades import Blade
from bladenet.losses import Array
from bladenet.problem import StandardForm


def closed_form(form: StandardForm) -> bool:
    """Whether :func:`spline` is the optimum; what few components, or rounding, made of samples may coincide."""
    line = form.loss.exact and form.bias and form.y.ndim == 1 and form.points.shape[1] == 1
    return line and bool(np.diff(np.sort(form.points[:, 0])).all())


def spline(form: StandardForm) -> tuple[list[Blade], Array, float, Array]:
    """The interpolant of least penalty and its proof.

    Returns
    -------
    blades of points, amplitudes (m,), intercept, and v (k,) with |h| ≤ β, Σ v = 0 and −Σ v·y = β times the penalty
    """
    term = np.unique(form.row, return_index=True)[1]  # the first at each point
    term = term[np.argsort(form.points[form.row[term], 0])]
    point, y, v = form.row[term], form.y[term], np.zeros(len(form.y))
    if len(y) == 1:
        return [], np.zeros(0), float(y[0]), v
    x = form.points[point, 0]
    slopes = np.diff(y) / np.diff(x)
    change = np.diff(slopes)
    helping = np.where(change * slopes[0] < 0.0, np.abs(change), 0.0)
    order = np.argsort(helping, kind="stable")  # small ones first: a slope is made of numbers of its own size
    left = np.zeros(len(change))
    left[order] = np.diff(np.minimum(np.cumsum(helping[order]), np.abs(slopes[0])), prepend=0.0) * np.sign(
        change[order]
    )
    rest = float(slopes[0] + left.sum()) if helping.sum() < abs(slopes[0]) else 0.0
    # h of a neuron that faces right is −β sign c_j at its kink; with one at the end, less β sign s where it faces left
    heights = np.r_[-np.sign(rest), np.where((left != 0.0) & (rest != 0.0), 0.0, -np.sign(change)), 0.0]
    v[term] = form.beta * np.diff(np.diff(heights) / np.diff(x), prepend=0.0, append=0.0)
    z = np.r_[rest, change - left, left]
    knots = np.r_[point[:-1], point[1:-1]]
    facing = np.repeat([1, -1], [len(x) - 1, len(x) - 2])
    used = np.flatnonzero(z)
    blades = [Blade((int(knots[k]),), (0,), int(facing[k])) for k in used]
    return blades, z[used], float(y[0] - left @ (x[1:-1] - x[0])), v
