"""Blades: the sample-index sets that determine neurons, and the map in both directions.

The hyperplane of an optimal neuron passes through a set S of training samples, and the coordinates of w outside a set
C are zero (p = 1). If that leaves one direction, the neuron is their blade, w = ± ⋆(a_1 ∧ … ∧ a_{r−1}), and the
indices say everything but the sign. For p = 2 an optimum may also sit inside a face, where S leaves more than one
direction; the weight there is the projection of `pull`, the moment of the samples it acts on (THEORY §2).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csc_array, issparse

from bladenet import algebra
from bladenet.display import Shown, View, brief
from bladenet.losses import Array, Index

CONTACT = 1e-12  # a sample this close to a hyperplane, in units of the data's size, lies on it
APART = 1e-9  # samples closer together than this, or to the span of others, do not define a direction
FAITHFUL = 1e-9  # largest difference between a weight and the blade it is taken for


@dataclass(frozen=True, eq=False, repr=False)
class Blade(Shown):
    """What defines one neuron.

    Attributes
    ----------
    samples : indices of training samples that the hyperplane passes through, independent
    coordinates : features that the weight may use, C
    orientation : +1 or −1, the sign of the generalised cross product; 0 if `pull` decides
    pull : (d,) direction that is projected onto what `samples` leave free; None for a blade of samples
    """

    samples: tuple[int, ...]
    coordinates: tuple[int, ...]
    orientation: int
    pull: Array | None = None

    def _view(self) -> View:
        free = "a face" if not self.is_vertex else f"{self.orientation:+d}"
        facts = [("samples", brief(self.samples)), ("features", brief(self.coordinates)), ("orientation", free)]
        return View("Blade", facts)

    @property
    def is_vertex(self) -> bool:
        """Whether the indices determine the neuron up to its orientation."""
        return self.orientation != 0

    def relabelled(self, index: Index) -> "Blade":
        """The same blade with samples i renamed index[i]."""
        return replace(self, samples=tuple(int(index[i]) for i in self.samples))

    def in_basis(self, basis: Array | csc_array, weight: Array) -> "Blade":
        """The same blade for samples of d features that were written in a basis (d, r); `weight` (d,) is its neuron's.

        If the basis is a selection of features, these are renamed. Else the samples span less than all directions, and
        the weight says in which one of them it is.
        """
        if issparse(basis) or np.isin(basis, (0.0, 1.0)).all():
            feature = basis.nonzero()[0] if issparse(basis) else basis.argmax(axis=0)
            pull = None if self.pull is None else basis @ self.pull
            return replace(self, coordinates=tuple(int(feature[c]) for c in self.coordinates), pull=pull)
        return replace(self, coordinates=tuple(range(len(weight))), orientation=0, pull=weight)

    def neuron(self, X: Array, norm: int, bias: bool) -> tuple[Array, float]:
        """Weight (d,) with ‖w‖_p = 1 and offset of this blade of the samples X (n, d)."""
        weights, offsets = neurons([self], X, norm, bias)
        return weights[0], float(offsets[0])


def neurons(blades: list[Blade], X: Array, norm: int, bias: bool) -> tuple[Array, Array]:
    """Weights (m, d) with ‖w‖_p = 1 and offsets (m,) of blades of the samples X (n, d)."""
    weights, first = np.zeros((len(blades), X.shape[1])), np.zeros(len(blades), dtype=np.int64)
    alike: dict[tuple[int, int], list[int]] = {}  # cross products of as many vectors in as many coordinates
    for k, blade in enumerate(blades):
        C, S = np.array(blade.coordinates), np.array(blade.samples, dtype=np.int64)
        first[k] = S[0] if bias else 0
        if blade.pull is None:
            alike.setdefault((len(S), len(C)), []).append(k)
        else:
            weights[k, C] = _project_off(blade.pull[C], spanning_rows(X[np.ix_(S, C)], bias))
    for members in alike.values():
        C = np.array([blades[k].coordinates for k in members])
        S = np.array([blades[k].samples for k in members], dtype=np.int64)
        signs = np.array([[blades[k].orientation] for k in members])
        spanning = spanning_rows(X[S[:, :, None], C[:, None, :]], bias)
        weights[np.array(members)[:, None], C] = signs * algebra.cross(spanning)
    weights /= np.abs(weights).max(axis=1, keepdims=True)
    weights /= np.linalg.norm(weights, ord=norm, axis=1, keepdims=True)
    return weights, -(weights * X[first]).sum(axis=1) if bias else np.zeros(len(blades))


def find_blades(points: Array, weights: Array, offsets: Array, norm: int, bias: bool) -> list[Blade]:
    """The reverse map: which points define these neurons?

    Parameters
    ----------
    points : (n, d) distinct samples of unit size
    weights : (m, d), ‖w‖_p = 1; offsets : (m,)

    Returns
    -------
    m Blades with indices into `points`. A neuron that touches too few points, or points so close together that they say
    little about its direction, keeps its own direction as `pull`.
    """
    blades = [_touching(points, *neuron, norm, bias) for neuron in zip(weights, offsets, strict=True)]
    vertices = [k for k, blade in enumerate(blades) if blade.is_vertex]
    found = neurons([blades[k] for k in vertices], points, norm, bias)[0]
    for k, direction in zip(vertices, found, strict=True):
        if direction @ weights[k] < 0.0:
            blades[k], direction = replace(blades[k], orientation=-1), -direction
        if np.abs(direction - weights[k]).max() > FAITHFUL:
            samples = blades[k].samples[:1] if bias else ()
            blades[k] = Blade(samples, blades[k].coordinates, 0, weights[k].copy())
    return blades


def corners(points: Array, weight: Array, offset: float, norm: int, bias: bool) -> Array:
    """Neurons (k, d + 1) on points of which the given one is a positive combination, active on the same points.

    For p = 1 they are blades, the corners of its cell, in whose orthant the norm is linear: their activations and
    penalties add up to its own. For p = 2 they differ in the offset alone. With a bias, what is left may be constant.
    """
    d = len(weight)
    lifted = np.vstack([np.column_stack([points, np.full(len(points), float(bias))]), np.eye(d, d + 1)])
    walls = lifted if norm == 1 else lifted[: len(points)]
    waiting, found = [(np.r_[weight, offset], 0)], []
    while waiting:
        neuron, turns = waiting.pop()
        sides = walls @ neuron
        touched = walls[np.abs(sides) <= CONTACT]
        along = _free(touched, neuron, bias) if norm == 1 else np.r_[np.zeros(d), float(bias and not len(touched))]
        if turns > d or not along.any():  # each turn meets a wall, of which d define a neuron
            found.append(neuron)
            continue
        rates = walls @ along
        steps = np.divide(-sides, rates, out=np.full(len(walls), np.inf), where=np.abs(rates) > CONTACT)
        for sign in (1.0, -1.0):
            ahead = sign * steps
            step = float(ahead.min(where=(ahead > 0) & (np.abs(sides) > CONTACT), initial=np.inf))
            there = neuron + sign * step * along if step < np.inf else sign * along
            length = np.linalg.norm(there[:d], ord=norm)
            if length > APART:
                waiting.append((there / length, turns + 1))
    return np.array(found)


def _free(touched: Array, neuron: Array, bias: bool) -> Array:
    """A direction in which a neuron can turn on the walls that it touches; 0 if there is none."""
    fixed = np.vstack([touched, neuron, np.r_[np.zeros(len(neuron) - 1), 1.0][None][: not bias]])
    _, sizes, axes = np.linalg.svd(fixed)
    rank = int((sizes > APART * sizes.max()).sum())
    return axes[rank] if rank < len(axes) else np.zeros(len(neuron))


def _touching(points: Array, weight: Array, offset: float, norm: int, bias: bool) -> Blade:
    """The points on a neuron's hyperplane as a blade, whose sign is left open and which may be another neuron's."""
    d = points.shape[1]
    C = np.flatnonzero(np.abs(weight) > APART) if norm == 1 else np.arange(d)
    reads = np.flatnonzero(weight)
    few = 2 * len(reads) <= d
    distances = np.abs((points[:, reads] @ weight[reads] if few else points @ weight) + offset)
    contacts = np.flatnonzero(distances <= CONTACT)
    if bias and not len(contacts):
        contacts = np.array([distances.argmin()])
    samples = tuple(int(i) for i in _independent(points[:, C], contacts, len(C) - 1, bias))
    coordinates = tuple(int(c) for c in C)
    if len(samples) == len(C) - 1 + bias:
        return Blade(samples, coordinates, 1)
    return Blade(samples, coordinates, 0, weight.copy())


def spanning_rows(samples: Array, bias: bool) -> Array:
    """What weights are orthogonal to: samples (…, k, d), or with a bias their differences from the first."""
    return samples[..., 1:, :] - samples[..., :1, :] if bias else samples


def _independent(points: Array, contacts: Index, rank: int, bias: bool) -> Index:
    """Greedily choose contacts whose rows are independent, each time the one farthest from the span so far."""
    if not len(contacts):
        return contacts
    chosen = []
    rows = points[contacts]
    if bias:
        chosen.append(contacts[0])
        rows = rows - rows[0]
    while len(chosen) < rank + bias:
        lengths = np.linalg.norm(rows, axis=1)
        farthest = int(lengths.argmax())
        if lengths[farthest] <= APART:
            break
        chosen.append(contacts[farthest])
        unit = rows[farthest] / lengths[farthest]
        rows = rows - np.outer(rows @ unit, unit)
    return np.array(chosen, dtype=np.int64)


def _project_off(vector: Array, rows: Array) -> Array:
    """Component of `vector` orthogonal to the rows."""
    if not len(rows):
        return vector
    basis = np.linalg.qr(rows.T)[0]
    return vector - basis @ (basis.T @ vector)
