"""Takes rows of one Keras engine through the gate and more, in a process of their own.

Keras picks its engine at import.  ``python -m tests.contract.keras_engine ROW...`` prints one line
of JSON for each row and case; ``test_keras.py`` starts it and reads them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from bench import gate
from impls import registry
from impls.contract import Trainer
from impls.convolution import Convolution
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters

from .conftest import made_up_data

CASES = {
    "blog": (Network(name="blog", layers=(20, 15, 5)), Training(batch_size=33, l1=0.01)),
    "islr": (
        Network(
            name="islr", layers=(20, 15, 12, 9, 5), activation="relu", loss="cross-entropy",
            dropout=(0.5, 0.0, 0.2),
        ),
        Training(batch_size=33, optimiser="adam", reduction="mean", l2=0.0, start="glorot"),
    ),
    "convolutions": (
        Network(
            name="convolutions", layers=(81, 7, 3), activation="relu", loss="cross-entropy",
            image=(9, 9, 1), convolutions=(Convolution(filters=4, pool=2), Convolution(filters=3)),
            dropout=(0.3,),
        ),
        Training(batch_size=16, optimiser="rmsprop", reduction="mean", start="glorot"),
    ),
}  # fmt: skip


def refusal(trainer_class: type[Trainer], network: Network, training: Training) -> str:
    examples = gate.rows_needed(training.batch_size, 10**9)
    data = made_up_data(network, examples)
    start = start_parameters(network, training, seed=1)
    order = epoch_order(examples, 1, 0)
    declined = trainer_class.unavailable() or trainer_class.supports(network, training)
    if declined:
        return declined
    return gate.refusal(gate.inspect(trainer_class, network, training, start, data, order))


def findings(name: str) -> Iterator[tuple[str, str]]:
    trainer_class = registry.load(registry.find(name))
    for case, (network, training) in CASES.items():
        yield case, refusal(trainer_class, network, training)


if __name__ == "__main__":
    for row_name in sys.argv[1:]:
        for found_case, said in findings(row_name):
            sys.stdout.write(json.dumps([row_name, found_case, said]) + "\n")
