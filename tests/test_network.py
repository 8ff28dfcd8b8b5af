"""ReLUNetwork: what it computes, and that it cannot be changed by accident."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bladenet import ReLUNetwork


def random_network(seed=0, m=5, d=3):
    rng = np.random.default_rng(seed)
    return ReLUNetwork(rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=m), 0.7)


def test_predict_by_hand():
    # guards the definition: f(x) = 3·(x₁ − 2x₂ + 1)_+ − (−x₁)_+ + ½
    network = ReLUNetwork(np.array([[1.0, -2.0], [-1.0, 0.0]]), np.array([1.0, 0.0]), np.array([3.0, -1.0]), 0.5)
    np.testing.assert_array_equal(network.predict([[1, 0], [-4, 0], [0, 1]]), [6.5, -3.5, 0.5])
    np.testing.assert_array_equal(network.hidden([[1, 0], [-4, 0]]), [[2.0, 0.0], [0.0, 4.0]])
    assert len(network) == 2
    assert network.penalty(1) == 3 * 3 + 1
    assert network.penalty(2) == pytest.approx(3 * np.sqrt(5) + 1)


def test_predict_sample_by_sample():
    # guards broadcasting: the same number for one row as for many
    network, X = random_network(), np.random.default_rng(1).normal(size=(20, 3))
    expected = []
    for x in X:
        f = network.intercept
        for w, b, u in zip(network.weights, network.biases, network.amplitudes, strict=True):
            f += u * max(0.0, float(w @ x) + b)
        expected.append(f)
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12)
    np.testing.assert_allclose(network.predict(X[:1]), expected[:1], rtol=1e-12)


def test_empty_network_is_its_intercept():
    # guards the network without neurons, the answer for β ≥ β_max
    network = ReLUNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros(0), 1.25)
    np.testing.assert_array_equal(network.predict(np.ones((3, 2))), 1.25)
    assert len(network) == 0
    assert network.penalty(1) == network.penalty(2) == 0.0
    np.testing.assert_array_equal(network.balanced().predict(np.ones((3, 2))), 1.25)


@pytest.mark.parametrize("norm", [1, 2])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-6, 1e6))
def test_balanced_is_the_same_function_with_the_least_weight_decay(norm, seed, scale):
    # guards §6.12: f unchanged, ‖w‖ = |u|, and ½ Σ (‖w‖² + u²) = Σ |u|‖w‖, the smallest value of all rescalings
    network = random_network(seed)
    network = ReLUNetwork(network.weights * scale, network.biases * scale, network.amplitudes.copy(), network.intercept)
    balanced = network.balanced(norm)
    X = np.random.default_rng(seed).normal(size=(10, 3))
    size = scale * (np.abs(network.amplitudes).sum() + 1)
    np.testing.assert_allclose(balanced.predict(X), network.predict(X), rtol=1e-10, atol=1e-12 * size)
    lengths = np.linalg.norm(balanced.weights, ord=norm, axis=1)
    np.testing.assert_allclose(lengths, np.abs(balanced.amplitudes), rtol=1e-12)
    decay = 0.5 * (lengths @ lengths + balanced.amplitudes @ balanced.amplitudes)
    assert decay == pytest.approx(network.penalty(norm), rel=1e-12)
    assert balanced.penalty(norm) == pytest.approx(network.penalty(norm), rel=1e-12)
    for stretch in (0.9, 1.1):
        assert decay < 0.5 * ((stretch * lengths) @ (stretch * lengths) + ((balanced.amplitudes / stretch) ** 2).sum())


def test_balanced_of_useless_neurons_is_zero():
    # guards against 0/0 where w = 0 or u = 0; an amplitude of −0 or a bias alone must not survive as NaN
    network = ReLUNetwork(
        np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 4.0]]),
        np.array([0.0, 1.0, 0.0]),
        np.array([1.0, 0.0, 5.0]),
        0.0,
    )
    with np.errstate(all="raise"):
        balanced = network.balanced()
    np.testing.assert_array_equal(balanced.weights[:2], 0.0)
    np.testing.assert_array_equal(balanced.amplitudes, [0.0, 0.0, 5.0])
    X = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(balanced.predict(X), network.predict(X))


def test_network_is_frozen():
    # guards the certificate: a network changed afterwards would carry a false proof
    network = random_network()
    for array in (network.weights, network.biases, network.amplitudes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    with pytest.raises(AttributeError):
        network.intercept = 0.0


@pytest.mark.parametrize(
    ("shapes", "word"),
    [
        (((2, 3), (2,), (3,)), "(2, 3)"),
        (((3, 2), (2,), (3,)), "(2,)"),
        (((3,), (3,), (3,)), "(3,)"),
        (((3, 2), (3, 1), (3,)), "(3, 1)"),
    ],
)
def test_mismatched_shapes_are_refused(shapes, word):
    # guards against silent broadcasting of a wrong layer
    with pytest.raises(ValueError, match="needs weights") as caught:
        ReLUNetwork(*(np.zeros(shape) for shape in shapes), 0.0)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([1.0, 2.0, 3.0], ["(samples, 3)", "(3,)"]),
        (np.zeros((4, 2)), ["(samples, 3)", "(4, 2)"]),
        ([[np.nan, 0.0, 0.0]], ["nan", "row 0 (counting from 0), column 0"]),
        ([["a", "b", "c"]], ["numbers"]),
    ],
)
def test_predict_refuses_bad_input(X, words):
    # guards against predictions from the wrong columns
    with pytest.raises(ValueError, match="X") as caught:
        random_network().predict(X)
    assert [word for word in words if word not in str(caught.value)] == []
