"""The two figures, in the style of the package. Matplotlib is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bladenet.display import counted
from bladenet.reproduce.ablation import BEST, PAPER, PAPER_RIDGE, PARTIAL, REFINED, REFIT, RIDGE, SGD
from bladenet.reproduce.images import RATES, WIDTHS
from bladenet.reproduce.spirals import DESCENT, TRAINING, Spirals
from bladenet.reproduce.summaries import trials_of, with_errors
from bladenet.styling import CLASS_COLOURS, CLASS_MARKERS, CLASS_SHADES, FAINT, INK, style, write_titles
from bladenet.torch.layers import outputs_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, and a marker of its own for each method
MARKS = {
    DESCENT: (FAINT, "s"),
    SGD: (FAINT, "s"),
    REFIT: ("#0072B2", "o"),
    PAPER: ("#D55E00", "X"),
    RIDGE: ("#56B4E9", "o"),
    PAPER_RIDGE: ("#E69F00", "X"),
    PARTIAL: ("#009E73", "^"),
    BEST: ("#009E73", "^"),
    REFINED: ("#CC79A7", "D"),
}
DASHED = (RIDGE, PAPER_RIDGE, PARTIAL)  # often on top of another
BESIDE = 1.35  # times an epoch
GRID = 300
REACH = 1.5  # of outputs that colours tell apart; targets are −1 and +1


def draw_spirals(result: Spirals) -> Figure:
    """Figure 6: the training curve with what each method makes of it, and decision regions."""
    import pandas as pd
    from matplotlib import pyplot

    frame = pd.DataFrame(result.rows)
    with style():
        figure, places = pyplot.subplot_mosaic("AABC\nAADE", figsize=(11.5, 6.0))
        _draw_descent(places["A"], frame, result.optimum.certificate.objective)
        titles = {DESCENT: "Gradient descent", PAPER: "The paper's polishing", BEST: "Best polishing"}
        for place, (method, title) in zip("BCD", titles.items(), strict=True):
            module = result.shown[method]
            value = frame[(frame.trial == 1) & (frame.method == method)].sort_values("epoch").objective.iloc[-1]
            note = f"first network, objective {value:.3f}"
            _draw_region(places[place], result, lambda grid, of=module: outputs_of(of, torch.tensor(grid)), title, note)
        optimum = result.optimum
        note = f"objective {optimum.certificate.objective:.3f}"
        _draw_region(places["E"], result, optimum.network.predict, "Global optimum", note)
        places["B"].legend(
            loc="upper right", fontsize=8, handletextpad=0.1, frameon=True, framealpha=0.85, edgecolor="none"
        )
    return figure


def _draw_descent(ax: Axes, frame: pd.DataFrame, optimum: float) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    end, trials = float(frame.epoch.max()), frame.trial.nunique()
    means = with_errors(frame[frame.epoch > 0], ["method", "epoch"], ["objective"])  # the axis is logarithmic
    curve = means[means.method == TRAINING]
    ax.plot(curve.epoch, curve.objective, color=FAINT, linewidth=1.8)
    for method in (DESCENT, REFIT, PAPER, BEST, REFINED):
        own = means[means.method == method].sort_values("epoch")
        colour, marker = MARKS[method]
        label = f"{method}: {own.objective.iloc[-1]:.3f}"
        if method == DESCENT:  # of which the curve shows the rest
            own = own.tail(1)
        at = own.epoch * (BESIDE if method == BEST else 1.0)
        errors = own.objective_error.fillna(0.0)
        ax.errorbar(
            at, own.objective, yerr=errors, color=colour, marker=marker, markersize=7.5, linewidth=1.2, label=label
        )
    ax.axhline(optimum, color=INK, linewidth=1.4, linestyle=(0, (5, 3)), label=f"certified optimum: {optimum:.3f}")
    ax.set(
        xscale="log", yscale="log", xlabel="epochs of gradient descent", ylabel="objective (summed loss + weight decay)"
    )
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(bottom=optimum / 1.3)
    ax.legend(loc=(0.02, 0.13), title=f"After {end:,.0f} epochs", alignment="left")
    errors_shown = ", bars: standard errors" if trials > 1 else ""
    caption = f"Means of {counted(trials, 'network')}{errors_shown}; best polishing is drawn beside the others"
    write_titles(ax, "Two spirals: how near each method comes to the optimum", caption)


def _draw_region(ax: Axes, result: Spirals, evaluate: Any, title: str, note: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    low, high = result.X.min() - 0.1, result.X.max() + 0.1
    first, second = np.meshgrid(np.linspace(low, high, GRID), np.linspace(low, high, GRID))
    heights = np.asarray(evaluate(np.column_stack([first.ravel(), second.ravel()]))).reshape(GRID, GRID)
    shades = LinearSegmentedColormap.from_list("classes", CLASS_SHADES)
    ax.contourf(first, second, heights, levels=np.linspace(-REACH, REACH, 21), cmap=shades, extend="both")
    ax.contour(first, second, heights, levels=[0.0], colors=INK, linewidths=1.6)
    for sign, colour, marker in zip((-1, 1), CLASS_COLOURS, CLASS_MARKERS, strict=False):  # the first two
        own = result.X[result.y == sign]
        marks = ax.scatter(
            own[:, 0], own[:, 1], s=16, c=colour, marker=marker, zorder=3, label=f"y = {sign:+d}".replace("-", "−")
        )
        marks.set(edgecolor="white", linewidth=0.4)
    ax.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1], xlabel="x₁", ylabel="x₂")
    write_titles(ax, title, note)


def draw_images(frame: pd.DataFrame) -> Figure:
    """Figure 7: training and test accuracy over the neurons of the second layer, and over learning rates."""
    from matplotlib import pyplot
    from matplotlib.ticker import NullLocator

    columns = {WIDTHS: ("width", "neurons in the second layer"), RATES: ("rate", "learning rate of SGD")}
    titles = {WIDTHS: "First layer polished", RATES: "Second layer polished"}
    with style():
        figure, places = pyplot.subplots(2, 2, figsize=(11, 7.6), sharex="col", sharey=True)
        for (panel, (name, label)), column in zip(columns.items(), places.T, strict=True):
            part = frame[frame.panel == panel]
            for ax, part_of in zip(column, ("train", "test"), strict=True):
                _draw_accuracy(ax, part, name, f"{part_of}_accuracy")
                ax.set_title(f"{titles[panel]}: {'training' if part_of == 'train' else 'test'} images")
            values = sorted(part[name].unique())
            column[1].set(xscale="log", xlabel=label, xticks=values, xticklabels=[f"{value:g}" for value in values])
            column[1].xaxis.set_minor_locator(NullLocator())
        for ax in places[:, 0]:
            ax.set_ylabel("accuracy (%)")
        handles, labels = next((ax for ax in places.flat if ax.lines), places[0, 0]).get_legend_handles_labels()
        note = f"After (means of {trials_of(frame)}, bars: standard errors)"
        figure.legend(handles, labels, loc="outside lower center", ncols=len(MARKS), title=note)
    return figure


def _draw_accuracy(ax: Axes, frame: pd.DataFrame, name: str, accuracy: str) -> None:
    means = with_errors(frame, ["method", name], [accuracy]).sort_values(name, kind="stable")
    for method, own in means.groupby("method", sort=False):
        colour, marker = MARKS[str(method)]
        errors = 100 * own[f"{accuracy}_error"].fillna(0.0)
        line = ax.errorbar(own[name], 100 * own[accuracy], yerr=errors, color=colour, marker=marker, markersize=7)
        line.set_label(str(method))
        line.lines[0].set_linestyle("--" if method in DASHED else "-")
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.8)
