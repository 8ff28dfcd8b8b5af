"""The training problem: validated data, loss, β, norm, bias; and its standard form with the inverse.

    minimise  Σ_i s_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p ,   f(x) = Σ_j u_j (w_j·x + b_j)_+ + t

The standard form is the same problem on centred data of unit size without repeated samples. Everything that searches
or optimises works there; certificates are computed on the problem as the user gave it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csc_array

from bladenet.bases import selection, span
from bladenet.checks import (
    EXTREME,
    checked_components,
    checked_interaction,
    checked_targets,
    checked_weights,
    feature_matrix,
    is_zero,
    positive_number,
)
from bladenet.digits import shortened, without_last_digits
from bladenet.display import Shown, View, brief, number
from bladenet.losses import Array, ExactFit, Index, Loss, SquaredLoss, by_sample, get_loss, row_norms

Neurons = tuple[Array, Array]  # weights (m, d) and offsets (m,)
TINY = float(np.finfo(np.float64).tiny)
RESOLUTION = 2.0**-14  # of a tolerance: how far samples may be moved, in units of their typical distances
NEGLIGIBLE = 2.0**-8  # of a tolerance: about how exactly β is known then
HARMLESS = 0.01  # of a tolerance: what all samples together may be moved by, in units of β
FINEST = 2.0**-28  # the same share for targets
FAINT = 1e-80  # of the β that makes networks constant: beside it, all digits of a smaller one are lost


@dataclass(frozen=True, eq=False, repr=False)
class TrainingProblem(Shown):
    """Validated data of one training problem, in the user's units. Build it with :meth:`create`.

    Attributes
    ----------
    X : (n, d) float64
    y : (n,) float64; −1 or +1 for classification losses; (n, c) for several outputs, for softmax a 1 for the class
    sample_weight : (n,) float64, ≥ 0, not all zero
    beta : float, > 0; 1 for interpolation, which `create` makes of 0
    norm : 1 or 2
    output_norm : 1 or 2, the norm of a neuron's amplitudes in the penalty
    resolution : float; the search leaves out digits of a feature that are finer than this share of how far its values
        typically lie apart. The certificate counts what that may hide
    bias : bool; if False, neither neurons nor output have an offset
    loss : Loss
    max_interaction : int or None; the most features that a neuron may read (norm 1)
    n_components : int or None; principal components that neurons are sought in (norm 2)
    """

    X: Array
    y: Array
    sample_weight: Array
    beta: float
    norm: int
    bias: bool
    loss: Loss
    max_interaction: int | None = None
    n_components: int | None = None
    output_norm: int = 2
    resolution: float = 0.0

    def _view(self) -> View:
        n, d = self.X.shape
        limits = (("at most features per neuron", self.max_interaction), ("principal components", self.n_components))
        facts = [
            ("samples", str(n)),
            ("features", str(d)),
            ("outputs", brief(self.y.shape[1:] or 1)),
            ("loss", repr(self.loss)),
            ("beta", number(self.beta)),
            ("norm", str(self.norm)),
            ("bias", brief(self.bias)),
            *((name, str(value)) for name, value in limits if value is not None),
        ]
        return View("TrainingProblem", facts)

    @classmethod
    def create(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        norm: int = 2,
        bias: bool = True,
        loss: str | Loss = "squared",
        sample_weight: ArrayLike | None = None,
        max_interaction: int | None = None,
        n_components: int | None = None,
        output_norm: int = 2,
    ) -> "TrainingProblem":
        """Check everything, then build the problem.

        Raises
        ------
        ValueError
            Naming the argument, the offending value and the remedy.
        """
        checked_loss = get_loss(loss)
        for value, name in ((norm, "norm"), (output_norm, "output_norm")):
            if value not in (1, 2) or isinstance(value, bool):
                raise ValueError(f"{name} must be 1 or 2, got {value!r}.")
        if not isinstance(bias, (bool, np.bool_)):
            raise ValueError(f"bias must be True or False, got {bias!r}.")
        X = feature_matrix(X)
        if X.ndim != 2:
            hint = " Use X.reshape(-1, 1) for a single feature." if X.ndim == 1 else ""
            raise ValueError(f"X must have shape (samples, features), got shape {X.shape}.{hint}")
        largest = float(np.abs(X).max(initial=0.0))
        if largest > EXTREME or 0.0 < largest < 1.0 / EXTREME:
            raise ValueError(
                f"the largest entry of X is {largest:g}: rescale X to between {1 / EXTREME:g} and {EXTREME:g}."
            )
        if 0 in X.shape:
            raise ValueError(f"X is empty: it has shape {X.shape}; at least one sample and one feature are needed.")
        y = checked_targets(y, len(X), checked_loss)
        weight = checked_weights(sample_weight, len(X))
        height = float(np.abs(y[weight > 0]).max())
        if 0.0 < height < 1.0 / EXTREME:
            raise ValueError(
                f"the largest entry of y (of positive weight) is {height:g}, and its square is 0 in float64: rescale y "
                f"to above {1 / EXTREME:g}."
            )
        if is_zero(beta):
            checked_loss, weight, beta = (
                _interpolating(checked_loss, X[weight > 0], y[weight > 0]),
                (weight > 0).astype(np.float64),
                1.0,
            )
        beta = positive_number(beta, "beta", or_zero=True)
        if beta / max(1.0, largest) < TINY:
            raise ValueError(
                f"beta={beta:g} is too small for float64 beside features of up to {largest:g}: rescale X, or y and "
                "sample_weight, or use beta=0 for interpolation."
            )
        problem = cls(
            X,
            y,
            weight,
            beta,
            int(norm),
            bool(bias),
            checked_loss,
            checked_interaction(max_interaction, norm),
            checked_components(n_components, norm),
            int(output_norm),
        )
        kept = weight > 0
        if problem.bias:
            checked_loss.constant_fit(y[kept], weight[kept])  # refuses a single class
        if not checked_loss.exact:
            _check_digits(beta, largest * problem._slopes, checked_loss)
        return problem

    @property
    def _slopes(self) -> float:
        """Σ_i s_i |∇ℓ| of the constant network: with a largest distance, more than any |h|."""
        kept = self.sample_weight > 0
        y, weight = self.y[kept], self.sample_weight[kept]
        level = self.loss.constant_fit(y, weight) if self.bias else 0.0
        return float(weight @ row_norms(self.loss.gradient(level + np.zeros_like(y), y)))

    def in_any_units(self, tol: float) -> "TrainingProblem":
        """The same problem, so that the last digits of features, which change with their units, have no part in it.

        An optimum that is not unique, or a search that stops at a tolerance, ends with what rounding makes of it. What
        is left out matters little beside the tolerance.
        """
        if self.loss.exact:
            return self
        return replace(self, resolution=tol * min(RESOLUTION, HARMLESS * self.beta / max(self._slopes, TINY)))

    def _shortened(self, beta: float) -> float:
        """Without digits that make up less of a tolerance than 1 %, where those of features are left out."""
        return shortened(beta, NEGLIGIBLE * self.resolution / RESOLUTION) if self.resolution else beta

    @cached_property
    def standard(self) -> "StandardForm":
        """The equivalent problem that the solver works on."""
        return StandardForm.of(self)

    def at(self, beta: float) -> "TrainingProblem":
        """The same problem with another β, its standard form made from the one that is here."""
        other = replace(self, beta=beta)
        form = replace(self.standard, beta=self._shortened(beta / self.standard.price), original=other)
        other.__dict__["standard"] = form  # where the cached property keeps it
        return other


@dataclass(frozen=True, eq=False, repr=False)
class StandardForm(Shown):
    """A problem centred (if there is a bias), scaled to unit size and with repeated samples merged, and its inverse.

    With x = centre + scale · x', a neuron of unit norm keeps its direction, its offset and its output are divided
    by `scale`, and so is β. Where ℓ(c f, c y) = c^k ℓ(f, y), targets and amplitudes are divided by a `unit`, loss
    values by unit^k, dual variables and β by unit^(k − 1). The last digits of targets and (to the problem's
    resolution) of features and of β are left out: they are not the same in other units.

    For p = 2, data of lower rank than they have features are written in an orthonormal basis of their span,
    x = centre + scale · basis x' (Lemma 18): w = basis w'. For p = 1 never, as ‖w‖₁ is not invariant under rotations;
    but a feature that is constant, or a multiple of another, can go, the basis then being a selection of features: the
    larger of the two does the same at a smaller weight.

    Attributes
    ----------
    points : (N, r) distinct samples, r = d without a basis
    sample : (N,) index of the first original sample at each point
    row : (k,) the point that each loss term is evaluated at
    y, weight : (k,) target and weight of each loss term
    beta, norm, bias, loss : as in :class:`TrainingProblem`, β in scaled units
    centre : (d,); scale, unit : float
    constant : float, the loss that no network can avoid where samples coincide (squared loss), in scaled units
    term : (n,) loss term of each original sample (−1 for samples of weight zero)
    basis : (d, r) or None; a selection of features is sparse
    lost : float, the most by which |w·x'| is less here than that of a sample: what its last digits and its distance to
        the span of the basis make, in scaled units
    """

    points: Array
    sample: Index
    row: Index
    y: Array
    weight: Array
    beta: float
    norm: int
    bias: bool
    loss: Loss
    centre: Array
    scale: float
    unit: float
    constant: float
    term: Index
    original: TrainingProblem
    basis: Array | csc_array | None = None
    lost: float = 0.0

    @classmethod
    def of(cls, problem: TrainingProblem) -> "StandardForm":
        """Centre, scale, merge."""
        kept = np.flatnonzero(problem.sample_weight > 0)
        whole, y, weight = problem.X[kept], problem.y[kept], problem.sample_weight[kept]
        X = without_last_digits(whole, weight, problem.resolution) if problem.resolution else whole
        first, point = distinct_rows(X)
        distinct = X[first]
        centre = 0.5 * (distinct.max(axis=0) + distinct.min(axis=0)) if problem.bias else np.zeros(X.shape[1])
        points = distinct - centre
        size = float(np.abs(points).max())
        scale = float(2.0 ** np.round(np.log2(size))) if size > 0 else 1.0  # a power of two: scaling rounds nothing
        points = points / scale
        left_out = (whole - X) / scale
        if problem.norm == 2:
            basis, lost = span(points, problem.bias, problem.n_components, float(np.linalg.norm(left_out)))
        else:
            basis, lost = selection(points, 2.0 * float(np.abs(left_out).max()))
        lost += float(row_norms(left_out, 2 if problem.norm == 2 else np.inf).max())
        unit = _size(y, problem.bias) if problem.loss.degree else 1.0
        if isinstance(problem.loss, SquaredLoss):
            # Σ ½ s (f − y)² at one point = ½ S (f − ȳ)² + a constant, so a point needs one term
            row: Index = np.arange(len(points))
            term: Index = point
            within = group_sums(point, by_sample(weight, y - y[first][point]))
            mean = y[first] + by_sample(1.0 / group_sums(point, weight), within)
            constant, y = float(weight @ problem.loss.value(mean[point] / unit, y / unit)), mean
        else:
            constant = 0.0
            first_term, term = distinct_rows(np.column_stack([point, y]))
            row, y = point[first_term], y[first_term]
        total = group_sums(term, weight)
        terms = np.full(len(problem.y), -1, dtype=np.int64)
        terms[kept] = term
        form = cls(
            points if basis is None else points @ basis,
            kept[first],
            row,
            # of other losses than the squared one, which is flat where it is least, every digit counts
            without_last_digits(y / unit, total, FINEST) if problem.loss.degree == 2 else y / unit,
            total,
            problem.beta,
            problem.norm,
            problem.bias,
            problem.loss,
            centre,
            scale,
            unit,
            constant,
            terms,
            problem,
            basis,
            lost,
        )
        return replace(form, beta=problem._shortened(problem.beta / form.price))

    @property
    def value(self) -> float:
        """A loss or an objective of 1 here, in the user's units."""
        return float(self.unit**self.loss.degree)

    @property
    def slope(self) -> float:
        """A dual variable of 1 here, in the user's units."""
        return float(self.unit ** max(0, self.loss.degree - 1))

    @property
    def price(self) -> float:
        """A β of 1 here, in the user's units; and an |h|."""
        return self.scale * self.slope

    def place(self, X: Array) -> Array:
        """Samples in the user's units, as points are written here: (m, d) → (m, r)."""
        placed = (X - self.centre) / self.scale
        return placed if self.basis is None else placed @ self.basis

    def original_neurons(self, weights: Array, offsets: Array) -> Neurons:
        """Neurons (m, r), (m,) in the user's units: weights (m, d) and biases (m,)."""
        weights = weights if self.basis is None else weights @ self.basis.T
        return weights, offsets * self.scale - weights @ self.centre

    def neurons(self, weights: Array, biases: Array) -> Neurons:
        """The inverse: neurons in the user's units, scaled to weights of unit norm; zero ones are left out."""
        offsets = (biases + weights @ self.centre) / self.scale
        weights = weights if self.basis is None else weights @ self.basis
        lengths = np.linalg.norm(weights, ord=self.norm, axis=1)
        kept = lengths > 0
        return weights[kept] / lengths[kept, None], offsets[kept] / lengths[kept]

    def subsample(self, size: int) -> "StandardForm":
        """A similar, smaller problem: some of the points, their terms weighted up to the same total.

        Its solution is a good place to start from and proves nothing about this problem.
        """
        chosen = np.random.default_rng(0).permutation(len(self.points))[:size]
        # with the extreme targets there is some of every class, and a count above 0, however rare
        extreme = self.row[np.r_[self.y.argmin(axis=0), self.y.argmax(axis=0)]]
        chosen = np.union1d(chosen, extreme)
        number = np.full(len(self.points), -1)
        number[chosen] = np.arange(len(chosen))
        terms = np.flatnonzero(number[self.row] >= 0)
        weight = self.weight[terms]
        return replace(
            self,
            points=self.points[chosen],
            sample=self.sample[chosen],
            row=number[self.row[terms]],
            y=self.y[terms],
            weight=weight * (self.weight.sum() / weight.sum()),
        )

    @property
    def output_norm(self) -> int:
        """The norm of a neuron's amplitudes in the penalty."""
        return self.original.output_norm

    @property
    def several(self) -> bool:
        """Whether h is priced as a vector of all outputs; with output_norm 1 each output is priced for itself."""
        return self.y.ndim == 2 and self.output_norm == 2

    def penalty(self, z: Array) -> float:
        """Σ_j |z_j|, or Σ_j ‖z_j‖_q for several outputs."""
        return float(row_norms(z, self.output_norm).sum())

    def size(self, h: Array) -> Array:
        """What the penalty's dual limits to β: |h| of each neuron, (m,), or the dual norm of its outputs, (m, c)."""
        return row_norms(h, 2 if self.output_norm == 2 else np.inf)

    def at_points(self, v: Array) -> Array:
        """Sum the dual variables of the loss terms at each point: (k,) → (N,), or (k, c) → (N, c)."""
        return group_sums(self.row, v, len(self.points))

    def dual_value(self, v: Array) -> float:
        """−Σ_i s_i ℓ*(v_i / s_i, y_i), what a feasible v proves about the objective less the `constant`."""
        return float(self.loss.dual_terms(v, self.y, self.weight, self.bias).sum())

    def original_dual(self, v: Array) -> Array:
        """The dual variable of every original sample, (k,) → (n,): those of merged samples split."""
        problem = self.original
        dual = np.zeros(problem.y.shape)
        kept = self.term >= 0
        term, s = self.term[kept], problem.sample_weight[kept]
        share = by_sample(1.0 / group_sums(term, s), self.slope * v)[term]
        if isinstance(problem.loss, SquaredLoss):
            # ȳ − y_i from differences within the point, which a large offset of y cannot round away; from the sample
            # that weighs most there, as its digits count most
            order = np.lexsort((-s, term))
            first = order[np.r_[True, np.diff(term[order]) > 0]]
            within = problem.y[kept] - problem.y[kept][first][term]
            mean = by_sample(1.0 / group_sums(term, s), group_sums(term, by_sample(s, within)))
            share = share - (within - mean[term])
        dual[kept] = by_sample(s, share)
        return dual


def _interpolating(loss: Loss, X: Array, y: Array) -> ExactFit:
    """What β → 0 leaves of a loss of this name."""
    if loss.classifies:
        raise ValueError(
            f"beta=0 (alpha=0) asks for an exact fit, which loss={loss.name!r} has no use for: it has no minimiser "
            "then, or prefers larger margins. Use beta > 0, or a loss for regression."
        )
    return ExactFit.of(X, y)


def _check_digits(beta: float, most: float, loss: Loss) -> None:
    """Refuse a β that is nothing beside one from which on networks are constant."""
    if beta < FAINT * most:
        other = "" if loss.classifies else ", or use beta=0 for interpolation"
        raise ValueError(
            f"beta={beta:g} is too small for float64 beside {most:.2g}, from where on networks are constant: raise "
            f"it to above {FAINT * most:.2g}{other}."
        )


def _size(y: Array, bias: bool) -> float:
    """That of targets: how far they spread, or from 0 where there is no intercept; 1 where they do not."""
    return float(np.max(np.ptp(y, axis=0) if bias else np.abs(y))) or 1.0


def group_sums(group: Index, values: Array, groups: int = 0) -> Array:
    """Sums of the values (n,) or (n, c) by group."""
    if values.ndim == 2:
        return np.column_stack([group_sums(group, column, groups) for column in values.T])
    return np.bincount(group, values, minlength=groups).astype(np.float64, copy=False)


def distinct_rows(rows: Array | Index) -> tuple[Index, Index]:
    """The first of each set of equal rows (n, k), in lexicographic order, and the set that each row is in."""
    order = np.lexsort(rows.T[::-1])
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(rows[order], axis=0) != 0).any(axis=1)
    group = np.empty(len(rows), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    return order[new], group
