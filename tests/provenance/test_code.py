from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.provenance import code
from impls.errors import ImplementationError
from impls.registry import ROWS
from impls.row import Row

ROOT = Path(bench.__file__).parents[1]
GIT = shutil.which("git")


def test_the_hash_is_that_of_a_sorted_list_as_sha256sum_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "zebra.py"
    file.write_text("class Trainer: pass\n")
    sources = {
        str(path.relative_to(ROOT)): path
        for package in ("bench", "impls")
        for path in (ROOT / package).rglob("*.py")
    }
    listing = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n"
        for name, path in sorted({**sources, "zebra.py": file}.items())
    )
    rows = [*ROWS, Row("zebra", f"{file}:Trainer", "from elsewhere")]
    assert code.describe(rows).sha256 == hashlib.sha256(listing.encode()).hexdigest()


def test_a_file_from_elsewhere_counts_by_name_and_content_and_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("a = 1\n")
    row = Row("mine", f"{file}:Trainer", "")
    found = code.describe([row]).sha256
    assert found != code.describe([]).sha256
    assert code.describe([row, row]).sha256 == found
    moved = tmp_path / "deeper" / "mine.py"
    moved.parent.mkdir()
    file.rename(moved)
    assert code.describe([Row("mine", f"{moved}:Trainer", "")]).sha256 == found
    moved.write_text("a = 2\n")
    assert code.describe([Row("mine", f"{moved}:Trainer", "")]).sha256 != found


def test_a_module_of_another_package_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "strange_package"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("__init__.py", "one.py", "two.py"):
        (package / name).write_text("raise RuntimeError('imported')\n")
    rows = {
        target: Row("strange", f"{target}:Trainer", "")
        for target in ("strange_package", "strange_package.one")
    }
    before = {target: code.describe([row]).sha256 for target, row in rows.items()}
    (package / "two.py").write_text("")
    assert {target: code.describe([row]).sha256 for target, row in rows.items()} == before
    (package / "one.py").write_text("")
    assert code.describe([rows["strange_package"]]).sha256 == before["strange_package"]
    assert code.describe([rows["strange_package.one"]]).sha256 != before["strange_package.one"]


def test_a_package_that_is_not_installed_adds_nothing() -> None:
    absent = Row("absent", "no_such_package.module:Trainer", "")
    assert code.describe([absent]).sha256 == code.describe([]).sha256


def test_a_file_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    row = Row("gone", f"{tmp_path}/gone.py:Trainer", "")
    with pytest.raises(ImplementationError, match=r"gone: cannot read .*gone\.py"):
        code.describe([row])


def git(folder: Path, *arguments: str) -> str:
    if GIT is None:
        pytest.skip("git is not installed")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        [GIT, "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that looks like this project's, and code.describe believing to be in it."""
    for name in ("bench/__init__.py", "bench/provenance/code.py", "impls/a.py", "reports/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("pass\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "all")
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    return tmp_path


def test_a_checkout_tells_its_commit(checkout: Path) -> None:
    found = code.describe([])
    assert (found.commit, found.modified) == (git(checkout, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize(
    ("file", "modified"),
    [
        ("bench/provenance/code.py", True),
        ("impls/a.py", True),
        ("impls/new.py", True),
        ("reports/b.py", False),
        ("tests.py", False),
    ],
)
def test_modified_is_about_what_measures(checkout: Path, file: str, *, modified: bool) -> None:
    (checkout / file).write_text("changed\n")
    assert code.describe([]).modified is modified


def test_what_a_git_hook_exports_does_not_mislead(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    commit = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert code.describe([]).commit == commit


def test_an_installed_copy_inside_another_checkout_has_no_commit(checkout: Path) -> None:
    git(checkout, "rm", "--quiet", "--cached", "bench/provenance/code.py")
    git(checkout, "commit", "--quiet", "-m", "less")
    found = code.describe([])
    assert (found.commit, found.modified) == (None, None)


def test_outside_a_checkout_and_without_git_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code.describe([]).commit is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code.describe([]).commit is None


@pytest.mark.usefixtures("checkout")
def test_a_git_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr(code, "GIT_SECONDS", 0.2)
    assert code.describe([]).commit is None
