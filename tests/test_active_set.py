"""The active-set method for the Lasso, and the kernel that drops many neurons at once."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from bladenet import kernels
from bladenet.active_set import ColumnForm, GramForm, active_set

KINDS = pytest.mark.parametrize("kind", ["random", "grid", "copies"])


def hinges(kind, n, m, rng):
    """Strongly correlated columns (n, m)."""
    X = rng.normal(size=(n, 2))
    X = np.round(X) if kind == "grid" else X
    a = X @ rng.normal(size=(2, m))
    K = np.maximum(a - a[rng.integers(0, n, m), np.arange(m)], 0.0)
    if kind == "copies":
        K[:, : m // 3] = K[:, m // 3 : 2 * (m // 3)]
        K[:, -1] = 0.0
    return K, np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=n)


def objective(K, y, beta, z):
    return 0.5 * np.sum((K @ z - y) ** 2) + beta * np.abs(z).sum()


@KINDS
@pytest.mark.parametrize("share", [0.3, 0.03, pytest.param(0.003, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["gram", "columns"])
def test_the_optimum_from_nothing_and_from_a_bad_start(kind, share, form):
    # guards the joint entry of hundreds of columns, most of which have to leave again
    rng = np.random.default_rng([len(kind), int(1000 * share)])
    K, y = hinges(kind, 150, 300, rng)
    beta = share * np.abs(K.T @ y).max()
    quadratic = GramForm(K.T @ K, K.T @ y) if form == "gram" else ColumnForm(K, y)
    sklearn = Lasso(beta / len(y), fit_intercept=False, tol=1e-12, max_iter=200_000).fit(K, y)
    best = objective(K, y, beta, sklearn.coef_)
    for start in (np.zeros(300), rng.normal(size=300) * K.any(axis=0)):
        z = active_set(quadratic, beta, start, 1e-7)
        assert objective(K, y, beta, z) <= best * (1.0 + 1e-9)
        correlation = K.T @ (y - K @ z)
        assert np.abs(correlation).max() <= beta * (1.0 + 1e-6)
        np.testing.assert_allclose(correlation[z != 0], beta * np.sign(z[z != 0]), rtol=1e-6)


@KINDS
@pytest.mark.parametrize("most", [3, 200])
def test_shedding_lowers_the_objective_and_ends_where_signs_are_right(kind, most):
    # guards rank-one changes of the inverse, sign changes on the way, and an early end when too many would be dropped
    rng = np.random.default_rng([len(kind), most])
    K, y = hinges(kind, 150, 120, rng)
    K = K / np.maximum(np.linalg.norm(K, axis=0), 1e-9)
    price = 0.05 * np.abs(K.T @ y).max() * rng.uniform(0.5, 1.5, 120)
    z = np.where(rng.random(120) < 0.5, 0.1 * rng.normal(size=120), 0.0)
    G = K.T @ K + 1e-3 * np.eye(120)  # with less, rounding is all there is to see
    origin, g = z.copy(), K.T @ (y - K @ z)
    signs = np.where(z != 0, np.sign(z), np.sign(g))

    def value(z):
        d = z - origin
        return 0.5 * d @ G @ d - g @ d + price @ np.abs(z)

    kept, U = np.ones(120, dtype=bool), np.empty((most, 120))
    count = kernels.shed(np.triu(np.linalg.inv(G)), U, 0, kept, z, signs, g - price * signs, price)
    assert value(z) <= value(origin)
    assert not z[~kept].any()
    if count == most:
        assert kept.sum() == 120 - most
        return
    assert value(z) < value(origin)
    assert (~kept).sum() >= count > 0
    slope = (g - G @ (z - origin))[kept]
    np.testing.assert_allclose(slope, (price * np.sign(z))[kept], atol=1e-5 * price.max())
