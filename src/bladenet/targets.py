"""The target of the command line: numbers or classes, as asked for or as its cells say; faults decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bladenet.cells import is_measurement, is_number, is_written_number
from bladenet.checks import place
from bladenet.errors import InputError
from bladenet.fitting import CLASSIFICATION, REGRESSION, TASKS
from bladenet.tables import check_finite, check_present, is_numeric, listed_rows
from bladenet.target_kind import crowded

if TYPE_CHECKING:
    import pandas as pd

    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor

FEW = 12  # so many different numbers at most are likely to be codes of classes
SHOWN = 5  # values listed in a message
NUMBERS, CLASSES = TASKS


@dataclass(frozen=True, eq=False)
class Target:
    """What is trained on.

    Attributes
    ----------
    y : numbers, or classes
    loss : name
    note : what was decided that could have been decided otherwise, in one line; or ""
    """

    y: pd.Series
    loss: str
    note: str

    @classmethod
    def of(cls, y: pd.Series, task: str | None, loss: str | None) -> Target:
        """Decide it; a loss or a task that is given decides.

        Raises
        ------
        InputError
            If cells are missing, infinite, or no numbers where others are; or if the target cannot be what was asked
            for. Names rows, values and the remedy.
        """
        asked = f"--loss {loss}" if loss is not None else f"--task {task}" if task is not None else CLASSES
        if loss is not None:
            task = CLASSES if loss in CLASSIFICATION else NUMBERS
        check_present(y.to_frame())
        y = _read(y, as_classes=task == CLASSES)
        check_finite(y)
        task, note = _decided(y) if task is None else (task, "")
        if task == NUMBERS:
            _check_numeric(y, asked)
            return cls(y.astype(float), loss or REGRESSION[0], note)
        loss = loss or CLASSIFICATION[0]
        _check_classes(y, loss, asked)
        return cls(y if is_numeric(y) else y.astype(str), loss, note)


def _read(y: pd.Series, *, as_classes: bool) -> pd.Series:
    """The column, as numbers if all of its text is; refused if it is meant to be numbers and some cells are not."""
    if is_numeric(y) or y.dtype == bool:
        return y
    odd = np.array([not is_number(cell) for cell in y])
    if not odd.any():
        return y.astype(float)
    if not _means_numbers(y) or (as_classes and _repeats(y)):
        return y
    classes = " If these are classes, say --task classification." if _repeats(y) else ""
    raise InputError(
        f"the target {y.name!r} holds numbers, but not in {listed_rows(y, odd)}: correct or drop such cells; numbers "
        f"are written like 1234.5, without currency, units or thousands separators.{classes}"
    )


def _means_numbers(y: pd.Series) -> bool:
    """Whether a column of text is one of numbers, all or some of them written otherwise: most rows or values are."""
    cells, counts = np.unique(y.to_numpy(dtype=str), return_counts=True)
    written = np.array([is_written_number(cell) for cell in cells])
    measured = np.array([is_measurement(cell) for cell in cells])
    if counts[written].sum() > len(y) / 2 or written.sum() > min(len(cells) / 2, FEW):
        return True
    codes = len(cells) <= FEW and _repeats(y)  # "1 star", "2 stars"
    return bool(counts[measured].sum() > len(y) / 2 and not codes)


def _repeats(y: pd.Series) -> bool:
    """Whether values may be classes: there are two, or each is that of two rows on average."""
    return bool(y.nunique() <= max(2, len(y) // 2))


def _decided(y: pd.Series) -> tuple[str, str]:
    """The task that the values of a target suggest, and a note where they leave a choice."""
    if not is_numeric(y):
        return CLASSES, ""
    values = np.unique(y.to_numpy(dtype=float))
    if len(values) < 2 or len(values) > FEW or 2 * len(values) > len(y) or (values % 1 != 0).any():
        return NUMBERS, ""
    listed = ", ".join(f"{value:g}" for value in values[:-1]) + f" and {values[-1]:g}"
    task, other, role = (CLASSES, NUMBERS, "numbers") if len(values) == 2 else (NUMBERS, CLASSES, "classes")
    return task, f"the target {y.name!r} has the values {listed} only: {task}; --task {other} takes them as {role}"


def _check_numeric(y: pd.Series, asked: str) -> None:
    if is_numeric(y):
        return
    remedy = "write them as 0 and 1" if y.dtype == bool else "correct or drop such rows"
    raise InputError(
        f"{asked} needs a numeric target, but {y.name!r} holds {_shown(y)}: {remedy}, or use --task classification."
    )


def _check_classes(y: pd.Series, loss: str, asked: str) -> None:
    numeric, count = is_numeric(y), y.nunique()
    regress = " A numeric target is fitted with --task regression." if numeric else ""
    if numeric and (broken := (y.astype(float) % 1 != 0).to_numpy()).any():
        row = int(broken.argmax())
        raise InputError(
            f"{asked} needs classes, text or whole numbers, but {y.name!r} is {y.iloc[row]} in {place(row, y.index)}."
            f"{regress}"
        )
    if count < 2 or (loss == "hinge" and count > 2):
        needed = "exactly two classes" if loss == "hinge" else "at least two classes"
        raise InputError(f"{asked} needs {needed}; {y.name!r} has {count}: {_shown(y)}.{regress}")
    if not _repeats(y) or (numeric and crowded(count, len(y))):
        looks = "amounts" if numeric else "an identifier"
        raise InputError(
            f"the target {y.name!r} has {count} different values in {len(y)} rows, which are too many for classes: "
            f"{_shown(y)}. It looks like {looks}: choose another target, or group its values.{regress}"
        )


def check_varies(y: pd.Series) -> None:
    """Refuse a target that is the same in every row."""
    if len(y) > 1 and y.nunique() == 1:
        raise InputError(
            f"the target {y.name!r} is {y.iloc[0]} in every row, so there is nothing to predict: choose another column."
        )


def _shown(y: pd.Series) -> str:
    values = y.unique()
    return ", ".join(str(value) for value in values[:SHOWN]) + (", …" if len(values) > SHOWN else "")


def target_trained_on(model: BladeNetRegressor | BladeNetClassifier, y: pd.Series) -> pd.Series:
    """A target in the form that the model was trained on it: numbers, truth values or text."""
    classes = getattr(model, "classes_", None)
    kind = np.dtype(float) if classes is None else classes.dtype
    if kind.kind not in "biuf":
        return y.astype(str)
    odd = np.array([not is_number(cell) for cell in y])
    if odd.any():
        raise InputError(f"the model was trained on numbers, but the target {y.name!r} has {listed_rows(y, odd)}.")
    return y.astype(kind)
