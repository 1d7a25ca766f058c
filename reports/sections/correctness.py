"""The proof that all implementations compute the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from bench.documents.timings import Check
from reports import format as text
from reports import tables, templates
from reports.context import Context, Gap
from reports.remarks import Place, cells_in_words, gaps_in_words
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell, TableRow


class _Judged(NamedTuple):
    """An implementation, and whether it declared products in TF32, for which bounds are wider.

    ``where`` names its cells where others of it came to another result.
    """

    name: str
    is_tf32: bool
    where: str = ""

    @property
    def label(self) -> str:
        """Its name, with TF32 where it is in it."""
        return f"{self.name}, TF32" if self.is_tf32 else self.name

    @property
    def heading(self) -> TableCell:
        """The first cell of its rows."""
        return TableCell(self.label, notes=(self.where,) if self.where else ())


@dataclass(frozen=True)
class _Worst:
    """The check of one name that used the largest share of its tolerance."""

    check: Check
    runs: int

    @property
    def share(self) -> float:
        """Error over tolerance; infinite where the error is not finite."""
        return _share(self.check)


@dataclass(frozen=True)
class _Refusal:
    """Why and where an implementation was refused; ``where`` is empty where it was everywhere."""

    name: str
    reason: str
    failed: tuple[Check, ...]
    number: int
    where: str


def render(context: Context) -> Markup | Absence:
    """A table of the tightest check per implementation, one of all checks, and the refusals."""
    worst = _checked(context)
    refusals = _refusals(context)
    if not worst and not refusals:
        return Absence("No document holds a check of the gate, so equality was not shown here.")
    return templates.section(
        "correctness",
        refusals=refusals,
        tightest=_tightest(worst) if worst else None,
        every=_every(worst) if worst else None,
        unchecked=[name for name in context.trainers if _measured_unchecked(context, name)],
        any_tf32=any(one.is_tf32 for one in worst),
        error=text.error_size,
    )


def _checked(context: Context) -> dict[_Judged, dict[str, _Worst]]:
    """Return the worst check of each name, by implementation."""
    if "checked" not in context.memory:
        context.memory["checked"] = {
            judged: _worst(checks) for judged, checks in _gates(context).items()
        }
    found: dict[_Judged, dict[str, _Worst]] = context.memory["checked"]
    return found


def _gates(context: Context) -> dict[_Judged, list[Check]]:
    """Return all checks by implementation; where cells of one differ, failed ones are apart."""
    found: dict[tuple[str, bool], dict[bool, list[tuple[Place, tuple[Check, ...]]]]] = {
        (name, is_tf32): {} for name in context.implementations for is_tf32 in (False, True)
    }
    outcomes = [
        (name, (condition, batch_size), one.gate)
        for (name, condition, batch_size), point in context.points.items()
        for one in point.measured
    ]
    outcomes += [
        (gap.cell.implementation, (gap.condition, gap.cell.batch_size), gap.gate)
        for gap in context.gaps
    ]
    for name, place, gate in outcomes:
        if gate:
            passed = all(check.passed for check in gate)
            found[name, place[0].is_tf32].setdefault(passed, []).append((place, gate))
    gates = {}
    for (name, is_tf32), by_result in found.items():
        for passed in sorted(by_result, reverse=True):
            some = by_result[passed]
            places = [place for place, _ in some] if len(by_result) > 1 else []
            judged = _Judged(name, is_tf32, cells_in_words(context, places))
            gates[judged] = [check for _, gate in some for check in gate]
    return gates


def _share(check: Check) -> float:
    if check.error is None:
        return float("inf")
    return check.error / check.tolerance if check.tolerance else float(check.error > 0)


def _worst(checks: list[Check]) -> dict[str, _Worst]:
    """Return the worst check of each name, over all cells and processes."""
    found: dict[str, _Worst] = {}
    for check in checks:
        before = found.get(check.name)
        runs = before.runs + 1 if before else 1
        worse = check if before is None or _share(check) > before.share else before.check
        found[check.name] = _Worst(worse, runs)
    return found


def _measured_unchecked(context: Context, name: str) -> bool:
    """Return whether ``name`` has numbers but no check."""
    checked = any(checks and judged.name == name for judged, checks in _checked(context).items())
    return not checked and any(key[0] == name for key in context.points)


def _refusals(context: Context) -> list[_Refusal]:
    """Invalid outcomes, equal reasons together."""
    by_reason: dict[tuple[str, str], list[Gap]] = {}
    for gap in context.gaps:
        if gap.kind == "invalid":
            by_reason.setdefault((gap.cell.implementation, gap.reason), []).append(gap)
    return [
        _Refusal(
            name,
            reason,
            tuple(check for check in gaps[0].gate if not check.passed),
            len(gaps),
            gaps_in_words(context, gaps),
        )
        for (name, reason), gaps in by_reason.items()
    ]


def _tightest(worst: dict[_Judged, dict[str, _Worst]]) -> Table:
    """Return one row per implementation: how many checks, and which came closest to its bound."""
    rows = []
    for judged, checks in worst.items():
        passed = sum(check.check.passed for check in checks.values())
        tight = max(checks.values(), key=lambda one: one.share)
        verdict = "passed" if passed == len(checks) else "refused"
        cells = (
            judged.heading,
            TableCell(verdict, strong=verdict == "refused"),
            TableCell(f"{passed} of {len(checks)}", passed),
            *_check(tight),
        )
        rows.append(TableRow(cells, judged.name))
    titles = (
        "Implementation", "Gate", "Checks passed", "Tightest check", "Error", "Tolerance",
        "Error / tolerance", "Where",
    )  # fmt: skip
    caption = "The gate: the check that came closest to its tolerance"
    return Table(caption, _columns(titles), tuple(rows))


def _every(worst: dict[_Judged, dict[str, _Worst]]) -> Table:
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


def _check(worst: _Worst) -> tuple[TableCell, ...]:
    """Name, error, tolerance, share and place."""
    check = worst.check
    shown = "refused" if worst.share == float("inf") else text.percent(worst.share)
    if worst.share > 10:
        shown = "over the bound" if check.error is None else text.times(worst.share)
    return (
        TableCell(check.name),
        tables.number(check.error, text.error_size(check.error), missing="not finite"),
        TableCell(text.error_size(check.tolerance), check.tolerance),
        TableCell(shown, None if check.error is None else worst.share),
        TableCell(check.place),
    )


def status(context: Context) -> Status:
    """Return how many checks passed, and who was refused."""
    worst = [one for checks in _checked(context).values() for one in checks.values()]
    passed = sum(one.check.passed for one in worst)
    refused = text.listing(list(dict.fromkeys(refusal.name for refusal in _refusals(context))))
    said = f"{passed} of {len(worst)} checks passed"
    return Status(f"{said}; refused: {refused}" if refused else said, passed == len(worst))


SECTION = Section("correctness", "Correctness", 80, render, TRUST, status, whole=True)
