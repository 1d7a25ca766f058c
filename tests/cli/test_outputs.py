"""What a command writes replaces nothing but a page: no source, no results, no device, no link."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import exits
from bench.documents import files
from impls.errors import ResultsError
from impls.files import write_whole
from tests.stand_ins.command import Said
from tests.stats import compared

Command = Callable[..., Said]
ONE = compared.document({compared.cell(): compared.times()})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    files.save(ONE, path)
    shutil.copy(path, tmp_path / "other.json")
    return path


COMMANDS: dict[str, Callable[[Path, Path], tuple[object, ...]]] = {
    "report": lambda source, out: ("report", source, "-o", out),
    "compare": lambda source, out: ("compare", source, "other.json", "--markdown", out),
    "walk": lambda source, out: ("walk", source, "--out", out),
}


def itself(source: Path) -> Path:
    return source


def hard_link(source: Path) -> Path:
    os.link(source, source.with_name("hard"))
    return source.with_name("hard")


def soft_link(source: Path) -> Path:
    source.with_name("precious.txt").write_text("precious")
    source.with_name("soft").symlink_to("precious.txt")
    return source.with_name("soft")


def dangling_link(source: Path) -> Path:
    source.with_name("dangling").symlink_to("nowhere")
    return source.with_name("dangling")


def other_results(source: Path) -> Path:
    return source.with_name("other.json")


def packed_results(source: Path) -> Path:
    source.with_name("packed.json.gz").write_bytes(b"\x1f\x8b and more")
    return source.with_name("packed.json.gz")


def a_model(source: Path) -> Path:
    source.with_name("model.npz").write_bytes(b"PK\x03\x04 and more")
    return source.with_name("model.npz")


def marked_json(source: Path) -> Path:
    source.with_name("marked.json").write_bytes(b"\xef\xbb\xbf\n {}")
    return source.with_name("marked.json")


def a_pipe(source: Path) -> Path:
    os.mkfifo(source.with_name("pipe"))
    return source.with_name("pipe")


def a_folder(source: Path) -> Path:
    source.with_name("folder").mkdir()
    return source.with_name("folder")


def the_device(_source: Path) -> Path:
    return Path(os.devnull)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "place",
    [
        itself, hard_link, soft_link, dangling_link, other_results, packed_results, a_model,
        marked_json, a_pipe, a_folder, the_device,
    ],
)  # fmt: skip
def test_a_page_replaces_nothing_but_a_page(
    mlpbench: Command, tmp_path: Path, source: Path, name: str, place: Callable[[Path], Path]
) -> None:
    target = place(source)
    before = {path: (path.lstat().st_mode, path.lstat().st_size) for path in tmp_path.iterdir()}
    kind = stat.S_IFMT(target.lstat().st_mode)
    said = mlpbench(*COMMANDS[name](source, target))
    assert said.code == exits.USAGE
    assert f"cannot write {target}: " in said.err
    after = {path: (path.lstat().st_mode, path.lstat().st_size) for path in tmp_path.iterdir()}
    assert after == before
    assert stat.S_IFMT(target.lstat().st_mode) == kind


@pytest.mark.parametrize("name", COMMANDS)
def test_an_earlier_page_is_replaced(
    mlpbench: Command, tmp_path: Path, source: Path, name: str
) -> None:
    page = tmp_path / "page"
    page.write_text("<!doctype html><title>the page before</title>")
    assert mlpbench(*COMMANDS[name](source, page)).code != exits.USAGE
    assert "the page before" not in page.read_text()


def test_a_link_where_the_next_part_is_written_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / f"page.{os.getpid()}.partial").symlink_to("precious")
    write_whole(tmp_path / "page", b"new")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "page").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "precious"]


def test_results_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "results.json").symlink_to("elsewhere.json")
    with pytest.raises(ResultsError, match=r"it is a link to elsewhere\.json"):
        files.save(ONE, tmp_path / "results.json")
    assert not (tmp_path / "elsewhere.json").exists()


TRAINING = ("--network", "36-5-3", "--epochs", 1, "--batch-size", 30)


def test_a_training_replaces_no_other(mlpbench: Command, npz: Path, tmp_path: Path) -> None:
    arguments = ("train", "--impl", "numpy-naive", *TRAINING, "--dataset", npz, "--out", "out")
    assert mlpbench(*arguments).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    usual = ("--dataset", npz, "--out", "out")
    for command in (
        arguments,
        ("evaluate", "out/numpy-naive.npz", *usual),
        ("train", "--resume", "out/numpy-naive.npz", "--epochs", 2, *usual),
        ("study", "l2", "--values", "0", *TRAINING, *usual),
    ):
        said = mlpbench(*command)
        assert said.code == exits.USAGE, command
        assert "already, which would be replaced" in said.err
        assert "another folder with --out" in said.err
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    "taken", ["numpy-naive.npz", "evaluation.json", "report.html", "checkpoints"]
)
def test_a_training_is_refused_before_it_begins(
    mlpbench: Command, npz: Path, tmp_path: Path, taken: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / taken).symlink_to("nowhere")
    said = mlpbench("train", "--impl", "numpy-naive", *TRAINING, "--dataset", npz, "--out", "out")
    assert said.code == exits.USAGE
    assert f"out holds {taken} already" in said.err
    assert "checks against" not in said.out


@pytest.mark.parametrize("name", ["pipe", "pipe.jsonl", "pipe.json.gz"])
@pytest.mark.parametrize("command", ["report", "walk", "compare", "evaluate"])
def test_a_pipe_as_a_source_is_refused_and_not_waited_for(
    mlpbench: Command, tmp_path: Path, name: str, command: str
) -> None:
    os.mkfifo(tmp_path / name)
    said = mlpbench(command, name)
    assert said.code == exits.USAGE
    assert f"cannot read {name}: it is a pipe" in said.err


def test_endless_devices_and_pipes_in_place_of_a_class_are_refused(
    mlpbench: Command, tmp_path: Path
) -> None:
    assert "it is a pipe, a device" in mlpbench("report", "/dev/zero").err
    os.mkfifo(tmp_path / "mine.py")
    said = mlpbench("train", "--impl", "mine.py:Mine")
    assert said.code == exits.USAGE
    assert "it is a pipe" in said.err


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--impl", "numpy-naive", "--out", ""),
        ("run", "--resume", ""),
        ("train", "--impl", "numpy-naive", "--out", ""),
        ("report", ""),
        ("report", "results.json", "-o", ""),
        ("compare", "", "results.json"),
        ("evaluate", ""),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    mlpbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = mlpbench(*command)
    assert said.code == exits.USAGE
    assert "the path is empty: name a file or folder" in said.err


def test_a_folder_of_results_is_answered_with_the_file_in_it(
    mlpbench: Command, source: Path
) -> None:
    said = mlpbench("report", source.parent)
    assert said.code == exits.USAGE
    assert f"it is a folder. Name {source}." in said.err
