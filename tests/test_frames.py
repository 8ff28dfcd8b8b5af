"""Functions of arrays take data frames of numbers, and refuse others by the name of the column."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bladenet as bn

RNG = np.random.default_rng(3)
X = np.column_stack([RNG.normal(size=12), RNG.integers(0, 2, 12)])
Y = np.abs(X[:, 0]) + X[:, 1]
FRAME = pd.DataFrame({"size": X[:, 0], "garden": X[:, 1].astype(int)}, index=[f"house {k}" for k in range(12)])
FUNCTIONS = {
    "plan": bn.plan,
    "beta_max": bn.beta_max,
    "train": lambda X, y: bn.train(X, y, beta=0.1),
    "path": lambda X, y: bn.path(X, y, n_alphas=3),
}


def as_polars(frame):
    """Without pyarrow, which from_pandas needs for text."""
    return pl.DataFrame(frame.to_dict(orient="list"))


FRAMES = {
    "pandas": FRAME,
    "nullable": FRAME.astype({"garden": "Int64", "size": "Float64"}),
    "truth": FRAME.astype({"garden": bool}),
    "objects": FRAME.assign(garden=[Decimal(v) for v in FRAME["garden"].tolist()]),
    "polars": as_polars(FRAME),
    "polars truth": as_polars(FRAME.astype({"garden": bool})),
}


def told(result):
    """What a result says, without the time that it took."""
    if isinstance(result, bn.Fit):
        return [result.certificate.objective, result.certificate.lower_bound, result.network.weights.tolist()]
    return result.data().to_dict("list") if isinstance(result, bn.RegularisationPath) else result


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_frame_is_its_array(function, frame):
    library = pl.Series if frame.startswith("polars") else pd.Series
    assert told(FUNCTIONS[function](FRAMES[frame], library(Y.tolist()))) == told(FUNCTIONS[function](X, Y))


WRONG = {
    "text": FRAME.assign(garden=["yes", "no"] * 6),
    "digits": FRAME.assign(garden=["1", "0"] * 6),
    "categories": FRAME.assign(garden=pd.Categorical([1, 0] * 6)),
    "dates": FRAME.assign(garden=pd.date_range("2024-01-01", periods=12)),
    "dates alone": FRAME[[]].assign(garden=pd.date_range("2024-01-01", periods=12)),
    "mixed": FRAME.assign(garden=[1, "no"] * 6),
    "polars": as_polars(FRAME.assign(garden=["yes", "no"] * 6)),
    "polars dates": pl.DataFrame({"garden": pd.date_range("2024-01-01", periods=12).to_pydatetime().tolist()}),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_other_columns_are_refused_by_name(function, wrong):
    row = "row 1 " if wrong == "mixed" else "row 0 "
    with pytest.raises(ValueError, match=rf"column 'garden' of X.*{row}.*BladeNetRegressor or BladeNetClassifier"):
        FUNCTIONS[function](WRONG[wrong], Y)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.assign(garden=[1, None] * 6),
        FRAME.assign(garden=pd.array([1, None] * 6, dtype="Int64")),
        FRAME.assign(garden=[Decimal(1), None] * 6),
        as_polars(FRAME).with_columns(garden=pl.Series([1, None] * 6)),
    ],
)
def test_missing_cells_are_named_by_column(frame):
    with pytest.raises(ValueError, match=re.escape("X contains nan in row 1 (counting from 0), column 'garden'")):
        bn.plan(frame, Y)


def test_networks_and_chambers_take_frames_too():
    network = bn.train(X, Y, beta=0.1).network
    assert network.predict(FRAME).tolist() == network.predict(X).tolist()
    assert str(bn.chamber_report(FRAME)) == str(bn.chamber_report(X))


def test_an_empty_frame_is_said_to_be_empty():
    with pytest.raises(ValueError, match="X is empty"):
        bn.train(FRAME[[]], Y, beta=1.0)
