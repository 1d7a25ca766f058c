"""Machines side by side: implementations are ranked within each, never across them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.cluster.collect import Standing
from bench.documents.results import Results
from bench.observations.points import Point
from bench.observations.winner import fastest
from bench.planning.plan import Setting
from bench.provenance.records import Machine
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.gather import build_context
from reports.section import Section
from reports.tables import Table, TableCell, TableRow, columns

_ORDER = 2
Place = tuple[str, int, int | None, Setting]
"""Network, batch size, threads and setting: implementations are ranked within one."""


@dataclass(frozen=True)
class Run:
    """One run: its title, its machine and its points by place and implementation."""

    title: str
    machine: Machine
    points: Mapping[Place, Mapping[str, Point]]
    context: Context

    def best(self, place: Place) -> Point | None:
        """Return the fastest trainer on this machine in ``place``, or None where none is timed."""
        points = self.points.get(place, {})
        return fastest([point for name, point in points.items() if not self.context.is_floor(name)])


def runs_of(
    standings: Sequence[Standing], documents: Sequence[Results], margin: float
) -> list[Run]:
    """Return every document by itself, titled after its job."""
    titles = {
        standing.run: f"{standing.task} ({standing.node})" if standing.node else standing.task
        for standing in standings
    }
    runs = []
    for number, document in enumerate(documents, start=1):
        context = build_context([document], margin)
        points: dict[Place, dict[str, Point]] = {}
        for (name, condition, size), point in context.points.items():
            place = (condition.scope.network, size, condition.threads, condition.setting)
            points.setdefault(place, {})[name] = point
        runs.append(Run(titles.get(number, f"Run {number}"), document.machine, points, context))
    return runs


def machine_table(runs: Sequence[Run]) -> Table:
    """Return what distinguishes the machines: one row each."""
    return tables.of_items(
        "Machines",
        runs,
        {
            "Run": lambda run: TableCell(run.title),
            "Processor": lambda run: _noted(
                run.machine.cpu, run.machine.vectors and f"vectors {run.machine.vectors}"
            ),
            "Microcode": lambda run: TableCell(run.machine.microcode or "unknown"),
            "CPUs": lambda run: _noted(
                f"{run.machine.usable_cpus} of {run.machine.logical_cpus}",
                None if run.machine.quota_cpus is None else f"quota {run.machine.quota_cpus:g}",
            ),
            "NUMA nodes": lambda run: TableCell(str(run.machine.numa_nodes or "unknown")),
            "Kernel": lambda run: TableCell(run.machine.system),
            "Identity": lambda run: _noted(run.machine.id or "unknown", run.machine.board),
        },
        text_columns=7,
    )


def _noted(shown: str, note: str | None) -> TableCell:
    return TableCell(shown, notes=(note,) if note else ())


def time_tables(runs: Sequence[Run]) -> list[Table]:
    """Return for each place a table of implementations against machines."""
    return [
        _time_table(runs, place)
        for place in dict.fromkeys(place for run in runs for place in run.points)
    ]


def _time_table(runs: Sequence[Run], place: Place) -> Table:
    network, size, threads, setting = place
    names = dict.fromkeys(name for run in runs for name in run.points.get(place, {}))
    rows = tuple(
        TableRow(
            (TableCell(name), *(_time_cell(run, place, name) for run in runs)),
            implementation=name,
            batch_size=size,
        )
        for name in names
    )
    words = [network, f"batch {size}", text.threads(threads), text.setting(setting)]
    where = ", ".join(filter(None, words))
    titles = ("Implementation", *(run.title for run in runs))
    return Table(f"Epoch time by machine: {where}", columns(*titles), rows)


def _time_cell(run: Run, place: Place, name: str) -> TableCell:
    point = run.points.get(place, {}).get(name)
    if point is None or point.epoch is None:
        return tables.word("not measured")
    best = run.best(place)
    notes: tuple[str, ...] = ()
    heat = None
    if best is not None and best.epoch is not None and not run.context.is_floor(name):
        multiple = point.epoch.value / best.epoch.value
        notes = (f"{text.times(multiple)} the fastest",)
        if point is best:
            notes = ("fastest here",)
        elif multiple < 1:
            notes = (f"not ranked: only {text.count(point.epoch.blocks, 'block')}",)
        heat = tables.heat(point, best)
    return TableCell(text.seconds(point.epoch.value), point.epoch.value, notes, heat=heat)


def section(
    standings: Sequence[Standing], documents: Sequence[Results], margin: float
) -> Section[Context]:
    """Return the section of a page about these runs."""

    def render(_context: Context) -> Markup:
        runs = runs_of(standings, documents, margin)
        return templates.fill(
            "cluster/machines.html",
            identities={run.machine.id for run in runs},
            runs=len(runs),
            machines=machine_table(runs),
            times=time_tables(runs),
        )

    return Section("machines", "Machines side by side", _ORDER, render)
