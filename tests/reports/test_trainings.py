"""The answer of a run with a target: seconds until it was held, and who did not hold it."""

from __future__ import annotations

import re

import msgspec
import pytest
from rich.console import Console

from bench.documents.results import Measured, Results
from bench.documents.timings import Learning
from bench.planning.plan import Cell
from reports import format as text
from reports.answer import paragraphs
from reports.facts.trainings import as_data
from reports.gather import build_context
from reports.sections import summary as summary_section
from reports.sections import time_to_accuracy
from reports.terminal import epoch_tables
from tests.reports import pieces, sample
from tests.reports.repeated import with_control
from tests.reports.sample import Shape

EPOCHS = 4
NO_BREAK = "\N{NO-BREAK SPACE}"


def learned(name: str, block: int, seconds: float, reached: int | None) -> Measured:
    """A training of four epochs of equal length that held 90 % from ``reached`` on."""
    cell = Cell(implementation=name, device="cpu", network="blog", batch_size=500, threads=1)
    one = pieces.measured(cell, block=block, epoch=(seconds,) * EPOCHS)
    learning = Learning(
        target=0.9, seed=block, accuracies=(0.8, 0.9, 0.91, 0.92), reached_epoch=reached
    )
    return msgspec.structs.replace(one, learning=learning)


def document(
    cells: dict[str, list[tuple[float, int | None]]], target: float | None = 0.9
) -> Results:
    """Seconds of an epoch and the epoch that held the target, block by block."""
    plain = sample.document(
        Shape(names=tuple(cells), batch_sizes=(500,), threads=(1,), outcomes=False)
    )
    outcomes = tuple(
        learned(name, block, *one)
        for name, found in cells.items()
        for block, one in enumerate(found)
    )
    return pieces.replace(plain, outcomes=outcomes, plan=pieces.replan(plain.plan, target=target))


# An epoch of numba takes a tenth of the time, and it needs three for what the other does in one.
SLOW_BUT_SURE = [(2.0, 1), (2.02, 1), (1.98, 1)]
FAST = [(0.2, 3), (0.202, 3), (0.198, 3)]
LUCKY = [(0.1, 1), (0.1, None), (0.1, 1)]
BOTH = {"numpy-naive": SLOW_BUT_SURE, "numba": FAST}
WITH_LUCKY = {**BOTH, "sklearn": LUCKY}


def said(cells: dict[str, list[tuple[float, int | None]]]) -> tuple[str, ...]:
    return paragraphs(build_context([document(cells)]))


def shown(results: Results) -> str:
    console = Console(width=120, record=True, color_system=None)
    with console.capture() as captured:
        console.print(epoch_tables(build_context([results]), console.width))
    return captured.get()


def test_the_headline_is_the_time_until_the_target_was_held_and_what_it_is_worth() -> None:
    headline, *_ = said(BOTH)
    assert headline.startswith(
        "Lowest time to hold 90 % test accuracy at batch 500: numba with 1 thread, 3.33 times as "
        "fast as numpy-naive ("
    )


def test_the_same_document_without_a_target_is_about_epochs() -> None:
    headline, *_ = paragraphs(build_context([document(BOTH, target=None)]))
    assert headline.startswith("Lowest time at batch 500: numba with 1 thread, 10.0 times as fast")


def test_more_epochs_may_make_the_faster_one_the_later_one() -> None:
    late = [(0.9, 4), (0.909, 4), (0.891, 4)]
    headline, *_ = said({"numpy-naive": SLOW_BUT_SURE, "numba": late})
    assert headline.endswith("at batch 500: numpy-naive with 1 thread, the baseline.")


def test_who_missed_the_target_once_is_not_ranked_and_is_named() -> None:
    found = said(WITH_LUCKY)
    assert "batch 500: numba with 1 thread" in found[0]
    assert (
        "Not ranked at batch 500, because not every training held 90 %: sklearn with 1 thread "
        "(2 of 3)."
    ) in found
    ranking = build_context([document(WITH_LUCKY)]).for_ranking
    assert [key.implementation for key in ranking.points] == [
        "numpy-naive", "numba",
    ]  # fmt: skip


def test_alone_in_holding_it_there_is_no_rival() -> None:
    found = said({"numba": FAST, "sklearn": LUCKY})
    assert not any("may be as fast" in one for one in found)


def test_where_nothing_held_it_in_every_training_nothing_is_the_fastest() -> None:
    cells = {"numba": LUCKY, "sklearn": [(0.1, None)] * 3}
    found = said(cells)
    (nothing,) = found
    assert nothing == (
        "At batch 500 nothing held a test accuracy of 90 % in every training, so nothing is "
        "ranked: numba with 1 thread (2 of 3) and sklearn with 1 thread (0 of 3)."
    )
    shown = str(summary_section.render(build_context([document(cells)])))
    assert shown.count("nothing held a test accuracy") == 1
    assert '<p class="headline">At batch 500 nothing held' in shown.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (0.9, "90 %"),
        (0.9725, "97.25 %"),
        (0.99999, "99.999 %"),
        (0.123456789, "12.3456789 %"),
        (1.0, "100 %"),
        (0.07, "7 %"),
    ],
)
def test_a_target_has_the_digits_that_were_given(target: float, shown: str) -> None:
    assert text.target(target) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100 %"), (0.99999, "99.999 %"), (29 / 30, "96.67 %"), (0.0, "0 %")],
)
def test_only_all_examples_are_a_hundred_percent(share: float, shown: str) -> None:
    assert text.accuracy(share) == shown


def test_the_terminal_shows_times_to_the_target_and_how_often_it_was_held() -> None:
    table = shown(document(WITH_LUCKY))
    title = "Training until a test accuracy of 90 % is held, speed-up over numpy-naive"
    assert " ".join(table.split()).startswith(title)
    assert "600 ms" in table
    assert "3.33 \N{MULTIPLICATION SIGN}" in table
    assert table.count("held in 3 of 3") == 2
    assert "not ranked" in table
    assert "held in 2 of 3" in table
    assert "Epoch time" not in table


def test_what_is_ranked_is_found_once() -> None:
    context = build_context([document(WITH_LUCKY)])
    assert context.for_ranking is context.for_ranking
    epochs = build_context([document(BOTH, target=None)])
    assert epochs.for_ranking is epochs


@pytest.mark.parametrize("target", [0.9, None])
def test_only_epochs_are_held_against_the_floor(target: float | None) -> None:
    context = build_context([document({**BOTH, "floor": FAST}, target=target)])
    ratios = context.for_ranking.over_floor.values()
    assert any(ratio.value == pytest.approx(10.0) for ratio in ratios) == (target is None)


def test_runs_with_and_without_a_target_stand_side_by_side_as_what_they_are() -> None:
    results = [document(BOTH), document(BOTH, target=None)]
    context = build_context(results)
    found = " ".join(paragraphs(context))
    assert "lowest time to hold 90 % test accuracy at batch 500: numba" in found
    assert "lowest time at batch 500: numba" in found
    section = str(summary_section.render(context))
    assert "Epoch or Time to accuracy" in section


def test_the_summary_section_says_what_its_seconds_are() -> None:
    page = str(summary_section.render(build_context([document(WITH_LUCKY)])))
    said = page.replace("\N{NO-BREAK SPACE}", " ")
    assert "Lowest time to hold 90 % test accuracy at batch 500: numba with 1 thread" in said
    assert "<small>held in 3 of 3</small>" in page
    assert "per epoch of" not in page
    assert "Not ranked at batch 500" in page


def test_ratios_of_time_to_the_target_are_judged_where_every_training_held_it() -> None:
    page = str(time_to_accuracy.render(build_context([document(WITH_LUCKY)])))
    rows = re.findall(r"<tr data-implementation=\"(.*?)\".*?>(.*?)</tr>", page, re.DOTALL)
    by_name = dict(reversed(rows))
    assert "<small>faster</small>" in by_name["numba"]
    assert "<small>not judged</small>" in by_name["sklearn"]
    assert "Faster by more than 3 %: 3.33 times as fast" in page


def test_a_control_is_held_against_what_it_repeats_by_the_same_measure() -> None:
    results = with_control(document(BOTH), "numba", lambda _: 1.5)
    (control,) = [one for one in paragraphs(build_context([results])) if "Control" in one]
    assert "numba against itself under a second name is 0.667 times as fast" in control
    never = tuple(
        msgspec.structs.replace(
            one, learning=msgspec.structs.replace(one.learning, reached_epoch=None)
        )
        if isinstance(one, Measured) and "control" in one.cell.implementation and one.learning
        else one
        for one in results.outcomes
    )
    context = build_context([pieces.replace(results, outcomes=never)])
    assert not any("against itself" in one for one in paragraphs(context))


def test_programs_get_every_cell_and_the_fastest_with_its_verdict() -> None:
    data = as_data(build_context([document(WITH_LUCKY)]))
    naive, numba, sklearn = data["cells"]
    assert (numba["implementation"], numba["batch_size"], numba["threads"]) == ("numba", 500, 1)
    assert (numba["trainings"], numba["held"], numba["ranked"]) == (3, 3, True)
    assert numba["seconds"] == pytest.approx(0.6, rel=1e-4)
    assert numba["low"] < 0.6 < numba["high"]
    assert numba["over_baseline"]["verdict"] == "faster"
    assert naive["over_baseline"] is None
    assert (sklearn["held"], sklearn["ranked"], sklearn["over_baseline"]) == (2, False, None)
    assert sklearn["seconds"] == pytest.approx(0.1)
    assert sklearn["low"] is None
    (fastest,) = data["fastest"]
    assert (fastest["implementation"], fastest["lead"]["verdict"]) == ("numba", "faster")
    assert fastest["undecided"] == []


def test_a_cell_that_never_held_it_has_no_seconds() -> None:
    (cell,) = as_data(build_context([document({"numba": [(0.1, None)] * 3})]))["cells"]
    assert (cell["held"], cell["seconds"]) == (0, None)
