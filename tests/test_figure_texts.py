"""What is written in each of the eight figures: every label is there, readable, and none is raw LaTeX."""

import warnings

import numpy as np
import pandas as pd
import pytest

pyplot = pytest.importorskip("matplotlib.pyplot")

from matplotlib.text import Text  # noqa: E402

from bladenet.reproduce import geometry, geometry_drawing, one_dimension  # noqa: E402

GEOMETRIC = {
    1: (geometry.wedge_figure, geometry_drawing.draw_wedges),
    2: (one_dimension.fit_figure, geometry_drawing.draw_fit),
    3: (geometry.dictionary_figure, geometry_drawing.draw_dictionaries),
    4: (geometry.distance_figure, geometry_drawing.draw_distances),
    5: (geometry.dispersion_figure, geometry_drawing.draw_dispersion),
    8: (geometry.chord_figure, geometry_drawing.draw_chord),
}
LINE = "not zero on the right of the line through"
EXPECTED = {
    1: ["a ∧ b = +5", "b ∧ a = −5", "a = (3, 1)", "b = (1, 2)", "a", "b", "c", "0", "x₁", "x₂", "2.835"],
    2: ["optimal network", "targets", "break points, all at samples", "samples that are no break points", "x"],
    3: ["Without bias", "With bias", "xⱼ", "xₖ", "0", "x₁", "x₂", "1.23", "2.27"],
    4: ["Without bias", "With bias", "xⱼ", "xₖ", "0", "x₁", "x₂", "1.72", "2.51"],
    5: ["Angular dispersion", "Maximum chamber diameter", "widest\n41°", "closest\n16°", "D = 0.700", "x₁", "w₁"],
    8: ["g₁", "g₂", "ε", "cos(ε/2)\n= 0.766", "chord × 1/cos(ε/2)", "cos(ε/2), Theorem 4", "1 − D, Theorem 7", "w₁"],
}
CAPTIONS = {  # of figures 3 and 4
    3: ["Entries: 2 × area of the triangle / ‖base‖₁;\n" + f"{LINE} {ends}" for ends in ("0 and xⱼ", "xₖ and xⱼ")],
    4: ["Entries: distance to the line;\n" + f"{LINE} {ends}" for ends in ("0 and xⱼ", "xₖ and xⱼ")],
}


def texts_of(figure, tmp_path):
    """All that is written in a figure, as `reproduce` saves it; a letter that the font lacks is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(tmp_path / "figure.png")
    written = [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    pyplot.close(figure)
    return written


def assert_written(written, expected):
    assert [text for text in written if "$" in text or "\\" in text] == []
    assert [text for text in expected if text not in written] == []


@pytest.mark.parametrize("number", GEOMETRIC)
def test_labels_are_there(number, tmp_path):
    measure, draw = GEOMETRIC[number]
    assert_written(texts_of(draw(measure()), tmp_path), EXPECTED[number] + CAPTIONS.get(number, []))


def test_labels_of_samples_name_the_line(tmp_path):
    # guards against a label at another point: those that the line passes through, and no others, have names
    measured = geometry.dictionary_figure()
    (j, k), samples = measured.drawn["through"], measured.drawn["samples"]
    figure = geometry_drawing.draw_dictionaries(measured)
    for ax, names in zip(figure.axes, ({"xⱼ": j}, {"xⱼ": j, "xₖ": k}), strict=True):
        named = {note.get_text(): note.xy for note in ax.texts if note.get_text() in ("xⱼ", "xₖ")}
        assert named == {name: tuple(samples[at]) for name, at in names.items()}
    pyplot.close(figure)


@pytest.fixture
def two_networks():
    """Numbers of Figure 6 that nothing was trained for: two networks, three stages."""
    pytest.importorskip("torch")
    from bladenet.reproduce.spirals import TRAINING

    rows = [{"method": TRAINING, "epoch": epoch, "objective": 9.0 / (1 + epoch)} for epoch in (0, 1, 10, 100)]
    values = {"gradient descent": 4.0, "refit only": 3.0, "full polishing": 2.0}
    rows += [{"method": m, "epoch": e, "objective": v + 10 / e} for e in (10, 100) for m, v in values.items()]
    rows += [{"method": m, "epoch": 100, "objective": v} for m, v in {"best polishing": 1.9, "refinement": 1.0}.items()]
    return pd.DataFrame([{"trial": t} | row | {"objective": row["objective"] + t} for t in (1, 2) for row in rows])


def test_the_curve_of_figure_6_is_of_means_over_networks(two_networks, tmp_path):
    from bladenet.reproduce import drawing

    figure, ax = pyplot.subplots()
    drawing._draw_descent(ax, two_networks, 0.75)
    lines = {bars.get_label(): bars.lines[0].get_xydata() for bars in ax.containers}
    np.testing.assert_allclose(lines["full polishing: 3.600"], [[10, 4.5], [100, 3.6]])
    np.testing.assert_allclose(lines["refit only: 4.600"], [[10, 5.5], [100, 4.6]])
    names = ["gradient descent: 5.600", "best polishing: 3.400", "refinement: 2.500", "certified optimum: 0.750"]
    expected = [*names, "After 100 epochs", "epochs of gradient descent", "objective (summed loss + weight decay)"]
    assert_written(texts_of(figure, tmp_path), expected)


@pytest.mark.slow
def test_labels_of_figure_6_are_there(tmp_path):
    pytest.importorskip("torch")
    from bladenet.reproduce import drawing, spirals

    result = spirals.measure(spirals.Setup(samples=20, width=12, epochs=40, trials=1, stages=(10,)), lambda line: None)
    titles = ["Gradient descent", "The paper's polishing", "Best polishing", "Global optimum", "y = −1", "y = +1"]
    expected = [*titles, "x₁", "x₂", "After 40 epochs", "epochs of gradient descent"]
    assert_written(texts_of(drawing.draw_spirals(result), tmp_path), expected)


def test_labels_of_figure_7_are_there(tmp_path):
    pytest.importorskip("torch")
    from bladenet.reproduce import drawing, images

    methods = ["SGD", "refit only", "full polishing", "ridge only", "full polishing, ridge", "partial polishing"]
    settings = [(images.WIDTHS, w, 0.01) for w in (16, 128)] + [(images.RATES, 128, r) for r in (0.001, 0.01)]
    rows = [
        {"trial": 1, "panel": panel, "width": width, "rate": rate, "method": method}
        | {"train_accuracy": 0.9 - k / 50, "test_accuracy": 0.8 - k / 50}
        for panel, width, rate in settings
        for k, method in enumerate([*methods, "refinement"])
    ]
    panels = [
        f"{layer} layer polished: {part} images" for layer in ("First", "Second") for part in ("training", "test")
    ]
    axes = ["accuracy (%)", "neurons in the second layer", "learning rate of SGD", "16", "128", "0.001", "0.01"]
    assert_written(
        texts_of(drawing.draw_images(pd.DataFrame(rows)), tmp_path), [*methods, "refinement", *panels, *axes]
    )
