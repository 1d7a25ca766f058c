from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from bench.documents import journal
from bench.documents.assignment import Arrays
from bench.documents.results import Measured, Outcome, Unavailable
from bench.documents.rounds import HELD_EPOCHS, Turn, held_since
from bench.documents.timings import EPOCH
from bench.measuring.cell_timer import CellTimer, Goal, WarmUp
from bench.running.processes import Launcher
from bench.running.runner import Runner
from impls import contract, registry
from impls.networks import Training
from impls.parameters import Floats, Parameters, epoch_order, start_parameters
from tests.stand_ins import fakes
from tests.stand_ins.fake_trainer import TICK, FakeMonitor, FakeTrainer, Script

EXAMPLES, BATCH = 60, 20
LABELS = np.zeros(10, dtype=np.int32)


class Learner(FakeTrainer):
    """Recognises as many of ten test examples as it has finished epochs, and forgets in one."""

    forgets_after = 0
    loaded = 0.0
    updates = EXAMPLES // BATCH

    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        self.loaded = float(self.W[0].flat[0])

    def predict(self, X: Floats) -> Floats:
        self.script.clock.advance(1000.0)
        # Those since the last load, as far as whole.
        epochs = int(self.W[0].flat[0] - self.loaded) // self.updates
        right = 0 if epochs == self.forgets_after else min(epochs, len(X))
        outputs = np.zeros((len(X), 3), np.float32)
        outputs[:right, 0] = 1
        outputs[right:, 1] = 1
        return outputs


@dataclass
class Learned:
    """A training: its timer, what preparing it took, and its turns."""

    timer: CellTimer
    warm_up: WarmUp
    turns: list[Turn]

    @property
    def trainer(self) -> Learner:
        return cast(Learner, self.timer.trainer)

    @property
    def accuracies(self) -> list[float]:
        return [turn.accuracy for turn in self.turns if turn.accuracy is not None]


def learn(
    kind: type[FakeTrainer] = Learner, *, target: float, epochs: int, first_epoch: float = 0.0
) -> Learned:
    """Train until a turn says that it was the last."""
    script = Script(seconds={"forward": TICK}, threads=1.0, first_epoch_extra=first_epoch)
    training = Training(batch_size=BATCH, learning_rate=0.5, decay=1.0)
    start = start_parameters(fakes.NETWORK, training, 3)
    trainer = kind(script, training, start)
    trainer.bind(*fakes.examples(EXAMPLES))
    timer = CellTimer(
        trainer, start, examples=EXAMPLES, seed=3, effort=fakes.EFFORT,
        clock=script.clock.clock, monitor=FakeMonitor(script.clock),
        goal=Goal(np.zeros((10, 6)), LABELS, target, epochs),
    )  # fmt: skip
    warm_up = timer.warm_up()
    turns: list[Turn] = []
    while not turns or not turns[-1].is_last:
        turns.append(timer.take_turn("training", len(turns)))
    return Learned(timer, warm_up, turns)


def test_training_ends_when_the_target_is_held_and_only_training_is_timed() -> None:
    found = learn(target=0.4, epochs=35)
    assert found.accuracies == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert held_since(found.accuracies, 0.4) == 4
    rounds = [one for turn in found.turns for one in turn.rounds]
    assert {one.phase for one in rounds} == {EPOCH}
    # Three batches of one tick each; looking at the test examples took a thousand seconds.
    assert [one.seconds for one in rounds] == [3 * TICK] * 6
    assert [one.cpu_seconds for one in rounds] == [3 * TICK] * 6


def test_what_the_epoch_compiles_is_outside_the_clock_and_known_by_itself() -> None:
    found = learn(target=0.4, epochs=35, first_epoch=1000.0)
    assert {one.seconds for turn in found.turns for one in turn.rounds} == {3 * TICK}
    assert found.warm_up.first_epoch_seconds == 1000.0 + 2 * TICK
    assert found.warm_up.first_epoch_examples == 2 * BATCH


def test_the_training_is_that_of_a_trainer_that_never_did_anything_before() -> None:
    trainer = learn(target=0.9, epochs=2).trainer
    first, *epochs = trainer.script.epochs
    assert len(first) < EXAMPLES
    expected = [epoch_order(EXAMPLES, 3, number) for number in range(2)]
    assert [list(order) for order in epochs] == [list(order) for order in expected]
    last_load = len(trainer.script.events) - trainer.script.events[::-1].index("load")
    assert trainer.script.events[last_load:].count("update") == 2 * EXAMPLES // BATCH


def test_garbage_is_collected_between_epochs_and_never_within_one() -> None:
    between: list[bool] = []

    class Looking(Learner):
        def predict(self, X: Floats) -> Floats:
            between.append(gc.isenabled())
            return super().predict(X)

    trainer = learn(Looking, target=0.9, epochs=2).trainer
    epochs = 2 * len(contract.PHASES) * (EXAMPLES // BATCH)
    assert trainer.script.collecting[-epochs:] == [False] * epochs
    # Once to wake it, and once to see how accurate it is.
    assert between == [True] * 4
    assert gc.isenabled()


def test_a_target_that_is_lost_again_does_not_count() -> None:
    class Forgetful(Learner):
        forgets_after = 5

    found = learn(Forgetful, target=0.4, epochs=35)
    assert held_since(found.accuracies, 0.4) == 6


def test_a_target_that_is_not_reached_is_a_failure_and_not_an_endless_training() -> None:
    found = learn(target=0.9, epochs=7)
    assert held_since(found.accuracies, 0.9) is None
    assert len(found.turns) == 7


def test_the_rate_decays_from_epoch_to_epoch_as_in_any_training() -> None:
    found = learn(target=0.9, epochs=3)
    assert found.trainer.learning_rate == pytest.approx(0.5 / 1 / 2 / 3)


def test_held_means_so_many_epochs_in_a_row() -> None:
    assert held_since([0.9] * (HELD_EPOCHS - 1), 0.9) is None
    assert held_since([0.9] * HELD_EPOCHS, 0.9) == 1
    assert held_since([0.1, 0.95, 0.9, 0.91], 0.9) == 2
    assert held_since([0.95, 0.9, 0.91, 0.89], 0.9) is None


def test_real_workers_learn_with_seeds_of_their_own_and_the_floor_declines(tmp_path: Path) -> None:
    plan = fakes.plan(
        implementations=("numpy-optimized", "floor"),
        trainings=(Training(batch_size=20, learning_rate=0.01, epochs=30),),
        threads=(1,),
        effort=fakes.REAL_EFFORT,
        target=0.5,
    )
    rows = [registry.find(name) for name in plan.implementations]
    record = journal.Journal(tmp_path, fakes.document(plan=plan, complete=False))
    labels = np.arange(90) % 3
    rng = np.random.default_rng(1)
    X = (rng.standard_normal((90, 6)) + 3 * np.eye(3, 6)[labels]).astype(np.float32)
    Runner(
        plan, rows, Launcher(), record, environment=os.environ, timeout=60,
        on_progress=lambda _progress: None,
    ).run(Arrays(X, np.eye(3, dtype=np.float32)[labels], X, labels))  # fmt: skip
    record.close()
    found: dict[str, list[Outcome]] = {}
    for outcome in journal.read(record.path).outcomes:
        found.setdefault(outcome.cell.implementation, []).append(outcome)
    (learned,) = found["numpy-optimized"]
    assert isinstance(learned, Measured)
    assert learned.learning is not None
    assert learned.learning.seed == plan.seed
    assert learned.learning.reached_epoch is not None
    (declined,) = found["floor"]
    assert isinstance(declined, Unavailable)
    assert "trains nothing" in declined.reason
