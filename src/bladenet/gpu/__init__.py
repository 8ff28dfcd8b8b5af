"""Batches on a CUDA device, in PyTorch, in place of loops on cores. Without PyTorch or a device nothing here is used.

The same arithmetic as in ``bladenet.kernels``, in double precision, so that results agree to rounding; which device is
used, or none, is for ``CUDA_VISIBLE_DEVICES`` to say.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import Any, TypeVar

from numpy.typing import NDArray

from bladenet.clock import Clock
from bladenet.parallel import on_all_cores

WORTH = 20_000  # points from which a device is faster than cores
WATCH = 0.1  # seconds between two looks at the clock of work that waits for its turn
SHARE = 1 / 16  # of the free memory, for what is computed at once
SMALL = 1 << 30  # bytes, without a CUDA device
Result = TypeVar("Result")


class _Use:
    """Whose turn it is, as threads would compete for the memory; and whether the device has failed."""

    def __init__(self) -> None:
        self.turn = Lock()
        self.failed = False

    def after_fork(self) -> None:
        """A lock that another thread held would never be free in the child."""
        self.turn = Lock()


_use = _Use()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_use.after_fork)


def attempted(work: Callable[[Any, Clock], Result], points: int, clock: Clock) -> Result | None:
    """What `work(device, clock)` computes on a CUDA device; None if cores are to do it.

    They are where there is no device, for few points, and where the device fails, full or closed to a forked process:
    that is said once, and it is not tried again in this process.
    """
    device = device_for(points)
    if device is None:
        return None

    def in_turn(device: Any, clock: Clock) -> Result | Exception | None:
        while not _use.turn.acquire(timeout=WATCH):
            if clock.flag[0]:
                return None  # cores will see that, too
        try:
            return None if clock.flag[0] else work(device, clock)
        except (RuntimeError, MemoryError) as error:  # PyTorch's errors are of the first kind
            return error
        finally:
            _use.turn.release()

    [found] = on_all_cores(in_turn, [device], clock)  # for Ctrl-C to be heard
    if isinstance(found, Exception):
        if not _use.failed:
            reason = f"{type(found).__name__}: {found}"
            warnings.warn(f"the CUDA device failed, so all goes on without it. {reason}", RuntimeWarning, stacklevel=2)
        _use.failed = True
        return None
    return found


def device_for(points: int) -> Any | None:
    """The CUDA device, as PyTorch names it, for work on so many points; None if cores are to do it."""
    return _device() if points >= WORTH and not _use.failed else None


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
