"""Pictures of models with long names, many columns and long categories: no text on another, nothing cut off."""

from copy import copy
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.transforms import Bbox

import bladenet as bn
from bladenet.diagram import draw_network
from bladenet.encoding import Encoding
from bladenet.plotting import draw_scene
from bladenet.scene import Scene
from bladenet.styling import abbreviated, clipped, room, wrapped

SMALLEST = (1.1, 1.0)  # inches of a panel
QUICK = {"norm": 1, "tol": 0.3, "strategy": "relaxed", "scaling": "standard"}
LONG = "mean_daily_air_temperature_station_{:02d}_degC"
TARGET = "specific_energy_consumption_kilowatt_hours_per_tonne"
CLASSES = [
    "Iris setosa (northern collection, 1935)",
    "Iris versicolor (northern collection)",
    "Iris virginica (in pots)",
]


@cache
def numbers(count, pairs):
    """A model of so many columns, fitted once."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, count)), columns=[f"x{k}" for k in range(count)])
    y = X.iloc[:, 0] * X.iloc[:, -1] * pairs + X.iloc[:, :6].abs().sum(axis=1)
    model = bn.BladeNetRegressor(alpha=0.1 if pairs else 0.2, max_interaction=2 if pairs else 1, **QUICK)
    return model.fit(X, y), X, y.rename(TARGET)


def columns(names, pairs=True):
    """The same with other names."""
    model, X, y = numbers(len(names), pairs)
    model = copy(model)
    model.encoding_ = Encoding(tuple(replace(c, name=n) for c, n in zip(model.encoding_.columns, names, strict=True)))
    model.feature_names_in_ = np.array(names, dtype=object)
    return model, X.set_axis(names, axis=1), y


def levels():
    rng = np.random.default_rng(0)
    kinds = [f"kind {i:02d}: a category that somebody described at length" for i in range(30)]
    X = pd.DataFrame({LONG.format(1): rng.choice(kinds, 120), LONG.format(2): rng.choice(kinds[:6], 120)})
    X[LONG.format(3)] = rng.normal(size=120)
    first, second, x = (X.iloc[:, k] for k in range(3))
    y = x.abs() * (second == kinds[1]) + first.isin(kinds[:9]) * (1 + (second == kinds[2])) + x * first.isin(kinds[:3])
    return bn.BladeNetRegressor(alpha=0.02, max_interaction=2, **QUICK).fit(X, y), X, y.rename(TARGET)


def classes(count, features):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, features)), columns=[LONG.format(k) for k in range(features)])
    y = np.array(CLASSES[:count])[(X.iloc[:, 0] > 0).astype(int) + (X.iloc[:, -1] > 0.5) * (count - 2)]
    return bn.BladeNetClassifier(alpha=0.05, **QUICK).fit(X, y), X, pd.Series(y, name=TARGET)


CASES = {
    "two": lambda: columns([LONG.format(k) for k in range(2)]),
    "six": lambda: columns([LONG.format(k).upper() if k % 2 else LONG.format(k) for k in range(6)]),
    "signs": lambda: columns(
        ["cost_$ per_$", "a<b & c>", "x^2_{i}", "_private", "$\\alpha$ \\frac{1}{2} \n on", "Größe"]
    ),
    "sixty": lambda: columns([LONG.format(k) for k in range(60)], pairs=False),
    "levels": levels,
    "two classes, one column": lambda: classes(2, 1),
    "two classes": lambda: classes(2, 2),
    "three classes": lambda: classes(3, 2),
}


SLOW = ("two", "sixty", "levels")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
)
def fitted(request):
    return CASES[request.param]()


def texts(figure):
    """What is written in a figure, with its place in pixels."""
    figure.draw_without_rendering()
    found = list(figure.texts)
    for ax in figure.axes:
        found += [ax.title, ax._left_title, *ax.texts]
        if ax.get_legend():
            found += [ax.get_legend().get_title(), *ax.get_legend().get_texts()]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            found += [axis.label, *(label for tick in ticks for label in (tick.label1, tick.label2))]
    shown = {text for text in found if text.get_visible() and text.get_text().strip()}
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown if text is not figure._suptitle]
    if figure._suptitle is not None:  # its empty lines are room for the caption
        box = figure._suptitle.get_window_extent()
        lines = figure._suptitle.get_text().split("\n")
        top = Bbox.from_extents(box.x0, box.y1 - box.height / len(lines), box.x1, box.y1)
        boxes.append((lines[0], top))
    return boxes


def check(ax):
    """No text lies on another or beyond the figure, and no axes have collapsed."""
    figure = ax.figure
    written = texts(figure)
    assert len(written) > 3
    edges = figure.bbox
    for words, box in written:
        assert min(box.x0, box.y0, edges.x1 - box.x1, edges.y1 - box.y1) >= -2, f"{words!r} is cut"
    for (words, box), (others, other) in combinations(written, 2):
        across = min(box.x1, other.x1) - max(box.x0, other.x0)
        down = min(box.y1, other.y1) - max(box.y0, other.y0)
        assert min(across, down) <= 2, f"{words!r} lies on {others!r}"
    for axes in figure.axes:
        if axes.axison and axes.get_label() != "<colorbar>":
            size = axes.get_window_extent().size / figure.dpi
            assert (size > SMALLEST).all(), f"{axes.get_title('left')!r} is {size} inches"
    pyplot.close(figure)


def test_nothing_overlaps_in_the_picture_of_a_model(fitted):
    model, X, y = fitted
    assert len(model.network_)
    if model.network_.amplitudes.ndim == 1 or X.shape[1] == 2:
        check(draw_scene(Scene.create(model, X, y, None, None)))


@pytest.mark.parametrize("fitted", ["six", "levels", "three classes"], indirect=True)
@pytest.mark.parametrize("draw", ["shares", "diagram", "contributions"])
def test_nothing_overlaps_in_pictures_of_the_parts(fitted, draw):
    model, X, _ = fitted
    explanation = model.explain()
    if draw == "shares":
        check(explanation.plot())
    elif draw == "diagram":
        check(draw_network(explanation))
    else:
        check(model.explain_predictions(X.iloc[:1]).plot())


NAMES = [f"sensor_array_{k:02d}_of_the_northern_field_temperature_mean_daily_degC" for k in range(60)]


@pytest.mark.parametrize("most", [12, 18, 30])
def test_abbreviated_names_differ_and_fit(most):
    names = [*NAMES, *(f"{'温度' * 20}{k}" for k in range(3)), "short", "x" * 80, "x" * 81]
    short = abbreviated(names, most)
    assert len(set(short.values())) == len(names)
    assert max(map(room, short.values())) <= most
    assert short["short"] == "short"


def test_what_fits_is_left_as_it_is_and_what_does_not_keeps_both_ends():
    assert clipped("mass_g", 10) == "mass_g"
    assert clipped("mean_daily_temperature", 11) == "mean_…ture"
    assert wrapped("mean_daily_temperature", 12) == "mean_daily_\ntemperature"
    lines = wrapped("a name of very many words " * 9, 20).split("\n")
    assert len(lines) == 2
    assert max(map(room, lines)) <= 20
    assert wrapped("two\nlines", 20) == "two lines"
