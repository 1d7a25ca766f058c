"""Printed values of the articles beside a training that repeats them."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from impls.data import TrainingData
from impls.presets import PRESETS
from impls.training.evaluation import Trained
from impls.training.history import Epoch, History
from reports.articles import RUNS, published_run
from reports.evaluation import build_evaluation
from tests.learning.evaluations import rows


def of_the_articles(trained: Trained, batch_size: int) -> Trained:
    """A training that claims to be one of the articles."""
    preset = PRESETS["blog"]
    model = dataclasses.replace(
        trained.model,
        network=preset.network,
        training=preset.training_at(batch_size),
        source=msgspec.structs.replace(trained.model.source, name="mnist", examples=60000),
        history=History([Epoch(n + 1, np.array([[9.0, 1.0, 0.25]]), 0.1, 0.5) for n in range(35)]),
    )
    return dataclasses.replace(trained, model=model)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.batch_size)
def test_a_repeated_training_stands_beside_the_printed_values(
    run: object, trained: Trained, data: TrainingData
) -> None:
    one = of_the_articles(trained, run.batch_size)
    assert published_run(one.model) is run
    shown = {
        row[0]: row[1:]
        for row in rows(build_evaluation([one], data), f"35 epochs of batches of {run.batch_size}")
    }
    assert shown["rate after the last epoch"][0] == repr(run.rate)
    assert shown["cost of the last batch"] == [f"{run.last_cost:.6g}", "10"]
    assert shown["its penalty, share"] == [f"{100 * run.last_penalty_share:.4f} %", "10.0000 %"]
    assert shown["mean error of the last batch"] == [f"{run.last_mean_error:.5f}", "0.25000"]
    assert shown["1 - mean error of the epoch"] == [f"{run.averaged_accuracy:.5f}", "0.75000"]


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("training", "batch_size", 501), ("training", "learning_rate", 0.002),
        ("training", "optimiser", "adam"), ("source", "name", "digits"),
        ("source", "examples", 5000), ("network", "activation", "tanh"),
        ("order", "max_batches", 3),
    ],
)  # fmt: skip
def test_another_training_does_not(trained: Trained, part: str, name: str, value: object) -> None:
    model = of_the_articles(trained, 500).model
    changed = msgspec.structs.replace(getattr(model, part), **{name: value})
    assert published_run(dataclasses.replace(model, **{part: changed})) is None


def test_the_printed_rates_are_those_of_the_decay() -> None:
    for run in RUNS:
        rate = run.start_rate
        for epoch in range(35):
            rate /= 1 + 1e-6 * epoch
        assert rate == run.rate
