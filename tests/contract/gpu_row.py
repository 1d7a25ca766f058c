"""One row for a GPU, examined on a real one, in a process of its own: what fails, case by case.

``python -m tests.contract.gpu_row NAME`` writes what it found as JSON: for each case an empty text,
or what is wrong.  ``--memory`` instead asks for more memory than it may have and writes what the
error is taken for.  ``test_on_a_gpu.py`` starts it with the environment of the row.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from unittest import mock

import msgspec
import numpy as np

from bench.correctness import gate
from bench.documents.rounds import timings_of
from bench.measuring import barrier, out_of_memory
from bench.measuring.cell_timer import CellTimer
from bench.measuring.clock import SYSTEM_CLOCK
from bench.measuring.disturbance import Monitor
from impls import precision, registry
from impls.contract import Trainer
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from impls.presets import PRESETS
from impls.training.fit import fit
from tests.stand_ins.fakes import REAL_EFFORT

from .conftest import made_up_data

BATCH = 32
EXAMPLES = 5 * BATCH + 7
FEW_BYTES = 2**28
TOO_MANY_ROWS = 400_000
"""Of 784 numbers: more than a gigabyte."""


def refusal(trainer_class: type[Trainer], preset: str) -> str:
    """What the gate says of a preset's network."""
    network, training = small(preset)
    examples = gate.rows_needed(BATCH, 10**9)
    data = made_up_data(network, examples)
    start, order = start_parameters(network, training, 1), epoch_order(examples, 1, 0)
    return gate.refusal(gate.inspect(trainer_class, network, training, start, data, order))


def small(preset: str) -> tuple[Network, Training]:
    """A preset at a batch size that the float64 reference can follow soon."""
    found = PRESETS[preset]
    return found.network, msgspec.structs.replace(found.training, batch_size=BATCH)


def with_tf32(trainer_class: type[Trainer]) -> str:
    """The same with factors in TF32, declared."""
    with mock.patch.dict(os.environ, {precision.VARIABLE: "1"}):
        declined = trainer_class.unavailable()
        if declined or not precision.declares_tf32(trainer_class.declared()):
            return declined or "not declared"
        return refusal(trainer_class, "blog")


def timer_of(trainer_class: type[Trainer]) -> CellTimer:
    """A trainer of the network ``blog`` that can be timed."""
    network, training = small("blog")
    start = start_parameters(network, training, 1)
    trainer = trainer_class(network, training, start)
    trainer.bind(*made_up_data(network, EXAMPLES))
    return CellTimer(
        trainer,
        start,
        examples=EXAMPLES,
        seed=1,
        effort=REAL_EFFORT,
        clock=SYSTEM_CLOCK,
        monitor=Monitor(),
    )


def early(trainer_class: type[Trainer]) -> str:
    """Where ``synchronize`` returns before the work is done."""
    timer = timer_of(trainer_class)
    timer.first_call()
    return barrier.refusal(SYSTEM_CLOCK, timer.subject())


def timed(trainer_class: type[Trainer]) -> str:
    """Whether a cell can be measured, and the device counts its memory."""
    timer = timer_of(trainer_class)
    timer.first_call()
    timer.warm_up()
    turns = {0: timer.take_turn("epoch", 0), 1: timer.take_turn("parts", 1)}
    found = {timing.phase for timing in timings_of(turns)}
    expected = {"step", "epoch", *trainer_class.phases}
    if found != expected:
        return f"{sorted(found)} were timed instead of {sorted(expected)}"
    held = timer.trainer.device_memory_bytes()
    return "" if held else f"{held} bytes were held on the device"


def trained(trainer_class: type[Trainer]) -> str:
    """Whether two epochs of ``fit`` end where NumPy's do, dropout and a shorter batch included."""
    network, training = small("islr")
    ends = []
    for kind in (trainer_class, registry.load(registry.find("numpy-optimized"))):
        trainer = kind(network, training, start_parameters(network, training, 1))
        trainer.bind(*made_up_data(network, EXAMPLES))
        fit(trainer, EXAMPLES, epochs=2, seed=3)
        ends.append(trainer.parameters().arrays())
    apart = [
        name
        for (name, ours), (_, theirs) in zip(*ends, strict=True)
        if not np.allclose(ours, theirs, rtol=1e-2, atol=1e-3)
    ]
    return ", ".join(apart)


CASES: dict[str, Callable[[type[Trainer]], str]] = {
    "gate, blog": lambda kind: refusal(kind, "blog"),
    "gate, islr": lambda kind: refusal(kind, "islr"),
    "gate, cnn-small": lambda kind: refusal(kind, "cnn-small"),
    "training": trained,
    "barrier": early,
    "timed": timed,
    "gate in TF32": with_tf32,
}


def examined(trainer_class: type[Trainer]) -> dict[str, str]:
    """What is wrong in each case; only ``unavailable`` where the row cannot run."""
    reason = trainer_class.unavailable()
    if reason:
        return {"unavailable": reason}
    return {case: _said(examine, trainer_class) for case, examine in CASES.items()}


def _said(examine: Callable[[type[Trainer]], str], trainer_class: type[Trainer]) -> str:
    try:
        return examine(trainer_class)
    except Exception as error:  # noqa: BLE001  # it is what is wrong in this case, and others follow
        return f"{type(error).__name__}: {error}"


def hold_back_memory(library: str) -> None:
    """Leave few bytes of the first GPU to ``library``; JAX reads a variable when it starts."""
    if library == "torch":
        import torch  # noqa: PLC0415  # one library per process

        share = FEW_BYTES / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(share)
    elif library == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415  # as above

        limit = tf.config.LogicalDeviceConfiguration(memory_limit=FEW_BYTES // 2**20)
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("GPU")[0], [limit]
        )


def exhausted(trainer_class: type[Trainer], library: str) -> dict[str, str]:
    """What the error of a row is taken for that wants more memory than it may have."""
    reason = trainer_class.unavailable()
    if reason:
        return {"unavailable": reason}
    hold_back_memory(library)
    network, training = small("blog")
    trainer = trainer_class(network, training, start_parameters(network, training, 1))
    data = (np.zeros((TOO_MANY_ROWS, width), np.float32) for width in (784, 10))
    try:
        trainer.bind(*data)
        trainer.step(np.arange(BATCH))
        trainer.synchronize()
    except Exception as error:  # noqa: BLE001  # whatever a library raises is what is examined
        return {"explanation": out_of_memory.explanation(error, "gpu") or repr(error)}
    return {"explanation": "nothing was raised"}


if __name__ == "__main__":
    row = registry.find(sys.argv[1])
    if "--memory" in sys.argv:
        library = next(one for one in row.requires if one != "keras")
        found = exhausted(registry.load(row), library)
    else:
        found = examined(registry.load(row))
    sys.stdout.write(json.dumps(found))
