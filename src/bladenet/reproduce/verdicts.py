"""What the measured numbers say about the paper's claim, as a table and in words; the words follow from the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bladenet.display import counted
from bladenet.reproduce.ablation import BEST, PAPER, PAPER_RIDGE, PARTIAL, REFINED, REFIT, RIDGE, SGD
from bladenet.reproduce.images import RATES, WIDTHS
from bladenet.reproduce.spirals import DESCENT, Setup
from bladenet.reproduce.summaries import table_of, trials_of, with_errors
from bladenet.styling import plural

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

POLISHED = {WIDTHS: "first", RATES: "second"}


def spirals_table(methods: pd.DataFrame, setup: Setup) -> Group:
    """Figure 6: a row for each method, after all epochs."""
    methods = _at_the_end(methods)
    means = with_errors(methods, ["method"], ["objective", "excess", "closed"])
    trials = methods.trial.nunique()
    title = (
        f"Two spirals, n = {setup.samples}, {setup.width} neurons, β = {setup.beta:g}: certified optimum "
        f"{methods.lower_bound.iloc[0]:.4f}; {trials} network{plural(trials)}, mean ± standard error"
    )
    shown = {
        "objective": ("objective", ".4f"),
        "above the optimum": ("excess", ".2%"),
        "of the gap closed": ("closed", ".1%"),
    }
    return table_of(means, title, {"after": "method"}, shown)


def spirals_verdict(methods: pd.DataFrame) -> str:
    """Figure 6 in words."""
    means = _at_the_end(methods).groupby("method")[["excess", "closed"]].mean()
    closed = means.closed
    adds = _what_polishing_adds(closed[REFIT], closed[PAPER], lambda x: f"{x:.1%} of the gap")
    return (
        f"Gradient descent ends {means.excess[DESCENT]:.0%} above the certified optimum. Of that gap the refit of the "
        f"last layer alone closes {closed[REFIT]:.1%}, the paper's polishing with the same refit {closed[PAPER]:.1%}, "
        f"polishing only where it helps {closed[BEST]:.1%}, and refinement {closed[REFINED]:.1%}. So {adds}. "
        f"{_over_epochs(methods)}"
    )


def _at_the_end(methods: pd.DataFrame) -> pd.DataFrame:
    return methods[methods.epoch == methods.epoch.max()]


def _over_epochs(methods: pd.DataFrame) -> str:
    """In how many networks full polishing is better than the refit alone, by how long they were trained."""
    objective = methods.pivot_table(index=["epoch", "trial"], columns="method", values="objective")
    lower = (objective[PAPER] < objective[REFIT]).groupby("epoch").agg(["sum", "size"])
    stages = ", ".join(f"{row['sum']} of {row['size']} after {epoch:,.0f} epochs" for epoch, row in lower.iterrows())
    return f"Networks in which that polishing ends below the refit alone: {stages}."


def images_table(frame: pd.DataFrame) -> Group:
    """Figure 7: a row for each setting and method."""
    settings = ["panel", "width", "rate", "method"]
    means = with_errors(frame, settings, ["objective", "train_accuracy", "test_accuracy"])
    means["panel"] = means.panel.map(POLISHED)
    means = means.sort_values(["panel", "width", "rate"], kind="stable")
    title = (
        f"Two classes of images, {trials_of(frame)}: objective and accuracies by the layer that is "
        "polished, the neurons of the second layer and the learning rate"
    )
    texts = {"layer": "panel", "neurons": "width", "rate": "rate", "after": "method"}
    shown = {
        "objective": ("objective", ".0f"),
        "training": ("train_accuracy", ".1%"),
        "test": ("test_accuracy", ".1%"),
    }
    return table_of(means, title, texts, shown)


def images_verdict(frame: pd.DataFrame) -> str:
    """Figure 7 in words: gains in test accuracy over SGD, averaged over each panel."""
    return " ".join(_panel_verdict(own, POLISHED[str(panel)]) for panel, own in frame.groupby("panel", sort=False))


def _panel_verdict(frame: pd.DataFrame, layer: str) -> str:
    test = frame.pivot_table(index=["trial", "width", "rate"], columns="method", values="test_accuracy")
    gains = 100 * test.sub(test[SGD], axis=0).mean()
    adds = _what_polishing_adds(gains[REFIT], gains[PAPER], _points)
    partial = f"partial polishing with it {gains[PARTIAL]:+.2f}, " if PARTIAL in gains else ""
    return (
        f"The {layer} layer polished, {counted(len(test), 'network')}: over SGD's test accuracy the refit of the last "
        f"layer alone gains {gains[REFIT]:+.2f} points, the paper's polishing with this refit {gains[PAPER]:+.2f}, "
        f"{partial}and refinement {gains[REFINED]:+.2f}. So {adds}. {_with_ridge(frame, test)}"
    )


def _with_ridge(frame: pd.DataFrame, test: pd.DataFrame) -> str:
    """The same with the paper's own refit, over the networks that were refitted so."""
    test = test.dropna(subset=[RIDGE, PAPER_RIDGE])
    gains = 100 * test.sub(test[SGD], axis=0).mean()
    left = frame[frame.method == PAPER_RIDGE][["train_accuracy", "test_accuracy"]].mean()
    adds = _what_polishing_adds(gains[RIDGE], gains[PAPER_RIDGE], _points)
    return (
        f"With the paper's own refit, ridge least squares, {counted(len(test), 'network')}: alone {gains[RIDGE]:+.2f}, "
        f"after the paper's polishing {gains[PAPER_RIDGE]:+.2f}, right on {left.train_accuracy:.1%} of training "
        f"and {left.test_accuracy:.1%} of test images. So {adds}."
    )


def _points(gain: float) -> str:
    return f"{gain:.2f} points"


def _what_polishing_adds(refit: float, polished: float, unit: Callable[[float], str]) -> str:
    """Whether the gain of polishing with a refit is more than that of the refit alone, and which part is larger."""
    added = polished - refit
    if added <= 0:
        return f"the paper's polishing adds nothing to the refit: it takes {unit(-added)} away"
    if refit >= added:
        return f"most of the gain is the refit: the paper's polishing adds {unit(added)} to it"
    return f"most of the gain is the paper's polishing: it adds {unit(added)} to that of the refit"
