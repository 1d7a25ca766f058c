"""The proof that all implementations compute the same numbers."""

from __future__ import annotations

import functools
from typing import NamedTuple

from markupsafe import Markup

from bench.documents.timings import Check
from reports import format as text
from reports import tables, templates
from reports.context import Context, Gap
from reports.remarks import Place, cells_in_words, gaps_in_words
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell, TableRow


class _Checked(NamedTuple):
    """An implementation, and whether it declared products in TF32, for which bounds are wider.

    ``where`` names its cells where others of it came to another result.
    """

    name: str
    is_tf32: bool
    where: str = ""

    @property
    def heading(self) -> TableCell:
        """The first cell of its rows."""
        label = f"{self.name}, TF32" if self.is_tf32 else self.name
        return TableCell(label, notes=(self.where,) if self.where else ())


def render(context: Context) -> Markup | Absence:
    """Return the tightest check of each implementation, all checks, and the refusals."""
    worst = _worst(context)
    refused: dict[tuple[str, str], list[Gap]] = {}
    for gap in context.gaps:
        if gap.kind == "invalid":
            refused.setdefault((gap.cell.implementation, gap.reason), []).append(gap)
    if not worst and not refused:
        return Absence("No document holds a check of the gate, so equality was not shown here.")
    checked = {judged.name for judged in worst}
    measured = {name for name, _, _ in context.points}
    return templates.section(
        "correctness",
        refusals=[
            {
                "name": name,
                "reason": reason,
                "failed": [check for check in gaps[0].gate if not check.passed],
                "number": len(gaps),
                "where": gaps_in_words(context, gaps),
            }
            for (name, reason), gaps in refused.items()
        ],
        tightest=_tightest(worst) if worst else None,
        every=_every(worst) if worst else None,
        unchecked=[name for name in context.trainers if name in measured - checked],
        any_tf32=any(judged.is_tf32 for judged in worst),
        error=text.error_size,
    )


@functools.lru_cache(maxsize=2)  # for the body and for its status
def _worst(context: Context) -> dict[_Checked, dict[str, Check]]:
    """Return the check of each name that used most of its tolerance, by implementation.

    Where cells of an implementation differ, those that failed are apart.
    """
    outcomes = [
        (key, cell.gate) for key, point in context.points.items() for cell in point.measured
    ]
    outcomes += [(gap.key, gap.gate) for gap in context.gaps]
    gates: dict[tuple[str, bool], dict[bool, list[tuple[Place, tuple[Check, ...]]]]] = {
        (name, is_tf32): {} for name in context.implementations for is_tf32 in (False, True)
    }
    for (name, condition, batch_size), gate in outcomes:
        if gate:
            passed = all(check.passed for check in gate)
            place = (condition, batch_size)
            gates[name, condition.is_tf32].setdefault(passed, []).append((place, gate))
    worst: dict[_Checked, dict[str, Check]] = {}
    for (name, is_tf32), by_result in gates.items():
        for passed in sorted(by_result, reverse=True):
            places = [place for place, _ in by_result[passed]] if len(by_result) > 1 else []
            checks = worst.setdefault(_Checked(name, is_tf32, cells_in_words(context, places)), {})
            for check in (check for _, gate in by_result[passed] for check in gate):
                checks[check.name] = max(checks.get(check.name, check), check, key=_share)
    return worst


def _share(check: Check) -> float:
    """Return error over tolerance; infinite where the error is not finite."""
    if check.error is None:
        return float("inf")
    return check.error / check.tolerance if check.tolerance else float(check.error > 0)


def _tightest(worst: dict[_Checked, dict[str, Check]]) -> Table:
    """Return one row per implementation: how many checks, and which came closest to its bound."""
    rows = []
    for judged, checks in worst.items():
        passed = sum(check.passed for check in checks.values())
        verdict = "passed" if passed == len(checks) else "refused"
        cells = (
            judged.heading,
            TableCell(verdict, strong=verdict == "refused"),
            TableCell(f"{passed} of {len(checks)}", passed),
            *_check(max(checks.values(), key=_share)),
        )
        rows.append(TableRow(cells, judged.name))
    titles = (
        "Implementation", "Gate", "Checks passed", "Tightest check", "Error", "Tolerance",
        "Error / tolerance", "Where",
    )  # fmt: skip
    caption = "The gate: the check that came closest to its tolerance"
    return Table(caption, _columns(titles), tuple(rows))


def _every(worst: dict[_Checked, dict[str, Check]]) -> Table:
    """Return one row per implementation and check."""
    rows = [
        TableRow((judged.heading, *_check(check)), judged.name)
        for judged, checks in worst.items()
        for check in checks.values()
    ]
    titles = ("Implementation", "Check", "Error", "Tolerance", "Error / tolerance", "Where")
    caption = "Every check: the largest error over all cells and processes"
    return Table(caption, _columns(titles), tuple(rows))


def _columns(titles: tuple[str, ...]) -> tuple[tables.Column, ...]:
    numeric = ("Error", "Tolerance", "Error / tolerance", "Checks passed")
    return tuple(tables.Column(title, title in numeric) for title in titles)


def _check(check: Check) -> tuple[TableCell, ...]:
    """Name, error, tolerance, share and place."""
    share = _share(check)
    if check.error is None:
        shown = "over the bound"
    else:
        shown = text.times(share) if share > 10 else text.percent(share)
    return (
        TableCell(check.name),
        tables.number(check.error, text.error_size(check.error), missing="not finite"),
        TableCell(text.error_size(check.tolerance), check.tolerance),
        TableCell(shown, None if check.error is None else share),
        TableCell(check.place),
    )


def status(context: Context) -> Status:
    """Return how many checks passed, and who was refused."""
    checks = [check for checks in _worst(context).values() for check in checks.values()]
    passed = sum(check.passed for check in checks)
    invalid = dict.fromkeys(g.cell.implementation for g in context.gaps if g.kind == "invalid")
    said = f"{passed} of {len(checks)} checks passed"
    refused = f"; refused: {text.listing(invalid)}" if invalid else ""
    return Status(said + refused, passed == len(checks))


SECTION = Section("correctness", "Correctness", 80, render, TRUST, status, whole=True)
