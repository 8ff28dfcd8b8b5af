"""The table of theorems: every statement holds as corrected on the data of the command, and every check can fail."""

from dataclasses import replace
from math import comb

import numpy as np
import pandas as pd
import pytest

import bladenet as bn
from bladenet import cli
from bladenet.network import ReLUNetwork
from bladenet.reproduce import convex_programs, enumeration
from bladenet.reproduce.convex_programs import best_network, best_outputs, group_lasso, lasso, lasso_dual
from bladenet.reproduce.theorems import (
    checks,
    claims,
    exact_networks,
    isometries,
    near_networks,
    optimality,
    polytopes,
    products,
)
from bladenet.reproduce.theorems.claims import CORRECTED, ENOUGH, NO, UNCHECKED, YES, Claim, of_enough
from bladenet.reproduce.theorems.data import regressions
from bladenet.reproduce.theorems.dictionaries import NONE, POINTS, volume_dictionary

NUMBERED = [
    *(f"Theorem {k}" for k in (1, 2, 3, 4, 5, 6, 7)),
    "Corollary 8",
    "Theorem 9",
    "Theorem 10",
    "Lemma 11",
    "Lemma 12",
    "Theorem 13",
    *(f"Lemma {k}" for k in range(14, 22)),
    "Theorem 22",
    "Theorem 23",
]
FAIL_AS_PRINTED = ["Theorem 3", "Lemma 14", "Lemma 18", "Theorem 22", "Section 6.1"]
SLOW = pytest.mark.slow
RARE = pytest.mark.rare


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    out = tmp_path_factory.mktemp("theorems")
    assert cli.app(["reproduce", "theorems", "--out", str(out)], standalone_mode=False) in (None, 0)
    return pd.read_csv(out / "theorems.csv").set_index("name")


@SLOW
def test_every_statement_is_in_the_table_in_order(table):
    assert list(table.index[:23]) == NUMBERED
    assert set(table.index[23:]) == {"Section 2.2", "Section 2.3", "Section 6.1", "Section 6.12"}
    assert table[["says", "checked"]].notna().all(axis=None)


@pytest.mark.parametrize(
    "check", [products.cross_products, products.wedge_products, exact_networks.theorem_2, polytopes.lemma_19]
)
def test_statements_that_are_checked_quickly_hold(check):
    # guards the tests below: what they break must hold before
    assert check().verdict in (YES, CORRECTED)


@SLOW
def test_every_statement_holds_as_corrected(table):
    pytest.importorskip("torch")
    assert (table.deviation <= table.allowed).all()
    assert list(table.index[table.holds == CORRECTED]) == FAIL_AS_PRINTED
    assert (table.holds[~table.index.isin(FAIL_AS_PRINTED)] == YES).all()
    assert (table.printed[FAIL_AS_PRINTED] > 0.05).all()
    assert table.remark[FAIL_AS_PRINTED].notna().all()


# --- the words follow from the numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deviation", "printed", "verdict"),
    [
        (1e-9, None, YES),
        (1e-9, 1e-9, YES),
        (1e-9, 0.1, CORRECTED),
        (1e-3, None, NO),
        (1e-3, 0.1, NO),
        (float("nan"), None, NO),
        (None, None, UNCHECKED),
    ],
)
def test_the_verdict_of_a_claim(deviation, printed, verdict):
    claim = Claim("Theorem 0", "", "", deviation, printed=printed)
    assert claim.verdict == verdict
    assert "Theorem 0" in claims.claims_verdict([claim]) or verdict == YES


def test_a_bound_that_says_something_too_seldom_is_not_checked():
    assert of_enough(1e-9, ENOUGH) == 1e-9
    assert of_enough(1e-9, ENOUGH - 1) is None


@SLOW
@RARE
def test_theorem_7_is_not_checked_by_chambers_that_are_large(monkeypatch):
    monkeypatch.setattr(near_networks, "diameter", lambda generators: max(1.0, _diameter(generators)))
    claim = near_networks.theorem_7()
    assert claim.verdict == UNCHECKED
    assert "(26 of 26 problems)" in claim.remark


def test_without_torch_two_rows_say_so(monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    rows = list(checks._deep())
    assert [row.verdict for row in rows] == [UNCHECKED] * 2
    assert all("needs torch" in row.checked for row in rows)


# --- the yardsticks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3, 6])
@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_patterns_of_rows_in_general_position_are_counted_by_cover(n, r):
    found = enumeration.patterns(np.random.default_rng([n, r]).normal(size=(n, r)))
    assert len(found) == 2 * sum(comb(n - 1, k) for k in range(r))


@pytest.mark.parametrize("kind", ["grid", "repeated", "parallel"])
def test_patterns_of_degenerate_rows_are_those_of_random_directions(kind):
    X = next(X for name, X, _ in regressions(7, 3, 0) if name == kind)
    X = np.vstack([X, np.zeros(3)])
    seen = np.sign(X @ np.random.default_rng(0).normal(size=(3, 50_000))).T
    np.testing.assert_array_equal(enumeration.patterns(X), np.unique(seen + 0.0, axis=0))


def test_convex_programs_agree_with_a_lasso_by_hand():
    # one column: soft thresholding
    K, y = np.array([[1.0], [2.0]]), np.array([3.0, 1.0])
    z = (K[:, 0] @ y - 0.5) / 5
    assert lasso(K, y, 0.5, bias=False).value == pytest.approx(0.5 * ((y - K[:, 0] * z) ** 2).sum() + 0.5 * z)
    assert lasso_dual(K, y, 0.5, bias=False) == pytest.approx(lasso(K, y, 0.5, bias=False).value)
    assert lasso(K[:, :1], 2 * K[:, 0], 1.0, bias=False, loss="exact").value == pytest.approx(2.0)
    assert lasso(K, np.array([1.0, 1.0]), 0.1, bias=True, loss="hinge").value == pytest.approx(0.0, abs=1e-8)
    both = group_lasso(K, np.column_stack([y, y]), 0.5 * np.sqrt(2), bias=False)
    assert both.value == pytest.approx(2 * lasso(K, y, 0.5, bias=False).value)


@pytest.mark.parametrize(("loss", "beta"), [("squared", 0.1), ("exact", 1.0)])
@pytest.mark.parametrize("kind", ["random", "uneven"])
def test_the_semidefinite_program_of_one_output_is_the_arrangement_program(loss, beta, kind):
    X, y = next((X, y) for name, X, y in regressions(7, 2, 0) if name == kind)
    least = best_network(X, y, beta, norm=2, bias=False, loss=loss).value
    assert best_outputs(X, y[:, None], beta, loss=loss) == pytest.approx(least, rel=1e-8)


def test_and_outputs_that_are_multiples_of_one_another_are_as_one():
    # Y = y aᵀ: all of ‖V‖ that pays is along a
    _, X, y = next(regressions(7, 2, 0))
    a = np.array([0.6, -0.8, 0.0])
    least = best_network(X, y, 0.1, norm=2, bias=False).value
    assert best_outputs(X, np.outer(y, a), 0.1) == pytest.approx(least, rel=1e-8)


def test_a_program_without_solution_is_no_number():
    with pytest.raises(RuntimeError, match="no solution"):
        lasso(np.array([[1.0], [1.0]]), np.array([1.0, 2.0]), 1.0, bias=False, loss="exact")


def test_means_of_others_are_not_extreme():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert polytopes.all_extreme(square)
    assert not polytopes.all_extreme(np.vstack([square, [0.5, 1.0]]))


def test_generators_of_orthants():
    found = list(enumeration.chambers(np.eye(3)))
    assert len(found) == 8
    assert all(enumeration.hull_distance(generators) == pytest.approx(3**-0.5) for generators in found)
    assert all(enumeration.diameter(generators) == pytest.approx(2**0.5) for generators in found)


# --- each check can fail -----------------------------------------------------------------------------------------


def worse_objective(monkeypatch, module, factor=1.0 + 1e-5):
    """Let training return a certificate that is a little off."""

    def train(*arguments, **settings):
        fit = bn.train(*arguments, **settings)
        return replace(fit, certificate=replace(fit.certificate, objective=factor * fit.certificate.objective))

    monkeypatch.setattr(module, "train", train)


@pytest.mark.parametrize("theorem", ["theorem_1", "theorem_2"])
def test_an_objective_off_by_1e_5_is_seen(monkeypatch, theorem):
    worse_objective(monkeypatch, exact_networks)
    assert getattr(exact_networks, theorem)().verdict == NO


@pytest.mark.parametrize("theorem", ["theorem_4", "corollary_8", pytest.param("theorem_23", marks=SLOW)])
def test_so_is_one_of_the_near_optimal_networks(monkeypatch, theorem):
    worse_objective(monkeypatch, near_networks)
    assert getattr(near_networks, theorem)().verdict == NO


def test_and_of_networks_of_lower_rank(monkeypatch):
    worse_objective(monkeypatch, polytopes)
    assert polytopes.lemma_18().verdict == NO


@pytest.mark.parametrize("basis", [POINTS, NONE])
def test_dictionaries_of_other_vectors_are_not_exact(basis):
    found = list(exact_networks.cases(6, 2))
    assert exact_networks.excess(found, bias=True, basis=basis) > 0.01
    assert abs(exact_networks.excess(found, bias=True, basis="directions")) < 1e-8


def test_p_1_is_not_p_2():
    # guards against a dictionary that would pass for either norm
    _, X, y = next(regressions(7, 2, 1))
    K = volume_dictionary(X, norm=1, bias=True)
    assert lasso(K, y, 0.1, bias=True).value > 1.001 * best_network(X, y, 0.1, norm=2, bias=True).value


@pytest.mark.slow
def test_an_optimum_of_several_outputs_that_is_off_is_seen(monkeypatch):
    monkeypatch.setattr(near_networks, "best_outputs", lambda *a: (1.0 - 1e-6) * best_outputs(*a))
    assert near_networks.theorem_23().verdict == NO


@SLOW
def test_half_of_the_neurons_are_not_exact_for_several_outputs(monkeypatch):
    def half(X, *, norm, bias):
        return volume_dictionary(X, norm=norm, bias=bias)[:, :: 2 if norm == 1 else 1]

    # as if all optima agreed, so that only the neurons left out give it away
    monkeypatch.setattr(near_networks, "volume_dictionary", half)
    monkeypatch.setattr(near_networks, "off", lambda value, reference: 0.0)
    assert near_networks.theorem_23().verdict == NO


def test_a_factor_that_promises_too_much_is_violated():
    _, X, y = next(regressions(12, 2, near_networks.SEED))
    found = near_networks.sandwich(X, y, False, 1.0)
    assert found.violation == pytest.approx(found.excess)
    assert found.violation > 1e-5
    assert near_networks.sandwich(X, y, False, 0.5).violation == 0.0


@pytest.mark.parametrize(
    ("module", "name", "wrong", "check"),
    [
        (products.algebra, "cross", lambda a: -np.asarray(_cross(a)), products.cross_products),
        (products.algebra, "wedge", lambda a: 1.0001 * _wedge(a), products.wedge_products),
        (products.algebra, "distance_to_affine_hull", lambda x, a: _distance_to_span(x, a), products.cross_products),
        (isometries, "gaussian_diameter", lambda n, d, q=0.99: 50.0 / n, isometries.lemma_12),
        (isometries, "isometry_constant", lambda X: 0.999 * _isometry_constant(X), isometries.theorem_13),
        (isometries, "isometry_diameter", lambda delta: 0.3 * delta, isometries.lemma_11),
        (polytopes, "hull_distance", lambda g: 1.01 * _hull_distance(g), lambda: next(polytopes.lemmas_15_and_16())),
        pytest.param(
            near_networks, "diameter", lambda g: 0.5 * _diameter(g), near_networks.theorem_7, marks=[SLOW, RARE]
        ),
        (polytopes, "diameter", lambda g: 0.5 * _diameter(g), lambda: list(polytopes.lemmas_15_and_16())[1]),
        pytest.param(
            polytopes, "all_neurons", lambda X, p, bias: _all_neurons(X, p, bias, axes=False), polytopes.lemma_14,
            marks=SLOW,
        ),
        (polytopes, "null_directions", lambda X: _null_directions(X[:-2]), polytopes.lemma_19),
        (polytopes, "combinations", lambda rows, k: list(_combinations(rows, k))[::2], polytopes.lemma_17),
        (optimality, "lasso_dual", lambda *a, bias: 1.001 * _lasso_dual(*a, bias=bias), lambda: _lemma_20()),
        (ReLUNetwork, "balanced", lambda self, norm=2: self, optimality.best_scales),
    ],
)  # fmt: skip
def test_a_wrong_formula_is_seen(monkeypatch, module, name, wrong, check):
    monkeypatch.setattr(module, name, wrong)
    assert check().verdict == NO


def _lemma_20():
    return next(optimality.lasso_duals())


_cross, _wedge, _distance_to_span = bn.algebra.cross, bn.algebra.wedge, bn.algebra.distance_to_span
_isometry_constant, _lasso_dual = isometries.isometry_constant, convex_programs.lasso_dual
_hull_distance, _diameter = enumeration.hull_distance, enumeration.diameter
_all_neurons, _null_directions, _combinations = (
    enumeration.all_neurons,
    enumeration.null_directions,
    polytopes.combinations,
)


def test_a_dual_variable_that_is_not_feasible_is_seen(monkeypatch):
    def train(*arguments, **settings):
        fit = bn.train(*arguments, **settings)
        return replace(fit, proof=replace(fit.proof, bound=0.999 * fit.proof.bound, dual=1.001 * fit.proof.dual))

    monkeypatch.setattr(optimality, "train", train)
    assert optimality.strong_duality().verdict == NO


@SLOW
def test_a_dual_variable_of_the_wrong_sign_is_seen(monkeypatch):
    def train(*arguments, **settings):
        fit = bn.train(*arguments, **settings)
        return replace(fit, proof=replace(fit.proof, dual=-fit.proof.dual))

    monkeypatch.setattr(optimality, "train", train)
    assert optimality.strong_duality().verdict == NO


@pytest.mark.parametrize(
    ("theorem", "factor"),
    [("theorem_9", 0.999), ("theorem_9", 1.001), ("theorem_10", 1.001), pytest.param("theorem_10", 0.999, marks=SLOW)],
)
def test_blocks_that_are_not_of_least_penalty_are_seen(monkeypatch, theorem, factor):
    deep = pytest.importorskip("bladenet.reproduce.theorems.deep")

    def wrong(*arguments, **settings):
        result = canonicalise(*arguments, **settings)
        return replace(result, blocks=[replace(block, after=factor * block.after) for block in result.blocks])

    canonicalise = deep.canonicalise
    monkeypatch.setattr(deep, "canonicalise", wrong)
    assert getattr(deep, theorem)().verdict == NO


@SLOW
def test_blades_that_cost_more_than_chambers_allow_are_seen(monkeypatch):
    deep = pytest.importorskip("bladenet.reproduce.theorems.deep")
    monkeypatch.setattr(deep, "hull_distance", lambda generators: 1.2 * _hull_distance(generators))
    assert deep.theorem_10().verdict == NO


def test_a_deep_network_that_changes_is_seen(monkeypatch):
    deep = pytest.importorskip("bladenet.reproduce.theorems.deep")
    canonicalise = deep.canonicalise
    monkeypatch.setattr(
        deep, "canonicalise", lambda *a, **settings: replace(canonicalise(*a, **settings), changed=1e-3)
    )
    assert deep.theorem_9().verdict == NO
