"""What all tests of simulated runs need."""

from __future__ import annotations

import pytest

from bench.documents import journal
from bench.running import runner


@pytest.fixture
def simulated_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers fit, whatever this machine has, and nobody waits for its disk."""
    monkeypatch.setattr(runner, "available", lambda: None)
    monkeypatch.setattr(journal.os, "fsync", lambda _file: None)
