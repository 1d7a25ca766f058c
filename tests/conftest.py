"""Fakes for tests of anything that measures; they live in ``tests/harness``."""

from __future__ import annotations

import pytest

from bench.documents.results import Results
from bench.planning.plan import Plan
from impls.parameters import Floats
from tests.harness import fakes
from tests.harness.fake_trainer import FakeClock


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
