"""At home in scikit-learn: pipelines, searches, routed weights, inspection, on real data."""

import numpy as np
import pytest
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bladenet as bn


@pytest.fixture(scope="module")
def houses():
    data = bn.datasets.load_houses()
    return data.frame[list(data.feature_names)][::4], data.y[::4]


@pytest.fixture(scope="module")
def search(houses):
    model = TransformedTargetRegressor(bn.BladeNetRegressor(tol=1e-3), transformer=StandardScaler())
    pipeline = make_pipeline(StandardScaler(), model).set_output(transform="pandas")
    grid = {
        "transformedtargetregressor__regressor__alpha": [1e-3, 1e-2, 1.0],
        "transformedtargetregressor__regressor__norm": [1, 2],
    }
    return GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(*houses)


def test_a_search_over_a_pipeline(houses, search):
    X, y = houses
    best = search.best_estimator_[-1].regressor_
    assert best.alpha == search.best_params_["transformedtargetregressor__regressor__alpha"] < 1.0
    assert list(best.feature_names_in_) == list(X.columns)  # the scaler hands on a data frame
    assert best.certificate_.status is bn.Status.GLOBAL
    assert search.score(X, y) > search.best_score_ > 0.1


def test_inspection_agrees_with_predictions(houses, search):
    X, y = houses
    curve = partial_dependence(search, X, [0], grid_resolution=4, kind="average")
    for value, average in zip(curve["grid_values"][0], curve["average"][0], strict=True):
        moved = X.assign(**{X.columns[0]: value})
        assert search.predict(moved).mean() == pytest.approx(average, rel=1e-9)
    importance = permutation_importance(search, X, y, n_repeats=3, random_state=0).importances_mean
    assert (importance > 0.05).all()  # a price depends on longitude and latitude both


def test_weights_are_routed(houses):
    X, y = houses
    y, times = (y - y.mean()) / y.std(), 1.0 + np.arange(len(y)) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = bn.BladeNetRegressor(alpha=1e-2, tol=1e-6).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(scaler, model)
        scorer = make_scorer(r2_score).set_score_request(sample_weight=False)
        routed = cross_validate(
            pipeline, X, y, params={"sample_weight": times}, scoring=scorer, cv=2, return_estimator=True
        )
        half = len(y) - len(y) // 2  # the first of two folds trains on the second half
        own = bn.BladeNetRegressor(alpha=1e-2, tol=1e-6)
        own.fit(StandardScaler().fit_transform(X[half:]), y[half:], sample_weight=times[half:])
        trained = routed["estimator"][0][-1].certificate_
        assert trained.objective == pytest.approx(own.certificate_.objective, rel=1e-5)
        unweighted = bn.BladeNetRegressor(alpha=1e-2).fit(StandardScaler().fit_transform(X[half:]), y[half:])
        assert trained.objective != pytest.approx(unweighted.certificate_.objective, rel=1e-2)


def test_transformed_frames_keep_their_names(houses):
    X, y = houses
    pipeline = make_pipeline(StandardScaler(), bn.BladeNetRegressor(alpha=1e5, tol=1e-3)).set_output(transform="pandas")
    assert X.columns[0] in str(pipeline.fit(X, y)[-1].explain())
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline.predict(X.iloc[:, ::-1])
