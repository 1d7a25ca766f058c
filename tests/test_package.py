"""What is built, and that the settings beside it agree with the code."""

from __future__ import annotations

import configparser
import email
import fnmatch
import os
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import bench
from bench.planning import variables

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT],
        # Elsewhere, as a build/ folder in the checkout would be taken for the package of that name.
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.Path:
    """The content of the wheel."""
    return zipfile.Path(next(built.glob("*.whl")))


@pytest.fixture(scope="module")
def files(wheel: zipfile.Path) -> set[str]:
    """All paths in the wheel."""
    return {name for name in wheel.root.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.Path) -> Message:
    """What package indexes and installers read."""
    (info,) = (entry for entry in wheel.iterdir() if entry.name.endswith(".dist-info"))
    return email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))


def test_the_wheel_holds_the_three_packages_and_nothing_else(files: set[str]) -> None:
    tops = {name.partition("/")[0] for name in files}
    assert tops == {"bench", "impls", "reports", f"mlpbench-{bench.__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_the_packages(files: set[str]) -> None:
    """Templates, styles and scripts too: an ignore pattern that is not anchored drops them."""
    there = {
        path.relative_to(CHECKOUT).as_posix()
        for package in ("bench", "impls", "reports")
        for path in (CHECKOUT / package).rglob("*")
        if path.suffix in {".py", ".html", ".jinja", ".md", ".css", ".js", ".toml"}
    }
    assert {"reports/page.html", "reports/style.css", "reports/script.js"} <= there
    assert {name for name in files if ".dist-info/" not in name} == there


def test_the_sdist_holds_what_building_and_testing_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "tox.ini", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert "tests/test_package.py" in names
    assert {name.partition("/")[0] for name in names}.isdisjoint({"results", "shared", "dist"})


def test_installing_it_makes_the_command(wheel: zipfile.Path) -> None:
    (info,) = (entry for entry in wheel.iterdir() if entry.name.endswith(".dist-info"))
    scripts = configparser.ConfigParser()
    scripts.read_string((info / "entry_points.txt").read_text(encoding="utf-8"))
    assert dict(scripts["console_scripts"]) == {"mlpbench": "bench.cli:main"}


def test_the_metadata_names_version_python_and_extras(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("mlpbench", bench.__version__)
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "keras", "torch", "jax", "gpu", "parquet", "slurm", "test", "docs", "dev",
    }  # fmt: skip
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


def test_no_heavy_optional_package_is_required(metadata: Message) -> None:
    required = metadata.get_all("Requires-Dist", [])
    keras = {entry for entry in required if entry.startswith(("keras", "tensorflow"))}
    assert len(keras) == 2
    assert all("extra == 'keras'" in entry for entry in keras)


def test_the_wheel_runs_from_its_own_file(built: Path) -> None:
    """Zipped, so nothing of the checkout can stand in for what is missing in it."""
    program = (
        "import bench, reports.page, reports.templates as t;"
        "reports.page.discover(); t.asset('style.css'); print(bench.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=built,
        env={**os.environ, "PYTHONPATH": str(next(built.glob("*.whl")))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert ".whl" in done.stdout


def _tox(section: str, option: str) -> list[str]:
    """The lines of a setting of tox.ini."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(CHECKOUT / "tox.ini", encoding="utf-8")
    return [line.strip() for line in settings[section][option].splitlines() if line.strip()]


def test_tox_sets_every_thread_variable() -> None:
    lines = _tox("testenv:threads-{1,2,4}{,-keras}", "set_env")
    names = {
        name.strip()
        for name, _, value in (line.partition("=") for line in lines)
        if value.strip() == "{env:THREADS}"
    }
    assert names == set(variables.VARIABLES)


def test_tox_passes_on_what_benchmarks_record() -> None:
    """A setting that the user exported must reach the benchmarks, or it is compared in vain."""
    passed = _tox("benchmarks", "pass_env")
    assert [
        prefix
        for prefix in variables.RECORDED_PREFIXES
        if not any(fnmatch.fnmatch(prefix, pattern) for pattern in passed)
    ] == []
