"""Angular sweeps in three and four dimensions against brute force: all blades, arcs and faces, and nothing else."""

from functools import partial
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso

from bladenet.column_generation import ColumnGeneration
from bladenet.kernels import faces, linear_algebra, sweeping
from bladenet.pricing import AngularSweep, Clock, angular_sweep, choose_pricer
from bladenet.problem import TrainingProblem
from oracle import arrangement_optimum
from spaces import KINDS, SETTINGS, brute_force, crude_size, dual, kernel_of, sampled, unreduced

pytestmark = pytest.mark.sampled

every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


def check(form, v, vertices_only=False, rel=1e-9):
    expected = brute_force(form, v, vertices_only)
    size = crude_size(form, v)
    priced = AngularSweep(form, vertices_only).maximum(v)
    assert priced.bound == pytest.approx(expected, rel=rel, abs=1e-11 * size)
    if not vertices_only:
        assert priced.bound >= expected - 1e-13 * size
    if expected > 1e-9 * size:  # the neuron is found, not only bounded
        assert np.abs(priced.values).max() == pytest.approx(expected, rel=rel, abs=1e-11 * size)
    np.testing.assert_allclose(np.linalg.norm(priced.weights, ord=form.norm, axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@every_setting
@pytest.mark.parametrize("d", [2, 3, 4])
def test_all_blades_arcs_and_faces_of_degenerate_data(kind, d, norm, bias):
    # guards every place where samples lie in the span of a pencil, cross together, or span less than the space
    for seed in range(2):
        rng = np.random.default_rng([seed, d, norm, bias])
        form = unreduced(KINDS[kind](rng, d), norm, bias)
        check(form, dual(form, rng, integer=bool(seed)))
        if norm == 2:  # the blade of samples 1e-10 apart is known to a few digits only
            check(form, dual(form, rng), vertices_only=True, rel=1e-5 if kind == "near_duplicates" else 1e-9)


@every_setting
@pytest.mark.parametrize(("n", "d"), [(9, 3), (7, 4), (6, 5)])
def test_all_blades_arcs_and_faces_of_random_data(n, d, norm, bias):
    # guards general position: every order in which samples are left, and in five dimensions flags of three
    rng = np.random.default_rng([n, d, norm, bias])
    form = unreduced(rng.normal(size=(n, d)), norm, bias)
    check(form, dual(form, rng))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    X=st.lists(st.tuples(*[st.integers(-2, 2).map(float)] * 3), min_size=1, max_size=6),
    seed=st.integers(0, 10**6),
    norm=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
def test_small_integer_data(X, seed, norm, bias):
    # guards coincidences that no list of kinds foresees; hypothesis shrinks them
    rng = np.random.default_rng(seed)
    form = unreduced(np.array(X), norm, bias)
    check(form, dual(form, rng, integer=True))


@every_setting
@pytest.mark.parametrize("d", [3, 4])
def test_no_sampled_neuron_exceeds_the_bound(d, norm, bias):
    # guards the bound at sizes that brute force cannot reach, without any theory of where maxima sit
    rng = np.random.default_rng([3, d, norm, bias])
    form = unreduced(np.round(rng.normal(size=(40 if d == 3 else 20, d)), 1), norm, bias)
    v = dual(form, rng)
    most = sampled(form, v, rng, 100_000)
    priced = AngularSweep(form).maximum(v)
    assert most <= priced.bound * (1 + 1e-12)
    assert priced.bound == pytest.approx(abs(priced.values[0]), rel=1e-9)
    assert priced.bound <= most * (1.25 if d == 3 else 1.6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("vertices_only", [True, False])
def test_rotation_into_more_dimensions_changes_nothing(bias, vertices_only):
    # guards rank-deficient data (Lemma 18): the plane in four dimensions prices as the plane
    rng = np.random.default_rng(4)
    X = rng.normal(size=(15, 2))
    turned = X @ np.linalg.qr(rng.normal(size=(4, 4)))[0][:2]
    v = rng.normal(size=15)
    v -= v.mean() if bias else 0.0
    plane, space = (unreduced(Z, 2, bias) for Z in (X, turned))
    bounds = [AngularSweep(form, vertices_only).maximum(v[form.sample]).bound * form.scale for form in (plane, space)]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-12)


@every_setting
@pytest.mark.parametrize("slack", [0.0, 0.1])
def test_one_pricing_keeps_its_contract(norm, bias, slack):
    # guards what the main loop relies on, and the threshold below which faces are left out
    rng = np.random.default_rng([5, norm, bias])
    form = unreduced(rng.normal(size=(8, 3)), norm, bias)
    v = dual(form, rng)
    truth = brute_force(form, v)
    for threshold in (0.0, 0.3 * truth, 0.9 * truth, 1.1 * truth):
        priced = AngularSweep(form).price(v, threshold, slack, Clock())
        assert truth <= priced.bound * (1 + 1e-12)
        assert priced.bound <= max(threshold, truth) * (1 + 1e-9)
        assert (np.abs(priced.values) > threshold).all()
        assert len(priced.values) or threshold > truth
        h = v @ np.maximum(form.points @ priced.weights.T + priced.offsets, 0.0)
        np.testing.assert_allclose(priced.values, h, atol=1e-13 * crude_size(form, v))
        assert bias or not priced.offsets.any()


@pytest.mark.parametrize("bias", [True, False])
def test_vertices_only_touches_samples(bias):
    # guards what vertices-only means in space: every neuron is a blade of independent samples
    rng = np.random.default_rng(6)
    form = unreduced(rng.normal(size=(12, 3)), 2, bias)
    v = dual(form, rng)
    priced = AngularSweep(form, vertices_only=True).price(v, 0.0, 0.0, Clock())
    assert len(priced.values) > 20
    touching = np.abs(form.points @ priced.weights.T + priced.offsets) < 1e-9
    assert (touching.sum(axis=0) == 2 + bias).all()
    assert isinstance(choose_pricer(form, vertices_only=True), AngularSweep)


@pytest.mark.parametrize("groups", [1, 7, 10**6])
def test_groups_of_pencils_lose_no_maximum(monkeypatch, groups):
    # guards the memory of long sweeps: pencils that share a record keep the best
    rng = np.random.default_rng(7)
    form = unreduced(rng.normal(size=(12, 3)), 2, True)
    v = dual(form, rng)
    expected = AngularSweep(form).maximum(v).bound
    monkeypatch.setattr(angular_sweep, "MOST_GROUPS", groups)
    assert AngularSweep(form).maximum(v).bound == pytest.approx(expected, rel=1e-12)


def test_a_stopped_sweep_proves_nothing():
    # guards a time limit turning into a false proof
    rng = np.random.default_rng(8)
    form = unreduced(rng.normal(size=(30, 3)), 2, True)
    clock = Clock()
    clock.interrupt()
    assert AngularSweep(form).price(dual(form, rng), 0.0, 0.0, clock).bound == np.inf


def test_too_many_blades_are_refused():
    # guards against an endless search: the message has the count, the limit and the remedy
    form = unreduced(np.random.default_rng(9).normal(size=(3000, 3)), 2, True)
    with pytest.raises(ValueError, match=r"3000 points with 3 features have about 3e\+10 blades.*vertices_only=False"):
        AngularSweep(form)


# --- training ----------------------------------------------------------------------------------------------------


def trained(X, y, beta, norm, bias, vertices_only=False):
    """Objective of the optimum that column generation finds by sweeps, and its gap."""
    form = TrainingProblem.create(X, y, beta=beta, norm=norm, bias=bias).standard
    search = ColumnGeneration(form, partial(AngularSweep, vertices_only=vertices_only), 1e-8, Clock(60.0)).run()
    return form.value * search.objective, search.gap


@pytest.mark.parametrize("norm", [1, 2])
def test_training_in_space_reaches_the_oracle(norm):
    # guards sweeps as a whole against a convex program that knows nothing of blades
    rng = np.random.default_rng([12, norm])
    X, y = rng.normal(size=(7, 3)), rng.normal(size=7)
    objective, gap = trained(X, y, 0.2, norm, False)
    assert gap <= 1e-8
    assert objective == pytest.approx(arrangement_optimum(X, y, 0.2, norm=norm, bias=False), rel=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_vertices_only_training_is_a_lasso_over_all_blades(bias):
    # guards vertices-only in space: scikit-learn's Lasso over all planes through samples finds nothing better
    rng = np.random.default_rng(13)
    X, y, beta = rng.normal(size=(7, 3)), rng.normal(size=7), 0.1
    columns = []
    for members in combinations(range(7), 2 + bias):
        anchor = X[members[0]] if bias else np.zeros(3)
        a = (X - anchor) @ kernel_of([X[i] - anchor for i in members[bias:]], 3)[0]
        a[list(members)] = 0.0
        columns += [np.maximum(a, 0.0), np.maximum(-a, 0.0)]
    K = np.array(columns).T
    lasso = Lasso(alpha=beta / 7, tol=1e-12, max_iter=10**6, fit_intercept=bias).fit(K, y)
    expected = 0.5 * ((lasso.predict(K) - y) ** 2).sum() + beta * np.abs(lasso.coef_).sum()
    objective, gap = trained(X, y, beta, 2, bias, vertices_only=True)
    assert gap <= 1e-8
    assert objective == pytest.approx(expected, rel=1e-6)
    assert objective > trained(X, y, beta, 2, bias)[0] * (1 + 1e-6), "faces made no difference"


# --- kernels -----------------------------------------------------------------------------------------------------


def test_permutations_are_all_visited():
    # guards the orders in which samples are left
    order = np.arange(4)
    for expected in permutations(range(4)):
        assert tuple(order) == expected
        faces.next_permutation(order)
    assert tuple(order) == expected


@pytest.mark.parametrize("gap", [1.0, 1e-5, 1e-10])
def test_bases_are_orthonormal(gap):
    # guards weights of unit norm where samples nearly coincide
    rng = np.random.default_rng(10)
    x = rng.normal(size=5)
    basis = np.zeros((5, 5))
    assert linear_algebra.extend_basis(basis, 0, x) == (pytest.approx(np.linalg.norm(x)), True)
    distance, independent = linear_algebra.extend_basis(basis, 1, x + gap * rng.normal(size=5))
    assert independent
    assert 0.1 * gap < distance < 10 * gap
    assert not linear_algebra.extend_basis(basis, 2, 2 * basis[0] - basis[1])[1]
    linear_algebra.complete_basis(basis, 2)
    np.testing.assert_allclose(basis @ basis.T, np.eye(5), atol=1e-14)


def test_plane_basis_is_exact():
    # guards the plane: its rows are not rotated, so that collinear samples stay so
    basis = np.zeros((2, 2))
    linear_algebra.complete_basis(basis, 0)
    np.testing.assert_array_equal(basis, np.eye(2))


def test_crossings_twin():
    # guards which samples are active at an angle, axis-parallel ones too
    rng = np.random.default_rng(11)
    x = np.vstack([rng.normal(size=(20, 2)), np.eye(2), -np.eye(2)])
    times, order = sweeping.crossings(x[:, 0].copy(), x[:, 1].copy())
    assert (np.diff(times[order]) >= 0).all()
    for theta in rng.uniform(-np.pi, np.pi, 50):
        enter, leave = times.reshape(2, -1)
        active = np.where(enter < leave, (enter < theta) & (theta < leave), (theta > enter) | (theta < leave))
        np.testing.assert_array_equal(active, x @ [np.cos(theta), np.sin(theta)] > 0)
