"""A small data set as a file, and commands run in this very process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def mlpbench(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Said]:
    """Run the command line in this process, in an empty folder."""
    # A lock of its own: somebody may really be measuring on this machine.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    # The lock of this test, not that of somebody who measures on this machine meanwhile.
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def run(*arguments: object) -> Said:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


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
