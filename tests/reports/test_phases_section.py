"""The phases section: what the probe costs, and why a step is not the sum of its phases."""

from __future__ import annotations

import re

import pytest

from bench.documents.results import Measured
from bench.planning.plan import Cell
from impls.contract import PHASES
from impls.registry import ROWS
from reports.gather import build_context
from reports.section import Absence
from reports.sections.phases import render
from tests.reports import pieces, sample

NAME = next(row.name for row in ROWS if row.rung == 1)
CELL = Cell(implementation=NAME, device="cpu", network="blog", batch_size=500, threads=1)


def measured(
    step: float = 1.0, phase: float = 0.2, probe: float | None = None, phases: int = 5
) -> Measured:
    return pieces.measured(
        CELL,
        block=0,
        step=[step],
        phases=[(name, [phase]) for name in PHASES[:phases]],
        probe_seconds=probe,
    )


def page_of(*outcomes: Measured) -> str:
    shape = sample.Shape(batch_sizes=(500,), threads=(1,))
    found = render(build_context([sample.document(shape, outcomes=outcomes)]))
    assert not isinstance(found, Absence)
    return str(found)


def last_cells(page: str) -> list[str]:
    """The residual and the probe."""
    row = re.findall(r"<tr data-implementation.*?</tr>", page, re.DOTALL)[0]
    return re.findall(r"<td.*?</td>", row, re.DOTALL)[-2:]


def test_the_probe_is_paid_once_per_phase() -> None:
    residual, probe = last_cells(page_of(measured(probe=0.001)))
    assert 'data-value="0.005"' in probe
    assert "0.5 %" in probe
    assert 'data-value="0"' in residual
    assert 'data-value="0.003"' in last_cells(page_of(measured(probe=0.001, phases=3)))[1]


def test_the_median_process_says_what_a_probe_costs() -> None:
    costs = (0.001, 0.9, 0.002)
    outcomes = [
        pieces.remeasured(measured(probe=cost), block=block) for block, cost in enumerate(costs)
    ]
    assert 'data-value="0.01"' in last_cells(page_of(*outcomes))[1]


@pytest.mark.parametrize(("probe", "marked"), [(0.001, False), (0.00101, True), (0.0024, True)])
def test_phases_that_the_probe_disturbs_are_marked_in_table_and_chart(
    probe: float, *, marked: bool
) -> None:
    page = page_of(measured(probe=probe))
    word = f"probe {500 * probe:.1f} %"
    assert (f"<small>{word}</small>" in page) == marked
    shown = re.findall(r'<td class="number note">([^<]+)</td>', page.replace("\xa0", " "))
    # In time and in percent.
    assert shown == ([word] * 2 if marked else [])


def test_a_document_without_probes_says_so() -> None:
    page = page_of(measured())
    assert "not measured" in last_cells(page)[1]
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    assert rows
    assert not any("probe " in row for row in rows)


@pytest.mark.parametrize(
    ("step", "phase", "probe", "reason"),
    [
        (1.0, 0.195, None, ""),
        (1.0, 0.205, None, ""),
        (1.0, 0.15, None, "more than its phases"),
        (1.0, 0.25, None, "gains by doing them together"),
        (1.0, 0.25, 0.01, "gains by doing them together"),
        (1.0, 0.208, 0.01, "the probe"),
    ],
)
def test_a_large_residual_stands_with_its_reason(
    step: float, phase: float, probe: float | None, reason: str
) -> None:
    residual, _ = last_cells(page_of(measured(step, phase, probe)))
    assert re.findall(r"<small>(.*?)</small>", residual) == ([reason] if reason else [])
    assert ("<b>" in residual) == bool(reason)


def test_a_residual_within_the_spread_of_the_rounds_is_no_finding() -> None:
    rounds = [0.9, 1.0, 1.1, 1.2, 1.3]
    noisy = pieces.measured(CELL, block=0, step=rounds, phases=[(name, [0.2]) for name in PHASES])
    assert "within the spread" in last_cells(page_of(noisy))[0]


def test_a_small_phase_that_scatters_excuses_no_large_residual() -> None:
    loss = [0.0007, 0.0008, 0.001, 0.0012, 0.0013]
    phases = [(name, loss if name == "loss" else [0.1873]) for name in PHASES]
    one = pieces.measured(CELL, block=0, step=[1.0], phases=phases)
    assert "more than its phases" in last_cells(page_of(one))[0]
