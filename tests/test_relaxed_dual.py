"""The dual variable chosen for the relaxed bound: feasible, below every network's objective, above plain scaling."""

import numpy as np
import pytest

from bladenet import train
from bladenet.column_generation import constant_network
from bladenet.pricing import BranchAndBound, Clock
from bladenet.pricing.relaxation import relaxed_bound
from bladenet.problem import TrainingProblem
from bladenet.relaxed_dual import relaxed_dual

SETTINGS = [(1, True), (1, False), (2, True), (2, False)]
every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


def problem(loss, norm, bias, share, n=60, d=2, seed=0):
    """A teacher's data, with β a share of where the network becomes constant."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.abs(X[:, 0]) - np.maximum(X @ rng.normal(size=d), 0.0) + 0.2 * rng.normal(size=n)
    if loss in ("logistic", "hinge"):
        y = np.where(y > np.median(y), 1.0, -1.0)
    create = TrainingProblem.create
    form = create(X, y, beta=1.0, norm=norm, bias=bias, loss=loss).standard
    largest = relaxed_bound(form.points, form.at_points(constant_network(form).v), norm, bias) * form.price
    return create(X, y, beta=share * largest, norm=norm, bias=bias, loss=loss)


def is_slow(loss, norm, bias):
    """Every loss in one setting, and one loss with the other norm and with bias, are enough."""
    return (norm, bias) != (2, False) and (loss, norm, bias) not in {("squared", 1, False), ("squared", 2, True)}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(given, marks=pytest.mark.slow) if is_slow(*given) else given
        for given in ((loss, *setting) for loss in ("squared", "logistic", "huber", "hinge") for setting in SETTINGS)
    ],
    ids=lambda given: "-".join(map(str, given)),
)
def test_true_lower_bound_and_better_than_scaling(given):
    # guards the claim itself: |h| ≤ bound ≤ β by an exact pricer, v in the domain, Σ v = 0, and no network below it
    loss, norm, bias = given
    given = problem(loss, norm, bias, 0.1)
    form = given.standard
    v0 = constant_network(form).v
    v, bound = relaxed_dual(form, v0, Clock())
    assert bound <= form.beta * (1.0 + 1e-12)
    assert BranchAndBound(form).maximum(form.at_points(v)).bound <= bound * (1.0 + 1e-9)
    low, high = form.loss.domain(form.y)
    assert ((v / form.weight >= low - 1e-12) & (v / form.weight <= high + 1e-12)).all()
    if bias:
        assert abs(v.sum()) <= 1e-12 * np.abs(v).sum()
    certificate = train(given.X, given.y, beta=given.beta, norm=norm, bias=bias, loss=loss, tol=1e-3).certificate
    proven = form.constant + form.dual_value(v)
    assert form.value * proven <= certificate.objective * (1.0 + 1e-9)
    scaled = form.constant + form.dual_value(v0 * min(1.0, form.beta / relaxed_bound(form.points, v0, norm, bias)))
    assert proven >= scaled
    if loss in ("squared", "logistic"):
        assert form.value * proven >= 0.5 * certificate.objective  # here the relaxation closes most of the gap


@pytest.mark.parametrize(
    ("norm", "bias"),
    [
        *(pytest.param(*given, marks=pytest.mark.slow) for given in ((1, True), (1, False), (2, True))),
        (2, False),
    ],
)
def test_improves_in_many_features(norm, bias):
    # guards the loop: where no exact pricer works, the chosen v must beat the residual scaled into feasibility
    form = problem("squared", norm, bias, 0.05, n=150, d=8).standard
    v0 = constant_network(form).v
    v, _ = relaxed_dual(form, v0, Clock())
    scaled = form.dual_value(v0 * min(1.0, form.beta / relaxed_bound(form.points, v0, norm, bias)))
    assert form.dual_value(v) > 1.25 * scaled


@every_setting
def test_large_beta_is_proven_exactly(norm, bias):
    # guards the easy end: where the constant network is optimal its own residual proves it
    form = problem("squared", norm, bias, 1.01, n=40, d=5).standard
    best = constant_network(form)
    v, bound = relaxed_dual(form, best.v, Clock())
    assert form.dual_value(v) == pytest.approx(best.objective, rel=1e-9)
    assert bound <= form.beta


def test_stopped_clock_still_gives_a_feasible_dual():
    # guards time limits: the first scaled v is an answer
    form = problem("squared", 2, True, 0.1, n=50, d=4).standard
    clock = Clock()
    clock.interrupt()
    v, bound = relaxed_dual(form, constant_network(form).v, clock)
    assert 0.0 < bound <= form.beta
    assert form.dual_value(v) > 0.0
    assert relaxed_bound(form.points, v, 2, True) <= form.beta * 1.5
