"""Implementations in files and entry points: found, imported, or refused with the reason."""

from __future__ import annotations

import importlib.metadata
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from impls import registry
from impls.errors import ImplementationError
from impls.mathematics import reference
from impls.registry import ROWS
from impls.row import Row


def _declare(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Pretend that an installed package declares this entry point."""
    group = "mlpbench.implementations"
    declared = {group: [EntryPoint(name=name, value=value, group=group)]}
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: declared[group])


def test_an_entry_point_of_another_package_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(monkeypatch, "theirs", "impls.mathematics.reference:Trainer")
    assert list(registry.known()) == [*(row.name for row in ROWS), "theirs"]
    row = registry.find("theirs")
    assert (row.device, row.rung, row.role) == ("cpu", None, "trainer")
    assert registry.load(row) is reference.Trainer


def test_an_entry_point_cannot_take_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(monkeypatch, ROWS[0].name, "theirs.mlp:Trainer")
    with pytest.raises(ImplementationError, match=r"theirs\.mlp:Trainer\) has the name of another"):
        registry.known()


def test_a_broken_entry_point_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(monkeypatch, "theirs", "absent_package.mlp:Trainer")
    with pytest.raises(ImplementationError, match=r"theirs: importing absent_package\.mlp"):
        registry.load(registry.find("theirs"))


def row_of_text(folder: Path, text: str, class_name: str = "Mine") -> Row:
    file = folder / "mine.py"
    file.write_text(text, encoding="utf-8")
    return registry.find(f"{file}:{class_name}")


def test_a_class_in_a_file_is_a_row(tmp_path: Path) -> None:
    row = row_of_text(
        tmp_path, "from impls.mathematics import reference\nclass Mine(reference.Trainer): ...\n"
    )
    assert row.name == "mine:Mine"
    assert issubclass(registry.load(row), reference.Trainer)


def test_a_file_is_found_from_the_current_folder_and_remembered_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("class Mine: ...")
    monkeypatch.chdir(tmp_path)
    assert registry.find("mine.py:Mine").target == f"{tmp_path.resolve() / 'mine.py'}:Mine"


def test_a_file_that_is_not_there_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ImplementationError, match=r"cannot read .*absent\.py: .*Check the path"):
        registry.find(f"{tmp_path}/absent.py:Mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Other: ...", "has no class 'Mine' (it has Other): check the name after the colon"),
        ("from os import sep\nclass Other: ...", "has no class 'Mine' (it has Other): check"),
        ("from os import sep", "has no class 'Mine' (it binds sep): check the name after"),
        ("import absent_package\nclass Mine: ...", "No module named 'absent_package'"),
        ("class Mine(", "is not valid Python"),
        ("class Mine: ...", "mine:Mine is no implementation: "),
        ("Mine = print", "mine.py:Mine is not a subclass of impls.contract.Trainer. Derive it"),
        (
            "from impls.contract import Trainer\nclass Mine(Trainer):\n    load = bind = print\n",
            "does not have the methods backward, forward, gradients, loss, parameters, predict",
        ),
    ],
    ids=[
        "no class",
        "no imported name",
        "no class at all",
        "no package",
        "no Python",
        "no trainer",
        "no type",
        "not complete",
    ],
)
def test_a_file_that_does_not_load_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ImplementationError, match=re.escape(message)):
        registry.load(row_of_text(tmp_path, text))


def test_a_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    row_of_text(tmp_path, "class Mine: ...")
    assert registry.find("~/mine.py:Mine").target == f"{tmp_path.resolve()}/mine.py:Mine"


def test_a_phase_that_does_not_exist_is_named(tmp_path: Path) -> None:
    text = (
        "from impls.mathematics import reference\n\n\nclass Mine(reference.Trainer):\n"
        "    phases = frozenset({'prepare', 'forwards'})\n"
    )
    said = (
        r"mine:Mine names phases that do not exist: forwards\. Its phases may be prepare, forward"
    )
    with pytest.raises(ImplementationError, match=said):
        registry.load(row_of_text(tmp_path, text))
