"""The tiles under the headline say what the verdicts say, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from impls.registry import ROWS
from reports.gather import build_context
from reports.sections.summary import render
from tests.reports.reading import Page
from tests.reports.test_summary import BASELINE, FLOOR, ONE, TWO, made

TIMES = "\N{MULTIPLICATION SIGN}"
NEAR = (0.1, 0.11, 0.1)


def tiles(epochs: dict[str, Sequence[float]]) -> str:
    shown = str(render(build_context([made(epochs)])))
    return Page(shown.split('<div class="tiles">')[1].split("<p", maxsplit=1)[0]).text


def test_the_fastest_is_called_so_where_the_verdict_says_so() -> None:
    found = tiles({BASELINE: (0.8, 0.84, 0.88), ONE: (0.1, 0.1, 0.1), FLOOR: (0.2, 0.2, 0.2)})
    assert found.startswith(f"{ONE} fastest at batch 500 100 ms per epoch")
    assert f"8.39 {TIMES} as fast as {BASELINE} 0.500 {TIMES} the floor's time" in found


def test_what_is_not_told_apart_has_the_lowest_time() -> None:
    found = tiles({ONE: NEAR, TWO: (0.105, 0.1, 0.11)})
    assert f"{ONE} lowest time ranked at batch 500: not told apart from {TWO} " in found
    assert "fastest" not in found


def test_too_few_blocks_rank_nothing() -> None:
    found = tiles({BASELINE: (0.8,), ONE: (0.1,)})
    assert f"{ONE} lowest time measured at batch 500; too few blocks to rank " in found
    assert f"8.00 {TIMES} as fast as {BASELINE}: too few blocks to judge" in found


def test_a_lower_time_from_fewer_blocks_is_not_hidden_by_the_words() -> None:
    found = tiles({BASELINE: (0.8,), ONE: (0.2, 0.2, 0.2), TWO: (0.1,)})
    assert f"{ONE} lowest time over enough blocks at batch 500; too few blocks to rank " in found


@pytest.mark.parametrize(("blocks", "word"), [(1, "measured"), (3, "ranked")])
def test_the_caption_of_the_best_ranks_nothing_that_is_not_ranked(blocks: int, word: str) -> None:
    shown = str(render(build_context([made({BASELINE: (0.8,) * blocks, ONE: NEAR[:blocks]})])))
    assert f"The lowest time {word} at each batch size" in shown


def test_an_open_speed_up_is_said_to_be_open() -> None:
    found = tiles({BASELINE: (0.2, 0.3, 0.1), ONE: (0.15, 0.16, 0.14)})
    assert f"as fast as {BASELINE}: unclear" in found


def test_a_single_implementation_is_not_the_fastest() -> None:
    assert tiles({ONE: NEAR}).startswith(f"{ONE} the only one ranked at batch 500")


def test_no_row_is_called_the_limit_of_the_machine() -> None:
    assert not [row.name for row in ROWS if "limit" in row.summary]
