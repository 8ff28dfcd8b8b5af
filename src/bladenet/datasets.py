"""Real data sets shipped as small CSV files, one synthetic classification problem, and CIFAR-10 from your own files.

Origins, units and terms of use are in ``bladenet/data/README.md``. Nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bladenet.cifar import ImageData, load_cifar10

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Dataset",
    "ImageData",
    "csv_path",
    "load_cifar10",
    "load_houses",
    "load_motorcycle",
    "load_penguins",
    "make_spirals",
]

_INNER_RADIUS = 0.1  # at radius 0 the two arms of make_spirals would meet


# name: (default features, target, description)
_SPECS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "motorcycle": (
        ("time_ms",),
        "acceleration_g",
        "133 readings of head acceleration (g) by time (ms) after a simulated motorcycle impact.",
    ),
    "houses": (
        ("longitude", "latitude"),
        "price_usd",
        "Sale prices (US dollars) of 932 homes in the Sacramento area, California, by location (degrees).",
    ),
    "penguins": (
        ("bill_depth_mm", "body_mass_g"),
        "sex",
        "Sex of 333 Palmer Archipelago penguins of three species, from bill depth (mm) and body mass (g).",
    ),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """One data set: the whole table, and the default features and target cut out of it.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, columns)
        Every column of the CSV file `path`, rows in file order.
    X : ndarray of float64, shape (n, d)
        The columns `feature_names` of `frame`, unscaled.
    y : ndarray, shape (n,)
        The column `target` of `frame`: float64, or strings for a class label.
    feature_names, target, description, path
        Column names (with units), a sentence on what was measured, and the CSV file.
    """

    frame: pd.DataFrame = field(repr=False)
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    feature_names: tuple[str, ...]
    target: str
    description: str
    path: Path


def csv_path(name: str) -> Path:
    """Path of a shipped CSV file, for command lines and other readers.

    Parameters
    ----------
    name : {"motorcycle", "houses", "penguins"}

    Raises
    ------
    ValueError
        If `name` is anything else.
    """
    if not isinstance(name, str) or name not in _SPECS:
        choices = ", ".join(repr(known) for known in _SPECS)
        raise ValueError(f"unknown data set {name!r}; choose one of {choices}")
    return Path(__file__).resolve().parent / "data" / f"{name}.csv"


def load_motorcycle() -> Dataset:
    """Head acceleration after a simulated motorcycle impact (Silverman, 1985).

    Returns
    -------
    Dataset
        133 rows; X is ``time_ms`` (94 distinct values), y is ``acceleration_g``.
    """
    return _load("motorcycle")


def load_houses() -> Dataset:
    """House sale prices by longitude and latitude, Sacramento area, California.

    Returns
    -------
    Dataset
        932 rows; X is ``longitude, latitude`` in degrees, y is ``price_usd`` in raw dollars. The frame
        adds ``area_sqft``, ``beds`` and ``baths``. At this latitude a degree of longitude is 0.78 times
        as long as a degree of latitude.
    """
    return _load("houses")


def load_penguins() -> Dataset:
    """Sex of Palmer penguins from bill depth and body mass (Gorman et al., 2014).

    Returns
    -------
    Dataset
        333 rows; X is ``bill_depth_mm, body_mass_g``, y is ``"female"`` or ``"male"``. The frame adds
        ``species``, ``bill_length_mm`` and ``flipper_length_mm``. The two features differ in scale by
        more than two orders of magnitude: standardise them before training.
    """
    return _load("penguins")


def make_spirals(
    n: int, *, noise: float = 0.03, turns: float = 1.5, random_state: int | np.random.Generator | None = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved noisy spirals, one per class.

    Arm y = ±1 is ``y · r · (cos 2πtr, sin 2πtr)`` with t = `turns` and radius r in [0.1, 1], drawn so that
    r² is uniform (nearly even spacing along the arm). Neighbouring arms are ``1 / (2 · turns)`` apart.

    Parameters
    ----------
    n : int
        Number of samples, at least 2. An odd `n` gives class +1 the extra sample.
    noise : float, default 0.03
        Standard deviation of the Gaussian noise added to both coordinates.
    turns : float, default 1.5
        Revolutions an arm would make from the origin to radius 1.
    random_state : int, numpy.random.Generator or None, default 0
        Passed to `numpy.random.default_rng`.

    Returns
    -------
    X : ndarray of float64, shape (n, 2)
    y : ndarray of float64, shape (n,)
        -1.0 or +1.0, in random order.

    Raises
    ------
    ValueError
        If `n` is not an integer of at least 2, `noise` is negative, `turns` is not positive, or either is
        not finite.
    """
    if not isinstance(n, Integral) or n < 2:
        raise ValueError(f"n must be an integer of at least 2 (one sample per spiral), got {n!r}")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise must be a finite standard deviation of at least 0, got {noise!r}")
    if not 0 < turns < np.inf:
        raise ValueError(f"turns must be a finite positive number of revolutions, got {turns!r}")
    rng = np.random.default_rng(random_state)
    y = rng.permutation(np.where(np.arange(n) < n // 2, -1.0, 1.0))
    radius = np.sqrt(rng.uniform(_INNER_RADIUS**2, 1.0, size=n))
    angle = 2 * np.pi * turns * radius
    arm = (y * radius)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return arm + noise * rng.standard_normal((n, 2)), y


def _load(name: str) -> Dataset:
    import pandas as pd  # here, not at the top: importing bladenet must stay fast

    features, target, description = _SPECS[name]
    path = csv_path(name)
    frame = pd.read_csv(path)
    X = np.array(frame[list(features)], dtype=np.float64, order="C")
    kind = np.float64 if pd.api.types.is_numeric_dtype(frame[target]) else np.str_
    return Dataset(frame, X, np.array(frame[target], dtype=kind), features, target, description, path)
