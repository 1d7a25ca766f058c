"""Evaluations to make pages of, and ways to read what a page says."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from impls.data import TrainingData
from impls.training.evaluation import Predictions, Trained, evaluate
from impls.training.fit import fit
from impls.training.metrics import confusion_matrix
from impls.training.model import Model, Order, Source
from reports.evaluation import build_evaluation
from tests.learning.trainings import NETWORK, TRAINING, trainer_of


def learned(data: TrainingData, epochs: int = 4, name: str = "reference") -> Trained:
    trainer = trainer_of(data)
    history = fit(
        trainer, 90, epochs=epochs, seed=1, look=lambda _: evaluate(trainer, data).standing
    )
    source = Source(name=data.name, sha256=data.sha256, examples=90, class_names=data.class_names)
    model = Model(
        implementation="reference", network=NETWORK, training=TRAINING, order=Order(seed=1),
        source=source, normaliser=data.normaliser, state=trainer.state(),
        learning_rate=trainer.learning_rate, history=history,
    )  # fmt: skip
    return Trained(name, model, evaluate(trainer, data))


def predicting(trained: Trained, data: TrainingData, predicted: np.ndarray) -> Trained:
    """The same network, had it predicted this of the test examples."""
    matrix = confusion_matrix(data.labels_test, predicted, data.classes)
    test = Predictions(predicted, matrix, 0.5, 0.1)
    return dataclasses.replace(
        trained, evaluation=dataclasses.replace(trained.evaluation, test=test)
    )


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


def rows(source: str, caption: str) -> list[list[str]]:
    """The cells of the body of the table with this caption, without their small print."""
    table = re.search(
        rf"<caption>{re.escape(caption)}.*?</caption>.*?<tbody>(.*?)</tbody>", source, re.DOTALL
    )
    assert table, caption
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t", row)]
        for row in re.findall(r"<tr.*?>(.*?)</tr>", table[1], re.DOTALL)
    ]


@pytest.fixture
def trained(data: TrainingData) -> Trained:
    return learned(data)


@pytest.fixture
def page(trained: Trained, data: TrainingData) -> str:
    return build_evaluation([trained], data, command="mlpbench train", generator="mlpbench 1")
