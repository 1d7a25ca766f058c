from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from impls.errors import ImplementationError
from impls.numba import cache as numba_cache

IMPLS = Path(numba_cache.__file__).parents[1]
CHANGED = [
    "numba/update.py",
    "numba/elementwise.py",
    "mathematics/functions.py",
    "mathematics/dropout.py",
]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources."""
    for pattern in ("*.py", "numba/*.py", "mathematics/*.py"):
        for path in IMPLS.glob(pattern):
            (tmp_path / path.relative_to(IMPLS)).parent.mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / path.relative_to(IMPLS))
    return tmp_path


@pytest.mark.parametrize("changed", CHANGED)
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


def test_a_cache_folder_of_which_several_levels_are_missing_is_made(
    sources: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "not" / "there" / "yet"
    found = Path(numba_cache.folder(sources, str(mine)))
    assert found.parent == mine
    assert found.is_dir()
    assert list(found.iterdir()) == [], "what was tried out is gone"


def test_where_the_users_cache_folder_cannot_be_written_nothing_is_kept(
    sources: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert numba_cache.folder(sources, str(tmp_path / "file" / "below")) == ""


def test_beside_sources_that_may_not_be_changed_the_users_caches_are_used(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sources / "__pycache__").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert Path(numba_cache.folder(sources, "")).parent == tmp_path / "caches" / "mlpbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(sources / "__pycache__"))
    assert numba_cache.folder(sources, "") == ""


@pytest.mark.parametrize("place", ["missing/levels", "file/below"])
def test_kernels_are_never_looked_for_where_old_ones_may_lie(tmp_path: Path, place: str) -> None:
    """Numba's own places know the file of a function only, not what is compiled into it."""
    (tmp_path / "file").touch()
    script = "from impls.numba import epoch; print(epoch.run.stats.cache_path or '')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / place)},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = tmp_path / place / f"numba-{numba_cache.digest(IMPLS)}"
    found = done.stdout.strip()
    assert (Path(found).parent == expected) if place == "missing/levels" else found == ""


def test_whatever_a_kernel_imports_is_among_the_sources(sources: Path) -> None:
    before = numba_cache.digest(sources)
    imported = set()
    for path in (IMPLS / "numba").glob("*.py"):
        text = path.read_text()
        if re.search(r"^@(compiled|inner|inlined)\(", text, re.MULTILINE):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("impls."):
                    names = [alias.name for alias in node.names]
                    imported |= {(node.module, *names)}
    assert len(imported) > 10
    for module, *names in imported:
        folders = module.split(".")[1:]
        found = [sources.joinpath(*folders).with_suffix(".py")]
        found += [sources.joinpath(*folders, name).with_suffix(".py") for name in names]
        for path in filter(Path.exists, found):
            kept = path.read_text()
            path.write_text(kept + "# changed\n")
            assert numba_cache.digest(sources) != before, path
            path.write_text(kept)


def test_sources_that_have_gone_elsewhere_are_refused(sources: Path) -> None:
    shutil.rmtree(sources / "mathematics")
    with pytest.raises(ImplementationError, match=r"no source .* 'mathematics/\*.py'"):
        numba_cache.digest(sources)


def test_the_users_own_functions_stay_where_they_were_kept() -> None:
    script = """
import warnings
import numba
before = numba.config.CACHE_DIR, list(warnings.filters)
import impls.numba.trainer
from impls.numba import epoch
assert (numba.config.CACHE_DIR, list(warnings.filters)) == before
print(epoch.run.stats.cache_path)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    assert Path(done.stdout.strip()).parent == Path(numba_cache.folder(IMPLS, ""))
