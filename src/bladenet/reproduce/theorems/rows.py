"""A row of the table: a statement with its check, and ways to be wrong that the check must see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bladenet import algebra, blades
from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.reproduce.theorems.claims import Claim
from bladenet.training import Fit

# what numerical code raises where its input is broken
BROKEN = (ArithmeticError, ValueError, RuntimeError, IndexError)


@dataclass(frozen=True)
class Mutant:
    """One way to be wrong.

    Attributes
    ----------
    name : in a few words
    owner, attribute : the module or class, and what of it is replaced
    wrong : makes the replacement from the original
    """

    name: str
    owner: Any
    attribute: str
    wrong: Callable[[Any], Any]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Be wrong for a while."""
        original = getattr(self.owner, self.attribute)
        setattr(self.owner, self.attribute, self.wrong(original))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, original)


@dataclass(frozen=True)
class Row:
    """One statement.

    Attributes
    ----------
    name : as the paper numbers it
    check : measures it
    mutants : with each of which the check must say no
    """

    name: str
    check: Callable[[], Claim]
    mutants: tuple[Mutant, ...]

    def measured(self) -> Claim:
        """The claim; "no" where the check breaks off, as numbers that are none make solvers do."""
        try:
            return self.check()
        except BROKEN as error:
            return Claim(self.name, "the check broke off", f"{type(error).__name__}: {error}", np.nan)

    def caught(self, mutant: Mutant) -> Claim:
        """The claim with a mutant."""
        with mutant.applied(), np.errstate(all="ignore"):
            return self.measured()


def changed(name: str, owner: Any, attribute: str, change: Callable[[Any], Any]) -> Mutant:
    """Of a function: what it returns is changed."""

    def wrong(original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **settings: change(original(*arguments, **settings))

    return Mutant(name, owner, attribute, wrong)


def of_fits(module: Any) -> tuple[Mutant, ...]:
    """Of what :func:`bladenet.train` returns to a module, a part at a time, as if the others did not notice."""
    parts: dict[str, Callable[[Fit], Fit]] = {
        "amplitudes × −3": lambda fit: _network(fit, amplitudes=-3.0 * fit.network.amplitudes),
        "a weight is NaN": lambda fit: _network(fit, weights=_with_nan(fit.network.weights)),
        "objective off by 1e-5": lambda fit: _certificate(fit, objective=fit.certificate.objective * (1.0 + 1e-5)),
        "lower bound above the optimum": lambda fit: _certificate(
            fit, lower_bound=(1.0 + 1e-5) * fit.certificate.objective
        ),
    }
    return tuple(changed(name, module, "train", change) for name, change in parts.items())


def of_blades(module: Any) -> tuple[Mutant, ...]:
    """Of the blades that a fit names."""
    return (
        changed("blades the other way round", module, "train", lambda fit: _blades(fit, _turned)),
        changed("blades of other samples", module, "train", lambda fit: _blades(fit, _next)),
        Mutant("cross product: direction for normal", algebra, "cross", direction_for_normal),
    )


def of_proofs(module: Any, name: str, **change: Callable[[Any], Any]) -> Mutant:
    """Of what train proves: a part is what a function makes of it."""

    def wrong(fit: Fit) -> Fit:
        parts = {part: f(getattr(fit.proof, part)) for part, f in change.items()}
        return replace(fit, proof=replace(fit.proof, **parts))

    return changed(name, module, "train", wrong)


def of_scales() -> tuple[Mutant, ...]:
    """Of how neurons are balanced."""
    return (
        Mutant("scales as they were", ReLUNetwork, "balanced", lambda balanced: lambda self, norm=2: self),
        Mutant(
            "scales of the other norm",
            ReLUNetwork,
            "balanced",
            lambda balanced: lambda self, norm=2: balanced(self, 3 - norm),
        ),
    )


def direction_for_normal(cross: Callable[[Any], Array]) -> Callable[[Any], Array]:
    """The first vector in place of what is orthogonal to all of them, of the same length."""

    def wrong(vectors: Any) -> Array:
        normal = cross(vectors)
        first = np.asarray(vectors, dtype=float)[..., 0, :]
        lengths = np.linalg.norm(first, axis=-1, keepdims=True)
        return np.asarray(np.linalg.norm(normal, axis=-1, keepdims=True) * first / np.where(lengths > 0, lengths, 1.0))

    return wrong


def _network(fit: Fit, **parts: Any) -> Fit:
    return replace(fit, network=replace(fit.network, **parts))


def _certificate(fit: Fit, **parts: Any) -> Fit:
    return replace(fit, certificate=replace(fit.certificate, **parts))


def _blades(fit: Fit, change: Callable[[blades.Blade, int], blades.Blade]) -> Fit:
    return replace(fit, blades=[change(blade, len(fit.problem.X)) for blade in fit.blades])


def _turned(blade: blades.Blade, n: int) -> blades.Blade:
    return replace(blade, orientation=-blade.orientation)


def _next(blade: blades.Blade, n: int) -> blades.Blade:
    return replace(blade, samples=tuple((i + 1) % n for i in blade.samples))


def _with_nan(weights: Array) -> Array:
    wrong = weights.copy()
    wrong[0, 0] = np.nan
    return wrong
