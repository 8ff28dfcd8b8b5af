"""Figure 2 measured: a network of one feature, whose break points are samples, though not all samples."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.reproduce.convex_programs import best_network, lasso
from bladenet.reproduce.enumeration import all_neurons, hidden
from bladenet.reproduce.findings import SOLVED, Finding
from bladenet.reproduce.geometry import Measured
from bladenet.training import Fit, train

POSITIONS = np.array([-4.0, -3.1, -2.2, -1.0, 0.2, 1.1, 2.3, 3.0, 4.2])
TARGETS = np.array([0.3, 0.9, 2.1, 1.9, 1.1, 0.2, 0.9, 1.8, 2.6])
BETA, TOL = 0.3, 1e-9
SLOPE = 1e-9  # changes of slope below this are none
BETWEEN = 50  # points between neighbouring samples
MARGIN = 0.8  # of the curve beyond the samples


def fit_figure() -> Measured:
    """Figure 2: the certified optimum, from its predictions alone, and its neurons."""
    fit = train(POSITIONS[:, None], TARGETS, beta=BETA, tol=TOL)
    changes = slope_changes(fit.network, POSITIONS)
    network, broken = fit.network, np.abs(changes) > SLOPE
    places = kinks(network)
    grid = np.r_[POSITIONS[0] - MARGIN, POSITIONS, POSITIONS[-1] + MARGIN]
    curve = np.unique(np.concatenate([np.linspace(a, b, BETWEEN) for a, b in pairwise(grid)]))
    rows: list[dict[str, Any]] = [
        {"kind": "sample", "x": x, "y": y, "prediction": f, "slope_change": change, "break_point": bool(kink)}
        for x, y, f, change, kink in zip(
            POSITIONS, TARGETS, network.predict(POSITIONS[:, None]), changes, broken, strict=True
        )
    ]
    rows += [
        {"kind": "neuron", "neuron": j, "x": x, "slope_change": abs(w) * u, "right": bool(w > 0)}
        for j, (x, w, u) in enumerate(zip(places, network.weights[:, 0], network.amplitudes, strict=True))
    ]
    values = network.predict(curve[:, None])
    rows += [{"kind": "curve", "x": x, "prediction": f} for x, f in zip(curve, values, strict=True)]
    drawn = {"fit": fit, "broken": broken, "kinks": places, "curve": curve, "values": values}
    return Measured(rows, findings(fit, POSITIONS, TARGETS), drawn)


def findings(fit: Fit, x: Array, y: Array) -> list[Finding]:
    """What Figure 2 claims, for a fit of one feature."""
    X, objective = x[:, None], fit.certificate.objective
    optimum = best_network(X, y, BETA, norm=2, bias=True).value
    dictionary = lasso(hidden(X, all_neurons(X, 1, True)), y, BETA, bias=True).value
    changes = slope_changes(fit.network, x)
    broken = int((np.abs(changes) > SLOPE).sum())
    places = kinks(fit.network)
    away, best, listed = (
        float(np.abs(values).max())
        for values in (np.abs(places[:, None] - x).min(axis=1), objective / optimum - 1.0, objective / dictionary - 1.0)
    )
    bends = bend(fit.network, x)
    return [
        Finding("it is the best network of all", "the arrangement program", best, SOLVED),
        Finding("and the optimum of the Lasso of Theorem 1", f"{2 * len(x)} columns, listed", listed, SOLVED),
        Finding("between samples, and beyond them, it is straight", f"{BETWEEN} predictions each", bends),
        Finding("every neuron's kink is a sample", f"{len(places)} neurons", away),
        Finding(
            "no more break points than neurons", f"{broken}, {len(places)}", float(max(0, broken - len(places))), 0.0
        ),
        Finding("some samples are no break points", f"{len(x) - broken} of {len(x)}", float(broken >= len(x)), 0.0),
    ]


def kinks(network: ReLUNetwork) -> Array:
    """Where the neurons of one feature switch on."""
    return np.asarray(-network.biases / network.weights[:, 0])


def slope_changes(network: ReLUNetwork, x: Array) -> Array:
    """By how much the slope changes at each sample, from predictions half-way to the next ones."""
    steps = np.r_[1.0, np.diff(x), 1.0] / 2
    before, after = x - steps[:-1], x + steps[1:]
    f, left, right = (network.predict(at[:, None]) for at in (x, before, after))
    return np.asarray((right - f) / steps[1:] - (f - left) / steps[:-1])


def bend(network: ReLUNetwork, x: Array) -> float:
    """The largest departure of predictions from straight lines between samples, and for one extent beyond them."""
    ends = np.r_[x[0] - np.ptp(x), x, x[-1] + np.ptp(x)]
    shares = np.linspace(0.0, 1.0, BETWEEN)
    at = ends[:-1, None] + shares * np.diff(ends)[:, None]
    f = network.predict(at.reshape(-1, 1)).reshape(at.shape)
    return float(np.abs(f - f[:, :1] - shares * (f[:, -1:] - f[:, :1])).max())
