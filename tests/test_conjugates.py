"""Losses and their conjugates in many digits, over the whole domain: proofs of well-fitted models live at its ends."""

import numpy as np
import pytest
from mpmath import exp, log, log1p, mp, mpf

import bladenet as bn
from bladenet.losses import HuberLoss, LogisticLoss, PoissonLoss, QuantileLoss, SoftmaxLoss, SquaredLoss, weighted_mean

pytestmark = pytest.mark.sampled

TINY = 10.0 ** -np.r_[300.0, 200, 100, 40, 25, 17, 16.5, 16, 15.5, 15, 12, 9, 6, 4, 3, 2, 1.5, 1, 0.7]
SHARES = np.r_[0.0, TINY, 0.25, 0.3, 0.499999, 0.5 - 1e-12, 0.5, 0.5 + 1e-9, 0.7, 0.75, 1.0 - TINY[6:], 1.0]


@pytest.fixture(autouse=True)
def many_digits():
    with mp.workdps(700):  # 50 hold for results: 1 − 1e-300 is not 1
        yield


def close(found, expected, sizes=None, ulps=8):
    """Found is within a few roundings of what many digits give, relative to it or to the terms it is a sum of."""
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        size = abs(b) if sizes is None else sizes[k]
        assert abs(mpf(float(a)) - b) <= ulps * 2.3e-16 * size + mpf(1e-320), (k, a, float(b))


def entropy(q):
    return q * log(q) if q > 0 else mpf(0)


@pytest.mark.parametrize("y", [1.0, -1.0])
def test_logistic_conjugate(y):
    # guards 1 − (1 − q), which put lower bounds above the optimum
    loss, q = LogisticLoss(), [mpf(float(share)) for share in SHARES]
    v, targets = -y * SHARES, np.full(len(SHARES), y)
    close(loss.conjugate(v, targets), [entropy(a) + entropy(1 - a) for a in q])
    inside = (SHARES > 0) & (SHARES < 1)
    found = loss.conjugate_gradient(v[inside], targets[inside])
    close(found, [mpf(-y) * log(a / (1 - a)) for a in q if 0 < a < 1])
    close(loss.conjugate_hessian(v[inside], targets[inside]), [1 / (a * (1 - a)) for a in q if 0 < a < 1])


@pytest.mark.parametrize("y", [1.0, -1.0])
def test_logistic_value_and_derivatives(y):
    f = np.r_[-TINY, 0.0, TINY, np.linspace(-700.0, 700.0, 141)]
    targets, m = np.full(len(f), y), [mpf(float(y * t)) for t in f]
    close(LogisticLoss().value(f, targets), [log1p(exp(-t)) for t in m])
    close(LogisticLoss().gradient(f, targets), [-y / (1 + exp(t)) for t in m])
    close(LogisticLoss().hessian(f, targets), [1 / ((1 + exp(t)) * (1 + exp(-t))) for t in m])


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e-25, 1e-17, 1e-16, 1e-9, 0.1, 0.5])
def test_softmax_conjugate(scale):
    # guards q = y + v, where the right class has nearly everything
    rng = np.random.default_rng(0)
    others = scale * rng.dirichlet(np.ones(3), size=6) * np.array([1.0, 1.0, 0.0])
    v = np.column_stack([-others.sum(axis=1), others])
    y = np.tile([1.0, 0.0, 0.0, 0.0], (6, 1))
    inside = SoftmaxLoss().into_domain(v, y)
    np.testing.assert_array_equal(inside, v)
    exact = [[mpf(float(a)) for a in row[1:]] for row in v]
    close(SoftmaxLoss().conjugate(v, y), [sum(map(entropy, row)) + entropy(1 - sum(row)) for row in exact])


@pytest.mark.parametrize("ahead", [-800.0, -300.0, -40.0, -1.0, 0.0, 30.0, 700.0])
def test_softmax_value_and_derivatives(ahead):
    # guards probabilities less 1, also of a wrong class that is nearly certain
    f = np.array([[0.0, ahead, ahead - 1.0], [3.0, 3.0 + ahead, 2.0 + ahead]])
    y = np.tile([1.0, 0.0, 0.0], (2, 1))
    rows = [[exp(mpf(float(t - row[0]))) for t in row] for row in f]
    close(SoftmaxLoss().value(f, y), [log1p(sum(row[1:])) for row in rows])
    gradient, hessian = SoftmaxLoss().gradient(f, y), SoftmaxLoss().curvature(f, y)
    for g, h, row in zip(gradient, hessian, rows, strict=True):
        p = [a / sum(row) for a in row]
        close(g, [-(p[1] + p[2]), p[1], p[2]])
        close(h.ravel(), [p[a] * (sum(p[:a] + p[a + 1 :]) if a == b else -p[b]) for a in range(3) for b in range(3)])


COUNTS = np.array([0.0, 1e-200, 1e-9, 0.3, 1.0, 7.0, 1e9 - 100.0, 1e9 + 1.0, 1e100])


@pytest.mark.parametrize("y", COUNTS)
@pytest.mark.parametrize("centre", [1.0, 1e9])
def test_poisson_conjugate(y, centre):
    # guards (1 + u) log(1 + u) − u for small u = v / y, and the ends
    v = np.r_[y * TINY, -y * TINY, -y * 0.5, -y * 0.75, -y, 0.0, y, 3.0 * y + 1.0, 1e5]
    m, target = mpf(centre), mpf(float(y))
    ratio = [log(target / m) if y else mpf(0)] * len(v)
    exact = [mpf(float(a)) for a in v]
    expected = [entropy(target + a) - entropy(target) - a - a * log(m) for a in exact]
    parts = [abs(a * r) + abs(e - a * r) for a, r, e in zip(exact, ratio, expected, strict=True)]
    # what rounds in y + v is at most that of half of v's term, which is feasible as well
    rest = [abs(a) * (1 + abs(log((target + abs(a)) / m))) if abs(a) > 0.5 * y else mpf(0) for a in exact]
    sizes = [p + r for p, r in zip(parts, rest, strict=True)]
    close(PoissonLoss().conjugate_about(v, np.full(len(v), y), centre), expected, sizes, ulps=40)


def test_poisson_value_keeps_second_orders():
    # guards exp r − 1 − r; r itself is a difference of rounded numbers unless log y is 0
    f = np.r_[-TINY, TINY, np.linspace(-1.2, 1.2, 25), 3.0, -30.0]
    ones, exact = np.ones(len(f)), [mpf(float(t)) for t in f]
    close(PoissonLoss().value(f, ones), [exp(t) - 1 - t for t in exact])
    close(PoissonLoss().gradient(f, ones), [exp(t) - 1 for t in exact])


@pytest.mark.parametrize(
    "loss", [SquaredLoss(), HuberLoss(2.0), QuantileLoss(0.3), PoissonLoss()], ids=lambda a: a.name
)
def test_dual_value_beside_large_offsets(loss):
    # guards the offset of targets that weigh next to nothing, or lie far off: Σ v = 0 takes it out
    y = 1e9 + np.array([-100.0, 3.0, 55.0, 7.0, 100.0, 4e12])
    weight = np.array([1.0, 1e3, 2.0, 1e-9, 1.0, 1e-13])
    v = np.array([0.5, -0.25, -0.125, 0.0, -0.125, 0.0])
    v[3], v[5] = 2.0**-50, -(2.0**-50)
    v *= weight.min() * 1e13 / 4.0
    assert mpf(0) == sum(mpf(float(a)) for a in v)
    expected = mpf(0)
    for a, t, s in zip(v, y, weight, strict=True):
        a, t, s = mpf(float(a)), mpf(float(t)), mpf(float(s))
        r = a / s
        if loss.name == "poisson":
            expected -= s * (entropy(t + r) - entropy(t) - r)
        else:
            expected -= a * t + (0 if loss.name == "quantile" else a * r / 2)
    if loss.name != "poisson":
        assert expected > 0
    found = float(loss.dual_terms(v, y, weight, balanced=True).sum())
    assert found == pytest.approx(float(expected), rel=1e-12)


def test_weighted_mean_of_what_weighs_most():
    y, weight = np.array([1e6, 5.0 + 1e-9, 5.0 - 1e-9]), np.array([1e-24, 1.0, 3.0])
    exact = sum(mpf(float(a)) * mpf(float(b)) for a, b in zip(y, weight, strict=True)) / sum(
        map(mpf, map(float, weight))
    )
    assert abs(mpf(float(weighted_mean(y, weight))) - exact) < 1e-15
    fit = HuberLoss(1.0).constant_fit(y, weight)
    assert fit == pytest.approx(5.0 - 0.5e-9, abs=2e-15)


# --- certificates of problems with an optimum in closed form -----------------------------------------------------


def best_of_two(beta, weight):
    """Two points 2 apart, classes −1 and +1 of the same weight, logistic loss: the optimal objective."""
    s, beta = mpf(weight), mpf(beta)
    a = log(2 * s / beta - 1)
    return 2 * s * log1p(exp(-a)) + beta * a


@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-8])
@pytest.mark.parametrize(
    ("beta", "weight"),
    [(1.515e-11, 1.0), (12.66, 1e12), (1.38e-16, 1.0), (1e-28, 1e-12), (0.3, 1.0), (0.9999999, 1.0), (3e-80, 1e-70)],
)
def test_bounds_of_two_points(beta, weight, tol):
    # guards against a bound above the optimum, and a false GLOBAL
    fit = bn.train([[-1.0], [1.0]], [-1, 1], beta=beta, loss="logistic", sample_weight=[weight] * 2, tol=tol)
    best, proven = best_of_two(beta, weight), fit.certificate
    assert mpf(proven.lower_bound) <= best * (1 + mpf(1e-12))
    assert mpf(proven.objective) >= best * (1 - mpf(1e-12))
    assert proven.status is bn.Status.GLOBAL
    assert mpf(proven.objective) <= best * (1 + 2 * mpf(tol))


# --- certificates of random problems, judged in 50 digits ---------------------------------------------------------


def hard_problem(seed):
    """One feature; weights over up to 24 decades, β down to 1e-16 of the largest, counts of 1e9 ± 100."""
    rng = np.random.default_rng([20, seed])
    kind = ("logistic", "poisson", "quantile", "huber")[seed % 4]
    n = int(rng.integers(3, 8))
    X = rng.normal(size=(n, 1)) * 10.0 ** rng.uniform(-3, 3)
    weight = 10.0 ** rng.uniform(*[(0, 0), (-2, 2), (-12, 12)][seed // 4 % 3], n)
    y = {
        "logistic": np.r_[-1.0, 1.0, rng.choice([-1.0, 1.0], n - 2)],
        "poisson": 1e9 + rng.integers(-100, 101, n) if rng.random() < 0.5 else 1.0 + rng.poisson(3.0, n),
    }.get(kind, rng.normal(size=n) + 10.0 ** rng.uniform(0, 6))
    loss = {"quantile": QuantileLoss(0.9), "huber": HuberLoss(2.0)}.get(kind, kind)
    return X, y, weight, loss, 10.0 ** rng.uniform(-16, 0), 10.0 ** rng.uniform(-8, -2)


def exact_objective(problem, network):
    """The objective of these very numbers."""
    total, name = mpf(0), problem.loss.name
    exact = [[mpf(float(a)) for a in array.ravel()] for array in (network.weights, network.biases, network.amplitudes)]
    for x, y, s in zip(problem.X[:, 0], problem.y, problem.sample_weight, strict=True):
        x, y, s = mpf(float(x)), mpf(float(y)), mpf(float(s))
        f = sum((max(w * x + b, mpf(0)) * u for w, b, u in zip(*exact, strict=True)), mpf(float(network.intercept)))
        r = f - y
        if name == "logistic":
            total += s * log1p(exp(-y * f))
        elif name == "poisson":
            total += s * (exp(f) - y * f - y + y * log(y))
        elif name == "quantile":
            total += s * max(-mpf(0.9) * r, mpf(1.0 - 0.9) * r)
        else:
            total += s * (r * r / 2 if abs(r) <= 2 else 2 * (abs(r) - 1))
    return total + mpf(problem.beta) * sum(abs(w * u) for w, _, u in zip(*exact, strict=True))


def exact_bound(problem, v):
    """The lower bound that v proves, scaled by its true max |h|, Σ v put to 0 exactly."""
    v, x, y, s = ([mpf(float(a)) for a in array] for array in (v, problem.X[:, 0], problem.y, problem.sample_weight))
    up, down = sum(a for a in v if a > 0), -sum(a for a in v if a < 0)
    if not up or not down:
        return mpf(0)
    v = [a * min(mpf(1), down / up if a > 0 else up / down) for a in v]
    h = max(abs(sum(a * max(side * (c - o), mpf(0)) for a, c in zip(v, x, strict=True))) for o in x for side in (1, -1))
    total = mpf(0)
    for a, t, w in zip(v, y, s, strict=True):
        r = a * min(mpf(1), mpf(problem.beta) / h) / w
        if problem.loss.name == "logistic":
            total -= w * (entropy(-t * r) + entropy(1 + t * r))
        elif problem.loss.name == "poisson":
            total -= w * (entropy(t + r) - entropy(t) - r)
        else:
            total -= w * r * (t + (r / 2 if problem.loss.name == "huber" else 0))
    return total


@pytest.mark.parametrize("seed", [*range(24), *(pytest.param(k, marks=pytest.mark.slow) for k in range(24, 48))])
def test_certificates_of_hard_problems(seed):
    # guards the worst bug where losses are tiny, rounding large, or weights of very different sizes
    X, y, weight, loss, ratio, tol = hard_problem(seed)
    beta = ratio * bn.beta_max(X, y, loss=loss, sample_weight=weight)
    with np.errstate(over="ignore", invalid="ignore"):  # of steps that go too far on saturated samples
        fit = bn.train(X, y, beta=beta, loss=loss, sample_weight=weight, tol=tol, time_limit=10)
    with mp.workdps(50):
        proven, objective, bound = (
            fit.certificate,
            exact_objective(fit.problem, fit.network),
            exact_bound(fit.problem, fit.proof.dual),
        )
        assert bound <= objective
        assert mpf(proven.lower_bound) <= bound + objective * mpf(1e-12)
        if proven.status is bn.Status.GLOBAL:
            assert objective - bound <= objective * mpf(tol) * (1 + mpf(1e-6)) + objective * mpf(1e-13)
