"""Move all neurons of a network at once, downhill of the objective itself, between two convex solves.

The objective Σ s ℓ(Σ_j σ_j (θ_j·x + c_j)_+ + t, y) + β Σ_j ‖θ_j‖, where θ_j = |z_j| w_j and σ_j = sign z_j, is not
convex in θ, but pricing finds what a local minimum lacks. In many dimensions each neuron settles in many steps, which
column generation alone would pay for with as many columns.
"""

import numpy as np
from scipy.optimize import minimize

from bladenet.losses import Array, by_sample
from bladenet.parallel import one_blas_thread
from bladenet.pricing import Clock, anchored, stopping
from bladenet.problem import Neurons, StandardForm
from bladenet.restricted import Restricted

MOVES = 50
MEMORY = 20  # moves that the quasi-Newton method remembers
VANISHED = 1e-8  # of the largest |z|: neurons that small are left out
WIDE, AMPLITUDES = 100, 1000  # neurons of a network to start from, and amplitudes of all its outputs together
FIRST_MOVES = 300  # of all its weights
SMALL = 1e-3  # of the largest ‖z‖: its neurons below that are left out
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


def descended(form: StandardForm, clock: Clock) -> tuple[Neurons, Array, Array, Array]:
    """A network to start from, for several outputs (p = 2): a wide one with weight decay, moved downhill from chance.

    The objective is that of training if ‖θ_j‖ = ‖z_j‖, and no smaller otherwise. A network so wide hardly has local
    minima, and a few hundred moves cost less than one restricted problem over neurons that were found for another v.

    Returns
    -------
    neurons : weights (m, d) of unit norm and offsets (m,)
    z : (m, c), t : (c,), v : (k, c) the gradient of the loss
    """
    (n, d), c = form.points.shape, form.y.shape[1]
    m = min(WIDE, max(AMPLITUDES // c, d + 1))
    rng = np.random.default_rng(0)
    lifted = np.column_stack([form.points, np.full(n, float(form.bias))])
    theta = np.zeros((m, d + 1))
    theta[:, :d] = rng.normal(size=(m, d))
    theta[:, :d] /= np.linalg.norm(theta[:, :d], axis=1)[:, None]
    theta[:, d] = -np.sum(theta[:, :d] * form.points[rng.integers(n, size=m)], axis=1) * form.bias
    t = form.loss.constant_fit(form.y, form.weight) if form.bias else np.zeros(c)
    unit = float(form.weight @ form.loss.value(np.broadcast_to(t, form.y.shape), form.y)) or 1.0
    size = np.sqrt(0.1 * unit / (form.beta * m + unit))
    start = np.r_[size * theta.ravel(), 0.1 * size * rng.normal(size=m * c), t]

    def parts(x: Array) -> tuple[Array, Array, Array]:
        return x[: m * (d + 1)].reshape(m, d + 1), x[m * (d + 1) : -c].reshape(m, c), x[-c:]

    def slope_at(x: Array) -> tuple[Array, Array, float]:
        theta, z, t = parts(x)
        hidden = np.maximum(lifted @ theta.T, 0.0)
        f = (hidden @ z)[form.row] + t
        return (
            hidden,
            by_sample(form.weight, form.loss.gradient(f, form.y)),
            float(form.weight @ form.loss.value(f, form.y)),
        )

    def objective(x: Array) -> tuple[float, Array]:
        theta, z, _ = parts(x)
        hidden, slope, loss = slope_at(x)
        v = form.at_points(slope)
        decay = theta * np.r_[np.ones(d), 0.0]
        by_theta = ((v @ z.T) * (hidden > 0.0)).T @ lifted + form.beta * decay
        by_z = hidden.T @ v + form.beta * z
        value = loss + 0.5 * form.beta * float(np.sum(decay**2) + np.sum(z**2))
        return value / unit, np.r_[by_theta.ravel(), by_z.ravel(), slope.sum(axis=0) * form.bias] / unit

    options = {"maxiter": FIRST_MOVES, "maxcor": MEMORY, "gtol": 0.0}
    with one_blas_thread():
        x = minimize(objective, start, jac=True, method="L-BFGS-B", callback=stopping(clock), options=options).x
    theta, z, t = parts(x)
    lengths = np.linalg.norm(theta[:, :d], axis=1)
    amplitudes = np.linalg.norm(z, axis=1) * lengths
    kept = amplitudes > SMALL * amplitudes.max(initial=0.0)
    neurons = theta[kept, :d] / lengths[kept, None], theta[kept, d] * form.bias / lengths[kept]
    return neurons, z[kept] * lengths[kept, None], t, slope_at(x)[1]
