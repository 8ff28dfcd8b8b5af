"""The number for rows a model has not seen: predictions out of folds, measured as others measure them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import bladenet as bn
from bladenet.losses import get_loss
from bladenet.scores import class_measures, regression_measures


def data(n=150, d=1, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, np.abs(X[:, 0]) + X[:, -1] + noise * rng.normal(size=n)


def by_hand(model, X, y, **settings):
    """Predictions for the rows that each fold leaves out, of estimators fitted to the others."""
    validation, found = model.validation_, np.full(np.shape(model.validation_.predictions), np.nan)
    assert len(validation.rows) == len(X)
    for k, alpha in enumerate(validation.fold_alphas):
        out = validation.fold == k
        fitted = type(model)(alpha=alpha, **settings).fit(X[~out], y[~out])
        found[out] = fitted.predict_proba(X[out]) if hasattr(fitted, "classes_") else fitted.predict(X[out])
    return found


@pytest.mark.parametrize("loss", ["squared", "huber", "poisson"])
def test_predictions_are_those_of_estimators_fitted_by_hand(loss):
    X, y = data(d=2)
    y = np.round(np.exp(0.3 * y)) if loss == "poisson" else y
    model = bn.BladeNetRegressor(loss=loss).fit(X, y)
    expected = by_hand(model, X, y, loss=loss)
    assert np.abs(model.validation_.predictions - expected).max() <= 0.05 * np.ptp(y)
    name, score = "R²", model.validation_.scores[0]
    value = metrics.r2_score(y, expected)
    if loss == "poisson":
        name, value = "share of the deviance explained", metrics.d2_tweedie_score(y, expected, power=1)
    assert score.name == name
    assert score.value == pytest.approx(value, abs=0.01)


def test_so_are_probabilities():
    X, y = data(d=2)
    labels = np.array(["no", "yes"])[(y > 1.0).astype(int)]
    model = bn.BladeNetClassifier().fit(X, labels)
    expected = by_hand(model, X, labels)
    assert np.abs(model.validation_.predictions - expected).max() <= 0.05
    scores = {score.name: score.value for score in model.validation_.scores}
    predicted = model.validation_.predictions
    assert scores["log loss"] == pytest.approx(metrics.log_loss(labels, predicted))
    assert scores["AUC"] == pytest.approx(metrics.roc_auc_score(labels, predicted[:, 1]))
    assert scores["accuracy"] == pytest.approx((model.classes_[predicted.argmax(axis=1)] == labels).mean())


def test_the_choice_of_alpha_does_not_flatter():
    # noise only: the best of many alpha looks better than nothing on the rows that chose it, and must not here
    rng = np.random.default_rng(0)
    values = []
    for _ in range(12):
        X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
        values.append(bn.BladeNetRegressor().fit(X, y).validation_.scores[0].value)
    assert np.mean(values) < 0.0


@pytest.mark.parametrize("name", ["squared", "quantile", "poisson"])
def test_measures_are_scikit_learns(name):
    rng = np.random.default_rng(1)
    y, weight = rng.poisson(3.0, size=60).astype(float), rng.uniform(0.1, 2.0, size=60)
    f = y + 0.5 + rng.uniform(size=60)
    found = {key: measure(y, f, weight)[0] for key, measure in regression_measures(get_loss(name)).items()}
    expected = {
        "squared": {
            "R²": metrics.r2_score(y, f, sample_weight=weight),
            "root mean squared error": metrics.root_mean_squared_error(y, f, sample_weight=weight),
            "mean absolute error": metrics.mean_absolute_error(y, f, sample_weight=weight),
        },
        "quantile": {"pinball loss": metrics.mean_pinball_loss(y, f, alpha=0.5, sample_weight=weight)},
        "poisson": {
            "share of the deviance explained": metrics.d2_tweedie_score(y, f, power=1, sample_weight=weight),
            "mean deviance": metrics.mean_poisson_deviance(y, f, sample_weight=weight),
        },
    }[name]
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9), key


def test_areas_are_scikit_learns_also_with_weights_and_ties():
    rng = np.random.default_rng(2)
    y, weight = rng.integers(0, 2, size=80).astype(float), rng.uniform(0.1, 2.0, size=80)
    p = np.round(0.3 * y + rng.uniform(size=80), 1)
    area, _ = class_measures(2, probabilities=True)["AUC"](y, np.column_stack([1 - p, p]), weight)
    assert area == pytest.approx(metrics.roc_auc_score(y, p, sample_weight=weight))


def drawn(rng, n):
    y = rng.normal(size=n)
    return y, y + rng.normal(size=n), np.ones(n)


@pytest.mark.parametrize("key", ["R²", "root mean squared error", "mean absolute error", "AUC"])
def test_standard_errors_are_those_of_repeated_draws(key):
    rng, n = np.random.default_rng(3), 300
    found = []
    for _ in range(400):
        y, f, weight = drawn(rng, n)
        if key == "AUC":
            measure = class_measures(2, probabilities=True)[key]
            found.append(measure((y > 0).astype(float), np.column_stack([-f, f]), weight))
        else:
            found.append(regression_measures(get_loss("squared"))[key](y, f, weight))
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)


def test_many_rows_need_one_fold_and_weights_of_zero_none():
    X, y = data(n=6000)
    weight = np.ones(6000)
    weight[:500] = 0.0
    validation = bn.BladeNetRegressor(tol=1e-2).fit(X, y, weight).validation_
    assert 1000 <= len(validation.rows) < 2000
    assert validation.rows.min() >= 500
    assert len(validation.fold_alphas) == 1


def test_given_alpha_is_not_validated():
    X, y = data()
    model = bn.BladeNetRegressor(alpha=0.1).fit(X, y)
    assert model.validation_ is None
    assert "was not measured" in model.summary()


def test_a_limit_that_ends_before_leaves_it_out():
    X, y = data(d=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = bn.BladeNetRegressor(time_limit=1e-9).fit(X, y)
    assert model.validation_ is None or not model.validation_.scores


@pytest.mark.parametrize("loss", ["squared", "poisson"])
def test_intervals_cover_what_they_say(loss):
    rng = np.random.default_rng(4)

    def draw(n):
        X = rng.uniform(-1, 1, size=(n, 1))
        mean = np.exp(1.0 + np.abs(X[:, 0]))
        return X, rng.poisson(mean).astype(float) if loss == "poisson" else mean + rng.standard_t(5, size=n)

    X, y = draw(400)
    model = bn.BladeNetRegressor(loss=loss).fit(X, y)
    new, targets = draw(20_000)
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(new, coverage).T
        assert abs(((targets >= low) & (targets <= high)).mean() - coverage) < 0.06
    assert (low <= model.predict(new)).all()
    assert loss != "poisson" or (low >= 0.0).all()


def test_intervals_that_no_row_could_tell_are_refused():
    X, y = data(n=20)
    model = bn.BladeNetRegressor().fit(X, y)
    with pytest.raises(ValueError, match=r"at least 99 rows .* there are 20"):
        model.predict_interval(X, 0.99)
    with pytest.raises(ValueError, match="between 0 and 1"):
        model.predict_interval(X, 90)
    with pytest.raises(ValueError, match="alpha='auto'"):
        bn.BladeNetRegressor(alpha=0.1).fit(X, y).predict_interval(X)


def test_importances_are_of_columns_and_select_them():
    from sklearn.feature_selection import SelectFromModel

    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    X["kind"] = np.array(["red", "green", "blue"])[np.arange(200) % 3]
    y = 3.0 * np.abs(X["a"]) + (X["kind"] == "red") + 0.1 * rng.normal(size=200)
    model = bn.BladeNetRegressor().fit(X, y)
    shares = model.feature_importances_
    assert shares.shape == (4,)
    assert shares.sum() == pytest.approx(1.0)
    assert shares.argmax() == 0
    assert shares[3] > max(shares[1:3])
    numbers = X[["a", "b", "c"]]
    chosen = SelectFromModel(bn.BladeNetRegressor(), threshold=0.3).fit(numbers, y)
    assert chosen.get_support().tolist() == [True, False, False]


def test_it_is_saved_and_said(tmp_path):
    X, y = data()
    model = bn.BladeNetRegressor().fit(X, y)
    bn.save_model(model, tmp_path / "model.safetensors")
    again = bn.load_model(tmp_path / "model.safetensors").validation_
    np.testing.assert_array_equal(again.predictions, model.validation_.predictions)
    assert again.scores == model.validation_.scores
    assert str(model.validation_) in model.summary()
    assert list(again.data().columns) == ["row", "fold", "prediction"]


def test_curves_keep_their_old_names_for_a_version():
    X, y = data()
    model = bn.BladeNetRegressorCV().fit(X, y)
    with pytest.warns(DeprecationWarning, match="validation_.curve.alphas"):
        assert model.validation_.alphas is model.validation_.curve.alphas
    assert model.validation_.scores[0].value > 0.5
