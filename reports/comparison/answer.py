"""All that is said about a comparison, and what a reader calls its parts."""

from __future__ import annotations

from dataclasses import dataclass

from bench.observations.matching import Comparison
from bench.observations.selection import BATCH_SIZE, IMPLEMENTATION, RUN, THREADS
from bench.planning.plan import Cell
from bench.stats.differences import Difference
from reports import format as text
from reports.facts.devices import CPU

MOST_NAMED = 3
"""More cells than these that are apart for one reason are counted."""


@dataclass(frozen=True)
class Answer:
    """A comparison with what its conditions have in them.

    ``differences`` are those of the conditions; where some of them are ``obstacles`` nothing was
    compared.  ``labels`` names the documents, ``note`` says what a reader must know first, and
    ``left_out`` names the controls that were not asked for.
    """

    comparison: Comparison
    labels: tuple[str, ...]
    differences: tuple[Difference, ...]
    obstacles: tuple[Difference, ...]
    note: str
    exit_code: int
    left_out: tuple[str, ...] = ()

    @property
    def coordinate(self) -> str:
        """What was compared along."""
        return self.comparison.question.coordinate

    @property
    def reference(self) -> str:
        """What everything is compared with, in words."""
        return self.place(self.comparison.question.baseline)

    @property
    def of_interest(self) -> tuple[Difference, ...]:
        """Differences that may explain a verdict; obstacles are said before, the rest is noise."""
        obstructing = {obstacle.field for obstacle in self.obstacles}
        return tuple(
            difference
            for difference in self.differences
            if difference.kind != "noise" and difference.field not in obstructing
        )

    def place(self, value: str) -> str:
        """Return a value of the coordinate in words: ``2 threads``, ``batch size 500``."""
        if self.coordinate == RUN:
            return self.labels[int(value)]
        if self.coordinate == IMPLEMENTATION:
            return value
        if self.coordinate == THREADS:
            return text.threads(int(value) if value.isdecimal() else None)
        return (
            f"batch size {value}" if self.coordinate == BATCH_SIZE else f"{self.coordinate}={value}"
        )

    @property
    def apart(self) -> list[tuple[str, str]]:
        """Cells that are not compared, and why; those of an implementation in one where alike."""
        grouped: dict[tuple[str, str], list[Cell]] = {}
        for apart in self.comparison.apart:
            cell = apart.point.cell
            grouped.setdefault((cell.implementation, apart.reason), []).append(cell)
        rows = []
        for (implementation, reason), cells in grouped.items():
            if len(cells) > MOST_NAMED:
                rows.append((f"{implementation}, {len(cells)} cells", reason))
            else:
                rows += [(full_name(cell), reason) for cell in cells]
        return rows


def full_name(cell: Cell) -> str:
    """Return a cell with all its coordinates in words."""
    words = [
        cell.implementation,
        "" if cell.device == CPU else f"on {cell.device}",
        f"batch size {cell.batch_size}",
        text.threads(cell.threads),
        text.setting(cell.setting),
    ]
    return ", ".join(word for word in words if word)
