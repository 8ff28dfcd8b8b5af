"""Pictures of a fitted model: the function, the neurons, and the samples that define them.

Matplotlib is imported on first use; how things look is in :mod:`bladenet.styling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.display import short, written_out
from bladenet.formulas import percent
from bladenet.losses import Array, get_loss
from bladenet.panels import draw_shape
from bladenet.scene import GRID, Scene, Score, check_one_output, kink_positions, neuron_lines
from bladenet.shapes import Shape, shapes_of, terms_of
from bladenet.styling import (
    CLASS_COLOURS,
    CLASS_MARKERS,
    CLASS_SHADES,
    FAINT,
    INK,
    LEGEND,
    SHORT,
    SURFACE,
    abbreviated,
    clipped,
    colour_bar,
    draw_legend,
    label_axes,
    new_axes,
    plural,
    room,
    shown_in_legend,
    style,
    verdict,
    wrapped,
    write_titles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
    from bladenet.training import Round

PANELS = 6  # parts of a network of many features
SIZE, ROOMY = (4.4, 3.5), (5.4, 4.2)  # inches of one panel; where some show categories
NAMED = 40  # letters of a name in a caption
LINE = 64  # letters of the caption over each of them
PALE = 0.55  # how much white is in the colours of places, so that samples stand out
STRONGEST = 40  # neurons drawn boldly; more bold lines would hide the function
FEW_RINGS = 60  # more rings are drawn smaller


def plot_fit(
    model: BladeNetRegressor | BladeNetClassifier,
    X: ArrayLike,
    y: ArrayLike,
    ax: Axes | None = None,
    feature_names: Sequence[str] | None = None,
    target: str | None = None,
) -> Axes:
    """Draw a fitted model over its training data.

    One feature: data, piecewise-linear fit and its kinks. Two features: the fitted surface (regression)
    or the decision regions (classification) with the line on which each neuron switches on; more than two classes
    blend by their probabilities. The samples that
    define the neurons are ringed in both. More features, or categories: a grid of up to six panels with the
    parts of the network that carry most of the output's variation, each a function of one or two columns.

    Parameters
    ----------
    model : fitted BladeNetRegressor or BladeNetClassifier
    X : (n, columns), the training data: the neurons refer to its rows
    y : (n,), the training target
    ax : axes to draw in; a new figure if None. Not for a grid of panels
    feature_names : one name per column; by default those seen in fit, or "feature 0", "feature 1"
    target : name of the target; by default the name of a pandas Series, or "target"

    Returns
    -------
    matplotlib.axes.Axes
        The first, of a grid. ``ax.figure.savefig("fit.png")`` writes it to a file.

    Raises
    ------
    ValueError
        If the neurons pass through other samples than those of `X`, names or shapes do not match, or there are several
        outputs, unless they are classes of two features.
    """
    if not drawable(model):
        check_one_output(model, "a picture shows one output, or classes of two features")
    return draw_scene(Scene.create(model, X, y, feature_names, target), ax)


def drawable(model: Any) -> bool:
    """Whether there is a picture of a fitted model: of one output, or of classes of two numbers."""
    several = model.network_.amplitudes.ndim == 2
    plane = model.n_features_in_ == 2 and not model.encoding_.has_categories
    return not several or (plane and hasattr(model, "classes_"))


def draw_scene(scene: Scene, ax: Axes | None = None) -> Axes:
    """Draw a checked scene; errors as for :func:`plot_fit`."""
    from sklearn.base import is_classifier

    model = scene.model
    if scene.X.shape[1] > 2 or model.encoding_.has_categories:
        if ax is not None:
            raise ValueError("a model of several features or categories is drawn as a grid of panels: leave out ax.")
        return _draw_panels(scene)
    with style():
        ax = new_axes() if ax is None else ax
        if scene.X.shape[1] == 1:
            caption = _draw_curve(ax, scene, is_classifier(model))
        elif is_classifier(model):
            caption = _draw_regions(ax, scene) if model.network_.amplitudes.ndim == 1 else _draw_class_map(ax, scene)
        else:
            caption = _draw_surface(ax, scene)
        write_titles(ax, verdict(model), caption)
    return ax


def plot_history(history: Sequence[Round], ax: Axes | None = None) -> Axes:
    """Draw the proven relative gap after each round of training, on a logarithmic scale.

    Parameters
    ----------
    history : list of Round, as in ``fit.history`` or ``model.history_``
    ax : axes to draw in; a new figure if None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the history is empty.
    """
    from matplotlib.ticker import LogFormatter, MaxNLocator

    if not history:
        raise ValueError("history has no rounds: training was stopped before the first one ended.")
    smallest = float(np.finfo(float).eps)  # a gap of 0 has no place on a logarithmic scale
    with style():
        ax = new_axes() if ax is None else ax
        rounds = [row.round for row in history]
        gaps = [max(row.gap, smallest) for row in history]
        ax.plot(rounds, gaps, color=CLASS_COLOURS[0], marker="o", markersize=4)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(LogFormatter())
        ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.0, 0.4)))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("round")
        ax.set_ylabel("proven relative gap")
        last = history[-1]
        title = f"Gap {short(last.gap)} after {len(history)} round{plural(len(history))}"
        write_titles(ax, title, f"{last.neurons} neuron{plural(last.neurons)}, {last.seconds:.2g} s")
    return ax


def _draw_panels(scene: Scene) -> Axes:
    """Draw the strongest terms of a scene in a new figure; returns its first axes.

    If all neurons read more than two columns, the average effects of single columns (partial dependence) instead.
    """
    from matplotlib import pyplot

    parts = shapes_of(scene)[:PANELS]
    caption = _panels_caption(scene, parts)
    plain = all(all(part.numeric) for part in parts)
    columns = max(1, min(len(parts), 3 if plain and len(parts) != 4 else 2))
    rows = max(1, -(-len(parts) // columns))
    width, height = SIZE if plain else ROOMY
    with style():
        figure = pyplot.figure(figsize=(width * max(columns, 2), height * rows + 0.9))
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax in grid[len(parts) :]:
            ax.set_axis_off()
        for ax, part in zip(grid, parts, strict=False):
            draw_shape(part, ax)
        caption = wrapped(caption, LINE * max(columns, 2), 3)
        above = "\n" * len(caption.splitlines())
        figure.suptitle(f"{verdict(scene.model)}{above}", x=0.01, ha="left", fontsize=12, fontweight="bold")
        figure.text(0.01, 1.0 - 0.3 / figure.get_figheight(), caption, va="top", fontsize=9, color=FAINT)
    return grid[0]


def _panels_caption(scene: Scene, shown: list[Shape]) -> str:
    terms = terms_of(scene.model)
    if not terms:
        return f"The network is constant: {written_out(scene.model.network_.intercept, 4)}"
    if np.isnan(shown[0].share):
        which = f"the {len(shown)} strongest of {len(scene.names)} columns" * (len(shown) < len(scene.names))
        return f"Average effects of single columns on {_output(scene)}; {which or 'each neuron reads more than two'}"
    share = sum(shape.share for shape in shown)
    parts = f"the {len(shown)} strongest of {len(terms)} parts" if len(shown) < len(terms) else "all parts"
    return (
        f"Effects on {_output(scene)}, which add up; {parts} of the network, with their shares of its variation "
        f"(together {percent(share, 0)})"
    )


def _output(scene: Scene) -> str:
    classes = getattr(scene.model, "classes_", None)
    if classes is not None:
        return f"the score of {clipped(scene.target, NAMED)} = {clipped(str(classes[1]), NAMED)}"
    link = get_loss(scene.model.loss).link
    target = clipped(scene.target, NAMED)
    return f"the {link} of {target}" if link else target


def _draw_curve(ax: Axes, scene: Scene, classification: bool) -> str:
    """One feature: data, fitted function, kinks."""
    x, kinks = scene.X[:, 0], kink_positions(scene)
    bends = scene.units.scaling.bends(0).clip(scene.low[0], scene.high[0])
    places = np.unique(np.concatenate([[scene.low[0], scene.high[0]], kinks, bends]))
    if classification:
        score = Score.of(scene)
        values, evaluate, label, colour = score.heights(scene), score.evaluate, score.label, INK
        _scatter_classes(ax, scene, x, values)
    else:
        values, evaluate, label = scene.y.astype(float), scene.model.predict, scene.target
        colour = CLASS_COLOURS[1]
        ax.scatter(x, values, s=18, c="#9a9a9a", linewidths=0, label="data")
    curved = classification or bool(get_loss(scene.model.loss).link)
    if curved:
        places = np.union1d(places, np.linspace(scene.low[0], scene.high[0], GRID))
    ring = scene.defining
    if ring.any():
        fitted = evaluate(scene.named(scene.X[ring]))
        ax.vlines(x[ring], values[ring], fitted, colors=FAINT, linewidths=0.8, alpha=0.6)
    _ring(ax, np.column_stack([x, values])[ring], f"samples at the kinks ({ring.sum()})")
    heights = evaluate(scene.named(places[:, None]))
    ax.plot(places, heights, color=colour, linewidth=2, zorder=4, label="fitted network")
    marks = ax.scatter(kinks, np.interp(kinks, places, heights), s=30, c="white", marker="D", zorder=5)
    marks.set(edgecolor=colour, label=f"kinks ({len(kinks)})")
    ax.set_xlim(scene.low[0], scene.high[0])
    label_axes(ax, scene.names[0], label)
    if classification:
        _draw_class_legend(ax, scene)
    else:
        ax.legend(loc="best")
    drawn = "score" if classification else "logarithm of the fit" if curved else "fit"
    shape = (
        "a straight line"
        if scene.units.straight.all()
        else f"as smooth as the scaling of {clipped(scene.names[0], NAMED)}"
    )
    return f"{len(kinks)} kink{plural(len(kinks))}, elsewhere the {drawn} is {shape}"


def _draw_surface(ax: Axes, scene: Scene) -> str:
    """Two features, regression: filled contours and data on one colour scale."""
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    first, second, grid = scene.grid()
    height = scene.model.predict(scene.named(grid)).reshape(GRID, GRID)
    values = scene.y.astype(float)
    # a few extreme targets must not wash out the rest
    low, high = np.quantile(values if len(values) else height, [0.02, 0.98])
    if low == high:
        low, high = low - 1.0, high + 1.0
    levels = np.array(MaxNLocator(25).tick_values(low, high))
    colours = Normalize(levels[0], levels[-1])
    surface = ax.contourf(first, second, height, levels=levels, cmap=SURFACE, norm=colours, extend="both")
    x, y = scene.X.T
    points = ax.scatter(x, y, s=16, c=values, cmap=SURFACE, norm=colours, zorder=3)
    points.set(edgecolor="white", linewidth=0.4)
    ticks = np.array(MaxNLocator(7).tick_values(levels[0], levels[-1]))
    colour_bar(ax, surface, scene.target, ticks[(ticks >= levels[0]) & (ticks <= levels[-1])])
    label_axes(ax, *scene.names)
    return _draw_neurons(ax, scene, "white")


def _draw_regions(ax: Axes, scene: Scene) -> str:
    """Two features, classification: shaded regions, boundary, classes."""
    from matplotlib.colors import LinearSegmentedColormap

    score = Score.of(scene)
    first, second, grid = scene.grid()
    height = score.evaluate(scene.named(grid)).reshape(GRID, GRID)
    levels = np.linspace(score.middle - score.reach, score.middle + score.reach, 21)
    shades = LinearSegmentedColormap.from_list("classes", CLASS_SHADES)
    extend = "both" if height.min() < levels[0] or height.max() > levels[-1] else "neither"
    surface = ax.contourf(first, second, height, levels=levels, cmap=shades, extend=extend)
    if height.min() < score.middle < height.max():
        ax.contour(first, second, height, levels=[score.middle], colors=INK, linewidths=2.4, zorder=2.5)
        ax.plot([], [], color=INK, linewidth=2.4, label="decision boundary")
    _scatter_classes(ax, scene, *scene.X.T)
    colour_bar(ax, surface, score.label, levels[::5])
    label_axes(ax, *scene.names)
    _draw_class_legend(ax, scene)
    return _draw_neurons(ax, scene, "#666666")


def _draw_class_map(ax: Axes, scene: Scene) -> str:
    """Two features, several classes: each place has the classes' colours, blended by their probabilities."""
    from matplotlib.colors import to_rgb

    first, second, grid = scene.grid()
    shares = scene.model.predict_proba(scene.named(grid))
    count = shares.shape[1]
    colours = np.array([to_rgb(CLASS_COLOURS[k % len(CLASS_COLOURS)]) for k in range(count)])
    pale = PALE + (1.0 - PALE) * colours
    corners = (first[0], first[-1], second[0], second[-1])
    ax.imshow((shares @ pale).reshape(GRID, GRID, 3), origin="lower", extent=corners, aspect="auto", zorder=0)
    for k in range(count):
        lead = shares[:, k] - np.delete(shares, k, axis=1).max(axis=1)
        if lead.min() < 0.0 < lead.max():
            ax.contour(first, second, lead.reshape(GRID, GRID), levels=[0.0], colors=INK, linewidths=2.0, zorder=2.5)
    ax.plot([], [], color=INK, linewidth=2.0, label="where the likeliest class changes")
    _scatter_classes(ax, scene, *scene.X.T)
    label_axes(ax, *scene.names)
    _draw_class_legend(ax, scene)
    return _draw_neurons(ax, scene, "#666666")


def _scatter_classes(ax: Axes, scene: Scene, x: Array, y: Array) -> None:
    labels = _class_labels(scene)
    for k, name in enumerate(scene.model.classes_):
        own, look = scene.y == name, k % len(CLASS_COLOURS)
        marks = ax.scatter(x[own], y[own], s=20, c=CLASS_COLOURS[look], marker=CLASS_MARKERS[look], zorder=3)
        marks.set_label(shown_in_legend(labels[str(name)]))
        marks.set(edgecolor="white", linewidth=0.4)


def _class_labels(scene: Scene) -> dict[str, str]:
    """What the classes are called in a legend: by their names alone, if these are long."""
    names = [str(name) for name in scene.model.classes_]
    labels = {name: f"{scene.target}: {name}" for name in names}
    return labels if all(room(label) <= SHORT for label in labels.values()) else abbreviated(names, LEGEND)


def _draw_class_legend(ax: Axes, scene: Scene) -> None:
    full = all(label.startswith(scene.target) for label in _class_labels(scene).values())
    title = "" if full else clipped(scene.target, 2 * LEGEND)
    draw_legend(ax, title, frameon=True, framealpha=0.85, edgecolor="none")


def _ring(ax: Axes, points: Array, label: str) -> None:
    """Mark defining samples: a dark ring in a light one, visible on any background."""
    from matplotlib.patheffects import withStroke

    few = len(points) <= FEW_RINGS
    rings = ax.scatter(points[:, 0], points[:, 1], s=52 if few else 30, facecolors="none", zorder=4, label=label)
    rings.set(edgecolor=INK, linewidth=1.1 if few else 0.8)
    rings.set_path_effects([withStroke(linewidth=2.8 if few else 1.8, foreground="white")])


def _draw_neurons(ax: Axes, scene: Scene, colour: str) -> str:
    """The neurons' lines, and rings around defining samples; returns the caption."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    lines, strength = neuron_lines(scene)
    bold = np.arange(len(lines)) < STRONGEST
    colours = [to_rgba(colour, alpha) for alpha in np.where(bold, 0.35 + 0.6 * strength, 0.15)]
    widths = np.where(bold, 0.5 + 1.7 * strength, 0.4)
    collection = LineCollection(lines, colors=colours, linewidths=widths, zorder=2, label="neurons")
    ax.add_collection(collection, autolim=False)
    _ring(ax, scene.X[scene.defining], "defining samples")
    ax.set_xlim(scene.low[0], scene.high[0])
    ax.set_ylim(scene.low[1], scene.high[1])
    total, ringed = len(scene.model.network_), int(scene.defining.sum())
    notes = [f"{len(lines)} of {total} cross the picture"] if len(lines) < total else []
    notes.append(f"the {STRONGEST} strongest drawn boldly" if len(lines) > STRONGEST else "bolder if stronger")
    return (
        f"Lines: where a neuron switches on ({', '.join(notes)})\n"
        f"Rings: the {ringed} sample{plural(ringed)} that define{'s' if ringed == 1 else ''} the neurons"
    )
