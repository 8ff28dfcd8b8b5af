"""Cross-validated comparison on real tables: python -m benchmarks.tabular."""

import csv
import warnings
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks import machine
from benchmarks.tabular_data import SETS, TabularSet
from benchmarks.tabular_models import MODELS, Model, neurons_and_gap, predicted

RESULTS = Path(__file__).parent / "results" / "tabular.csv"
KEY = ["data", "model", "version", "folds", "fold"]
MEASURED = ["error", "error_rate", "fit_seconds", "predict_seconds", "neurons", "gap", "note"]
COLUMNS = [*KEY, "task", "n", "features", *MEASURED]


def main(
    only: Annotated[list[str], typer.Option(help=f"One of {', '.join(SETS)}; may be repeated.")] = list(SETS),  # noqa: B006
    models: Annotated[list[str], typer.Option(help="May be repeated.")] = list(MODELS),  # noqa: B006
    folds: int = 5,
    results: Annotated[
        Path, typer.Option(help="Rows are appended as they come; those already there are kept.")
    ] = RESULTS,
) -> None:
    """Fit every model on every fold, then print what the file of results holds about them."""
    print(machine.description())
    sets = {name: SETS[name]() for name in only}
    by_size = sorted(sets, key=lambda name: sets[name].X.size)
    for key in models:
        for name in by_size:
            measure(name, sets[name], key, folds, results)
    print(report(selected(read(results), only, models, folds)))


def measure(name: str, data: TabularSet, key: str, folds: int, results: Path) -> None:
    """Append the folds of one model on one set that are not there yet, or failed."""
    model = MODELS[key]
    known = read(results)
    same = (known[KEY[:4]] == [name, key, model.version, folds]).all(axis=1)
    done = known.loc[same & known["note"].isna(), "fold"].tolist()
    splits = list(splitter(data, folds).split(data.X, data.y))
    if len(done) == folds:
        return
    warm_up(key, data.task)
    for fold, (train, test) in enumerate(splits):
        if fold in done:
            continue
        row = {"data": name, "model": key, "version": model.version, "folds": folds, "fold": fold, "task": data.task}
        row |= {"n": len(data.y), "features": data.X.shape[1]}
        row |= outcome(model, data, train, test)
        append(row, results)
        print(", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)


def splitter(data: TabularSet, folds: int) -> KFold | StratifiedKFold:
    """The same folds for every model."""
    kind = KFold if data.task == "regression" else StratifiedKFold
    return kind(folds, shuffle=True, random_state=0)


@cache
def warm_up(key: str, task: str) -> None:
    """A small fit that is not timed: it imports the package, loads its kernels and starts its processes."""
    data = SETS["concrete" if task == "regression" else "pima"]()
    some = np.random.default_rng(0).permutation(len(data.y))[:200]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            MODELS[key].build(task).fit(data.X.iloc[some], data.y[some])
        except Exception as error:  # the timed fit will tell
            print(f"warm-up: {error}")


def outcome(model: Model, data: TabularSet, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """Errors, seconds, neurons, gap of one fold; the reason if the model failed.

    `error` is the root mean square error / standard deviation of all targets, or the log-loss.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            start = perf_counter()
            fitted = model.build(data.task).fit(data.X.iloc[train], data.y[train])
            fit_seconds = perf_counter() - start
            start = perf_counter()
            guess = predicted(fitted, data.X.iloc[test], data.task)
            predict_seconds = perf_counter() - start
            errors = errors_of(guess, data, test)
        except Exception as error:  # one failure must not end hours of work
            return {"note": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
    neurons, gap = neurons_and_gap(fitted)
    return errors | {"fit_seconds": fit_seconds, "predict_seconds": predict_seconds, "neurons": neurons, "gap": gap}


def errors_of(guess: np.ndarray, data: TabularSet, test: np.ndarray) -> dict[str, float]:
    """What is reported about predictions of the test samples."""
    y = data.y[test]
    if data.task == "regression":
        return {"error": float(np.sqrt(np.mean((guess - y) ** 2)) / data.y.std())}
    return {"error": float(log_loss(y, guess, labels=[0, 1])), "error_rate": float(np.mean((guess > 0.5) != y))}


def append(row: dict[str, Any], results: Path) -> None:
    """One more line, with the headings if it is the first."""
    results.parent.mkdir(parents=True, exist_ok=True)
    first = not results.exists()
    with results.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if first:
            writer.writeheader()
        writer.writerow(row)


def read(results: Path) -> pd.DataFrame:
    """What has been measured so far, the last try of each fold."""
    if not results.exists():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(results, dtype={"version": str, "note": str}).drop_duplicates(KEY, keep="last")


def selected(rows: pd.DataFrame, only: list[str], models: list[str], folds: int) -> pd.DataFrame:
    """The rows of these sets and of the installed versions of these models."""
    current = rows["model"].map({key: MODELS[key].version for key in models}) == rows["version"]
    return rows[rows["data"].isin(only) & current & (rows["folds"] == folds)]


def report(rows: pd.DataFrame) -> str:
    """Markdown: failures, errors, seconds, then what is particular to bladenet, then a summary."""
    failed, rows = rows[rows["note"].notna()], rows[rows["note"].isna()]
    models = [key for key in MODELS if key in set(rows["model"])]
    parts = [f"FAILED: {row.data}, {row.model}, fold {row.fold}: {row.note}" for row in failed.itertuples()]
    parts += [
        f"### {task}: {what}\n\n{by_set(rows[rows['task'] == task], column, models)}"
        for task, column, what in (
            ("regression", "error", "root mean square error / standard deviation, mean over folds"),
            ("classification", "error", "log-loss, mean over folds"),
            ("classification", "error_rate", "share of errors, mean over folds"),
        )
    ]
    parts += [f"### seconds to fit, median over folds\n\n{by_set(rows, 'fit_seconds', models, 'median')}"]
    if "bladenet" in models:
        parts += [f"### bladenet\n\n{networks(rows[rows['model'] == 'bladenet'])}"]
    return "\n\n".join([*parts, f"### summary\n\n{summary(rows, models)}"])


def by_set(rows: pd.DataFrame, column: str, models: list[str], statistic: str = "mean") -> str:
    """One line per set, one column per model, the best one bold. Sets with a failed or missing fold stay empty."""
    values = table_of(rows, column, statistic)
    sizes = rows.groupby("data", sort=False)[["n", "features"]].first().sort_values("n")
    lines = []
    for name, (n, d) in sizes.iterrows():
        best = values.loc[name].min()
        cells = ["" if np.isnan(v) else f"**{v:.4g}**" if v == best else f"{v:.4g}" for v in values.loc[name, models]]
        lines.append([str(name), f"{n:,}", str(d), *cells])
    return markdown(["data", "n", "d", *models], lines)


def table_of(rows: pd.DataFrame, column: str, statistic: str = "mean") -> pd.DataFrame:
    """Sets × models; NaN where folds are missing or failed."""
    groups = rows.groupby(["data", "model"])[column]
    whole = groups.count() == rows.groupby(["data", "model"])["folds"].first()
    return groups.agg(statistic).where(whole).unstack().reindex(columns=list(MODELS))


def networks(rows: pd.DataFrame) -> str:
    """Neurons and worst certified gap per set."""
    groups = rows.groupby("data", sort=False)
    lines = [
        [str(name), f"{g['neurons'].mean():.0f}", f"{g['gap'].max():.1e}", f"{g['fit_seconds'].max():.3g}"]
        for name, g in groups
    ]
    return markdown(["data", "neurons, mean", "gap, worst fold", "seconds, worst fold"], lines)


def summary(rows: pd.DataFrame, models: list[str]) -> str:
    """Wins, mean rank (a model without a result is last), error relative to the best, seconds, predictions' seconds."""
    errors = table_of(rows, "error")[models]
    ranks = errors.rank(axis=1, na_option="bottom")
    ratios = errors.div(errors.min(axis=1), axis=0)
    seconds = table_of(rows, "fit_seconds", "median")
    predict = table_of(rows, "predict_seconds", "median")
    lines = [
        [
            key,
            str(errors[key].count()),
            str((ratios[key] == 1.0).sum()),
            f"{ranks[key].mean():.2f}",
            f"{ratios[key].median():.3f}",
            f"{ratios[key].mean():.3f}",
            f"{seconds[key].median():.3g}",
            f"{seconds[key].sum():.4g}",
            f"{predict[key].median():.2g}",
        ]
        for key in models
    ]
    headings = ["model", "sets", "wins", "mean rank", "error / best, median", "mean"]
    return markdown([*headings, "fit s, median", "fit s, sum", "predict s, median"], lines)


def markdown(headings: list[str], lines: list[list[str]]) -> str:
    """A markdown table."""
    rule = ["---"] * len(headings)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rule, *lines))


if __name__ == "__main__":
    typer.run(main)
