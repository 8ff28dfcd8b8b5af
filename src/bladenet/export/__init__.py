"""Exports: what a fitted model computes, from the user's columns to its output, written for other programs.

``recipe`` reads any model as steps on plain arrays; ``onnx``, ``torch``, ``numpy_source`` and ``sql`` write these.
"""

from bladenet.export.numpy_source import to_numpy_source
from bladenet.export.onnx import to_onnx
from bladenet.export.sql import to_sql, to_sql_query
from bladenet.export.torch import to_torch

__all__ = ["to_numpy_source", "to_onnx", "to_sql", "to_sql_query", "to_torch"]
