"""What a time limit cuts off: it is said, and the model is the best for the time. Clocks stop by steps here."""

import time
import warnings

import numba
import numpy as np
import pytest
from typer.testing import CliRunner

import bladenet as bn
from bladenet import training
from bladenet.cli import app
from bladenet.clock import Clock
from bladenet.column_generation import ColumnGeneration
from bladenet.folds import thinned
from bladenet.losses import get_loss
from bladenet.parallel import on_all_cores
from bladenet.pricing import choose_pricer
from bladenet.problem import TrainingProblem
from bladenet.restricted import nonzero
from bladenet.selection import Comparison, Fold, select_alpha, what_was_cut_off
from bladenet.training import _begin_with_single_features

ADDITIVE = {"norm": 1, "max_interaction": 1}


def bent(n, seed=0):
    """The first of three features matters."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, np.abs(X[:, 0]) + 0.1 * rng.normal(size=n)


@pytest.fixture
def stop_after(monkeypatch):
    """Let the time of every comparison be over after so many losses of folds."""

    def set_limit(count):
        validation_loss, calls = Fold.validation_loss, []

        def counted(self, alpha, limit=np.inf):
            loss = validation_loss(self, alpha, limit)
            calls.append(alpha)
            if len(calls) >= count:
                self.search.clock.extend(0.0)
            return loss

        monkeypatch.setattr(Fold, "validation_loss", counted)
        return calls

    return set_limit


def test_a_limit_that_cuts_nothing_off_changes_nothing():
    X, y = bent(150)
    limited = select_alpha(X, y, time_limit=1e4, **ADDITIVE)
    assert limited.alpha == select_alpha(X, y, **ADDITIVE).alpha
    assert limited.cut_off is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bn.BladeNetRegressor(alpha="auto", time_limit=1e4, tol=0.1, **ADDITIVE).fit(X, y)


@pytest.mark.parametrize("count", [3, 12])
def test_a_choice_that_is_cut_off_is_said_and_useful(stop_after, count):
    X, y = bent(400)
    best = select_alpha(X, y, **ADDITIVE).alpha
    stop_after(count)
    selection = select_alpha(X, y, time_limit=1e4, **ADDITIVE)
    assert "5 folds of 320 samples" in selection.cut_off
    assert selection.alpha < 10 * best  # the largest α is 100 times the best
    fit = bn.train(X, y, beta=selection.alpha * len(y), tol=1e-2, start=selection.start, **ADDITIVE)
    X_new, y_new = bent(1000, seed=1)
    assert np.var(fit.network.predict(X_new) - y_new) < 0.1 * np.var(y_new)


def test_the_message_names_what_was_compared_and_what_was_not(stop_after):
    X, y = bent(1000)
    splits = [(np.r_[:800], np.r_[800:1000]), (np.r_[200:1000], np.r_[:200])]
    comparison = Comparison.of(X, y, None, {**ADDITIVE, "loss": "squared"}, 1e4, splits)
    stop_after(7)  # four in the rehearsal, then one of either fold and another
    trials = comparison.trials(lambda _: np.array([1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001]))
    assert what_was_cut_off(trials) == (
        "on 2 folds of 800 samples 1 of 7 (1 to 1; not tried: 0.3 to 0.001); on 1 fold of 400 samples as many as needed"
    )


def test_cross_validation_that_is_cut_off_keeps_its_curve_and_warns(stop_after):
    X, y = bent(300)
    given = np.geomspace(1.0, 1e-4, 9)
    stop_after(7)  # five in the rehearsal of one fold; the others never get to the second α
    with pytest.warns(UserWarning, match="cut off .* Values compared: on 5 folds of 240 samples"):
        model = bn.BladeNetRegressorCV(alphas=given, time_limit=1e4, tol=1e-2, **ADDITIVE).fit(X, y)
    assert len(model.validation_.curve.alphas) < 2
    assert model.alpha_ in given
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("name", ["BladeNetRegressorCV", "BladeNetClassifierCV"])
def test_cross_validation_without_time_still_fits(name):
    X, y = bent(60)
    y = y > np.median(y) if "Classifier" in name else y
    with pytest.warns(UserWarning, match="Values compared: on 5 folds of 48 samples none of 25"):
        model = getattr(bn, name)(time_limit=1e-6).fit(X, y)
    assert model.validation_.curve.losses.shape == (0, 5)
    assert np.isfinite(model.alpha_)


def test_the_command_line_prints_it_in_a_line(tmp_path, stop_after):
    X, y = bent(300)
    path = tmp_path / "bent.csv"
    np.savetxt(path, np.column_stack([X, y]), delimiter=",", header="a,b,c,y", comments="")
    stop_after(6)
    command = ["fit", str(path), "--target", "y", "--max-interaction", "1", "--time-limit", "10000", "--quiet"]
    (line,) = CliRunner().invoke(app, command).stderr.splitlines()
    assert line.startswith("bladenet: warning: the choice of alpha was cut off after 5000 s, half of time_limit. ")
    assert "not tried" in line
    assert "give alpha as a number" in line


def test_thinned_samples_keep_every_class_and_the_extremes():
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(2000)[:1000])
    y = rng.normal(size=2000)
    few = thinned(rows, y, get_loss("squared"), 50)
    assert len(few) == 50
    assert set(few) <= set(rows)
    assert {y[rows].min(), y[rows].max()} <= set(y[few])
    classes = np.eye(4)[np.r_[np.zeros(1990, int), 1, 2, 3, np.zeros(7, int)]]
    few = thinned(np.arange(2000), classes, get_loss("softmax"), 50)
    assert classes[few].any(axis=0).all()
    assert thinned(rows, y, get_loss("squared"), 1000) is rows


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_the_clock_stands_still_while_kernels_compile():
    @numba.njit
    def kernel(x):
        return x + 1

    clock, start = Clock(1e4), time.perf_counter()
    kernel(1)
    elapsed, counted = time.perf_counter() - start, clock.elapsed
    assert counted < 0.5 * elapsed
    assert clock.remaining == pytest.approx(1e4 - counted, abs=elapsed)


def test_a_compilation_that_was_interrupted_does_not_stop_the_clock():
    numba.core.event.start_event("numba:compiler_lock")  # Ctrl-C comes before numba has the lock: no end is said
    first = Clock().started
    time.sleep(0.01)
    assert Clock().started > first


def test_a_part_of_a_clock_ends_work_within_work():
    # guards kernels, which watch the flag alone: within a thread's work nobody else waits for the deadline
    def until_told(_, clock):
        began = time.perf_counter()
        while not clock.flag[0] and time.perf_counter() - began < 10.0:
            time.sleep(0.001)
        return clock.flag[0]

    def nested(_, clock):
        return on_all_cores(until_told, [0], clock.part(0.02))

    assert on_all_cores(nested, [0, 1], Clock(60.0)) == [[1], [1]]


def test_a_path_proves_what_its_time_allows(monkeypatch):
    # as train does; not only by a relaxation
    proven, prove = [], ColumnGeneration._prove_in_stages
    monkeypatch.setattr(
        ColumnGeneration, "_prove_in_stages", lambda self, *args: proven.append(self.form.beta) or prove(self, *args)
    )
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (60, 7))
    y = np.abs(X[:, 0]) + X[:, 1] * X[:, 2]
    fits = bn.path(X, y, n_alphas=4, eps=0.1, tol=1e-4, time_limit=2.0).fits
    assert fits
    for fit in fits:
        if fit.certificate.status is not bn.Status.GLOBAL:
            assert fit.certificate.status is bn.Status.STOPPED
            assert fit.problem.standard.beta in proven


@pytest.mark.parametrize("outputs", [1, 2])
def test_neurons_of_one_feature_come_first(outputs):
    # guards "the best for the time": a search among pairs starts with a network as good as the best additive one
    rng = np.random.default_rng(4)
    X = rng.normal(size=(300, 5))
    Y = np.abs(X[:, :outputs]) + X[:, 1:2] * X[:, 2:3]
    y = Y if outputs > 1 else Y[:, 0]
    problem = TrainingProblem.create(X, y, beta=3.0, norm=1, max_interaction=2)
    search = ColumnGeneration(problem.standard, choose_pricer, 1e-3, Clock(60.0))
    _begin_with_single_features(search, problem, None)
    additive = bn.train(X, y, beta=3.0, norm=1, max_interaction=1).certificate.objective
    assert additive <= problem.standard.value * search.objective <= 1.02 * additive
    assert (np.count_nonzero(search.best_weights[nonzero(search.best.z)], axis=1) == 1).all()


def test_a_limit_leaves_the_additive_network_at_least(monkeypatch):
    # guards the constant network after a minute, where an additive one was to be had in a second
    rng = np.random.default_rng(5)
    X = rng.normal(size=(200, 4))
    y = np.abs(X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=200)
    monkeypatch.setattr(training, "SINGLE_SHARE", 0.999)
    run = ColumnGeneration.run

    def without_pairs(self, *args, **kwargs):
        if self.form.original.max_interaction == 2:
            self.clock.interrupt()
        return run(self, *args, **kwargs)

    monkeypatch.setattr(ColumnGeneration, "run", without_pairs)
    settings = {"beta": 2.0, "norm": 1, "time_limit": 60.0, "tol": 1e-3}
    fit = bn.train(X, y, max_interaction=2, **settings)
    additive = bn.train(X, y, max_interaction=1, **settings)
    assert fit.certificate.objective <= 1.02 * additive.certificate.objective
    assert len(fit.network)
