"""Which samples define the neurons of a trained module, and the way back (the paper's Sections 3.4.3 and 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from bladenet.display import Shown
from bladenet.parallel import on_threads
from bladenet.torch import faces
from bladenet.torch.faces import LARGE, Blades, span
from bladenet.torch.inputs import checked_module, checked_samples, finite_tensor
from bladenet.torch.layers import ReLULayer, relu_layers
from bladenet.torch.nearest import nearest_rows, rank_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class LayerNeurons(Shown):
    """The m neurons of one layer, and the rows that they are nearly orthogonal to.

    A row is what a neuron reads: a sample, or one of its p tokens or patches; row i·p + q is position q of sample i.

    Attributes
    ----------
    name : of the layer, as in ``module.named_modules()``
    indices : (m, k) of the nearest rows, nearest first
    distances : (m, k) |w·x + b| / ‖w‖ of these
    angles : (m, k) degrees between the row and the hyperplane, of (w, b) and (x, 1) where there is a bias
    closeness : (m,) cosine between the weight and its projection onto the face of these rows, the directions that they
        leave free; 1 for a neuron on it. If they leave one, that is their blade.
    defining : number of independent rows that leave one direction
    positions : p, rows per sample
    """

    name: str
    indices: np.ndarray
    distances: np.ndarray
    angles: np.ndarray
    closeness: np.ndarray
    defining: int
    positions: int

    def data(self) -> pd.DataFrame:
        """One row per neuron and nearby row: layer, neuron, rank, sample, position, distance, angle, closeness."""
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        m, k = self.indices.shape
        return pd.DataFrame(
            {
                "layer": self.name,
                "neuron": np.repeat(np.arange(m), k),
                "rank": np.tile(np.arange(k), m),
                "sample": self.indices.ravel() // self.positions,
                "position": self.indices.ravel() % self.positions,
                "distance": self.distances.ravel(),
                "angle": self.angles.ravel(),
                "closeness": np.repeat(self.closeness, k),
            }
        )


@dataclass(frozen=True, eq=False, repr=False)
class Rebuilt(Shown):
    """Neurons that indices alone define.

    Attributes
    ----------
    weights : (m, d) of unit length, biases : (m,)
    errors : (m,) largest difference from the neurons that were given, all scaled to unit weights; None without
    """

    weights: np.ndarray
    biases: np.ndarray
    errors: np.ndarray | None = None


def identify(module: nn.Module, X: Any, *, samples: int | None = None) -> list[LayerNeurons]:
    """For each layer of ReLU neurons of a module, the rows of the data that its neurons are (nearly) orthogonal to.

    Parameters
    ----------
    module : any module with Linear, Conv1d or Conv2d layers followed by a ReLU; it is not changed
    X : what it takes, (n, …)
    samples : how many rows to list for each neuron; by default as many as define it, or 512 if these are more

    Raises
    ------
    ValueError
        If there are no such layers, or `X` is not what the module takes; see the message.
    """
    if samples is not None and (not isinstance(samples, Integral) or isinstance(samples, bool) or samples < 1):
        raise ValueError(f"samples must be a whole number of at least 1, got {samples!r}.")
    module = checked_module(module)
    tensor = checked_samples(module, X)
    return [layer_neurons(module, layer, tensor, samples) for layer in relu_layers(module, tensor)]


def layer_neurons(module: nn.Module, layer: ReLULayer, X: Tensor, count: int | None) -> LayerNeurons:
    """What :func:`identify` says of one layer."""
    weights, biases = layer.neurons(module)
    bias = layer.has_bias(module)
    defining = max(rank_of(module, layer, X) - 1 + bias, 0)
    count = max(min(defining, LARGE), 1) if count is None else count
    near = nearest_rows(module, layer, X, count)
    lengths = torch.linalg.vector_norm(weights, dim=1)
    away, angles = weights.new_zeros(near.indices.shape), weights.new_zeros(near.indices.shape)
    closeness = weights.new_zeros(len(weights))

    def look(k: int) -> None:
        if lengths[k] == 0.0:
            return  # no direction, no hyperplane
        rows = near.of(k)
        value = (rows @ weights[k] + biases[k]).abs()
        away[k] = value / lengths[k]
        # of (x, 1) and (w, b) with a bias; without one b is 0
        sizes = torch.hypot(torch.linalg.vector_norm(rows, dim=1), value.new_tensor(float(bias)))
        sine = value / torch.where(sizes == 0.0, 1.0, sizes * torch.hypot(lengths[k], biases[k]))
        angles[k] = torch.rad2deg(torch.asin(sine.clamp(max=1.0)))
        closeness[k] = faces.closeness(weights[k], rows, bias)

    with one_thread_each():
        on_threads(look, range(len(weights)))
    indices, away, angles, closeness = (tensor.cpu() for tensor in (near.indices, away, angles, closeness))
    return LayerNeurons(
        layer.name,
        indices.numpy(),
        away.numpy(),
        angles.numpy(),
        closeness.numpy(),
        defining,
        near.total // len(X),
    )


@contextmanager
def one_thread_each() -> Iterator[None]:
    """PyTorch on one thread for each of ours: its own are of no use on matrices of this size, and in the way."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def rebuild(indices: Any, X: Any, *, bias: bool = True, like: tuple[Any, Any] | None = None) -> Rebuilt:
    """Neurons from the indices of their samples alone: their blades, the wedge products of these samples.

    Parameters
    ----------
    indices : (m, k) into the rows of `X`, as many for each neuron as define one: the rank of the samples, less one
        without a bias. Further ones are there in case some depend on those before.
    X : (n, d) what the layer reads
    bias : whether the neurons have one
    like : weights (m, d) and biases (m,) to take the orientation from, and to compare with; without it the
        orientation is one or the other

    Raises
    ------
    ValueError
        If the samples of some neuron leave more than one direction.
    """
    rows = finite_tensor(X, "X").double().cpu()
    chosen = torch.as_tensor(np.asarray(indices))
    if rows.ndim != 2 or chosen.ndim != 2 or chosen.dtype.is_floating_point:
        raise ValueError(
            f"indices must be whole numbers (neurons, samples) and X (n, d), got {tuple(chosen.shape)} and "
            f"{tuple(rows.shape)}."
        )
    if len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < len(rows):
        raise ValueError(f"indices must be between 0 and {len(rows) - 1}, the last row of X.")
    axes = span(rows, bias)
    rank = axes.shape[1]
    given = None if like is None else finite_tensor(like[0], "like").double().cpu()
    weights, biases = rows.new_zeros(len(chosen), rows.shape[1]), rows.new_zeros(len(chosen))
    blades = Blades(rows, bias, rank)
    for k, place in enumerate(chosen):
        # without a neuron to start from, some direction that the samples do not exclude
        side = axes @ torch.linspace(1.0, 2.0, axes.shape[1], dtype=torch.float64) if given is None else given[k]
        weights[k], biases[k], used = blades.of(axes @ (axes.T @ side), place)
        if len(used) < rank - 1 + bias:
            raise ValueError(
                f"the samples of neuron {k} leave {rank + bias - len(used)} directions: {rank - 1 + bias} independent "
                f"ones are needed, and {len(used)} of those given are."
            )
    if given is None or like is None:
        return Rebuilt(weights.numpy(), biases.numpy())
    lengths = torch.linalg.vector_norm(given, dim=1, keepdim=True)
    before = torch.cat([given, finite_tensor(like[1], "like").double().cpu()[:, None]], dim=1) / lengths
    off = torch.cat([weights, biases[:, None]], dim=1) - before
    return Rebuilt(weights.numpy(), biases.numpy(), off.abs().amax(dim=1).numpy())
