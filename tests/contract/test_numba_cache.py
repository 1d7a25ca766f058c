from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("numba")

from impls import numba_cache


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources, in whose name the cache is kept."""
    here = Path(numba_cache.__file__).parent
    for path in here.glob("*.py"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(numba_cache, "_HERE", tmp_path)
    monkeypatch.setattr(numba_cache, "_config", type("Config", (), {"CACHE_DIR": ""}))
    return tmp_path


@pytest.mark.parametrize("changed", ["numba_update.py", "numba_math.py", "functions.py"])
def test_a_change_in_any_source_leaves_what_was_compiled_behind(
    sources: Path, changed: str
) -> None:
    before = numba_cache._folder()
    assert numba_cache._folder() == before
    assert Path(before).parent == sources / "__pycache__"
    with (sources / changed).open("a") as file:
        file.write("# changed\n")
    assert numba_cache._folder() != before


def test_a_change_elsewhere_compiles_nothing_anew(sources: Path) -> None:
    before = numba_cache._folder()
    (sources / "registry.py").write_text("")
    assert numba_cache._folder() == before


def test_the_users_cache_folder_is_used(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba_cache._config, "CACHE_DIR", str(tmp_path / "mine"), raising=False)
    assert Path(numba_cache._folder()).parent == tmp_path / "mine"
