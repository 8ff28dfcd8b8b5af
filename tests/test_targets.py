"""The target on the command line: numbers stay numbers, classes are classes, and every decision is said."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bladenet import cli, load_model
from bladenet.cells import is_measurement, is_number, is_written_number
from bladenet.errors import InputError
from bladenet.targets import Target

N = 150
RNG = np.random.default_rng(1)
AREA = RNG.uniform(30, 200, N).round(1)
PRICE = (2000 * AREA + RNG.normal(0, 5000, N)).round(2)
TEXT = pd.Series(PRICE, name="price").map("{:.2f}".format)
BAD_ROW, BAD_LINE = 11, 13  # the header is line 1


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def one(value, cells=TEXT):
    return [value if i == BAD_ROW else cell for i, cell in enumerate(cells)]


def fit(tmp_path, target, *options, **columns):
    path = tmp_path / "data.csv"
    pd.DataFrame({"area": AREA[: len(target)], **columns, "price": target}).to_csv(path, index=False)
    return run("fit", path, "--target", "price", "--alpha", "0.5", "--tol", "0.1", "--quiet", *options)


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        (one("on request"), ["line 13 ('on request')"]),
        (one("1,234.50"), ["line 13 ('1,234.50')"]),
        (one("€123"), ["line 13 ('€123')"]),
        (one("12 %"), ["line 13 ('12 %')"]),
        (one("$1,2"), ["line 13 ('$1,2')"]),
        (one("12 kg"), ["line 13 ('12 kg')"]),
        (["x" if i % 40 == BAD_ROW else cell for i, cell in enumerate(TEXT)], ["line 13", "line 53", "and 1 more"]),
        (["on request" if i % 5 < 3 else cell for i, cell in enumerate(TEXT)], ["line 2 ('on request')", "87 more"]),
        ([f"€{value:.2f}" for value in PRICE], ["line 2 ('€", "and 147 more"]),
        ([f"{value:.2f} EUR" for value in PRICE], ["and 147 more"]),
        ([f"{int(value)} %" for value in AREA], ["and 147 more"]),
        ([f"{value} m²" for value in AREA], ["and 147 more"]),
        ([f"{10 * (i % 4)} %" for i in range(N)], ["say --task classification"]),
        (["1.5", "2.5", "3.5", "4.5", *["on request"] * 5], ["line 6 ('on request')"]),
    ],
)
def test_numbers_with_faults_are_refused_with_lines_values_and_remedy(tmp_path, target, lines):
    # guards a regression that turns into 150 classes, without a word, since one cell is text
    result = fit(tmp_path, target)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "the target 'price' holds numbers, but not in" in line
    assert "numbers are written like 1234.5" in line
    for part in lines:
        assert part in line
    refused = fit(tmp_path, target, "--task", "regression")
    assert (refused.exit_code, refused.stderr) == (2, result.stderr)


@pytest.mark.parametrize(
    ("target", "options", "parts"),
    [
        (one("", TEXT), (), ["column 'price' has no value in line 13: no cell may be empty; drop such rows"]),
        (one("?", TEXT), (), ["column 'price' has no value in line 13: no cell may be empty; drop such rows"]),
        (one(np.inf, PRICE), (), ["column 'price' is infinite in line 13"]),
        ([f"row {i}" for i in range(N)], (), ["150 different values in 150 rows", "identifier"]),
        ([f"row {i}" for i in range(N)], ("--task", "classification"), ["identifier"]),
        (PRICE, ("--task", "classification"), ["text or whole numbers", "in line 2", "--task regression"]),
        (np.arange(N), ("--task", "classification"), ["150 different values", "--task regression"]),
        (["a", "b"] * 75, ("--task", "regression"), ["needs a numeric target, but 'price' holds a, b"]),
        ([True, False] * 75, ("--task", "regression"), ["write them as 0 and 1"]),
        (["a"] * N, (), ["classification needs at least two classes; 'price' has 1: a"]),
        (PRICE, ("--task", "ranking"), ["--task must be one of regression, classification, got 'ranking'"]),
        (PRICE, ("--task", "regression", "--loss", "hinge"), ["--task regression does not go with --loss hinge"]),
        (one(-1, range(N)), ("--loss", "poisson"), ["y contains -1 in line 13"]),
    ],
)
def test_targets_that_cannot_be_what_is_asked_for(tmp_path, target, options, parts):
    result = fit(tmp_path, target, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("cells", "task", "loss", "note"),
    [
        (PRICE, None, "squared", ""),
        ([0, 1] * 75, None, "logistic", "the values 0 and 1 only: classification; --task regression"),
        ([-1.0, 1.0] * 75, None, "logistic", "the values -1 and 1 only: classification"),
        ([0, 1] * 75, "regression", "squared", ""),
        ([0, 1, 2] * 50, None, "squared", "0, 1 and 2 only: regression; --task classification takes them as classes"),
        ([0, 1, 2] * 50, "classification", "logistic", ""),
        ([0.5, 1.5] * 75, None, "squared", ""),
        ([3, 4], None, "squared", ""),
        ([True, False] * 75, None, "logistic", ""),
        (["no", "yes"] * 75, None, "logistic", ""),
        ([f"{i % 5 + 1} star" for i in range(N)], None, "logistic", ""),
        (["1", "2", "3", "A", "B"] * 30, "classification", "logistic", ""),
        ([str(10**20 + i) for i in range(N)], None, "squared", ""),
    ],
)
def test_the_task_is_decided_in_the_open(cells, task, loss, note):
    target = Target.of(pd.Series(cells, name="y"), task, None)
    assert target.loss == loss
    assert note in target.note
    assert bool(note) == bool(target.note)
    assert pd.api.types.is_numeric_dtype(target.y) or loss == "logistic"


def test_mixed_grades_need_a_word():
    with pytest.raises(InputError, match="say --task classification"):
        Target.of(pd.Series(["1", "2", "3", "A", "B"] * 30, name="y"), None, None)


def test_lines_are_counted_as_an_editor_does(tmp_path):
    # guards one count in all messages, and rows that have several lines or follow empty ones
    path = tmp_path / "data.csv"
    path.write_bytes(b'\xef\xbb\xbfy,c\r\n1,"two\r\nlines"\r\n\r\n2,b\r\n  \r\n3,b\r\n4,?\r\n5,b\r\n6,\r\n')
    refused = run("fit", path, "--target", "y", "--quiet").stderr
    assert "column 'c' has no value in line 10:" in refused
    path.write_bytes(path.read_bytes().replace(b"4,?", b"x,b").replace(b"6,", b"6,b"))
    assert "but not in line 8 ('x')" in run("fit", path, "--target", "y", "--quiet").stderr
    for cell, part in (
        ("", "has no value in line 13"),
        ("?", "has no value in line 13"),
        ("inf", "infinite in line 13"),
    ):
        result = fit(tmp_path, PRICE, size=one(cell))
        assert result.exit_code == 2
        assert part in result.stderr
        assert "row" not in result.stderr.replace("drop such rows", "")
    path.write_text("x,y\n0,1\n1,3\n1,2\n")
    assert "line 3 and line 4 are the same" in run("fit", path, "--target", "y", "--alpha", "0", "--quiet").stderr
    path.write_text("x,y\n0,1,2\n1,3,3\n")
    assert "has 3 cells, but the header has 2: give every column a name" in run("fit", path, "--target", "y").stderr


def test_predictions_and_reports_count_lines_too(tmp_path):
    model, new = tmp_path / "model.json", tmp_path / "new.csv"
    kinds = ["a", "b", "c"] * 50
    fitted = fit(tmp_path, PRICE, "--task", "regression", "--out", model, kind=kinds)
    assert fitted.exit_code in (0, 3), fitted.stderr
    assert load_model(model).loss == "squared"
    pd.DataFrame({"area": AREA, "kind": one("d", kinds)}).to_csv(new, index=False)
    assert "1 row, the first is line 13." in run("predict", model, new).stderr
    pd.DataFrame({"area": one("?", AREA), "kind": kinds}).to_csv(new, index=False)
    assert "has no value in line 13" in run("predict", model, new).stderr
    pd.DataFrame({"area": AREA, "kind": kinds, "price": one("x", PRICE)}).to_csv(new, index=False)
    page = ("report", model, tmp_path / "page.html", "--data", new, "--target", "price")
    assert "trained on numbers, but the target 'price' has line 13 ('x')" in run(*page).stderr


@pytest.mark.parametrize(
    "text",
    [
        "1,234.50",
        "€123",
        "€ 1.234,50",
        "$1,2",
        "12 %",
        "3,14",
        "CHF 1'234.-",
        "US$5",
        "(1,234)",
        "−5",
        "1 234,5",
        "-$3",
    ],
)
def test_numbers_for_people(text):
    assert not is_number(text)
    assert is_written_number(text)


def test_what_is_no_number():
    for text in ("on request", "2024-01-01", "12.05.2023", "12:30", "1.2.3", "A12", "10-20", "", "-", "8001 Zürich"):
        assert not is_measurement(text)
    for text in ("12 kg", "30 km/h", "5 m²", "20 °C", "1.2M"):
        assert is_measurement(text)
        assert not is_written_number(text)
