"""The restricted problem: Newton's method against the interior point and scikit-learn, its columns, and its clock."""

import numpy as np
import pytest

from bladenet import columns as columns_module
from bladenet.certificate import Status
from bladenet.columns import Columns, ComputedColumns, activations
from bladenet.interior_point import InteriorPoint
from bladenet.losses import HingeLoss, HuberLoss, LogisticLoss
from bladenet.proximal_newton import ProximalNewton
from bladenet.training import train

pytestmark = pytest.mark.sampled

LOSSES = {"logistic": LogisticLoss(), "huber": HuberLoss(0.7)}


def never():
    return False


def columns_of(K):
    """K in blocks of various sizes."""
    columns = Columns(len(K))
    for part in np.array_split(K.T, 3):
        columns.add(np.ascontiguousarray(part))
    return columns


def hinges(kind, n, m, seed):
    """Columns of hinges (n, m): random, on a grid, or with copies, zeros and a constant."""
    rng = np.random.default_rng([seed, n, m])
    X = rng.normal(size=(n, 3))
    if kind == "grid":
        X = np.round(X)
    a = X @ rng.normal(size=(3, m))
    K = np.maximum(a - a[rng.integers(0, n, m), np.arange(m)], 0.0)
    if kind == "degenerate":
        K[:, : m // 3] = K[:, m // 3 : 2 * (m // 3)]
        K[:, -1], K[:, -2], K[:, -3] = 0.0, 1.0, 1e-9 * K[:, 0]
    return X, K


def targets(loss, X, rng):
    wave = np.sin(2 * X[:, 0]) + X[:, 1] + 0.3 * rng.standard_t(2, len(X))
    if loss == "huber":
        return wave
    y = np.where(wave > 0, 1.0, -1.0)
    y[:2] = [1.0, -1.0][: len(y)]
    return y


def check(solution, K, y, s, beta, loss, bias):
    """Objective, dual variable and gap are what they claim to be."""
    z, t, v = solution.z, solution.t, solution.v
    objective = float(s @ loss.value(K @ z + t, y)) + beta * np.abs(z).sum()
    assert solution.objective == pytest.approx(objective, rel=1e-9, abs=1e-13)
    assert np.abs(K.T @ v).max(initial=0.0) <= beta * (1 + 1e-9)
    low, high = loss.domain(y)
    assert ((v / s >= low - 1e-12) & (v / s <= high + 1e-12)).all()
    if bias:
        assert abs(v.sum()) <= 1e-12 * np.abs(v).sum()
    else:
        assert t == 0.0
    dual = -float(s @ loss.conjugate(v / s, y))
    assert solution.gap == pytest.approx(objective - dual, abs=1e-9 * abs(objective) + 1e-13)
    np.testing.assert_array_equal(solution.used, z != 0)


@pytest.mark.parametrize("share", [0.5, 1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["random", "grid", "degenerate"])
def test_newton_is_the_interior_points(kind, loss, bias, share):
    # guards both: two methods that share no step, and a gap that is what the definition says; some terms share a point
    rng = np.random.default_rng(1)
    X, K = hinges(kind, 40, 24, 1)
    row = np.r_[np.arange(40), [3, 3, 7]]
    y = targets(loss, X[row], rng)
    y[-3:] = -y[-3:]
    s = rng.uniform(0.1, 3.0, len(y))
    datafit = LOSSES[loss]
    t = datafit.constant_fit(y, s) if bias else 0.0
    beta = share * np.abs(K[row].T @ (s * datafit.gradient(np.full(len(y), t), y))).max()
    newton = ProximalNewton(columns_of(K), row, y, s, beta, datafit, bias, never).solve(np.zeros(24), 0.0, 1e-9)
    check(newton, K[row], y, s, beta, datafit, bias)
    assert newton.gap <= 1e-8 * newton.objective
    interior = InteriorPoint(K[row], np.ones(len(y)) if bias else None, y, s, beta, datafit).solve(1e-9)
    assert newton.objective == pytest.approx(interior.objective, rel=1e-7)


@pytest.mark.parametrize("strength", [0.1, 0.5, 3.0])
def test_newton_is_scikit_learns(strength):
    # guards the units, by a solver that no one here wrote
    from sklearn.linear_model import LogisticRegression

    X, K = hinges("random", 60, 15, 2)
    y = targets("logistic", X, np.random.default_rng(3))
    model = LogisticRegression(C=1 / strength, l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=10**5)
    model.fit(K, y)
    z, t = model.coef_[0], float(model.intercept_[0])
    expected = np.logaddexp(0.0, -y * (K @ z + t)).sum() + strength * np.abs(z).sum()
    problem = ProximalNewton(columns_of(K), np.arange(60), y, np.ones(60), strength, LogisticLoss(), True, never)
    newton = problem.solve(np.zeros(15), 0.0, 1e-9)
    assert newton.gap <= 1e-9 * newton.objective
    assert newton.objective == pytest.approx(expected, rel=1e-6)
    assert newton.objective <= expected * (1 + 1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_newton_from_anywhere(loss):
    # guards the search along a step: from starts where ℓ'' vanishes a whole step would diverge
    rng = np.random.default_rng(4)
    X, K = hinges("random", 80, 30, 4)
    y = targets(loss, X, rng)
    data = (columns_of(K), np.arange(80), y, np.ones(80), 0.2, LOSSES[loss], True, never)
    expected = ProximalNewton(*data).solve(np.zeros(30), 0.0, 1e-9)
    for scale in (1.0, 1e2, 1e4):
        for _ in range(3):
            start = scale * rng.normal(size=30)
            found = ProximalNewton(*data).solve(start, scale * rng.normal(), 1e-9)
            assert found.gap <= 1e-9 * found.objective
            assert found.objective == pytest.approx(expected.objective, rel=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_objective_of_newton_never_rises(loss):
    # guards descent, step by step, where Newton's full step does not descend
    rng = np.random.default_rng(5)
    X, K = hinges("random", 50, 20, 5)
    y = targets(loss, X, rng)
    start = 30.0 * rng.normal(size=20)
    before = np.inf
    for steps in range(1, 12):
        asked = iter([False] * steps)
        data = (columns_of(K), np.arange(50), y, np.ones(50), 0.05, LOSSES[loss], True)
        point = ProximalNewton(*data, lambda asked=asked: next(asked, True)).solve(start, 0.0, 1e-12)
        assert point.objective <= before * (1 + 1e-14)
        before = point.objective


@pytest.mark.parametrize("offset", [0.0, 1e5, -1e8])
def test_newton_far_from_zero(offset):
    # guards the rounding of targets: the intercept takes an offset for free
    X, K = hinges("random", 50, 20, 6)
    y = np.round(targets("huber", X, np.random.default_rng(6)) * 2.0**18) / 2.0**18
    data = (columns_of(K), np.arange(50))
    solutions = [
        ProximalNewton(*data, y + shift, np.ones(50), 0.3, HuberLoss(), True, never).solve(np.zeros(20), 0.0, 1e-9)
        for shift in (0.0, offset)
    ]
    assert solutions[1].objective == pytest.approx(solutions[0].objective, rel=1e-7)
    assert solutions[1].t - offset == pytest.approx(solutions[0].t, abs=1e-6)


@pytest.mark.parametrize("m", [0, 1])
def test_one_sample_and_no_columns(m):
    # guards empty arrays
    columns = Columns(1)
    columns.add(np.full((m, 1), 2.0))
    y = np.array([1.0])
    data = (columns, np.zeros(1, dtype=np.int64), y, np.ones(1), 0.1, LogisticLoss(), False, never)
    solution = ProximalNewton(*data).solve(np.zeros(m), 0.0, 1e-9)
    # log(1 + exp(−2z)) + 0.1 z: 2 / (1 + exp(2z)) = 0.1
    z = 0.5 * np.log(19.0)
    expected = np.log1p(1 / 19.0) + 0.1 * z if m else np.log(2.0)
    assert solution.objective == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("large", [False, True])
def test_columns_are_a_matrix(large, monkeypatch):
    # guards blocks: every operation against a plain array, through additions and deletions; large ones are cut up
    if large:
        for name, value in (("LONG", 0), ("SLAB", 7), ("STRIP", 8)):
            monkeypatch.setattr(f"bladenet.columns.{name}", value)
    rng = np.random.default_rng(7)
    K, columns = np.zeros((30, 0)), Columns(30)
    for k in (3, 80, 1, 70, 0, 5):
        new = rng.normal(size=(30, k))
        columns.add(np.ascontiguousarray(new.T))
        K = np.hstack([K, new])
        kept = np.flatnonzero(rng.uniform(size=K.shape[1]) < 0.8)
        columns.keep(kept)
        K = K[:, kept]
        assert len(columns) == K.shape[1]
        z, v, weight = rng.normal(size=K.shape[1]), rng.normal(size=(30, 2)), rng.uniform(size=30)
        z[rng.uniform(size=len(z)) < 0.6] = 0.0
        chosen = np.flatnonzero(z)
        np.testing.assert_array_equal(columns.dense(), K)
        np.testing.assert_array_equal(columns.take(chosen, slice(4, 9)), K[4:9, chosen].T)
        np.testing.assert_allclose(columns.forward(z), K @ z, atol=1e-12)
        np.testing.assert_allclose(columns.adjoint(v), K.T @ v, atol=1e-12)
        np.testing.assert_allclose(columns.adjoint(v[:, 0]), K.T @ v[:, 0], atol=1e-12)
        expected = (K[:, chosen].T * weight) @ K[:, chosen]
        np.testing.assert_allclose(columns.gram(chosen, weight), expected, atol=1e-12)


def test_gram_of_many_points():
    # guards the strips in which points are summed
    rng = np.random.default_rng(8)
    K, weight = rng.normal(size=(20_000, 3)), rng.uniform(size=20_000)
    np.testing.assert_allclose(columns_of(K).gram(np.arange(3), weight), (K.T * weight) @ K, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("loss", [*LOSSES.values(), HingeLoss()])
def test_solvers_stop_when_told(loss):
    # guards the time limit: the best point so far, honestly labelled
    X, K = hinges("random", 60, 20, 9)
    y = targets(loss.name, X, np.random.default_rng(9))
    for steps in (0, 2):
        asked = iter([False] * steps)
        solution = InteriorPoint(K, np.ones(60), y, np.ones(60), 0.1, loss).solve(
            1e-9, lambda asked=asked: next(asked, True)
        )
        assert solution.gap > 1e-6 * solution.objective
        assert np.abs(K.T @ solution.v).max() <= 0.1 * (1 + 1e-9)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_stopped_training_is_honest(loss):
    # guards networks and bounds of a master problem that the clock cut short
    rng = np.random.default_rng(10)
    X = rng.uniform(-1, 1, (400, 2))
    y = np.where(np.sin(5 * X[:, 0]) * X[:, 1] + 0.1 * rng.normal(size=400) > 0, 1.0, -1.0)
    train(X[:50], y[:50], beta=0.1, loss=loss)  # compiled
    full = train(X, y, beta=0.1, loss=loss, tol=1e-3, time_limit=60.0).certificate
    for limit in (0.02, 0.1, 0.4):
        certificate = train(X, y, beta=0.1, loss=loss, time_limit=limit).certificate
        assert certificate.lower_bound <= full.objective * (1 + 1e-9)
        assert certificate.objective >= full.lower_bound * (1 - 1e-9)
        assert np.isfinite(certificate.objective)


@pytest.mark.parametrize(("d", "dense"), [(1, False), (2, False), (12, True), (12, False)])
@pytest.mark.parametrize("outputs", [(), (3,)])
def test_computed_columns_are_the_ones_that_are_kept(d, dense, outputs, monkeypatch):
    monkeypatch.setattr(columns_module, "SHORT", 64)
    monkeypatch.setattr(columns_module, "STRETCH", 200)
    rng = np.random.default_rng(d)
    n, m, known = 1001, 17, 9
    X, W, b = rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=m)
    if not dense:
        W[:, 2:] = 0.0
    W[3] = 0.0
    K = np.maximum(X @ W.T + b, 0.0)
    held, computed = Columns(n), ComputedColumns(X, W, b)
    held.add(activations(X.T, W, b))
    z, v, s = rng.normal(size=(m, *outputs)), rng.normal(size=(n, *outputs)), rng.uniform(size=n)
    z[::3] = 0.0
    chosen, y = np.array([0, 3, 4, 11]), rng.normal(size=n)
    for columns in (held, computed):
        assert len(columns) == m
        np.testing.assert_allclose(columns.dense(), K, atol=1e-12)
        np.testing.assert_allclose(columns.take(chosen, slice(5, 50)), K[5:50, chosen].T, atol=1e-12)
        np.testing.assert_allclose(columns.forward(z), K @ z, atol=1e-9)
        np.testing.assert_allclose(columns.adjoint(v), K.T @ v, atol=1e-9)
        np.testing.assert_allclose(columns.gram(chosen, s), (K[:, chosen].T * s) @ K[:, chosen], atol=1e-9)
        pairs = np.array([[s, -y], [-y, 2 * s]])
        for constant, part in ((False, K[:, chosen]), (True, np.column_stack([K[:, chosen], np.ones(n)]))):
            grams = np.einsum("ij,opi,ik->jokp", part, pairs, part)
            np.testing.assert_allclose(columns.grams(chosen, pairs, constant), grams, atol=1e-9)
        across, sums, correlation = columns.products(known, s, y)
        np.testing.assert_allclose(across, K.T @ (K[:, known:] * s[:, None]), atol=1e-9)
        np.testing.assert_allclose(sums, s @ K[:, known:], atol=1e-9)
        np.testing.assert_allclose(correlation, (s * y) @ K[:, known:], atol=1e-9)
        columns.keep(chosen)
        np.testing.assert_allclose(columns.dense(), K[:, chosen], atol=1e-12)


@pytest.mark.parametrize("loss", ["squared", "logistic", "hinge"])
def test_training_is_the_same_whether_columns_are_kept_or_computed(loss, monkeypatch):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 2))
    y = np.sign(X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=300))
    kept = train(X, y, beta=1.0, loss=loss)
    monkeypatch.setattr("bladenet.restricted.HELD", 500)
    computed = train(X, y, beta=1.0, loss=loss)
    assert kept.certificate.status is computed.certificate.status is Status.GLOBAL
    assert computed.certificate.objective == pytest.approx(kept.certificate.objective, rel=2e-6)
