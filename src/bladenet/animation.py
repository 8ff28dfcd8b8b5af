"""A regularisation path as an animated page: the function, its neurons and its samples as α falls."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from bladenet.certificate import Status
from bladenet.display import counted, short
from bladenet.encoding import Encoding
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.evidence import Evidence
from bladenet.files import write_atomically
from bladenet.formulas import number
from bladenet.pages import checked_page, picture, render
from bladenet.plotting import draw_scene
from bladenet.row_labels import NUMBERED
from bladenet.scaling import AffineScaling
from bladenet.scene import Scene

if TYPE_CHECKING:
    from bladenet.training import Fit

TEMPLATE = "animation.html"
DPI, QUALITY = 90, 75  # of the frames: fifty fit into two megabytes


def write_animation(
    alphas: Sequence[float],
    fits: Sequence[Fit],
    path: str | PathLike[str],
    feature_names: Sequence[str] | None = None,
    target: str = "target",
) -> None:
    """Write fits for falling α to one self-contained page with a slider and a button that plays them.

    Raises
    ------
    ValueError
        If there are no fits, more than two features or several outputs, or the path does not end in .html.
    FileNotFoundError
        If there is no such folder.
    """
    file = checked_page(path)
    if not fits:
        raise ValueError("the path has no networks to draw: it was stopped before the first one.")
    d, outputs = fits[0].problem.X.shape[1], fits[0].network.amplitudes.shape[1:]
    if d > 2 or outputs:
        raise ValueError(
            f"only paths of one or two features and one output are drawn, got {d} features{_several(outputs)}."
        )
    frames = [_frame(alpha, fit, feature_names, target) for alpha, fit in zip(alphas, fits, strict=True)]
    proven = sum(fit.certificate.status is Status.GLOBAL for fit in fits)
    context = {
        "title": f"How the best network for {target} grows",
        "frames": frames,
        "note": f"{counted(len(fits), 'network')}, {proven} of them proven globally optimal",
    }
    write_atomically(file, render(TEMPLATE, context).encode())


def _several(outputs: tuple[int, ...]) -> str:
    return f" and {outputs[0]} outputs" if outputs else ""


def _frame(alpha: float, fit: Fit, names: Sequence[str] | None, target: str) -> dict[str, str]:
    """The picture for one α, a data URI, and what there is to say of it."""
    scene = Scene.create(_model(alpha, fit), fit.problem.X, fit.problem.y, names, target)
    proven = fit.certificate
    text = (
        f"α {number(alpha)}: {counted(len(fit.network), 'neuron')}, objective {number(proven.objective)}, "
        f"{proven.status.value} (gap {short(proven.gap)})"
    )
    return {"source": picture(draw_scene(scene), "webp", DPI, pil_kwargs={"quality": QUALITY}), "text": text}


def _model(alpha: float, fit: Fit) -> BladeNetRegressor | BladeNetClassifier:
    """The estimator that has this network, for pictures."""
    problem = fit.problem
    d = problem.X.shape[1]
    kind = BladeNetClassifier if problem.loss.classifies else BladeNetRegressor
    model = kind(alpha=alpha, norm=problem.norm, bias=problem.bias, loss=problem.loss)
    if isinstance(model, BladeNetClassifier):
        model.classes_ = np.array([-1, 1])
    model.n_features_in_ = d
    model.encoding_, model.scaling_ = Encoding.of_numbers([f"x{i}" for i in range(d)]), AffineScaling.none(d)
    model.network_, model.blades_, model.certificate_ = fit.network, fit.blades, fit.certificate
    model.history_, model.evidence_ = fit.history, Evidence.of(problem.X, fit, range(problem.X.shape[1]))
    model.row_labels_ = NUMBERED
    model.alpha_, model.beta_ = alpha, problem.beta
    return model
