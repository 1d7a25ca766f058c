"""A crash never ends in an exit code that means a verdict, and output that fails is said so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from bench.cli import crash, exits
from bench.cli.listing import list_command
from tests.stand_ins.command import Said

VERDICTS = {exits.FINE, exits.SLOWER, exits.UNRESOLVED, exits.NOT_ALL_VALID, exits.NOT_COMPARABLE}


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


def test_a_reader_that_has_ended_is_no_verdict() -> None:
    done = into("| true", "list")
    assert done.returncode in {exits.NO_READER, exits.FINE}
    assert done.stderr == ""


def test_output_that_the_shell_has_closed_is_no_error() -> None:
    assert into(">&-", "list").returncode == exits.FINE
