"""Batches in PyTorch find and prove what the kernels do: on the CPU here, and on a CUDA device where there is one."""

import numpy as np
import pytest

import bladenet as bn
from bladenet import gpu
from bladenet.pricing import Ascent, BranchAndBound, Clock, FewFeatures, PrefixSums, Rising, branch_and_bound
from bladenet.pricing.ascent import best_offsets
from bladenet.pricing.pace import Pace
from bladenet.pricing.rising import active_sums
from spaces import KINDS, SETTINGS, brute_force, crude_size, dual, standard_form, unreduced

pytestmark = pytest.mark.sampled

torch = pytest.importorskip("torch")
SLACK = 1e-6
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=CUDA)])
def device(request):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # batches are small here
    yield torch.device(request.param)
    torch.set_num_threads(threads)


def in_this_thread(work, items, clock):
    return [work(item, clock) for item in items]


def on(monkeypatch, device, threads=False):
    """Whatever can be done on a device is done there, however few the points; called from this thread, or as usual.

    PyTorch's number of threads is that of each thread, and several wait for each other on a busy machine.
    """
    monkeypatch.setattr(gpu, "device_for", lambda points: None if gpu._use.failed else device)
    if not threads:
        monkeypatch.setattr(gpu, "on_all_cores", in_this_thread)
    monkeypatch.setattr(gpu, "_use", gpu._Use())


@pytest.mark.parametrize(("norm", "bias"), SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_neuron_is_the_kernels(kind, norm, bias, device, monkeypatch):
    rng = np.random.default_rng(0)
    form = unreduced(KINDS[kind](rng, 2 if bias else 3), norm, bias)
    v, pricer = dual(form, rng, integer=kind == "lattice"), BranchAndBound(form)
    known = pricer.maximum(v, SLACK)
    on(monkeypatch, device)
    found = pricer.maximum(v, SLACK)
    room = 2 * SLACK * known.bound + 1e-12 * crude_size(form, v)
    assert found.bound == pytest.approx(known.bound, abs=room)
    assert np.abs(found.values).max(initial=0.0) == pytest.approx(np.abs(known.values).max(initial=0.0), abs=room)
    assert found.bound >= brute_force(form, v) - room


@pytest.mark.parametrize(("norm", "bias"), SETTINGS)
def test_a_zero_dual_is_priced(norm, bias, device, monkeypatch):
    form = standard_form(np.random.default_rng(0).normal(size=(6, 3)), norm, bias)
    on(monkeypatch, device)
    priced = BranchAndBound(form).price(np.zeros(len(form.points)), 0.1, 1e-3, Clock())
    assert 0.0 <= priced.bound <= 0.1
    assert not len(priced.values)


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("d", [2, 3])
def test_the_same_cones_are_examined(d, norm, device):
    rng = np.random.default_rng(0)
    form = standard_form(rng.normal(size=(300, d)), norm, True)
    v, pricer = dual(form, rng), BranchAndBound(form)
    threshold = 0.9 * abs(pricer.maximum(v, slack=1e-3).values[0])
    cones = branch_and_bound.Cones(pricer.features, v, norm, threshold, 0.1, 0.0, np.inf, Pace(threshold))
    tasks = [(root, sign) for root in pricer.roots for sign in (1.0, -1.0)]
    one_by_one = [cones.search(task, Clock()) for task in tasks]
    bound, examined, visits, values, neurons = cones.search_together(tasks, device, Clock())
    assert bound == pytest.approx(max(result[0] for result in one_by_one), rel=0.1)
    # cells are filled in another order
    assert examined == pytest.approx(sum(result[1] for result in one_by_one), rel=0.1)
    # the kernels keep samples that are no longer mixed for a while
    assert visits == pytest.approx(sum(result[2] for result in one_by_one), rel=0.4)
    np.testing.assert_allclose(np.abs(pricer.values(v, neurons[:, :-1], neurons[:, -1])), values, rtol=1e-10)


@pytest.mark.parametrize("most", [30, 1_000])
def test_small_batches_find_the_same(most, device, monkeypatch):
    from bladenet.gpu import cones

    rng = np.random.default_rng(1)
    form = standard_form(rng.normal(size=(25, 2)), 2, True)
    v, pricer = dual(form, rng), BranchAndBound(form)
    known = pricer.maximum(v, 1e-3)
    on(monkeypatch, device)
    monkeypatch.setattr(cones, "_most", lambda device, r: most)
    assert pricer.maximum(v, 1e-3).bound == pytest.approx(known.bound, rel=2e-3)


def test_a_stopped_search_still_bounds(device, monkeypatch):
    rng = np.random.default_rng(2)
    form = standard_form(rng.normal(size=(200, 3)), 2, True)
    v, pricer = dual(form, rng), BranchAndBound(form)
    largest = pricer.maximum(v, slack=1e-3)
    on(monkeypatch, device)
    clock = Clock()
    clock.interrupt()
    stopped = pricer.price(v, 0.5 * largest.bound, 1e-3, clock)
    assert stopped.bound >= largest.values[0]
    assert np.isfinite(stopped.bound)


PROBLEMS = {
    "spirals": {},
    "grid": {"norm": 1},
    "no bias": {"bias": False},
    "logistic": {"loss": "logistic"},
    "pairs": {"norm": 1, "max_interaction": 2},
}


@pytest.mark.parametrize(
    "name",
    ["grid", "pairs", *(pytest.param(name, marks=pytest.mark.slow) for name in ("spirals", "no bias", "logistic"))],
)
def test_networks_and_proofs_are_the_same(name, device, monkeypatch):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 3 if name in ("pairs", "no bias") else 2))
    if name == "grid":
        X = np.array(list(np.ndindex(6, 6)), float)
    y = np.sin(3 * X[:, 0]) * X[:, 1]
    y = np.where(y > 0, 1.0, -1.0) if name == "logistic" else y
    fits = {}
    for which in (None, device):
        on(monkeypatch, which)
        fits[which] = bn.train(X, y, beta=0.2, tol=1e-7, **PROBLEMS[name])
        assert fits[which].certificate.status is bn.Status.GLOBAL
    assert fits[device].certificate.objective == pytest.approx(fits[None].certificate.objective, rel=1e-6)
    assert fits[device].certificate.lower_bound == pytest.approx(fits[None].certificate.lower_bound, rel=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_ascent_starts_from_the_same_neurons(bias, device, monkeypatch):
    rng = np.random.default_rng(4)
    form = standard_form(rng.normal(size=(90, 9)), 2, bias)
    v = dual(form, rng)
    heights = {}
    for which in (None, device):
        on(monkeypatch, which)
        ascent = Ascent(form, seed=5)
        starts = ascent.starts(v, Clock())  # a neuron and its opposite may change places
        heights[which] = np.abs(ascent.values(v, starts[:, :-1], starts[:, -1]))
    np.testing.assert_allclose(heights[device], heights[None], rtol=1e-9)


def test_best_offsets_are_those_of_ascent(device, monkeypatch):
    from bladenet.gpu import ascent

    monkeypatch.setattr(ascent, "entries", lambda device: 100)  # several parts
    rng = np.random.default_rng(5)
    features, directions = rng.normal(size=(2, 40)), rng.normal(size=(7, 2))
    v = rng.normal(size=40)
    v -= v.mean()
    offsets, values = ascent.with_offsets(directions, features, v, True, device)
    expected_offsets, expected = best_offsets(directions @ features, v)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    np.testing.assert_allclose(offsets, expected_offsets, atol=1e-12)


def test_sums_of_rising_are_the_same(device, monkeypatch):
    from bladenet.gpu import ascent

    monkeypatch.setattr(ascent, "entries", lambda device: 100)
    rng = np.random.default_rng(6)
    lifted = np.column_stack([rng.normal(size=(70, 4)), np.ones(70)]).astype(np.float32)
    v, w = rng.normal(size=70), rng.normal(size=(6, 5))
    expected = active_sums(lifted, v.astype(np.float32), w)
    np.testing.assert_allclose(ascent.active_sums(lifted, v, device)(w), expected, rtol=1e-4, atol=1e-4)


def test_rising_on_a_device_finds_what_it_does_here(device, monkeypatch):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(400, 8))
    form = standard_form(X, 2, True)
    v = np.abs(X[:, 0]) - X[:, 1]
    v -= v.mean()
    found = {}
    for which in (None, device):
        on(monkeypatch, which)
        found[which] = Rising(form, seed=0).price(v, 0.0, 0.1, Clock())
    assert abs(found[device].values[0]) == pytest.approx(abs(found[None].values[0]), rel=1e-2)


def test_few_features_use_it(device, monkeypatch):
    rng = np.random.default_rng(8)
    form = standard_form(rng.normal(size=(60, 4)), 1, True)
    v = dual(form, rng)
    pricer = FewFeatures(form, 2, lambda space, climbs: BranchAndBound(space, climbs))
    known = pricer.maximum(v, SLACK)
    searches = []
    on(monkeypatch, device)
    together = branch_and_bound.Cones.search_together
    monkeypatch.setattr(
        branch_and_bound.Cones,
        "search_together",
        lambda self, *arguments: searches.append(1) or together(self, *arguments),
    )
    assert pricer.maximum(v, SLACK).bound == pytest.approx(known.bound, rel=2 * SLACK)
    assert len(searches) >= 6  # one for each pair


def test_without_a_device_cores_do_it():
    if not torch.cuda.is_available():
        assert gpu.device_for(10**9) is None
    assert gpu.device_for(10) is None  # too little to do


@pytest.mark.parametrize(("pricer", "d"), [(BranchAndBound, 2), (Ascent, 4), (Rising, 8)])
def test_a_device_that_fails_is_no_end(pricer, d, device, monkeypatch):
    from bladenet.gpu import ascent, cones

    def full(device):
        raise RuntimeError("CUDA out of memory")

    rng = np.random.default_rng(9)
    form = standard_form(rng.normal(size=(200, d)), 2, True)
    v = dual(form, rng)
    known = pricer(form).price(v, 0.0, 0.1, Clock())
    on(monkeypatch, device, threads=True)
    for module in (ascent, cones):
        monkeypatch.setattr(module, "room", full)
    clock, failing = Clock(), pricer(form)
    with pytest.warns(RuntimeWarning, match="goes on without it. RuntimeError: CUDA out of memory") as warned:
        found, _ = (failing.price(v, 0.0, 0.1, clock) for _ in range(2))
    assert len(warned) == 1
    assert not clock.stopped
    assert found.bound == known.bound
    assert found.values == pytest.approx(known.values)


def test_the_device_is_waited_for_until_the_deadline(device, monkeypatch):
    rng = np.random.default_rng(10)
    form = standard_form(rng.normal(size=(50, 2)), 2, True)
    v, pricer = dual(form, rng), BranchAndBound(form)
    largest = pricer.maximum(v, SLACK)
    on(monkeypatch, device, threads=True)
    with gpu._use.turn:
        found = pricer.price(v, 0.0, SLACK, Clock(0.3))
    assert largest.values[0] <= found.bound < np.inf
    assert not gpu._use.failed


def test_what_is_no_number_bounds_nothing(device):
    from bladenet.gpu.cones import Search

    search = Search(np.zeros((2, 1)), np.ones(1), [], 2, 0.0, 0.0, 0.0, 1, 9.0, device)
    search._close(torch.tensor([1.0, torch.nan], device=device))
    assert search.bound == np.inf


def test_a_relaxed_fit_on_a_device(device, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 9))
    fits = {}
    for which in (None, device):
        on(monkeypatch, which)
        fits[which] = bn.train(X, np.abs(X[:, 0]), beta=10.0, strategy="relaxed", tol=1e-2)
    assert fits[device].certificate.objective == pytest.approx(fits[None].certificate.objective, rel=2e-2)


def test_one_feature_without_bias_stays_on_the_cores(device, monkeypatch):
    form = standard_form(np.array([[1.0], [-2.0], [3.0]]), 2, False)
    on(monkeypatch, device)
    assert BranchAndBound(form).maximum(np.array([1.0, -1.0, 2.0])).bound == pytest.approx(
        PrefixSums(form).maximum(np.array([1.0, -1.0, 2.0])).bound
    )
