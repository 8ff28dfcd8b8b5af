"""The animated page of a regularisation path."""

import json
import re

import numpy as np
import pytest

import bladenet as bn


def path_of(d, loss="squared"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, d))
    y = np.abs(X[:, 0]) + 0.1 * rng.normal(size=40)
    return bn.path(X, np.where(y > 1.0, 1.0, -1.0) if loss == "logistic" else y, alphas=[0.3, 0.1, 0.01], loss=loss)


@pytest.mark.parametrize(
    ("d", "loss"), [(1, "squared"), (2, "squared"), pytest.param(2, "logistic", marks=pytest.mark.slow)]
)
def test_a_page_has_a_frame_for_every_alpha(d, loss, tmp_path):
    path, file = path_of(d, loss), tmp_path / "path.html"
    path.animate(file, [f"feature {c}" for c in "ab"[:d]], target="<height>")
    page = file.read_text(encoding="utf-8")
    frames = json.loads(re.search(r"const frames = (.*);", page).group(1))
    assert len(frames) == 3
    for frame, fit in zip(frames, path.fits, strict=True):
        assert f"{len(fit.network)} neuron" in frame["text"]
        assert "GLOBAL" in frame["text"]
    assert len({frame["source"] for frame in frames}) == 3
    assert "<height>" not in page


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one or two features and one output are drawn, got 3 features"):
        path_of(3).animate(tmp_path / "path.html")
    with pytest.raises(ValueError, match=r"must end in \.html"):
        path_of(1).animate(tmp_path / "path.gif")
    assert not list(tmp_path.iterdir())
