"""Synthetic results documents: plausible numbers, every outcome, any size, always the same."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from bench.documents.results import (
    SCHEMA_VERSION,
    Failed,
    Invalid,
    Measured,
    Outcome,
    Results,
    Unavailable,
)
from bench.documents.timings import Check, Peaks
from bench.planning.plan import Cell, Effort, Plan, Setting
from bench.provenance.records import Dataset
from impls.contract import PHASES
from impls.networks import Network, Training
from impls.registry import ROWS
from impls.row import Row
from tests.reports.pieces import BLOG, disturbance, machine, measured

THIRD_PARTY = "their_mlp:Trainer"

_BY_RUNG = (0.85, 0.7, 0.235, 0.2, 0.19, 0.178, 0.17, 0.15, 0.14, 0.12, 0.104)
_SHARES = (0.08, 0.31, 0.1, 0.43, 0.08)


@dataclass(frozen=True)
class Shape:
    """What the document covers, and how much of it."""

    names: tuple[str, ...] = tuple(row.name for row in ROWS)
    batch_sizes: tuple[int, ...] = (500, 128, 2000, 20000)
    threads: tuple[int | None, ...] = (1, 2)
    settings: tuple[Setting, ...] = ((),)
    blocks: int = 3
    rounds: int = 7
    epoch_rounds: int = 5
    outcomes: bool = True
    network: Network = BLOG
    seed: int = 7


def document(shape: Shape = Shape(), **changes: object) -> Results:
    """A results document; with ``outcomes``, some cells are unavailable, invalid or failed."""
    rng = random.Random(shape.seed)
    rows = {row.name: row for row in ROWS}
    names = (*shape.names, THIRD_PARTY) if shape.outcomes else shape.names
    plan = _plan(shape, names)
    outcomes = [
        outcome
        for name in names
        for training in plan.trainings
        for threads in shape.threads
        for setting in shape.settings
        for outcome in _outcomes(
            plan, shape, rng, name, rows.get(name), training.batch_size, threads, setting
        )
    ]
    values: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "created_at": "2026-11-21T09:30:00+00:00",
        "generator": "mlpbench 0.1.0",
        "plan": plan,
        "dataset": Dataset(
            name="mnist",
            source="mnist.npz",
            examples=60000,
            features=784,
            sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        ),
        "machine": machine(),
        "outcomes": tuple(outcomes),
        "command": "mlpbench run --impl all --batch-size 500,128,2000,20000 --threads 1,2",
    }
    return Results(**(values | changes))  # type: ignore[arg-type]


def _plan(shape: Shape, names: tuple[str, ...]) -> Plan:
    return Plan(
        seed=shape.seed,
        profile="default",
        network=shape.network,
        trainings=tuple(Training(batch_size=size) for size in shape.batch_sizes),
        implementations=names,
        threads=shape.threads,
        settings=shape.settings,
        effort=Effort(
            blocks=shape.blocks,
            sweeps=shape.rounds + shape.epoch_rounds,
            round_seconds=0.02,
            cell_seconds=5.0,
            warmup_seconds=2.0,
        ),
        dataset="mnist",
        examples=60000,
    )


def _seconds(place: int, row: Row | None, batch_size: int, threads: int | None) -> float:
    """A plausible epoch time: small batches pay per call, large ones fall out of the cache."""
    if row is not None and row.is_floor:
        base, per_batch = 0.066, 2e-5
    elif row is not None and row.rung is not None:
        base, per_batch = _BY_RUNG[row.rung], 4e-5
    else:
        base, per_batch = 0.085 + 0.055 * (place % 2), 3e-5 + 4e-4 * (place % 2)
    cache = 1 + 0.35 * math.pow(batch_size / 20000, 0.7)
    gain = (
        {1: 1.0, 2: 0.56}.get(threads or 4, 0.45) if base < 0.15 else math.pow(0.97, threads or 4)
    )
    return base * gain * 1.7 * cache + per_batch * 60000 / batch_size


def _checks(rng: random.Random) -> tuple[Check, ...]:
    names = ("output", "loss", "gradient weights[0]", "gradient biases[2]", "after 5 updates")
    return tuple(
        Check(name=name, error=rng.uniform(1e-8, 3e-6), tolerance=1e-5, place="weights[0][3, 41]")
        for name in names
    )


def _outcomes(
    plan: Plan,
    shape: Shape,
    rng: random.Random,
    name: str,
    row: Row | None,
    batch_size: int,
    threads: int | None,
    setting: Setting,
) -> list[Outcome]:
    """What became of one cell, block by block."""
    device = row.device if row else "cpu"
    cell = Cell(
        implementation=name,
        device=device,
        network=plan.network.name,
        batch_size=batch_size,
        threads=threads,
        setting=setting,
    )
    if shape.outcomes and device == "gpu":
        return [Unavailable(cell=cell, reason="no GPU found: TensorFlow lists no device")]
    if shape.outcomes and row is None:
        bad = Check(name="gradient weights[1]", error=0.031, tolerance=1e-5, place="at [12, 7]")
        reason = "gradient weights[1] differs from the reference by 3.1e-02, at most 1e-05 allowed"
        return [
            Invalid(cell=cell, block=block, reason=reason, gate=(*_checks(rng)[:2], bad))
            for block in range(shape.blocks)
        ]
    place = plan.implementations.index(name)
    found: list[Outcome] = []
    for block in range(shape.blocks):
        if shape.outcomes and (place, block, batch_size) == (6, 1, max(shape.batch_sizes)):
            detail = "Killed\nworker exited with signal 9"
            found.append(
                Failed(cell=cell, block=block, reason="killed: out of memory", detail=detail)
            )
        else:
            found.append(_measured(shape, rng, cell, block, place, row))
    return found


def _measured(
    shape: Shape, rng: random.Random, cell: Cell, block: int, place: int, row: Row | None
) -> Measured:
    seconds = _seconds(place, row, cell.batch_size, cell.threads) * rng.gauss(1, 0.015)

    def rounds(middle: float, number: int) -> list[float]:
        """A tight bulk with a tail towards slow."""
        return [
            middle * (1 + abs(rng.gauss(0, 0.012)) + 0.2 * (rng.random() < 0.03))
            for _ in range(number)
        ]

    step = seconds * cell.batch_size / 60000
    ours = row is not None and (row.rung is not None or row.is_floor)
    phases = PHASES if ours else PHASES[:1]
    if row is not None and row.is_floor:
        phases = ("forward", "backward")
    shares = dict(zip(PHASES, _SHARES, strict=True))
    late = place == 5
    epochs, steps = rounds(seconds, shape.epoch_rounds), rounds(step * 0.99, shape.rounds)
    return measured(
        cell,
        block=block,
        epoch=epochs,
        step=steps,
        phases=[(phase, rounds(step * shares[phase] * 1.03, shape.rounds)) for phase in phases],
        disturbances={
            # The slow ones had to wait.
            phase: [disturbance(waited=max(0, one - 1.02 * min(times))) for one in times]
            for phase, times in (("epoch", epochs), ("step", steps))
        },
        probe_seconds=3e-7,
        peaks=_peaks(cell, block) if row is not None and row.is_floor else None,
        checks=_checks(rng),
        import_seconds=rng.gauss(3.2 if place >= 6 else 0.25, 0.01),
        first_call=4.1 if late else step * 3,
        threads_observed=(cell.threads or 2) * rng.uniform(0.9, 0.99),
    )


def _peaks(cell: Cell, block: int) -> Peaks:
    """Limits that leave the floor a little to gain."""
    gain = {1: 1.0, 2: 1.8}.get(cell.threads or 4, 2.4) * (1 - 0.01 * block)
    return Peaks(gemm=160e9 * gain, copy=14e9 * gain, cached_copy=120e9 * gain)
