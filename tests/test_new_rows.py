"""Reports that measure on rows other than those trained on, beside what the folds say."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from typer.testing import CliRunner

import bladenet as bn
from bladenet import cli, datasets
from bladenet.new_rows import NewRows

FEATURES = ["body_mass_g"]


def text_of(path):
    page = path.read_text(encoding="utf-8").replace("<wbr>", "")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)))


@pytest.fixture(scope="module")
def penguins():
    frame = datasets.load_penguins().frame.sample(frac=1, random_state=0).reset_index(drop=True)
    train, new = frame[:220], frame[220:]
    return bn.BladeNetClassifier().fit(train[FEATURES], train["sex"]), train, new


def test_new_rows_are_measured_beside_the_folds(penguins, tmp_path):
    model, _, new = penguins
    model.report(tmp_path / "r.html", new[FEATURES], new["sex"])
    text = text_of(tmp_path / "r.html")
    loss = metrics.log_loss(new["sex"], model.predict_proba(new[FEATURES]))
    area = metrics.roc_auc_score(new["sex"] == "male", model.predict_proba(new[FEATURES])[:, 1])
    right = model.predict(new[FEATURES]) == new["sex"]
    error = right.std() / np.sqrt(len(right))
    assert f"Measured on {len(new)} rows of another table" in text
    assert f"({model.validation_.where})" in text
    assert "On the training data" not in text
    row = re.search(r"log loss ([0-9.]+) ± [0-9.]+ ([0-9.]+) ± ", text)
    assert float(row[1]) == pytest.approx(loss, abs=0.01)
    assert float(row[2]) == pytest.approx(model.validation_.scores[0].value, abs=0.01)
    row = re.search(r"accuracy ([0-9.]+) ± ([0-9.]+) [0-9.]+ ± ", text)
    assert [float(row[1]), float(row[2])] == pytest.approx([right.mean(), error], abs=0.001)
    assert float(re.search(r"AUC ([0-9.]+) ±", text)[1]) == pytest.approx(area, abs=0.01)
    said = re.search(rf"On the {len(new)} rows given for this report: accuracy ([0-9.]+) ± ", text)
    assert float(said[1]) == pytest.approx(right.mean(), abs=0.001)


def test_the_training_rows_are_recognised(penguins, tmp_path):
    model, train, new = penguins
    model.report(tmp_path / "r.html", train[FEATURES], train["sex"])
    text = text_of(tmp_path / "r.html")
    assert "On the training data" in text
    assert "another table" not in text
    with pytest.raises(ValueError, match="training ended with"):  # the rows are, the targets are not
        model.report(tmp_path / "r.html", train[FEATURES], train["sex"].to_numpy()[::-1])
    mixed = pd.concat([new, train])
    model.report(tmp_path / "r.html", mixed[FEATURES], mixed["sex"])
    defining = train.iloc[model.evidence_.index]
    keys = [tuple(row) for row in defining[[*FEATURES, "sex"]].to_numpy().tolist()]
    seen = sum(tuple(row) in keys for row in mixed[[*FEATURES, "sex"]].to_numpy().tolist())
    assert seen >= len(defining)
    assert f"At least {seen} of them equal training samples" in text_of(tmp_path / "r.html")


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile", "poisson"])
def test_regressions_are_measured_by_their_loss(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y, weight = rng.poisson(np.exp(0.5 * np.abs(X[:, 0]))).astype(float), rng.integers(0, 3, size=100)
    model = bn.BladeNetRegressor(alpha=0.05, loss=loss).fit(X[:100], y[:100])
    measured = NewRows.of(model, X[100:], y[100:], weight).measured
    predicted, targets, weighted = model.predict(X[100:]), y[100:], {"sample_weight": weight}
    if loss in ("squared", "huber"):
        assert measured["R²"][0] == pytest.approx(metrics.r2_score(targets, predicted, **weighted))
        assert measured["mean absolute error"][0] == pytest.approx(
            metrics.mean_absolute_error(targets, predicted, **weighted)
        )
    elif loss == "quantile":
        assert measured["pinball loss"][0] == pytest.approx(metrics.mean_pinball_loss(targets, predicted, **weighted))
    else:
        assert measured["share of the deviance explained"][0] == pytest.approx(
            metrics.d2_tweedie_score(targets, predicted, power=1, **weighted)
        )


def test_several_outputs_hinge_and_one_class(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 1))
    model = bn.BladeNetRegressor(alpha=0.1).fit(X[:40], np.column_stack([X[:40, 0], np.abs(X[:40, 0])]))
    Y = np.column_stack([X[40:, 0], np.abs(X[40:, 0])])
    measured = NewRows.of(model, X[40:], Y).measured
    assert measured["R²"][0] == pytest.approx(metrics.r2_score(Y, model.predict(X[40:])))
    with pytest.raises(ValueError, match=r"y must have shape \(40, 2\)"):
        NewRows.of(model, X[40:], Y[:, 0])
    labels = np.where(X[:, 0] > 0, "b", "a")
    model = bn.BladeNetClassifier(alpha=0.1, loss="hinge").fit(X[:40], labels[:40])
    ones = X[40:][labels[40:] == "b"]
    measured = NewRows.of(model, ones, np.repeat("b", len(ones))).measured  # an AUC takes two classes
    assert measured == {"accuracy": pytest.approx(((model.predict(ones) == "b").mean(), 0.0), abs=0.2)}
    model.report(tmp_path / "r.html", ones[:1], ["b"])
    assert "Measured on 1 row of another table" in text_of(tmp_path / "r.html")


def test_constant_networks_and_constant_targets(tmp_path):
    X = np.arange(30.0)[:, None]
    model = bn.BladeNetRegressor(alpha=1e6).fit(X, np.sin(X[:, 0]))
    model.report(tmp_path / "r.html", X[:7] + 0.5, np.sin(X[:7, 0]))
    assert "Measured on 7 rows of another table" in text_of(tmp_path / "r.html")
    measured = NewRows.of(model, X[:7], np.ones(7)).measured
    assert "R²" not in measured  # there is nothing to explain
    assert measured["mean absolute error"][0] == pytest.approx(abs(model.predict(X[:1])[0] - 1.0))


def run(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def test_on_the_command_line(penguins, tmp_path):
    model, _, new = penguins
    bn.save_model(model, tmp_path / "m.json")
    files = {
        "new": new,
        "untargeted": new.drop(columns="sex"),
        "narrow": new.drop(columns="body_mass_g"),
        "unknown": new.assign(sex=["male", "other"] * (len(new) // 2) + ["male"] * (len(new) % 2)),
        "gaps": new.assign(sex=[None, *new["sex"][1:]]),
        "text": new.assign(body_mass_g=["heavy", *new["body_mass_g"].astype(str)[1:]]),
    }

    def report(name):
        files[name].to_csv(tmp_path / f"{name}.csv", index=False)
        page = tmp_path / f"{name}.html"
        result = run("report", tmp_path / "m.json", page, "--data", tmp_path / f"{name}.csv", "--target", "sex")
        return result, page

    result, page = report("new")
    assert result.exit_code == 0
    assert f"Measured on {len(new)} rows of another table" in text_of(page)
    result, page = report("untargeted")
    assert result.exit_code == 0
    assert "has no column 'sex'" in result.stderr
    assert "Measured on" not in text_of(page)
    for name, parts in {
        "narrow": ["no column 'body_mass_g'"],
        "unknown": ["class 'other'", "line 3"],
        "gaps": ["'sex'", "line 2"],
        "text": ["'body_mass_g'", "'heavy'", "line 2"],
    }.items():
        result, page = report(name)
        assert result.exit_code == cli.BAD_INPUT
        assert all(part in result.stderr for part in parts), result.stderr
        assert not page.exists()
