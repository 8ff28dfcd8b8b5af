"""Piecewise-linear fits of one column: lines that are joined, with kinks given, found, or as few as do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from bladenet.certificate import Status
from bladenet.checks import checked_weights, finite_array, named_cells, positive_number
from bladenet.clock import Clock
from bladenet.display import Shown, View, counted, number
from bladenet.fewest_segments import fewest
from bladenet.losses import Array
from bladenet.network import ReLUNetwork
from bladenet.segment_search import MISSED, Samples, best_kinks, hats, nodes_of, polygon
from bladenet.selection import select_alpha
from bladenet.styling import CLASS_COLOURS, FAINT, label_axes, new_axes, short, style, write_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST, AUTO = "fewest", "auto"
NOTHING = 1e-12  # of the objective of the best constant: a fit that leaves no more is exact
STRAIGHT = 1e-9  # of the largest change of slope: a kink that is none


@dataclass(frozen=True, repr=False)
class SegmentsCertificate(Shown):
    """What is proven about a piecewise-linear fit.

    Attributes
    ----------
    status : Status, GLOBAL if the gap is at most `tol`; with "fewest" also only if fewer segments cannot do
    objective : float, ½ Σ s (f − y)²; with "fewest" plus β times the penalty, as of a network
    lower_bound : float, no function of the class has a smaller objective
    gap : float, (objective − lower_bound) / objective; the objective counts as at least 1e-12 of that of a constant
    tol : float, the gap that was asked for
    functions : str, the class
    n_segments : int
    needed : int or None; with "fewest" the number of segments below which nothing is within the tolerance
    """

    status: Status
    objective: float
    lower_bound: float
    gap: float
    tol: float
    functions: str
    n_segments: int
    needed: int | None = None

    @property
    def advice(self) -> str:
        """What the status means and what to do about it."""
        bound, this = f"No {self.functions} has an objective below {self.lower_bound:.8g}", f"{self.objective:.8g}"
        if self.needed is not None:
            near = f"{bound}; this one has {this}, {100 * self.gap:.2g} % more, with {_counted(self.n_segments)}."
            if self.needed == self.n_segments and self.gap <= self.tol:
                return f"{near} None of fewer segments is within {100 * self.tol:g} %: this is proven."
            return f"{near} At least {_counted(self.needed)} are needed for {100 * self.tol:g} %: this is proven."
        if self.status is Status.GLOBAL:
            return f"Globally optimal: {bound[0].lower()}{bound[1:]}, and this one has {this}."
        return (
            f"{bound}, and this one has {this}, {100 * self.gap:.2g} % more. Allow more time, fewer segments, "
            "or a larger tol; of more than 4,000 different x bounds are coarse."
        )

    def _view(self) -> View:
        facts = [("status", self.status.value), ("objective", f"{self.objective:.8g}")]
        facts += [("lower bound", f"{self.lower_bound:.8g}"), ("gap", f"{self.gap:.2g}"), ("tol", f"{self.tol:.2g}")]
        return View("SegmentsCertificate", facts, note=self.advice)


class PiecewiseLinear(RegressorMixin, BaseEstimator):
    """Continuous piecewise-linear least squares on one column, with a proof.

    Parameters
    ----------
    n_segments : int or "fewest"
        Lines that are joined, at most; their kinks may be anywhere. The best is searched for and proven to be the best.
        "fewest": as few as come within `tolerance` of the certified optimum among ReLU networks of any width, where the
        objective is half the sum of squares plus β times the penalty, the total change of slope.
    breakpoints : sequence of float or None
        The kinks, if they are known. Those outside the data and at its ends, as pwlf wants them, make no difference.
    through : sequence of (x, y) or None
        Points that the function passes through exactly.
    alpha : float or "auto"
        For "fewest": the penalty on slopes, of x in standard deviations and in units of the mean loss,
        β = alpha · Σ_i s_i. "auto" chooses it by cross-validation.
    tolerance : float
        For "fewest": how much worse than the best network, relative to its objective.
    tol : float
        Relative gap to prove with a number of segments.
    time_limit : float or None
        Seconds. Then the best fit so far is kept, with what is proven about it.

    Attributes
    ----------
    breakpoints_ : (k − 1,), the kinks
    slopes_, intercepts_ : (k,), of the lines y = intercept + slope · x
    slope_errors_, intercept_errors_, breakpoint_errors_ : standard errors, as of (weighted) least squares in
        statsmodels; where kinks were searched for, linearised at the best ones. NaN with "fewest", whose slopes are
        shrunk; breakpoint_errors_ also where kinks were given, or jump between two rows.
    n_segments_ : int
    network_ : ReLUNetwork, the same function, from x as it comes
    certificate_ : SegmentsCertificate
    breakpoint_rows_ : list of tuples of rows of X: that at the kink, or the two that it lies between
    alpha_ : float or None, with "fewest"
    n_features_in_ : int, 1
    feature_names_in_ : of str, if X was a data frame with string columns

    Examples
    --------
    >>> import numpy as np, bladenet as bn
    >>> x = np.arange(10.0)
    >>> model = bn.PiecewiseLinear(n_segments=2).fit(x, np.abs(x - 4.5))
    >>> model.breakpoints_, model.slopes_
    (array([4.5]), array([-1.,  1.]))
    """

    def __init__(
        self,
        n_segments: int | str = FEWEST,
        breakpoints: Sequence[float] | None = None,
        through: Sequence[tuple[float, float]] | None = None,
        alpha: float | str = AUTO,
        tolerance: float = 0.01,
        tol: float = 1e-6,
        time_limit: float | None = None,
    ):
        self.n_segments = n_segments
        self.breakpoints = breakpoints
        self.through = through
        self.alpha = alpha
        self.tolerance = tolerance
        self.tol = tol
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit.

        Parameters
        ----------
        X : (n,), or (n, 1), an array of numbers or a data frame of one column
        y : (n,)
        sample_weight : (n,), ≥ 0; a weight of 2 fits like a repeated sample

        Raises
        ------
        ValueError
            On invalid data or parameters, or points that no such function passes through; names the value and the
            remedy.
        """
        points = self._checked_parameters()
        clock = Clock(self.time_limit)
        with named_cells(X, y):
            column, target = validate_data(self, _as_table(X), y, dtype=np.float64, y_numeric=True)
        if column.shape[1] != 1:
            raise ValueError(
                f"PiecewiseLinear fits one column, and X has {column.shape[1]}: choose one, or use BladeNetRegressor."
            )
        weight = checked_weights(sample_weight, len(target))
        self.column_ = str(getattr(self, "feature_names_in_", [getattr(X, "name", None) or "x"])[0])
        used = weight > 0.0
        x, y, weight = column[used, 0], np.asarray(target, dtype=np.float64)[used], weight[used]
        samples = Samples.of(x, y, weight, points)
        self.alpha_, estimated, lower, needed = None, np.zeros(0), None, None
        if self.breakpoints is not None:
            nodes = nodes_of(samples, np.asarray(self.breakpoints, dtype=np.float64))
            values, free, missed = polygon(samples, nodes)
            self._check_met(samples, nodes, missed)
            if free:
                raise ValueError(
                    f"{_counted(len(nodes) - 1)} have {len(nodes)} free numbers, and the data determine only "
                    f"{len(nodes) - free}: leave out breakpoints between which there are too few different x."
                )
            functions = "continuous piecewise-linear function with these breakpoints"
        elif self.n_segments == FEWEST:
            spread = float(np.sqrt(np.average((x - np.average(x, weights=weight)) ** 2, weights=weight))) or 1.0
            self.alpha_ = self._chosen_alpha(x / spread, y, weight)
            found = fewest(samples, spread, self.alpha_ * weight.sum(), self.tolerance, clock)
            if found is None:
                raise ValueError(f"no piecewise-linear function was found that passes through {_listed(points)}.")
            nodes, values, lower, needed = found.nodes, found.values, found.lower_bound, found.needed
            objective = found.objective
            functions = "ReLU network of any width"
        else:
            kinks, squares = best_kinks(samples, int(self.n_segments), self.tol, clock)
            nodes, values = _bent(samples, nodes_of(samples, kinks))
            self._check_met(samples, nodes, polygon(samples, nodes)[2])
            estimated, lower = nodes[1:-1], 0.5 * squares
            functions = f"continuous piecewise-linear function of at most {_counted(int(self.n_segments))}"
        self._keep(samples, nodes, values)
        self._measure(samples, nodes, values, estimated, int(used.sum()))
        if needed is None:
            objective = 0.5 * samples.loss(nodes, values)
        functions += f" through {_listed(points)}" if len(points) else ""
        self.certificate_ = self._certified(samples, objective, lower, functions, needed)
        order = np.argsort(column[:, 0], kind="stable")
        order = order[used[order]]
        self.breakpoint_rows_ = [_around(column[order, 0], order, kink) for kink in self.breakpoints_]
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Values of the function: (n,) or (n, 1) → (n,). Beyond the data, the first and last lines go on."""
        check_is_fitted(self, "network_")
        with named_cells(X, None):
            table = _as_table(X)
            if table is X:
                table = validate_data(self, X, reset=False, dtype=np.float64)
            column = check_array(table, dtype=np.float64)[:, 0]
        return self._at(column)

    def _at(self, x: Array) -> Array:
        piece = np.searchsorted(self.breakpoints_, x)
        values: Array = self._values[piece] + self.slopes_[piece] * (x - self._starts[piece])
        return values

    def summary(self) -> str:
        """The segments as a table, and what is proven."""
        check_is_fitted(self, "network_")
        rows = [("from", "to", "slope", "value at start", "begins at")]
        places = ["the first row", *map(_place, self.breakpoint_rows_)]
        ends = [*self.breakpoints_, self._last]
        for start, end, slope, value, place in zip(self._starts, ends, self.slopes_, self._values, places, strict=True):
            rows.append((number(start), number(end), number(slope), number(value), place))
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        table = ["  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
        title = f"PiecewiseLinear: {_counted(self.n_segments_)} on {self.column_}"
        return "\n".join([title, *table, self.certificate_.advice])

    def plot(self, X: ArrayLike, y: ArrayLike, ax: Axes | None = None) -> Axes:
        """Draw data, lines and kinks into `ax`, or a new figure."""
        check_is_fitted(self, "network_")
        x = np.asarray(_as_table(X), dtype=np.float64)[:, 0]
        met = np.zeros((0, 2)) if self.through is None else np.asarray(self.through, dtype=np.float64)
        places = np.unique(np.r_[x, met[:, 0], self.breakpoints_])
        with style():
            ax = new_axes() if ax is None else ax
            ax.scatter(x, np.asarray(y, dtype=np.float64), s=18, c="#9a9a9a", linewidths=0, label="data")
            line = self._at(places)
            ax.plot(places, line, color=CLASS_COLOURS[1], linewidth=2, zorder=4, label="fit")
            heights = np.interp(self.breakpoints_, places, line)
            marks = ax.scatter(self.breakpoints_, heights, s=30, c="white", marker="D", zorder=5)
            marks.set(edgecolor=CLASS_COLOURS[1], label=f"kinks ({len(self.breakpoints_)})")
            for kink in self.breakpoints_:
                ax.axvline(kink, color=FAINT, linewidth=0.6, alpha=0.4, zorder=0)
            if self.through is not None:
                met = np.asarray(self.through, dtype=np.float64)
                ax.scatter(
                    met[:, 0], met[:, 1], s=60, c="none", edgecolor="black", zorder=6, label="points passed through"
                )
            label_axes(ax, self.column_, str(getattr(y, "name", None) or "target"))
            ax.legend(loc="best")
            proven = "optimal" if self.certificate_.status is Status.GLOBAL else "not proven to be optimal"
            write_titles(ax, _counted(self.n_segments_).capitalize(), f"{proven}, gap {short(self.certificate_.gap)}")
        return ax

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, False  # one column, as IsotonicRegression
        return tags

    def _checked_parameters(self) -> Array:
        """The points to be met, (m, 2), in order; wrong parameters are refused before any work."""
        k = self.n_segments
        if k != FEWEST and (not isinstance(k, Integral) or isinstance(k, bool) or k < 1):
            raise ValueError(f"n_segments must be a whole number of at least 1, or 'fewest', got {k!r}.")
        if self.breakpoints is not None:
            if k != FEWEST:
                raise ValueError(
                    f"n_segments={k} asks for kinks to be found, and breakpoints gives them: leave out one of the two."
                )
            if finite_array(self.breakpoints, "breakpoints").ndim != 1:
                raise ValueError(f"breakpoints must be a list of numbers, got {self.breakpoints!r}.")
        if self.alpha != AUTO:
            positive_number(self.alpha, "alpha")
        positive_number(self.tolerance, "tolerance")
        positive_number(self.tol, "tol")
        if self.time_limit is not None:
            positive_number(self.time_limit, "time_limit")
        if self.through is None:
            return np.zeros((0, 2))
        points = finite_array(self.through, "through")
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"through must be a list of points (x, y), such as [(0, 0)], got {self.through!r}.")
        points = np.unique(points, axis=0)
        for (x, y), (other_x, other_y) in pairwise(points):
            if x == other_x:
                raise ValueError(
                    f"through asks for y={y:g} and y={other_y:g} at the same x={x:g}: leave out one of the two."
                )
        return points

    def _check_met(self, samples: Samples, nodes: Array, missed: float) -> None:
        """Refuse points that no polygon with these kinks passes through."""
        if missed <= MISSED * (np.ptp(samples.y) or 1.0):
            return
        points = np.column_stack([samples.x, samples.y])[samples.fixed]
        for start, end in pairwise(nodes):
            inside = points[(points[:, 0] >= start) & (points[:, 0] <= end)]
            if len(inside) > 2:
                raise ValueError(
                    f"through asks for {_listed(inside)} in the segment from {start:g} to {end:g}, and a line does not "
                    "pass through all of them: move a breakpoint, add one, or leave out a point."
                )
        raise ValueError(
            f"no fit of {_counted(len(nodes) - 1)} was found that passes through {_listed(points)}: allow more "
            "segments, or leave out a point."
        )

    def _chosen_alpha(self, x: Array, y: Array, weight: Array) -> float:
        if self.alpha != AUTO:
            return float(self.alpha)
        limit = None if self.time_limit is None else 0.5 * self.time_limit
        return select_alpha((x - x.mean())[:, None], y, sample_weight=weight, time_limit=limit).alpha

    def _keep(self, samples: Samples, nodes: Array, values: Array) -> None:
        """The function as attributes, and as a network."""
        self._starts, self._values, self._last = nodes[: max(1, len(nodes) - 1)], values, float(nodes[-1])
        self.slopes_ = np.diff(values) / np.diff(nodes) if len(nodes) > 1 else np.zeros(1)
        self._values = values[: len(self._starts)]
        self.intercepts_ = self._values - self.slopes_ * self._starts
        self.breakpoints_ = nodes[1:-1].copy()
        self.n_segments_ = len(self.slopes_)
        # the first kink's line to the left, and that to the right; the others add their changes of slope
        hinges = self.breakpoints_ if len(self.breakpoints_) else nodes[:1]
        amplitudes = np.r_[-self.slopes_[0], self.slopes_[:2][-1], np.diff(self.slopes_[1:])]
        weights = np.r_[-1.0, np.ones(len(hinges))]
        height = float(self._values[0] + self.slopes_[0] * (hinges[0] - self._starts[0]))
        self.network_ = ReLUNetwork(weights[:, None], -weights * np.r_[hinges[0], hinges], amplitudes, height)

    def _measure(self, samples: Samples, nodes: Array, values: Array, estimated: Array, rows: int) -> None:
        """Standard errors, by the derivatives of the outputs in the values at the nodes and the kinks searched for."""
        segments, kinks = self.n_segments_, len(nodes) - 2
        self.slope_errors_, self.intercept_errors_ = np.full(segments, np.nan), np.full(segments, np.nan)
        self.breakpoint_errors_ = np.full(max(kinks, 0), np.nan)
        if len(nodes) < 2 or self.alpha_ is not None:
            return
        outputs = hats(samples.x, nodes)
        moving = np.zeros((len(samples.x), len(estimated)))
        for j in range(len(estimated)):
            slope = np.where(samples.x <= nodes[j + 1], self.slopes_[j], self.slopes_[j + 1])
            moving[:, j] = -slope * outputs[:, j + 1]
        outputs = np.hstack([outputs, moving])
        free = np.eye(outputs.shape[1])
        if samples.fixed.any():
            _, sizes, directions = np.linalg.svd(outputs[samples.fixed])
            free = directions[np.count_nonzero(sizes > 1e-12 * sizes[0]) :].T
        root = np.sqrt(samples.w[~samples.fixed])[:, None] * outputs[~samples.fixed] @ free
        left = rows - free.shape[1]
        if left <= 0 or np.linalg.matrix_rank(root) < free.shape[1]:
            return
        factor = free @ np.linalg.pinv(root) * np.sqrt(samples.loss(nodes, values) / left)
        value, moved = factor[: len(nodes)], np.zeros((len(nodes), factor.shape[1]))
        if len(estimated):
            moved[1:-1] = factor[len(nodes) :]
            self.breakpoint_errors_ = np.linalg.norm(moved[1:-1], axis=1)
        slope = (np.diff(value, axis=0) - self.slopes_[:, None] * np.diff(moved, axis=0)) / np.diff(nodes)[:, None]
        intercept = value[:-1] - self.slopes_[:, None] * moved[:-1] - nodes[:-1, None] * slope
        self.slope_errors_ = np.linalg.norm(slope, axis=1)
        self.intercept_errors_ = np.linalg.norm(intercept, axis=1)

    def _certified(
        self, samples: Samples, objective: float, lower: float | None, functions: str, needed: int | None
    ) -> SegmentsCertificate:
        lower = objective if lower is None else min(lower, objective)
        constant = 0.5 * samples.loss(samples.x[[0]], polygon(samples, samples.x[[0]])[0])
        rounding = NOTHING * constant + NOTHING**2 * 0.5 * float(samples.w @ samples.y**2)
        gap = (objective - lower) / max(objective, rounding) if objective > lower else 0.0
        tol = self.tol if needed is None else self.tolerance
        proven = gap <= tol * (1.0 + 1e-9) and needed in (None, self.n_segments_)
        status = Status.GLOBAL if proven else Status.BOUNDED
        return SegmentsCertificate(status, objective, lower, gap, tol, functions, self.n_segments_, needed)


def _bent(samples: Samples, nodes: Array) -> tuple[Array, Array]:
    """The least squares with these kinks, less those at which nothing changes."""
    values = polygon(samples, nodes)[0]
    if len(nodes) > 2:
        changes = np.abs(np.diff(np.diff(values) / np.diff(nodes)))
        bent = np.r_[True, changes > STRAIGHT * changes.max(), True]
        if not bent.all():
            return nodes[bent], polygon(samples, nodes[bent])[0]
    return nodes, values


def _as_table(X: Any) -> Any:
    """X with a second dimension, also where it is one column as pwlf takes it."""
    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    return np.asarray(X).reshape(-1, 1) if len(shape) == 1 else X


def _around(x: Array, rows: np.ndarray, kink: float) -> tuple[int, ...]:
    """The row at a kink, or those on both sides; x in order."""
    first = int(np.searchsorted(x, kink))
    if first < len(x) and x[first] == kink:
        return (int(rows[first]),)
    return tuple(int(rows[k]) for k in (first - 1, first) if 0 <= k < len(x))


def _place(rows: tuple[int, ...]) -> str:
    return f"row {rows[0]}" if len(rows) == 1 else f"between rows {rows[0]} and {rows[1]}"


def _counted(segments: int) -> str:
    return counted(segments, "segment")


def _listed(points: Array) -> str:
    return ", ".join(f"({x:g}, {y:g})" for x, y in points)
