from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from bench.errors import DatasetError
from impls.data import TrainingData, load_dataset
from impls.data.raw import RawData
from impls.data.training_data import from_raw

Arrays = dict[str, np.ndarray]
REAL = os.environ.get("MLPBENCH_DATA_DIR")


def load(arrays: Arrays) -> TrainingData:
    return from_raw(RawData("a", "a.npz", *arrays.values()))


def test_arrays_have_the_types_that_implementations_expect(arrays: Arrays) -> None:
    data = load(arrays)
    assert (data.X.dtype, data.X_test.dtype) == (np.float32, np.float32)
    assert (data.labels.dtype, data.labels_test.dtype) == (np.int32, np.int32)
    assert (data.pixels.dtype, data.pixels_test.dtype) == (np.uint8, np.uint8)
    for array in (data.X, data.X_test, data.pixels, data.pixels_test):
        assert array.flags.c_contiguous


def test_test_examples_do_not_influence_the_standardisation(arrays: Arrays) -> None:
    before = load(arrays)
    arrays["x_test"] = 255 - arrays["x_test"]
    np.testing.assert_array_equal(load(arrays).X, before.X)


def test_one_hot_has_a_single_one_in_the_column_of_the_label(arrays: Arrays) -> None:
    data = load(arrays)
    targets = data.one_hot(np.float64)
    assert targets.dtype == np.float64
    assert targets.flags.c_contiguous
    assert targets.shape == (len(data.labels), 3)
    np.testing.assert_array_equal(targets.sum(axis=1), 1)
    np.testing.assert_array_equal(targets.argmax(axis=1), data.labels)


def test_take_keeps_the_first_training_examples_and_all_else(arrays: Arrays) -> None:
    data = load(arrays)
    few = data.take(2)
    np.testing.assert_array_equal(few.X, data.X[:2])
    np.testing.assert_array_equal(few.labels, [0, 1])
    np.testing.assert_array_equal(few.pixels, data.pixels[:2])
    assert (few.classes, few.one_hot().shape) == (3, (2, 3))
    assert few.X_test is data.X_test
    assert few.sha256 == data.sha256
    assert len(data.take(12).labels) == 12


@pytest.mark.parametrize("examples", [-1, 0, 13])
def test_taking_none_or_too_many_is_refused(arrays: Arrays, examples: int) -> None:
    with pytest.raises(DatasetError, match=rf"cannot take {examples} .* Ask for 1 to 12"):
        load(arrays).take(examples)


def test_float_images_keep_their_precision_and_get_pixels_for_pictures(arrays: Arrays) -> None:
    whole = load(arrays)
    scaled = dict(arrays)
    for part in ("x_train", "x_test"):
        scaled[part] = arrays[part].astype(np.float64) / 255 - 0.5
    data = load(scaled)
    np.testing.assert_allclose(data.X, whole.X, rtol=1e-5, atol=1e-6)
    low, high = int(arrays["x_train"].min()), int(arrays["x_train"].max())
    expected = np.rint((arrays["x_train"].astype(float) - low) / (high - low) * 255)
    assert np.abs(data.pixels - expected).max() <= 1
    assert (data.pixels.min(), data.pixels.max()) == (0, 255)
    assert data.pixels_test.dtype == np.uint8


def test_float_images_that_never_change_become_black(arrays: Arrays) -> None:
    data = load({**arrays, "x_train": np.full((12, 4, 5), 0.3)})
    assert not data.pixels.any()
    assert np.abs(data.X).max() < 1e-12


def test_flat_images_are_accepted_and_stay_flat(arrays: Arrays) -> None:
    flat = {key: a.reshape(len(a), -1) if key[0] == "x" else a for key, a in arrays.items()}
    assert load(flat).pixels.shape == (12, 20)
    np.testing.assert_array_equal(load(flat).X, load(arrays).X)


def test_training_data_cannot_be_changed_by_accident(arrays: Arrays) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(arrays).name = "other"


@pytest.mark.skipif(not REAL, reason="MLPBENCH_DATA_DIR names no folder with the real MNIST")
def test_the_real_mnist_is_what_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPBENCH_DATA_DIR", str(REAL))
    data = load_dataset("mnist")
    assert (data.X.shape, data.X_test.shape, data.classes) == ((60000, 784), (10000, 784), 10)
    assert data.sha256.startswith("05be65a887b86e4f")
    # 717 of the 784 pixels are ever anything but white in the training images.
    assert int((data.X.std(axis=0) > 0.5).sum()) == 717
    assert data.pixels[0, 5, 12] == 3
