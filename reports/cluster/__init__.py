"""Runs on many machines as one page: the jobs, the machines side by side, then every run.

No job is left out, and none stands without its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.cluster.collect import Standing
from bench.documents.results import Results
from bench.stats.verdicts import MARGIN
from reports import format as text
from reports import page, tables, templates
from reports.cluster import machines
from reports.context import Context
from reports.gather import build_context
from reports.section import Section
from reports.tables import Table, TableCell


def build_collected(
    standings: Sequence[Standing], documents: Sequence[Results], margin: float = MARGIN
) -> str:
    """Return one complete HTML document; ``run`` of each standing counts ``documents`` from 1.

    Implementations are ranked within a machine.  Runs are kept apart as in any report, because
    they hold the same cells.

    Raises:
        UsageError: there is no document.
    """
    context = build_context(documents, margin)
    shown = templates.fill("cluster/jobs.html", summary=summary(standings), table=table(standings))
    jobs: Section[Context] = Section("jobs", "Jobs", 1, lambda _context: shown)
    own = (jobs, machines.section(standings, documents, margin))
    return page.render(context, own)


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
            "Job": lambda job: TableCell(job.task),
            "Kind": lambda job: TableCell(job.machine),
            "Number": lambda job: TableCell(job.job or "-"),
            "Node": lambda job: TableCell(job.node or "-"),
            "State": lambda job: TableCell(job.kind, strong=job.kind != "done"),
            "Reason": lambda job: TableCell(text.printable(outcome(job))),
            "Run in this report": lambda job: TableCell(str(job.run or "-"), job.run),
        },
        text_columns=6,
    )


def outcome(standing: Standing) -> str:
    """Return why a job stands as it does, and what to know of a run that is done."""
    parts = [standing.reason]
    if standing.kind == "done" and standing.exit_code:
        parts.append(f"not every cell is valid (exit code {standing.exit_code})")
    if standing.kind != "done" and standing.run is not None:
        parts.append(f"run {standing.run} holds what was measured until then")
    if standing.attempts > 1:
        parts.append(f"begun {standing.attempts} times")
    return "; ".join(filter(None, parts))
