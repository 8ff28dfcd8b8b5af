"""Many features: neurons rise together, and move together downhill of the objective."""

import numpy as np
import pytest

import bladenet as bn
from bladenet import joint_descent
from bladenet.joint_descent import moved_together
from bladenet.lasso import Lasso
from bladenet.pricing import Ascent, Clock, Rising, anchored, choose_pricer, rising
from bladenet.problem import TrainingProblem


def form_of(d=10, n=400, beta=2.0, loss="squared", bias=True, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    f = np.maximum(X @ rng.standard_normal((d, 3)) + 0.5, 0.0) @ np.array([1.0, -1.0, 1.0])
    f = f - f.mean() + 0.3 * rng.standard_normal(n)
    y = scale * f if loss in ("squared", "huber") else np.where(f > 0, 1.0, -1.0)
    return TrainingProblem.create(X, y, beta=beta * scale, loss=loss, bias=bias).standard


def dual_of(form):
    v = form.y - form.y.mean() if form.bias else form.y
    return form.at_points(-v)


def h_of(points, v, weights, offsets):
    return v @ np.maximum(points @ weights.T + offsets, 0.0)


def starts_of(form, m=20, seed=1):
    weights = np.random.default_rng(seed).standard_normal((m, form.points.shape[1]))
    weights /= np.linalg.norm(weights, axis=1)[:, None]
    return weights, np.full(m, 0.05) * form.bias


def test_anchored_offsets_go_through_a_sample_and_lose_nothing():
    form = form_of()
    v = dual_of(form)
    weights, offsets = starts_of(form)
    signs = np.where(np.arange(len(offsets)) % 2, 1.0, -1.0)
    moved = anchored(form.points, v, weights, offsets, signs)
    assert np.abs(form.points @ weights.T + moved).min(axis=0).max() < 1e-14
    gain = signs * (h_of(form.points, v, weights, moved) - h_of(form.points, v, weights, offsets))
    assert gain.min() >= -1e-12
    assert (np.abs(moved - offsets) > 0).all()
    # the next sample, not a farther one: no sample changes sides
    before, after = form.points @ weights.T + offsets, form.points @ weights.T + moved
    assert ((np.sign(before) == np.sign(after)) | (np.abs(after) < 1e-14)).all()


@pytest.mark.parametrize("offset", [-100.0, 100.0])
def test_anchored_neurons_with_all_samples_on_one_side(offset):
    form = form_of()
    weights, _ = starts_of(form, m=2)
    moved = anchored(form.points, dual_of(form), weights, np.full(2, offset), np.array([1.0, -1.0]))
    assert np.abs(form.points @ weights.T + moved).min(axis=0).max() < 1e-12


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", [1e-60, 1.0, 1e60])
def test_rising_finds_neurons_as_high_as_climbs_do(bias, scale):
    form = form_of(bias=bias)
    v = scale * dual_of(form)
    priced = Rising(form).price(v, 0.0, 0.0, Clock())
    climbed = Ascent(form).price(v, 0.0, 0.0, Clock())
    assert priced.bound == np.inf
    assert np.allclose(np.linalg.norm(priced.weights, axis=1), 1.0, atol=1e-12)
    assert np.allclose(h_of(form.points, v, priced.weights, priced.offsets), priced.values, rtol=1e-9)
    assert abs(priced.values[0]) > 0.97 * abs(climbed.values[0])
    if not bias:
        assert (priced.offsets == 0).all()


def test_rising_with_nothing_to_rise_on():
    form = form_of()
    assert len(Rising(form).price(np.zeros(len(form.points)), 0.0, 0.0, Clock()).values) == 0


def test_strips_change_nothing(monkeypatch):
    form = form_of(n=300)
    v = dual_of(form)
    whole = Rising(form).price(v, 0.0, 0.0, Clock())
    monkeypatch.setattr(rising, "STRIP", 70)
    strips = Rising(form).price(v, 0.0, 0.0, Clock())
    assert abs(strips.values[0]) == pytest.approx(abs(whole.values[0]), rel=0.02)  # single precision, many moves
    neurons, solution = solved(form)
    once = moved_together(form, neurons, solution, Clock())
    monkeypatch.setattr(joint_descent, "STRIP", 70)
    objectives = [objective_on(form, *moved_together(form, neurons, solution, Clock())), objective_on(form, *once)]
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-3)


def solved(form):
    restricted = Lasso(form, Clock())
    restricted.add(*starts_of(form))
    solution = restricted.solve(1e-9)
    return restricted.in_use, solution


def objective_on(form, weights, offsets):
    restricted = Lasso(form, Clock())
    restricted.add(weights, offsets)
    return form.value * restricted.solve(1e-9).objective


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber"])
@pytest.mark.parametrize("bias", [True, False])
def test_moving_together_lowers_the_objective(loss, bias):
    form = form_of(loss=loss, bias=bias)
    neurons, solution = solved(form)
    weights, offsets = moved_together(form, neurons, solution, Clock())
    assert np.allclose(np.linalg.norm(weights, axis=1), 1.0)
    assert len(offsets) <= len(neurons[1])
    if bias:
        assert np.abs(form.points @ weights.T + offsets).min(axis=0).max() < 1e-14
    else:
        assert (offsets == 0).all()
    assert objective_on(form, weights, offsets) < 0.8 * form.value * solution.objective


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_moving_together_does_not_depend_on_units(scale):
    results = []
    for form in (form_of(), form_of(scale=scale)):
        neurons, solution = solved(form)
        results.append(objective_on(form, *moved_together(form, neurons, solution, Clock())))
    assert results[1] / scale**2 == pytest.approx(results[0], rel=1e-2)


def test_stopped_clocks_are_obeyed():
    form = form_of()
    clock = Clock()
    clock.interrupt()
    neurons, solution = solved(form)
    weights, _ = moved_together(form, neurons, solution, clock)
    assert np.abs(weights @ neurons[0].T).max(axis=1).min() > 0.9  # one move at most
    assert np.isfinite(Rising(form).price(dual_of(form), 0.0, 0.0, clock).values).all()


@pytest.mark.parametrize("pricer", [Ascent, pytest.param(Rising, marks=pytest.mark.slow)])
def test_what_proves_nothing_is_not_asked_for_a_bound(pricer, monkeypatch):
    # guards the time before the first neuron: with nothing above a threshold every search is repeated
    thresholds, price = [], pricer.price

    def watched(self, v, threshold, slack, clock):
        thresholds.append(threshold)
        return price(self, v, threshold, slack, clock)

    monkeypatch.setattr(pricer, "price", watched)
    X = np.random.default_rng(5).normal(size=(3_000, 9 if pricer is Rising else 6))
    fit = bn.train(X, np.abs(X[:, 0]), beta=300.0, strategy="relaxed", tol=0.1)
    assert len(fit.network)
    assert thresholds
    assert max(thresholds) < np.inf


def test_which_problems_neurons_rise_on():
    assert isinstance(choose_pricer(form_of(), exact=False), Rising)
    assert isinstance(choose_pricer(form_of(loss="hinge"), exact=False), Ascent)
    assert isinstance(choose_pricer(form_of(n=200), exact=False), Ascent)
    assert isinstance(choose_pricer(form_of(d=7), exact=False), Ascent)


@pytest.mark.slow
@pytest.mark.rare
def test_training_is_below_a_large_random_dictionary_and_above_its_bound():
    form = form_of(n=300, d=12)
    X, y, beta = form.original.X, form.original.y, form.original.beta
    fit = bn.train(X, y, beta=beta, strategy="relaxed", tol=0.1, time_limit=20)
    rng = np.random.default_rng(2)
    weights = rng.standard_normal((1000, 12))
    weights /= np.linalg.norm(weights, axis=1)[:, None]
    offsets = -np.einsum("kc,kc->k", weights, form.points[rng.integers(300, size=1000)])
    assert fit.certificate.objective < 0.9 * objective_on(form, weights, offsets)
    assert 0 < fit.certificate.lower_bound <= fit.certificate.objective
