"""The command line: results, files, one-line errors, exit codes."""

import io
import json
import re
import subprocess
import sys
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bladenet
from bladenet import cli, datasets, load_model
from bladenet.blades import Blade
from bladenet.losses import get_loss
from bladenet.progress import Progress
from handmade import stand_in

MOTORCYCLE = ("fit", "motorcycle", "--target", "acceleration_g", "--alpha", "0.05")
PENGUINS = ("fit", "penguins", "--target", "sex", "--features", "body_mass_g", "--alpha", "0.001")


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def assert_refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("bladenet: error: ")
    for part in parts:
        assert part in line


def test_fit_reports_saves_and_draws(tmp_path):
    out, plot = tmp_path / "model.json", tmp_path / "fit.png"
    result = run(*MOTORCYCLE, "--out", out, "--plot", plot)
    assert result.exit_code == 0, result.output
    assert "\n\nGLOBAL: objective " in result.stdout
    assert "loss squared, alpha 0.05 (beta 6.65), norm 2, bias yes, scaling standard" in result.stdout
    model, data = load_model(out), datasets.load_motorcycle()
    assert model.settings_.scaling == "standard"
    assert model.alpha_ == 0.05
    X = pd.DataFrame(data.X, columns=list(data.feature_names))
    quality = float(re.search(r"R² ([0-9.]+) on the training data", result.stdout)[1])
    assert quality == pytest.approx(model.score(X, data.y), abs=1e-4)
    assert plot.read_bytes().startswith(b"\x89PNG")
    planned, header, *rounds = result.stderr.splitlines()
    assert planned.startswith("94 distinct samples, neurons of 2 dimensions: search and proof of global optimality")
    assert header.split() == ["round", "neurons", "objective", "lower", "bound", "gap", "seconds"]
    assert len(rounds) == len(model.history_)
    assert float(rounds[-1].split()[4]) <= 1e-6


def test_quiet_and_options_reach_the_model(tmp_path):
    out = tmp_path / "model.safetensors"
    options = ("--norm", "1", "--loss", "huber", "--no-bias", "--scaling", "none", "--tol", "1e-4")
    result = run(*MOTORCYCLE, *options, "--time-limit", "30", "--out", out, "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    model = load_model(out)
    assert (model.norm, model.loss, model.tol, model.time_limit) == (1, "huber", 1e-4, 30.0)
    assert (model.bias, model.scaling) == (False, None)
    assert not model.network_.biases.any()


def test_alpha_is_cross_validated_by_default(tmp_path):
    out = tmp_path / "model.json"
    result = run(*MOTORCYCLE[:4], "--out", out)
    assert result.exit_code == 0, result.output
    assert ", auto), norm" in result.stdout
    assert "cross-validation" in result.stderr


def test_predict_writes_what_the_model_says(tmp_path):
    model, out = tmp_path / "model.json", tmp_path / "predictions.csv"
    assert run(*PENGUINS, "--out", model).exit_code == 0
    printed = run("predict", model, "penguins")
    assert run("predict", model, "penguins", "--out", out).exit_code == 0
    assert printed.stdout == out.read_text()
    table, fitted = pd.read_csv(out), load_model(model)
    X = datasets.load_penguins().frame[["body_mass_g"]].astype(float)
    assert list(table.columns) == ["prediction", "score", "probability_male"]
    assert list(table["prediction"]) == list(fitted.predict(X))
    np.testing.assert_allclose(table["score"], fitted.decision_function(X))
    np.testing.assert_allclose(table["probability_male"], fitted.predict_proba(X)[:, 1])
    assert_refused(run("predict", model, "motorcycle"), "no column 'body_mass_g'", "time_ms")


def test_three_classes(tmp_path):
    model, plot = tmp_path / "model.json", tmp_path / "plot.png"
    fit = ("fit", "penguins", "--target", "species", "--features", "bill_length_mm,bill_depth_mm", "--alpha", "0.02")
    result = run(*fit, "--tol", "1e-2", "--out", model, "--plot", plot)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(io.StringIO(run("predict", model, "penguins").stdout))
    names = ["Adelie", "Chinstrap", "Gentoo"]
    assert list(table.columns) == ["prediction", *(f"score_{n}" for n in names), *(f"probability_{n}" for n in names)]
    assert (table["prediction"] == datasets.load_penguins().frame["species"]).mean() > 0.9
    np.testing.assert_allclose(table.filter(like="probability").sum(axis=1), 1.0)
    assert plot.stat().st_size > 10_000
    more = (*fit[:5], "bill_length_mm,bill_depth_mm,sex", "--quiet", "--plot", tmp_path / "more.png")
    assert run(*more, "--time-limit", "20").exit_code in (0, 3)
    assert (tmp_path / "more.png").stat().st_size > 10_000
    assert_refused(run(*fit, "--loss", "hinge"), "exactly two classes", "species")


def test_alpha_0_fits_exactly_or_says_why_not(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("x,y\n0,1\n1,3\n2,2\n")
    result = run("fit", path, "--target", "y", "--alpha", "0")
    assert result.exit_code == 0, result.output
    assert "fits all targets exactly" in result.stdout
    path.write_text("x,y\n0,1\n1,3\n1,2\n")
    assert_refused(run("fit", path, "--target", "y", "--alpha", "0", "--quiet"), "line 3 and line 4 are the same")


def test_explain_in_words_and_as_json(tmp_path):
    model = tmp_path / "model.json"
    assert run(*PENGUINS, "--out", model).exit_code == 0
    explanation = load_model(model).explain()
    assert run("explain", model).stdout == f"{explanation}\n"
    fields = json.loads(run("explain", model, "--json").stdout)
    assert len(fields["neurons"]) == len(explanation.neurons) > 0
    assert fields["certificate"]["status"] == "GLOBAL"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A CSV file of numbers and categories, and a network of it that needs no training."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(20, 60, 30), "code": ["1", "2", "x"] * 10, "sex": ["f", "m"] * 15})
    frame["price"] = frame["age"] + 10.0 * (frame["sex"] == "m")
    # encoded: age, code=1, code=2, code=x, sex=m
    blades = [Blade((0,), (0,), 1), Blade((0,), (4,), 1), Blade((1,), (1,), 1), Blade((0, 1), (0, 4), -1)]
    stand_in(monkeypatch, blades, [1.0, 10.0, 0.5, 0.1])
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path, frame


def test_more_than_two_columns_are_fitted_by_pairs_and_categories_kept(table, tmp_path):
    path, frame = table
    model, plot = tmp_path / "model.json", tmp_path / "fit.png"
    result = run("fit", path, "--target", "price", "--alpha", "0.1", "--out", model, "--plot", plot)
    assert result.exit_code == 3, result.output  # the stand-in proves nothing
    assert (
        "5 features: a network is readable whose neurons read at most two columns (--max-interaction)" in result.stderr
    )
    assert "norm 1, bias yes, scaling blend, a neuron reads at most two columns or categories" in result.stdout
    assert "price from 3 columns: 4 neurons, 30 samples" in result.stdout
    fitted = load_model(model)
    settings = fitted.settings_
    assert (settings.norm, settings.max_interaction, settings.scaling) == (1, 2, "blend")
    assert fitted.encoding_.features == ("age", "code=1", "code=2", "code=x", "sex=m")
    assert plot.read_bytes().startswith(b"\x89PNG")
    features = frame.drop(columns="price")
    predicted = pd.read_csv(StringIO(run("predict", model, path).stdout))["prediction"]
    np.testing.assert_array_equal(predicted, fitted.predict(features))
    digits = tmp_path / "digits.csv"  # read alone, the codes in it look like numbers
    frame[frame["code"] != "x"].to_csv(digits, index=False)
    again = run("predict", model, digits)
    np.testing.assert_array_equal(
        pd.read_csv(StringIO(again.stdout))["prediction"], predicted[(frame["code"] != "x").to_numpy()]
    )
    assert run("explain", model).stdout == f"{fitted.explain()}\n"
    assert json.loads(run("explain", model, "--json").stdout)["column_names"] == ["age", "code", "sex"]


def test_choices_of_norm_and_scaling_are_left_to_those_who_make_them(table, tmp_path):
    path, model = table[0], tmp_path / "model.json"
    fit = ("fit", path, "--target", "price", "--alpha", "0.1", "--out", model)
    for options, expected in [
        (("--max-interaction", "3", "--scaling", "rank"), (1, 3, "rank")),
        (("--max-interaction", "2", "--norm", "1", "--scaling", "none"), (1, 2, None)),
        (("--norm", "2"), (2, None, "standard")),
    ]:
        result = run(*fit, *options)
        assert result.exit_code == 3, result.output
        fitted = load_model(model)
        settings = fitted.settings_
        assert (settings.norm, settings.max_interaction, settings.scaling) == expected
        assert "neurons read at most" not in result.stderr


def test_new_categories_are_warned_about_and_missing_columns_refused(table, tmp_path):
    path, frame = table
    model = tmp_path / "model.json"
    run("fit", path, "--target", "price", "--alpha", "0.1", "--out", model)
    new = tmp_path / "new.csv"
    frame.assign(code="y").to_csv(new, index=False)
    warned = run("predict", model, new)
    assert warned.exit_code == 0
    (line,) = warned.stderr.splitlines()
    assert line.startswith(
        "bladenet: warning: column 'code' has categories not seen in training: 'y'; 30 rows, the first is line 2."
    )
    frame.drop(columns="sex").to_csv(new, index=False)
    assert_refused(run("predict", model, new), "no column 'sex'")
    frame.assign(age="old").to_csv(new, index=False)
    assert_refused(run("predict", model, new), "column 'age' held numbers in training", "'old'")


def test_a_numeric_target_can_be_two_classes(tmp_path):
    path, out = tmp_path / "data.csv", tmp_path / "model.json"
    path.write_text("x,label\n" + "".join(f"{i},{int(i > 5)}\n" for i in range(12)))
    fit = ("fit", path, "--target", "label", "--alpha", "0.01", "--out", out)
    for options in ((), ("--loss", "hinge"), ("--task", "classification")):
        result = run(*fit, *options, "--quiet")
        assert "12 samples, 2 classes" in result.stdout
        assert "accuracy 1.0000" in result.stdout
        assert ("note: the target 'label' has the values 0 and 1 only" in result.stderr) is (not options)
        assert load_model(out).classes_.tolist() == [0, 1]
    assert "R² " in run(*fit, "--task", "regression").stdout


@pytest.mark.parametrize(
    ("loss", "measure"), [("quantile", "deviation from the 0.5 quantile"), ("poisson", "deviance")]
)
def test_fits_are_measured_by_their_loss(tmp_path, loss, measure):
    path, out = tmp_path / "data.csv", tmp_path / "model.json"
    x, y = np.arange(10.0)[:, None], np.array([0.0, 1, 1, 2, 6, 3, 5, 9, 8, 12])
    pd.DataFrame({"x": x[:, 0], "y": y}).to_csv(path, index=False)
    result = run("fit", path, "--target", "y", "--alpha", "0.01", "--loss", loss, "--out", out)
    share = float(re.search(rf"share of the {measure} explained ([0-9.]+) on the training data", result.stdout)[1])
    assert "R²" not in result.stdout
    value, constant = get_loss(loss).value, get_loss(loss).constant_fit(y, np.ones(10))
    left = value(load_model(out).network_.predict(x), y).sum()  # standard scaling is folded into the network
    assert share == pytest.approx(1.0 - left / value(np.full(10, constant), y).sum(), abs=1e-4)


def test_interrupted_training_saves_the_best_network_so_far(tmp_path, monkeypatch):
    def interrupt(self, row):
        if row.round == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__call__", interrupt)
    out = tmp_path / "model.json"
    result = run(*MOTORCYCLE, "--out", out)
    assert result.exit_code == 3, result.output
    assert "\n\nSTOPPED: " in result.stdout
    assert load_model(out).certificate_.status.value == "STOPPED"


def test_interrupted_before_there_is_a_result(tmp_path, monkeypatch):
    def interrupt(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("bladenet.estimator_base.select_alpha", interrupt)
    out = tmp_path / "model.json"
    result = run(*MOTORCYCLE[:4], "--out", out)
    assert result.exit_code == 130
    assert result.stderr.endswith("bladenet: interrupted before there was a result\n")
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--norm", "3"), ["--norm must be 1 or 2, got 3"]),
        (("--norm", "x"), ["--norm"]),
        (("--alpha", "much"), ["--alpha", "'much'"]),
        (("--alpha", "-1"), ["--alpha", "-1"]),
        (("--loss", "cubic"), ["--loss", "squared, huber, quantile, poisson, logistic, hinge", "'cubic'"]),
        (("--tol", "2"), ["--tol", "2"]),
        (("--time-limit", "0"), ["--time-limit", "0"]),
        (("--out", "model.pickle"), ["--out", ".json or .safetensors"]),
        (("--plot", "fit.bmp"), ["--plot", ".png"]),
        (("--out", "/no/such/place/model.json"), ["--out", "cannot be written", "No such file"]),
        (("--colour", "red"), ["No such option", "--colour"]),
        (("--features", "time"), ["no column 'time'", "Did you mean 'time_ms'?"]),
        (("--features", "acceleration_g"), ["cannot be a feature as well"]),
        (("--features", "time_ms,time_ms"), ["--features takes different columns"]),
        (("--scaling", "log"), ["--scaling must be one of none, standard, rank, blend", "'log'"]),
        (("--max-interaction", "0"), ["--max-interaction", "at least 1, got 0"]),
        (("--max-interaction", "2", "--norm", "2"), ["--max-interaction needs --norm 1"]),
        (("--loss", "logistic"), ["needs classes", "'acceleration_g' is -1.3 in line 3"]),
    ],
)
def test_bad_options_are_refused_in_one_line(options, parts):
    assert_refused(run(*MOTORCYCLE, *options), *parts)


@pytest.mark.parametrize(
    ("text", "options", "parts"),
    [
        ("", ("--target", "a"), ["is empty"]),
        ("a,b\n", ("--target", "a"), ["no rows"]),
        ("a,b\n1,2\n3,\n5,6\n", ("--target", "a"), ["column 'b'", "line 3"]),
        ("a,b\n1,2\n,3\n5,6\n", ("--target", "a"), ["column 'a'", "line 3"]),
        ("a\n1\n3\n", ("--target", "a"), ["no column besides the target 'a'"]),
        (
            "a,b\n" + "".join(f"{k},n{k}\n" for k in range(20)),
            ("--target", "a", "--alpha", "1"),
            ["'b' has 20 different texts in 20 rows"],
        ),
        (
            "a,b\n" + "1,%d\n" * 20 % (*range(20),) + "1,?\n",
            ("--target", "a", "--alpha", "1"),
            ["'b' has no value in line 22"],
        ),
        ("a,b\n1,2\n3,inf\n", ("--target", "a"), ["'b' is infinite in line 3"]),
        ("a,b\n1,x\n3,y\n", ("--target", "b", "--loss", "squared"), ["numeric target", "'b'"]),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path, text, options, parts):
    path = tmp_path / "data.csv"
    path.write_text(text)
    assert_refused(run("fit", path, *options), *parts)


def test_missing_files_are_refused_in_one_line(tmp_path):
    assert_refused(run("fit", "nothing.csv", "--target", "a"), "nothing.csv", "motorcycle, houses, penguins")
    assert_refused(run("explain", tmp_path / "nothing.json"), "nothing.json")
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    assert_refused(run("predict", damaged, "motorcycle"), "damaged.json")
    assert_refused(run(), "Missing command")


def test_a_failed_fit_leaves_no_files(tmp_path):
    out = tmp_path / "model.json"
    assert_refused(run("fit", "motorcycle", "--target", "speed", "--out", out), "no column 'speed'")
    assert not out.exists()


def test_the_installed_command_and_its_exit_codes():
    command = [sys.executable, "-m", "bladenet"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"bladenet {bladenet.__version__}\n"
    stopped = subprocess.run([*command, *MOTORCYCLE, "--time-limit", "1e-9", "--quiet"], capture_output=True, text=True)
    assert (stopped.returncode, stopped.stderr) == (3, "")
    assert "\n\nSTOPPED: " in stopped.stdout
    heavy = "import sys, bladenet.cli; print([m for m in ('numba', 'sklearn', 'pandas') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_units_that_scaling_takes_away_are_no_obstacle(tmp_path):
    # guards the plan: it once looked at features before they were scaled, and refused what training accepts
    rows = np.random.default_rng(0).normal(size=(12, 3))
    table = pd.DataFrame(rows, columns=["a", "b", "c"]).assign(y=rows[:, 0] + rows[:, 1])
    table["a"] *= 1e150
    table.to_csv(tmp_path / "huge.csv", index=False)
    result = run("fit", tmp_path / "huge.csv", "--target", "y", "--alpha", "0.1", "--tol", "1e-3")
    assert result.exit_code == 0, result.output
