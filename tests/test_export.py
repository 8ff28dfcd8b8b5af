"""Exports compute what the model computes: onnxruntime, PyTorch, SQLite and bare NumPy on 10,000 points each."""

import copy
import io
import pickle
import sqlite3
import sys
from functools import cache

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from typer.testing import CliRunner

import bladenet as bn
from bladenet import cli
from bladenet.export.recipe import Curve, recipe_of
from bladenet.scaling import MonotoneScaling

POINTS = 10_000
EXACT, SINGLE = 1e-12, 1e-5
rng = np.random.default_rng(11)
X = rng.normal(size=(80, 3)) * [1.0, 5.0, 0.1] + [3.0, -40.0, 1000.0]
Z = (X - X.mean(axis=0)) / X.std(axis=0)
TABLE = pd.DataFrame(
    {
        'size "cm"': X[:, 0],
        "colour": rng.choice(["red", "o'clock", "blaß"], size=80),
        "member": rng.choice([True, False], size=80),
        "grade": pd.Categorical(rng.integers(1, 4, size=80)),
        "weight": X[:, 1],
    }
)
EFFECT = (TABLE["colour"] == "red") + 0.5 * TABLE["member"] + 0.2 * TABLE["grade"].astype(float)
QUICK = {"tol": 1e-3}
PAIRS = {"norm": 1, "max_interaction": 2, **QUICK}

FITS = {
    "one output": lambda: bn.BladeNetRegressor(alpha=1e-2, scaling="standard", **QUICK).fit(X[:, :2], np.abs(Z[:, 0])),
    "far from 0": lambda: bn.BladeNetRegressor(alpha=1e-2, scaling="standard", **QUICK).fit(X[:, 2:], np.abs(Z[:, 2])),
    "unscaled": lambda: bn.BladeNetRegressor(alpha=1e-2, norm=1, max_interaction=1, scaling=None, **QUICK).fit(
        X, np.abs(Z[:, 0]) + np.maximum(Z[:, 2], 0)
    ),
    "column of targets": lambda: bn.BladeNetRegressor(alpha=1e-2, bias=False, **QUICK).fit(Z[:, :1], np.abs(Z[:, :1])),
    "several outputs": lambda: bn.BladeNetRegressor(alpha=1e-2, scaling="standard", **QUICK).fit(
        X[:, :2], np.column_stack([np.abs(Z[:, 0]), Z[:, 1]])
    ),
    "two classes": lambda: bn.BladeNetClassifier(alpha=1e-2, scaling="standard", **QUICK).fit(
        X[:, :2], np.where(np.abs(Z[:, 0]) > 0.7, "far 'out'", "near")
    ),
    "hinge": lambda: bn.BladeNetClassifier(alpha=1e-2, loss="hinge", **PAIRS).fit(X, Z[:, 0] * Z[:, 1] > 0),
    "three classes": lambda: bn.BladeNetClassifier(alpha=1e-2, scaling="rank", **PAIRS).fit(
        load_iris().data[::2], load_iris().target[::2]
    ),
    "blend": lambda: bn.BladeNetRegressor(alpha=1e-3, **PAIRS).fit(X, Z[:, 0] * np.abs(Z[:, 1]) + Z[:, 2]),
    "table": lambda: bn.BladeNetRegressor(alpha=3e-3, **PAIRS).fit(TABLE, EFFECT + np.abs(Z[:, 0])),
    "classes of a table": lambda: bn.BladeNetClassifier(alpha=3e-3, **PAIRS).fit(TABLE, EFFECT + Z[:, 0] > 1),
    "cross-validated": lambda: bn.BladeNetRegressorCV(alphas=[0.1, 0.01], **PAIRS).fit(X, Z[:, 0]),
    "constant": lambda: bn.BladeNetRegressor(alpha=100.0).fit(X, Z[:, 0]),
    "network": lambda: bn.ReLUNetwork(Z[:5], Z[5:10, 0], Z[10:15, :2], Z[15, :2]),
}
TABLES = ("table", "classes of a table")


@cache
def fitted(name):
    """A model and points to compare at."""
    model = FITS[name]()
    return model, points_for(model)


@pytest.fixture(params=FITS)
def case(request):
    return fitted(request.param)


def points_for(model):
    """A third each inside the range of the data, far outside it, and on the knots of its scalings."""
    if isinstance(model, bn.ReLUNetwork):
        return 10 * rng.normal(size=(POINTS, model.weights.shape[1]))
    low, high, scaling = model.evidence_.low, model.evidence_.high, model.scaling_
    third = POINTS // 3
    inside = rng.uniform(low, high, size=(POINTS - 2 * third, len(low)))
    outside = rng.uniform(low - 20 * (high - low), high + 20 * (high - low), size=(third, len(low)))
    ends = [scaling.bends(j) if isinstance(scaling, MonotoneScaling) else [low[j], high[j]] for j in range(len(low))]
    features = np.vstack([inside, outside, np.column_stack([rng.choice(knots, size=third) for knots in ends])])
    if not model.encoding_.has_categories:
        return features
    sources, frame = np.array(model.encoding_.sources), {}
    for i, column in enumerate(model.encoding_.columns):
        numbers = column.levels is None
        frame[column.name] = features[:, sources == i][:, 0] if numbers else rng.choice(column.levels, size=POINTS)
    return pd.DataFrame(frame).astype({"grade": "category"})


def scores_of(model, points):
    return model.decision_function(points) if hasattr(model, "classes_") else model.predict(points)


def assert_close(actual, expected, tolerance, scale=None):
    """Equal to a tolerance relative to the largest output (or scale) inside, outside and on knots, each by itself."""
    assert np.shape(actual) == expected.shape
    scale = np.abs(expected if scale is None else scale)
    for third in np.array_split(np.arange(len(expected)), 3):
        assert np.abs(actual - expected)[third].max() <= tolerance * scale[third].max()


def assert_probable(actual, model, points, tolerance):
    """Probabilities; these are as accurate as the scores that they come from."""
    assert_close(
        actual, model.predict_proba(points), tolerance, np.maximum(1.0, np.abs(model.decision_function(points)))
    )


def assert_labels(actual, model, points, tolerance):
    """Equal, except where rounding decides."""
    scores = model.decision_function(points)
    best = np.sort(scores, axis=1) if scores.ndim == 2 else np.column_stack([np.zeros_like(scores), np.abs(scores)])
    sure = best[:, -1] - best[:, -2] > tolerance * max(1.0, np.abs(scores).max())
    assert sure.mean() > 0.9
    assert (np.asarray(actual) == model.predict(points))[sure].all()


def feeds(model, points, dtype):
    if not isinstance(points, pd.DataFrame):
        return {"X": points.astype(dtype)}
    columns = {}
    for column in model.encoding_.columns:
        cells = points[column.name].to_numpy()
        columns[column.name] = (cells.astype(dtype) if column.levels is None else cells)[:, None]
    return columns


def at_single(points):
    """The points as float32 holds them."""
    if not isinstance(points, pd.DataFrame):
        return points.astype(np.float32).astype(np.float64)
    numbers = points.select_dtypes("float64").astype(np.float32).astype(np.float64)
    return points.assign(**{name: numbers[name] for name in numbers})


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", EXACT), ("float32", SINGLE)])
def test_onnxruntime_agrees(case, tmp_path, dtype, tolerance):
    # guards names, shapes and values of what scoring services read
    model, points = case
    points = points if dtype == "float64" else at_single(points)
    bn.to_onnx(model, tmp_path / "model.onnx", dtype=dtype)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, feeds(model, points, dtype)), strict=True))
    if not hasattr(model, "classes_"):
        expected = model.predict(points)
        assert names == ["variable"]
        assert outputs["variable"].dtype == dtype
        assert_close(outputs["variable"], expected.reshape(POINTS, -1), tolerance)
        return
    assert_labels(outputs["label"], model, points, tolerance)
    if model.loss == "hinge":
        assert names == ["label", "scores"]
        assert_close(outputs["scores"], model.decision_function(points), tolerance)
    else:
        assert names == ["label", "probabilities"]
        assert_probable(outputs["probabilities"], model, points, tolerance)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, EXACT), (torch.float32, SINGLE)])
def test_torch_agrees(case, dtype, tolerance):
    model, points = case
    if isinstance(points, pd.DataFrame):
        with pytest.raises(ValueError, match=r"'colour', 'member', 'grade' hold categories.*to_onnx"):
            bn.to_torch(model)
        return
    points = points if dtype == torch.float64 else at_single(points)
    module, inputs = bn.to_torch(model, dtype), torch.tensor(points, dtype=dtype)
    with torch.no_grad():
        assert module(inputs).dtype == dtype
        assert_close(module(inputs).numpy(), scores_of(model, points), tolerance)
    if not hasattr(model, "classes_"):
        with pytest.raises(AttributeError, match="no classes"):
            module.labels(inputs)
    else:
        assert_labels(module.labels(inputs), model, points, tolerance)
    if hasattr(model, "predict_proba"):
        assert_probable(module.probabilities(inputs).detach().numpy(), model, points, tolerance)
    else:
        with pytest.raises(AttributeError, match="no probabilities"):
            module.probabilities(inputs)


def test_numpy_source_agrees(case):
    model, points = case
    source = bn.to_numpy_source(model)
    program = {}
    exec(source, program)
    assert [line for line in source.splitlines() if "import" in line] == ["import numpy as np"]
    if not hasattr(model, "classes_"):
        assert_close(program["predict"](points), model.predict(points), EXACT)
        return
    assert_close(program["decision_function"](points), model.decision_function(points), EXACT)
    assert_labels(program["predict"](points), model, points, EXACT)
    assert ("predict_proba" in program) == hasattr(model, "predict_proba")
    if hasattr(model, "predict_proba"):
        assert_probable(program["predict_proba"](points), model, points, EXACT)


def database(points):
    """An SQLite database with the points in a table `my "data"`, and their number as id."""
    frame = points if isinstance(points, pd.DataFrame) else pd.DataFrame(points).add_prefix("x")
    connection = sqlite3.connect(":memory:")
    frame.rename_axis("id").to_sql('my "data"', connection)
    return connection


def assert_sql_agrees(result, model, points):
    if not hasattr(model, "classes_"):
        expected = model.predict(points)
        columns = ["prediction"] if expected.ndim == 1 else [f"prediction_{k}" for k in range(expected.shape[1])]
        assert list(result) == columns
        assert_close(result.to_numpy().reshape(expected.shape), expected, EXACT)
        return
    assert_labels(result["prediction"], model, points, EXACT)
    scores = result.filter(regex="^score").to_numpy()
    assert_close(scores.reshape(scores_of(model, points).shape), scores_of(model, points), EXACT)
    probabilities = result[[f"probability_{label}" for label in model.classes_ if hasattr(model, "predict_proba")]]
    assert probabilities.shape[1] == result.filter(regex="^probability").shape[1]
    if hasattr(model, "predict_proba"):
        assert_probable(probabilities.to_numpy(), model, points, EXACT)


def test_a_query_agrees(case):
    model, points = case
    query = bn.to_sql_query(model, 'my "data"', keep=["id"])
    result = pd.read_sql(query, database(points)).sort_values("id")
    assert_sql_agrees(result.drop(columns="id"), model, points)


def test_expressions_agree(case):
    model, points = case[0], case[1][::10]  # they repeat their parts, which takes time
    points = points.reset_index(drop=True) if isinstance(points, pd.DataFrame) else points
    selected = ", ".join(f'{expression} AS "{name}"' for name, expression in bn.to_sql(model).items())
    result = pd.read_sql(f'SELECT {selected} FROM "my ""data""" ORDER BY id', database(points))
    assert_sql_agrees(result, model, points)


@pytest.mark.parametrize("name", ["blend", "three classes", *TABLES])
def test_null_in_is_null_out(name):
    # guards CASE, whose ELSE branch takes NULL too
    model, points = fitted(name)
    points = points if isinstance(points, pd.DataFrame) else pd.DataFrame(points).add_prefix("x")
    read = np.abs(recipe_of(model).weights).sum(axis=0)
    columns = sorted({model.encoding_.sources[j] for j in np.flatnonzero(read)})
    assert columns
    for i in columns:
        frame = points.head(3).copy()
        frame.isetitem(i, frame.iloc[:, i].astype(object).where(frame.index != 1, None))
        result = pd.read_sql(bn.to_sql_query(model, 'my "data"'), database(frame))
        outputs = result.loc[:, ~result.columns.str.startswith("score")]
        assert outputs.isna().all(axis=1).tolist() == [False, True, False], model.encoding_.columns[i]


def test_a_missing_column_is_an_error():
    # guards against SQLite, to which a quoted name that is no column is a text, and a text in arithmetic is 0
    model, points = fitted("table")
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        database(points.drop(columns="weight")).execute(bn.to_sql_query(model, 'my "data"'))


@pytest.mark.filterwarnings("ignore:column")
def test_new_categories_are_treated_as_in_predict():
    model, points = fitted("table")
    points = points.head(50).assign(colour="never seen")
    expected, program = model.predict(points), {}
    session = onnxruntime.InferenceSession(bn.to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"])
    assert_close(session.run(None, feeds(model, points, "float64"))[0][:, 0], expected, EXACT)
    exec(bn.to_numpy_source(model), program)
    assert_close(program["predict"](points.to_dict("list")), expected, EXACT)
    result = pd.read_sql(bn.to_sql_query(model, 'my "data"'), database(points))
    assert_close(result["prediction"].to_numpy(), expected, EXACT)


@pytest.mark.parametrize("name", ["one output", "blend"])
def test_nan_is_never_a_number(name):
    # guards against max(NaN, 0) = 0
    model, points = fitted(name)
    points, program = points[:3].copy(), {}
    points[1, 0] = np.nan
    session = onnxruntime.InferenceSession(bn.to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.isnan(session.run(None, {"X": points})[0][:, 0]).tolist() == [False, True, False]
    assert bn.to_torch(model)(torch.tensor(points)).isnan().tolist() == [False, True, False]
    exec(bn.to_numpy_source(model), program)
    with pytest.raises(ValueError, match="missing or infinite"):
        program["predict"](points)


def test_modules_train_copy_and_are_saved():
    # guards the module as a part of somebody's training: gradients, deep copies, state and pickles
    model, _ = fitted("blend")
    module, inputs = bn.to_torch(model), torch.tensor(X)
    before = module(inputs).detach()
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        with torch.no_grad():
            twin.hidden.weight.zero_()
        assert not torch.equal(twin(inputs), before)
        twin.load_state_dict(torch.load(file))
        file.seek(0)
        assert torch.equal(twin(inputs), before)
    module(inputs).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("knots", [[0.1], [0.1, 0.3], [1000.0001, 1000.0002, 1000.00021, 1000.01]])
def test_curves_rounded_to_single_are_the_same_at_single_numbers(knots):
    # guards float32 where knots lie closer together than its numbers
    knots = np.array(knots)
    places = np.linspace(-1.0, 1.0, len(knots)) if len(knots) > 1 else np.zeros(1)
    scaling = MonotoneScaling((knots,), (places,), np.array([2.0]))
    x = np.unique(np.r_[knots, knots + 1, knots - 1, np.linspace(knots[0], knots[-1], 99)].astype(np.float32))
    curve = Curve.through(knots, places, 2.0).rounded(np.float32)
    assert (curve.knots == curve.knots.astype(np.float32)).all()
    piece = np.searchsorted(curve.knots, x.astype(float), side="right")
    y = curve.values[piece] + curve.slopes[piece] * (x - curve.starts[piece])
    np.testing.assert_allclose(y, scaling.apply(x[:, None].astype(float))[:, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("export", [bn.to_onnx, bn.to_torch, bn.to_numpy_source, bn.to_sql])
def test_what_is_no_fitted_model_is_refused(export):
    with pytest.raises(NotFittedError):
        export(bn.BladeNetRegressor())
    with pytest.raises(TypeError, match="cannot export a dict: pass a fitted BladeNetRegressor"):
        export({})


def test_unsupported_types_are_refused():
    network, _ = fitted("network")
    with pytest.raises(ValueError, match="'float64' or 'float32', got 'float16'"):
        bn.to_onnx(network, dtype="float16")
    with pytest.raises(ValueError, match=r"got torch\.float16"):
        bn.to_torch(network, torch.float16)
    frame = pd.DataFrame({"k": pd.Categorical([1, "a", 2] * 5), "label": range(15)})
    mixed = bn.BladeNetRegressor(alpha=0.1, **PAIRS).fit(frame, np.arange(15.0))
    with pytest.raises(ValueError, match=r"column 'k' has values of types int, str.*convert it to strings"):
        bn.to_onnx(mixed)
    with pytest.raises(ValueError, match="called 'label', like a column: rename"):
        bn.to_onnx(bn.BladeNetRegressor(alpha=0.1, **PAIRS).fit(frame.assign(k=["u", "v", "w"] * 5), np.arange(15.0)))


@pytest.mark.parametrize("library", ["onnx", "torch"])
def test_a_missing_library_is_named(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf'pip install "bladenet\[{library}\]"'):
        getattr(bn, f"to_{library}")(fitted("network")[0])


def test_the_command_line_exports_by_suffix(tmp_path):
    # guards `bladenet export`: what it writes runs, and what it cannot write is said in one line
    (model, _), frame = fitted("table"), TABLE.rename_axis("id")
    bn.save_model(model, tmp_path / "model.json")
    for suffix in ("onnx", "py", "sql"):
        options = ["--table", "t", "--keep", "id"]
        arguments = ["export", str(tmp_path / "model.json"), str(tmp_path / f"out.{suffix}"), *options]
        assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    expected, program = model.predict(TABLE), {}
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx", providers=["CPUExecutionProvider"])
    assert_close(session.run(None, feeds(model, TABLE, "float64"))[0][:, 0], expected, EXACT)
    exec((tmp_path / "out.py").read_text(encoding="utf-8"), program)
    assert_close(program["predict"](TABLE), expected, EXACT)
    connection = sqlite3.connect(":memory:")
    frame.to_sql("t", connection)
    result = pd.read_sql((tmp_path / "out.sql").read_text(encoding="utf-8"), connection, index_col="id")
    assert_close(result["prediction"].sort_index().to_numpy(), expected, EXACT)
    refused = CliRunner().invoke(cli.app, ["export", str(tmp_path / "model.json"), str(tmp_path / "out.txt")])
    assert refused.exit_code == cli.BAD_INPUT
    assert "must end in .onnx or .py or .sql" in refused.output


def test_counts_are_exported_as_counts():
    # guards the logarithmic link: the network of a Poisson model computes the logarithm of what it predicts
    counts = np.random.default_rng(1).poisson(np.exp(Z[:, 0]))
    model = bn.BladeNetRegressor(alpha=1e-2, loss="poisson", scaling="standard", **QUICK).fit(X[:, :2], counts)
    far = points_for(model)
    farthest = far[np.argmax(model.network_.predict(model.scaling_.remaining.apply(far)))]
    points = np.vstack([X[:, :2], X[:, :2].mean(axis=0) + 1e3 * (farthest - X[:, :2].mean(axis=0))])
    expected = model.predict(points)
    assert (expected > 0).all()
    assert expected[-1] == np.exp(709.0)  # beyond, nothing goes
    source = {}
    exec(bn.to_numpy_source(model), source)
    np.testing.assert_allclose(source["predict"](points), expected, rtol=1e-12)
    with torch.no_grad():
        np.testing.assert_allclose(bn.to_torch(model)(torch.tensor(points)).numpy(), expected, rtol=1e-11)
    session = onnxruntime.InferenceSession(bn.to_onnx(model).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"X": points})[0][:, 0], expected, rtol=1e-11)
    result = pd.read_sql(bn.to_sql_query(model, 'my "data"', keep=["id"]), database(points)).sort_values("id")
    np.testing.assert_allclose(result["prediction"], expected, rtol=1e-12)
    session = onnxruntime.InferenceSession(bn.to_onnx(model, dtype="float32").SerializeToString())
    single = session.run(None, {"X": points.astype(np.float32)})[0][:, 0]
    with torch.no_grad():
        np.testing.assert_allclose(bn.to_torch(model, torch.float32)(torch.tensor(points).float()), single, rtol=1e-3)
    np.testing.assert_allclose(single, np.minimum(expected, np.exp(88.0)), rtol=1e-3)


def test_columns_to_keep_are_names_and_not_lost():
    model, points = fitted("two classes")
    table = database(points[:5])
    kept = pd.read_sql(bn.to_sql_query(model, 'my "data"', keep="id"), table)
    assert sorted(kept["id"]) == list(range(5))
    for name in ("prediction", "score", "bladenet_scored"):
        with pytest.raises(ValueError, match=f"the query has a column '{name}' of its own"):
            bn.to_sql_query(model, 'my "data"', keep=["id", name])
