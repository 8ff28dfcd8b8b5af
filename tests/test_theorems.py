"""The table of theorems: every statement holds as corrected on the data of the command, and every check can fail."""

from math import comb

import numpy as np
import pandas as pd
import pytest

import bladenet as bn
from bladenet import cli
from bladenet.reproduce import enumeration
from bladenet.reproduce.convex_programs import best_network, best_outputs, group_lasso, lasso, lasso_dual
from bladenet.reproduce.theorems import checks, claims, exact_networks, near_networks, polytopes, products, returned
from bladenet.reproduce.theorems.claims import CORRECTED, ENOUGH, NO, UNCHECKED, YES, Claim, of_enough
from bladenet.reproduce.theorems.data import regressions
from bladenet.reproduce.theorems.determinants import exact_determinant, exact_normal
from bladenet.reproduce.theorems.dictionaries import NONE, POINTS, dictionary
from bladenet.reproduce.theorems.rows import Mutant, Row

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
SECTIONS = ("1.2", "2.1", "2.2", "2.3", "3.4.3", "4.1", "6.1", "6.12", "6.13")
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
    assert list(table.index[23:]) == [f"Section {k}" for k in SECTIONS]
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
    monkeypatch.setattr(near_networks, "diameter", lambda generators: max(1.0, enumeration.diameter(generators)))
    claim = near_networks.theorem_7()
    assert claim.verdict == UNCHECKED
    assert "(28 of 28 problems)" in claim.remark


def test_without_torch_some_rows_say_so(monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    unchecked = [row for row in checks.all_rows() if not row.mutants]
    assert [row.name for row in unchecked] == ["Theorem 9", "Theorem 10", "Section 3.4.3", "Section 4.1"]
    for row in unchecked:
        claim = row.measured()
        assert (claim.name, claim.verdict) == (row.name, UNCHECKED)
        assert "needs torch" in claim.checked


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

QUICK = (
    "Theorem 1",
    "Theorem 2",
    "Theorem 4",
    "Lemma 16",
    "Lemma 19",
    "Lemma 20",
    "Section 1.2",
    "Section 2.1",
    "Section 6.12",
)


RARELY = {"Corollary 8", "Lemma 12"} | {f"Theorem {k}" for k in (5, 6, 7, 10, 13, 22, 23)}


def rows():
    """Every row; those that take long are slow, or rare."""

    def marks(name):
        return [] if name in QUICK else [SLOW, RARE] if name in RARELY else [SLOW]

    return [pytest.param(row, id=row.name, marks=marks(row.name)) for row in checks.all_rows()]


@pytest.mark.parametrize("row", rows())
def test_every_way_to_be_wrong_is_seen(row):
    """A row that no mutant turns would say yes whatever is returned."""
    if not row.mutants:
        pytest.skip("needs torch")
    assert len(row.mutants) >= 2
    claim = row.measured()
    assert claim.name == row.name
    assert claim.verdict in (YES, CORRECTED), claim
    said = {mutant.name: row.caught(mutant).verdict for mutant in row.mutants}
    assert len(said) == len(row.mutants), "two of one name"
    assert set(said.values()) == {NO}, said
    assert row.measured().verdict == claim.verdict, "a mutant was left behind"


def test_rows_of_what_is_returned_are_tried_with_wrong_signs_and_with_nan():
    # guards the table against rows that compare numbers a solver reports of itself
    pytest.importorskip("torch")
    trained = {"Theorem 1", "Theorem 2", "Theorem 3", "Theorem 4", "Theorem 5", "Theorem 6", "Theorem 7", "Corollary 8"}
    trained |= {"Theorem 9", "Theorem 10", "Theorem 22", "Theorem 23", "Lemma 18"}
    for row in checks.all_rows():
        names = " ".join(mutant.name for mutant in row.mutants)
        assert row.name not in trained or "amplitudes × −3" in names
        assert "NaN" in names or not row.mutants, row.name


def test_a_number_that_is_none_is_no_and_no_exception():
    def broken():
        raise np.linalg.LinAlgError("SVD did not converge")

    claim = Row("Theorem 0", broken, ()).measured()
    assert (claim.name, claim.verdict) == ("Theorem 0", NO)
    assert "SVD did not converge" in claim.checked


def test_a_mutant_goes_away_even_if_the_check_fails():
    class Owner:
        value = 1

    mutant = Mutant("two", Owner, "value", lambda original: original + 1)

    def fails():
        with mutant.applied():
            assert Owner.value == 2
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert Owner.value == 1


def test_the_table_of_mutants_names_those_that_are_not_seen():
    found = [
        {"name": "Theorem 0", "mutant": f"way {k}", "deviation": 0.0, "says": says} for k, says in enumerate((NO, YES))
    ]
    assert claims.mutants_verdict(found).endswith("1 are NOT SEEN: Theorem 0, way 1.")
    assert claims.mutants_verdict(found[:1]).endswith("every one is seen.")


@pytest.mark.parametrize("basis", [POINTS, NONE])
def test_dictionaries_of_other_vectors_are_not_exact(basis):
    found = list(exact_networks.cases(6, 2))
    assert exact_networks.excess(found, bias=True, basis=basis) > 0.01
    assert abs(exact_networks.excess(found, bias=True, basis="directions")) < 1e-8


def test_p_1_is_not_p_2():
    # guards against a dictionary that would pass for either norm
    _, X, y = next(regressions(7, 2, 1))
    K = dictionary(X, norm=1, bias=True).K
    assert lasso(K, y, 0.1, bias=True).value > 1.001 * best_network(X, y, 0.1, norm=2, bias=True).value


def test_a_factor_that_promises_too_much_is_violated():
    _, X, y = next(regressions(12, 2, near_networks.SEED))
    found = near_networks.sandwich(X, y, False, 1.0)
    assert found.violation == pytest.approx(found.excess)
    assert found.violation > 1e-5
    assert near_networks.sandwich(X, y, False, 0.5).violation == 0.0


# --- what is measured of what is returned ------------------------------------------------------------------------


def test_determinants_are_exact():
    assert exact_determinant(np.array([[1.0, 2.0], [3.0, 4.0]])) == -2.0
    assert exact_determinant(np.array([[0.1, 0.2], [0.3, 0.6]])) == pytest.approx(0.0, abs=1e-17)
    np.testing.assert_array_equal(exact_normal(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(exact_normal(np.array([[3.0, 1.0]])), [-1.0, 3.0])


def test_an_objective_by_hand():
    network = bn.ReLUNetwork(np.array([[3.0, 4.0]]), np.array([-1.0]), np.array([2.0]), 0.5)
    X, y = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([1.0, -1.0])
    np.testing.assert_allclose(returned.outputs(network, X), [4.5, 0.5])
    settings = {"X": X, "y": y, "beta": 0.1}
    assert returned.objective(network, **settings, norm=2) == pytest.approx(0.5 * (3.5**2 + 1.5**2) + 0.1 * 10)
    assert returned.objective(network, **settings, norm=1, loss="hinge") == pytest.approx(1.5 + 0.1 * 14)
    assert returned.objective(network, **settings, norm=1, loss="exact") == np.inf


def test_blades_are_compared_with_the_samples():
    X = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    normal = np.array([[-1.0, 1.0]]) / np.sqrt(2)  # of the line through samples 0 and 1
    network = bn.ReLUNetwork(normal, np.zeros(1), np.ones(1), 0.0)
    settings = {"X": X, "norm": 2, "bias": True}
    assert returned.off_blades(network, [bn.Blade((0, 1), (0, 1), 1)], **settings) < 1e-15
    assert returned.off_blades(network, [bn.Blade((0, 1), (0, 1), -1)], **settings) > 1
    assert returned.off_blades(network, [bn.Blade((0, 2), (0, 1), 1)], **settings) > 0.1
    assert returned.off_blades(network, [bn.Blade((0,), (0, 1), 0, normal[0])], **settings) == 1.0
    assert returned.off_blades(network, [bn.Blade((0,), (0, 1), 0, normal[0])], **settings, vertices=False) < 1e-15
    assert returned.off_blades(network, [], **settings) == 1.0
