"""Found by attacking the finished work: each of these once gave a bad network, a lost bound or a lost fit."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import bladenet as bn
from bladenet import kernels, rebuilding, selection
from bladenet.certificate import Certificate
from bladenet.losses import get_loss
from bladenet.pricing import BranchAndBound, Clock, Priced, choose_pricer


@pytest.mark.parametrize("spacing", [1e-8, 1e-9, 5e-10, 1e-12])
def test_samples_that_nearly_coincide_define_no_direction(spacing):
    # guards find_blades: the line through two samples 1e-9 apart is noise, and once cost a factor 23
    rng = np.random.default_rng(5)
    base = rng.normal(size=(20, 2))
    X = base[rng.integers(0, 20, 100)] + rng.normal(size=(100, 2)) * spacing
    y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=100)
    fit = bn.train(X, y, beta=0.3, time_limit=30)
    assert fit.certificate.status is bn.Status.GLOBAL
    assert fit.certificate.objective == pytest.approx(fit.history[-1].objective, rel=1e-6)


@pytest.mark.parametrize("offset", [1e5, 1e6])
def test_repeated_rows_with_a_large_target_offset(offset):
    # guards original_dual: rounding of the mean at repeated rows once made the dual sum to something
    rng = np.random.default_rng(0)
    X = rng.integers(0, 10, size=(500, 2)).astype(float)
    y = rng.normal(size=500) + X[:, 0]
    plain = bn.train(X, y, beta=2.0).certificate
    shifted = bn.train(X, y + offset, beta=2.0).certificate
    assert shifted.status is bn.Status.GLOBAL
    assert shifted.objective == pytest.approx(plain.objective, rel=2e-6)
    assert bn.train(np.ones((5, 2)), y[:5] + offset, beta=1.0).certificate.status is bn.Status.GLOBAL


def test_a_feature_offset_of_a_billion():
    # guards the probe of a bound: far from the origin w·x + b must be evaluated about the centre
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.sin(2 * X[:, 0]) * X[:, 1]
    assert bn.train(X + 1e9, y, beta=0.05).certificate.status is bn.Status.GLOBAL


def test_interrupt_while_finishing_keeps_the_network(monkeypatch):
    # guards the last moments: the search is over, the network is not built yet
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 2)), rng.normal(size=50)
    find_blades, calls = rebuilding.find_blades, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return find_blades(*args)

    monkeypatch.setattr(rebuilding, "find_blades", interrupted)
    fit = bn.train(X, y, beta=1.0)
    assert len(calls) > 1
    assert fit.certificate.status is bn.Status.GLOBAL


@pytest.mark.parametrize("size", [1e150, 1e-150])
def test_data_whose_squares_leave_float64_are_refused(size):
    # guards nan objectives: the error says what to do
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="rescale X"):
        bn.train(rng.normal(size=(9, 2)) * size, rng.normal(size=9), beta=1.0)


@pytest.mark.parametrize("limit", [1e10, np.int64(5), np.float32(5)])
def test_time_limits_of_every_kind(limit):
    # guards against limits that the operating system cannot wait for, and NumPy numbers
    assert bn.train([[0.0], [1.0], [3.0]], [0.0, 1.0, 0.0], beta=0.1, time_limit=limit).certificate.gap <= 1e-6


def test_a_climb_where_every_sample_is_active_stays_near_the_data():
    # guards rounding of Σ v = 0, along which offsets once went to 140,000 and amplitudes cancelled
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(40, 2)).astype(float)
    v = rng.normal(size=40)
    v -= v.mean()
    v += 1e-12 * np.abs(v).sum()
    neurons = np.array([[0.5, 0.5, 7.0], [0.3, -0.7, 2.0], [-0.6, -0.4, 1.5]])
    kernels.climb(np.ascontiguousarray(X.T), v, neurons, 1, 1, 1e-12, np.zeros(1, dtype=np.int64))
    assert (np.abs(neurons[:, 2]) <= 1.0 + 1e-12).all()


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("offset", [0.3, 1e2, 1e6])
def test_neurons_to_start_from_that_there_is_no_time_to_move(norm, offset):
    # guards networks of neurons that are no blades: moved to some, their old amplitudes once made no sense
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.sin(3 * X[:, 0]) + X[:, 1]
    start = rng.normal(size=(20, 2)), offset * np.abs(rng.normal(size=20))
    fit = bn.train(X, y, beta=0.5, norm=norm, start=start, time_limit=1e-9)
    assert fit.certificate.objective <= 0.5 * ((y - y.mean()) ** 2).sum()


@pytest.mark.parametrize("d", [3, 20])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["constant targets", "one sample", "coinciding samples", "no time"])
def test_relaxations_and_ascents_with_nothing_to_climb(d, bias, kind):
    # guards dual variables that vanish, and spaces without directions: both once ended in an error
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, d)), np.zeros(12) if kind == "constant targets" else rng.normal(size=12)
    X, y = (X[:1], y[:1]) if kind == "one sample" else (X, y)
    X = np.repeat(X[:1], 12, axis=0) if kind == "coinciding samples" else X
    limit = 1e-9 if kind == "no time" else 5.0
    certificate = bn.train(X, y, beta=0.1, bias=bias, strategy="relaxed", time_limit=limit).certificate
    assert 0.0 <= certificate.lower_bound <= certificate.objective < np.inf
    if d == 3:
        exact = bn.train(X, y, beta=0.1, bias=bias, strategy="exact").certificate
        assert exact.status is bn.Status.GLOBAL
        assert certificate.lower_bound <= exact.objective * (1.0 + 1e-9)


def test_interrupt_while_seeking_the_largest_alpha_is_not_swallowed(monkeypatch):
    # guards an α chosen from a search that Ctrl-C had ended
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 2)), rng.normal(size=50)

    def interrupted(self, v, threshold, slack, clock):
        clock.interrupt()
        return Priced(np.inf, np.zeros((0, 2)), np.zeros(0), np.zeros(0))

    monkeypatch.setattr(BranchAndBound, "price", interrupted)
    with pytest.warns(UserWarning, match="it lies between"):
        assert bn.beta_max(X, y) >= np.abs(X - X.mean(axis=0)).max()
    with pytest.raises(KeyboardInterrupt):
        bn.BladeNetRegressor(alpha="auto").fit(X, y)


@pytest.mark.parametrize("estimator", [partial(bn.BladeNetRegressor, alpha="auto"), bn.BladeNetRegressorCV])
@pytest.mark.parametrize("kind", [{}, {"norm": 1, "max_interaction": 2}])
def test_alpha_is_chosen_within_a_time_limit_that_ends_before_the_first_search(estimator, kind):
    # guards an α of infinity, one of 1 without a word, and a validation curve without values
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.normal(size=200)
    with pytest.warns(UserWarning, match="choice of alpha was cut off"):
        model = estimator(time_limit=1e-9, **kind).fit(X, y)
    assert np.isfinite(model.certificate_.objective)
    constant = y - y.mean()
    assert model.alpha_ < np.abs(constant).mean() * np.ptp(X), "α_max is at most that"


def test_a_validation_curve_of_constant_targets_is_empty():
    model = bn.BladeNetRegressorCV(alphas=[0.1, 0.01]).fit(np.arange(20.0)[:, None], np.ones(20))
    assert len(model.validation_.curve.losses) == 0
    assert model.alpha_ == 0.1
    assert model.certificate_.status is bn.Status.GLOBAL


def test_climbs_do_not_depend_on_where_arrays_lie_in_memory():
    # a loop that summed and wrote was vectorised only where small arrays were not close: other roundings run by run
    rng = np.random.default_rng(0)
    features, v = rng.normal(size=(2, 15)), rng.normal(size=15)
    v -= v.mean()
    weights = rng.normal(size=(100, 2))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    offsets = -(weights @ features)[np.arange(100), rng.integers(0, 15, 100)]
    up = v @ np.maximum(weights @ features + offsets[:, None], 0.0).T > 0
    neurons = np.column_stack([weights, offsets])[up]

    def climbed(neuron):
        moved = neuron[None].copy()
        kernels.climb(features, v.copy(), moved, 2, 1, 1e-12, np.zeros(1, dtype=np.int64))
        return moved[0]

    first = np.array([climbed(neuron) for neuron in neurons])
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            np.testing.assert_array_equal(np.array(list(pool.map(climbed, neurons))), first)


def test_the_search_for_alpha_ends_where_there_is_nothing_to_learn():
    # all fifteen alpha were compared, down to interpolation, where the best network is constant
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    alphas = np.geomspace(1.0, 1e-5, 15)
    shape = {"norm": 1, "bias": True, "loss": get_loss("squared"), "max_interaction": 2}
    splits = selection.shuffled_splits(y, shape["loss"])
    comparison = selection.Comparison(X, y, np.ones(300), splits, shape, choose_pricer, Clock())
    assert len(comparison.along(alphas).losses) < 12


def test_a_time_limit_that_leaves_nothing_to_compare_is_said():
    # a constant network was called certified and chosen by cross-validation
    X, y = bn.datasets.make_spirals(60)
    with pytest.warns(UserWarning, match=r"Values compared: on 5 folds of 48 samples none of 15 \(.*\); on 1 fold of"):
        bn.BladeNetClassifier(alpha="auto", time_limit=1e-6).fit(X, y)


@pytest.mark.parametrize("weight", [[1e-5, 1.0], [1e-6, 2.0], [1e-8, 1.0]])
def test_equal_samples_of_very_different_weights_are_certified(weight):
    # residuals as small as the rounding of the targets made the lower bound 0
    fit = bn.train([[1.0], [1.0]], [-0.94, 0.35], beta=0.01, sample_weight=weight)
    assert fit.certificate.status is bn.Status.GLOBAL


def test_advice_that_cannot_be_followed_is_not_given():
    certificate = Certificate(bn.Status.BOUNDED, 1.0, 0.0, 1.0, 1e-6)
    assert "raise tol" not in certificate.advice
    assert "raise tol to 1e-3" in Certificate(bn.Status.BOUNDED, 1.0, 0.999, 1e-3, 1e-6).advice


def test_neurons_to_start_from_between_samples_cost_nothing():
    # a search was certified with them, but its network had the nearest samples for kinks, and was worse by 2e-5
    rng = np.random.default_rng(0)
    frame = np.column_stack([rng.uniform(0, 200, 300), rng.integers(0, 16, 300)])
    X = (frame - frame.mean(axis=0)) / frame.std(axis=0)
    y = np.exp(-frame[:, 1] / 6) - 0.002 * frame[:, 0] + 0.02 * rng.normal(size=300)
    settings = {"beta": 0.5, "norm": 1, "max_interaction": 1}
    alone = bn.train(X, y, tol=1e-8, **settings)
    kinks = np.unique(X[:, 1])
    between = 0.3 * kinks[:-1] + 0.7 * kinks[1:]
    weights = np.zeros((2 * len(between), 2))
    weights[:, 1] = np.repeat([1.0, -1.0], len(between))
    fit = bn.train(X, y, tol=1e-6, start=(weights, np.r_[-between, between]), **settings)
    assert fit.certificate.status is bn.Status.GLOBAL
    assert fit.certificate.objective <= alone.certificate.objective * (1 + 1e-6)


@pytest.mark.parametrize("loss", ["huber", "logistic", "squared"])
def test_a_penalty_that_vanishes_is_refused_by_name(loss):
    # guards the grid on which close points are merged, whose size underflowed, and quotients that overflowed
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 2)), rng.normal(size=8)
    y = np.sign(y) if loss == "logistic" else y
    for beta in (1e-82, 1e-160, 1e-280):
        with pytest.raises(ValueError, match=f"beta={beta} is too small"):
            bn.train(X, y, beta=beta, loss=loss)
    certificate = bn.train(X, y, beta=1e-78, loss=loss, time_limit=0.2).certificate
    assert 0.0 <= certificate.lower_bound <= certificate.objective


def test_classes_told_apart_so_well_that_their_curvature_underflows():
    # weights over 12 decades: a curvature of rounding, partly negative, made amplitudes NaN, and scipy refused them
    X = np.array([[90.65055914], [-144.38737765], [-55.08272027], [-42.83222754]])
    weight = np.array([2.50013112, 1445462.01, 5.29723253e-6, 1.89869269])
    certificate = bn.train(
        X, [0, 1, 2, 2], beta=1.75445e-13, loss="softmax", sample_weight=weight, tol=1e-4
    ).certificate
    assert 0.0 <= certificate.lower_bound <= certificate.objective
