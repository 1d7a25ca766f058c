from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impls.data import TrainingData, load_dataset
from impls.data.raw import RawData
from impls.data.training_data import from_raw, stratified
from impls.errors import DatasetError

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


def test_take_chooses_some_of_each_class_and_keeps_all_else(arrays: Arrays) -> None:
    data = load(arrays)
    few = data.take(6)
    assert np.bincount(few.labels).tolist() == [2, 2, 2]
    rows = [int(np.flatnonzero((x == data.X).all(axis=1))[0]) for x in few.X]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(few.labels, data.labels[rows])
    np.testing.assert_array_equal(few.pixels, data.pixels[rows])
    assert (few.classes, few.one_hot().shape) == (3, (6, 3))
    assert few.X_test is data.X_test
    assert few.sha256 == data.sha256
    assert data.take(12) is data


def test_the_same_number_is_the_same_choice(arrays: Arrays) -> None:
    np.testing.assert_array_equal(load(arrays).take(5).X, load(arrays).take(5).X)


def sorted_by_label(examples: int = 100) -> TrainingData:
    """Classes in order: 70 of the first, 29 of the second and one of the third."""
    labels = np.repeat([0, 1, 2], [70, 29, 1])
    images = np.arange(examples, dtype=np.float64).reshape(-1, 1)
    return from_raw(RawData("a", "a.npz", images, labels, images, labels))


@pytest.mark.parametrize(
    ("examples", "counts"), [(50, [35, 14, 1]), (10, [7, 2, 1]), (4, [2, 1, 1]), (3, [1, 1, 1])]
)
def test_sorted_examples_keep_their_classes_in_their_shares(
    examples: int, counts: list[int]
) -> None:
    few = sorted_by_label().take(examples)
    assert np.bincount(few.labels, minlength=3).tolist() == counts


def test_what_is_chosen_of_a_class_is_not_its_first_examples() -> None:
    whole, few = sorted_by_label(), sorted_by_label().take(50)
    assert few.X[:35].tolist() != whole.X[:35].tolist()


def test_a_class_with_one_example_keeps_it() -> None:
    labels = np.array([0, 1, 2, 2, 2, 2, 2, 2, 3, 4], np.int32)
    assert np.array_equal(labels[stratified(labels, 5)], [0, 1, 2, 3, 4])


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=60).filter(lambda one: len({*one}) <= 6),
    st.data(),
)
def test_any_number_of_examples_can_be_chosen(labels: list[int], data: st.DataObject) -> None:
    given_labels = np.array(labels, np.int32)
    number = data.draw(st.integers(len({*labels}), len(labels)))
    rows = stratified(given_labels, number)
    assert len(np.unique(rows)) == number
    assert {*given_labels[rows].tolist()} == {*labels}
    exact = np.bincount(given_labels) * number / len(labels)
    assert (np.bincount(given_labels[rows]) <= np.bincount(given_labels)).all()
    assert (np.abs(np.bincount(given_labels[rows]) - exact) < len({*labels}) + 1).all()


@pytest.mark.parametrize("examples", [-1, 0, 2, 13])
def test_taking_fewer_than_there_are_classes_or_too_many_is_refused(
    arrays: Arrays, examples: int
) -> None:
    with pytest.raises(DatasetError, match=rf"cannot take {examples} .* Ask for 3 to 12"):
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
    data = load({**arrays, "x_train": np.full((12, 4, 5), 3.5)})
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
