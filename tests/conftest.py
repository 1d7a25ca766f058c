"""What tests of every folder share: stand-ins, a small data set, the command in this process."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from bench.documents.results import Results
from bench.planning.plan import Plan
from impls.parameters import Floats
from tests.stand_ins import fakes
from tests.stand_ins.command import mlpbench  # noqa: F401 - a fixture
from tests.stand_ins.fake_trainer import FakeClock


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``--benchmark-only`` collect the benchmarks alone; all else would be skipped."""
    if not config.getoption("benchmark_only", default=False):
        return None
    benchmarks = Path(__file__).parent / "benchmarks"
    is_other = collection_path.is_file() and benchmarks not in collection_path.parents
    return True if is_other and collection_path.suffix == ".py" else None


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until it is advanced."""
    return FakeClock()


@pytest.fixture
def tiny_plan() -> Plan:
    """Two implementations, two thread counts, three batch sizes, two blocks."""
    return fakes.plan()


@pytest.fixture
def tiny_data() -> tuple[Floats, Floats]:
    """200 examples of six features with one-hot targets of three classes."""
    return fakes.examples()


@pytest.fixture
def tiny_document() -> Results:
    """A results document without outcomes."""
    return fakes.document()


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    """A file of 90 training and 12 test images of 6 x 6 pixels in three classes."""
    rng = np.random.default_rng(7)
    path = tmp_path / "small.npz"
    np.savez(
        path,
        x_train=rng.integers(0, 256, (90, 6, 6), dtype=np.uint8),
        y_train=np.arange(90, dtype=np.uint8) % 3,
        x_test=rng.integers(0, 256, (12, 6, 6), dtype=np.uint8),
        y_test=np.arange(12, dtype=np.uint8) % 3,
    )
    return path


@pytest.fixture(scope="module", autouse=True)
def out_of_the_collector_s_way() -> None:
    """Take what other modules left out of the collector's way.

    Garbage is collected before each measurement, which takes long where TensorFlow is loaded.
    """
    gc.collect()
    gc.freeze()
