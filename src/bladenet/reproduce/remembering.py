"""Yardsticks are computed once for the same arrays: every way to be wrong is measured against the same ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")


def remembered(function: Callable[..., Result]) -> Callable[..., Result]:
    """The function, which remembers its results; their arrays must not be changed."""
    known: dict[Any, Result] = {}

    @wraps(function)
    def asked(*arguments: Any, **settings: Any) -> Result:
        key = tuple(map(_key, arguments)), tuple(sorted((name, _key(value)) for name, value in settings.items()))
        if key not in known:
            known[key] = function(*arguments, **settings)
        return known[key]

    return asked


def _key(value: Any) -> Any:
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
