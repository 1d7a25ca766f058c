"""The small pieces: numbers as text, published values, places in the palette, SVG."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

import reports
from impls.registry import ROWS
from reports import articles, charts
from reports import format as text
from reports.charts.canvas import style_of
from reports.charts.panel import CHARACTER, LEFT, RIGHT, WIDTH
from reports.figures import slots


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 s"),
        (0.1034, "103 ms"),
        (0.09996, "100 ms"),
        (1.0, "1.00 s"),
        (0.99999, "1.00 s"),
        (75.25, "75.2 s"),
        (1234.5, "1230 s"),
        (2.5e-6, "2.50 µs"),
        (3e-9, "3.00 ns"),
        (4e-11, "0.0400 ns"),
    ],
)
def test_durations_have_three_digits_and_a_fitting_unit(value: float, expected: str) -> None:
    assert text.seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(8.127, "8.13"), (0.9999, "1.00"), (99.96, "100"), (-0.0123, "-0.0123"), (0, "0")],
)
def test_significant_digits_count_from_the_first(value: float, expected: str) -> None:
    assert text.significant(value) == expected


@pytest.mark.parametrize(
    ("value", "shown"), [(0.05, "0.05"), (0.5, "0.5"), (20.0, "20"), (1500.0, "1500"), (0, "0")]
)
def test_values_below_an_axis_have_no_zeros_at_their_end(value: float, shown: str) -> None:
    assert text.tick(value) == shown


@pytest.mark.parametrize("count", [1, 10, 16, 100])
def test_names_below_columns_have_room(count: int) -> None:
    names = [f"{7000 + place}" for place in range(count)]
    groups = [(style_of(0), tuple(range(1, count + 1)))]
    drawn = charts.columns(
        "title", names, groups, labels=("value", "share"), y_format=str, description="Values."
    )
    shown = [name for name in names if re.search(rf">\s*{name}\s*<", str(drawn))]
    assert shown[0] == names[0]
    assert len(shown) * (len(names[0]) + 1) * CHARACTER <= WIDTH - LEFT - RIGHT


def test_numbers_are_tied_to_their_units_and_words_are_not() -> None:
    tied = text.tied("in 1.88 s: 95 % of 3 seconds, p < 0.001").replace("\N{NO-BREAK SPACE}", "~")
    assert tied == "in 1.88~s: 95~% of 3 seconds, p~<~0.001"


def test_counts_lists_bytes_and_labels_read_well() -> None:
    assert text.count(1, "thread") == "1 thread"
    assert text.count(2, "process", "processes") == "2 processes"
    assert text.listing(["a", "b", "c"]) == "a, b and c"
    assert text.listing(["a"]) == "a"
    assert text.listing([]) == ""
    assert text.byte_count(16 * 2**30) == "16.0 GiB"
    assert text.byte_count(12) == "12 B"
    assert len(text.label("x" * 100)) == 26
    assert "\x00" not in text.label("a\x00b")


def test_published_gains_follow_from_published_totals() -> None:
    assert articles.published_factor(3, 500) == pytest.approx(9.6 / 7.52)
    assert articles.published_factor(3, 20000) == pytest.approx(8.7 / 6.72)
    assert articles.published_factor(1, 500) == pytest.approx(48 / 11)
    assert articles.published_factor(2, 20000) is None
    assert articles.published(4, 500) is None
    assert articles.published(None, 500) is None


def test_the_steps_of_the_articles_are_rungs_in_their_order() -> None:
    rungs = {row.target: row.rung for row in ROWS if row.rung is not None}
    found = [rungs[target] for target in articles.STEPS]
    assert found == sorted(found)
    assert list(articles.STEPS.values()) == [0, 1, 2, 3]


def test_a_chart_leaves_the_global_settings_alone_and_is_well_formed() -> None:
    before = dict(mpl.rcParams)
    strip = charts.Strip("a & <b> $x$", charts.style_of(0), ((1.0, 1.1),), 1.0)
    chart = charts.strips("title", [strip, strip], description='a "description" <here>')
    assert dict(mpl.rcParams) == before
    root = ET.fromstring(str(chart))  # noqa: S314 - made above
    assert root.get("viewBox")
    texts = [element.text for element in root.iter("text")]
    assert "a & <b> $x$" in texts


def test_styles_differ_in_more_than_colour_and_never_run_out() -> None:
    styles = [charts.style_of(slot) for slot in range(40)]
    assert len({(style.colour, str(style.dash)) for style in styles}) == 40
    assert len({(style.colour, style.marker) for style in styles}) == 40
    assert len({(style.colour, style.piece) for style in styles}) == 40, "dots, too"
    assert len({style.marker for style in styles[:10]}) == 10
    assert charts.style_of(48) == replace(styles[0], slot=48)


def test_every_row_has_a_place_of_its_own_and_those_measured_unasked_the_first() -> None:
    trainers = [row for row in ROWS if row.role == "trainer"]
    found = slots((), {row.name: row for row in ROWS})
    assert sorted(found.values()) == list(range(len(trainers)))
    assert len(trainers) <= 40, "as many as styles"
    unasked = [found[row.name] for row in trainers if not row.by_name_only]
    assert sorted(unasked) == list(range(len(unasked)))


def test_a_row_has_the_same_place_in_every_report() -> None:
    some = ROWS[0]
    alone, among = (
        slots((some.name,), {some.name: some}),
        slots((), {row.name: row for row in ROWS}),
    )
    assert alone[some.name] == among[some.name]
    assert slots(("theirs",), {})["theirs"] == len(among)


def test_no_source_of_the_reports_names_an_implementation() -> None:
    folder = Path(reports.__file__).parent
    names = [row.name for row in ROWS if "-" in row.name]
    names += [f'"{row.name}"' for row in ROWS] + [f"'{row.name}'" for row in ROWS if row.rung == 0]
    allowed = {'"floor"'}  # the word of the vocabulary: a section, a style
    for path in folder.rglob("*"):
        if path.suffix in (".py", ".html", ".css", ".js"):
            source = path.read_text(encoding="utf-8")
            found = [n for n in names if re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", source)]
            assert set(found) <= allowed, path


@pytest.mark.parametrize(
    ("share", "said"), [(-0.0004, "0.0 %"), (-0.0006, "-0.1 %"), (0.0, "0.0 %"), (0.0996, "10 %")]
)
def test_nothing_is_never_less_than_nothing(share: float, said: str) -> None:
    assert text.percent(share) == said
