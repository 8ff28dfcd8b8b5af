"""Polish, refine and canonicalise trained PyTorch networks, and how long it takes: python -m benchmarks.bridge."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from sklearn.datasets import load_digits
from torch import nn

import bladenet as bn
import bladenet.torch as bt
from benchmarks.machine import description
from bladenet.reproduce.descent import LOSSES, new_network
from bladenet.torch.layers import ReLULayer
from bladenet.torch.polishing import polished_neurons

IMAGES = Path("../shared/data/cifar10-automobile-ship.npz")
SECONDS = 5.0  # that refining may take
Data = tuple[np.ndarray, np.ndarray]


def mlp(*widths: int, seed: int) -> nn.Sequential:
    return new_network(widths, bias=True, seed=seed, dtype=torch.float32)


def trained(module: nn.Module, data: Data, beta: float, loss: str, steps: int) -> nn.Module:
    """By Adam, full batch, on the objective."""
    X, y = torch.tensor(data[0], dtype=torch.float32), torch.tensor(data[1], dtype=torch.float32)
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        fit = LOSSES[loss](module(X)[:, 0], y).sum()
        (fit + 0.5 * beta * sum(p.square().sum() for p in module.parameters() if p.ndim > 1)).backward()
        optimiser.step()
    return module


def spirals() -> Data:
    X, y = bn.datasets.make_spirals(100)
    return X, y.astype(float)


def digits() -> Data:
    X, y = load_digits(return_X_y=True)
    return X / 16.0, np.where(y % 2 == 0, 1.0, -1.0)


def images(size: int) -> Data:
    """Automobiles and ships, a quarter of the width and height; noise where the file is not there."""
    if not IMAGES.exists():
        rng = np.random.default_rng(0)
        X = rng.normal(size=(size, 192))
        return X, np.where(X[:, :8].sum(axis=1) + rng.normal(size=size) > 0, 1.0, -1.0)
    with np.load(IMAGES) as file:
        chosen = np.random.default_rng(0).permutation(len(file["y_train"]))[:size]
        X, y = file["x_train"][chosen] / 255.0, file["y_train"][chosen]
    X = X.reshape(size, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(size, -1)
    return X - X.mean(axis=0), np.where(y == 1, 1.0, -1.0)


def networks(count: int) -> Iterator[tuple[str, nn.Module, Data, float, str]]:
    """Trained networks of two and three layers, by turns."""
    kinds = [("spirals", spirals(), 1e-3, "squared", 2000), ("digits", digits(), 0.3, "logistic", 300)]
    kinds.append(("images", images(1500), 0.3, "logistic", 300))
    for k in range(count):
        name, data, beta, loss, steps = kinds[k % len(kinds)]
        width = (40, 24) if name == "spirals" else (24, 12)
        hidden = width[:1] if (k // len(kinds)) % 2 == 0 else width
        module = mlp(data[0].shape[1], *hidden, 1, seed=k)
        yield f"{name}, {len(hidden) + 1} layers", trained(module, data, beta, loss, steps), data, beta, loss


def promises(console: Console, count: int) -> None:
    """Whether polishing or refining ever raises an objective, and by how much they lower it."""
    console.print(
        f"\n{count} trained networks, float32: decrease of the objective in %, medians; gap closed on spirals"
    )
    rows: dict[str, list[tuple[float, float, float]]] = {}
    highest, closed = 0.0, []
    for name, module, (X, y), beta, loss in networks(count):
        polished = bt.polish(module, X, y, beta=beta, loss=loss, counts=[1, 2, 5, 20])
        refined = bt.refine(module, X, y, beta=beta, loss=loss, tol=1e-4, time_limit=SECONDS)
        ends = (polished.refit_only, polished.after, refined.after)
        rows.setdefault(name, []).append(tuple(100.0 * (1.0 - end / polished.before) for end in ends))
        highest = max(highest, *(end / polished.before - 1.0 for end in ends))
        if name == "spirals, 2 layers":
            optimum = refined.lower_bound
            closed.append([100.0 * (polished.before - end) / (polished.before - optimum) for end in ends])
    for name, values in sorted(rows.items()):
        refit, polish, refine = (median(column) for column in zip(*values, strict=True))
        console.print(
            f"  {name:18} {len(values):3} networks: refit {refit:6.2f}, polish {polish:6.2f}, refine {refine:6.2f}"
        )
    console.print(f"  largest relative increase: {max(highest, 0.0):.1e}")
    if closed:
        refit, polish, refine = (median(column) for column in zip(*closed, strict=True))
        least = min(row[2] for row in closed)
        console.print(
            f"  of the gap to the certified optimum on spirals (n = 100), % closed: refit {refit:.1f}, "
            f"polish {polish:.1f}, refine {refine:.3f} (least {least:.3f})"
        )


def canonical(console: Console, count: int) -> None:
    """Same outputs at a lower penalty, and the way back from indices."""
    console.print(
        f"\n{count} low-width networks, canonical: change of outputs, penalty ratio, error of rebuilding from indices"
    )
    shapes = [(1, 8, 1), (1, 6, 1, 6, 1), (2, 6, 1), (2, 5, 1, 5, 1), (2, 5, 2)]
    changes, ratios, errors, proven = [], [], [], 0
    for k in range(count):
        shape = shapes[k % len(shapes)]
        rng = np.random.default_rng(k)
        X = rng.normal(size=(30, shape[0]))
        y = np.sin(2 * X[:, 0]) + np.abs(X).sum(axis=1)
        module = mlp(*shape, seed=k)
        if shape[-1] == 1:
            trained(module, (X, y), 1e-3, "squared", 300)
        module = module.double()
        result = bt.canonicalise(module, X, norm=1, time_limit=30)
        A = X
        for block in result.blocks:
            B = block.network.predict(A)
            errors.append(np.abs(block.rebuilt(A).predict(A) - B).max() / np.abs(B).max())
            assert all(blade.is_vertex for blade in block.blades) or block.certificate is None
            A = np.maximum(B, 0.0)
            proven += block.certificate is not None and block.certificate.status is bn.Status.GLOBAL
        changes.append(result.changed)
        ratios.append(result.ratio)
    console.print(
        f"  change ≤ {max(changes):.1e}, ratio {min(ratios):.3f} to {max(ratios):.6f}, rebuilding ≤ {max(errors):.1e}; "
        f"{proven} of {len(errors)} blocks proven to have the least penalty"
    )


def speed(console: Console) -> None:
    """One layer of 128 neurons, 3,072 inputs, 10,000 samples."""
    module = nn.Sequential(nn.Linear(3072, 128), nn.ReLU(), nn.Linear(128, 1))
    if IMAGES.exists():
        with np.load(IMAGES) as file:
            X = file["x_train"].reshape(10_000, -1) / 255.0
    else:
        X = np.random.default_rng(0).normal(size=(10_000, 3072))
    tensor = torch.tensor(X - X.mean(axis=0), dtype=torch.float32)
    console.print("\n128 neurons × 3,072 inputs × 10,000 samples")
    for name, counts, full in (("partial, k = 200", [200], False), ("full", [], True)):
        start = time.perf_counter()
        for _ in polished_neurons(module, ReLULayer("0"), tensor, counts, full):
            pass
        console.print(f"  {name:16} {time.perf_counter() - start:6.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--canonical", type=int, default=20)
    arguments = parser.parse_args()
    console = Console(width=130)
    console.print(description())
    speed(console)
    canonical(console, arguments.canonical)
    promises(console, arguments.networks)


if __name__ == "__main__":
    main()
