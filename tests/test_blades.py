"""Blades: sample indices → neuron → the same indices. The indices *are* the explanation, so both ways must be exact."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from bladenet import Blade, algebra
from bladenet.blades import corners, find_blades, neurons
from cases import KINDS

pytestmark = pytest.mark.sampled

SETTINGS = [(norm, bias) for norm in (1, 2) for bias in (True, False)]
every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


def unit_points(kind, rng, d):
    """Distinct samples of about unit size, as the standard form has them."""
    points = np.unique(KINDS[kind](rng, d), axis=0)
    points = points - points.mean(axis=0)
    return points / (np.abs(points).max() or 1.0)


def contacts(points, blade, weight, offset):
    return [abs(float(points[i] @ weight + offset)) for i in blade.samples]


def check_round_trip(points, weight, offset, norm, bias, atol=1e-8):
    """The neuron of the blade that is found is the neuron; returns the blade."""
    blade = find_blades(points, weight[None], np.array([offset]), norm, bias)[0]
    back, back_offset = blade.neuron(points, norm, bias)
    np.testing.assert_allclose(back, weight, atol=atol)
    assert back_offset == pytest.approx(offset, abs=atol)
    assert np.linalg.norm(back, ord=norm) == pytest.approx(1.0, rel=1e-13)
    assert max(contacts(points, blade, back, back_offset), default=0.0) <= 1e-8
    return blade


@every_setting
@pytest.mark.parametrize("d", [1, 2, 3])
def test_neuron_is_the_cross_product(d, norm, bias):
    # guards the formula w = ± ⋆(a_1 ∧ … ∧ a_{r−1}) against the algebra, in dimensions training does not reach yet
    rng = np.random.default_rng([1, d])
    points = rng.normal(size=(7, d))
    for samples in combinations(range(7), d if bias else d - 1):
        for orientation in (1, -1):
            blade = Blade(samples, tuple(range(d)), orientation)
            weight, offset = blade.neuron(points, norm, bias)
            chosen = points[list(samples)]
            normal = orientation * algebra.cross(chosen[1:] - chosen[0] if bias else chosen.reshape(d - 1, d))
            np.testing.assert_allclose(weight, normal / np.linalg.norm(normal, ord=norm), atol=1e-12)
            np.testing.assert_allclose(points[list(samples)] @ weight + offset, 0.0, atol=1e-10)
            if not bias:
                assert offset == 0.0


@every_setting
@pytest.mark.parametrize("d", [1, 2, 3])
def test_vertices_round_trip(d, norm, bias):
    # guards the reverse map: the contact samples of a blade are found again, whatever the orientation
    rng = np.random.default_rng([2, d])
    points = rng.normal(size=(8, d))
    points /= np.abs(points).max()
    for samples in combinations(range(8), d if bias else d - 1):
        for orientation in (1, -1):
            weight, offset = Blade(samples, tuple(range(d)), orientation).neuron(points, norm, bias)
            blade = check_round_trip(points, weight, offset, norm, bias)
            assert blade.is_vertex
            assert blade.pull is None
            assert sorted(blade.samples) == sorted(samples)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("d", [2, 3])
def test_zero_coordinates_round_trip(d, bias):
    # guards p = 1: a coordinate that w does not use needs no sample (THEORY §2)
    rng = np.random.default_rng([3, d])
    points = rng.normal(size=(8, d))
    points /= np.abs(points).max()
    for size in range(1, d):
        for coordinates in combinations(range(d), size):
            for samples in combinations(range(8), size if bias else size - 1):
                weight, offset = Blade(samples, coordinates, -1).neuron(points, 1, bias)
                unused = [c for c in range(d) if c not in coordinates]
                assert not weight[unused].any()
                blade = check_round_trip(points, weight, offset, 1, bias)
                assert blade.coordinates == coordinates
                assert sorted(blade.samples) == sorted(samples)
                assert blade.is_vertex


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("d", [2, 3])
def test_faces_round_trip(d, bias):
    # guards p = 2 optima inside faces: fewer contacts than a blade needs, the rest is the projected pull
    rng = np.random.default_rng([4, d])
    points = rng.normal(size=(9, d))
    points /= np.abs(points).max()
    for count in range(1 if bias else 0, d - 1 + bias):
        for samples in combinations(range(9), count):
            blade = Blade(samples, tuple(range(d)), 0, rng.normal(size=d))
            weight, offset = blade.neuron(points, 2, bias)
            found = check_round_trip(points, weight, offset, 2, bias)
            assert not found.is_vertex
            assert sorted(found.samples) == sorted(samples)


def test_pull_is_projected_off_the_samples():
    # guards w = P s / ‖P s‖: the part of the pull along the samples does not matter
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [5.0, 2.0, 1.0]])
    weight, offset = Blade((0, 1), (0, 1, 2), 0, np.array([9.0, 3.0, 4.0])).neuron(points, 2, True)
    np.testing.assert_allclose(weight, [0.0, 0.6, 0.8], atol=1e-15)
    assert offset == 0.0


@pytest.mark.parametrize("kind", KINDS)
@every_setting
@pytest.mark.parametrize("d", [1, 2])
def test_degenerate_data_round_trip(kind, d, norm, bias):
    # guards the choice of independent contacts: many samples on one line, zero rows, one sample
    rng = np.random.default_rng([5, d, norm, bias])
    points = unit_points(kind, rng, d)
    n = len(points)
    for _ in range(12):
        # a line through two samples (with bias), or one and the origin; else a random direction through a sample
        i, j = rng.integers(0, n, 2)
        along = points[j] - points[i] if bias else points[i]
        weight = np.array([-along[1], along[0]]) if d == 2 else np.array([rng.choice([1.0, -1.0])])
        if np.abs(weight).max() < 1e-3 or rng.uniform() < 0.3:
            weight = np.eye(d)[rng.integers(d)] if norm == 1 else rng.normal(size=d)
        weight = weight / np.linalg.norm(weight, ord=norm)
        offset = -float(weight @ points[i]) if bias else 0.0
        blade = check_round_trip(points, weight, offset, norm, bias)
        assert len(blade.samples) <= d - 1 + bias
        if norm == 1:
            assert blade.is_vertex


@every_setting
def test_far_apart_contacts_are_preferred(norm, bias):
    # guards precision: two samples 1e-7 apart would define a line only to 1e-9 of their distance
    base = np.array([[0.0, 0.0], [1e-7, 1e-7], [0.9, 0.9], [0.3, -0.5]])
    weight = np.array([1.0, -1.0]) / np.linalg.norm([1.0, -1.0], ord=norm)
    blade = find_blades(base, weight[None], np.zeros(1), norm, bias)[0]
    assert 2 in blade.samples
    np.testing.assert_allclose(blade.neuron(base, norm, bias)[0], weight, atol=1e-12)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    X=st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=8, unique=True),
    picks=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    orientation=st.sampled_from([1, -1]),
    norm=st.sampled_from([1, 2]),
)
def test_integer_lines_round_trip(X, picks, orientation, norm):
    # guards coincidences: any two of the collinear samples name the same neuron
    points = np.array(X, float) / 4.0
    i, j = picks[0] % len(points), picks[1] % len(points)
    if i == j:
        return
    weight, offset = Blade((i, j), (0, 1), orientation).neuron(points, norm, True)
    check_round_trip(points, weight, offset, norm, True)


def test_relabelled_points_to_the_samples_of_the_user():
    # guards the explanation after merging: indices refer to rows of X, and nothing else changes
    blade = Blade((0, 2), (0, 1), -1)
    renamed = blade.relabelled(np.array([7, 8, 9]))
    assert renamed.samples == (7, 9)
    assert (renamed.coordinates, renamed.orientation, renamed.pull) == ((0, 1), -1, None)
    assert all(type(i) is int for i in renamed.samples), "NumPy integers do not serialise to JSON"
    assert blade.samples == (0, 2)


def test_no_neurons():
    # guards shapes of the network without neurons
    weights, offsets = neurons([], np.zeros((3, 2)), 2, True)
    assert weights.shape == (0, 2)
    assert offsets.shape == (0,)


@every_setting
def test_many_neurons_at_once(norm, bias):
    # guards the order of neurons and amplitudes
    X = np.random.default_rng(6).normal(size=(6, 2))
    blades = [Blade((k, k + 1) if bias else (k,), (0, 1), (-1) ** k) for k in range(4)]
    weights, offsets = neurons(blades, X, norm, bias)
    for k, blade in enumerate(blades):
        weight, offset = blade.neuron(X, norm, bias)
        np.testing.assert_array_equal(weights[k], weight)
        assert offsets[k] == offset


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_neuron_far_from_the_origin(far):
    # guards offsets of uncentred data: the blade is rebuilt from the user's rows, not from centred ones
    rng = np.random.default_rng(7)
    points = rng.normal(size=(5, 2))
    for norm in (1, 2):
        weight, offset = Blade((1, 3), (0, 1), 1).neuron(points, norm, True)
        moved, moved_offset = Blade((1, 3), (0, 1), 1).neuron(points + far, norm, True)
        np.testing.assert_allclose(moved, weight, atol=1e-15 * far * 10)
        np.testing.assert_allclose((points + far) @ moved + moved_offset, points @ weight + offset, atol=1e-14 * far)


@every_setting
def test_corners_are_blades_that_add_up_to_the_neuron(norm, bias):
    rng = np.random.default_rng(8)
    points = rng.normal(size=(12, 2))
    for _ in range(20):
        weight = rng.normal(size=2)
        neuron = np.r_[weight, rng.normal() if bias else 0.0] / np.linalg.norm(weight, ord=norm)
        found = corners(points, neuron[:2], neuron[2], norm, bias)
        constant = [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]] if bias else []  # where all points are active, or none
        shares, off = nnls(np.vstack([found, *constant]).T, neuron)
        shares = shares[: len(found)]
        assert off < 1e-12
        assert shares.sum() == pytest.approx(1.0)  # norms add up
        lifted = np.column_stack([points, np.full(12, float(bias))])
        active = lifted @ neuron > 0
        sides = lifted @ found.T
        assert (sides[active] > -1e-12).all()
        assert (sides[~active] < 1e-12).all()


def test_corners_end():
    # guards against turning to and fro between two walls that rounding keeps apart
    points = np.array([[-1.410167036565248], [-1.0013564372795472], [1.410167036565248]])
    found = corners(points, np.array([1.0]), -1.2385812093121809, 1, True)
    assert 1 <= len(found) <= 4
