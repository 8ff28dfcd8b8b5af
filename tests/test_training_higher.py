"""Training with three and four features, against the convex arrangement program.

Set BLADENET_ORACLE_CASES=2000 for a long comparison.
"""

import os

import pytest

import bladenet as bn
from cases import higher_cases
from oracle import arrangement_solution

pytestmark = pytest.mark.sampled

ORACLE_CASES = higher_cases(int(os.environ.get("BLADENET_ORACLE_CASES", "24")), seed=4)
NEGLIGIBLE = 1e-12  # optima of zero have no relative gap


@pytest.mark.parametrize("case", ORACLE_CASES, ids=repr)
def test_optimum_is_the_oracles(case):
    # guards everything: another formulation, another solver, no shared code
    settings = {"norm": case.norm, "bias": case.bias, "loss": case.loss}
    fit = bn.train(case.X, case.y, beta=case.beta, tol=1e-6, time_limit=60.0, **settings)
    expected = arrangement_solution(case.X, case.y, case.beta, **settings)
    certificate = fit.certificate
    assert certificate.status is bn.Status.GLOBAL, str(certificate)
    assert certificate.objective == pytest.approx(expected.value, rel=1e-6, abs=NEGLIGIBLE)
    assert certificate.objective >= expected.lower * (1 - 1e-9) - NEGLIGIBLE, "no network is better than the bound"
    assert certificate.lower_bound <= expected.value * (1 + 1e-9) + NEGLIGIBLE
