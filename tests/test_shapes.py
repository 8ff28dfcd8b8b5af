"""Shapes: parts of a network as functions of one or two columns, which add up to it."""

import json

import numpy as np
import pandas as pd
import pytest

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
    assert [shape.share for shape in shapes] == sorted((shape.share for shape in shapes), reverse=True)


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


def test_what_has_no_shapes_is_refused():
    X, y = table()
    classifier = bn.BladeNetClassifier(alpha=0.1, tol=1e-2).fit(X[["a", "b"]], np.arange(len(X)) % 3)
    with pytest.raises(ValueError, match="of one output"):
        classifier.shapes()
    model = bn.BladeNetRegressor(alpha=0.1).fit(X[["a"]], y)
    with pytest.raises(ValueError, match="both X and y"):
        model.shapes(X[["a"]])


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
