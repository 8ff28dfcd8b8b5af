"""Two-layer modules as networks, and the proof of how good they are."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.assessment import Assessment
from bladenet.assessment import certify as certify_network
from bladenet.network import ReLUNetwork
from bladenet.torch.blocks import last_block, network_of, two_layer_blocks
from bladenet.torch.inputs import checked_module, checked_samples, checked_targets, finite_tensor
from bladenet.torch.layers import outputs_of, rows_read, watched
from bladenet.torch.refusals import advice

PROBES = 64  # random inputs on which module and network must agree
AGREE = 1e-10  # relative to the outputs, in float64


def from_torch(module: nn.Module) -> ReLUNetwork:
    """A two-layer module, Linear, ReLU, Linear, as a ReLUNetwork of the same weights in float64.

    Raises
    ------
    TypeError
        If it is no module written in Python.
    ValueError
        If the module is something else; it is tried on random inputs. Says what to do about it.
    """
    module = deepcopy(checked_module(module)).double()  # lower precision would blur the trial
    layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if not layers:
        raise ValueError("the module has no Linear; a two-layer network is Linear, ReLU, Linear.")
    rng = np.random.default_rng(0)
    X = checked_samples(module, rng.normal(size=(PROBES, layers[0].in_features)))
    block = last_block(two_layer_blocks(module, X), module, X)
    found = network_of(module, block)
    weights, amplitudes, intercept = found.weights, found.amplitudes, np.atleast_1d(found.intercept)
    if weights.shape[1] != X.shape[1]:
        raise ValueError(_deeper(module, X))
    # a module may subtract a centre from its inputs
    origin = next(rows_read(module, block.hidden.name, torch.zeros_like(X[:1])))[0].cpu().numpy()
    biases = found.biases + weights @ origin
    outputs = outputs_of(module, X).cpu().numpy()
    flat = amplitudes.shape[1] == 1
    network = ReLUNetwork(
        weights, biases, amplitudes[:, 0] if flat else amplitudes, float(intercept[0]) if flat else intercept
    )
    off = np.abs(network.predict(X.cpu().numpy()).reshape(outputs.shape) - outputs).max()
    if off > AGREE * max(1.0, np.abs(outputs).max()):
        raise ValueError(_deeper(module, X))
    return network


def _deeper(module: nn.Module, X: Tensor) -> str:
    found = advice(module, watched(module, X).steps)
    return (
        "the module is no two-layer network, Linear, ReLU, Linear of its inputs, but computes something before or "
        f"after that.{found} bladenet.torch.refine proves how good the last block is, for what it reads."
    )


def certify(module: nn.Module, X: Any, y: Any, *, beta: float, **settings: Any) -> Assessment:
    """The true optimality gap of a trained two-layer module, on X and y in float64; see :func:`bladenet.certify`.

    The module may be of any precision: its weights are taken as they are, and rounding of its activations is left out.
    """
    network = from_torch(module)
    samples = finite_tensor(X, "X").cpu().double()
    d = network.weights.shape[1]
    if samples.ndim != 2 or samples.shape[1] != d or not len(samples):
        raise ValueError(f"X must have shape (samples, {d}), as the module takes, got shape {tuple(samples.shape)}.")
    return certify_network(network, samples.numpy(), checked_targets(y, samples), beta=beta, **settings)
