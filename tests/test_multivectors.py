"""Multivectors against the identities of Section 2.2, and against the arrays of `bladenet.algebra`."""

import sys
from math import comb

import numpy as np
import pytest

from bladenet import algebra as ga
from bladenet.multivectors import kvector, multivector

GRADES = [(k, d) for d in range(1, 6) for k in range(d + 1)]


def random(k, d, seed, *shape):
    return np.random.default_rng([k, d, seed]).normal(size=(*shape, comb(d, k)))


@pytest.mark.parametrize(("k", "d"), GRADES)
def test_coordinates_come_back(k, d):
    # guards the order of the basis, whose numbers in kingdon are not lexicographic, and leading axes
    for shape in ((), (3,), (2, 3)):
        coordinates = random(k, d, 0, *shape)
        there = multivector(coordinates, k, d)
        np.testing.assert_array_equal(kvector(there, k), coordinates)
        mixed = there + multivector(random(0, d, 1), 0, d) if k else there
        np.testing.assert_array_equal(kvector(mixed, k), coordinates)
        assert all(not kvector(there, other).any() for other in range(d + 1) if other != k)


def test_a_unit_plane_squares_to_minus_one():
    e1, e2 = multivector([1.0, 0.0], 1, 2), multivector([0.0, 1.0], 1, 2)
    assert kvector((e1 * e2) * (e1 * e2), 0) == [-1.0]
    assert kvector(e1 * e2 + e2 * e1, 2) == [0.0]
    assert kvector(e1 * e1, 0) == [1.0]


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_product_of_vectors_is_inner_and_wedge_product(d):
    # guards ab = a·b + a ∧ b, of whole batches
    a, b = random(1, d, 1, 7), random(1, d, 2, 7)
    product = multivector(a, 1, d) * multivector(b, 1, d)
    assert kvector(product, 0)[:, 0] == pytest.approx((a * b).sum(axis=1))
    assert kvector(product, 2) == pytest.approx(ga.wedge(np.stack([a, b], axis=1)))
    assert not any(kvector(product, k).any() for k in range(d + 1) if k not in (0, 2))


@pytest.mark.parametrize(("k", "d"), GRADES)
def test_alpha_wedge_star_beta(k, d):
    # guards α ∧ ⋆β = ⟨α, β⟩ I for k-vectors that need not be blades, and that both Hodge stars are one
    alpha, beta = random(k, d, 1), random(k, d, 2)
    star = multivector(beta, k, d).hodge()
    assert kvector(star, d - k) == pytest.approx(ga.hodge(beta, k, d))
    assert kvector(multivector(alpha, k, d) ^ star, d) == pytest.approx([alpha @ beta])


@pytest.mark.parametrize(("j", "k", "d"), [(1, 1, 3), (2, 1, 4), (2, 2, 5), (1, 3, 5)])
def test_wedge_of_kvectors_joins_their_factors(j, k, d):
    factors = random(1, d, 3, j + k)
    left, right = (multivector(ga.wedge(part), len(part), d) for part in (factors[:j], factors[j:]))
    assert kvector(left ^ right, j + k) == pytest.approx(ga.wedge(factors))
    assert kvector(right ^ left, j + k) == pytest.approx((-1) ** (j * k) * ga.wedge(factors))


def test_cross_product_is_the_dual_of_the_wedge():
    a, b = random(1, 3, 1), random(1, 3, 2)
    assert kvector((multivector(a, 1, 3) ^ multivector(b, 1, 3)).hodge(), 1) == pytest.approx(np.cross(a, b))


def test_errors_name_what_was_given(monkeypatch):
    with pytest.raises(ValueError, match=r"C\(3, 2\) = 3\); got shape \(2,\)"):
        multivector([1.0, 2.0], 2, 3)
    with pytest.raises(ValueError, match="0 <= k <= d and d >= 1; got k = 3, d = 2"):
        multivector([1.0], 3, 2)
    with pytest.raises(ValueError, match="0 <= k <= 2, the dimension of the algebra; got k = 3"):
        kvector(multivector([1.0, 2.0], 1, 2), 3)
    monkeypatch.setitem(sys.modules, "kingdon", None)
    with pytest.raises(ImportError, match=r'pip install "bladenet\[algebra\]"'):
        multivector(np.ones(9), 1, 9)
