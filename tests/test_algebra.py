"""The reference algebra against kingdon, exact rationals, and the identities it must satisfy."""

from fractions import Fraction
from itertools import combinations, permutations
from math import comb, factorial, isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from kingdon import Algebra
from scipy.stats import special_ortho_group

from bladenet import algebra as ga

GRADES = [(k, d) for d in range(1, 6) for k in range(d + 1)]
integers = st.integers(-9, 9).map(float)
properties = settings(max_examples=40, deadline=None, derandomize=True)


def integer_vectors(k, d):
    """Exactly representable, and often dependent, zero or repeated."""
    return arrays(np.float64, (k, d), elements=integers)


def any_d(low=1, high=6):
    return st.integers(low, high)


def random_vectors(k, d, seed, whole):
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 10, (k, d)).astype(float) if whole else rng.standard_normal((k, d))


def rotation(d, seed):
    return special_ortho_group.rvs(d, random_state=seed) if d > 1 else np.eye(1)


# --- kingdon, an implementation no one here wrote ---


def kingdon_blade(alg, vectors):
    blade = alg.scalar([1.0])
    for vector in vectors:
        blade = blade ^ alg.vector(list(vector))
    return blade


def coordinates(multivector, k, d):
    names = ["e" + "".join(str(i + 1) for i in subset) for subset in combinations(range(d), k)]
    return np.array([float(getattr(multivector, name)) for name in names])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("k", "d"), [(k, d) for k, d in GRADES if d >= 2])
def test_wedge_hodge_and_inner_agree_with_kingdon(k, d, whole):
    alg = Algebra(d)
    a, b = random_vectors(k, d, 1, whole), random_vectors(k, d, 2, whole)
    blade_a, blade_b = kingdon_blade(alg, a), kingdon_blade(alg, b)
    tolerance = 0 if whole else 1e-12
    np.testing.assert_allclose(ga.wedge(a), coordinates(blade_a, k, d), rtol=0, atol=tolerance)
    starred = ga.hodge(coordinates(blade_a, k, d), k, d)
    np.testing.assert_array_equal(starred, coordinates(blade_a.hodge(), d - k, d))
    scalar = float((blade_a.sp(blade_b.reverse())).e)
    np.testing.assert_allclose(ga.inner(a, b), scalar, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_cross_agrees_with_kingdon(d, whole):
    vectors = random_vectors(d - 1, d, 3, whole)
    expected = coordinates(kingdon_blade(Algebra(d), vectors).hodge(), 1, d)
    np.testing.assert_allclose(ga.cross(vectors), expected, rtol=1e-12, atol=1e-12)


# --- fixed conventions ---


def test_wedge_of_small_integers_is_exact_and_lexicographic():
    np.testing.assert_array_equal(ga.wedge([[1, 2, 3], [0, 1, 4]]), [1, 4, 5])
    np.testing.assert_array_equal(ga.wedge(np.zeros((0, 4))), [1])
    assert ga.wedge(np.ones((3, 2))).shape == (0,)


def test_cross_orientation():
    np.testing.assert_array_equal(ga.cross(np.zeros((0, 1))), [1])
    np.testing.assert_array_equal(ga.cross([[1, 0]]), [0, 1])
    np.testing.assert_array_equal(ga.cross([[1, 2, 3], [4, 5, 6]]), np.cross([1, 2, 3], [4, 5, 6]))
    for d in range(1, 9):
        last = np.zeros(d)
        last[-1] = 1
        np.testing.assert_allclose(ga.cross(np.eye(d)[:-1]), last, atol=1e-14)


def test_volumes_and_distances_by_hand():
    assert ga.parallelotope_volume([[0, 2], [3, 0]]) == pytest.approx(-6)
    assert ga.unsigned_volume([[3, 4, 0]]) == pytest.approx(5)
    assert ga.unsigned_volume(np.zeros((0, 3))) == 1
    assert ga.simplex_volume([[0, 0], [1, 0], [0, 1]]) == pytest.approx(0.5)
    assert ga.simplex_volume([[2], [5]]) == pytest.approx(3)
    assert ga.distance_to_span([1, 2, 2], [[1, 0, 0]]) == pytest.approx(np.sqrt(8))
    assert ga.distance_to_span([3, 4], np.zeros((0, 2))) == pytest.approx(5)
    assert ga.distance_to_affine_hull([3, 4], [[0, 1], [1, 1]]) == pytest.approx(3)
    assert ga.distance_to_affine_hull([3, 4], [[0, 0]]) == pytest.approx(5)
    assert ga.signed_distance([7, 3], [[2, 0]]) == pytest.approx(3)
    assert ga.signed_distance([7, -3], [[2, 0]]) == pytest.approx(-3)
    assert ga.signed_distance([-4], np.zeros((0, 1))) == pytest.approx(-4)


# --- identities ---


@properties
@given(st.data())
def test_wedge_is_alternating(data):
    k, d = data.draw(st.integers(2, 4)), data.draw(st.integers(4, 5))
    vectors = data.draw(integer_vectors(k, d))
    i, j = data.draw(st.sampled_from(list(combinations(range(k), 2))))
    swapped = vectors.copy()
    swapped[[i, j]] = swapped[[j, i]]
    np.testing.assert_array_equal(ga.wedge(swapped), -ga.wedge(vectors))
    repeated = vectors.copy()
    repeated[j] = repeated[i]
    np.testing.assert_array_equal(ga.wedge(repeated), 0)


@properties
@given(st.data())
def test_wedge_and_cross_are_linear_in_each_vector(data):
    d = data.draw(any_d(2, 5))
    k, scale = data.draw(st.integers(1, d)), data.draw(integers)
    vectors, other = data.draw(integer_vectors(k, d)), data.draw(integer_vectors(1, d))[0]
    j = data.draw(st.integers(0, k - 1))
    replaced, combined = vectors.copy(), vectors.copy()
    replaced[j], combined[j] = other, vectors[j] + scale * other
    expected = ga.wedge(vectors) + scale * ga.wedge(replaced)
    np.testing.assert_array_equal(ga.wedge(combined), expected)
    if k == d - 1:
        expected = ga.cross(vectors) + scale * ga.cross(replaced)
        np.testing.assert_allclose(ga.cross(combined), expected, atol=1e-8)


@properties
@given(st.data())
def test_alpha_wedge_star_beta_is_the_inner_product(data):
    d = data.draw(any_d())
    k = data.draw(st.integers(0, d))
    a, b = data.draw(integer_vectors(k, d)), data.draw(integer_vectors(k, d))
    star = ga.hodge(ga.wedge(b), k, d)
    # α ∧ e_J for each basis (d−k)-vector e_J; the wedge of vectors is the only product the module offers.
    tops = [ga.wedge(np.vstack([a, np.eye(d)[list(subset)]]))[0] for subset in combinations(range(d), d - k)]
    np.testing.assert_array_equal(np.dot(tops, star), ga.wedge(a) @ ga.wedge(b))
    np.testing.assert_array_equal(ga.hodge(star, d - k, d), (-1) ** (k * (d - k)) * ga.wedge(b))


@properties
@given(st.data())
def test_inner_is_the_dot_product_of_coordinates(data):
    d = data.draw(any_d(1, 5))
    k = data.draw(st.integers(0, d))
    a, b = data.draw(integer_vectors(k, d)), data.draw(integer_vectors(k, d))
    size = np.prod(np.linalg.norm(a, axis=1)) * np.prod(np.linalg.norm(b, axis=1))
    np.testing.assert_allclose(ga.inner(a, b), ga.wedge(a) @ ga.wedge(b), rtol=1e-10, atol=1e-12 * size)


@properties
@given(st.data())
def test_volume_is_the_determinant(data):
    d = data.draw(any_d())
    vectors = data.draw(integer_vectors(d, d))
    size = np.prod(np.linalg.norm(vectors, axis=1))
    determinant = np.linalg.det(vectors)
    np.testing.assert_allclose(ga.parallelotope_volume(vectors), determinant, rtol=1e-10, atol=1e-12 * size)
    np.testing.assert_allclose(ga.unsigned_volume(vectors), abs(determinant), rtol=1e-10, atol=1e-12 * size)
    np.testing.assert_allclose(ga.wedge(vectors)[0], determinant, rtol=1e-10, atol=1e-12 * size)


@properties
@given(st.data())
def test_unsigned_volume_is_the_length_of_the_blade(data):
    d = data.draw(any_d())
    vectors = data.draw(integer_vectors(data.draw(st.integers(0, d)), d))
    size = np.prod(np.linalg.norm(vectors, axis=1))
    np.testing.assert_allclose(
        ga.unsigned_volume(vectors), np.linalg.norm(ga.wedge(vectors)), rtol=1e-10, atol=1e-12 * size
    )


@properties
@given(st.data())
def test_cross_is_orthogonal_with_the_length_and_sign_of_the_volume(data):
    d = data.draw(any_d(1, 8))
    vectors, x = data.draw(integer_vectors(d - 1, d)), data.draw(integer_vectors(1, d))[0]
    normal = ga.cross(vectors)
    size = np.prod(np.linalg.norm(vectors, axis=1))
    np.testing.assert_allclose(vectors @ normal, 0, atol=1e-12 * size * np.abs(vectors).sum())
    np.testing.assert_allclose(np.linalg.norm(normal), ga.unsigned_volume(vectors), rtol=1e-10)
    volume = ga.parallelotope_volume(np.vstack([vectors, x]))
    np.testing.assert_allclose(x @ normal, volume, rtol=1e-9, atol=1e-11 * size * np.linalg.norm(x))
    np.testing.assert_allclose(normal, ga.hodge(ga.wedge(vectors), d - 1, d), rtol=1e-9, atol=1e-12 * size)


@properties
@given(st.data())
def test_distances_are_ratios_of_volumes(data):
    d = data.draw(any_d(2, 5))
    vectors, x = data.draw(integer_vectors(d - 1, d)), data.draw(integer_vectors(1, d))[0]
    signed = ga.signed_distance(x, vectors)
    volume = ga.unsigned_volume(vectors)
    if volume == 0:
        assert signed == 0
    else:
        det = np.linalg.det(np.vstack([vectors, x]))
        np.testing.assert_allclose(signed, det / volume, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(abs(signed), ga.distance_to_span(x, vectors), rtol=1e-9, atol=1e-9)


@properties
@given(st.data())
def test_distances_match_least_squares_and_ignore_order_and_rotation(data):
    d = data.draw(any_d())
    k = data.draw(st.integers(1, d + 2))
    vectors, x = data.draw(integer_vectors(k, d)), data.draw(integer_vectors(1, d))[0]
    order, q = data.draw(st.permutations(range(k))), rotation(d, data.draw(st.integers(0, 9)))
    span = np.linalg.norm(x - vectors.T @ np.linalg.lstsq(vectors.T, x, rcond=1e-12)[0])
    edges = (vectors[1:] - vectors[0]).T
    offset = x - vectors[0]
    hull = np.linalg.norm(offset - edges @ np.linalg.lstsq(edges, offset, rcond=1e-12)[0]) if k > 1 else None
    expected = (span, np.linalg.norm(offset) if hull is None else hull)
    for distance, value in zip((ga.distance_to_span, ga.distance_to_affine_hull), expected, strict=True):
        np.testing.assert_allclose(distance(x, vectors), value, atol=1e-9)
        np.testing.assert_allclose(distance(x, vectors[order]), value, atol=1e-9)
        np.testing.assert_allclose(distance(x @ q, vectors @ q), value, atol=1e-9)
        np.testing.assert_allclose(distance(-4 * x, -4 * vectors), 4 * value, atol=1e-9)


@properties
@given(st.data())
def test_affine_hull_follows_translation(data):
    d = data.draw(any_d())
    points = data.draw(integer_vectors(data.draw(st.integers(1, d + 1)), d))
    x, shift = data.draw(integer_vectors(2, d))
    moved = ga.distance_to_affine_hull(x + 1e4 * shift, points + 1e4 * shift)
    np.testing.assert_allclose(moved, ga.distance_to_affine_hull(x, points), atol=1e-9)
    linear = ga.distance_to_span(x - points[0], points - points[0])
    np.testing.assert_allclose(ga.distance_to_affine_hull(x, points), linear, atol=1e-9)


@properties
@given(st.data())
def test_simplices_fill_the_parallelotope(data):
    d = data.draw(any_d())
    points = data.draw(integer_vectors(d + 1, d))
    edges = points[1:] - points[0]
    size = np.prod(np.linalg.norm(edges, axis=1))
    volume = ga.simplex_volume(points) * factorial(d)
    np.testing.assert_allclose(volume, np.linalg.det(edges), rtol=1e-10, atol=1e-12 * size)


def test_simplices_of_a_cube_add_up_to_it():
    """The d! paths along the edges of a cube cut it into simplices of volume 1/d! each."""
    d = 4
    paths = np.array([np.vstack([np.zeros(d), np.cumsum(np.eye(d)[list(p)], 0)]) for p in permutations(range(d))])
    np.testing.assert_allclose(np.abs(ga.simplex_volume(paths)).sum(), 1)


# --- degenerate input ---


@pytest.mark.parametrize("d", [2, 3, 4, 6, 10])
@pytest.mark.parametrize("kind", ["zero", "repeated", "combination"])
def test_dependent_vectors_have_a_zero_cross_product(d, kind):
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((200, d - 1, d))
    if kind == "zero" or d == 2:
        vectors[:, 0] = 0
    elif kind == "repeated":
        vectors[:, -1] = 3.3 * vectors[:, 0]
    else:
        vectors[:, -1] = (rng.standard_normal((200, 1, d - 2)) @ vectors[:, :-1])[:, 0]
    x = rng.standard_normal((200, d))
    np.testing.assert_array_equal(ga.cross(vectors), np.zeros((200, d)))
    np.testing.assert_array_equal(ga.unsigned_volume(vectors), np.zeros(200))
    np.testing.assert_array_equal(ga.signed_distance(x, vectors), np.zeros(200))
    with_x = np.concatenate([vectors, x[:, None]], axis=1)
    np.testing.assert_array_equal(ga.parallelotope_volume(with_x), np.zeros(200))


def test_too_many_vectors_have_no_volume():
    vectors = random_vectors(8, 3, 4, whole=False).reshape(2, 4, 3)
    np.testing.assert_array_equal(ga.unsigned_volume(vectors), [0, 0])


def test_distances_to_dependent_vectors():
    rng = np.random.default_rng(6)
    plane = rng.standard_normal((2, 5))
    many = np.vstack([plane, plane, rng.standard_normal((4, 2)) @ plane, np.zeros((1, 5))])
    x = rng.standard_normal(5)
    np.testing.assert_allclose(ga.distance_to_span(x, many), ga.distance_to_span(x, plane), rtol=1e-13)
    # A wrong rank would give a distance of 0 or a smaller one: the rank must not grow with rounding.
    weights = rng.standard_normal((9, 2))
    points = x + np.vstack([weights @ plane, plane, np.zeros((1, 5))])
    y = rng.standard_normal(5)
    for far in (0, 1e3, 1e6):
        moved = ga.distance_to_affine_hull(y + far, points + far)
        np.testing.assert_allclose(moved, ga.distance_to_span(y - x, plane), rtol=1e-7)
    np.testing.assert_allclose(ga.distance_to_affine_hull(y, [x] * 4), np.linalg.norm(y - x), rtol=1e-13)
    assert ga.distance_to_affine_hull(np.ones(2), np.zeros((3, 2))) == pytest.approx(np.sqrt(2))


def test_points_that_differ_by_rounding_are_one_point():
    points = [[0.1 + 0.2, 1.0], [0.3, 1.0]]
    assert points[0] != points[1]
    assert ga.distance_to_affine_hull([5.3, 1.0], points) == pytest.approx(5)


# --- accuracy and range ---


def exact_determinant(rows):
    """Fraction-valued Gaussian elimination: no rounding at all."""
    matrix, result = [[Fraction(v) for v in row] for row in rows], Fraction(1)
    for i in range(len(matrix)):
        pivot = next((r for r in range(i, len(matrix)) if matrix[r][i]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != i:
            matrix[i], matrix[pivot], result = matrix[pivot], matrix[i], -result
        result *= matrix[i][i]
        for r in range(i + 1, len(matrix)):
            factor = matrix[r][i] / matrix[i][i]
            matrix[r] = [a - factor * b for a, b in zip(matrix[r], matrix[i], strict=True)]
    return result


def exact_cross(vectors):
    d = len(vectors) + 1
    minors = [exact_determinant(np.delete(vectors, c, axis=1).tolist()) for c in range(d)]
    return [(-1) ** (d - 1 + c) * minor for c, minor in enumerate(minors)]


def exact_norm(values):
    square = sum(v * v for v in values)
    return Fraction(isqrt(square.numerator * square.denominator << 400), square.denominator << 200)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_nearly_dependent_vectors_against_exact_rationals(gap):
    """Condition 1/gap: the cross product may lose log10(1/gap) digits, and no more."""
    d = 8
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((d - 1, d))
    vectors[-1] = rng.standard_normal(d - 2) @ vectors[:-1] + gap * rng.standard_normal(d)
    exact = exact_cross(vectors)
    length = exact_norm(exact)
    normal = ga.cross(vectors)
    error = np.array([float((Fraction(a) - b) / length) for a, b in zip(normal.tolist(), exact, strict=True)])
    assert np.linalg.norm(error) < 50 * 2.3e-16 / gap
    assert float(Fraction(float(ga.unsigned_volume(vectors))) / length) == pytest.approx(1, abs=1e-14 / gap)
    # What QR buys: the direction is orthogonal to the vectors to machine precision however small the gap.
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(unit @ (normal / np.linalg.norm(normal))).max() < 2e-15


def test_cofactors_would_not_pass_that_test():
    """The reason for QR: minors of nearly dependent vectors cancel, and the result is not orthogonal."""
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((7, 8))
    vectors[-1] = rng.standard_normal(6) @ vectors[:-1] + 1e-9 * rng.standard_normal(8)
    naive = ga.hodge(ga.wedge(vectors), 7, 8)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(unit @ (naive / np.linalg.norm(naive))).max() > 1e-10


@pytest.mark.parametrize("d", [2, 3, 5, 6])
@pytest.mark.parametrize("scale", [1e-170, 1e-80, 1e80, 1e170])
def test_directions_and_distances_survive_extreme_scales(d, scale):
    vectors, x = random_vectors(d - 1, d, 8, whole=False), np.linspace(-1, 2, d)
    expected = ga.signed_distance(x, vectors)
    # One vector huge or tiny, the others not; the hyperplane is the same.
    stretched = vectors.copy()
    stretched[0] *= scale
    np.testing.assert_allclose(ga.cross(stretched), scale * ga.cross(vectors), rtol=1e-12)
    np.testing.assert_allclose(ga.signed_distance(x, stretched), expected, rtol=1e-12)
    np.testing.assert_allclose(ga.distance_to_span(x, stretched), abs(expected), rtol=1e-12)
    # Everything huge or tiny: volumes of the whole may overflow, distances must not.
    np.testing.assert_allclose(ga.signed_distance(x, scale * vectors), expected, rtol=1e-12)
    np.testing.assert_allclose(ga.distance_to_span(scale * x, scale * vectors), scale * abs(expected), rtol=1e-12)
    np.testing.assert_allclose(
        ga.distance_to_affine_hull(scale * x, scale * vectors),
        scale * ga.distance_to_affine_hull(x, vectors),
        rtol=1e-12,
    )


def test_volumes_whose_partial_products_overflow():
    edges = np.diag([1e150, 1e150, 1e150, 1e-150, 1e-150, 1e-150])
    assert ga.parallelotope_volume(edges) == pytest.approx(1)
    assert ga.wedge(edges)[0] == pytest.approx(1)
    assert ga.unsigned_volume(edges) == pytest.approx(1)
    assert ga.inner(edges, edges) == pytest.approx(1)
    assert ga.simplex_volume(np.vstack([np.zeros(6), edges])) == pytest.approx(1 / 720)


def test_high_dimensions():
    """d! overflows a float for d > 170, and a product of d − 1 lengths for d in the hundreds."""
    d = 200
    corners = np.vstack([np.zeros(d), np.diag(np.arange(1.0, d + 1))])
    assert ga.simplex_volume(corners) == pytest.approx(1)
    vectors = random_vectors(d - 1, d, 9, whole=False)
    x = np.linspace(0, 1, d)
    np.testing.assert_allclose(abs(ga.signed_distance(x, vectors)), ga.distance_to_span(x, vectors), rtol=1e-9)


# --- batches ---


def test_batches_equal_loops():
    rng = np.random.default_rng(10)
    for d in (1, 2, 3, 4, 5):
        x, corners = rng.standard_normal((2, 3, d)), rng.standard_normal((2, 3, d + 1, d))
        vectors, square = corners[..., : d - 1, :], corners[..., :d, :]
        cases = [
            (ga.wedge, (vectors,)),
            (ga.cross, (vectors,)),
            (ga.parallelotope_volume, (square,)),
            (ga.unsigned_volume, (vectors,)),
            (ga.simplex_volume, (corners,)),
            (ga.inner, (square, corners[..., 1:, :])),
            (ga.distance_to_span, (x, vectors)),
            (ga.distance_to_affine_hull, (x, square)),
            (ga.signed_distance, (x, vectors)),
            (lambda v, d=d: ga.hodge(v, 1, d), (x,)),
        ]
        for function, arguments in cases:
            loop = [[function(*(a[i, j] for a in arguments)) for j in range(3)] for i in range(2)]
            np.testing.assert_allclose(function(*arguments), loop, rtol=1e-12, atol=1e-12)


def test_leading_axes_broadcast_and_may_be_empty():
    rng = np.random.default_rng(11)
    x, vectors = rng.standard_normal((6, 1, 4)), rng.standard_normal((5, 3, 4))
    for function in (ga.signed_distance, ga.distance_to_span, ga.distance_to_affine_hull):
        table = function(x, vectors)
        assert table.shape == (6, 5)
        np.testing.assert_allclose(table[2, 3], function(x[2, 0], vectors[3]), rtol=1e-12)
        assert function(np.zeros((0, 4)), vectors[0]).shape == (0,)
    assert ga.inner(vectors[:, None], vectors).shape == (5, 5)
    assert ga.cross(np.zeros((0, 3, 4))).shape == (0, 4)
    assert ga.wedge(np.zeros((0, 2, 4))).shape == (0, comb(4, 2))


# --- errors ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ga.wedge([1.0, 2.0]), r"vectors must have shape \(\.\.\., k, d\).*got shape \(2,\)"),
        (lambda: ga.wedge(np.zeros((2, 0))), r"with d >= 1; got shape \(2, 0\)"),
        (lambda: ga.wedge([[1.0, np.nan]]), r"vectors must be finite; got nan at index \(0, 1\)"),
        (lambda: ga.hodge([1.0, 2.0], 3, 2), r"0 <= k <= d; got k = 3, d = 2"),
        (lambda: ga.hodge([1.0, 2.0], 1, 3), r"shape \(\.\.\., C\(3, 1\) = 3\); got shape \(2,\)"),
        (lambda: ga.hodge(1.0, 0, 3), r"got shape \(\)"),
        (lambda: ga.inner(np.eye(2), np.eye(3)), r"agree in \(k, d\).*got \(2, 2\) and \(3, 3\)"),
        (
            lambda: ga.inner(np.ones((2, 1, 3)), np.ones((4, 1, 3))),
            r"leading axes of a_vectors and b_vectors must broadcast; got \(2,\) and \(4,\)",
        ),
        (lambda: ga.cross(np.eye(3)), r"\(\.\.\., d - 1, d\).*got \(3, 3\)"),
        (lambda: ga.parallelotope_volume(np.ones((2, 3))), r"\(\.\.\., d, d\).*got shape \(2, 3\)"),
        (lambda: ga.simplex_volume(np.eye(2)), r"\(\.\.\., d \+ 1, d\).*got \(2, 2\)"),
        (lambda: ga.distance_to_span(np.ones(3), np.eye(2)), r"same d; got \(3,\) and \(2, 2\)"),
        (lambda: ga.distance_to_span(1.0, np.eye(1)), r"same d; got \(\) and \(1, 1\)"),
        (lambda: ga.distance_to_span([np.inf, 0], np.eye(2)), r"x must be finite; got inf at index \(0,\)"),
        (
            lambda: ga.distance_to_span(np.ones((3, 2)), np.ones((2, 1, 2))),
            r"leading axes of x and vectors must broadcast; got \(3,\) and \(2,\)",
        ),
        (lambda: ga.distance_to_affine_hull([1.0], np.zeros((0, 1))), r"at least one point.*got \(0, 1\)"),
        (lambda: ga.distance_to_affine_hull([1.0], [1.0]), r"points must have shape"),
        (lambda: ga.signed_distance(np.ones(2), np.eye(2)), r"d - 1 vectors in R\^d; got \(2, 2\)"),
    ],
)
def test_errors_name_what_was_given_and_what_is_needed(call, message):
    with pytest.raises(ValueError, match=message):
        call()
