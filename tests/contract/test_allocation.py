"""The optimised implementations promise that a steady step allocates no arrays."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from impls import registry
from impls.networks import Network, Training
from impls.parameters import start_parameters

from .conftest import CPU_TRAINERS, made_up_data

NETWORK = Network(name="wide", layers=(200, 100, 50, 10))
FRUGAL = [row for row in CPU_TRAINERS if row.rung is not None and row.rung >= 4]


@pytest.mark.parametrize("row", FRUGAL, ids=lambda row: row.name)
@pytest.mark.parametrize("batch_size", [1, 300, 2500])
def test_a_steady_step_allocates_no_array(row: registry.Row, batch_size: int) -> None:
    training = Training(batch_size=batch_size, l1=0.1)
    trainer = registry.load(row)(NETWORK, training, start_parameters(NETWORK, training, seed=1))
    trainer.bind(*made_up_data(NETWORK, batch_size))
    rows = np.arange(batch_size)
    for _ in range(3):
        trainer.step(rows)

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    trainer.step(rows)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()

    # Views and small Python objects remain; the smallest array of the step is larger by far.
    assert peak < 10_000
