from __future__ import annotations

from typing import get_args

import pytest
from rich.console import Console

from bench.documents.results import Results
from bench.observations.matching import Pair, compare
from bench.observations.selection import RUN, Question
from bench.stats.verdicts import Code, Kind
from reports.comparison.answer import Answer
from reports.comparison.tables import COLOURS, stacked, verdicts
from reports.comparison.words import CODES, KINDS, longer, noise, sentences, signed_interval
from reports.markdown import escape
from reports.terminal import draw
from tests.stats.compared import (
    Grid,
    cell,
    document,
    judged_of,
    labels_for,
    points_of,
    refused,
    times,
)


def answer(*documents: Results) -> Answer:
    found = points_of(*documents)
    comparison = compare(found, Question(RUN, "0", "epoch"), judged_of(documents, found))
    return Answer(comparison, tuple(labels_for(documents)), (), (), "", 0)


def pair(factor: float, blocks: tuple[float, ...]) -> Pair:
    base = document({cell(): list(blocks)})
    (found,) = answer(base, document({cell(): times(factor, blocks)})).comparison.pairs
    return found


def test_every_verdict_and_every_code_has_its_words() -> None:
    assert set(CODES) == set(get_args(Code))
    assert set(KINDS) == set(COLOURS) == set(get_args(Kind))


@pytest.mark.parametrize(
    ("factor", "blocks", "sentence", "interval"),
    [
        (1.05, (1.0, 1.01, 0.99), "5.0 % longer (95 % interval 2.9 to 7.1)", "+2.9 to +7.1"),
        (0.95, (1.0, 1.01, 0.99), "5.0 % less time (95 % interval 3.1 to 6.9)", "-6.9 to -3.1"),
        (1.01, (1.0, 1.01, 0.99), "1.0 % longer (95 % interval -1.0 to 3.0)", "-1.0 to +3.0"),
        (10.0, (1.0, 1.1, 0.9), "900 % longer (95 % interval 720 to 1120)", "+720 to +1120"),
        (0.01, (1.0, 1.01, 0.99), "99.00 % less time (95 % interval 98.98 to 99.02)", "-99.02"),
        (2.0, (1.0,), "100 % longer (no interval)", "none"),
        (1.0, (1.0,), "0.00 % longer (no interval)", "none"),
        (1.0, (1.0, 1.0, 1.0), "0.00 % longer (95 % interval 0.00 to 0.00)", "0.00 to 0.00"),
    ],
)
def test_a_change_of_time_is_said_with_its_interval_in_the_same_sense(
    factor: float, blocks: tuple[float, ...], sentence: str, interval: str
) -> None:
    found = pair(factor, blocks)
    assert (longer(found), signed_interval(found).startswith(interval)) == (sentence, True)


def test_the_worst_is_the_one_that_became_slowest() -> None:
    base = document({cell(name): times() for name in ("a", "b", "c")})
    new = document({cell("a"): times(1.2), cell("b"): times(1.5), cell("c"): times(1.3)})
    assert sentences(answer(base, new))[1].startswith("Worst: b, batch size 8, 1 thread takes 50.0")


def test_cells_apart_for_one_reason_are_counted_where_they_are_many() -> None:
    def cells(number: int) -> Results:
        return document(
            {where: refused(where, "invalid") for where in many(number)} | {cell("mine"): times()}
        )

    def many(number: int) -> list[object]:
        return [cell(batch_size=size) for size in range(1, number + 1)]

    few, more = answer(cells(3), cells(3)), answer(cells(4), cells(4))
    assert [name for name, _ in few.apart] == [
        f"numba, batch size {n}, 1 thread" for n in (1, 2, 3)
    ]
    assert [name for name, _ in more.apart] == ["numba, 4 cells"]


def test_a_narrow_table_keeps_names_and_verdicts_whole() -> None:
    grid = Grid(
        {"numpy-optimized (control)": 1.0, "numpy-naive": 2.0}, {1: 1.0, 2: 0.5}, (8, 20000)
    )
    found = answer(grid.document(), grid.document(1.5))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(draw(stacked(verdicts(found)), lines_between=True))
    text = captured.get()
    assert text.count("numpy-optimized (control)") == 4
    assert text.count("slower") == 8
    assert text.count("outside-margin") == 8
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_else_that_differs_is_not_mentioned() -> None:
    found = answer(document({cell(): times()}), document({cell(): times()}))
    assert noise(found) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("numpy-naive, 2 threads: 1.5 %", "numpy-naive, 2 threads&#58; 1.5 %"),
        ("a|b", "a&#124;b"),
        ("<b>", "&#60;b&#62;"),
        ("@you", "&#64;&#8203;you"),
        ("WWW.x", "WWW&#46;x"),
        ("a\nb", "a&#65533;b"),
        ("名前 µs", "名前 µs"),
    ],
)
def test_markdown_is_escaped_where_it_must_be_and_readable_elsewhere(
    content: str, said: str
) -> None:
    assert escape(content) == said
