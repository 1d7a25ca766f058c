"""Names, settings and reasons come from elsewhere: none of them may become markup."""

from __future__ import annotations

import json
import re

import pytest

from bench.plan import Cell
from bench.results import Failed, Results
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


@pytest.fixture(scope="module")
def document() -> Results:
    cells = [
        Cell(
            implementation=name,
            device="cpu",
            network=EVIL,
            batch_size=size,
            threads=threads,
            setting=(("EVIL", EVIL),),
        )
        for name in NAMES
        for size in (10, 100)
        for threads in (1, 2)
    ]
    phases = [("forward", [0.1]), ("backward", [0.2])]
    measured = [
        pieces.measured(cell, block=0, epoch=[1.0, 1.1], step=[0.4], phases=phases)
        for cell in cells
    ]
    failed = Failed(cell=cells[0], block=1, reason=EVIL, detail=EVIL)
    shape = sample.Shape(network=pieces.network(EVIL))
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
