"""Examines the rows of one Keras engine in a process of their own.

Keras picks its engine at import.  ``python -m tests.contract.keras_engine ROW...`` prints, as one
object of JSON, what was found for each row and case: an empty string where all is well.
``engines.py`` starts it and reads them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from typing import Any
from unittest import mock

import numpy as np

from bench.correctness import gate
from impls import precision, registry
from impls.contract import Trainer
from impls.convolution import Convolution
from impls.keras.engine import JIT_COMPILE, STEPS_PER_EXECUTION
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from impls.training.fit import fit

from .conftest import made_up_data
from .engines import Found

BLOG = (Network(name="blog", layers=(20, 15, 5)), Training(batch_size=33, l1=0.01))
ISLR = (
    Network(
        name="islr", layers=(20, 15, 12, 9, 5), activation="relu", loss="cross-entropy",
        dropout=(0.5, 0.0, 0.2),
    ),
    Training(batch_size=33, optimiser="adam", reduction="mean", l2=0.0, start="glorot"),
)  # fmt: skip
CONVOLUTIONS = (
    Network(
        name="convolutions", layers=(81, 7, 3), activation="relu", loss="cross-entropy",
        image=(9, 9, 1), convolutions=(Convolution(filters=4, pool=2), Convolution(filters=3)),
        dropout=(0.3,),
    ),
    Training(batch_size=16, optimiser="rmsprop", reduction="mean", start="glorot"),
)  # fmt: skip
SETTINGS = {
    "by itself": (precision.VARIABLE, "0"),
    "compiled": (JIT_COMPILE, "1"),
    "eager": (JIT_COMPILE, "0"),
    "several steps": (STEPS_PER_EXECUTION, "3"),
    "no steps": (STEPS_PER_EXECUTION, "0"),
    "no switch": (precision.VARIABLE, "yes"),
}


def refusal(trainer_class: type[Trainer], network: Network, training: Training) -> str:
    """What the gate says, or why the row declines."""
    declined = trainer_class.unavailable() or trainer_class.supports(network, training)
    if declined:
        return declined
    examples = gate.rows_needed(training.batch_size, 10**9)
    data = made_up_data(network, examples)
    start = start_parameters(network, training, seed=1)
    order = epoch_order(examples, 1, 0)
    return gate.refusal(gate.inspect(trainer_class, network, training, start, data, order))


def resumed(trainer_class: type[Trainer]) -> str:
    """A training taken up again ends at the very same weights, and phases can be repeated."""
    network, training = ISLR
    start = start_parameters(network, training, seed=1)
    whole, first, second = (trainer_class(network, training, start) for _ in range(3))
    for trainer in (whole, first, second):
        trainer.bind(*made_up_data(network, 70))
    fit(whole, 70, epochs=2, seed=3)
    begun = fit(first, 70, epochs=1, seed=3)
    second.prepare(np.arange(9))
    for _ in range(2):
        second.forward()
        second.loss()
        second.backward()
    second.update()
    second.resume(first.state())
    second.learning_rate = first.learning_rate
    fit(second, 70, epochs=2, seed=3, history=begun)
    pairs = zip(second.parameters().arrays(), whole.parameters().arrays(), strict=True)
    return ", ".join(name for (name, ours), (_, theirs) in pairs if (ours != theirs).any())


def on_the_cpu(name: str) -> str:
    """The row for a GPU, on this processor: everything but the device."""
    gpu, cpu = (loaded(row) for row in (f"{name}-gpu", name))
    place = cpu.device.place
    if hasattr(place, "fixed_epochs"):
        place = place._replace(fixed_epochs=True)
    return refusal(moved(gpu, place, absence=lambda _: None, wait=cpu.device.wait), *BLOG)


def loaded(name: str) -> Any:
    """The class of a row."""
    return registry.load(registry.find(name))


def moved(trainer_class: Any, place: Any, **functions: Any) -> type[Trainer]:
    """A class whose device is at another place, perhaps with other functions."""
    device = dataclasses.replace(trainer_class.device, place=place, **functions)
    return type("Moved", (trainer_class,), {"device": device})


def examined(name: str) -> Found:
    """What was found for one row; a loop around the step shares all but the loop with the epoch."""
    trainer_class = registry.load(registry.find(name))
    found = {
        "islr": refusal(trainer_class, *ISLR),
        "blog, as the GPU has it": on_the_cpu(name),
        "gpu": str(registry.load(registry.find(f"{name}-gpu")).unavailable()),
    }
    if not name.endswith("-step"):
        found["convolutions"] = refusal(trainer_class, *CONVOLUTIONS)
        found["resumed"] = resumed(trainer_class)
    for case, (variable, value) in SETTINGS.items():
        with mock.patch.dict(os.environ, {variable: value}):
            said = trainer_class.unavailable()
            found[case] = said or json.dumps(trainer_class.declared())
    return found


def barriers_of_jax(name: str) -> dict[str, str]:
    """Whether binding is over when it seems so, and what the row for a GPU makes of settings."""
    import jax  # noqa: PLC0415  # only in the process of this engine

    from impls.jax.device import CPU  # noqa: PLC0415  # as above

    network, training = BLOG
    trainer = registry.load(registry.find(name))(
        network, training, start_parameters(network, training, seed=1)
    )
    waited: list[Any] = []
    with mock.patch.object(jax, "block_until_ready", waited.append):
        trainer.bind(*made_up_data(network, 40))
        trainer.synchronize()
    found = {"binding": "" if any(one is trainer.data for one in waited) else "goes on"}
    as_on_gpu = moved(loaded(f"{name}-gpu"), CPU._replace(rounds=True))
    for case, values in {
        "in full": {},
        "in TF32": {precision.VARIABLE: "1"},
        "in bfloat16": {"JAX_DEFAULT_MATMUL_PRECISION": "bfloat16"},
    }.items():
        with mock.patch.dict(os.environ, values):
            found[case] = as_on_gpu.unavailable() or json.dumps(as_on_gpu.declared())
    jax.config.update("jax_default_matmul_precision", None)
    return found


def convolutions_in_loops(name: str) -> str:
    """Those of an epoch that XLA's CPU library would not take inside its loop."""
    network, training = CONVOLUTIONS
    trainer = registry.load(registry.find(name))(
        network, training, start_parameters(network, training, seed=1)
    )
    trainer.bind(*made_up_data(network, 64))
    parts = np.arange(64, dtype=np.int32).reshape(4, 16)
    program = trainer.run.epoch.lower(trainer._state(), trainer.data, parts, np.int32(4)).as_text()  # noqa: SLF001
    orders = re.findall(r"dim_numbers = (\S.*?\]->\[.*?\])", program)
    taken = "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"
    # Two layers, the gradients of their kernels, and of the maps between them.
    return ", ".join(order for order in orders if order != taken) if len(orders) >= 5 else program


def with_settings(name: str, **values: str) -> str:
    """What the gate says where the user has set these variables."""
    with mock.patch.dict(os.environ, values):
        return refusal(registry.load(registry.find(name)), *BLOG)


def small_table(name: str) -> str:
    """An epoch of more batches than the table of losses has rows, the last one shorter."""
    from impls.keras import fit as keras_fit  # noqa: PLC0415 - Keras, only where it is asked for

    with mock.patch.object(keras_fit, "TABLE_ROWS", 3):
        network, training = BLOG
        start = start_parameters(network, training, seed=1)
        trainer_class = registry.load(registry.find(name))
        by_epoch, by_steps = (trainer_class(network, training, start) for _ in range(2))
        for trainer in (by_epoch, by_steps):
            trainer.bind(*made_up_data(network, 240))
        order = epoch_order(240, 1, 0)
        losses = [by_steps.step(order[first : first + 33]) for first in range(0, 240, 33)]
        table = np.array([[float(value) for value in loss] for loss in losses])
        return "" if np.allclose(by_epoch.epoch(order), table, rtol=1e-5) else "another table"


if __name__ == "__main__":
    everything = {name: examined(name) for name in sys.argv[1:]}
    for row, about in everything.items():
        if "-jax" in row:
            about.update(barriers_of_jax(row))
        if row == "keras-jax":
            about["convolutions in loops"] = convolutions_in_loops(row)
        if row.endswith("-fit"):
            about["small table"] = small_table(row)
            if "torch" not in row:
                about["three steps at once"] = with_settings(row, **{STEPS_PER_EXECUTION: "3"})
        if "-tf" in row and not row.endswith("-step"):
            about["by XLA"] = with_settings(row, **{JIT_COMPILE: "1"})
    sys.stdout.write(json.dumps(everything))
