"""A network of several columns as a grid of pictures: its strongest parts, below one title."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bladenet.display import written_out
from bladenet.formulas import percent
from bladenet.losses import get_loss
from bladenet.panels import EFFECTS, draw_shape
from bladenet.scene import Scene
from bladenet.shapes import Shape, shapes_of, terms_of
from bladenet.styling import FAINT, clipped, draw_legend_of_outputs, style, verdict, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 6  # parts of a network of many features
SIZE, ROOMY = (4.4, 3.5), (5.4, 4.2)  # inches of one panel; where some show categories
NAMED = 40  # letters of a name in a caption
LINE = 64  # letters of the caption over each of them


def draw_panels(scene: Scene) -> Axes:
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
        for place, (ax, part) in enumerate(zip(grid, parts, strict=False)):
            draw_shape(part, ax, legend=False)
            if place % columns and ax.get_ylabel() == EFFECTS:  # that of the first panel is for the whole row
                ax.set_ylabel("")
        if scene.outputs:
            across = min(len(scene.outputs), 4 * max(columns, 2) // 2)
            draw_legend_of_outputs(figure, scene, loc="outside lower left", ncols=across, alignment="left")
        write_over(figure, scene, caption, columns)
    return grid[0]


def write_over(figure: Figure, scene: Scene, caption: str, columns: int) -> None:
    """Title and caption over a grid of so many columns."""
    caption = wrapped(caption, LINE * max(columns, 2), 3)
    above = "\n" * len(caption.splitlines())
    figure.suptitle(f"{verdict(scene.model)}{above}", x=0.01, ha="left", fontsize=12, fontweight="bold")
    figure.text(0.01, 1.0 - 0.3 / figure.get_figheight(), caption, va="top", fontsize=9, color=FAINT)


def _panels_caption(scene: Scene, shown: list[Shape]) -> str:
    terms = terms_of(scene.model)
    if not terms:
        constant = ", ".join(written_out(value, 4) for value in np.atleast_1d(scene.model.network_.intercept))
        return f"The network is constant: {constant}"
    if np.isnan(shown[0].importance):
        which = f"the {len(shown)} strongest of {len(scene.names)} columns" * (len(shown) < len(scene.names))
        return f"Average effects of single columns on {_output(scene)}; {which or 'each neuron reads more than two'}"
    mapped = any(len(shape.columns) == 2 and all(shape.numeric) for shape in shown)
    if mapped and scene.outputs:
        favoured = "; maps: the colour of the class favoured, mixed where none is"
        maps = favoured if hasattr(scene.model, "classes_") else "; maps: lines of equal effect"
    else:
        maps = ""
    share = percent(sum(shape.importance for shape in shown), 0)
    parts, together = "all parts", ""
    if len(shown) < len(terms):
        parts, together = f"the {len(shown)} strongest of {len(terms)} parts", f" (together {share})"
    return (
        f"Effects on {_output(scene)}, which add up; {parts} of the network, and how much each counts{together}{maps}"
    )


def _output(scene: Scene) -> str:
    classes = getattr(scene.model, "classes_", None)
    if scene.outputs:
        target = clipped(scene.target, NAMED)
        return f"the score of each {target}" if classes is not None else f"each output of {target}"
    if classes is not None:
        return f"the score of {clipped(scene.target, NAMED)} = {clipped(str(classes[1]), NAMED)}"
    link = get_loss(scene.model.loss).link
    target = clipped(scene.target, NAMED)
    return f"the {link} of {target}" if link else target
