"""The page as a whole: complete, self-contained, accessible, light enough."""

from __future__ import annotations

import itertools
import re
import time

import pytest

from impls.errors import BenchError, UsageError
from impls.registry import ROWS
from reports import build_report
from reports.context import Context
from reports.page import discover, ordered
from reports.section import DETAILS, PARTS, TRUST, Absence, Section
from tests.reports import sample
from tests.reports.reading import Page

SECTIONS = [
    "summary", "picture", "overview", "time-to-accuracy", "batch-scaling", "crossover",
    "thread-scaling", "phases", "ladder", "floor", "roofline", "cold-cost", "memory", "correctness",
    "distributions", "disturbance", "accelerators", "control", "environment", "method", "raw-data",
]  # fmt: skip


def test_every_section_is_found_in_its_order() -> None:
    assert [section.id for section in discover()] == SECTIONS


def test_two_sections_with_one_order_are_refused() -> None:
    one = Section("one", "One", 10, lambda _: Absence("no reason"))
    two = Section("two", "Two", 10, lambda _: Absence("no reason"))
    with pytest.raises(BenchError, match="order 10"):
        ordered([one, two])


def test_two_sections_with_one_id_are_refused() -> None:
    one = Section("same", "One", 10, lambda _: Absence("no reason"))
    two = Section("same", "Two", 20, lambda _: Absence("no reason"))
    with pytest.raises(BenchError, match="id 'same'"):
        ordered([one, two])


def test_a_report_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        build_report([])


def test_the_page_holds_every_section_once_and_links_to_its_part(page: str) -> None:
    read = Page(page)
    # No accuracy was asked for and no GPU was there, so these sections only say so, at the end.
    absent = ["time-to-accuracy", "crossover", "accelerators"]
    present = [section for section in SECTIONS if section not in absent]
    assert [one["id"] for one in read.all("section")] == [*present, *absent]
    links = [str(one.get("href"))[1:] for one in read.all("a")]
    assert [link for link in links if link.startswith("part-")] == [part.id for part in PARTS]


def test_the_last_two_parts_are_closed_and_each_section_has_a_status(page: str) -> None:
    for section in discover():
        found = re.search(rf'<section id="{section.id}".*?</section>', page, re.DOTALL)
        assert found
        closed = re.search(r"<details><summary><h3.*?</summary>", found[0], re.DOTALL)
        if section.part in (TRUST, DETAILS) and 'class="absent"' not in found[0]:
            assert closed, section.id
            assert 'class="status' in closed[0], section.id
        else:
            assert section.folded or not closed, section.id


def test_the_page_has_one_heading_and_a_title_that_tells_reports_apart(page: str) -> None:
    read = Page(page)
    assert len(read.all("h1")) == 1
    found = re.search(r"<title>([^<]*)</title>", page)
    assert found
    assert found[1] == "mlpbench: blog, Example CPU @ 3.00 GHz, 2026-11-21"


def test_headings_skip_no_level(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(page).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_elements_are_balanced_and_ids_are_unique(page: str) -> None:
    read = Page(page)
    assert read.unbalanced == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))


def test_references_inside_the_page_have_a_target(page: str) -> None:
    read = Page(page)
    ids = set(read.ids)
    targets = [
        str(one["href"])[1:] for _, one in read.elements if str(one.get("href", "")).startswith("#")
    ]
    labels = [str(one["aria-labelledby"]) for _, one in read.elements if "aria-labelledby" in one]
    used = [*targets, *labels, *re.findall(r"url\(#([^)]+)\)", page)]
    assert used
    assert set(used) <= ids


def test_filters_take_several_choices_of_each_field(page: str, context: Context) -> None:
    boxes = re.findall(r'<input type="checkbox" name="(\w+)" value="([^"]*)"', page)
    found: dict[str, list[str]] = {}
    for field, value in boxes:
        found.setdefault(field, []).append(value)
    assert found["implementation"] == list(context.implementations)
    assert found["batch"] == ["128", "500", "2000", "20000"]
    assert found["place"] == ["0", "1"]


def test_no_word_of_a_verdict_is_that_of_another_section(page: str) -> None:
    cells = re.findall(r"<(?:td|small)[^>]*>(faster|slower|same|unresolved|unclear)</", page)
    assert cells
    assert "unresolved" not in cells


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    read = Page(page)
    for _, attributes in read.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            target = str(attributes.get(name) or "#")
            assert target.startswith(("#", "data:")), target
    assert "@import" not in page
    assert all(target.startswith(("#", "data:")) for target in re.findall(r"url\(([^)]*)\)", page))
    assert "xmlns" not in page


def test_every_chart_has_a_description_and_every_table_a_caption(page: str) -> None:
    charts = re.findall(r"<svg (?![^>]*aria-hidden)[^>]*>(<title>[^<]*</title>|<title ?/>)?", page)
    assert charts
    assert all(charts)
    assert page.count("<table") == page.count("<caption>")
    figures = re.findall(r"<figure[^>]*>\s*<(svg [^>]*role=\"img\"[^>]*><title>[^<]+|div)", page)
    assert len(figures) == page.count("<figure")


def test_text_in_charts_stays_text(page: str) -> None:
    assert re.search(r"<text [^>]*>batch 500, 2 threads</text>", page)


def test_charts_take_their_colours_from_the_theme(page: str) -> None:
    charts = "".join(re.findall(r"<svg .*?</svg>", page, re.DOTALL))
    assert "var(--c0)" in charts
    assert "var(--ink)" in charts
    assert not re.search(r"(fill|stroke):#", charts)


def test_the_same_document_gives_the_same_page() -> None:
    shape = sample.Shape(batch_sizes=(500,), threads=(1,), blocks=1, rounds=2, epoch_rounds=2)
    assert build_report([sample.document(shape)]) == build_report([sample.document(shape)])


def test_a_full_grid_stays_below_two_megabytes_and_twenty_seconds() -> None:
    trainers = [row.name for row in ROWS if row.role == "trainer" and not row.by_name_only]
    names = (*trainers[:13], *(row.name for row in ROWS if row.is_floor))
    shape = sample.Shape(
        names=names,
        batch_sizes=(1, 32, 128, 500, 2000, 20000),
        threads=(1, 2, 4),
        blocks=3,
        rounds=10,
        outcomes=False,
    )
    document = sample.document(shape)
    assert len(document.outcomes) == 14 * 6 * 3 * 3
    begun = time.process_time()
    page = build_report([document])
    # CPU time, and twice the aim: other work on the machine must not fail this.
    assert time.process_time() - begun < 40
    assert len(page.encode()) < 2_000_000
    assert 'download="results.json.gz"' in page
