"""What keeps a page light, and that nothing is lost by it but what is said to be."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import json
import re

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.documents.results import Measured, Results
from bench.documents.timings import Check
from bench.observations.table import tabulate
from reports import charts, templates
from reports import format as text
from reports.charts import svg
from reports.exports.table import tidy
from reports.page import build_report
from reports.sections import raw_data
from tests.reports import pieces, sample
from tests.reports.reading import places

TENTHS = st.integers(-9999, 9999).map(lambda number: number / 10)
SMALL = sample.Shape(batch_sizes=(500,), threads=(1,), blocks=1, outcomes=False)


def inlined(*elements: str) -> str:
    source = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{"".join(elements)}</svg>'
    return str(svg.inline(source, prefix="f", description="x"))


@given(st.lists(st.tuples(st.sampled_from("ML"), TENTHS, TENTHS), min_size=1, max_size=9))
def test_a_shortened_path_goes_the_same_way(steps: list[tuple[str, float, float]]) -> None:
    steps[0] = ("M", *steps[0][1:])
    long = " ".join(f"{command} {x} {y}" for command, x, y in steps)
    found = re.findall(r' d="([^"]*)"', inlined(f'<path d="{long}" style="stroke: red"/>'))
    assert places(found[0]) == [(x, y) for _, x, y in steps]
    assert len(found[0]) <= len(long)


def test_lines_and_dots_have_the_shortest_command() -> None:
    path = '<path d="M 10.04 20 L 10 90 L 50.5 90 L 50.5 90 M 50.1 89.7 C 1 2 3 4 -0.5 -6 z" />'
    assert 'd="M10 20V90H50.5h0m-.4-.3C1 2 3 4-.5-6z"' in inlined(path)


def test_frequent_styles_are_classes_of_the_style_sheet() -> None:
    sheet = templates.asset("style.css")
    for name in filter(None, svg.CLASSES.values()):
        assert re.search(rf"\.chart \.{name}\b|\.chart \[class\^={name}\]", sheet), name
    style = "text-anchor: end; fill: #fe0001"
    assert 'class="n"' in inlined(f'<text style="{style}">a</text>')
    assert "style" in inlined('<text style="text-anchor: end; fill: #fd0003">a</text>')


def test_every_round_is_a_dot_in_one_path_per_implementation() -> None:
    strip = charts.Strip("a", charts.style_of(3), ((1.0, 1.1), (0.9, 1.0, 1.2)), 1.0)
    chart = str(charts.strips("t", [strip, strip], description="d"))
    paths = re.findall(r'<g data-series="3"><path d="([^"]+)" class="o3"', chart)
    assert len(paths) == 2
    dots = places(paths[0])
    assert dots[::2] == dots[1::2], "pieces of line without length"
    assert len(dots) == 2 * 5
    assert len({y for _, y in dots}) == 2, "a line for each process"
    first = dots[0][0]
    assert first == dots[2 * 3][0], "equal rounds lie below each other"
    assert dots[2][0] - first == pytest.approx(first - dots[4][0], abs=0.2)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(20000, "20000"), (20000.0, "20000"), (0.0, "0"), (1 / 3, "0.33333"), (6.5e-05, "6.5e-05"),
     (float("nan"), "nan"), (float("inf"), "inf"), (123456789, "123456789")],
)  # fmt: skip
def test_numbers_to_sort_by_are_short(value: float, shown: str) -> None:
    assert text.sortable(value) == shown


def test_sorting_numbers_are_aligned_without_a_class() -> None:
    page = build_report([sample.document(SMALL)])
    assert "td[data-value]" in page
    assert not re.search(r'<td class="[^"]*number[^"]*" data-value', page)
    assert re.search(r'<td class="number dim">', page), "words among numbers still need it"


def unpacked(uri: str) -> bytes:
    return gzip.decompress(base64.b64decode(uri.partition(",")[2]))


def test_a_very_long_csv_leaves_single_phases_out_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = tabulate([sample.document(SMALL)])
    monkeypatch.setattr(raw_data, "_PLAIN_CSV", 0)
    whole = raw_data.csv(rounds)
    assert (whole.rows, whole.complete) == (rounds.rounds, True)
    monkeypatch.setattr(raw_data, "_LONGEST_CSV", 0)
    short = raw_data.csv(rounds)
    back = pd.read_csv(io.BytesIO(unpacked(short.uri)))
    assert set(back["phase"]) == {"step", "epoch"}
    assert not short.complete
    assert (
        short.rows
        == len(back)
        == tidy([sample.document(SMALL)])["phase"].isin(["step", "epoch"]).sum()
    )
    page = build_report([sample.document(SMALL)])
    assert "without those of single phases, which are in the document below" in page


def attached(document: Results) -> Results:
    """What a reader takes from the page."""
    block = raw_data.json([document])
    assert isinstance(block, raw_data.InlineJson)
    return msgspec.convert(json.loads(str(block.content)), Results)


def test_the_attached_document_keeps_refusals_whole_and_shortens_what_passed() -> None:
    document = sample.document(dataclasses.replace(SMALL, names=("numpy-naive",)))
    (one,) = document.outcomes
    assert isinstance(one, Measured)
    passed = Check(name="loss", error=1.23456e-7, tolerance=1.34881e-4, place="at [3]: 1")
    close = Check(name="outputs", error=1.0449e-4, tolerance=1.0451e-4, place="at [4]: 1")
    missed = Check(name="gradient", error=0.0312345, tolerance=1.34881e-4, place="at [0, 1]: 2")
    unknown = Check(name="update", error=None, tolerance=1.34881e-4, place="at [0, 1]: nan")
    checked = pieces.remeasured(one, gate=(passed, close, missed, unknown))
    (back,) = attached(pieces.replace(document, outcomes=(checked,))).outcomes
    assert isinstance(back, Measured)
    short = Check(name="loss", error=1.2e-7, tolerance=1.3e-4)
    assert back.gate[0] == short
    assert [check.passed for check in back.gate] == [True, True, False, False]
    assert back.gate[2:] == (missed, unknown)


def test_the_attached_document_is_one_that_reads_back() -> None:
    document = sample.document(SMALL)
    back = attached(document)
    assert back.plan == document.plan
    ours, theirs = (tidy([one]) for one in (document, back))
    assert theirs["seconds"].tolist() == pytest.approx(ours["seconds"].tolist(), rel=1e-3)


def test_disturbances_are_attached_in_milliseconds() -> None:
    document = sample.document(dataclasses.replace(SMALL, names=("numpy-naive",)))
    (one,) = document.outcomes
    assert isinstance(one, Measured)
    told = pieces.disturbance(waited=0.01234, foreign=0.0, stolen=None)
    timing = pieces.retimed(one.timings[0], disturbances=(told,) * 5)
    (back,) = attached(
        pieces.replace(document, outcomes=(pieces.remeasured(one, timings=(timing,)),))
    ).outcomes
    assert isinstance(back, Measured)
    found = back.timings[0].disturbances[0]
    assert (found.waited, found.foreign, found.stolen) == (0.012, 0.0, None)
