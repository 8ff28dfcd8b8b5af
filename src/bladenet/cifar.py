"""Images of two classes for experiments: CIFAR-10 in its Python version, or a NumPy archive. Nothing is downloaded."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-py"
TRAIN, TEST = tuple(f"data_batch_{k}" for k in range(1, 6)), ("test_batch",)
SHAPE = (3, 32, 32)  # channels come first in the files


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images of two classes.

    Attributes
    ----------
    x_train, x_test : (n, height, width, channels) of uint8
    y_train, y_test : (n,) of int64, 0 or 1
    """

    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)


def load_cifar10(folder: str | Path, classes: tuple[str, str] = ("automobile", "ship")) -> ImageData:
    """Two classes of CIFAR-10 (Krizhevsky, 2009), from files that you have.

    Parameters
    ----------
    folder : ``cifar-10-batches-py`` as unpacked from cifar-10-python.tar.gz, or the folder that it is in; or a ``.npz``
        with arrays x_train, y_train, x_test, y_test of two classes, 0 and 1
    classes : the names of class 0 and class 1; an archive has its own two

    Returns
    -------
    ImageData

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If a class is unknown, or the files hold something else. From pickles nothing but NumPy arrays, numbers, text
        and containers of these is read, so that files of unknown origin cannot run code.
    """
    path = Path(folder)
    if path.suffix == ".npz":
        return _archive(path)
    unknown = [name for name in classes if name not in CLASSES]
    if unknown:
        raise ValueError(f"unknown class {unknown[0]!r}; CIFAR-10 has {', '.join(CLASSES)}.")
    if len(classes) != 2 or classes[0] == classes[1]:
        raise ValueError(f"classes must be two different names, got {classes!r}.")
    if not (path / TRAIN[0]).is_file() and (path / FOLDER).is_dir():
        path = path / FOLDER
    return ImageData(*_two_classes(path, TRAIN, classes), *_two_classes(path, TEST, classes))


def _archive(path: Path) -> ImageData:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    names = [entry.name for entry in fields(ImageData)]
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive]
            if missing:
                raise ValueError(f"it has no array {missing[0]!r}, but {', '.join(archive) or 'nothing'}")
            data = {name: archive[name] for name in names}
    except (OSError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no archive of images (see load_cifar10): {error}.") from None
    for part in ("train", "test"):
        x, y = data[f"x_{part}"], data[f"y_{part}"]
        if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != data["x_train"].shape[1:]:
            raise ValueError(f"{path}: x_{part} must be images (n, height, width, channels) of uint8, got {x.shape}.")
        if y.shape != x.shape[:1] or set(np.unique(y)) != {0, 1}:
            raise ValueError(f"{path}: y_{part} must be 0 or 1 for each of {len(x)} images, and both must occur.")
        data[f"y_{part}"] = y.astype(np.int64)
    return ImageData(**data)


def _two_classes(path: Path, names: tuple[str, ...], classes: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    batches = [_batch(path / name) for name in names]
    pixels, labels = np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])
    codes = [CLASSES.index(name) for name in classes]
    chosen = np.isin(labels, codes)
    images = pixels[chosen].reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), (labels[chosen] == codes[1]).astype(np.int64)


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 3072) and labels (n,) of one file."""
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; give the folder {FOLDER} of cifar-10-python.tar.gz, unpacked."
        )
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"{path} is no batch of CIFAR-10: {error}.") from None
    if not isinstance(content, dict) or not {b"data", b"labels"} <= set(content):
        raise ValueError(f"{path} is no batch of CIFAR-10: it must be a dictionary with b'data' and b'labels'.")
    pixels, labels = np.asarray(content[b"data"]), np.asarray(content[b"labels"])
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), int(np.prod(SHAPE))):
        raise ValueError(
            f"{path}: b'data' must be {len(labels)} rows of 3072 bytes, got {pixels.shape} {pixels.dtype}."
        )
    if labels.dtype.kind not in "iu" or (len(labels) and not 0 <= labels.min() <= labels.max() < len(CLASSES)):
        raise ValueError(f"{path}: b'labels' must be whole numbers from 0 to {len(CLASSES) - 1}.")
    return pixels, labels


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name that a pickle refers to, but the three that make an array."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        homes = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"}
        if module not in homes or name not in allowed:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, and only arrays are read")
        return allowed[name]
