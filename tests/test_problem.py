"""The training problem: refuses bad input by name, and its standard form is the same problem."""

from fractions import Fraction

import numpy as np
import pytest

import bladenet as bn
from bladenet.losses import HuberLoss
from bladenet.problem import StandardForm, TrainingProblem

X3 = np.array([[0.0, 1.0], [2.0, -1.0], [1.0, 4.0]])
Y3 = np.array([1.0, -1.0, 0.5])
C3 = np.array([1.0, -1.0, 1.0])


def good(**changes):
    return {"X": X3, "y": Y3, "beta": 0.1, **changes}


BAD = {
    # name: (arguments, words the message must have)
    "nan in X": (good(X=[[0.0, 1.0], [np.nan, 2.0], [1.0, 1.0]]), ["X", "nan", "row 1 (counting from 0), column 0"]),
    "inf in X": (good(X=[[0.0, 1.0], [0.0, 2.0], [1.0, -np.inf]]), ["X", "-inf", "row 2 (counting from 0), column 1"]),
    "1-D X": (good(X=[0.0, 1.0, 2.0]), ["X", "(3,)", "reshape"]),
    "3-D X": (good(X=np.zeros((3, 2, 1))), ["X", "(3, 2, 1)"]),
    "scalar X": (good(X=2.0), ["X", "()"]),
    "nan scalar X": (good(X=np.nan), ["X", "nan"]),
    "no samples": (good(X=np.zeros((0, 2)), y=[]), ["X", "empty", "(0, 2)"]),
    "no features": (good(X=np.zeros((3, 0))), ["X", "empty", "(3, 0)"]),
    "no X": (good(X=[]), ["X", "(0,)"]),
    "words in X": (good(X=[["a", "b"]] * 3), ["X", "numbers", "'a'"]),
    "object X": (good(X=np.array([[1.0, "low"]] * 3, dtype=object)), ["X", "numbers", "'low'"]),
    "None in X": (good(X=np.array([[1.0, None]] * 3, dtype=object)), ["X"]),
    "dict X": (good(X={"a": [1, 2, 3]}), ["X", "numbers"]),
    "ragged X": (good(X=[[1.0, 2.0], [3.0], [4.0, 5.0]]), []),
    "complex X": (good(X=X3 + 1j), ["X", "complex", "1j"]),
    "nan in y": (good(y=[0.0, np.nan, 1.0]), ["y", "nan", "row 1"]),
    "inf in y": (good(y=[0.0, 1.0, np.inf]), ["y", "inf", "row 2"]),
    "short y": (good(y=[0.0, 1.0]), ["y", "(3,)", "(2,)"]),
    "3-D y": (good(y=np.zeros((3, 1, 1))), ["y", "(3,) or (3, outputs)", "(3, 1, 1)"]),
    "no outputs": (good(y=np.zeros((3, 0))), ["y", "(3,)", "(3, 0)"]),
    "outputs of a hinge": (good(y=np.ones((3, 2)), loss="hinge"), ["y", "(3,)", "(3, 2)", "one output"]),
    "classes from 1.5": (good(y=[0.0, 1.5, 1.0], loss="softmax"), ["softmax", "1.5", "Number"]),
    "class without samples": (good(y=[0.0, 2.0, 2.0], loss="softmax"), ["softmax", "class 1"]),
    "one class of softmax": (good(y=[0.0, 0.0, 0.0], loss="softmax"), ["softmax", "two classes"]),
    "norm of outputs": (good(output_norm=3), ["output_norm", "3"]),
    "no y": (good(y=[]), ["y", "(0,)"]),
    "words in y": (good(y=["yes", "no", "yes"]), ["y", "numbers", "'yes'"]),
    "complex y": (good(y=Y3 * 1j), ["y", "complex"]),
    "y None": (good(y=None), ["y"]),
    "negative beta": (good(beta=-1.5), ["beta", "-1.5"]),
    "nan beta": (good(beta=np.nan), ["beta", "nan"]),
    "inf beta": (good(beta=np.inf), ["beta", "inf"]),
    "huge beta": (good(beta=10**400), ["beta"]),
    "text beta": (good(beta="0.1"), ["beta", "'0.1'"]),
    "bool beta": (good(beta=True), ["beta", "True"]),
    "no beta": (good(beta=None), ["beta", "None"]),
    "list beta": (good(beta=[0.1]), ["beta", "[0.1]"]),
    "complex beta": (good(beta=1 + 0j), ["beta", "(1+0j)"]),
    "loss": (good(loss="mse"), ["loss", "'mse'", "'squared'"]),
    "loss None": (good(loss=None), ["loss", "None"]),
    "huber delta": (good(loss=HuberLoss(-2.0)), ["delta", "-2.0"]),
    "norm 3": (good(norm=3), ["norm", "1 or 2", "3"]),
    "norm bool": (good(norm=True), ["norm", "True"]),
    "norm text": (good(norm="l2"), ["norm", "'l2'"]),
    "norm inf": (good(norm=np.inf), ["norm", "inf"]),
    "max_interaction 0": (good(max_interaction=0, norm=1), ["max_interaction", "got 0"]),
    "max_interaction bool": (good(max_interaction=True, norm=1), ["max_interaction", "got True"]),
    "max_interaction 1.5": (good(max_interaction=1.5, norm=1), ["max_interaction", "got 1.5"]),
    "max_interaction text": (good(max_interaction="2", norm=1), ["max_interaction", "got '2'"]),
    "max_interaction norm": (good(max_interaction=1, norm=2), ["max_interaction=1", "norm=1", "norm=2"]),
    "n_components 0": (good(n_components=0), ["n_components", "got 0"]),
    "n_components negative": (good(n_components=-1), ["n_components", "got -1"]),
    "n_components bool": (good(n_components=True), ["n_components", "got True"]),
    "n_components share": (good(n_components=0.95), ["n_components", "got 0.95"]),
    "n_components norm": (good(n_components=1, norm=1), ["n_components=1", "norm=2", "1-norm", "axes"]),
    "bias 2": (good(bias=2), ["bias", "2"]),
    "bias None": (good(bias=None), ["bias", "None"]),
    "bias text": (good(bias="False"), ["bias", "'False'"]),
    "negative weight": (good(sample_weight=[1, -0.5, 1]), ["sample_weight", "-0.5"]),
    "zero weights": (good(sample_weight=[0, 0, 0]), ["sample_weight", "not all zero"]),
    "short weights": (good(sample_weight=[1, 1]), ["sample_weight", "(3,)", "(2,)"]),
    "nan weight": (good(sample_weight=[1, np.nan, 1]), ["sample_weight", "nan", "row 1"]),
    "inf weight": (good(sample_weight=[1, np.inf, 1]), ["sample_weight", "inf"]),
    "scalar weight": (good(sample_weight=1.0), ["sample_weight", "()"]),
    "words in weights": (good(sample_weight=["a", "b", "c"]), ["sample_weight", "numbers"]),
    "0/1 logistic": (good(y=[1, 0, 1], loss="logistic"), ["'logistic'", "contains 0", "BladeNetClassifier"]),
    "0/1 hinge": (good(y=[1, 0, 1], loss="hinge"), ["'hinge'", "contains 0"]),
    "real hinge": (good(y=[1, 0.25, -1], loss="hinge"), ["contains 0.25"]),
    "one class": (good(y=[1, 1, 1], loss="logistic"), ["logistic", "both classes", "+1", "bias=False"]),
    "one class left": (
        good(y=[1, 1, -1], loss="logistic", sample_weight=[1, 1, 0]),
        ["logistic", "both classes", "+1"],
    ),
}

BAD_CONTROLS = {
    "tol 0": ({"tol": 0}, ["tol", "0"]),
    "tol 1": ({"tol": 1.0}, ["tol", "1.0"]),
    "tol nan": ({"tol": np.nan}, ["tol", "nan"]),
    "tol negative": ({"tol": -1e-6}, ["tol", "-1e-06"]),
    "tol text": ({"tol": "small"}, ["tol", "'small'"]),
    "time 0": ({"time_limit": 0}, ["time_limit", "0"]),
    "time negative": ({"time_limit": -1.0}, ["time_limit", "-1.0"]),
    "time nan": ({"time_limit": np.nan}, ["time_limit", "nan"]),
    "time text": ({"time_limit": "1s"}, ["time_limit", "'1s'"]),
}


def message_of(call, *args, **kwargs):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (each caller checks the words)
        call(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_by_name(name):
    # guards against errors from deep inside NumPy, and against nonsense that trains silently
    arguments, words = BAD[name]
    text = message_of(TrainingProblem.create, **arguments)
    assert [word for word in words if word not in text] == [], text


@pytest.mark.parametrize("name", BAD)
def test_train_refuses_before_any_work(name, monkeypatch):
    # guards against minutes of work before the error: the standard form is the first thing work needs
    monkeypatch.setattr(StandardForm, "of", lambda problem: pytest.fail("work began"))
    text = message_of(bn.train, **BAD[name][0], callback=lambda row: pytest.fail("a round ran"))
    assert [word for word in BAD[name][1] if word not in text] == [], text


@pytest.mark.parametrize("name", BAD_CONTROLS)
def test_bad_controls_are_refused_by_name(name):
    # guards against a tolerance that always or never stops, and a limit that is never reached
    changes, words = BAD_CONTROLS[name]
    text = message_of(bn.train, **{**good(), **changes}, callback=lambda row: pytest.fail("a round ran"))
    assert [word for word in words if word not in text] == [], text


def test_beta_is_required():
    # guards against a silent default for the one number that decides everything
    with pytest.raises(TypeError, match="beta"):
        TrainingProblem.create(X3, Y3)


@pytest.mark.parametrize("beta", [1, 0.5, np.float32(0.5), np.int64(2), Fraction(1, 3)])
@pytest.mark.parametrize("bias", [True, np.False_])
def test_numbers_of_every_kind_are_accepted(beta, bias):
    # guards against validation that refuses what users have: integers, NumPy scalars, lists
    problem = TrainingProblem.create(X3.astype(int).tolist(), C3.astype(np.int8), beta=beta, bias=bias, norm=1)
    assert problem.X.dtype == problem.y.dtype == np.float64
    assert isinstance(problem.beta, float)
    assert problem.bias is bool(bias)


def test_inputs_are_not_modified():
    # guards the caller's arrays
    X, y, s = X3.copy(), Y3.copy(), np.array([1.0, 0.0, 2.0])
    _ = TrainingProblem.create(X, y, beta=0.1, sample_weight=s).standard
    np.testing.assert_array_equal(X, X3)
    np.testing.assert_array_equal(y, Y3)
    np.testing.assert_array_equal(s, [1.0, 0.0, 2.0])
    assert X.flags.writeable


# --- the standard form -----------------------------------------------------------------------------------


def random_problem(loss, bias, seed, norm=2, weighted=True):
    """Twelve samples, five distinct points, repeated targets among them, two of weight zero."""
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(5, 2)) * 3.0 + 7.0)[rng.integers(0, 5, size=12)]
    y = np.round(rng.normal(size=12))
    if loss in ("logistic", "hinge"):
        y = rng.choice([-1.0, 1.0], 12)
        y[-2:] = 1.0, -1.0
    weight = rng.choice([0.5, 1.0, 2.0], 12) if weighted else np.ones(12)
    if weighted:
        weight[:2] = 0.0
    return TrainingProblem.create(X, y, beta=0.3, norm=norm, bias=bias, loss=loss, sample_weight=weight)


def dual_value(loss, v, y, s):
    return -float(s @ loss.conjugate(v / s, y))


def standard_dual(form, rng):
    """A dual variable in the domain of the standard form."""
    low, high = (np.clip(end, -3.0, 3.0) for end in form.loss.domain(form.y))
    return form.weight * (low + rng.uniform(0.05, 0.95, len(form.y)) * (high - low))


def exactly(loss):
    """Relative precision of a standard form: it leaves out last digits of targets of the squared loss only."""
    return 1e-8 if loss == "squared" else 1e-12


every_kind = pytest.mark.parametrize("loss", ["squared", "logistic", "hinge", "huber"])
with_and_without_bias = pytest.mark.parametrize("bias", [True, False])


@every_kind
@with_and_without_bias
def test_original_dual_has_the_same_value(loss, bias):
    # guards the certificate of merged samples: D_original(v) = D_standard(v) + constant, but for last digits of y
    for seed in range(5):
        problem = random_problem(loss, bias, seed)
        form = problem.standard
        v = standard_dual(form, np.random.default_rng(seed))
        dual = form.original_dual(v)
        kept = problem.sample_weight > 0
        assert not dual[~kept].any()
        s, y = problem.sample_weight[kept], problem.y[kept]
        expected = dual_value(form.loss, v, form.y, form.weight) + form.constant
        original = dual_value(problem.loss, dual[kept], y, s)
        assert original == pytest.approx(form.value * expected, rel=exactly(loss), abs=1e-12)


@every_kind
@with_and_without_bias
def test_original_dual_has_the_same_pricing(loss, bias):
    # guards the bound: h of any neuron, and Σ v, are the same up to the scale
    rng = np.random.default_rng(9)
    problem = random_problem(loss, bias, 3)
    form = problem.standard
    v = standard_dual(form, rng)
    dual = form.original_dual(v)
    assert dual.sum() == pytest.approx(form.slope * v.sum(), abs=1e-12)
    W = rng.normal(size=(20, 2))
    b = rng.normal(size=20) * bias
    h_standard = form.at_points(v) @ np.maximum(form.points @ W.T + b, 0.0)
    h_original = dual @ np.maximum((problem.X - form.centre) @ W.T + b * form.scale, 0.0)
    np.testing.assert_allclose(h_original, form.price * h_standard, rtol=1e-11, atol=1e-11)


@every_kind
@with_and_without_bias
def test_objective_is_the_same(loss, bias):
    # guards centring, scaling of β and the constant of merged targets: same network, same objective
    rng = np.random.default_rng(10)
    problem = random_problem(loss, bias, 4, norm=1)
    form = problem.standard
    W, u, t = rng.normal(size=(6, 2)), rng.normal(size=6), 0.3 * bias
    b = rng.normal(size=6) * bias
    lengths = np.abs(W).sum(axis=1)
    f = np.maximum(form.points @ W.T + b, 0.0) @ u + t
    standard = form.weight @ form.loss.value(f[form.row], form.y) + form.beta * np.abs(u) @ lengths
    # back: x' = (x − centre)/scale, y' = y/unit, so the neuron is (w, scale·b − w·centre), the amplitude u·unit/scale
    z, offsets = u * form.unit / form.scale, form.scale * b - W @ form.centre
    g = np.maximum(problem.X @ W.T + offsets, 0.0) @ z + t * form.unit
    original = problem.sample_weight @ problem.loss.value(g, problem.y) + problem.beta * np.abs(z) @ lengths
    assert form.value * (standard + form.constant) == pytest.approx(original, rel=exactly(loss))


@with_and_without_bias
def test_repeated_samples_are_merged(bias):
    # guards the size of the problem: N distinct points, one term per point (squared) or per pair (others)
    for loss in ("squared", "huber"):
        problem = random_problem(loss, bias, 5)
        form, kept = problem.standard, problem.sample_weight > 0
        distinct = np.unique(problem.X[kept], axis=0)
        assert len(form.points) == len(distinct)
        pairs = np.unique(np.column_stack([problem.X, problem.y])[kept], axis=0)
        assert len(form.y) == (len(distinct) if loss == "squared" else len(pairs))
        assert form.weight.sum() == pytest.approx(problem.sample_weight.sum(), rel=1e-14)
        np.testing.assert_allclose(problem.X[form.sample], form.centre + form.scale * form.points, rtol=1e-15)
        assert (problem.sample_weight[form.sample] > 0).all()


def test_merged_target_is_the_weighted_mean():
    # guards the constant by hand: targets 1 (weight 3) and 5 (weight 1) at one point: mean 2, loss ½(3·1 + 9) = 6; in
    # units of 5, which is how far they spread
    problem = TrainingProblem.create([[2.0], [2.0], [3.0]], [1.0, 5.0, 0.0], beta=1.0, sample_weight=[3, 1, 1])
    form = problem.standard
    assert form.unit == 5.0
    np.testing.assert_allclose(form.y, [0.4, 0.0], rtol=1e-9)
    np.testing.assert_array_equal(form.weight, [4.0, 1.0])
    assert form.constant * form.value == pytest.approx(6.0, rel=1e-14)


def test_signed_zeros_are_one_point():
    # guards −0.0 against counting as a second sample at 0
    problem = TrainingProblem.create([[0.0, 1.0], [-0.0, 1.0], [1.0, -0.0], [1.0, 0.0]], [1, 1, 2, 2], beta=1.0)
    assert len(problem.standard.points) == 2


@pytest.mark.parametrize("exponent", [-30, -5, 0, 5, 30])
@with_and_without_bias
def test_scale_is_a_power_of_two(exponent, bias):
    # guards unit size and exactness: scaling must round nothing
    rng = np.random.default_rng(11)
    X = rng.normal(size=(20, 2)) * 10.0**exponent
    problem = TrainingProblem.create(X, rng.normal(size=20), beta=0.1, bias=bias)
    form = problem.standard
    assert np.frexp(form.scale)[0] == 0.5
    assert 0.7 < np.abs(form.points).max() < 1.5
    np.testing.assert_array_equal(form.points * form.scale, np.unique(X, axis=0) - form.centre)
    assert form.beta == 0.1 / form.price
    if not bias:
        assert not form.centre.any()


@pytest.mark.parametrize("offset", [1e6, -1e9, 1e12])
def test_huge_offsets_are_removed_exactly(offset):
    # guards against cancellation: integers far out come back as small exact numbers
    small = np.array([[0.0, 0.0], [4.0, 1.0], [2.0, 8.0], [1.0, 3.0]])
    forms = [TrainingProblem.create(small + shift, [1.0, 2.0, 3.0, 4.0], beta=1.0).standard for shift in (0.0, offset)]
    np.testing.assert_array_equal(forms[0].points, forms[1].points)
    np.testing.assert_array_equal(forms[0].centre + offset, forms[1].centre)


def test_equal_rows_have_a_scale():
    # guards against log2(0) when all samples coincide or are zero
    for X in (np.full((3, 2), 5.0), np.zeros((3, 2))):
        form = TrainingProblem.create(X, Y3, beta=1.0).standard
        assert form.points.shape == (1, 1), "one point spans no direction: any one is kept"
        assert not form.points.any()
        assert form.scale == 1.0


def test_weight_zero_leaves_no_trace():
    # guards against outliers of weight zero moving centre or scale
    far = np.vstack([X3, [[1e9, -1e9]]])
    with_zero = TrainingProblem.create(far, [*Y3, 3.0], beta=1.0, sample_weight=[1, 1, 1, 0]).standard
    without = TrainingProblem.create(X3, Y3, beta=1.0).standard
    np.testing.assert_array_equal(with_zero.points, without.points)
    np.testing.assert_array_equal(with_zero.centre, without.centre)
    assert with_zero.term[-1] == -1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"y": np.array([0.0, 1.0, 0.5]) * 1e-160}, "largest entry of y .*1e-160"),
        ({"sample_weight": np.full(3, 1e-300)}, "largest sample_weight is 1e-300"),
        ({"sample_weight": np.full(3, 1e-310)}, "largest sample_weight is 1e-310"),
        ({"sample_weight": [1.0, 1.0, 1e-310]}, "sample_weight contains 1e-310.*set weights below"),
        ({"sample_weight": [1.0, 1.0, 1e150]}, r"largest sample_weight is 1e\+150"),
        ({"beta": 1e-310}, "beta=1e-310 is too small"),
        ({"beta": 1e-250, "X": np.array([[0.0], [1e90], [2e90]])}, r"beta=1e-250.*up to 2e\+90"),
        ({"y": [1e-170, 0.0, 1.0], "sample_weight": [1.0, 1.0, 0.0]}, "largest entry of y"),
    ],
)
def test_what_underflows_is_refused_by_name(settings, named):
    # guards against a zero network that is called GLOBAL since its objective is 0 in float64
    data = {"X": [[0.0], [1.0], [2.0]], "y": [0.0, 1.0, 0.5], "beta": 0.1}
    with pytest.raises(ValueError, match=named):
        bn.train(**(data | settings))


@pytest.mark.parametrize("weight", [1e-99, 1e99])
@pytest.mark.parametrize("height", [1e-99, 1e99])
def test_extreme_units_change_nothing(weight, height):
    X, y, s = np.array([[0.0], [1.0], [2.0], [4.0]]), np.array([0.0, 1.0, 0.5, 2.0]), np.full(4, weight)
    plain = bn.train(X, y, beta=0.1).certificate
    far = bn.train(X, y * height, beta=0.1 * weight * height, sample_weight=s).certificate
    assert far.status is bn.Status.GLOBAL
    assert far.objective / weight / height / height == pytest.approx(plain.objective, rel=1e-12)
