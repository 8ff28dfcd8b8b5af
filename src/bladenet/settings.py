"""The settings of a fitted model in words, the same in summaries, on the command line and in reports."""

from __future__ import annotations

from typing import Any

from bladenet.display import at_most, written_out
from bladenet.losses import get_loss


def settings_of(model: Any) -> list[tuple[str, str]]:
    """Names and values, those of the problem that was solved; α is in units of the mean loss, β of the summed loss."""
    loss, settings = get_loss(model.loss), model.settings_
    most = settings.max_interaction
    parameters = ", ".join(f"{name} {value:g}" for name, value in vars(loss).items())
    chosen = "" if getattr(model, "alpha", None) == model.alpha_ else ", auto"
    return [
        ("loss", f"{loss.name} ({parameters})" if parameters else loss.name),
        ("alpha", f"{written_out(model.alpha_, 4)} (beta {written_out(model.beta_, 4)}{chosen})"),
        ("norm", str(settings.norm)),
        ("bias", "yes" if model.bias else "no"),
        ("scaling", settings.scaling or "none"),
        ("a neuron reads", "any number of columns" if most is None else at_most(most)),
        *([("neurons", "blades of samples only")] if model.vertices_only else []),
    ]
