"""Trainings on small data: in this process, and by the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from impls.data import TrainingData
from impls.mathematics.reference import Trainer
from impls.networks import Network, Training
from impls.parameters import start_parameters
from impls.training import model_files
from impls.training.model import Model
from tests.stand_ins.command import Said

Command = Callable[..., Said]

NETWORK = Network(name="small", layers=(36, 8, 3), dtype="float64")
TRAINING = Training(batch_size=20, learning_rate=0.02, decay=1e-3, momentum=0.3, l2=0.01)

OPTIONS = (
    "--network", "36-8-3", "--batch-size", 20, "--learning-rate", 0.02, "--momentum", 0.3,
    "--epochs", 6,
)  # fmt: skip

INTERRUPTED = """
import os, signal
from impls.numpy import optimized as numpy_optimized

class Trainer(numpy_optimized.Trainer):
    epochs = 0

    def epoch(self, order):
        self.epochs += 1
        for _ in range({signals} if self.epochs == 3 else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return super().epoch(order)
"""


@pytest.fixture
def train(train_and_report: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same without the report, whose charts take longer than the training."""
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    return train_and_report


@pytest.fixture
def train_and_report(mlpbench: Command, npz: Path, tmp_path: Path) -> Command:
    """Train the small network on the small data, with other options behind the usual ones."""

    def run(*options: object, out: str = "out") -> Said:
        return mlpbench("train", *OPTIONS, "--dataset", npz, "--out", tmp_path / out, *options)

    return run


def saved(folder: Path, name: str = "numpy-optimized") -> Model:
    return model_files.load(folder / f"{name}.npz")


def write_interrupted(folder: Path, signals: int) -> str:
    path = folder / "interrupted.py"
    path.write_text(INTERRUPTED.format(signals=signals))
    return f"{path}:Trainer"


def trainer_of(
    data: TrainingData, training: Training = TRAINING, network: Network = NETWORK
) -> Trainer:
    """The float64 reference, bound to ``data``."""
    trainer = Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(data.X, data.one_hot(network.dtype))
    return trainer
