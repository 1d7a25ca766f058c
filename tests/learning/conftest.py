"""Small data that can be learned, and trainers for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impls.data import TrainingData, load_dataset
from impls.networks import Network, Training
from impls.parameters import start_parameters
from impls.reference import Trainer
from tests.harness.conftest import mlpbench  # noqa: F401 - the command line in this process

NETWORK = Network(name="small", layers=(36, 8, 3), dtype="float64")
TRAINING = Training(batch_size=20, learning_rate=0.02, decay=1e-3, momentum=0.3, l2=0.01)


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    """90 training and 30 test pictures of 6 x 6 pixels, a bright stripe in one of three places."""
    rng = np.random.default_rng(7)

    def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = rng.integers(0, 120, (count, 6, 6), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 2] += 100
        return images, labels

    path = tmp_path / "stripes.npz"
    x_train, y_train = pictures(90)
    x_test, y_test = pictures(30)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture
def data(npz: Path) -> TrainingData:
    return load_dataset(str(npz))


def trainer_of(
    data: TrainingData, training: Training = TRAINING, network: Network = NETWORK
) -> Trainer:
    """The float64 reference, bound to ``data``."""
    trainer = Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(data.X, data.one_hot(network.dtype))
    return trainer
