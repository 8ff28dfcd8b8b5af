"""Contributions of neurons to predictions, samples that neurons rest on, and optima without some samples."""

import json

import numpy as np
import pandas as pd
import pytest

import bladenet as bn
from bladenet.losses import QuantileLoss


def table(d, n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = 100.0 + 10.0 * rng.normal(size=(n, d))
    signal = np.abs(X[:, 0] - 100.0) + 0.5 * X[:, -1]
    return X, signal + rng.normal(size=n)


def classes(y, count):
    return (
        np.array(["low", "middle", "high"])[np.digitize(y, np.quantile(y, [0.33, 0.66]))]
        if count == 3
        else y > np.median(y)
    )


REGRESSORS = [
    (1, {}),
    (1, {"norm": 1}),
    (2, {}),
    (2, {"norm": 1}),
    (2, {"bias": False}),
    (3, {"norm": 1, "bias": False}),
    (2, {"loss": "huber"}),
    (2, {"loss": "quantile"}),
    (1, {"loss": QuantileLoss(0.9)}),
    (2, {"loss": "poisson"}),
    (2, {"scaling": "standard"}),
    (2, {"scaling": "rank", "norm": 1}),
    (8, {"norm": 1, "max_interaction": 2}),
    (5, {"norm": 1, "max_interaction": 1}),
    (2, {"vertices_only": True}),
    (1, {"alpha": 1e6}),
]
CLASSIFIERS = [
    (2, 2, {}),
    (2, 2, {"norm": 1, "loss": "hinge"}),
    (6, 2, {"norm": 1, "max_interaction": 2}),
    pytest.param(2, 3, {}, marks=pytest.mark.slow),
    (2, 3, {"output_norm": 1}),
]


@pytest.mark.parametrize(("d", "settings"), REGRESSORS)
def test_contributions_sum_to_predictions(d, settings):
    X, y = table(d)
    y = np.round(np.abs(y - 50.0) / 10.0) if settings.get("loss") == "poisson" else y
    model = bn.BladeNetRegressor(**{"alpha": 0.05, "tol": 1e-3, **settings}).fit(X, y)
    found = model.explain_predictions(X)
    expected = np.log(model.predict(X)) if settings.get("loss") == "poisson" else model.predict(X)
    np.testing.assert_allclose(found.outputs, expected, rtol=1e-10)
    check_sums(found, model, X)


@pytest.mark.parametrize(("d", "count", "settings"), CLASSIFIERS)
def test_contributions_sum_to_scores(d, count, settings):
    X, y = table(d)
    model = bn.BladeNetClassifier(alpha=0.02, tol=1e-3, **settings).fit(X, classes(y, count))
    found = model.explain_predictions(X)
    np.testing.assert_allclose(found.outputs, model.decision_function(X), rtol=1e-10)
    check_sums(found, model, X)


def check_sums(found, model, X):
    size = np.abs(found.outputs).max()
    np.testing.assert_allclose(found.values.sum(axis=1) + found.intercept, found.outputs, rtol=1e-10, atol=1e-10 * size)
    frame = found.data()
    columns = [name for name in frame.columns if name.startswith("contribution")]
    sums = frame.groupby("row")[columns].sum().to_numpy().reshape(found.outputs.shape)
    np.testing.assert_allclose(sums, found.outputs, rtol=1e-10, atol=1e-10 * size)
    # a contribution is amplitude times distance, and nothing is said of neurons that are inactive
    neurons = frame[frame.neuron.notna()]
    assert (neurons.distance > 0).all()
    for name in columns:
        amplitude = neurons[name.replace("contribution", "amplitude")]
        np.testing.assert_allclose(neurons[name], amplitude * neurons.distance, rtol=1e-12)
    shares = json.loads(json.dumps(found.to_dict()))["samples"]
    assert len(shares) == len(X)
    total = [np.sum([part["contribution"] for part in sample["contributions"]], axis=0) for sample in shares]
    expected = found.outputs - found.intercept
    np.testing.assert_allclose(np.reshape(total, expected.shape), expected, rtol=1e-9, atol=1e-9 * size)


def test_distances_are_those_from_the_hyperplanes_of_the_defining_samples():
    X, y = table(2)
    model = bn.BladeNetRegressor(alpha=0.05, norm=1).fit(X, y)
    explanation, found = model.explain(), model.explain_predictions(X)
    vertices = [k for k, neuron in enumerate(explanation.neurons) if len(neuron.samples) == 2]
    assert vertices
    for k in vertices:
        (x0, y0), (x1, y1) = (X[sample.index] for sample in explanation.neurons[k].samples)
        # twice the area of the triangle over its base
        expected = np.abs((x1 - x0) * (X[:, 1] - y0) - (y1 - y0) * (X[:, 0] - x0)) / np.hypot(x1 - x0, y1 - y0)
        active = found.distances[:, k] > 0
        assert active.any()
        np.testing.assert_allclose(found.distances[active, k], expected[active], rtol=1e-7, atol=1e-9)


def test_text_and_picture_of_a_prediction():
    X, y = table(2)
    frame = pd.DataFrame(X, columns=["age", "weight"])
    model = bn.BladeNetRegressor(alpha=0.001).fit(frame, y)
    found = model.explain_predictions(frame[:3])
    assert str(found).count("intercept") == 3
    assert "row 2: prediction = " in str(found)
    ax = found.plot(row=1)
    assert "Row 1" in ax.get_title(loc="left")
    assert any("age" in label.get_text() for label in ax.get_yticklabels())
    starts = [bar.get_x() for bar in ax.patches]
    assert starts[0] == pytest.approx(found.intercept)
    ends = [bar.get_x() + bar.get_width() for bar in ax.patches]
    assert ends[:-1] == pytest.approx(starts[1:])
    assert ends[-1] == pytest.approx(found.outputs[1])  # the last bar ends at the prediction
    with pytest.raises(IndexError, match="row must be 0 to 2, got 3"):
        found.plot(row=3)
    with pytest.raises(ValueError, match="features"):
        model.explain_predictions(np.ones((2, 3)))


def test_leverage_lists_what_rests_on_each_sample():
    X, y = table(2)
    model = bn.BladeNetRegressor(alpha=0.05).fit(X, y)
    explanation = model.explain()
    frame = explanation.leverage()
    for row in frame.itertuples():
        assert (row.x0, row.x1) == tuple(X[row.sample])
        assert row.target == y[row.sample]
        assert set(row.neurons) == {j for j, blade in enumerate(model.blades_) if row.sample in blade.samples}
        assert row.importance == pytest.approx(np.linalg.norm(model.evidence_.importance[list(row.neurons)]))
        assert row.share == pytest.approx(model.evidence_.share[list(row.neurons)].sum())
    assert set(frame["sample"]) == {i for blade in model.blades_ for i in blade.samples}
    assert (np.diff(frame["importance"]) <= 0).all()


def test_shares_of_terms_are_drawn():
    X, y = table(3)
    explanation = bn.BladeNetRegressor(alpha=0.05, norm=1, max_interaction=2, tol=1e-2).fit(X, y).explain()
    ax = explanation.plot()
    widths = [bar.get_width() for bar in ax.patches]
    features = explanation.features()
    assert widths == pytest.approx(sorted(100 * features["importance"][features["neurons"] > 0], reverse=True))
    assert sum(widths) == pytest.approx(100.0)


def test_a_part_that_opposes_the_others_counts_by_its_size():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 150))
    X = np.column_stack([a, 0.9 * a + 0.1 * b, rng.normal(size=150)])
    model = bn.BladeNetRegressor(alpha=1e-3, norm=1, max_interaction=1, tol=1e-3).fit(
        X, 3.0 * X[:, 0] - 2.0 * X[:, 1] + 0.05 * X[:, 2]
    )
    features = model.explain().features().set_index("term")
    assert features.loc["x1", "share"] < 0.0 < features.loc["x2", "importance"] < features.loc["x1", "importance"]
    assert [shape.names[0] for shape in model.shapes()] == ["x0", "x1", "x2"]
    np.testing.assert_allclose(model.feature_importances_, features["importance"][["x0", "x1", "x2"]])
    drawn = np.array([shape.effect(X).std() for shape in model.shapes()])
    np.testing.assert_allclose(drawn / drawn.sum(), features["importance"][["x0", "x1", "x2"]])


@pytest.mark.parametrize("settings", [{}, {"norm": 1, "max_interaction": 1, "scaling": "rank"}])
def test_what_if_is_the_training_without_the_sample(settings):
    X, y = table(2)
    model = bn.BladeNetRegressor(alpha=0.05, **settings).fit(X, y)
    i = int(model.explain().leverage()["sample"][0])
    found = model.what_if(X, y, without=[i])
    assert found.certificate_after.status is bn.Status.GLOBAL
    scaled = model.scaling_.apply(X)
    names = {key: value for key, value in settings.items() if key != "scaling"}
    alone = bn.train(np.delete(scaled, i, axis=0), np.delete(y, i), beta=model.beta_, **names)
    assert found.certificate_after.objective == pytest.approx(alone.certificate.objective, rel=3e-6)
    np.testing.assert_allclose(found.outputs_after, alone.network.predict(scaled), atol=0.02 * np.ptp(y))
    np.testing.assert_allclose(found.outputs_before, model.predict(X), rtol=1e-9)
    # leaving a sample out cannot raise the optimum
    assert found.certificate_after.lower_bound <= found.certificate_before.objective
    frame = found.data()
    assert frame.index[frame.left_out].tolist() == [i]
    assert f"row {i}" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["without"] == [i]
    assert f"row {i}" in found.plot().get_title(loc="left")


@pytest.mark.slow
def test_what_if_of_classes_keeps_their_weights():
    X, y = table(2, n=30)
    labels = classes(y, 3)
    model = bn.BladeNetClassifier(alpha=0.02, class_weight="balanced", tol=1e-3).fit(X, labels)
    found = model.what_if(X, labels, without=[3, 0, 3])
    assert found.without == (0, 3)
    assert found.outputs_after.shape == (30, 3)
    assert found.fit.problem.sample_weight[[0, 3]].tolist() == [0.0, 0.0]
    kept = np.delete(np.arange(30), [0, 3])
    counts = {label: (labels == label).sum() for label in labels}
    np.testing.assert_allclose(found.fit.problem.sample_weight[kept], [10 / counts[label] for label in labels[kept]])


@pytest.mark.parametrize(
    ("without", "message"),
    [([60], "without has row 60, but X has rows 0 to 59"), ([], "one or more row numbers"), ([0.5], "row numbers")],
)
def test_what_if_refuses_rows_that_do_not_exist(without, message):
    X, y = table(2)
    model = bn.BladeNetRegressor(alpha=0.05).fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.what_if(X, y, without=without)


def test_what_if_needs_the_training_data():
    X, y = table(2)
    model = bn.BladeNetRegressor(alpha=0.05).fit(X, y)
    with pytest.raises(ValueError, match="pass the training data"):
        model.what_if(X[::-1], y, without=[0])


def test_what_if_counts_faces_as_the_same_only_with_the_same_direction():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 3))
    y = np.abs(X @ [1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=80)
    model = bn.BladeNetRegressor(alpha=0.05, norm=2, scaling=None, tol=1e-4).fit(X, y)
    found = model.what_if(X, y, without=list(range(0, 80, 3)))
    assert not any(blade.is_vertex for blade in model.blades_)  # else this shows nothing
    assert found.kept == 0


def test_what_if_of_a_repeated_sample_keeps_all_neurons():
    x = np.arange(8.0)
    X, y = np.r_[x, x][:, None], np.r_[np.abs(x - 3), np.abs(x - 3)]
    model = bn.BladeNetRegressor(alpha=1e-3, norm=1, max_interaction=None, scaling=None, tol=1e-6).fit(
        X, y, sample_weight=np.r_[np.ones(8), 1e-9 * np.ones(8)]
    )
    weight = np.r_[np.ones(8), 1e-9 * np.ones(8)]
    found = model.what_if(X, y, [11], sample_weight=weight)
    assert found.kept == found.neurons_before == found.neurons_after > 0


def test_what_if_of_a_single_column_of_targets():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1))
    y = np.abs(X)
    found = bn.BladeNetRegressor(alpha=0.01).fit(X, y).what_if(X, y, without=[3])
    assert found.changes.shape == (30,)


def test_what_if_refuses_forgotten_weights():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y, weight = np.abs(X[:, 0]) + 0.1 * rng.normal(size=40), rng.integers(1, 5, size=40)
    model = bn.BladeNetRegressor(alpha=0.05).fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match="as they were given to fit"):
        model.what_if(X, y, without=[3])
    assert model.what_if(X, y, without=[3], sample_weight=weight).certificate_after.status is bn.Status.GLOBAL


def test_leverage_keeps_columns_that_are_called_like_its_own():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 2)), columns=["importance", "sample"])
    explanation = bn.BladeNetRegressor(alpha=0.02).fit(frame, frame["importance"].abs()).explain()
    found = explanation.leverage()
    assert list(found.columns[:3]) == ["sample", "importance (data)", "sample (data)"]
    rows = found["sample"].to_numpy()
    np.testing.assert_array_equal(found["importance (data)"], frame["importance"].to_numpy()[rows])


def test_predictions_of_a_constant_network_are_explained():
    x = np.arange(6.0)[:, None]
    found = bn.BladeNetRegressor(alpha=1e6).fit(x, x[:, 0]).explain_predictions(x[:2])
    assert str(found).startswith("row 0: prediction = 2.5")
    assert len(found.data()) == 2
    assert found.plot(1).get_title(loc="left") == "Row 1: prediction = 2.5"


def test_what_is_infinite_before_an_exact_fit_is_none_in_json():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    model = bn.BladeNetRegressor(alpha=0.0, time_limit=1e-3).fit(X, y)
    assert np.isinf(model.certificate_.objective)
    fields = json.loads(json.dumps(model.explain().to_dict(), allow_nan=False))
    assert fields["certificate"]["objective"] is None
    found = model.what_if(X, y, without=[0])
    json.dumps(found.to_dict(), allow_nan=False)


def test_an_exact_fit_is_explained_with_the_weights_of_the_samples():
    x, y, weight = np.arange(5.0)[:, None], np.array([0.0, 1, 0, 2, 0]), np.array([1.0, 1, 1, 1, 10])
    repeated = np.repeat(np.arange(5), weight.astype(int))
    weighted = bn.BladeNetRegressor(alpha=0).fit(x, y, sample_weight=weight).explain().data()
    longer = bn.BladeNetRegressor(alpha=0).fit(x[repeated], y[repeated]).explain().data()
    for name in ("importance", "share"):
        np.testing.assert_allclose(weighted[name], longer[name], rtol=1e-9)


def test_what_if_refuses_to_leave_out_everything():
    x = np.arange(5.0)[:, None]
    with pytest.raises(ValueError, match="names all 5 rows"):
        bn.BladeNetRegressor(alpha=0.1).fit(x, x[:, 0]).what_if(x, x[:, 0], without=range(5))
