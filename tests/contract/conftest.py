"""The contract suite runs over every available CPU implementation of the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from impls import registry
from impls.contract import Trainer
from impls.networks import Network
from impls.parameters import Floats
from impls.row import Row

CPU_TRAINERS = [
    row
    for row in registry.ROWS
    if row.role == "trainer" and row.device == "cpu" and registry.missing(row) is None
]


@pytest.fixture(scope="session", autouse=True)
def _library_environment() -> Iterator[None]:
    """What workers get before import: TensorFlow reads it when it is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        for row in CPU_TRAINERS:
            for name, value in row.environment.items():
                patch.setitem(os.environ, name, value)
        yield


@pytest.fixture(params=CPU_TRAINERS, ids=lambda row: row.name)
def trainer_class(request: pytest.FixtureRequest) -> type[Trainer]:
    row: Row = request.param
    return registry.load(row)


def made_up_data(network: Network, examples: int, seed: int = 5) -> tuple[Floats, Floats]:
    """Standardised examples and one-hot targets that a network can be trained on."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(examples, network.layers[0])).astype(network.dtype)
    classes = network.layers[-1]
    return X, np.eye(classes, dtype=network.dtype)[rng.integers(0, classes, examples)]
