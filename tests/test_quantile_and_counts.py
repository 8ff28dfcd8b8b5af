"""Quantile and Poisson losses from end to end: against the arrangement program, cvxpy and known symmetries."""

import os
import re
import warnings
from itertools import product

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

import bladenet as bn
from bladenet.certificate import DualProof, lower_bound_of
from bladenet.problem import TrainingProblem
from cases import KINDS, MAX_SAMPLES
from oracle import arrangement_optimum, arrangement_solution

pytestmark = pytest.mark.sampled

COUNT = int(os.environ.get("BLADENET_ORACLE_CASES", "60"))
QUANTILES = (0.1, 0.5, 0.9)
both_losses = pytest.mark.parametrize("loss", ["quantile", "poisson"])


def targets(loss, kind, rng, n):
    if loss == "quantile":
        y = rng.normal(size=n) * rng.choice([1e-2, 1.0, 1e4]) + rng.choice([0.0, 1e3])
    elif rng.random() < 0.7:
        y = rng.poisson(rng.choice([0.5, 2.0, 50.0]) * np.exp(0.5 * rng.normal(size=n))).astype(float)
    else:
        y = np.exp(rng.normal(size=n)) * rng.choice([1e-3, 1.0, 1e5])
    if kind == "grid":
        y = np.round(y)
    return np.full(n, y[0]) if kind == "constant_target" else y


def problems(loss, count):
    """Every geometry, norm and bias once before any twice: arguments of `train`, and the quantile."""
    table = list(product(KINDS, (1, 2), (1, 2), (True, False)))
    order = np.random.default_rng(len(loss)).permutation(len(table))
    found = []
    for k in range(10 * count):
        kind, d, norm, bias = table[order[k % len(table)]]
        rng = np.random.default_rng([k, len(loss)])
        X = KINDS[kind](rng, d)
        y = targets(loss, kind, rng, len(X))
        weight = np.ones(len(X)) if rng.random() < 0.5 else rng.integers(0, 4, len(X)).astype(float)
        if not weight.any() or (loss == "poisson" and bias and not y[weight > 0].any()):
            continue
        q = float(rng.choice(QUANTILES))
        settings = {"norm": norm, "bias": bias, "sample_weight": weight}
        named = bn.QuantileLoss(q) if loss == "quantile" else "poisson"
        beta = (bn.beta_max(X, y, loss=named, **settings) or 1.0) * 10.0 ** rng.uniform(-3, 0)
        name = f"{loss}-{k}-{kind}-d{d}-l{norm}-{'bias' if bias else 'nobias'}"
        found.append(pytest.param((X, y, {"beta": beta, **settings}, named, q), id=name))
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize("problem", [*problems("quantile", COUNT), *problems("poisson", COUNT)])
def test_optimum_is_the_oracles(problem):
    # guards everything: another formulation, another solver, no shared code
    X, y, settings, loss, q = problem
    fit = bn.train(X, y, loss=loss, time_limit=30.0, **settings)
    name = loss if isinstance(loss, str) else loss.name
    expected = arrangement_solution(X, y, loss=name, quantile=q, **settings)
    certificate = fit.certificate
    assert certificate.status is bn.Status.GLOBAL, str(certificate)
    size = 1e-12 * np.abs(y).max()
    assert certificate.objective == pytest.approx(expected.value, rel=1.1e-6, abs=size)
    assert certificate.lower_bound <= expected.value * (1 + 1e-9) + size
    assert expected.lower <= certificate.objective * (1 + 1e-9) + size


@both_losses
@pytest.mark.parametrize("seed", range(6))
def test_oracle_agrees_with_cvxpy_on_one_feature(loss, seed):
    # guards the oracle: there the program is a Lasso on the hinges at the samples
    rng = np.random.default_rng([seed, 5])
    n = int(rng.integers(3, MAX_SAMPLES + 1))
    x = rng.normal(size=n)
    y = rng.poisson(2.0, n).astype(float) + (np.arange(n) == 0) if loss == "poisson" else rng.normal(size=n)
    q, beta = QUANTILES[seed % 3], 0.1
    K = np.maximum(np.subtract.outer(x, x), 0)
    K = np.hstack([K, np.maximum(np.subtract.outer(-x, -x), 0)])
    z, t = cp.Variable(2 * n), cp.Variable()
    f = K @ z + t
    if loss == "poisson":
        some = y[y > 0]
        total = cp.sum(cp.exp(f)) - y @ f + some @ np.log(some) - some.sum()
    else:
        total = cp.sum(cp.maximum(q * (y - f), (1 - q) * (f - y)))
    program = cp.Problem(cp.Minimize(total + beta * cp.norm1(z)))
    expected = program.solve(cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert arrangement_optimum(x, y, beta, loss=loss, quantile=q) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@both_losses
def test_a_weight_is_a_repeated_sample(loss):
    # guards weights inside the domains of the conjugates
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(12, 2)), rng.poisson(3.0, 12).astype(float), rng.integers(0, 4, 12)
    fits = [
        bn.train(X, y, beta=0.5, loss=loss, sample_weight=weight),
        bn.train(np.repeat(X, weight, axis=0), np.repeat(y, weight), beta=0.5, loss=loss),
    ]
    assert all(fit.certificate.status is bn.Status.GLOBAL for fit in fits)
    assert fits[0].certificate.objective == pytest.approx(fits[1].certificate.objective, rel=2e-6)


def test_quantile_moves_with_the_targets():
    # guards the shift and the units of the linear program
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    loss = bn.QuantileLoss(0.8)
    plain = bn.train(X, y, beta=0.5, loss=loss)
    for factor, offset in ((1.0, 1e4), (1e8, 0.0), (1e-8, 0.0)):
        moved = bn.train(X, factor * y + offset, beta=0.5, loss=loss)
        assert moved.certificate.status is bn.Status.GLOBAL
        assert moved.certificate.objective == pytest.approx(factor * plain.certificate.objective, rel=2e-6)


@pytest.mark.parametrize("factor", [1e-12, 1e-3, 1e6, 1e80])
def test_poisson_scales_with_the_targets(factor):
    # guards against a loss that loses its digits, or its certificate, in other units: f moves by log(factor)
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(40, 2)), rng.poisson(3.0, 40).astype(float)
    plain = bn.train(X, y, beta=0.5, loss="poisson")
    scaled = bn.train(X, factor * y, beta=factor * 0.5, loss="poisson")
    assert scaled.certificate.status is bn.Status.GLOBAL
    assert scaled.certificate.objective == pytest.approx(factor * plain.certificate.objective, rel=2e-6)


def test_targets_of_poisson_are_not_centred_in_the_certificate():
    # guards against treating it as a location family: the bound would be that of another problem
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(15, 2)), 50.0 + rng.poisson(3.0, 15)
    problem = TrainingProblem.create(X, y, beta=0.5, loss="poisson")
    fit = bn.train(X, y, beta=0.5, loss="poisson")
    v = fit.proof.dual
    expected = -np.sum((y + v) * np.log(y + v) - (y + v) - (y * np.log(y) - y))
    assert lower_bound_of(problem, fit.proof) == pytest.approx(expected, rel=1e-9)
    assert lower_bound_of(problem, DualProof(-3.0 * y, np.inf)) == 0.0  # outside the domain


def test_limits_are_those_of_other_libraries():
    # guards the meaning of the losses: a constant for large β is scikit-learn's, q of the samples are below
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 2)), rng.poisson(4.0, 60).astype(float)
    model = bn.BladeNetRegressor(alpha=1e3, loss="poisson").fit(X, y)
    expected = PoissonRegressor(alpha=1e9).fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)
    for q in QUANTILES:
        predicted = bn.BladeNetRegressor(alpha=1e-2, loss=bn.QuantileLoss(q)).fit(X, y).predict(X)
        near = 1e-6
        assert (y < predicted - near).mean() <= q <= (y <= predicted + near).mean()


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize(
    "loss",
    ["quantile", "poisson", bn.QuantileLoss(0.9), bn.PoissonLoss()],
    ids=["quantile", "poisson", "0.9", "object"],
)
def test_models_survive_saving(tmp_path, loss, suffix):
    # guards q, without which another loss is explained, and the link, without which logarithms are predicted
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(30, 2)), rng.poisson(3.0, 30).astype(float)
    model = bn.BladeNetRegressor(alpha=0.05, loss=loss).fit(X, y)
    bn.save_model(model, tmp_path / f"m.{suffix}")
    loaded = bn.load_model(tmp_path / f"m.{suffix}")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.explain() == model.explain()
    if loss == "quantile" or loss == "poisson" or not vars(loss):
        assert loaded.loss == (loss if isinstance(loss, str) else loss.name)
    else:
        assert vars(loaded.loss) == {"quantile": 0.9}


def test_alpha_is_chosen_and_explained():
    # guards folds without a target above 0, and texts that call a logarithm a prediction
    rng = np.random.default_rng(6)
    X = rng.uniform(-2, 2, size=(80, 1))
    y = rng.poisson(np.exp(np.sin(2 * X[:, 0]) - 2)).astype(float)
    model = bn.BladeNetRegressor(alpha="auto", loss="poisson").fit(X, y)
    assert model.certificate_.status is bn.Status.GLOBAL
    np.testing.assert_allclose(model.predict(X), np.exp(model.network_.predict(X)))
    assert "log of the prediction = " in str(model.explain())
    rare = np.where(np.arange(80) < 2, 1.0, 0.0)
    assert bn.BladeNetRegressor(alpha="auto", loss="poisson").fit(X, rare).certificate_.gap < 1e-6
    with pytest.raises(ValueError, match="two targets above 0"):
        bn.BladeNetRegressor(alpha="auto", loss="poisson").fit(X, np.where(np.arange(80) < 1, 1.0, 0.0))
    upper = bn.BladeNetRegressor(alpha="auto", loss=bn.QuantileLoss(0.9)).fit(X, y)
    assert upper.certificate_.status is bn.Status.GLOBAL
    assert "\nprediction = " in str(upper.explain())


@pytest.mark.parametrize("loss", ["logistic", "poisson"])
def test_rare_targets_are_in_every_subsample(loss):
    # guards against an error in the middle of training, from a subsample with one class
    rng = np.random.default_rng(7)
    X, rare = rng.normal(size=(3000, 1)), np.arange(3000) == 17
    y = rare.astype(float) if loss == "poisson" else np.where(rare, 1.0, -1.0)
    form = TrainingProblem.create(X, y, beta=1.0, loss=loss).standard
    for size in (10, 300):
        assert form.subsample(size).y.max() == 1.0


@both_losses
def test_several_outputs_are_refused(loss):
    # guards against a wrong shape deep inside
    y = np.ones((4, 2))
    with pytest.raises(ValueError, match=re.escape(f"got shape (4, 2). loss='{loss}' has one output")):
        bn.BladeNetRegressor(loss=loss).fit(np.arange(8.0).reshape(4, 2), y)


def test_negative_and_missing_counts_are_named():
    X = np.arange(4.0)[:, None]
    with pytest.raises(ValueError, match=r"targets of at least 0, but y contains -1.5 in row 2"):
        bn.train(X, [0, 1, -1.5, 2], beta=1.0, loss="poisson")
    with pytest.raises(ValueError, match="needs a target above 0"):
        bn.train(X, np.zeros(4), beta=1.0, loss="poisson")
    assert bn.train(X, np.zeros(4), beta=1.0, loss="poisson", bias=False).certificate.status is bn.Status.GLOBAL


def test_predictions_far_away_are_finite():
    # guards against inf and warnings where exp overflows
    X = np.linspace(0, 1, 8)[:, None]
    model = bn.BladeNetRegressor(alpha=1e-3, loss="poisson").fit(X, np.exp(4 * X[:, 0]))
    assert np.isfinite(model.predict([[1e6], [-1e6]])).all()


def test_weights_over_many_decades_give_no_warnings():
    # guards a factor spoilt by rounding, whose steps grew without end, and logarithms at the end of the domain
    rng = np.random.default_rng(27)
    X, y, weights = rng.normal(size=(11, 1)), rng.poisson(2.0, 11).astype(float), 10.0 ** rng.uniform(-12, 12, 11)
    largest = bn.beta_max(X, y, loss="poisson", sample_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = bn.train(X, y, beta=1e-12 * largest, loss="poisson", sample_weight=weights, tol=1e-7)
        beyond = np.array([-3.0 * (1.0 + 1e-15)])
        assert bn.PoissonLoss().conjugate_gradient(beyond, np.array([3.0])) < -700.0
    assert fit.certificate.lower_bound <= fit.certificate.objective


def test_pictures_bend_and_say_what_they_show(tmp_path):
    # guards straight lines between kinks where the mean is exponential
    rng = np.random.default_rng(8)
    X = pd.DataFrame({"x": rng.uniform(-2, 2, 50)})
    y = pd.Series(rng.poisson(np.exp(np.sin(2 * X["x"]))), name="visits")
    ax = bn.BladeNetRegressor(alpha=0.05, loss="poisson").fit(X, y).plot(X, y)
    assert len(ax.lines[0].get_xdata()) > 50
    texts = " ".join(text.get_text() for text in ax.texts)
    assert "logarithm of the fit" in texts


def test_a_search_goes_on_while_its_first_neurons_only_turn_the_dual_variable():
    # guards relaxed fits from the constant network at a kink, which the first neurons do not leave
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), (np.arange(40) < 10) * 1.0
    settings = {"beta": 0.05, "loss": "quantile", "tol": 1e-3}
    relaxed, exact = (bn.train(X, y, **settings, strategy=strategy).certificate for strategy in ("relaxed", "auto"))
    assert exact.lower_bound * (1.0 - 1e-9) <= relaxed.objective <= 1.1 * exact.objective
