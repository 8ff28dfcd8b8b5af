"""Pictures of a fitted model: the function, the neurons, and the samples that define them.

Matplotlib is imported on first use; how things look is in :mod:`bladenet.styling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bladenet.display import counted, cut, flat, short
from bladenet.grids import PANELS, ROOMY, draw_panels, write_over
from bladenet.losses import Array, get_loss
from bladenet.scene import GRID, Scene, Score, kink_positions, neuron_lines
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
    blended,
    clipped,
    colour_bar,
    draw_legend,
    label_axes,
    new_axes,
    output_look,
    plural,
    room,
    shown_in_legend,
    style,
    verdict,
    write_titles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
    from bladenet.training import Round

NAMED = 40  # letters of a name in a caption
STRONGEST = 40  # neurons drawn boldly; more bold lines would hide the function
STRIP = 0.06  # of the axis of probabilities, for the samples of a class
NEARBY = 1e-6  # of the range of a feature: so far from a kink its bend is measured
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

    One feature: data, piecewise-linear fit and its kinks; a line for each output or class, if there are several. Two
    features: the fitted surface (regression; one for each output) or the decision regions (classification) with the
    line on which each neuron switches on; more than two classes blend by their probabilities. The samples that define
    the neurons are ringed in both. More features, or categories: a grid of up to six panels with the parts of the
    network that carry most of the output's variation, each a function of one or two columns; with several outputs a
    line or bar for each, and maps where the color is that of the class that the pair of columns favours.

    Parameters
    ----------
    model : fitted BladeNetRegressor or BladeNetClassifier
    X : (n, columns), the training data: the neurons refer to its rows
    y : (n,), the training target; (n, c) for several outputs
    ax : axes to draw in; a new figure if None. Not for a grid of panels, nor for several surfaces
    feature_names : one name per column; by default those seen in fit, or "feature 0", "feature 1"
    target : name of the target; by default the name of a pandas Series, or "target"

    Returns
    -------
    matplotlib.axes.Axes
        The first, of a grid. ``ax.figure.savefig("fit.png")`` writes it to a file.

    Raises
    ------
    ValueError
        If the neurons pass through other samples than those of `X`, or names or shapes do not match.
    """
    return draw_scene(Scene.create(model, X, y, feature_names, target), ax)


def draw_scene(scene: Scene, ax: Axes | None = None) -> Axes:
    """Draw a checked scene; errors as for :func:`plot_fit`."""
    from sklearn.base import is_classifier

    model = scene.model
    if scene.X.shape[1] > 2 or model.encoding_.has_categories:
        if ax is not None:
            raise ValueError("a model of several features or categories is drawn as a grid of panels: leave out ax.")
        return draw_panels(scene)
    if scene.outputs and scene.X.shape[1] == 2 and not is_classifier(model):
        if ax is not None:
            raise ValueError("a model of several outputs is drawn as one surface for each: leave out ax.")
        return _draw_surfaces(scene)
    with style():
        ax = new_axes() if ax is None else ax
        if scene.X.shape[1] == 1:
            caption = _draw_lines(ax, scene) if scene.outputs else _draw_curve(ax, scene, is_classifier(model))
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
    _ring(ax, np.column_stack([x, values])[ring], f"samples at the kinks ({_ringed(scene)})")
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


def _draw_lines(ax: Axes, scene: Scene) -> str:
    """One feature, several outputs or classes: a line for each."""
    model, x, ring, kinks = scene.model, scene.X[:, 0], scene.defining, kink_positions(scene)
    classes = getattr(model, "classes_", None)
    bends = scene.units.scaling.bends(0).clip(scene.low[0], scene.high[0])
    places = np.unique(np.concatenate([np.linspace(scene.low[0], scene.high[0], GRID), kinks, bends]))
    evaluate = model.predict if classes is None else model.predict_proba
    heights = evaluate(scene.named(places[:, None]))
    spots = scene.units.scaling.apply(kinks[:, None])
    step, score = NEARBY * np.ptp(scene.units.scaling.apply(np.array([scene.low, scene.high]))), model.network_.predict
    bent = np.abs(score(spots + step) - 2.0 * score(spots) + score(spots - step)).argmax(axis=1)
    short = abbreviated(scene.outputs, LEGEND)
    for k, name in enumerate(scene.outputs):
        own, look = np.ones(len(x), dtype=bool) if classes is None else scene.y == classes[k], output_look(k)
        level = scene.y[:, k].astype(float) if classes is None else np.full(len(x), 1.0 + STRIP * (k + 1))
        points = np.column_stack([x, level])
        marker = CLASS_MARKERS[k % len(CLASS_MARKERS)]
        ax.scatter(
            points[own, 0], points[own, 1], s=16, c=look["color"], marker=marker, alpha=0.6, linewidths=0, zorder=3
        )
        ax.plot(places, heights[:, k], linewidth=2, zorder=4.5, label=shown_in_legend(short[name]), **look)
        last = k == len(scene.outputs) - 1
        _ring(ax, points[own & ring], f"samples at the kinks ({_ringed(scene)})" if last else "")
        most = kinks[bent == k]
        marks = ax.scatter(most, np.interp(most, places, heights[:, k]), s=30, c="white", marker="D", zorder=5)
        marks.set(edgecolor=look["color"])
    ax.set_xlim(scene.low[0], scene.high[0])
    if classes is None:
        label_axes(ax, scene.names[0], scene.target)
    else:
        ax.set_ylim(-STRIP, 1.0 + STRIP * (len(scene.outputs) + 1))
        ax.set_yticks(np.linspace(0.0, 1.0, 6))
        label_axes(ax, scene.names[0], f"probability of each {cut(flat(scene.target), NAMED)}")
    ax.legend(title=clipped(scene.target, LEGEND), loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    above = "" if classes is None else "; above, the samples of each class"
    return f"{len(kinks)} kink{plural(len(kinks))}, each on the line that it bends most{above}"


def _draw_surfaces(scene: Scene) -> Axes:
    """Two features, several outputs: a surface for each, in a new figure; returns its first axes."""
    from matplotlib import pyplot

    count = min(len(scene.outputs), PANELS)
    columns = count if count != 4 and count < 3 else 2 if count == 4 else 3
    rows = -(-count // columns)
    with style():
        figure = pyplot.figure(figsize=(ROOMY[0] * max(columns, 2), ROOMY[1] * rows + 1.1))
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax in grid[count:]:
            ax.set_axis_off()
        for k, ax in enumerate(grid[:count]):
            caption = _draw_surface(ax, scene, k)
        more = f"; the first {count} of {len(scene.outputs)} outputs" if count < len(scene.outputs) else ""
        write_over(figure, scene, caption.replace("\n", "; ") + more, columns)
    return grid[0]


def _draw_surface(ax: Axes, scene: Scene, output: int = 0) -> str:
    """Two features, regression: filled contours and data on one colour scale."""
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    first, second, grid = scene.grid()
    height = scene.model.predict(scene.named(grid)).reshape(GRID, GRID, -1)[..., output]
    values = np.atleast_2d(scene.y.T)[output].astype(float)
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
    colour_bar(
        ax,
        surface,
        scene.outputs[output] if scene.outputs else scene.target,
        ticks[(ticks >= levels[0]) & (ticks <= levels[-1])],
    )
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
    first, second, grid = scene.grid()
    shares = scene.model.predict_proba(scene.named(grid))
    count = shares.shape[1]
    corners = (first[0], first[-1], second[0], second[-1])
    ax.imshow(blended(shares).reshape(GRID, GRID, 3), origin="lower", extent=corners, aspect="auto", zorder=0)
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


def _ringed(scene: Scene) -> str:
    """How many samples are ringed, and at how many places if several share one."""
    count, places = int(scene.defining.sum()), len(np.unique(scene.X[scene.defining], axis=0))
    return f"{count:,}" if places == count else f"{count:,} at {counted(places, 'place')}"


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
    total = len(scene.model.network_)
    notes = [f"{len(lines)} of {total} cross the picture"] if len(lines) < total else []
    notes.append(f"the {STRONGEST} strongest drawn boldly" if len(lines) > STRONGEST else "bolder if stronger")
    return (
        f"Lines: where a neuron switches on ({', '.join(notes)})\n"
        f"Rings: samples that the neurons pass through ({_ringed(scene)})"
    )
