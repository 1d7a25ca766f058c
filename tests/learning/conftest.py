"""Small data that can be learned, and what the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impls.data import TrainingData, load_dataset
from tests.learning.evaluations import page, trained  # noqa: F401 - fixtures
from tests.learning.trainings import train, train_and_report  # noqa: F401 - fixtures


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
