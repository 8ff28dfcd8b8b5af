"""The ReLU neurons of any ``torch.nn.Module``: which layers they are in, and what these read.

A layer of neurons is a Linear or a convolution whose output goes into a ReLU, at once or after a batch normalisation.
It is found by watching one forward pass, whatever the code of the module looks like; nothing in the module changes.
What a neuron reads is a *row*: a sample for a Linear of samples, a token for one of tokens, a patch for a convolution.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bladenet.torch.refusals import STEPS, advice

BATCH = 512  # samples per forward pass
LOOK = 2  # samples of the pass that is watched
ENTRIES = 2**24  # of rows that are held at once
RELUS = (F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class ReLULayer:
    """Where a layer of neurons (w·x + b)_+ is; the same for every copy of the module.

    Attributes
    ----------
    name : of the Linear or convolution, as in ``module.named_modules()``
    norm : name of the batch normalisation between it and the ReLU, or None
    """

    name: str
    norm: str | None = None

    def of(self, module: nn.Module) -> Any:
        """The Linear or convolution itself."""
        return module.get_submodule(self.name)

    def has_bias(self, module: nn.Module) -> bool:
        """Whether hyperplanes of neurons may miss the origin."""
        return self.norm is not None or self.of(module).bias is not None

    def neurons(self, module: nn.Module) -> tuple[Tensor, Tensor]:
        """Weights (m, d) and biases (m,), in float64; a batch normalisation is part of them."""
        layer = self.of(module)
        weights = layer.weight.detach().double().flatten(1)
        biases = weights.new_zeros(len(weights)) if layer.bias is None else layer.bias.detach().double()
        scale, shift = self._normalisation(module, weights)
        return weights * scale[:, None], biases * scale + shift

    def set_neurons(self, module: nn.Module, weights: Tensor, biases: Tensor) -> None:
        """Write neurons into the module. A neuron that a batch normalisation has switched off stays as it is."""
        layer = self.of(module)
        scale, shift = self._normalisation(module, weights)
        on = scale != 0.0
        with torch.no_grad():
            weights = (weights[on] / scale[on, None]).to(layer.weight.dtype)
            layer.weight[on] = weights.reshape(-1, *layer.weight.shape[1:])
            if layer.bias is not None:
                layer.bias[on] = ((biases - shift)[on] / scale[on]).to(layer.bias.dtype)

    def _normalisation(self, module: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
        """What a batch normalisation does to each neuron in evaluation: (scale, shift)."""
        ones, zeros = like.new_ones(len(like)), like.new_zeros(len(like))
        if self.norm is None:
            return ones, zeros
        norm: Any = module.get_submodule(self.norm)
        scale = (norm.running_var.double() + norm.eps).rsqrt()
        scale = scale if norm.weight is None else scale * norm.weight.detach().double()
        shift = zeros if norm.bias is None else norm.bias.detach().double()
        return scale, shift - norm.running_mean.double() * scale


Place = tuple[int, torch.Size, tuple[int, ...]]


class Watch(TorchFunctionMode):
    """Follows the outputs of layers, by where they are in memory, into ReLUs and from there into other layers."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.parts = dict(module.named_modules())
        self.made: dict[Place, tuple[Tensor, ReLULayer]] = {}  # keeping tensors keeps their places
        self.rectified: dict[Place, tuple[Tensor, ReLULayer]] = {}
        self.layers: list[ReLULayer] = []
        self.pairs: list[tuple[ReLULayer, str]] = []  # a layer of neurons, and a Linear that reads them
        self.steps: list[str] = []  # functions in the order in which they are called, those that have names
        self.output: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Go on as without this, and note ReLUs."""
        kwargs = kwargs or {}
        source = args[0] if args else kwargs.get("input")
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in STEPS:
            self.steps.append(name)
        if func in RELUS:
            layer = self.made.get(_place(source), (None, None))[1]
            if layer is not None:
                self.layers += [layer] * (layer not in self.layers)
                self.rectified[_place(result)] = result, layer
        elif isinstance(source, Tensor) and _in_place(func):
            self.made.pop(_place(source), None)
            self.rectified.pop(_place(source), None)
        return result

    def note(self, name: str, part: nn.Module, read: Tensor, output: Tensor) -> None:
        """A layer or a normalisation has been called."""
        if isinstance(part, NORMS):
            layer = self.made.get(_place(read), (None, None))[1]
            if layer is not None and not self._mixes(part, layer, read):
                self.made[_place(output)] = output, ReLULayer(layer.name, name)
            return
        before = self.rectified.get(_place(read), (None, None))[1]
        self.made[_place(output)] = output, ReLULayer(name)
        if before is None or before.norm is not None:
            return
        if isinstance(part, nn.Linear) and isinstance(self.parts[before.name], nn.Linear):
            self.pairs.append((before, name))

    def _mixes(self, norm: Any, layer: ReLULayer, read: Tensor) -> bool:
        """Whether a normalisation is none of neurons: of tokens it is one of places, or it depends on other samples."""
        return norm.running_mean is None or (read.ndim == 3 and isinstance(self.parts[layer.name], nn.Linear))

    def pairs_and_last(self) -> tuple[list[tuple[ReLULayer, str]], str | None]:
        """Pairs of which the second layer alone reads the first, and the name of the layer that made the output."""
        readers = Counter(hidden for hidden, _ in self.pairs)
        pairs, output = [pair for pair in self.pairs if readers[pair[0]] == 1], self.output
        ends = [
            layer.name
            for tensor, layer in self.made.values()
            if output is not None and (tensor.data_ptr(), tensor.numel()) == (output.data_ptr(), output.numel())
        ]  # in whatever shape
        return pairs, ends[-1] if ends else None


def _place(tensor: Tensor) -> Place:
    return tensor.data_ptr(), tensor.shape, tensor.stride()


def _in_place(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    return name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))


def watched(module: nn.Module, X: Tensor) -> Watch:
    """One forward pass, watched."""
    watch = Watch(module)

    def noting(name: str) -> Callable[..., None]:
        return lambda part, inputs, output: watch.note(name, part, inputs[0], output) if inputs else None

    handles = [
        part.register_forward_hook(noting(name))
        for name, part in watch.parts.items()
        if _has_neurons(part) or isinstance(part, NORMS)
    ]
    try:
        with evaluating(module), watch:
            watch.output = _called(module, X[:LOOK])
    finally:
        for handle in handles:
            handle.remove()
    return watch


def relu_layers(module: nn.Module, X: Tensor) -> list[ReLULayer]:
    """The layers of ReLU neurons, in the order in which they are used.

    Raises
    ------
    ValueError
        If there are none, or `X` is not what the module takes.
    """
    watch = watched(module, X)
    if not watch.layers:
        raise ValueError(
            "the module has no ReLU neurons: no Linear, Conv1d or Conv2d (without groups, padded by zeros) whose "
            f"output goes into a ReLU, at once or after a batch normalisation.{advice(module, watch.steps)}"
        )
    return watch.layers


def _has_neurons(part: nn.Module) -> bool:
    """Whether a layer is one of neurons that all read the same rows."""
    convolves = isinstance(part, nn.Conv1d | nn.Conv2d)
    return isinstance(part, nn.Linear) or bool(convolves and part.groups == 1 and part.padding_mode == "zeros")


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Dropout and batch normalisation as in evaluation; afterwards every part is as it was."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True


def _called(module: nn.Module, X: Tensor) -> Tensor:
    try:
        output = module(X)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"the module does not take X of shape {tuple(X.shape)}: {error}") from error
    if not isinstance(output, Tensor):
        raise ValueError(f"the module must return one tensor, got {type(output).__name__}.")
    return output


def outputs_of(module: nn.Module, X: Tensor) -> Tensor:
    """What the module computes in evaluation, in batches.

    Raises
    ------
    ValueError
        If the module does not take `X`, with what it says.
    """
    with evaluating(module):
        return torch.cat([_called(module, batch) for batch in X.split(BATCH)])


def rows_read(module: nn.Module, name: str, X: Tensor) -> Iterator[Tensor]:
    """The rows (k, d) that a Linear or convolution reads, in float64, some at a time."""
    for views in _views(module, name, X):
        size = sum(view[0].numel() for view in views)
        for parts in zip(*(view.split(max(1, ENTRIES // size)) for view in views), strict=True):
            # of a layer that is called several times, what one sample is read for comes together
            rows = [part.reshape(len(part), -1, _width(part)) for part in parts]
            yield (rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)).flatten(0, 1)


def rows_at(module: nn.Module, name: str, X: Tensor, numbers: Tensor) -> Tensor:
    """Some of the rows that :func:`rows_read` goes through, (u, d), by their numbers; no others are built."""
    samples, found = 0, None
    for views in _views(module, name, X):
        places = [view.shape[1] * view.shape[2] for view in views]
        sample = numbers // sum(places) - samples
        place = numbers % sum(places)
        here = (sample >= 0) & (sample < len(views[0]))
        for view, count in zip(views, places, strict=True):
            chosen = here & (place >= 0) & (place < count)
            down, across = place[chosen] // view.shape[2], place[chosen] % view.shape[2]
            found = view.new_empty(len(numbers), _width(view)) if found is None else found
            found[chosen] = view[sample[chosen], down, across].flatten(1)
            place = place - count
        samples += len(views[0])
    assert found is not None, "there are samples"
    return found


def _views(module: nn.Module, name: str, X: Tensor) -> Iterator[list[Tensor]]:
    """What a layer reads, for each of its calls a view as from :func:`_patches`; a batch of samples at a time."""
    read: list[Tensor] = []
    layer: Any = module.get_submodule(name)
    handle = layer.register_forward_pre_hook(lambda part, inputs: read.append(inputs[0].detach()))
    try:
        for batch in X.split(BATCH):
            read.clear()
            outputs_of(module, batch)
            if any(len(tensor) != len(batch) for tensor in read):
                raise ValueError(
                    f"layer {name!r} does not read its inputs sample by sample: their first axis is another."
                )
            yield [_patches(layer, tensor.double()) for tensor in read]
    finally:
        handle.remove()


def _width(view: Tensor) -> int:
    return math.prod(view.shape[3:])


def _patches(layer: Any, read: Tensor) -> Tensor:
    """What each neuron of a layer multiplies by its weights, as a view: (samples, down, across, channels, high, wide).

    Neighbouring patches share most of their entries, so that rows take as many times the memory as a patch has places.
    """
    if isinstance(layer, nn.Linear):
        return read.reshape(len(read), -1, 1, read.shape[-1], 1, 1)
    around = [pad for pair in zip(*_padding(layer), strict=True) for pad in pair][::-1]  # the last axis comes first
    read = F.pad(read, around)
    kernel, dilation, stride = layer.kernel_size, layer.dilation, layer.stride
    if isinstance(layer, nn.Conv1d):  # an image of height 1
        read, kernel, dilation, stride = read.unsqueeze(-2), (1, *kernel), (1, *dilation), (1, *stride)
    n, channels, *sides = read.shape
    counts = [(a - d * (k - 1) - 1) // s + 1 for a, k, d, s in zip(sides, kernel, dilation, stride, strict=True)]
    image, channel, *steps = read.stride()
    between = [step * s for step, s in zip(steps, stride, strict=True)]
    within = [step * d for step, d in zip(steps, dilation, strict=True)]
    size, strides = (n, *counts, channels, *kernel), (image, *between, channel, *within)
    return read.as_strided(size, strides, read.storage_offset())


def _padding(layer: Any) -> tuple[list[int], list[int]]:
    """Zeros after and before each axis of a convolution."""
    if layer.padding == "valid":
        return [0] * len(layer.kernel_size), [0] * len(layer.kernel_size)
    if layer.padding == "same":
        both = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        return [total - total // 2 for total in both], [total // 2 for total in both]
    return list(layer.padding), list(layer.padding)
