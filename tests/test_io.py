"""Model files: exact round trips, refusal of everything damaged, and nothing half-written."""

import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import bladenet as bn
from bladenet import files, io
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.io import load_model, save_model

SUFFIXES = (".json", ".safetensors")
rng = np.random.default_rng(5)
X = pd.DataFrame(rng.normal(size=(30, 2)) / 3.0, columns=["länge", "width"])
y = np.abs(X["länge"]).to_numpy() + 0.1 * rng.normal(size=30)


@pytest.fixture(scope="module")
def regressor():
    return BladeNetRegressor(alpha=np.float64(0.003), loss=bn.HuberLoss(0.7), scaling="standard").fit(X, y)


@pytest.fixture(scope="module")
def faces():
    return BladeNetRegressor(alpha=0.01).fit(X, X["width"] + 0.3 * X["länge"])


@pytest.fixture(scope="module")
def constant():
    return BladeNetRegressor(alpha=10.0).fit(X.to_numpy(), y)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["regressor", "faces", "constant"])
def test_a_loaded_model_is_the_saved_one(request, tmp_path, suffix, name):
    model = request.getfixturevalue(name)
    save_model(model, tmp_path / f"m{suffix}")
    loaded = load_model(tmp_path / f"m{suffix}")
    assert type(loaded) is type(model)
    data = X if name != "constant" else X.to_numpy()
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))
    for field in ("weights", "biases", "amplitudes"):
        np.testing.assert_array_equal(getattr(loaded.network_, field), getattr(model.network_, field))
    assert loaded.certificate_ == model.certificate_
    assert loaded.history_ == model.history_
    assert (loaded.alpha_, loaded.beta_) == (model.alpha_, model.beta_)
    assert loaded.n_features_in_ == 2
    assert vars(loaded).keys() == vars(model).keys()
    assert loaded.explain() == model.explain()
    assert loaded.summary() == model.summary()
    for ours, theirs in zip(loaded.blades_, model.blades_, strict=True):
        assert (ours.samples, ours.coordinates, ours.orientation) == (
            theirs.samples,
            theirs.coordinates,
            theirs.orientation,
        )
        np.testing.assert_array_equal(ours.pull, theirs.pull)


def test_a_face_is_among_the_saved_blades(faces):
    assert any(blade.pull is not None for blade in faces.blades_)  # else the round trip above tests less


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "classes",
    [
        np.array(["no", "yes"]),
        np.array([3, 7]),
        np.array([False, True]),
        np.array([-1.0, 3.0]),
        ["no", "yes"],
    ],
    ids=["str", "int", "bool", "float", "object"],
)
def test_classes_keep_their_type(tmp_path, suffix, classes):
    y = pd.Series(classes).take((X["width"] > 0).astype(int)).to_numpy()
    model = BladeNetClassifier(alpha=0.05, loss="hinge", callback=print).fit(X, y)
    save_model(model, tmp_path / f"c{suffix}")
    loaded = load_model(tmp_path / f"c{suffix}")
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.classes_.tolist() == model.classes_.tolist()
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.decision_function(X), model.decision_function(X))
    assert loaded.feature_names_in_.tolist() == ["länge", "width"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(X[["width", "länge"]])
    assert loaded.callback is None
    assert loaded.get_params() == model.get_params() | {"callback": None}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_networks_are_saved_too(tmp_path, suffix, regressor):
    save_model(regressor.network_, tmp_path / f"n{suffix}")
    loaded = load_model(tmp_path / f"n{suffix}")
    assert type(loaded) is bn.ReLUNetwork
    np.testing.assert_array_equal(loaded.predict(X), regressor.network_.predict(X))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("classes", [[0, 1], [False, True], [-1.0, 3.0], ["no", "yes"]], ids=str)
def test_class_weights_keep_their_keys(tmp_path, suffix, classes):
    # guards refitting a loaded model: keys of JSON are strings
    labels = np.array(classes)[(X["width"] > 0).astype(int)]
    model = BladeNetClassifier(alpha=0.1, class_weight=dict(zip(np.array(classes), [1.0, 2], strict=True)))
    save_model(model.fit(X, labels), tmp_path / f"c{suffix}")
    loaded = load_model(tmp_path / f"c{suffix}")
    assert loaded.class_weight == model.class_weight
    assert list(map(type, loaded.class_weight)) == list(map(type, classes))
    np.testing.assert_array_equal(loaded.fit(X, labels).predict(X), model.predict(X))


def test_json_is_readable(tmp_path, regressor):
    save_model(regressor, tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    assert "länge" in text
    document = json.loads(text)
    assert document["format"] == "bladenet-model"
    assert document["network"]["amplitudes"] == regressor.network_.amplitudes.tolist()
    assert document["parameters"]["loss"] == {"name": "huber", "delta": 0.7}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_anywhere_is_refused(tmp_path, suffix, regressor):
    path = tmp_path / f"m{suffix}"
    save_model(regressor, path)
    content = path.read_bytes().rstrip(b"\n")
    for length in [*range(0, len(content), 10), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cannot be read as .*save the model again") as caught:
            load_model(path)
        assert str(path) in str(caught.value)


def _set(document, *keys):
    *parents, last, value = keys
    for key in parents:
        document = document[key]
    document[last] = value


@pytest.mark.parametrize(
    "change",
    [
        ("network", "weights", [[1.0]]),
        ("network", "biases", "none"),
        ("network", "intercept", float("nan")),
        ("network", "intercept", None),
        ("network", "amplitudes", 3),
        ("network", {}),
        ("kind", "Pipeline"),
        ("kind", ["x"]),
        ("kind", "BladeNetClassifier"),
        ("classes", {"dtype": "<M8[s]", "values": [0, 1]}),
        ("features", -1),
        ("features", 3),
        ("features", True),
        ("columns", [{"name": "a", "levels": None}]),
        ("columns", 0, "levels", [None, 1]),
        ("columns", 0, "levels", []),
        ("columns", 0, "name", 3),
        ("scaling", "scale", [1.0, 0.0]),
        ("scaling", "centre", [1.0]),
        ("scaling", {"knots": [[0.0, 1.0]] * 2, "places": [[0.0, 0.0]] * 2, "slopes": [1.0, 1.0]}),
        ("scaling", {"knots": [[0.0, 1.0]], "places": [[0.0, 1.0]], "slopes": [1.0, 1.0]}),
        ("blades", []),
        ("blades", 0, "orientation", 2),
        ("blades", 0, "samples", [10**6]),
        ("blades", 0, "samples", [0.5]),
        ("blades", 0, "coordinates", [2]),
        ("certificate", "status", "PERFECT"),
        ("certificate", "surprise", 1),
        ("history", 0, 7),
        ("evidence", "rows", []),
        ("parameters", "loss", "absolute"),
        ("parameters", "surprise", 1),
        ("parameters", None),
    ],
    ids=str,
)
def test_damaged_content_is_refused(tmp_path, regressor, change):
    path = tmp_path / "m.json"
    save_model(regressor, path)
    document = json.loads(path.read_text())
    _set(document, *change)
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="has missing or damaged content") as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "save the model again" in str(caught.value)


def test_every_key_is_needed(tmp_path, regressor):
    path = tmp_path / "m.json"
    save_model(regressor, path)
    whole = json.loads(path.read_text())
    for key in whole.keys() - {"settings", "row_labels"}:  # which older files do not have
        path.write_text(json.dumps({k: v for k, v in whole.items() if k != key}))
        with pytest.raises(ValueError, match=str(path)):
            load_model(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\xff\xfe", b"null", b"[]", b'{"a": 1}', b"[" * 10**5])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_files_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"m\.(json|safetensors)"):
        load_model(path)


def test_other_safetensors_are_refused(tmp_path, regressor):
    from safetensors.numpy import save_file

    path = tmp_path / "m.safetensors"
    save_file({"x": np.zeros(2)}, path)
    with pytest.raises(ValueError, match="is not a bladenet model"):
        load_model(path)
    save_model(regressor, path)
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    save_file({"x": np.zeros(2)}, path, metadata=header["__metadata__"])
    with pytest.raises(ValueError, match=r"tensor 'scaling\.centre' is missing"):
        load_model(path)


def test_versions_suffixes_and_missing_files(tmp_path, regressor):
    path = tmp_path / "m.json"
    save_model(regressor, path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"version": 99}))
    with pytest.raises(ValueError, match="has format version 99, but this bladenet reads version 1"):
        load_model(path)
    for action in (lambda p: save_model(regressor, p), load_model):
        with pytest.raises(ValueError, match=r"m.pkl' must end in .json or .safetensors"):
            action(tmp_path / "m.pkl")
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*absent\.json"):
        load_model(tmp_path / "absent.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match=r"folder\.json' cannot be read"):
        load_model(tmp_path / "folder.json")


def test_only_fitted_models_and_networks_are_saved(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(BladeNetRegressor(), tmp_path / "m.json")
    with pytest.raises(TypeError, match="cannot save a dict: save a fitted BladeNetRegressor"):
        save_model({}, tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, suffix, regressor, constant, monkeypatch):
    path = tmp_path / f"m{suffix}"
    save_model(regressor, path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(files.os, step, fail)
            with pytest.raises(OSError, match="disk full"):
                save_model(constant, path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


def test_no_pickle_is_involved():
    source = Path(io.__file__).read_text()
    assert "import pickle" not in source
    assert "allow_pickle" not in source


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_models_save_and_load_themselves(tmp_path, suffix, regressor):
    path = tmp_path / f"model{suffix}"
    regressor.save(path)
    for again in (bn.load(path), BladeNetRegressor.load(path), load_model(path)):
        assert type(again) is BladeNetRegressor
        assert again.certificate_ == regressor.certificate_
        assert str(again.explain()) == str(regressor.explain())


def test_a_class_refuses_the_file_of_another(tmp_path, regressor):
    model, network = tmp_path / "model.json", tmp_path / "network.json"
    regressor.save(model)
    save_model(regressor.network_, network)
    with pytest.raises(ValueError, match=r"holds a BladeNetRegressor, not a BladeNetCl.*Regressor\.load"):
        BladeNetClassifier.load(model)
    with pytest.raises(ValueError, match=r"holds a ReLUNetwork, not a BladeNetRegressor: read it with bladenet\.load"):
        BladeNetRegressor.load(network)
    with pytest.raises(FileNotFoundError, match=r"nothing\.json"):
        BladeNetRegressor.load(tmp_path / "nothing.json")
    with pytest.raises(NotFittedError):
        BladeNetRegressor().save(tmp_path / "empty.json")


def test_a_model_with_a_curve_is_a_regressor(tmp_path):
    x = np.linspace(0.0, 1.0, 12)[:, None]
    model = bn.BladeNetRegressorCV(n_alphas=3, cv=3).fit(x, np.abs(x[:, 0] - 0.5))
    model.save(tmp_path / "model.json")
    again = BladeNetRegressor.load(tmp_path / "model.json")
    assert type(again) is bn.BladeNetRegressorCV
    assert again.predict(x).tolist() == model.predict(x).tolist()
    with pytest.raises(ValueError, match="not a BladeNetClassifierCV"):
        bn.BladeNetClassifierCV.load(tmp_path / "model.json")


def test_older_files_do_not_say_what_neurons_of_the_same_columns_do_together(tmp_path, regressor):
    path = tmp_path / "model.json"
    regressor.save(path)
    document = json.loads(path.read_text())
    del document["evidence"]["together"]
    path.write_text(json.dumps(document))
    older = load_model(path)
    assert older.evidence_.together == pytest.approx(older.evidence_.importance.sum())  # one column: at most the sum
    np.testing.assert_allclose(older.feature_importances_, regressor.feature_importances_)
