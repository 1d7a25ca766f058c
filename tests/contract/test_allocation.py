"""The optimised implementations promise that a steady step allocates no arrays."""

from __future__ import annotations

import tracemalloc

import msgspec
import numpy as np
import pytest

from impls import registry
from impls.networks import Network, Training
from impls.parameters import start_parameters
from impls.presets import find_preset

from .conftest import CPU_TRAINERS, made_up_data

NETWORK = Network(name="wide", layers=(200, 100, 50, 10))
ISLR = find_preset("islr", activation=None, loss=None)
FRUGAL = [row for row in CPU_TRAINERS if row.name in {"numpy-flat", "numpy-optimized", "numba"}]


def peak_of_a_step(row: registry.Row, network: Network, training: Training) -> int:
    """Bytes that a step allocates at most, after a few others."""
    trainer = registry.load(row)(network, training, start_parameters(network, training, seed=1))
    trainer.bind(*made_up_data(network, training.batch_size))
    rows = np.arange(training.batch_size)
    for _ in range(3):
        trainer.step(rows)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    trainer.step(rows)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak


# Views and small Python objects remain; the smallest array of the step is larger by far.
@pytest.mark.parametrize("row", FRUGAL, ids=lambda row: row.name)
@pytest.mark.parametrize("batch_size", [1, 300, 2500])
def test_a_steady_step_allocates_no_array(row: registry.Row, batch_size: int) -> None:
    assert peak_of_a_step(row, NETWORK, Training(batch_size=batch_size, l1=0.1)) < 10_000


# NumPy's loops over strided or broadcast operands borrow a buffer of 8192 numbers, whatever the
# batch; the mask of a hidden layer is larger.
@pytest.mark.parametrize("row", FRUGAL, ids=lambda row: row.name)
@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_dropout_and_its_optimisers_allocate_no_array(row: registry.Row, optimiser: str) -> None:
    training = msgspec.structs.replace(ISLR.training, batch_size=2500, optimiser=optimiser)
    declined = registry.load(row).supports(ISLR.network, training)
    if declined:
        pytest.skip(declined)
    assert peak_of_a_step(row, ISLR.network, training) < 100_000
