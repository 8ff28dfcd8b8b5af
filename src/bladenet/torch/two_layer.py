"""Two-layer modules as networks, and the proof of how good they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from bladenet.assessment import Assessment
from bladenet.assessment import certify as certify_network
from bladenet.network import ReLUNetwork
from bladenet.torch.blocks import last_block, network_of, two_layer_blocks
from bladenet.torch.inputs import checked_samples, checked_targets
from bladenet.torch.layers import outputs_of, rows_read

PROBES = 64  # random inputs on which module and network must agree
AGREE = 1e-4  # relative to the outputs, in float32; 1e-10 in float64


def from_torch(module: nn.Module) -> ReLUNetwork:
    """A two-layer module, Linear, ReLU, Linear, as a ReLUNetwork in float64.

    Raises
    ------
    ValueError
        If the module is something else; it is tried on random inputs.
    """
    layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if not layers:
        raise ValueError("the module has no Linear; a two-layer network is Linear, ReLU, Linear.")
    rng = np.random.default_rng(0)
    X = checked_samples(module, rng.normal(size=(PROBES, layers[0].in_features)))
    block = last_block(two_layer_blocks(module, X))
    found = network_of(module, block)
    weights, amplitudes, intercept = found.weights, found.amplitudes, np.atleast_1d(found.intercept)
    # a module may subtract a centre from its inputs
    origin = next(rows_read(module, block.hidden.name, torch.zeros_like(X[:1])))[0].cpu().numpy()
    biases = found.biases + weights @ origin
    outputs = outputs_of(module, X).double().cpu().numpy()
    flat = amplitudes.shape[1] == 1
    network = ReLUNetwork(
        weights, biases, amplitudes[:, 0] if flat else amplitudes, float(intercept[0]) if flat else intercept
    )
    if weights.shape[1] != X.shape[1]:
        off = np.inf  # it reads what other layers have made of the inputs
    else:
        off = np.abs(network.predict(X.double().cpu().numpy()).reshape(outputs.shape) - outputs).max()
    exactness = AGREE if X.dtype != torch.float64 else AGREE * 1e-6
    if off > exactness * max(1.0, np.abs(outputs).max()):
        raise ValueError(
            f"the module is no two-layer network, Linear, ReLU, Linear of its inputs: on random ones it differs by "
            f"{off:.2g}."
        )
    return network


def certify(module: nn.Module, X: Any, y: Any, *, beta: float, **settings: Any) -> Assessment:
    """The true optimality gap of a trained two-layer module; see :func:`bladenet.certify`."""
    samples = checked_samples(module, X)
    targets = checked_targets(y, samples)
    return certify_network(from_torch(module), samples.double().cpu().numpy(), targets, beta=beta, **settings)
