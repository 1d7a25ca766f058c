"""The folder of a run: gone afterwards, and gone after a kill with the next run."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.documents.assignment import shared_folder

HOLDING = """
import signal
from bench.documents.assignment import shared_folder

with shared_folder() as folder:
    print(folder, flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_there_for_as_long_as_it_is_used(own_folder: Path) -> None:
    with shared_folder() as folder:
        (folder / "assignment.json").write_text("{}")
    assert list(own_folder.iterdir()) == []


def test_the_folder_of_a_killed_run_is_removed_by_the_next_one(own_folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        theirs = Path(run.stdout.readline().strip())
        with shared_folder():
            assert theirs.exists(), "it is still in use"
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert theirs.exists()
    with shared_folder() as ours:
        assert list(own_folder.iterdir()) == [ours]


def test_other_folders_stay_whatever_they_are_called(own_folder: Path) -> None:
    strange = own_folder / "mlpbench-run-mine"
    strange.mkdir()
    (strange / "thesis.txt").write_text("years of work")
    link = own_folder / "mlpbench-run-link"
    link.mkdir()
    (link / "in-use").symlink_to(strange / "thesis.txt")
    with shared_folder():
        pass
    assert (strange / "thesis.txt").exists()
    assert link.exists()
