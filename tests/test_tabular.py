"""Many columns, categories and scalings: explanations, importances and pictures are true, and in the user's units."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.collections import PathCollection

from bladenet import BladeNetClassifier, BladeNetRegressor, load_model, save_model
from bladenet.blades import Blade
from bladenet.certificate import Status
from bladenet.explain import LISTED
from bladenet.formulas import percent
from bladenet.plotting import plot_fit
from bladenet.shapes import terms_of
from handmade import stand_in

RNG = np.random.default_rng(7)
N = 40
FRAME = pd.DataFrame(
    {
        "age": RNG.uniform(18, 80, N).round(1),
        "income": np.exp(RNG.normal(10, 1, N)).round(),
        "colour": ["red", "green", "blue", "red"] * 10,
        "height": RNG.normal(170, 10, N),
        "sex": ["f", "m"] * 20,
    }
)
Y = (0.1 * FRAME["age"] + RNG.normal(size=N)).rename("price")
AGE, INCOME, BLUE, GREEN, RED, HEIGHT, MALE = range(7)  # the encoded features
BLADES = [
    Blade((3,), (AGE,), 1),
    Blade((11,), (HEIGHT,), -1),
    Blade((2, 8), (AGE, INCOME), 1),
    Blade((5, 6), (INCOME, HEIGHT), -1),
    Blade((1,), (RED,), 1),  # row 1 is green: on where colour is red
    Blade((0, 1), (AGE, RED), 1),
    Blade((0, 1), (RED, MALE), 1),
    Blade((1, 2), (BLUE, GREEN), -1),
    Blade((4, 9, 13), (AGE, INCOME, HEIGHT), 1),
]
AMPLITUDES = [2.0, -1.5, 0.7, 1.1, 3.0, -0.6, 2.5, 1.2, -0.4]
SCALINGS = [None, "standard", "rank", "blend"]


def made(monkeypatch, scaling=None, blades=BLADES, amplitudes=AMPLITUDES, frame=FRAME):
    stand_in(monkeypatch, blades, amplitudes)
    return BladeNetRegressor(alpha=0.1, norm=1, max_interaction=3, scaling=scaling).fit(frame, Y)


@pytest.fixture(params=SCALINGS, ids=str)
def model(request, monkeypatch):
    return made(monkeypatch, request.param)


def contributions(model, frame=FRAME):
    X = model.scaling_.remaining.apply(model.encoding_.matrix(frame))
    network = model.network_
    return np.maximum(X @ network.weights.T + network.biases, 0.0) * network.amplitudes


def by_neuron(model):
    return {neuron.neuron: neuron for neuron in model.explain().neurons}


def test_kinks_are_values_of_the_defining_samples(model):
    neurons = by_neuron(model)
    assert neurons[0].switches == ((FRAME["age"][3],),)
    assert neurons[1].switches == ((FRAME["height"][11],),)
    value = f"{FRAME['age'][3]:.5g}"
    inside = f"age − {value}" if model.scaling in (None, "standard") else f"scaled(age) − scaled({value})"
    sign = 1 if model.network_.weights[0, AGE] > 0 else -1
    if sign < 0:
        inside = " − ".join(reversed(inside.split(" − ")))
    assert re.fullmatch(rf"\S+ · \({re.escape(inside)}\)\+", neurons[0].formula)


@pytest.mark.parametrize("j", [2, 3])
def test_curves_lie_where_the_neuron_switches_and_in_the_range_of_the_data(model, j):
    neuron = by_neuron(model)[j]
    names = list(neuron.coordinates)
    assert len(neuron.switches) == (2 if model.scaling in (None, "standard") else 9)
    weights, bias = model.network_.weights[j], model.network_.biases[j]

    def sums(points):
        rows = np.tile(model.encoding_.matrix(FRAME)[:1], (len(points), 1))
        rows[:, np.flatnonzero(weights)] = points
        return model.scaling_.remaining.apply(rows) @ weights + bias

    spread = np.ptp(sums(FRAME[names].to_numpy()))
    assert np.abs(sums(neuron.switches)).max() < 1e-9 * spread
    points, low, high = np.array(neuron.switches), FRAME[names].min().to_numpy(), FRAME[names].max().to_numpy()
    assert (points >= low - 1e-9 * np.abs(low)).all()
    assert (points <= high + 1e-9 * np.abs(high)).all()
    ends = points[[0, -1]]
    assert (np.isclose(ends, low) | np.isclose(ends, high)).any(axis=1).all()


def test_indicators_are_spoken_of_as_cases(model):
    neurons, parts = by_neuron(model), contributions(model)
    for j in (4, 6, 7):
        said = np.zeros(N)
        for case in neurons[j].formula.replace("−", "-").split("; "):
            value, condition = re.fullmatch(r"(\S+) when (.*)", case).groups()
            holds = np.ones(N, dtype=bool)
            for literal in condition.split(" and "):
                column, level = literal.removeprefix("not ").split("=")
                holds &= (FRAME[column] == level).to_numpy() != literal.startswith("not ")
            said += float(value) * holds
        np.testing.assert_allclose(said, parts[:, j], rtol=1e-4, atol=1e-9)
        assert parts[:, j].any()
    assert re.fullmatch(r"\S+ when colour=red", neurons[4].formula)


def test_a_number_and_an_indicator_switch_at_two_values(model):
    neuron = by_neuron(model)[5]
    (off_age, off), (on_age, on) = neuron.switches
    assert (off, on) == (0.0, 1.0)
    assert on_age == pytest.approx(FRAME["age"][0])  # row 0 is red, row 1 is not
    assert off_age == pytest.approx(FRAME["age"][1])
    text = str(model.explain()).replace("−", "-")
    assert f"switches at age = {on_age:.5g} when colour=red, at {off_age:.5g} when not" in text


def test_defining_samples_are_rows_of_the_users_table(model):
    for neuron in model.explain().neurons:
        for sample in neuron.samples:
            assert sample.features == tuple(FRAME.iloc[sample.index])
    text = str(model.explain())
    assert f"sample 0: colour = red, sex = f; target {Y[0]:.5g}" in text.replace("−", "-")
    assert ("scaled(x) is a strictly increasing function" in text) == (model.scaling in ("rank", "blend"))


def test_importances_are_standard_deviations_of_parts_and_shares_covariances(model):
    parts, output = contributions(model), model.predict(FRAME)
    np.testing.assert_allclose(parts.sum(axis=1) + 0.5, output, rtol=1e-10)
    covariance = ((parts - parts.mean(axis=0)) * (output - output.mean())[:, None]).mean(axis=0) / output.var()
    for j, neuron in by_neuron(model).items():
        assert neuron.share == pytest.approx(covariance[j], abs=1e-9)
        assert neuron.importance == pytest.approx(parts[:, j].std(), rel=1e-9)
    frame = model.explain().features().set_index("term")
    assert frame["share"].sum() == pytest.approx(1.0)
    assert frame["neurons"].sum() == len(BLADES)
    assert frame.loc["colour", "share"] == pytest.approx(covariance[[4, 7]].sum(), abs=1e-9)
    assert frame.loc["colour", "neurons"] == 2
    assert frame.loc["age × colour", "columns"] == ("age", "colour")
    terms = terms_of(model)
    spreads = np.array([parts[:, term.neurons].sum(axis=1).std() for term in terms])
    names = [" × ".join(FRAME.columns[i] for i in term.columns) for term in terms]
    np.testing.assert_allclose(frame.loc[names, "importance"], spreads / spreads.sum())
    assert frame["importance"].sum() == pytest.approx(1.0)
    assert frame.loc["age", "total"] == pytest.approx(covariance[[0, 2, 5, 8]].sum(), abs=1e-9)
    assert frame.loc["age × income", "total"] == pytest.approx(covariance[[2, 8]].sum(), abs=1e-9)
    assert frame.loc["sex", "neurons"] == 0
    sizes = [len(columns) for columns in frame["columns"]]
    assert sizes == sorted(sizes)
    assert list(frame.index[:5]) == sorted(frame.index[:5], key=lambda term: -frame.loc[term, "importance"])


def test_pairs_are_found_and_certified_and_parts_add_up():
    rng = np.random.default_rng(3)
    table = FRAME.loc[np.repeat(np.arange(N), 2)].reset_index(drop=True)
    table["height"], table["sex"] = rng.normal(170, 10, len(table)), rng.choice(["f", "m"], len(table))
    y = 0.1 * (table["age"] - 40).clip(lower=0) + 3.0 * (table["colour"] == "red") * (table["sex"] == "m")
    model = BladeNetRegressor(alpha=0.05, norm=1, max_interaction=2, tol=1e-4).fit(table, y)
    assert model.certificate_.status is Status.GLOBAL
    assert model.score(table, y) > 0.9
    assert all(len(blade.coordinates) <= 2 for blade in model.blades_)
    np.testing.assert_allclose(contributions(model, table).sum(axis=1) + model.network_.intercept, model.predict(table))
    shares = model.explain().features().set_index("term")["share"]
    assert set(shares.nlargest(2).index) == {"age", "colour × sex"}
    assert 0.0 < BladeNetRegressor(alpha="auto", norm=1, max_interaction=1, tol=1e-3).fit(table, y).alpha_ < 5.0


def test_weights_of_zero_and_repeated_rows_count_as_such(monkeypatch):
    stand_in(monkeypatch, BLADES, AMPLITUDES)
    times = np.array([2, 1, 1, 3] * 10)
    settings = {"alpha": 0.1, "norm": 1, "max_interaction": 3, "scaling": None}
    weighted = BladeNetRegressor(**settings).fit(FRAME, Y, sample_weight=times).evidence_
    order = np.concatenate([np.arange(N), np.repeat(np.arange(N), times - 1)])
    repeated = BladeNetRegressor(**settings).fit(FRAME.iloc[order].reset_index(drop=True), Y[order]).evidence_
    np.testing.assert_allclose(weighted.share, repeated.share, atol=1e-12)
    np.testing.assert_allclose(weighted.importance, repeated.importance)


def test_text_stays_readable_for_many_features_and_neurons(monkeypatch):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(N, 30)), columns=[f"measurement_{i}" for i in range(30)])
    rows, features = rng.integers(N, size=300).tolist(), rng.integers(30, size=300).tolist()
    blades = [Blade((row,), (feature,), 1) for row, feature in zip(rows, features, strict=True)]
    blades += [Blade(tuple(range(30)), tuple(range(30)), 1)]
    model = made(monkeypatch, None, blades, np.r_[rng.normal(size=300), 1e3], wide)
    lines = str(model.explain()).splitlines()
    assert len(lines) < 160
    assert max(map(len, lines)) < 350
    listed = [float(line.split(":")[0].split()[1]) for line in lines if line.startswith("neuron ")]
    assert len(listed) == LISTED
    assert lines[-1] == "and 281 more neurons that count less; data() has all."
    assert any("more features" in line for line in lines)
    assert any("22 smaller terms" in line for line in lines)
    assert len(model.explain().data()) == 301
    assert model.explain().data()["switches"].iloc[-1] != ()


def test_everything_is_ready_for_json_and_frames(model):
    explanation = model.explain()
    fields = json.loads(json.dumps(explanation.to_dict()))
    assert fields["neurons"][0]["switches"] == [list(point) for point in explanation.neurons[0].switches]
    assert {row["term"] for row in fields["features"]} >= {"age", "age × income", "sex"}
    data = explanation.data()
    assert list(data["share"]) == [neuron.share for neuron in explanation.neurons]
    assert {f"weight[{name}]" for name in model.encoding_.features} <= set(data.columns)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_encoded_and_scaled_models_are_saved_exactly(model, tmp_path, suffix):
    save_model(model, tmp_path / f"m{suffix}")
    loaded = load_model(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))
    assert loaded.encoding_ == model.encoding_
    assert vars(loaded).keys() == vars(model).keys()
    assert loaded.explain() == model.explain()
    assert loaded.summary() == model.summary()
    assert loaded.get_params() == model.get_params()
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(FRAME[FRAME.columns[::-1]])
    new = FRAME.assign(colour="teal")
    with pytest.warns(UserWarning, match="not seen in training: 'teal'"):
        np.testing.assert_array_equal(loaded.predict(new), model.predict(new))


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_levels_keep_their_types(monkeypatch, tmp_path, suffix):
    stand_in(monkeypatch, [], [])
    frame = pd.DataFrame(
        {"zone": pd.Categorical([3, 1, 2] * 5), "new": [True, False, True] * 5, "b": ["1", "2", "x"] * 5}
    )
    model = BladeNetRegressor(alpha=1.0, norm=1, max_interaction=1).fit(frame, np.arange(15.0))
    save_model(model, tmp_path / f"m{suffix}")
    loaded = load_model(tmp_path / f"m{suffix}").encoding_
    assert [column.levels for column in loaded.columns] == [(1, 2, 3), (False, True), ("1", "2", "x")]
    assert type(loaded.columns[0].levels[0]) is int


def test_panels_show_the_strongest_parts(model):
    axes = [ax for ax in plot_fit(model, FRAME, Y).figure.axes if ax.get_title("left")]
    terms = terms_of(model)
    drawn = [term for term in terms if len(term.columns) <= 2][:6]
    titles = [f"{' × '.join(FRAME.columns[i] for i in term.columns)}   {percent(term.importance, 0)}" for term in drawn]
    assert [ax.get_title("left") for ax in axes] == titles
    shares = [term.importance for term in drawn]
    assert shares == sorted(shares, reverse=True)
    assert sum(term.share for term in terms) == pytest.approx(1.0)
    assert sum(term.importance for term in terms) == pytest.approx(1.0)
    parts = model.explain().parts()
    assert list(parts["columns"]) == [tuple(FRAME.columns[i] for i in term.columns) for term in terms]
    assert list(parts["importance"]) == pytest.approx([term.importance for term in terms])
    note = " ".join(text.get_text() for text in axes[0].figure.texts)
    assert f"the 6 strongest of {len(terms)} parts" in note
    assert f"(together {percent(sum(shares), 0)})" in note


def only(monkeypatch, scaling, *chosen):
    """A model of some of the neurons, and the axes it is drawn in."""
    model = made(monkeypatch, scaling, [BLADES[j] for j in chosen], [AMPLITUDES[j] for j in chosen])
    return model, [ax for ax in plot_fit(model, FRAME, Y).figure.axes if ax.get_title("left")]


@pytest.mark.parametrize("scaling", SCALINGS)
def test_panels_are_the_models_effects_in_the_users_units(monkeypatch, scaling):
    model, (ax,) = only(monkeypatch, scaling, 0)
    xs, heights = max((line.get_data() for line in ax.lines), key=lambda data: len(data[0]))
    effect = model.predict(FRAME) - model.predict(FRAME).mean()
    inside = ((FRAME["age"] >= xs[0]) & (FRAME["age"] <= xs[-1])).to_numpy()
    assert inside.mean() > 0.9
    np.testing.assert_allclose(np.interp(FRAME["age"], xs, heights)[inside], effect[inside], atol=1e-9)
    (marks,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert marks.get_offsets()[0, 0] == pytest.approx(FRAME["age"][3])

    model, (ax,) = only(monkeypatch, scaling, 4, 7)
    effect = model.predict(FRAME) - model.predict(FRAME).mean()
    bars = dict(zip([label.get_text() for label in ax.get_yticklabels()], ax.patches, strict=True))
    for i in range(4):
        assert bars[FRAME["colour"][i]].get_width() == pytest.approx(effect[i])

    model, (ax,) = only(monkeypatch, scaling, 5)
    effect = model.predict(FRAME) - model.predict(FRAME).mean()
    curves = {line.get_label(): line.get_data() for line in ax.lines}
    for i in range(N):
        xs, heights = curves[FRAME["colour"][i]]
        if xs[0] <= FRAME["age"][i] <= xs[-1]:
            assert np.interp(FRAME["age"][i], xs, heights) == pytest.approx(effect[i], abs=2e-3 * np.ptp(effect))

    model, (ax,) = only(monkeypatch, scaling, 6)
    effect = model.predict(FRAME) - model.predict(FRAME).mean()
    (image,) = ax.images
    across = [label.get_text() for label in ax.get_xticklabels()]
    down = [label.get_text() for label in ax.get_yticklabels()]
    for i in range(N):
        cell = image.get_array()[down.index(FRAME["sex"][i]), across.index(FRAME["colour"][i])]
        assert cell == pytest.approx(effect[i])


@pytest.mark.parametrize(
    ("share", "text"), [(0.456, "45.6 %"), (-0.0001, "0.0 %"), (-0.03, "−3.0 %"), (1.0, "100.0 %")]
)
def test_shares_are_written_in_per_cent(share, text):
    assert percent(share) == text
    assert percent(-0.002, 0) == "0 %"


def test_a_grid_needs_its_own_figure_and_the_training_data(model):
    with pytest.raises(ValueError, match="leave out ax"):
        plot_fit(model, FRAME, Y, ax=pyplot.subplots()[1])
    with pytest.raises(ValueError, match="is not on the neuron it should define"):
        plot_fit(model, FRAME[::-1].reset_index(drop=True), Y)
    with pytest.raises(ValueError, match="pass that data frame"):
        plot_fit(model, FRAME.to_numpy(), Y)


def test_a_constant_network_is_drawn(monkeypatch):
    model = made(monkeypatch, None, [], [])
    figure = plot_fit(model, FRAME, Y).figure
    assert any("The network is constant: 0.5" in text.get_text() for text in figure.texts)


def test_neurons_of_many_columns_are_drawn_as_average_effects(monkeypatch):
    model = made(monkeypatch, "blend", [BLADES[8]], [1.0])
    axes = plot_fit(model, FRAME, Y).figure.axes
    assert {ax.get_title("left") for ax in axes if ax.get_title("left")} == set(FRAME.columns)
    assert {axes[-2].get_title("left"), axes[-3].get_title("left")} == {"colour", "sex"}  # which no neuron reads
    ax = next(ax for ax in axes if ax.get_title("left") == "age")
    xs, heights = max((line.get_data() for line in ax.lines), key=lambda data: len(data[0]))
    means = [model.predict(FRAME.assign(age=x)).mean() for x in xs[:2].tolist()]
    assert heights[1] - heights[0] == pytest.approx(means[1] - means[0], abs=1e-9)
    assert any("Average effects of single columns on price" in text.get_text() for text in ax.figure.texts)


@pytest.mark.parametrize("scaling", ["rank", "blend"])
def test_scaled_pictures_of_one_and_two_numbers_are_in_the_users_units(scaling):
    x = FRAME[["income"]]
    y = np.log(x["income"]).to_numpy() + 0.1 * RNG.normal(size=N)
    model = BladeNetRegressor(alpha=0.003, scaling=scaling).fit(x, y)
    ax = plot_fit(model, x, y)
    (curve,) = (line for line in ax.lines if line.get_label() == "fitted network")
    np.testing.assert_allclose(np.interp(x["income"], *curve.get_data()), model.predict(x), atol=1e-9)
    (marks,) = (c for c in ax.collections if str(c.get_label()).startswith("kinks"))
    kinks = {neuron.switches[0][0] for neuron in model.explain().neurons}
    assert {round(v, 3) for v in marks.get_offsets()[:, 0].tolist()} <= {round(v, 3) for v in kinks}
    assert len(marks.get_offsets()) > 0

    two = FRAME[["income", "age"]]
    labels = np.where(np.log(two["income"]) + 0.05 * two["age"] > 12.5, "yes", "no")
    classifier = BladeNetClassifier(alpha=0.003, scaling=scaling).fit(two, labels)
    ax = plot_fit(classifier, two, labels)
    (lines,) = (c for c in ax.collections if str(c.get_label()) == "neurons")
    network = classifier.network_
    for segment in lines.get_segments():
        sums = classifier.scaling_.apply(np.asarray(segment)) @ network.weights.T + network.biases
        assert np.abs(sums).max(axis=0).min() < 1e-6
