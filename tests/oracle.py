"""The global optimum of a two-layer ReLU network on tiny data, found without a line of bladenet.

The oracle solves the convex hyperplane-arrangement program of Pilanci & Ergen (2020). For

    minimise  Σ_i s_i ℓ(f(x_i), y_i) + β Σ_j |u_j| ‖w_j‖_p,      f(x) = Σ_j u_j (w_j·x + b_j)_+ + t

every activation pattern D_k = diag 1[Xw + b ≥ 0] gets two neurons θ_k = (w_k, b_k), θ'_k that must stay in
the cone of that pattern, (2D_k − I)(Xw_k + b_k) ≥ 0; then f(X) = Σ_k D_k (X(w_k − w'_k) + b_k − b'_k) + t is
linear, the program is convex, and its optimum is the network's.

Three things make the number trustworthy:

1. The patterns are enumerated in exact integer arithmetic (floats are rationals), so grids, collinear points,
   repeated and zero rows are no special cases.
2. The value returned is the objective of an actual network, evaluated neuron by neuron.
3. It is compared with a lower bound that holds by weak duality whatever the solver's status:
   the solver only proposes multipliers, and `_lower_bound` makes them feasible.

Only the completeness of the patterns rests on the enumeration; `test_oracle.py` checks that by other means.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

import clarabel
import numpy as np
from scipy import sparse
from scipy.special import entr

Vector = tuple[int, ...]

MAX_RANK = 5  # of the lifted samples: d + bias; the number of cells grows like (samples)^rank

LOSSES = ("squared", "logistic", "hinge", "huber", "quantile", "poisson")
WANTED_GAP = 1e-10  # relative; while it is not proven, other scalings of the objective are tried
REQUIRED_GAP = 1e-7  # relative; a problem for which not even this is proven raises
NEGLIGIBLE = 1e-13  # in units of the data: an optimum of zero has no relative gap


@dataclass(frozen=True)
class Optimum:
    """A network's objective, a proven lower bound on every network's, and the network itself.

    f(x) = Σ_j amplitudes_j (weights_j·x + biases_j)_+ + intercept, in the caller's units.
    """

    value: float
    lower: float
    status: str
    weights: np.ndarray
    biases: np.ndarray
    amplitudes: np.ndarray
    intercept: float

    @property
    def gap(self) -> float:
        """Relative distance between the two, 0 when both are zero."""
        return (self.value - self.lower) / max(abs(self.value), np.finfo(float).tiny)


def arrangement_optimum(
    X, y, beta, *, norm=2, bias=True, loss="squared", sample_weight=None, huber_delta=1.0, quantile=0.5
) -> float:
    """Global optimum of the training problem; see `arrangement_solution` for the bound and the network."""
    return arrangement_solution(
        X,
        y,
        beta,
        norm=norm,
        bias=bias,
        loss=loss,
        sample_weight=sample_weight,
        huber_delta=huber_delta,
        quantile=quantile,
    ).value


def arrangement_solution(
    X, y, beta, *, norm=2, bias=True, loss="squared", sample_weight=None, huber_delta=1.0, quantile=0.5
) -> Optimum:
    """Solve the arrangement program for samples X (n, d) with d + bias ≤ MAX_RANK, targets y (n,), penalty beta > 0.

    Raises ValueError for a problem outside that range or whose infimum is not attained (logistic, bias,
    one class; poisson, bias, all targets 0), and RuntimeError when the solver cannot prove a relative gap of
    `REQUIRED_GAP`.
    """
    X, y = np.array(X, float), np.array(y, float).ravel()
    weight = np.ones(len(y)) if sample_weight is None else np.array(sample_weight, float)
    X = X[:, None] if X.ndim == 1 else X
    d = X.shape[1]
    _validate(X, y, weight, beta, norm, bias, loss, huber_delta)
    # A sample without weight constrains nothing, not even the arrangement.
    X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]

    if bias and loss == "logistic" and len(set(y)) < 2:
        raise ValueError("logistic loss, free intercept, one class: the infimum 0 is not attained")
    if bias and loss == "poisson" and len(y) and not y.any():
        raise ValueError("poisson loss, free intercept, all targets 0: the infimum 0 is not attained")
    real = loss in ("squared", "huber", "quantile")
    fitted_by_intercept = bias and loss != "logistic" and len(set(y)) == 1
    if len(y) == 0 or fitted_by_intercept or (real and not y.any()):
        # A constant fits: zero is attained, and for hinge the set of optima is unbounded.
        intercept = float(y[0]) if fitted_by_intercept else 0.0
        intercept = float(np.log(intercept)) if fitted_by_intercept and loss == "poisson" else intercept
        return Optimum(0.0, 0.0, "constant", np.zeros((0, d)), np.zeros(0), np.zeros(0), intercept)

    # Change of units, x = shift + size·x̃ and f = origin + unit·f̃: losses scale by degree, norms by unit/size.
    # The shift is a sample, so that constant features and equal rows become exact zeros.
    middle = np.argmin(np.linalg.norm(X - X.mean(axis=0), axis=1))
    shift = X[middle] if bias else np.zeros(d)
    size = _power_of_two(np.abs(X - shift).max())
    origin = float(np.median(y)) if bias and real else 0.0
    unit = _power_of_two(np.abs(y - origin).max()) if real else 1.0
    # Poisson losses scale with the targets, at the cost of an offset of f, which takes a free intercept.
    mass = _power_of_two(y.max()) if loss == "poisson" and bias else 1.0
    degree = {"quantile": unit, "poisson": mass}.get(loss, unit**2)  # by which losses scale
    exact = [
        [(Fraction(v) - Fraction(m)) / Fraction(size) for v, m in zip(row, shift, strict=True)] for row in X.tolist()
    ]
    problem = _Problem(
        X=np.array(exact, float),
        y=(y - origin) / unit / mass,
        weight=weight,
        beta=float(beta) * unit / (size * degree),
        norm=norm,
        bias=bias,
        loss=loss,
        delta=float(quantile) if loss == "quantile" else float(huber_delta) / unit,
        cells=_cells_of([[*row, Fraction(1)] for row in exact] if bias else exact),
    )

    best = _solve(problem, scale=1.0)
    # Clarabel's relative gap is absolute below one, so the problem is solved again in units of its optimum.
    for factor in (1.0, 1e2, 1e-2, 1e4):
        if best.gap <= WANTED_GAP or best.value <= 0:
            break
        best = best.merged(_solve(problem, scale=factor / max(best.value, 1e-12)))
    if not (best.gap <= REQUIRED_GAP or best.value - best.lower <= NEGLIGIBLE):
        raise RuntimeError(f"arrangement program: gap {best.gap:.1e} at {best.value}, status {best.status}")

    network = best.network
    W = network.weights / size * unit
    return Optimum(
        value=best.value * degree,
        lower=best.lower * degree,
        status=best.status,
        weights=W,
        biases=unit * network.biases - W @ shift,
        amplitudes=network.amplitudes,
        intercept=origin + unit * network.intercept + np.log(mass),
    )


def activation_patterns(X, bias=True) -> np.ndarray:
    """All full-dimensional activation patterns (cells, n) of the rows of X, lifted to (x, 1) with bias.

    A zero row is never active: its activation contributes nothing either way.
    """
    X = np.array(X, float)
    rows = [[*map(Fraction, row), *([Fraction(1)] if bias else [])] for row in X.tolist()]
    return np.array(_cells_of(rows)).reshape(-1, len(X))


# --- the arrangement, in integers ----------------------------------------------------------------------


def _cells_of(rows: list[list[Fraction]]) -> list[np.ndarray]:
    """Activation masks of the arrangement {θ : row·θ = 0}.

    Slivers that rounding opens between coincident hyperplanes are kept: cells like any other. To merge
    them with a tolerance loses true cells when the data is nearly collinear and each cell is thin somewhere.
    """
    vectors = [_primitive(_clear_denominators(row)) for row in rows]
    distinct = sorted({a for a in vectors if any(a)})
    masks = []
    for signs in sorted(_cells(distinct, dimension=len(rows[0]) if rows else 0)):
        active = dict(zip(distinct, signs, strict=True))
        masks.append(np.array([active.get(a, -1) > 0 for a in vectors]))
    return masks


def _cells(rows: list[Vector], dimension: int) -> dict[tuple[int, ...], Vector]:
    """Sign vectors of the full-dimensional cells of nonzero rows, each with a point inside, exactly.

    One row at a time, by deletion and restriction: its hyperplane H cuts in two exactly those cells of the
    rows before that contain a cell of their arrangement within H, which is one dimension lower, hence the
    recursion. The points prove that every sign vector is attained, that H misses the other cells that none
    is forgotten.
    """
    cells: dict[tuple[int, ...], Vector] = {(): (0,) * dimension}
    for count, row in enumerate(rows):
        pivot = next(j for j, v in enumerate(row) if v)
        within = [_restricted(a, row, pivot) for a in rows[:count]]
        # A row that vanishes on H is parallel to this one: all is cut already.
        cut = _cells(within, dimension - 1) if all(map(any, within)) else {}
        longer = {}
        for signs, point in cells.items():
            if signs in cut:
                for side in (1, -1):
                    longer[*signs, side] = _beside(_lifted(cut[signs], row, pivot), row, side, rows[:count])
            else:
                longer[*signs, _sign(_dot(row, point))] = point
        cells = longer
    return cells


def _restricted(a: Vector, normal: Vector, pivot: int) -> Vector:
    """The form a on the hyperplane {normal·θ = 0}, in the coordinates other than the pivot."""
    scale = normal[pivot]
    form = (abs(scale) * v - _sign(scale) * a[pivot] * w for v, w in zip(a, normal, strict=True))
    return _primitive(v for j, v in enumerate(form) if j != pivot)


def _lifted(point: Vector, normal: Vector, pivot: int) -> Vector:
    """The point of {normal·θ = 0} with (a positive multiple of) these other coordinates."""
    scale = normal[pivot]
    rest = _dot(normal[:pivot] + normal[pivot + 1 :], point)
    outer = [abs(scale) * v for v in point]
    return _primitive([*outer[:pivot], -_sign(scale) * rest, *outer[pivot:]])


def _beside(point: Vector, normal: Vector, side: int, rows: list[Vector]) -> Vector:
    """The point moved along ± normal, by so little that no row changes its sign."""
    steps = 1 + max((abs(_dot(a, normal)) // abs(_dot(a, point)) for a in rows), default=0)
    return _primitive(steps * v + side * w for v, w in zip(point, normal, strict=True))


def _clear_denominators(row: Iterable[Fraction]) -> Vector:
    row = list(row)
    common = lcm(*(v.denominator for v in row))
    return tuple(int(v * common) for v in row)


def _primitive(a: Iterable[int]) -> Vector:
    a = tuple(a)
    g = gcd(*a) or 1
    return tuple(v // g for v in a)


def _dot(a: Vector, b: Vector) -> int:
    return sum(v * w for v, w in zip(a, b, strict=True))


def _sign(v: int) -> int:
    return (v > 0) - (v < 0)


# --- the convex program --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Problem:
    """The training problem in normalised units, with its activation masks; delta: of huber, or the quantile."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    beta: float
    norm: int
    bias: bool
    loss: str
    delta: float
    cells: list[np.ndarray]


@dataclass(frozen=True)
class _Block:
    """One neuron of the program: f += columns·θ, subject to cone·θ ≥ 0; the first d entries of θ are w."""

    sign: int
    columns: np.ndarray
    cone: np.ndarray


@dataclass(frozen=True)
class _Network:
    weights: np.ndarray
    biases: np.ndarray
    amplitudes: np.ndarray
    intercept: float

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return np.maximum(X @ self.weights.T + self.biases, 0.0) @ self.amplitudes + self.intercept


@dataclass(frozen=True)
class _Solved:
    value: float
    lower: float
    status: str
    network: "_Network"

    @property
    def gap(self) -> float:
        return (self.value - self.lower) / max(abs(self.value), np.finfo(float).tiny)

    def merged(self, other: "_Solved") -> "_Solved":
        """The better network with the better bound."""
        better = min(self, other, key=lambda solved: solved.value)
        return replace(better, lower=max(self.lower, other.lower))


def _blocks(problem: _Problem) -> Iterator[_Block]:
    """Two signed neurons per pattern.

    With bias the all-active pattern is w·x + b for any w (take b large), and its b is t: left in, it would
    make the set of optima unbounded. One block of either sign without b says the same.
    """
    X, bias = problem.X, problem.bias
    rows = np.column_stack([X, np.ones(len(X))]) if bias else X
    distinct = np.unique(rows, axis=0, return_index=True)[1]
    for active in problem.cells:
        if not active.any():
            continue
        if bias and active.all():
            yield _Block(1, X, np.zeros((0, X.shape[1])))
            continue
        cone = np.where(active, 1.0, -1.0)[distinct, None] * rows[distinct]
        cone = cone[np.any(cone != 0, axis=1)]
        for sign in (1, -1):
            yield _Block(sign, sign * active[:, None] * rows, cone)


def _solve(problem: _Problem, scale: float) -> _Solved:
    """min scale·(Σ s ℓ + β Σ‖w‖) by Clarabel, then both sides of the answer evaluated afresh.

    Variables, in this order: θ of every block | norm epigraphs ρ | t (with bias) | loss variables z.
    """
    X, y, s, d, n = problem.X, problem.y, problem.weight, problem.X.shape[1], len(problem.y)
    blocks = list(_blocks(problem))
    ends = np.cumsum([0, *(block.columns.shape[1] for block in blocks)])
    T = int(ends[-1])
    w_index = [np.arange(start, start + d) for start in ends[:-1]]
    euclidean = problem.norm == 2 and d > 1
    R = len(blocks) * (1 if euclidean else d)
    t_count = int(problem.bias)
    Z = {"squared": n, "huber": 3 * n, "hinge": n, "logistic": 3 * n, "quantile": 2 * n, "poisson": n}[problem.loss]
    N = T + R + t_count + Z

    F = np.zeros((n, N))  # f = F·variables
    F[:, :T] = np.hstack([block.columns for block in blocks]) if blocks else 0.0
    F[:, T + R : T + R + t_count] = 1.0

    def z(part: int) -> np.ndarray:
        """Rows that select the part-th loss variable of every sample."""
        rows = np.zeros((n, N))
        rows[:, T + R + t_count + part * n :][:, :n] = np.eye(n)
        return rows

    quadratic, linear = np.zeros(N), np.zeros(N)
    linear[T : T + R] = problem.beta
    A, rhs, kinds = [], [], []

    def require(rows, bound: np.ndarray, *kind) -> int:
        """bound − rows·variables ∈ cone; returns the index of the first row."""
        first = sum(map(len, rhs))
        A.append(sparse.csr_matrix(rows))
        rhs.append(np.broadcast_to(bound, rows.shape[0]).astype(float))
        kinds.extend(kind)
        return first

    # The loss. The multiplier of the row that holds f_i is ± v_i, v = gradient of the loss.
    zero, one = np.zeros(n), np.ones(n)
    if problem.loss == "squared":
        first = require(F - z(0), y, clarabel.ZeroConeT(n))
        quadratic += z(0).T @ s
        v_rows, v_sign = first + np.arange(n), one
    elif problem.loss == "huber":
        first = require(F - z(0) - z(1) + z(2), y, clarabel.ZeroConeT(n))
        require(-np.vstack([z(1), z(2)]), np.zeros(2 * n), clarabel.NonnegativeConeT(2 * n))
        quadratic += z(0).T @ s
        linear += problem.delta * (z(1) + z(2)).T @ s
        v_rows, v_sign = first + np.arange(n), one
    elif problem.loss == "hinge":
        first = require(-z(0) - y[:, None] * F, -one, clarabel.NonnegativeConeT(n))
        require(-z(0), zero, clarabel.NonnegativeConeT(n))
        linear += z(0).T @ s
        v_rows, v_sign = first + np.arange(n), -y
    elif problem.loss == "quantile":
        first = require(F - z(0) + z(1), y, clarabel.ZeroConeT(n))
        require(-np.vstack([z(0), z(1)]), np.zeros(2 * n), clarabel.NonnegativeConeT(2 * n))
        linear += ((1.0 - problem.delta) * z(0) + problem.delta * z(1)).T @ s
        v_rows, v_sign = first + np.arange(n), one
    elif problem.loss == "poisson":  # e^f ≤ z0
        nothing, ones = np.zeros((n, N)), np.stack([zero, one, zero], axis=1).ravel()
        rows = np.stack([-F, nothing, -z(0)], axis=1).reshape(-1, N)
        first = require(rows, ones, *[clarabel.ExponentialConeT()] * n)
        linear += z(0).T @ s - F.T @ (s * y)
        v_rows, v_sign = first + 3 * np.arange(n), -one
    else:  # log(1 + e^−yf) ≤ z0  ⇔  z1 + z2 ≤ 1, e^−z0 ≤ z1, e^(−yf − z0) ≤ z2
        require(z(1) + z(2), one, clarabel.NonnegativeConeT(n))
        nothing, exponentials = np.zeros((n, N)), [clarabel.ExponentialConeT()] * n
        ones = np.stack([zero, one, zero], axis=1).ravel()
        require(np.stack([z(0), nothing, -z(1)], axis=1).reshape(-1, N), ones, *exponentials)
        margins = np.stack([z(0) + y[:, None] * F, nothing, -z(2)], axis=1).reshape(-1, N)
        first = require(margins, ones, *exponentials)
        linear += z(0).T @ s
        v_rows, v_sign = first + 3 * np.arange(n), y

    # The cones of the patterns.
    eye = sparse.identity(N, format="csr")
    cones = -sparse.block_diag([block.cone for block in blocks], format="csr") @ eye[:T] if blocks else eye[:0]
    cone_row = require(cones, 0.0, clarabel.NonnegativeConeT(cones.shape[0])) if cones.shape[0] else 0

    # The norms.
    if euclidean:
        order = np.array([[T + k, *index] for k, index in enumerate(w_index)], int).ravel()
        require(-eye[order], 0.0, *[clarabel.SecondOrderConeT(d + 1)] * len(blocks))
    elif blocks:
        w, rho = eye[np.concatenate(w_index)], eye[T : T + R]
        require(sparse.vstack([w - rho, -w - rho]), 0.0, clarabel.NonnegativeConeT(2 * R))

    solution = clarabel.DefaultSolver(
        sparse.diags(scale * quadratic, format="csc"),
        scale * linear,
        sparse.vstack(A, format="csc"),
        np.concatenate(rhs),
        kinds,
        _settings(),
    ).solve()
    x, multiplier = np.array(solution.x), np.array(solution.z) / scale

    theta = [x[start:end] for start, end in pairwise(ends)]
    t = float(x[T + R]) if t_count else 0.0
    network = _network(X, blocks, theta, t)
    sizes = np.cumsum([0, *(len(block.cone) for block in blocks)])
    lam = [multiplier[cone_row + a : cone_row + e] for a, e in pairwise(sizes)]
    return _Solved(
        _objective(problem, network),
        _lower_bound(problem, blocks, lam, v_sign * multiplier[v_rows]),
        str(solution.status),
        network,
    )


def _settings() -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    settings.max_iter = 200
    return settings


def _network(X: np.ndarray, blocks: list[_Block], theta: list[np.ndarray], t: float) -> _Network:
    """The neurons of the blocks; the one without a cone gets the bias that makes every sample active."""
    W = np.array([th[: X.shape[1]] for th in theta]).reshape(len(theta), X.shape[1])
    free = np.array([not len(block.cone) for block in blocks], bool)
    biases = np.array([th[X.shape[1] :].sum() for th in theta])
    biases[free] = -(X @ W[free].T).min(axis=0, initial=np.inf)
    amplitudes = np.array([float(block.sign) for block in blocks])
    return _Network(W, biases, amplitudes, t - biases[free] @ amplitudes[free])


def _objective(problem: _Problem, network: _Network) -> float:
    """The objective of the network itself: neurons clipped by (·)_+, wherever their cones are."""
    losses = loss_values(problem.loss, network(problem.X), problem.y, problem.delta)
    penalty = np.linalg.norm(network.weights, problem.norm, axis=1) @ np.abs(network.amplitudes)
    return float(losses @ problem.weight + problem.beta * penalty)


def _lower_bound(problem: _Problem, blocks, lam, v: np.ndarray) -> float:
    """Weak duality: min_f Σ s ℓ(f) − v·f bounds the optimum if Σ v_i (w·x_i + b)_+ ≤ β‖w‖ in absolute value.

    In a cell, v·columns·θ ≥ (columnsᵀv − coneᵀλ)·θ for any λ ≥ 0, and |b| ≤ max_i ‖x_i‖_* ‖w‖ as the kink is
    among the samples. So any λ bounds the neuron, and v is shrunk until the worst bound is β.
    """
    s, d = problem.weight, problem.X.shape[1]
    dual_norm = 2 if problem.norm == 2 else np.inf
    reach = np.linalg.norm(problem.X, dual_norm, axis=1).max()
    v = _into_domain(problem, v - s * problem.y if problem.loss == "poisson" else v)
    worst = 0.0
    for block, multipliers in zip(blocks, lam, strict=True):
        g = block.columns.T @ v - block.cone.T @ np.maximum(multipliers, 0.0)
        worst = max(worst, np.linalg.norm(g[:d], dual_norm) + reach * np.abs(g[d:]).sum())
    v = v * min(1.0, problem.beta / worst) if worst > 0 else v

    if problem.loss in ("squared", "huber"):
        return float(-(v @ problem.y) - (v**2 / (2 * s)).sum())
    if problem.loss == "quantile":
        return float(-(v @ problem.y))
    if problem.loss == "poisson":
        q, y = np.maximum(problem.y + v / s, 0.0), problem.y
        return float(s @ (entr(q) + q - entr(y) - y))
    p = np.clip(-v * problem.y / s, 0.0, 1.0)
    return float(s @ p) if problem.loss == "hinge" else float(s @ (entr(p) + entr(1 - p)))


def _into_domain(problem: _Problem, v: np.ndarray) -> np.ndarray:
    """Clip v to where the conjugate is finite; with bias shrink its heavier sign so that Σ v = 0."""
    if problem.loss == "huber":
        v = np.clip(v, -problem.weight * problem.delta, problem.weight * problem.delta)
    elif problem.loss == "quantile":
        v = np.clip(v, -problem.delta * problem.weight, (1.0 - problem.delta) * problem.weight)
    elif problem.loss == "poisson":
        v = np.maximum(v, -problem.weight * problem.y)
    elif problem.loss in ("hinge", "logistic"):
        v = -problem.y * np.clip(-problem.y * v, 0.0, problem.weight)
    if problem.bias:
        positive, negative = v[v > 0].sum(), -v[v < 0].sum()
        total = min(positive, negative)
        v = np.where(v > 0, v * total / (positive or 1.0), v * total / (negative or 1.0))
    return v


def loss_values(loss: str, f: np.ndarray, y: np.ndarray, delta: float = 1.0) -> np.ndarray:
    """ℓ(f_i, y_i) per sample, in the definitions of DESIGN.md."""
    if loss == "squared":
        return 0.5 * (f - y) ** 2
    if loss == "huber":
        r = np.abs(f - y)
        return np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))
    if loss == "quantile":
        return np.maximum(delta * (y - f), (1.0 - delta) * (f - y))
    if loss == "poisson":
        return np.exp(f) - y * f - entr(y) - y
    return np.maximum(1.0 - y * f, 0.0) if loss == "hinge" else np.logaddexp(0.0, -y * f)


def _power_of_two(v: float) -> float:
    """The power of two just above v (a change of units that rounds nothing); 1 for v = 0."""
    return float(2.0 ** np.ceil(np.log2(v))) if v > 0 else 1.0


def _validate(X, y, weight, beta, norm, bias, loss, delta) -> None:
    if X.ndim != 2 or len(X) != len(y) or len(weight) != len(y) or len(y) == 0:
        raise ValueError(f"X {X.shape}, y {y.shape}, sample_weight {weight.shape} do not match")
    if X.shape[1] + bool(bias) > MAX_RANK:
        raise ValueError(f"d + bias = {X.shape[1] + bool(bias)}; the program is too large beyond {MAX_RANK}")
    if not (np.isfinite(X).all() and np.isfinite(y).all() and np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError("X, y and sample_weight must be finite, and weights non-negative")
    if not (beta > 0 and delta > 0 and norm in (1, 2) and loss in LOSSES):
        raise ValueError(f"beta={beta}, huber_delta={delta}, norm={norm}, loss={loss!r}")
    if loss == "poisson" and (y < 0).any():
        raise ValueError(f"poisson needs y ≥ 0, got {y.min()}")
    if loss in ("logistic", "hinge") and not np.isin(y, (-1.0, 1.0)).all():
        raise ValueError(f"{loss} needs y in {{-1, +1}}, got {np.unique(y)}")
