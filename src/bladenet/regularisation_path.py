"""Regularisation paths: certified networks for falling α, with searches that go on from each other.

Every few α a search goes on from the last. The α between two of these are settled by halving: there the search starts
from the neurons of both sides, and the mixture of their dual variables is feasible already, which often is
proof enough, so that nothing is priced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bladenet.checks import checked_alphas
from bladenet.column_generation import ColumnGeneration, Round
from bladenet.display import Listing, Shown, View, number, spread
from bladenet.losses import Array, Loss
from bladenet.parallel import on_all_cores
from bladenet.planning import make_plan
from bladenet.pricing import Clock, choose_pricer
from bladenet.problem import TrainingProblem
from bladenet.rebuilding import MARGIN, Fit, Known, finish
from bladenet.training import POOR, SEARCH_SHARE, check_controls, largest_violation

if TYPE_CHECKING:
    import pandas as pd

STRIDE = 4  # from one α to the next that a search follows; those between are settled from both sides
MANY = 20_000  # points from which one search keeps all cores busy
EXACTLY = 1e-9  # relative accuracy of the first α, from which on networks are constant
FIRST_SHARE = 0.2  # of the time limit for it; a proof that is not done by then leaves it larger than need be


@dataclass(frozen=True, eq=False, repr=False)
class RegularisationPath(Shown):
    """What :func:`path` has found.

    Attributes
    ----------
    alphas : (k,) falling; α = β / Σ_i s_i
    fits : list of Fit, one for each α, with network, certificate and blades
    """

    alphas: Array
    fits: list[Fit]

    def _view(self) -> View:
        shown = spread(len(self.fits))
        rows = [
            (
                number(alpha),
                str(len(fit.network)),
                f"{fit.certificate.objective:.6g}",
                f"{fit.certificate.gap:.2g}",
                fit.certificate.status.value,
            )
            for alpha, fit in ((float(self.alphas[k]), self.fits[k]) for k in shown)
        ]
        header = ("alpha", "neurons", "objective", "gap", "status")
        note = "data() has all." if len(shown) < len(self.fits) else ""
        title = f"RegularisationPath: networks for {len(self.fits)} alphas"
        return View(title, (), header, rows, len(self.fits), note)

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

    def animate(
        self, file: str | PathLike[str], feature_names: Sequence[str] | None = None, target: str = "target"
    ) -> None:
        """Write a page that shows the networks of one or two features one after the other.

        Parameters
        ----------
        file : ends in .html
        feature_names, target : what the axes are called

        Raises
        ------
        ValueError
            If there are more features or several outputs, or the file does not end in .html.
        FileNotFoundError
            If there is no such folder.
        """
        from bladenet.animation import write_animation  # here, not at the top: slow to import

        write_animation(self.alphas.tolist(), self.fits, file, feature_names, target)


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
    tol: float = 1e-3,
    sample_weight: ArrayLike | None = None,
    max_interaction: int | None = None,
    time_limit: float | None = None,
    callback: Callable[[Round], object] | None = None,
) -> RegularisationPath:
    """Train for many α, from the neurons of the networks for neighbouring ones; every network has its certificate.

    Parameters
    ----------
    n_alphas, eps : so many geometric values between α_max, from which on the network is constant, and eps · α_max
    alphas : instead of these, in units of the mean loss; they are sorted
    tol : relative duality gap to prove for each; 1e-3 tells neighbours apart, and 1e-6, the default of
        :func:`bladenet.train`, takes two to three times as long
    time_limit : seconds for all; when they are over, or on Ctrl-C, the path has the α that were reached: every fourth
        is trained for first, from the largest on, then those between. Where proofs would take longer than that, each
        α gets a share of the time, and a gap as small as that allows
    X, y, norm, bias, loss, output_norm, sample_weight, max_interaction, callback : as for :func:`bladenet.train`

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
    strategy = make_plan(problem.standard, tol, time_limit).strategy
    walk = _Walk([problem.at(float(alpha) * total) for alpha in values], tol, strategy, clock, callback)
    with suppress(KeyboardInterrupt):  # what is finished counts
        try:
            walk.follow()
        except KeyboardInterrupt:  # between two searches; those before have networks that are still to be finished
            clock.interrupt()
        if callback is not None or len(problem.standard.points) > MANY:
            for stretch in walk.stretches:
                walk.settle(*stretch)
        else:
            on_all_cores(lambda stretch, _: walk.settle(*stretch), walk.stretches, clock)
    reached = sorted(walk.fits)
    return RegularisationPath(values[reached], Listing(walk.fits[k] for k in reached))


@dataclass(frozen=True, eq=False)
class _Walk:
    """The searches for each of some falling β, and what has come of them.

    Attributes
    ----------
    problems : one for each β, the same but for that
    strategy : of the plan; "anytime" proves what a share of the clock allows, and relaxes without one
    searches, fits : by the number of β
    """

    problems: list[TrainingProblem]
    tol: float
    strategy: str
    clock: Clock
    callback: Callable[[Round], object] | None
    searches: dict[int, ColumnGeneration] = field(default_factory=dict)
    fits: dict[int, Fit] = field(default_factory=dict)
    known: Known = field(default_factory=dict)

    def follow(self) -> None:
        """Search for every few β, and the last, each time going on from the search before."""
        search, last = None, len(self.problems) - 1
        for k in sorted({*range(0, last, STRIDE), last}):
            form = self.problems[k].standard
            if search is None:
                pricing = partial(choose_pricer, exact=self.strategy == "exact" or self.anytime, hurried=self.anytime)
                search = ColumnGeneration(form, pricing, MARGIN * self.tol, self.clock, self.callback)
            else:
                search = search.at(form)
            self.searches[k] = search
            self._run(search)
            if self.clock.stopped:
                break

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """Neighbours among the searches that were followed; after the last there is only itself."""
        followed = list(self.searches)
        return [*pairwise(followed), *((k, k) for k in followed[-1:])]

    def settle(self, first: int, last: int) -> None:
        """Finish the first of a stretch, and all β between it and the last."""
        self._finish(first)
        self._halve(first, last)

    def _halve(self, first: int, last: int) -> None:
        """Search for the β between two that have been searched for."""
        middle = (first + last) // 2
        if middle == first or self.clock.stopped:
            return
        search = self.searches[first].between(self.searches[last], self.problems[middle].standard)
        self._run(search)
        if self.clock.stopped and search.gap > search.tol:
            return
        self.searches[middle] = search
        self._finish(middle)
        self._halve(first, middle)
        self._halve(middle, last)

    @property
    def anytime(self) -> bool:
        """Whether there is a clock to share."""
        return self.strategy == "anytime" and self.clock.remaining < np.inf

    def _run(self, search: ColumnGeneration) -> None:
        exact, left = self.strategy == "exact", max(1, len(self.problems) - len(self.fits) - 1)
        if not self.anytime:
            search.run(prove=exact)
            if not exact:
                search.relax()
            return
        for share, prove in ((SEARCH_SHARE, False), (1.0, True)):
            search.clock = self.clock.part(share * self.clock.remaining / left)
            search.clock.started = self.clock.started  # rounds tell the time of the whole path
            search.run(prove, at_once=prove)
        search.clock = self.clock
        if search.gap > POOR and not search.relaxed:
            search.relax()

    def _finish(self, k: int) -> None:
        search = self.searches[k]
        stopped = (self.clock.stopped or self.anytime) and search.gap > search.tol
        self.fits[k] = finish(
            self.problems[k],
            search,
            self.tol,
            restricted=False,
            stopped=stopped,
            known=self.known,
        )


def _largest(problem: TrainingProblem, clock: Clock) -> float:
    """β_max or, where a share of the time does not settle it, a bound on it; 1 where every network is constant."""
    _, largest = largest_violation(problem.standard, EXACTLY, clock.part(FIRST_SHARE * clock.remaining))
    return largest * problem.standard.price or 1.0
