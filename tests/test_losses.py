"""Losses: values, gradients, conjugates and domains belong together, or every certificate is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar
from sklearn.metrics import mean_poisson_deviance

from bladenet.losses import LOSSES, HuberLoss, Loss, PoissonLoss, QuantileLoss, balanced, get_loss

INSTANCES = [get_loss("squared"), get_loss("logistic"), get_loss("hinge"), HuberLoss(1.0), HuberLoss(0.3)]
INSTANCES += [QuantileLoss(0.5), QuantileLoss(0.9), PoissonLoss()]
NAMES = ["squared", "logistic", "hinge", "huber", "huber0.3", "quantile", "quantile0.9", "poisson"]
every_loss = pytest.mark.parametrize("loss", INSTANCES, ids=NAMES)


def targets(loss, rng, n):
    if loss.name == "poisson":  # rates, and zeros
        return np.where(rng.random(n) < 0.3, 0.0, np.exp(rng.normal(size=n)))
    return rng.choice([-1.0, 1.0], n) if loss.classifies else rng.normal(size=n) * 2.0


def two_targets(loss):
    return np.array([1.0, 0.0 if loss.name == "poisson" else -1.0])


def interior(loss, y, rng):
    """Dual values well inside the domain, and within ±4 where it is unbounded."""
    low, high = (np.clip(end, -4.0, 4.0) for end in loss.domain(y))
    return low + rng.uniform(0.02, 0.98, len(y)) * (high - low)


def supremum(loss, v, y):
    """sup_f v f − ℓ(f, y) of one concave function, numerically."""
    f = np.linspace(-40.0, 40.0, 16001)
    values = v * f - loss.value(f, np.full_like(f, y))
    k = int(values.argmax())
    fine = minimize_scalar(
        lambda t: float(loss.value(np.array([t]), np.array([y]))[0] - v * t),
        bounds=(f[max(k - 1, 0)], f[min(k + 1, len(f) - 1)]),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return max(values[k], -fine.fun)


@every_loss
def test_value_is_the_textbook_formula(loss):
    # guards against a factor (½, the δ/2 of huber) that all methods share, which no duality test could see
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 200)
    f = rng.normal(size=200) * 3.0
    r, m = np.abs(f - y), y * f
    expected = {
        "squared": lambda: r**2 / 2,
        "logistic": lambda: np.log1p(np.exp(-m)),
        "hinge": lambda: np.where(m < 1, 1 - m, 0.0),
        "huber": lambda: np.where(r <= loss.delta, r**2 / 2, loss.delta * (r - loss.delta / 2)),
        "quantile": lambda: np.where(y >= f, loss.quantile * r, (1 - loss.quantile) * r),
        "poisson": lambda: np.exp(f) - y * f + y * np.log(np.where(y > 0, y, 1.0)) - y,
    }[loss.name]()
    np.testing.assert_allclose(loss.value(f, y), expected, rtol=1e-13, atol=1e-14)


@every_loss
def test_values_do_not_overflow_far_out(loss):
    # guards against exp(1000) in the logistic loss
    y = np.tile(two_targets(loss), 2)
    f = np.array([1e3, 1e3, -1e3, -1e3])
    with np.errstate(over="raise", invalid="raise"):
        value, gradient = loss.value(f, y), loss.gradient(f, y)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@every_loss
def test_conjugate_is_the_supremum(loss):
    # guards against a wrong conjugate: a lower bound built from it could exceed the optimum
    rng = np.random.default_rng(1)
    y = targets(loss, rng, 40)
    v = interior(loss, y, rng)
    expected = [supremum(loss, a, b) for a, b in zip(v, y, strict=True)]
    np.testing.assert_allclose(loss.conjugate(v, y), expected, rtol=1e-7, atol=1e-8)


@every_loss
def test_conjugate_at_the_ends_of_the_domain(loss):
    # guards against log(0) at the ends, where hinge and huber optima usually sit
    y = two_targets(loss)
    for end in loss.domain(y):
        if np.isfinite(end).all():
            with np.errstate(all="raise"):
                value = loss.conjugate(end, y)
            expected = [supremum(loss, a, b) for a, b in zip(end, y, strict=True)]
            np.testing.assert_allclose(value, expected, atol=1e-9)


@every_loss
def test_supremum_is_infinite_outside_the_domain(loss):
    # guards against a domain that is too small (a needlessly weak bound) or, with the test above, too large
    y = two_targets(loss)
    low, high = loss.domain(y)
    for end, outward in ((low, -0.1), (high, 0.1)):
        if np.isfinite(end).all():
            for v, target in zip(end + outward, y, strict=True):
                f = np.sign(v) * np.array([1e4, 1e6])
                inside = v * f - loss.value(f, np.full(2, target))
                assert inside[1] > inside[0] + 1e4


@every_loss
def test_domain_contains_zero_where_the_conjugate_vanishes(loss):
    # guards the claim that 0 is a feasible dual point, on which the trivial bound and `balanced` rest
    y = two_targets(loss)
    low, high = loss.domain(y)
    assert (low <= 0).all()
    assert (high >= 0).all()
    np.testing.assert_array_equal(loss.conjugate(np.zeros(2), y), 0.0)


@every_loss
def test_gradient_is_the_slope(loss):
    # guards against a wrong sign or scale of the dual variable; kinks are left out
    rng = np.random.default_rng(2)
    y = targets(loss, rng, 300)
    f = rng.normal(size=300) * 3.0
    smooth = np.abs(y * f - 1) > 1e-3 if loss.name == "hinge" else np.ones(300, bool)
    if loss.name == "quantile":
        smooth = np.abs(f - y) > 1e-3
    if loss.name == "huber":
        smooth = np.abs(np.abs(f - y) - loss.delta) > 1e-3
    step = 1e-5
    slope = (loss.value(f + step, y) - loss.value(f - step, y)) / (2 * step)
    np.testing.assert_allclose(loss.gradient(f, y)[smooth], slope[smooth], rtol=1e-9, atol=1e-7)


@every_loss
def test_fenchel_young_equality_at_the_gradient(loss):
    # ℓ(f) + ℓ*(ℓ'(f)) = f ℓ'(f), also at kinks: guards gradient and conjugate against each other
    rng = np.random.default_rng(3)
    y = targets(loss, rng, 300)
    f = np.r_[rng.normal(size=298) * 3.0, y[298:]]
    v = loss.gradient(f, y)
    np.testing.assert_allclose(loss.value(f, y) + loss.conjugate(v, y), v * f, rtol=1e-10, atol=1e-10)


@every_loss
@settings(max_examples=60, deadline=None, derandomize=True)
@given(f=st.floats(-20, 20), share=st.floats(0, 1), y=st.sampled_from([-1.0, 1.0]))
def test_fenchel_young_inequality(loss, f, share, y):
    # ℓ(f) + ℓ*(v) ≥ v f for every v in the domain: this inequality *is* weak duality
    y = np.array([max(y, loss.lowest)])
    low, high = (np.clip(end, -5.0, 5.0) for end in loss.domain(y))
    v = low + share * (high - low)
    assert (loss.value(np.array([f]), y) + loss.conjugate(v, y) >= v * f - 1e-9).all()


@every_loss
def test_conjugate_gradient_inverts_the_gradient(loss):
    # guards the Newton equations of the interior point; hinge and quantile are flat, so only their kink counts
    rng = np.random.default_rng(4)
    y = targets(loss, rng, 100)
    v = interior(loss, y, rng)
    f = loss.conjugate_gradient(v, y)
    if loss.name == "hinge":
        np.testing.assert_array_equal(y * f, 1.0)
    elif loss.name == "quantile":
        np.testing.assert_array_equal(f, y)
    else:
        np.testing.assert_allclose(loss.gradient(f, y), v, atol=1e-12)


@every_loss
def test_conjugate_derivatives(loss):
    # guards first and second derivative of ℓ* against each other
    rng = np.random.default_rng(5)
    y = targets(loss, rng, 100)
    v = interior(loss, y, rng)
    step = 1e-6
    first = (loss.conjugate(v + step, y) - loss.conjugate(v - step, y)) / (2 * step)
    second = (loss.conjugate_gradient(v + step, y) - loss.conjugate_gradient(v - step, y)) / (2 * step)
    np.testing.assert_allclose(loss.conjugate_gradient(v, y), first, atol=1e-7)
    np.testing.assert_allclose(loss.conjugate_hessian(v, y), second, rtol=1e-6, atol=1e-7)


@every_loss
@pytest.mark.parametrize("seed", range(4))
def test_constant_fit_minimises(loss, seed):
    # guards the start of training and beta_max: weighted, unbalanced targets
    rng = np.random.default_rng([6, seed])
    y = targets(loss, rng, 9)
    y[:2] = two_targets(loss)
    weight = rng.uniform(0.1, 3.0, 9)

    def objective(t):
        return float(weight @ loss.value(np.full(9, t), y))

    best = minimize_scalar(objective, bounds=(-8.0, 8.0), method="bounded", options={"xatol": 1e-10})
    assert objective(loss.constant_fit(y, weight)) <= best.fun * (1 + 1e-12)


@pytest.mark.parametrize("loss", [get_loss("squared"), HuberLoss(0.5), QuantileLoss(0.3)], ids=lambda loss: loss.name)
@pytest.mark.parametrize("value", [0.0, 1e-300, 0.1, -1e12])
def test_constant_fit_of_a_constant_is_exact(loss, value):
    # guards against a rounded mean, which would leave a loss of 1e-17 with no attainable relative gap
    y = np.full(7, value)
    assert loss.constant_fit(y, np.linspace(0.1, 1.0, 7)) == value


def test_hinge_constant_fit_takes_the_heavier_class():
    # guards against counting samples where weights decide
    y = np.array([1.0, 1.0, -1.0])
    assert get_loss("hinge").constant_fit(y, np.array([1.0, 1.0, 3.0])) == -1.0
    assert get_loss("hinge").constant_fit(y, np.array([1.0, 1.0, 1.0])) == 1.0


@pytest.mark.parametrize("target", [1.0, -1.0])
def test_logistic_constant_fit_refuses_one_class(target):
    # guards against an intercept that runs to infinity without a word
    with pytest.raises(ValueError, match=r"both classes.*bias=False") as caught:
        get_loss("logistic").constant_fit(np.full(3, target), np.ones(3))
    assert f"every target is {target:+g}" in str(caught.value)


def test_huber_tends_to_squared():
    # guards δ: with all residuals inside it, huber is the squared loss in every method
    rng = np.random.default_rng(7)
    y, f = rng.normal(size=(2, 50))
    wide, squared = HuberLoss(1e9), get_loss("squared")
    for method in ("value", "gradient", "conjugate", "conjugate_gradient"):
        np.testing.assert_allclose(getattr(wide, method)(f, y), getattr(squared, method)(f, y), rtol=1e-14)
    assert wide.constant_fit(y, np.ones(50)) == pytest.approx(squared.constant_fit(y, np.ones(50)), abs=1e-12)


def test_losses_are_shown_with_their_parameters():
    # guards tables of searches over losses
    assert list(map(repr, (HuberLoss(1.35), QuantileLoss(0.9), PoissonLoss()))) == [
        "HuberLoss(delta=1.35)",
        "QuantileLoss(quantile=0.9)",
        "PoissonLoss()",
    ]


def test_get_loss_passes_instances_through():
    # guards a custom δ against being replaced by the default
    mine = HuberLoss(0.25)
    assert get_loss(mine) is mine
    assert {type(get_loss(name)) for name in LOSSES} == set(LOSSES.values())
    assert all(issubclass(cls, Loss) for cls in LOSSES.values())


@pytest.mark.parametrize("bad", ["mse", "", None, 3, HuberLoss, ["squared"]])
def test_unknown_loss_is_named(bad):
    # guards the message: the offending value and the choices
    with pytest.raises(ValueError, match="unknown loss") as caught:
        get_loss(bad)
    assert repr(bad) in str(caught.value)
    assert "'squared', 'logistic', 'hinge', 'huber', 'quantile', 'poisson', 'softmax'" in str(caught.value)


@pytest.mark.parametrize("delta", [0.0, -1.0, np.inf, np.nan])
def test_huber_delta_is_checked(delta):
    # guards against a degenerate domain
    with pytest.raises(ValueError, match="delta") as caught:
        get_loss(HuberLoss(delta))
    assert repr(float(delta)) in str(caught.value)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.5, np.nan])
def test_quantile_is_checked(quantile):
    # guards against a loss that is not bounded below, or has no minimiser
    with pytest.raises(ValueError, match="quantile") as caught:
        get_loss(QuantileLoss(quantile))
    assert repr(quantile) in str(caught.value)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_constant_fit_is_numpys(quantile):
    # guards ties and the side that the weighted quantile falls to
    rng = np.random.default_rng(9)
    y, weight = np.round(rng.normal(size=50), 1), rng.integers(1, 4, 50)
    expected = np.quantile(np.repeat(y, weight), quantile, method="inverted_cdf")
    assert QuantileLoss(quantile).constant_fit(y, weight.astype(float)) == expected


@pytest.mark.parametrize("loss", [get_loss("hinge"), QuantileLoss(0.5), QuantileLoss(0.9)], ids=lambda loss: loss.name)
@pytest.mark.parametrize("seed", range(5))
def test_constant_dual_proves_the_constant_fit(loss, seed):
    # guards beta_max: subgradients that sum to 0 without being those at the constant would prove nothing
    rng = np.random.default_rng([10, seed])
    y = np.round(targets(loss, rng, 21), 1)
    weight = rng.uniform(0.1, 3.0, 21)
    f = np.full(21, loss.constant_fit(y, weight))
    v = loss.constant_dual(f, y, weight)
    assert abs(v.sum()) <= 1e-13 * np.abs(v).sum()
    assert loss.into_domain(v / weight, y) is not None
    np.testing.assert_allclose(loss.value(f, y) + loss.conjugate(v / weight, y), v / weight * f, atol=1e-12)


@pytest.mark.parametrize("y", [0.0, 1e-300, 1e-9, 1.0, 1e9, 1e100])
def test_poisson_stays_finite_and_convex_wherever_the_output_goes(y):
    # guards against inf − inf, and against a tangent that leaves the curve: weak duality must hold out there too
    loss, f = PoissonLoss(), np.r_[np.linspace(-1e3, 1e3, 4001), -1e6, 1e6]
    y = np.full(len(f), y)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, slope = loss.value(f, y), loss.gradient(f, y)
        conjugate = loss.conjugate(slope, y)
    assert np.isfinite(value).all()
    assert (value >= -1e-15 * y).all()
    assert (np.diff(slope[:4001]) >= 0).all()
    scale = 1.0 + np.abs(value) + np.abs(slope * f)
    assert (value + conjugate >= slope * f - 1e-12 * scale).all()


def test_poisson_value_is_half_the_deviance_of_sklearn():
    # guards the constant y log y − y, by which the infimum is 0
    rng = np.random.default_rng(11)
    y, f = targets(PoissonLoss(), rng, 100), rng.normal(size=100)
    expected = mean_poisson_deviance(y, np.exp(f)) / 2
    assert PoissonLoss().value(f, y).mean() == pytest.approx(expected, rel=1e-13)
    np.testing.assert_array_equal(PoissonLoss().mean(f), np.exp(f))
    assert PoissonLoss().mean(np.array([1e9]))[0] < np.inf


def test_poisson_loss_keeps_its_digits_near_the_minimum():
    # guards y (exp r − 1 − r) and its conjugate against the cancellation of terms of size y
    f = np.log(1e6) + np.array([-1e-6, 1e-6])
    y = np.full(2, 1e6)
    np.testing.assert_allclose(PoissonLoss().value(f, y), 0.5e-6, rtol=1e-5)
    v = PoissonLoss().gradient(f, y)
    np.testing.assert_allclose(v, [-1.0, 1.0], rtol=1e-5)


def test_poisson_constant_fit_refuses_zeros():
    # guards against an intercept that runs to minus infinity without a word
    with pytest.raises(ValueError, match=r"target above 0.*bias=False"):
        PoissonLoss().constant_fit(np.zeros(3), np.ones(3))


@pytest.mark.parametrize("off", [1e-15, 1e-9])
def test_rounding_is_put_back_into_half_lines(off):
    # guards v ≥ −y, whose only end has a size and no width
    y, v = np.array([2.0, 0.0, 5.0]), np.array([-2.0 * (1 + off), 0.0, 1e9])
    inside = PoissonLoss().into_domain(v, y)
    if off > 1e-12:
        assert inside is None
    else:
        np.testing.assert_array_equal(inside, [-2.0, 0.0, 1e9])


vectors = arrays(float, st.integers(1, 12), elements=st.floats(-1e3, 1e3, allow_subnormal=False))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(v=vectors)
def test_balanced_sums_to_zero_and_shrinks(v):
    # guards dual feasibility: Σ v = 0 without leaving any interval around 0
    out = balanced(v)
    assert abs(out.sum()) <= 1e-13 * max(np.abs(v).sum(), 1e-300)
    assert (np.abs(out) <= np.abs(v)).all()
    assert (out * v >= 0).all()
    if (v > 0).any() and (v < 0).any():  # only the heavier side shrinks
        lighter = v > 0 if v[v > 0].sum() <= -v[v < 0].sum() else v < 0
        np.testing.assert_array_equal(out[lighter], v[lighter])


@every_loss
def test_balanced_stays_in_the_domain(loss):
    # guards against subtracting the mean instead, which leaves [0, −y]
    rng = np.random.default_rng(8)
    y = targets(loss, rng, 30)
    low, high = loss.domain(y)
    out = balanced(interior(loss, y, rng))
    assert (out >= low).all()
    assert (out <= high).all()
