from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("numba")

from impls.numba import cache as numba_cache


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources."""
    impls = Path(numba_cache.__file__).parents[1]
    for pattern in ("*.py", "numba/*.py"):
        for path in impls.glob(pattern):
            (tmp_path / path.relative_to(impls)).parent.mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / path.relative_to(impls))
    return tmp_path


@pytest.mark.parametrize("changed", ["numba/update.py", "numba/math.py", "functions.py"])
def test_a_change_in_any_source_leaves_what_was_compiled_behind(
    sources: Path, changed: str
) -> None:
    before = numba_cache.folder(sources, "")
    assert numba_cache.folder(sources, "") == before
    assert Path(before).parent == sources / "__pycache__"
    with (sources / changed).open("a") as file:
        file.write("# changed\n")
    assert numba_cache.folder(sources, "") != before


def test_a_change_elsewhere_compiles_nothing_anew(sources: Path) -> None:
    before = numba_cache.folder(sources, "")
    (sources / "registry.py").write_text("")
    assert numba_cache.folder(sources, "") == before


def test_the_users_cache_folder_is_used(sources: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert Path(numba_cache.folder(sources, str(mine))).parent == mine
