"""Move all neurons of a network at once, downhill of the objective itself, between two convex solves.

The objective Σ s ℓ(Σ_j σ_j (θ_j·x + c_j)_+ + t, y) + β Σ_j ‖θ_j‖, where θ_j = |z_j| w_j and σ_j = sign z_j, is not
convex in θ, but pricing finds what a local minimum lacks. In many dimensions each neuron settles in many steps, which
column generation alone would pay for with as many columns.
"""

import numpy as np
from scipy.optimize import minimize

from bladenet.losses import Array
from bladenet.parallel import one_blas_thread
from bladenet.pricing import Clock, anchored, stopping
from bladenet.problem import Neurons, StandardForm
from bladenet.restricted import Restricted

MOVES = 50
MEMORY = 20  # moves that the quasi-Newton method remembers
VANISHED = 1e-8  # of the largest |z|: neurons that small are left out
STRIP = 4096  # points that are visited at once


def moved_together(form: StandardForm, neurons: Neurons, solution: Restricted, clock: Clock) -> Neurons:
    """Neurons of unit weight below which the objective is lower, each through a sample if there is a bias (p = 2).

    Parameters
    ----------
    form : StandardForm
    neurons : weights (m, d) and offsets (m,) of those that `solution` uses
    solution : the network to start from
    """
    z = solution.z[solution.used]
    largest = float(np.abs(z).max(initial=0.0))
    if not largest:
        return neurons
    signs, unit = np.sign(z), solution.objective
    lifted = np.column_stack([form.points, np.full(len(form.points), float(form.bias))])
    strips = [slice(start, start + STRIP) for start in range(0, len(lifted), STRIP)]

    def objective(x: Array) -> tuple[float, Array]:
        theta, t = largest * x[:-1].reshape(len(z), -1), largest * x[-1]
        active, outputs = [], []  # of the activations only where they are positive is kept, a bit each
        for strip in strips:
            hidden = np.maximum(lifted[strip] @ theta.T, 0.0)
            outputs.append(hidden @ signs)
            active.append(np.packbits(hidden > 0.0, axis=1))
        f = np.concatenate(outputs)[form.row] + t
        slope = form.weight * form.loss.gradient(f, form.y)
        v = form.at_points(slope)
        gradient = np.zeros_like(theta)
        for bits, strip in zip(active, strips, strict=True):
            gradient += (np.unpackbits(bits, axis=1, count=len(z)) * v[strip, None]).T @ lifted[strip]
        gradient *= signs[:, None]
        lengths = np.linalg.norm(theta[:, :-1], axis=1)
        directions = theta[:, :-1] / np.maximum(lengths, VANISHED**2 * largest)[:, None]
        gradient[:, :-1] += form.beta * directions
        value = float(form.weight @ form.loss.value(f, form.y)) + form.beta * float(lengths.sum())
        return value / unit, np.r_[gradient.ravel(), slope.sum() * form.bias] * (largest / unit)

    weights, offsets = neurons
    start = np.column_stack([weights, offsets]) * (np.abs(z) / largest)[:, None]
    options = {"maxiter": MOVES, "maxcor": MEMORY, "gtol": 0.0}
    x0 = np.r_[start.ravel(), solution.t / largest]
    with one_blas_thread():
        x = minimize(objective, x0, jac=True, method="L-BFGS-B", callback=stopping(clock), options=options).x
    theta = x[:-1].reshape(len(z), -1)
    lengths = np.linalg.norm(theta[:, :-1], axis=1)
    kept = lengths > VANISHED
    weights, offsets = theta[kept, :-1] / lengths[kept, None], theta[kept, -1] / lengths[kept]
    if form.bias:
        offsets = anchored(form.points, form.at_points(solution.v), weights, offsets, -signs[kept])
    return weights, offsets
