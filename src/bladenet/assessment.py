"""How far from optimal an existing network is: its objective beside the certified optimum's lower bound."""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bladenet.certificate import TINY, Status, misfit_of, objective_of
from bladenet.display import Shown, written_out
from bladenet.network import ReLUNetwork
from bladenet.problem import TrainingProblem
from bladenet.rebuilding import Fit
from bladenet.training import train

ROUNDING = 1e-9  # of two objectives, relative
SETTINGS = sorted(signature(train).parameters.keys() - {"X", "y", "beta", "start"})


@dataclass(frozen=True, eq=False, repr=False)
class Assessment(Shown):
    """What is proven about a network that was trained elsewhere.

    Attributes
    ----------
    network : ReLUNetwork
    objective : of it, with neurons scaled as is best for the penalty; infinite if it must fit exactly and does not
    lower_bound : no network of the class (of any width; with biases, and reading all features, unless the settings say
        otherwise) has a smaller objective. It is trusted as far as the proof of ``optimum.certificate`` is
    optimum : Fit, the network that bladenet finds, with its certificate
    """

    network: ReLUNetwork
    objective: float
    lower_bound: float
    optimum: Fit

    @property
    def gap(self) -> float:
        """(objective − lower_bound) / objective: the network is at most this far from optimal."""
        if self.objective == np.inf:
            return np.inf
        return max(0.0, self.objective - self.lower_bound) / max(abs(self.objective), TINY)

    def __str__(self) -> str:
        best = self.optimum.certificate
        found = "The global optimum" if best.status is Status.GLOBAL else "The best network found"
        here, there = len(self.network), len(self.optimum.network)
        return (
            f"Objective {written_out(self.objective, 8)}. No {best.networks} has one below "
            f"{written_out(self.lower_bound, 8)}, which is proven{self._times}. {found} has "
            f"{written_out(best.objective, 8)} ({best.status.value}), with {there} "
            f"neuron{'s' * (there != 1)} instead of {here}."
        )

    @property
    def _times(self) -> str:
        if self.objective == np.inf:
            misfit = misfit_of(self.optimum.problem, self.network)
            return f", but this one misses targets by up to {misfit:.2g}"
        if self.lower_bound <= 0:
            return ""
        return f", so this one's is at most {self.objective / self.lower_bound:.6g} times the optimum"


def certify(network: ReLUNetwork, X: ArrayLike, y: ArrayLike, *, beta: float, **settings: Any) -> Assessment:
    """The true optimality gap of an existing two-layer network, however it was trained.

    Parameters
    ----------
    network : ReLUNetwork, one of those that the settings speak of: without biases and intercept for bias=False, with
        neurons of at most k features for max_interaction=k. :func:`bladenet.torch.from_torch` makes one of a module.
    X, y, beta, settings : the problem, as for :func:`bladenet.train`; the search starts from the network itself

    Raises
    ------
    TypeError
        If `network` is something else, or a setting is unknown.
    ValueError
        On invalid input, or a network that is none of those the settings speak of, before any work; names the value
        and the remedy.
    """
    _check_arguments(network, settings)
    network.predict(X)  # refuses another number of features
    asked = {name: value for name, value in settings.items() if name in signature(TrainingProblem.create).parameters}
    problem = TrainingProblem.create(X, y, beta=beta, **asked)
    _check_class(network, problem)
    used = network.sizes() > 0
    start = None if settings.get("vertices_only") else (network.weights[used], network.biases[used])
    fit = train(X, y, beta=beta, start=start, **settings)
    objective, lower = objective_of(fit.problem, network), fit.certificate.lower_bound
    if lower > objective * (1.0 + ROUNDING):
        lower = 0.0  # this very network refutes the proof
    return Assessment(network, objective, min(lower, objective), fit)


def _check_arguments(network: Any, settings: dict[str, Any]) -> None:
    if not isinstance(network, ReLUNetwork):
        raise TypeError(
            f"network must be a ReLUNetwork, got {type(network).__name__}: a fitted model has one, model.network_, of "
            "its scaled features; for PyTorch modules there is bladenet.torch.certify."
        )
    for name in ("weights", "biases", "amplitudes", "intercept"):
        if not np.isfinite(getattr(network, name)).all():
            raise ValueError(f"the network has NaN or infinite {name}; train or load it again.")
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown:
        raise TypeError(
            f"certify() got an unexpected keyword argument {unknown[0]!r}; the settings are {', '.join(SETTINGS)}."
        )


def _check_class(network: ReLUNetwork, problem: TrainingProblem) -> None:
    """Refuse a network that is none of those that a lower bound would speak of."""
    if network.amplitudes.shape[1:] != problem.y.shape[1:]:
        raise ValueError(
            f"the network's outputs have the shape {(len(problem.y), *network.amplitudes.shape[1:])}, and the targets "
            f"{problem.y.shape}: pass one column of targets for each output, and (n,) for amplitudes (m,)."
        )
    if not problem.bias:
        biased = int(np.count_nonzero(network.biases[network.sizes() > 0]))
        parts = [f"biases in {biased} of its {len(network)} neurons"] if biased else []
        parts += ["an intercept"] if np.any(network.intercept) else []
        if parts:
            raise ValueError(
                f"the network has {' and '.join(parts)}, but bias=False speaks of networks without: set bias=True, or "
                "pass one whose biases and intercept are 0."
            )
    most = problem.max_interaction
    reads = (network.weights != 0).sum(axis=1) * (network.sizes() > 0)
    if most is not None and reads.max(initial=0) > most:
        neuron = int(reads.argmax())
        raise ValueError(
            f"neuron {neuron} of the network reads {reads[neuron]} features, but max_interaction={most} speaks of "
            f"networks whose neurons read at most {most}: set max_interaction={reads[neuron]}, or leave it out."
        )
