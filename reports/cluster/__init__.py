"""Runs on many machines as one page: the jobs, the machines side by side, then every run."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cluster.collect import Standing
from bench.documents.results import Results
from bench.stats.verdicts import MARGIN
from reports import page
from reports.cluster import jobs, machines
from reports.gather import build_context


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
    own = (jobs.section(standings), machines.section(standings, documents, margin))
    return page.render(context, (*own, *page.discover()))
