"""What ``bladenet fit`` does with a table: check its options, complete them, train, and say what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bladenet.defaults import AUTO
from bladenet.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

NO_SCALING, SCALINGS = "none", ("standard", "rank", "blend")
TASKS = ("regression", "classification")
REGRESSION, CLASSIFICATION = ("squared", "huber", "quantile", "poisson"), ("logistic", "hinge")


def checked_settings(
    norm: int | None,
    max_interaction: int | None,
    scaling: str | None,
    alpha: str,
    task: str | None,
    loss: str | None,
    tol: float | None,
    time_limit: float | None,
) -> dict[str, Any]:
    """The options that need no data, checked."""
    if norm not in (1, 2, None):
        raise InputError(f"--norm must be 1 or 2, got {norm}.")
    if max_interaction is not None and max_interaction < 1:
        raise InputError(f"--max-interaction is a number of columns and must be at least 1, got {max_interaction}.")
    if max_interaction is not None and norm == 2:
        raise InputError("--max-interaction needs --norm 1: with --norm 2 the best neurons read all features.")
    if scaling is not None and scaling not in (NO_SCALING, *SCALINGS):
        raise InputError(f"--scaling must be one of {', '.join((NO_SCALING, *SCALINGS))}, got {scaling!r}.")
    if loss is not None and loss not in REGRESSION + CLASSIFICATION:
        raise InputError(f"--loss must be one of {', '.join(REGRESSION + CLASSIFICATION)}, got {loss!r}.")
    if task is not None and task not in TASKS:
        raise InputError(f"--task must be one of {', '.join(TASKS)}, got {task!r}.")
    losses = CLASSIFICATION if task == TASKS[1] else REGRESSION
    if task is not None and loss is not None and loss not in losses:
        raise InputError(
            f"--task {task} does not go with --loss {loss}: choose {' or '.join(losses)}, or leave it out."
        )
    if tol is not None and not 1e-12 <= tol < 1:
        raise InputError(f"--tol is a relative gap and must be between 1e-12 and 1, got {tol:g}.")
    if time_limit is not None and not 0 < time_limit < float("inf"):
        raise InputError(f"--time-limit must be a number of seconds greater than 0, got {time_limit:g}.")
    strength: float | str = "auto"
    if alpha != "auto":
        try:
            strength = float(alpha)
        except ValueError:
            raise InputError(f"--alpha must be a number of at least 0 or auto, got {alpha!r}.") from None
        if not 0 <= strength < float("inf"):
            raise InputError(f"--alpha must be a number of at least 0 or auto, got {alpha}.")
    return {
        "norm": AUTO if norm is None else norm,
        "max_interaction": AUTO if max_interaction is None else max_interaction,
        "scaling": {None: AUTO, NO_SCALING: None}.get(scaling, scaling),
        "alpha": strength,
        "tol": AUTO if tol is None else tol,
        "time_limit": time_limit,
    }


def train_table(
    X: pd.DataFrame, y: pd.Series, settings: dict[str, Any], console: Console
) -> BladeNetRegressor | BladeNetClassifier:
    """Train, with the plan and the progress on the console."""
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
    from bladenet.progress import Progress, listening

    estimator = BladeNetClassifier if settings["loss"] in CLASSIFICATION else BladeNetRegressor
    with Progress(console) as progress, listening(progress.hear):
        model = estimator(callback=progress, **settings)
        try:
            console.print(_plan(X, settings))
            if settings["alpha"] == "auto" and not console.is_terminal:
                console.print("choosing alpha by cross-validation …")
            return model.fit(X, y)
        except ValueError as error:
            raise InputError.of(error, X) from None


def _plan(X: pd.DataFrame, settings: dict[str, Any]) -> str:
    """What training will attempt, and about how long that takes."""
    import numpy as np

    from bladenet.defaults import settle
    from bladenet.encoding import Encoding
    from bladenet.scaling import fit_scaling
    from bladenet.training import plan

    _, features = Encoding.of_frame(X, X.columns, np.ones(len(X), dtype=bool))
    asked = {name: settings[name] for name in ("norm", "max_interaction", "scaling", "tol")}
    settled = settle(features.shape[1], **asked, interpolates=settings["alpha"] == 0)
    features = fit_scaling(settled.scaling, features, np.ones(len(X)), centred=settings["bias"]).apply(features)
    reason = dict(settled.reasons).get("max_interaction", "")
    said = f"{reason} (--max-interaction)\n" if reason and settled.max_interaction is not None else ""
    expected = plan(
        features,
        np.zeros(len(X)),
        norm=settled.norm,
        bias=settings["bias"],
        tol=settled.tol,
        max_interaction=settled.max_interaction,
        time_limit=settings["time_limit"],
    )
    return said + str(expected)


def summary(
    model: BladeNetRegressor | BladeNetClassifier,
    X: pd.DataFrame,
    y: pd.Series,
    files: list[Path],
) -> str:
    """What was proven, of what, with which settings, how well it fits, and which files were written."""
    from bladenet.display import counted
    from bladenet.estimators import BladeNetClassifier
    from bladenet.in_short import in_short
    from bladenet.quality import measures
    from bladenet.settings import settings_of

    measure, value = next(iter(measures(model, X, y).items()))
    source = " and ".join(X.columns) if X.shape[1] <= 2 else f"{X.shape[1]} columns"
    seconds = model.history_[-1].seconds if model.history_ else 0.0
    classes = f"{len(model.classes_)} classes, " if isinstance(model, BladeNetClassifier) else ""
    return "\n".join(
        [
            *in_short(model),
            "",
            str(model.certificate_),
            f"{y.name} from {source}: {counted(len(model.network_), 'neuron')}, "
            f"{counted(len(X), 'sample')}, {classes}{counted(len(model.history_), 'round')} in {seconds:.2g} s",
            ", ".join(f"{name} {value}" for name, value in settings_of(model)),
            *([] if model.validation_ is None else [f"on rows left out: {model.validation_}"]),
            f"{measure} {value:.4f} on the training data",
            *(f"saved {path}" for path in files),
            "what the words mean: bladenet glossary",
        ]
    )
