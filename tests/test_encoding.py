"""Data frames of pandas and polars: the same features from both, nothing missing, nothing guessed."""

import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bladenet as bn
from bladenet.checks import is_frame
from bladenet.encoding import FEW_LEVELS, Encoding

TABLE = {
    "size": [1.5, 2.5, 0.5, 4.0, 3.0, 1.0],
    "rooms": [1, 2, 1, 3, 2, 1],
    "colour": ["red", "blue", "green", "red", "blue", "red"],
    "sex": ["male", "female", "male", "male", "female", "male"],
    "sold": [True, False, True, True, False, False],
}
FEATURES = ("size", "rooms", "colour=blue", "colour=green", "colour=red", "sex=male", "sold=True")
MATRIX = np.array(
    [
        [1.5, 1, 0, 0, 1, 1, 1],
        [2.5, 2, 1, 0, 0, 0, 0],
        [0.5, 1, 0, 1, 0, 1, 1],
        [4.0, 3, 0, 0, 1, 1, 1],
        [3.0, 2, 1, 0, 0, 0, 0],
        [1.0, 1, 0, 0, 1, 1, 0],
    ]
)
FRAMES = {
    "pandas": pd.DataFrame(TABLE),
    "polars": pl.DataFrame(TABLE),
    "pandas object": pd.DataFrame(TABLE).astype(object),
    "pandas category": pd.DataFrame(TABLE).astype({"colour": "category", "sex": "category", "rooms": "Int8"}),
    "pandas nullable": pd.DataFrame(TABLE).convert_dtypes(),
    "polars category": pl.DataFrame(TABLE).with_columns(pl.col("colour", "sex").cast(pl.Categorical)),
    "polars narrow": pl.DataFrame(TABLE).with_columns(pl.col("size").cast(pl.Float32), pl.col("rooms").cast(pl.UInt8)),
}


def encoding_of(frame, kept=None):
    kept = np.ones(len(frame), dtype=bool) if kept is None else np.array(kept)
    return Encoding.of_frame(frame, frame.columns, kept)[0]


@pytest.mark.parametrize("name", FRAMES)
def test_every_kind_of_frame_gives_the_same_features(name):
    encoding = encoding_of(FRAMES[name])
    assert encoding.features == FEATURES
    assert encoding.sources == (0, 1, 2, 2, 2, 3, 4)
    for frame in FRAMES.values():  # trained on one kind, used on another
        np.testing.assert_array_equal(encoding.matrix(frame), MATRIX)
    assert encoding.matrix(FRAMES[name]).dtype == np.float64


def test_rows_are_decoded():
    encoding = encoding_of(FRAMES["pandas"])
    for i, row in enumerate(MATRIX):
        assert encoding.values(row) == {name: values[i] for name, values in TABLE.items()}
    assert encoding.values(np.zeros(7)) == {"size": 0.0, "rooms": 0.0, "colour": None, "sex": "female", "sold": False}
    opposites = [encoding.opposite(c) for c in range(7)]
    assert opposites == [
        None,
        None,
        "not colour=blue",
        "not colour=green",
        "not colour=red",
        "sex=female",
        "sold=False",
    ]


def test_declared_orders_are_kept_and_unused_categories_left_out():
    levels = ["small", "medium", "huge", "large"]
    values = ["large", "small", "medium", "small"]
    for frame in (
        pd.DataFrame({"size": pd.Categorical(values, categories=levels, ordered=True)}),
        pl.DataFrame({"size": pl.Series(values, dtype=pl.Enum(levels))}),
    ):
        assert encoding_of(frame).features == ("size=small", "size=medium", "size=large")
    codes = pd.DataFrame({"zone": pd.Categorical([10, 9, 10, 11])})
    assert encoding_of(codes).features == ("zone=9", "zone=10", "zone=11")
    bins = pd.DataFrame({"age": pd.cut([1, 5, 9], [0, 4, 8, 12])})
    assert encoding_of(bins).features == ("age=(0, 4]", "age=(4, 8]", "age=(8, 12]")


def test_rows_of_weight_zero_do_not_add_categories():
    kept = [True, True, False, True, True, True]
    encoding = encoding_of(FRAMES["pandas"], kept)
    assert encoding.features[2:4] == ("colour=red", "sex=male")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_unknown_categories_are_no_known_one_and_warned_about(make):
    encoding = encoding_of(make(TABLE))
    new = make(TABLE | {"colour": ["red", "pink", "pink", "teal", "red", "red"]})
    with pytest.warns(UserWarning, match=re.escape("column 'colour' has categories not seen in training: 'pink', ")):
        X = encoding.matrix(new)
    np.testing.assert_array_equal(X[1:4, 2:5], 0.0)
    np.testing.assert_array_equal(X[0], MATRIX[0])
    with pytest.warns(
        UserWarning,
        match=re.escape("'other'; 1 row, the first is row 5 (counting from 0). They are treated like 'female'"),
    ):
        encoding.matrix(make(TABLE | {"sex": [*TABLE["sex"][:5], "other"]}))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_missing_and_infinite_values_are_refused_with_columns_rows_and_remedy(make):
    holes = make(TABLE | {"size": [1.0, None, 2.0, float("nan"), 3.0, 4.0], "sex": [*TABLE["sex"][:5], None]})
    expected = (
        "X has missing values: 2 in column 'size', the first in row 1 (counting from 0); 1 in column 'sex', the "
        "first in row 5 (counting from 0). "
    )
    for use in (encoding_of, encoding_of(make(TABLE)).matrix):
        with pytest.raises(ValueError, match=re.escape(expected)) as caught:
            use(holes)
        assert ("X.dropna()" if make is pd.DataFrame else "X.drop_nulls()") in str(caught.value)
    infinite = make(TABLE | {"size": [1.0, 2.0, -np.inf, 3.0, 4.0, 5.0]})
    with pytest.raises(
        ValueError, match=re.escape("infinite values: 1 in column 'size', the first in row 2 (counting from 0)")
    ):
        encoding_of(infinite)


@pytest.mark.parametrize("holes", [pd.NA, None, np.nan, pd.NaT])
def test_every_kind_of_missing_value_is_found(holes):
    with pytest.raises(ValueError, match=r"1 in column 'a', the first in row 1 \(counting from 0\)"):
        encoding_of(pd.DataFrame({"a": pd.Series([1.0, holes, 3.0], dtype=object)}))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"])}),
            "'when' holds neither .* type Timestamp",
        ),
        (pl.DataFrame({"many": [[1], [2]]}), "'many' holds neither numbers nor categories but values of type list"),
        (pd.DataFrame({"mixed": [1, "a"]}), r"'mixed' holds neither .* type int, str \(such as 1\)"),
        (pd.DataFrame({"z": [1 + 2j, 3.0]}), "'z' holds neither .* complex"),
        (pd.DataFrame({"id": [f"n{i}" for i in range(20)]}), "'id' has 20 different texts in 20 rows, .* drop it"),
        (
            pl.DataFrame({"a": [*map(str, range(20)), "?"]}),
            r"'a' holds numbers as text, '\?' in row 20 \(counting from 0\)",
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several features called 'a': rename"),
        (pd.DataFrame({"a=x": [1, 2], "a": ["x", "y"], "b": [1, 2]}).rename(columns={"a=x": "a=y"}), "called 'a=y'"),
        (pd.DataFrame({"a": []}), r"X is empty: it has shape \(0, 1\)"),
        (pl.DataFrame(), "X is empty"),
    ],
)
def test_what_is_neither_numbers_nor_categories_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        encoding_of(frame)


def test_codes_and_long_texts_of_few_values_are_categories():
    frame = pd.DataFrame({"code": [str(i % FEW_LEVELS) for i in range(30)], "town": ["Ulm", "Bonn", "Kiel"] * 10})
    assert len(encoding_of(frame).features) == FEW_LEVELS + 3


def test_numbers_must_stay_numbers():
    encoding = encoding_of(pd.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="held numbers in training, but holds 'x' in row 1 \\(counting from 0\\)"):
        encoding.matrix(pd.DataFrame({"a": [True, "x"]}))
    np.testing.assert_array_equal(encoding.matrix(pl.DataFrame({"a": [True, False]})), [[1.0], [0.0]])


def test_only_data_frames_are_frames():
    class Special(pd.DataFrame):
        pass

    assert is_frame(Special({"a": [1]}))
    assert not any(map(is_frame, (np.ones((2, 2)), [[1.0]], pd.Series([1.0]), pl.Series([1.0]))))
    with pytest.raises(TypeError, match=r"pass X.collect\(\)"):
        is_frame(pl.LazyFrame({"a": [1]}))


@pytest.mark.parametrize(
    ("blocked", "library"), [("polars", "pandas"), pytest.param("pandas pyarrow", "polars", marks=pytest.mark.slow)]
)
def test_neither_library_is_needed_for_the_other(blocked, library):
    code = """if True:
        import json, sys
        from importlib.machinery import PathFinder
        blocked = sys.argv[1].split()

        class Hiding:  # as if the blocked libraries were not installed
            def find_spec(self, name, path=None, target=None):
                return None if name.split(".")[0] in blocked else PathFinder.find_spec(name, path, target)

        sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding()
        import numpy as np, bladenet as bn
        model = bn.BladeNetRegressor(alpha=0.1).fit(np.arange(9.0)[:, None], np.arange(9.0))
        library = __import__(sys.argv[2])
        frame = library.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": ["x", "y", "x", "x"]})
        model.fit(frame, [1.0, 2.0, 3.0, 5.0]).predict(frame)
        print(json.dumps([model.encoding_.features, [m for m in blocked if m in sys.modules]]))
    """
    command = [sys.executable, "-c", code, blocked, library]
    shown = subprocess.run(command, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == [["a", "b=y"], []]


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.uniform(18, 80, 60).round(1), "sex": rng.choice(["f", "m"], 60)})
    return frame, 0.1 * (frame["age"] - 40).clip(lower=0) + 2.0 * (frame["sex"] == "m") + 0.1 * rng.normal(size=60)


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_estimators_take_frames(mixed, convert):
    if convert is pl.from_pandas:
        convert = lambda frame: pl.DataFrame(frame.to_dict(orient="list"))  # noqa: E731 - from_pandas needs pyarrow
    frame, y = convert(mixed[0]), mixed[1]
    model = bn.BladeNetRegressor(alpha=0.01, norm=1, scaling="standard").fit(frame, y)
    assert model.feature_names_in_.tolist() == ["age", "sex"]
    assert model.n_features_in_ == 2
    matrix = np.column_stack([mixed[0]["age"], mixed[0]["sex"] == "m"]).astype(float)
    plain = bn.BladeNetRegressor(alpha=0.01, norm=1, scaling="standard").fit(matrix, y)
    np.testing.assert_array_equal(model.predict(frame), plain.predict(matrix))
    assert model.score(frame, y) > 0.9
    labels = np.where(y > 2, "high", "low")
    classifier = bn.BladeNetClassifier(alpha=0.001, scaling="standard").fit(frame, labels)
    assert classifier.score(frame, labels) > 0.9
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["sex", "age"]])
    with pytest.raises(ValueError, match="DataFrame with the columns 'age', 'sex', not ndarray"):
        model.predict(matrix)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(frame)


def test_estimators_check_targets_and_weights_of_frames(mixed):
    frame, y = mixed
    for bad, message in [
        (y.to_numpy()[:5], "inconsistent numbers of samples"),
        (np.full(60, np.nan), "NaN"),
        (None, "y cannot be None|requires y to be passed"),
    ]:
        with pytest.raises(ValueError, match=message):
            bn.BladeNetRegressor().fit(frame, bad)
    weight = (frame["sex"] == "f").to_numpy().astype(float)
    model = bn.BladeNetRegressor(alpha=0.01).fit(frame.assign(age=1.0 * frame["age"]), y, sample_weight=weight)
    assert model.encoding_.features == ("age", "sex=f")


def test_numeric_frames_and_arrays_are_one(mixed):
    frame, y = mixed
    numbers = frame[["age"]]
    model = bn.BladeNetRegressor(alpha=0.1).fit(numbers, y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(model.predict(numbers.to_numpy()), model.predict(numbers))
    unnamed = bn.BladeNetRegressor(alpha=0.1).fit(numbers.to_numpy(), y)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        np.testing.assert_array_equal(unnamed.predict(numbers), model.predict(numbers))
