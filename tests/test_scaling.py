"""Scalings: increasing, invertible, weighted, and finite whatever the units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bladenet as bn
from bladenet.network import ReLUNetwork
from bladenet.scaling import KNOTS, SCALINGS, AffineScaling, MonotoneScaling, fit_scaling

RNG = np.random.default_rng(0)
COLUMNS = {
    "normal": RNG.normal(size=500),
    "heavy tail": np.exp(4 * RNG.normal(size=500)),
    "few values": RNG.integers(5, size=500).astype(float),
    "mostly zero": np.where(RNG.random(500) < 0.7, 0.0, RNG.exponential(size=500)),
    "huge offset": 1e9 + RNG.normal(size=500),
    "tiny": 1e-80 * RNG.normal(size=500),
    "huge": 1e80 * RNG.normal(size=500),
    "one outlier": np.r_[RNG.normal(size=499), 1e12],
    "two values": (RNG.random(500) < 0.3).astype(float),
    "constant": np.full(500, 0.1),
    "neighbours": np.nextafter(1.0, 2.0) + np.spacing(1.0) * RNG.integers(3, size=500),
}
X = np.column_stack(list(COLUMNS.values()))
ONES = np.ones(len(X))


def fitted(kind, data=X, weight=None, centred=True):
    return fit_scaling(kind, data, np.ones(len(data)) if weight is None else weight, centred=centred)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("kind", [None, *SCALINGS])
def test_there_and_back_again_inside_and_outside_the_data(kind, centred):
    scaling = fitted(kind, centred=centred)
    reach = np.ptp(X, axis=0) + np.abs(X).max(axis=0)
    beyond = np.concatenate([X, X.min(axis=0) - reach * [[0.3], [2.0]], X.max(axis=0) + reach * [[0.3], [2.0]]])
    back = scaling.inverse(scaling.apply(beyond))
    np.testing.assert_allclose(back / reach, beyond / reach, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", [None, *SCALINGS])
def test_strictly_increasing_everywhere(kind):
    scaling = fitted(kind)
    for c, name in enumerate(COLUMNS):
        if name == "neighbours":
            continue  # nothing lies between them
        values = np.unique(X[:, c])
        size = max(np.ptp(values), abs(values[0]))
        values = np.r_[values[0] - size, values, values[-1] + size]
        between = 0.5 * (values[1:] + values[:-1])
        rows = np.zeros((2 * len(values) - 1, X.shape[1]))
        rows[::2, c], rows[1::2, c] = values, between
        assert (np.diff(scaling.apply(rows)[:, c]) > 0).all(), name


@pytest.mark.parametrize("kind", ["standard", "rank"])
def test_standard_deviation_and_mean(kind):
    weight = RNG.random(500)
    share = weight / weight.sum()
    for centred in (True, False):
        scaled = fitted(kind, weight=weight, centred=centred).apply(X)
        mean = share @ scaled
        deviation = np.sqrt(share @ (scaled - mean) ** 2)
        for c, name in enumerate(COLUMNS):
            if name == "neighbours":
                continue  # their mean has no digits
            assert deviation[c] == pytest.approx(0.0 if name == "constant" else 1.0, abs=1e-6), name
            if centred:
                assert mean[c] == pytest.approx(0.0, abs=1e-6), name


@pytest.mark.parametrize("kind", SCALINGS)
def test_without_centring_zero_stays_zero_and_constants_stay(kind):
    scaling = fitted(kind, centred=False)
    origin = scaling.apply(np.zeros((1, X.shape[1])))[0]
    np.testing.assert_allclose(origin, 0.0, atol=1e-12)
    constant = list(COLUMNS).index("constant")
    np.testing.assert_array_equal(scaling.apply(X)[:, constant], X[:, constant])


def test_ranks_are_mid_ranks():
    column = np.array([3.0, 1.0, 2.0, 2.0, 7.0])
    scaled = fitted("rank", column[:, None]).apply(column[:, None])[:, 0]
    ranks = np.array([3.5, 0.5, 2.0, 2.0, 4.5])
    np.testing.assert_allclose(scaled, (ranks - ranks.mean()) / ranks.std(), rtol=1e-12)


def test_many_values_are_close_to_their_ranks_through_few_knots():
    column = np.exp(3 * np.random.default_rng(1).normal(size=20_000))
    scaling = fitted("rank", column[:, None])
    assert len(scaling.knots[0]) <= KNOTS
    ranks = column.argsort().argsort() / len(column)
    expected = (ranks - ranks.mean()) / ranks.std()
    assert np.abs(scaling.apply(column[:, None])[:, 0] - expected).max() < 0.03


def test_a_heavy_value_among_many_keeps_a_place_of_its_own():
    rng = np.random.default_rng(1)
    column = np.r_[np.zeros(5000), rng.random(5000) + 1e-3]
    scaled = fitted("rank", column[:, None]).apply(np.array([[0.0], [1e-3], [0.5]]))[:, 0]
    assert scaled[1] - scaled[0] > 0.5  # half of the mass at 0 lies between
    assert scaled[2] > scaled[1]


def test_blend_is_the_mean_of_the_other_two():
    beyond = np.concatenate([X, X.min(axis=0, keepdims=True) - 1.0, X.max(axis=0, keepdims=True) + 1.0])
    for centred in (True, False):
        standard, rank, blend = (fitted(kind, centred=centred).apply(beyond) for kind in SCALINGS)
        np.testing.assert_allclose(blend[:, :-1], 0.5 * (standard + rank)[:, :-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("n", [40, 900])
def test_weights_are_repetitions_and_zero_is_absence(kind, n):
    rng = np.random.default_rng(n)
    data = np.column_stack([rng.normal(size=n), rng.integers(4, size=n), rng.exponential(size=n)])
    times = rng.integers(0, 4, size=n)
    weighted = fitted(kind, data, times.astype(float)).apply(data)
    repeated = fitted(kind, np.repeat(data, times, axis=0)).apply(data)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.sampled_from(SCALINGS),
    st.booleans(),
)
def test_any_column_is_scaled_finitely_and_in_order(values, kind, centred):
    column = np.array(values)[:, None]
    scaling = fitted(kind, column, centred=centred)
    scaled = scaling.apply(column)[:, 0]
    assert np.isfinite(scaled).all()
    order = column[:, 0].argsort()
    assert (np.diff(scaled[order]) >= 0).all()
    reach = np.ptp(column) + np.abs(column).max() + 1.0
    np.testing.assert_allclose(scaling.inverse(scaled[:, None]) / reach, column / reach, atol=1e-9)


@pytest.mark.parametrize("kind", [None, *SCALINGS])
def test_a_folded_network_behind_what_remains_is_the_scaled_network(kind):
    rng = np.random.default_rng(2)
    data = rng.normal(size=(50, 3)) * [1.0, 20.0, 1e-3] + [0.0, 100.0, 1.0]
    network = ReLUNetwork(rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=7), 0.3)
    scaling = fitted(kind, data)
    folded = scaling.fold(network).predict(scaling.remaining.apply(data))
    np.testing.assert_allclose(folded, network.predict(scaling.apply(data)), atol=1e-9)
    straight, slope, intercept = scaling.remaining.straight()
    assert straight.all() == isinstance(scaling, AffineScaling)
    two = fitted(kind, np.column_stack([data[:, 0], data[:, 1] > 100.0]))
    straight, slope, intercept = two.straight()
    assert straight[1]
    np.testing.assert_allclose(two.apply([[0.0, 5.0]] * np.ones((1, 2)))[0, 1], 5.0 * slope[1] + intercept[1])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["rank", "blend"])
def test_estimators_train_on_scaled_features_and_take_the_users(kind, bias):
    rng = np.random.default_rng(4)
    data = np.column_stack([np.exp(rng.normal(size=60)), 1000.0 * rng.normal(size=60)])
    y = np.log(data[:, 0]) + 0.1 * rng.normal(size=60)
    model = bn.BladeNetRegressor(alpha=0.01, scaling=kind, bias=bias).fit(data, y)
    assert isinstance(model.scaling_, MonotoneScaling)
    scaled = fitted(kind, data, centred=bias).apply(data)
    fit = bn.train(scaled, y, beta=0.6, bias=bias)
    assert model.certificate_.objective == pytest.approx(fit.certificate.objective, rel=1e-9)
    np.testing.assert_allclose(model.predict(data), fit.network.predict(scaled), atol=1e-8)
    assert f"scaling {kind}" in model.summary()


def test_rank_scaling_makes_monotone_changes_of_units_irrelevant():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 1))
    y = np.sin(2 * x[:, 0])
    plain = bn.BladeNetRegressor(alpha=0.01, scaling="rank").fit(x, y)
    curved = bn.BladeNetRegressor(alpha=0.01, scaling="rank").fit(np.exp(x), y)
    np.testing.assert_allclose(plain.predict(x), curved.predict(np.exp(x)), atol=1e-4)
