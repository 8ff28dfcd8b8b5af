"""``bladenet reproduce``: a figure of the paper measured again, as a picture, a table of all numbers, and a verdict.

What takes long to import is imported inside the commands.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bladenet.tables import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from bladenet.cifar import ImageData

app = typer.Typer(help="Measure the paper's figures on polishing again, with an ablation (needs bladenet\\[torch]).")

Out = Annotated[Path, typer.Option(help="Folder for the .png and the .csv.")]


@app.command()
def figure6(out: Out = Path()) -> None:
    """Two spirals: gradient descent, polishing and refinement against the certified optimum. About a minute."""
    _check(out)
    from bladenet.reproduce.drawing import draw_spirals
    from bladenet.reproduce.spirals import TRAINING, Setup, measure
    from bladenet.reproduce.verdicts import spirals_table, spirals_verdict

    setup = Setup()
    result = measure(setup, _progress().print)
    frame = _frame(result.rows)
    methods = frame[frame.method != TRAINING]
    _save(out, "figure6", frame, draw_spirals(result))
    _show(spirals_table(methods, setup), spirals_verdict(methods))


@app.command()
def figure7(
    data: Annotated[
        Path, typer.Option(help="Folder cifar-10-batches-py, or an .npz of two classes (see bladenet.datasets).")
    ] = Path("cifar-10-batches-py"),
    out: Out = Path(),
    trials: Annotated[int, typer.Option(min=1, help="Networks per setting, if time allows.")] = 20,
    seconds: Annotated[float, typer.Option(min=0, help="When to end; at least one network is finished.")] = 3600.0,
) -> None:
    """Automobiles and ships: SGD, refit, full and partial polishing, refinement. Ctrl-C keeps what is done.

    Networks 3072–128–m–1 without biases on pixels in [0, 1] less the mean image; logistic loss, weight decay 1e-4.
    """
    _check(out)
    from bladenet.datasets import load_cifar10
    from bladenet.reproduce.images import Setup

    try:
        images = load_cifar10(data)
    except (OSError, ValueError) as error:
        raise InputError(f"--data: {error}") from None
    run_figure7(images, Setup(), trials, seconds, out)


def run_figure7(images: ImageData, setup: Any, trials: int, seconds: float, out: Path) -> None:
    """Measure, keep the numbers after every network, draw what there is.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C before the first network is done.
    """
    from bladenet.reproduce.drawing import draw_images
    from bladenet.reproduce.images import measure
    from bladenet.reproduce.verdicts import images_table, images_verdict

    rows: list[dict[str, Any]] = []
    with suppress(KeyboardInterrupt):
        for new in measure(images, setup, trials, seconds, _progress().print):
            rows.extend(new)
            _frame(rows).to_csv(out / "figure7.csv", index=False)
    if not rows:
        raise KeyboardInterrupt
    frame = _frame(rows)
    _save(out, "figure7", frame, draw_images(frame))
    _show(images_table(frame), images_verdict(frame))


def _check(out: Path) -> None:
    """Before any work: is there a folder, and torch?"""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise InputError('bladenet reproduce needs PyTorch: pip install "bladenet[torch]".')
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out} cannot be made a folder: {error.strerror}.") from None
    import matplotlib

    matplotlib.use("Agg")  # files only, whatever display there is


def _progress() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _save(out: Path, name: str, frame: pd.DataFrame, figure: Figure) -> None:
    frame.to_csv(out / f"{name}.csv", index=False)
    figure.savefig(out / f"{name}.png")
    _progress().print(f"saved {out / name}.png and {out / name}.csv")


def _show(*parts: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for part in parts:
        console.print(part)
