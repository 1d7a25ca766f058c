"""Implementations at a git revision: files with their siblings, and rows of this project."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import bench
from bench.planning import revisions
from impls import registry
from impls.errors import ImplementationError

ROOT = Path(bench.__file__).parents[1]
MINE = "from impls.numpy import cached\nimport helper\n\n\nclass Trainer(cached.Trainer):\n    {}\n"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],  # noqa: S607  # whichever git there is
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A trainer with a sibling module, both changed since their first commit."""
    folder = tmp_path / "checkout" / "code"
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for state in ("old", "new"):
        (folder / "mine.py").write_text(MINE.format(f"state = '{state}', helper.STATE"))
        (folder / "helper.py").write_text(f"STATE = '{state}'\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", state)
    return folder / "mine.py"


def test_a_file_comes_with_the_modules_beside_it_as_they_were(file: Path) -> None:
    row = revisions.find(f"{file}:Trainer@HEAD~1")
    commit = git(file.parent, "rev-parse", "HEAD~1")
    assert row.name == "mine:Trainer@HEAD~1"
    assert row.revision == commit
    assert commit[:12] in row.summary
    old = Path(row.target.rpartition(":")[0])
    assert "old" in old.read_text()
    assert "old" in old.with_name("helper.py").read_text()
    assert "new" in file.read_text(), "the checkout stays as it is"
    assert revisions.root_of(row) == ROOT
    # The second time nothing is extracted.
    assert revisions.find(f"{file}:Trainer@HEAD~1") == row


def test_what_a_git_hook_exports_does_not_name_another_repository(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(file.parent, "rev-parse", "HEAD~1")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert revisions.find(f"{file}:Trainer@HEAD~1").revision == commit


def test_without_a_revision_it_is_the_file_as_it_is(file: Path) -> None:
    row = revisions.find(f"{file}:Trainer")
    assert row.revision == ""
    assert row == registry.find(f"{file}:Trainer")


def test_a_revision_that_is_none_is_refused(file: Path) -> None:
    with pytest.raises(ImplementationError, match="Give a commit, branch or tag"):
        revisions.find(f"{file}:Trainer@nowhere")
    with pytest.raises(ImplementationError, match="'--all' is not a git revision"):
        revisions.find(f"{file}:Trainer@--all")


def test_a_file_outside_a_checkout_is_refused(tmp_path: Path) -> None:
    lonely = tmp_path / "mine.py"
    lonely.write_text(MINE.format("pass"))
    with pytest.raises(ImplementationError, match="not a git repository"):
        revisions.find(f"{lonely}:Trainer@HEAD")


def test_without_git_the_message_says_what_is_needed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImplementationError, match="A revision needs git and a checkout"):
        revisions.find(f"{file}:Trainer@HEAD")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this copy is no git checkout")
def test_a_row_of_this_project_comes_with_the_whole_package() -> None:
    row = revisions.find("numpy-cached@HEAD")
    assert row.name == "numpy-cached@HEAD"
    assert row.rung is None
    root = revisions.root_of(row)
    assert (root / "impls" / "numpy" / "cached.py").is_file()
    assert (root / "bench").resolve() == ROOT / "bench"
    assert root != ROOT
