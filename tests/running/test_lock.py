from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bench
from bench.running import lock
from impls.errors import BusyError, LockError
from tests.stand_ins.command import Said

HOLD = """
import sys
from pathlib import Path
from bench.running.lock import measuring
with measuring(sys.argv[2], Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(folder: Path, what: str = "mlpbench run --impl x") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is told or killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def taken(folder: Path) -> bool:
    try:
        with lock.measuring("a second one", folder):
            return False
    except BusyError:
        return True


def test_the_second_taker_is_told_who_measures_what_since_when_and_what_to_do(
    tmp_path: Path,
) -> None:
    with (
        holder(tmp_path) as process,
        pytest.raises(BusyError) as caught,
        lock.measuring("a second one", tmp_path),
    ):
        pass
    message = str(caught.value)
    written = json.loads((tmp_path / lock.NAME).read_text())
    assert written["pid"] == process.pid
    assert f"process {process.pid}, since {written['since']}" in message
    assert "'mlpbench run --impl x' of user" in message
    assert f"wait for its end, or stop it with 'kill -INT {process.pid}'" in message


def test_the_lock_is_free_once_its_holder_is_done(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert taken(tmp_path)
        process.communicate("done\n")
        assert process.returncode == 0
        assert not taken(tmp_path)
    assert (tmp_path / lock.NAME).read_text() == ""


def test_a_holder_that_is_killed_holds_no_longer(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert taken(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not taken(tmp_path)


def test_a_child_of_the_holder_does_not_hold_on(tmp_path: Path) -> None:
    with lock.measuring("a parent", tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert child.poll() is None
    assert not taken(tmp_path)
    child.communicate(b"\n")


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock.measuring("one that fails", tmp_path):
        raise KeyError
    assert not taken(tmp_path)


def test_one_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with lock.measuring("the first", tmp_path):
        assert taken(tmp_path)
        assert taken(tmp_path)


def test_any_user_can_open_the_file_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert not taken(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / lock.NAME).stat().st_mode & 0o777 == 0o666


def test_it_lies_in_one_place_whatever_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(lock.FOLDER, raising=False)
    places = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
        places.add(lock.place())
    (place,) = places
    assert place in lock.PLACES


def test_a_place_that_not_everybody_can_write_to_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each user would lock another file."""
    monkeypatch.delenv(lock.FOLDER, raising=False)
    mine, all_s = tmp_path / "mine", tmp_path / "all-s"
    for folder, mode in ((mine, 0o755), (all_s, 0o1777)):
        folder.mkdir()
        folder.chmod(mode)
    monkeypatch.setattr(lock, "PLACES", (tmp_path / "none", mine, all_s))
    assert lock.place() == all_s
    monkeypatch.setattr(lock, "PLACES", (mine,))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert lock.place() == tmp_path


def test_a_folder_that_is_named_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lock.FOLDER, str(tmp_path))
    with lock.measuring("something"):
        assert (tmp_path / lock.NAME).exists()
        assert taken(tmp_path)


def test_who_measures_is_known_without_taking_part(tmp_path: Path) -> None:
    assert lock.measured_by(tmp_path) == ""
    assert not (tmp_path / lock.NAME).exists()
    with holder(tmp_path) as process:
        said = f"'mlpbench run --impl x' of user {getpass.getuser()}, process {process.pid}, since"
        assert said in lock.measured_by(tmp_path)
        assert taken(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / lock.NAME).read_text() != "", "its name stays"
        assert lock.measured_by(tmp_path) == ""
        assert not taken(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_nobody_measures_behind_something_else(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        (tmp_path / lock.NAME).mkdir()
    elif kind == "pipe":
        os.mkfifo(tmp_path / lock.NAME)
    else:
        (tmp_path / lock.NAME).symlink_to("elsewhere")
    assert lock.measured_by(tmp_path) == ""


def test_a_training_beside_a_measurement_warns(mlpbench: Callable[..., Said], npz: Path) -> None:
    usual = ("--network", "36-5-3", "--epochs", 1, "--dataset", npz, "--no-check", "--out")
    assert "is measuring" not in mlpbench("train", *usual, "alone").out
    with lock.measuring("mlpbench run --impl x"):
        for command in (("train",), ("study", "l2", "--values", "0")):
            said = mlpbench(*command, *usual, command[0])
            assert said.code == 0
            assert "Note: this machine is measuring already: 'mlpbench run --impl x'" in said.out
            assert "This training disturbs it" in said.out


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data")
    (tmp_path / lock.NAME).symlink_to(precious)
    with pytest.raises(LockError, match="remove it"), lock.measuring("x", tmp_path):
        pass
    (tmp_path / lock.NAME).unlink()
    (tmp_path / lock.NAME).hardlink_to(precious)
    with pytest.raises(LockError, match="not a plain file"), lock.measuring("x", tmp_path):
        pass
    assert precious.read_text() == "data"


def test_something_else_in_its_place_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / lock.NAME)
    with pytest.raises(LockError, match="not a plain file"), lock.measuring("x", tmp_path):
        pass
    (tmp_path / lock.NAME).unlink()
    (tmp_path / lock.NAME).mkdir()
    with pytest.raises(LockError, match="Is a directory"), lock.measuring("x", tmp_path):
        pass


def test_a_folder_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(LockError, match=lock.FOLDER), lock.measuring("x", tmp_path / "none"):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "one"}'])
def test_a_holder_that_says_nothing_readable_holds_all_the_same(
    tmp_path: Path, content: str
) -> None:
    with lock.measuring("the first", tmp_path):
        (tmp_path / lock.NAME).write_text(content)
        with pytest.raises(BusyError, match="another mlpbench"), lock.measuring("x", tmp_path):
            pass


def test_what_others_wrote_reaches_no_terminal_as_control_characters(tmp_path: Path) -> None:
    with (
        holder(tmp_path, "run \x1b[31m\nred"),
        pytest.raises(BusyError) as caught,
        lock.measuring("x", tmp_path),
    ):
        pass
    assert "run [31mred" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nameless() -> str:
        raise KeyError("no such user")

    monkeypatch.setattr("getpass.getuser", nameless)
    with lock.measuring("x", tmp_path):
        assert json.loads((tmp_path / lock.NAME).read_text())["user"] == str(os.getuid())


def run_benchmarks(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``pytest`` on one short benchmark, with its temporary files in ``folder``."""
    chosen = ("tests/benchmarks", "-k", "floor-b32-forward", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *chosen, *arguments],
        cwd=Path(bench.__file__).parents[1],
        env={**os.environ, "TMPDIR": str(folder), lock.FOLDER: str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_benchmarks_under_pytest_do_not_run_beside_another_measurement(tmp_path: Path) -> None:
    with lock.measuring("mlpbench run", tmp_path):
        file = f"--benchmark-json={tmp_path / 'found.json'}"
        done = run_benchmarks(tmp_path, "--benchmark-only", file)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert "this machine is measuring already: 'mlpbench run'" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("option", ["--benchmark-skip", "--benchmark-disable"])
def test_benchmarks_that_do_not_measure_need_no_lock(tmp_path: Path, option: str) -> None:
    with lock.measuring("mlpbench run", tmp_path):
        assert run_benchmarks(tmp_path, option).returncode == 0
