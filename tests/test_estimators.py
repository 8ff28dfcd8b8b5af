"""The scikit-learn estimators: contract, units, bad input, scaling, choice of alpha."""

import pickle
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import bladenet as bn
from bladenet.certificate import Status
from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
from bladenet.selection import select_alpha


@pytest.fixture
def plane():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 2)) * [1.0, 30.0] + [5.0, -200.0]
    return X, np.abs(X[:, 0] - 5.0) + 0.05 * X[:, 1] + 0.1 * rng.normal(size=40)


@pytest.fixture
def labels(plane):
    return np.where(plane[1] > np.median(plane[1]), "yes", "no")


class _TwoColumns:
    """Trains on the first two features, so that checks whose data have more reach the rest of the code."""

    def _train(self, X, y, sample_weight, loss):
        return super()._train(X[:, :2], y, sample_weight, loss)

    def _scores(self, X):
        check_is_fitted(self, "network_")
        return self.network_.predict(self._encoded(X)[:, :2])


class TwoColumnRegressor(_TwoColumns, BladeNetRegressor):
    pass


class TwoColumnClassifier(_TwoColumns, BladeNetClassifier):
    pass


def _needs_all_columns(estimator):
    if isinstance(estimator, TwoColumnRegressor):
        return {"check_regressors_train": "two of its ten columns do not predict the target"}
    return {}


@pytest.mark.slow
@parametrize_with_checks(
    [TwoColumnRegressor(alpha=0.1, tol=1e-5), TwoColumnClassifier(alpha=0.01, tol=1e-5, scaling=None)],
    expected_failed_checks=_needs_all_columns,
)
def test_every_scikit_learn_check_passes_on_two_columns(estimator, check):
    check(estimator)


ADDITIVE = {"norm": 1, "max_interaction": 1, "alpha": 0.1, "tol": 1e-10}


def _optimum_not_unique(estimator):
    return {"check_sample_weight_equivalence_on_dense_data": "equal on samples of weight > 0 only, see the next test"}


@parametrize_with_checks(
    [BladeNetRegressor(**ADDITIVE), BladeNetClassifier(**ADDITIVE)], expected_failed_checks=_optimum_not_unique
)
def test_every_scikit_learn_check_passes_on_additive_models(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [BladeNetRegressor(**ADDITIVE), BladeNetClassifier(**ADDITIVE)])
def test_weights_of_few_samples_of_many_features_are_repetitions(estimator):
    # fewer samples than features: optimal networks agree on the samples and need not elsewhere
    rng = np.random.default_rng(0)
    X, y, times = rng.random((15, 30)), rng.integers(2, size=15), rng.integers(5, size=15)
    weighted = clone(estimator).fit(X, y, sample_weight=times)
    repeated = clone(estimator).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert weighted.certificate_.objective == pytest.approx(repeated.certificate_.objective, rel=1e-9)
    np.testing.assert_allclose(weighted._scores(X[times > 0]), repeated._scores(X[times > 0]), atol=1e-6)


def _story(error):
    """The messages of an exception and of everything that led to it."""
    text = ""
    while error is not None:
        text, error = text + str(error), error.__cause__ or error.__context__
    return text


def test_alpha_is_beta_per_unit_of_sample_weight(plane):
    X, y = plane
    model = BladeNetRegressor(alpha=0.02, scaling=None).fit(X, y)
    fit = bn.train(X, y, beta=0.02 * 40)
    assert model.beta_ == pytest.approx(0.8)
    assert model.certificate_.status is Status.GLOBAL
    assert model.certificate_.objective == pytest.approx(fit.certificate.objective, rel=1e-12)
    np.testing.assert_array_equal(model.predict(X), fit.network.predict(X))
    assert model.predict(X) == pytest.approx(model.network_.predict(X))


@pytest.mark.parametrize("loss", ["squared", "huber", bn.HuberLoss(0.3)])
@pytest.mark.parametrize("scaling", [None, "standard", "rank", "blend"])
def test_a_sample_weight_is_a_number_of_repetitions(plane, loss, scaling):
    X, y = plane
    times = np.arange(40) % 3
    once = BladeNetRegressor(alpha=0.02, loss=loss, scaling=scaling).fit(X, y, sample_weight=times)
    repeated = BladeNetRegressor(alpha=0.02, loss=loss, scaling=scaling)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert once.certificate_.objective == pytest.approx(repeated.certificate_.objective, rel=3e-6)
    assert not np.isclose(
        once.certificate_.objective,
        BladeNetRegressor(alpha=0.02, loss=loss, scaling=scaling).fit(X, y).certificate_.objective,
        rtol=1e-3,
    )


@pytest.mark.parametrize("bias", [True, False])
def test_standardised_training_is_mapped_back_to_the_users_units(plane, bias):
    X, y = plane
    X = np.column_stack([X[:, 0], np.full(40, 0.1)]) if bias else X
    centre, scale = X.mean(axis=0) if bias else np.zeros(2), X.std(axis=0)
    if bias:
        scale[1] = 1.0  # a constant feature
    fit = bn.train((X - centre) / scale, y, beta=0.01 * 40, bias=bias)
    model = BladeNetRegressor(alpha=0.01, bias=bias, scaling="standard").fit(X, y)
    assert len(model.network_) > 0
    np.testing.assert_allclose(model.predict(X), fit.network.predict((X - centre) / scale), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.network_.predict(X))
    assert model.certificate_.objective == pytest.approx(fit.certificate.objective, rel=1e-6)
    if not bias:
        assert not model.network_.biases.any()


def test_standardising_makes_units_irrelevant(plane):
    X, y = plane
    metres = BladeNetRegressor(alpha=0.01, scaling="standard").fit(X, y)
    miles = BladeNetRegressor(alpha=0.01, scaling="standard").fit(X / 1609.0, y)
    np.testing.assert_allclose(miles.predict(X / 1609.0), metres.predict(X), atol=1e-3)
    raw = BladeNetRegressor(alpha=0.01, scaling=None).fit(X / 1609.0, y)
    assert np.abs(raw.predict(X / 1609.0) - metres.predict(X)).max() > 0.1


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_classifier_learns_string_classes(plane, labels, loss):
    X, _ = plane
    model = BladeNetClassifier(alpha=1e-2, loss=loss, scaling="standard").fit(X, labels)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(X, labels) > 0.9
    scores = model.decision_function(X)
    np.testing.assert_array_equal(model.predict(X), np.where(scores > 0, "yes", "no"))


def test_probabilities_are_those_of_the_logistic_loss(plane, labels):
    X, _ = plane
    model = BladeNetClassifier(alpha=1e-2, scaling="standard").fit(X, labels)
    P = model.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.log(P[:, 1] / P[:, 0]), model.decision_function(X), rtol=1e-9)


def test_hinge_has_no_probabilities_and_says_why():
    model = BladeNetClassifier(loss="hinge")
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError) as caught:
        model.predict_proba  # noqa: B018 - the access is the test
    assert "use decision_function, or train with loss='logistic'" in _story(caught.value)


def test_pipeline_clone_pickle_and_grid_search(plane, labels):
    X, y = plane
    pipe = make_pipeline(StandardScaler(), BladeNetRegressor(alpha=0.01, tol=1e-4)).fit(X, y)
    assert pipe.score(X, y) > 0.8
    copy = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(copy.predict(X), pipe.predict(X))
    assert str(copy[-1].explain()) == str(pipe[-1].explain())
    assert clone(pipe[-1]).get_params() == pipe[-1].get_params()
    search = GridSearchCV(
        BladeNetClassifier(tol=1e-3, scaling="standard"), {"alpha": [1e-2, 1e3], "norm": [1, 2]}, cv=3
    ).fit(X, labels)
    assert search.best_params_["alpha"] == 1e-2


def test_frame_columns_are_remembered_and_checked(plane):
    X, y = plane
    frame = pd.DataFrame(X, columns=["width", "height"])
    model = BladeNetRegressor(alpha=0.05).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["width", "height"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["height", "width"]])
    assert "feature_names_in_" not in vars(BladeNetRegressor(alpha=0.05).fit(X, y))


def test_callback_time_limit_and_summary(plane):
    X, y = plane
    rounds = []
    model = BladeNetRegressor(alpha=1e-2, callback=rounds.append).fit(X, y)
    assert rounds == model.history_
    text = model.summary()
    assert f"{len(model.network_)} neurons, 2 features, 40 training samples" in text
    assert "GLOBAL" in text
    hurried = BladeNetRegressor(alpha=1e-4, time_limit=1e-9).fit(X, y)
    assert hurried.certificate_.status is Status.STOPPED
    assert "STOPPED" in hurried.summary()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1}, "alpha must be a finite number of at least 0, got -1"),
        ({"alpha": -1.0}, "got -1.0"),
        ({"alpha": np.nan}, "alpha must be"),
        ({"alpha": None}, "alpha must be a finite number"),
        ({"alpha": True}, "alpha must be a finite number"),
        ({"alpha": "best"}, "alpha must be a number of at least 0 or 'auto', got 'best'"),
        ({"norm": 3}, "norm must be 1 or 2, got 3"),
        ({"loss": "absolute"}, "unknown loss 'absolute'; choose one of"),
        (
            {"loss": "hinge"},
            "'hinge' does not fit BladeNetRegressor: choose one of 'squared', 'huber', 'quantile', 'poisson', or use",
        ),
        ({"bias": "yes"}, "bias must be True or False"),
        ({"scaling": True}, "scaling must be 'auto', None, 'standard', 'rank', 'blend', got True"),
        (
            {"max_interaction": 0, "norm": 1},
            "max_interaction is the number of features that a neuron may read: .* got 0",
        ),
        ({"max_interaction": True, "norm": 1}, "max_interaction .* got True"),
        ({"max_interaction": 1.5, "norm": 1}, "max_interaction .* got 1.5"),
        (
            {"max_interaction": 2, "norm": 2},
            "max_interaction=2 needs norm=1: with norm=2 the best neurons read all features",
        ),
        ({"vertices_only": None}, "vertices_only must be True or False"),
        ({"tol": 0.0}, "tol must be"),
        ({"tol": 2.0}, "tol is a relative gap"),
        ({"time_limit": -1}, "time_limit must be"),
    ],
)
def test_wrong_settings_are_refused(plane, settings, message):
    with pytest.raises(ValueError, match=message):
        BladeNetRegressor(**settings).fit(*plane)


def test_classifier_refuses_regression_losses(plane, labels):
    with pytest.raises(ValueError, match="choose one of 'logistic', 'hinge', 'softmax', or use BladeNetRegressor"):
        BladeNetClassifier(loss="squared").fit(plane[0], labels)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0], [np.nan]], [0.0, 1.0], "NaN"),
        ([[1.0], [np.inf]], [0.0, 1.0], r"inf in row 1 \(counting from 0\), column 0"),
        ([[1.0], [2.0]], [0.0, np.nan], "NaN"),
        (np.zeros((0, 2)), np.zeros(0), "X has no rows"),
        (np.zeros((3, 0)), np.zeros(3), "0 feature"),
        ([1.0, 2.0], [0.0, 1.0], "Reshape your data"),
        ([[1.0], [2.0]], [0.0, 1.0, 2.0], "inconsistent numbers of samples"),
    ],
)
def test_wrong_data_are_refused(X, y, message):
    with pytest.raises(ValueError, match=message):
        BladeNetRegressor().fit(X, y)


def test_wrong_numbers_of_classes_are_refused(plane):
    X, _ = plane
    with pytest.raises(ValueError, match="one class only, 'a'"):
        BladeNetClassifier().fit(X, ["a"] * 40)
    with pytest.raises(ValueError, match="one class only of positive weight, 'b'"):
        BladeNetClassifier().fit(X, ["a", "b"] * 20, sample_weight=[0.0, 1.0] * 20)
    with pytest.raises(ValueError, match="loss='hinge' is for two classes, but y has 3"):
        BladeNetClassifier(loss="hinge").fit(X, np.arange(40) % 3)


def test_wrong_weights_are_refused(plane):
    X, y = plane
    for weight, message in [
        (np.zeros(40), "zero"),
        (-np.ones(40), "Negative"),
        (np.ones(39), "sample_weight.shape"),
        (np.full(40, np.nan), "NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            BladeNetRegressor().fit(X, y, sample_weight=weight)


def test_an_unfitted_model_says_so_even_after_a_failed_fit(plane):
    model = BladeNetRegressor(norm=3)
    for _ in range(2):
        for use in (lambda: model.predict(plane[0]), model.explain, model.summary):
            with pytest.raises(NotFittedError):
                use()
        with pytest.raises(ValueError, match="norm"):
            model.fit(*plane)


def test_alpha_auto_on_the_motorcycle_data_is_fast_deterministic_and_good():
    data = bn.datasets.load_motorcycle()
    select_alpha(data.X[:20], data.y[:20])  # compile
    start = time.process_time()  # of this process, so that others do not matter
    alpha = select_alpha(data.X, data.y).alpha
    assert time.process_time() - start < 2.0
    model = BladeNetRegressor(scaling=None).fit(data.X, data.y)
    assert model.alpha_ == alpha
    assert model.beta_ == pytest.approx(alpha * 133)
    assert 0.7 < model.score(data.X, data.y) < 0.9
    largest = bn.beta_max(data.X, data.y) / 133
    assert 1e-4 * largest < alpha < largest


def test_alpha_auto_prefers_the_constant_for_noise():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 1)), rng.normal(size=60)
    assert select_alpha(X, y).alpha > 0.05 * bn.beta_max(X, y) / 60


def test_alpha_auto_stratifies_and_treats_weight_zero_as_absent(plane, labels):
    x = plane[0][:, :1]
    y = np.where(np.arange(40) < 3, 1.0, -1.0)  # sorted, and fewer than five of one class
    weight = np.where(np.arange(40) == 39, 0.0, 1.0)
    alpha = select_alpha(x, y, loss="logistic", sample_weight=weight).alpha
    assert alpha == pytest.approx(select_alpha(x[:39], y[:39], loss="logistic").alpha)
    far = np.where(np.abs(x[:, 0] - 5.0) > 0.7, "yes", "no")
    assert BladeNetClassifier(alpha="auto", scaling="standard").fit(x, far).score(x, far) > 0.9


def test_alpha_auto_refuses_too_few_samples_and_accepts_constant_targets():
    with pytest.raises(ValueError, match="at least two samples are needed, got n_samples=1"):
        BladeNetRegressor(alpha="auto").fit([[1.0]], [1.0])
    with pytest.raises(ValueError, match="at least two samples of each class"):
        BladeNetClassifier(alpha="auto").fit([[1.0], [2.0], [3.0]], [0, 1, 1])
    flat = BladeNetRegressor(alpha="auto").fit([[1.0], [2.0], [4.0]], [0.1, 0.1, 0.1])
    assert flat.alpha_ == 1.0
    assert flat.predict([[9.0]]) == pytest.approx([0.1])


def test_alpha_auto_keeps_to_the_time_limit():
    X, y = bn.datasets.make_spirals(400)
    start = time.perf_counter()
    BladeNetClassifier(alpha="auto", time_limit=1.0).fit(X, y)
    assert time.perf_counter() - start < 3.0


@pytest.mark.parametrize(("use", "loaded"), [("", []), ("bladenet.BladeNetRegressor", ["sklearn"])])
def test_heavy_libraries_load_late(use, loaded):
    code = (
        f"import sys, bladenet; before = set(sys.modules); {use or 'pass'}; "
        "print([m for m in ('sklearn', 'matplotlib', 'torch') if m in sys.modules], 'pandas' in before)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == f"{loaded} False"


@pytest.mark.parametrize("classes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_class_weights_are_sample_weights(plane, classes):
    X, target = plane
    y = np.digitize(target, np.quantile(target, [0.6, 0.85][: classes - 1]))
    factors = np.array([0.5, 2.0, 3.0])[:classes]
    settings = {"alpha": 0.02, "scaling": "standard", "tol": 1e-7}
    weighted = BladeNetClassifier(class_weight=dict(enumerate(factors)), **settings).fit(X, y)
    same = BladeNetClassifier(**settings).fit(X, y, sample_weight=factors[y])
    assert weighted.certificate_.objective == pytest.approx(same.certificate_.objective, rel=1e-9)
    np.testing.assert_allclose(weighted.predict_proba(X), same.predict_proba(X), rtol=1e-9)
    times = 1 + np.arange(40) % 2
    balanced = BladeNetClassifier(class_weight="balanced", **settings).fit(X, y, sample_weight=times)
    repeated = BladeNetClassifier(class_weight="balanced", **settings).fit(
        np.repeat(X, times, axis=0), np.repeat(y, times)
    )
    assert balanced.certificate_.objective == pytest.approx(repeated.certificate_.objective, rel=1e-6)
    totals = np.bincount(y, times)
    assert balanced.beta_ == pytest.approx(0.02 * times.sum())
    by_hand = BladeNetClassifier(class_weight=dict(enumerate(times.sum() / (classes * totals))), **settings)
    by_hand.fit(X, y, sample_weight=times)
    assert by_hand.certificate_.objective == pytest.approx(balanced.certificate_.objective, rel=1e-9)


@pytest.mark.parametrize(
    "class_weight", [{"yes": -1.0}, {"yes": np.nan}, {"yes": 0.0, "no": 0.0}, "heavy", {"perhaps": 1.0}]
)
def test_bad_class_weights_are_named(plane, labels, class_weight):
    with pytest.raises(ValueError, match="class_weight"):
        BladeNetClassifier(class_weight=class_weight).fit(plane[0], labels)


LABELS = np.where(np.arange(12) % 2 == 0, "yes", "no").astype(object)
ROWS = np.random.default_rng(0).normal(size=(12, 2))


def with_one(values, cell, where=5):
    changed = values.astype(object)
    changed[where] = cell
    return changed


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("kind", [np.asarray, list, pd.Series, lambda y: pd.Series(y).astype("category")])
@pytest.mark.parametrize("estimator", [bn.BladeNetClassifier(alpha=0.1), bn.BladeNetClassifierCV(n_alphas=2)])
def test_missing_labels_are_named(estimator, kind, missing):
    # guards lists, which NumPy turns into text: NaN became a class "nan"
    for X in (ROWS, pd.DataFrame(ROWS, columns=["a", "b"])):
        with pytest.raises(
            ValueError, match=r"y contains \S+ in row 5 \(counting from 0\), where a label is missing: drop"
        ):
            estimator.fit(X, kind(with_one(LABELS, missing)))


def test_labels_of_two_types_are_refused():
    for labels in (with_one(LABELS, 3), with_one(LABELS, 3).tolist()):
        with pytest.raises(ValueError, match=r"y mixes text and other labels, 'yes' in row 0 .* and 3 in row 5"):
            bn.BladeNetClassifier(alpha=0.1).fit(ROWS, labels)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            np.array([["a", 1.0], ["b", 2.0]] * 6, dtype=object),
            "has 'a' in row 0 .*, column 0. Pass a pandas or polars",
        ),
        (np.array([["a", "1"], ["b", "2"]] * 6), "has 'a' in row 0 .*, column 0. Pass a pandas or polars data frame"),
        ([[1.0, "a"], [2.0, "b"]] * 6, "has 'a' in row 0 .*, column 1. Pass a pandas or polars data frame"),
        (with_one(ROWS, None, (5, 1)), r"X contains None in row 5 \(counting from 0\), column 1"),
        (with_one(ROWS, pd.NA, (5, 1)), r"X contains <NA> in row 5 \(counting from 0\), column 1"),
    ],
)
def test_cells_that_are_no_numbers_are_named(X, message):
    model = bn.BladeNetRegressor(alpha=0.1, tol=1e-2)
    with pytest.raises(ValueError, match=message):
        model.fit(X, ROWS[:, 0])
    model.fit(ROWS, ROWS[:, 0])
    with pytest.raises(ValueError, match=message):
        model.predict(X)


@pytest.mark.parametrize("X", [ROWS, pd.DataFrame(ROWS, columns=["a", "b"])])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (with_one(ROWS[:, 0], "on request"), "has 'on request' in row 5 .*for classes there is BladeNetClassifier"),
        (LABELS.astype(str), "has 'yes' in row 0 .*for classes there is BladeNetClassifier"),
        (with_one(ROWS[:, 0], pd.NA), "y contains <NA> in row 5"),
        (with_one(ROWS[:, 0], None), "y contains (nan|None) in row 5"),
    ],
)
def test_targets_that_are_no_numbers_are_named(X, y, message):
    with pytest.raises(ValueError, match=message):
        bn.BladeNetRegressor(alpha=0.1).fit(X, y)


@pytest.mark.parametrize("name", [name for name in bn.__all__ if name.startswith("BladeNet")])
def test_unknown_keywords_name_public_classes(name):
    with pytest.raises(TypeError, match=rf"^{name}.__init__\(\) got an unexpected keyword argument 'foo'"):
        getattr(bn, name)(foo=1)


@pytest.mark.parametrize("estimator", [BladeNetRegressor, BladeNetClassifier])
def test_what_is_missing_is_said(estimator, tmp_path):
    X = np.arange(6.0)[:, None]
    y = np.abs(X[:, 0] - 2.0) if estimator is BladeNetRegressor else X[:, 0] > 2.0
    for nothing in (X[:0], pd.DataFrame(X)[:0]):
        with pytest.raises(ValueError, match="X has no rows, so that there is nothing to train on"):
            estimator().fit(nothing, y[:0])
    with pytest.raises(NotFittedError):
        estimator().plot()
    model = estimator(alpha=0.01).fit(X, y)
    assert len(model.plot().lines)
    with pytest.raises(ValueError, match="both X and y"):
        model.plot(X)
    with pytest.raises(ValueError, match=r"given as row numbers: such as without=\[0\]"):
        model.what_if(X, y)
    with pytest.raises(FileNotFoundError, match=r"no folder '.*nodir' to write to: create it first"):
        model.save(tmp_path / "nodir" / "model.json")
    with pytest.raises(ValueError, match="unknown loss 'mse'; choose one of") as caught:
        estimator(loss="mse").fit(X, y)
    assert (
        ("'squared'" in str(caught.value)) == (estimator is BladeNetRegressor) == ("'hinge'" not in str(caught.value))
    )


def test_classifiers_say_why_they_have_no_intervals():
    assert not hasattr(BladeNetClassifier(), "predict_interval")
    with pytest.raises(AttributeError, match="predict_proba says how sure"):
        BladeNetClassifier().predict_interval  # noqa: B018
