"""The machine, the software, the data, and what the workers found when they started."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bench.results import Dataset, Machine, Results
from impls.contract import Pool
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.points import Condition, Point
from reports.section import Section
from reports.tables import Cell, Row, Table


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
    rows = tuple(_pools(context, point) for point in _first_of_condition(context))
    titles = (
        "Implementation", "Condition", "Observed", "Usable CPUs", "Pools reported", "Variables",
    )  # fmt: skip
    columns = tuple(tables.Column(title, title in ("Observed", "Usable CPUs")) for title in titles)
    caption = "Threads: what each worker found after import, and what it was observed to use"
    return templates.section(
        "environment", runs=runs, pools=Table(caption, columns, rows) if rows else None
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


def _pools(context: Context, point: Point) -> Row:
    """Requested against reported against observed."""
    process = point.measured[0].process
    pools = tuple(
        f"{pool.library} {pool.version}: {_pool_threads(pool)}"
        + (f" ({pool.detail})" if pool.detail else "")
        for pool in process.pools
    )
    variables = tuple(f"{name}={value}" for name, value in sorted(process.environment.items()))
    cells = (
        Cell(point.implementation),
        Cell(context.label(point.condition)),
        Cell(text.significant(point.threads_observed), point.threads_observed),
        Cell(str(process.affinity), process.affinity),
        Cell("" if pools else "none", notes=pools, dim=not pools),
        Cell("" if variables else "none", notes=variables, dim=not variables),
    )
    return tables.row(
        context, cells, implementation=point.implementation, condition=point.condition
    )


def _pool_threads(pool: Pool) -> str:
    return "does not tell" if pool.threads is None else text.count(pool.threads, "thread")


SECTION = Section("environment", "Environment", 110, render)
