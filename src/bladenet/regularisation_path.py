"""Regularisation paths: certified networks for falling α, each search going on from that for the last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, takewhile, zip_longest
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from bladenet.certificate import Status
from bladenet.checks import checked_alphas
from bladenet.column_generation import ColumnGeneration, Round
from bladenet.losses import Array, Loss
from bladenet.parallel import on_all_cores
from bladenet.planning import make_plan
from bladenet.pricing import Clock, choose_pricer
from bladenet.problem import TrainingProblem
from bladenet.rebuilding import MARGIN, Fit, Known, finish
from bladenet.training import check_controls, largest_violation

if TYPE_CHECKING:
    import pandas as pd

CHAINS = 2  # searches side by side, each for every second α
MANY = 20_000  # points from which one search keeps all cores busy
FEW = 8  # α that are too few for two
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
    follow = partial(_followed, problem, total, tol, exact, Known(), callback)
    if callback is not None or len(problem.standard.points) > MANY or len(values) < FEW:
        fits = follow(values, clock)
    else:  # neighbours wait for nothing that the other chain finds; Python's part and pricing then overlap
        chains = on_all_cores(follow, [values[k::CHAINS] for k in range(CHAINS)], clock)
        fits = list(takewhile(lambda fit: fit is not None, chain.from_iterable(zip_longest(*chains))))
    certified = [fit.certificate.status is not Status.STOPPED for fit in fits]
    end = certified.index(False) + 1 if False in certified else len(fits)
    return RegularisationPath(values[:end], fits[:end])


def _followed(
    problem: TrainingProblem,
    total: float,
    tol: float,
    exact: bool,
    known: Known,
    callback: Callable[[Round], object] | None,
    alphas: Array,
    clock: Clock,
) -> list[Fit]:
    """The networks for falling α = β / total, each search going on from the last, until the clock says stop."""
    pricing, search, fits = partial(choose_pricer, exact=exact), None, list[Fit]()
    with suppress(KeyboardInterrupt):  # what is finished counts
        for alpha in alphas:
            here = problem.at(float(alpha) * total)
            if search is None:
                search = ColumnGeneration(here.standard, pricing, MARGIN * tol, clock, callback)
            else:
                search = search.at(here.standard)
            search.run(prove=exact)
            if not exact:
                search.relax()
            stopped = clock.stopped and search.gap > search.tol
            neurons = search.neurons  # the next α may need those that this one can do without
            fits.append(finish(here, search, tol, restricted=False, stopped=stopped, relaxed=not exact, known=known))
            search.neurons = neurons
            if clock.stopped:
                break
    return fits


def _largest(problem: TrainingProblem, clock: Clock) -> float:
    """β_max, or 1 where every network is constant."""
    return largest_violation(problem.standard, EXACTLY, clock) * problem.standard.scale or 1.0
