"""The control: one implementation against itself, and the smallest difference this run can show."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import PointKey
from bench.stats.estimates import BLOCKS_FOR_INTERVAL
from bench.stats.verdicts import Verdict, within
from reports import format as text
from reports import runs, tables, templates
from reports.context import Context
from reports.facts import aa_control
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell


def render(context: Context) -> Markup | Absence:
    """Apparent differences, the power of the run, and where scatter comes from."""
    verdicts = aa_control.alarms(context)
    if not verdicts and any(
        row.role == "control" for document in context.results for row in document.rows
    ):
        return Absence(
            "The control of this run was not measured, or not together with the implementation "
            "that it repeats. So the measurement error is not shown; the missing cells are above."
        )
    if not verdicts:
        return Absence(
            "No implementation was measured a second time under another name, so the measurement "
            "error is not shown. mlpbench run adds such a control unless --bare is given."
        )
    power, scatter = aa_control.power(context), aa_control.scatter(context)
    differences = (
        (run, aa_control.difference(aa_control.alarms(of_run).values()))
        for run, of_run in runs.each(context)
    )
    return templates.section(
        "control",
        table=_table(context, verdicts),
        alarms=sum(map(aa_control.is_false, verdicts.values())),
        number=sum(map(aa_control.can_be_false, verdicts.values())),
        apart=" ".join(f"{run}{difference}" for run, difference in differences if difference),
        fewest=BLOCKS_FOR_INTERVAL,
        power=tables.of_items(
            "The smallest difference detectable with 80 % power",
            power,
            {
                "Blocks": lambda power: tables.whole(power.blocks),
                "Comparisons": lambda power: tables.whole(power.comparisons),
                "Ratios": lambda power: tables.whole(power.ratios),
                "Median": lambda power: tables.share(power.usual),
                "Largest": lambda power: tables.share(power.worst),
            },
            text_columns=0,
        )
        if power
        else None,
        found=templates.sentence(
            "remarks", "power", power=max(power, key=lambda power: power.ratios)
        )
        if power
        else None,
        margin=within(context.margin),
        over=context.baseline if context.verdicts else None,
        scatter=tables.of_items(
            "Scatter of epochs: relative standard deviation, median over cells",
            scatter,
            {
                "Implementation": lambda scatter: TableCell(scatter.name),
                "Within a process": lambda scatter: tables.share(scatter.within),
                "Between processes": lambda scatter: tables.share(scatter.between),
                "Cells": lambda scatter: tables.whole(scatter.cells),
            },
            implementation=lambda scatter: scatter.name,
        )
        if scatter
        else None,
    )


def _table(context: Context, verdicts: dict[PointKey, Verdict]) -> Table:
    """Return one row per condition and batch size, as everywhere on the page."""
    places = [(condition, batch_size) for condition, batch_size, _ in context.groups()]
    rows = []
    for key in sorted(verdicts, key=lambda key: places.index((key.condition, key.batch_size))):
        (name, condition, batch_size), verdict = key, verdicts[key]
        alarm = ("a false alarm",) if aa_control.is_false(verdict) else ()
        cells = [
            TableCell(name),
            TableCell(context.label(condition)),
            tables.whole(batch_size),
            tables.ratio(verdict.ratio),
            TableCell(verdict.kind, notes=alarm, strong=bool(alarm)),
            TableCell(verdict.reason),
        ]
        rows.append(
            tables.row(
                context, cells, implementation=name, batch_size=batch_size, condition=condition
            )
        )
    titles = ("Repeated", "Condition", "Batch size", "Control over original", "Verdict", "Reason")
    numeric = ("Batch size", "Control over original")
    columns = tuple(tables.Column(title, title in numeric) for title in titles)
    return Table("The control against what it repeats", columns, tuple(rows))


def status(context: Context) -> Status:
    """Return how often the same code seemed to differ from itself."""
    verdicts = aa_control.alarms(context)
    able = sum(map(aa_control.can_be_false, verdicts.values()))
    false = sum(map(aa_control.is_false, verdicts.values()))
    if not able:
        return Status("too few blocks for a verdict", good=False)
    alarms = text.count(false, "false alarm") if false else "no false alarm"
    return Status(f"{alarms} in {text.count(able, 'comparison')}", not false)


SECTION = Section("control", "Control", 97, render, TRUST, status, whole=True)
