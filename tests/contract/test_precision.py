"""One variable for TF32, and NVIDIA's beside it."""

from __future__ import annotations

import pytest

from impls import precision
from impls.errors import UsageError


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("0", False), ("1", True)])
@pytest.mark.parametrize("agreeing", [True, False])
def test_tf32_is_off_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, value: str | None, *, expected: bool, agreeing: bool
) -> None:
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    monkeypatch.delenv(precision.OVERRIDE, raising=False)
    if value is not None:
        monkeypatch.setenv(precision.VARIABLE, value)
    if agreeing:
        monkeypatch.setenv(precision.OVERRIDE, str(int(expected)))
    assert precision.tf32() is expected
    assert precision.declares_tf32(precision.declaration()) is expected


@pytest.mark.parametrize(("ours", "theirs"), [("1", "0"), ("0", "1"), (None, "1"), ("1", "yes")])
def test_what_nvidia_s_variable_forces_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch, ours: str | None, theirs: str
) -> None:
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    if ours is not None:
        monkeypatch.setenv(precision.VARIABLE, ours)
    monkeypatch.setenv(precision.OVERRIDE, theirs)
    said = f"NVIDIA_TF32_OVERRIDE={theirs} contradicts MLPBENCH_TF32={ours or 0} and would"
    with pytest.raises(UsageError, match=said):
        precision.tf32()


def test_who_declares_nothing_has_products_in_full() -> None:
    assert not precision.declares_tf32({})
    assert not precision.declares_tf32({"TF32": "off"})
