"""Proofs in stages: the time goes to one proof that is nearly as tight as the time allows."""

import numpy as np
import pytest

import bladenet as bn
from bladenet.clock import Clock
from bladenet.staged_proofs import falling_thresholds


class Time(Clock):
    """A clock that is moved by hand."""

    def __init__(self, limit):
        super().__init__(None)
        self.limit, self.now = limit, 0.0

    @property
    def remaining(self):
        return self.limit - self.now

    def part(self, seconds):
        part = Time(min(seconds, self.remaining))
        part.whole = self
        return part


def proofs(cost, limit, finest=1e-3, loosest=1e3, noise=0.0, tried=16):
    """The excesses proven in a time limit, where a proof costs so many seconds and an estimate a part of it."""
    time, rng, done = Time(limit), np.random.default_rng(0), []

    def seconds(excess, clock):
        needed = cost(excess) * np.exp(noise * rng.normal())
        allowed = 1.3 * clock.remaining / tried
        time.now += min(needed / tried, allowed)
        return needed if needed / tried <= allowed else np.inf

    for planned in falling_thresholds(seconds, finest, loosest, time):
        excess = planned
        while cost(excess) > limit - time.now:
            excess *= 1.01  # it gives way, to end in time
        time.now += cost(excess)
        done.append(excess)
    return done


@pytest.mark.parametrize("growth", [0.7, 1.0, 1.5, 2.5])
@pytest.mark.parametrize("limit", [13.0, 58.0, 300.0])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_last_proof_takes_half_of_the_time_or_is_nearly_as_tight_as_all_of_it_allows(growth, limit, noise):
    def cost(excess):
        return 1.8 * excess**-growth

    done = proofs(cost, limit, noise=noise)
    ideal = max(1e-3, (1.8 / limit) ** (1.0 / growth))
    assert cost(done[-1]) >= 0.45 * limit or done[-1] <= 1.6 * ideal
    assert all(np.diff(done) < 0)


def test_a_tight_proof_that_is_affordable_is_the_only_one():
    assert proofs(lambda e: 0.1 - np.log(e), 60.0) == [1e-3]


def test_what_cannot_be_proven_in_time_is_not_begun():
    assert proofs(lambda e: 1e6 / e, 60.0, loosest=1.0) == []
    assert proofs(lambda e: 1.0, 60.0, finest=0.2, loosest=0.1) == []


def test_looser_proofs_are_tried_where_a_loose_one_is_too_long():
    done = proofs(lambda e: 200.0 / e, 60.0)
    assert 3.3 <= done[-1] <= 8.0


@pytest.mark.parametrize(("norm", "outputs"), [(2, 1), (1, 1), pytest.param(2, 2, marks=pytest.mark.slow)])
def test_bounds_of_searches_that_are_limited_hold_and_beat_the_relaxation(norm, outputs):
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, size=(20, 5 - outputs))
    y = np.column_stack([np.sin(3 * X[:, 0]) * X[:, 1] + X[:, 2] ** 2, X[:, 0]])[:, :outputs]
    y = y if outputs > 1 else y[:, 0]
    settings = {"beta": 0.5, "norm": norm}
    best = bn.train(X, y, tol=1e-2, **settings).certificate
    assert best.status is bn.Status.GLOBAL
    limited = bn.train(X, y, tol=3e-2, strategy="anytime", time_limit=20.0, **settings).certificate
    relaxed = bn.train(X, y, strategy="relaxed", **settings).certificate
    assert limited.lower_bound <= best.objective
    assert best.lower_bound <= limited.objective * (1.0 + 1e-9)
    assert limited.gap < relaxed.gap
    assert relaxed.relaxed
    assert not limited.relaxed


def test_what_is_proven_at_once_is_proven_within_any_limit():
    x = np.linspace(-1.0, 1.0, 50)[:, None]
    fit = bn.train(x, np.abs(x[:, 0]), beta=0.01, time_limit=0.2)
    assert fit.certificate.status is bn.Status.GLOBAL


def test_the_plan_says_what_gap_to_expect():
    rng = np.random.default_rng(0)
    plan = bn.plan(rng.normal(size=(500, 6)), rng.normal(size=500), time_limit=60.0)
    assert plan.strategy == "anytime"
    assert "proven gap will be" in str(plan)
    assert "in 60 seconds" in str(plan)
    gaps = [plan.expected_gap(seconds) for seconds in (1.0, 10.0, 100.0, 1e4)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.05 < gaps[0] <= 0.6


def test_a_proof_that_takes_more_than_its_time_is_the_last():
    time = Time(10.0)
    thresholds = falling_thresholds(lambda excess, clock: 4.0 / excess, 1e-3, 1.0, time)
    assert next(thresholds) <= 1.0
    time.now = 10.5
    assert list(thresholds) == []
