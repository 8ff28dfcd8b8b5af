"""Targets of the wrong kind are refused before any work, by a message that says what to do."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bladenet as bn
from bladenet.training import train

RNG = np.random.default_rng(0)
N = 60
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N)})
PRICES = RNG.integers(100_000, 900_000, N)  # whole dollars, nearly all different


@pytest.fixture(autouse=True)
def _no_work(monkeypatch):
    def work(*_, **__):
        raise AssertionError("trained on a target of the wrong kind")

    monkeypatch.setattr("bladenet.estimator_base.solve", work)
    monkeypatch.setattr("bladenet.estimator_base.fit_scaling", work)
    assert train is not work


def refused(model, y, *parts, X=X):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, parts))):
        model.fit(X, y)


@pytest.mark.parametrize("form", [list, np.array, pd.Series, pl.Series, lambda y: pd.Series(y, dtype="category")])
@pytest.mark.parametrize(
    "features", [X, X.to_numpy(), pl.DataFrame(X.to_dict(orient="list"))], ids=["pandas", "numpy", "polars"]
)
def test_a_regressor_on_text_names_the_classifier(form, features):
    y = form(["red", "blue"] * (N // 2))
    refused(bn.BladeNetRegressor(), y, "'red' in row 0", "BladeNetClassifier", X=features)


@pytest.mark.parametrize("written", ["1,200", "3.5 kg", "€ 12", "12 %", "3,14"])
@pytest.mark.parametrize("form", [list, pd.Series])
def test_numbers_written_as_text_are_said_to_be_that(written, form):
    y = form(["7.5"] * 4 + [written] * (N - 4))
    refused(bn.BladeNetRegressor(), y, "numbers written as text", repr(written), "row 4", "thousands separators")


def test_a_few_words_among_numbers_are_rows_to_correct():
    y = ["1.5"] * (N - 1) + ["on request"]
    refused(bn.BladeNetRegressor(), y, "'on request'", f"row {N - 1}", "Correct or drop such rows")


def test_text_in_one_of_several_outputs_is_found():
    y = pd.DataFrame({"u": np.zeros(N), "v": ["red"] * N})
    refused(bn.BladeNetRegressor(), y, "'red' in row 0", "BladeNetClassifier")


def test_functions_of_arrays_name_the_classifier_too():
    with pytest.raises(ValueError, match=r"'red' in row 0.*BladeNetClassifier"):
        bn.plan(X, ["red"] * N)


def test_dates_are_no_numbers():
    dates = pd.Series(pd.date_range("2024-01-01", periods=N))
    refused(bn.BladeNetRegressor(), dates, "dates", "2024-01-01", "row 0")
    with pytest.raises(ValueError, match="y holds dates"):
        bn.plan(X, dates)


@pytest.mark.parametrize("kind", [bn.BladeNetClassifier, bn.BladeNetClassifierCV])
def test_a_classifier_on_prices_names_the_regressor(kind):
    y = np.round(RNG.uniform(1.0, 90.0, N), 2)
    y[:3] = 5.0, 7.0, 8.25
    parts = "Unknown label type", f"{len(np.unique(y))} different numbers", "8.25 in row 2", "use BladeNetRegressor"
    refused(kind(), y, *parts)
    refused(kind(), pd.Series(y, index=np.arange(N) + 5), *parts)


@pytest.mark.parametrize("form", [list, np.array, pd.Series, np.float64, lambda y: y[:, None]])
def test_whole_dollars_are_amounts_too(form):
    parts = f"{len(np.unique(PRICES))} different numbers in {N} rows", "use BladeNetRegressor"
    refused(bn.BladeNetClassifier(), form(PRICES), *parts)


def test_many_repeated_amounts_are_amounts():
    # as prices of houses often are: rounded, so that fewer than half of the rows have another one
    y = np.repeat(PRICES[:26], 3)
    many = pd.DataFrame({"a": np.arange(len(y))})
    refused(bn.BladeNetClassifier(), y, "use BladeNetRegressor", X=many)


def test_amounts_as_text_and_names_of_rows_are_no_classes():
    refused(bn.BladeNetClassifier(), [f"{p:,}" for p in PRICES], "written as text", "BladeNetRegressor")
    refused(bn.BladeNetClassifier(), [f"house {chr(97 + k % 26)}{k}" for k in range(N)], "60 different values", "name")


@pytest.mark.parametrize(
    "y",
    [
        np.arange(N) % 20,  # codes of classes, three rows each
        np.repeat(np.arange(12), 5) * 1000,
        (np.arange(N) % 15).astype(float),
        np.array(["a", "b", "c"] * 20),
        np.array([f"class {k}" for k in range(30)] * 2),
        np.arange(N) % 2 == 0,
    ],
    ids=["codes", "thousands", "floats", "text", "thirty", "truth"],
)
def test_classes_are_classes(y):
    with pytest.raises(AssertionError, match="wrong kind"):
        bn.BladeNetClassifier().fit(X, y)  # is not refused, but trained on


@pytest.mark.parametrize("y", [["1.5", "2"] * 30, np.array(["1", "3e5"] * 30), np.arange(N) % 2 == 0, [1] * N])
def test_what_reads_as_numbers_is_numbers(y):
    with pytest.raises(AssertionError, match="wrong kind"):
        bn.BladeNetRegressor().fit(X, y)
