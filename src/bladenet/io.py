"""Saving and loading fitted models and networks: readable JSON or safetensors, never pickle."""

import json
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors import numpy as tensors
from sklearn.utils.validation import check_is_fitted

from bladenet.blades import Blade
from bladenet.certificate import Certificate, Status
from bladenet.cross_validation import BladeNetClassifierCV, BladeNetRegressorCV
from bladenet.defaults import AUTO, Settings
from bladenet.display import Listing
from bladenet.encoding import Column, Encoding
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.evidence import Evidence, parts_of
from bladenet.files import write_atomically
from bladenet.losses import LOSSES, Loss, get_loss
from bladenet.network import ReLUNetwork
from bladenet.row_labels import NUMBERED, RowLabels
from bladenet.scaling import AffineScaling, MonotoneScaling, Scaling
from bladenet.scores import Score
from bladenet.training import Round
from bladenet.validation import Validation
from bladenet.validation_curve import ValidationCurve

FORMAT, VERSION = "bladenet-model", 1
SUFFIXES = (".json", ".safetensors")

Model = BladeNetRegressor | BladeNetClassifier | ReLUNetwork
_ESTIMATORS: dict[str, type[BladeNetRegressor] | type[BladeNetClassifier]] = {
    cls.__name__: cls for cls in (BladeNetRegressor, BladeNetClassifier, BladeNetRegressorCV, BladeNetClassifierCV)
}


def save_model(model: Model, path: str | PathLike[str]) -> None:
    """Write a fitted estimator or a network to a file; the file appears complete or not at all.

    Parameters
    ----------
    model : BladeNetRegressor, BladeNetClassifier or ReLUNetwork
        All that is fitted is kept, exactly; the `callback`, and a `cv` that is no number, are not.
    path : str or path, ending in .json (readable) or .safetensors (arrays as tensors, the rest as JSON metadata)

    Raises
    ------
    ValueError
        On another suffix, or classes that are neither numbers nor strings.
    TypeError
        If `model` is something else.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    FileNotFoundError
        If there is no such folder.
    """
    path = _with_known_suffix(path)
    document = {"format": FORMAT, "version": VERSION, **_encode(model)}
    if path.suffix == ".json":
        content = (json.dumps(document, default=_plain, indent=1, ensure_ascii=False) + "\n").encode()
    else:
        arrays: dict[str, np.ndarray] = {}
        header = json.dumps(_without_arrays(document, "", arrays), default=_plain, ensure_ascii=False)
        content = tensors.save(arrays, metadata={FORMAT: header})
    write_atomically(path, content)


def load_model(path: str | PathLike[str]) -> Model:
    """Read what :func:`save_model` wrote: it predicts identically, with certificate and explanation.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is unreadable, truncated, of another format or version, or its suffix is unknown; names the path,
        what is wrong and what to do.
    """
    path = _with_known_suffix(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model file {str(path)!r}: check the path, or save a model there first.")
    try:
        document = json.loads(path.read_bytes()) if path.suffix == ".json" else _read_tensors(path)
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as {path.suffix[1:]} ({error}): it is truncated, damaged or not a model "
            "file. Restore it from a copy, or save the model again."
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} is not a bladenet model: use a file written by bladenet.save_model.")
    if document.get("version") != VERSION:
        raise ValueError(
            f"{str(path)!r} has format version {document.get('version')!r}, but this bladenet reads version {VERSION}: "
            "install the bladenet that wrote it, or save the model again."
        )
    try:
        return _decode(document)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{str(path)!r} has missing or damaged content ({type(error).__name__}: {error}). "
            "Restore it from a copy, or save the model again."
        ) from error


load = load_model
"""The same as :func:`load_model`, under the name that goes with `save` of the estimators."""


def _encode(model: Model) -> dict[str, Any]:
    """The model as nested dictionaries of plain values and arrays."""
    if isinstance(model, ReLUNetwork):
        return {"kind": "ReLUNetwork", "features": model.weights.shape[1], "network": vars(model)}
    kind = type(model).__name__
    if kind not in _ESTIMATORS or not isinstance(model, _ESTIMATORS[kind]):
        raise TypeError(
            f"cannot save a {kind}: save a fitted BladeNetRegressor or BladeNetClassifier, or a ReLUNetwork."
        )
    check_is_fitted(model, "network_")
    fitted = vars(model)
    names, classes = fitted.get("feature_names_in_"), fitted.get("classes_")
    certificate = asdict(model.certificate_) | {"status": model.certificate_.status.value}
    parameters = model.get_params(deep=False) | {"loss": _encode_loss(model.loss), "callback": None}
    if "cv" in parameters and not isinstance(parameters["cv"], int):
        parameters["cv"] = None
    weights = parameters.get("class_weight")
    if isinstance(weights, dict):  # as pairs: keys of JSON are strings
        parameters["class_weight"] = [[label, weight] for label, weight in weights.items()]
    validation = fitted.get("validation_")
    return {
        "kind": kind,
        "parameters": parameters,
        "features": model.network_.weights.shape[1],
        "columns": [asdict(column) for column in model.encoding_.columns],
        "named": names is not None,
        "classes": None if classes is None else _encode_classes(classes),
        "alpha": model.alpha_,
        "beta": model.beta_,
        "certificate": certificate,
        "settings": asdict(model.settings_),
        "scaling": _encode_scaling(model.scaling_),
        "network": vars(model.network_),
        "row_labels": model.row_labels_.values,
        "blades": [vars(blade) for blade in model.blades_],
        "evidence": vars(model.evidence_),
        "history": [asdict(row) for row in model.history_],
        "validation": None if validation is None else _encode_validation(validation),
    }


def _decode(document: dict[str, Any]) -> Model:
    d = _count(document["features"])
    network = _decode_network(document["network"], d)
    if document["kind"] == "ReLUNetwork":
        return network
    m = len(network)
    parameters = {**document["parameters"], "loss": _decode_loss(document["parameters"]["loss"])}
    if isinstance(parameters.get("class_weight"), list):
        parameters["class_weight"] = dict(parameters["class_weight"])
    model = _ESTIMATORS[document["kind"]](**parameters)
    blades = Listing(_decode_blade(blade, d) for blade in document["blades"])
    if len(blades) != m:
        raise ValueError(f"{m} neurons have {len(blades)} blades")
    certificate = {"bias": bool(model.bias)} | document["certificate"]  # older files do not say it
    encoding = _decode_encoding(document["columns"], d)
    labels = _decode_labels(document.get("row_labels"), blades)
    fitted = {
        "n_features_in_": len(encoding.columns),
        "encoding_": encoding,
        "settings_": _decode_settings(document.get("settings"), parameters),
        "scaling_": _decode_scaling(document["scaling"], d),
        "network_": network,
        "blades_": blades,
        "certificate_": Certificate(**{**certificate, "status": Status(certificate["status"])}),
        "history_": Listing(Round(**row) for row in document["history"]),
        "evidence_": _decode_evidence(document["evidence"], blades, encoding, network.amplitudes.shape[1:]),
        "row_labels_": labels,
        "alpha_": float(document["alpha"]),
        "beta_": float(document["beta"]),
    }
    classes = document["classes"]
    if (validation := document["validation"]) is not None:
        validation = replace(_decode_validation(validation), labels=labels)
    fitted["validation_"] = validation
    if document["named"]:
        fitted["feature_names_in_"] = np.array([column.name for column in encoding.columns], dtype=object)
    if (classes is None) is isinstance(model, BladeNetClassifier):
        raise ValueError(f"classes {classes!r} do not fit a {document['kind']}")
    if classes is not None:
        fitted["classes_"] = _decode_classes(classes, *network.amplitudes.shape[1:])
    for name, value in fitted.items():
        setattr(model, name, value)
    return model


def _decode_network(fields: dict[str, Any], d: int) -> ReLUNetwork:
    m, outputs = len(fields["biases"]), np.shape(fields["intercept"])
    intercept = _array(fields["intercept"], np.float64, outputs) if outputs else float(fields["intercept"])
    network = ReLUNetwork(
        _array(fields["weights"], np.float64, (m, d)),
        _array(fields["biases"], np.float64, (m,)),
        _array(fields["amplitudes"], np.float64, (m, *outputs)),
        intercept,
    )
    for values in (network.weights, network.biases, network.amplitudes, network.intercept):
        if not np.isfinite(values).all():
            raise ValueError("the network contains values that are not finite numbers")
    return network


def _decode_blade(fields: dict[str, Any], d: int) -> Blade:
    pull = fields["pull"]
    return Blade(
        tuple(_count(i) for i in fields["samples"]),
        tuple(range(d)[_count(c)] for c in fields["coordinates"]),
        {-1: -1, 0: 0, 1: 1}[fields["orientation"]],
        None if pull is None else _array(pull, np.float64, (d,)),
    )


def _decode_evidence(
    fields: dict[str, Any], blades: list[Blade], encoding: Encoding, outputs: tuple[int, ...]
) -> Evidence:
    m, k, d = len(blades), len(fields["index"]), len(encoding.features)
    importance = _array(fields["importance"], np.float64, (m,))
    together = np.zeros(m)
    if "together" in fields:
        together = _array(fields["together"], np.float64, (m,))
    else:  # older files: not known without the data, at most the sum
        for neurons in parts_of(blades, encoding.sources).values():
            together[neurons] = importance[neurons].sum()
    evidence = Evidence(
        _count(fields["n_samples"]),
        _array(fields["index"], np.int64, (k,)),
        _array(fields["rows"], np.float64, (k, d)),
        _array(fields["targets"], np.float64, (k, *outputs)),
        _array(fields["low"], np.float64, (d,)),
        _array(fields["high"], np.float64, (d,)),
        _array(fields["acts_on"], np.int64, (m,)),
        importance,
        together,
        _array(fields["share"], np.float64, (m,)),
    )
    missing = {i for blade in blades for i in blade.samples} - set(evidence.index.tolist())
    if missing:
        raise ValueError(f"the defining samples {sorted(missing)[:5]} are missing")
    return evidence


def _decode_labels(values: list[Any] | None, blades: list[Blade]) -> RowLabels:
    if values is None:  # also of older files
        return NUMBERED
    labels = RowLabels.given(tuple(value) if isinstance(value, list) else value for value in values)
    last = max((i for blade in blades for i in blade.samples), default=-1)
    if labels.values is None or last >= len(values):
        raise ValueError(f"the {len(values)} labels of rows are not all different, or row {last} has none")
    return labels


def _encode_validation(validation: Validation) -> dict[str, Any]:
    curve = None if validation.curve is None else vars(validation.curve)
    scores = [asdict(score) for score in validation.scores]
    fields = {name: value for name, value in vars(validation).items() if name != "labels"}  # the model has them
    return {**fields, "fold_alphas": list(validation.fold_alphas), "scores": scores, "curve": curve}


def _decode_validation(fields: dict[str, Any]) -> Validation:
    if "rows" not in fields:  # older files hold the curve alone
        return Validation.of_curve(_decode_curve(fields))
    rows = _array(fields["rows"], np.int64, (-1,))
    return Validation(
        rows,
        _array(fields["targets"], np.float64, (len(rows), *np.shape(fields["targets"])[1:])),
        _array(fields["predictions"], np.float64, (len(rows), *np.shape(fields["predictions"])[1:])),
        _array(fields["fold"], np.int64, (len(rows),)),
        tuple(float(alpha) for alpha in fields["fold_alphas"]),
        tuple(Score(**score) for score in fields["scores"]),
        None if fields["curve"] is None else _decode_curve(fields["curve"]),
    )


def _decode_curve(fields: dict[str, Any]) -> ValidationCurve:
    alphas = _array(fields["alphas"], np.float64, (-1,))
    return ValidationCurve(alphas, _array(fields["losses"], np.float64, (len(alphas), -1)))


def _decode_encoding(columns: list[dict[str, Any]], d: int) -> Encoding:
    encoding = Encoding(tuple(_decode_column(column["name"], column["levels"]) for column in columns))
    if len(encoding.features) != d:
        raise ValueError(f"the columns make {len(encoding.features)} features, but the network has {d}")
    return encoding


def _decode_column(name: Any, levels: Any) -> Column:
    known = levels is None or (levels and all(isinstance(level, (str, int, float, bool)) for level in levels))
    if not isinstance(name, str) or not known:
        raise ValueError(f"column {name!r} with levels {levels!r}")
    return Column(name, None if levels is None else tuple(levels))


def _decode_settings(fields: dict[str, Any] | None, parameters: dict[str, Any]) -> Settings:
    if fields is None:  # of older files: "auto" was for the scaling only, and left features as they are
        most, scaling = parameters["max_interaction"], parameters["scaling"]
        scaling = scaling if scaling != AUTO else None if most is None else "blend"
        return Settings(parameters["norm"], most, scaling, parameters["tol"])
    reasons = tuple((str(name), str(why)) for name, why in fields["reasons"])
    return Settings(fields["norm"], fields["max_interaction"], fields["scaling"], fields["tol"], reasons)


def _encode_scaling(scaling: Scaling) -> dict[str, Any]:
    if isinstance(scaling, MonotoneScaling):
        return {"knots": list(scaling.knots), "places": list(scaling.places), "slopes": scaling.slopes}
    return vars(scaling)


def _decode_scaling(fields: dict[str, Any], d: int) -> Scaling:
    if "knots" not in fields:
        centre, scale = (_array(fields[name], np.float64, (d,)) for name in ("centre", "scale"))
        if not (np.isfinite(centre) & np.isfinite(scale) & (scale > 0)).all():
            raise ValueError("the scaling is not finite and increasing")
        return AffineScaling(centre, scale)
    knots = tuple(_array(values, np.float64, (-1,)) for values in fields["knots"])
    places = tuple(_array(row, np.float64, k.shape) for row, k in zip(fields["places"], knots, strict=True))
    slopes = _array(fields["slopes"], np.float64, (d,))
    if len(knots) != d or not (np.isfinite(slopes) & (slopes > 0)).all():
        raise ValueError(f"the scaling has {len(knots)} curves for {d} features, of slopes {slopes.tolist()}")
    for values in (*knots, *places):
        if not len(values) or not np.isfinite(values).all() or not (np.diff(values) > 0).all():
            raise ValueError("a curve of the scaling is not finite and increasing")
    return MonotoneScaling(knots, places, slopes)


def _encode_loss(loss: str | Loss) -> Any:
    if isinstance(loss, Loss) and vars(loss):
        return {"name": loss.name, **vars(loss)}
    return get_loss(loss).name


def _decode_loss(loss: Any) -> str | Loss:
    if not isinstance(loss, dict):
        return get_loss(loss).name
    parameters = {key: float(value) for key, value in loss.items() if key != "name"}
    return get_loss(LOSSES[loss["name"]](**parameters))


def _encode_classes(classes: np.ndarray) -> dict[str, Any]:
    values = classes.tolist()
    if not all(isinstance(value, (bool, int, float, str)) for value in values):
        raise ValueError(f"cannot save the classes {values!r}: only numbers and strings can be written. Relabel y.")
    return {"dtype": classes.dtype.str, "values": values}


def _decode_classes(fields: dict[str, Any], count: int = 2) -> np.ndarray:
    dtype = np.dtype(fields["dtype"])
    if dtype.kind not in "biufUO":
        raise ValueError(f"classes cannot have the type {dtype}")
    return _array(fields["values"], dtype, (count,))


def _array(values: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """An array from a list or a tensor; a ValueError if the number of entries is wrong."""
    return np.asarray(values, dtype=dtype).reshape(shape).copy()


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a whole number, got {value!r}")
    return value


def _plain(value: Any) -> Any:
    """NumPy values as JSON; floats are written with all the digits they need."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"cannot write {value!r} to a model file")


def _without_arrays(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Move every array in nested values to `arrays`, leaving its name as {"tensor": name}."""
    if isinstance(value, np.ndarray):
        arrays[name] = np.ascontiguousarray(value)
        return {"tensor": name}
    if isinstance(value, dict):
        return {key: _without_arrays(item, f"{name}.{key}".strip("."), arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_arrays(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
    return value


def _with_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return arrays[value["tensor"]]
        return {key: _with_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    return value


def _read_tensors(path: Path) -> Any:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if FORMAT not in metadata:
            return None
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    try:
        return _with_arrays(json.loads(metadata[FORMAT]), arrays)
    except KeyError as error:
        raise ValueError(f"tensor {error} is missing") from None


def _with_known_suffix(path: str | PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{str(path)!r} must end in {' or '.join(SUFFIXES)}, which decides the format; rename it.")
    return path
