"""Pricing on other processes: the same certificate from threads, from joblib's processes and from a dask cluster.

The cluster has two workers with one thread each, for all tests of this module.
"""

import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import bladenet as bn
from bladenet import parallel
from bladenet.pricing import Clock, choose_pricer
from bladenet.problem import TrainingProblem

PROBLEMS = {
    "plane": (150, 2, {}),
    "plane, no bias": (80, 2, {"bias": False}),
    "space": (60, 3, {"loss": "huber"}),
    "pairs of features": (100, 5, {"norm": 1, "max_interaction": 2}),
    "single features": (100, 3, {"norm": 1, "max_interaction": 1}),
    "blades only": (25, 3, {"vertices_only": True}),
}
SLOW = ("space", "blades only")


def data_of(n, d):
    rng = np.random.default_rng(n)
    X = np.round(rng.normal(size=(n, d)), 1)  # on a grid: many ties, which no order of tasks may decide
    return X, np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, -1] + 0.3 * rng.normal(size=n)


def trained(name):
    n, d, arguments = PROBLEMS[name]
    return bn.train(*data_of(n, d), beta=0.03 * n, **arguments)


def same(fit, reference):
    ours, theirs = fit.certificate, reference.certificate
    assert ours.status == theirs.status
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-12)
    assert ours.lower_bound == pytest.approx(theirs.lower_bound, rel=1e-12)
    assert [blade.samples for blade in fit.blades] == [blade.samples for blade in reference.blades]


@cache
def reference(name):
    with joblib.parallel_config(n_jobs=2):  # more than four would get smaller cones, and other neurons equally good
        return trained(name)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


class Where:
    """Says which process worked on an item, and for how long: until the clock stops or the time is over."""

    def __init__(self, seconds=0.0, obedient=True):
        self.seconds, self.obedient = seconds, obedient

    def work(self, item, clock):
        started = time.perf_counter()
        while time.perf_counter() - started < self.seconds and not (self.obedient and clock.flag[0]):
            time.sleep(0.01)
        return os.getpid(), item, time.perf_counter() - started

    def nested(self, item, clock):
        return [os.getpid(), *(pid for pid, *_ in parallel.on_all_workers(self.work, range(3), clock))]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in PROBLEMS]
)
def test_dask_gives_the_same_certificate(client, name):
    # guards against results that depend on who computes them, and against work that cannot travel
    expected = reference(name)
    with joblib.parallel_config(backend="dask"):
        same(trained(name), expected)


@pytest.mark.parametrize(
    ("backend", "names"),
    [
        pytest.param("loky", ["space", "pairs of features"], marks=pytest.mark.slow),
        # few rounds: it starts new processes for every pricing
        pytest.param("multiprocessing", ["blades only"], marks=pytest.mark.slow),
        ("threading", ["space", "pairs of features"]),
    ],
)
def test_other_backends_give_the_same_certificate(backend, names):
    for name in names:
        expected = reference(name)
        with joblib.parallel_config(backend=backend, n_jobs=2):
            same(trained(name), expected)


def test_a_cluster_of_one_worker():
    distributed = pytest.importorskip("distributed")
    expected = reference("plane")
    with (
        distributed.Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None),
        joblib.parallel_config(backend="dask"),
    ):
        same(trained("plane"), expected)


def test_work_goes_to_the_workers_and_comes_back_in_order(client):
    # guards against a cluster that does nothing, and chunks that are put together wrongly
    workers = set(client.run(os.getpid).values())
    with joblib.parallel_config(backend="dask"):
        for count in (0, 1, 7, 30):
            done = parallel.on_all_workers(Where(0.01).work, range(count), Clock())
            assert [item for _, item, _ in done] == list(range(count))
            assert {pid for pid, *_ in done} <= workers
        assert {pid for pid, *_ in done} == workers
        # a task does its own maps itself
        assert all(len(set(pids)) == 1 for pids in parallel.on_all_workers(Where().nested, range(4), Clock()))


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(client):
    # guards against shared arrays that only one worker has
    before = set(client.run(os.getpid).values())
    killer = threading.Timer(0.3, os.kill, (min(before), signal.SIGKILL))
    killer.start()
    with joblib.parallel_config(backend="dask"):
        done = parallel.on_all_workers(Where(0.2).work, range(16), Clock())
    assert [item for _, item, _ in done] == list(range(16))
    assert min(before) not in {pid for pid, *_ in done[8:]}
    client.wait_for_workers(2)
    assert set(client.run(os.getpid).values()) != before, "nobody was killed"


def test_what_was_sent_to_a_cluster_can_be_done_here(client):
    # joblib does so if workers die between the choice of a backend and its use
    packed = client.scatter(np.frombuffer(pickle.dumps(Where().work, protocol=5), dtype=np.uint8))
    assert [item for _, item, _ in parallel._elsewhere(packed, [3, 1], None)] == [3, 1]


@pytest.mark.slow
def test_training_survives_a_killed_worker(client):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = np.abs(X).sum(axis=1) + 0.1 * rng.normal(size=400)
    settings = {"beta": 4.0, "tol": 1e-4}
    alone = bn.train(X, y, **settings)
    client.wait_for_workers(2)
    before, died = set(client.run(os.getpid).values()), []

    def kill():
        os.kill(min(before), signal.SIGKILL)
        died.append(time.perf_counter())

    killer = threading.Timer(0.5, kill)
    killer.start()
    with joblib.parallel_config(backend="dask"):
        fit = bn.train(X, y, **settings)
    assert died, "training ended before anyone was killed"
    same(fit, alone)
    client.wait_for_workers(2)


@pytest.mark.parametrize("backend", ["dask", "loky"])
def test_the_time_limit_holds_for_all_tasks_together(client, backend):
    # guards against a limit that starts anew with every task
    started = time.perf_counter()
    with joblib.parallel_config(backend=backend, n_jobs=2):
        done = parallel.on_all_workers(Where(60.0).work, range(12), Clock(1.0))
    assert len(done) == 12
    assert time.perf_counter() - started < 30.0
    assert sum(seconds for *_, seconds in done) < 4.0


def test_a_cluster_that_does_not_answer_is_not_waited_for(client, monkeypatch):
    # guards the time limit against lost workers
    monkeypatch.setattr(parallel, "GRACE", 0.3)
    started = time.perf_counter()
    with joblib.parallel_config(backend="dask"):
        work = Where(3.0, obedient=False)
        monkeypatch.setattr(parallel, "on_all_cores", lambda work, items, clock: [clock.flag[0] for _ in items])
        clock = Clock(0.5)
        assert parallel.on_all_workers(work.work, range(2), clock) == [1, 1]
        assert not clock.interrupted, "nobody pressed Ctrl-C"
    assert time.perf_counter() - started < 2.5


@pytest.fixture
def interrupt_in():
    """Press Ctrl-C in this process, some seconds later; it is heard even where tests are a background job."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda seconds: threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
    signal.signal(signal.SIGINT, usual)


def test_ctrl_c_frees_the_cluster(client, interrupt_in):
    # guards against searches that go on for hours after nobody wants them
    started = time.perf_counter()
    with joblib.parallel_config(backend="dask"):
        interrupt_in(0.5)
        clock = Clock()
        done = parallel.on_all_workers(Where(60.0).work, range(8), clock)
        assert clock.stopped
        assert [(pid, item) for pid, item, _ in done] == [(os.getpid(), item) for item in range(8)]
        assert len(parallel.on_all_workers(Where().work, range(8), Clock())) == 8
    assert time.perf_counter() - started < 20.0


@pytest.mark.parametrize("limit", [None, 2.0])
def test_a_stopped_training_keeps_the_best_network_and_a_true_bound(client, limit, interrupt_in):
    # guards what follows a search that was cut off: it must neither wait for the cluster nor claim anything
    X, y = data_of(1000, 4)
    rounds = []

    def watch(row):
        rounds.append(row)
        if limit is None and row.round == 2:
            interrupt_in(0.2)

    started = time.perf_counter()
    with joblib.parallel_config(backend="dask"):
        fit = bn.train(X, y, beta=3.0, tol=1e-9, strategy="exact", time_limit=limit, callback=watch)
    assert time.perf_counter() - started < 30.0
    assert fit.certificate.status == bn.Status.STOPPED
    assert fit.certificate.objective <= rounds[-1].objective * (1 + 1e-9)
    assert 0.0 < fit.certificate.lower_bound < fit.certificate.objective
    assert fit.certificate.lower_bound >= rounds[-1].lower_bound * (1 - 1e-9)


def test_what_travels_is_small(monkeypatch):
    # guards against pickles of the whole problem: the points and v, once
    n, d = 1000, 8
    X, y = data_of(n, d)
    for arguments, columns in (({"norm": 1, "max_interaction": 2}, d), ({}, 2), ({"vertices_only": True}, 2)):
        restricted = arguments.pop("vertices_only", False)
        form = TrainingProblem.create(X[:, :columns], y, beta=1.0, **arguments).standard
        pricer = choose_pricer(form, restricted)
        sent = []

        def send(work, items, clock, sent=sent):
            sent.append(len(pickle.dumps(work)))
            raise InterruptedError

        for module in ("angular_sweep", "branch_and_bound", "few_features"):
            monkeypatch.setattr(f"bladenet.pricing.{module}.on_all_workers", send)
        with pytest.raises(InterruptedError):
            pricer.price(np.ones(len(form.points)), 1.0, 0.0, Clock())
        assert sent[0] <= 8 * len(form.points) * (columns + 1) + 2000


@pytest.mark.parametrize(
    ("backend", "jobs", "threads"),
    [(None, None, joblib.cpu_count()), (None, 3, 3), ("threading", 1, 1), ("threading", 5, 5), ("sequential", 4, 1)],
)
def test_n_jobs_is_the_number_of_threads(backend, jobs, threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    arguments = {} if backend is None else {"backend": backend}
    with joblib.parallel_config(n_jobs=jobs, **arguments):
        assert parallel._threads() == threads


@pytest.mark.parametrize(
    ("value", "threads"), [("3", 3), ("5,2", 5), ("0", joblib.cpu_count()), ("many", joblib.cpu_count())]
)
def test_the_environment_limits_threads(value, threads, monkeypatch):
    # guards against workers of dask and joblib, which are told so, that use all cores
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert parallel._threads() == threads


def threads_here():
    return parallel._threads()


@pytest.mark.slow
def test_workers_of_others_share_the_cores():
    # guards against n_jobs processes that all use all cores
    with joblib.parallel_config(backend="loky", n_jobs=2):
        threads = joblib.Parallel()(joblib.delayed(threads_here)() for _ in range(2))
    assert threads == [max(1, joblib.cpu_count() // 2)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_grid_search_in_workers(client, backend):
    # guards nested maps: training in a worker of the same backend neither hangs nor changes the result
    X, y = data_of(80, 2)
    grid = {"alpha": [0.003, 0.03]}
    here = GridSearchCV(bn.BladeNetRegressor(), grid, cv=2).fit(X, y)
    with joblib.parallel_config(backend=backend):
        there = GridSearchCV(bn.BladeNetRegressor(), grid, cv=2, n_jobs=2).fit(X, y)
    assert there.best_params_ == here.best_params_
    np.testing.assert_allclose(there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"], rtol=1e-8)
    assert there.best_estimator_.certificate_.objective == pytest.approx(
        here.best_estimator_.certificate_.objective, rel=1e-12
    )


def test_a_task_that_fails_stops_the_others():
    clock, ended = Clock(), []

    def work(k, clock):
        if k == 0:
            raise RuntimeError("task 0 failed")
        while not clock.stopped:
            time.sleep(0.001)
        ended.append(k)

    with pytest.raises(RuntimeError, match="task 0 failed"):
        parallel.on_all_cores(work, range(4), clock)
    assert sorted(ended) == [1, 2, 3]  # none is left behind in a thread


def test_fits_in_threads_at_once_are_those_one_after_the_other():
    rng = np.random.default_rng(5)
    problems = [(X := rng.normal(size=(150, 2)), np.sin(k + 2 * X[:, 0]) * X[:, 1]) for k in range(4)]

    def fit(data):
        return bn.train(*data, beta=0.5, tol=1e-6)

    alone = [fit(data) for data in problems]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, problems))
    for one, other in zip(alone, together, strict=True):
        assert other.certificate.status is bn.Status.GLOBAL
        assert other.certificate.objective == one.certificate.objective
        np.testing.assert_array_equal(other.network.weights, one.network.weights)


class Dies:
    """Work that ends every process but one."""

    def __init__(self):
        self.home = os.getpid()

    def double(self, item, clock):
        if os.getpid() != self.home:
            os._exit(1)
        return 2 * item


@pytest.mark.slow
def test_work_that_its_workers_cannot_do_is_done_here():
    # guards the network found so far: a backend whose workers died or ran out of memory is no end
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.warns(RuntimeWarning, match="workers of joblib failed"),
    ):
        assert parallel.on_all_workers(Dies().double, range(5), Clock()) == [0, 2, 4, 6, 8]


@pytest.mark.slow
def test_an_error_in_the_work_is_raised():
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.warns(RuntimeWarning, match="ZeroDivisionError"),
        pytest.raises(ZeroDivisionError),
    ):
        parallel.on_all_workers(_divide, range(2), Clock())


def _divide(item, clock):
    return 1 / item


def test_threads_of_blas_are_as_before_whoever_ends_first():
    # guards fits in threads: limits that overlap are not undone in the order in which they were set
    def threads():
        return [library.num_threads for library in parallel._blas()]

    before = threads()
    first, second = parallel.one_blas_thread(), parallel.one_blas_thread()
    first.__enter__()
    second.__enter__()
    assert set(threads()) == {1}
    first.__exit__(None, None, None)
    assert set(threads()) == {1}, "the second still wants it"
    second.__exit__(None, None, None)
    assert threads() == before


def test_every_thread_can_limit_blas():
    # guards fits in threads: threadpoolctl lets only the first thread that sets a limit set others
    def limited():
        with parallel.one_blas_thread():
            return {library.num_threads for library in parallel._blas()}

    with joblib.parallel_config(n_jobs=2), parallel.all_blas_threads():
        assert limited() == {1}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(limited).result() == {1}
