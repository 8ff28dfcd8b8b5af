"""The linear program of kinked losses: exact to the tolerance of HiGHS in any units, and against the interior point."""

import numpy as np
import pytest

from bladenet.interior_point import InteriorPoint
from bladenet.linear_program import linear_program
from bladenet.losses import HingeLoss, QuantileLoss
from test_restricted import check, hinges, targets

pytestmark = pytest.mark.sampled

LOSSES = {"hinge": HingeLoss(), "quantile": QuantileLoss(0.5), "quantile0.9": QuantileLoss(0.9)}
every_loss = pytest.mark.parametrize("loss", LOSSES)


def problem(loss, kind, n, m, seed=0):
    X, K = hinges(kind, n, m, seed)
    rng = np.random.default_rng(seed)
    y = targets("hinge" if loss == "hinge" else "huber", X, rng)
    return K, y, rng.uniform(0.1, 3.0, n)


@every_loss
@pytest.mark.parametrize("kind", ["random", "grid", "degenerate"])
@pytest.mark.parametrize("shape", [(40, 12), (40, 90), (3, 10), (1, 4)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("beta", [1e-4, 0.05, 1.0, 1e3])
def test_vertex_is_exact(loss, kind, shape, bias, beta):
    # guards the signs of multipliers: a wrong one leaves a gap of the size of the objective
    K, y, s = problem(loss, kind, *shape)
    solution = linear_program(K, bias, y, s, beta, LOSSES[loss])
    check(solution, K, y, s, beta, LOSSES[loss], bias)
    assert solution.gap <= 1e-9 * solution.objective + 1e-12 * (s @ np.abs(y))


@every_loss
def test_it_is_closer_than_the_interior_point(loss):
    # guards the reason why it is used
    K, y, s = problem(loss, "random", 60, 20)
    exact = linear_program(K, True, y, s, 0.2, LOSSES[loss])
    other = InteriorPoint(K, np.ones(60), y, s, 0.2, LOSSES[loss]).solve(1e-9)
    assert other.objective == pytest.approx(exact.objective, rel=1e-8)
    assert abs(exact.gap) <= 1e-12 * exact.objective


@pytest.mark.parametrize("unit", [1e-90, 1e-9, 1e9, 1e90])
@pytest.mark.parametrize("of", ["targets", "columns", "weights"])
def test_units_do_not_matter(unit, of):
    # guards against the absolute tolerances of HiGHS
    K, y, s = problem("quantile", "random", 30, 10)
    change = {"targets": (1, unit, 1, 1), "columns": (unit, 1, 1, unit), "weights": (1, 1, unit, unit)}[of]
    plain = linear_program(K, True, y, s, 0.3, QuantileLoss())
    data = (change[0] * K, True, change[1] * y, change[2] * s, change[3] * 0.3)
    scaled = linear_program(*data, QuantileLoss())
    assert scaled.objective == pytest.approx(plain.objective * change[1] * change[2], rel=1e-11)
    assert scaled.gap <= 1e-10 * scaled.objective


def test_no_columns():
    # guards the first round of a search: the best constant is a quantile
    y = np.array([1.0, 2.0, 7.0])
    solution = linear_program(np.zeros((3, 0)), True, y, np.ones(3), 1.0, QuantileLoss())
    assert solution.t == 2.0
    assert solution.objective == pytest.approx(3.0)


def test_time_is_limited():
    # guards a deadline against a long program
    K, y, s = problem("quantile", "random", 2000, 300)
    assert linear_program(K, True, y, s, 1.0, QuantileLoss(), seconds=0.0) is None
