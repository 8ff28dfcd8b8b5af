"""Certificates, attacked: no perturbed dual, wrong bound or worse network may pass as a proof."""

import ast
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import bladenet as bn
from bladenet import certificate as certificate_module
from bladenet.certificate import DualProof, certify, lower_bound_of, objective_of
from bladenet.display import short
from bladenet.losses import balanced
from bladenet.network import ReLUNetwork
from bladenet.pricing import AngularSweep, PrefixSums
from bladenet.problem import TrainingProblem
from oracle import arrangement_solution

pytestmark = pytest.mark.sampled

TOL = 1e-6
SETTINGS = [
    (d, norm, bias, loss)
    for d, norm, bias in product((1, 2), (1, 2), (True, False))
    for loss in ("squared", "logistic", "hinge", "huber")
]
every_setting = pytest.mark.parametrize(
    "setting", SETTINGS, ids=lambda s: f"d{s[0]}-l{s[1]}-{'bias' if s[2] else 'nobias'}-{s[3]}"
)


@cache
def solved(setting):
    """A trained network with neurons, and the oracle's optimum and network."""
    d, norm, bias, loss = setting
    rng = np.random.default_rng([7, d, norm, bias])
    X = rng.normal(size=(7, d))
    y = rng.normal(size=7) if loss in ("squared", "huber") else np.array([1.0, -1, 1, -1, 1, -1, -1])
    beta = 0.2 * bn.beta_max(X, y, norm=norm, bias=bias, loss=loss)
    fit = bn.train(X, y, beta=beta, norm=norm, bias=bias, loss=loss, tol=TOL, time_limit=30)
    assert len(fit.network)
    return fit, arrangement_solution(X, y, beta, norm=norm, bias=bias, loss=loss)


def network_of(oracle):
    """The oracle's network, optimal to 1e-9: a dual that its neurons do not refute cannot exceed its objective."""
    return ReLUNetwork(oracle.weights, oracle.biases, oracle.amplitudes, oracle.intercept)


def feasible_in_domain(problem, v):
    """Clip a dual to the conjugate's domain, and balance it: what an honest but wrong solver would hand in."""
    low, high = problem.loss.domain(problem.y)
    v = np.clip(v, low * problem.sample_weight, high * problem.sample_weight)
    return balanced(v) if problem.bias else v


def true_bound(problem, v):
    """max |h_v| by a sweep, independent of the pricer behind most certificates."""
    form = problem.standard
    pricer = PrefixSums(form) if problem.X.shape[1] == 1 else AngularSweep(form)
    order = form.sample  # distinct rows here, so points are a permutation of samples
    return pricer.maximum(v[order]).bound * form.scale


@every_setting
def test_the_untouched_proof_certifies(setting):
    # guards the tests below: what they break must hold before
    fit, oracle = solved(setting)
    optimum = oracle.value
    certificate = certify(fit.problem, fit.network, fit.proof, TOL)
    assert certificate.status is bn.Status.GLOBAL
    assert certificate.objective == pytest.approx(optimum, rel=2e-6)
    assert 0 < certificate.lower_bound <= optimum * (1 + 1e-9)
    assert certificate.gap <= TOL
    assert (certificate.objective, certificate.lower_bound) == (
        fit.certificate.objective,
        fit.certificate.lower_bound,
    )


@every_setting
def test_perturbed_duals_never_exceed_the_optimum(setting):
    # guards weak duality when the bound was proven for another v: noise of every size, and the tempting scalings
    fit, oracle = solved(setting)
    optimum = oracle.value
    problem, proof, network = fit.problem, fit.proof, network_of(oracle)
    rng = np.random.default_rng(0)
    size = np.abs(proof.dual).max()
    duals = [proof.dual * factor for factor in (1 + 1e-7, 1 + 1e-5, 1.001, 1.1, 2.0, -1.0)]
    duals += [proof.dual + size * 10.0 ** rng.uniform(-9, 0) * rng.normal(size=7) for _ in range(75)]
    assert lower_bound_of(problem, proof, network) > 0, "the true proof must pass"
    for v in duals:
        for attacked in (DualProof(feasible_in_domain(problem, v), proof.bound), DualProof(v, proof.bound)):
            certificate = certify(problem, network, attacked, TOL)
            assert certificate.lower_bound <= optimum * (1 + 1e-8)
            assert lower_bound_of(problem, attacked, network) <= optimum * (1 + 1e-8)


@every_setting
def test_perturbed_duals_with_their_own_bound_are_valid(setting):
    # guards the formula of the bound: any v in the domain with its true maximum proves something true
    fit, oracle = solved(setting)
    optimum = oracle.value
    rng = np.random.default_rng(1)
    proven = []
    for exponent in np.linspace(-8, 0, 25):
        noise = rng.normal(size=7) * np.abs(fit.proof.dual).max() * 10.0**exponent
        v = feasible_in_domain(fit.problem, fit.proof.dual + noise)
        proven.append(lower_bound_of(fit.problem, DualProof(v, true_bound(fit.problem, v)), fit.network))
    assert max(proven) <= optimum * (1 + 1e-9)
    assert proven[0] >= optimum * (1 - 1e-4), "a proof this close must prove something"
    assert min(proven) >= 0.0


@every_setting
def test_worse_networks_are_not_called_global(setting):
    # guards the worst bug: GLOBAL for a network away from the optimum
    fit, oracle = solved(setting)
    optimum = oracle.value
    problem, network = fit.problem, fit.network
    rng = np.random.default_rng(2)
    called = 0
    for _ in range(100):
        size = 10.0 ** rng.uniform(-5, 0)

        def moved(array, size=size):
            return array * (1 + size * rng.normal(size=array.shape))

        worse = ReLUNetwork(
            moved(network.weights),
            moved(network.biases),
            moved(network.amplitudes),
            network.intercept + size * problem.bias,
        )
        objective = objective_of(problem, worse)
        certificate = certify(problem, worse, fit.proof, TOL)
        assert certificate.objective == objective
        assert certificate.lower_bound <= optimum * (1 + 1e-8)
        if objective > optimum * (1 + 2 * TOL):
            called += 1
            assert certificate.status is bn.Status.BOUNDED
            assert certificate.gap > TOL
    assert called > 20


@every_setting
def test_both_network_and_dual_perturbed(setting):
    # guards against a dual that claims exactly what a worse network would need
    fit, oracle = solved(setting)
    optimum = oracle.value
    problem = fit.problem
    rng = np.random.default_rng(3)
    for _ in range(60):
        scale = 1 + 10.0 ** rng.uniform(-4, 0)
        worse = replace(fit.network, amplitudes=fit.network.amplitudes * scale)
        v = feasible_in_domain(problem, fit.proof.dual * rng.choice([scale, 1.0]))
        certificate = certify(problem, worse, DualProof(v, fit.proof.bound), TOL)
        if certificate.status is bn.Status.GLOBAL:
            assert certificate.objective <= optimum * (1 + 2 * TOL)


# --- proofs that must be refused -------------------------------------------------------------------------------


def refused(fit, dual=None, bound=None):
    proof = DualProof(fit.proof.dual if dual is None else dual, fit.proof.bound if bound is None else bound)
    certificate = certify(fit.problem, fit.network, proof, TOL)
    assert certificate.lower_bound == 0.0
    assert certificate.gap == pytest.approx(1.0)
    assert certificate.status is bn.Status.BOUNDED


def test_dual_that_does_not_sum_to_zero_is_refused():
    # guards the constraint that the free intercept adds: without it the bound is not valid with a bias
    for setting in SETTINGS:
        if setting[2]:
            fit, _ = solved(setting)
            smallest = np.abs(fit.proof.dual).argmin()
            for shift in (1e-8, -1e-3):
                v = fit.proof.dual.copy()
                v[smallest] += shift * np.abs(v).max()
                refused(fit, dual=v)


def test_dual_outside_the_domain_is_refused():
    # guards ℓ* = ∞: the formula for ℓ* outside its domain gives finite, false numbers
    for setting in SETTINGS:
        if setting[3] != "squared":
            fit, _ = solved(setting)
            low, high = fit.problem.loss.domain(fit.problem.y)
            for outside in (low[0] - 1e-6, high[0] + 1e-6):
                v = 0.5 * fit.proof.dual
                v[1:] += (v[0] - outside) / 6  # the sum stays 0
                v[0] = outside
                # no network, and a bound that shrinks nothing: only the domain can refuse it
                assert lower_bound_of(fit.problem, DualProof(v, fit.problem.beta)) == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_dual_that_is_not_finite_is_refused(bad):
    # guards comparisons with NaN, which are all False
    for setting in SETTINGS[::3]:
        fit, _ = solved(setting)
        v = fit.proof.dual.copy()
        v[3] = bad
        refused(fit, dual=v)
        refused(fit, bound=bad)


@pytest.mark.parametrize("factor", [1 - 1e-6, 0.5, 1e-3, 0.0, -1.0])
def test_bound_that_the_network_refutes_is_refused(factor):
    # guards a bound that was not proven: the network's own neurons reach β, so a smaller bound is false
    for setting in SETTINGS:
        fit, _ = solved(setting)
        h = fit.proof.dual @ fit.network.hidden(fit.problem.X)
        lengths = np.linalg.norm(fit.network.weights, ord=fit.problem.norm, axis=1)
        refused(fit, bound=factor * float(np.abs(h / lengths).max()))


def test_negative_bound_is_refused_without_neurons():
    # guards |h| ≤ bound < 0, which nothing satisfies, where no neuron can refute it
    fit, _ = solved((2, 2, True, "squared"))
    empty = ReLUNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros(0), float(fit.problem.y.mean()))
    v = fit.problem.y.mean() - fit.problem.y
    certificate = certify(fit.problem, empty, DualProof(v, -1.0), TOL)
    assert certificate.status is not bn.Status.GLOBAL
    assert certificate.lower_bound == 0.0


def test_larger_bound_proves_less_but_truly():
    # guards the division by the bound: it must shrink the dual
    fit, oracle = solved((2, 2, True, "squared"))
    optimum = oracle.value
    proven = [
        lower_bound_of(fit.problem, DualProof(fit.proof.dual, fit.proof.bound * factor), fit.network)
        for factor in (1.0, 1.1, 2.0, 100.0)
    ]
    assert optimum * (1 + 1e-9) >= proven[0] > proven[1] > proven[2] > proven[3] > 0


def test_dual_on_samples_of_weight_zero_is_refused():
    # guards h: a sample that is not in the loss must not help the dual
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    fit = bn.train(X, y, beta=0.1, sample_weight=[1, 1, 1, 1, 1, 0])
    v = fit.proof.dual.copy()
    assert v[5] == 0.0
    v[5] = 1e-3
    v[0] -= 1e-3
    refused(fit, dual=v)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_network_without_finite_objective_is_not_global(bad):
    # guards max(0, NaN) = 0, a gap of nothing
    fit, _ = solved((2, 2, True, "squared"))
    with np.errstate(all="ignore"):
        for broken in (
            replace(fit.network, intercept=bad),
            replace(fit.network, amplitudes=np.full(len(fit.network), bad)),
            replace(fit.network, weights=np.full(fit.network.weights.shape, bad)),
        ):
            assert certify(fit.problem, broken, fit.proof, TOL).status is bn.Status.BOUNDED


# --- the numbers, from the definition --------------------------------------------------------------------------


def test_objective_by_hand():
    # guards the units: SUM of losses, ½ in the squared loss, weights, β times |u|‖w‖_p
    X, y = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, -1.0]]), np.array([1.0, 2.0, 0.0])
    network = ReLUNetwork(np.array([[3.0, 4.0]]), np.array([-2.0]), np.array([-0.5]), 1.0)
    # f = 1 − ½ (3x₁ + 4x₂ − 2)_+ = ½, −2, 1; residuals −½, −4, 1
    for norm, length in ((1, 7.0), (2, 5.0)):
        problem = TrainingProblem.create(X, y, beta=0.1, norm=norm, sample_weight=[1.0, 2.0, 4.0])
        assert objective_of(problem, network) == pytest.approx(0.125 + 16.0 + 2.0 + 0.1 * 0.5 * length)


def test_lower_bound_by_hand():
    # guards the dual by hand: x = −1, 1, y = ∓1, v = ±a: |h| ≤ 2a, bound −Σ(½v² + vy) = 2a − a² while 2a ≤ β
    problem = TrainingProblem.create([[-1.0], [1.0]], [-1.0, 1.0], beta=0.5)
    assert lower_bound_of(problem, DualProof(np.array([0.25, -0.25]), 0.5)) == pytest.approx(0.5 - 0.0625)
    # twice the dual with twice the bound is scaled back to the same
    assert lower_bound_of(problem, DualProof(np.array([0.5, -0.5]), 1.0)) == pytest.approx(0.5 - 0.0625)
    # and it is the optimum: f = ∓(1 − ¼), one neuron of slope ¾
    assert bn.train([[-1.0], [1.0]], [-1.0, 1.0], beta=0.5).certificate.objective == pytest.approx(0.4375)


# --- what users read -------------------------------------------------------------------------------------------


def every_status():
    fit, _ = solved((2, 2, True, "squared"))
    problem, network, proof = fit.problem, fit.network, fit.proof
    weak = DualProof(proof.dual, 1.5 * proof.bound)
    yield certify(problem, network, proof, TOL)
    yield certify(problem, network, weak, TOL)
    yield certify(problem, network, weak, TOL, stopped=True)
    yield certify(problem, network, proof, TOL, vertices_only=True, factor=0.8)
    yield certify(problem, network, proof, TOL, vertices_only=True, factor=0.0)


def test_every_status_prints_its_numbers_and_advice():
    # guards "every status carries advice, with the numbers"
    certificates = list(every_status())
    names = [certificate.status.value for certificate in certificates]
    assert names == ["GLOBAL", "BOUNDED", "STOPPED", "RESTRICTED", "RESTRICTED"]
    advice = {
        "BOUNDED": "raise tol",
        "STOPPED": "more time",
        "RESTRICTED": "vertices_only=False",
        "GLOBAL": "optimal",
    }
    for certificate in certificates:
        text = str(certificate)
        assert text.startswith(certificate.status.value)
        assert f"{certificate.objective:.10g}" in text
        assert f"{certificate.lower_bound:.10g}" in text
        assert f"gap {short(certificate.gap)} (" in text
        assert f"tolerance {short(TOL)})" in text
        assert certificate.advice in text
        assert advice[certificate.status.value] in certificate.advice
        assert f"{certificate.lower_bound:.8g}" in certificate.advice
    assert "within a factor 1.25" in certificates[3].advice
    assert "within a factor" not in certificates[4].advice


def test_stopped_with_the_gap_closed_is_global():
    # guards against a proof thrown away because the clock rang at the same time; and vertices-only claiming GLOBAL
    fit, _ = solved((2, 2, True, "squared"))
    assert certify(fit.problem, fit.network, fit.proof, TOL, stopped=True).status is bn.Status.GLOBAL
    stopped = certify(fit.problem, fit.network, fit.proof, TOL, stopped=True, vertices_only=True)
    assert stopped.status is bn.Status.STOPPED


def test_certificate_shares_no_code_with_the_solver():
    # guards the independence of the proof from what it proves
    tree = ast.parse(Path(certificate_module.__file__).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    solver = {"kernels", "pricing", "lasso", "active_set", "interior_point", "training", "column_generation"}
    assert "bladenet.losses" in imported
    assert not {name for name in imported if solver & set(name.split("."))}
    assert "import_module" not in ast.dump(tree)
    assert ".standard" not in ast.unparse(tree), "the standard form is the solver's"
