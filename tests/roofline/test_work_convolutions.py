"""The work of convolutional networks, counted by hand and by what the floor multiplies."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.roofline import (
    Product,
    delta_products,
    forward_products,
    gradient_products,
    step_operations,
    work_of,
)
from impls.contract import PHASES
from impls.convolution import Convolution
from impls.networks import Network, Training
from impls.numpy import floor
from impls.parameters import Floats, start_parameters
from impls.presets import PRESETS

SMALL = PRESETS["cnn-small"].network
PLAIN = Training(l1=0, l2=0, momentum=0)
ODD = Network(
    name="odd",
    layers=(7 * 8 * 2, 6, 4),
    image=(7, 8, 2),
    convolutions=(Convolution(filters=3, pool=2), Convolution(filters=5, kernel=2)),
)


def test_a_convolution_is_a_product_of_as_many_rows_as_places() -> None:
    # The pool of the second convolution takes 10 x 10 of its 11 x 11 places.
    forward = (
        Product(128 * 26 * 26, 9, 16),
        Product(128 * 10 * 10, 144, 32),
        Product(128, 800, 128),
        Product(128, 128, 10),
    )
    assert forward_products(SMALL, 128) == forward
    assert forward[0].operations == 2 * 128 * 26 * 26 * 9 * 16
    assert gradient_products(SMALL, 128)[:2] == (
        Product(9, 128 * 26 * 26, 16),
        Product(144, 128 * 10 * 10, 32),
    )
    assert delta_products(SMALL, 128) == (
        Product(128 * 10 * 10, 32, 144),
        Product(128, 128, 800),
        Product(128, 10, 128),
    )
    each = (26 * 26 * 9 * 16, 10 * 10 * 144 * 32, 800 * 128, 128 * 10)
    assert step_operations(SMALL, 128) == 2 * 128 * (2 * each[0] + 3 * sum(each[1:]))


def test_elementwise_operations_are_those_of_pooled_maps_and_their_comparisons() -> None:
    first, second = 13 * 13 * 16, 5 * 5 * 32
    hidden = first + second + 128
    work = work_of(SMALL, msgspec.structs.replace(PLAIN, reduction="mean"), 4)
    compared, overlapping = 3 * (first + second), 100 * 144
    assert work["forward"].elementwise == 4 * (2 * hidden + 6 * 10 + compared)
    per_example = 2 * 10 + 2 * hidden + (hidden + 10) + overlapping
    assert work["backward"].elementwise == 4 * per_example
    assert work["loss"].elementwise == 4 * 7 * 10
    assert work["update"].elementwise == 2 * SMALL.parameter_count


def test_bytes_are_those_of_maps_and_not_of_patches() -> None:
    m, hidden, parameters = 4, 13 * 13 * 16 + 5 * 5 * 32 + 128, SMALL.parameter_count
    weights = parameters - (16 + 32 + 128 + 10)
    work = work_of(SMALL, PLAIN, m)
    numbers = {
        "prepare": 2 * m * (784 + 10),
        "forward": m * (784 + hidden + 10) + parameters,
        "loss": 2 * m * 10,
        "backward": m * (784 + hidden + 2 * 10) + (weights - 9 * 16) + parameters,
        "update": 3 * parameters,
        "step": m * (784 + 10) + 2 * parameters,
    }
    assert {phase: one.bytes for phase, one in work.items()} == {
        phase: 4 * number for phase, number in numbers.items()
    }


@pytest.mark.parametrize("examples", [1, 9, 200])
@pytest.mark.parametrize("network", [ODD, SMALL], ids=lambda network: network.name)
def test_the_floor_multiplies_what_the_model_counts(
    network: Network, examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(batch_size=examples)
    trainer = floor.Trainer(network, training, start_parameters(network, training, 1))
    X = np.ones((examples, network.layers[0]), network.dtype)
    trainer.bind(X, np.ones((examples, network.layers[-1]), network.dtype))
    found = dict.fromkeys(PHASES, 0)
    phase = "forward"

    def multiplied(A: Floats, B: Floats, *, out: Floats) -> None:
        assert out.shape == (len(A), B.shape[1])
        found[phase] += 2 * A.shape[0] * A.shape[1] * B.shape[1]

    trainer.prepare(np.arange(examples))
    monkeypatch.setattr(np, "matmul", multiplied)
    trainer.forward()
    phase = "backward"
    trainer.backward()
    model = work_of(network, training, examples)
    assert found == {phase: model[phase].products for phase in PHASES}


def test_the_floor_really_runs_and_keeps_its_tiles_small() -> None:
    training = Training(batch_size=300)
    trainer = floor.Trainer(SMALL, training, start_parameters(SMALL, training, 1))
    trainer.bind(np.ones((300, 784), np.float32), np.ones((300, 10), np.float32))
    assert trainer.step(np.arange(300)).cost == 0
    numbers = [tile.patches.size + tile.outputs.size for tile in trainer.tiles]
    assert max(numbers) <= floor.TILE_NUMBERS < 300 * 676 * 9
    assert all(np.isfinite(G).all() for _, G in trainer.gradients().arrays())
    assert trainer.predict(np.ones((3, 784), np.float32)).shape == (3, 10)
