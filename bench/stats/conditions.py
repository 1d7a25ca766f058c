"""What each recorded condition means for a comparison: the rules of :mod:`.differences`.

A field of another value either forbids the comparison, or matters because it may explain a
verdict, or is noise, which is only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["forbids", "matters", "noise"]
Path = tuple[str, ...]
"""Where a value stands, such as ``("machine", "versions", "numpy")``."""


@dataclass(frozen=True)
class Rule:
    """What it means that a field differs, and why."""

    kind: Kind
    reason: str


def _forbids(reason: str) -> Rule:
    return Rule("forbids", reason)


def _matters(reason: str) -> Rule:
    return Rule("matters", reason)


def _noise(reason: str) -> Rule:
    return Rule("noise", reason)


RULES: dict[str, Rule] = {
    "dataset.sha256": _forbids("Other data are other work."),
    "dataset.examples": _forbids("More examples make a longer epoch and fill more memory."),
    "dataset.features": _forbids("Wider examples make larger products."),
    "dataset.name": _noise("The hash says which data it was."),
    "dataset.source": _noise("The hash says which data it was, wherever it lay."),
    "dataset.note": _noise("The hash says which data it was."),
    "dataset.normalisation": _forbids("Other inputs are other work, and learned in another way."),
    "plan.network": _forbids("Another network is other work."),
    "plan.network.name": _noise("What the network computes is compared, not its name."),
    "plan.trainings": _forbids("Other training settings are other arithmetic."),
    "plan.trainings.epochs": _noise("Epochs are timed one by one, however many a training has."),
    "plan.trainings.dropout_seed": _matters("It decides which outputs dropout takes."),
    "plan.examples": _forbids("Epochs of another length are other work."),
    "plan.seed": _matters("Start weights and batch order decide how soon activations saturate."),
    "plan.effort": _matters("More blocks narrow the interval, longer warm-up settles more."),
    "plan.profile": _noise("The effort says what it amounts to."),
    "plan.implementations": _noise("Cells without a partner are listed apart."),
    "plan.threads": _noise("Cells without a partner are listed apart."),
    "plan.on_devices": _noise("Cells without a partner are listed apart."),
    "plan.named": _noise("Cells without a partner are listed apart."),
    "plan.cpus": _matters("Threads share the processors they may run on, and their caches."),
    "plan.settings": _noise("Cells without a partner are listed apart."),
    "plan.dataset": _noise("The hash says which data it was."),
    "plan.source": _noise("The hash says which data it was, wherever it lay."),
    "plan.label": _noise("The hash says which data it was, labels included."),
    "plan.target": _matters("With a target, epochs are those of a training that goes on."),
    "plan.precision": _noise("It decides when a run ends, and the blocks are counted."),
    "plan.budget_seconds": _noise("It decides when a run ends, and the blocks are counted."),
    "machine.cpu": _matters("Another processor has other clocks, caches and instructions."),
    "machine.usable_cpus": _matters("Threads share the processors they may run on."),
    "machine.logical_cpus": _matters("More processors bring more neighbours and other clocks."),
    "machine.physical_cpus": _matters("Two threads of one core share its arithmetic."),
    "machine.quota_cpus": _matters("A quota stops all threads once it is spent."),
    "machine.caches": _matters("What fits into a cache need not come from memory."),
    "machine.governor": _matters("It decides how soon the clock rises."),
    "machine.smt": _matters("Two threads of one core share its arithmetic."),
    "machine.turbo": _matters("It decides how high the clock rises."),
    "machine.vectors": _matters("Wider vectors multiply faster."),
    "machine.hypervisor": _matters("A hypervisor gives time to other machines."),
    "machine.clock_source": _matters("Reading a slow clock is part of each phase."),
    "machine.system": _matters("Another system schedules and allocates in another way."),
    "machine.system.release": _noise("A newer kernel rarely changes arithmetic."),
    "machine.python": _matters("Another interpreter makes calls at another speed."),
    "machine.python.patch": _noise("A patch release mends, it does not speed up."),
    "machine.memory_bytes": _noise("The data fit into memory on both."),
    "machine.id": _matters("Two machines of one kind differ in memory, cooling and neighbours."),
    "machine.board": _matters("Two machines of one kind differ in memory, cooling and neighbours."),
    "machine.hostname": _noise("The identity says which machine it was, not its name."),
    "machine.microcode": _matters("Microcode switches features of a processor off and on."),
    "machine.numa_nodes": _matters("Memory of another node is further away."),
    "machine.cpus": _matters("Other processors may share other caches."),
    "machine.cgroup": _noise("The quota says what the group may use."),
    "machine.allocation": _noise("Which job measured does not say what was measured."),
    "machine.versions": _matters("Another version may hold other code."),
    "machine.versions.threadpoolctl": _noise("It reads pools, it does not time."),
    "machine.environment": _matters("Numerical libraries read this variable."),
    "code.sha256": _matters("Other code of the harness or of an implementation."),
    "code.commit": _matters("Other code of the harness or of an implementation."),
    "code.modified": _matters("The commit does not say all about the code."),
    "process.pools.library": _matters("Another library multiplies in another way."),
    "process.pools.detail": _matters("Another kernel multiplies at another speed."),
    "process.pools.threads": _matters("More threads share the work."),
    "process.pools.unused": _noise("The implementation does not work with this pool."),
    "process.affinity": _matters("Threads share the processors they may run on."),
    "process.cpus": _matters("Other processors may share other caches."),
    "process.quota_cpus": _matters("A quota stops all threads once it is spent."),
    "process.versions": _matters("Another version may hold other code."),
    "process.environment": _matters("Numerical libraries read this variable."),
    "process.declared": _matters("The implementation says that its numbers depend on it."),
    "process.accelerator": _matters("Another device has other limits."),
    "process.accelerator.name": _matters("Another device multiplies at another speed."),
    "process.accelerator.driver": _matters("Another driver may hold other code."),
    "process.accelerator.readings": _noise("Clocks and temperatures are those of the moment."),
    "process.accelerator.reason": _noise("It says why nothing is known of the device."),
    "process.source_hash": _matters("Other code of the implementation."),
    "process.started_at": _noise("When it was measured does not say what was measured."),
    "process.import_seconds": _noise("Importing is outside the clock."),
    "generator": _matters("Another harness, or version of it, times in another way."),
    "complete": _matters("An interrupted run has fewer blocks."),
    "created_at": _noise("When it was measured does not say what was measured."),
    "command": _noise("The plan says what it amounts to."),
    "ended": _noise("The blocks are counted."),
    "rows": _noise("The hash of the code covers them."),
    "sha256": _noise("It says whether the document is whole, not what was measured."),
    "schema_version": _noise("It says how the document is written, not what was measured."),
}
"""What each field means; an entry also speaks for all below it that have none of their own."""

OF_THE_MACHINE = ("machine.cpu", "machine.usable_cpus", "process.accelerator.name")
"""Another machine: compared only where that is asked for."""

NOT_SAID = _noise("One of the documents does not say.")


def rule_of(path: Path) -> Rule:
    """Return the rule for what stands at ``path``: its own, or that of the nearest above it.

    Raises:
        KeyError: neither.
    """
    for length in range(len(path), 0, -1):
        rule = RULES.get(".".join(path[:length]))
        if rule is not None:
            return rule
    raise KeyError(".".join(path))
