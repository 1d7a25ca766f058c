from __future__ import annotations

import re

import msgspec
import pytest

from bench.documents.results import Measured, Results
from bench.documents.timings import Learning
from bench.planning.plan import Cell
from reports import build_report
from reports.gather import build_context
from reports.section import Absence
from reports.sections import time_to_accuracy
from tests.reports import pieces, sample
from tests.reports.reading import places
from tests.reports.sample import Shape

NAMES = ("numpy-naive", "numba")


def learned(name: str, block: int, epochs: tuple[float, ...], reached: int | None) -> Measured:
    cell = Cell(implementation=name, device="cpu", network="blog", batch_size=500, threads=1)
    one = pieces.measured(cell, block=block, epoch=epochs)
    accuracies = tuple(0.9 + 0.01 * number for number in range(len(epochs)))
    learning = Learning(target=0.91, seed=block, accuracies=accuracies, reached_epoch=reached)
    return msgspec.structs.replace(one, learning=learning)


def document(outcomes: tuple[Measured, ...]) -> Results:
    plain = sample.document(Shape(names=NAMES, batch_sizes=(500,), threads=(1,), outcomes=False))
    return pieces.replace(plain, outcomes=outcomes)


@pytest.fixture
def page() -> str:
    outcomes = tuple(
        learned(name, block, (seconds,) * 4, reached)
        for name, seconds in zip(NAMES, (2.0, 0.5), strict=True)
        for block, reached in enumerate((2, 3, None if name == "numba" else 2))
    )
    return str(time_to_accuracy.render(build_context([document(outcomes)])))


def test_the_time_is_that_of_the_epochs_until_the_target_was_held(page: str) -> None:
    # Four, six and four seconds: the geometric mean is 96 ** (1/3).
    assert "4.58 s" in page
    # One and one and a half seconds, from two trainings.
    assert "1.22 s" in page


def test_trainings_that_failed_are_counted_and_kept_out_of_the_ratio(page: str) -> None:
    assert "3 of 3" in page
    assert "2 of 3" in page
    # Both reached it in two blocks, four times as fast in each.
    assert "4.00 \N{MULTIPLICATION SIGN}" in page


def test_a_target_that_nobody_reached_is_no_number() -> None:
    outcomes = tuple(learned(name, 0, (1.0,) * 3, None) for name in NAMES)
    found = str(time_to_accuracy.render(build_context([document(outcomes)])))
    assert found.count("never held") == 2
    assert "0 of 1" in found
    assert build_report([document(outcomes)])


def test_without_a_target_the_section_says_how_to_get_one(tiny_document: Results) -> None:
    found = time_to_accuracy.render(build_context([tiny_document]))
    assert isinstance(found, Absence)
    assert "--metric time-to-accuracy" in found.reason


@pytest.mark.parametrize("seconds", [0.01, 1.0, 100.0])
def test_short_and_long_trainings_fill_the_chart_without_touching_its_frame(
    seconds: float,
) -> None:
    outcomes = (learned(NAMES[0], 0, (seconds,) * 10, 2),)
    chart = str(time_to_accuracy.render(build_context([document(outcomes)]))).split("<figure")[1]
    (path,) = re.findall(r'data-series="0"[^>]*><path d="([^"]+)"', chart)
    across, down = zip(*places(path), strict=True)
    assert 46 < min(across) < 110
    # Up to where the name at the end of the line begins.
    room = 6.6 * len(NAMES[0]) + 12
    assert 300 < max(across) + room < 360
    assert 30 < min(down) < max(down) < 258
