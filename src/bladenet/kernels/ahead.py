"""A slow kernel is compiled in a process of its own, while this one compiles those that are needed before it.

Threads would not help: numba compiles one function at a time. This is needed once on a machine, as the kernel then lies
in numba's cache, where this process finds it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from numba.core.compiler_lock import global_compiler_lock


class Ahead:
    """Compiles one kernel.

    Parameters
    ----------
    kernel : what is to be in numba's cache
    code : Python code that calls it, with arguments of the very types that it is called with later
    """

    def __init__(self, kernel: Any, code: str):
        self.kernel, self.code = kernel, code
        self.begun = False
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Begin, unless the kernel has been compiled before, or there is no second core for it."""
        with global_compiler_lock:
            if self.begun or not self._is_possible() or self._is_there():
                return
            self.begun = True
            nothing = subprocess.DEVNULL
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", self.code], stdin=nothing, stdout=nothing, stderr=nothing
                )
            except OSError:  # not allowed here: this process compiles it
                return

    def wait(self) -> None:
        """Wait until the kernel is in the cache, which stops clocks as compiling it here would."""
        process = self.process
        if process is not None:
            with global_compiler_lock:
                process.wait()
            self.process = None

    def _is_possible(self) -> bool:
        """Whether there is something to compile, a core to spare and a Python to start, as frozen programs have not."""
        return hasattr(self.kernel, "py_func") and os.cpu_count() != 1 and not getattr(sys, "frozen", False)

    def _is_there(self) -> bool:
        """Whether the kernel is compiled, or in numba's cache, as far as names of files tell."""
        function = self.kernel.py_func
        name = f"{function.__module__.rsplit('.', 1)[-1]}.{function.__qualname__}-{function.__code__.co_firstlineno}."
        return bool(self.kernel.signatures) or any(Path(self.kernel.stats.cache_path).glob(f"{name}*.nbi"))
