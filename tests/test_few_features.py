"""Neurons of at most k features (norm 1) against the dictionary of THEORY §2, every hinge, line and plane listed."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import bladenet as bn
from bladenet.certificate import DualProof, certify
from bladenet.pricing import Clock, FewFeatures, choose_pricer, exact_pricer
from bladenet.problem import TrainingProblem, distinct_rows
from dictionaries import explicit_optimum, few_features
from spaces import crude_size, dual, sampled, standard_form, unreduced

pytestmark = pytest.mark.sampled

GLOBAL = bn.Status.GLOBAL
with_and_without_bias = pytest.mark.parametrize("bias", [True, False])


def reads(weights):
    """How many features each neuron reads."""
    return np.count_nonzero(weights, axis=1)


def data(rng, n, d, kind="gaussian"):
    X = rng.normal(size=(n, d))
    if kind == "table":  # a count, a yes/no, a constant, a copy
        X[:, 0], X[:, 1], X[:, 2] = rng.integers(0, 4, n), rng.integers(0, 2, n), 3.0
        X[:, -1] = X[:, 0]
    return X


def few(X, most, bias):
    """The pricer of all features, constant and repeated ones too."""
    return FewFeatures(unreduced(X, 1, bias), most, exact_pricer)


# --- pricing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gaussian", "table"])
@with_and_without_bias
@pytest.mark.parametrize(("n", "d", "most"), [(40, 5, 1), (20, 4, 2), (11, 5, 3), (9, 5, 4), (1, 3, 2), (2, 3, 1)])
def test_bound_is_that_of_the_dictionary(n, d, most, bias, kind):
    # guards sets of features left out, merged points, duals summed there: never below, within slack above
    rng = np.random.default_rng([n, d, most, bias])
    pricer = few(data(rng, n, d, kind), most, bias)
    points = pricer.form.points
    for integer in (True, False):
        v = dual(pricer.form, rng, integer)
        W, b = few_features(points, most, bias)
        truth, size = np.abs(v @ np.maximum(points @ W.T + b, 0.0)).max(), crude_size(pricer.form, v)
        for share, slack in ((0.5, 0.1), (0.95, 1e-4), (1.1, 0.1)):
            threshold = share * truth
            priced = pricer.price(v, threshold, slack, Clock())
            assert truth - 1e-14 * size <= priced.bound <= max(threshold, (1 + slack) * truth) + 1e-11 * size
            assert (reads(priced.weights) <= most).all()
            assert (np.abs(priced.values) > threshold).all()
            np.testing.assert_allclose(np.abs(priced.weights).sum(axis=1), 1.0, rtol=1e-12)
            h = v @ np.maximum(points @ priced.weights.T + priced.offsets, 0.0)
            np.testing.assert_allclose(priced.values, h, atol=1e-13 * size)
            if truth > 1e-9 * size and share < 1.0:
                assert abs(priced.values[0]) >= truth / (1 + slack) * (1 - 1e-9)
        assert pricer.maximum(v, 1e-6).bound == pytest.approx(truth, rel=2e-6, abs=1e-11 * size)


def test_stopped_pricing_is_a_bound():
    # guards a time limit: sets that were never looked at are covered too
    rng = np.random.default_rng(3)
    pricer = few(data(rng, 200, 6), 2, True)
    v = dual(pricer.form, rng)
    truth = np.abs(pricer.price(v, 0.0 + 0.5 * np.abs(v).sum() / 200, 0.01, Clock()).values).max()
    clock = Clock()
    clock.interrupt()
    for limited in (clock, Clock(1e-9), Clock(2e-3)):
        assert pricer.price(v, 0.1 * truth, 1e-6, limited).bound >= truth


@with_and_without_bias
@pytest.mark.parametrize("most", [1, 2, 3])
def test_proposals_reach_the_best_neuron(most, bias):
    # guards sets that are never looked at, and proposals taken for a proof
    rng = np.random.default_rng([4, most, bias])
    pricer = few(data(rng, 30, 5), most, bias)
    v = dual(pricer.form, rng)
    best = pricer.maximum(v, 1e-3).bound
    seen = set()
    for _ in range(12):
        proposed = pricer.propose(v, 0.1 * best, 1e-3, Clock())
        assert proposed.bound == np.inf or (most == 1 and proposed.bound >= best / (1 + 1e-3))
        assert (reads(proposed.weights) <= most).all()
        assert (np.abs(proposed.values) <= best).all()
        seen |= {round(abs(value) / best, 3) for value in proposed.values}
    assert max(seen) >= 0.998  # of a bound with a slack of 0.001
    assert len(seen) > 5


def test_nothing_proposed_is_no_proof():
    # guards a bound of 0 where no neuron was found
    rng = np.random.default_rng(8)
    pricer = few(data(rng, 50, 4), 2, True)
    nothing = pricer.propose(dual(pricer.form, rng), 1e6, 1e-3, Clock())
    assert nothing.bound == np.inf
    assert not len(nothing.values)


@with_and_without_bias
@pytest.mark.parametrize("most", [1, 2, 3])
def test_nearby_neurons_stay_within_few_features(most, bias):
    # guards moves out of the allowed sets: unit norm, at most k features, none worse than where the best began
    rng = np.random.default_rng([5, most, bias])
    pricer = few(data(rng, 25, 4), most, bias)
    v = dual(pricer.form, rng)
    start = pricer.price(v, 0.3 * sampled(replace(pricer.form), v, rng, 500), 0.1, Clock())
    moved_v = v + 0.1 * dual(pricer.form, rng)
    moved = pricer.nearby(moved_v, start.weights, start.offsets, 0.0, Clock())
    assert moved.bound == np.inf
    assert len(moved.values)
    assert (reads(moved.weights) <= most).all()
    np.testing.assert_allclose(np.abs(moved.weights).sum(axis=1), 1.0, rtol=1e-12)
    before = np.abs(pricer.values(moved_v, start.weights, start.offsets)).max()
    assert np.abs(moved.values).max() >= before * (1 - 1e-9)
    nothing = pricer.nearby(moved_v, start.weights[:0], start.offsets[:0], 0.0, Clock())
    assert not len(nothing.values)


def test_all_features_need_no_sets():
    # guards d = k: the whole space is priced, not its only set
    form = standard_form(np.eye(3), 1, True)
    assert not isinstance(choose_pricer(form), FewFeatures)
    for most in (3, 7):
        problem = TrainingProblem.create(np.eye(3), [1.0, 2, 3], beta=1.0, norm=1, max_interaction=most)
        assert not isinstance(choose_pricer(problem.standard), FewFeatures)


@with_and_without_bias
def test_features_that_repeat_others_are_not_priced(bias):
    # guards the sets: those of the three features that say something, or none where two do
    X = data(np.random.default_rng([8, bias]), 12, 5)
    X[:, 3:] = X[:, :2] * [-0.5, 1.0]
    for columns, sets in (([0, 1, 2, 3, 4], [[0, 1], [0, 2], [1, 2]]), ([0, 1, 3, 4], None)):
        problem = TrainingProblem.create(X[:, columns], X[:, 0], beta=1.0, norm=1, bias=bias, max_interaction=2)
        pricer = choose_pricer(problem.standard)
        assert (pricer.sets.tolist() if isinstance(pricer, FewFeatures) else None) == sets


# --- training --------------------------------------------------------------------------------------------------


@with_and_without_bias
@pytest.mark.parametrize("kind", ["gaussian", "table"])
@pytest.mark.parametrize(("n", "d", "most"), [(40, 5, 1), (16, 5, 2), (10, 4, 3)])
def test_training_reaches_the_optimum_over_the_dictionary(n, d, most, kind, bias):
    # guards everything: an explicit Lasso over all hinges, lines and planes has the same optimum
    rng = np.random.default_rng([6, n, most, bias])
    X = data(rng, n, d, kind)
    y = np.abs(X[:, 0]) + np.maximum(X[:, 1] - X[:, 3], 0.0) + 0.1 * rng.normal(size=n)
    fit = bn.train(X, y, beta=0.3, norm=1, bias=bias, max_interaction=most, tol=1e-8)
    assert fit.certificate.status is GLOBAL, str(fit.certificate)
    assert (reads(fit.network.weights) <= most).all()
    assert fit.certificate.objective == pytest.approx(explicit_optimum(X, y, 0.3, most, bias), rel=1e-6)


@pytest.mark.parametrize("loss", ["squared", "logistic", "hinge", "huber"])
@with_and_without_bias
def test_every_loss_reaches_the_optimum_over_the_dictionary(loss, bias):
    # guards the certificate for every loss, probes and all
    rng = np.random.default_rng([7, bias])
    X = data(rng, 14, 4)
    y = X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=14)
    y = y if loss in ("squared", "huber") else np.where(y > 0, 1.0, -1.0)
    fit = bn.train(X, y, beta=0.2, norm=1, bias=bias, loss=loss, max_interaction=2, tol=1e-7)
    assert fit.certificate.status is GLOBAL, str(fit.certificate)
    assert (reads(fit.network.weights) <= 2).all()
    assert fit.certificate.objective == pytest.approx(explicit_optimum(X, y, 0.2, 2, bias, loss), rel=1e-6)


@with_and_without_bias
def test_more_interaction_is_never_worse(bias):
    # guards k = d against no restriction, and the order in between
    rng = np.random.default_rng([8, bias])
    X = data(rng, 12, 3)
    y = np.abs(X @ [1.0, -1.0, 0.5])
    fits = [bn.train(X, y, beta=0.1, norm=1, bias=bias, max_interaction=most, tol=1e-7) for most in (1, 2, 3, None)]
    assert all(fit.certificate.status is GLOBAL for fit in fits)
    objectives = [fit.certificate.objective for fit in fits]
    assert (np.diff(objectives) <= 1e-7 * objectives[0]).all()
    assert objectives[-1] == pytest.approx(objectives[-2], rel=1e-7)
    assert objectives[0] > objectives[1] * 1.01, "the target has interactions"
    ends = [bn.beta_max(X, y, norm=1, bias=bias, max_interaction=most) for most in (1, 2, 3, None)]
    assert (np.diff(ends) >= -1e-8 * ends[0]).all()
    assert ends[-1] == pytest.approx(ends[-2], rel=1e-8)


@with_and_without_bias
def test_valid_proofs_stand_and_forged_ones_fall(bias):
    # guards the probes: neurons of more features than allowed refute nothing, those allowed do
    for most in (1, 2):
        rng = np.random.default_rng([9, most, bias])
        X = data(rng, 30, 5)
        y = np.abs(X.sum(axis=1))
        fit = bn.train(X, y, beta=1.0, norm=1, bias=bias, max_interaction=most, tol=1e-7)
        form, proof = fit.problem.standard, fit.proof
        everything = sampled(form, proof.dual[form.sample], rng, 20_000) * form.scale  # no sample is repeated
        assert everything > proof.bound * 1.01, "no neuron of more features is above the bound: this shows nothing"
        assert fit.certificate.status is GLOBAL
        if most == 1:  # probes of all features see that
            assert not certify(replace(fit.problem, max_interaction=None), fit.network, proof, 1e-7).lower_bound
        for forged in (DualProof(proof.dual, 0.9 * proof.bound), DualProof(1.2 * proof.dual, proof.bound)):
            assert certify(fit.problem, fit.network, forged, 1e-7).lower_bound == 0.0


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_distinct_points_of_a_set(levels, most):
    # guards equal points found on a grid instead of by sorting: with few levels they are, with many they are not
    rng = np.random.default_rng([levels, most])
    X = rng.integers(-levels, levels, size=(60, 4)) / levels
    X[:5] = X[5]
    X[6] = -0.0
    form = replace(standard_form(rng.normal(size=(60, 4)), 1, True), points=X)  # not merged, as no set of few is
    spaces = FewFeatures(form, most, exact_pricer).spaces
    for columns in combinations(range(4), most):
        space, _ = spaces[columns]
        first, point = distinct_rows(X[:, columns])
        np.testing.assert_array_equal(space.points, X[first][:, columns])
        np.testing.assert_array_equal(space.point, point)


def test_sets_are_not_prepared_once_the_clock_has_stopped():
    # guards limits: 9,880 sets of 15,000 points were prepared, which took minutes, and then not searched
    rng = np.random.default_rng(0)
    form = TrainingProblem.create(rng.normal(size=(60, 6)), np.zeros(60), beta=1.0, norm=1, max_interaction=3).standard
    v = rng.normal(size=60)
    v -= v.mean()
    pricer, clock = choose_pricer(form), Clock()
    clock.interrupt()
    stopped = pricer.price(v, 1e-3, 1e-3, clock)
    assert not pricer.spaces.made
    whole = choose_pricer(form).price(v, 1e-3, 1e-3, Clock())
    assert np.abs(whole.values).max() <= stopped.bound < np.inf
