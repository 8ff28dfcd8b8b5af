"""Networks trained elsewhere: what is said of them names the class it is about, and what is outside is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

import bladenet as bn
from bladenet import ReLUNetwork, assessment
from bladenet.certificate import Certificate, Status

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2))
Y = X[:, 0] + 0.5
W, U, NONE = RNG.normal(size=(3, 2)), RNG.normal(size=3), np.zeros(3)
PLAIN = ReLUNetwork(W, NONE, U, 0.0)
BIASED, LIFTED = replace(PLAIN, biases=np.ones(3)), replace(PLAIN, intercept=0.5)
QUICK = {"beta": 0.5, "tol": 1e-2}
PAIRS = " with neurons reading at most two columns or categories"


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        (LIFTED, {"bias": False}, "the network has an intercept, but bias=False"),
        (BIASED, {"bias": False}, "biases in 3 of its 3 neurons, but bias=False"),
        (BIASED, {"bias": False, "vertices_only": True}, "biases in 3 of its 3 neurons"),
        (replace(LIFTED, biases=np.ones(3)), {"bias": False}, "biases in 3 of its 3 neurons and an intercept"),
        (LIFTED, {"bias": False, "norm": 1}, "an intercept"),
        (PLAIN, {"norm": 1, "max_interaction": 1}, "neuron 0 of the network reads 2 features, but max_interaction=1"),
        (PLAIN, {"norm": 1, "max_interaction": 1, "vertices_only": True}, "reads 2 features"),
        (ReLUNetwork(W, NONE, np.c_[U, U], np.zeros(2)), {}, r"shape \(12, 2\), and the targets \(12,\)"),
        (ReLUNetwork(W, NONE, U[:, None], np.zeros(1)), {}, r"shape \(12, 1\), and the targets \(12,\)"),
        (replace(PLAIN, intercept=np.nan), {}, "NaN or infinite intercept"),
        (PLAIN, {"loss": "logistic"}, "needs targets −1 and"),
    ],
)
def test_networks_outside_the_class_are_refused_before_any_work(monkeypatch, network, settings, message):
    # guards "no network can do what this one does"
    monkeypatch.setattr(assessment, "train", lambda *args, **settings: pytest.fail("it worked"))
    with pytest.raises(ValueError, match=message):
        bn.certify(network, X, Y, **QUICK, **settings)


def test_what_no_neuron_computes_is_not_in_the_way():
    dead = ReLUNetwork(np.vstack([W[:1] * [1, 0], W[1:]]), np.array([0.0, 1.0, 1.0]), np.array([0.3, 0.0, 0.0]), 0.0)
    found = bn.certify(dead, X, Y, norm=1, max_interaction=1, bias=False, **QUICK)
    assert found.lower_bound <= found.optimum.certificate.objective <= found.objective


def test_sentences_name_the_class():
    found = bn.certify(PLAIN, X, Y, bias=False, **QUICK)
    assert "No ReLU network of any width without biases has one below" in str(found)
    assert "no ReLU network of any width without biases has an objective" in str(found.optimum.certificate)
    # outside the class there is a better one, which is why it has to be named
    assert bn.train(X, Y, **QUICK).certificate.objective < 0.9 * found.lower_bound
    pairs = bn.certify(replace(PLAIN, weights=W * [1, 0]), X, Y, bias=False, norm=1, max_interaction=1, **QUICK)
    assert "of any width without biases with neurons reading at most one column or category has" in str(pairs)
    for status, part in (
        (
            Status.GLOBAL,
            f"no ReLU network of any width without biases{PAIRS} has",
        ),
        (
            Status.BOUNDED,
            f"true optimum among networks without biases{PAIRS} is between",
        ),
        (
            Status.STOPPED,
            f"true optimum among networks without biases{PAIRS} is proven",
        ),
        (Status.RESTRICTED, "Optimal among networks without biases whose neurons are blades"),
    ):
        assert part in str(Certificate(status, 2.0, 1.0, 0.5, 1e-6, max_interaction=2, bias=False))
        assert "without biases" not in str(Certificate(status, 2.0, 1.0, 0.5, 1e-6))


def test_a_network_that_must_fit_exactly_and_does_not():
    found = bn.certify(PLAIN, X, Y, beta=0)
    assert found.objective == found.gap == np.inf
    assert "that fits all targets exactly" in str(found)
    assert "misses targets by up to" in str(found)
    exact = bn.certify(found.optimum.network, X, Y, beta=0)
    assert exact.gap <= 1e-6


def test_a_network_below_the_bound_refutes_it(monkeypatch):
    # guards the gap of 0 that a wrong proof would give
    fit = bn.train(X, Y, **QUICK)
    wrong = replace(fit, certificate=replace(fit.certificate, lower_bound=2.0 * fit.certificate.objective))
    monkeypatch.setattr(assessment, "train", lambda *args, **settings: wrong)
    found = bn.certify(fit.network, X, Y, **QUICK)
    assert (found.lower_bound, found.gap) == (0.0, 1.0)


def test_other_things_than_networks_and_unknown_settings():
    model = bn.BladeNetRegressor(alpha=0.1, tol=1e-2).fit(X, Y)
    with pytest.raises(TypeError, match=r"got BladeNetRegressor: a fitted model has one, model\.network_"):
        bn.certify(model, X, Y, beta=1.0)
    for name in ("foo", "start"):
        with pytest.raises(TypeError, match=rf"^certify\(\) got an unexpected keyword argument '{name}'; the settings"):
            bn.certify(PLAIN, X, Y, beta=1.0, **{name: 1})


def test_saved_models_say_it_too(tmp_path):
    model = bn.BladeNetRegressor(alpha=0.1, tol=1e-2, bias=False).fit(X, Y)
    bn.save_model(model, tmp_path / "model.json")
    assert str(bn.load_model(tmp_path / "model.json").certificate_) == str(model.certificate_)
    assert "without biases" in str(model.certificate_)
    document = json.loads((tmp_path / "model.json").read_text())
    del document["certificate"]["bias"]  # as older versions wrote it
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert "without biases" in str(bn.load_model(tmp_path / "old.json").certificate_)
