import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from bladenet import datasets

LOADERS = {
    "motorcycle": datasets.load_motorcycle,
    "houses": datasets.load_houses,
    "penguins": datasets.load_penguins,
}
COLUMNS = {
    "motorcycle": ["time_ms", "acceleration_g"],
    "houses": ["price_usd", "latitude", "longitude", "area_sqft", "beds", "baths"],
    "penguins": [
        "species",
        "bill_length_mm",
        "bill_depth_mm",
        "flipper_length_mm",
        "body_mass_g",
        "sex",
    ],
}
ROWS = {"motorcycle": 133, "houses": 932, "penguins": 333}


@pytest.mark.parametrize("name", LOADERS)
def test_every_dataset_is_complete_and_consistent(name):
    data = LOADERS[name]()
    assert list(data.frame.columns) == COLUMNS[name]
    assert len(data.frame) == ROWS[name]
    assert not data.frame.isna().any().any()
    assert data.X.shape == (ROWS[name], len(data.feature_names))
    assert data.X.dtype == np.float64
    assert data.X.flags.c_contiguous
    assert data.X.flags.writeable
    assert data.y.shape == (ROWS[name],)
    assert data.y.flags.writeable
    for j, feature in enumerate(data.feature_names):
        np.testing.assert_array_equal(data.X[:, j], data.frame[feature])
    np.testing.assert_array_equal(data.y, data.frame[data.target].to_numpy())
    assert str(ROWS[name]) in data.description
    assert data.path == datasets.csv_path(name)


@pytest.mark.parametrize("name", LOADERS)
def test_path_is_a_plain_csv_with_one_line_per_row(name):
    lines = datasets.csv_path(name).read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",") == COLUMNS[name]
    assert len(lines) == ROWS[name] + 1


def test_motorcycle_has_its_known_summary():
    data = datasets.load_motorcycle()
    assert data.feature_names == ("time_ms",)
    assert data.target == "acceleration_g"
    assert (data.X.min(), data.X.max()) == (2.4, 57.6)
    assert (data.y.min(), data.y.max()) == (-134.0, 75.0)
    assert np.all(np.diff(data.X[:, 0]) >= 0)
    assert len(np.unique(data.X)) == 94
    assert data.y.mean() == pytest.approx(-25.545865, abs=1e-6)


def test_houses_have_their_known_summary():
    data = datasets.load_houses()
    assert data.feature_names == ("longitude", "latitude")
    assert data.target == "price_usd"
    assert data.y.dtype == np.float64
    assert (data.y.min(), data.y.max(), np.median(data.y)) == (30000, 884790, 220000)
    assert -121.6 < data.X[:, 0].min() < data.X[:, 0].max() < -120.5
    assert 38.2 < data.X[:, 1].min() < data.X[:, 1].max() < 39.1
    assert data.frame.iloc[0].tolist() == [59222, 38.631913, -121.434879, 836, 2, 1]
    assert (data.frame[["area_sqft", "beds", "baths"]] > 0).all().all()


def test_penguins_have_their_known_summary():
    data = datasets.load_penguins()
    assert data.feature_names == ("bill_depth_mm", "body_mass_g")
    assert data.target == "sex"
    assert data.y.dtype.kind == "U"
    labels, counts = np.unique(data.y, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {"female": 165, "male": 168}
    assert data.frame["species"].value_counts().to_dict() == {"Adelie": 146, "Gentoo": 119, "Chinstrap": 68}
    assert (data.X[:, 1].min(), data.X[:, 1].max()) == (2700, 6300)
    assert (data.X[:, 0].min(), data.X[:, 0].max()) == (13.1, 21.5)


def test_dataset_is_frozen_and_prints_short():
    data = datasets.load_motorcycle()
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.target = "time_ms"
    assert len(repr(data)) < 500
    assert data != datasets.load_motorcycle()  # identity, never an ambiguous array comparison


@pytest.mark.parametrize("bad", ["motorcyle", "", "../houses", None, ["houses"]])
def test_unknown_name_lists_the_choices(bad):
    with pytest.raises(ValueError, match="unknown data set") as error:
        datasets.csv_path(bad)
    assert repr(bad) in str(error.value)
    assert "'motorcycle', 'houses', 'penguins'" in str(error.value)


def test_importing_datasets_does_not_import_pandas():
    # the module is loaded by path, so that only its own imports are judged
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('datasets_alone', {datasets.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules['datasets_alone'] = module\n"
        "spec.loader.exec_module(module)\n"
        "sys.exit('pandas' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("n", [2, 3, 100, 101])
def test_spirals_shape_and_balance(n):
    X, y = datasets.make_spirals(n)
    assert X.shape == (n, 2)
    assert y.shape == (n,)
    assert X.dtype == y.dtype == np.float64
    assert np.sum(y == -1) == n // 2
    assert np.sum(y == 1) == n - n // 2


def test_spirals_are_deterministic_in_the_seed():
    X, y = datasets.make_spirals(50, random_state=3)
    again, y_again = datasets.make_spirals(50, random_state=np.random.default_rng(3))
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(y, y_again)
    assert not np.array_equal(X, datasets.make_spirals(50, random_state=4)[0])


@pytest.mark.parametrize("turns", [0.5, 1.5, 3.0])
def test_noiseless_spirals_lie_on_the_curves(turns):
    X, y = datasets.make_spirals(200, noise=0.0, turns=turns)
    radius = np.hypot(*X.T)
    assert 0.1 <= radius.min() < radius.max() <= 1.0
    angle = 2 * np.pi * turns * radius
    np.testing.assert_allclose(X[:, 0], y * radius * np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(X[:, 1], y * radius * np.sin(angle), atol=1e-12)


def test_noise_is_the_standard_deviation_of_each_coordinate():
    n = 20_000
    clean = datasets.make_spirals(n, noise=0.0)[0]
    noisy = datasets.make_spirals(n, noise=0.2)[0]
    np.testing.assert_allclose((noisy - clean).std(axis=0), 0.2, rtol=0.03)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ({"n": 1}, "n", "1"),
        ({"n": 10.0}, "n", "10.0"),
        ({"n": 10, "noise": -0.1}, "noise", "-0.1"),
        ({"n": 10, "noise": np.nan}, "noise", "nan"),
        ({"n": 10, "turns": 0}, "turns", "0"),
        ({"n": 10, "turns": np.inf}, "turns", "inf"),
    ],
)
def test_spirals_reject_bad_arguments(arguments, name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be .* got {value}$"):
        datasets.make_spirals(**arguments)
