"""``mlpbench compare --last``: the newest runs of a results folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.documents import files
from tests.stats.compared import Grid

Command = Callable[..., Any]
GRID = Grid({"numba": 1.0}, {1: 1.0})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three runs whose names do not tell their order; each takes twice the time of the one before.

    Between the first two lies a time zone.
    """
    folder = tmp_path / "results"
    runs = (
        ("b", "2026-11-21T12:00:00+02:00", 1.0),
        ("c", "2026-11-21T11:00:00+00:00", 2.0),
        ("a", "2026-11-22T00:00:00+00:00", 4.0),
    )
    for name, created_at, factor in runs:
        (folder / name).mkdir(parents=True)
        files.save(GRID.document(factor, created_at=created_at), folder / name / "results.json")
    (folder / "train-x").mkdir()
    (folder / "train-x" / "report.html").write_text("no run")
    return folder


def compared(said: Any) -> list[tuple[str, str, float]]:
    """Reference, document and ratio of each comparison."""
    data = json.loads(said.out)
    return [
        (one["reference"]["document"], one["document"], round(one["ratio"]["value"], 6))
        for one in data["comparisons"]
    ]


@pytest.mark.usefixtures("results")
def test_the_newest_is_compared_with_the_one_before(mlpbench: Command) -> None:
    said = mlpbench("compare", "--json", "--last")
    assert compared(said) == [("c", "a", 0.5)]
    assert said.code == 1


def test_the_last_n_are_compared_with_the_first_of_them(mlpbench: Command, results: Path) -> None:
    expected = [("b", "c", 0.5), ("b", "a", 0.25)]
    assert compared(mlpbench("compare", "--json", "--last", 3)) == expected
    assert compared(mlpbench("compare", "--json", "--last", 3, results)) == expected
    assert compared(mlpbench("compare", results, "--json", "--last=3")) == expected


def test_a_folder_may_follow_at_once(mlpbench: Command, results: Path) -> None:
    other = results.rename(results.with_name("elsewhere"))
    assert compared(mlpbench("compare", "--json", "--last", other)) == [("c", "a", 0.5)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--last", "4"), "--last 4 needs 4 runs, but results holds 3 (results/*/results.json)"),
        (("--last", "1"), "1 runs cannot be compared: use 2 or more"),
        (("--last", "0"), "0 runs cannot be compared: use 2 or more"),
        (("--last", "2", "none"), "--last: none is no folder"),
        (("--last", "results", "results"), "one folder of results, not into results, results"),
        (("--last", "2", "results", "other"), "one folder of results, not into results, other"),
        ((), "missing SOURCES"),
    ],
)
@pytest.mark.usefixtures("results")
def test_what_cannot_be_chosen_is_explained(
    mlpbench: Command, arguments: tuple[str, ...], said: str
) -> None:
    answer = mlpbench("compare", *arguments)
    assert answer.code == 64
    assert said in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("text", ["junk", "{}", '{"created_at": "yesterday"}'])
def test_a_document_that_is_none_is_named(mlpbench: Command, results: Path, text: str) -> None:
    (results / "d").mkdir()
    (results / "d" / "results.json").write_text(text)
    said = mlpbench("compare", "--last")
    assert said.code == 64
    assert "results/d/results.json is no results document" in said.err
