"""What a fit says of itself before training: steps for whoever listens, and a line on a terminal."""

import io
import re
import threading

import numpy as np
import pytest
from rich.console import Console

import bladenet as bn
from bladenet import datasets
from bladenet.column_generation import Round
from bladenet.fitting import checked_settings, train_table
from bladenet.progress import Progress, Step, listening

SETTINGS = checked_settings(None, None, None, "auto", None, None, 1e-3, None) | {"loss": "squared", "bias": True}
CURSOR = "\x1b[?25h"  # which a terminal shows again


@pytest.fixture(scope="module")
def motorcycle():
    frame = datasets.load_motorcycle().frame
    return frame[["time_ms"]], frame["acceleration_g"]


def fitted_on(console, data):
    return train_table(*data, SETTINGS, console)


@pytest.mark.parametrize("limit", [None, 60])
def test_steps_of_choosing_alpha_and_validating(motorcycle, limit):
    heard, rounds = [], []
    with listening(lambda step: heard.append((step, threading.current_thread()))):
        model = bn.BladeNetRegressor(time_limit=limit, callback=rounds.append).fit(*motorcycle)
    assert {type(row) for row in rounds} == {Round}
    steps = [step for step, _ in heard]
    assert {"choosing alpha", "measuring on rows left out"} <= {step.stage for step in steps}
    validating = [step for step in steps if step.stage == "measuring on rows left out"]
    assert steps[-len(validating) :] == validating
    folds = len(model.validation_.fold_alphas)
    assert sorted(step.fold for step in validating) == list(range(folds + 1))
    comparing = [step for step in steps if step.stage == "choosing alpha"]
    for value in {step.value for step in comparing}:  # all folds compare each, before the next
        own = [k for k, step in enumerate(comparing) if step.value == value]
        assert own == list(range(own[0], own[0] + folds + 1))
        assert sorted(comparing[k].fold for k in own) == list(range(folds + 1))
    assert all(1 <= step.value <= step.values for step in comparing)
    assert all(thread is threading.main_thread() for step, thread in heard if step.fold == 0)


def test_nobody_need_listen_and_it_changes_nothing(motorcycle):
    heard = []
    with listening(heard.append):
        heard_fit = bn.BladeNetRegressor().fit(*motorcycle)
    count = len(heard)
    assert np.array_equal(
        bn.BladeNetRegressor().fit(*motorcycle).predict(motorcycle[0]), heard_fit.predict(motorcycle[0])
    )
    assert len(heard) == count


def test_a_terminal_shows_steps_and_a_file_one_line(motorcycle):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120, highlight=False)
    fitted_on(terminal, motorcycle)
    text = terminal.file.getvalue()
    assert CURSOR in text
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)  # what moves the cursor
    assert re.search(r"choosing alpha: \d+ of at most 15, \d of 5 folds done", text)
    assert text.index("choosing alpha") < text.index("neurons     ") < len(text)
    file = Console(file=io.StringIO(), highlight=False, soft_wrap=True)
    fitted_on(file, motorcycle)
    lines = file.file.getvalue().splitlines()
    assert [line for line in lines if "alpha" in line] == ["choosing alpha by cross-validation …"]
    quiet = Console(file=io.StringIO(), force_terminal=True, quiet=True)
    with Progress(quiet) as progress:
        progress.hear(Step("choosing alpha", 0, 5, 1, 15))
    assert quiet.file.getvalue() == ""


def test_ctrl_c_leaves_the_terminal_as_it_was(motorcycle, monkeypatch):
    def interrupted(self, step):
        hear(self, step)
        if step.fold == 0 and step.value == 2:
            raise KeyboardInterrupt

    hear = Progress.hear
    monkeypatch.setattr(Progress, "hear", interrupted)
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    with pytest.raises(KeyboardInterrupt):
        fitted_on(terminal, motorcycle)
    assert terminal.file.getvalue().rindex(CURSOR) > terminal.file.getvalue().rindex("choosing")
