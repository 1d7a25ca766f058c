"""Thread pools, asked for in real child processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.doctor import pools
from impls.row import Row

SOURCE = """
import collections
from impls.mathematics import reference
from impls.contract import Pool


class Trainer(reference.Trainer):
    @classmethod
    def pools(cls):
        return (Pool(library="mine", version="7", threads=3),)
"""


@pytest.fixture
def nothing_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "ALWAYS", ())


def row(folder: Path, requires: tuple[str, ...], source: str = SOURCE, **changes: object) -> Row:
    file = folder / "mine.py"
    file.write_text(source)
    return Row("mine", f"{file}:Trainer", "", requires, **changes)  # type: ignore[arg-type]


def test_numpy_and_scipy_are_asked_with_what_the_user_exported() -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    numpy, scipy = pools.find(environment, [])
    assert (numpy.modules, scipy.modules) == (("numpy",), ("scipy.linalg",))
    assert (numpy.reason, scipy.reason) == ("", "")
    assert len(scipy.pools) >= len(numpy.pools)
    assert {pool.threads for pool in scipy.pools} <= {1}


@pytest.mark.usefixtures("nothing_always")
def test_an_implementation_tells_of_its_own_pools(tmp_path: Path) -> None:
    (found,) = pools.find(os.environ, [row(tmp_path, ("json",))])
    assert found.modules == ("json",)
    assert [(pool.library, pool.threads) for pool in found.pools if pool.used] == [("mine", 3)]


@pytest.mark.usefixtures("nothing_always")
def test_each_set_of_packages_is_asked_once_and_only_on_the_processor(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, ("no_such_package",)),
        row(tmp_path, ("no_such_package",)),
        row(tmp_path, ("no_such_package", "json"), extra="much", device="gpu"),
        row(tmp_path, ("json", "no_such_package"), extra="much"),
        row(tmp_path, ()),
    ]
    first, second = pools.find(os.environ, rows)
    assert first.modules == ("no_such_package",)
    assert "not installed; install with: pip install 'no_such_package'" in first.reason
    assert second.reason.endswith("pip install 'mlpbench[much]'")


@pytest.mark.usefixtures("nothing_always")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no luck today')\n", "RuntimeError: no luck today"),
        ("import os\nos._exit(3)\n", "exit code 3"),
    ],
)
def test_a_process_that_fails_says_why(tmp_path: Path, source: str, reason: str) -> None:
    (found,) = pools.find(os.environ, [row(tmp_path, ("json",), source)])
    assert found.pools == ()
    assert reason in found.reason


@pytest.mark.usefixtures("nothing_always")
def test_a_process_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "TIMEOUT", 0.2)
    (found,) = pools.find(os.environ, [row(tmp_path, ("json",), "import time\ntime.sleep(60)\n")])
    assert found.reason == "no answer after 0.2 s"


@pytest.mark.usefixtures("nothing_always")
def test_what_a_row_exports_is_there_before_anything_is_imported(tmp_path: Path) -> None:
    source = "import os\nassert os.environ['OF_MINE'] == 'x'\n" + SOURCE
    wanted = row(tmp_path, ("json",), source, environment={"OF_MINE": "x"})
    (found,) = pools.find(os.environ, [wanted])
    assert found.reason == ""
