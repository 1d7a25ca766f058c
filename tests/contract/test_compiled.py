"""Implementations that compile for seconds, on a few networks that together touch every formula."""

from __future__ import annotations

import numpy as np
import pytest

from bench.correctness import gate
from impls import registry
from impls.contract import Trainer
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from impls.row import Row
from impls.training.fit import fit

from .conftest import COMPILED, CPU_TRAINERS, made_up_data

SLOW = [row for row in CPU_TRAINERS if row.name in COMPILED]
DROPPED = Network(
    name="dropped", layers=(20, 15, 12, 9, 5), activation="relu", loss="cross-entropy",
    dropout=(0.5, 0.0, 0.2),
)  # fmt: skip
TALL = Network(name="tall", layers=(6, 5, 3), activation="tanh", loss="mse", dropout=(0.3,))
PLAIN = Network(name="plain", layers=(20, 15, 5))
CASES = {
    "islr": (DROPPED, Training(batch_size=33, optimiser="adam", reduction="mean", l2=0.0)),
    "tiles": (TALL, Training(batch_size=1100, l1=0.1)),
    "blog": (PLAIN, Training(batch_size=33)),
    "rmsprop": (PLAIN, Training(batch_size=1, optimiser="rmsprop", momentum=0.0)),
}


@pytest.fixture(params=SLOW, ids=lambda row: row.name)
def slow_class(request: pytest.FixtureRequest) -> type[Trainer]:
    row: Row = request.param
    found = registry.load(row)
    if not hasattr(found, "backend"):
        return found

    class Traced(found):  # type: ignore[misc, valid-type]
        """Everything but the compiler proper: graphs, their sharing, their sizes."""

        backend = "eager"

    return Traced


@pytest.mark.parametrize("case", CASES)
def test_a_compiled_implementation_passes_the_gate(slow_class: type[Trainer], case: str) -> None:
    network, training = CASES[case]
    assert slow_class.supports(network, training) is None
    examples = gate.rows_needed(training.batch_size, 10**9)
    data = made_up_data(network, examples)
    start = start_parameters(network, training, seed=1)
    order = epoch_order(examples, 1, 0)
    checks = gate.inspect(slow_class, network, training, start, data, order)
    assert gate.refusal(checks) == ""
    assert len(checks) > 4 * len(network.shapes)


def test_a_compiled_training_taken_up_again_ends_at_the_very_same_weights(
    slow_class: type[Trainer],
) -> None:
    network, training = CASES["islr"]
    start = start_parameters(network, training, seed=1)
    whole, first, second = (slow_class(network, training, start) for _ in range(3))
    for trainer in (whole, first, second):
        trainer.bind(*made_up_data(network, 80))
    fit(whole, 80, epochs=2, seed=3)
    begun = fit(first, 80, epochs=1, seed=3)
    second.resume(first.state())
    second.learning_rate = first.learning_rate
    fit(second, 80, epochs=2, seed=3, history=begun)
    for (name, ours), (_, theirs) in zip(
        second.parameters().arrays(), whole.parameters().arrays(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
