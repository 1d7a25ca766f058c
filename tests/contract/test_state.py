"""A training taken up again ends where it would have ended, in any implementation."""

from __future__ import annotations

import numpy as np
import pytest

from impls import contract
from impls.contract import State, Trainer
from impls.mathematics.reference import Trainer as Reference
from impls.networks import Network, Training
from impls.parameters import Parameters, start_parameters
from impls.training.fit import fit
from tests.contract.conftest import made_up_data

EXAMPLES = 110
TRAININGS = {
    "sgd": Training(batch_size=20, learning_rate=0.01, momentum=0.4, l2=0.1, decay=0.02),
    "adam": Training(batch_size=20, optimiser="adam", learning_rate=0.005, reduction="mean"),
    "rmsprop": Training(batch_size=20, optimiser="rmsprop", learning_rate=0.002),
}
NETWORK = Network(name="state", layers=(13, 9, 6, 4), activation="tanh")


def begun(trainer_class: type[Trainer], training: Training, network: Network) -> Trainer:
    declined = trainer_class.supports(network, training)
    if declined:
        pytest.skip(declined)
    if trainer_class.resume is contract.Trainer.resume:
        pytest.skip("it does not hand out its optimiser's memory")
    trainer = trainer_class(network, training, start_parameters(network, training, seed=1))
    X, Y = made_up_data(network, EXAMPLES)
    # Every other feature is mostly background, as most pixels of a digit are.
    X[10:, ::2] = -0.3
    trainer.bind(X, Y)
    return trainer


def trained(trainer: Trainer, epochs: int) -> Trainer:
    fit(trainer, EXAMPLES, epochs=epochs, seed=3)
    return trainer


def taken_up(trainer_class: type[Trainer], other: Trainer, epochs: tuple[int, int]) -> Trainer:
    """A fresh trainer that goes on where ``other`` stands."""
    history = fit(other, EXAMPLES, epochs=epochs[0], seed=3)
    trainer = begun(trainer_class, other.training, other.network)
    trained(trainer, 1)
    trainer.resume(other.state())
    trainer.learning_rate = other.learning_rate
    fit(trainer, EXAMPLES, epochs=epochs[1], seed=3, history=history)
    return trainer


def assert_equal(one: Parameters, other: Parameters) -> None:
    for (name, ours), (_, theirs) in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def assert_close(one: Parameters, other: Parameters, tolerance: float) -> None:
    for (name, ours), (_, theirs) in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=tolerance, err_msg=name)


@pytest.mark.parametrize(
    ("optimiser", "dropout"),
    [("sgd", ()), ("adam", (0.2, 0.4)), ("rmsprop", ())],
    ids=["sgd", "adam-dropout", "rmsprop"],
)
def test_a_training_taken_up_again_ends_at_the_very_same_weights(
    trainer_class: type[Trainer], optimiser: str, dropout: tuple[float, ...]
) -> None:
    network = Network(name="state", layers=NETWORK.layers, activation="tanh", dropout=dropout)
    training = TRAININGS[optimiser]
    whole = trained(begun(trainer_class, training, network), 4)
    resumed = taken_up(trainer_class, begun(trainer_class, training, network), (2, 4))
    assert_equal(resumed.parameters(), whole.parameters())
    assert resumed.learning_rate == whole.learning_rate


@pytest.mark.parametrize("optimiser", TRAININGS)
def test_another_implementation_takes_a_training_up(
    trainer_class: type[Trainer], optimiser: str
) -> None:
    training = TRAININGS[optimiser]
    whole = trained(begun(Reference, training, NETWORK), 3)
    ours, exact = (begun(one, training, NETWORK) for one in (trainer_class, Reference))
    from_reference = taken_up(trainer_class, exact, (1, 3))
    to_reference = taken_up(Reference, ours, (1, 3))
    assert_close(from_reference.parameters(), whole.parameters(), 2e-5)
    assert_close(to_reference.parameters(), whole.parameters(), 2e-5)
    assert_remembers(ours.state(), exact.state(), 6)
    assert_remembers(from_reference.state(), whole.state(), 18)


def assert_remembers(ours: State, exact: State, updates: int) -> None:
    assert ours.updates == exact.updates == updates
    assert ours.memory is not None
    assert exact.memory is not None
    for mine, theirs in zip(ours.memory, exact.memory, strict=True):
        assert_close(mine, theirs, 2e-5)


def test_the_state_is_a_copy(trainer_class: type[Trainer]) -> None:
    trainer = trained(begun(trainer_class, TRAININGS["adam"], NETWORK), 1)
    state = trainer.state()
    kept = State(state.parameters.astype(float), None, state.updates)
    memory = [one.astype(float) for one in state.memory or ()]
    trained(trainer, 2)
    assert_equal(state.parameters.astype(float), kept.parameters)
    for now, before in zip(state.memory or (), memory, strict=True):
        assert_equal(now.astype(float), before)


def test_a_state_without_memory_begins_with_an_empty_one(trainer_class: type[Trainer]) -> None:
    training = TRAININGS["adam"]
    fresh = begun(trainer_class, training, NETWORK)
    start = fresh.state().parameters
    used = trained(begun(trainer_class, training, NETWORK), 2)
    used.resume(State(start, None, 0))
    used.learning_rate = training.learning_rate
    assert_equal(trained(used, 2).parameters(), trained(fresh, 2).parameters())
