"""What the text after ``--impl`` stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.cli.inputs import choose_implementations, choose_trainer, choose_trainers
from bench.documents import files
from bench.documents.results import Unavailable
from impls import registry
from impls.errors import ImplementationError, UnknownNameError, UsageError
from impls.row import Row
from tests.stand_ins import fakes, third_party

ABSENT = ("no_such_module_anywhere",)


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry in which everything occurs that matters here."""
    found = (
        Row("slow", "m:C", "rung 0", rung=0),
        Row("slow-more", "m:C", "rung 1", rung=1),
        Row("fast", "m:C", "installed"),
        Row("fast-absent", "m:C", "not installed", ABSENT),
        Row("fast-gpu", "m:C", "on a device", device="gpu"),
        Row("fast-variant", "m:C", "a variant", by_name_only=True),
        Row("limit", "m:C", "the least that must be done", role="floor"),
    )
    monkeypatch.setattr(registry, "ROWS", found)
    monkeypatch.setattr(registry, "no_device", lambda r: "no device" if r.device == "gpu" else None)


def chosen(*names: str, device: str | None = None) -> list[str]:
    return [row.name for row in choose_implementations(names, device)]


def test_without_names_all_but_variants_are_measured() -> None:
    assert chosen() == ["slow", "slow-more", "fast", "fast-absent", "fast-gpu", "limit"]


def test_all_includes_what_is_measured_by_name_only() -> None:
    assert chosen("all") == [row.name for row in registry.ROWS]
    assert chosen("all", device="gpu") == ["fast-gpu"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("slow*",), ["slow", "slow-more"]),
        (("slow-*",), ["slow-more"]),
        (("*-absent", "slow*"), ["fast-absent", "slow", "slow-more"]),
        (("fast-v*",), ["fast-variant"]),
        (("[ls]*", "fast"), ["slow", "slow-more", "limit", "fast"]),
        (("fas?",), ["fast"]),
        (("fast", "fast*"), ["fast", "fast-absent", "fast-gpu", "fast-variant"]),
        (("fast*", "fast"), ["fast", "fast-absent", "fast-gpu", "fast-variant"]),
        (("*-gpu", "all"), ["fast-gpu", *(n for n in
         ("slow", "slow-more", "fast", "fast-absent", "fast-variant", "limit"))]),
    ],
)  # fmt: skip
def test_a_pattern_stands_for_what_it_matches_each_once(
    names: tuple[str, ...], expected: list[str]
) -> None:
    assert chosen(*names) == expected


def test_a_pattern_stands_for_what_runs_on_the_device() -> None:
    assert chosen("fast*", device="gpu") == ["fast-gpu"]
    with pytest.raises(UsageError, match=r"--impl slow\* matches slow, slow-more: none runs on"):
        chosen("slow*", device="gpu")


def test_only_what_is_named_in_full_must_be_installed() -> None:
    assert "fast-absent" in chosen("fast*")
    with pytest.raises(ImplementationError, match="--impl fast-absent: no_such_module_anywhere"):
        chosen("fast*", "fast-absent")


@pytest.mark.parametrize("pattern", ["fsat-*", "slwo*", "FAST*"])
def test_a_pattern_without_a_match_is_answered_with_near_names(pattern: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Known: fast, .*Give a pattern") as raised:
        chosen(pattern)
    assert raised.value.name == pattern
    if pattern.islower():
        assert "Did you mean" in str(raised.value)


@pytest.mark.parametrize("names", [("fast", "fast"), ("fast*", "fast*"), ("all", "fast", "all")])
def test_what_is_given_twice_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="more than once"):
        chosen(*names)


def test_the_path_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "mine [1]"
    folder.mkdir()
    name = third_party.write(folder, "right")
    assert chosen(name, "slow") == ["right:Trainer", "slow"]


def test_what_a_pattern_matches_and_cannot_train_here_is_left_out_with_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, _ = choose_trainers(Console(width=200), ("all",))
    assert [row.name for row in rows] == ["slow", "slow-more", "fast", "fast-variant"]
    said = capsys.readouterr().out
    assert "Note: fast-absent is left out: no_such_module_anywhere not installed" in said
    assert "Note: fast-gpu is left out: no device" in said
    assert "Note: limit is left out: it trains nothing: the least that must be done" in said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("limit", "fast"), "--impl limit trains nothing"),
        (("*-absent",), "includes no implementation that can"),
    ],
)
def test_nothing_to_train_with_is_an_error(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose_trainers(Console(quiet=True), names)


def test_where_one_is_wanted_a_pattern_must_match_one() -> None:
    assert choose_trainer("*-more").name == "slow-more"
    with pytest.raises(UsageError, match=r"--impl slow\* matches slow, slow-more: name one"):
        choose_trainer("slow*")
    with pytest.raises(UsageError, match="--impl limit trains nothing"):
        choose_trainer("limit")


def test_a_row_that_only_a_pattern_named_and_that_is_not_installed_is_an_outcome(
    mlpbench: Callable[..., Any], npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = fakes.FakeLauncher(fakes.measure_all)
    monkeypatch.setattr("bench.cli.run_measurement.Launcher", lambda _cpus: launcher)
    small = ("--network", "36-8-3", "--batch-size", "20", "--profile", "quick", "--threads", "1")
    said = mlpbench(
        "run", "--impl", "fast", "--impl", "*-absent", "--dataset", npz, *small, "--bare",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    outcomes = files.load(tmp_path / "out" / "results.json").outcomes
    absent = [one for one in outcomes if one.cell.implementation == "fast-absent"]
    assert absent
    assert all(
        isinstance(one, Unavailable) and "no_such_module_anywhere not installed" in one.reason
        for one in absent
    )
    assert {assignment.row.name for assignment in launcher.assignments} == {"fast"}
