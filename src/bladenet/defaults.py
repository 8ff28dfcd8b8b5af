"""What fits the data where nothing was asked for: one place for estimators and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from bladenet.checks import checked_interaction, positive_number
from bladenet.display import Shown, View
from bladenet.scaling import SCALINGS

AUTO = "auto"
FEW = 2  # features up to which neurons read all of them at once
READ = 2  # features that a neuron may read where there are more
FINE, COARSE = 1e-6, 1e-3  # relative gaps to prove, for few features and for more


@dataclass(frozen=True, repr=False)
class Settings(Shown):
    """What a model is trained with, and why where that was left open.

    Attributes
    ----------
    norm : 1 or 2
    max_interaction : int or None
    scaling : None, "standard", "rank" or "blend"
    tol : float
    reasons : for each of these that was "auto", its name and why it is what it is
    """

    norm: int
    max_interaction: int | None
    scaling: str | None
    tol: float
    reasons: tuple[tuple[str, str], ...] = ()

    def _view(self) -> View:
        why = dict(self.reasons)
        values = {name: value for name, value in vars(self).items() if name != "reasons"}
        rows = [(name, str(value), why.get(name, "as asked for")) for name, value in values.items()]
        return View("Settings", (), ("setting", "value", "why"), rows, len(rows))


def check_asked(norm: int | str, max_interaction: int | str | None, scaling: str | None, tol: float | str) -> None:
    """Refuse what no data could make right.

    Raises
    ------
    ValueError
        Naming the setting and the remedy.
    """
    for name, value in (("norm", norm), ("max_interaction", max_interaction)):
        if isinstance(value, str) and value != AUTO:
            raise ValueError(f"{name} must be a number or 'auto', got {value!r}.")
    if not isinstance(max_interaction, str):
        checked_interaction(max_interaction, 1 if isinstance(norm, str) else norm)
    if scaling is not None and scaling not in (AUTO, *SCALINGS):
        raise ValueError(f"scaling must be 'auto', None, {', '.join(map(repr, SCALINGS))}, got {scaling!r}.")
    if isinstance(tol, str):
        if tol != AUTO:
            raise ValueError(f"tol must be a number greater than 0 or 'auto', got {tol!r}.")
    else:
        positive_number(tol, "tol")


def settle(
    features: int,
    *,
    norm: int | str = AUTO,
    max_interaction: int | str | None = AUTO,
    scaling: str | None = AUTO,
    tol: float | str = AUTO,
    interpolates: bool = False,
    vertices_only: bool = False,
) -> Settings:
    """Settings for so many features, text columns counting one for each category.

    Parameters
    ----------
    norm, max_interaction, scaling, tol : as asked for, or "auto"
    interpolates, vertices_only : what needs neurons that read all features
    """
    reasons = {}
    count = f"{features} feature{'' if features == 1 else 's'}"
    if isinstance(max_interaction, str):
        if features <= FEW:
            max_interaction, reasons["max_interaction"] = None, f"{count}: neurons read all at once"
        elif norm == 2 or interpolates or vertices_only:
            because = "norm=2" if norm == 2 else "alpha=0" if interpolates else "vertices_only"
            max_interaction, reasons["max_interaction"] = None, f"{because} is for neurons that read all features"
        else:
            max_interaction = READ
            reasons["max_interaction"] = f"{count}: a network is readable whose neurons read at most two columns"
    if isinstance(norm, str):
        norm = 2 if max_interaction is None else 1
        reasons["norm"] = f"neurons read {'all' if norm == 2 else 'few'} features"
    if scaling == AUTO:
        scaling = "standard" if max_interaction is None else "blend"
        reasons["scaling"] = "units do not matter" + ("" if max_interaction is None else ", and outliers little")
    if isinstance(tol, str):
        tol = FINE if features <= FEW else COARSE
        reasons["tol"] = f"{count}: {'a proof is quick' if features <= FEW else 'a closer proof takes much longer'}"
    return Settings(norm, max_interaction, scaling, tol, tuple(reasons.items()))
