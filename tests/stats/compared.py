"""Documents for comparisons: cells with the seconds that an epoch took in each block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bench.documents.results import (
    Failed,
    Invalid,
    Measured,
    Outcome,
    Results,
    Unavailable,
    Unverified,
)
from bench.documents.timings import Timing
from bench.observations.pairs import Judged, judge_all
from bench.observations.points import Point, observe
from bench.observations.table import known_rows, tabulate
from bench.planning.plan import Cell, Setting
from bench.stats.verdicts import MARGIN
from impls.networks import Training
from tests.stand_ins import fakes

STEADY = (1.0, 1.001, 0.999, 1.0005, 0.9995)
"""Five blocks that resolve a percent."""
EXAMPLES = 200


def cell(
    implementation: str = "numba",
    *,
    batch_size: int = 8,
    threads: int | None = 1,
    setting: Setting = (),
    device: str = "cpu",
    network: str = "tiny",
) -> Cell:
    return Cell(
        implementation=implementation,
        device=device,
        network=network,
        batch_size=batch_size,
        threads=threads,
        setting=setting,
    )


def times(factor: float = 1.0, blocks: Sequence[float] = STEADY) -> list[float]:
    return [factor * seconds for seconds in blocks]


def measured(
    where: Cell, seconds: Sequence[float], phases: Sequence[str] = ("epoch", "step"), first: int = 0
) -> list[Measured]:
    """One process per block, from block ``first`` on; each phase takes as long as the epoch."""
    return [
        msgspec.structs.replace(
            fakes.measured(where, block),
            timings=tuple(
                Timing(
                    phase=phase,
                    iterations=1,
                    examples=EXAMPLES if phase == "epoch" else where.batch_size,
                    round_seconds=(one, one, one),
                    round_cpu_seconds=(),
                )
                for phase in phases
            ),
        )
        for block, one in enumerate(seconds, start=first)
    ]


REFUSED: dict[str, Outcome] = {
    "invalid": Invalid(cell=cell(), block=0, reason="a gradient is wrong", gate=()),
    "unverified": Unverified(cell=cell(), block=0, reason="2 threads were busy"),
    "failed": Failed(cell=cell(), block=0, reason="killed"),
    "unavailable": Unavailable(cell=cell(), reason="no numba"),
}


def refused(where: Cell, kind: str) -> list[Outcome]:
    return [msgspec.structs.replace(REFUSED[kind], cell=where)]


def document(
    times_of: Mapping[Cell, Sequence[float] | Sequence[Outcome]], **changes: object
) -> Results:
    """A document of cells with seconds per block, or with outcomes, in the order of the plan."""
    cells = list(times_of)
    outcomes: list[Outcome] = []
    for where, content in times_of.items():
        seconds = [one for one in content if isinstance(one, float)]
        outcomes += measured(where, seconds)
        outcomes += [one for one in content if not isinstance(one, float)]
    plan = fakes.plan(
        implementations=tuple(dict.fromkeys(one.implementation for one in cells)),
        threads=tuple(dict.fromkeys(one.threads for one in cells)),
        settings=tuple(dict.fromkeys(one.setting for one in cells)),
        trainings=tuple(
            Training(batch_size=size) for size in dict.fromkeys(one.batch_size for one in cells)
        ),
        examples=EXAMPLES,
    )
    return fakes.document(plan=plan, outcomes=tuple(outcomes), **changes)


def on_machine(results: Results, **changes: object) -> Results:
    machine = msgspec.structs.replace(results.machine, **changes)
    return msgspec.structs.replace(results, machine=machine)


def planned(results: Results, **changes: object) -> Results:
    plan = msgspec.structs.replace(results.plan, **changes)
    return msgspec.structs.replace(results, plan=plan)


def points_of(*documents: Results) -> list[Point]:
    return observe(documents, tabulate(documents), labels_for(documents), apart=True)


def judged_of(
    documents: Sequence[Results],
    found: Sequence[Point],
    margin_of: Callable[[Point], float] = lambda _: MARGIN,
) -> Judged:
    return judge_all(found, known_rows(documents), margin_of)


def labels_for(documents: Sequence[Results]) -> list[str]:
    return ["base", "new", "newer", "newest"][: len(documents)]


@dataclass(frozen=True)
class Grid:
    """Cells of every combination, with the factor of each implementation and thread count."""

    implementations: Mapping[str, float]
    threads: Mapping[int | None, float]
    batch_sizes: Sequence[int] = (8,)

    def document(self, factor: float = 1.0, **changes: object) -> Results:
        return document(
            {
                cell(name, batch_size=size, threads=number): times(factor * slow * by_threads)
                for name, slow in self.implementations.items()
                for size in self.batch_sizes
                for number, by_threads in self.threads.items()
            },
            **changes,
        )
