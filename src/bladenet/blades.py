"""Blades: the sample-index sets that determine neurons, and the map in both directions.

The hyperplane of an optimal neuron passes through a set S of training samples, and the coordinates of w outside a set
C are zero (p = 1). If that leaves one direction, the neuron is their blade, w = ± ⋆(a_1 ∧ … ∧ a_{r−1}), and the
indices say everything but the sign. For p = 2 an optimum may also sit inside a face, where S leaves more than one
direction; the weight there is the projection of `pull`, the moment of the samples it acts on (THEORY §2).
"""

from dataclasses import dataclass, replace

import numpy as np

from bladenet import algebra
from bladenet.losses import Array, Index

CONTACT = 1e-12  # a sample this close to a hyperplane, in units of the data's size, lies on it
APART = 1e-9  # samples closer together than this, or to the span of others, do not define a direction
FAITHFUL = 1e-9  # largest difference between a weight and the blade it is taken for


@dataclass(frozen=True, eq=False)
class Blade:
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

    @property
    def is_vertex(self) -> bool:
        """Whether the indices determine the neuron up to its orientation."""
        return self.orientation != 0

    def relabelled(self, index: Index) -> "Blade":
        """The same blade with samples i renamed index[i]."""
        return replace(self, samples=tuple(int(index[i]) for i in self.samples))

    def in_basis(self, basis: Array, weight: Array) -> "Blade":
        """The same blade for samples of d features that were written in a basis (d, r); `weight` (d,) is its neuron's.

        If the basis is a selection of features, these are renamed. Else the samples span less than all directions, and
        the weight says in which one of them it is.
        """
        if np.isin(basis, (0.0, 1.0)).all():
            feature = basis.argmax(axis=0)
            pull = None if self.pull is None else basis @ self.pull
            return replace(self, coordinates=tuple(int(feature[c]) for c in self.coordinates), pull=pull)
        return replace(self, coordinates=tuple(range(len(weight))), orientation=0, pull=weight)

    def neuron(self, X: Array, norm: int, bias: bool) -> tuple[Array, float]:
        """Weight (d,) with ‖w‖_p = 1 and offset of this blade of the samples X (n, d)."""
        C = list(self.coordinates)
        rows = _rows(X[list(self.samples)][:, C], bias)
        free = self.orientation * algebra.cross(rows) if self.pull is None else _project_off(self.pull[C], rows)
        weight = np.zeros(X.shape[1])
        weight[C] = free / np.abs(free).max()
        weight /= np.linalg.norm(weight, ord=norm)
        offset = -float(weight @ X[self.samples[0]]) if bias else 0.0
        return weight, offset


def find_blade(points: Array, weight: Array, offset: float, norm: int, bias: bool) -> Blade:
    """The reverse map: which points define this neuron?

    Parameters
    ----------
    points : (n, d) distinct samples of unit size
    weight : (d,), ‖w‖_p = 1; offset : float

    Returns
    -------
    Blade with indices into `points`. A neuron that touches too few points, or points so close together that they say
    little about its direction, keeps its own direction as `pull`.
    """
    d = points.shape[1]
    C = np.flatnonzero(np.abs(weight) > APART) if norm == 1 else np.arange(d)
    distances = np.abs(points @ weight + offset)
    contacts = np.flatnonzero(distances <= CONTACT)
    if bias and not len(contacts):
        contacts = np.array([distances.argmin()])
    chosen = _independent(points[:, C], contacts, len(C) - 1, bias)
    rows = _rows(points[np.ix_(chosen, C)], bias)
    coordinates = tuple(int(c) for c in C)
    samples = tuple(int(i) for i in chosen)
    if len(rows) == len(C) - 1 and (len(samples) or not bias):
        blade = Blade(samples, coordinates, 1)
        found = blade.neuron(points, norm, bias)[0]
        if found @ weight < 0.0:
            blade, found = replace(blade, orientation=-1), -found
        if np.abs(found - weight).max() <= FAITHFUL:
            return blade
        samples = samples[:1] if bias else ()
    return Blade(samples, coordinates, 0, weight.copy())


def stacked(neurons: list[tuple[Array, float]], d: int) -> tuple[Array, Array]:
    """Weights (m, d) and offsets (m,) of neurons, each a weight (d,) and an offset."""
    weights = np.array([weight for weight, _ in neurons]).reshape(len(neurons), d)
    return weights, np.array([offset for _, offset in neurons], dtype=np.float64)


def _rows(samples: Array, bias: bool) -> Array:
    """The vectors that the weight is orthogonal to: samples, or their differences from the first with a bias."""
    return samples[1:] - samples[0] if bias and len(samples) else samples


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
