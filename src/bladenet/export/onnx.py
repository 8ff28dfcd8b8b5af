"""ONNX: the model as a graph of standard operators, for onnxruntime and whatever else reads the format."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.encoding import Column
from bladenet.export.recipe import Curve, Recipe, largest_exponent, recipe_of
from bladenet.files import write_atomically
from bladenet.io import Model

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR_VERSION = 19, 9  # the first with Equal for text; newer ones would only shut out older runtimes
DTYPES = {"float64": np.float64, "float32": np.float32}
OUTPUTS = ("variable", "label", "probabilities", "scores")


def to_onnx(model: Model, path: str | PathLike[str] | None = None, dtype: str = "float64") -> ModelProto:
    """The model as an ONNX graph, optionally written to a file.

    The input is ``X`` (N, d); or, for a model with categories, one input (N, 1) per column, by its name: text, booleans
    or numbers. The outputs are called as by sklearn-onnx: ``variable`` (N, outputs) of a regression or a bare network;
    ``label`` (N,) and ``probabilities`` (N, classes) of a classifier, or ``label`` and ``scores`` (N,) for the hinge
    loss. A category not seen in training has no indicator, as in ``predict``, but without the warning. NaN is not
    refused: numbers become NaN, and the label means nothing.

    Parameters
    ----------
    model : BladeNetRegressor, BladeNetClassifier or ReLUNetwork
    path : str or path, if a file is to be written
    dtype : "float64" or "float32", of numbers in and out

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If `model` is something else.
    ValueError
        On another dtype, categories of mixed types, or a column called like an output.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
    recipe = recipe_of(model)
    try:
        import onnx
    except ImportError as error:
        raise ImportError('to_onnx needs onnx: pip install "bladenet[onnx]".') from error
    graph = _Graph(DTYPES[dtype])
    hidden_input = _bent(graph, recipe, _features(graph, recipe))
    _name_outputs(graph, recipe, _network(graph, recipe, hidden_input))
    proto = graph.model(recipe.title)
    onnx.checker.check_model(proto, full_check=True)
    if path is not None:
        write_atomically(Path(path), proto.SerializeToString())
    return proto


class _Graph:
    """A graph under construction; values are known by their names."""

    def __init__(self, dtype: Any):
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def constant(self, values: Any, dtype: Any = None) -> str:
        """A constant tensor; numbers are of the type of the graph, unless said otherwise."""
        from onnx import numpy_helper

        name = f"bladenet/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype or self.dtype), name))
        return name

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """One operation; the name of its result."""
        from onnx import helper

        name = name or f"bladenet/{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def cast(self, value: str, dtype: Any) -> str:
        """To another type of numbers."""
        return self.add("Cast", value, to=_element(dtype))

    def input(self, name: str, dtype: Any, width: int) -> str:
        """An input (N, width)."""
        from onnx import helper

        self.inputs.append(helper.make_tensor_value_info(name, _element(dtype), ["N", width]))
        return name

    def output(self, name: str, value: str, dtype: Any, *width: int) -> None:
        """Make a value an output (N, *width)."""
        from onnx import helper

        self.add("Identity", value, name=name)
        self.outputs.append(helper.make_tensor_value_info(name, _element(dtype), ["N", *width]))

    def model(self, title: tuple[str, ...]) -> ModelProto:
        """The finished model."""
        from onnx import helper

        from bladenet import __version__

        graph = helper.make_graph(self.nodes, "bladenet", self.inputs, self.outputs, self.constants)
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="bladenet",
            producer_version=__version__,
            doc_string="\n".join(title),
        )


def _element(dtype: Any) -> int:
    """The number that ONNX has for a type; objects are text."""
    from onnx import TensorProto, helper

    dtype = np.dtype(dtype)
    return int(TensorProto.STRING if dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(dtype))


def _features(graph: _Graph, recipe: Recipe) -> str:
    """The inputs, with indicators for categories: (N, d)."""
    if not recipe.encoding.has_categories:
        return graph.input("X", graph.dtype, len(recipe.columns))
    return graph.add("Concat", *(_encoded(graph, column) for column in recipe.columns), axis=1)


def _encoded(graph: _Graph, column: Column) -> str:
    if column.name in OUTPUTS:
        raise ValueError(f"an output of the ONNX graph is called {column.name!r}, like a column: rename the column.")
    if column.levels is None:
        return graph.input(column.name, graph.dtype, 1)
    dtype = _type_of(np.array(column.levels, dtype=object), f"column {column.name!r}")
    cells = graph.input(column.name, dtype, 1)
    return graph.cast(graph.add("Equal", cells, graph.constant([column.indicated], dtype)), graph.dtype)


def _type_of(values: np.ndarray, what: str) -> Any:
    """The one type that ONNX has for all of these categories or classes."""
    kinds = {type(value) for value in values.tolist()}
    for members, dtype in (({str}, object), ({bool}, np.bool_), ({int}, np.int64), ({int, float}, np.float64)):
        if kinds <= members:
            return dtype
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise ValueError(f"{what} has values of types {names}, which ONNX cannot hold together: convert it to strings.")


def _bent(graph: _Graph, recipe: Recipe, features: str) -> str:
    """The features with curves applied: (N, d)."""
    if not recipe.curves:
        return features
    d = recipe.weights.shape[1]
    split = [graph.add("Gather", features, graph.constant([j], np.int64), axis=1) for j in range(d)]
    bent = [_curved(graph, recipe.curves[j], x) if j in recipe.curves else x for j, x in enumerate(split)]
    return graph.add("Concat", *bent, axis=1)


def _curved(graph: _Graph, curve: Curve, x: str) -> str:
    """One feature (N, 1) along its curve."""
    curve = curve.rounded(graph.dtype)
    passed = graph.cast(graph.add("GreaterOrEqual", x, graph.constant(curve.knots)), np.int32)
    piece = graph.add("ReduceSum", passed, graph.constant([1], np.int64), keepdims=1)
    start, value, slope = (
        graph.add("Gather", graph.constant(table), piece, axis=0)
        for table in (curve.starts, curve.values, curve.slopes)
    )
    return graph.add("Add", value, graph.add("Mul", slope, graph.add("Sub", x, start)))


def _network(graph: _Graph, recipe: Recipe, features: str) -> str:
    """The outputs of the network: (N, c)."""
    centre, biases = recipe.centred(graph.dtype)
    moved = graph.add("Sub", features, graph.constant(centre)) if centre.any() else features
    sums = graph.add("MatMul", moved, graph.constant(recipe.weights.T))
    hidden = graph.add("Relu", graph.add("Add", sums, graph.constant(biases)))
    output = graph.add("MatMul", hidden, graph.constant(recipe.amplitudes))
    return graph.add("Add", output, graph.constant(recipe.intercept))


def _name_outputs(graph: _Graph, recipe: Recipe, scores: str) -> None:
    """Declare the outputs; for classes, the label and what it is chosen by."""
    c = len(recipe.intercept)
    if recipe.logarithmic:
        limit = graph.constant(largest_exponent(graph.dtype))
        scores = graph.add("Exp", graph.add("Where", graph.add("Greater", scores, limit), limit, scores))
    if recipe.classes is None:
        graph.output("variable", scores, graph.dtype, c)
        return
    if recipe.flat:
        single = graph.add("Squeeze", scores, graph.constant([1], np.int64))
        code = graph.cast(graph.add("Greater", single, graph.constant(0.0)), np.int64)
        # the softmax of 0 and the score
        both = graph.add("Concat", graph.add("Mul", scores, graph.constant(0.0)), scores, axis=1)
    else:
        single, both = scores, scores
        code = graph.add("ArgMax", scores, axis=1, keepdims=0)
    dtype = _type_of(recipe.classes, "the target")
    graph.output("label", graph.add("Gather", graph.constant(recipe.classes, dtype), code), dtype)
    if recipe.probable:
        graph.output("probabilities", graph.add("Softmax", both, axis=1), graph.dtype, len(recipe.classes))
    else:
        graph.output("scores", single, graph.dtype)
