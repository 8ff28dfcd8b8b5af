"""Searches that would not end in their time prove less, rather than nothing."""

import time

import numpy as np
import pytest

from bladenet.clock import Clock
from bladenet.pricing.branch_and_bound import BranchAndBound
from bladenet.pricing.pace import LAST, TRUSTED, Pace
from spaces import dual, sampled, unreduced


def looser(finished, gone, tasks=400):
    pace = Pace(1.0)
    pace.finished = finished
    return pace._looser(tasks, 1.0 - gone)


def test_a_search_in_time_is_left_alone():
    assert looser(0, 0.9 * TRUSTED) == 1.0, "too early to tell"
    for gone in (0.5, 0.7, 0.9):
        assert looser(round(400 * gone * 1.1), gone) == 1.0
    assert looser(400, 0.9) == 1.0


def test_a_search_that_is_late_gives_way_by_as_much_as_the_time_demands():
    # half of the work in 60 % of the time: 60 more to do in 40, for which the cost must fall by a third
    assert looser(200, 0.6) == pytest.approx(1.5 ** (1.0 / 1.2), rel=0.06)
    assert looser(390, 1.0 - LAST / 10.0) >= 9.9, "at the end whatever is left is closed"
    assert looser(0, 0.5) > looser(50, 0.5) > looser(100, 0.5) > 1.0


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_bound_is_what_the_time_allows(outputs):
    rng = np.random.default_rng(0)
    form = unreduced(rng.normal(size=(60, 4)), 2, True)
    v = dual(form, rng) if outputs == 1 else rng.normal(size=(len(form.points), 2)) @ np.diag([1.0, 0.1])
    v = v - v.mean(axis=0)
    pricer = BranchAndBound(form)
    truth = sampled(form, v, rng, 5000) if outputs == 1 else pricer.price(v, 1e-9, 2.0, Clock()).values.max()
    began = time.perf_counter()
    crude = pricer.price(v, truth, 0.0, Clock(1e-9)).bound
    limited = pricer.price(v, 0.9 * truth, 0.0, Clock(0.3))
    assert time.perf_counter() - began < 5.0
    assert limited.bound >= truth
    assert limited.bound < 0.5 * crude
