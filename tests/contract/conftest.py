"""The contract suite runs over every available CPU implementation of the registry.

Those that compile for seconds, for every shape again, are tested in ``test_compiled.py`` on a few
networks; ``MLPBENCH_TEST_COMPILED=1 pytest tests/contract`` takes them through all of the suite.
Rows that are measured by name only are variants of others, apart from the rungs of the ladder:
``test_keras.py`` has those of Keras, which come in processes of their own, as Keras picks its
engine at import.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from impls import registry
from impls.contract import DENSE_FEATURES, Trainer
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters
from impls.row import Row

from .engines import Engines

COMPILED = ("torch-compile", "jax")
CPU_TRAINERS = [
    row
    for row in registry.ROWS
    if row.role == "trainer"
    and row.device == "cpu"
    and (row.rung is not None or not row.by_name_only)
    and registry.missing(row) is None
]

ALL = "MLPBENCH_TEST_COMPILED" in os.environ
QUICK = [row for row in CPU_TRAINERS if ALL or row.name not in COMPILED]


@pytest.fixture(scope="session", autouse=True)
def _library_environment() -> Iterator[None]:
    """What workers get before import: TensorFlow reads it when it is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        for row in CPU_TRAINERS:
            for name, value in row.environment.items():
                patch.setitem(os.environ, name, value)
        yield


@pytest.fixture(scope="session")
def engines(_library_environment: None) -> Iterator[Engines]:
    """What the processes of all engines of Keras find; they work while other tests run."""
    started = Engines()
    yield started
    started.end()


@pytest.fixture(scope="session", autouse=True)
def _engines_that_start_early(request: pytest.FixtureRequest) -> None:
    """The processes take longest of all, so they start with the first test of this folder."""
    if any("engines" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("engines")


@pytest.fixture(params=QUICK, ids=lambda row: row.name)
def trainer_class(request: pytest.FixtureRequest) -> Iterator[type[Trainer]]:
    """The implementation; threads of PyTorch would only wait for each other on small products."""
    row: Row = request.param
    found = registry.load(row)
    torch = sys.modules["torch"] if "torch" in row.requires else None
    threads = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(1)
    yield found if found.features >= DENSE_FEATURES else declining(found)
    if torch:
        torch.set_num_threads(threads)


def declining(found: type[Trainer]) -> type[Trainer]:
    """A trainer that skips the test where its implementation lacks something and says so."""

    class Declining(found):  # type: ignore[misc, valid-type]
        def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
            reason = self.supports(network, training)
            if reason:
                pytest.skip(reason)
            super().__init__(network, training, parameters)

    return Declining


def made_up_data(network: Network, examples: int, seed: int = 5) -> tuple[Floats, Floats]:
    """Standardised examples and one-hot targets that a network can be trained on."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(examples, network.layers[0])).astype(network.dtype)
    classes = network.layers[-1]
    return X, np.eye(classes, dtype=network.dtype)[rng.integers(0, classes, examples)]
