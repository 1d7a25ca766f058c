"""What every implementation owes: the same numbers as the reference, whatever the shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.correctness import gate
from impls.contract import Trainer
from impls.mathematics.functions import penalty
from impls.networks import Network, Training
from impls.parameters import Parameters, epoch_order, start_parameters

from .conftest import made_up_data

SMALL = Network(name="small", layers=(20, 15, 12, 5))
DROPPED = Network(name="dropped", layers=(20, 15, 12, 5), dropout=(0.4, 0.2))
FUNCTIONS = list(
    itertools.product(("sigmoid", "tanh", "relu"), ("logloss", "mse", "cross-entropy"))
)


def bound(
    trainer_class: type[Trainer], network: Network, training: Training, examples: int
) -> tuple[Trainer, Parameters]:
    start = start_parameters(network, training, seed=1)
    trainer = trainer_class(network, training, start)
    trainer.bind(*made_up_data(network, examples))
    return trainer, start


def refusal(trainer_class: type[Trainer], network: Network, training: Training) -> str:
    examples = gate.rows_needed(training.batch_size, 10**9)
    data = made_up_data(network, examples)
    start = start_parameters(network, training, seed=1)
    order = epoch_order(examples, 1, 0)
    return gate.refusal(gate.inspect(trainer_class, network, training, start, data, order))


@pytest.mark.parametrize(("activation", "loss"), FUNCTIONS)
def test_every_activation_and_loss_passes_the_gate(
    trainer_class: type[Trainer], activation: str, loss: str
) -> None:
    network = Network(name="small", layers=SMALL.layers, activation=activation, loss=loss)
    assert refusal(trainer_class, network, Training(batch_size=33)) == ""


@pytest.mark.parametrize("batch_size", [1, 2, 63, 64, 65, 1100])
def test_batches_of_any_size_pass_the_gate(trainer_class: type[Trainer], batch_size: int) -> None:
    assert refusal(trainer_class, SMALL, Training(batch_size=batch_size)) == ""


@pytest.mark.parametrize("layers", [(3, 2), (1, 1, 2), (7, 40, 3, 3, 2), (33, 1, 17)], ids=str)
def test_odd_shapes_pass_the_gate(trainer_class: type[Trainer], layers: tuple[int, ...]) -> None:
    network = Network(name="odd", layers=layers)
    assert refusal(trainer_class, network, Training(batch_size=9)) == ""


@pytest.mark.parametrize(
    "change", [{"l1": 0.1, "l2": 0.0}, {"l1": 0.1}, {"l2": 0.0}, {"momentum": 0.0}], ids=str
)
def test_penalties_and_momentum_can_be_on_or_off(
    trainer_class: type[Trainer], change: dict[str, float]
) -> None:
    assert refusal(trainer_class, SMALL, Training(batch_size=16, **change)) == ""


def test_a_large_network_has_its_penalty(trainer_class: type[Trainer]) -> None:
    # Beyond 65536 parameters threads share what follows the gradients, the penalty included.
    network = Network(name="large", layers=(300, 260, 5))
    training = Training(batch_size=70, l1=0.01, l2=0.02)
    trainer, start = bound(trainer_class, network, training, 70)
    loss = trainer.step(np.arange(70))
    assert float(loss.penalty) == pytest.approx(penalty(start.weights, 0.01, 0.02), rel=1e-4)
    trainer.load(start)
    trainer.prepare(np.arange(70))
    trainer.forward()
    assert float(trainer.loss().penalty) == pytest.approx(float(loss.penalty), rel=1e-6)


@pytest.mark.parametrize(
    ("activation", "optimiser", "reduction"),
    [("relu", "adam", "mean"), ("tanh", "rmsprop", "sum"), ("sigmoid", "sgd", "mean")],
)
def test_dropout_and_other_optimisers_pass_the_gate(
    trainer_class: type[Trainer], activation: str, optimiser: str, reduction: str
) -> None:
    network = Network(
        name="dropped", layers=(20, 15, 12, 9, 5), activation=activation, loss="cross-entropy",
        dropout=(0.5, 0.0, 0.2),
    )  # fmt: skip
    training = Training(batch_size=33, optimiser=optimiser, reduction=reduction, start="glorot")
    assert refusal(trainer_class, network, training) == ""


def test_dropout_knows_the_rows_of_later_tiles(trainer_class: type[Trainer]) -> None:
    network = Network(name="tall", layers=(6, 5, 3), dropout=(0.3,))
    assert refusal(trainer_class, network, Training(batch_size=2300)) == ""


def test_one_step_worked_out_by_hand(trainer_class: type[Trainer]) -> None:
    # One input, one output, W = 0, b = 0: the output is 1/2 for x = 2, target 1.
    # Log loss -ln(1/2); delta = a - y = -1/2; gradients: W x*delta = -1, b -1/2.
    # At rate 0.1 the weight moves by +0.1 and the bias by +0.05.
    network = Network(name="line", layers=(1, 1))
    training = Training(batch_size=1, learning_rate=0.1, momentum=0.0, l2=0.0)
    zero = Parameters((np.zeros((1, 1), np.float32),), (np.zeros(1, np.float32),))
    trainer = trainer_class(network, training, zero)
    trainer.bind(np.array([[2.0]], np.float32), np.array([[1.0]], np.float32))

    loss = trainer.step(np.array([0]))

    assert float(loss.data) == pytest.approx(np.log(2), rel=1e-6)
    assert float(loss.penalty) == 0
    assert float(loss.mean_error) == pytest.approx(0.5, rel=1e-6)
    moved = trainer.parameters()
    assert moved.weights[0] == pytest.approx(np.array([[0.1]]), rel=1e-6)
    assert moved.biases[0] == pytest.approx(np.array([0.05]), rel=1e-6)


def test_two_steps_of_adam_worked_out_by_hand(trainer_class: type[Trainer]) -> None:
    # As above the bias has the gradient -1/2 at first.  Its moments are -0.05 and 0.00025, the
    # corrections divide them by 0.1 and 0.001: it moves by the rate, but for epsilon.
    network = Network(name="line", layers=(1, 1))
    training = Training(batch_size=1, learning_rate=0.1, l2=0.0, optimiser="adam", epsilon=1e-3)
    zero = Parameters((np.zeros((1, 1), np.float32),), (np.zeros(1, np.float32),))
    trainer = trainer_class(network, training, zero)
    trainer.bind(np.array([[0.0]], np.float32), np.array([[1.0]], np.float32))
    corrected = 0.1 * np.sqrt(0.001) / 0.1
    first = corrected * 0.05 / (np.sqrt(0.00025) + 1e-3)
    g = 1 / (1 + np.exp(-first)) - 1
    m, v = 0.9 * -0.05 + 0.1 * g, 0.999 * 0.00025 + 0.001 * g**2
    corrected = 0.1 * np.sqrt(1 - 0.999**2) / (1 - 0.9**2)
    second = first - corrected * m / (np.sqrt(v) + 1e-3)

    found = []
    for _ in range(2):
        trainer.step(np.array([0]))
        found.append(float(trainer.parameters().biases[0][0]))

    # Keras takes the power of beta2 in float32, which costs four digits of the correction.
    assert found == pytest.approx([first, second], rel=3e-5)


def test_momentum_remembers_one_step_without_its_own_share(trainer_class: type[Trainer]) -> None:
    # The gradient of the bias is about -1/2 while the weight's input is 0; with V = rate * g the
    # second move is V2 + momentum * V1, and the third contains V2 but nothing of V1.
    network = Network(name="line", layers=(1, 1), loss="mse")
    training = Training(batch_size=1, learning_rate=0.1, momentum=0.5, l2=0.0)
    zero = Parameters((np.zeros((1, 1), np.float32),), (np.zeros(1, np.float32),))
    trainer = trainer_class(network, training, zero)
    trainer.bind(np.array([[0.0]], np.float32), np.array([[1.0]], np.float32))
    b, previous, expected = 0.0, 0.0, []
    for _ in range(3):
        a = 1 / (1 + np.exp(-b))
        move = 0.1 * (a - 1) * a * (1 - a)
        b -= move + 0.5 * previous
        previous = move
        expected.append(b)

    found = []
    for _ in range(3):
        trainer.step(np.array([0]))
        found.append(float(trainer.parameters().biases[0][0]))

    assert found == pytest.approx(expected, rel=1e-5)


def test_epoch_and_steps_agree_and_cover_a_shorter_last_batch(
    trainer_class: type[Trainer],
) -> None:
    training = Training(batch_size=40)
    by_epoch, _ = bound(trainer_class, SMALL, training, 100)
    by_steps, _ = bound(trainer_class, SMALL, training, 100)
    order = epoch_order(100, 3, 0)

    losses = by_epoch.epoch(order)
    single = [by_steps.step(order[first : first + 40]) for first in (0, 40, 80)]

    assert losses == pytest.approx(np.array(single, dtype=float), rel=1e-5)
    for (_, ours), (_, theirs) in zip(
        by_epoch.parameters().arrays(), by_steps.parameters().arrays(), strict=True
    ):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "training",
    [
        Training(batch_size=20, momentum=0.9),
        Training(batch_size=20, optimiser="adam", learning_rate=0.01),
    ],
    ids=["sgd", "adam"],
)
def test_load_forgets_what_training_left(trainer_class: type[Trainer], training: Training) -> None:
    trainer, start = bound(trainer_class, DROPPED, training, 60)
    order = epoch_order(60, 3, 0)

    first = trainer.epoch(order)
    trainer.load(start)
    second = trainer.epoch(order)

    assert second == pytest.approx(first, rel=1e-6)


def test_parameters_come_out_as_they_went_in_and_as_copies(trainer_class: type[Trainer]) -> None:
    trainer, start = bound(trainer_class, SMALL, Training(batch_size=20), 60)
    out = trainer.parameters()
    for (name, ours), (_, given) in zip(out.arrays(), start.arrays(), strict=True):
        assert ours.dtype == np.float32, name
        assert ours.flags.c_contiguous, name
        np.testing.assert_array_equal(ours, given)

    trainer.epoch(epoch_order(60, 3, 0))

    np.testing.assert_array_equal(out.weights[0], start.weights[0])


@pytest.mark.parametrize("network", [SMALL, DROPPED], ids=lambda network: network.name)
def test_a_phase_repeated_changes_nothing(trainer_class: type[Trainer], network: Network) -> None:
    trainer, _ = bound(trainer_class, network, Training(batch_size=20), 60)
    rows = np.arange(20)
    trainer.prepare(rows)
    trainer.forward()
    loss = trainer.loss()
    trainer.backward()
    once = trainer.gradients()
    for _ in range(2):
        trainer.prepare(rows)
        trainer.forward()
        trainer.forward()
        again = trainer.loss()
        trainer.backward()
        trainer.backward()

    assert [float(v) for v in again] == pytest.approx([float(v) for v in loss], rel=1e-6)
    for (_, ours), (_, first) in zip(trainer.gradients().arrays(), once.arrays(), strict=True):
        assert ours == pytest.approx(first, rel=1e-6)


def test_what_is_dropped_changes_with_the_update_and_not_in_predict(
    trainer_class: type[Trainer],
) -> None:
    # At so small a rate nothing but the masks can change.
    trainer, _ = bound(trainer_class, DROPPED, Training(batch_size=20, learning_rate=1e-12), 60)
    losses, outputs = [], []
    for _ in range(3):
        losses.append(float(trainer.step(np.arange(20)).data))
        outputs.append(trainer.predict(np.ones((4, 20), np.float32)))

    assert len({f"{loss:.6g}" for loss in losses}) == 3
    for again in outputs[1:]:
        np.testing.assert_allclose(again, outputs[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("network", "training"),
    [
        (SMALL, Training(batch_size=50, learning_rate=0.01)),
        (DROPPED, Training(batch_size=50, learning_rate=0.02, l2=0.0, optimiser="adam")),
    ],
    ids=["sgd", "adam"],
)
def test_training_learns(
    trainer_class: type[Trainer], network: Network, training: Training
) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 5, 600)
    X = (np.eye(5, 20)[labels] * 3 + rng.normal(size=(600, 20))).astype(np.float32)
    trainer = trainer_class(network, training, start_parameters(network, training, seed=1))
    trainer.bind(X, np.eye(5, dtype=np.float32)[labels])

    for epoch in range(30):
        trainer.epoch(epoch_order(600, 1, epoch))

    assert np.mean(trainer.predict(X).argmax(axis=1) == labels) > 0.95
