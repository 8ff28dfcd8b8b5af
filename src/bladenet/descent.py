"""How losses on samples left out depend on α, which α that makes the best, and which features it emphasises."""

from dataclasses import dataclass, field, replace

import numpy as np

from bladenet.losses import Array, Index, row_norms
from bladenet.problem import Neurons
from bladenet.validation_curve import ValidationCurve

RISES = 2  # of the validation loss in a row, after which smaller α, the slowest to train, are left out
CLEARLY = 1.02  # times the smallest validation loss: one such loss is enough
EQUAL = 1.002  # times the smallest loss: as good, and a larger α is cheaper and sparser
SPARSER = 1.005  # times the smallest loss: so much may be lost with emphasised features, whose networks are sparser
FINE = 64  # places of α between two values compared: finer ones depend on the rounding of the losses, and on units
LEAST = 1e-3  # of the largest share of the penalty: what a feature counts for that has none

Network = tuple[Array, Array, Array]  # weights, biases, amplitudes


@dataclass(frozen=True, eq=False)
class FoldChoice:
    """What the other folds choose for one fold, so that what it leaves out has no part in the choice.

    Attributes
    ----------
    kept, left_out : rows of the data
    alpha, factors, start : as in :class:`Selection`
    """

    kept: Index
    left_out: Index
    alpha: float
    factors: Array
    start: Neurons


@dataclass(frozen=True, eq=False)
class Selection:
    """What :func:`select_alpha` has chosen.

    Attributes
    ----------
    alpha : float
    factors : (d,) by which features are to be multiplied
    start : (weights, biases) or None, neurons of a network trained with both: a place for :func:`bladenet.train` to
        start from, in units of the multiplied features
    cut_off : what had been compared when the time was over, and what not; None if there was time for all
    folds : the same for every fold, as far as there was time
    curve : by which alpha was chosen, if it is kept
    """

    alpha: float
    factors: Array
    start: Neurons | None = None
    cut_off: str | None = None
    folds: tuple[FoldChoice, ...] = ()
    curve: ValidationCurve | None = None


def emphasis(networks: list[Network], d: int) -> Array:
    """Factors (d,) that make features cost less which networks of the same problem use more.

    Trained on features multiplied by s_j, a network costs Σ_j m_j / s_j, where m_j = Σ_k |u_k| |w_kj|. With s_j next to
    √m_j this is the tangent to 2 Σ_j √m_j at m, so that training is a step of majorisation–minimisation towards
    networks of fewer features, as in the adaptive Lasso. The m are averages; the networks' own cost stays what it was.
    """
    masses = [row_norms(amplitudes) @ np.abs(weights) for weights, _, amplitudes in networks]
    share = sum((mass / mass.sum() for mass in masses if mass.any()), start=np.zeros(d))
    if not share.any():
        return np.ones(d)
    root = np.sqrt(np.maximum(share, LEAST * share.max()))
    return root * float((share / root).sum() / share.sum())


@dataclass(frozen=True, eq=False)
class Descent:
    """How the folds' losses depend on α.

    Attributes
    ----------
    alphas : (k,) falling
    by_fold : for each α compared so far, the loss of every fold on the samples it leaves out
    tried : for each of these, the network of every fold
    rival : another that has seen them; where losses are lowest is sought in the sum of both, which has less noise
    whole : whether all α are to be compared
    """

    alphas: Array
    by_fold: list[list[float]] = field(default_factory=list)
    tried: list[list[Network]] = field(default_factory=list)
    rival: "Descent | None" = None
    whole: bool = False

    @property
    def losses(self) -> list[float]:
        """For each α compared so far, the loss on all samples left out."""
        return [sum(losses) for losses in self.by_fold]

    @property
    def scores(self) -> Array:
        """By which α are compared."""
        return np.array(
            [
                loss + (self.rival.loss_at(alpha) if self.rival else 0.0)
                for alpha, loss in zip(self.alphas, self.losses, strict=False)
            ]
        )

    @property
    def best(self) -> int:
        """The number of the best α: the first whose score is as good as the smallest; 0 before anything is compared.

        The first network of all is constant, and must be better than the others, not as good: little is not nothing.
        """
        if not self.losses:
            return 0
        scores = self.scores
        equal = scores <= EQUAL * scores.min()
        equal[0] &= self.rival is not None or scores.argmin() == 0
        return int(np.argmax(equal))

    @property
    def networks(self) -> list[Network]:
        """Those of every fold at the best α; none if nothing has been compared."""
        return self.tried[self.best] if self.tried else []

    def add(self, by_fold: list[float], networks: list[Network]) -> None:
        """What the next α brought."""
        self.by_fold.append(by_fold)
        self.tried.append(networks)

    @property
    def over(self) -> bool:
        """Whether no α is left, or the loss has risen so that smaller α need not be compared.

        With a rival it must only rise, or be clearly above the rival's. Without, the first network is constant; a loss
        that has never been below that may still fall, and must have risen both clearly and twice in a row.
        """
        count = len(self.losses)
        if self.whole or count in (0, len(self.alphas)):
            return count == len(self.alphas)
        best, total = self.best, self.losses[-1]
        since = count - 1 - best
        if self.rival is not None:
            return since > 0 or (best > 0 and total > SPARSER * self.rival.loss_at(self.alphas[count - 1]))
        rising = since >= RISES and bool(np.all(np.diff(self.losses[-1 - RISES :]) > 0))
        clearly = total > CLEARLY * self.loss
        return (rising and clearly) or (best > 0 and (rising or clearly))

    @property
    def turned(self) -> bool:
        """Whether smaller α than the best have been compared, and are worse."""
        return 0 < self.best < len(self.losses) - 1

    @property
    def loss(self) -> float:
        """The smallest loss."""
        return min(self.losses, default=np.inf)

    def loss_at(self, alpha: float) -> float:
        """The loss for one of the α compared."""
        return self.losses[int(np.flatnonzero(self.alphas == alpha)[0])]

    @property
    def alpha(self) -> float:
        """The best α, or where a parabola through its loss and those beside it is lowest, over log α."""
        if not self.losses:
            return float(self.alphas[0])
        best = self.best
        if not self.turned:
            return float(self.alphas[best])
        before, here, after = self.scores[best - 1 : best + 2]
        bend = before - 2.0 * here + after
        step = min(0.5 * (before - after) / bend, 0.5) if bend > 0 else 0.0  # further only where all are as good
        step = round(step * FINE) / FINE
        return float(self.alphas[best] * (self.alphas[best + 1] / self.alphas[best]) ** step)

    def without(self, fold: int) -> "Descent":
        """The same without one of several folds."""
        if not self.tried or len(self.tried[0]) == 1:
            return self
        return replace(
            self,
            by_fold=[row[:fold] + row[fold + 1 :] for row in self.by_fold],
            tried=[row[:fold] + row[fold + 1 :] for row in self.tried],
            rival=self.rival.without(fold) if self.rival else None,
        )

    def selection(self, factors: Array) -> Selection:
        """The best α, and the neurons of the first fold to start from."""
        start = self.networks[0][:2] if self.networks else None
        return Selection(self.alpha, factors, start)
