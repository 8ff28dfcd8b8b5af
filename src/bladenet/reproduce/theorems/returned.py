"""What bladenet returned, measured by its numbers alone: nothing that a solver says about itself is taken for true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.losses import Array
from bladenet.reproduce.findings import largest, off
from bladenet.reproduce.theorems.determinants import exact_normal

if TYPE_CHECKING:
    from bladenet.blades import Blade
    from bladenet.network import ReLUNetwork
    from bladenet.training import Fit


def outputs(network: ReLUNetwork, X: Array) -> Array:
    """f(x) = Σ_j u_j (w_j·x + b_j)_+ + t, as it is written in equation (2)."""
    return np.asarray(np.maximum(X @ network.weights.T + network.biases, 0.0) @ network.amplitudes + network.intercept)


def penalty(network: ReLUNetwork, norm: int, output_norm: int = 2) -> float:
    """Σ_j ‖u_j‖_q ‖w_j‖_p."""
    columns = network.amplitudes if network.amplitudes.ndim == 2 else network.amplitudes[:, None]
    sizes = np.linalg.norm(columns, ord=output_norm, axis=1)
    return float(sizes @ np.linalg.norm(network.weights, ord=norm, axis=1))


def objective(
    network: ReLUNetwork, X: Array, y: Array, beta: float, *, norm: int, loss: str = "squared", output_norm: int = 2
) -> float:
    """Loss and penalty; inf for "exact" where a target is missed."""
    f, price = outputs(network, X), beta * penalty(network, norm, output_norm)
    if loss == "squared":
        return float(0.5 * ((f - y) ** 2).sum()) + price
    if loss == "hinge":
        return float(np.maximum(1.0 - y * f, 0.0).sum()) + price
    return price if np.abs(f - y).max() <= 1e-9 * (1.0 + np.abs(y).max()) else np.inf


def off_optimum(
    fit: Fit,
    X: Array,
    y: Array,
    beta: float,
    optimum: float,
    *,
    norm: int,
    bias: bool,
    loss: str = "squared",
    output_norm: int = 2,
    vertices: bool = False,
) -> float:
    """How far a fit is from what it should be, relative.

    The objective of its network from the optimum, and from what the certificate says; the lower bound from the optimum,
    unless the optimum is that of blades alone, and above it in any case; neurons from their blades.

    Parameters
    ----------
    vertices : whether every neuron must be a blade of samples and axes
    """
    own = objective(fit.network, X, y, beta, norm=norm, loss=loss, output_norm=output_norm)
    lower = fit.certificate.lower_bound / optimum
    missing = max(0.0, lower - 1.0) if fit.certificate.factor is not None else abs(lower - 1.0)
    blades = off_blades(fit.network, list(fit.blades), X, norm=norm, bias=bias, vertices=vertices)
    return largest(off(own, optimum), off(fit.certificate.objective, own), missing, blades)


def off_blades(
    network: ReLUNetwork, blades: list[Blade], X: Array, *, norm: int, bias: bool, vertices: bool = True
) -> float:
    """How far neurons are from what their blades say, from the samples alone; 1 where a blade is no blade.

    A weight has length 1 and reads the blade's coordinates only; the hyperplane passes through the samples; and if they
    leave one direction, the weight is the Hodge dual of their wedge product, in that orientation.
    """
    if len(blades) != len(network.amplitudes):
        return 1.0
    worst = 0.0
    for w, b, blade in zip(network.weights, network.biases, blades, strict=True):
        C, S = list(blade.coordinates), list(blade.samples)
        others = np.delete(w, C)
        reach = np.abs(X[S]).max(initial=0.0) * np.abs(w).sum() + abs(b)
        contact = np.abs(X[S] @ w + b).max(initial=0.0) / reach if reach else 0.0
        worst = largest(worst, abs(float(np.linalg.norm(w, ord=norm)) - 1.0), np.abs(others).max(initial=0.0), contact)
        if blade.orientation == 0:
            worst = largest(worst, float(vertices))
            continue
        rows = X[np.ix_(S, C)]
        rows = rows[1:] - rows[0] if bias else rows
        if len(rows) != len(C) - 1:
            return 1.0
        normal = exact_normal(rows)
        length = np.linalg.norm(normal, ord=norm)
        worst = largest(worst, float(np.abs(blade.orientation * normal / length - w[C]).max()) if length > 0 else 1.0)
    return worst


def distances_from(X: Array, samples: tuple[int, ...], bias: bool) -> Array:
    """Distances of all rows from the span of some, or with a bias from their affine hull; by least squares."""
    origin = X[samples[0]] if bias else np.zeros(X.shape[1])
    edges = X[list(samples[bias:])] - origin
    moved = X - origin
    return np.asarray(np.linalg.norm(moved - np.linalg.lstsq(edges.T, moved.T, rcond=1e-10)[0].T @ edges, axis=1))
