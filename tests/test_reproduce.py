from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from bladenet import cli  # noqa: E402
from bladenet.cifar import ImageData  # noqa: E402
from bladenet.reproduce import commands, images, spirals, verdicts  # noqa: E402
from bladenet.reproduce.ablation import (  # noqa: E402
    BEST,
    PAPER,
    PAPER_RIDGE,
    PARTIAL,
    REFINED,
    REFIT,
    RIDGE,
    SGD,
    ridge_refitted,
)
from bladenet.reproduce.descent import descend, descend_on_all, new_network  # noqa: E402
from bladenet.torch.objective import Objective  # noqa: E402

SMALL = images.Setup(hidden=6, width=5, widths=(3, 5), rates=(0.01, 0.1), epochs=2, counts=(2, 4), refine_seconds=0.5)


def run(*arguments):
    return cli.app([str(argument) for argument in arguments], standalone_mode=False)


def is_picture(path):
    pixels = pytest.importorskip("matplotlib.image").imread(path)
    return pixels.shape[0] > 300 and len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 50


def some_images(n=40, size=3):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (2 * n, size, size, 3), dtype=np.uint8)
    y = rng.permutation(np.arange(2 * n) % 2)
    x[y == 1, 0] //= 2
    return ImageData(x[:n], y[:n], x[n:], y[n:])


@pytest.fixture
def few_epochs(monkeypatch):
    setup = spirals.Setup(samples=20, width=12, epochs=40, trials=2, stages=(5, 20, 100))
    monkeypatch.setattr(spirals, "Setup", lambda: setup)
    return setup


@pytest.mark.slow
def test_figure6_orders_the_methods(tmp_path, few_epochs, capsys):
    assert run("reproduce", "figure6", "--out", tmp_path / "new") in (None, 0)
    frame = pd.read_csv(tmp_path / "new" / "figure6.csv")
    assert list(frame.columns) == ["trial", "method", "epoch", "objective", "lower_bound", "excess", "closed"]
    assert is_picture(tmp_path / "new" / "figure6.png")
    for _, trial in frame.groupby("trial"):
        bound = trial.lower_bound.max()
        methods = trial[trial.method != spirals.TRAINING]
        for epoch in (5, 20):  # and not 100, which is after the end
            stage = methods[methods.epoch == epoch].set_index("method")
            assert list(stage.index) == [spirals.DESCENT, REFIT, PAPER]
            assert bound <= stage.objective[REFIT] <= stage.objective[spirals.DESCENT]
        value = methods[methods.epoch == 40].set_index("method").objective
        assert bound <= value[REFINED] <= value[BEST] <= value[REFIT] <= value[spirals.DESCENT]
        assert bound <= value[PAPER]
        closed = methods[methods.epoch == 40].set_index("method").closed
        assert closed[REFINED] >= 0.95
        assert closed[spirals.DESCENT] == 0
        curve = trial[trial.method == spirals.TRAINING]
        assert curve.epoch.max() == few_epochs.epochs
        assert curve.objective.iloc[-1] == pytest.approx(value[spirals.DESCENT])
    printed = capsys.readouterr().out
    assert "certified optimum" in printed
    assert "Of that gap the refit" in " ".join(printed.split())


@pytest.mark.slow
@pytest.mark.rare
def test_figure7_from_a_file(tmp_path, monkeypatch, capsys):
    data = some_images()
    np.savez(tmp_path / "two.npz", **vars(data))
    monkeypatch.setattr(images, "Setup", lambda: SMALL)
    code = run("reproduce", "figure7", "--data", tmp_path / "two.npz", "--out", tmp_path, "--trials", 2)
    assert code in (None, 0)
    frame = pd.read_csv(tmp_path / "figure7.csv")
    assert is_picture(tmp_path / "figure7.png")
    settings = frame.groupby(["trial", "panel", "width", "rate"])
    assert settings.ngroups == 2 * (2 + 2)
    assert all(set(own.method) == {SGD, REFIT, RIDGE, PAPER, PAPER_RIDGE, PARTIAL, REFINED} for _, own in settings)
    for _, own in settings:
        value = own.set_index("method").objective
        assert value[REFINED] <= value[SGD]
        assert value[REFIT] <= value[SGD] * (1 + 1e-6)
    assert frame.train_accuracy.between(0, 1).all()
    assert frame[frame.method == PARTIAL].samples.isin(SMALL.counts).all()
    assert "The first layer polished, 4 networks: over SGD's test accuracy" in " ".join(capsys.readouterr().out.split())


def test_time_is_kept(tmp_path):
    said = []
    done = list(images.measure(some_images(), SMALL, 20, 0.0, said.append))
    assert len(done) == 1
    assert said[-1].startswith("time is over")


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(tmp_path, monkeypatch):
    measured = images.measure

    def interrupted(*arguments):
        yield next(measured(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(images, "measure", interrupted)
    commands.run_figure7(some_images(), SMALL, 20, 100.0, tmp_path)
    frame = pd.read_csv(tmp_path / "figure7.csv")
    assert len(frame) == 14  # it is in both panels
    assert is_picture(tmp_path / "figure7.png")


def test_ctrl_c_before_anything_is_reported(tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(images, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        commands.run_figure7(some_images(), SMALL, 20, 100.0, tmp_path)


def test_missing_data_are_named(tmp_path, capsys):
    assert run("reproduce", "figure7", "--data", tmp_path / "nowhere", "--out", tmp_path) == cli.BAD_INPUT
    assert "--data: there is no file" in capsys.readouterr().err


def test_descent_is_plain_gradient_descent_on_the_objective():
    rng = np.random.default_rng(0)
    X, y = torch.tensor(rng.normal(size=(12, 3))), torch.tensor(np.where(rng.normal(size=12) > 0, 1.0, -1.0))
    module = new_network((3, 4, 1), bias=True, seed=0, dtype=torch.float64)
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    objective = Objective.create(module, X, y, beta=0.3, loss="logistic")
    step = 1e-6
    start = objective.value(module)
    descend(module, X, y, loss="logistic", beta=0.3, rate=step, epochs=1, batch=12, seed=0)
    moved = sum(float((value.detach() - before[name]).square().sum()) for name, value in module.named_parameters())
    # along the gradient the objective falls by |g|² × step, and parameters move by |g| × step; g is that of the mean
    assert start - objective.value(module) == pytest.approx(moved / step * 12, rel=1e-3)


def test_descent_without_automatic_differentiation_is_the_same():
    rng = np.random.default_rng(0)
    X, y = torch.tensor(rng.normal(size=(12, 2))), torch.tensor(np.where(rng.normal(size=12) > 0, 1.0, -1.0))
    one, other = (new_network((2, 7, 1), bias=True, seed=3, dtype=torch.float64) for _ in range(2))
    seen = []
    descend(one, X, y, loss="squared", beta=0.3, rate=0.1, epochs=30, batch=12, seed=0)
    descend_on_all(other, X, y, 0.3, 0.1, 30, seen.append)
    assert seen == list(range(31))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=0, atol=1e-12)


def test_ridge_is_least_squares_of_outputs_of_equal_size():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.where(rng.normal(size=30) > 0, 1.0, -1.0)
    module = new_network((4, 6, 1), bias=False, seed=0, dtype=torch.float64)
    with torch.no_grad():
        module[0].weight[0] *= 1e-3  # a small neuron counts as the others do
        module[0].weight[1] *= 1e-9  # and nothing but rounding not at all
        module[0].weight[2] = 0.0
    objective = Objective.create(module, X, y, beta=0.7, loss="logistic")
    found = ridge_refitted(objective, module)
    columns = np.maximum(X @ module[0].weight.detach().numpy().T, 0.0)[:, [0, 3, 4, 5]]
    columns /= np.sqrt((columns**2).mean(axis=0))
    tall, targets = np.vstack([columns, np.sqrt(0.7) * np.eye(4)]), np.r_[y, np.zeros(4)]
    expected = columns @ np.linalg.lstsq(tall, targets, rcond=None)[0]
    outputs = found.module(torch.tensor(X))[:, 0].detach().numpy()
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-12)
    # with the scales that cost least (step 5), at which both layers of a neuron are as long
    lengths, sizes = found.module[0].weight.norm(dim=1), found.module[2].weight.abs()[0]
    np.testing.assert_allclose(lengths[[0, 3, 4, 5]].detach(), sizes[[0, 3, 4, 5]].detach(), rtol=1e-9)


def test_same_seed_same_network():
    first, second = (new_network((3, 4, 1), bias=False, seed=7, dtype=torch.float32) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize(
    ("refit", "polished", "words"),
    [
        (3.0, 1.0, "adds nothing to the refit: it takes 2 away"),
        (3.0, 4.0, "is the refit"),
        (1.0, 4.0, "polishing: it adds 3"),
    ],
)
def test_the_verdict_follows_the_numbers(refit, polished, words):
    assert words in verdicts._what_polishing_adds(refit, polished, "{:g}".format)


def test_the_verdict_counts_networks_at_each_stage():
    values = {(10, 1): (3.0, 2.0), (10, 2): (3.0, 4.0), (20, 1): (1.0, 2.0), (20, 2): (1.0, 2.0)}
    rows = [
        {"epoch": epoch, "trial": trial, "method": method, "objective": value}
        for (epoch, trial), pair in values.items()
        for method, value in zip((REFIT, PAPER), pair, strict=True)
    ]
    assert verdicts._over_epochs(pd.DataFrame(rows)).endswith("1 of 2 after 10 epochs, 0 of 2 after 20 epochs.")


def test_the_verdict_compares_ridge_with_ridge():
    accuracies = {SGD: 0.8, REFIT: 0.81, PAPER: 0.5, REFINED: 0.85, RIDGE: 0.82, PAPER_RIDGE: 0.55}
    rows = [
        {"trial": 1, "panel": images.WIDTHS, "width": 16, "rate": 0.01, "method": method}
        | {"train_accuracy": accuracy + 0.1, "test_accuracy": accuracy}
        for method, accuracy in accuracies.items()
    ]
    words = verdicts.images_verdict(pd.DataFrame(rows))
    assert "with this refit -30.00" in words
    assert "1 network: alone +2.00, after the paper's polishing -25.00, right on 65.0% of training" in words
    assert words.endswith("it takes 27.00 points away.")


@pytest.mark.parametrize("number", [6, 7])
def test_what_the_page_says_follows_from_the_committed_numbers(number):
    docs = Path(__file__).parents[1] / "docs"
    frame = pd.read_csv(docs / "numbers" / f"figure{number}.csv")
    methods = frame[frame.method != spirals.TRAINING]
    words = verdicts.spirals_verdict(methods) if number == 6 else verdicts.images_verdict(frame)
    page = (docs / "theory" / "deep.md").read_text(encoding="utf-8")
    assert words in " ".join(page.replace("\n> ", " ").split())
