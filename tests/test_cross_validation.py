"""Estimators that choose α by cross-validation: the curve, the rules, the splits."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

import bladenet as bn
from bladenet.validation_curve import ValidationCurve

ADDITIVE = {"norm": 1, "max_interaction": 1, "tol": 1e-2, "n_alphas": 2, "eps": 1e-2, "cv": 2}


@pytest.fixture(scope="module")
def motorcycle():
    data = bn.datasets.load_motorcycle()
    return data.X, data.y


@pytest.fixture(scope="module")
def model(motorcycle):
    return bn.BladeNetRegressorCV(n_alphas=12, eps=1e-3).fit(*motorcycle)


def expected_failed_checks(estimator):
    """Folds are drawn by rows: a row that is repeated can be on both sides of a split, a row of weight 2 cannot."""
    return {"check_sample_weight_equivalence_on_dense_data": "cross-validation splits rows, not weights"}


@parametrize_with_checks([bn.BladeNetRegressorCV(**ADDITIVE)], expected_failed_checks=expected_failed_checks)
def test_every_scikit_learn_check_passes(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([bn.BladeNetClassifierCV(**ADDITIVE)], expected_failed_checks=expected_failed_checks)
def test_every_scikit_learn_check_passes_for_classifiers(estimator, check):
    check(estimator)


def test_the_curve_holds_what_refitting_each_fold_gives(motorcycle, model):
    # guards the warm-started searches against networks that a search from scratch would not find
    X, y = motorcycle
    curve = model.validation_.curve
    folds = KFold(5, shuffle=True, random_state=0)
    for k in (2, len(curve.alphas) - 2):
        refitted = bn.BladeNetRegressor(alpha=curve.alphas[k])
        scores = cross_val_score(refitted, X, y, cv=folds, scoring="neg_mean_squared_error")
        np.testing.assert_allclose(curve.losses[k], -0.5 * scores, rtol=0.1)
        assert curve.means[k] == pytest.approx(-0.5 * scores.mean(), rel=0.03)


def test_the_best_and_the_sparsest_that_is_as_good(motorcycle, model):
    X, y = motorcycle
    curve = model.validation_.curve
    assert model.alpha_ == curve.alphas[curve.means.argmin()]
    assert model.certificate_.status is bn.Status.GLOBAL
    sparser = bn.BladeNetRegressorCV(n_alphas=12, eps=1e-3, rule="one_standard_error").fit(X, y)
    chosen = curve.alphas.tolist().index(sparser.alpha_)
    limit = curve.means.min() + curve.standard_errors[curve.means.argmin()]
    assert sparser.alpha_ > model.alpha_
    assert curve.means[chosen] <= limit < curve.means[:chosen].min()
    assert len(sparser.network_) < len(model.network_)


def test_rules_on_a_made_up_curve():
    losses = np.array([[9.0, 9.0], [3.0, 1.9], [2.5, 1.9], [3.0, 1.0], [3.0, 3.0]])
    curve = ValidationCurve(np.geomspace(1.0, 1e-4, 5), losses)
    np.testing.assert_allclose(curve.standard_errors, np.abs(losses[:, 0] - losses[:, 1]) / 2.0)
    assert curve.choose("best") == 3
    assert curve.choose("one_standard_error") == 1
    assert list(curve.data().columns) == ["alpha", "loss", "standard_error"]
    assert (ValidationCurve(np.ones(1), np.ones((1, 1))).standard_errors == 0.0).all()


def test_given_alphas_are_all_compared_and_the_choice_is_among_them(motorcycle):
    X, y = motorcycle
    model = bn.BladeNetRegressorCV(alphas=[1e-3, 10.0, 0.5, 1e-2], cv=3, scaling=None).fit(X, y)
    np.testing.assert_array_equal(model.validation_.curve.alphas, [10.0, 0.5, 1e-2, 1e-3])
    assert model.validation_.curve.losses.shape == (4, 3)
    assert model.alpha_ in (10.0, 0.5)


@pytest.mark.parametrize("classes", [2, pytest.param(3, marks=[pytest.mark.slow, pytest.mark.rare])])
def test_classifiers_compare_their_own_loss(classes):
    data = bn.datasets.load_penguins()
    species = data.frame["species"].to_numpy()
    kept = np.isin(species, np.unique(species)[:classes])
    X, y = data.frame[["bill_length_mm", "bill_depth_mm"]].to_numpy(np.float64)[kept], species[kept]
    model = bn.BladeNetClassifierCV(scaling="standard", n_alphas=8, eps=1e-2, tol=1e-3, cv=3).fit(X, y)
    assert model.validation_.curve.losses[0].mean() == pytest.approx(-np.mean(np.log(_shares(y))), rel=0.05)
    assert model.score(X, y) > 0.9


def _shares(y):
    _, code, counts = np.unique(y, return_inverse=True, return_counts=True)
    return counts[code] / len(y)


def test_splits_of_scikit_learn(motorcycle):
    X, y = motorcycle
    groups = np.arange(len(y)) // 20
    splits = list(GroupKFold(3).split(X, y, groups))
    by_group = bn.BladeNetRegressorCV(n_alphas=5, eps=1e-2, cv=splits).fit(X, y)
    in_order = bn.BladeNetRegressorCV(n_alphas=5, eps=1e-2, cv=KFold(3)).fit(X, y)
    assert by_group.validation_.curve.losses.shape[1] == in_order.validation_.curve.losses.shape[1] == 3
    # neighbours in time say little about a gap: groups must be harder than shuffled rows
    shuffled = bn.BladeNetRegressorCV(n_alphas=5, eps=1e-2, cv=3).fit(X, y)
    assert in_order.validation_.curve.means.min() > shuffled.validation_.curve.means.min()


@pytest.mark.parametrize(
    "cv", [None, 3, KFold(3), [(np.arange(20, 133), np.arange(40)), (np.arange(50), np.arange(40, 99))]]
)
def test_weight_zero_is_left_out(motorcycle, cv):
    # guards the mean losses of folds, and whatever folds are drawn by
    X, y = motorcycle
    weight = 1.0 + np.arange(len(y)) % 2
    weight[::3] = 0.0
    kept = weight > 0
    number = np.cumsum(kept) - 1
    if cv is None or isinstance(cv, int):
        without = cv
    else:  # these see all rows
        splits = list(cv.split(X)) if isinstance(cv, KFold) else cv
        without = [tuple(number[rows[kept[rows]]] for rows in fold) for fold in splits]
    settings = {"n_alphas": 4, "eps": 1e-2, "tol": 1e-3}
    model = bn.BladeNetRegressorCV(cv=cv, **settings).fit(X, y, sample_weight=weight)
    short = bn.BladeNetRegressorCV(cv=without, **settings).fit(X[kept], y[kept], sample_weight=weight[kept])
    np.testing.assert_allclose(model.validation_.curve.losses, short.validation_.curve.losses, rtol=1e-6)
    assert model.alpha_ == pytest.approx(short.alpha_)


def test_a_fold_without_weight_is_named(motorcycle):
    # guards against the mean of nothing, with which the constant network always won
    X, y = motorcycle
    weight = np.where(np.arange(len(y)) < 50, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"fold 0 of cv .* no sample of positive weight to compare alpha by"):
        bn.BladeNetRegressorCV(cv=KFold(3)).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (None, "at least two samples of each class are needed, got n_samples=1 of class 'rare'"),
        (3, "got n_samples=1 of class 'rare'"),
        (
            StratifiedKFold(3),
            "fold . of cv .* no sample of class 'rare' to train on: at least two samples of each class",
        ),
    ],
)
@pytest.mark.parametrize("others", [["common"], ["common", "usual"], ["usual", "very common"]])
def test_too_few_of_a_class_are_named_as_the_user_does(cv, message, others):
    labels = np.array([*(others * 20)[:20], *["rare"] * 10])
    X = np.arange(30.0)[:, None]
    weight = np.where((labels == "rare") & (np.arange(30) != 25), 0.0, 1.0)
    with pytest.raises(ValueError, match=message):
        bn.BladeNetClassifierCV(cv=cv).fit(X, labels, sample_weight=weight)
    weight[25] = 0.0
    with pytest.raises(ValueError, match="class"):
        bn.BladeNetClassifierCV(cv=cv).fit(X, labels, sample_weight=weight)


def test_groups_stay_together(motorcycle):
    X, y = motorcycle
    groups = np.arange(len(y)) // 20
    settings = {"n_alphas": 3, "eps": 1e-2, "tol": 1e-3}
    model = bn.BladeNetRegressorCV(cv=LeaveOneGroupOut(), **settings).fit(X, y, groups=groups)
    splits = list(LeaveOneGroupOut().split(X, y, groups))
    by_hand = bn.BladeNetRegressorCV(cv=splits, **settings).fit(X, y)
    np.testing.assert_array_equal(model.validation_.curve.losses, by_hand.validation_.curve.losses)
    assert vars(model).keys() == vars(by_hand).keys()  # groups belong to the call
    with pytest.raises(ValueError, match="cv=None draws folds by rows, and would ignore groups"):
        bn.BladeNetRegressorCV(**settings).fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        bn.BladeNetRegressorCV(cv=GroupKFold(3), **settings).fit(X, y, groups=groups[1:])


def test_groups_are_routed(motorcycle):
    X, y = motorcycle
    groups = np.arange(len(y)) % 10
    far = np.where(np.abs(y) > 40, "far", "near")
    with sklearn.config_context(enable_metadata_routing=True):
        model = bn.BladeNetClassifierCV(cv=StratifiedGroupKFold(2), n_alphas=3, eps=1e-2, tol=1e-3, scaling="standard")
        model.set_fit_request(groups=True)
        result = cross_validate(model, X, far, cv=GroupKFold(2), params={"groups": groups}, return_estimator=True)
    assert [fitted.validation_.curve.losses.shape[1] for fitted in result["estimator"]] == [2, 2]


def test_several_outputs_and_frames(motorcycle):
    X, y = motorcycle
    frame = pd.DataFrame({"time": X[:, 0], "half": np.where(X[:, 0] > 25, "late", "early")})
    model = bn.BladeNetRegressorCV(n_alphas=4, eps=1e-2, norm=1, max_interaction=1, tol=1e-3)
    several = clone(model).fit(frame, np.column_stack([y, -y]))
    assert several.predict(frame).shape == (len(y), 2)
    np.testing.assert_allclose(several.predict(frame)[:, 0], -several.predict(frame)[:, 1], atol=1e-3 * np.ptp(y))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "median"}, "rule must be one of 'best', 'one_standard_error', got 'median'"),
        ({"alphas": [0.1, -1.0]}, "alphas must be numbers greater than 0"),
        ({"alphas": []}, "alphas must be numbers greater than 0"),
        ({"n_alphas": 0}, "n_alphas must be a whole number of at least 1"),
        ({"eps": 2.0}, "eps must be between 0 and 1"),
        ({"cv": 1}, "at least one train/test split"),
        ({"cv": []}, r"cv=\[\] has no folds"),
        (
            {"cv": [([0, 1, 2], [3]), ([0, 1, 2], [])]},
            "fold 1 of cv .* no sample of positive weight to compare alpha by",
        ),
        ({"cv": [([], [3])]}, "fold 0 of cv .* no sample of positive weight to train on"),
        ({"cv": [([0, 1, 2], [500])]}, "fold 0 of cv .* the 133 rows of X: index 500 is out of bounds"),
        ({"cv": [([0.5, 1.5], [3])]}, "Give numbers of rows"),
        ({"cv": GroupKFold(3)}, r"cv=GroupKFold\(.* needs groups, but fit got none"),
        ({"cv": StratifiedGroupKFold(3)}, "needs groups, but fit got none"),
    ],
)
def test_bad_settings_are_named(motorcycle, settings, message):
    with pytest.raises(ValueError, match=message):
        bn.BladeNetRegressorCV(**settings).fit(*motorcycle)


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_saved_models_keep_their_curve(motorcycle, model, tmp_path, suffix):
    X, _ = motorcycle
    path = tmp_path / f"model.{suffix}"
    bn.save_model(model, path)
    again = bn.load_model(path)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.validation_.curve.losses, model.validation_.curve.losses)
    np.testing.assert_array_equal(again.validation_.curve.alphas, model.validation_.curve.alphas)
    assert type(again) is bn.BladeNetRegressorCV
    assert again.get_params() == model.get_params()
