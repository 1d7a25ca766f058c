"""Dropout, Adam, RMSprop and averaged gradients: right ones pass the gate, wrong ones do not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.correctness import gate, gate_settings, nonsmooth
from bench.correctness.tolerance import Rounding
from impls.contract import Trainer
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from tests.correctness import mutants_of_dropout, mutants_of_optimisers
from tests.stand_ins import fakes

NETWORK = Network(
    name="small", layers=(9, 8, 7, 4), activation="relu", loss="cross-entropy", dropout=(0.2, 0.5)
)
PLAIN = msgspec.structs.replace(NETWORK, dropout=())
TRAINING = Training(batch_size=12, l2=1e-4, reduction="mean", start="glorot")
"""With the small penalty that a network of today may have."""


def adam(**changes: object) -> Training:
    return msgspec.structs.replace(TRAINING, optimiser="adam", **changes)


def refusal(kind: type[Trainer], network: Network, training: Training, examples: int = 60) -> str:
    X, Y = fakes.examples(examples, network.layers[0], network.layers[-1])
    order = epoch_order(examples, 1, 0)[: gate.rows_needed(training.batch_size, examples)]
    start = start_parameters(network, training, 1)
    with np.errstate(all="ignore"):
        return gate.refusal(gate.inspect(kind, network, training, start, (X, Y), order))


@pytest.mark.parametrize("mutant", mutants_of_dropout.ALL, ids=lambda mutant: mutant.__name__)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_a_bug_in_dropout_is_refused(mutant: type[Trainer], activation: str) -> None:
    network = msgspec.structs.replace(NETWORK, activation=activation)
    assert refusal(mutant, network, TRAINING)
    assert refusal(mutant, network, adam())


@pytest.mark.parametrize("mutant", mutants_of_optimisers.ADAM, ids=lambda mutant: mutant.__name__)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_bug_in_adam_is_refused(mutant: type[Trainer], reduction: str) -> None:
    training = adam(reduction=reduction)
    assert refusal(mutant, PLAIN, training)
    assert refusal(mutant, NETWORK, training)


@pytest.mark.parametrize(
    "mutant", mutants_of_optimisers.RMSPROP, ids=lambda mutant: mutant.__name__
)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_bug_in_rmsprop_is_refused(mutant: type[Trainer], reduction: str) -> None:
    training = msgspec.structs.replace(TRAINING, optimiser="rmsprop", reduction=reduction)
    assert refusal(mutant, PLAIN, training)
    assert refusal(mutant, NETWORK, training)


@pytest.mark.parametrize("mutant", mutants_of_optimisers.MEAN, ids=lambda mutant: mutant.__name__)
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_bug_in_averaging_is_refused(mutant: type[Trainer], optimiser: str) -> None:
    training = msgspec.structs.replace(TRAINING, optimiser=optimiser)
    assert refusal(mutant, PLAIN, training)


@pytest.mark.parametrize(
    ("kind", "optimiser"),
    [
        (reference.Trainer, "adam"),
        (reference.Trainer, "rmsprop"),
        (fakes.Float32Reference, "adam"),
        (fakes.Float32Reference, "rmsprop"),
        (mutants_of_optimisers.Adam, "adam"),
        (mutants_of_optimisers.RMSprop, "rmsprop"),
    ],
)
def test_what_the_mutants_were_made_from_passes(kind: type[Trainer], optimiser: str) -> None:
    training = msgspec.structs.replace(TRAINING, optimiser=optimiser)
    assert refusal(kind, NETWORK, training) == ""


def test_a_bug_in_adam_is_refused_on_a_network_as_wide_as_mnist() -> None:
    network = Network(
        name="wide", layers=(784, 32, 10), activation="relu", loss="cross-entropy", dropout=(0.2,)
    )
    passed = [
        mutant.__name__
        for mutant in mutants_of_optimisers.ADAM
        if not refusal(mutant, network, adam(), examples=50)
    ]
    assert passed == []


def test_memories_are_shortened_and_a_beta_of_zero_stays() -> None:
    given = adam(beta1=0.0)
    raised = gate_settings.gate_training(NETWORK, given)
    assert (raised.beta1, raised.beta2, raised.l2) == (
        0.0,
        gate_settings.BETA2,
        gate_settings.PENALTY,
    )
    assert gate_settings.BETA1 != gate_settings.BETA2


def test_epsilon_is_as_large_as_what_is_divided() -> None:
    start = start_parameters(PLAIN, TRAINING, 1)
    data = fakes.examples(60, 9, 4)
    rows = np.arange(12)
    trainer = reference.Trainer(PLAIN, TRAINING, start)
    trainer.bind(*data)
    trainer.step(rows)
    largest = max(np.abs(array).max() for _, array in trainer.gradients().arrays())
    for optimiser, expected in (
        ("adam", np.sqrt(1 - TRAINING.beta2) * gate_settings.EPSILON * largest),
        ("rmsprop", (1 - TRAINING.rho) * (gate_settings.EPSILON * largest) ** 2),
    ):
        training = msgspec.structs.replace(TRAINING, optimiser=optimiser)
        seen = gate_settings.with_visible_epsilon(PLAIN, training, start, data, rows)
        assert seen.epsilon == pytest.approx(expected, rel=1e-12)


def test_biases_that_start_at_zero_are_drawn_and_others_stay() -> None:
    glorot = start_parameters(PLAIN, TRAINING, 1)
    drawn = gate_settings.gate_start(glorot)
    assert all(b.all() for b in drawn.biases)
    assert [b.dtype for b in drawn.biases] == [b.dtype for b in glorot.biases]
    uniform = start_parameters(PLAIN, Training(), 1)
    kept = gate_settings.gate_start(uniform)
    for (_, ours), (_, given) in zip(kept.arrays(), uniform.arrays(), strict=True):
        assert ours is given


def kinked(dropout: tuple[float, ...] = ()) -> tuple[reference.Trainer, np.ndarray]:
    """One ReLU with weight 1 and bias 0: its input is the example; every third is at the kink."""
    network = Network(name="kink", layers=(1, 1, 2), activation="relu", dropout=dropout)
    training = Training(batch_size=30)
    start = start_parameters(network, training, 1)
    start.weights[0][:], start.biases[0][:] = 1.0, 1e-3
    X = np.linspace(1, 2, 60)[:, None]
    X[::3] = -1e-3
    trainer = reference.Trainer(network, training, start)
    trainer.bind(X, fakes.examples(60, 1, 2)[1])
    return trainer, X


def test_examples_at_a_kink_are_replaced_by_others() -> None:
    trainer, X = kinked()
    rows, certain = nonsmooth.away_from_kinks(trainer, np.arange(30), Rounding(2**-23))
    assert certain
    assert rows.shape == (30,)
    assert (X[rows] > 0).all()
    kept = np.arange(30) % 3 != 0
    np.testing.assert_array_equal(rows[kept], np.arange(30)[kept])


def test_a_node_at_a_kink_is_not_in_doubt_where_it_is_dropped() -> None:
    trainer, _ = kinked(dropout=(0.5,))
    rows = np.arange(30)
    masks = trainer.draw_masks(30)
    mask = masks[1]
    assert mask is not None
    kept = mask[:, 0] > 0
    found = nonsmooth.doubtful(trainer, rows, masks, Rounding(2**-23))
    np.testing.assert_array_equal(found, kept & (rows % 3 == 0))
    assert found.any()
    assert not kept[::3].all()


def test_only_relu_has_kinks_to_keep_away_from() -> None:
    trainer, _ = kinked()
    trainer.network = msgspec.structs.replace(trainer.network, activation="tanh")
    given = np.arange(30)
    assert nonsmooth.away_from_kinks(trainer, given, Rounding(2**-23)) == (given, True)


def test_an_implementation_may_put_a_kink_on_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    class OneSided(reference.Trainer):
        """Its sums of products are off by a rounding, so what should be 0 is a little less."""

        def forward(self) -> None:
            super().forward()
            self.Z[0] = self.Z[0] - 1e-9

    network = Network(name="kink", layers=(2, 3, 2), activation="relu")
    X, Y = fakes.examples(90, 2, 2)
    # Opposite weights cancel where both features are equal, as in every third example.
    X[::3, 1] = X[::3, 0]
    training = Training(batch_size=20)
    start = start_parameters(network, training, 1)
    start.weights[0][1] = -start.weights[0][0]
    start.biases[0][:] = 1e-30
    order = epoch_order(90, 1, 0)[: gate.rows_needed(20, 90)]

    def largest_error() -> float:
        found = gate.inspect(OneSided, network, training, start, (X, Y), order)
        return max(check.error or 0.0 for check in found)

    assert largest_error() < 1e-6
    monkeypatch.setattr(nonsmooth, "ATTEMPTS", 0)
    assert largest_error() > 1e-3
