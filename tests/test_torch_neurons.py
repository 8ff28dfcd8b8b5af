"""Neurons of PyTorch modules: found whatever the module looks like, with the samples that they are orthogonal to."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import bladenet as bn  # noqa: E402
import bladenet.torch as bt  # noqa: E402
from bladenet.blades import Blade, neurons  # noqa: E402
from bladenet.torch.blocks import two_layer_blocks  # noqa: E402
from bladenet.torch.faces import LARGE, Blades, closeness, projections  # noqa: E402
from bladenet.torch.layers import relu_layers, rows_at, rows_read  # noqa: E402
from modules import Convolutions, InPlaceSum, Residual, Sequences, sequential  # noqa: E402

RNG = np.random.default_rng(0)
CASES = {
    "sequential": (sequential(3, 7, 5, 2), (40, 3), ["0", "2"]),
    "float32": (sequential(3, 7, 1, dtype=torch.float32), (40, 3), ["0"]),
    "no bias": (sequential(3, 7, 1, bias=False), (40, 3), ["0"]),
    "residual": (Residual(), (30, 4), ["first"]),
    "sum in place": (InPlaceSum(), (30, 4), ["first"]),
    "convolutions": (Convolutions(), (9, 3, 8, 8), ["first", "second", "hidden"]),
    "sequences": (Sequences(), (6, 5, 11), ["conv", "block.linear1"]),
}
every_module = pytest.mark.parametrize(("module", "shape", "names"), CASES.values(), ids=CASES)


def samples(shape):
    return torch.tensor(np.random.default_rng(1).normal(size=shape))


@every_module
def test_layers_are_found_and_their_neurons_compute_what_enters_the_relu(module, shape, names):
    X = samples(shape).to(next(module.parameters()).dtype)
    layers = relu_layers(module, X)
    assert [layer.name for layer in layers] == names
    module.eval()
    for layer in layers:
        entered = []
        part = module.get_submodule(layer.norm or layer.name)  # what it returns is what the ReLU gets
        handle = part.register_forward_hook(lambda part, read, out, entered=entered: entered.append(out.clone()))
        with torch.no_grad():
            module(X)
        handle.remove()
        weights, biases = layer.neurons(module)
        computed = torch.cat([rows @ weights.T + biases for rows in rows_read(module, layer.name, X)])
        out = entered[0].double()
        expected = out.flatten(2).transpose(1, 2) if isinstance(layer.of(module), nn.Conv1d | nn.Conv2d) else out
        torch.testing.assert_close(computed, expected.reshape(computed.shape), atol=2e-5, rtol=2e-5)


@every_module
def test_the_module_is_left_as_it_was(module, shape, names):
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    bt.identify(module, samples(shape))
    assert all(part.training for part in module.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    for name, value in module.state_dict().items():
        assert torch.equal(before[name], value), name


def test_writing_neurons_reads_back():
    module, X = Convolutions(), samples((4, 3, 8, 8))
    for layer in relu_layers(module, X.float()):
        weights, biases = layer.neurons(module)
        layer.set_neurons(module, 2.0 * weights, biases + 1.0)
        again, shifted = layer.neurons(module)
        torch.testing.assert_close(again, 2.0 * weights, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(shifted, biases + 1.0, atol=1e-5, rtol=1e-5)


def test_nearest_samples_by_brute_force():
    module, X = sequential(3, 7, 1, seed=4), samples((1500, 3))  # several batches
    found = bt.identify(module, X, samples=6)[0]
    weights, biases = module[0].weight.detach().numpy(), module[0].bias.detach().numpy()
    values = np.abs(X.numpy() @ weights.T + biases)
    lengths = np.linalg.norm(weights, axis=1)
    for k in range(7):
        nearest = np.argsort(values[:, k], kind="stable")[:6]
        np.testing.assert_array_equal(found.indices[k], nearest)
        np.testing.assert_allclose(found.distances[k], values[nearest, k] / lengths[k])
        lifted = np.column_stack([X.numpy()[nearest], np.ones(6)])
        cosines = values[nearest, k] / np.linalg.norm(lifted, axis=1) / np.hypot(lengths[k], biases[k])
        np.testing.assert_allclose(np.cos(np.deg2rad(90.0 - found.angles[k])), cosines, atol=1e-9)
    assert (found.defining, found.positions) == (3, 1)
    frame = found.data()
    assert len(frame) == 42
    assert list(frame["sample"][:6]) == list(found.indices[0])


@pytest.mark.parametrize("bias", [True, False])
def test_neurons_on_blades_are_recognised_and_rebuilt(bias):
    X = RNG.normal(size=(50, 4))
    blades = [Blade(tuple(RNG.choice(50, 3 + bias, replace=False)), (0, 1, 2, 3), 1) for _ in range(8)]
    weights, biases = neurons(blades, X, 2, bias)
    module = sequential(4, 8, 1, bias=bias)
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(3.0 * weights))
        if bias:
            module[0].bias.copy_(torch.tensor(3.0 * biases))
    found = bt.identify(module, X)[0]
    np.testing.assert_allclose(found.closeness, 1.0, atol=1e-12)
    for blade_, indices in zip(blades, found.indices, strict=True):
        assert set(blade_.samples) == set(indices.tolist())
    rebuilt = bt.rebuild(found.indices, X, bias=bias, like=(weights, biases))
    assert rebuilt.errors.max() < 1e-10
    if bias:  # a module's own parameters, which require gradients
        assert bt.rebuild(found.indices, torch.tensor(X), like=(module[0].weight, module[0].bias)).errors.max() < 1e-10
    alone = bt.rebuild(found.indices, X, bias=bias)
    agreement = np.abs((alone.weights * weights).sum(axis=1))
    np.testing.assert_allclose(agreement, 1.0, atol=1e-12)


def test_samples_of_lower_rank_and_repeated_ones():
    flat = RNG.normal(size=(30, 2)) @ RNG.normal(size=(2, 5))  # a plane in five dimensions
    X = np.vstack([flat, flat])
    module = sequential(5, 6, 1, seed=5)
    found = bt.identify(module, X)[0]
    assert found.defining == 2
    rebuilt = bt.rebuild(bt.identify(module, X, samples=8)[0].indices, X)
    for k, indices in enumerate(bt.identify(module, X, samples=8)[0].indices):
        distinct = X[sorted(set(indices.tolist()), key=indices.tolist().index)]
        values = distinct @ rebuilt.weights[k] + rebuilt.biases[k]
        assert np.sum(np.abs(values) < 1e-12) >= 2
        assert np.abs(values).max() > 1e-6, "the neuron must not be orthogonal to all data"


@pytest.mark.parametrize("bias", [True, False])
def test_faces_are_projections(bias):
    rows = torch.tensor(RNG.normal(size=(6, 9)))
    weight = torch.tensor(RNG.normal(size=9))
    weights, biases = projections(weight, rows, bias, [1, 3, 6])
    for count, w, b in zip((1, 3, 6), weights, biases, strict=True):
        near = rows[:count].numpy()
        spanned = near[1:] - near[0] if bias else near
        expected = weight.numpy() - (np.linalg.pinv(spanned) @ spanned @ weight.numpy() if len(spanned) else 0.0)
        np.testing.assert_allclose(w.numpy(), expected, atol=1e-12)
        np.testing.assert_allclose(near @ w.numpy() + float(b), 0.0, atol=1e-12)


def test_repeated_rows_take_nothing_more_from_a_weight():
    rows = torch.tensor(RNG.normal(size=(3, 7)))
    weight = torch.tensor(RNG.normal(size=7))
    once, _ = projections(weight, rows, False, [3])
    again, _ = projections(weight, rows[[0, 0, 1, 0, 2]], False, [5])
    torch.testing.assert_close(once, again, atol=1e-12, rtol=0.0)


@pytest.mark.parametrize("bias", [True, False])
def test_blades_in_many_dimensions(bias):
    # the system of equations against orthogonality and orientation themselves
    d = LARGE
    rows, weight = torch.tensor(RNG.normal(size=(d + 40, d))), torch.tensor(RNG.normal(size=d))
    for samples_ in (rows, rows * 1e-3 + 5.0, torch.cat([rows[:1], rows])):  # the last has a repeated row
        found, offset, used = Blades(samples_, bias, d).of(weight, torch.arange(d + 40))
        assert len(used) == d - 1 + bias
        np.testing.assert_allclose((samples_[used] @ found + offset).numpy(), 0.0, atol=1e-9)
        assert float(found @ weight) > 0
        assert float(torch.linalg.vector_norm(found)) == pytest.approx(1.0)


def test_blocks():
    X = samples((5, 3))
    blocks = two_layer_blocks(sequential(3, 7, 5, 2), X)
    assert [(block.hidden.name, block.out, block.final) for block in blocks] == [("0", "2", False), ("2", "4", True)]
    blocks = two_layer_blocks(Convolutions(), samples((4, 3, 8, 8)).float())
    assert [(block.hidden.name, block.out, block.final) for block in blocks] == [("hidden", "head", True)]
    assert two_layer_blocks(Residual(), samples((5, 4)).float()) == []


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return torch.relu(self.layer(x)), x


def poisoned():
    module = sequential(3, 4, 1)
    with torch.no_grad():
        module[2].weight[0, 0] = float("nan")
    return module


@pytest.mark.parametrize(
    ("module", "X", "error", "message"),
    [
        (nn.Sequential(nn.Linear(3, 2), nn.Tanh()), np.ones((4, 3)), ValueError, "no ReLU neurons"),
        (nn.Sequential(nn.ReLU()), np.ones((4, 3)), ValueError, "no parameters"),
        (sequential(3, 4, 1), np.ones((4, 2)), ValueError, "does not take X of shape .2, 2."),
        (sequential(3, 4, 1), np.ones((0, 3)), ValueError, "shape"),
        (sequential(3, 4, 1), np.ones(3), ValueError, "shape"),
        (sequential(3, 4, 1), np.full((4, 3), np.inf), ValueError, "X has NaN or infinite"),
        (sequential(3, 4, 1), [["a", "b", "c"]], ValueError, "X must hold numbers"),
        (poisoned(), np.ones((4, 3)), ValueError, "'2.weight' has NaN"),
        (TwoOutputs(), np.ones((4, 3)), ValueError, "must return one tensor, got tuple"),
        (np.ones(3), np.ones((4, 3)), TypeError, "torch.nn.Module"),
        (sequential(3, 4, 1), torch.ones(4, 3, device="meta"), ValueError, "meta"),
    ],
)
def test_bad_input(module, X, error, message):
    with pytest.raises(error, match=message):
        bt.identify(module, X)


@pytest.mark.parametrize(
    ("indices", "message"),
    [([[0, 1, 99]], "between 0 and 9"), ([[0, 0, 1]], "leave 2 directions"), ([[0.5, 1.0, 2.0]], "whole numbers")],
)
def test_indices_that_define_nothing(indices, message):
    with pytest.raises(ValueError, match=message):
        bt.rebuild(indices, RNG.normal(size=(10, 3)))


def test_it_is_reached_from_the_package():
    assert bn.torch is bt


class Twins(nn.Module):
    """One layer for both halves of the input."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 1)

    def half(self, x):
        return self.second(torch.relu(self.first(x)))

    def forward(self, x):
        return self.half(x[:, 0]) - self.half(x[:, 1])


def test_rows_of_a_layer_that_is_called_twice_belong_to_their_samples():
    module, X = Twins().double(), samples((600, 2, 2))  # two batches
    found = bt.identify(module, X, samples=1)[0]
    away = (X @ module.first.weight.T + module.first.bias).abs().detach() / module.first.weight.norm(dim=1).detach()
    assert found.positions == 2
    for k, row in enumerate(found.data().itertuples()):
        assert divmod(int(away[:, :, k].argmin()), 2) == (row.sample, row.position)
        assert row.distance == pytest.approx(float(away[:, :, k].min()))


@pytest.mark.parametrize("tokens", [True, False])
def test_normalisations_that_are_no_part_of_neurons(tokens):
    # of tokens by their place, and by the other samples
    norm = nn.BatchNorm1d(4) if tokens else nn.BatchNorm1d(5, track_running_stats=False)
    module = nn.Sequential(nn.Linear(3, 5), norm, nn.ReLU(), nn.Linear(5, 1)).double()
    with pytest.raises(ValueError, match="no ReLU neurons"):
        bt.identify(module, samples((7, 4, 3) if tokens else (7, 3)))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["independent", "repeated", "flat", "nearly repeated", "zero", "too many", "one"])
def test_closeness_is_that_of_the_projection(kind, bias):
    # the quick way, by triangles alone, against singular values
    rng = np.random.default_rng(3)
    rows, weight = rng.normal(size=(12, 20)), rng.normal(size=20)
    if kind == "repeated":
        rows[[3, 7]], rows[9] = rows[2], 2.0 * rows[4] - rows[5]
    if kind == "flat":
        rows = rng.normal(size=(12, 4)) @ rng.normal(size=(4, 20))
    if kind == "nearly repeated":
        rows[6] = rows[1] + 1e-5 * rng.normal(size=20)
    if kind == "zero":
        rows[[0, 5]] = 0.0
    if kind == "too many":
        rows = rng.normal(size=(30, 20))
    if kind == "one":
        rows = rows[:1]
    spanned = rows[1:] - rows[0] if bias else rows
    _, sizes, axes = np.linalg.svd(spanned, full_matrices=False)
    axes = axes[sizes > 1e-9 * sizes.max(initial=0.0)]
    left = weight - axes.T @ (axes @ weight)
    expected = 0.0 if kind == "too many" else np.linalg.norm(left) / np.linalg.norm(weight)
    found = closeness(torch.tensor(weight), torch.tensor(rows), bias)
    assert float(found) == pytest.approx(expected, abs=1e-9)


@every_module
def test_rows_by_their_numbers(module, shape, names):
    X = samples(shape).to(next(module.parameters()).dtype)
    for layer in relu_layers(module, X):
        rows = torch.cat(list(rows_read(module, layer.name, X)))
        numbers = torch.arange(0, len(rows), 3)
        assert torch.equal(rows_at(module, layer.name, X, numbers), rows[numbers])


@pytest.mark.parametrize("padding", [0, 2, "same"])
@pytest.mark.parametrize("d", [1, 2])
def test_patches_are_what_convolutions_multiply(d, padding):
    kind, stride = (nn.Conv1d, nn.Conv2d)[d - 1], 1 if padding == "same" else 2
    layer = kind(3, 4, (4, 3)[-d:], stride=stride, padding=padding, dilation=2, dtype=torch.float64)
    module, X = nn.Sequential(layer, nn.ReLU()), samples((5, 3, *(13, 11)[-d:]))
    (found,) = relu_layers(module, X)
    weights, biases = found.neurons(module)
    computed = torch.cat([rows @ weights.T + biases for rows in rows_read(module, "0", X)])
    torch.testing.assert_close(computed, layer(X).detach().flatten(2).transpose(1, 2).reshape(computed.shape))
