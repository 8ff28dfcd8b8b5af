"""A fitted model as one page of HTML that needs nothing else: what was proven, how it fits, every part explained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet import __version__
from bladenet.certificate import Certificate, Status
from bladenet.contributions import Contributions
from bladenet.diagram import draw_network, drawn_names
from bladenet.display import flat
from bladenet.explain import TERMS, Explanation, written
from bladenet.files import write_atomically
from bladenet.formulas import counted, listed, number, percent
from bladenet.in_short import in_short
from bladenet.losses import Array
from bladenet.pages import checked_page, picture, render
from bladenet.plotting import draw_scene, plot_history
from bladenet.quality import measures
from bladenet.row_labels import written_label
from bladenet.scene import Scene
from bladenet.scores import Score
from bladenet.settings import settings_of
from bladenet.styling import STATUS_WORDS, short
from bladenet.training_data import TrainingData

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bladenet.training import Round

TEMPLATE = "report.html"
NEURONS, SAMPLES = 25, 25  # rows of the tables
ROUNDS = 8  # the last of training
NAMED = 6  # defining samples of one neuron named, and columns of a sample shown
WIDE = 1500  # pixels of a picture, at most


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Attributes
    ----------
    source : data URI
    text : what it shows, for those who do not see it
    caption : below it
    """

    source: str
    text: str
    caption: str


def write_report(
    model: Any,
    path: str | PathLike[str],
    X: Any = None,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    title: str | None = None,
    target: str | None = None,
) -> None:
    """Write what is known about a fitted model to one self-contained page.

    Parameters
    ----------
    model : fitted estimator
    path : file that ends in .html
    X, y, sample_weight : the training data, for measures of fit and pictures of all samples; without them the pictures
        show the samples that define the neurons
    title : of the page
    target : name of the target; by default that of a pandas Series, or "target"

    Raises
    ------
    ValueError
        If the path does not end in .html, or only one of X and y is given, or they are not the training data.
    FileNotFoundError
        If there is no such folder.
    """
    file = checked_page(path)
    if (X is None) != (y is None):
        raise ValueError("a report needs both X and y, the training data, or neither of them.")
    if X is None and sample_weight is not None:
        raise ValueError("sample_weight belongs to X and y, the training data: give them too, or leave it out.")
    data = None if X is None or y is None else TrainingData.of(model, X, y, sample_weight)
    page = render(TEMPLATE, _context(model, X, y, data, title, target))
    write_atomically(file, page.encode())


def _context(
    model: Any, X: Any, y: Any, data: TrainingData | None, title: str | None, target: str | None
) -> dict[str, Any]:
    """What the template is filled with."""
    explanation, proven = model.explain(), model.certificate_
    target = target or getattr(y, "name", None) or "target"
    scene = None
    if len(model.network_):
        scene = Scene.of(model, X, y, target)
    return {
        "title": flat(title or f"How {target} is predicted"),
        "verdict": STATUS_WORDS[proven.status],
        "good": proven.status is Status.GLOBAL,
        "sentences": in_short(model),
        "advice": proven.advice,
        "facts": _facts(model, explanation),
        "quality": [] if data is None else [(k, number(v)) for k, v in measures(model, X, y, data.weight).items()],
        "folds": "" if model.validation_ is None else model.validation_.where,
        "validated": [] if model.validation_ is None else [_validated(score) for score in model.validation_.scores],
        "weighted": data is not None and len(set(data.weight)) > 1,
        "fit": None if scene is None else _fit_picture(scene, given=X is not None),
        "shares": _shares_picture(explanation),
        "diagram": _diagram_picture(explanation),
        "names": _abbreviations(explanation),
        "gaps": _gap_picture(model.history_),
        "rounds": _rounds(model.history_),
        "prediction": None if data is None else _prediction_picture(model, explanation, data.features),
        "intercept": explanation.amounts(explanation.intercept),
        "output": explanation.output,
        "naming": explanation.naming,
        "neurons": [_neuron(explanation, neuron) for neuron in explanation.neurons[:NEURONS]],
        "more_neurons": max(0, len(explanation.neurons) - NEURONS),
        "samples": _samples(explanation),
        "settings": [*settings_of(model), *_effort(model)],
        "aim": _aim(model),
        "proof": _proof(proven),
        "certificate": _certificate(proven),
        "version": __version__,
        "date": date.today().isoformat(),
    }


def _picture(ax: Axes, text: str, caption: str) -> Picture:
    """What was drawn, of limited size."""
    figure: Any = ax.figure
    return Picture(picture(ax, "png", min(150.0, WIDE / figure.get_figwidth())), text, caption)


def _validated(score: Score) -> dict[str, str]:
    """A row of the table of what was measured on rows left out."""
    others = {"linear": number(score.linear), "constant": number(score.constant)}
    return {"name": score.name, "value": f"{number(score.value)} ± {number(score.standard_error)}", **others}


def _facts(model: Any, explanation: Explanation) -> list[tuple[str, str]]:
    proven = explanation.certificate
    return [
        ("proven gap", short(proven.gap)),
        ("neurons", str(len(explanation.neurons))),
        ("columns", str(len(explanation.column_names))),
        ("training samples", f"{explanation.n_samples:,}"),
        ("defining samples", str(len(model.evidence_.index))),
    ]


def _fit_picture(scene: Scene, *, given: bool) -> Picture:
    names, model = ", ".join(scene.names[:NAMED]), scene.model
    shown = "all training samples" if given else "the samples that define the neurons"
    return _picture(
        draw_scene(scene),
        f"The fitted network as a function of {names}, with {shown}; {len(model.network_)} neurons.",
        f"The model over {shown}.",
    )


def _shares_picture(explanation: Explanation) -> Picture | None:
    terms = explanation.features()
    terms = terms[terms["neurons"] > 0].sort_values("share", ascending=False)
    if len(terms) < 2:
        return None
    named = "; ".join(
        f"{term} {percent(share)}" for term, share in zip(terms["term"][:NAMED], terms["share"][:NAMED], strict=True)
    )
    more = len(terms) - TERMS
    caption = "Shares sum to 100 %." if more <= 0 else f"With {more} more, not drawn, shares sum to 100 %."
    return _picture(explanation.plot(), f"Shares of the variation of the output: {named}.", caption)


def _diagram_picture(explanation: Explanation) -> Picture | None:
    if not explanation.neurons:
        return None
    strongest = explanation.neurons[0]
    text = f"The network as a graph; the most important neuron reads {', '.join(strongest.columns[:NAMED])}."
    return _picture(draw_network(explanation), text, "Columns, neurons and outputs.")


def _abbreviations(explanation: Explanation) -> list[tuple[str, str]]:
    """Names of columns and outputs as the smallest picture has them, and in full."""
    short = drawn_names(explanation)
    return [(text, name) for name, text in short.items() if text != name]


def _gap_picture(history: list[Round]) -> Picture | None:
    if len(history) < 2:
        return None
    text = f"The proven relative gap over {counted(len(history), 'round')}, down to {short(history[-1].gap)}."
    return _picture(plot_history(history), text, "How the proof closed in on the optimum.")


def _rounds(history: list[Round]) -> list[tuple[str, ...]]:
    """The last rounds: number, neurons, objective, lower bound and gap."""
    return [
        (str(row.round), str(row.neurons), f"{row.objective:.8g}", f"{row.lower_bound:.8g}", short(row.gap))
        for row in history[-ROUNDS:]
    ]


def _prediction_picture(model: Any, explanation: Explanation, features: Array) -> Picture | None:
    """A sample in the middle of the predictions, explained."""
    if not explanation.neurons:
        return None
    inputs = model.scaling_.remaining.apply(features)
    outputs = model.network_.predict(inputs).reshape(len(inputs), -1)
    row = int(np.argsort(outputs[:, 0], kind="stable")[len(outputs) // 2])
    output = int(outputs[row].argmax())
    found = Contributions.of(explanation, model.network_, inputs[[row]])
    name = written_label(model.row_labels_[row])
    text = f"Contributions of neurons to row {name}, which sum to {number(float(outputs[row, output]))}."
    return _picture(
        found.plot(0, output, title=f"Row {name}"),
        text,
        "One prediction taken apart: explain_predictions(X) does it for any.",
    )


def _neuron(explanation: Explanation, neuron: Any) -> dict[str, Any]:
    samples = [sample.name for sample in neuron.samples]
    return {
        "neuron": neuron.neuron,
        "formula": neuron.formula,
        "amplitude": explanation.amounts(neuron.amplitude),
        "share": percent(neuron.share),
        "importance": number(neuron.importance),
        "acts_on": f"{neuron.acts_on:,}",
        "samples": listed(samples, NAMED) or "none",
    }


def _samples(explanation: Explanation) -> dict[str, Any]:
    """The samples on which most rests, with their values in the columns that are read most."""
    found = explanation.defined()
    names = list(explanation.column_names)
    if len(names) > NAMED:
        totals = explanation.features()
        totals = totals[totals["columns"].map(len) == 1].sort_values("total", ascending=False, kind="stable")
        strongest = totals["term"].head(NAMED).tolist()
        names = [name for name in names if name in strongest]
    places = [explanation.column_names.index(name) for name in names]
    rows = [
        {
            "sample": row.sample.name,
            "values": [written(row.sample.features[place]) for place in places],
            "target": explanation.target_text(row.sample),
            "neurons": ", ".join(map(str, row.neurons[:NAMED])) + (" …" if len(row.neurons) > NAMED else ""),
            "importance": number(row.importance),
        }
        for row in found[:SAMPLES]
    ]
    return {"names": names, "rows": rows, "more": max(0, len(found) - SAMPLES)}


def _effort(model: Any) -> list[tuple[str, str]]:
    rounds = model.history_
    return [
        ("rounds of training", str(len(rounds))),
        ("seconds", f"{rounds[-1].seconds:.2g}" if rounds else "none"),
    ]


def _aim(model: Any) -> str:
    """What training minimises, over which networks."""
    objective = "the summed loss plus a penalty on the sizes of the neurons"
    if model.certificate_.misfit is not None:
        objective = "a penalty on the sizes of the neurons, among networks that fit all targets exactly"
    most = model.settings_.max_interaction
    reads = "" if most is None else f" whose neurons read at most {most} of the features each"
    restricted = ", here only those whose neurons are blades of samples" * bool(model.vertices_only)
    return f"Training minimises {objective}, over networks of every width{reads}{restricted}."


def _proof(proven: Certificate) -> str:
    """How the lower bound comes about, as far as it does."""
    duality = "By duality, prices on the samples at which no neuron at all would pay for itself give a number that no "
    duality += "network can get below. "
    if proven.lower_bound <= 0.0:
        return duality + "Training ended before it had found one above 0, so that nothing is proven yet."
    if proven.relaxed:
        means = "A convex relaxation of all possible neurons proves that there is none, for lower prices than are best."
    elif proven.n_components is not None:
        means = "Neurons were sought in the data's principal components, and the bound covers the others coarsely."
    else:
        means = "A search of all possible neurons, by bounds on whole regions of them, proves that there is none."
    return f"{duality}{means} The gap is what is left between that number and this network."


def _certificate(proven: Any) -> list[tuple[str, str]]:
    return [
        ("status", proven.status.value),
        ("objective of this network", f"{proven.objective:.10g}"),
        ("proven lower bound", f"{proven.lower_bound:.10g}"),
        ("relative gap", short(proven.gap)),
        ("tolerance asked for", short(proven.tol)),
    ]
