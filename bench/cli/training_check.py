"""Whether an implementation computes what it is to train, asked before it trains."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from rich.console import Console

from bench.cli.output import say
from bench.cli.progress import waiting
from bench.correctness import gate
from bench.correctness.probe import probe_training
from bench.documents.timings import Check
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from impls.training.sessions import Session


@dataclass(frozen=True)
class Checked:
    """What came of the comparison; ``text`` says it in a sentence without its subject."""

    passed: bool
    text: str


UNCHECKED = Checked(passed=True, text="not compared with the float64 reference")


class Checker:
    """Compares implementations with the reference, each network and training once."""

    def __init__(self, console: Console, *, wanted: bool) -> None:
        self.console, self.wanted = console, wanted
        self.known: dict[tuple[str, Network, Training], Checked] = {}

    def __call__(self, session: Session) -> Checked:
        """What came of comparing the implementation of ``session``, said when it is first known."""
        if not self.wanted:
            return UNCHECKED
        name, trainer = session.row.name, session.trainer
        asked = (
            name,
            msgspec.structs.replace(trainer.network, name=""),
            # Trainings that differ in coefficients alone are probed with the same ones.
            msgspec.structs.replace(
                probe_training(trainer.network, trainer.training), epochs=0, decay=0.0
            ),
        )
        if asked not in self.known:
            with waiting(self.console, f"comparing {name} with the float64 reference"), _quiet():
                self.known[asked] = _summed_up(_checks(session))
            self._say(name, self.known[asked])
        return self.known[asked]

    def _say(self, name: str, checked: Checked) -> None:
        if checked.passed:
            say(self.console, f"{name}: {checked.text}")
        else:
            say(
                self.console,
                f"{name} is not trained: {checked.text}. With --no-check it is trained as it is.",
                style="red",
            )


def _checks(session: Session) -> list[Check]:
    """All comparisons, on the very network and batch size, from the very start weights' seed."""
    trainer, data, seed = session.trainer, session.data, session.order.seed
    network = trainer.network
    # A batch never holds more than there is.
    size = min(trainer.training.batch_size, len(data.X))
    training = msgspec.structs.replace(trainer.training, batch_size=size)
    wanted = gate.rows_needed(training.batch_size, len(data.X))
    rows = epoch_order(len(data.X), seed, 0)[:wanted]
    few = (data.X[rows].astype(network.dtype), data.one_hot(network.dtype)[rows])
    start = start_parameters(network, training, seed)
    order = epoch_order(wanted, seed, 1)
    return gate.inspect(type(trainer), network, training, start, few, order)


def _summed_up(checks: list[Check]) -> Checked:
    refused = gate.refusal(checks)
    passed = f"all {len(checks)} checks against the float64 reference passed"
    return Checked(passed=not refused, text=refused or passed)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings that several trainers are compiled in one process: that is intended."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
