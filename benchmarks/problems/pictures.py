"""The photographs that two of the problems are made of: CIFAR-10's automobiles and ships, beside the checkout."""

from pathlib import Path

import numpy as np

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "cifar10-automobile-ship.npz"


def photographs() -> tuple[np.ndarray, np.ndarray]:
    """Colours (10000, 32, 32, 3), uint8, and 0 for automobiles, 1 for ships.

    Raises
    ------
    FileNotFoundError
        Where the archive is not there.
    """
    from bladenet.cifar import load_cifar10

    data = load_cifar10(ARCHIVE)
    return data.x_train, data.y_train
