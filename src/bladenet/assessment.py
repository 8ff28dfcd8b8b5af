"""How far from optimal an existing network is: its objective beside the certified optimum's lower bound."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from bladenet.certificate import TINY, Status, objective_of
from bladenet.display import Shown
from bladenet.network import ReLUNetwork
from bladenet.rebuilding import Fit
from bladenet.training import train


@dataclass(frozen=True, eq=False, repr=False)
class Assessment(Shown):
    """What is proven about a network that was trained elsewhere.

    Attributes
    ----------
    network : ReLUNetwork
    objective : of it, with neurons scaled as is best for the penalty
    lower_bound : no network of any width has a smaller objective
    optimum : Fit, the network that bladenet finds, with its certificate
    """

    network: ReLUNetwork
    objective: float
    lower_bound: float
    optimum: Fit

    @property
    def gap(self) -> float:
        """(objective − lower_bound) / objective: the network is at most this far from optimal."""
        return max(0.0, self.objective - self.lower_bound) / max(abs(self.objective), TINY)

    def __str__(self) -> str:
        best = self.optimum.certificate
        found = "The global optimum" if best.status is Status.GLOBAL else "The best network found"
        times = self.objective / self.lower_bound if self.lower_bound > 0 else float("inf")
        here, there = len(self.network), len(self.optimum.network)
        return (
            f"Objective {self.objective:.8g}. No ReLU network of any width has one below {self.lower_bound:.8g}, "
            f"which is proven, so this one's is at most {times:.6g} times the optimum. {found} has "
            f"{best.objective:.8g} ({best.status.value}), with {there} neurons instead of {here}."
        )


def certify(network: ReLUNetwork, X: ArrayLike, y: ArrayLike, *, beta: float, **settings: Any) -> Assessment:
    """The true optimality gap of an existing two-layer network, however it was trained.

    Parameters
    ----------
    network : ReLUNetwork; :func:`bladenet.torch.from_torch` makes one of a module
    X, y, beta, settings : the problem, as for :func:`bladenet.train`

    Raises
    ------
    ValueError
        On invalid input, before any work; names the value and the remedy.
    """
    network.predict(X)  # refuses another number of features
    used = network.sizes() > 0
    start = None if settings.get("vertices_only") else (network.weights[used], network.biases[used])
    fit = train(X, y, beta=beta, start=start, **settings)
    if network.predict(fit.problem.X).shape != fit.problem.y.shape:
        raise ValueError(
            f"the network has outputs {network.amplitudes.shape[1:]}, the targets {fit.problem.y.shape[1:]}."
        )
    objective = objective_of(fit.problem, network)
    return Assessment(network, objective, fit.certificate.lower_bound, fit)
