"""A crash never ends in an exit code that means a verdict, and output that fails is said so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from bench import exits
from bench.cli import crash
from bench.cli.listing import list_command
from bench.documents import files
from bench.running import lock
from tests.stand_ins.command import Said
from tests.stats import compared

VERDICTS = {exits.FINE, exits.SLOWER, exits.UNCLEAR, exits.NOT_ALL_VALID, exits.NOT_COMPARABLE}


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )


def into(target: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command with its output redirected by a shell to ``target``."""
    line = f'"{sys.executable}" -m bench "$@" {target}'
    return subprocess.run(
        ["/bin/bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}", "-", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let ``mlpbench list`` raise."""

    def raises(error: BaseException) -> None:
        def callback(**_options: object) -> NoReturn:
            raise error

        monkeypatch.setattr(list_command, "callback", callback)

    return raises


@pytest.mark.parametrize(
    "error",
    [ValueError("a\nb"), KeyError("x"), TypeError(), SystemExit(0), SystemExit(1), OSError()],
)
def test_an_unforeseen_error_has_an_exit_code_of_its_own(
    mlpbench: Callable[..., Said], raising: Callable[[BaseException], None], error: BaseException
) -> None:
    raising(error)
    said = mlpbench("list")
    assert said.code == exits.CRASHED
    assert said.code not in VERDICTS
    assert "unexpected error" in said.err
    assert "Traceback (most recent call last)" not in said.err


def test_the_traceback_of_an_unforeseen_error_is_kept_in_a_file_that_the_message_names(
    mlpbench: Callable[..., Said], raising: Callable[[BaseException], None], tmp_path: Path
) -> None:
    raising(ValueError("something odd"))
    said = mlpbench("list")
    (file,) = (tmp_path / "temporary").glob("mlpbench-traceback-*.txt")
    assert str(file) in said.err
    assert "ValueError: something odd (test_crash.py, line " in said.err
    assert file.read_text().endswith("ValueError: something odd\n")
    assert "Traceback (most recent call last)" in file.read_text()


def test_a_variable_prints_the_traceback(
    mlpbench: Callable[..., Said],
    raising: Callable[[BaseException], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(crash.TRACEBACK, "1")
    raising(ValueError("something odd"))
    assert "Traceback (most recent call last)" in mlpbench("list").err
    assert not list((tmp_path / "temporary").glob("mlpbench-traceback-*"))


@pytest.mark.parametrize(
    "argument", ["a\nb", "a\x1b[2J", "a\x85", b"\xff".decode(errors="surrogateescape")]
)
def test_an_argument_that_no_document_can_hold_is_refused_first(
    mlpbench: Callable[..., Said], argument: str
) -> None:
    said = mlpbench("report", argument)
    assert said.code == exits.USAGE
    assert ascii(argument) in said.err
    assert "rename" in said.err


def test_an_encoding_without_our_characters_shows_escapes() -> None:
    done = command("list", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0
    assert done.stdout.isascii()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize("arguments", [("list",), ("--help",), ("list", "--json")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_to_a_full_device_is_one_clear_error(
    arguments: tuple[str, ...], unbuffered: str
) -> None:
    done = into(">/dev/full", *arguments, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == exits.UNWRITABLE
    assert done.stderr.startswith("mlpbench: cannot write the output: No space left on device")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_a_complaint_that_cannot_be_printed_keeps_its_exit_code() -> None:
    assert into("2>/dev/full", "nonsense").returncode == exits.USAGE


@pytest.mark.parametrize("arguments", [("list",), ("--help",), ("list", "--json")])
def test_a_reader_that_has_ended_is_no_verdict(arguments: tuple[str, ...]) -> None:
    done = into("| true", *arguments)
    assert done.returncode in {exits.NO_READER, exits.FINE}
    assert done.stderr == ""


def test_output_that_the_shell_has_closed_is_no_error() -> None:
    assert into(">&-", "list").returncode == exits.FINE


def test_a_terminal_obeys_nothing_that_a_document_holds(
    mlpbench: Callable[..., Said], tmp_path: Path
) -> None:
    name = "\x1b]0;gone\x07\x1b[2J\u202eevil"
    cell = compared.cell(name)
    files.save(compared.document({cell: compared.times()}), tmp_path / "odd.json")
    bad = compared.document({compared.cell(name, threads=1): [0.0]})
    (tmp_path / "bad.json").write_bytes(files.encode(bad))
    for arguments in (
        ("report", "odd.json"),
        ("report", "bad.json"),
        ("compare", "odd.json", "--by", "implementation"),
        ("compare", "odd.json", "--by", "nonsense"),
    ):
        said = mlpbench(*arguments)
        shown = said.out + said.err
        assert not {"\x1b", "\x07", "\u202e"} & set(shown), arguments
    assert "evil" in mlpbench("report", "bad.json").err


def test_names_that_are_not_utf_8_are_shown_as_escapes(tmp_path: Path) -> None:
    """A variable that the lock writes down, and a folder that is nowhere on the command line."""
    odd = tmp_path / os.fsdecode(b"odd\xff")
    odd.mkdir()
    root = str(Path(crash.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "bench", "report", "none.json"],
        env=os.environ | {"LOGNAME": os.fsdecode(b"\xff"), "PYTHONPATH": root},
        cwd=odd,
        capture_output=True,
        check=False,
    )
    assert done.returncode == exits.USAGE
    assert done.stderr.decode().startswith("mlpbench: cannot read none.json: No such file")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LOGNAME", os.fsdecode(b"\xff"))
        with lock.measuring("something", tmp_path):
            assert "of user \\udcff, process" in lock.measured_by(tmp_path)
