"""Figures 1 to 5 and 8 in the style of the package. Matplotlib is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bladenet.losses import Array
from bladenet.reproduce.geometry import CHORD, Measured
from bladenet.styling import CLASS_COLOURS, CLASS_SHADES, FAINT, INK, style, write_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN = CLASS_COLOURS[:3]
LIGHT_BLUE, _, LIGHT_VERMILION = CLASS_SHADES
DASHED = (0, (5, 3))
HALO = "white"  # behind labels
REACH = 8.0  # of half-planes and lines: beyond the axes


def draw_wedges(measured: Measured) -> Figure:
    """Figure 1: a parallelogram, the same one the other way round, and a triangle."""
    from matplotlib import pyplot

    corners, (value, reverse) = measured.drawn["corners"], measured.drawn["values"]
    with style():
        figure, places = pyplot.subplots(1, 3, figsize=(12, 4.0))
        _draw_parallelogram(places[0], corners, ("a", "b"), BLUE)
        write_titles(places[0], f"a ∧ b = {_signed(value)}", "From a to b is counter-clockwise: positive")
        _draw_parallelogram(places[1], corners, ("a", "b"), VERMILION, turned=True)
        write_titles(places[1], f"b ∧ a = {_signed(reverse)}", "From b to a is clockwise: negative")
        _draw_triangle(places[2], measured.drawn["triangle"], measured.drawn["adjacent"])
        for ax in places:
            ax.set(aspect="equal", xlim=(-0.6, 4.9), ylim=(-0.6, 3.7), yticks=range(4), xlabel="x₁", ylabel="x₂")
    return figure


def _draw_parallelogram(ax: Axes, corners: Array, names: tuple[str, str], colour: str, turned: bool = False) -> None:
    shade = LIGHT_VERMILION if turned else LIGHT_BLUE
    ax.fill(*corners.T, facecolor=shade, alpha=0.45, edgecolor=colour, linewidth=0.8)
    ax.plot(*corners[[1, 3]].T, color=colour, linestyle=DASHED, linewidth=1.2)  # half of it is the triangle
    for corner, name in zip(corners[[1, 3]], names, strict=True):
        _arrow(ax, np.zeros(2), corner, INK)
        _label(ax, corner, f"{name} = ({corner[0]:g}, {corner[1]:g})", (6, -13) if name == "a" else (-58, 4))
    start, end = (np.degrees(np.arctan2(*corner[::-1])) for corner in corners[[1, 3]])
    _turn(ax, 0.85, *((end, start) if turned else (start, end)), colour)
    _draw_origin(ax)


def _draw_triangle(ax: Axes, triangle: Array, adjacent: Array) -> None:
    ax.fill(*triangle.T, facecolor=LIGHT_BLUE, alpha=0.45, edgecolor=BLUE, linewidth=1.2)
    for corner, name, shift in zip(triangle, "abc", ((8, 4), (7, -6), (-4, 8)), strict=True):
        ax.plot(*corner, "o", color=INK, markersize=5)
        _label(ax, corner, name, shift)
        ax.plot(*np.array([[0, 0], corner]).T, color=FAINT, linewidth=0.8, linestyle=":")
    _draw_origin(ax)
    first, *others = (f"{value:.3g}".replace("-", "−") for value in adjacent)
    sums = first + "".join(f" − {value[1:]}" if value[0] == "−" else f" + {value}" for value in others)
    middle = triangle.mean(axis=0)
    ax.text(middle[0], middle[1], f"{adjacent.sum() / 2:.4g}", ha="center", va="center", fontsize=11, color=BLUE)
    write_titles(ax, f"Triangle abc: area {adjacent.sum() / 2:.4g}", f"½ (a∧b + b∧c + c∧a) = ½ ({sums})")


def _draw_origin(ax: Axes) -> None:
    ax.plot(0, 0, "o", color=INK, markersize=4)
    _label(ax, np.zeros(2), "0", (-12, -12))


def draw_fit(measured: Measured) -> Figure:
    """Figure 2: the optimal network of one feature, and its neurons."""
    from matplotlib import pyplot

    drawn, samples = measured.drawn, [row for row in measured.rows if row["kind"] == "sample"]
    x, y, f = (np.array([row[name] for row in samples]) for name in ("x", "y", "prediction"))
    broken, network, proven = drawn["broken"], drawn["fit"].network, drawn["fit"].certificate
    with style():
        figure, (above, below) = pyplot.subplots(2, 1, figsize=(8, 6.4), sharex=True, height_ratios=(3, 2))
        for at in x[broken]:
            above.axvline(at, color="#e3e3e3", linewidth=1.0, zorder=0)
            below.axvline(at, color="#e3e3e3", linewidth=1.0, zorder=0)
        above.plot(drawn["curve"], drawn["values"], color=INK, linewidth=1.8, label="optimal network")
        above.plot(x, y, "x", color=FAINT, markersize=7, label="targets")
        above.plot(x[broken], f[broken], "o", color=VERMILION, markersize=8, label="break points, all at samples")
        hollow = {"markerfacecolor": "white", "markeredgecolor": BLUE, "markeredgewidth": 1.6}
        above.plot(x[~broken], f[~broken], "o", markersize=7, label="samples that are no break points", **hollow)
        above.set(ylabel="output and target", ylim=(-0.45, 4.1))
        above.legend(loc="upper left", ncols=2)
        caption = (
            f"Certified optimum, objective {proven.objective:.6f}, gap {proven.gap:.0e}: {broken.sum()} of {len(x)} "
            "samples are break points"
        )
        write_titles(above, "One feature: the slope changes at samples only", caption)
        columns = network.hidden(drawn["curve"][:, None]) * network.amplitudes
        for column, weight, kink in zip(columns.T, network.weights[:, 0], drawn["kinks"], strict=True):
            active = (drawn["curve"] - kink) * weight >= 0
            below.plot(drawn["curve"][active], column[active], color=BLUE if weight > 0 else VERMILION, linewidth=1.8)
        below.plot([], [], color=BLUE, label="active on the right of its sample")
        below.plot([], [], color=VERMILION, label="on the left")
        below.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
        below.legend(loc="upper left")
        below.set(xlabel="x", ylabel="neurons' outputs", xticks=np.arange(-4, 5))
    return figure


def draw_dictionaries(measured: Measured) -> Figure:
    """Figure 3: a column of either dictionary, as triangles."""
    return _two_dictionaries(measured, _draw_triangles, "2 × area of the triangle / ‖base‖₁")


def draw_distances(measured: Measured) -> Figure:
    """Figure 4: a column of either dictionary, as distances."""
    return _two_dictionaries(measured, _draw_perpendiculars, "distance to the line")


def _two_dictionaries(measured: Measured, draw: Any, what: str) -> Figure:
    from matplotlib import pyplot

    samples, (j, k) = measured.drawn["samples"], measured.drawn["through"]
    with style():
        figure, places = pyplot.subplots(1, 2, figsize=(11.5, 5.2), sharex=True, sharey=True)
        for ax, panel in zip(places, ("without bias", "with bias"), strict=True):
            origin = samples[k] if panel == "with bias" else np.zeros(2)
            along = (samples[j] - origin) / np.linalg.norm(samples[j] - origin)
            _draw_line(ax, origin, along)
            rows = [row for row in measured.rows if row["panel"] == panel]
            draw(ax, rows, origin, samples[j])
            _draw_samples(ax, rows, {j: "xⱼ"} | ({k: "xₖ"} if panel == "with bias" else {}))
            if panel == "without bias":
                ax.plot(0, 0, "s", color=INK, markersize=5)
                _label(ax, np.zeros(2), "0", (-12, -12))
            through = "xₖ and xⱼ" if panel == "with bias" else "0 and xⱼ"
            write_titles(
                ax, panel.capitalize(), f"Entries: {what};\nnot zero on the right of the line through {through}"
            )
            ax.set(aspect="equal", xlim=(-2.4, 4.1), ylim=(-1.9, 2.9), xlabel="x₁", ylabel="x₂")
    return figure


def _draw_line(ax: Axes, origin: Array, along: Array) -> None:
    """The line, and the half-plane on its right."""
    right = np.array([along[1], -along[0]])
    ends = origin + REACH * np.array([-along, along])
    ax.fill(*np.vstack([ends, ends[::-1] + REACH * right]).T, color="#f4f4f4", zorder=0, linewidth=0)
    ax.plot(*ends.T, color=INK, linewidth=1.0, linestyle=DASHED, zorder=1)


def _draw_triangles(ax: Axes, rows: list[dict[str, Any]], origin: Array, end: Array) -> None:
    for row in rows:
        if row["entry"] > 0:
            corners = np.array([origin, [row["x1"], row["x2"]], end])
            ax.fill(*corners.T, facecolor=LIGHT_BLUE, alpha=0.22, edgecolor=BLUE, linewidth=0.9)


def _draw_perpendiculars(ax: Axes, rows: list[dict[str, Any]], origin: Array, end: Array) -> None:
    for row in rows:
        ends = np.array([[row["x1"], row["x2"]], [row["foot1"], row["foot2"]]])
        active = row["entry"] > 0
        ax.plot(
            *ends.T, color=BLUE if active else FAINT, linewidth=1.6 if active else 0.9, linestyle="-" if active else ":"
        )


def _draw_samples(ax: Axes, rows: list[dict[str, Any]], names: dict[int, str]) -> None:
    """Samples with their entries; those that the line passes through by name."""
    for row in rows:
        at, named, active = np.array([row["x1"], row["x2"]]), names.get(row["sample"]), row["entry"] > 0
        ax.plot(*at, "o", color=INK if named else BLUE if active else FAINT, markersize=7 if named else 6, zorder=3)
        text = named or (f"{row['entry']:.2f}" if active else "0")
        note = _label(ax, at, text, (9, 6), INK if named else BLUE if active else FAINT)
        if active and at[0] < 0:  # away from what is drawn
            note.set(ha="right", position=(-8, -11))


def draw_dispersion(measured: Measured) -> Figure:
    """Figure 5: lines through samples with the widest angle between them, and the chambers of the weights."""
    from matplotlib import pyplot

    drawn = measured.drawn
    with style():
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11.5, 5.6))
        _draw_lines(left, drawn["samples"], drawn["angles"], drawn["gaps"])
        _draw_chambers(right, drawn["chambers"])
        for ax in (left, right):
            ax.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        left.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8), xlabel="x₁", ylabel="x₂")
        right.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), xlabel="w₁", ylabel="w₂")
    return figure


def _draw_lines(ax: Axes, samples: Array, angles: Array, gaps: Array) -> None:
    for angle in angles:
        ax.plot(*np.outer([np.cos(angle), np.sin(angle)], [-REACH, REACH]), color="#cccccc", linewidth=0.9, zorder=1)
    ax.plot(*samples.T, "o", color=INK, markersize=6, zorder=3)
    for k, colour, word in ((int(gaps.argmax()), VERMILION, "widest"), (int(gaps.argmin()), BLUE, "closest")):
        arc = np.linspace(angles[k], angles[k] + gaps[k], 60)
        for turn in (0.0, np.pi):
            outline = 1.02 * np.column_stack([np.cos(arc + turn), np.sin(arc + turn)])
            ax.fill(*np.vstack([[0, 0], outline]).T, color=colour, alpha=0.28, linewidth=0, zorder=0)
        middle = angles[k] + 0.5 * gaps[k]
        end = 1.35 if word == "widest" else -1.3  # at either end of the lines, so that neither is in the other's way
        at = end * np.array([np.cos(middle), np.sin(middle)])
        _label(ax, at, f"{word}\n{np.degrees(gaps[k]):.0f}°", (0, 0), colour).set(ha="center", va="center")
    caption = (
        f"ε = {np.degrees(gaps.max()):.0f}°, the widest angle between neighbours, counts; not that of the closest pair"
    )
    write_titles(ax, "Angular dispersion", caption)


def _draw_chambers(ax: Axes, cells: list[Array]) -> None:
    turned = np.linspace(0.0, 2.0 * np.pi, 400)
    ax.plot(np.cos(turned), np.sin(turned), color=FAINT, linewidth=1.0)
    lengths = [float(np.linalg.norm(cell[0] - cell[1])) for cell in cells]
    largest = int(np.argmax(lengths))
    for k, cell in enumerate(cells):
        for w in cell:
            ax.plot(*np.outer(w, [0.0, 1.0]), color="#cccccc", linewidth=0.9, zorder=1)
        if k == largest:
            start, end = np.unwrap(np.arctan2(cell[:, 1], cell[:, 0]))
            arc = np.linspace(start, end, 60)
            outline = np.column_stack([np.cos(arc), np.sin(arc)])
            ax.fill(*np.vstack([[0, 0], outline]).T, color=VERMILION, alpha=0.28, linewidth=0, zorder=0)
            ax.plot(*cell.T, "o-", color=VERMILION, markersize=6, linewidth=1.8, zorder=3)
            x, y = 1.3 * cell.sum(axis=0) / np.linalg.norm(cell.sum(axis=0))
            ax.text(x, y, f"D = {lengths[k]:.3f}", ha="center", va="center", color=VERMILION)
    caption = (
        f"{len(cells)} chambers of unit weights that activate the same samples; D = 2 sin(ε/2) = {max(lengths):.3f}"
    )
    write_titles(ax, "Maximum chamber diameter", caption)


def draw_chord(measured: Measured) -> Figure:
    """Figure 8: chord and arc of one chamber, and the bound over all angles."""
    from matplotlib import pyplot

    with style():
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11.5, 4.9))
        _draw_sector(left)
        columns = ("angle_deg", "measured", "cos_half", "one_minus_D")
        angle, distance, cosine, paper = (np.array([row[name] for row in measured.rows]) for name in columns)
        right.plot(angle, cosine, color=GREEN, linewidth=2.0, label="cos(ε/2), Theorem 4")
        right.plot(
            angle, np.maximum(paper, 0.0), color=VERMILION, linewidth=1.6, linestyle="--", label="1 − D, Theorem 7"
        )
        right.plot(angle[::12], distance[::12], "o", color=INK, markersize=5, label="distance of the chord, measured")
        right.set(
            xlabel="angle ε of the chamber (degrees)", ylabel="factor c", xticks=range(0, 181, 30), ylim=(-0.02, 1.05)
        )
        right.legend(loc="upper right")
        none = angle[paper <= 1e-12].min()
        caption = f"From {none:.0f}° on 1 − D guarantees nothing; cos(ε/2) does up to 180°"
        write_titles(right, "The factor c of the guarantee p̂ ≤ p*/c", caption)
    return figure


def _draw_sector(ax: Axes) -> None:
    half = 0.5 * CHORD
    arc = np.linspace(-half, half, 100) + 0.5 * np.pi
    outline = np.column_stack([np.cos(arc), np.sin(arc)])
    ends, cosine = outline[[0, -1]], float(np.cos(half))
    ax.fill(*np.vstack([[0, 0], outline]).T, color=LIGHT_BLUE, alpha=0.35, linewidth=0)
    ax.fill(*np.vstack([[0, 0], ends]).T, color=LIGHT_BLUE, alpha=0.6, linewidth=0)
    ax.plot(*outline.T, color=BLUE, linewidth=2.0)
    ax.plot(*ends.T, color=INK, linewidth=1.6)
    ax.plot(*(ends / cosine).T, color=VERMILION, linewidth=1.4, linestyle=DASHED)
    for end, name, shift in zip(ends, ("g₁", "g₂"), ((9, -4), (-22, -4)), strict=True):
        _arrow(ax, np.zeros(2), end, INK)
        _label(ax, end, name, shift)
        ax.plot(*np.array([end, end / cosine]).T, color=FAINT, linewidth=0.8, linestyle=":")
    ax.plot([0, 0], [0, cosine], color=GREEN, linewidth=2.0)
    _label(ax, np.array([0.0, 0.78 * cosine]), f"cos(ε/2)\n= {cosine:.3f}", (6, -10), GREEN)
    _label(ax, np.array([0.0, 1.0]), "chord × 1/cos(ε/2)", (0, 6), VERMILION).set_ha("center")
    start, end = np.degrees(arc[[0, -1]])
    _turn(ax, 0.2, start, end, FAINT, arrow=False)
    _label(ax, np.array([0.0, 0.2]), "ε", (-16, 2), FAINT)
    ax.set(
        aspect="equal",
        xlim=(-1.1, 1.1),
        ylim=(-0.08, 1.25),
        xlabel="w₁",
        ylabel="w₂",
        xticks=[-1, 0, 1],
        yticks=[0, 1],
        anchor="N",
    )
    write_titles(ax, f"Chord against arc, ε = {np.degrees(CHORD):.0f}°", "Triangle ⊆ sector ⊆ triangle / cos(ε/2)")


def _arrow(ax: Axes, start: Array, end: Array, colour: str) -> None:
    ends = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=ends)


def _label(ax: Axes, at: Array, text: str, shift: tuple[float, float], colour: str = INK) -> Any:
    from matplotlib.patheffects import withStroke

    note = ax.annotate(text, (at[0], at[1]), shift, textcoords="offset points", color=colour, fontsize=9.5, zorder=4)
    note.set_path_effects([withStroke(linewidth=3, foreground=HALO)])
    return note


def _turn(ax: Axes, radius: float, start: float, end: float, colour: str, arrow: bool = True) -> None:
    """An arc from one angle to another, in degrees."""
    angles = np.radians(np.linspace(start, end, 40))
    arc = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    ax.plot(*arc[: -4 if arrow else None].T, color=colour, linewidth=1.4)
    if arrow:
        _arrow(ax, arc[-8], arc[-1], colour)


def _signed(value: float) -> str:
    return f"{value:+.12g}".replace("-", "−")
