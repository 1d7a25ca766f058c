from __future__ import annotations

import numpy as np
import pytest

from impls.data.raw import RawData, check, content_hash
from impls.data.training_data import from_raw
from impls.errors import DatasetError

Arrays = dict[str, np.ndarray]


def raw(arrays: Arrays, **changes: np.ndarray) -> RawData:
    content = {**arrays, **changes}
    return RawData(
        "a", "a.npz", content["x_train"], content["y_train"], content["x_test"], content["y_test"]
    )


def test_sound_data_passes(arrays: Arrays) -> None:
    check(raw(arrays))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("part", ["x_train", "x_test"])
def test_images_with_a_value_that_is_no_float32_number_are_refused(
    arrays: Arrays, part: str, value: float
) -> None:
    images = arrays[part].astype(np.float64)
    images[3, 2, 1] = value
    with pytest.raises(DatasetError, match=r"a\.npz: (training|test) images run .* finite numbers"):
        check(raw(arrays, **{part: images}))


@pytest.mark.parametrize(
    "labels",
    [np.arange(12) % 3 + 1, np.arange(12) % 3 - 1, np.arange(12) * 100, np.full(12, 2**63, "u8")],
)
def test_training_labels_that_do_not_count_classes_from_zero_are_refused(
    arrays: Arrays, labels: np.ndarray
) -> None:
    with pytest.raises(DatasetError, match=r"training labels run from .* must start at 0"):
        check(raw(arrays, y_train=labels))


@pytest.mark.parametrize("wrong", [-1, 3])
def test_test_labels_outside_the_classes_of_training_are_refused(
    arrays: Arrays, wrong: int
) -> None:
    labels = np.array([0, 1, 2, 0, 1, wrong])
    with pytest.raises(DatasetError, match="test labels run from"):
        check(raw(arrays, y_test=labels))


@pytest.mark.parametrize(
    "labels",
    [np.zeros(12), np.zeros((12, 3), int), np.array(["0"] * 12), np.zeros(12, bool), np.int64(0)],
)
def test_labels_that_are_no_vector_of_integers_are_refused(
    arrays: Arrays, labels: np.ndarray
) -> None:
    with pytest.raises(DatasetError, match=r"training labels are .* must be integers of shape"):
        check(raw(arrays, y_train=np.asarray(labels)))


@pytest.mark.parametrize(
    "images",
    [np.zeros(12), np.zeros((12, 4), complex), np.full((12, 4), "0"), np.zeros((12, 4), "M8[s]")],
)
def test_images_that_are_no_table_of_numbers_are_refused(
    arrays: Arrays, images: np.ndarray
) -> None:
    with pytest.raises(DatasetError, match=r"training images are .* must be integers or floats"):
        check(raw(arrays, x_train=images))


def test_a_different_number_of_images_and_labels_is_refused(arrays: Arrays) -> None:
    with pytest.raises(DatasetError, match="12 training images, but 11 labels"):
        check(raw(arrays, y_train=arrays["y_train"][:11]))


def test_training_and_test_images_of_different_shape_are_refused(arrays: Arrays) -> None:
    with pytest.raises(DatasetError, match=r"shape \(4, 5\), test images \(4, 4\)"):
        check(raw(arrays, x_test=arrays["x_test"][:, :, :4]))


@pytest.mark.parametrize("shape", [(0, 4, 5), (12, 0, 5)])
def test_data_without_examples_or_features_is_refused(
    arrays: Arrays, shape: tuple[int, ...]
) -> None:
    with pytest.raises(DatasetError, match="holds nothing"):
        check(raw(arrays, x_train=np.zeros(shape), y_train=np.zeros(shape[0], int)))


def test_test_images_out_of_all_proportion_are_refused(arrays: Arrays) -> None:
    train = np.tile(np.array([0.0, 1e-30]), 6).reshape(12, 1)
    test = np.full((6, 1), 1e30)
    with pytest.raises(DatasetError, match=r"a\.npz: some test images are so far"):
        from_raw(raw(arrays, x_train=train, x_test=test))


@pytest.mark.parametrize("part", ["x_train", "y_train", "x_test", "y_test"])
def test_the_hash_depends_on_every_array(arrays: Arrays, part: str) -> None:
    changed = arrays[part].copy()
    changed[0] += 1
    assert content_hash(raw(arrays, **{part: changed})) != content_hash(raw(arrays))


def test_the_hash_depends_on_the_shape(arrays: Arrays) -> None:
    flat = {part: arrays[part].reshape(-1, 20) for part in ("x_train", "x_test")}
    assert content_hash(raw(arrays, **flat)) != content_hash(raw(arrays))


def test_the_hash_ignores_byte_order_memory_order_and_the_type_of_labels(arrays: Arrays) -> None:
    wide = {part: arrays[part].astype("<f4") for part in ("x_train", "x_test")}
    other = {
        "x_train": np.asfortranarray(wide["x_train"].astype(">f4")),
        "y_train": arrays["y_train"].astype(">i8"),
    }
    assert content_hash(raw(arrays, **{**wide, **other})) == content_hash(raw(arrays, **wide))
