"""The convolutions of the reference: by finite differences, by hand, and against autograd."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from impls.convolution import Convolution
from impls.mathematics import patches, reference
from impls.networks import Activation, LossName, Network, Training
from impls.parameters import Floats, Parameters, start_parameters
from impls.presets import PRESETS

from .conftest import made_up_data

TRAINING = Training(batch_size=5, l1=0.02, l2=0.1, reduction="mean")


def network(activation: Activation = "tanh", loss: LossName = "cross-entropy") -> Network:
    """Two channels, kernels that differ, and a remainder of one row and no column at the pool."""
    return Network(
        name="small",
        layers=(7 * 8 * 2, 6, 4),
        activation=activation,
        loss=loss,
        dtype="float64",
        image=(7, 8, 2),
        convolutions=(Convolution(filters=3, kernel=3, pool=2), Convolution(filters=4, kernel=2)),
    )


def trained(net: Network, start: Parameters, data: tuple[Floats, Floats]) -> reference.Trainer:
    """A trainer that has gone to the outputs and back."""
    trainer = reference.Trainer(net, TRAINING, start)
    trainer.bind(*data)
    trainer.prepare(np.arange(len(data[0])))
    trainer.forward()
    trainer.backward()
    return trainer


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("loss", ["logloss", "mse", "cross-entropy"])
def test_gradients_are_those_of_the_cost(activation: Activation, loss: LossName) -> None:
    net = network(activation, loss)
    data = made_up_data(net, 5)
    start = start_parameters(net, TRAINING, seed=2)
    gradients = dict(trained(net, start, data).gradients().arrays())
    for name, array in start.arrays():
        for place in np.ndindex(array.shape):
            kept, costs = array[place], []
            for moved in (kept + 1e-6, kept - 1e-6):
                array[place] = moved
                costs.append(trained(net, start, data).loss().cost)
            array[place] = kept
            slope = (costs[0] - costs[1]) / 2e-6
            assert gradients[name][place] == pytest.approx(slope, rel=1e-5, abs=1e-7), name


def test_a_convolution_is_its_definition() -> None:
    rng = np.random.default_rng(1)
    maps, W = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(2, 2, 3, 4))
    found = patches.convolved(maps, W.reshape(12, 4), 2)
    assert found.shape == (2, 4, 5, 4)
    for place in np.ndindex(found.shape):
        example, i, j, which = place
        below = maps[example, i : i + 2, j : j + 2]
        assert found[place] == pytest.approx((below * W[..., which]).sum(), rel=1e-12)


def test_pooling_takes_the_largest_of_each_square_and_drops_the_rest() -> None:
    maps = np.array([[[1, 5, 9], [2, 3, 9], [9, 9, 9]]], dtype=float)[..., None]
    largest, places = patches.pooled(maps, 2)
    assert (largest.tolist(), places.tolist()) == ([[[[5.0]]]], [[[[1]]]])
    back = patches.unpooled(np.full((1, 1, 1, 1), 7.0), places, (1, 3, 3, 1), 2)
    assert back[0, :, :, 0].tolist() == [[0, 7, 0], [0, 0, 0], [0, 0, 0]]


def test_of_equal_values_the_first_counts() -> None:
    _, places = patches.pooled(np.ones((1, 4, 4, 2)), 2)
    assert not places.any()


def test_laying_patches_over_one_another_is_the_transpose_of_taking_them() -> None:
    rng = np.random.default_rng(1)
    maps, rows = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(2 * 3 * 4, 27))
    there = (patches.patches(maps, 3) * rows).sum()
    back = (maps * patches.overlaid(rows, (2, 5, 6, 3), 3)).sum()
    assert there == pytest.approx(back, rel=1e-12)


def test_parts_of_a_batch_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network()
    data = made_up_data(net, 5)
    start = start_parameters(net, TRAINING, seed=2)
    whole = trained(net, start, data)
    monkeypatch.setattr(patches, "NUMBERS_AT_ONCE", 1)
    apart = trained(net, start, data)
    assert apart.loss().cost == pytest.approx(whole.loss().cost, rel=1e-12)
    for (name, ours), (_, expected) in zip(
        apart.gradients().arrays(), whole.gradients().arrays(), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-13, err_msg=name)


def torch_outputs(
    torch: ModuleType, net: Network, X: Floats, parameters: Parameters
) -> tuple[object, list[object]]:
    """Logits of a network of PyTorch's own layers, and the parameters that they depend on."""
    F = torch.nn.functional
    assert net.image is not None
    height, width, channels = net.image
    maps = torch.tensor(X).reshape(-1, height, width, channels).permute(0, 3, 1, 2)
    leaves = [torch.tensor(array, requires_grad=True) for _, array in parameters.arrays()]
    pairs = list(zip(leaves[::2], leaves[1::2], strict=True))
    for conv, (W, b) in zip(net.conv_layers, pairs, strict=False):
        kernel = W.reshape(conv.kernel, conv.kernel, conv.channels, conv.filters)
        maps = F.relu(F.conv2d(maps, kernel.permute(3, 2, 0, 1), b))
        maps = F.max_pool2d(maps, conv.pool)
    rows = maps.permute(0, 2, 3, 1).flatten(1)
    for W, b in pairs[len(net.conv_layers) : -1]:
        rows = F.relu(rows @ W + b)
    return rows @ pairs[-1][0] + pairs[-1][1], leaves


@pytest.mark.parametrize("name", ["small", "cnn-small", "cnn-blog"])
def test_outputs_loss_and_gradients_are_those_of_autograd(name: str) -> None:
    torch = pytest.importorskip("torch", reason="compared with PyTorch's own convolutions")
    net = network("relu") if name == "small" else PRESETS[name].network
    data = made_up_data(net, 6)
    start = start_parameters(net, TRAINING, seed=3).astype(np.float64)
    ours = trained(net, start, data)
    X, Y = data[0].astype(np.float64), data[1].argmax(axis=1)
    logits, leaves = torch_outputs(torch, net, X, start)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(Y))
    cost = loss + sum(0.05 * (W**2).sum() + 0.02 * W.abs().sum() for W in leaves[::2])  # type: ignore[attr-defined]
    cost.backward()
    assert float(ours.loss().data) == pytest.approx(loss.item(), rel=1e-12)
    outputs = torch.softmax(logits, 1).detach().numpy()
    np.testing.assert_allclose(ours.predict(X), outputs, rtol=1e-11)
    for (array, gradient), leaf in zip(ours.gradients().arrays(), leaves, strict=True):
        expected = leaf.grad.numpy()  # type: ignore[attr-defined]
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12, err_msg=array)
