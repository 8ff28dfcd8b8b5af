"""Figures 1 to 5 and 8: their claims hold on the data of the commands, and would not hold for something else."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bladenet import cli
from bladenet.network import ReLUNetwork
from bladenet.reproduce import commands, geometry, one_dimension
from bladenet.reproduce.findings import Finding, findings_verdict, largest
from bladenet.training import train

FIGURES = [1, 2, 3, 4, 5, 8]


def run(*arguments):
    return cli.app([str(argument) for argument in arguments], standalone_mode=False)


def deviations(findings):
    return {finding.claim: finding.deviation for finding in findings}


def failed(findings):
    return [finding.claim for finding in findings if not finding.holds]


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_is_a_picture_a_table_and_a_verdict(number, tmp_path, capsys):
    # guards the commands themselves; Figure 3 shows one remark of the paper that is the wrong way round
    assert run("reproduce", f"figure{number}", "--out", tmp_path / "new") in (None, 0)
    pixels = pytest.importorskip("matplotlib.image").imread(tmp_path / "new" / f"figure{number}.png")
    assert pixels.shape[0] > 500
    assert len(np.unique(pixels[::7, ::7, :3].reshape(-1, 3), axis=0)) > 10
    frame = pd.read_csv(tmp_path / "new" / f"figure{number}.csv")
    assert len(frame) >= 8
    printed = " ".join(capsys.readouterr().out.split())
    expected = "4 of 5 claims hold. Not so: with bias, the paper's remark" if number == 3 else f"Figure {number} holds"
    assert expected in printed


@pytest.mark.parametrize(
    ("area", "claim"),
    [
        (lambda a, b: np.abs(geometry.wedge_area(a, b)), "b ∧ a = −a ∧ b"),
        (lambda a, b: geometry.wedge_area(b, a), "positive iff b is on the left of a"),
        (lambda a, b: 0.5 * geometry.wedge_area(a, b), "a ∧ b is the signed area"),
        (lambda a, b: (a * b).sum(axis=1), "a ∧ b = 0 for parallel a and b"),
        (lambda a, b: geometry.wedge_area(a, b) * (1 + 1e-12), "a ∧ b is the signed area"),
    ],
    ids=["unsigned", "other orientation", "half", "dot product", "relative error 1e-12"],
)
def test_another_product_is_no_wedge_product(area, claim):
    assert claim in failed(geometry.wedge_figure(area).findings)


def test_the_areas_are_exact():
    # guards the yardstick: a determinant that floats get wrong
    a, b = np.array([[1.0 + 2**-30, 1.0]]), np.array([[1.0, 1.0 - 2**-30]])
    assert geometry.exact_areas(a, b)[0] == -(2.0**-60)


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_entries_change_with_the_samples(norm, bias):
    # guards against entries and areas that come from the same code: the neuron of other samples has other entries
    X = geometry.SAMPLES
    chosen, other = ((0, 6), (0, 5)) if bias else ((0,), (5,))
    areas, base, entries = geometry._column(X, chosen, bias, norm)
    _, _, wrong = geometry._column(X, other, bias, norm)
    expected = np.maximum(2 * areas, 0) / np.linalg.norm(base, ord=norm)
    np.testing.assert_allclose(entries, expected, atol=1e-14)
    assert np.abs(wrong - expected).max() > 0.1


def test_a_neuron_turned_round_fails_figures_3_and_4(monkeypatch):
    original = geometry.neurons

    def turned(*arguments):
        weights, offsets = original(*arguments)
        return -weights, -offsets

    monkeypatch.setattr(geometry, "neurons", turned)
    assert len(failed(geometry.dictionary_figure().findings)) == 4  # and the remark, alas, would be right
    assert len(failed(geometry.distance_figure().findings)) == 2


def test_a_wrong_diameter_fails_figure_5(monkeypatch):
    monkeypatch.setattr(geometry, "chamber_report", lambda X, bias: Report(X))
    assert len(failed(geometry.dispersion_figure().findings)) == 2


class Report:
    """A report that leaves out the gap across 180°."""

    def __init__(self, X):
        self.dispersion = float(geometry.gaps_of(X)[1][:-1].max())
        self.diameter = 2 * np.sin(0.5 * self.dispersion)


def test_a_chord_at_another_distance_fails_figure_8(monkeypatch):
    monkeypatch.setattr(geometry, "hull_distance", lambda ends: float(np.linalg.norm(ends.mean(axis=0))) * (1 - 1e-5))
    assert failed(geometry.chord_figure().findings) == ["the chord is cos(ε/2) from 0"]


def test_a_network_whose_kinks_are_off_the_samples_fails_figure_2():
    x, y = one_dimension.POSITIONS, one_dimension.TARGETS
    fit = train(x[:, None], y, beta=one_dimension.BETA, tol=one_dimension.TOL)
    assert failed(one_dimension.findings(fit, x, y)) == []
    network = fit.network
    moved = ReLUNetwork(network.weights, network.biases + 0.01, network.amplitudes, network.intercept)
    off = deviations(one_dimension.findings(replace(fit, network=moved), x, y))
    assert off["every neuron's kink is a sample"] > 1e-3
    assert off["between samples, and beyond them, it is straight"] > 1e-4
    worse = train(x[:, None], y, beta=1.01 * one_dimension.BETA)
    assert "it is the best network of all" in failed(one_dimension.findings(worse, x, y))


def test_nan_is_no_support():
    # guards the accumulation: Python's max would drop it
    assert np.isnan(largest(0.0, float("nan"), 1.0))
    assert not Finding("", "", float("nan")).holds


def test_slopes_are_those_of_the_neurons():
    network = ReLUNetwork(np.array([[2.0], [-1.0]]), np.array([-2.0, 3.0]), np.array([1.5, 4.0]), 0.5)  # kinks 1 and 3
    changes = one_dimension.slope_changes(network, np.array([0.0, 1.0, 3.0, 4.0]))
    np.testing.assert_allclose(changes, [0, 3, 4, 0], atol=1e-12)


def test_the_verdict_follows_the_findings():
    good, bad, unknown = (Finding(name, "", value) for name, value in (("a", 0.0), ("b", 1.0), ("c", float("nan"))))
    assert findings_verdict("Figure 9", [good]).startswith("Figure 9 holds: all 1")
    assert findings_verdict("Figure 9", [good, bad, unknown]) == "Figure 9: 1 of 3 claims hold. Not so: b; c."


@pytest.mark.slow
def test_figures_without_torch(tmp_path):
    # guards those who have not installed it
    code = (
        "import sys; sys.modules['torch'] = None; from bladenet import cli; "
        f"cli.app(['reproduce', 'figure1', '--out', {str(tmp_path)!r}], standalone_mode=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "figure1.png").exists()


@pytest.fixture
def recorded(monkeypatch):
    """Commands that say only that they were called."""
    called = []
    for name in [*(f"figure{k}" for k in (1, 2, 3, 4, 5, 6, 8)), "theorems"]:
        monkeypatch.setattr(commands, name, lambda out, name=name: called.append(name))
    monkeypatch.setattr(commands, "run_figure7", lambda images, setup, trials, seconds, out: called.append("figure7"))
    return called


def test_all_is_everything(tmp_path, recorded):
    assert run("reproduce", "all", "--out", tmp_path) in (None, 0)
    first = [f"figure{k}" for k in (1, 2, 3, 4, 5, 8)]
    assert recorded[:7] == [*first, "theorems"]
    assert recorded[7:] in (["figure6"], [])  # without torch


def test_all_with_images_has_figure_7(tmp_path, recorded):
    pytest.importorskip("torch")
    pixels, labels = np.zeros((4, 2, 2, 3), np.uint8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "two.npz", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    assert run("reproduce", "all", "--out", tmp_path, "--data", tmp_path / "two.npz") in (None, 0)
    assert recorded[7:] == ["figure6", "figure7"]


def test_all_without_torch_leaves_out_what_needs_it(tmp_path, recorded, monkeypatch, capsys):
    monkeypatch.setattr(commands, "find_spec", lambda name: None)
    assert run("reproduce", "all", "--out", tmp_path) in (None, 0)
    assert len(recorded) == 7
    assert "Figures 6 and 7 are left out" in capsys.readouterr().err
    assert run("reproduce", "figure7", "--out", tmp_path) == cli.BAD_INPUT
    assert "Figure 7 is not possible" in capsys.readouterr().err


def test_images_that_are_missing_are_named_before_any_work(tmp_path, recorded, capsys):
    assert run("reproduce", "all", "--out", tmp_path, "--data", tmp_path / "nowhere") == cli.BAD_INPUT
    assert recorded == []
    assert "--data: there is no file" in capsys.readouterr().err
