"""The child half of a measurement: one fresh process, one implementation, one setting.

``python -m bench.measuring.worker ORDER.json`` imports the implementation, reads the thread setting
back, and for each batch size passes the gate and measures.  Outcomes are appended to the order's
output file; a problem with one batch size becomes its outcome and the next one is measured.  On a
device that one needs a fresh process: an error stays with the process that met it, and memory that
it held there may not come back.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

import bench
from bench.documents.orders import Order, append, load_arrays
from bench.documents.results import Failed, Unavailable
from bench.documents.timings import Memory
from bench.errors import ImplementationError
from bench.measuring import exhaustion, lifeline, memory
from bench.measuring.cells import CellWork, describe_process, limits_of
from bench.measuring.disturbance import Monitor
from bench.measuring.timing import Clock
from bench.planning.environment import hold
from bench.planning.plan import Cell, cell_of
from bench.provenance import accelerator
from impls import registry
from impls.networks import Training

EXIT_ORPHAN = 1


def main(arguments: Sequence[str]) -> int:
    """Carry out the order whose path is the first argument.

    The second one, where given, is the process id of the parent with which this process ends.
    """
    if arguments[1:] and not lifeline.end_with(int(arguments[1])):
        return EXIT_ORPHAN
    order = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Order)
    root = str(Path(bench.__file__).parent.parent)
    if root != order.root:
        raise ImplementationError(
            f"the worker found mlpbench in {root}, its parent runs from {order.root}: another "
            "package called 'bench' comes first on the path; use an environment of its own"
        )
    if order.row.held_by_affinity and order.job.threads is not None:
        hold(order.job.threads)
    run(order, Clock(), Monitor())
    return 0


def run(order: Order, clock: Clock, monitor: Monitor) -> None:
    """Measure every cell of the order's job."""
    output = Path(order.output)
    started = memory.resident()
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
            append(output, Unavailable(cell=cell, reason=absent + _hidden(order)))
        return
    imported = memory.resident()
    arrays = load_arrays(Path(order.arrays))
    work = CellWork(
        plan=order.plan,
        row=order.row,
        block=order.job.block,
        trainer_class=trainer_class,
        arrays=arrays,
        process=describe_process(order.row, trainer_class, import_seconds),
        memory=Memory(started=started, imported=imported, loaded=memory.resident()),
        limits=functools.cache(lambda: limits_of(order, clock)),
        device=accelerator.find(os.environ) if order.row.device == "gpu" else None,
        clock=clock,
        monitor=monitor,
    )
    for cell, training in _cells(order):
        try:
            outcome = work.outcome(cell, training)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this cell's outcome
            exhausted = exhaustion.explanation(error, order.row.device)
            reason = exhausted or f"{type(error).__name__}: {error}"
            detail = traceback.format_exc(limit=-5)
            outcome = Failed(
                cell=cell,
                block=order.job.block,
                reason=reason,
                detail=detail,
                # As read before the first cell: who just raised may not answer any more.
                declared=work.process.declared,
            )
        append(output, outcome)
        if isinstance(outcome, Failed):
            if order.row.on_device:
                return
            # The next batch size needs the memory that the frames of the error held.
            gc.collect()


def _hidden(order: Order) -> str:
    """What the user exported that keeps devices from this process; empty where nothing does."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if order.row.device != "gpu" or visible is None:
        return ""
    if visible.partition(",")[0].strip() not in accelerator.HIDDEN:
        return ""
    return f" (CUDA_VISIBLE_DEVICES={visible!r} hides all devices: unset it)"


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


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
