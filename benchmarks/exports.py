"""Every export evaluated where it is meant to run, against the model: python -m benchmarks.exports."""

import sqlite3
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import onnxruntime
import pandas as pd
import torch
import typer
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import bladenet as bn
from benchmarks import machine

PAIRS = {"norm": 1, "max_interaction": 2, "tol": 1e-2}


def models() -> Iterator[tuple[str, Any]]:
    """Regressions and classifiers of every kind that is exported in its own way."""
    motorcycle, houses, penguins = bn.datasets.load_motorcycle(), bn.datasets.load_houses(), bn.datasets.load_penguins()
    diabetes, iris, cancer = load_diabetes(), load_iris(), load_breast_cancer()
    frame = penguins.frame.drop(columns="sex")
    yield "motorcycle", bn.BladeNetRegressor(alpha=1.0, scaling="standard").fit(motorcycle.X, motorcycle.y)
    both = np.column_stack([houses.y / 1e5, houses.frame["area_sqft"] / 1e3])
    yield "houses (2 outputs)", bn.BladeNetRegressor(alpha=1e-2, scaling="standard", tol=1e-2).fit(houses.X, both)
    yield "diabetes, blend", bn.BladeNetRegressor(alpha=5.0, **PAIRS).fit(diabetes.data, diabetes.target)
    yield "penguins (table)", bn.BladeNetClassifier(alpha=0.008, **PAIRS).fit(frame, penguins.y)
    yield (
        "iris, rank",
        bn.BladeNetClassifier(alpha=1e-3, scaling="rank", **PAIRS).fit(iris.data, iris.target),
    )
    yield "cancer, hinge", bn.BladeNetClassifier(alpha=1e-2, loss="hinge", **PAIRS).fit(cancer.data, cancer.target)


def points(model: Any, n: int) -> Any:
    """Random rows, half of them inside the range of the training data, half up to twice as far out."""
    rng = np.random.default_rng(0)
    low, high = model.evidence_.low, model.evidence_.high
    reach = np.where(np.arange(n) % 2 == 0, 0.0, 2.0)[:, None] * (high - low)
    features = rng.uniform(low - reach, high + reach)
    features = features.astype(np.float32).astype(np.float64)  # so that float32 exports are asked the same
    if not model.encoding_.has_categories:
        return features
    sources = np.array(model.encoding_.sources)
    return pd.DataFrame(
        {
            column.name: features[:, sources == i][:, 0] if column.levels is None else rng.choice(column.levels, size=n)
            for i, column in enumerate(model.encoding_.columns)
        }
    )


def expected(model: Any, X: Any) -> np.ndarray:
    """What every export is to return: predictions, probabilities, or scores where there are none; (n, outputs)."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    scores = model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)
    return scores.reshape(len(X), -1)


def by_onnx(model: Any, X: Any, dtype: str) -> tuple[np.ndarray, int]:
    content = bn.to_onnx(model, dtype=dtype).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    if isinstance(X, pd.DataFrame):
        numbers = {column.name for column in model.encoding_.columns if column.levels is None}
        feeds = {
            name: (cells.astype(dtype) if name in numbers else cells).to_numpy()[:, None] for name, cells in X.items()
        }
    else:
        feeds = {"X": X.astype(dtype)}
    return session.run(None, feeds)[-1].reshape(len(X), -1), len(content)


def by_torch(model: Any, X: Any, dtype: torch.dtype) -> tuple[np.ndarray, int]:
    module = bn.to_torch(model, dtype)
    inputs = torch.tensor(X, dtype=dtype)
    with torch.no_grad():
        output = module.probabilities(inputs) if module.probable else module(inputs)
    tensors = module.state_dict().values()
    return output.numpy().reshape(len(X), -1), sum(tensor.nbytes for tensor in tensors)


def by_numpy(model: Any, X: Any) -> tuple[np.ndarray, int]:
    source, program = bn.to_numpy_source(model), {}
    exec(source, program)
    name = next(name for name in ("predict_proba", "decision_function", "predict") if name in program)
    return program[name](X).reshape(len(X), -1), len(source)


def by_sqlite(model: Any, X: Any) -> tuple[np.ndarray, int]:
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=[c.name for c in model.encoding_.columns])
    query = bn.to_sql_query(model, "data", keep=["id"])
    connection = sqlite3.connect(":memory:")
    frame.rename_axis("id").to_sql("data", connection)
    result = pd.read_sql(query, connection, index_col="id").sort_index()
    kind = "probability" if hasattr(model, "predict_proba") else "score" if hasattr(model, "classes_") else "prediction"
    return result.filter(regex=f"^{kind}").to_numpy(), len(query)


EXPORTS = {
    "onnx float64": lambda model, X: by_onnx(model, X, "float64"),
    "torch float64": lambda model, X: by_torch(model, X, torch.float64),
    "numpy": by_numpy,
    "sqlite": by_sqlite,
    "onnx float32": lambda model, X: by_onnx(model, X, "float32"),
    "torch float32": lambda model, X: by_torch(model, X, torch.float32),
}


def main(n: Annotated[int, typer.Option("--points", help="random points to compare at")] = 10_000) -> None:
    console = Console(width=150)
    console.print(machine.description())
    table = Table(
        title=f"largest difference from the model on {n:,} points, relative to the largest output; size in kB",
        caption="Outputs are predictions, probabilities, or scores of the hinge loss.",
    )
    for heading in ("model", "neurons", "largest output", *EXPORTS):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, model in models():
        X = points(model, n)
        reference = expected(model, X)
        scale = np.abs(reference).max()
        cells = []
        for export, evaluate in EXPORTS.items():
            if "torch" in export and model.encoding_.has_categories:
                cells.append("no categories")
                continue
            output, size = evaluate(model, X)
            cells.append(f"{np.abs(output - reference).max() / scale:.1e}, {size / 1e3:.1f}")
        table.add_row(name, str(len(model.network_)), f"{scale:.4g}", *cells)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
