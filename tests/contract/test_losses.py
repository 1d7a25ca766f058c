"""Losses at the ends of their range: outputs sure of what is wrong, and numbers that are none."""

from __future__ import annotations

import numpy as np
import pytest

from impls.contract import Trainer
from impls.mathematics.functions import PROBABILITY_FLOOR, SMALLEST_PROBABILITY
from impls.networks import Network, Training
from impls.parameters import Parameters, start_parameters

from .conftest import made_up_data


def loss_of_inputs(trainer_class: type[Trainer], loss: str, Z: list[float]) -> float:
    """The loss of one example of class 0 whose last layer has the inputs ``Z``."""
    network = Network(name="line", layers=(1, len(Z)), loss=loss)
    training = Training(batch_size=1, l2=0.0)
    start = Parameters((np.array([Z], np.float32),), (np.zeros(len(Z), np.float32),))
    trainer = trainer_class(network, training, start)
    trainer.bind(np.ones((1, 1), np.float32), np.eye(1, len(Z), dtype=np.float32))
    return float(trainer.step(np.array([0])).data)


def comes_from(trainer_class: type[Trainer], folder: str) -> bool:
    return any(base.__module__.startswith(f"impls.{folder}.") for base in trainer_class.__mro__)


def limit_of(trainer_class: type[Trainer], probability: float) -> float:
    """What a probability costs at least; scikit-learn has a limit of its own and says so."""
    own = comes_from(trainer_class, "sklearn")
    return -np.log(np.finfo(np.float32).eps if own else probability)


@pytest.mark.parametrize("wrong", [5.0, 15.0, 30.0, 60.0, 87.0, 200.0])
def test_the_wrong_class_costs_what_it_costs_up_to_the_limit(
    trainer_class: type[Trainer], wrong: float
) -> None:
    found = loss_of_inputs(trainer_class, "cross-entropy", [-wrong / 2, wrong / 2, -200.0])
    limit = limit_of(trainer_class, SMALLEST_PROBABILITY)
    if wrong < limit:
        assert found == pytest.approx(np.log1p(np.exp(wrong)), rel=1e-5)
    else:
        assert 0.9999 * limit <= found <= 1.00001 * wrong


@pytest.mark.parametrize("wrong", [5.0, 10.0, 30.0, 200.0])
@pytest.mark.parametrize("place", [0, 1])
def test_a_wrong_output_costs_what_it_costs_up_to_the_limit(
    trainer_class: type[Trainer], wrong: float, place: int
) -> None:
    # One output is right beyond doubt, the other one wrong: 0 where it should be 1, or 1 for 0.
    Z = [-wrong, -300.0] if place == 0 else [300.0, wrong]
    found = loss_of_inputs(trainer_class, "logloss", Z)
    limit = limit_of(trainer_class, PROBABILITY_FLOOR)
    if wrong < limit:
        # Of an output as near to 1 as this, four digits are left.
        assert found == pytest.approx(np.log1p(np.exp(wrong)), rel=2e-4)
    else:
        assert 0.9999 * limit <= found <= 1.00001 * wrong


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("loss", ["logloss", "mse", "cross-entropy"])
@pytest.mark.parametrize("place", ["weights", "examples"])
def test_what_is_no_number_shows(
    trainer_class: type[Trainer], activation: str, loss: str, place: str
) -> None:
    if comes_from(trainer_class, "keras") and activation == "relu":
        pytest.skip("TensorFlow's relu makes 0 of it")
    network = Network(name="small", layers=(4, 6, 5, 3), activation=activation, loss=loss)
    training = Training(batch_size=20)
    start = start_parameters(network, training, seed=1)
    X, Y = made_up_data(network, 20)
    if place == "weights":
        start.weights[1][2, 3] = np.nan
    else:
        X[7, 1] = np.nan
    trainer = trainer_class(network, training, start)
    trainer.bind(X, Y)
    lost = slice(None) if place == "weights" else 7

    if comes_from(trainer_class, "sklearn"):
        with pytest.raises(ValueError, match=r"NaN|non-finite"):
            trainer.step(np.arange(20))
        return
    assert np.isnan(trainer.predict(X)[lost]).all()
    loss_of_batch = trainer.step(np.arange(20))
    assert np.isnan(float(loss_of_batch.data))
    assert np.isnan(float(loss_of_batch.mean_error))


def test_saturated_outputs_keep_the_loss_finite(trainer_class: type[Trainer]) -> None:
    network = Network(name="line", layers=(1, 2))
    training = Training(batch_size=1, l2=0.0)
    huge = Parameters((np.full((1, 2), 1e4, np.float32),), (np.zeros(2, np.float32),))
    trainer = trainer_class(network, training, huge)
    trainer.bind(np.ones((1, 1), np.float32), np.array([[1.0, 0.0]], np.float32))

    loss = trainer.step(np.array([0]))

    assert np.isfinite(float(loss.data))
    assert float(loss.mean_error) == pytest.approx(0.5)
