"""Two-layer blocks of a module, Linear, ReLU, Linear: found by watching, believed only after trying.

A block may be replaced by any other with the same outputs only if nothing else reads what is inside it. Code can do so
in more ways than can be watched; so every block is replaced for a trial by one with scaled and reordered neurons, and
one more without amplitude, and must compute the same.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.torch.layers import ReLULayer, outputs_of, rows_read, watched
from bladenet.torch.refusals import advice, last_block_of

TRIALS = 16  # samples of a trial
AGREE = 1e-9  # in float64, relative


@dataclass(frozen=True)
class Block:
    """A Linear, a ReLU and a Linear that alone reads its output, at once or after a dropout.

    Attributes
    ----------
    hidden : the first Linear
    out : name of the second
    final : whether the output of the second is that of the module
    """

    hidden: ReLULayer
    out: str
    final: bool = False

    def have_biases(self, module: nn.Module) -> tuple[bool, bool]:
        """Whether either Linear has one."""
        return self.hidden.has_bias(module), ReLULayer(self.out).has_bias(module)


def two_layer_blocks(module: nn.Module, X: Tensor) -> list[Block]:
    """The blocks that may be replaced, in the order in which they are used."""
    pairs, last = watched(module, X).pairs_and_last()
    blocks = [Block(hidden, out, final=out == last) for hidden, out in pairs]
    plain = [block for block in blocks if all(_plain(module, name) for name in (block.hidden.name, block.out))]
    return [block for block in plain if _can_be_replaced(module, block, X[:TRIALS])]


def last_block(blocks: list[Block], module: nn.Module, X: Tensor) -> Block:
    """Of the blocks of a module the one that computes its output.

    Raises
    ------
    ValueError
        If there is none; says what is there instead, and what to do.
    """
    for block in blocks:
        if block.final:
            return block
    raise ValueError(
        "the module must end in Linear, ReLU, Linear, plain ones that are neither pruned nor parametrised: what the "
        "second one computes must be the module's output, and nothing else may read what is in between."
        + advice(module, last_block_of(watched(module, X).steps))
    )


def network_of(module: nn.Module, block: Block) -> ReLUNetwork:
    """A block as a network of what it reads, with a column for each output."""
    weights, biases = (tensor.cpu().numpy() for tensor in block.hidden.neurons(module))
    amplitudes, intercept = (tensor.cpu().numpy() for tensor in ReLULayer(block.out).neurons(module))
    return ReLUNetwork(weights, biases, amplitudes.T.copy(), intercept.copy())


def write_block(module: nn.Module, block: Block, network: ReLUNetwork) -> None:
    """Make a block of the module compute a network, of any width; without neurons it gets one that is 0.

    Raises
    ------
    ValueError
        If the network has biases and the block none, or an intercept.
    """
    amplitudes = network.amplitudes[:, None] if network.amplitudes.ndim == 1 else network.amplitudes
    empty = [(0, len(network) == 0)]
    _write(module, block.hidden.name, np.pad(network.weights, [*empty, (0, 0)]), np.pad(network.biases, empty))
    _write(module, block.out, np.pad(amplitudes, [*empty, (0, 0)]).T, np.atleast_1d(network.intercept))


def _write(module: nn.Module, name: str, weight: Array, bias: Array) -> None:
    old: Any = module.get_submodule(name)
    if old.bias is None and np.any(bias):
        raise ValueError(f"layer {name!r} has no bias.")
    like = {"device": old.weight.device, "dtype": old.weight.dtype}
    layer = old
    if len(weight) != old.out_features or weight.shape[1] != old.in_features:
        layer = nn.Linear(weight.shape[1], len(weight), bias=old.bias is not None, **like)
        layer.train(old.training).requires_grad_(old.weight.requires_grad)
        parent, _, child = name.rpartition(".")
        setattr(module.get_submodule(parent), child, layer)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight, **like))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(bias, **like))


def _plain(module: nn.Module, name: str) -> bool:
    """Whether a layer is a Linear and nothing more, with its weight as a parameter."""
    layer = module.get_submodule(name)
    return type(layer) is nn.Linear and "weight" in layer._parameters and not layer._forward_pre_hooks


def _can_be_replaced(module: nn.Module, block: Block, X: Tensor) -> bool:
    """Whether the module computes the same with another block of the same function, and the block what it seems to."""
    precise, samples = deepcopy(module).double(), X.double() if X.dtype.is_floating_point else X
    network = network_of(precise, block)
    rng = np.random.default_rng(0)
    order, scales = rng.permutation(len(network)), rng.uniform(0.5, 2.0, size=len(network))
    weights = scales[:, None] * network.weights[order]
    biases = scales * network.biases[order]
    spare = rng.normal(size=(1, weights.shape[1])) * 10.0 * (1.0 + np.abs(weights).max(initial=0.0))
    other = ReLUNetwork(
        np.vstack([weights, spare]),
        np.r_[biases, 0.0],
        np.vstack([network.amplitudes[order] / scales[:, None], np.zeros((1, network.amplitudes.shape[1]))]),
        network.intercept,
    )
    try:
        before = outputs_of(precise, samples)
        read = torch.cat(list(rows_read(precise, block.hidden.name, samples))).cpu().numpy()
        made = torch.cat(list(rows_read(precise, block.out, samples))).cpu().numpy()
        write_block(precise, block, other)
        after = outputs_of(precise, samples)
    except (ValueError, RuntimeError):
        return False
    hidden = network.hidden(read)
    same = made.shape == hidden.shape and np.abs(made - hidden).max() <= AGREE * (1.0 + np.abs(hidden).max())
    return bool(same and (after - before).abs().max() <= AGREE * (1.0 + before.abs().max()))
