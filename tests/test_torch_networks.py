"""Polishing, refining, canonicalising and certifying networks: what they promise, against other ways to compute it."""

import copy
from itertools import pairwise, product

import numpy as np
import pytest
from sklearn.linear_model import Lasso

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

import bladenet as bn  # noqa: E402
import bladenet.torch as bt  # noqa: E402
from bladenet.blades import Blade, neurons  # noqa: E402
from bladenet.torch.blocks import two_layer_blocks  # noqa: E402
from bladenet.torch.layers import relu_layers  # noqa: E402
from bladenet.torch.objective import Objective, rescaled  # noqa: E402
from bladenet.torch.polishing import polished_neurons  # noqa: E402
from modules import Convolutions, Residual, Sequences, sequential  # noqa: E402

GLOBAL = bn.Status.GLOBAL


def data(n=40, d=2, seed=0, outputs=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.sin(2 * X[:, 0]) + np.abs(X).sum(axis=1) + 0.1 * rng.normal(size=n)
    return X, y if outputs is None else np.column_stack([y, -0.5 * y + X[:, 0], X[:, -1]])[:, :outputs]


def trained(module, X, y, beta, loss="squared", steps=300):
    """Some steps of Adam on the objective, written with PyTorch's own losses."""
    X, y = torch.tensor(X).to(next(module.parameters()).dtype), torch.tensor(y)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        value_of(module, X, y, beta, loss).backward()
        optimiser.step()
    return module


def value_of(module, X, y, beta, loss="squared"):
    f = module(X)
    if loss == "softmax":
        fit = F.cross_entropy(f, y, reduction="sum")
    elif loss == "logistic":
        fit = F.softplus(-y * f[:, 0]).sum()
    else:
        fit = 0.5 * (f - y.reshape(f.shape)).square().sum()
    return fit + 0.5 * beta * sum(p.square().sum() for p in module.parameters() if p.ndim > 1)


def targets_for(loss, y):
    if loss == "logistic":
        return np.where(y > np.median(y), 1.0, -1.0)
    return np.digitize(y, np.quantile(y, [1 / 3, 2 / 3])) if loss == "softmax" else y


LOSSES = {"squared": 1, "logistic": 1, "softmax": 3}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_is_what_pytorch_minimises(loss):
    X, y = data()
    y = targets_for(loss, y)
    module = sequential(2, 9, 6, LOSSES[loss], seed=1)
    objective = Objective.create(module, X, y, beta=0.3, loss=loss)
    with torch.no_grad():
        expected = float(value_of(module, torch.tensor(X), torch.tensor(y), 0.3, loss))
    assert objective.value(module) == pytest.approx(expected, rel=1e-12)


def test_refitting_is_the_lasso_of_scikit_learn():
    X, y = data()
    module = sequential(2, 12, 1, seed=2)
    objective = Objective.create(module, X, y, beta=0.5, loss="squared")
    refitted = objective.refitted(module, two_layer_blocks(module, objective.X))
    W, b = module[0].weight.detach().numpy(), module[0].bias.detach().numpy()
    K = np.maximum(X @ W.T + b, 0.0) / np.linalg.norm(W, axis=1)
    lasso = Lasso(alpha=0.5 / len(y), tol=1e-12, max_iter=1_000_000).fit(K, y)
    best = 0.5 * np.sum((lasso.predict(K) - y) ** 2) + 0.5 * np.abs(lasso.coef_).sum()
    assert objective.value(refitted) == pytest.approx(best, rel=1e-7)


def test_rescaling_changes_nothing_but_the_penalty():
    module = sequential(2, 8, 7, 6, 1, seed=3)
    X = torch.tensor(data()[0])
    with torch.no_grad():
        module[2].weight.mul_(30.0)
    best = rescaled(module, two_layer_blocks(module, X))
    torch.testing.assert_close(best(X), module(X))
    weights = [best[k].weight.detach() for k in (0, 2, 4, 6)]
    for before, after in pairwise(weights):
        torch.testing.assert_close(before.norm(dim=1), after.norm(dim=0), rtol=1e-6, atol=0.0)


def is_slow(loss, sizes, dtype):
    """One network of each kind is enough in single precision."""
    return (dtype == torch.float32 and (loss, len(sizes)) != ("logistic", 2)) or (len(sizes) > 2 and loss != "squared")


@pytest.mark.parametrize(
    ("loss", "sizes", "dtype"),
    [
        pytest.param(*given, marks=pytest.mark.slow) if is_slow(*given) else given
        for given in product(LOSSES, [(2, 10), (2, 6, 6, 5)], [torch.float32, torch.float64])
    ],
)
def test_polish_and_refine_never_raise_the_objective(loss, sizes, dtype):
    X, y = data(60)
    y = targets_for(loss, y)
    beta = 0.05
    module = trained(sequential(*sizes, LOSSES[loss], seed=4, dtype=dtype), X, y, beta, loss, steps=100)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    polished = bt.polish(module, X, y, beta=beta, loss=loss)
    refined = bt.refine(polished.module, X, y, beta=beta, loss=loss, tol=1e-3, time_limit=2)
    with torch.no_grad():
        tensors = torch.tensor(X).to(dtype), torch.tensor(y)
        values = [float(value_of(each, *tensors, beta, loss)) for each in (module, polished.module, refined.module)]
    rounding = 1e-9 if dtype == torch.float64 else 1e-5
    assert values == pytest.approx([polished.before, polished.after, refined.after], rel=rounding)
    assert polished.after <= polished.refit_only <= polished.before
    assert refined.lower_bound <= refined.after <= refined.before == pytest.approx(polished.after, rel=rounding)
    assert refined.after < polished.before, "these networks are far from optimal"
    for name, value in module.state_dict().items():
        assert torch.equal(before[name], value), name
    assert all(a.shape == b.shape for a, b in zip(module.parameters(), polished.module.parameters(), strict=True))


@pytest.mark.parametrize("bias", [True, False])
def test_polishing_puts_disturbed_blades_back(bias):
    X, _ = data(40, d=3, seed=5)
    rng = np.random.default_rng(5)
    blades = [Blade(tuple(rng.choice(40, 2 + bias, replace=False)), (0, 1, 2), 1) for _ in range(4)]
    weights, biases = neurons(blades, X, 2, bias)
    network = bn.ReLUNetwork(weights, biases, np.array([1.0, -2.0, 1.5, -1.0]), 0.0)
    y = network.predict(X)
    module = sequential(3, 4, 1, bias=bias)
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(weights + 1e-4 * rng.normal(size=weights.shape)))
        module[2].weight.copy_(torch.tensor(network.amplitudes[None]))
        if bias:
            module[0].bias.copy_(torch.tensor(biases))
            module[2].bias.zero_()
    polished = bt.polish(module, X, y, beta=1e-9)
    full = next(step for step in polished.steps if step.what == "full")
    assert polished.after <= full.objective < 0.1 * polished.refit_only
    found = bt.identify(polished.module, X)[0]
    np.testing.assert_allclose(found.closeness, 1.0, atol=1e-12)


def test_a_chosen_layer_and_chosen_counts():
    X, y = data(60, d=8)
    steps = []
    module = sequential(8, 6, 5, 1, seed=6)
    polished = bt.polish(module, X, y, beta=0.1, layers=["2"], counts=[2, 4], full=False, callback=steps.append)
    assert [(step.layer, step.what) for step in steps] == [
        ("", "refit only"),
        ("2", "2"),
        ("2", "4"),
        ("2", "each its own"),
    ]
    assert steps == polished.steps
    assert list(polished.data()["objective"]) == [step.objective for step in steps]


def test_refining_two_layers_is_training():
    X, y = data()
    module = trained(sequential(2, 30, 1, seed=7), X, y, 0.2)
    refined = bt.refine(module, X, y, beta=0.2)
    fit = bn.train(X, y, beta=0.2)
    assert refined.fit.certificate.status is GLOBAL
    assert refined.after == pytest.approx(fit.certificate.objective, rel=3e-6)
    assert refined.gap < 2e-6
    assert refined.lower_bound == pytest.approx(fit.certificate.lower_bound, rel=3e-6)


@pytest.mark.slow
def test_the_bound_of_a_refined_block_holds_for_every_last_block():
    X, y = data(30)
    module = sequential(2, 2, 5, 1, seed=8)
    refined = bt.refine(module, X, y, beta=0.1)
    assert refined.fit.certificate.status is GLOBAL
    first = refined.module[0]  # which refining scales and leaves
    for seed in range(3):
        other = sequential(2, 2, 20, 1, seed=seed)
        other[0].load_state_dict(first.state_dict())
        for parameter in other[0].parameters():
            parameter.requires_grad_(False)
        optimiser = torch.optim.Adam([p for p in other.parameters() if p.requires_grad], lr=1e-2)
        for _ in range(300):
            optimiser.zero_grad()
            value = value_of(other, torch.tensor(X), torch.tensor(y), 0.1)
            value.backward()
            optimiser.step()
        assert value.item() >= refined.lower_bound


@pytest.mark.parametrize(("norm", "output_norm"), [(1, 2), (2, 2), (1, 1)])
@pytest.mark.parametrize("sizes", [(1, 6, 1), (1, 5, 1, 5, 1), (2, 4, 2), (2, 5, 1, 4, 2)])
def test_canonical_networks(norm, output_norm, sizes):
    X = data(15, d=sizes[0], seed=9)[0]
    module = sequential(*sizes, seed=9)
    canonical = bt.canonicalise(module, X, norm=norm, output_norm=output_norm, time_limit=20)
    before, after = module(torch.tensor(X)), canonical.module(torch.tensor(X))
    torch.testing.assert_close(after, before, rtol=0.0, atol=1e-8 * before.abs().max().item())
    assert canonical.changed <= 1e-8
    assert canonical.ratio <= 1.0
    assert len(canonical.blocks) == len(sizes) // 2
    A = X
    for block, place in zip(canonical.blocks, two_layer_blocks(canonical.module, torch.tensor(X))[::2], strict=True):
        layers = [canonical.module.get_submodule(name) for name in (place.hidden.name, place.out)]
        W, U = (layer.weight.detach().numpy() for layer in layers)
        lengths, sizes_of = np.linalg.norm(W, ord=norm, axis=1), np.linalg.norm(U, ord=output_norm, axis=0)
        assert lengths @ sizes_of == pytest.approx(block.after, rel=1e-9)
        if norm == 1:
            assert all(blade.is_vertex for blade in block.blades), "Theorem 9"
        B = block.network.predict(A)
        rebuilt = block.rebuilt(A)  # from indices, signs and amplitudes alone
        np.testing.assert_allclose(rebuilt.predict(A), B, atol=1e-9 * np.abs(B).max())
        A = np.maximum(B, 0.0)


def test_the_penalty_of_a_canonical_block_is_that_of_interpolation():
    X = data(15, d=2, seed=10)[0]
    module = sequential(2, 6, 1, seed=10)
    y = module(torch.tensor(X)).detach().numpy()[:, 0]
    canonical = bt.canonicalise(module, X)
    fit = bn.train(X, y, beta=0)  # found without the network
    assert canonical.blocks[0].certificate.status is GLOBAL
    assert canonical.blocks[0].after == pytest.approx(fit.certificate.objective, rel=3e-6)


def test_blocks_too_large_to_prove_are_solved_over_polished_neurons():
    X = data(60, d=10, seed=11)[0]
    module = sequential(10, 8, 3, seed=11)
    canonical = bt.canonicalise(module, X)
    assert canonical.blocks[0].certificate is None
    assert canonical.changed <= 1e-8
    assert canonical.ratio <= 1.0


def test_there_and_back():
    X, y = data()
    for fit in (bn.train(X, y, beta=0.5), bn.train(X, np.column_stack([y, X]), beta=0.5)):
        back = bt.from_torch(bn.to_torch(fit.network))
        np.testing.assert_allclose(back.predict(X), fit.network.predict(X), atol=1e-12)
        assert back.penalty(2) == pytest.approx(fit.network.penalty(2))


def test_the_gap_of_a_trained_network():
    X, y = data()
    module = trained(sequential(2, 20, 1, seed=12), X, y, 0.2)
    assessment = bt.certify(module, X, y, beta=0.2)
    fit = bn.train(X, y, beta=0.2)
    balanced = rescaled(module, two_layer_blocks(module, torch.tensor(X)))
    with torch.no_grad():
        value = float(value_of(balanced, torch.tensor(X), torch.tensor(y), 0.2))
    assert assessment.objective == pytest.approx(value, rel=1e-9)
    assert assessment.lower_bound == pytest.approx(fit.certificate.lower_bound, rel=3e-6)
    assert assessment.gap == pytest.approx(1.0 - assessment.lower_bound / value)
    assert "no relu network of any width" in str(assessment).lower()
    optimal = bn.certify(fit.network, X, y, beta=0.2)
    assert optimal.gap < 2e-6


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (sequential(2, 4, 3, 1), "no two-layer network"),
        (nn.Sequential(nn.Linear(2, 1)), "must end in Linear, ReLU, Linear"),
        (nn.Sequential(nn.Tanh()), "no parameters|no Linear"),
        (Residual(), "must end in Linear, ReLU, Linear"),
    ],
)
def test_modules_that_are_no_two_layer_networks(module, message):
    with pytest.raises(ValueError, match=message):
        bt.from_torch(module)


def functional(between):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 4), nn.Linear(4, 1)

        def forward(self, x):
            return self.b(between(self.a(x)))

    return Functional()


def around(*between, end=()):
    return nn.Sequential(nn.Linear(2, 4), *between, nn.Linear(4, 1), *end)


@pytest.mark.parametrize(
    ("module", "parts"),
    [
        (around(nn.BatchNorm1d(4), nn.ReLU()), ["Linear, BatchNorm, ReLU, Linear", "fold it into the Linear"]),
        (around(nn.ReLU(), nn.BatchNorm1d(4)), ["Linear, ReLU, BatchNorm, Linear", "fold it into the Linear"]),
        (around(nn.ReLU(), end=[nn.BatchNorm1d(1)]), ["Linear, ReLU, Linear, BatchNorm", "fold it into the Linear"]),
        (around(nn.LayerNorm(4), nn.ReLU()), ["LayerNorm", "depends on the other neurons"]),
        (around(nn.ReLU(), end=[nn.Sigmoid()]), ["Sigmoid: leave it out", "loss='logistic'"]),
        (around(nn.Sigmoid()), ["Linear, Sigmoid, Linear", "train with torch.nn.ReLU"]),
        (around(nn.ReLU(), end=[nn.Softmax(1)]), ["Softmax: leave it out", "loss='softmax'"]),
        (around(nn.LeakyReLU()), ["Linear, LeakyReLU, Linear", "two of ReLU"]),
        (around(nn.GELU()), ["Linear, GELU, Linear", "train with torch.nn.ReLU"]),
        (around(nn.Tanh()), ["Tanh", "train with torch.nn.ReLU"]),
        (functional(nn.functional.silu), ["SiLU", "train with torch.nn.ReLU"]),
        (functional(lambda z: z.clamp(min=0)), ["clamp", "write torch.relu"]),
        (around(nn.ReLU(), end=[nn.ReLU()]), ["Leave out the ReLU at the end"]),
        (around(), ["one linear map"]),
        (around(nn.ReLU(), nn.Linear(4, 4), nn.ReLU()), ["no two-layer network", "bladenet.torch.refine"]),
        (
            nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 4)), nn.ReLU(), nn.Linear(4, 1)),
            ["Layer '0' is parametrised", "remove_parametrizations"],
        ),
    ],
)
def test_refusals_say_what_is_there_and_what_to_do(module, parts):
    X, y = data(12)
    with pytest.raises(ValueError, match="Linear, ReLU, Linear") as refused:
        bt.certify(module, X, y, beta=1.0)
    for part in parts:
        assert part in str(refused.value)


def test_dropout_is_no_obstacle():
    X, y = data(12)
    plain = sequential(2, 4, 1)
    expected = bt.certify(plain, X, y, beta=1.0, tol=1e-2).objective
    for layers in ((plain[0], nn.Dropout(), plain[1], plain[2]), (*plain[:2], nn.Dropout(), plain[2], nn.Dropout())):
        assert bt.certify(nn.Sequential(*layers), X, y, beta=1.0, tol=1e-2).objective == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_precision_is_certified_for_the_weights_as_they_are(dtype):
    X, y = data(12)
    module = sequential(2, 4, 1).to(dtype)
    found = bt.certify(module, torch.tensor(X), torch.tensor(y), beta=1.0, tol=1e-2)
    exact = copy.deepcopy(module).double()
    np.testing.assert_allclose(found.network.predict(X), exact(torch.tensor(X)).detach()[:, 0], rtol=1e-12, atol=1e-14)
    with torch.no_grad():
        balanced = value_of(
            rescaled(exact, two_layer_blocks(exact, torch.tensor(X))), torch.tensor(X), torch.tensor(y), 1.0
        )
    assert found.objective == pytest.approx(float(balanced), rel=1e-9)
    for data_type in (torch.float16, torch.bfloat16):  # and data of any
        x, t = torch.tensor(X).to(data_type), torch.tensor(y).to(data_type)
        rounded = bt.certify(module, x, t, beta=1.0, tol=1e-2)
        again = bt.certify(module, x.double(), t.double(), beta=1.0, tol=1e-2)
        assert rounded.objective == again.objective
        assert bt.polish(module, x, t, beta=1.0, counts=[1], full=False).after > 0
        assert bt.refine(module, x, t, beta=1.0, tol=1e-2).after > 0


def compiled_ones():
    module = sequential(2, 4, 1)
    yield torch.compile(module, backend="eager")
    yield nn.Sequential(torch.compile(module[0], backend="eager"), module[1], module[2])
    yield nn.Sequential(torch.compile(nn.Sequential(module[0], module[1]), backend="eager"), module[2])
    inside = sequential(2, 4, 1)
    inside.compile(backend="eager")
    yield inside


def test_compiled_modules_are_seen_through():
    X, y = data(12)
    plain = sequential(2, 4, 1)
    expected = bt.certify(plain, X, y, beta=1.0, tol=1e-2).objective
    for module in compiled_ones():
        assert bt.certify(module, X, y, beta=1.0, tol=1e-2).objective == pytest.approx(expected)
        assert len(bt.identify(module, X)) == 1
        refined = bt.refine(module, X, y, beta=1.0, tol=1e-2)
        assert refined.after < refined.before
        assert not any("_orig_mod" in name for name, _ in refined.module.named_modules())


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((12, 3)), np.ones(12), r"X must have shape \(samples, 2\), as the module takes, got shape \(12, 3\)"),
        (np.ones(12), np.ones(12), r"got shape \(12,\)"),
        (np.ones((12, 1, 2)), np.ones(12), r"got shape \(12, 1, 2\)"),
        (np.ones((12, 2)), np.ones(5), r"one target for each of the 12 samples"),
        (
            np.ones((12, 2)),
            np.ones((12, 2)),
            r"the network's outputs have the shape \(12,\), and the targets \(12, 2\)",
        ),
        (np.ones((12, 2)), ["a"] * 12, "y must hold numbers"),
        (np.full((12, 2), np.nan), np.ones(12), r"X has NaN or infinite entries, first in row 0 \(counting from 0\)"),
    ],
)
def test_shapes_are_checked_before_any_work(monkeypatch, X, y, message):
    monkeypatch.setattr("bladenet.assessment.train", lambda *args, **settings: pytest.fail("it worked"))
    with pytest.raises(ValueError, match=message):
        bt.certify(sequential(2, 4, 1), X, y, beta=1.0)


def test_modules_outside_the_class_are_refused():
    X, y = data(12)
    for module in (sequential(2, 4, 1), NO_OUTPUT_BIAS):
        with pytest.raises(ValueError, match=r"biases in 3|biases in 4"):
            bt.certify(module, X, y, beta=1.0, bias=False, vertices_only=True)
    with pytest.raises(TypeError, match=r"TorchScript module.*pass the module it was made of"):
        bt.certify(torch.jit.script(sequential(2, 4, 1)), X, y, beta=1.0)
    with pytest.raises(TypeError, match=r"got ReLUNetwork; for networks of bladenet there is bladenet\.certify"):
        bt.certify(bt.from_torch(sequential(2, 4, 1)), X, y, beta=1.0)


X0, Y0 = data(12)
NO_OUTPUT_BIAS = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False)).double()


@pytest.mark.parametrize("function", [bt.polish, bt.refine])
@pytest.mark.parametrize(
    ("module", "X", "y", "settings", "message"),
    [
        (sequential(2, 3, 1), X0, Y0, {"beta": 0.0}, "beta must be greater than 0"),
        (sequential(2, 3, 1), X0, Y0, {"beta": -1.0}, "beta"),
        (sequential(2, 3, 1), X0, Y0[:5], {"beta": 1.0}, "one target for each of the 12 samples"),
        (sequential(2, 3, 1), X0, np.full(12, np.nan), {"beta": 1.0}, "y has NaN"),
        (sequential(2, 3, 1), X0, Y0, {"beta": 1.0, "loss": "absolute"}, "unknown loss"),
        (sequential(2, 3, 2), X0, Y0, {"beta": 1.0}, "output has shape .12, 2."),
        (Residual(), np.ones((12, 4)), np.ones((12, 2)), {"beta": 1.0}, "must end in Linear, ReLU, Linear"),
        (sequential(5, 3, 1), X0, Y0, {"beta": 1.0}, "does not take X"),
    ],
)
def test_bad_input(function, module, X, y, settings, message):
    with pytest.raises(ValueError, match=message):
        function(module, X, y, **settings)


def test_more_bad_input():
    module = sequential(2, 3, 1)
    with pytest.raises(ValueError, match="no ReLU layer is called 'first'; there are '0'"):
        bt.polish(module, X0, Y0, beta=1.0, layers=["first"])
    with pytest.raises(ValueError, match="counts must be whole numbers"):
        bt.polish(module, X0, Y0, beta=1.0, counts=[0])
    with pytest.raises(ValueError, match="layer '2' has no bias"):
        bt.refine(NO_OUTPUT_BIAS, X0, Y0, beta=1.0)
    with pytest.raises(ValueError, match="no two-layer block"):
        bt.canonicalise(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), X0)


def test_a_block_without_an_output_bias_can_be_polished():
    polished = bt.polish(NO_OUTPUT_BIAS, X0, Y0, beta=0.01)
    assert polished.after < polished.before
    assert polished.module[2].bias is None


def test_convolutions_and_transformers_are_polished_up_to_their_head():
    rng = np.random.default_rng(13)
    X, y = rng.normal(size=(30, 3, 8, 8)), rng.integers(0, 2, size=(30, 2)).astype(float)
    module = Convolutions()
    polished = bt.polish(module, X, y, beta=0.1, counts=[1, 5])
    assert polished.after < polished.before
    assert {step.layer for step in polished.steps} == {"", "first", "second", "hidden"}
    with pytest.raises(ValueError, match="must end in Linear, ReLU, Linear"):
        bt.polish(Sequences(), rng.normal(size=(6, 5, 11)), np.zeros((6, 8)), beta=0.1)


def test_blades_stay_on_the_side_of_their_neurons_where_samples_are_few():
    # guards the span of data without a bias: not that of differences from the first sample
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(4, 6))
        module = sequential(6, 10, 1, seed=seed, bias=False)
        layer = relu_layers(module, torch.tensor(X))[0]
        before = module[0].weight.detach()
        ((_, (after, _)),) = polished_neurons(module, layer, torch.tensor(X), [], full=True)
        assert ((before * after).sum(dim=1) > 0).all()
        assert (torch.tensor(X) @ after.T).abs().sort(dim=0).values[2].max() < 1e-12


def test_one_class_can_be_polished_without_biases():
    polished = bt.polish(sequential(2, 5, 1, bias=False), X0, np.ones(12), beta=0.1, loss="logistic")
    assert polished.after < polished.before


class Entangled(nn.Module):
    """Linear, ReLU, Linear, and something that reads or changes what is in between."""

    def __init__(self, compute):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second, self.third = nn.Linear(2, 8), nn.Linear(8, 1), nn.Linear(10, 1)
        self.compute = compute

    def forward(self, x):
        return self.compute(self, x, F.relu(self.first(x)))


def read_before(self, x, h):
    z = self.first(x)
    return self.second(F.relu(z)) + z.sum(1, keepdim=True)


def changed_in_place(self, x, h):
    h[:, 0] = 0.0
    return self.second(h)


ENTANGLED = {
    "read before the ReLU": read_before,
    "changed in place": changed_in_place,
    "read as a tuple": lambda self, x, h: self.second(h) + h.max(dim=1, keepdim=True).values,
    "called again": lambda self, x, h: self.second(h) + self.first(x).sum(1, keepdim=True),
    "its weight read": lambda self, x, h: self.second(h) + F.linear(x, self.first.weight).sum(1, keepdim=True),
    "read in a list": lambda self, x, h: self.second(h) + self.third(torch.cat([x, h], 1)),
    "halved": lambda self, x, h: self.second(h) + h.chunk(2, 1)[0].sum(1, keepdim=True),
}


@pytest.mark.parametrize("compute", ENTANGLED.values(), ids=ENTANGLED)
def test_blocks_that_something_else_reads_or_changes_are_none(compute):
    module = Entangled(compute).double()
    assert two_layer_blocks(module, torch.tensor(X0)) == []
    with pytest.raises(ValueError, match="nothing else may read"):
        bt.refine(module, X0, Y0, beta=1.0)


@pytest.mark.parametrize("how", ["prune", "weight_norm"])
def test_parametrised_layers_are_no_blocks(how):
    # guards the bound of refine: their weights are no parameters of the name that counts
    module = sequential(2, 8, 1)
    if how == "prune":
        prune.l1_unstructured(module[0], "weight", 0.5)
    else:
        nn.utils.parametrizations.weight_norm(module[0])
    with pytest.raises(ValueError, match="neither pruned nor parametrised"):
        bt.refine(module, X0, Y0, beta=1.0)


def test_tokens_that_are_flattened_make_no_block():
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 1))
    X = np.random.default_rng(2).normal(size=(9, 2, 3))
    polished = bt.polish(module.double(), X, Y0[:9], beta=0.1)
    assert polished.after < polished.before
    assert [(block.hidden, block.out) for block in bt.canonicalise(module, X).blocks] == [("3", "5")]


def test_constant_inputs_and_dead_layers():
    module = sequential(2, 6, 4, 1)
    assert bt.identify(module, np.ones((9, 2)))[0].defining == 0
    with torch.no_grad():
        module[0].bias.sub_(50.0)
    assert bt.identify(module, X0)[1].defining == 0
    refined = bt.refine(sequential(2, 6, 1), X0, np.ones(12), beta=0.1)
    assert refined.gap == pytest.approx(0.0, abs=1e-6)


def test_blocks_without_biases_whose_samples_share_rays():
    # the network fits what rounding makes a contradiction; it is kept, or bettered over neurons that are there
    for seed in range(3):
        module = sequential(3, 8, 1, 8, 1, seed=seed, bias=False)
        with torch.no_grad():
            module[2].weight.abs_()
        canonical = bt.canonicalise(module, data(14, d=3, seed=seed)[0], time_limit=2)
        assert canonical.ratio <= 1.0
        assert canonical.changed <= 1e-8


def test_a_constant_neuron_needs_a_bias_to_go_to():
    module = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1, bias=False)).double()
    with torch.no_grad():
        module[0].weight[0], module[0].bias[0] = 0.0, 1.0
    with pytest.raises(ValueError, match="neuron 0 of layer '0' has weight 0, and layer '2' no bias"):
        bt.canonicalise(module, X0)
