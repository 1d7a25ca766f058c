"""The page as a whole: complete, self-contained, accessible, light enough."""

from __future__ import annotations

import re
import time

import pytest

from bench.errors import BenchError, UsageError
from impls.registry import ROWS
from reports import build_report
from reports.page import discover, ordered
from reports.section import Absence, Section
from tests.reports import sample
from tests.reports.reading import Page

SECTIONS = [
    "summary", "overview", "batch-scaling", "crossover", "time-to-accuracy", "thread-scaling",
    "phases", "ladder", "floor", "roofline", "correctness", "distributions", "disturbance",
    "accelerators", "control", "cold-cost", "memory", "environment", "method", "raw-data",
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


def test_the_page_holds_every_section_and_links_to_it(page: str) -> None:
    read = Page(page)
    assert [one["id"] for one in read.all("section")] == SECTIONS
    links = [str(one.get("href")) for one in read.all("a")]
    # No accuracy was asked for and no GPU was there, so these sections only say so.
    absent = {"accelerators", "crossover", "time-to-accuracy"}
    present = [section for section in SECTIONS if section not in absent]
    assert [link[1:] for link in links if link[1:] in SECTIONS] == present


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
    charts = re.findall(r"<svg [^>]*>(<title>[^<]*</title>|<title ?/>)?", page)
    assert charts
    assert all(charts)
    assert page.count("<table") == page.count("<caption>")
    figures = re.findall(r"<figure[^>]*><svg [^>]*role=\"img\"[^>]*><title>([^<]+)</title>", page)
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
    names = (*trainers[:13], *(row.name for row in ROWS if row.role == "limit"))
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
