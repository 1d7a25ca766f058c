"""Implementations against their own earlier revisions, as one table."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bench.documents.results import Results
from bench.judging import stats
from bench.judging.ratios import epoch_sweeps
from bench.judging.verdicts import Verdict, judge
from bench.planning.plan import Cell


@dataclass(frozen=True)
class Change:
    """A cell of an implementation as it is now, against the same at the revision in ``before``."""

    cell: Cell
    before: str
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return f"{self.cell.id} against {self.before}: {self.verdict.reason}"


def changes(document: Results, margin: float) -> list[Change]:
    """Every measured cell whose implementation was measured at another revision as well."""
    known = epoch_sweeps(document.outcomes)
    found, table = [], []
    for row in document.rows:
        name = row.name.rpartition("@")[0]
        if not row.revision:
            continue
        for cell, own in known.items():
            before = msgspec.structs.replace(cell, implementation=row.name)
            if cell.implementation == name and before in known:
                logs = stats.paired_logs(known[before], own)
                if logs:
                    found.append((cell, row.name))
                    table.append(logs)
    verdicts = judge(stats.moderated_ratios(table), margin)
    return [
        Change(cell, before, verdict)
        for (cell, before), verdict in zip(found, verdicts, strict=True)
    ]
