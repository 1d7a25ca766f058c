"""The command for the checks that only developers need."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from tests.validation.__main__ import CHECKS


def validation(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.validation", *arguments]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_every_check_has_a_module() -> None:
    for name in CHECKS:
        assert callable(importlib.import_module(f"tests.validation.{name}").check)


def test_unknown_checks_are_refused_with_the_known_ones() -> None:
    done = validation("nothing")
    assert done.returncode == 64
    assert all(name in done.stderr for name in CHECKS)


def test_a_check_says_its_progress_and_shows_every_finding_beside_its_target() -> None:
    done = validation("disturbance", "--trials", "1", "--seed", "3")
    assert done.returncode in {0, 1, 2}, done.stderr
    assert "trial 1 of 1" in done.stderr
    assert "of 2 targets kept" in done.stdout.splitlines()[-1]
