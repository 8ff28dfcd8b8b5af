"""Points that stand in for others near them: how far |h| is off, against samples and the points themselves."""

import numpy as np
import pytest

from bladenet.pricing import BranchAndBound, Clock
from bladenet.pricing.merging import Merging
from spaces import SETTINGS, dual, unreduced

every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


def neurons(rng, count, d, norm):
    weights = rng.normal(size=(count, d)) * rng.integers(0, 2, size=(count, d))
    weights[~weights.any(axis=1), 0] = 1.0
    return weights / np.linalg.norm(weights, ord=norm, axis=1, keepdims=True), rng.uniform(-1, 1, size=count)


@pytest.mark.parametrize("outputs", [(), (3,)])
@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("allowed", [1e-6, 1e-3, 0.1, 2.0])
def test_h_is_off_by_no_more_than_is_said_and_allowed(allowed, norm, outputs):
    # guards bounds: what merging moves is part of them
    rng = np.random.default_rng(0)
    points = np.repeat(rng.uniform(-1, 1, size=(20, 3)), 5, axis=0) + 1e-6 * rng.normal(size=(100, 3))
    v = rng.normal(size=(100, *outputs))
    chosen, sums, off = Merging(points, norm).merged(v, allowed)
    assert 0.0 <= off <= allowed
    if chosen is None:
        assert allowed == 1e-6
        return
    assert len(chosen) < 100
    np.testing.assert_allclose(sums.sum(axis=0), v.sum(axis=0), atol=1e-12)
    weights, offsets = neurons(rng, 2000, 3, norm)

    def h(points, v):
        values = np.maximum(weights @ points.T + offsets[:, None], 0.0) @ v
        return np.abs(values) if v.ndim == 1 else np.linalg.norm(values, axis=1)

    assert np.abs(h(points, v) - h(points[chosen], sums)).max() <= off * (1 + 1e-9) + 1e-13


@pytest.mark.parametrize("distance", [1e-14, 1e-12, 1e-9])
def test_near_duplicates_are_never_parted(distance):
    # guards grids, which part points that are however close
    rng = np.random.default_rng(1)
    places = rng.uniform(-1, 1, size=(50, 4))
    points = np.repeat(places, 3, axis=0) + distance * rng.uniform(-0.5, 0.5, size=(150, 4))
    for allowed in 2.0 * distance * 4.0 ** np.arange(6):
        chosen, _, _ = Merging(points, 1).merged(np.full(150, 1 / 150), allowed)
        np.testing.assert_array_equal(np.sort(chosen // 3), np.arange(50))


def test_points_apart_and_prices_without_allowance_stay_as_they_are():
    # guards ordinary data, which cost nothing more
    points = np.random.default_rng(2).normal(size=(30, 2))
    v = np.ones(30)
    for allowed in (0.0, 1e-9, np.inf):
        chosen, sums, off = Merging(points, 2).merged(v, allowed)
        assert chosen is None
        assert sums is v
        assert off == 0.0


@every_setting
def test_a_pricing_of_merged_points_keeps_its_promise(norm, bias):
    # guards the search with stand-ins: it must be so much stricter that its bound is as close as was asked for
    rng = np.random.default_rng([3, norm, bias])
    for distance, slack in ((1e-12, 1e-8), (1e-7, 1e-4), (1e-3, 0.5)):
        form = unreduced(np.repeat(rng.normal(size=(4, 3)), 2, axis=0) + distance * rng.normal(size=(8, 3)), norm, bias)
        v, pricer = dual(form, rng), BranchAndBound(form)
        truth = pricer.maximum(v, 1e-11)
        assert pricer.merging.merged(v, 0.1 * slack * truth.bound)[0] is not None
        priced = pricer.price(v, truth.bound * (1 - 0.5 * slack), slack, Clock())
        assert abs(truth.values[0]) <= priced.bound <= truth.bound * (1 + slack)
