from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from bench.measuring.learning import HELD_EPOCHS, held_since, learn
from bench.running.executor import LocalExecutor

from bench.documents import journal
from bench.documents.results import Measured, Outcome, Unavailable
from bench.documents.timings import EPOCH
from bench.measuring.measure import CellTimer, FirstEpoch
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


def timer(kind: type[FakeTrainer] = Learner) -> CellTimer:
    script = Script(seconds={"forward": TICK}, threads=1.0)
    training = Training(batch_size=BATCH, learning_rate=0.5, decay=1.0)
    start = start_parameters(fakes.NETWORK, training, 3)
    trainer = kind(script, training, start)
    trainer.bind(*fakes.examples(EXAMPLES))
    return CellTimer(
        trainer, start, examples=EXAMPLES, seed=3, effort=fakes.EFFORT,
        clock=script.clock.clock, monitor=FakeMonitor(script.clock),
    )  # fmt: skip


def test_training_ends_when_the_target_is_held_and_only_training_is_timed() -> None:
    found = learn(timer(), np.zeros((10, 6)), LABELS, target=0.4, epochs=35)
    assert found.learning is not None
    assert found.learning.accuracies == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    assert found.learning.reached_epoch == 4
    (timing,) = found.timings
    assert timing.phase == EPOCH
    # Three batches of one tick each; looking at the test examples took a thousand seconds.
    assert timing.round_seconds == (3 * TICK,) * 6
    assert found.threads_observed == 1.0


def test_what_the_epoch_compiles_is_outside_the_clock_and_known_by_itself() -> None:
    cell_timer = timer()
    cast(Learner, cell_timer.trainer).script.first_epoch_extra = 1000.0
    found = learn(cell_timer, np.zeros((10, 6)), LABELS, target=0.4, epochs=35)
    assert found.timings[0].round_seconds == (3 * TICK,) * 6
    assert found.first_epoch == FirstEpoch(1000.0 + 2 * TICK, 2 * BATCH)


def test_the_training_is_that_of_a_trainer_that_never_did_anything_before() -> None:
    cell_timer = timer()
    learn(cell_timer, np.zeros((10, 6)), LABELS, target=0.9, epochs=2)
    trainer = cast(Learner, cell_timer.trainer)
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

    cell_timer = timer(Looking)
    learn(cell_timer, np.zeros((10, 6)), LABELS, target=0.9, epochs=2)
    epochs = 2 * len(contract.PHASES) * (EXAMPLES // BATCH)
    trainer = cast(Learner, cell_timer.trainer)
    assert trainer.script.collecting[-epochs:] == [False] * epochs
    assert between == [True] * 2
    assert gc.isenabled()


def test_a_target_that_is_lost_again_does_not_count() -> None:
    class Forgetful(Learner):
        forgets_after = 5

    found = learn(timer(Forgetful), np.zeros((10, 6)), LABELS, target=0.4, epochs=35)
    assert found.learning is not None
    assert found.learning.reached_epoch == 6


def test_a_target_that_is_not_reached_is_a_failure_and_not_an_endless_training() -> None:
    found = learn(timer(), np.zeros((10, 6)), LABELS, target=0.9, epochs=7)
    assert found.learning is not None
    assert found.learning.reached_epoch is None
    assert len(found.learning.accuracies) == 7


def test_the_rate_decays_from_epoch_to_epoch_as_in_any_training() -> None:
    cell_timer = timer()
    learn(cell_timer, np.zeros((10, 6)), LABELS, target=0.9, epochs=3)
    assert cell_timer.trainer.learning_rate == pytest.approx(0.5 / 1 / 2 / 3)
    learn(cell_timer, np.zeros((10, 6)), LABELS, target=0.9, epochs=1)
    assert cell_timer.trainer.learning_rate == 0.5


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
        plan, rows, LocalExecutor(), record, environment=os.environ, timeout=60,
        on_progress=lambda _progress: None,
    ).run(X, np.eye(3, dtype=np.float32)[labels], X, labels)  # fmt: skip
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
