"""Shapes: parts of a network as functions of one or two columns, which add up to it."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb

import bladenet as bn


def table(n=150):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    frame["colour"] = rng.choice(["red", "green", "blue"], size=n)
    y = 2.0 * np.abs(frame["c"]) + frame["a"] * frame["b"] + 2.0 * (frame["colour"] == "red") + 0.1 * rng.normal(size=n)
    return frame, y


@pytest.fixture(scope="module")
def model():
    X, y = table()
    return bn.BladeNetRegressor(alpha=0.02, norm=1, max_interaction=2, tol=1e-2).fit(X, y)


def test_effects_add_up_to_predictions(model):
    X, y = table()
    shapes = model.shapes(X, y)
    features = model.encoding_.matrix(X)
    total = sum(shape.effect(features) for shape in shapes)
    np.testing.assert_allclose(total, model.predict(X) - model.predict(X).mean(), atol=1e-9)
    assert sum(shape.share for shape in shapes) == pytest.approx(1.0)
    sizes = np.array([shape.effect(features).std() for shape in shapes])
    np.testing.assert_allclose([shape.importance for shape in shapes], sizes / sizes.sum())
    assert list(sizes) == sorted(sizes, reverse=True)


def test_values_are_those_of_the_part_alone(model):
    X, y = table()
    kinds = set()
    for shape in model.shapes(X, y):
        frame = shape.data()
        kinds.add(tuple(shape.numeric))
        rows = (
            X.head(1).loc[[0] * len(frame)].reset_index(drop=True).assign(**{name: frame[name] for name in shape.names})
        )
        names = set(shape.names)
        parts = [j for j, neuron in enumerate(model.explain().neurons) if set(neuron.columns) == names]
        contributions = model.explain_predictions(rows).values[:, parts].sum(axis=1)
        difference = contributions - frame["effect"]
        np.testing.assert_allclose(difference, difference[0], atol=1e-9)  # the mean, which is the same everywhere
        assert json.loads(json.dumps(shape.to_dict()))["columns"] == shape.names
        assert shape.plot().get_title(loc="left")
    assert {(True,), (True, True), (False,)} <= kinds | {kind[::-1] for kind in kinds}


def test_kinks_are_at_the_samples_named(model):
    X, y = table()
    shapes = [shape for shape in model.shapes(X, y) if shape.numeric == [True]]
    pinned = 0
    for shape in shapes:
        frame = shape.data()
        kinks = frame[frame["kink"]]
        name = shape.names[0]
        for row in kinks.itertuples(index=False):
            if row.sample is not pd.NA:
                assert X[name][row.sample] == pytest.approx(getattr(row, name), abs=1e-9)
                pinned += 1
        assert frame.loc[~frame["kink"], "sample"].isna().all()
    assert pinned


def test_without_data_the_curves_differ_by_their_means_only(model):
    X, y = table()
    for one, other in zip(model.shapes(X, y), model.shapes(), strict=True):
        frame, bare = one.data(), other.data()
        if one.numeric == [False]:
            merged = frame.merge(bare, on=one.names)
            difference = merged["effect_x"] - merged["effect_y"]
            np.testing.assert_allclose(difference, difference[0], atol=1e-9)


def test_average_effects_where_neurons_read_more():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = np.abs(X.sum(axis=1))
    shapes = bn.BladeNetRegressor(alpha=0.05, norm=2, tol=1e-2).fit(X, y).shapes(X, y)
    assert [len(shape.columns) for shape in shapes] == [1, 1, 1]
    assert all(np.isnan(shape.share) for shape in shapes)
    assert all(shape.to_dict()["share"] is None for shape in shapes)


def test_only_half_of_the_training_data_is_refused():
    X, y = table()
    model = bn.BladeNetRegressor(alpha=0.1).fit(X[["a"]], y)
    with pytest.raises(ValueError, match="both X and y"):
        model.shapes(X[["a"]])


@pytest.fixture(scope="module")
def classes():
    X, y = table()
    y = pd.Series(np.where(X["a"] * X["b"] > 0.5, "high", np.where(y > 2.0, "mid", "low")), name="level")
    settings = {"alpha": 0.005, "norm": 1, "max_interaction": 2, "tol": 5e-2}
    return bn.BladeNetClassifier(**settings).fit(X, y), X, y


def outputs_of(model, X):
    return model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)


@pytest.fixture(scope="module")
def outputs():
    X, y = table()
    Y = pd.DataFrame({"y": y, "other": X["b"] * (X["colour"] == "blue") + np.abs(X["a"] + X["b"])})
    return bn.BladeNetRegressor(alpha=0.02, norm=1, max_interaction=2, tol=5e-2).fit(X, Y), X, Y


@pytest.mark.parametrize("several", ["classes", "outputs"])
def test_effects_on_several_outputs_add_up_to_each(several, request):
    model, X, y = request.getfixturevalue(several)
    names = list(model.classes_) if several == "classes" else list(y.columns)
    shapes, values = model.shapes(X, y), outputs_of(model, X)
    features = model.encoding_.matrix(X)
    np.testing.assert_allclose(sum(s.effect(features) for s in shapes), values - values.mean(axis=0), atol=1e-9)
    assert sum(shape.share for shape in shapes) == pytest.approx(1.0)
    sizes = np.array([np.linalg.norm(shape.effect(features).std(axis=0)) for shape in shapes])
    np.testing.assert_allclose([shape.importance for shape in shapes], sizes / sizes.sum())
    for shape in shapes:
        frame = shape.data()
        assert [column for column in frame if column.startswith("effect")] == [f"effect[{name}]" for name in names]
        json.dumps(shape.to_dict())
    kinds = {(len(shape.columns), sum(shape.numeric)) for shape in shapes}
    assert {(1, 1), (2, 2)} <= kinds  # curves and maps are among them


@pytest.mark.parametrize("several", ["classes", "outputs"])
def test_pictures_of_several_outputs_have_a_line_or_bar_for_each(several, request):
    model, X, y = request.getfixturevalue(several)
    names = list(model.classes_) if several == "classes" else list(y.columns)
    for shape in model.shapes(X, y):
        ax = shape.plot()
        shown = [text.get_text() for legend in (ax.get_legend(), *ax.artists) for text in legend.get_texts()]
        assert set(names) <= set(shown)
        if shape.numeric == [True]:
            frame, lines = shape.data(), [line for line in ax.lines if len(line.get_xdata()) > 2]
            assert len(lines) == len(names)
            for name, line in zip(names, lines, strict=True):
                np.testing.assert_allclose(line.get_ydata(), frame[f"effect[{name}]"])
        if shape.numeric == [False]:
            frame = shape.data()
            widths = np.array([bar.get_width() for bar in ax.patches]).reshape(len(names), -1)
            np.testing.assert_allclose(widths, frame[[f"effect[{name}]" for name in names]].to_numpy().T)
        pyplot.close(ax.figure)
    axes = model.plot(X, y)
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names
    pyplot.close(axes.figure)


def test_a_map_has_the_colour_of_the_class_that_the_pair_favours(classes):
    model, X, y = classes
    shape = next(shape for shape in model.shapes(X, y) if shape.numeric == [True, True])
    ax = shape.plot()
    (image,) = ax.images
    frame, colours = shape.data(), np.asarray(image.get_array())
    effects = frame[[f"effect[{name}]" for name in model.classes_]].to_numpy()
    shares = np.exp(effects) / np.exp(effects).sum(axis=1, keepdims=True)  # written out, as the softmax is defined
    lines = ax.get_legend().get_lines()
    pale = [0.55 + 0.45 * np.array(to_rgb(line.get_color())) for line in lines]
    side = colours.shape[0]
    expected = (shares @ np.array(pale)).reshape(side, side, 3).transpose(1, 0, 2)  # data() runs along the second axis
    np.testing.assert_allclose(colours, expected, atol=1e-12)
    pyplot.close(ax.figure)


def test_average_effects_of_several_outputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    Y = np.column_stack([np.abs(X.sum(axis=1)), X[:, 0]])
    shapes = bn.BladeNetRegressor(alpha=0.05, norm=2, tol=5e-2).fit(X, Y).shapes(X, Y)
    assert [len(shape.columns) for shape in shapes] == [1, 1, 1]
    assert list(shapes[0].data())[1:3] == ["effect[output 0]", "effect[output 1]"]


def test_a_single_column_of_targets_is_one_output():
    X, y = table()
    column = bn.BladeNetRegressor(alpha=0.05, norm=1, max_interaction=1, tol=1e-2).fit(X, y.to_frame())
    alone = bn.BladeNetRegressor(alpha=0.05, norm=1, max_interaction=1, tol=1e-2).fit(X, y)
    assert column.shapes(X, y.to_frame())[0].data().equals(alone.shapes(X, y)[0].data())
    assert column.plot(X, y.to_frame()).get_title(loc="left") == alone.plot(X, y).get_title(loc="left")


def test_a_column_called_effect_is_kept_beside_the_effect():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["effect", "kink"])
    model = bn.BladeNetRegressor(alpha=0.01, norm=1, max_interaction=1, tol=1e-3).fit(frame, frame["effect"].abs())
    shape = next(shape for shape in model.shapes() if shape.names == ["effect"])
    found = shape.data()
    assert list(found.columns) == ["effect (data)", "effect", "kink", "sample"]
    assert found["effect (data)"].is_monotonic_increasing


@pytest.mark.parametrize("features", [1, 2, 3])
def test_shapes_and_pictures_of_neurons_that_pass_through_no_sample(features, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, features)) + 0.3
    settings = {} if features == 1 else {"norm": 1, "max_interaction": 1}
    model = bn.BladeNetRegressor(alpha=0.01, bias=False, scaling="standard", **settings).fit(X, np.abs(X).sum(axis=1))
    assert not len(model.evidence_.index)
    for shape in model.shapes():
        assert np.isfinite(shape.data()["effect"]).all()
        shape.plot()
    model.report(tmp_path / "report.html")
