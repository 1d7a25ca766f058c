"""Names, settings and reasons come from elsewhere: none of them may become markup."""

from __future__ import annotations

import json
import re

import pytest

from bench.documents.results import Failed, Results
from bench.documents.timings import Peaks
from bench.planning.plan import Cell
from impls.registry import ROWS
from reports import build_report
from tests.reports import pieces, sample
from tests.reports.reading import Page

EVIL = "<script>alert(1)</script>"
NAMES = (
    EVIL,
    '"><img src=x onerror=alert(2)>',
    "$x^2$ & {{ 7*7 }} </script>",
    "line\nbreak\x00\u2028",
    "名前🙂" * 20,
)
FLOOR = next(row.name for row in ROWS if row.is_floor)
PEAKS = Peaks(gemm=1e11, copy=1e10, cached_copy=1e11)


@pytest.fixture(scope="module")
def document() -> Results:
    cells = [
        Cell(
            implementation=name,
            device="cpu",
            network=EVIL,
            batch_size=size,
            threads=threads,
            setting=(("EVIL", f"{EVIL}\x1f"),),
        )
        for name in (*NAMES, FLOOR)
        for size in (10, 100)
        for threads in (1, 2)
    ]
    phases = [("forward", [0.1]), ("backward", [0.2])]
    measured = [
        pieces.measured(
            cell, block=0, epoch=[1.0, 1.1], step=[1e-7], phases=phases, probe_seconds=0.1,
            disturbances={"epoch": [pieces.disturbance(waited=0.5)] * 2},
            peaks=PEAKS if cell.implementation == FLOOR else None,
        )
        for cell in cells
    ]  # fmt: skip
    failed = Failed(cell=cells[0], block=1, reason=EVIL, detail=EVIL)
    shape = sample.Shape(network=pieces.network(EVIL), batch_sizes=(10, 100))
    return sample.document(shape, outcomes=(*measured, failed), command=EVIL, generator=EVIL)


@pytest.fixture(scope="module")
def page(document: Results) -> str:
    return build_report([document])


def test_no_label_becomes_an_element_or_a_handler(page: str) -> None:
    read = Page(page)
    assert read.unbalanced == []
    assert read.all("img") == []
    assert not any(name.startswith("on") for _, one in read.elements for name in one)
    scripts = [one.get("type") for one in read.all("script")]
    assert scripts == ["application/json", None]


def test_a_label_is_shown_as_it_is(page: str) -> None:
    text = Page(page).text
    assert EVIL in text
    assert "{{ 7*7 }}" in text
    assert "$x^2$" in text


def test_sections_that_need_limits_and_disturbances_are_there(page: str) -> None:
    text = Page(page).text
    assert "Either the work model does not fit these" in text
    spoilt = len(NAMES) * 4 + 4
    assert "rounds of step and epoch were disturbed. Provisional: most rounds behind" in text
    assert f"In {spoilt} of {spoilt} cells all rounds" in text
    assert re.search(r"<text [^>]*>step, 1 thread, EVIL=", page)


def test_chart_text_is_escaped(page: str) -> None:
    charts = "".join(re.findall(r"<svg .*?</svg>", page, re.DOTALL))
    assert "&lt;script&gt;alert(1)" in charts
    assert "<script" not in charts
    assert "\x00" not in charts


def test_the_data_block_cannot_be_left_and_is_still_the_document(
    page: str, document: Results
) -> None:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found
    data = json.loads(found[1])
    assert data["command"] == EVIL
    assert len(data["outcomes"]) == len(document.outcomes)
