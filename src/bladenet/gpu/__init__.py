"""Batches on a CUDA device, in PyTorch, in place of loops on cores. Without PyTorch or a device nothing here is used.

The same arithmetic as in ``bladenet.kernels``, in double precision, so that results agree to rounding; which device is
used, or none, is for ``CUDA_VISIBLE_DEVICES`` to say.
"""

import shutil
import sys
from functools import cache
from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

WORTH = 20_000  # points from which a device is faster than cores
SHARE = 1 / 16  # of the free memory, for what is computed at once
SMALL = 1 << 30  # bytes, without a CUDA device


def device_for(points: int) -> Any | None:
    """The CUDA device, as PyTorch names it, for work on so many points; None if cores are to do it."""
    return _device() if points >= WORTH else None


def room(device: Any) -> int:
    """Bytes for what is computed at once."""
    import torch

    return int(SHARE * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else SMALL


def tensor(array: NDArray[Any], device: Any) -> Any:
    """A copy on the device, in double precision."""
    import torch

    return torch.tensor(array, dtype=torch.float64, device=device)


@cache
def _device() -> Any | None:
    """The CUDA device, if there is one; PyTorch, which takes a second, is not imported to find that there is none."""
    if find_spec("torch") is None or ("torch" not in sys.modules and shutil.which("nvidia-smi") is None):
        return None
    import torch

    return torch.device("cuda") if torch.cuda.is_available() else None
