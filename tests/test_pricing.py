"""Pricing: three searches that share no code, and a brute force over all blades, must agree on max |h|.

A bound below the true maximum is a false proof of optimality, the worst bug there can be; a bound above it, or a
missed neuron, keeps training from converging.
"""

import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bladenet import kernels
from bladenet.chambers import angular_dispersion, vertex_factor
from bladenet.pricing import AngularSweep, BranchAndBound, Clock, PrefixSums, choose_pricer
from bladenet.problem import TrainingProblem
from cases import KINDS
from spaces import SETTINGS, crude_size, dual, standard_form

pytestmark = pytest.mark.sampled

every_setting = pytest.mark.parametrize(("norm", "bias"), SETTINGS)


# --- the brute force, from THEORY §2 -----------------------------------------------------------------------


def candidates(points, v, norm, bias):
    """Directions that can be optimal, with the sample that anchors them: blades, and for p = 2 face maxima."""
    d = points.shape[1]
    for anchor in points if bias else [np.zeros(d)]:
        rows = points - anchor
        normals = [np.eye(d)] if norm == 1 or d == 1 else []
        if d == 2:
            normals += [np.column_stack([-rows[:, 1], rows[:, 0]])]
        blades = np.vstack([*normals, *(-w for w in normals)])
        yield anchor, blades
        if d == 2 and norm == 2:  # the maximum of s·w on each arc between neighbouring blades is at ± s
            angles = np.sort(np.arctan2(blades[:, 1], blades[:, 0])[np.any(blades != 0, axis=1)])
            if not len(angles):
                angles = np.zeros(1)
            middle = 0.5 * (angles + np.r_[angles[1:], angles[0] + 2 * np.pi])
            active = rows @ np.array([np.cos(middle), np.sin(middle)]) > 0
            s = (active * v[:, None]).T @ rows
            yield anchor, np.vstack([s, -s])


def brute_force(points, v, norm, bias):
    """max |h| over unit neurons, every candidate evaluated directly."""
    best = 0.0
    for anchor, W in candidates(points, v, norm, bias):
        lengths = np.linalg.norm(W, ord=norm, axis=1)
        W = W[lengths > 1e-12] / lengths[lengths > 1e-12, None]
        h = v @ np.maximum((points - anchor) @ W.T, 0.0)
        best = max(best, np.abs(h).max(initial=0.0))
    return best


def sampled(points, v, norm, bias, rng, count=4000):
    """max |h| over random unit neurons: at most the truth."""
    W = rng.normal(size=(count, points.shape[1]))
    W /= np.linalg.norm(W, ord=norm, axis=1, keepdims=True)
    a = points @ W.T
    b = rng.uniform(-1.5, 1.5, count) if bias else 0.0
    best = np.abs(v @ np.maximum(a + b, 0.0)).max()
    if bias:
        anchors = a[rng.integers(0, len(points), count), np.arange(count)]
        best = max(best, np.abs(v @ np.maximum(a - anchors, 0.0)).max())
    return best


def pricers(form):
    d = form.points.shape[1]
    return [PrefixSums(form), BranchAndBound(form)] if d == 1 else [AngularSweep(form), BranchAndBound(form)]


def check_agreement(form, v, rng):
    expected = brute_force(form.points, v, form.norm, form.bias)
    size = crude_size(form, v)
    for pricer in pricers(form):
        priced = pricer.maximum(v)
        name = type(pricer).__name__
        assert priced.bound == pytest.approx(expected, rel=1e-9, abs=1e-12 * size), name
        assert priced.bound >= expected - 1e-14 * size, name
        assert priced.bound >= sampled(form.points, v, form.norm, form.bias, rng, 500) - 1e-14 * size, name
        if expected > 1e-9 * size:  # the neuron is found, not only bounded
            assert np.abs(priced.values).max() == pytest.approx(expected, rel=1e-9), name


@pytest.mark.parametrize("kind", KINDS)
@every_setting
@pytest.mark.parametrize("d", [1, 2])
def test_pricers_agree_on_degenerate_data(kind, d, norm, bias):
    # guards every rule for ties: collinear, gridded, repeated, zero, equal rows, one and two samples
    for seed in range(3):
        rng = np.random.default_rng([seed, d, norm, bias])
        form = standard_form(KINDS[kind](rng, d), norm, bias)
        check_agreement(form, dual(form, rng, integer=seed % 2 == 1), rng)


@every_setting
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 3, 17, 40])
def test_pricers_agree_on_random_data(n, d, norm, bias):
    # guards sizes from one sample to several pencils and cells
    rng = np.random.default_rng([n, d, norm, bias])
    form = standard_form(rng.normal(size=(n, d)), norm, bias)
    check_agreement(form, dual(form, rng), rng)


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("turn", [0.0, 0.3, np.pi / 4, np.pi / 2])
def test_pricers_agree_on_turned_grids_and_circles(norm, turn):
    # guards "left of the line" where many samples are on one line up to rounding, or many lines through one sample
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    grid = np.array(list(np.ndindex(5, 5)), float) @ R.T
    angles = 2 * np.pi * np.arange(16) / 16 + turn
    circle = np.vstack([np.column_stack([np.cos(angles), np.sin(angles)]), [[0.0, 0.0]]])
    for X in (grid, circle):
        rng = np.random.default_rng(1)
        form = standard_form(X, norm, True)
        check_agreement(form, dual(form, rng), rng)


@pytest.mark.parametrize("bias", [True, False])
def test_prefix_sums_take_points_in_any_order(bias):
    # guards the first principal component, along which the points of the standard form are not sorted, or repeated
    for seed in range(10):
        rng = np.random.default_rng([19, seed])
        X = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 3))
        form = TrainingProblem.create(X, X[:, 0], beta=1.0, norm=2, bias=bias, n_components=1).standard
        form = replace(form, points=np.round(form.points, 1))
        assert (np.diff(form.points[:, 0]) < 0).any()
        check_agreement(form, dual(form, rng), rng)


@every_setting
def test_zero_dual_has_zero_maximum(norm, bias):
    # guards against thresholds of zero, loops that never end and 0/0
    for d in (1, 2):
        for pricer in pricers(standard_form(np.random.default_rng(0).normal(size=(5, d)), norm, bias)):
            assert pricer.maximum(np.zeros(5)).bound == 0.0


coordinate = st.integers(-3, 3).map(float)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    X=st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=7),
    seed=st.integers(0, 10**6),
    setting=st.sampled_from(SETTINGS),
)
def test_pricers_agree_on_small_integer_data(X, seed, setting):
    # guards coincidences that no list of kinds foresees; hypothesis shrinks them
    rng = np.random.default_rng(seed)
    form = standard_form(np.array(X), *setting)
    check_agreement(form, dual(form, rng, integer=True), rng)


@every_setting
@pytest.mark.parametrize("d", [1, 2])
def test_no_sampled_neuron_exceeds_the_bound(d, norm, bias):
    # guards the bound without any theory of where maxima sit; and that the bound is not just infinite
    rng = np.random.default_rng([5, d, norm, bias])
    form = standard_form(rng.normal(size=(60, d)), norm, bias)
    v = dual(form, rng)
    most = sampled(form.points, v, norm, bias, rng, 40000)
    for pricer in pricers(form):
        bound = pricer.maximum(v).bound
        assert most <= bound * (1 + 1e-12)
        assert bound <= most * 1.2


@every_setting
@pytest.mark.parametrize("slack", [0.0, 0.1, 1.0])
def test_one_pricing_keeps_its_contract(norm, bias, slack):
    # guards what the main loop relies on: bound ≥ max, close to max(threshold, (1 + slack)·max), neurons above the
    # threshold whenever there are any
    for d in (1, 2):
        rng = np.random.default_rng([6, d, norm, bias])
        form = standard_form(rng.normal(size=(30, d)), norm, bias)
        v = dual(form, rng)
        truth = brute_force(form.points, v, norm, bias)
        for pricer in pricers(form):
            for threshold in (0.3 * truth, 0.9 * truth, 1.1 * truth):
                priced = pricer.price(v, threshold, max(slack, 1e-9), Clock())
                assert truth <= priced.bound * (1 + 1e-12)
                assert priced.bound <= max(threshold, truth * (1 + max(slack, 1e-9))) * (1 + 1e-9)
                assert (np.abs(priced.values) > threshold).all()
                if priced.bound > threshold * (1 + slack):
                    assert len(priced.values)


# --- stopping early ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("when", ["before", 0.0, 0.0005, 0.002, 0.01])
def test_bound_holds_when_stopped(norm, when):
    # guards a time limit or Ctrl-C turning into a false proof: whatever is unexplored must be covered by the bound
    rng = np.random.default_rng(7)
    form = standard_form(rng.normal(size=(300, 2)), norm, True)
    v = dual(form, rng)
    truth = AngularSweep(form).maximum(v).bound
    for pricer in pricers(form):
        clock = Clock()
        timer = threading.Timer(when if when != "before" else 0.0, clock.interrupt)
        if when == "before":
            clock.interrupt()
        else:
            timer.start()
        priced = pricer.price(v, 1e-6 * truth, 1e-7, clock)
        assert priced.bound >= truth * (1 - 1e-12)
        assert (np.abs(priced.values) <= truth * (1 + 1e-12)).all()
        assert pricer.maximum(v, clock=clock).bound >= truth * (1 - 1e-12) or not clock.stopped
        if when != "before":
            timer.join()


@pytest.mark.parametrize("limit", [1e-9, 1e-4, 2e-3])
def test_bound_holds_at_the_deadline(limit):
    # the same through the deadline, which the threads watch
    rng = np.random.default_rng(8)
    form = standard_form(rng.normal(size=(400, 2)), 2, True)
    v = dual(form, rng)
    truth = AngularSweep(form).maximum(v).bound
    for pricer in pricers(form):
        assert pricer.price(v, 1e-6 * truth, 1e-7, Clock(limit)).bound >= truth * (1 - 1e-12)
        assert pricer.maximum(v, clock=Clock(limit)).bound >= truth * (1 - 1e-12)


@pytest.mark.parametrize("depth", [0, 1, 4, 9])
@every_setting
def test_bound_holds_at_any_depth(monkeypatch, norm, bias, depth):
    # the same without clocks: a tree cut at a given depth still bounds everything, less tightly
    from bladenet.pricing import branch_and_bound

    rng = np.random.default_rng(9)
    form = standard_form(rng.normal(size=(40, 2)), norm, bias)
    v = dual(form, rng)
    truth = brute_force(form.points, v, norm, bias)
    monkeypatch.setattr(branch_and_bound, "MAX_DEPTH", depth)
    bound = BranchAndBound(form).price(v, 1e-3 * truth, 0.0, Clock()).bound
    assert bound >= truth
    if depth == 9:
        assert bound <= 2.0 * truth


# --- the neurons -------------------------------------------------------------------------------------------


@every_setting
@pytest.mark.parametrize("d", [1, 2])
def test_neurons_have_unit_norm_and_true_values(d, norm, bias):
    # guards columns of the Lasso: a neuron of the wrong length pays the wrong penalty
    rng = np.random.default_rng([10, d, norm, bias])
    form = standard_form(np.round(rng.normal(size=(50, d)), 1), norm, bias)
    v = dual(form, rng)
    for pricer in pricers(form):
        priced = pricer.price(v, 0.05 * brute_force(form.points, v, norm, bias), 0.01, Clock())
        assert len(priced.values) >= 2
        np.testing.assert_allclose(np.linalg.norm(priced.weights, ord=norm, axis=1), 1.0, rtol=1e-12)
        h = v @ np.maximum(form.points @ priced.weights.T + priced.offsets, 0.0)
        np.testing.assert_allclose(priced.values, h, atol=1e-13 * crude_size(form, v))
        assert (np.diff(np.abs(priced.values)) <= 0).all()
        if not bias:
            assert not priced.offsets.any()
        lifted = np.column_stack([priced.weights, priced.offsets])
        assert len(np.unique(lifted.round(8), axis=0)) == len(lifted), "the same neuron twice"


@pytest.mark.parametrize("norm", [1, 2])
def test_both_signs_of_h_are_priced(norm):
    # guards against pricing h only where it is positive: maximum of −v must be that of v, with values negated
    rng = np.random.default_rng(11)
    form = standard_form(rng.normal(size=(25, 2)), norm, True)
    v = dual(form, rng)
    for pricer in pricers(form):
        one, other = pricer.maximum(v), pricer.maximum(-v)
        assert one.bound == pytest.approx(other.bound, rel=1e-9)
        assert one.values[0] == pytest.approx(-other.values[0], rel=1e-9)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_maximum_is_homogeneous_in_v(factor):
    # guards against absolute thresholds
    rng = np.random.default_rng(12)
    for norm, bias in SETTINGS:
        form = standard_form(rng.normal(size=(20, 2)), norm, bias)
        v = dual(form, rng)
        for pricer in pricers(form):
            assert pricer.maximum(factor * v).bound == pytest.approx(factor * pricer.maximum(v).bound, rel=1e-9)


def test_choice_of_pricer():
    # guards against a pricer that covers blades only being used as a proof
    rng = np.random.default_rng(13)
    for norm, bias in SETTINGS:
        line, plane = (standard_form(rng.normal(size=(6, d)), norm, bias) for d in (1, 2))
        assert isinstance(choose_pricer(line), PrefixSums)
        v = dual(plane, rng)
        assert choose_pricer(plane).maximum(v).bound >= brute_force(plane.points, v, norm, bias) * (1 - 1e-12)
        solid = standard_form(rng.normal(size=(6, 3)), norm, bias)
        v = dual(solid, rng)
        assert isinstance(choose_pricer(solid), BranchAndBound)
        assert choose_pricer(solid).price(v, 0.0, 0.1, Clock(5.0)).bound >= sampled(solid.points, v, norm, bias, rng)
    with pytest.raises(ValueError, match="need one feature, the data have 2"):
        PrefixSums(standard_form(rng.normal(size=(6, 2)), 2, True))
    with pytest.raises(ValueError, match="need two or more features, the data have 1"):
        AngularSweep(standard_form(rng.normal(size=(6, 1)), 2, True))


# --- vertices only -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n", [3, 5, 12, 30])
def test_vertices_only_is_within_the_proven_factor(n, bias):
    # guards the factor of Theorems 4 and 5: c · exact ≤ vertices ≤ exact, for every v
    seen = []
    for seed in range(20):
        rng = np.random.default_rng([14, n, seed])
        form = standard_form(rng.normal(size=(n, 2)), 2, bias)
        v = dual(form, rng)
        vertices = AngularSweep(form, vertices_only=True).maximum(v).bound
        exact = AngularSweep(form).maximum(v).bound
        factor = vertex_factor(form.points, bias)
        assert 0.0 <= factor <= 1.0
        assert vertices <= exact * (1 + 1e-12)
        assert vertices >= factor * exact * (1 - 1e-12)
        seen.append(vertices / exact)
    assert min(seen) < 1 - 1e-6, "vertices alone never fell short: are arcs priced at all?"


@pytest.mark.parametrize("bias", [True, False])
def test_vertices_only_covers_blades_exactly(bias):
    # guards what vertices-only means: every neuron is a line through two samples (one and the origin), no other
    # direction that a sweep happens to pass, such as where it starts
    for seed in range(10):
        rng = np.random.default_rng([15, seed])
        form = standard_form(rng.normal(size=(6, 2)), 2, bias)
        v = dual(form, rng)
        best = 0.0
        for i, j in combinations(range(6), 2) if bias else [(None, j) for j in range(6)]:
            start = form.points[i] if bias else np.zeros(2)
            w = np.array([[0.0, -1.0], [1.0, 0.0]]) @ (form.points[j] - start)
            a = (form.points - start) @ w / np.linalg.norm(w)
            best = max(best, abs(v @ np.maximum(a, 0)), abs(v @ np.maximum(-a, 0)))
        sweep = AngularSweep(form, vertices_only=True)
        assert sweep.maximum(v).bound == pytest.approx(best, rel=1e-12)
        priced = sweep.price(v, 0.0, 0.0, Clock())
        touching = np.abs(form.points @ priced.weights.T + priced.offsets) < 1e-9
        assert (touching.sum(axis=0) >= 1 + bias).all()


@pytest.mark.parametrize("count", [2, 3, 8])
def test_vertex_factor_of_equally_spaced_lines(count):
    # guards c = cos(ε/2) by hand: lines π/k apart
    angles = np.pi * np.arange(count) / count + 0.1
    X = np.column_stack([np.cos(angles), np.sin(angles)]) * np.linspace(-2, 3, count)[:, None]
    assert angular_dispersion(X) == pytest.approx(np.pi / count, rel=1e-12)
    assert vertex_factor(X, bias=False) == pytest.approx(np.cos(np.pi / count / 2), rel=1e-12)
    # zero rows and repeated rows span no further line
    assert vertex_factor(np.vstack([X, 0 * X, X]), bias=False) == pytest.approx(np.cos(np.pi / count / 2), rel=1e-12)


def test_vertex_factor_with_bias_is_that_of_the_worst_anchor():
    # guards the maximum over anchors: the corner of a unit square sees lines at 0, 45 and 90 degrees
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert vertex_factor(square, bias=True) == pytest.approx(np.cos(np.pi / 4), rel=1e-12)


def test_vertex_factor_promises_nothing_on_a_line():
    # guards against a factor where vertices give no neuron at all
    line = np.outer(np.arange(5.0), [1.0, 2.0])
    assert vertex_factor(line, bias=True) == pytest.approx(0.0, abs=1e-9)
    assert vertex_factor(line[1:], bias=False) == pytest.approx(0.0, abs=1e-9)


# --- kernels and their NumPy twins -------------------------------------------------------------------------


def neuron_values_twin(points, v, weights, offsets):
    return v @ np.maximum(points @ weights.T + offsets, 0.0)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_neuron_values_twin(d):
    # guards the one kernel whose numbers are reported
    rng = np.random.default_rng([16, d])
    points, v, weights, offsets = (
        rng.normal(size=(30, d)),
        rng.normal(size=30),
        rng.normal(size=(9, d)),
        rng.normal(size=9),
    )
    out = np.empty(9)
    kernels.neuron_values(np.ascontiguousarray(points.T), v, weights, offsets, out)
    np.testing.assert_allclose(out, neuron_values_twin(points, v, weights, offsets), rtol=1e-12, atol=1e-13)


WITHOUT_JIT = """
import numpy as np
import bladenet as bn
from bladenet.pricing import AngularSweep, BranchAndBound, PrefixSums
from bladenet.problem import TrainingProblem

assert type(__import__("bladenet.kernels").kernels.neuron_values).__name__ == "function", "the JIT is on"
rng = np.random.default_rng(0)
for d in (1, 2):
    X, v = rng.normal(size=(6, d)), rng.normal(size=6)
    for norm in (1, 2):
        for bias in (True, False):
            form = TrainingProblem.create(X, v, beta=1.0, norm=norm, bias=bias).standard
            u = v - v.mean() if bias else v
            for pricer in [BranchAndBound(form), (PrefixSums if d == 1 else AngularSweep)(form)]:
                print(repr(pricer.maximum(u, slack=1e-4).values[0]))
            fit = bn.train(X, v, beta=0.3, norm=norm, bias=bias, tol=1e-3)
            assert fit.certificate.status.value == "GLOBAL"
            print(repr(fit.certificate.objective))
for norm in (1, 2):
    form = TrainingProblem.create(rng.normal(size=(5, 3)), v[:5], beta=1.0, norm=norm, bias=True).standard
    print(repr(AngularSweep(form).maximum(v[:5] - v[:5].mean(), slack=1e-4).values[0]))
"""


def test_kernels_without_jit():
    # guards against what compilation hides: out-of-range indices, undefined names, integer division by zero
    code = textwrap.dedent(WITHOUT_JIT)
    on, off = (
        subprocess.run(
            [sys.executable, "-c", code.replace("assert type", "0 and type") if jit else code],
            env={**os.environ, "NUMBA_DISABLE_JIT": "0" if jit else "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        for jit in (True, False)
    )
    assert on.returncode == 0, on.stderr
    assert off.returncode == 0, off.stderr
    numbers = [np.array([float(x.split("(")[-1].strip(")")) for x in run.stdout.split()]) for run in (on, off)]
    assert len(numbers[0]) == 26
    np.testing.assert_allclose(*np.abs(numbers), rtol=2e-3)


def test_values_of_many_neurons(monkeypatch):
    # guards the parts that threads evaluate, and the blocks of samples: against the definition
    rng = np.random.default_rng(0)
    X, weights, offsets = rng.normal(size=(2500, 3)), rng.normal(size=(10, 3)), rng.normal(size=10)
    weights[3] = 0.0
    form = TrainingProblem.create(X, np.zeros(2500), beta=1.0, norm=1).standard
    v = rng.normal(size=2500)
    monkeypatch.setattr("bladenet.pricing.base.LONG", 0)
    monkeypatch.setattr("bladenet.pricing.base.AT_A_TIME", 3)
    expected = np.maximum(form.points @ weights.T + offsets, 0.0).T @ v
    np.testing.assert_allclose(choose_pricer(form).values(v, weights, offsets), expected, rtol=1e-12, atol=1e-10)
