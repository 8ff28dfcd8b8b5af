"""What the numbers were measured on."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("bladenet", "numpy", "numba", "scikit-learn", "torch", "cvxpy", "clarabel", "pyscnn", "celer", "skglm"),
    *("interpret-core", "pygam", "py-earth2"),
)


def description() -> str:
    """Processor, cores, system and versions, in two lines."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES if is_installed(name))
    return f"{processor()}, {cores} cores{load}, {platform.system()}, Python {platform.python_version()}\n{versions}"


def is_installed(name: str) -> bool:
    """Whether pip knows it; some benchmarks need few of the packages."""
    with suppress(PackageNotFoundError):
        return bool(version(name))
    return False


def processor() -> str:
    """Model name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
