"""A document that was disturbed beyond use supports no verdict: it cannot be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench import exits
from bench.documents import files
from bench.documents.results import Measured, Results
from bench.documents.timings import Disturbance
from bench.observations.matching import Comparison, compare
from bench.observations.selection import Question
from reports import build_report
from tests.stand_ins.command import Said
from tests.stats import compared

CELLS = {compared.cell(name): compared.times() for name in ("numba", "numpy-naive")}
SLOWER = {cell: compared.times(10.0) for cell in CELLS}


def watched(document: Results, disturbed: Callable[[Measured, int], bool]) -> Results:
    """``document`` with rounds that others took half of where ``disturbed`` says so."""
    outcomes = []
    for one in document.outcomes:
        assert isinstance(one, Measured)
        timings = tuple(
            msgspec.structs.replace(
                timing,
                disturbances=tuple(
                    Disturbance(
                        waited=seconds / 2 if disturbed(one, number) else 0.0,
                        foreign=seconds / 2 if disturbed(one, number) else 0.0,
                        stolen=0.0,
                        switches=0,
                        processors=2,
                    )
                    for number, seconds in enumerate(timing.round_seconds)
                ),
            )
            for timing in one.timings
        )
        outcomes.append(msgspec.structs.replace(one, timings=timings))
    return msgspec.structs.replace(document, outcomes=tuple(outcomes))


QUIET = watched(compared.document(CELLS), lambda _one, _number: False)
BUSY = watched(compared.document(SLOWER), lambda _one, number: number > 0)


def comparison(*documents: Results, coordinate: str = "run", baseline: str = "0") -> Comparison:
    question = Question(coordinate, baseline, "epoch")
    points = compared.points_of(*documents)
    return compare(points, question, compared.judged_of(documents, points))


def kinds(found: Comparison) -> dict[str, tuple[str, str]]:
    return {
        pair.other.cell.implementation: (pair.verdict.kind, pair.verdict.code)
        for pair in found.pairs
    }


def test_without_disturbance_the_same_numbers_are_slower() -> None:
    quiet = watched(BUSY, lambda _one, _number: False)
    assert {kind for kind, _ in kinds(comparison(QUIET, quiet)).values()} == {"slower"}


@pytest.mark.parametrize("documents", [(QUIET, BUSY), (BUSY, QUIET)], ids=["other", "reference"])
def test_a_run_that_was_disturbed_beyond_use_leaves_everything_open(
    documents: tuple[Results, Results],
) -> None:
    found = comparison(*documents)
    assert set(kinds(found).values()) == {("unclear", "disturbed")}
    reason = found.pairs[0].verdict.reason
    assert "10 of 15 rounds of " in reason
    assert reason.endswith("were disturbed. Measure again on a quiet machine.")


def test_a_cell_that_was_disturbed_beyond_use_leaves_itself_open() -> None:
    many = {compared.cell(name): compared.times(10.0) for name in ("numba", "numpy-naive", "torch")}
    partly = watched(
        compared.document(many), lambda one, _number: one.cell.implementation == "numba"
    )
    base = {cell: compared.times() for cell in many}
    found = kinds(comparison(watched(compared.document(base), lambda *_: False), partly))
    assert found["numba"] == ("unclear", "disturbed")
    assert found["numpy-naive"][0] == found["torch"][0] == "slower"


def test_half_of_the_rounds_is_not_yet_beyond_use() -> None:
    half = watched(
        compared.document(SLOWER), lambda one, _number: one.cell.implementation == "numba"
    )
    assert kinds(comparison(QUIET, half))["numpy-naive"][0] == "slower"


def test_cells_of_one_disturbed_run_are_left_open_as_well() -> None:
    found = comparison(BUSY, coordinate="implementation", baseline="numba")
    assert set(kinds(found).values()) == {("unclear", "disturbed")}


def test_what_nobody_watched_is_compared() -> None:
    plain = compared.document(SLOWER)
    assert {kind for kind, _ in kinds(comparison(QUIET, plain)).values()} == {"slower"}


def test_the_command_cannot_tell_and_says_why_as_the_report_does(
    mlpbench: Callable[..., Said], tmp_path: Path
) -> None:
    files.save(QUIET, tmp_path / "quiet.json")
    files.save(BUSY, tmp_path / "busy.json")
    said = mlpbench("compare", "quiet.json", "busy.json")
    assert said.code == exits.UNCLEAR
    assert "of 2 cells, 0 faster, 0 slower, 0 the same within 3 % and 2 unclear" in said.out
    assert "disturbed: most rounds of a side were disturbed" in said.out
    answer = json.loads(mlpbench("compare", "quiet.json", "busy.json", "--json").out)
    assert "10 of 15 rounds of " in json.dumps(answer)
    assert "do not conclude anything" in build_report([BUSY])
    assert "do not conclude anything" not in build_report([QUIET])
