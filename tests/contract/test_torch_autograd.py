"""PyTorch's own modules: what the contract asks, dense and with convolutions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bench.correctness import gate
from impls.contract import FEATURES, Trainer
from impls.convolution import Convolution
from impls.mathematics.reference import Trainer as Reference
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters

from .conftest import made_up_data
from .test_losses import (
    test_a_wrong_output_costs_what_it_costs_up_to_the_limit,
    test_saturated_outputs_keep_the_loss_finite,
    test_the_wrong_class_costs_what_it_costs_up_to_the_limit,
    test_what_is_no_number_shows,
)
from .test_state import (
    test_a_state_without_memory_begins_with_an_empty_one,
    test_a_training_taken_up_again_ends_at_the_very_same_weights,
    test_another_implementation_takes_a_training_up,
    test_the_state_is_a_copy,
)
from .test_trainers import (
    test_a_phase_repeated_changes_nothing,
    test_batches_of_any_size_pass_the_gate,
    test_dropout_and_other_optimisers_pass_the_gate,
    test_epoch_and_steps_agree_and_cover_a_shorter_last_batch,
    test_every_activation_and_loss_passes_the_gate,
    test_load_forgets_what_training_left,
    test_odd_shapes_pass_the_gate,
    test_parameters_come_out_as_they_went_in_and_as_copies,
    test_penalties_and_momentum_can_be_on_or_off,
    test_two_steps_of_adam_worked_out_by_hand,
    test_what_is_dropped_changes_with_the_update_and_not_in_predict,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from impls.torch import autograd as torch_autograd  # noqa: E402  # needs PyTorch
from impls.torch import network as torch_network  # noqa: E402  # needs PyTorch

__all__ = [
    "test_a_phase_repeated_changes_nothing",
    "test_a_state_without_memory_begins_with_an_empty_one",
    "test_a_training_taken_up_again_ends_at_the_very_same_weights",
    "test_a_wrong_output_costs_what_it_costs_up_to_the_limit",
    "test_another_implementation_takes_a_training_up",
    "test_batches_of_any_size_pass_the_gate",
    "test_dropout_and_other_optimisers_pass_the_gate",
    "test_epoch_and_steps_agree_and_cover_a_shorter_last_batch",
    "test_every_activation_and_loss_passes_the_gate",
    "test_load_forgets_what_training_left",
    "test_odd_shapes_pass_the_gate",
    "test_parameters_come_out_as_they_went_in_and_as_copies",
    "test_penalties_and_momentum_can_be_on_or_off",
    "test_saturated_outputs_keep_the_loss_finite",
    "test_the_state_is_a_copy",
    "test_the_wrong_class_costs_what_it_costs_up_to_the_limit",
    "test_two_steps_of_adam_worked_out_by_hand",
    "test_what_is_dropped_changes_with_the_update_and_not_in_predict",
    "test_what_is_no_number_shows",
]

# Sides, channels and kernels all differ, rows and columns are left over by the pools.
CNN = Network(
    name="cnn", layers=(9 * 8 * 2, 6, 3), activation="relu", loss="cross-entropy",
    image=(9, 8, 2), dropout=(0.3,),
    convolutions=(Convolution(filters=3, pool=2), Convolution(filters=4, kernel=2)),
)  # fmt: skip
EXACT = Network(
    name="exact", layers=CNN.layers, activation="tanh", loss="logloss", dtype="float64",
    image=CNN.image, convolutions=CNN.convolutions,
)  # fmt: skip
TRAININGS = {
    "sgd": Training(batch_size=33, l1=0.1),
    "adam": Training(batch_size=33, optimiser="adam", reduction="mean", l2=0.0),
    "rmsprop": Training(batch_size=33, optimiser="rmsprop"),
}


@pytest.fixture
def trainer_class() -> type[Trainer]:
    return torch_autograd.Trainer


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_it_has_all_features() -> None:
    assert torch_autograd.Trainer.features == FEATURES


@pytest.mark.parametrize("optimiser", TRAININGS)
def test_convolutions_compute_what_the_reference_computes_to_the_last_digits(
    optimiser: str,
) -> None:
    training = TRAININGS[optimiser]
    start = start_parameters(EXACT, training, seed=1)
    X, Y = made_up_data(EXACT, 80)
    ours, exact = (one(EXACT, training, start) for one in (torch_autograd.Trainer, Reference))
    losses = []
    for trainer in (ours, exact):
        trainer.bind(X, Y)
        losses.append(trainer.epoch(epoch_order(80, 1, 0)))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
    np.testing.assert_allclose(ours.predict(X), exact.predict(X), rtol=1e-10)
    for part in ("gradients", "parameters"):
        found, expected = getattr(ours, part)(), getattr(exact, part)()
        for (name, mine), (_, theirs) in zip(found.arrays(), expected.arrays(), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-11, err_msg=name)
            assert mine.flags.c_contiguous


@pytest.mark.parametrize("optimiser", TRAININGS)
def test_convolutions_pass_the_gate(optimiser: str) -> None:
    training = TRAININGS[optimiser]
    examples = gate.rows_needed(33, 10**9)
    data, order = made_up_data(CNN, examples), epoch_order(examples, 1, 0)
    start = start_parameters(CNN, training, seed=1)
    checks = gate.inspect(torch_autograd.Trainer, CNN, training, start, data, order)
    assert gate.refusal(checks) == ""


def test_backward_without_loss_is_the_same_gradient() -> None:
    training = TRAININGS["sgd"]
    trainer = torch_autograd.Trainer(CNN, training, start_parameters(CNN, training, seed=1))
    trainer.bind(*made_up_data(CNN, 40))
    trainer.prepare(np.arange(33))
    found = []
    for phases in (("forward", "loss", "backward"), ("forward", "backward")):
        for phase in phases:
            getattr(trainer, phase)()
        found.append(trainer.gradients())
    for (name, one), (_, other) in zip(found[0].arrays(), found[1].arrays(), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_parameters_of_convolutions_go_in_and_out_unchanged() -> None:
    start = start_parameters(CNN, TRAININGS["sgd"], seed=1)
    trainer = torch_autograd.Trainer(CNN, TRAININGS["sgd"], start)
    for (name, ours), (_, given) in zip(trainer.parameters().arrays(), start.arrays(), strict=True):
        np.testing.assert_array_equal(ours, given, err_msg=name)
    addresses = [value.data_ptr() for value in trainer.values]
    trainer.load(start)
    assert [value.data_ptr() for value in trainer.values] == addresses


def test_a_filter_sees_the_rows_of_its_weights_in_canonical_order() -> None:
    # One filter that takes, of its 2 x 2 x 2 patch, the value at row 1, column 0, channel 1.
    network = Network(
        name="pick", layers=(3 * 2 * 2, 2), activation="relu", loss="mse",
        image=(3, 2, 2), convolutions=(Convolution(filters=1, kernel=2),),
    )  # fmt: skip
    model = torch_network.Model(network, "cpu")
    start = start_parameters(network, Training(), seed=1)
    start.weights[0][:] = 0
    start.weights[0][(1 * 2 + 0) * 2 + 1] = 1
    start.biases[0][:] = 0
    torch_network.fill(model.values, start, network)
    image = np.arange(12, dtype=np.float32).reshape(1, 12)
    maps = model._maps(torch_network.examples(image, network, "cpu"))  # noqa: SLF001
    assert maps.tolist() == [[5.0, 9.0]]
