"""From documents and options to the answer of ``mlpbench compare``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from bench.cli import exits
from bench.cli.options import Share
from bench.documents.results import Results
from bench.observations.comparison import Comparison, compare
from bench.observations.pairs import judge_all
from bench.observations.points import Point, observe
from bench.observations.selection import (
    RUN,
    Question,
    Selector,
    choose_baseline,
    choose_phase,
    differ_alone,
    parse_selector,
    suggestions,
    values_along,
)
from bench.observations.table import known_rows, tabulate
from bench.stats.comparability import (
    Difference,
    between_documents,
    between_processes,
    merged,
    obstacles,
)
from bench.stats.verdicts import OPEN
from impls.errors import UsageError
from reports.comparison.answer import Answer
from reports.grids import kept_apart

FAILURES = ("slower", "unclear", "invalid")


@dataclass(frozen=True)
class Request:
    """What was asked for; None where the documents decide."""

    sources: tuple[Path, ...]
    coordinate: str | None
    baseline: str | None
    phase: str | None
    filters: tuple[str, ...]
    margin: float
    thresholds: tuple[str, ...]
    fail_on: tuple[str, ...]
    across_machines: bool


def answer(request: Request, results: Sequence[Results]) -> Answer:
    """Guard, match and judge.

    Raises:
        UsageError: an option that does not fit the documents.
        ResultsError: a duration in a document that cannot be.
    """
    labels = labels_of(request.sources)
    apart = kept_apart(results)
    everything = observe(results, tabulate(results), labels, apart=apart)
    judged = judge_all(everything, known_rows(results), _margins(everything, request))
    meant, selectors = _meant(everything, request)
    points, left_out = _without_controls(meant, selectors, request)
    try:
        question, note = _question(results, labels, points, request)
    except UsageError as error:
        if not (left_out and _can_be_asked(results, labels, meant, request)):
            raise
        names = ", ".join(left_out)
        raise UsageError(f"{error}; or name {names} with --filter or --baseline") from error
    differences = list(_of_documents(results, points, question))
    forbidding = obstacles(differences, across_machines=request.across_machines)
    if forbidding:
        comparison, exit_code = Comparison(question, (), ()), exits.NOT_COMPARABLE
    else:
        _require_matches(points, question)
        comparison = compare(points, question, judged)
        of_processes = list(_of_processes(comparison))
        differences += of_processes
        # Only processes know the device that they ran on.
        forbidding = obstacles(of_processes, across_machines=request.across_machines)
        if forbidding:
            comparison = Comparison(question, (), ())
        exit_code = (
            exits.NOT_COMPARABLE if forbidding else exit_code_of(comparison, request.fail_on)
        )
    return Answer(
        comparison=comparison,
        labels=tuple(labels),
        differences=tuple(merged(differences)),
        obstacles=tuple(forbidding),
        note=note,
        left_out=left_out,
        exit_code=exit_code,
    )


def exit_code_of(comparison: Comparison, fail_on: Sequence[str]) -> int:
    """Return what the verdicts amount to: slower before refused before unclear."""
    kinds = {pair.verdict.kind for pair in comparison.pairs}
    if "slower" in kinds and "slower" in fail_on:
        return exits.SLOWER
    if comparison.lost and "invalid" in fail_on:
        return exits.NOT_ALL_VALID
    if not comparison.pairs:
        return exits.NOT_COMPARABLE
    if kinds & set(OPEN) and "unclear" in fail_on:
        return exits.UNCLEAR
    return exits.FINE


def labels_of(sources: Sequence[Path]) -> list[str]:
    """Return what tells the paths apart: without the parts that all of them begin and end with.

    Raises:
        UsageError: a file is named twice.
    """
    resolved = [source.resolve() for source in sources]
    for source, path in zip(sources, resolved, strict=True):
        if resolved.count(path) > 1:
            raise UsageError(f"{source} is named twice: name each document once")
    parts = [source.parts for source in sources]
    start, end = _shared(parts), _shared([part[::-1] for part in parts])
    short = [part[start : len(part) - end] for part in parts]
    if not all(short):
        return [str(source) for source in sources]
    return [str(Path(*one)) for one in short]


def _shared(parts: Sequence[tuple[str, ...]]) -> int:
    """Return how many parts all begin with."""
    places = zip(*parts, strict=False)
    return sum(1 for _ in takewhile(lambda place: len(set(place)) == 1, places))


def _meant(everything: list[Point], request: Request) -> tuple[list[Point], tuple[Selector, ...]]:
    """Return the cells that every filter matches, and the filters.

    Raises:
        UsageError: there is no such cell.
    """
    filters = request.filters
    selectors = tuple(parse_selector("--filter", text, everything) for text in filters)
    points = [
        point for point in everything if all(selector.matches(point) for selector in selectors)
    ]
    if not points:
        chosen = f"match {' and '.join(filters)}" if filters else "are in the documents"
        raise UsageError(f"no cells {chosen}: there are {len(everything)} to choose from")
    return points, selectors


def _without_controls(
    meant: Sequence[Point], selectors: Sequence[Selector], request: Request
) -> tuple[list[Point], tuple[str, ...]]:
    """Return the cells without controls that were not asked for, and the names of these.

    A control would be one comparison more to correct for, and one more that decides on the exit
    code, though nobody would choose it: it takes part where it is named.
    """
    controls = [
        point
        for point in meant
        if point.repeats
        and point.cell.implementation != request.baseline
        and not any(selector.names(point) for selector in selectors)
    ]
    names = tuple(dict.fromkeys(point.cell.implementation for point in controls))
    return [point for point in meant if point not in controls], names


def _can_be_asked(
    results: Sequence[Results], labels: Sequence[str], points: Sequence[Point], request: Request
) -> bool:
    """Return whether the question makes sense among the cells ``points``."""
    try:
        _question(results, labels, points, request)
    except UsageError:
        return False
    return True


def _margins(everything: Sequence[Point], request: Request) -> Callable[[Point], float]:
    """The margin of each cell: that of the first threshold that matches, else the general one."""
    rules: list[tuple[Selector, float]] = []
    for text in request.thresholds:
        selector, separator, share = text.rpartition(":")
        if not separator:
            raise UsageError(
                f"--threshold {text!r} is not FIELD=PATTERN:SHARE, such as 'threads=1:5%'"
            )
        selected = parse_selector("--threshold", selector, everything)
        rules.append((selected, Share().convert(share, None, None)))
    return lambda point: next((m for rule, m in rules if rule.matches(point)), request.margin)


def _question(
    results: Sequence[Results], labels: Sequence[str], points: Sequence[Point], request: Request
) -> tuple[Question, str]:
    """Return what is compared, and what a reader must know about it first."""
    coordinate = request.coordinate or RUN
    if request.coordinate is None and len(results) == 1:
        values_along(RUN, points)
    baseline = request.baseline
    named = dict(zip(map(str, request.sources), labels, strict=True))
    if coordinate == RUN and baseline is not None:
        baseline = named.get(baseline, baseline)
    value = choose_baseline(coordinate, points, baseline)
    phase, note = (request.phase, "") if request.phase else choose_phase(results, labels)
    return Question(coordinate, value, phase), note


def _require_matches(points: Sequence[Point], question: Question) -> None:
    """Where no two cells differ in the coordinate alone, say along what they could be compared.

    Raises:
        UsageError: there is such a coordinate.
    """
    if differ_alone(points, question.coordinate):
        return
    others = suggestions(points)
    if not others:
        return
    alone = "is in two of the documents" if question.coordinate == RUN else "has a partner"
    values = [f"{other} ({', '.join(values_along(other, points))})" for other in others]
    raise UsageError(
        f"no cell {alone}; they differ in {' or '.join(values)}: compare along it with "
        f"{' or '.join(f'--by {other}' for other in others)}"
    )


def _of_documents(
    results: Sequence[Results], points: Sequence[Point], question: Question
) -> Iterator[Difference]:
    first = int(question.baseline) if question.coordinate == RUN else 0
    sizes = {point.cell.batch_size for point in points}
    for run, document in enumerate(results):
        if run != first:
            yield from between_documents(
                results[first],
                document,
                run=run,
                coordinate=question.coordinate,
                batch_sizes=sizes,
            )


def _of_processes(comparison: Comparison) -> Iterator[Difference]:
    for pair in comparison.pairs:
        yield from between_processes(
            [one.process for one in pair.reference.measured],
            [one.process for one in pair.other.measured],
            run=pair.other.run,
            coordinate=comparison.question.coordinate,
            where=pair.other.cell.implementation,
        )
