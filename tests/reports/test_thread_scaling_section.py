"""The section on threads: what lines start from, and who has no line."""

from __future__ import annotations

import re

from bench.documents.results import Measured
from bench.planning.plan import Cell
from reports.gather import build_context
from reports.section import Absence
from reports.sections.thread_scaling import render
from tests.reports import pieces, sample


def measured(name: str, threads: int, seconds: float, device: str = "cpu") -> Measured:
    cell = Cell(implementation=name, device=device, network="blog", batch_size=500, threads=threads)
    return pieces.measured(cell, block=0, epoch=[seconds])


def section(*outcomes: Measured) -> str | Absence:
    names = tuple(dict.fromkeys(one.cell.implementation for one in outcomes))
    shape = sample.Shape(names=names, batch_sizes=(500,), threads=(1, 2, 4), outcomes=False)
    found = render(build_context([sample.document(shape, outcomes=outcomes)]))
    return found if isinstance(found, Absence) else str(found)


WHOLE = [measured("numpy-optimized", threads, 1 / threads) for threads in (1, 2, 4)]


def rows(page: str) -> list[str]:
    return re.findall(r"<tr data-implementation.*?</tr>", page, re.DOTALL)


def test_a_line_that_starts_later_is_in_the_table_and_not_under_a_name_that_is_wrong() -> None:
    late = [measured("numba", threads, 1 / threads) for threads in (2, 4)]
    page = section(*WHOLE, *late)
    assert isinstance(page, str)
    assert "over itself with 1 thread" in page
    assert page.count('<tr class="line') == 1
    assert "are in the table alone" in page
    (_, last) = [row for row in rows(page) if 'data-implementation="numba"' in row]
    assert 'data-value="2">2<' in last  # the fewest that were measured of it
    assert "2.0 \N{MULTIPLICATION SIGN}" in last
    assert "100 %" in last


def test_where_all_lines_start_alike_none_is_left_out() -> None:
    page = section(*WHOLE)
    assert isinstance(page, str)
    assert "are in the table alone" not in page
    assert "another device" not in page


def test_what_runs_on_another_device_has_no_line_and_no_efficiency() -> None:
    gpu = [measured("torch-gpu", threads, 0.1, "gpu") for threads in (1, 4)]
    page = section(*WHOLE, *gpu)
    assert isinstance(page, str)
    assert not [row for row in rows(page) if "torch-gpu" in row]
    assert "torch-gpu: not shown, because it runs on another device" in page
    assert isinstance(section(*gpu), Absence)
