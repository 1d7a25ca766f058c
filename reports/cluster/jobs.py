"""What became of every job: none is left out, and none without its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from bench.cluster.collect import Standing
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.section import Section
from reports.tables import Table, TableCell

_ORDER = 1


def summary(standings: Sequence[Standing]) -> str:
    """Return how many jobs are done, and how the others stand, in one sentence."""
    counts = Counter(standing.kind for standing in standings)
    total = text.count(len(standings), "job")
    if set(counts) == {"done"}:
        return f"{total}, {'it is' if len(standings) == 1 else 'all'} done."
    parts = [f"{number} {kind}" for kind, number in counts.most_common()]
    return f"{total}: {text.listing(parts)}."


def table(standings: Sequence[Standing]) -> Table:
    """Return one row per job."""
    return tables.of_items(
        "Jobs",
        standings,
        {
            "Job": lambda one: TableCell(one.task),
            "Kind": lambda one: TableCell(one.machine),
            "Number": lambda one: TableCell(one.job or "-"),
            "Node": lambda one: TableCell(one.node or "-"),
            "State": lambda one: TableCell(one.kind, strong=one.kind != "done"),
            "Reason": lambda one: TableCell(text.printable(outcome(one))),
            "Run in this report": lambda one: TableCell(str(one.run or "-"), one.run),
        },
        text_columns=6,
    )


def outcome(one: Standing) -> str:
    """Return why a job stands as it does, with what a reader must know of a run that is done."""
    parts = [one.reason]
    if one.kind == "done" and one.exit_code:
        parts.append(f"not every cell is valid (exit code {one.exit_code})")
    if one.kind != "done" and one.run is not None:
        parts.append(f"run {one.run} holds what was measured until then")
    if one.attempts > 1:
        parts.append(f"begun {one.attempts} times")
    return "; ".join(filter(None, parts))


def section(standings: Sequence[Standing]) -> Section[Context]:
    """Return the section of a page about these jobs."""

    def render(_context: Context) -> Markup:
        return templates.fill(
            "cluster/jobs.html", summary=summary(standings), table=table(standings)
        )

    return Section("jobs", "Jobs", _ORDER, render)
