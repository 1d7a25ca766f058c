"""The reference is checked by finite differences, and the shared numbers by their definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from impls.mathematics.reference import Trainer
from impls.networks import Network, Training
from impls.parameters import Parameters, batches, epoch_order, start_parameters
from impls.presets import find_preset
from impls.training.fit import decayed, fit

from .conftest import made_up_data


@pytest.mark.parametrize(
    ("activation", "loss"),
    list(itertools.product(("sigmoid", "tanh"), ("logloss", "mse", "cross-entropy"))),
)
def test_gradients_of_the_reference_are_those_of_its_cost(activation: str, loss: str) -> None:
    network = Network(
        name="fd", layers=(6, 5, 4), activation=activation, loss=loss, dtype="float64"
    )
    training = Training(batch_size=7, l1=0.05, l2=0.3)
    X, Y = made_up_data(network, 7)
    start = start_parameters(network, training, seed=2)

    def cost(parameters: Parameters) -> float:
        trainer = Trainer(network, training, parameters)
        trainer.bind(X, Y)
        trainer.prepare(np.arange(7))
        trainer.forward()
        return trainer.loss().cost

    trainer = Trainer(network, training, start)
    trainer.bind(X, Y)
    trainer.prepare(np.arange(7))
    trainer.forward()
    trainer.backward()
    gradients = dict(trainer.gradients().arrays())
    step = 1e-6
    for name, array in start.arrays():
        for place in np.ndindex(array.shape):
            kept = array[place]
            array[place] = kept + step
            above = cost(start)
            array[place] = kept - step
            below = cost(start)
            array[place] = kept
            slope = (above - below) / (2 * step)
            assert gradients[name][place] == pytest.approx(slope, rel=1e-5, abs=1e-7), name


def test_relu_gradients_match_finite_differences_away_from_the_kink() -> None:
    network = Network(name="fd", layers=(3, 2), activation="relu", loss="mse", dtype="float64")
    training = Training(batch_size=4, l2=0.0)
    X, Y = made_up_data(network, 4)
    start = start_parameters(network, training, seed=2)
    trainer = Trainer(network, training, start)
    trainer.bind(X, Y)
    trainer.prepare(np.arange(4))
    trainer.forward()
    trainer.backward()
    A = 1 / (1 + np.exp(-(X @ start.weights[0] + start.biases[0])))
    expected = X.T @ ((A - Y) * A * (1 - A))
    assert trainer.gradients().weights[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("first", "last"), [(1e-3, 0.0009994051838157095), (1e-4, 9.994051838157101e-05)]
)
def test_the_articles_last_learning_rates_come_out_to_the_last_digit(
    first: float, last: float
) -> None:
    rate = first
    for epoch in range(35):
        rate = decayed(rate, 1e-6, epoch)
    assert rate == last


def test_fit_decays_the_rate_and_keeps_every_loss() -> None:
    network = Network(name="fit", layers=(5, 4, 3), dtype="float64")
    training = Training(batch_size=8, decay=0.5, learning_rate=0.1)
    trainer = Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(*made_up_data(network, 20))
    seen: list[int] = []

    history = fit(trainer, 20, epochs=3, seed=4, on_epoch=lambda epoch: seen.append(epoch.number))

    assert seen == [1, 2, 3]
    assert [epoch.losses.shape for epoch in history.epochs] == [(3, 3)] * 3
    rates = [epoch.learning_rate for epoch in history.epochs]
    assert rates == pytest.approx([0.1, 0.1 / 1.5, 0.1 / 1.5 / 2])
    assert trainer.learning_rate == rates[-1]


def test_an_interrupted_fit_keeps_what_was_learned() -> None:
    network = Network(name="fit", layers=(5, 4, 3), dtype="float64")
    training = Training(batch_size=8)
    trainer = Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(*made_up_data(network, 20))

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    history = fit(trainer, 20, epochs=3, seed=4, on_epoch=interrupt)

    assert len(history.epochs) == 1


def test_start_parameters_are_seeded_and_within_their_bounds() -> None:
    preset = find_preset("blog", activation=None, loss=None)
    first = start_parameters(preset.network, preset.training, seed=3)
    again = start_parameters(preset.network, preset.training, seed=3)
    other = start_parameters(preset.network, preset.training, seed=4)
    assert [w.shape for w in first.weights] == [(784, 70), (70, 30), (30, 10)]
    for (name, ours), (_, same), (_, different) in zip(
        first.arrays(), again.arrays(), other.arrays(), strict=True
    ):
        np.testing.assert_array_equal(ours, same)
        assert not np.array_equal(ours, different), name
    assert np.abs(first.weights[0]).max() <= 2 / np.sqrt(784)
    assert np.abs(first.weights[0]).max() > 1.99 / np.sqrt(784)


def test_an_epoch_visits_every_row_once_and_differs_from_the_next() -> None:
    order = epoch_order(101, seed=1, epoch=0)
    assert sorted(order) == list(range(101))
    assert not np.array_equal(order, epoch_order(101, seed=1, epoch=1))
    assert [len(rows) for rows in batches(order, 40)] == [40, 40, 21]


def test_the_blog_preset_is_that_of_the_articles() -> None:
    preset = find_preset("blog", activation=None, loss=None)
    assert preset.network.parameter_count == 57390
    assert preset.training_at(500).learning_rate == 1e-3
    assert preset.training_at(20000).learning_rate == 1e-4
