"""The command line: ``bladenet fit``, ``predict``, ``explain``, ``report``, ``export`` and ``reproduce``.

What takes long to import is imported inside the commands: ``bladenet --help`` must answer at once.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from bladenet import __version__
from bladenet.errors import InputError
from bladenet.fitting import checked_settings, summary, train_table
from bladenet.reading import Notation
from bladenet.reproduce.commands import app as reproduce
from bladenet.tables import (
    SHIPPED,
    beside,
    check_present,
    choose_features,
    doubts,
    feature_columns,
    left_out,
    predictions,
    read_table,
)
from bladenet.targets import Target, check_varies, target_trained_on

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

DONE, BAD_INPUT, NOT_CERTIFIED, INTERRUPTED = 0, 2, 3, 130
MODEL_SUFFIXES, PLOT_SUFFIXES = (".json", ".safetensors"), (".pdf", ".png", ".svg")
EXPORT_SUFFIXES, REPORT_SUFFIXES = (".onnx", ".py", ".sql"), (".html", ".htm")
USAGE_ERROR = cast(type[typer.BadParameter], typer.BadParameter.__mro__[1])  # Typer gives it no public name

EXIT_CODES = """Exit codes:

0 done, and a fit is certified within --tol

2 bad input or usage

3 fitted, but not certified within --tol: time limit, Ctrl-C, or rounding

130 interrupted before there was a result"""


class _Commands(TyperGroup):
    """Reports what the user can put right in one line, without a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit with its code."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except InputError as error:
            code = _complain(str(error))
        except USAGE_ERROR as error:
            code = _complain(error.format_message())
        except (KeyboardInterrupt, typer.Abort):
            code = INTERRUPTED
        if code == INTERRUPTED:
            typer.echo("bladenet: interrupted before there was a result", err=True)
        if standalone_mode:
            sys.exit(code)
        return code


app = typer.Typer(
    name="bladenet",
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)

app.add_typer(reproduce, name="reproduce")

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help=f"CSV, parquet, feather or Excel file, or a shipped data set: {', '.join(SHIPPED)}."
    ),
]
Separator = Annotated[
    str | None, typer.Option("--sep", help="What separates cells: , ; | tab or ' '. Default: found out.")
]
Decimal = Annotated[str | None, typer.Option(help="Decimal sign: . or a comma. Default: found out.")]
Encoding = Annotated[str | None, typer.Option(help="Such as utf-8, utf-16 or latin-1. Default: found out.")]
Missing = Annotated[
    list[str] | None, typer.Option("--na", help="Text that stands for no value, besides the usual; may be repeated.")
]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="Model file written by bladenet fit --out.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bladenet {__version__}")
        raise typer.Exit(DONE)


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """ReLU networks trained to certified global optimality, every neuron explained by its samples."""


@app.command(epilog=EXIT_CODES)
def fit(
    data: Data,
    target: Annotated[str, typer.Option(help="Column to predict.")],
    features: Annotated[
        list[str] | None,
        typer.Option(
            help="Feature columns: a,b or the option twice. Default: all others. Text columns are categories."
        ),
    ] = None,
    norm: Annotated[
        int | None,
        typer.Option(help="Norm of the weights in the penalty: 1 or 2. Default: 1 with --max-interaction, else 2."),
    ] = None,
    max_interaction: Annotated[
        int | None,
        typer.Option(help="Most features that a neuron may read. Default: 2 if there are more than two of them."),
    ] = None,
    alpha: Annotated[
        str,
        typer.Option(help="Regularisation (mean loss + alpha × penalty); 0: exact fit; auto: cross-validated."),
    ] = "auto",
    task: Annotated[
        str | None,
        typer.Option(
            help="regression or classification. Default: as --loss says; else classification of text and of two whole "
            "numbers such as 0 and 1, regression of other numbers."
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="squared (default), huber, quantile (the median) or poisson (counts) for regression; logistic "
            "(default) or hinge (two classes) for classification."
        ),
    ] = None,
    bias: Annotated[bool, typer.Option("--bias/--no-bias", help="Whether neurons and output have offsets.")] = True,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="Scaling of the features for training: none, standard, rank or blend. Default: blend with "
            "--max-interaction, else standard."
        ),
    ] = None,
    tol: Annotated[
        float | None,
        typer.Option(help="Relative duality gap to prove. Default: 1e-6 up to two features, else 1e-3."),
    ] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds; then the best network so far.")] = None,
    out: Annotated[Path | None, typer.Option(help="Save the model: .json or .safetensors.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save a picture: .png, .pdf or .svg.")] = None,
    report: Annotated[Path | None, typer.Option(help="Save a report of one page: .html.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
    keep_ids: Annotated[
        bool, typer.Option("--keep-ids", help="Also use columns that only number or name the rows.")
    ] = False,
    sep: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    na: Missing = None,
) -> None:
    """Train the globally optimal network for a table, and prove how good it is.

    Ctrl-C ends training with the best network so far.
    """
    settings = checked_settings(norm, max_interaction, scaling, alpha, task, loss, tol, time_limit)
    _check_writable(out, MODEL_SUFFIXES, "--out")
    _check_writable(plot, PLOT_SUFFIXES, "--plot")
    _check_writable(report, REPORT_SUFFIXES, "--report")
    frame = _table(data, _notation(sep, decimal, encoding, na))
    names = choose_features(frame, target, features or [])
    for name, why in {} if features or keep_ids else left_out(frame, names).items():
        names.remove(name)
        typer.echo(f"bladenet: note: column {name!r} {why}: left out (--keep-ids, --features)", err=True)
    check_present(frame[[*names, target]], names)
    X, chosen = feature_columns(frame, names), Target.of(frame[target], task, loss)
    y = chosen.y
    check_varies(frame[target])
    console = _console(quiet)
    for note in [*doubts(frame, [*names, target]), chosen.note]:
        if note:
            typer.echo(f"bladenet: note: {note}", err=True)
    with _warnings_by_the_line():
        model = train_table(X, y, {**settings, "loss": chosen.loss, "bias": bias}, console)
    if out is not None:
        from bladenet.io import save_model

        save_model(model, out)
    if plot is not None:
        _save_plot(model, X, y, plot)
    if report is not None:
        _save_report(model, report, X, y, target)
    typer.echo(summary(model, X, y, [path for path in (out, plot, report) if path is not None]))
    if model.certificate_.status.value != "GLOBAL":
        raise typer.Exit(NOT_CERTIFIED)


@app.command(epilog=EXIT_CODES)
def predict(
    model: ModelFile,
    data: Data,
    out: Annotated[Path | None, typer.Option(help="Write a .csv file instead of stdout.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Column of the data to write beside the predictions, such as an id.")
    ] = None,
    sep: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    na: Missing = None,
) -> None:
    """Predict with a saved model: one row per row of the data, as CSV.

    For two classes the score is added (positive for the second class), and its probability if known; for more the
    score and the probability of each.
    """
    _check_writable(out, (".csv",), "--out")
    fitted = _load(model)
    X, frame = _features_of(fitted, data, model, _notation(sep, decimal, encoding, na))
    kept = beside(frame, keep or [])
    with _warnings_by_the_line():
        try:
            result = predictions(fitted, X)
        except ValueError as error:
            raise InputError.of(error, X) from None
    for place, (name, column) in enumerate(kept.items()):
        result.insert(place, name, column.to_numpy())
    text = result.to_csv(index=False)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)


@app.command(epilog=EXIT_CODES)
def explain(
    model: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Instead, as CSV, the table from which scaled(x) can be recomputed.")
    ] = False,
) -> None:
    """Explain every neuron of a saved model by the training samples that define it."""
    fitted = _load(model)
    if scaling:
        return typer.echo(fitted.scaling_table().to_csv(index=False), nl=False)
    explanation = fitted.explain()
    typer.echo(json.dumps(explanation.to_dict(), indent=1) if as_json else str(explanation))


@app.command(name="report", epilog=EXIT_CODES)
def write_report(
    model: ModelFile,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Page to write: .html.")],
    data: Annotated[
        str | None,
        typer.Option(help="The training data, for pictures and measures of fit; or new rows to measure on."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column that is predicted; needed with --data.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    sep: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    na: Missing = None,
) -> None:
    """Write what is known about a saved model to one page that needs no network: proof, pictures, every neuron."""
    _check_writable(out, REPORT_SUFFIXES, "OUT")
    fitted = _load(model)
    X = y = None
    if data is not None:
        if target is None:
            raise InputError("--data needs --target, the column that the model predicts.")
        X, frame = _features_of(fitted, data, model, _notation(sep, decimal, encoding, na))
        if target in frame:
            y = target_trained_on(fitted, feature_columns(frame, [target])[target])
        else:
            X = None
            typer.echo(f"bladenet: note: {data} has no column {target!r}: nothing is measured on it", err=True)
    _save_report(fitted, out, X, y, target, title)


@app.command(epilog=EXIT_CODES)
def glossary(
    word: Annotated[str | None, typer.Argument(metavar="[WORD]", help="Such as gap. Default: all.")] = None,
) -> None:
    """Say what the words of certificates, summaries and reports mean."""
    from bladenet import words

    try:
        typer.echo(words.glossary(word))
    except ValueError as error:
        raise InputError(str(error)) from None


@app.command(epilog=EXIT_CODES)
def export(
    model: ModelFile,
    out: Annotated[Path, typer.Argument(metavar="OUT", help=".onnx, .py (NumPy source) or .sql (a query).")],
    table: Annotated[str, typer.Option(help="Table that the query reads.")] = "data",
    keep: Annotated[list[str] | None, typer.Option(help="Column that the query keeps, such as a key.")] = None,
) -> None:
    """Write a saved model for other programs; the suffix decides the format."""
    _check_writable(out, EXPORT_SUFFIXES, "OUT")
    from bladenet.export.files import write_export

    try:
        write_export(_load(model), out, table, keep or [])
    except (ImportError, ValueError) as error:
        raise InputError(str(error)) from None


def _complain(message: str) -> int:
    typer.echo(f"bladenet: error: {' '.join(message.split())}", err=True)
    return BAD_INPUT


@contextmanager
def _warnings_by_the_line() -> Iterator[None]:
    """Say once what was warned about, without the place in the code."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always", UserWarning)
        yield
    for message in dict.fromkeys(str(warning.message) for warning in raised):
        typer.echo(f"bladenet: warning: {message}", err=True)


def _check_writable(path: Path | None, suffixes: tuple[str, ...], option: str) -> None:
    """Before any work: can the result be written there?"""
    if path is None:
        return
    if path.suffix not in suffixes:
        raise InputError(f"{option} must end in {' or '.join(suffixes)}, got {str(path)!r}.")
    if path.is_dir():
        raise InputError(f"{option} {path} is a directory; give a file name.")
    existed = path.exists()
    try:
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise InputError(f"{option} {path} cannot be written: {error.strerror}.") from None


def _console(quiet: bool) -> Console:
    """Where progress goes."""
    from rich.console import Console

    if quiet:  # nor that kernels are being compiled
        logging.getLogger("bladenet").setLevel(logging.ERROR)
    return Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)


def _save_plot(model: BladeNetRegressor | BladeNetClassifier, X: pd.DataFrame, y: pd.Series, path: Path) -> None:
    from bladenet.plotting import plot_fit
    from bladenet.styling import without_display

    without_display()
    plot_fit(model, X, y).figure.canvas.print_figure(path)


def _save_report(
    model: BladeNetRegressor | BladeNetClassifier,
    path: Path,
    X: pd.DataFrame | None,
    y: pd.Series | None,
    target: str | None,
    title: str | None = None,
) -> None:
    from bladenet.styling import without_display

    without_display()
    try:
        model.report(path, X, y, target=target, title=title)
    except ValueError as error:
        raise InputError.of(error, X) from None


def _notation(separator: str | None, decimal: str | None, encoding: str | None, missing: list[str] | None) -> Notation:
    """How a file is written, as far as options say."""
    separator = {"tab": "\t", "\\t": "\t"}.get(str(separator), separator)
    if separator is not None and len(separator) != 1:
        raise InputError(f"--sep must be one character or tab, got {separator!r}.")
    if decimal not in (None, ".", ","):
        raise InputError(f"--decimal must be a point or a comma, got {decimal!r}.")
    return Notation(encoding, separator, decimal, tuple(missing or ()))


def _table(data: str, asked: Notation, text: Sequence[str] = ()) -> pd.DataFrame:
    """A table, after a line that says how it is written if not as usual."""
    frame, written = read_table(data, asked, text)
    if written and asked == Notation():
        typer.echo(f"bladenet: note: {data}: {written}", err=True)
    return frame


def _features_of(
    model: BladeNetRegressor | BladeNetClassifier, data: str, path: Path, asked: Notation
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The columns of a table that a model reads, and the whole table."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        raise InputError(f"{path} was trained without column names, so its features cannot be found in a table.")
    categories = [c.name for c in model.encoding_.columns if c.levels and isinstance(c.levels[0], str)]
    frame = _table(data, asked, categories)
    return feature_columns(frame, list(names)), frame


def _load(path: Path) -> BladeNetRegressor | BladeNetClassifier:
    from bladenet.io import load_model
    from bladenet.network import ReLUNetwork

    try:
        model = load_model(path)
    except (OSError, ValueError) as error:
        raise InputError(str(error)) from None
    if isinstance(model, ReLUNetwork):
        raise InputError(f"{path} holds a bare network without training data; use a model saved by bladenet fit --out.")
    return model
