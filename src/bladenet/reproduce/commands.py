"""``bladenet reproduce``: the paper's figures as a picture, a table of all numbers and a verdict, and its statements.

What takes long to import is imported inside the commands.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bladenet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from bladenet.cifar import ImageData
    from bladenet.reproduce.geometry import Measured

WIDTH = 120  # characters of what is written to a file

app = typer.Typer(help="Regenerate the paper's figures, and check every statement of it on numbers.")

Out = Annotated[Path, typer.Option(help="Folder for the .png and the .csv.")]
NEEDS_TORCH = 'Polishing needs PyTorch: pip install "bladenet[torch]".'
FEW_TRIALS, FEW_SECONDS = 1, 180.0  # of Figure 7, where it is one of many


@app.command()
def figure1(out: Out = Path()) -> None:
    """Wedge products are signed areas."""
    from bladenet.reproduce.geometry import wedge_figure
    from bladenet.reproduce.geometry_drawing import draw_wedges

    _geometric("Figure 1", "wedge products in the plane", out, wedge_figure, draw_wedges)


@app.command()
def figure2(out: Out = Path()) -> None:
    """One feature: the best network, whose slope changes at samples only."""
    from bladenet.reproduce.geometry_drawing import draw_fit
    from bladenet.reproduce.one_dimension import fit_figure

    _geometric("Figure 2", "a certified network of one feature", out, fit_figure, draw_fit)


@app.command()
def figure3(out: Out = Path()) -> None:
    """Dictionaries of areas of triangles, without and with bias (p = 1)."""
    from bladenet.reproduce.geometry import dictionary_figure
    from bladenet.reproduce.geometry_drawing import draw_dictionaries

    _geometric("Figure 3", "dictionaries for p = 1", out, dictionary_figure, draw_dictionaries)


@app.command()
def figure4(out: Out = Path()) -> None:
    """Dictionaries of distances to lines, without and with bias (p = 2)."""
    from bladenet.reproduce.geometry import distance_figure
    from bladenet.reproduce.geometry_drawing import draw_distances

    _geometric("Figure 4", "dictionaries for p = 2", out, distance_figure, draw_distances)


@app.command()
def figure5(out: Out = Path()) -> None:
    """Angular dispersion and the maximum chamber diameter."""
    from bladenet.reproduce.geometry import dispersion_figure
    from bladenet.reproduce.geometry_drawing import draw_dispersion

    _geometric("Figure 5", "angular dispersion and chambers", out, dispersion_figure, draw_dispersion)


@app.command()
def figure6(out: Out = Path()) -> None:
    """Two spirals: gradient descent, polishing and refinement against the certified optimum. About half a minute.

    The first time on a machine takes a minute more, since the search is compiled.
    """
    _prepare(out)
    _require_torch("Figure 6")
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

    One to three minutes a network, nine networks a trial: all twenty trials take six hours or more, --seconds 36000.

    Networks 3072–128–m–1 without biases on pixels in [0, 1] less the mean image; logistic loss, weight decay 1e-4.
    The last layer is refitted for this objective, and as the paper does, by ridge least squares.
    """
    _prepare(out)
    _require_torch("Figure 7")
    from bladenet.reproduce.images import Setup

    run_figure7(_images(data), Setup(), trials, seconds, out)


@app.command()
def figure8(out: Out = Path()) -> None:
    """Chord against arc: how near neurons through samples come to all others."""
    from bladenet.reproduce.geometry import chord_figure
    from bladenet.reproduce.geometry_drawing import draw_chord

    _geometric("Figure 8", "the chord of a chamber", out, chord_figure, draw_chord)


@app.command()
def theorems(
    out: Out = Path(),
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Also be wrong on purpose: does each check see it? Minutes more.")
    ] = False,
) -> None:
    """Every theorem, lemma and corollary checked on random and degenerate data. About a minute."""
    _prepare(out)
    from bladenet.reproduce.theorems.checks import check_all, check_mutants
    from bladenet.reproduce.theorems.claims import claims_table, claims_verdict, mutants_table, mutants_verdict

    claims = check_all(_progress().print)
    _frame([claim.row() for claim in claims]).to_csv(out / "theorems.csv", index=False)
    _progress().print(f"saved {out / 'theorems.csv'}")
    _show(claims_table(claims), claims_verdict(claims))
    if mutants:
        found = check_mutants(_progress().print)
        _frame(found).to_csv(out / "mutants.csv", index=False)
        _progress().print(f"saved {out / 'mutants.csv'}")
        _show(mutants_table(found), mutants_verdict(found))


@app.command(name="all")
def everything(
    out: Out = Path(),
    data: Annotated[Path | None, typer.Option(help="Images for Figure 7, which is left out without them.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="When to end Figure 7.")] = FEW_SECONDS,
) -> None:
    """All figures and the theorems, in a minute or two; Figure 7 shortened, and only if there are images."""
    _prepare(out)
    images = None if data is None else _images(data)
    for command in (figure1, figure2, figure3, figure4, figure5, figure8, theorems):
        command(out)
    if find_spec("torch") is None:
        _progress().print(f"Figures 6 and 7 are left out. {NEEDS_TORCH}")
        return
    figure6(out)
    if images is None:
        _progress().print("Figure 7 is left out: it needs images, --data.")
        return
    from bladenet.reproduce.images import Setup

    run_figure7(images, Setup(), FEW_TRIALS, seconds, out)


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


def _geometric(
    name: str, subject: str, out: Path, measure: Callable[[], Measured], draw: Callable[[Measured], Figure]
) -> None:
    """Measure, draw, and say what holds."""
    _prepare(out)
    from bladenet.reproduce.findings import findings_table, findings_verdict

    measured = measure()
    _save(out, name.lower().replace(" ", ""), _frame(measured.rows), draw(measured))
    _show(findings_table(measured.findings, f"{name}: {subject}"), findings_verdict(name, measured.findings))


def _images(data: Path) -> ImageData:
    from bladenet.datasets import load_cifar10

    try:
        return load_cifar10(data)
    except (OSError, ValueError) as error:
        raise InputError(f"--data: {error}") from None


def _require_torch(figure: str) -> None:
    if find_spec("torch") is None:
        raise InputError(f"{figure} is not possible. {NEEDS_TORCH}")


def _prepare(out: Path) -> None:
    """Before any work: a folder, and a way to draw."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out} cannot be made a folder: {error.strerror}.") from None
    from bladenet.styling import without_display

    without_display()


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
    if not console.is_terminal:  # a file has no width
        console = Console(highlight=False, width=WIDTH)
    for part in parts:
        console.print(part)
