"""Regularisation paths: certified networks for falling α, each search going on from that for the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from bladenet.checks import checked_alphas
from bladenet.column_generation import ColumnGeneration, Round
from bladenet.losses import Array, Loss
from bladenet.planning import make_plan
from bladenet.pricing import Clock, choose_pricer
from bladenet.problem import TrainingProblem
from bladenet.rebuilding import Fit, finish
from bladenet.training import MARGIN, check_controls, largest_violation

if TYPE_CHECKING:
    import pandas as pd

EXACTLY = 1e-9  # relative accuracy of the first α, from which on networks are constant


@dataclass(frozen=True, eq=False)
class RegularisationPath:
    """What :func:`path` has found.

    Attributes
    ----------
    alphas : (k,) falling; α = β / Σ_i s_i
    fits : list of Fit, one for each α, with network, certificate and blades
    """

    alphas: Array
    fits: list[Fit]

    def data(self) -> pd.DataFrame:
        """One row per α: alpha, beta, neurons, penalty, objective, lower_bound, gap, status."""
        import pandas as pd  # here, not at the top: importing bladenet must stay fast

        rows = [
            {
                "alpha": alpha,
                "beta": fit.problem.beta,
                "neurons": len(fit.network),
                "penalty": fit.network.penalty(fit.problem.norm, fit.problem.output_norm),
                "objective": fit.certificate.objective,
                "lower_bound": fit.certificate.lower_bound,
                "gap": fit.certificate.gap,
                "status": fit.certificate.status.value,
            }
            for alpha, fit in zip(self.alphas, self.fits, strict=True)
        ]
        return pd.DataFrame(rows)


def path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_alphas: int = 50,
    eps: float = 1e-3,
    alphas: ArrayLike | None = None,
    norm: int = 2,
    bias: bool = True,
    loss: str | Loss = "squared",
    output_norm: int = 2,
    tol: float = 1e-6,
    sample_weight: ArrayLike | None = None,
    max_interaction: int | None = None,
    time_limit: float | None = None,
    callback: Callable[[Round], object] | None = None,
) -> RegularisationPath:
    """Train for falling α, each time from the neurons of the last network; every network has its certificate.

    Parameters
    ----------
    n_alphas, eps : so many geometric values between α_max, from which on the network is constant, and eps · α_max
    alphas : instead of these, in units of the mean loss; they are sorted
    time_limit : seconds for all; when they are over, or on Ctrl-C, the path ends with the network of that moment
    X, y, norm, bias, loss, output_norm, tol, sample_weight, max_interaction, callback : as for :func:`bladenet.train`

    Raises
    ------
    ValueError
        On invalid input, before any work; names the value and the remedy.
    """
    problem = TrainingProblem.create(
        X,
        y,
        beta=1.0,
        norm=norm,
        bias=bias,
        loss=loss,
        output_norm=output_norm,
        sample_weight=sample_weight,
        max_interaction=max_interaction,
    )
    check_controls(tol, time_limit)
    clock, total = Clock(time_limit), float(problem.sample_weight.sum())
    given = checked_alphas(alphas, n_alphas, eps)
    values = given if alphas is not None else given * _largest(problem, clock) / total
    exact = make_plan(problem.standard, tol, time_limit).strategy == "exact"
    pricing, search, fits = partial(choose_pricer, exact=exact), None, list[Fit]()
    for alpha in values:
        here = problem.at(float(alpha) * total)
        if search is None:
            search = ColumnGeneration(here.standard, pricing, MARGIN * tol, clock, callback)
        else:
            search = search.at(here.standard)
        search.run(prove=exact)
        if not exact:
            search.relax()
        stopped = clock.stopped and search.gap > search.tol
        fits.append(finish(here, search, tol, restricted=False, stopped=stopped, relaxed=not exact))
        if clock.stopped:
            break
    return RegularisationPath(values[: len(fits)], fits)


def _largest(problem: TrainingProblem, clock: Clock) -> float:
    """β_max, or 1 where every network is constant."""
    return largest_violation(problem.standard, EXACTLY, clock) * problem.standard.scale or 1.0
