"""Rows go by the labels of the data frame that a model was trained on, wherever they are named or asked for."""

import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bladenet as bn
from bladenet.checks import LINE
from bladenet.row_labels import RowLabels, written_label

RNG = np.random.default_rng(8)
N = 40
NUMBERS = pd.DataFrame({"size": RNG.uniform(0.0, 9.0, N).round(2), "age": RNG.uniform(0.0, 50.0, N).round(1)})
Y = (np.abs(NUMBERS["size"] - 4.0) + 0.1 * NUMBERS["age"]).to_numpy()
SHUFFLED = RNG.permutation(N)
INDICES = {
    "text": pd.Index([f"house {k}" for k in range(N)]),
    "numbers": pd.Index(SHUFFLED),
    "from one": pd.RangeIndex(1, N + 1),
    "halves": pd.Index(np.arange(N) + 0.5),
    "days": pd.date_range("2024-03-01", periods=N),
    "hours": pd.date_range("2024-03-01", periods=N, freq="h"),
    "months": pd.period_range("2020-01", periods=N, freq="M"),
    "levels": pd.MultiIndex.from_product([["north", "south"], range(N // 2)]),
    "categories": pd.CategoricalIndex([f"c{k}" for k in range(N)]),
}


def fitted(index, y=Y, kind=bn.BladeNetRegressor, alpha=0.02):
    X = NUMBERS.set_axis(index)
    return kind(alpha=alpha).fit(X, y), X


@pytest.mark.parametrize("name", INDICES)
def test_every_list_of_rows_has_the_labels(name, tmp_path):
    index = INDICES[name]
    model, X = fitted(index)
    plain = bn.BladeNetRegressor(alpha=0.02).fit(NUMBERS, Y)
    explanation, numbered = model.explain(), plain.explain()
    label = RowLabels.of(X).values
    if name in ("text", "numbers", "from one", "halves", "levels"):
        assert list(label) == index.tolist()

    assert [blade.samples for blade in model.blades_] == [blade.samples for blade in plain.blades_]  # stay numbers
    expected = [tuple(label[i] for i in rows) for rows in numbered.data()["samples"]]
    assert explanation.data()["samples"].tolist() == expected
    assert explanation.leverage()["sample"].tolist() == [label[i] for i in numbered.leverage()["sample"]]

    first = explanation.neurons[0].samples[0]
    assert first.label == label[first.index]
    assert f"sample {first.name}" in str(explanation)
    assert "by their labels" in str(explanation)
    assert "from 0" not in str(explanation)
    assert first.name in repr(explanation.defined()[0])
    json.dumps(explanation.to_dict())

    asked = index[[3, 5]]
    found, same = model.what_if(X, Y, without=asked), plain.what_if(NUMBERS, Y, without=[3, 5])
    assert found.without == (label[3], label[5])
    assert found.positions == (3, 5)
    assert found.certificate_after.objective == same.certificate_after.objective
    assert found.data()["left_out"].to_numpy().nonzero()[0].tolist() == [3, 5]
    assert found.data().index.tolist() == list(label)
    assert f"moves most at row {written_label(label[int(found.changes.argmax())])}: by" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["without"] == json.loads(json.dumps([label[3], label[5]]))
    assert model.what_if(X, Y, without=index[3]).positions == (3,)
    with pytest.warns(UserWarning, match="feature names"):
        assert model.what_if(X.to_numpy(), Y, without=label[3]).positions == (3,)  # the model knows them

    for suffix in ("json", "safetensors"):
        model.save(tmp_path / f"model.{suffix}")
        again = bn.load(tmp_path / f"model.{suffix}")
        assert str(again.explain()) == str(explanation)
        assert again.what_if(X, Y, without=asked).without == found.without


def test_labels_that_are_numbers_are_never_positions():
    model, X = fitted(INDICES["from one"])
    assert model.what_if(X, Y, without=[1]).positions == (0,)
    assert model.what_if(X, Y, without=N).positions == (N - 1,)
    with pytest.raises(ValueError, match="without has 0, which is no label of a row; there are 1, 2, 3, …"):
        model.what_if(X, Y, without=[0])
    with pytest.raises(ValueError, match="without has True"):
        model.what_if(X, Y, without=[True])


def test_a_label_that_is_not_there_is_named_beside_examples():
    model, X = fitted(INDICES["text"])
    message = "without has 'house 99', which is no label of a row; there are 'house 0', 'house 1', 'house 2', …"
    with pytest.raises(ValueError, match=message):
        model.what_if(X, Y, without=["house 3", "house 99"])
    with pytest.raises(ValueError, match="without has 3, which"):
        model.what_if(X, Y, without=3)
    with pytest.raises(ValueError, match="one or more labels of rows"):
        model.what_if(X, Y, without=[])
    with pytest.raises(ValueError, match="names all 40 rows"):
        model.what_if(X, Y, without=X.index)
    assert model.what_if(X, Y, without="house 3").without == ("house 3",)


def test_days_are_asked_for_as_dates_or_text():
    model, X = fitted(INDICES["days"])
    for day in (pd.Timestamp("2024-03-04"), "2024-03-04", np.datetime64("2024-03-04"), X.index[3].date()):
        assert model.what_if(X, Y, without=day).without == ("2024-03-04",)


def test_one_row_of_several_levels_is_one_row():
    model, X = fitted(INDICES["levels"])
    assert model.what_if(X, Y, without=("south", 0)).positions == (N // 2,)
    assert model.what_if(X, Y, without=[("north", 1), ("south", 1)]).positions == (1, N // 2 + 1)
    assert "row (south, 0)" in str(model.what_if(X, Y, without=("south", 0)))


PLAIN = {
    "default": NUMBERS,
    "array": NUMBERS.to_numpy(),
    "polars": pl.DataFrame(NUMBERS.to_dict(orient="list")),
    "repeated": NUMBERS.set_axis(["a", "b"] * (N // 2)),
    "repeated as text": NUMBERS.set_axis([pd.Timestamp("2024-01-01"), "2024-01-01", *range(N - 2)]),
    "numbers in order": NUMBERS.set_axis(list(range(N))),
    "lines of a file": NUMBERS.set_axis(pd.RangeIndex(2, N + 2, name=LINE)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_else_rows_are_numbers(name):
    X = PLAIN[name]
    model = bn.BladeNetRegressor(alpha=0.02).fit(X, Y)
    assert model.row_labels_.values is None
    samples = model.explain().data()["samples"].tolist()
    order = [neuron.neuron for neuron in model.explain().neurons]
    assert samples == [model.blades_[j].samples for j in order]
    assert "rows of the training data, from 0" in str(model.explain())
    assert model.what_if(X, Y, without=[3]).without == (3,)
    assert model.explain_predictions(X).data()["row"].dtype == np.int64
    with pytest.raises(ValueError, match="without has row 40, but X has rows 0 to 39"):
        model.what_if(X, Y, without=[40])


def test_contributions_have_the_labels_of_the_rows_asked_about():
    model, X = fitted(INDICES["text"])
    new = X.iloc[[7, 2]]
    found = model.explain_predictions(new)
    assert list(dict.fromkeys(found.data()["row"])) == ["house 7", "house 2"]  # in order of the rows
    assert "row house 7: prediction" in str(found)
    assert "house 2" in repr(found)
    assert [sample["row"] for sample in found.to_dict()["samples"]] == ["house 7", "house 2"]
    assert found.plot("house 2").get_title(loc="left").startswith("Row house 2: ")
    assert found.plot().get_title(loc="left").startswith("Row house 7: ")
    with pytest.raises(IndexError, match="row must be one of 'house 7', 'house 2', got 0"):
        found.plot(0)


def test_validation_and_report_have_them(tmp_path):
    model, X = fitted(INDICES["text"], alpha="auto")
    rows = model.validation_.data()["row"]
    assert rows.tolist() == [f"house {k}" for k in model.validation_.rows]
    page = tmp_path / "page.html"
    model.report(page, X, Y)
    text = page.read_text()
    assert "rows of the training data, by their labels" in text
    assert "from 0" not in text
    for sample in model.explain().defined()[:3]:
        assert sample.sample.name in text
    assert re.search(r"Contributions of neurons to row house \d+, which sum", text)
    model.save(tmp_path / "model.json")
    assert bn.load(tmp_path / "model.json").validation_.data()["row"].tolist() == rows.tolist()


def test_files_without_labels_and_with_wrong_ones(tmp_path):
    model, _ = fitted(INDICES["text"])
    path = tmp_path / "model.json"
    model.save(path)
    document = json.loads(path.read_text())
    old = {name: value for name, value in document.items() if name != "row_labels"}
    path.write_text(json.dumps(old))
    assert bn.load(path).row_labels_.values is None
    assert "from 0" in str(bn.load(path).explain())
    for wrong in (["a"], ["a"] * N, 3, [{}] * N):
        path.write_text(json.dumps({**document, "row_labels": wrong}))
        with pytest.raises(ValueError, match="missing or damaged"):
            bn.load(path)


def test_errors_name_labels_too():
    X = NUMBERS.set_axis(INDICES["text"])
    with pytest.raises(ValueError, match="in column 'age', the first in row house 4"):
        bn.BladeNetRegressor().fit(X.assign(age=X["age"].where(X.index != "house 4")), Y)
    with pytest.raises(ValueError, match="'red' in row house 0"):
        bn.BladeNetRegressor().fit(X, ["red"] * N)
    with pytest.raises(ValueError, match="y contains -1 in row house 5"):
        bn.BladeNetRegressor(loss="poisson").fit(X, np.where(np.arange(N) == 5, -1.0, 1.0))
    with pytest.raises(ValueError, match=r"row 4 \(counting from 0\)"):
        bn.BladeNetRegressor().fit(NUMBERS.assign(age=NUMBERS["age"].where(NUMBERS.index != 4)), Y)


def test_other_rows_are_refused_by_their_labels():
    model, X = fitted(INDICES["text"])
    for ask in (lambda: model.what_if(X[::-1], Y, without="house 1"), lambda: model.plot(X[::-1], Y)):
        with pytest.raises(ValueError, match=r"^row house \d+ of X is not on the neuron"):
            ask()


def test_long_labels_are_cut_for_reading_only():
    index = pd.Index([f"{'very ' * 30}long\nlabel {k}" for k in range(N)])
    model, X = fitted(index)
    sample = model.explain().neurons[0].samples[0]
    assert sample.label == index[sample.index]
    assert len(sample.name) <= 40
    assert sample.name.endswith(f"label {sample.index}")
    assert "\n" not in sample.name
    assert model.what_if(X, Y, without=index[4]).positions == (4,)


def test_shapes_name_the_samples_at_their_kinks():
    X = NUMBERS.set_axis(INDICES["text"])[["size"]]
    model = bn.BladeNetRegressor(alpha=0.02).fit(X, Y)
    (shape,) = model.shapes(X, Y)
    kinks = shape.data().dropna(subset="sample")
    assert len(kinks)
    assert X.loc[kinks["sample"], "size"].tolist() == pytest.approx(kinks["size"].tolist())


def test_classifiers_have_them():
    labels = np.where(np.median(Y) < Y, "dear", "cheap")
    model, X = fitted(INDICES["text"], labels, bn.BladeNetClassifier)
    assert all(text.startswith("house ") for rows in model.explain().data()["samples"] for text in rows)
    assert model.what_if(X, labels, without=["house 1"]).positions == (1,)
