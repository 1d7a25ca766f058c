"""The articles' trainings on the real MNIST, where it is at hand."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from impls import registry
from impls.data import TrainingData, load_dataset
from impls.presets import find_preset
from impls.training import sessions
from impls.training.evaluation import Trained, evaluate
from impls.training.model import Order
from reports.articles import RUNS, PublishedRun, published_run

FOLDER = os.environ.get("MLPBENCH_DATA_DIR", "")
pytestmark = pytest.mark.skipif(
    not (FOLDER and Path(FOLDER, "mnist.npz").is_file()),
    reason="MLPBENCH_DATA_DIR names no folder with the real MNIST",
)


@cache
def mnist() -> TrainingData:
    return load_dataset("mnist")


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.batch_size)
def test_a_training_of_the_articles_ends_near_what_they_print(run: PublishedRun) -> None:
    preset = find_preset("blog", activation=None, loss=None)
    training = preset.training_at(run.batch_size)
    row = registry.find("numpy-optimized")
    session = sessions.begin(row, preset.network, training, Order(seed=1), mnist())
    session.train(35)
    one = Trained(row.name, session.model(), evaluate(session.trainer, session.data))
    last = one.model.history.epochs[-1]

    assert published_run(one.model) is run
    assert one.model.learning_rate == run.rate
    assert 1 - last.mean_error == pytest.approx(run.averaged_accuracy, abs=3e-3)
    assert one.evaluation.train.mean_error == pytest.approx(run.found_mean_error, rel=0.05)
    assert one.evaluation.train.loss == pytest.approx(run.found_loss, rel=0.06)
    # A single batch varies; its order and the start weights are not known.
    assert last.last_cost == pytest.approx(run.last_cost, rel=0.25)
    assert last.penalty_share == pytest.approx(run.last_penalty_share, rel=0.25)
    if run.found_accuracies is not None:
        train, test = run.found_accuracies
        assert one.evaluation.train.accuracy == pytest.approx(train, abs=3e-3)
        assert one.evaluation.test.accuracy == pytest.approx(test, abs=3e-3)
