"""An implementation in a file imports what lies beside it, and the hash of the code covers that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.provenance import code
from impls import loading, registry
from impls.mathematics import reference

MINE = "import {0}\nfrom impls.mathematics import reference\nclass Mine(reference.Trainer):\n"
MINE += "    label = {0}.LABEL\n"


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave neither folders nor modules behind."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(loading, "_FOLDERS", set())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "mine.py"


def label_of(file: Path) -> object:
    trainer = registry.load(registry.find(f"{file}:Mine"))
    assert issubclass(trainer, reference.Trainer)
    return vars(trainer)["label"]


def hash_of(file: Path) -> str:
    return code.describe([registry.find(f"{file}:Mine")]).sha256


def test_a_module_beside_the_file_is_imported_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a", mine=MINE.format("my_helper"), my_helper="LABEL = 'a'\n")
    assert label_of(file) == "a"
    monkeypatch.chdir(tmp_path)
    assert label_of(Path("a/mine.py")) == "a"


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    files = [
        write(tmp_path / name, mine=MINE.format("my_helper"), my_helper=f"LABEL = {name!r}\n")
        for name in ("a", "b", "c")
    ]
    assert [label_of(file) for file in files] == ["a", "b", "c"]
    assert label_of(files[0]) == "a"


def test_what_lies_beside_the_file_comes_before_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "my_helper.py").write_text("LABEL = 'installed'\n")
    sys.path.insert(0, str(tmp_path / "installed"))
    file = write(tmp_path / "a", mine=MINE.format("my_helper"), my_helper="LABEL = 'a'\n")
    assert label_of(file) == "a"
    assert sys.path[0] == str(tmp_path / "installed")


def test_an_import_inside_a_method_is_found_as_well(tmp_path: Path) -> None:
    text = "from impls.mathematics import reference\nclass Mine(reference.Trainer):\n"
    text += "    @staticmethod\n    def late():\n        import my_helper\n"
    text += "        return my_helper.LABEL\n"
    file = write(tmp_path / "a", mine=text, my_helper="LABEL = 'late'\n")
    trainer = registry.load(registry.find(f"{file}:Mine"))
    assert trainer.late() == "late"  # type: ignore[attr-defined]
    changed = hash_of(file)
    write(tmp_path / "a", my_helper="LABEL = 'later'\n")
    assert hash_of(file) != changed


def test_our_own_packages_are_never_those_beside_a_file(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a",
        mine=MINE.format("my_helper"),
        my_helper="LABEL = 'a'\n",
        impls__in____init__="raise RuntimeError('theirs')\n",
    )
    assert label_of(file) == "a"
    assert list(loading.imported_by(file)) == ["my_helper.py"]


def test_the_hash_covers_what_is_imported_however_deep_and_nothing_else(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a",
        mine=MINE.format("first") + "import os, numpy, kit.inner.deep\nfrom kit import tools\n",
        first="from second import *\nLABEL = 1\nimport mine, first\n",
        second="LABEL = 2\n",
        unused="LABEL = 3\n",
        kit__in____init__="from . import relative\nfrom .. import outside\n",
        kit__in__relative="from .tools import NAME\n",
        kit__in__tools="NAME = 1\n",
        kit__in__inner__in__deep="from ..tools import NAME\n",
        kit__in__unused="",
        outside="this is no Python\n",
    )
    expected = [
        "first.py", "kit/__init__.py", "kit/inner/deep.py", "kit/relative.py", "kit/tools.py",
        "outside.py", "second.py",
    ]  # fmt: skip
    assert list(loading.imported_by(file)) == expected
    before = hash_of(file)
    for name in expected:
        path = tmp_path / "a" / name
        kept = path.read_text()
        path.write_text(f"{kept}# changed\n")
        assert hash_of(file) != before, name
        path.write_text(kept)
    write(tmp_path / "a", unused="changed = 1\n")
    assert hash_of(file) == before


def test_a_compiled_module_beside_the_file_is_covered(tmp_path: Path) -> None:
    file = write(tmp_path / "a", mine=MINE.format("fast"))
    name = f"fast{loading.all_suffixes()[-1]}"
    (tmp_path / "a" / name).write_bytes(b"\x7fELF\xff")
    assert list(loading.imported_by(file)) == [name]


def test_a_training_in_another_process_finds_it(npz: Path, tmp_path: Path) -> None:
    text = "import my_helper\nfrom impls.numpy.naive import Trainer as Mine\n"
    file = write(tmp_path / "a", mine=text, my_helper="")
    done = subprocess.run(
        [
            sys.executable, "-m", "bench", "train", "--impl", f"{file}:Mine", "--network", "36-5-3",
            "--epochs", "1", "--dataset", str(npz), "--out", str(tmp_path / "out"),
        ],
        cwd=Path(code.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
