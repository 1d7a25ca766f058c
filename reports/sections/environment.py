"""The machine, the software, the data, and what the workers found when they started."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bench.provenance import Dataset, Machine
from bench.results import Results
from impls.contract import Pool
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.points import Condition, Point
from reports.section import Section
from reports.tables import Cell, Table


@dataclass(frozen=True)
class _Run:
    """One document as facts: pairs of what and value."""

    title: str
    machine: list[tuple[str, str]]
    versions: list[tuple[str, str]]
    variables: list[tuple[str, str]]
    dataset: list[tuple[str, str]]
    note: str


def render(context: Context) -> Markup:
    """Facts per document, and a table of thread pools."""
    several = len(context.results) > 1
    runs = [
        _run(document, f"Run {number}" if several else "")
        for number, document in enumerate(context.results, start=1)
    ]
    points = _first_of_condition(context)
    return templates.section(
        "environment",
        runs=runs,
        pools=_pools(context, points) if points else None,
        variables=_variables(context, points) if points else None,
    )


def _run(document: Results, title: str) -> _Run:
    """The facts of one document."""
    machine = document.machine
    return _Run(
        title,
        [*_machine(machine), ("measured", document.created_at), ("by", document.generator)],
        [("Python", machine.python), *sorted(machine.versions.items())],
        sorted(machine.environment.items()),
        _dataset(document.dataset),
        document.dataset.note,
    )


def _machine(machine: Machine) -> list[tuple[str, str]]:
    """The machine; what could not be found out says so."""
    physical = "unknown" if machine.physical_cpus is None else str(machine.physical_cpus)
    quota = "none" if machine.quota_cpus is None else text.significant(machine.quota_cpus)
    caches = ", ".join(f"{name} {size}" for name, size in machine.caches.items())
    return [
        ("processor", machine.cpu),
        ("CPUs", f"{machine.logical_cpus} logical, {physical} physical"),
        ("usable here", str(machine.usable_cpus)),
        ("CPU quota", quota),
        ("frequency governor", machine.governor or "unknown"),
        ("caches", caches or "unknown"),
        ("memory", text.byte_count(machine.memory_bytes)),
        ("system", machine.system),
    ]


def _dataset(dataset: Dataset) -> list[tuple[str, str]]:
    """The data that was trained on."""
    return [
        ("name", dataset.name),
        ("source", dataset.source),
        ("size", f"{dataset.examples} examples of {dataset.features} features"),
        ("SHA-256", dataset.sha256),
    ]


def _first_of_condition(context: Context) -> list[Point]:
    """One point per implementation and condition: batch sizes share their process."""
    firsts: dict[tuple[str, Condition], Point] = {}
    for (name, condition, _), point in context.points.items():
        firsts.setdefault((name, condition), point)
    places = {name: place for place, name in enumerate(context.implementations)}
    ordered = sorted(
        firsts.items(), key=lambda item: (places[item[0][0]], context.conditions.index(item[0][1]))
    )
    return [point for _, point in ordered]


def _pools(context: Context, points: list[Point]) -> Table:
    """Requested against reported against observed."""
    rows = []
    for point in points:
        process = point.measured[0].process
        pools = tuple(
            f"{pool.library} {pool.version}: {_pool_threads(pool)}"
            + (f" ({pool.detail})" if pool.detail else "")
            for pool in process.pools
        )
        cells = (
            Cell(point.implementation),
            Cell(context.label(point.condition)),
            Cell(text.significant(point.threads_observed), point.threads_observed),
            Cell(str(process.affinity), process.affinity),
            Cell("" if pools else "none", notes=pools, dim=not pools),
        )
        name, condition = point.implementation, point.condition
        rows.append(tables.row(context, cells, implementation=name, condition=condition))
    titles = ("Implementation", "Requested", "Observed", "Usable CPUs", "Pools reported")
    columns = tuple(tables.Column(title, title in ("Observed", "Usable CPUs")) for title in titles)
    caption = "Threads: what each worker found after import, and what it was observed to use"
    return Table(caption, columns, tuple(rows))


def _variables(context: Context, points: list[Point]) -> Table:
    """What the workers' environments held; implementations with equal ones together."""
    names: dict[tuple[Condition, str], list[str]] = {}
    for point in points:
        variables = sorted(point.measured[0].process.environment.items())
        shown = "  ".join(f"{name}={value}" for name, value in variables) or "none"
        names.setdefault((point.condition, shown), []).append(point.implementation)
    rows = tuple(
        tables.row(
            context,
            (Cell(context.label(condition)), Cell(", ".join(some)), Cell(shown)),
            condition=condition,
        )
        for (condition, shown), some in names.items()
    )
    columns = tables.columns("Condition", "Implementations", "Variables", text_columns=3)
    return Table("Thread and library variables that the workers found", columns, rows)


def _pool_threads(pool: Pool) -> str:
    return "does not tell" if pool.threads is None else text.count(pool.threads, "thread")


SECTION = Section("environment", "Environment", 110, render)
