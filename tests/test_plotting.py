"""Pictures: what is drawn is what the model says."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection, PathCollection

from bladenet import BladeNetClassifier, BladeNetRegressor, datasets
from bladenet.formulas import clip_line
from bladenet.plotting import STRONGEST, plot_fit, plot_history
from bladenet.styling import output_look


def frame_and_target(data):
    return data.frame[list(data.feature_names)].astype(float), data.frame[data.target]


@pytest.fixture(scope="module")
def motorcycle():
    X, y = frame_and_target(datasets.load_motorcycle())
    return BladeNetRegressor(alpha=0.05, scaling="standard").fit(X, y), X, y


@pytest.fixture(scope="module")
def houses():
    X, y = frame_and_target(datasets.load_houses())
    y = (y / 1e5).rename("price")
    return BladeNetRegressor(alpha=1e-3, norm=1, scaling="standard").fit(X, y), X, y


@pytest.fixture(scope="module", params=["logistic", "hinge"])
def penguins(request):
    X, y = frame_and_target(datasets.load_penguins())
    return BladeNetClassifier(alpha=3e-3, norm=1, loss=request.param, scaling="standard").fit(X, y), X, y


def labelled(ax, start):
    found = [artist for artist in ax.collections if str(artist.get_label()).startswith(start)]
    assert len(found) == 1, [str(artist.get_label()) for artist in ax.collections]
    return found[0]


def caption(ax):
    return " ".join(text.get_text() for text in ax.texts)


def test_every_change_of_slope_is_marked_as_a_kink_at_a_sample(motorcycle):
    model, X, y = motorcycle
    ax = plot_fit(model, X, y)
    x = X.to_numpy()[:, 0]
    spots = np.unique(x)
    reach = 1e-4
    before, at, after = (
        model.predict(X.iloc[:1].iloc[np.zeros(len(spots), int)].assign(time_ms=spots + step))
        for step in (-reach, 0.0, reach)
    )
    bend = np.abs(after - 2 * at + before) / reach
    expected = spots[bend > 1e-6 * bend.max()]
    marks = labelled(ax, "kinks")
    assert 5 < len(expected) < len(spots)
    assert marks.get_label() == f"kinks ({len(expected)})"
    np.testing.assert_allclose(marks.get_offsets()[:, 0], expected, rtol=1e-7)
    np.testing.assert_allclose(marks.get_offsets()[:, 1], at[np.isin(spots, expected)], atol=1e-6)
    rings = np.asarray(labelled(ax, "samples at the kinks").get_offsets())
    at_kinks = np.isin(x, expected)
    np.testing.assert_array_equal(rings, np.column_stack([x, y])[at_kinks])


def test_the_curve_is_the_fit_and_everything_is_labelled(motorcycle):
    model, X, y = motorcycle
    ax = plot_fit(model, X, y)
    (curve,) = (line for line in ax.lines if line.get_label() == "fitted network")
    xs, heights = curve.get_data()
    drawn = np.interp(X["time_ms"], xs, heights)
    np.testing.assert_allclose(drawn, model.predict(X), atol=1e-8 * np.abs(y).max())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time_ms", "acceleration_g")
    assert ax.get_title("left").startswith("Globally optimal, gap ")
    assert ax.get_title("left").endswith(f", {len(model.network_)} neurons")
    assert "straight line" in caption(ax)


def test_a_model_stopped_early_is_not_called_optimal(motorcycle):
    _, X, y = motorcycle

    def interrupt(row):
        raise KeyboardInterrupt

    stopped = BladeNetRegressor(alpha=0.05, scaling="standard", callback=interrupt).fit(X, y)
    title = plot_fit(stopped, X, y).get_title("left")
    assert title.startswith("Stopped early, gap ")
    assert title.endswith("0 neurons")


def test_lines_lie_on_their_neurons_and_only_the_strongest_are_bold(houses):
    model, X, y = houses
    ax = plot_fit(model, X, y)
    lines = labelled(ax, "neurons")
    assert isinstance(lines, LineCollection)
    network, segments = model.network_, lines.get_segments()
    assert STRONGEST < len(segments) <= len(network)
    size = np.ptp(X.to_numpy(), axis=0)
    length = np.linalg.norm(network.weights * size, axis=1)
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    for segment in segments:
        off = np.abs(segment @ network.weights.T + network.biases).max(axis=0) / length
        assert off.min() < 1e-6
        inside = (segment > low - 1e-9 * size) & (segment < high + 1e-9 * size)
        assert inside.all()
        on_edge = np.isclose(segment, low, rtol=1e-9) | np.isclose(segment, high, rtol=1e-9)
        assert on_edge.any(axis=1).all()
    widths, alphas = lines.get_linewidth(), lines.get_edgecolor()[:, 3]
    assert (np.diff(widths[:STRONGEST]) <= 0).all()
    assert widths[0] > 2 * widths[STRONGEST - 1] > widths[STRONGEST]
    assert alphas[:STRONGEST].min() > alphas[STRONGEST:].max()
    assert f"the {STRONGEST} strongest drawn boldly" in caption(ax)


def test_surface_and_data_share_a_colour_scale_with_a_name(houses):
    model, X, y = houses
    ax = plot_fit(model, X, y)
    bar = next(other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "price"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("longitude", "latitude")
    coloured = [c for c in ax.collections if c.get_array() is not None]
    surface, points = coloured
    assert isinstance(points, PathCollection)
    np.testing.assert_array_equal(points.get_array(), y)
    assert points.cmap == surface.cmap
    assert (points.norm.vmin, points.norm.vmax) == (surface.norm.vmin, surface.norm.vmax)


def test_rings_are_the_samples_of_the_blades(houses):
    model, X, y = houses
    ax = plot_fit(model, X, y)
    rings = np.unique(np.asarray(labelled(ax, "defining samples").get_offsets()), axis=0)
    chosen = sorted({i for blade in model.blades_ for i in blade.samples})
    np.testing.assert_array_equal(rings, np.unique(X.to_numpy()[chosen], axis=0))


def test_classes_and_boundary_of_a_classifier(penguins):
    model, X, y = penguins
    ax = plot_fit(model, X, y)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["decision boundary", "sex: female", "sex: male"]
    for name in ("female", "male"):
        marks = labelled(ax, f"sex: {name}")
        np.testing.assert_array_equal(marks.get_offsets(), X[y == name])
    styles = [labelled(ax, f"sex: {name}") for name in ("female", "male")]
    assert not np.array_equal(styles[0].get_facecolor(), styles[1].get_facecolor())
    assert len(styles[0].get_paths()[0].vertices) != len(styles[1].get_paths()[0].vertices)
    boundary = next(c for c in ax.collections if c.get_linewidth()[0] == 2.4 and c.get_paths())
    corners = boundary.get_paths()[0].vertices
    scores = model.decision_function(type(X)(corners, columns=X.columns))
    assert np.abs(scores).max() < 0.02 * np.abs(model.decision_function(X)).max()
    bar = next(other for other in ax.figure.axes if other is not ax)
    what = "probability of sex = male" if model.loss == "logistic" else "score, above 0 for sex = male"
    assert bar.get_ylabel() == what


def test_a_classifier_of_one_feature_is_a_curve_between_its_classes():
    data = datasets.load_penguins()
    X = data.X[:, 1:]
    model = BladeNetClassifier(alpha=1e-3, scaling="standard").fit(X, data.y)
    ax = plot_fit(model, X, data.y, feature_names=["mass"], target="sex")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mass", "probability of sex = male")
    assert (labelled(ax, "sex: female").get_offsets()[:, 1] == 0).all()
    assert (labelled(ax, "sex: male").get_offsets()[:, 1] == 1).all()
    assert "the score is a straight line" in caption(ax)


def test_only_the_training_data_can_be_drawn(motorcycle):
    model, X, y = motorcycle
    with pytest.raises(ValueError, match=r"X has 3 rows; pass the training data"):
        plot_fit(model, X[:3], y[:3])
    with pytest.raises(ValueError, match=r"row \d+ .* of X is not on the neuron"):
        plot_fit(model, X[::-1], y)
    with pytest.raises(ValueError, match=r"X must have shape \(samples, 1\)"):
        plot_fit(model, np.column_stack([X, X]), y)
    with pytest.raises(ValueError, match=r"y must have shape \(133,\)"):
        plot_fit(model, X, y[:5])
    with pytest.raises(ValueError, match="feature_names must have 1 names"):
        plot_fit(model, X, y, feature_names=["a", "b"])


def test_no_setting_of_matplotlib_changes_and_given_axes_are_used(motorcycle, tmp_path):
    model, X, y = motorcycle
    before = dict(matplotlib.rcParams)
    figure, ax = pyplot.subplots()
    assert model.plot(X, y, ax=ax) is ax
    assert pyplot.get_fignums() == [figure.number]
    assert plot_fit(model, X, y).figure is not figure
    assert dict(matplotlib.rcParams) == before
    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        path = tmp_path / f"fit{suffix}"
        figure.savefig(path)
        assert path.read_bytes().startswith(magic)


def test_history_shows_every_gap_on_a_logarithmic_scale(houses):
    model = houses[0]
    ax = plot_history(model.history_)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(len(model.history_)))
    np.testing.assert_array_equal(line.get_ydata(), [row.gap for row in model.history_])
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("round", "proven relative gap")
    assert f"after {len(model.history_)} rounds" in ax.get_title("left")
    with pytest.raises(ValueError, match="history has no rounds"):
        plot_history([])


@pytest.mark.parametrize(
    ("weight", "bias", "ends"),
    [
        ((1.0, 0.0), -0.25, [(0.25, 0.0), (0.25, 1.0)]),
        ((0.0, 2.0), -1.0, [(0.0, 0.5), (1.0, 0.5)]),
        ((1.0, 1.0), -1.0, [(0.0, 1.0), (1.0, 0.0)]),
        ((-3.0, 1.0), 0.5, [(1 / 6, 0.0), (0.5, 1.0)]),
        ((1.0, 1.0), -2.5, None),
        ((0.0, 1.0), 0.1, None),
        ((0.0, 0.0), 1.0, None),
    ],
)
def test_clip_line(weight, bias, ends):
    clipped = clip_line(np.array(weight), bias)
    if ends is None:
        assert clipped is None
    else:
        np.testing.assert_allclose(clipped[np.lexsort(clipped.T[::-1])], ends, atol=1e-12)


def test_classes_of_two_features_blend_by_their_probabilities():
    frame = datasets.load_penguins().frame
    X, y = frame[["bill_length_mm", "bill_depth_mm"]], frame["species"]
    model = BladeNetClassifier(alpha=0.02, scaling="standard", tol=1e-2).fit(X, y)
    ax = plot_fit(model, X, y)
    colours = ax.images[0].get_array()
    left, right, bottom, top = ax.images[0].get_extent()
    for k, name in enumerate(model.classes_):
        own = labelled(ax, f"species: {name}")
        np.testing.assert_array_equal(own.get_offsets(), X[y == name].to_numpy())
        # where a class is all but certain, the place has the (paler) colour of its samples
        surest = int(np.argmax(model.predict_proba(X)[:, k]))
        across, up = X.iloc[surest]
        row = int((up - bottom) / (top - bottom) * (len(colours) - 1))
        column = int((across - left) / (right - left) * (colours.shape[1] - 1))
        expected = 0.55 + 0.45 * own.get_facecolor()[0, :3]
        np.testing.assert_allclose(colours[row, column], expected, atol=0.05)


def test_classes_of_one_feature_have_a_probability_each():
    x = np.linspace(-1.0, 1.0, 60)[:, None]
    y = np.array(["low", "mid", "high"])[np.digitize(x[:, 0], [-0.3, 0.4])]
    model = BladeNetClassifier(alpha=0.01).fit(x, y)
    ax = plot_fit(model, x, y, target="level")
    lines = {line.get_label(): line for line in ax.lines}
    assert [text.get_text() for text in ax.get_legend().get_texts()[:3]] == list(model.classes_)
    for k, name in enumerate(model.classes_):
        places, heights = lines[name].get_data()
        np.testing.assert_allclose(heights, model.predict_proba(places[:, None])[:, k])
    own = [marks.get_offsets() for marks in ax.collections if marks.get_facecolor().size and len(marks.get_offsets())]
    assert sorted(x for marks in own for x, level in marks if level > 1.0) == pytest.approx(x[:, 0].tolist())
    pyplot.close(ax.figure)


def test_several_outputs_of_one_feature_have_a_line_each():
    x = np.linspace(-1.0, 1.0, 30)[:, None]
    Y = np.column_stack([np.abs(x[:, 0]), np.maximum(x[:, 0] - 0.3, 0.0)])
    model = BladeNetRegressor(alpha=1e-3).fit(x, Y)
    ax = plot_fit(model, x, pd.DataFrame(Y, columns=["bent", "late"]))
    lines = {line.get_label(): line for line in ax.lines}
    for k, name in enumerate(["bent", "late"]):
        places, heights = lines[name].get_data()
        np.testing.assert_allclose(heights, model.predict(places[:, None])[:, k])
    diamonds = np.concatenate([marks.get_offsets() for marks in ax.collections if marks.get_zorder() == 5])
    assert np.abs(diamonds[:, :1] - x[:, 0]).min(axis=1).max() < 1e-9  # at samples
    pyplot.close(ax.figure)


def test_several_outputs_of_two_features_have_a_surface_each():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    model = BladeNetRegressor(alpha=0.1, tol=1e-2).fit(X, X)
    ax = plot_fit(model, X, X)
    labels = [axes.get_ylabel() for axes in ax.figure.axes[2:]]  # the colour scales
    assert labels == ["output 0", "output 1"]
    with pytest.raises(ValueError, match="leave out ax"):
        plot_fit(model, X, X, ax=ax)
    with pytest.raises(ValueError, match=r"y must have shape \(20, 2\)"):
        plot_fit(model, X, X[:, 0])
    pyplot.close(ax.figure)


def test_ten_outputs_look_different():
    looks = [output_look(k) for k in range(32)]
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 32


def test_numbers_along_axes_are_written_as_in_the_text():
    X = np.linspace(0.0, 90_000.0, 40)[:, None]
    ax = BladeNetRegressor(alpha=1.0, scaling="standard", tol=1e-2).fit(X, 2000.0 + X[:, 0] / 10.0).plot()
    ax.figure.canvas.draw()
    across = [label.get_text() for label in ax.get_xticklabels()]
    assert {"20,000", "60,000"} <= set(across)
    assert len(across) < 9
    assert "4000" in [label.get_text() for label in ax.get_yticklabels()]
    pyplot.close(ax.figure)


def test_rings_are_counted_with_their_places():
    x = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], 2)
    model = BladeNetRegressor(alpha=1e-3).fit(x[:, None], np.abs(x - 2.0) + np.tile([0.1, -0.1], 5))
    ax = model.plot(x[:, None], np.abs(x - 2.0))
    count = len({x[i] for blade in model.blades_ for i in blade.samples})
    assert f"samples at the kinks ({2 * count} at {count} place" in " ".join(ax.get_legend_handles_labels()[1])
    pyplot.close(ax.figure)


def test_neighbouring_panels_do_not_repeat_their_label():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = BladeNetRegressor(alpha=1e-2, norm=1, max_interaction=1, tol=1e-2).fit(X, np.abs(X).sum(axis=1))
    axes = model.plot(X, np.abs(X).sum(axis=1)).figure.axes
    assert [ax.get_ylabel() for ax in axes] == ["effect", "", ""]
    pyplot.close(axes[0].figure)
