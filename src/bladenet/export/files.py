"""Export to a file, whose suffix decides the format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bladenet.export.numpy_source import to_numpy_source
from bladenet.export.onnx import to_onnx
from bladenet.export.sql import to_sql_query
from bladenet.files import write_atomically
from bladenet.io import Model


def write_export(model: Model, path: Path, table: str, keep: Sequence[str]) -> None:
    """Write .onnx, .py (NumPy source) or .sql (a query on `table` that keeps the columns `keep`)."""
    if path.suffix == ".onnx":
        to_onnx(model, path)
    elif path.suffix == ".py":
        write_atomically(path, to_numpy_source(model).encode())
    else:
        write_atomically(path, to_sql_query(model, table, keep).encode())
