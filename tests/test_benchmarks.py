"""What the benchmarks compute; nothing is timed here."""

import json
from importlib import import_module

import numpy as np
import pytest
from benchmarks import peers
from benchmarks.objective import Network
from benchmarks.pictures import draw_peers
from benchmarks.problems import PROBLEMS, pictures
from benchmarks.solvers import bladenet

torch = pytest.importorskip("torch")
from benchmarks import pretrained  # noqa: E402

from bladenet.torch.layers import ReLULayer  # noqa: E402

NOT_HERE = ("pyscnn", "celer_dictionary", "skglm_dictionary")  # in the extra `bench`, which tests do without
NO_LIMIT = ("celer_dictionary", "skglm_dictionary", "cvxpy_dictionary")
PLANE = [pytest.param(name, marks=pytest.mark.slow) for name in ("spirals-200", "spirals-200-logistic")]


@pytest.fixture(scope="module", params=["motorcycle", *PLANE])
def solved(request):
    """A problem, and what is proven of it."""
    problem = PROBLEMS[request.param]()
    return problem, bladenet.fit(problem).certificate


@pytest.fixture(autouse=True)
def threads_as_before():
    threads = torch.get_num_threads()  # Adam chooses its own
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("key", peers.SOLVERS)
def test_no_solver_is_below_the_certified_bound(key, solved):
    # guards the comparison: networks in the user's units, judged by the same objective, in the order of time
    problem, certificate = solved
    module = f"benchmarks.solvers.{key}"
    solver = pytest.importorskip(module, exc_type=ImportError) if key in NOT_HERE else import_module(module)
    if solver.applies(problem) is not None or (key in NO_LIMIT and problem.X.shape[1] > 1):
        pytest.skip("not applicable, or minutes of work")
    optimal = key == "bladenet" or (key == "cvxpy_dictionary" and problem.X.shape[1] == 1)  # all hinges hold an optimum
    solution = solver.solve(problem, 100.0 if optimal else 1.0)  # those end by themselves, on a busy machine later
    value = problem.objective(solution.network)
    assert value >= certificate.lower_bound * (1 - 1e-9)
    assert value <= problem.objective(constant(problem)) * (1 + 1e-9), "no worse than no network"
    assert all(seconds > 0 for seconds, _ in solution.trace)
    if optimal:
        assert value == pytest.approx(certificate.objective, rel=1e-5)


def constant(problem):
    """The network without neurons."""
    d = problem.X.shape[1]
    level = problem.y.mean() if problem.loss == "squared" else 0.0
    return Network(np.zeros((0, d)), np.zeros(0), np.zeros(0), float(level))


def test_the_neutral_objective_is_the_definition():
    problem = PROBLEMS["motorcycle"]()
    network = Network(np.array([[2.0], [-1.0]]), np.array([0.1, 0.2]), np.array([0.5, -3.0]), 0.7)
    f = 0.5 * np.maximum(2 * problem.X[:, 0] + 0.1, 0) - 3 * np.maximum(0.2 - problem.X[:, 0], 0) + 0.7
    expected = 0.5 * ((f - problem.y) ** 2).sum() + problem.beta * (0.5 * 2 + 3 * 1)
    assert problem.objective(network) == pytest.approx(expected, rel=1e-12)


RECORDS = {
    "problem": "made up",
    "about": "n = 3",
    "lower_bound": 1.0,
    "solvers": {
        "bladenet": {
            "name": "bladenet", "machine": "a, load 1.0, b", "limit": 600.0, "seconds": 2.0, "objective": 1.0000001,
            "note": "GLOBAL", "trace": [[0.5, 3.0], [1.0, 1.005], [2.0, 1.0000001]],
        },
        "adam": {
            "name": "Adam", "machine": "a, load 2.0, b", "limit": 600.0, "seconds": 600.0, "objective": 1.004,
            "note": "slow", "trace": [[30.0, 1.5], [300.0, 1.004]],
        },
        "lbfgs": {
            "name": "L-BFGS", "machine": "a, load 2.0, b", "limit": 600.0, "seconds": 5.0, "objective": 1.5,
            "note": "stalled", "trace": [[5.0, 1.5]],
        },
        "pyscnn": {"name": "pyscnn", "machine": "a, load 2.0, b", "limit": 600.0, "why_not": "other loss"},
    },
}  # fmt: skip


def test_the_table_has_times_ratios_and_what_was_not_reached():
    rows = list(peers.tables([RECORDS]))
    bladenet_row, adam, lbfgs, pyscnn = (next(row for row in rows if f"| {name} |" in row) for name in names())
    assert "| 1 s | 2 s | 2 s |" in bladenet_row
    assert "| 300 s (300 ×) | not in 10 minutes | not in 10 minutes |" in adam
    assert lbfgs.count("never: it ended above") == 3
    assert "not applicable: other loss" in pyscnn
    assert sum(row.startswith("Measured on") for row in rows) == 1, "the load is left out"


def test_the_summary_has_every_solver_once():
    rows = [row.replace("\N{NO-BREAK SPACE}", " ") for row in peers.summary([RECORDS])]
    assert rows[2:] == [
        "| bladenet | 1 s<br>2 s<br>2 s |",
        "| Adam | 300 ×<br>> 300 ×<br>> 300 × |",
        "| L-BFGS | never |",
        "| pyscnn | – |",
    ]


def test_a_summary_without_bladenet_has_seconds():
    adam = {"adam": RECORDS["solvers"]["adam"]}
    *_, row = peers.summary([RECORDS | {"solvers": adam}])
    assert row.replace("\N{NO-BREAK SPACE}", " ") == "| Adam | 300 s<br>> 600 s<br>> 600 s |"


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """The solvers that are run, of an otherwise empty record of motorcycle."""
    monkeypatch.setattr(peers, "KEPT", tmp_path)
    monkeypatch.setattr(peers, "TABLE", tmp_path / "table.md")
    monkeypatch.setattr(peers, "PICTURE", tmp_path / "picture.png")
    (tmp_path / "motorcycle.json").write_text(json.dumps(RECORDS))
    run = []
    monkeypatch.setattr(peers, "measured", lambda problem, solvers, *settings: run.extend(solvers))
    return run


@pytest.mark.parametrize(("limit", "missing"), [(600.0, ["mlp"]), (5.0, ["bladenet", "mlp"])])
def test_what_was_measured_with_another_limit_is_missing(measured, limit, missing):
    peers.main(["motorcycle"], ["bladenet", "mlp"], limit)
    assert measured == missing
    assert "made up" in peers.TABLE.read_text()


def test_without_the_photographs_their_problems_are_left_out(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(pictures, "ARCHIVE", tmp_path / "nowhere.npz")
    peers.main(["colours-10000", "motorcycle"], ["mlp"])
    assert measured == ["mlp"]
    assert "colours-10000: left out." in capsys.readouterr().out


def names():
    return [solve["name"] for solve in RECORDS["solvers"].values()]


def test_traces_are_thinned_but_keep_every_level_and_the_end():
    seconds = np.linspace(1.0, 1000.0, 5000)
    values = 1.0 + 10.0 ** (-seconds / 125.0)
    kept = list(peers._falls(list(zip(seconds, values, strict=True)), 1.0))
    assert len(kept) < 120
    assert kept[-1] == (seconds[-1], values[-1])
    for level in peers.LEVELS:
        assert peers.first_below(kept, 1.0 + level) == seconds[values <= 1.0 + level][0]


def test_the_picture_has_a_line_for_each_solver_that_has_a_result():
    figure = draw_peers([RECORDS], peers.LEVELS)
    assert len(figure.legends[0].get_texts()) == 3


def test_random_hyperplanes_have_as_many_rows_on_either_side():
    # guards the null of benchmarks.pretrained: only directions differ from those of the network
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(4, 9), torch.nn.ReLU(), torch.nn.Linear(9, 1)).double()
    X = torch.tensor(np.random.default_rng(0).normal(size=(60, 4)))
    chance, median = pretrained.hyperplanes(module, ReLULayer("0"), X)
    values, others = (part[0](X).detach() for part in (module, chance))
    assert torch.equal((values > 0).sum(dim=0), (others > 0).sum(dim=0))
    cosines = torch.cosine_similarity(module[0].weight.detach(), chance[0].weight.detach())
    assert float(cosines.abs().median()) < 0.9
    lengths = module[0].weight.detach().norm(dim=1)
    np.testing.assert_allclose(median, (values.abs().median(dim=0).values / lengths).numpy())


def test_sounds_have_the_pitch_that_is_said():
    # guards the sounds that pretrained networks hear: each voice repeats after one period
    sound, pitch = pretrained.sounds(5.0)
    frames, middle = pretrained.framed(sound, 1024, 640), pretrained.framed(pitch, 1024, 640)
    steady = (middle.min(axis=1) > 0) & (np.ptp(middle, axis=1) < 0.05 * middle.mean(axis=1))
    assert steady.sum() >= 10
    for frame, hertz in zip(frames[steady], middle[steady].mean(axis=1), strict=True):
        period = round(pretrained.RATE / hertz)
        assert np.corrcoef(frame[:-period], frame[period:])[0, 1] > 0.5
        assert np.corrcoef(frame[: -period // 2], frame[period // 2 + period % 2 :])[0, 1] < 0.95
