from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
import pytest

import bench
from bench.cli import cli
from impls import registry
from impls.data import DATASETS
from impls.presets import PRESETS

Command = Callable[..., Any]

CONTEXT = click.Context(cli)
COMMANDS = cli.list_commands(CONTEXT)


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself(
    mlpbench: Command, command: tuple[str, ...], option: str
) -> None:
    said = mlpbench(*command, option)
    assert said.code == 0
    assert said.out.startswith("Usage: mlpbench")
    assert said.err == ""
    for name in command:
        found = cli.get_command(CONTEXT, name)
        assert found is not None
        for parameter in found.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[-1] in said.out


def test_the_commands_are_named_in_the_help(mlpbench: Command) -> None:
    said = mlpbench("--help")
    assert {"run", "report", "list"} <= set(COMMANDS)
    assert all(f"  {name} " in said.out for name in COMMANDS)


def test_the_summaries_of_commands_stand_whole_in_80_columns(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = mlpbench("--help").out
    _, _, commands = said.partition("Commands:\n")
    listed = commands.partition("\n\n")[0].splitlines()
    assert len(listed) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("..") for line in listed)


def test_no_command_at_all_is_answered_by_the_help_as_it_is(mlpbench: Command) -> None:
    said = mlpbench()
    assert said.code == 64
    assert said.out == ""
    assert said.err == mlpbench("--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--examples", "1.5"), "'1.5' is not a valid integer. See"),
        (("--threads", "0"), "0 threads are not possible: use 1 or more, or unset. See"),
        (("--impll", "x"), "Did you mean '--impl'? See"),
        (("--blocks", "abc"), "'abc' is not a valid integer. See"),
    ],
)
def test_what_is_wrong_with_an_option_is_a_sentence_of_its_own(
    mlpbench: Command, arguments: tuple[str, ...], message: str
) -> None:
    said = mlpbench("run", *arguments)
    assert said.err.endswith(f"{message} 'mlpbench run --help'.\n")


def test_the_version_is_the_packages(mlpbench: Command) -> None:
    assert bench.__version__ in mlpbench("--version").out


def test_a_command_that_does_not_exist_is_a_matter_of_usage(mlpbench: Command) -> None:
    said = mlpbench("runn")
    assert said.code == 64
    assert "runn" in said.err
    assert said.out == ""


def test_the_list_as_json_derives_from_the_registries(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        registry, "missing", lambda row: "not here" if row.name == "numba" else None
    )
    monkeypatch.setattr(
        registry, "no_device", lambda row: "no GPU" if row.device == "gpu" else None
    )
    content = json.loads(mlpbench("list", "--json").out)
    assert [row["name"] for row in content["implementations"]] == list(registry.known())
    for row in content["implementations"]:
        known = registry.known()[row["name"]]
        assert (row["device"], row["rung"], row["summary"]) == (
            known.device, known.rung, known.summary,
        )  # fmt: skip
        expected = "no GPU" if known.device == "gpu" else "yes"
        assert row["available"] == ("not here" if row["name"] == "numba" else expected)
    assert [row["name"] for row in content["networks"]] == list(PRESETS)
    assert content["networks"][0]["layers"] == "784-70-30-10"
    assert content["networks"][0]["parameters"] == 785 * 70 + 71 * 30 + 31 * 10
    assert {row["name"]: row["summary"] for row in content["datasets"]} == DATASETS


def test_the_command_that_installs_an_extra_is_printed_whole(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    extra = registry.Row("lacking", "m:C", "lacks something", ("no_such_module",), "keras")
    monkeypatch.setattr(registry, "ROWS", (extra,))
    said = mlpbench("list", "implementations")
    assert "no_such_module not installed; install with: pip install 'mlpbench[keras]'" in said.out


def test_a_name_is_never_broken(mlpbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(registry, "GPU_FILES", (__file__,))
    table = mlpbench("list", "implementations").out
    assert [name for name in registry.known() if f" {name} " not in table] == []


def test_every_row_has_one_line_of_80_columns(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(registry, "GPU_FILES", (__file__,))
    lines = mlpbench("list", "implementations").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < len(registry.known()) + 15


def test_rows_that_need_a_gpu_are_one_line_where_there_is_none(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "GPU_FILES", ("/no/gpu",))
    said = mlpbench("list", "implementations").out
    number = sum(row.on_device for row in registry.known().values())
    assert f"GPU: {number} more" in said
    assert "jax-gpu" not in said


def test_a_row_that_is_measured_by_name_only_is_marked(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = registry.Row("usual", "m:C", "one of all")
    monkeypatch.setattr(registry, "ROWS", (usual,))
    assert "opt-in" not in mlpbench("list", "implementations").out
    variant = registry.Row("variant", "m:C", "a variant", by_name_only=True)
    monkeypatch.setattr(registry, "ROWS", (usual, variant))
    table = mlpbench("list", "implementations").out
    assert "opt-in: select with --impl" in table
    assert "variant *" in table
    assert "usual *" not in table
    content = json.loads(mlpbench("list", "implementations", "--json").out)
    assert {row["name"]: row["by_name_only"] for row in content} == {
        "usual": False,
        "variant": True,
    }


def test_a_row_added_to_the_registry_is_listed(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    extra = registry.Row("brand-new", "nowhere:Trainer", "just added", ("no_such_module",))
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, extra))
    said = mlpbench("list", "implementations")
    assert "brand-new" in said.out
    assert "pip install 'no_such_module'" in said.out


@pytest.mark.parametrize("kind", ["implementations", "networks", "datasets"])
def test_one_kind_is_listed_alone(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(registry, "GPU_FILES", (__file__,))
    everything = json.loads(mlpbench("list", "--json").out)
    assert json.loads(mlpbench("list", kind, "--json").out) == everything[kind]
    table = mlpbench("list", kind)
    assert table.code == 0
    for row in everything[kind]:
        assert row["name"] in table.out
    for other in everything.keys() - {kind}:
        assert other.capitalize() not in table.out


def test_a_kind_that_does_not_exist_is_refused(mlpbench: Command) -> None:
    said = mlpbench("list", "trainers")
    assert said.code == 64
    assert "implementations" in said.err


def test_sizes_are_not_torn_apart_in_a_narrow_terminal(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = mlpbench("list", "networks").out
    assert "784-70-30-10" in said
    assert "784-256-128-10" in said
