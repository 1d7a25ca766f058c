"""The GPU section: what the driver said around each timing, and what held a device back."""

from __future__ import annotations

import re

from bench.documents.results import Measured
from bench.planning.plan import Cell
from bench.provenance.records import Accelerator, AcceleratorReading
from reports.gather import build_context
from reports.section import Absence
from reports.sections import accelerators, overview
from tests.reports import pieces, sample

SHAPE = sample.Shape(batch_sizes=(500,), threads=(2,))
CELL = Cell(implementation="one", device="gpu", network="blog", batch_size=500, threads=2)


def gpu(*clocks: int | None, held_back: tuple[str, ...] | None = ()) -> Accelerator:
    readings = tuple(
        AcceleratorReading(
            clock_mhz=clock, temperature=40 + place, used_bytes=2**30, held_back=held_back
        )
        for place, clock in enumerate(clocks)
    )
    return Accelerator(
        name="Example GPU",
        driver="580.65",
        memory_bytes=80 * 2**30,
        most_clock_mhz=1980,
        readings=readings,
    )


def outcomes(*devices: Accelerator | None) -> list[Measured]:
    return [
        pieces.reprocessed(pieces.measured(CELL, block=block, epoch=[1.0]), accelerator=device)
        for block, device in enumerate(devices)
    ]


def page_of(*devices: Accelerator | None) -> str:
    body = accelerators.render(build_context([sample.document(SHAPE, outcomes=outcomes(*devices))]))
    assert not isinstance(body, Absence)
    return str(body)


def cells_of(*devices: Accelerator | None) -> list[str]:
    (row,) = re.findall(r"<tr data-implementation.*?</tr>", page_of(*devices), re.DOTALL)
    return re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)


def test_the_course_of_a_timing_is_shown_and_the_device_described() -> None:
    assert cells_of(gpu(300, 1980)) == [
        "1980 MHz<small>before: 300 MHz</small>",
        "unknown",
        "41 °C<small>before: 40 °C</small>",
        "1.00 GiB<small>before: 1.00 GiB</small>",
        "no",
    ]
    page = page_of(gpu(300, 1980))
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts == {
        "device": "Example GPU",
        "driver": "580.65",
        "memory": "80.0 GiB",
        "highest clock": "1980 MHz",
        "highest memory clock": "unknown",
    }
    assert "None was held back." in page


def test_a_device_that_was_held_back_is_said_with_the_worst_process() -> None:
    held = ("power limit",)
    devices = gpu(1980, 1980), gpu(1980, 1410, held_back=held), gpu(1980, 1500)
    assert cells_of(*devices)[0].startswith("1410 MHz to 1980 MHz")
    expected = "device held back in 2 of 3 processes: clock at 1410 of 1980 MHz, power limit"
    assert cells_of(*devices)[-1] == expected
    assert "<b>A device was held back in 1 of 1 cell</b>" in page_of(*devices)
    context = build_context([sample.document(SHAPE, outcomes=outcomes(*devices))])
    assert f"<small>{expected}</small>" in str(overview.render(context)), "beside the number"


def test_a_device_that_was_not_held_back_has_no_note_beside_its_number() -> None:
    context = build_context([sample.document(SHAPE, outcomes=outcomes(gpu(1980, 1980)))])
    assert "held back" not in str(overview.render(context))


def test_a_device_that_does_not_tell_what_holds_it_back_was_not_found_free() -> None:
    silent = gpu(1980, 1980, held_back=None)
    assert cells_of(silent)[-1] == "unknown"
    assert cells_of(gpu(1980, 1980), silent)[-1] == "unknown", "one process is enough"
    page = page_of(silent)
    assert "None was held back as far as reported; not every device reports it" in page
    assert "None was held back." not in page
    assert cells_of(gpu(1980, 1410, held_back=None))[-1].endswith("clock at 1410 of 1980 MHz")


def test_what_is_not_known_says_why() -> None:
    page = page_of(Accelerator(reason="nvidia-ml-py not installed"), gpu(1980, 1980))
    assert "some processes is unknown: nvidia-ml-py not installed." in page
    assert "None was held back as far as reported" in page
    assert cells_of(Accelerator(reason="none"))[-1] == "unknown"


def test_without_a_device_the_section_says_so() -> None:
    body = accelerators.render(build_context([sample.document(SHAPE, outcomes=outcomes(None))]))
    assert body == Absence("No implementation was measured on a GPU.")
