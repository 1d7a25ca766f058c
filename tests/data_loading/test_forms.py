"""Labels in other forms, arrays under other names, and classes and scales that do not match."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from impls.data import TrainingData, load_dataset
from impls.errors import DatasetError

Arrays = dict[str, np.ndarray]
Writer = Callable[[Path, Arrays], Path]
Read = Callable[..., TrainingData]


@pytest.fixture
def read(tmp_path: Path, arrays: Arrays, write_npz: Writer) -> Read:
    """Write the small arrays with changes, and read them."""

    def do(**changes: np.ndarray) -> TrainingData:
        return load_dataset(str(write_npz(tmp_path / "a.npz", {**arrays, **changes})))

    return do


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[labels]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda y: y[:, None], "Labels were in one column."),
        (lambda y: y.astype(np.float32), "Labels were whole numbers stored as floats."),
        (lambda y: y[:, None].astype(np.float64), "in one column and whole numbers stored as"),
        (one_hot, "Labels were one-hot."),
        (lambda y: one_hot(y).astype(bool), "Labels were one-hot."),
        (lambda y: y.astype(str), "Labels were whole numbers stored as text."),
        (lambda y: y.astype("S1"), "Labels were whole numbers stored as text."),
    ],
    ids=["column", "floats", "column of floats", "one-hot", "flags", "text", "bytes"],
)
def test_labels_in_another_form_are_the_same_data(
    read: Read, arrays: Arrays, form: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    plain = read()
    data = read(y_train=form(arrays["y_train"]), y_test=form(arrays["y_test"]))
    assert said in data.note
    assert (data.sha256, data.class_names) == (plain.sha256, ("0", "1", "2"))
    np.testing.assert_array_equal(data.labels, plain.labels)


@pytest.mark.parametrize("kind", ["U5", "S5"])
def test_names_become_classes_in_alphabetical_order(read: Read, arrays: Arrays, kind: str) -> None:
    names = np.array(["dress", "bag", "None"], kind)
    data = read(y_train=names[arrays["y_train"]], y_test=names[arrays["y_test"]])
    assert data.class_names == ("None", "bag", "dress")
    assert data.labels[:3].tolist() == [2, 1, 0]
    assert "Read as names of classes: 'None'." in data.note


def test_more_than_nine_numbers_as_text_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    labels = np.array([str(n % 12) for n in range(48)])
    images = np.random.default_rng(1).integers(0, 255, (48, 5))
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    data = load_dataset(str(tmp_path / "a.npz"))
    assert data.labels[:12].tolist() == list(range(12))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda y: y + 1, ("1", "2", "3")),
        (lambda y: y * 3 + 2, ("2", "5", "8")),
        (lambda y: y.astype(int) - 1, ("-1", "0", "1")),
    ],
    ids=["from 1", "with gaps", "from -1"],
)
def test_classes_that_begin_elsewhere_keep_their_names(
    read: Read, arrays: Arrays, change: Callable[[np.ndarray], np.ndarray], names: tuple[str, ...]
) -> None:
    data = read(y_train=change(arrays["y_train"]), y_test=change(arrays["y_test"]))
    assert data.class_names == names
    np.testing.assert_array_equal(data.labels, arrays["y_train"])
    assert f"The classes {', '.join(names)} are numbered from 0 in this order" in data.note


@pytest.mark.parametrize(
    "labels",
    [
        np.ones((12, 3)), np.zeros((12, 3)), np.full(12, 0.5), np.full(12, np.nan),
        np.zeros((12, 1, 1)), np.arange(12) * 100 + 1,
    ],
)  # fmt: skip
def test_labels_that_are_no_classes_are_refused(read: Read, labels: np.ndarray) -> None:
    with pytest.raises(DatasetError, match="training labels"):
        read(y_train=labels)


MEDMNIST = {
    "x_train": "train_images", "y_train": "train_labels", "x_test": "test_images",
    "y_test": "test_labels",
}  # fmt: skip


def test_the_names_of_medmnist_are_read(
    tmp_path: Path, arrays: Arrays, write_npz: Writer, read: Read
) -> None:
    plain = read()
    stored = {MEDMNIST[key]: a[:, None] if key[0] == "y" else a for key, a in arrays.items()}
    stored |= {"val_images": arrays["x_test"], "val_labels": arrays["y_test"][:, None]}
    data = load_dataset(str(write_npz(tmp_path / "pathmnist.npz", stored)))
    assert data.sha256 == plain.sha256
    assert "not used: 'val_images', 'val_labels'" in data.note
    assert "Labels were in one column" in data.note


@pytest.mark.parametrize("keys", [("X_train", "Y_train", "X_test", "Y_test")])
def test_the_case_of_names_does_not_count(
    tmp_path: Path, arrays: Arrays, write_npz: Writer, read: Read, keys: tuple[str, ...]
) -> None:
    plain = read()
    stored = dict(zip(keys, arrays.values(), strict=True))
    data = load_dataset(str(write_npz(tmp_path / "b.npz", stored)))
    assert data.sha256 == plain.sha256
    assert data.note == "Read: 'X_train', 'Y_train', 'X_test', 'Y_test'."


def test_the_usual_names_come_before_others(
    tmp_path: Path, arrays: Arrays, write_npz: Writer, read: Read
) -> None:
    plain = read()
    both = {**arrays, "X_train": arrays["x_train"] + 1, "train_images": arrays["x_train"] + 2}
    assert load_dataset(str(write_npz(tmp_path / "d.npz", both))).sha256 == plain.sha256
    doubled = {**both, "extra": arrays["y_test"]}
    del doubled["y_test"]
    with pytest.raises(DatasetError, match=r"has no y_test; it holds 'x_train'"):
        load_dataset(str(write_npz(tmp_path / "e.npz", doubled)))


@pytest.mark.parametrize("keys", [("X", "y"), ("data", "target"), ("images", "labels")])
def test_of_a_pair_of_arrays_every_fifth_example_is_for_testing(
    tmp_path: Path, write_npz: Writer, keys: tuple[str, str]
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (30, 4), dtype=np.uint8)
    stored = dict(zip(keys, (images, np.arange(30) % 3), strict=True))
    data = load_dataset(str(write_npz(tmp_path / "c.npz", stored)))
    assert np.bincount(data.labels).tolist() == [8, 8, 8]
    assert np.bincount(data.labels_test).tolist() == [2, 2, 2]
    assert "Every fifth example of each class is for testing" in data.note
    with pytest.raises(DatasetError, match="one label for each example"):
        load_dataset(str(write_npz(tmp_path / "c.npz", stored | {keys[1]: np.arange(29)})))


def test_a_class_that_only_the_test_examples_have_is_refused(read: Read, arrays: Arrays) -> None:
    lacking = np.where(arrays["y_train"] == 1, 0, arrays["y_train"])
    with pytest.raises(DatasetError, match="test examples have class 1, but no training"):
        read(y_train=lacking)
    names = np.array(["ape", "bee", "cow"])
    with pytest.raises(DatasetError, match="test examples have class ape, but no training"):
        read(y_train=names[np.maximum(arrays["y_train"], 1)], y_test=names[arrays["y_test"]])


def test_classes_without_examples_are_said(read: Read, arrays: Arrays) -> None:
    gap = {key: np.where(arrays[key] == 1, 0, arrays[key]) for key in ("y_train", "y_test")}
    assert "No training example has the class 1." in read(**gap).note
    none = read(y_test=np.zeros(6, int))
    assert none.note == "No test example has the classes 1, 2."


def test_one_class_is_refused(read: Read) -> None:
    with pytest.raises(DatasetError, match="all training examples are of one class, 0"):
        read(y_train=np.zeros(12, int), y_test=np.zeros(6, int))


@pytest.mark.parametrize("part", ["x_train", "x_test"])
def test_pixels_on_two_scales_are_refused(read: Read, arrays: Arrays, part: str) -> None:
    with pytest.raises(DatasetError, match="must have the same scale"):
        read(**{part: arrays[part] / 255})


def test_values_of_other_sizes_are_said(read: Read, arrays: Arrays) -> None:
    data = read(x_train=arrays["x_train"].astype(int) * 257)
    assert "make sure that both have the same scale" in data.note


@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_test_examples_that_are_training_examples_are_said(
    read: Read, arrays: Arrays, kind: str
) -> None:
    images = arrays["x_train"].astype(kind)
    leaked = read(x_train=images, x_test=np.concatenate([images[:4], images[5:7] / 2]))
    assert "4 of 6 test examples are training examples as well" in leaked.note
    assert read().note == ""
