"""A fitted model as one page of HTML that needs nothing else: what was proven, how it fits, every part explained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import floor, log10
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from bladenet import __version__
from bladenet.certificate import Certificate, Status
from bladenet.contributions import Contributions
from bladenet.diagram import columns_read, draw_network, drawn_names
from bladenet.display import at_most, counted, flat, grouped, short, written_out
from bladenet.explain import TERMS, Explanation, written
from bladenet.files import write_atomically
from bladenet.formulas import listed, number, percent
from bladenet.in_short import in_short, telling_score
from bladenet.losses import Array
from bladenet.new_rows import NewRows
from bladenet.pages import checked_page, picture, render
from bladenet.plotting import draw_scene, plot_history
from bladenet.quality import measures
from bladenet.row_labels import written_label
from bladenet.scene import Scene
from bladenet.settings import settings_of
from bladenet.styling import STATUS_WORDS
from bladenet.training_data import TrainingData, trained_on
from bladenet.validation import Validation
from bladenet.words import glossary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bladenet.training import Round

TEMPLATE = "report.html"
NEURONS, SAMPLES = 25, 25  # rows of the tables
ROUNDS = 8  # the last of training
NAMED = 6  # defining samples of one neuron named, and columns of a sample shown
ARROW = "\u00a0→\u00a0"  # where no line ends
WIDE = 1500  # pixels of a picture, at most

Table = tuple[list[str], list[tuple[str, list[str]]]]  # header, and names of rows with cells


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
    X, y, sample_weight : the training data, for measures of fit and pictures of all samples, or other rows to measure
        the model on; the page says which. Without the training data pictures show the samples that define the neurons
    title : of the page
    target : name of the target; by default that of a pandas Series, or "target"

    Raises
    ------
    ValueError
        If the path does not end in .html, or only one of X and y is given, or X is that of the training data but the
        targets or weights are not.
    FileNotFoundError
        If there is no such folder.
    """
    file = checked_page(path)
    if (X is None) != (y is None):
        raise ValueError("a report needs both X and y, the training data or rows to measure on, or neither of them.")
    if X is None and sample_weight is not None:
        raise ValueError("sample_weight belongs to X and y: give them too, or leave it out.")
    data = None if X is None or y is None else _recognised(model, X, y, sample_weight)
    page = render(TEMPLATE, _context(model, X, y, data, title, target))
    write_atomically(file, page.encode())


def _recognised(model: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> TrainingData | NewRows:
    """The training data, or other rows."""
    features = model._encoded(X)
    weight = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
    kind = TrainingData if trained_on(model, features, weight) else NewRows
    return kind.of(model, X, y, sample_weight)


def _context(
    model: Any, X: Any, y: Any, data: TrainingData | NewRows | None, title: str | None, target: str | None
) -> dict[str, Any]:
    """What the template is filled with."""
    trained = data if isinstance(data, TrainingData) else None
    new = data if isinstance(data, NewRows) else None
    fitted = {} if trained is None else measures(model, X, y, trained.weight)
    explanation, proven = model.explain(), model.certificate_
    target = target or getattr(y, "name", None) or "target"
    scene = None
    if len(model.network_):
        scene = Scene.of(model, X, y, target) if trained else Scene.of_evidence(model, target)
    return {
        "title": flat(title or f"How {target} is predicted"),
        "verdict": STATUS_WORDS[proven.status],
        "good": proven.status is Status.GLOBAL,
        "sentences": [*([] if new is None else [_on_these(new)]), *in_short(model)],
        "advice": proven.advice,
        "facts": _facts(model, explanation, new),
        "quality": [(name, number(value)) for name, value in fitted.items()],
        "measured_on": _measured_on(new, model.validation_),
        "measured": _measured(new, model.validation_),
        "validated": model.validation_ is not None,
        "weighted": trained is not None and len(set(trained.weight)) > 1,
        "fit": None if scene is None else _fit_picture(scene, given=trained is not None),
        "shares": _shares_picture(explanation),
        "diagram": _diagram_picture(explanation),
        "names": _abbreviations(explanation),
        "gaps": _gap_picture(model.history_),
        "rounds": _rounds(model.history_),
        "prediction": None if data is None else _prediction_picture(model, explanation, data.features),
        "intercept": explanation.amounts(explanation.intercept),
        "output": explanation.output,
        "naming": explanation.naming,
        "several": explanation.outputs and ("class" if hasattr(model, "classes_") else "output"),
        "importance": glossary("importance")[0].anchor,
        "neurons": [_neuron(explanation, neuron) for neuron in explanation.neurons[:NEURONS]],
        "more_neurons": max(0, len(explanation.neurons) - NEURONS),
        "samples": _samples(model, explanation),
        "settings": [*settings_of(model), *_effort(model)],
        "aim": _aim(model),
        "scaling": _scaling(model, explanation),
        "glossary": glossary(),
        "proof": _proof(proven),
        "certificate": _certificate(proven),
        "version": __version__,
        "date": date.today().isoformat(),
    }


def _picture(ax: Axes, text: str, caption: str) -> Picture:
    """What was drawn, of limited size."""
    figure: Any = ax.figure
    return Picture(picture(ax, "png", min(150.0, WIDE / figure.get_figwidth())), text, caption)


def _measured_on(new: NewRows | None, validation: Validation | None) -> str:
    """Which rows the model is measured on."""
    folds = "" if validation is None else f"rows that folds left out ({validation.where})"
    if new is None:
        return f"On rows it has not seen, {folds}:"
    text = f"Measured on {counted(len(new.features), 'row')} of another table than the model was trained on."
    text += _flattered(new)
    return f"{text} Beside it, {folds}." if folds else text


def _flattered(new: NewRows) -> str:
    """Whether rows are known to have been trained on."""
    if not new.seen:
        return ""
    equal = "equals a training sample" if new.seen == 1 else "equal training samples"
    return (
        f" At least {new.seen:,} of them {equal}, perhaps all: the model keeps only those that define its neurons "
        "and cannot tell. Such rows flatter it."
    )


def _measured(new: NewRows | None, validation: Validation | None) -> Table:
    """What was measured, on new rows and on those that the folds left out: header and rows."""
    columns: dict[str, dict[str, str]] = {}
    folds = ""
    if new is not None:
        shown = {name: _with_error(value, error) for name, (value, error) in new.measured.items()}
        columns[f"these {counted(len(new.features), 'row')}"], folds = shown, "folds: "
    if validation is not None and validation.scores:
        scores = validation.scores
        columns[f"{folds}this model"] = {s.name: _with_error(s.value, s.standard_error) for s in scores}
        columns[f"{folds}a linear model"] = {s.name: _like(s.linear, s.standard_error) for s in scores}
        columns[f"{folds}a constant"] = {s.name: _like(s.constant, s.standard_error) for s in scores}
    names = dict.fromkeys(name for column in columns.values() for name in column)
    return [*columns], [(name, [column.get(name, "") for column in columns.values()]) for name in names]


def _with_error(value: float, error: float) -> str:
    return f"{_like(value, error)} ± {_like(error, error)}"


def _like(value: float, error: float) -> str:
    """A number with as many digits as its standard error has two of."""
    digits = max(0, 1 - floor(log10(error))) if error > 0 else 5
    return grouped(f"{value:.{digits}f}").replace("-", "−")


def _on_these(new: NewRows) -> str:
    """What new rows say, as a sentence of the summary."""
    where = f"On the {counted(len(new.features), 'row')} given for this report"
    if not new.measured:
        return f"{where} nothing can be measured: all targets are the same."
    name = "accuracy" if "accuracy" in new.measured else next(iter(new.measured))
    return f"{where}: {name} {_with_error(*new.measured[name])}.{_flattered(new)}"


def _facts(model: Any, explanation: Explanation, new: NewRows | None) -> list[tuple[str, str, str]]:
    """Names, values, and where the glossary says what is meant: how good it is, how large, what is proven."""
    facts, validation = [], model.validation_
    if new is not None and new.measured:
        name = "accuracy" if "accuracy" in new.measured else next(iter(new.measured))
        facts.append((f"{name} on the rows given", _like(*new.measured[name]), "measures"))
    if validation is not None and validation.scores:
        score = telling_score(validation)
        facts += [
            (f"{score.name} on unseen rows", _like(score.value, score.standard_error), "measures"),
            (f"{score.name} of a linear model", _like(score.linear, score.standard_error), "measures"),
        ]
    sizes = [
        (*columns_read(explanation).rsplit(" ", 1), "class of networks"),
        (*counted(len(explanation.neurons), "neuron").split(" "), "neuron"),
        (*counted(explanation.n_samples, "training sample").split(" ", 1), "objective"),
        (*counted(len(model.evidence_.index), "defining sample").split(" ", 1), "defining samples"),
    ]
    facts += [(name, value, word) for value, name, word in sizes]
    facts.append(("proven gap", short(explanation.certificate.gap), "gap"))
    return [(name, value, glossary(word)[0].anchor) for name, value, word in facts]


def _fit_picture(scene: Scene, *, given: bool) -> Picture:
    names, model = ", ".join(scene.names[:NAMED]), scene.model
    shown = "all training samples" if given else "the samples that define the neurons"
    return _picture(
        draw_scene(scene),
        f"The fitted network as a function of {names}, with {shown}; {counted(len(model.network_), 'neuron')}.",
        f"The model over {shown}.",
    )


def _shares_picture(explanation: Explanation) -> Picture | None:
    terms = explanation.parts()
    if len(terms) < 2:
        return None
    named = "; ".join(
        f"{term} {percent(share)}"
        for term, share in zip(terms["term"][:NAMED], terms["importance"][:NAMED], strict=True)
    )
    more = len(terms) - TERMS
    caption = "They sum to 100\u00a0%." if more <= 0 else f"With {more} more, not drawn, they sum to 100\u00a0%."
    return _picture(explanation.plot(), f"How much the parts of the network count: {named}.", caption)


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
    rows = history[-ROUNDS:]
    values = [(written_out(row.objective, 8), written_out(row.lower_bound, 8), short(row.gap)) for row in rows]
    return [(str(row.round), str(row.neurons), *shown) for row, shown in zip(rows, values, strict=True)]


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
        "One prediction taken apart.",
    )


def _neuron(explanation: Explanation, neuron: Any) -> dict[str, Any]:
    samples = [sample.name for sample in neuron.samples]
    return {
        "neuron": neuron.neuron,
        "formula": neuron.formula,
        "weights": _by_output(explanation, neuron.amplitude),
        "importance": number(neuron.importance),
        "acts_on": f"{neuron.acts_on:,}",
        "samples": listed(samples, NAMED) or "none",
    }


def _by_output(explanation: Explanation, amplitudes: Any) -> str:
    """What a neuron is multiplied by for each of several outputs, the largest first: ``a +0.8, b −0.5``."""
    if not explanation.outputs:
        return ""
    shown = sorted(zip(explanation.outputs, amplitudes, strict=True), key=lambda item: -abs(item[1]))
    texts = [f"{name}\u00a0{'−' if value < 0 else '+'}{written_out(abs(value), 3)}" for name, value in shown]
    return listed(texts, NAMED)


def _scaling(model: Any, explanation: Explanation) -> list[tuple[str, str, str]]:
    """How the columns are scaled that the neurons listed read: what formulas do not say by themselves."""
    read = {name for neuron in explanation.neurons[:NEURONS] for name in neuron.coordinates}
    curved = ~model.scaling_.straight()[0]
    features = [c for c, name in enumerate(model.encoding_.features) if name in read and curved[c]]
    if not features:
        return []
    table = model.scaling_table()
    found = []
    for name in (model.encoding_.features[c] for c in features):
        part = table[table["feature"] == name]
        pairs = [
            f"{written_out(x, 7)}{ARROW}{place:.5g}" for x, place in zip(part["x"], part["scaled(x)"], strict=True)
        ]
        found.append((name, "; ".join(pairs).replace("-", "−"), number(part["slope outside"].iloc[0])))
    return found


def _samples(model: Any, explanation: Explanation) -> dict[str, Any]:
    """The samples on which most rests, with their values in the columns that are read most."""
    found = explanation.defined()
    names = list(explanation.column_names)
    if len(names) > NAMED:
        strongest = np.sort(np.argsort(-model.feature_importances_, kind="stable")[:NAMED])
        names = [names[place] for place in strongest]
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
    reads = "" if most is None else f" with neurons reading {at_most(most)}"
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
        ("objective of this network", written_out(proven.objective, 10)),
        ("proven lower bound", written_out(proven.lower_bound, 10)),
        ("relative gap", short(proven.gap)),
        ("tolerance asked for", short(proven.tol)),
    ]
