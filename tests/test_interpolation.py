"""β = 0: the interpolant of least penalty, against linear programs over all blades, and where there is none."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

import bladenet as bn
from bladenet.losses import ExactFit
from cases import HIGHER_KINDS, KINDS
from dictionaries import l1_rays

pytestmark = pytest.mark.sampled

GLOBAL = bn.Status.GLOBAL


def least_over_all_blades(X, y, bias):
    """Min Σ|z| with Kz + t = y over a dictionary that holds an optimum for p = 1; None if there is none."""
    W, offsets = l1_rays(X, bias)
    K = np.maximum(X @ W.T + offsets, 0.0)
    ones = np.ones((len(X), int(bias)))
    costs = np.r_[np.ones(2 * K.shape[1]), np.zeros(2 * ones.shape[1])]
    found = linprog(costs, A_eq=np.hstack([K, -K, ones, -ones]), b_eq=y, method="highs")
    return found.fun if found.status == 0 else None


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_least_over_all_blades(seed):
    rng = np.random.default_rng([7, seed])
    d = 1 + seed % 3
    kinds = KINDS if d < 3 else HIGHER_KINDS
    X = kinds[list(kinds)[seed // 3 % len(kinds)]](rng, d)[:8]
    bias, Y = bool(rng.integers(3)), rng.normal(size=(len(X), 1 + seed % 2))
    if seed % 4:  # targets that do not contradict each other
        _, group = np.unique(X, axis=0, return_inverse=True)
        Y = Y[[np.flatnonzero(group == k)[0] for k in group]]
    each = [least_over_all_blades(X, y, bias) for y in Y.T]
    y = Y if Y.shape[1] > 1 else Y[:, 0]
    if None in each:
        with pytest.raises(ValueError, match="no network"):
            bn.train(X, y, beta=0, norm=1, bias=bias, output_norm=1)
        return
    fit = bn.train(X, y, beta=0, norm=1, bias=bias, output_norm=1)
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective == pytest.approx(sum(each), rel=2e-6, abs=1e-9)
    assert fit.certificate.objective == pytest.approx(fit.network.penalty(1, 1), rel=1e-12)
    np.testing.assert_allclose(fit.network.predict(X), y, rtol=0, atol=1e-11 * max(1.0, np.abs(y).max()))


def test_it_is_the_limit_of_regularised_networks():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(15, 2)), rng.normal(size=15)
    limit = bn.train(X, y, beta=0)
    penalties = [bn.train(X, y, beta=beta).network.penalty(2) for beta in (1e-2, 1e-3, 1e-4)]
    assert np.all(np.diff(penalties) > 0)
    assert penalties[-1] == pytest.approx(limit.certificate.objective, rel=1e-2)
    assert penalties[-1] < limit.certificate.objective * (1 + 1e-6)
    assert len(limit.network) <= 15


def test_outputs_share_neurons():
    # guards the cone program: between the lower bound that holds for any one output and that of separate networks
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(10, 2)), rng.normal(size=(10, 3))
    together = bn.train(X, Y, beta=0)
    assert together.certificate.status is GLOBAL
    np.testing.assert_allclose(together.network.predict(X), Y, atol=1e-11)
    alone = [bn.train(X, y, beta=0).certificate.objective for y in Y.T]
    assert max(alone) < together.certificate.objective < sum(alone)
    separate = bn.train(X, Y, beta=0, output_norm=1)
    assert separate.certificate.objective == pytest.approx(sum(alone), rel=2e-6)


@pytest.mark.parametrize(
    ("X", "y", "settings", "message"),
    [
        (
            [[1.0], [2.0], [1.0]],
            [0.0, 1.0, 2.0],
            {},
            r"row 0 \(counting from 0\) and row 2 \(counting from 0\) are the same",
        ),
        ([[1.0, 0.0], [2.0, 0.0]], [1.0, 3.0], {"bias": False}, r"row 0 .* and row 1 .* are on the same ray"),
        ([[0.0], [2.0]], [1.0, 3.0], {"bias": False}, "row 0 .counting from 0., which is 0 and whose target is not"),
        (
            [[0, 0], [0, 1], [1, 0], [1, 1]],
            [0.0, 1.0, 1.0, 0.0],
            {"norm": 1, "max_interaction": 1},
            r"no network with neurons reading at most one column or category .*exceeds .*e\+.*proven.*up to 1",
        ),
        (  # without a bias f(x) − f(−x) is linear
            [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]],
            [1.0, 0.0, 1.0, 0.0, 5.0, 0.0],
            {"bias": False},
            "without a bias fits the targets exactly",
        ),
    ],
)
def test_where_there_is_none_it_says_why(X, y, settings, message):
    with pytest.raises(ValueError, match=message):
        bn.train(X, y, beta=0, **settings)


def test_what_does_not_go_with_it():
    with pytest.raises(ValueError, match=r"beta=0 .alpha=0. asks for an exact fit"):
        bn.train([[0.0, 1.0], [1.0, 1.0]], [-1.0, 1.0], beta=0, loss="logistic")


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 1e6), (1e-8, 0.0), (1e8, 0.0), (1.0, -1e9)])
def test_units_of_the_targets(factor, offset):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    plain, moved = bn.train(X, y, beta=0), bn.train(X, factor * y + offset, beta=0)
    assert moved.certificate.status is GLOBAL
    assert moved.certificate.objective == pytest.approx(factor * plain.certificate.objective, rel=2e-6)


@pytest.mark.parametrize(("X", "y", "penalty"), [([[1.0, 2.0]], [3.0], 0.0), ([[0.0], [1.0], [4.0]], [2.0] * 3, 0.0)])
def test_constants_cost_nothing(X, y, penalty):
    fit = bn.train(X, y, beta=0)
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective == penalty
    assert fit.network.predict(X) == pytest.approx(y)


def test_a_line_costs_its_slope_and_weights_do_not_matter():
    X, y = np.array([[0.0], [1.0], [4.0]]), np.array([1.0, 3.0, 9.0])
    assert bn.train(X, y, beta=0).certificate.objective == pytest.approx(2.0)
    off = np.vstack([X, X[:1]]), np.r_[y, -5.0]
    weighted = bn.train(*off, beta=0, sample_weight=[1.0, 5.0, 0.1, 0.0])
    assert weighted.certificate.objective == pytest.approx(2.0)
    assert weighted.certificate.misfit <= 1e-12


def test_a_network_that_misses_is_never_called_an_interpolant():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(150, 2)), rng.normal(size=150)
    fit = bn.train(X, y, beta=0, time_limit=0.05)
    assert fit.certificate.status is bn.Status.STOPPED
    assert fit.certificate.objective == np.inf
    assert f"misses targets by {fit.certificate.misfit:.2g} at most" in str(fit.certificate)
    assert fit.certificate.misfit == pytest.approx(np.abs(fit.network.predict(X) - y).max())


def test_the_estimator_interpolates_and_is_saved(tmp_path):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(20, 2)) * [1.0, 100.0], rng.normal(size=20)
    model = bn.BladeNetRegressor(alpha=0, scaling="standard").fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-9)
    assert model.beta_ == 0.0
    assert "fits all targets exactly" in model.summary()
    assert "fits all targets exactly" in str(model.explain())
    bn.save_model(model, tmp_path / "model.json")
    assert bn.load_model(tmp_path / "model.json").certificate_ == model.certificate_
    with pytest.raises(ValueError, match="asks for an exact fit"):
        bn.BladeNetClassifier(alpha=0).fit(X, y > 0)


def test_the_price_of_a_miss():
    loss = ExactFit(tolerance=1e-9, price=3.0)
    f, y = np.array([1.0, 2.0, 2.0 + 1e-10]), np.array([3.0, 2.0, 2.0])
    np.testing.assert_array_equal(loss.value(f, y), [6.0, 0.0, 0.0])
    np.testing.assert_array_equal(ExactFit(1e-9).value(f, y), [np.inf, 0.0, 0.0])
    assert loss.into_domain(np.array([3.1, 0.0, 0.0]), y) is None
    assert loss.constant_fit(np.array([1.0, 5.0, 9.0]), np.array([1.0, 1.0, 3.0])) == 9.0


@pytest.mark.parametrize("seed", [1, 2])
def test_jumps_between_close_samples(seed):
    # guards the solver's failures on columns that are nearly the same: there is always a fit in one dimension
    rng = np.random.default_rng(seed)
    x = rng.normal(size=60)
    y = np.sin(x) + (rng.random(60) > 0.5)
    fit = bn.train(x[:, None], y, beta=0)
    assert fit.certificate.status is GLOBAL
    order = np.argsort(x)
    slopes = np.diff(y[order]) / np.diff(x[order])
    # a hinge for every change of slope, from a line that costs nothing where it is flat
    assert fit.certificate.objective <= np.abs(np.diff(slopes)).sum() + np.abs(slopes).min() * 2 + 1e-6


@pytest.mark.parametrize("scale", [1e-8, 1e-7, 1e8, 1e9])
@pytest.mark.parametrize("norm", [1, 2])
def test_units_of_the_samples(norm, scale):
    # guards the absolute tolerances of linear programs, and the intercept's share of a correction
    for n, d in ((12, 2), (30, 1), (4, 3)):
        rng = np.random.default_rng(n)
        X, y = rng.normal(size=(n, d)), rng.normal(size=n)
        plain, scaled = (bn.train(factor * X, y, beta=0, norm=norm) for factor in (1.0, scale))
        assert scaled.certificate.status is GLOBAL
        assert scaled.certificate.objective * scale == pytest.approx(plain.certificate.objective, rel=3e-6)


@pytest.mark.parametrize("norm", [1, 2])
def test_start_from_a_network_that_fits(norm):
    # neurons that touch no sample are replaced by the corners of their cells, without a loss
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    network = bn.ReLUNetwork(rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=6), 0.3)
    y = network.predict(X)
    fit = bn.train(X, y, beta=0, norm=norm, start=(network.weights, network.biases))
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective <= network.penalty(norm)
    assert fit.network.predict(X) == pytest.approx(y, abs=1e-9)


@pytest.mark.parametrize("outputs", [(), (2,)])
def test_nothing_but_zeros_without_a_bias(outputs):
    # guards the search for contradictions, which leaves samples that are 0 out: none are left here
    fit = bn.train(np.zeros((6, 1)), np.zeros((6, *outputs)), beta=0, bias=False)
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective == 0.0


def least_penalty(x, y):
    """The optimum on one feature, in fractions: the variation of the slope, or more if the ends go the same way."""
    order = np.argsort(x)
    x, y = ([Fraction(float(a)) for a in np.asarray(values)[order]] for values in (x, y))
    slopes = [(d - c) / (b - a) for a, b, c, d in zip(x, x[1:], y, y[1:], strict=False)]
    variation = sum(abs(b - a) for a, b in itertools.pairwise(slopes))
    return float(max(variation, (variation + abs(slopes[0] + slopes[-1])) / 2))


@pytest.mark.parametrize(
    ("x", "y", "tol"),
    [
        ([0.0, 1.0, 2.0, 2.0 + 1e-9], [0.0, 1.0, 0.0, 1.0], 1e-6),
        ([0.0, 1.0, 2.0, 2.0 + 1e-6], [0.0, 1.0, 0.0, 1.0], 1e-6),
        ([0.0, 1e-8, 1.0, 2.0], [1.0, 0.0, 0.0, 0.0], 1e-6),
        ([0.0, 1.0, 1.0 + 1e-10, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0, 5.0], 1e-3),
        ([0.0, 1.0, 1.0 + 1e-12, 3.0, 3.0 + 1e-9], [0.0, 1.0, 0.0, 1.0, 5.0], 1e-2),
        ([-1.0, 0.0, 1e-7, 1.0, 1.0 + 1e-7], [3.0, 2.0, 1.0, 1.0, 0.0], 1e-6),  # monotone: the ends go the same way
        ([2.0, 2.0 + 1e-9], [-1.0, 1.0], 1e-6),
        ([5.0, 1.0, 2.0, 9.0], [10.0, 2.0, 4.0, 18.0], 1e-6),  # a line
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 3.0, 5.5, 7.0, 7.5, 7.5], 1e-6),  # concave, as a share of one neuron
        ([0.0, 1.0, 2.0, 4.0], [0.0, 5.0, 9.0, 16.0], 1e-6),  # steeper than it is curved
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("mirrored", [1.0, -1.0])
def test_one_feature_in_closed_form(x, y, tol, sign, mirrored):
    # guards against "no network fits" where close samples need a large penalty
    X, y = mirrored * np.array(x)[:, None], sign * np.array(y)
    fit = bn.train(X, y, beta=0, tol=tol)
    proven, best = fit.certificate, least_penalty(X[:, 0], y)
    assert proven.status is GLOBAL
    assert proven.objective == pytest.approx(best, rel=1e-9 / min(1.0, np.diff(np.sort(x)).min() * 1e6))
    assert best * (1 - tol) <= proven.lower_bound <= best * (1 + 1e-9)
    np.testing.assert_allclose(fit.network.predict(X), y, rtol=0, atol=max(1e-9, 1e-15 * best))
    assert len(fit.blades) == len(fit.network) <= len(y)
    for blade, weight, bias in zip(fit.blades, fit.network.weights, fit.network.biases, strict=True):
        assert weight @ X[blade.samples[0]] + bias == pytest.approx(0.0, abs=1e-15)
        assert blade.orientation == weight[0]


@pytest.mark.parametrize("gap", [1e-5, 1e-9])
@pytest.mark.parametrize(("output_norm", "factor"), [(2, np.sqrt(5.0)), (1, 3.0)])
def test_close_samples_of_several_outputs(gap, output_norm, factor):
    # guards against refusals: to a solver, outputs of close samples are the same but for what it takes for rounding
    x, y = np.array([0.0, 1.0, 2.0, 2.0 + gap]), np.array([0.0, 1.0, 0.0, 1.0])
    fit = bn.train(x[:, None], np.outer(y, [1.0, 2.0]), beta=0, tol=1e-5, output_norm=output_norm)
    assert fit.certificate.status is GLOBAL
    assert fit.certificate.objective == pytest.approx(factor * least_penalty(x, y), rel=1e-5)
    assert fit.certificate.misfit <= 1e-6


def test_a_cluster_of_samples():
    X = [
        [-6.77086541846993, 5.538330442866701],
        [-6.7708665622828414, 5.5383298268685035],
        [-4.4210106583350175, 1.1217083242503767],
        [-6.770866223439971, 5.538330750035764],
        [-6.770864958009303, 5.538330507515195],
        [-6.770865760271121, 5.538329622459805],
        [-3.0560340399279595, -10.52416819398887],
    ]
    y = [
        0.3373640589740011,
        0.33736424860748204,
        -0.3767239141078943,
        0.3373642347306454,
        0.3373639721639458,
        0.33736407930088547,
        -1.3100966796690654,
    ]
    rough, fine = (bn.train(X, y, beta=0, tol=tol).certificate for tol in (1e-3, 1e-5))
    assert rough.status is fine.status is GLOBAL
    # the cluster's targets differ by 3e-7, which fitting them to a billionth of all targets would save 8 % on
    assert rough.objective >= fine.lower_bound
    assert fine.objective >= rough.lower_bound
    assert fine.objective == pytest.approx(0.204675, rel=1e-4)
    assert fine.misfit <= 1e-14


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("outlier", "outputs"), [(1e6, 1), (1e6, 2), (1e10, 1), (1e10, 2), (1e14, 1)])
def test_targets_are_not_hidden_by_an_outlier(outlier, outputs, bias):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(8, 2)), rng.normal(size=(8, 2))[:, :outputs]
    Y[3, 0] = outlier
    fit = bn.train(X, Y if outputs > 1 else Y[:, 0], beta=0, bias=bias, tol=1e-4, time_limit=5)
    off = np.abs(fit.network.predict(X).reshape(Y.shape) - Y)
    if outlier < 1e14:
        assert fit.certificate.status is GLOBAL
        assert (off.max(axis=0) <= 1e-12 * np.abs(Y).max(axis=0)).all()
    else:  # float64 has steps of 1/64 there: one that misses more is not called a fit
        assert (off.max() <= 0.1) == np.isfinite(fit.certificate.objective)
        assert np.isfinite(fit.certificate.objective) or "Targets are missed by up to" in fit.certificate.advice


def test_samples_that_coincide_in_few_components():
    X = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5], [0.0, -0.5]])
    fit = bn.train(X, [1.0, 2.0, 5.0, 5.0], beta=0, n_components=1)
    assert fit.network.predict(X) == pytest.approx([1.0, 2.0, 5.0, 5.0])
    with pytest.raises(ValueError, match="no network"):
        bn.train(X, [1.0, 2.0, 5.0, 6.0], beta=0, n_components=1)


@pytest.mark.parametrize("outputs", [1, 2])
def test_samples_that_differ_by_rounding_cannot_be_fitted(outputs):
    # guards the tolerance: what rounds in the slope between them once let a constant that missed all targets pass
    X = np.array([[0.0, 0.0], [0.3, 0.0], [0.1 + 0.2, 0.0], [1.0, 1.0], [2.0, 0.0]])
    y = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [2.0, 1.0], [1.0, 0.0]])[:, :outputs]
    with pytest.raises(ValueError, match="unless its penalty exceeds"):
        bn.train(X, y if outputs > 1 else y[:, 0], beta=0)


def test_each_output_is_fitted_in_its_own_units():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(8, 1)), rng.normal(size=(8, 2))
    Y[:, 0] *= 1e10
    fit = bn.train(X, Y, beta=0)
    assert fit.certificate.status is GLOBAL
    off = np.abs(fit.network.predict(X) - Y)
    assert (off.max(axis=0) <= 2e-5).all()


def test_penalties_whose_squares_underflow_are_those_of_the_network():
    X, Y = (
        np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]) * 1e99,
        np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5]]) * 1e-70,
    )
    fit = bn.train(X, Y, beta=0, norm=1, bias=False)
    u, w = fit.network.amplitudes, fit.network.weights
    penalty = float((np.hypot(*(u * 1e160).T) * np.abs(w).sum(axis=1)).sum()) / 1e160
    assert fit.certificate.objective == pytest.approx(penalty, rel=1e-9)


@pytest.mark.parametrize("norm", [1, 2])
def test_a_search_without_proofs_starts_where_most_targets_are_one_number(norm):
    # guards the dual variable of the constant network: targets on one side of the median need a balance
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), (np.arange(8) < 2) * 1.0
    relaxed = bn.train(X, y, beta=0, norm=norm, strategy="relaxed").certificate
    exact = bn.train(X, y, beta=0, norm=norm).certificate
    assert relaxed.misfit <= 1e-14
    assert exact.lower_bound * (1.0 - 1e-9) <= relaxed.objective <= 1.05 * exact.objective


def test_samples_on_one_ray_are_told_from_rounding():
    # guards networks without a bias, whose outputs on a ray are one slope: the penalty is |a| + |b| in closed form
    rng = np.random.default_rng(1)
    for a, b in ((0.5, 0.5), (-1.0, 0.3), (0.7, 0.0)):
        x = rng.normal(size=9)
        y = a * np.maximum(x, 0.0) + b * np.maximum(-x, 0.0)
        found = bn.train(x[:, None], y, beta=0, bias=False).certificate
        assert found.status is bn.Status.GLOBAL
        assert found.objective == pytest.approx(abs(a) + abs(b), rel=1e-6)
