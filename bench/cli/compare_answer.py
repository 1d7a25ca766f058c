"""From documents and options to the answer of ``mlpbench compare``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

from bench import exits
from bench.cli.options import Share
from bench.documents.results import Results
from bench.observations.matching import Comparison, compare
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
from bench.stats.differences import (
    Described,
    Difference,
    between_documents,
    between_processes,
    merged,
    obstacles,
)
from bench.stats.verdicts import MARGIN, OPEN
from impls.errors import UsageError
from reports.comparison.answer import Answer
from reports.grids import kept_apart

FAILURES = ("slower", "unclear", "invalid")


def answer(
    sources: Sequence[Path],
    results: Sequence[Results],
    *,
    coordinate: str | None = None,
    baseline: str | None = None,
    phase: str | None = None,
    filters: Sequence[str] = (),
    margin: float = MARGIN,
    thresholds: Sequence[str] = (),
    fail_on: Sequence[str] = FAILURES,
    across_machines: bool = False,
) -> Answer:
    """Return the comparison of the ``results``, which were read from ``sources``.

    The other arguments are the options of the command.  Where one is None, the documents decide.

    Raises:
        UsageError: an option that does not fit the documents.
        ResultsError: a duration in a document that cannot be.
    """
    labels = labels_of(sources)
    everything = observe(results, tabulate(results), labels, apart=kept_apart(results))
    judged = judge_all(everything, known_rows(results), _margins(everything, thresholds, margin))
    meant, controls = _select(everything, filters, baseline)
    points = [point for point in meant if point not in controls]
    left_out = tuple(dict.fromkeys(point.cell.implementation for point in controls))
    coordinate = coordinate or RUN
    if coordinate == RUN and baseline is not None:
        named = dict(zip(map(str, sources), labels, strict=True))
        baseline = named.get(baseline, baseline)
    try:
        reference = choose_baseline(coordinate, points, baseline)
    except UsageError as error:
        if left_out and _has_baseline(coordinate, meant, baseline):
            names = ", ".join(left_out)
            raise UsageError(f"{error}; or name {names} with --filter or --baseline") from error
        raise
    phase, note = (phase, "") if phase else choose_phase(results, labels)
    question = Question(coordinate, reference, phase)

    first = int(reference) if coordinate == RUN else 0
    sizes = {point.cell.batch_size for point in points}
    described = [Described.of(document) for document in results]
    differences: list[Difference] = []
    for index, document in enumerate(described):
        if index != first:
            differences += between_documents(
                described[first],
                document,
                document_index=index,
                coordinate=coordinate,
                batch_sizes=sizes,
            )
    forbidding = obstacles(differences, across_machines=across_machines)
    comparison = Comparison(question, (), ())
    if not forbidding:
        _require_matches(points, question)
        comparison = compare(points, question, judged)
        of_processes: list[Difference] = []
        for pair in comparison.pairs:
            of_processes += between_processes(
                [outcome.process for outcome in pair.reference.measured],
                [outcome.process for outcome in pair.other.measured],
                document_index=pair.other.document_index,
                coordinate=coordinate,
                where=pair.other.cell.implementation,
            )
        differences += of_processes
        # Only processes know the device that they ran on.
        forbidding = obstacles(of_processes, across_machines=across_machines)
        if forbidding:
            comparison = Comparison(question, (), ())
    return Answer(
        comparison=comparison,
        labels=tuple(labels),
        differences=tuple(merged(differences)),
        obstacles=tuple(forbidding),
        note=note,
        left_out=left_out,
        exit_code=exits.NOT_COMPARABLE if forbidding else exit_code_of(comparison, fail_on),
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
    """Return short names of the paths, without the parts that all of them begin and end with.

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
    return [str(Path(*part)) for part in short]


def _shared(parts: Sequence[tuple[str, ...]]) -> int:
    """Return how many parts all begin with."""
    places = zip(*parts, strict=False)
    return sum(1 for _ in takewhile(lambda place: len(set(place)) == 1, places))


def _select(
    everything: list[Point], filters: Sequence[str], baseline: str | None
) -> tuple[list[Point], list[Point]]:
    """Return the cells that every filter matches, and the controls among them to leave out.

    Each comparison with a control would add one to correct for, and could decide the exit code.
    A control takes part only where an option names it.

    Raises:
        UsageError: no cell matches.
    """
    selectors = [parse_selector("--filter", text, everything) for text in filters]
    meant = [
        point for point in everything if all(selector.matches(point) for selector in selectors)
    ]
    if not meant:
        chosen = f"match {' and '.join(filters)}" if filters else "are in the documents"
        raise UsageError(f"no cells {chosen}: there are {len(everything)} to choose from")
    controls = [
        point
        for point in meant
        if point.repeats
        and point.cell.implementation != baseline
        and not any(selector.names(point) for selector in selectors)
    ]
    return meant, controls


def _has_baseline(coordinate: str, points: Sequence[Point], baseline: str | None) -> bool:
    try:
        choose_baseline(coordinate, points, baseline)
    except UsageError:
        return False
    return True


def _margins(
    everything: Sequence[Point], thresholds: Sequence[str], margin: float
) -> Callable[[Point], float]:
    """Return the margin of each cell: of the first threshold that matches, else the general one."""
    rules: list[tuple[Selector, float]] = []
    for text in thresholds:
        selector, separator, share = text.rpartition(":")
        if not separator:
            raise UsageError(
                f"--threshold {text!r} is not FIELD=PATTERN:SHARE, such as 'threads=1:5%'"
            )
        selected = parse_selector("--threshold", selector, everything)
        rules.append((selected, Share().convert(share, None, None)))
    return lambda point: next((m for rule, m in rules if rule.matches(point)), margin)


def _require_matches(points: Sequence[Point], question: Question) -> None:
    """Refuse cells of which no two differ in the coordinate alone, but do in another one.

    Raises:
        UsageError: it names the coordinates along which they can be compared.
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
