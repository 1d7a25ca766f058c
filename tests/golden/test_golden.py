"""The numbers of reports and comparisons are those that were frozen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden import numbers

REMEDY = "If the change is meant: python -m tests.golden.numbers, and say it in the commit"


def differences(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Where two plain contents differ; numbers by more than their rounding."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            yield from differences(ours.get(name), theirs.get(name), f"{place}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{place}/{number}")
    elif isinstance(ours, float) and isinstance(theirs, float):
        if ours != pytest.approx(theirs, rel=1e-7, abs=1e-12, nan_ok=True):
            yield f"{place}: {theirs} became {ours}"
    elif ours != theirs:
        yield f"{place}: {theirs} became {ours}"


def test_numbers_are_those_that_were_frozen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = numbers.rounded(numbers.numbers(tmp_path, lambda: capsys.readouterr().out))
    changed = list(differences(found, numbers.frozen()))
    assert not changed, "\n".join([REMEDY, *changed[:40], f"{len(changed)} in all"])
