"""The child half of a measurement: one fresh process, one implementation, one setting.

``python -m bench.worker ORDER.json`` imports the implementation, reads the thread setting back,
and for each batch size passes the gate and measures.  Outcomes are appended to the order's output
file; a problem with one batch size becomes its outcome and the next one is measured.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

import bench
from bench import gate, machine, peaks, threads
from bench.disturbance import Monitor
from bench.errors import ImplementationError
from bench.measure import CellTimer
from bench.orders import Order, append, load_arrays
from bench.plan import Cell, cell_of
from bench.provenance import Process
from bench.results import (
    Check,
    Failed,
    Invalid,
    Measured,
    Outcome,
    Peaks,
    Unavailable,
    Unverified,
)
from bench.timing import Clock
from impls import registry
from impls.contract import Trainer
from impls.networks import Training
from impls.parameters import Floats, epoch_order, start_parameters
from impls.row import Row


def main(arguments: Sequence[str]) -> int:
    """Carry out the order whose path is the only argument."""
    order = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Order)
    root = str(Path(bench.__file__).parent.parent)
    if root != order.root:
        raise ImplementationError(
            f"the worker found mlpbench in {root}, its parent runs from {order.root}: another "
            "package called 'bench' comes first on the path; use an environment of its own"
        )
    if order.row.held_by_affinity and order.job.threads is not None:
        threads.hold(order.job.threads)
    run(order, Clock(), Monitor())
    return 0


def run(order: Order, clock: Clock, monitor: Monitor) -> None:
    """Measure every cell of the order's job."""
    output = Path(order.output)
    begun = clock.wall()
    try:
        trainer_class = registry.load(order.row)
    except ImplementationError as error:
        for cell, _ in _cells(order):
            append(output, Failed(cell=cell, block=order.job.block, reason=str(error)))
        return
    import_seconds = clock.wall() - begun
    absent = trainer_class.unavailable()
    if absent is not None:
        for cell, _ in _cells(order):
            append(output, Unavailable(cell=cell, reason=absent))
        return
    data = load_arrays(Path(order.arrays))
    process = describe_process(order.row, trainer_class, import_seconds)
    limits = _peaks(order, clock) if order.row.role == "limit" else None
    for cell, training in _cells(order):
        try:
            outcome = measure_cell(
                order, cell, training, trainer_class, process, data, clock, monitor
            )
            if limits is not None and isinstance(outcome, Measured):
                outcome = msgspec.structs.replace(outcome, peaks=limits)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this cell's outcome
            reason = f"{type(error).__name__}: {error}"
            detail = traceback.format_exc(limit=-5)
            outcome = Failed(cell=cell, block=order.job.block, reason=reason, detail=detail)
        append(output, outcome)


def _cells(order: Order) -> list[tuple[Cell, Training]]:
    """The job's cells with their training settings, in the job's order."""
    job, by_size = order.job, {t.batch_size: t for t in order.plan.trainings}
    return [
        (
            cell_of(order.plan, order.row.name, order.row.device, size, job.threads, job.setting),
            by_size[size],
        )
        for size in job.batch_sizes
    ]


def describe_process(row: Row, trainer_class: type[Trainer], import_seconds: float) -> Process:
    """What must be known of this process to believe its numbers."""
    source = inspect.getsourcefile(trainer_class)
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else ""
    return Process(
        started_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        import_seconds=import_seconds,
        pools=threads.reported_pools(trainer_class.pools()),
        affinity=machine.usable_cpus(),
        quota_cpus=machine.quota_cpus(),
        versions=machine.package_versions(("numpy", *row.requires)),
        environment=threads.recorded(os.environ),
        source_hash=digest,
    )


def measure_cell(
    order: Order,
    cell: Cell,
    training: Training,
    trainer_class: type[Trainer],
    process: Process,
    data: tuple[Floats, Floats],
    clock: Clock,
    monitor: Monitor,
) -> Outcome:
    """Gate, then clock, then the check that the thread setting was obeyed."""
    plan, block = order.plan, order.job.block
    declined = trainer_class.supports(plan.network, training)
    if declined is not None:
        return Unavailable(cell=cell, reason=declined)
    start = start_parameters(plan.network, training, plan.seed)
    trainer = trainer_class(plan.network, training, start)
    trainer.bind(*data)
    timer = CellTimer(
        trainer,
        start,
        examples=len(data[0]),
        seed=plan.seed,
        effort=plan.effort,
        clock=clock,
        monitor=monitor,
    )
    first_call_seconds = timer.first_call()
    # Libraries that load late have made their pools by now.
    pools = threads.reported_pools(trainer_class.pools())
    process = msgspec.structs.replace(process, pools=pools)
    mismatch = threads.disagreement(cell.threads, process, None)
    if mismatch:
        return Unverified(cell=cell, block=block, reason=mismatch)
    checks: list[Check] = []
    if order.row.role != "limit":
        wanted = gate.rows_needed(training.batch_size, len(data[0]))
        rows = epoch_order(len(data[0]), plan.seed, 0)[:wanted]
        # Only what is needed: some implementations copy all that they are bound to.
        few = (data[0][rows], data[1][rows])
        checks = gate.inspect(
            trainer_class, plan.network, training, start, few, epoch_order(wanted, plan.seed, 1)
        )
        refused = gate.refusal(checks)
        if refused:
            return Invalid(cell=cell, block=block, reason=refused, gate=tuple(checks))
    found = timer.measure()
    measured = Measured(
        cell=cell,
        block=block,
        process=process,
        gate=tuple(checks),
        first_call_seconds=first_call_seconds,
        warmup_seconds=found.warmup_seconds,
        timings=found.timings,
        threads_observed=found.threads_observed,
        threads_busy=found.threads_busy,
        probe_seconds=found.probe_seconds,
        peak_memory_bytes=found.peak_memory_bytes,
    )
    mismatch = threads.disagreement(cell.threads, process, found.threads_observed)
    if mismatch:
        return Unverified(cell=cell, block=block, reason=mismatch, measured=measured)
    return measured


def _peaks(order: Order, clock: Clock) -> Peaks | None:
    """What the machine can do at best, with the threads of this very process."""
    if order.row.device != "cpu":
        return None
    workers = order.job.threads or machine.usable_cpus()
    return peaks.measure(clock, order.plan.network.dtype, workers)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
