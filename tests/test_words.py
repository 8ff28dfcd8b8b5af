"""The glossary is one text everywhere, and what it says of numbers is so; scalings can be recomputed by hand."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bladenet as bn
from bladenet import cli, datasets

ROOT = Path(__file__).parent.parent
SOURCE = (ROOT / "src" / "bladenet" / "glossary.md").read_text(encoding="utf-8")
SPREAD = [-50.0, -3.0, -0.1, 0.0, 0.3, 1.0, 2.5, 40.0]  # values inside and outside of what was trained on


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.exponential(size=80), "kind": rng.choice(["u", "v"], 80)})
    return frame, frame["a"].abs() + frame["b"] * (frame["kind"] == "u")


def by_hand(table, X):
    """scaled(x) from nothing but the table."""
    scaled = {}
    for name, rows in table.groupby("feature", sort=False):
        x = X[name].to_numpy(dtype=float)
        if "centre" in table:
            scaled[name] = (x - rows["centre"].item()) / rows["scale"].item()
            continue
        knots, places = rows["x"].to_numpy(), rows["scaled(x)"].to_numpy()
        outside = np.where(x < knots[0], x - knots[0], np.where(x > knots[-1], x - knots[-1], 0.0))
        scaled[name] = np.interp(x, knots, places) + rows["slope outside"].iloc[0] * outside
    return scaled


@pytest.mark.parametrize("scaling", [None, "standard", "rank", "blend", "auto"])
def test_scalings_follow_from_their_table(table, scaling):
    frame, y = table
    alpha = "auto" if scaling == "auto" else 0.1  # which also scales columns by how much they matter
    model = bn.BladeNetRegressor(alpha=alpha, scaling=scaling, norm=1, max_interaction=1, tol=1e-2).fit(frame, y)
    features = list(model.encoding_.features)
    X = pd.DataFrame(dict.fromkeys(features, SPREAD))
    found = by_hand(model.scaling_table(), X)
    assert list(found) == features
    wanted = model.scaling_.apply(X.to_numpy())
    np.testing.assert_allclose(np.column_stack(list(found.values())), wanted, rtol=1e-12, atol=1e-12)


def test_the_table_on_the_command_line_and_on_the_page(table, tmp_path):
    frame, y = table
    model = bn.BladeNetRegressor(alpha=0.02, scaling="blend", norm=1, max_interaction=1, tol=1e-2).fit(frame, y)
    bn.save_model(model, tmp_path / "m.json")
    result = CliRunner().invoke(cli.app, ["explain", str(tmp_path / "m.json"), "--scaling"])
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(result.stdout)), model.scaling_table(), check_dtype=False)
    model.report(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = re.findall(r'<th scope="row">(\w+)</th><td class="formula">([^<]*→[^<]*)</td>', page)
    assert [name for name, _ in rows] == ["a", "b"]  # a category needs none
    for c, (_, text) in enumerate(rows):
        pairs = np.array([pair.split("\u00a0→\u00a0") for pair in text.replace("−", "-").split("; ")], dtype=float)
        X = np.tile(pairs[:, :1], model.n_features_in_)
        np.testing.assert_allclose(model.scaling_.apply(X)[:, c], pairs[:, 1], atol=1e-4)


def test_one_text_everywhere(tmp_path):
    data = datasets.load_motorcycle()
    model = bn.BladeNetRegressor(alpha=10.0).fit(data.X, data.y)
    model.report(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    printed = CliRunner().invoke(cli.app, ["glossary"]).stdout
    plain = re.sub(r"[`*]|## ", "", SOURCE).split()
    assert printed.split() == plain
    assert str(bn.glossary()).split() == plain
    for entry in bn.glossary():
        assert f'id="{entry.anchor}"' in page
        assert all(text in page for text in entry.html)
    assert '--8<-- "src/bladenet/glossary.md"' in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert "bladenet.glossary()" in model.summary()


def test_words_are_found():
    titles = [entry.title for entry in bn.glossary()]
    assert titles == sorted(titles, key=str.casefold)
    for entry in bn.glossary():
        assert all(entry in bn.glossary(word.upper()) for word in entry.words)
    for status in bn.Status:
        (entry,) = bn.glossary(status.value)
        assert any(text.startswith(f"{status.value}: ") for text in entry.paragraphs)
    with pytest.raises(ValueError, match=r"'amplitued'\. Did you mean 'amplitude'\?"):
        bn.glossary("amplitued")
    refused = CliRunner().invoke(cli.app, ["glossary", "amplitued"])
    assert refused.exit_code == cli.BAD_INPUT


def test_the_unit_of_alpha_is_that_of_the_target():
    data = datasets.load_motorcycle()
    euros = bn.BladeNetRegressor(alpha=0.5).fit(data.X, data.y)
    cents = bn.BladeNetRegressor(alpha=50.0).fit(data.X, 100.0 * data.y)
    np.testing.assert_allclose(cents.predict(data.X), 100.0 * euros.predict(data.X), rtol=1e-3, atol=1.0)
    assert euros.beta_ == euros.alpha_ * len(data.y)


def test_kinks_act_on_the_side_that_orientation_says():
    data = datasets.load_motorcycle()
    model = bn.BladeNetRegressor(alpha=0.5).fit(data.X, data.y)
    signs = [blade.orientation for blade in model.blades_]
    assert {-1, 1} >= set(signs)
    assert signs == np.sign(model.network_.weights[:, 0]).astype(int).tolist()
