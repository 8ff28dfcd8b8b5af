"""Explanations: true about the network, complete, and readable."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import bladenet as bn
from bladenet.display import short
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.formulas import number


@pytest.fixture(scope="module")
def motorcycle():
    data = bn.datasets.load_motorcycle()
    return data, BladeNetRegressor(alpha=1.0).fit(data.frame[["time_ms"]], data.y)


@pytest.fixture(scope="module")
def plane():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(30, 2)) * [1.0, 20.0] + [0.0, 100.0], columns=["longitude", "latitude"])
    y = np.abs(X["longitude"]) + 0.02 * np.abs(X["latitude"] - 100.0) + 0.1 * rng.normal(size=30)
    return X, y.to_numpy()


CASES = [
    {"norm": 2, "bias": True, "scaling": None},
    {"norm": 2, "bias": True, "scaling": "standard"},
    {"norm": 1, "bias": True, "scaling": "standard"},
    {"norm": 1, "bias": False, "scaling": None},
    {"norm": 2, "bias": False, "scaling": "standard"},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_what_is_said_about_every_neuron_holds(plane, settings):
    X, y = plane
    model = BladeNetRegressor(alpha=0.01, **settings).fit(X, y)
    explanation = model.explain()
    assert sorted(n.neuron for n in explanation.neurons) == list(range(len(model.network_)))
    assert len(explanation.neurons) > 2
    total = np.full(len(y), explanation.intercept)
    for neuron in explanation.neurons:
        h = X.to_numpy() @ neuron.weights + neuron.bias
        size = np.abs(h).max()
        for sample in neuron.samples:
            assert abs(h[sample.index]) < 1e-9 * size
            assert sample.features == tuple(X.iloc[sample.index])
            assert sample.target == y[sample.index]
        assert neuron.acts_on == (h > 1e-8 * size).sum()
        contribution = neuron.amplitude * np.maximum(h, 0.0)
        assert neuron.importance == pytest.approx(contribution.std(), rel=1e-6)
        unused = set(X.columns) - set(neuron.coordinates)
        assert all(neuron.weights[X.columns.get_loc(name)] == 0.0 for name in unused)
        needed = len(neuron.coordinates) - 1 + settings["bias"]
        assert (neuron.kind == "vertex") == (len(neuron.samples) == needed) == (neuron.orientation != 0)
        total += contribution
    np.testing.assert_allclose(model.predict(X), total, atol=1e-9)
    importances = [n.importance for n in explanation.neurons]
    assert importances == sorted(importances, reverse=True)


def test_the_formulas_of_one_feature_add_up_to_the_prediction(motorcycle):
    data, model = motorcycle
    explanation = model.explain()
    total = np.full(133, explanation.intercept)
    for neuron in explanation.neurons:
        formula = neuron.formula.replace("−", "-")
        rising = re.fullmatch(r"(\S+) · \(time_ms ([-+]) (\S+)\)\+", formula)
        falling = re.fullmatch(r"(\S+) · \((\S+) - time_ms\)\+", formula)
        assert (rising is None) != (falling is None)
        if rising:
            coefficient, hinge = float(rising[1]), data.X[:, 0] + float(rising[2] + rising[3])
        else:
            coefficient, hinge = float(falling[1]), float(falling[2]) - data.X[:, 0]
        total += coefficient * np.maximum(hinge, 0.0)
    np.testing.assert_allclose(model.predict(data.frame[["time_ms"]]), total, atol=0.05)


def test_the_formulas_of_two_features_add_up_to_the_prediction(plane):
    X, y = plane
    model = BladeNetRegressor(alpha=0.01, scaling="standard").fit(X, y)
    total = np.full(30, model.explain().intercept)
    for neuron in model.explain().neurons:
        amplitude, inside = re.fullmatch(r"(\S+) · relu\((.*)\)", neuron.formula.replace("−", "-")).groups()
        value = eval(inside.replace("·", "*"), {"__builtins__": {}}, {name: X[name] for name in X})
        total += float(amplitude) * np.maximum(value, 0.0)
    np.testing.assert_allclose(model.predict(X), total, atol=0.01)


def test_text_names_the_certificate_the_features_and_the_defining_samples(motorcycle):
    data, model = motorcycle
    text = str(model.explain())
    first = model.explain().neurons[0]
    (sample,) = first.samples
    assert f"{len(model.network_)} neurons, trained on 133 training samples with time_ms." in text
    assert f"GLOBAL (gap {short(model.certificate_.gap)}). Globally optimal: no ReLU network of any width" in text
    assert f"prediction = {number(model.network_.intercept)} + the neurons below." in text
    assert "importance is the standard deviation of the neuron's contribution" in text
    assert f"its kink is at sample {sample.index} (orientation" in text
    time, acceleration = number(data.X[sample.index, 0]), number(data.y[sample.index])
    assert f"sample {sample.index}: time_ms = {time}; target {acceleration}" in text
    assert f"acts on {first.acts_on} of 133 training samples" in text


def test_faces_are_not_passed_off_as_determined_by_samples():
    data = bn.datasets.load_penguins()
    model = BladeNetClassifier(alpha=0.1, scaling="standard").fit(data.frame[list(data.feature_names)], data.y)
    faces = [n for n in model.explain().neurons if n.kind == "face"]
    assert faces
    text = str(model.explain())
    for face in faces:
        (sample,) = face.samples
        assert face.orientation == 0
        assert f"touches sample {sample.index}, direction set by the samples it acts on" in text
        assert sample.target in ("female", "male")
        assert sample.target == data.y[sample.index]
        assert f"target {sample.target}" in text
    assert "score (positive for class male) = " in text


def test_without_bias_hyperplanes_pass_through_the_origin():
    X = np.array([[-2.0], [-1.0], [1.0], [3.0]])
    explanation = BladeNetRegressor(alpha=0.01, bias=False).fit(X, [4.0, 2.0, 1.0, 3.0]).explain()
    assert {re.sub(r"^\S+ · ", "", n.formula) for n in explanation.neurons} == {"(x0)+", "(−x0)+"}
    assert "its kink is at the origin (orientation" in str(explanation)


def test_sparse_weights_are_described_by_the_features_they_use():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    text = str(BladeNetRegressor(alpha=0.05, norm=1).fit(X, np.abs(X[:, 0])).explain())
    assert "reads x0 only" in text


def test_a_constant_network_is_explained():
    explanation = BladeNetRegressor(alpha=100.0).fit([[0.0], [1.0]], [1.0, 2.0]).explain()
    assert explanation.neurons == ()
    assert "prediction = 1.5 for every sample." in str(explanation)
    assert len(explanation.data()) == 0
    assert "formula" in explanation.data().columns


def test_data_and_dictionary_hold_the_exact_numbers(plane):
    X, y = plane
    model = BladeNetRegressor(alpha=0.01).fit(X, y)
    frame = model.explain().data()
    order = frame["neuron"].to_numpy()
    np.testing.assert_array_equal(
        frame[["weight[longitude]", "weight[latitude]"]].to_numpy(), model.network_.weights[order]
    )
    np.testing.assert_array_equal(frame["amplitude"], model.network_.amplitudes[order])
    assert frame["samples"].tolist() == [model.blades_[j].samples for j in order]
    fields = json.loads(json.dumps(model.explain().to_dict()))
    assert fields["certificate"]["status"] == "GLOBAL"
    assert fields["neurons"][0]["weights"] == model.network_.weights[order[0]].tolist()
    assert fields["neurons"][0]["samples"][0]["index"] == model.blades_[order[0]].samples[0]


def test_samples_of_weight_zero_do_not_count(plane):
    X, y = plane
    weight = (np.arange(30) < 25).astype(float)
    some = BladeNetRegressor(alpha=0.01).fit(X, y, sample_weight=weight).explain()
    assert some.n_samples == 25
    fewer = BladeNetRegressor(alpha=0.01).fit(X[:25], y[:25]).explain()
    assert [n.acts_on for n in some.neurons] == [n.acts_on for n in fewer.neurons]
    assert some.neurons[0].importance == pytest.approx(fewer.neurons[0].importance, rel=1e-6)


@pytest.mark.parametrize(("value", "text"), [(-0.5, "−0.5"), (123456.0, "123,456"), (14.6, "14.6"), (0.0, "0")])
def test_numbers_are_written_for_reading(value, text):
    assert number(value) == text
