"""Which points are meant: matched on their coordinates, compared along one and chosen by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bench.documents.results import Results
from bench.documents.timings import EPOCH, STEP
from bench.observations.points import UNSET, Point
from impls.errors import UnknownNameError, UsageError

RUN = "run"
IMPLEMENTATION = "implementation"
BATCH_SIZE = "batch-size"
THREADS = "threads"
FIXED = (RUN, IMPLEMENTATION, THREADS, BATCH_SIZE)


def value(point: Point, coordinate: str) -> str:
    """Return the value of a point along ``coordinate``; all but the fixed ones are variables."""
    values = {
        RUN: str(point.document_index),
        IMPLEMENTATION: point.cell.implementation,
        "device": point.cell.device,
        "network": point.cell.network,
        BATCH_SIZE: str(point.cell.batch_size),
        THREADS: UNSET if point.cell.threads is None else str(point.cell.threads),
    }
    return values[coordinate] if coordinate in values else point.variables.get(coordinate, UNSET)


def key(point: Point, coordinate: str) -> tuple[object, ...]:
    """Return all other coordinates, without the run; the device goes with the row."""
    cell = point.cell
    own = () if coordinate == IMPLEMENTATION else (cell.implementation, cell.device)
    size = None if coordinate == BATCH_SIZE else cell.batch_size
    threads = None if coordinate == THREADS else (cell.threads,)
    setting = tuple(pair for pair in cell.setting if pair[0] != coordinate)
    return (*own, point.network, size, threads, setting)


def variables_of(points: Sequence[Point]) -> list[str]:
    """Return the variables of which cells had different values."""
    names = {name for point in points for name in point.variables}
    return sorted(name for name in names if len({value(point, name) for point in points}) > 1)


def values_along(coordinate: str, points: Sequence[Point]) -> list[str]:
    """Return the values along ``coordinate``, of which there are at least two.

    Raises:
        UnknownNameError: it is neither a fixed coordinate nor a variable that varies.
        UsageError: all cells have the same value.
    """
    values = list(dict.fromkeys(value(point, coordinate) for point in points))
    if coordinate == RUN:
        values.sort(key=int)
    known = (*FIXED, *variables_of(points))
    if coordinate not in known:
        raise UnknownNameError("coordinate", coordinate, known, hint="Give one of them to --by.")
    if len(values) < 2:
        others = [name for name in known if len({value(point, name) for point in points}) > 1]
        remedy = f"--by {' or --by '.join(others)}" if others else "another document"
        only = (
            f"only {points[0].label} has such cells"
            if coordinate == RUN
            else f"all cells have {values[0]}"
        )
        raise UsageError(f"nothing to compare by {coordinate}: {only}; give {remedy}")
    return values


@dataclass(frozen=True)
class Selector:
    """Which cells are meant: each field must match one of its patterns."""

    fields: tuple[tuple[str, tuple[str, ...]], ...]

    def matches(self, point: Point) -> bool:
        """Return whether ``point`` is among them."""
        return all(
            value(point, field) in patterns
            or any(fnmatchcase(value(point, field), pattern) for pattern in patterns)
            for field, patterns in self.fields
        )

    def names(self, control: Point) -> bool:
        """Return whether it names ``control``, by a pattern that does not fit what that repeats."""
        name = control.cell.implementation
        patterns = dict(self.fields).get(IMPLEMENTATION, ())
        return any(
            pattern == name
            or (fnmatchcase(name, pattern) and not fnmatchcase(control.repeats, pattern))
            for pattern in patterns
        )


def parse_selector(option: str, text: str, points: Sequence[Point]) -> Selector:
    """Return what ``FIELD=PATTERN,PATTERN,FIELD=PATTERN`` selects of the cells in ``points``.

    Raises:
        UnknownNameError: a field that no cell has.
        UsageError: a pattern without a field, or a field without one.
    """
    variables = {name for point in points for name in point.variables}
    known = (IMPLEMENTATION, "device", "network", BATCH_SIZE, THREADS, *sorted(variables))
    fields: dict[str, tuple[str, ...]] = {}
    current = ""
    for part in text.split(","):
        name, separator, pattern = part.partition("=")
        if separator:
            current = name.strip()
            if current not in known:
                raise UnknownNameError(f"field of {option}", current, known)
        pattern = (pattern if separator else part).strip()
        if not current or not pattern:
            raise UsageError(f"{option} {text!r} is not FIELD=PATTERN or FIELD=PATTERN,PATTERN")
        fields[current] = (*fields.get(current, ()), pattern)
    return Selector(tuple(fields.items()))


@dataclass(frozen=True)
class Question:
    """What is compared: ``phase`` along ``coordinate``, against the cells at ``baseline``."""

    coordinate: str
    baseline: str
    phase: str

    def place(self, point: Point) -> str:
        """Return where ``point`` stands along the coordinate, in words."""
        if self.coordinate == RUN:
            return f"in {point.label}"
        if self.coordinate == IMPLEMENTATION:
            return f"as {point.cell.implementation}"
        return f"with {self.coordinate} {value(point, self.coordinate)}"


def choose_phase(results: Sequence[Results], labels: Sequence[str]) -> tuple[str, str]:
    """Return epochs, or steps where a document holds no epochs; and the reason for the latter."""
    for document, label in zip(results, labels, strict=True):
        timed = {
            timing.phase
            for outcome in document.outcomes
            for timing in getattr(outcome, "timings", ())
        }
        if timed and EPOCH not in timed:
            return STEP, f"Steps are compared, because {label} holds no epochs."
    return EPOCH, ""


def choose_baseline(coordinate: str, points: Sequence[Point], asked: str | None) -> str:
    """Return the reference value along ``coordinate``: the one asked for, else the first.

    Of implementations the first is rung 0 of the ladder where it is there, else a trainer.  A run
    may be asked for by the label of its document.

    Raises:
        UnknownNameError: no cell has the value asked for.
        UsageError: all cells have the same value.
    """
    values = values_along(coordinate, points)
    if asked is not None:
        known = {
            point.label if coordinate == RUN else value(point, coordinate): point
            for point in points
        }
        if asked not in known:
            raise UnknownNameError(f"{coordinate} for --baseline", asked, known)
        return value(known[asked], coordinate)
    if coordinate == IMPLEMENTATION:
        baselines = [point for point in points if point.row is not None and point.row.rung == 0]
        trainers = [point for point in points if not point.is_floor]
        return (*baselines, *trainers, *points)[0].implementation
    return values[0]


def suggestions(points: Sequence[Point]) -> list[str]:
    """Return the coordinates in which alone cells differ; of several runs, cells of two."""
    several = len({point.document_index for point in points}) > 1
    candidates = (RUN, IMPLEMENTATION, THREADS, BATCH_SIZE, *variables_of(points))
    return [
        candidate
        for candidate in candidates
        if differ_alone(points, candidate, across_runs=several)
    ]


def differ_alone(points: Sequence[Point], coordinate: str, *, across_runs: bool = False) -> bool:
    """Return whether cells differ in nothing but ``coordinate``, and the run if that is asked."""
    groups: dict[tuple[object, ...], list[Point]] = defaultdict(list)
    for point in points:
        groups[key(point, coordinate)].append(point)
    return any(
        len({value(point, coordinate) for point in group}) > 1
        and (not across_runs or len({point.document_index for point in group}) > 1)
        for group in groups.values()
    )
