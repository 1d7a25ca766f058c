"""Pictures of convolutions: kernels, feature maps, and the colours that stand for numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from impls.convolution import Convolution
from impls.data import TrainingData
from impls.mathematics.reference import Trainer
from impls.networks import Network
from impls.parameters import Parameters, start_parameters
from impls.training.evaluation import Trained, evaluate, feature_maps, kernels
from impls.training.history import History
from impls.training.model import Model, Order, Source
from reports.evaluation import build_evaluation
from reports.evaluation.sections.filters import chosen_filters
from reports.pictures import Scale
from tests.learning.evaluations import rows, section
from tests.learning.trainings import TRAINING
from tests.reports.reading import Page

CNN = Network(
    name="tiny", layers=(36, 4, 3), activation="relu", loss="cross-entropy", image=(6, 6, 1),
    convolutions=(Convolution(filters=5, pool=2), Convolution(filters=3, kernel=2)),
)  # fmt: skip


def convolutional(data: TrainingData, network: Network = CNN) -> Trained:
    """A network as it starts."""
    trainer = Trainer(network, TRAINING, start_parameters(network, TRAINING, 1))
    trainer.bind(data.X, data.one_hot(network.dtype))
    source = Source(name=data.name, sha256=data.sha256, examples=90, class_names=data.class_names)
    model = Model(
        implementation="reference", network=network, training=TRAINING, order=Order(seed=1),
        source=source, normaliser=data.normaliser, state=trainer.state(),
        learning_rate=trainer.learning_rate, history=History(),
    )  # fmt: skip
    return Trained("cnn", model, evaluate(trainer, data))


@pytest.fixture
def cnn(data: TrainingData) -> Trained:
    return convolutional(data)


@pytest.fixture
def pictured(cnn: Trained, data: TrainingData) -> str:
    return build_evaluation([cnn], data)


def alternatives(source: str) -> list[str]:
    return [str(one["alt"]) for one in Page(source).all("img")]


def test_kernels_lie_as_the_weights_say() -> None:
    conv = CNN.conv_layers[1]
    W = np.arange(conv.shape[0] * conv.shape[1], dtype=float).reshape(conv.shape)
    found = kernels(conv, W)
    assert found.shape == (3, 2, 2, 5)
    for filter_, i, j, channel in np.ndindex(found.shape):
        assert found[filter_, i, j, channel] == W[(i * 2 + j) * 5 + channel, filter_]


def test_feature_maps_are_activations_before_pooling() -> None:
    network = Network(
        name="hand", layers=(9, 1), activation="relu", image=(3, 3, 1),
        convolutions=(Convolution(filters=2, kernel=2, pool=2), Convolution(filters=1, kernel=1)),
    )  # fmt: skip
    first = np.array([[1, -1], [0, 0], [0, 0], [1, -1]], dtype=float)
    second = np.array([[2], [10]], dtype=float)
    parameters = Parameters(
        (first, second, np.ones((1, 1))), (np.array([0.0, 9.0]), np.array([1.0]), np.ones(1))
    )
    found = feature_maps(network, parameters, np.arange(9.0))
    # The first filter adds the upper left to the lower right, the second takes both from 9.
    assert found[0].tolist() == [[[4, 6], [10, 12]], [[5, 3], [0, 0]]]
    # The largest of either go on: 2 * 12 + 10 * 5 + 1.
    assert found[1].tolist() == [[[75]]]


def test_a_dense_network_has_no_feature_maps() -> None:
    network = Network(name="dense", layers=(4, 2))
    start = start_parameters(network, TRAINING, 1)
    assert feature_maps(network, start, np.zeros(4)) == ()


def test_the_filters_of_the_articles_are_chosen_where_there_are_so_many() -> None:
    assert chosen_filters(14).tolist() == [4, 7, 10, 13]
    assert chosen_filters(64).tolist() == [4, 7, 10, 13]
    assert chosen_filters(13).tolist() == [0, 4, 8, 12]
    assert chosen_filters(3).tolist() == [0, 1, 2]
    assert chosen_filters(1).tolist() == [0]


def test_every_kernel_and_the_chosen_maps_are_shown(pictured: str) -> None:
    shown = alternatives(section(pictured, "filters"))
    assert sum(one.startswith("kernel of filter") for one in shown) == 5 + 3
    maps = [one for one in shown if one.startswith("feature map")]
    assert maps == [
        *(f"feature map of filter {n} after convolution 1, test example 0" for n in (0, 1, 3, 4)),
        *(f"feature map of filter {n} after convolution 2, test example 0" for n in (0, 1, 2)),
    ]
    assert "test example 0, class 0" in shown
    words = Page(section(pictured, "filters")).text
    assert "Convolution 1: 5 filters of 3 \N{MULTIPLICATION SIGN} 3 over 1 channel" in words
    assert "After convolution 2: 1 \N{MULTIPLICATION SIGN} 1" in words
    assert "the weights for channel 0 are shown" in words


def test_the_page_of_a_cnn_is_sound(pictured: str) -> None:
    read = Page(pictured)
    assert read.unbalanced == []
    assert all(alternatives(pictured))


def test_the_layers_of_a_cnn_are_listed_with_their_parameters(pictured: str) -> None:
    shown = rows(pictured, "Network tiny")
    assert [row[0] for row in shown] == [
        "input", "convolution 1", "convolution 2", "hidden 1", "output", "all",
    ]  # fmt: skip
    assert [row[-3:] for row in shown] == [
        ["0", "0", "0"], ["45", "5", "50"], ["60", "3", "63"], ["12", "4", "16"],
        ["12", "3", "15"], ["129", "15", "144"],
    ]  # fmt: skip
    nodes = pictured.replace("\N{MULTIPLICATION SIGN}", "by")
    assert "2 by 2 by 5<small>kernels 3 by 3, pooled by 2 by 2</small>" in nodes
    assert "1 by 1 by 3<small>kernels 2 by 2</small>" in nodes


def test_dense_networks_have_no_pictures_of_filters(page: str) -> None:
    assert "No network here begins with convolutions." in section(page, "filters")


def test_of_several_networks_the_first_with_convolutions_is_shown(
    trained: Trained, cnn: Trained, data: TrainingData
) -> None:
    page = build_evaluation([trained, cnn], data)
    assert "All of this is of cnn." in section(page, "filters")


def test_weights_that_are_not_finite_still_give_a_page(cnn: Trained, data: TrainingData) -> None:
    state = cnn.model.state
    bad = tuple(np.full_like(W, np.nan) for W in state.parameters.weights)
    parameters = dataclasses.replace(state.parameters, weights=bad)
    model = dataclasses.replace(cnn.model, state=state._replace(parameters=parameters))
    page = build_evaluation([dataclasses.replace(cnn, model=model)], data)
    assert "kernel of filter 4" in page


def test_zero_is_white_and_the_ends_have_the_full_colours() -> None:
    scale = Scale.of(np.array([-2.0, 1.0, 0.0]))
    assert (scale.start, scale.limit) == (-2.0, 2.0)
    shown = scale.colours(np.array([[-2.0, 0.0, 2.0, np.nan]]))
    assert shown.tolist() == [[[11, 79, 158], [255, 255, 255], [179, 71, 0], [255, 255, 255]]]
    half = scale.colours(np.array([1.0]))
    assert half.tolist() == [[217, 163, 128]]


def test_a_scale_without_negative_values_starts_at_zero() -> None:
    assert Scale.of(np.array([0.0, 3.0])) == Scale(0.0, 3.0)
    assert Scale.of(np.array([np.nan])) == Scale(0.0, 0.0)
    assert Scale(0.0, 0.0).colours(np.zeros(1)).tolist() == [[255, 255, 255]]
