"""Everything that sections may read, computed once from the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from bench.documents.results import Results
from bench.documents.timings import Check
from bench.observations.pairs import Implementations, Judged
from bench.observations.points import Condition, Point, PointKey, Scope, times_to_target
from bench.observations.table import ObservationTable
from bench.observations.winner import Candidates, fastest
from bench.planning.plan import Cell, Plan
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from impls.networks import Network
from impls.row import Row
from reports import format as text


@dataclass(frozen=True)
class Gap:
    """A cell without a number that counts: what happened, and why.

    ``kind`` is the outcome, such as ``invalid``; ``block`` is None where no process was started.
    """

    cell: Cell
    condition: Condition
    kind: str
    reason: str
    block: int | None
    detail: str = ""
    gate: tuple[Check, ...] = ()

    @property
    def key(self) -> PointKey:
        """The key that a point of the cell would have."""
        return PointKey(self.cell.implementation, self.condition, self.cell.batch_size)


Lead = tuple[Point, Ratio]


@dataclass(frozen=True)
class Winner:
    """What is fastest at one batch size, and the ``seconds`` that an epoch takes with it.

    ``rivals`` are the best points of all other trainers with the lead of ``best`` over each, the
    closest first, those without an interval last; ``undecided`` names those over which, under
    whatever condition, the verdict on the lead is not *faster*, and ``unranked`` are points that
    took less time than ``best`` in too few blocks to count.
    ``verdict`` is that on the lead over the closest, None where there is no rival.
    ``speed_up`` is over the baseline, judged by ``over_baseline``, and ``over_floor`` over the
    floor, all under the condition of ``best``.
    """

    scope: Scope
    batch_size: int
    best: Point
    seconds: float
    rivals: tuple[Lead, ...]
    undecided: tuple[str, ...]
    unranked: tuple[Point, ...]
    verdict: Verdict | None
    speed_up: Ratio | None
    over_baseline: Verdict | None
    over_floor: Ratio | None

    @property
    def is_too_few(self) -> bool:
        """Whether there were too few blocks to judge the lead over the closest."""
        return self.verdict is not None and self.verdict.code == "too-few"

    @property
    def doubt(self) -> str:
        """What speaks against calling it the fastest; empty where nothing does."""
        if self.is_too_few:
            return "too few blocks to rank"
        names = text.listing(self.undecided)
        return f"not clearly faster than {names}" if names else ""


@dataclass(frozen=True, eq=False)
class Context:
    """The documents, put in order.

    ``table`` holds every round.  ``compared`` names the implementations in order, the baseline, the
    floors and the ladder; ``rows`` holds what the documents, or else the registry, know of
    implementations and ``slots`` their place in the palette.  A control is no implementation and no
    point: ``controls`` holds it under the key of what it repeats.
    Differences up to ``margin`` count as the same.  ``trained`` names the scopes whose points are
    trainings up to a target.  ``unfolded`` is the context of which this one holds some points, None
    where it holds all of them.
    """

    results: tuple[Results, ...]
    table: ObservationTable
    compared: Implementations
    rows: Mapping[str, Row]
    slots: Mapping[str, int]
    conditions: tuple[Condition, ...]
    points: Mapping[PointKey, Point]
    gaps: tuple[Gap, ...]
    controls: Mapping[PointKey, Point]
    margin: float
    trained: frozenset[Scope] = frozenset()
    unfolded: Context | None = None

    @property
    def whole(self) -> Context:
        """The context with all points, which counts and winners are taken from."""
        return self.unfolded or self

    @cached_property
    def for_ranking(self) -> Context:
        """This context by what was asked: where there is a target, points are trainings up to it.

        There, a point is left out unless every one of its trainings held the target, and nothing
        is held against the floor, which cannot learn.
        """
        asked = frozenset(scope for scope in self.scopes if self.target(scope) is not None)
        if not asked:
            return self
        return replace(
            self,
            points=times_to_target(self.points, asked),
            controls=times_to_target(self.controls, asked),
            trained=asked,
            unfolded=self.unfolded.for_ranking if self.unfolded else None,
        )

    @cached_property
    def judged(self) -> Judged:
        """The ratio and the verdict of every pair that the page speaks of."""
        if self.unfolded is not None:
            return self.unfolded.judged
        return Judged(self.points, self.controls, self.compared, lambda _: self.margin)

    @cached_property
    def speed_ups(self) -> Mapping[PointKey, Ratio]:
        """Speed-up of every point over the baseline under the same condition."""
        return {
            key: ratio
            for key, point in self.points.items()
            if (reference := self.points.get(key._replace(implementation=self.baseline or "")))
            and (ratio := self.judged.ratio(reference, point))
        }

    @cached_property
    def over_floor(self) -> Mapping[PointKey, Ratio]:
        """How many times the floor's time an epoch of every point takes."""
        return {
            key: ratio
            for key, point in self.points.items()
            if key.condition.scope not in self.trained
            and (name := self.floors.get(point.cell.device))
            and (floor := self.points.get(key._replace(implementation=name)))
            and (ratio := self.judged.ratio(point, floor))
        }

    @cached_property
    def verdicts(self) -> Mapping[PointKey, Verdict]:
        """The verdict on the speed-up over the baseline of every other trainer."""
        return {
            key: verdict
            for key in self.speed_ups
            if key.implementation != self.baseline
            and not self.is_floor(key.implementation)
            and (
                verdict := self.judged.verdict(
                    self.points[key._replace(implementation=self.baseline or "")], self.points[key]
                )
            )
        }

    @cached_property
    def winners(self) -> tuple[Winner, ...]:
        """One per scope and batch size; that of the first batch size asked for comes first."""
        if self.unfolded is not None:
            return tuple(winner for winner in self.unfolded.winners if winner.scope in self.scopes)
        asked = self.results[0].plan.trainings

        def place(winner: Winner) -> tuple[object, ...]:
            is_first = asked and winner.batch_size == asked[0].batch_size
            scope = self.scopes.index(winner.scope)
            return scope > 0, not is_first, scope, winner.batch_size

        return tuple(sorted(map(self._winner, self.judged.candidates), key=place))

    def _winner(self, candidates: Candidates) -> Winner:
        """Return the fastest of the candidates, with its leads."""
        best = candidates.fastest
        leads = [
            (point, lead) for point in candidates.rivals if (lead := self.judged.ratio(point, best))
        ]
        closest: dict[str, Lead] = {}
        for point, lead in sorted(leads, key=lambda lead: (lead[1].error is None, lead[1].value)):
            closest.setdefault(point.implementation, (point, lead))
        verdicts = {point: self.judged.verdict(point, best) for point, _ in leads}
        behind = (
            point
            for point, verdict in verdicts.items()
            if verdict is None or verdict.kind != "faster"
        )
        rivals = tuple(closest.values())
        seconds = best.epoch.value if best.epoch else 0.0
        return Winner(
            best.condition.scope,
            best.batch_size,
            best,
            seconds,
            rivals,
            tuple(dict.fromkeys(point.implementation for point in behind)),
            tuple(p for p in candidates.points if p.epoch and p.epoch.value < seconds),
            verdicts[rivals[0][0]] if rivals else None,
            None if best.implementation == self.baseline else self.speed_ups.get(best.key),
            self.verdicts.get(best.key),
            self.over_floor.get(best.key),
        )

    @property
    def implementations(self) -> tuple[str, ...]:
        """Implementations in registry order, then those from elsewhere by name."""
        return self.compared.names

    @property
    def baseline(self) -> str | None:
        """Rung 0 of the ladder, or None where nobody asked for it."""
        return self.compared.baseline

    @property
    def floors(self) -> Mapping[str, str]:
        """The implementation that is the floor of each device."""
        return self.compared.floors

    @property
    def trainers(self) -> tuple[str, ...]:
        """Implementations that train: all but the floor."""
        return self.compared.trainers

    @property
    def ladder(self) -> tuple[tuple[int, str], ...]:
        """Rungs and their implementations, from the baseline up."""
        return self.compared.ladder

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """What may be compared within, in order of appearance."""
        return tuple(dict.fromkeys(condition.scope for condition in self.conditions))

    def is_floor(self, name: str) -> bool:
        """Return whether ``name`` is the time of the matrix products alone."""
        return name in self.rows and self.rows[name].is_floor

    def batch_sizes(self, scope: Scope) -> tuple[int, ...]:
        """Batch sizes asked for in ``scope``, ascending, measured or not."""
        return self._batch_sizes.get(scope, ())

    @cached_property
    def _batch_sizes(self) -> Mapping[Scope, tuple[int, ...]]:
        sizes_of: dict[Scope, set[int]] = {}
        for _, condition, size in self.points:
            sizes_of.setdefault(condition.scope, set()).add(size)
        for gap in self.gaps:
            sizes_of.setdefault(gap.condition.scope, set()).add(gap.cell.batch_size)
        return {scope: tuple(sorted(sizes)) for scope, sizes in sizes_of.items()}

    def conditions_of(self, scope: Scope) -> tuple[Condition, ...]:
        """Conditions of ``scope``, fewest threads first."""
        return self._conditions_of.get(scope, ())

    @cached_property
    def _conditions_of(self) -> Mapping[Scope, tuple[Condition, ...]]:
        of_scope: dict[Scope, list[Condition]] = {}
        for condition in self.conditions:
            of_scope.setdefault(condition.scope, []).append(condition)
        return {scope: tuple(conditions) for scope, conditions in of_scope.items()}

    def place(self, condition: Condition) -> int:
        """Return the number by which a page filters ``condition``: its place among all."""
        return self.whole.places[condition]

    @cached_property
    def places(self) -> Mapping[Condition, int]:
        """The number of each condition, in order."""
        return {condition: place for place, condition in enumerate(self.conditions)}

    def point(self, name: str, condition: Condition, batch_size: int) -> Point | None:
        """Return the point of an implementation, or None where it has none."""
        return self.points.get(PointKey(name, condition, batch_size))

    def group(self, condition: Condition, batch_size: int) -> dict[str, Point]:
        """Return all points that differ in the implementation alone, in their order."""
        return self._groups.get((condition, batch_size), {})

    @cached_property
    def _groups(self) -> Mapping[tuple[Condition, int], dict[str, Point]]:
        """Every group that has a point."""
        groups: dict[tuple[Condition, int], dict[str, Point]] = {}
        order = {name: place for place, name in enumerate(self.implementations)}
        for key in sorted(self.points, key=lambda key: order.get(key.implementation, len(order))):
            if key.implementation in order:
                group = groups.setdefault((key.condition, key.batch_size), {})
                group[key.implementation] = self.points[key]
        return groups

    def groups(self) -> Iterator[tuple[Condition, int, dict[str, Point]]]:
        """Yield every group that has a point, by condition and batch size."""
        for condition in self.conditions:
            for batch_size in self.batch_sizes(condition.scope):
                group = self.group(condition, batch_size)
                if group:
                    yield condition, batch_size, group

    def best(self, condition: Condition, batch_size: int) -> Point | None:
        """Return the trainer with the shortest epoch in a group; None where none has an epoch."""
        return fastest(
            [
                point
                for name, point in self.group(condition, batch_size).items()
                if not self.is_floor(name)
            ]
        )

    def absence(self, name: str, condition: Condition, batch_size: int) -> str:
        """Return the outcome of a cell without a point, ``not begun`` or ``not asked for``."""
        kind = self._kinds.get(PointKey(name, condition, batch_size))
        if kind:
            return kind
        asked = any(
            not document.complete
            and name in document.plan.implementations
            and condition.threads in document.plan.threads_of(name)
            and batch_size in (training.batch_size for training in document.plan.trainings)
            for document in self.results
        )
        return "not begun" if asked else "not asked for"

    @cached_property
    def _kinds(self) -> Mapping[PointKey, str]:
        """The outcome of every gap, the first of its cell."""
        return {gap.key: gap.kind for gap in reversed(self.gaps)}

    def network(self, scope: Scope) -> Network | None:
        """Return the network of ``scope``, or None where no document describes one of that name."""
        plan = self._plan(scope)
        return None if plan is None else plan.network

    def target(self, scope: Scope) -> float | None:
        """Return the accuracy that trainings of ``scope`` were to hold; None where epochs count."""
        plan = self._plan(scope)
        return None if plan is None else plan.target

    def _plan(self, scope: Scope) -> Plan | None:
        """Return the first plan with the network of ``scope``; all of them have the same target."""
        for run, document in enumerate(self.results, start=1):
            if document.plan.network.name == scope.network and scope.run in (0, run):
                return document.plan
        return None

    def scope_label(self, scope: Scope) -> str:
        """Return what sets ``scope`` apart from the others; empty where it is the only one."""
        parts = []
        if len({other.network for other in self.scopes}) > 1:
            parts.append(f"network {scope.network}")
        if scope.run:
            parts.append(f"run {scope.run}")
        if scope.is_tf32:
            parts.append("products in TF32")
        return ", ".join(parts)

    def scope_title(self, scope: Scope) -> str:
        """Return the label of ``scope`` as a heading, with the processor where runs differ."""
        label = self.scope_label(scope)
        processors = [
            f"{document.machine.cpu}, {text.count(document.machine.usable_cpus, 'CPU')}"
            for document in self.results
        ]
        if not scope.run or len(set(processors)) == 1:
            return label
        return f"{label} ({processors[scope.run - 1]})"

    def label(self, condition: Condition) -> str:
        """Return a condition in words: ``2 threads``, with setting and scope where they matter."""
        if condition not in self._labels:
            parts = [text.threads(condition.threads), text.setting(condition.setting)]
            parts.append(self.scope_label(condition.scope))
            self._labels[condition] = ", ".join(filter(None, parts))
        return self._labels[condition]

    @cached_property
    def _labels(self) -> dict[Condition, str]:
        return {}
