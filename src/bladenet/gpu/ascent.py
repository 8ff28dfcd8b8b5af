"""Ascent on a device: what ``pricing.ascent`` and ``pricing.rising`` compute of many neurons at all points."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bladenet.gpu import room, tensor
from bladenet.losses import Array

Single = NDArray[np.float32]
BYTES = 48  # that each entry of a matrix of neurons by points takes, with what is computed of it


def with_offsets(directions: Array, features: Array, v: Array, bias: bool, device: Any) -> tuple[Array, Array]:
    """The best offsets (2, m) in directions (m, d), for h > 0 and for h < 0, and h there (2, m).

    As ``pricing.ascent.best_offsets``; without a bias the offsets are 0.
    """
    x, weight = tensor(features, device), tensor(v, device)
    offsets, values = [], []
    for part in tensor(directions, device).split(max(1, entries(device) // x.shape[1])):
        p = part @ x
        if not bias:
            h = p.clamp(min=0.0) @ weight
            offsets.append(torch.zeros((2, len(part)), dtype=p.dtype, device=device))
            values.append(torch.stack([h, h]))
            continue
        p, order = p.sort(dim=1, descending=True)
        # h at b = −p_j grows by the slope, the sum of v on the active side, times each step between samples
        steps = torch.cumsum(weight[order], dim=1)[:, :-1] * -p.diff(dim=1)
        h = torch.nn.functional.pad(torch.cumsum(steps, dim=1), (1, 0))
        chosen = torch.stack([h.argmax(dim=1), h.argmin(dim=1)])
        offsets.append(-p.gather(1, chosen.T).T)
        values.append(h.gather(1, chosen.T).T)
    return torch.cat(offsets, dim=1).cpu().numpy(), torch.cat(values, dim=1).cpu().numpy()


def active_sums(lifted: Single, v: Array, device: Any) -> Callable[[Array], Array]:
    """A function of neurons (m, d + 1): Σ v_i (x_i, 1) over the samples that each acts on, in single precision.

    lifted : (N, d + 1), v : (N,); both stay on the device.
    """
    x, weight = (torch.tensor(np.asarray(a, dtype=np.float32), device=device) for a in (lifted, v))

    def of_neurons(w: Array) -> Array:
        neurons = torch.tensor(w.astype(np.float32), device=device)
        total = torch.zeros(neurons.shape, dtype=torch.float64, device=device)
        strip = max(1, entries(device) // len(w))
        for points, shares in zip(x.split(strip), weight.split(strip), strict=True):
            total += ((points @ neurons.T > 0) * shares[:, None]).T @ points
        return total.cpu().numpy()

    return of_neurons


def entries(device: Any) -> int:
    """Of a matrix of neurons by points that is held at once."""
    return room(device) // BYTES
