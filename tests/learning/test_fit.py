from __future__ import annotations

import numpy as np
import pytest

from impls.data import TrainingData
from impls.mathematics.reference import Trainer
from impls.parameters import Indices, batches, epoch_order
from impls.training.evaluation import evaluate
from impls.training.fit import fit
from impls.training.history import Epoch, History, Standing, penalty_shares
from tests.learning.trainings import TRAINING, trainer_of


class Watched(Trainer):
    """Notes the rows of each epoch."""

    def epoch(self, order: Indices) -> np.ndarray:
        self.orders = [*getattr(self, "orders", []), order]
        return super().epoch(order)


def watched(data: TrainingData) -> Watched:
    trainer = trainer_of(data)
    trainer.__class__ = Watched
    assert isinstance(trainer, Watched)
    return trainer


def history_of(*costs: float) -> History:
    return History(
        [Epoch(n + 1, np.array([[cost, 0.0, 0.1]]), 0.1, 1.0) for n, cost in enumerate(costs)]
    )


def test_every_epoch_has_an_order_of_its_own(data: TrainingData) -> None:
    trainer = watched(data)
    fit(trainer, 90, epochs=3, seed=4)
    assert all(
        np.array_equal(order, epoch_order(90, 4, number))
        for number, order in enumerate(trainer.orders)
    )


def test_without_shuffling_every_epoch_has_the_order_of_the_first(data: TrainingData) -> None:
    trainer = watched(data)
    fit(trainer, 90, epochs=3, seed=4, shuffle=False)
    assert all(np.array_equal(order, epoch_order(90, 4, 0)) for order in trainer.orders)


def test_a_cap_on_batches_ends_every_epoch_early(data: TrainingData) -> None:
    trainer = watched(data)
    history = fit(trainer, 90, epochs=2, seed=4, max_batches=3)
    assert [len(order) for order in trainer.orders] == [60, 60]
    assert history.losses.shape == (6, 3)
    assert np.array_equal(trainer.orders[1], epoch_order(90, 4, 1)[:60])


def test_a_cap_beyond_the_data_changes_nothing(data: TrainingData) -> None:
    trainer = watched(data)
    fit(trainer, 90, epochs=1, seed=4, max_batches=2000)
    assert len(list(batches(trainer.orders[0], 20))) == 5


def test_an_interruption_in_mid_epoch_goes_back_to_the_end_of_the_last_whole_one(
    data: TrainingData,
) -> None:
    trainer, other = trainer_of(data), trainer_of(data)
    steps = iter(range(13))
    plain = trainer.update

    def update() -> None:
        plain()
        if next(steps, None) is None:
            raise KeyboardInterrupt

    trainer.update = update  # type: ignore[method-assign]
    history = fit(trainer, 90, epochs=9, seed=4)
    fit(other, 90, epochs=2, seed=4)
    assert len(history.epochs) == 2
    assert trainer.learning_rate == other.learning_rate
    for (name, ours), (_, theirs) in zip(
        trainer.parameters().arrays(), other.parameters().arrays(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_a_wish_to_stop_is_granted_after_the_epoch(data: TrainingData) -> None:
    trainer = trainer_of(data)
    seen: list[int] = []
    history = fit(
        trainer, 90, epochs=9, seed=4,
        on_epoch=lambda epoch: seen.append(epoch.number), stop=lambda: len(seen) == 4,
    )  # fmt: skip
    assert seen == [1, 2, 3, 4]
    assert len(history.epochs) == 4


def test_nothing_is_trained_where_the_history_has_all_epochs_already(data: TrainingData) -> None:
    trainer = watched(data)
    history = fit(trainer, 90, epochs=3, seed=4)
    assert fit(trainer, 90, epochs=3, seed=4, history=history).epochs == history.epochs
    assert len(trainer.orders) == 3


def test_what_is_looked_at_is_kept_with_its_epoch(data: TrainingData) -> None:
    trainer = trainer_of(data)

    def look(number: int) -> Standing | None:
        return None if number % 2 else evaluate(trainer, data).standing

    history = fit(trainer, 90, epochs=4, seed=4, look=look)
    assert [epoch.standing is None for epoch in history.epochs] == [True, False, True, False]
    assert history.epochs[3].standing == evaluate(trainer, data).standing


def test_an_epoch_knows_its_cost_and_the_share_of_the_penalty() -> None:
    epoch = Epoch(1, np.array([[6.0, 2.0, 0.5], [3.0, 1.0, 0.1]]), 0.1, 1.0)
    assert epoch.cost == 6
    assert epoch.last_cost == 4
    assert epoch.penalty_share == 0.25
    assert epoch.mean_error == pytest.approx(0.3)


def test_without_a_cost_the_share_of_the_penalty_is_zero() -> None:
    assert penalty_shares(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])).tolist() == [0, 0.5]


def test_a_cost_that_settles_has_converged_where_it_comes_near_its_end() -> None:
    assert history_of(50, 20, 11, 10.08, 9.95, 10.05, 10, 10.02, 10).converged == 4


def test_a_cost_that_comes_near_and_leaves_again_has_not_converged_yet() -> None:
    assert history_of(50, 10, 10, 20, 10, 10, 10, 10, 10, 10).converged == 5


@pytest.mark.parametrize(
    "costs", [range(100, 50, -5), [], [9] * 9 + [np.nan], [1.0] * 9 + [np.inf]]
)
def test_a_cost_that_falls_to_the_end_or_is_no_number_has_not_converged(
    costs: list[float],
) -> None:
    assert history_of(*costs).converged is None


def test_a_constant_cost_has_converged_at_once() -> None:
    assert history_of(*[3] * 6).converged == 1


def test_a_few_epochs_show_no_convergence() -> None:
    assert history_of(*[3] * 5).converged is None
    assert history_of(*[9] * 60, *[3] * 6).converged is None
    assert history_of(*[9] * 60, *[3] * 8).converged == 61


def test_the_evaluation_agrees_with_itself(data: TrainingData) -> None:
    trainer = trainer_of(data)
    history = fit(trainer, 90, epochs=12, seed=4)
    found = evaluate(trainer, data)
    assert found.train.matrix.sum() == 90
    assert found.test.matrix.sum() == 30
    assert found.test.accuracy == np.mean(found.test.predicted == data.labels_test)
    assert found.test.accuracy > 0.9
    trainer.prepare(np.arange(90))
    trainer.forward()
    everything = trainer.loss()
    assert found.train.loss == pytest.approx(float(everything.data) / 90)
    assert found.penalty == pytest.approx(float(everything.penalty))
    assert found.penalty_share == pytest.approx(float(everything.penalty) / everything.cost)
    assert found.train.mean_error == pytest.approx(float(everything.mean_error))
    assert found.penalty == pytest.approx(TRAINING.l2 / 2 * found.squared_weights)
    assert len(history.epochs) == 12
