"""Runs on a clock that is wound by hand: workers whose starts, preparations and turns take time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.documents.assignment import Arrays, Assignment
from bench.documents.journal import Journal
from bench.documents.messages import PrepareCell, Reply, Request, TakeTurn
from bench.planning.plan import Plan
from bench.running.processes import NoReply
from bench.running.runner import Runner
from bench.running.turns import Progress
from impls import registry
from tests.stand_ins import fakes
from tests.stand_ins.fake_trainer import FakeClock

PARTS_SECONDS = 0.02
"""A turn that times the step and its phases, however long an epoch lasts."""


@dataclass
class Costs:
    """Seconds of a start, of a preparation and of an epoch; epochs scatter by ``noise``.

    ``epochs`` are those of single implementations.
    """

    start: float = 1.0
    prepare: float = 0.5
    epoch: float = 0.05
    noise: float = 0.0
    epochs: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Simulated:
    """Carries out plans in no time; :attr:`clock` says how long they would have taken."""

    folder: Path
    costs: Costs
    clock: FakeClock = field(default_factory=FakeClock)
    seed: int = 1

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def behave(self, assignment: Assignment, request: Request | None) -> Reply | NoReply:
        costs, seconds = self.costs, 1e-3
        reply = fakes.measure_all(assignment, request)
        if request is None:
            seconds = costs.start
        elif isinstance(request, PrepareCell):
            seconds = costs.prepare
        elif isinstance(request, TakeTurn):
            epoch = costs.epochs.get(assignment.row.name, costs.epoch)
            seconds = epoch * float(np.exp(costs.noise * self.rng.standard_normal()))
            reply = fakes.turn(assignment, request.kind, seconds)
            if request.kind == "parts":
                seconds = PARTS_SECONDS
        self.clock.advance(seconds)
        return reply

    def run(self, plan: Plan, on_progress: Callable[[Progress], None] = lambda _: None) -> Journal:
        """The journal of a whole run."""
        record = Journal(self.folder, fakes.document(plan=plan, complete=False))
        runner = Runner(
            plan,
            [registry.find(name) for name in plan.implementations],
            fakes.FakeLauncher(self.behave),
            record,
            environment={},
            timeout=60.0,
            on_progress=on_progress,
            clock=self.clock.clock,
        )
        try:
            runner.run(Arrays(*fakes.examples()))
        finally:
            record.close()
        return record
