"""The machine, the software, the data, and what the workers found when they started."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from bench.documents.results import Results
from bench.observations.points import Condition, Point
from bench.provenance.records import Code, Machine, Process
from impls.contract import Pool
from reports import format as text
from reports import runs, tables, templates
from reports.context import Context
from reports.section import DETAILS, Section, Status
from reports.tables import Table, TableCell

_SHORT = 12
"""Digits of a hash that are shown."""

_SMT = {"notsupported": "not supported"}


_SECTIONS = ("Machine", "Data", "Versions", "Variables that were exported before the run")


def render(context: Context) -> Markup:
    """Facts that all documents share, those that they differ in, and tables of thread pools."""
    every = [_facts(document) for document in context.results]
    differing = {
        fact: None
        for facts in every
        for fact in facts
        if any(other.get(fact) != facts[fact] for other in every)
    }
    points = _first_of_condition(context)
    return templates.section(
        "environment",
        notes=runs.notes(context),
        shared=[
            (
                title,
                [
                    (fact, value)
                    for (part, fact), value in every[0].items()
                    if part == title and (part, fact) not in differing
                ],
            )
            for title in _SECTIONS
        ],
        differing=_differing(every, list(differing)) if differing else None,
        pools=_pools(context, points) if points else None,
        variables=_variables(context, points) if points else None,
        declared=_declared(context, points),
    )


_Facts = dict[tuple[str, str], str]
"""Values by section and name."""


def _facts(document: Results) -> _Facts:
    """Return the facts of one document."""
    machine, data = document.machine, document.dataset
    facts = (
        [
            *_machine(machine),
            ("measured", document.created_at),
            ("by", document.generator),
            *_code(document.code),
        ],
        [
            ("name", data.name),
            ("source", data.source),
            ("size", f"{data.examples} examples of {data.features} features"),
            ("SHA-256", data.sha256),
            ("normalisation", data.normalisation),
        ],
        [("Python", machine.python), *sorted(machine.versions.items())],
        sorted(machine.environment.items()),
    )
    return {
        (title, fact): value
        for title, pairs in zip(_SECTIONS, facts, strict=True)
        for fact, value in pairs
    }


def _differing(every: list[_Facts], facts: list[tuple[str, str]]) -> Table:
    """Return one row per run: the facts that runs differ in."""
    return tables.of_items(
        "What the runs differ in",
        list(enumerate(every, start=1)),
        {
            "Run": lambda run: tables.whole(run[0]),
            **{
                f"data: {fact}" if title == "Data" else fact: partial(_of_run, (title, fact))
                for title, fact in facts
            },
        },
        text_columns=1 + len(facts),
    )


def _of_run(fact: tuple[str, str], run: tuple[int, _Facts]) -> TableCell:
    value = run[1].get(fact)
    return tables.word("none") if value is None else TableCell(value)


def _machine(machine: Machine) -> list[tuple[str, str]]:
    """Return the machine; what could not be found out says so."""
    physical = "unknown" if machine.physical_cpus is None else str(machine.physical_cpus)
    quota = "none" if machine.quota_cpus is None else text.significant(machine.quota_cpus)
    caches = ", ".join(f"{name} {size}" for name, size in machine.caches.items())
    return [
        ("processor", machine.cpu),
        ("machine", _identity(machine)),
        ("CPUs", f"{machine.logical_cpus} logical, {physical} physical"),
        ("usable here", f"{machine.usable_cpus}{f' ({machine.cpus})' if machine.cpus else ''}"),
        ("CPU quota", quota),
        *_placed(machine),
        ("microcode", machine.microcode or "unknown"),
        ("NUMA nodes", "unknown" if machine.numa_nodes is None else str(machine.numa_nodes)),
        ("hardware threads (SMT)", _SMT.get(machine.smt or "", machine.smt) or "unknown"),
        ("frequency governor", machine.governor or "unknown"),
        ("turbo", machine.turbo or "unknown"),
        ("vectors", machine.vectors or "unknown"),
        ("hypervisor", machine.hypervisor or "none known"),
        ("clock source", machine.clock_source or "unknown"),
        ("caches", caches or "unknown"),
        ("memory", text.byte_count(machine.memory_bytes)),
        ("system", machine.system),
    ]


def _identity(machine: Machine) -> str:
    """Hashes that tell two machines of one kind apart, and the name where it was recorded."""
    if machine.id is None and machine.board is None:
        return machine.hostname or "not identified"
    board = f"board {machine.board}" if machine.board else ""
    return ", ".join(filter(None, [machine.hostname, machine.id, board]))


def _placed(machine: Machine) -> list[tuple[str, str]]:
    """Return where a scheduler placed the run; nothing where it was started by hand."""
    group = [] if machine.cgroup is None else [("control group", machine.cgroup)]
    job = machine.allocation
    if job is None:
        return group
    kind = f", constraint {job.constraint}" if job.constraint else ""
    restarts = f", begun {text.count(job.restarts + 1, 'time')}" if job.restarts else ""
    where = f"{job.node or 'unknown'}, partition {job.partition or 'unknown'}{kind}"
    return [(f"{job.scheduler} job", f"{job.job}{restarts}"), ("node", where), *group]


def _code(code: Code | None) -> list[tuple[str, str]]:
    """Return which code measured: the start of its hash, and where it stands in git."""
    if code is None:
        return [("code", "not recorded")]
    if code.commit is None:
        commit = "outside a checkout"
    else:
        changes = {True: ", modified since", False: "", None: ", changes unknown"}[code.modified]
        commit = code.commit[:_SHORT] + changes
    return [("code", f"SHA-256 {code.sha256[:_SHORT]}"), ("commit", commit)]


def _first_of_condition(context: Context) -> list[Point]:
    """Return one point per implementation and condition: batch sizes share their process."""
    firsts: dict[tuple[str, Condition], Point] = {}
    for (name, condition, _), point in context.points.items():
        firsts.setdefault((name, condition), point)
    places = {name: place for place, name in enumerate(context.implementations)}
    ordered = sorted(
        firsts.items(), key=lambda item: (places[item[0][0]], context.place(item[0][1]))
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
            TableCell(point.implementation),
            TableCell(context.label(point.condition)),
            TableCell(text.significant(point.threads_observed), point.threads_observed),
            _busy(point),
            _usable(process),
            TableCell("" if pools else "none", notes=pools, dim=not pools),
        )
        name, condition = point.implementation, point.condition
        rows.append(tables.row(context, cells, implementation=name, condition=condition))
    columns = (
        *tables.columns("Implementation", "Requested", text_columns=2),
        *tables.columns("Observed", "At work", "Usable CPUs", text_columns=0),
        *tables.columns("Pools reported", text_columns=1),
    )
    caption = "Threads: what each worker found after import, and what was observed"
    return Table(caption, columns, tuple(rows))


def _busy(point: Point) -> TableCell:
    """Return how many threads of the system took part in the timed epochs, in any process."""
    counts = sorted({cell.threads_busy for cell in point.measured if cell.threads_busy is not None})
    if not counts:
        return tables.word("unknown")
    shown = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return TableCell(shown, counts[-1])


def _usable(process: Process) -> TableCell:
    """Processors that the worker may run on, and the container's limit where there is one."""
    quota = process.quota_cpus
    notes = [] if process.cpus is None else [process.cpus]
    notes += [] if quota is None else [f"quota {text.significant(quota)}"]
    return TableCell(str(process.affinity), process.affinity, tuple(notes))


def _variables(context: Context, points: list[Point]) -> Table:
    """Return what the workers' environments held; implementations with equal ones together."""
    names: dict[tuple[Condition, str], list[str]] = {}
    for point in points:
        variables = sorted(point.measured[0].process.environment.items())
        shown = "  ".join(f"{name}={value}" for name, value in variables) or "none"
        names.setdefault((point.condition, shown), []).append(point.implementation)
    caption = "Thread and library variables that the workers found"
    return _together(context, names, caption, "Variables")


def _declared(context: Context, points: list[Point]) -> Table | None:
    """Return what implementations declare that their numbers depend on; None without any."""
    names: dict[tuple[Condition, str], list[str]] = {}
    for point in points:
        settings = point.measured[0].process.declared.items()
        if settings:
            shown = "; ".join(f"{name}: {value}" for name, value in settings)
            names.setdefault((point.condition, shown), []).append(point.implementation)
    caption = "Settings of their libraries that implementations declare"
    return _together(context, names, caption, "Declared") if names else None


def _together(
    context: Context, names: dict[tuple[Condition, str], list[str]], caption: str, title: str
) -> Table:
    """Return one row for all implementations of which the same is shown."""
    rows = tuple(
        tables.row(
            context,
            (
                TableCell(context.label(condition)),
                TableCell(", ".join(implementations)),
                TableCell(shown),
            ),
            condition=condition,
        )
        for (condition, shown), implementations in names.items()
    )
    columns = tables.columns("Condition", "Implementations", title, text_columns=3)
    return Table(caption, columns, rows)


def _pool_threads(pool: Pool) -> str:
    return "unknown" if pool.threads is None else text.count(pool.threads, "thread")


def status(context: Context) -> Status:
    """Processor and Python of every machine."""
    machines = dict.fromkeys(
        f"{machine.cpu}, {text.count(machine.usable_cpus, 'CPU')}, {machine.python}"
        for machine in (result.machine for result in context.results)
    )
    return Status("; ".join(machines))


SECTION = Section("environment", "Environment", 110, render, DETAILS, status, whole=True)
