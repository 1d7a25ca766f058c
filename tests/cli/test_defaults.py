"""Defaults of options from pyproject.toml and from the environment."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import bench
from bench.cli import cli, defaults, output
from bench.documents import files
from bench.planning.variables import RECORDED_PREFIXES
from tests.stats.compared import Grid

Command = Callable[..., Any]
Write = Callable[[str], None]
CONTEXT = click.Context(cli)
COMMANDS = cli.list_commands(CONTEXT)
KEPT = ("MLPBENCH_DATA_DIR", "MLPBENCH_TF32", "MLPBENCH_TEST_COMPILED")
"""Variables that are no options of a command."""


@pytest.fixture
def project(tmp_path: Path) -> Write:
    """Write pyproject.toml into the current folder."""

    def write(text: str) -> None:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What ``mlpbench run`` is given, instead of measuring; and the command that it records."""
    seen: dict[str, Any] = {}
    command = cli.get_command(CONTEXT, "run")
    assert command is not None

    def remember(**given: Any) -> None:
        seen.update(given, command=output.command_line())

    monkeypatch.setattr(command, "callback", remember)
    return seen


def test_a_table_gives_the_defaults_of_its_command(
    mlpbench: Command, project: Write, options: dict[str, Any]
) -> None:
    project(
        "[tool.mlpbench.run]\n"
        'threads = [1, "unset"]\nbatch-size = 500\nmargin = 0.05\nbare = true\n'
        'env = ["A=1,2", "B=x"]\nnetwork = "islr"\nbudget = "2min"\n'
        "[tool.mlpbench.compare]\nlast = 3\n"
    )
    assert mlpbench("run").code == 0
    assert options["threads"] == (1, None)
    assert options["batch_sizes"] == (500,)
    assert options["margin"] == 0.05
    assert options["bare"] is True
    assert options["settings"] == ((("A", "1"), ("B", "x")), (("A", "2"), ("B", "x")))
    assert options["network"] == "islr"
    assert options["budget"] == 120.0


def test_the_nearest_file_counts_and_underscores_are_hyphens(
    mlpbench: Command,
    project: Write,
    options: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project("[tool.mlpbench.run]\nbatch_size = [32, 500]\n")
    (tmp_path / "below" / "lower").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "below" / "lower")
    assert mlpbench("run").code == 0
    assert options["batch_sizes"] == (32, 500)
    (tmp_path / "below" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert mlpbench("run").code == 0
    assert options["batch_sizes"] == ()


def test_variables_override_the_table_and_the_command_line_both(
    mlpbench: Command, project: Write, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    project('[tool.mlpbench.run]\nthreads = 4\nseed = 4\nprofile = "full"\n')
    monkeypatch.setenv("MLPBENCH_RUN_THREADS", "1,2")
    monkeypatch.setenv("MLPBENCH_RUN_SEED", "5")
    monkeypatch.setenv("MLPBENCH_RUN_PROFILE", "")
    monkeypatch.setenv("MLPBENCH_RUN_BARE", "1")
    monkeypatch.setenv("MLPBENCH_RUN_IMPL", "my files/a.py:T,b")
    monkeypatch.setenv("MLPBENCH_RUN_ENV", "A=1,2 B=x")
    assert mlpbench("run", "--seed", "6").code == 0
    assert (options["threads"], options["seed"], options["profile"]) == ((1, 2), 6, "full")
    assert options["bare"] is True
    assert options["implementations"] == ("my files/a.py:T", "b")
    assert options["settings"] == ((("A", "1"), ("B", "x")), (("A", "2"), ("B", "x")))


def test_isolated_ignores_both(
    mlpbench: Command, project: Write, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    project("[tool.mlpbench.rnu]\nthreads = 4\n")
    monkeypatch.setenv("MLPBENCH_RUN_THREADS", "1")
    monkeypatch.setenv("MLPBENCH_RUN_THREDS", "1")
    assert mlpbench("--isolated", "run").code == 0
    assert options["threads"] == ()


def test_the_recorded_command_repeats_the_run_without_the_defaults(
    mlpbench: Command, project: Write, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    project(
        '[tool.mlpbench.run]\nthreads = [1, 2]\nseed = 4\nbare = true\nprofile = "full"\n'
        'impl = "my files/a.py:T"\n'
    )
    monkeypatch.setenv("MLPBENCH_RUN_BLOCKS", "7")
    monkeypatch.setattr("sys.argv", ["mlpbench", "run", "--profile", "quick"])
    assert mlpbench("run", "--profile", "quick").code == 0
    words = shlex.split(options["command"])
    assert words[:4] == ["mlpbench", "run", "--profile", "quick"]
    first = {name: value for name, value in options.items() if name != "command"}
    assert mlpbench("--isolated", *words[1:]).code == 0
    assert {name: value for name, value in options.items() if name != "command"} == first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.mlpbench.run]\nthreds = 1\n", "unknown option of [tool.mlpbench.run] in"),
        ("[tool.mlpbench.run]\nthreds = 1\n", "'threds'. Did you mean 'threads'?"),
        ("[tool.mlpbench.run]\nbatch_sizes = 1\n", "Did you mean 'batch-size'?"),
        ("[tool.mlpbench.run]\nbatch_size = 1\nbatch-size = 2\n", "holds batch-size twice"),
        ("[tool.mlpbench.rnu]\nthreads = 1\n", "'rnu'. Did you mean 'run'?"),
        ("[tool.mlpbench]\nthreads = 1\n", "holds the key 'threads', but options belong to"),
        ("[tool]\nmlpbench = 1\n", "tool.mlpbench is no table"),
        ("[tool.mlpbench.run]\nthreads = 0\n", "0 threads are not possible"),
        ("[tool.mlpbench.run]\nthreads = 0\n", "pyproject.toml: Invalid value for '--threads'"),
        ("[tool.mlpbench.run]\nmargin = 5.0\n", "5.0 is not possible"),
        ("[tool.mlpbench.run]\nseed = [1, 2]\n", "seed takes one value, and there are 2"),
        ("[tool.mlpbench.run]\nseed = true\n", "give a text, a number or a list of them"),
        ("[tool.mlpbench.run]\nbare = 1\n", "bare = 1 is not possible: give true or false"),
        ("[tool.mlpbench.run]\nthreads = []\n", "threads = [] is not possible"),
        ("[tool.mlpbench.run]\nthreads = {a = 1}\n", "is not possible: give texts or numbers"),
        ("[tool.mlpbench.run\n", "is not valid TOML"),
    ],
)
def test_what_is_wrong_with_the_table_is_named(
    mlpbench: Command, project: Write, options: dict[str, Any], text: str, said: str
) -> None:
    project(text)
    answer = mlpbench("run")
    assert answer.code == 64
    assert said in answer.err
    assert options == {}
    assert mlpbench("--help").code == 0


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MLPBENCH_RUN_THREDS", "1", "Did you mean 'MLPBENCH_RUN_THREADS'?"),
        ("MLPBENCH_RUN_THREADS", "x", "MLPBENCH_RUN_THREADS: Invalid value for '--threads': 'x'"),
    ],
)
def test_what_is_wrong_with_a_variable_is_named(
    mlpbench: Command,
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    answer = mlpbench("run")
    assert (answer.code, options) == (64, {})
    assert said in answer.err


def test_the_file_is_not_blamed_for_the_command_line(mlpbench: Command, project: Write) -> None:
    project("[tool.mlpbench.run]\nthreads = 1\n")
    said = mlpbench("run", "--threads", "x")
    assert "pyproject.toml" not in said.err
    assert "Invalid value for '--threads'" in said.err


def test_other_variables_of_this_project_belong_to_no_command() -> None:
    prefixes = tuple(f"MLPBENCH_{name.upper()}_" for name in COMMANDS)
    kept = [*KEPT, *(name for name in RECORDED_PREFIXES if name.startswith("MLPBENCH_"))]
    root = Path(bench.__file__).parents[1]
    sources = [*(root / "bench").rglob("*.py"), *(root / "impls").rglob("*.py")]
    written = {
        name
        for path in sources
        for name in re.findall(r'"(MLPBENCH_\w+)"', path.read_text(encoding="utf-8"))
    }
    assert "MLPBENCH_KERAS_JIT_COMPILE" in written
    assert [name for name in {*kept, *written} if f"{name}_".startswith(prefixes)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_key_and_a_variable(command: str) -> None:
    found = cli.get_command(CONTEXT, command)
    assert found is not None
    for option in found.params:
        if isinstance(option, click.Option):
            assert any(text.startswith("--") for text in option.opts), option.name


def test_defaults_reach_a_command_that_reads_results(
    mlpbench: Command, project: Write, tmp_path: Path
) -> None:
    files.save(Grid({"numba": 1.0}, {1: 1.0, 2: 0.5}).document(), tmp_path / "results.json")
    project('[tool.mlpbench.compare]\nby = "threads"\njson = true\n')
    said = mlpbench("compare", "results.json")
    assert json.loads(said.out)["by"] == "threads"


@pytest.mark.parametrize(("value", "words"), [(False, "--no-shuffle"), (True, "--shuffle")])
def test_a_switch_with_two_forms_is_recorded_by_the_right_one(value: object, words: str) -> None:
    command = cli.get_command(CONTEXT, "train")
    assert command is not None
    tables = {"train": {"shuffle": value}}
    found = defaults.of_command(command, "train", file=None, tables=tables, environment={})
    assert defaults.as_arguments(found) == words
