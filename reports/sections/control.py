"""The control: one implementation against itself, and the smallest difference this run can show."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import Key
from bench.stats.estimates import MINIMUM_PROCESSES
from bench.stats.verdicts import Verdict, within
from reports import aa_control, rounding, runs, tables, templates
from reports import format as text
from reports.aa_control import Power, Scatter
from reports.context import Context
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell


def render(context: Context) -> Markup | Absence:
    """Apparent differences, the power of the run, and where scatter comes from."""
    verdicts = aa_control.alarms(context)
    if not verdicts:
        return Absence(_why_none(context))
    power, scatter = aa_control.power(context), aa_control.scatter(context)
    return templates.section(
        "control",
        table=_table(context, verdicts),
        alarms=sum(map(aa_control.is_false, verdicts.values())),
        number=sum(map(aa_control.can_be_false, verdicts.values())),
        apart=_apart(context),
        fewest=MINIMUM_PROCESSES,
        power=_power(power) if power else None,
        found=templates.sentence("remarks", "power", power=max(power, key=lambda one: one.ratios))
        if power
        else None,
        margin=within(context.margin),
        over=context.baseline if context.verdicts else None,
        scatter=_scatter(scatter) if scatter else None,
    )


def _apart(context: Context) -> str:
    """Return how far the same code differed from itself, in each run."""
    found = (
        (run, aa_control.difference(aa_control.alarms(one).values()))
        for run, one in runs.each(context)
    )
    return " ".join(f"{run}{said}" for run, said in found if said)


def _why_none(context: Context) -> str:
    """Return why nothing was measured twice, and how to get it."""
    asked = any(row.role == "control" for result in context.results for row in result.rows)
    if asked:
        return (
            "The control of this run was not measured, or not together with the implementation "
            "that it repeats. So the measurement error is not shown; the missing cells are above."
        )
    return (
        "No implementation was measured a second time under another name, so the measurement "
        "error is not shown. mlpbench run adds such a control unless --bare is given."
    )


def _table(context: Context, verdicts: dict[Key, Verdict]) -> Table:
    """Return one row per condition and batch size."""
    rows = []
    places = [(condition, batch_size) for condition, batch_size, _ in context.groups()]
    # As everywhere on the page, not in the order of the measurement.
    for key in sorted(verdicts, key=lambda key: places.index(key[1:])):
        (name, condition, batch_size), verdict = key, verdicts[key]
        alarm = ("a false alarm",) if aa_control.is_false(verdict) else ()
        cells = [
            TableCell(name),
            TableCell(context.label(condition)),
            TableCell(str(batch_size), batch_size),
            tables.ratio(verdict.ratio),
            TableCell(rounding.word(verdict), notes=alarm, strong=bool(alarm)),
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


def _power(found: tuple[Power, ...]) -> Table:
    """Return one row per number of blocks."""
    return tables.of_items(
        "The smallest difference detectable with 80 % power",
        found,
        {
            "Blocks": lambda one: tables.whole(one.blocks),
            "Comparisons": lambda one: tables.whole(one.comparisons),
            "Ratios": lambda one: tables.whole(one.ratios),
            "Median": lambda one: tables.share(one.usual),
            "Largest": lambda one: tables.share(one.worst),
        },
        text_columns=0,
    )


def _scatter(found: tuple[Scatter, ...]) -> Table:
    """Return one row per implementation."""
    return tables.of_items(
        "Scatter of epochs: relative standard deviation, median over cells",
        found,
        {
            "Implementation": lambda one: TableCell(one.name),
            "Within a process": lambda one: tables.share(one.within),
            "Between processes": lambda one: tables.share(one.between),
            "Cells": lambda one: tables.whole(one.cells),
        },
        implementation=lambda one: one.name,
    )


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
