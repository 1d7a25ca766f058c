"""Nobody writes into the start weights, the data or the targets that all share."""

from __future__ import annotations

import numpy as np
import pytest

from bench.correctness import gate
from impls.contract import Trainer
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, epoch_order, read_only, start_parameters
from tests.stand_ins import fakes

from .conftest import made_up_data

NETWORK = Network(name="small", layers=(20, 15, 5))
TRAINING = Training(batch_size=16)


def test_every_implementation_trains_from_arrays_that_cannot_be_written_to(
    trainer_class: type[Trainer],
) -> None:
    start = start_parameters(NETWORK, TRAINING, seed=1).read_only()
    before = [array.tobytes() for _, array in start.arrays()]
    X, Y = made_up_data(NETWORK, 50)
    kept = (X.copy(), Y.copy())
    trainer = trainer_class(NETWORK, TRAINING, start)
    trainer.bind(read_only(X), read_only(Y))
    trainer.epoch(epoch_order(50, 1, 0))
    trainer.predict(read_only(X))
    trainer.load(start)
    trainer.step(np.arange(16))
    assert not all(
        np.array_equal(ours, first)
        for (_, ours), (_, first) in zip(trainer.parameters().arrays(), start.arrays(), strict=True)
    )
    assert [array.tobytes() for _, array in start.arrays()] == before
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(Y, kept[1])


class Zeroing(fakes.Float32Reference):
    """Sets its start weights to zero, so that the reference would start from zeros as well."""

    def load(self, parameters: Parameters) -> None:
        for _, array in parameters.arrays():
            array[:] = 0
        super().load(parameters)


class Blanking(fakes.Float32Reference):
    def bind(self, X: Floats, Y: Floats) -> None:
        X[:] = 0
        super().bind(X, Y)


class Relabelling(fakes.Float32Reference):
    def bind(self, X: Floats, Y: Floats) -> None:
        Y[:] = Y[0]
        super().bind(X, Y)


class Spoiling(fakes.Float32Reference):
    def predict(self, X: Floats) -> Floats:
        X *= 0
        return super().predict(X)


@pytest.mark.parametrize("hostile", [Zeroing, Blanking, Relabelling, Spoiling])
def test_the_gate_lets_nobody_write_into_what_the_reference_starts_from(
    hostile: type[reference.Trainer],
) -> None:
    start = start_parameters(NETWORK, TRAINING, seed=1)
    wanted = gate.rows_needed(16, 60)
    data = made_up_data(NETWORK, wanted)
    with pytest.raises(ValueError, match="read-only"):
        gate.inspect(hostile, NETWORK, TRAINING, start, data, epoch_order(wanted, 1, 0))
