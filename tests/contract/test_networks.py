"""What a network and a training may be, and that older documents are still read."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from impls.contract import FEATURES, features_of
from impls.convolution import Convolution
from impls.data.normalise import NORMALISATIONS
from impls.errors import UsageError
from impls.networks import Network, Training
from impls.parameters import start_parameters
from impls.presets import PRESETS


def test_islr_is_the_network_of_the_lab() -> None:
    preset = PRESETS["islr"]
    assert preset.network.parameter_count == 235146
    assert (preset.network.activation, preset.network.output) == ("relu", "softmax")
    assert preset.network.dropout == (0.2, 0.2)
    training = preset.training_at(500, seed=9)
    assert (training.optimiser, training.learning_rate, training.epsilon) == ("adam", 1e-3, 1e-7)
    assert (training.reduction, training.start, training.dropout_seed) == ("mean", "glorot", 9)
    assert (training.l1, training.l2, training.decay) == (0, 0, 0)
    assert preset.training_at(20000).learning_rate == 1e-3


def test_a_preset_names_a_normalisation_that_there_is() -> None:
    assert {preset.normalise for preset in PRESETS.values()} <= NORMALISATIONS.keys()
    assert (PRESETS["blog"].normalise, PRESETS["islr"].normalise) == ("standard", "range")


@pytest.mark.parametrize("dropout", [(0.2,), (0.2, 0.2, 0.2), (0.2, 1.0), (-0.1, 0.2)])
def test_dropout_is_one_rate_per_hidden_layer(dropout: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"2 hidden layers, dropout .*: give one rate"):
        Network(name="wrong", layers=(4, 3, 3, 2), dropout=dropout)


def test_no_dropout_is_a_rate_of_zero_in_every_layer() -> None:
    assert Network(name="none", layers=(4, 3, 3, 2)).dropout_rates == (0.0, 0.0)
    assert Network(name="line", layers=(4, 2)).dropout_rates == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epsilon": 0.0}, "epsilon 0.0 is not possible: use a finite number above 0"),
        ({"learning_rate": -1.0}, "learning rate -1.0 is not possible: use a finite number above"),
        ({"learning_rate": float("inf")}, "learning rate inf is not possible"),
        ({"l2": float("inf")}, "l2 inf is not possible: use a finite number, 0 or more"),
        ({"decay": float("nan")}, "decay nan is not possible"),
        ({"epochs": -3}, "epochs -3 is not possible: use 0 or more"),
        ({"beta1": 1.0}, "beta1 1.0 is not possible: use at least 0 and below 1"),
        ({"beta2": -0.5}, "beta2 -0.5 is not possible: use at least 0 and below 1"),
        ({"rho": float("nan")}, "rho nan is not possible: use at least 0 and below 1"),
    ],
)
def test_coefficients_outside_their_range_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Training(**change)


def test_descriptions_travel_as_json_and_older_ones_are_read() -> None:
    preset = PRESETS["islr"]
    for description in (preset.network, preset.training):
        text = msgspec.json.encode(description)
        assert msgspec.json.decode(text, type=type(description)) == description
    old = b'{"name": "blog", "layers": [784, 70, 30, 10]}'
    assert msgspec.json.decode(old, type=Network) == PRESETS["blog"].network
    old = b'{"batch_size": 500, "momentum": 5e-05, "l2": 0.01, "start_scale": 2.0}'
    assert msgspec.json.decode(old, type=Training) == PRESETS["blog"].training


def test_what_an_implementation_must_have_follows_from_the_settings() -> None:
    blog, islr = PRESETS["blog"], PRESETS["islr"]
    assert features_of(blog.network, blog.training) == frozenset()
    assert features_of(islr.network, islr.training) == {"dropout", "adam", "mean"}
    assert features_of(blog.network, Training(optimiser="rmsprop")) == {"rmsprop"}
    undropped = Network(name="zero", layers=(4, 3, 2), dropout=(0.0,))
    assert features_of(undropped, Training()) == frozenset()
    assert frozenset({"dropout", "adam", "rmsprop", "mean", "convolution"}) == FEATURES
    small = PRESETS["cnn-small"]
    assert features_of(small.network, small.training) == {"convolution", "adam", "mean"}


@pytest.mark.parametrize(
    ("name", "shapes", "count"),
    [
        ("blog", ((784, 70), (70, 30), (30, 10)), 57390),
        ("islr", ((784, 256), (256, 128), (128, 10)), 235146),
        ("cnn-blog", ((9, 32), (288, 64), (576, 64), (576, 70), (70, 10)), 96844),
        ("cnn-small", ((9, 16), (144, 32), (800, 128), (128, 10)), 108618),
    ],
)
def test_networks_have_the_parameters_of_the_articles(
    name: str, shapes: tuple[tuple[int, int], ...], count: int
) -> None:
    network = PRESETS[name].network
    assert network.shapes == shapes
    assert network.parameter_count == count


def test_maps_shrink_by_kernels_and_pools() -> None:
    conv_layers = PRESETS["cnn-blog"].network.conv_layers
    assert [conv.filtered for conv in conv_layers] == [(26, 26), (11, 11), (3, 3)]
    assert [conv.pooled for conv in conv_layers] == [(13, 13, 32), (5, 5, 64), (3, 3, 64)]


def test_convolutions_need_an_image_that_they_fit() -> None:
    with pytest.raises(UsageError, match="convolutions need an image of as many values"):
        Network(name="n", layers=(9, 2), convolutions=(Convolution(filters=1),))
    with pytest.raises(UsageError, match="leave nothing of a map of 3 x 3"):
        Network(
            name="n",
            layers=(9, 2),
            image=(3, 3, 1),
            convolutions=(Convolution(filters=1, kernel=4),),
        )
    with pytest.raises(UsageError, match="filters, kernel and pool are at least 1"):
        Convolution(filters=0)


def test_glorot_counts_every_place_that_a_filter_reaches() -> None:
    preset = PRESETS["cnn-small"]
    start = start_parameters(preset.network, preset.training, 1)
    for W, fans in zip(start.weights, (9 + 144, 144 + 288, 928, 138), strict=True):
        bound = np.sqrt(6 / fans)
        assert 0.9 * bound < np.abs(W).max() <= bound


def test_a_network_is_described_on_one_line() -> None:
    assert PRESETS["blog"].network.description == "784-70-30-10"
    assert PRESETS["cnn-blog"].network.description == (
        "28x28x1, conv 32 3x3, pool 2, conv 64 3x3, pool 2, conv 64 3x3, dense 70, dense 10"
    )
