from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impls.data import load_dataset
from impls.errors import DatasetError
from tests.data_loading.conftest import Arrays


def write(folder: Path, text: str, name: str = "own.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def lines(images: np.ndarray, labels: np.ndarray) -> str:
    rows = zip(labels, images.reshape(len(images), -1), strict=True)
    names = ",".join(["label", *(f"p{n}" for n in range(images[0].size))])
    return f"{names}\n" + "".join(f"{label},{','.join(map(str, row))}\n" for label, row in rows)


def flowers(count: int = 15) -> str:
    kinds = ("setosa", "virginica", "lily")
    rows = "".join(f"{n / 8},{n % 7},{kinds[n % 3]}\n" for n in range(count))
    return f"width,height,class\n{rows}"


def test_a_training_file_brings_the_test_file_beside_it(tmp_path: Path, arrays: Arrays) -> None:
    squares = {k: np.resize(v, (len(v), 4, 4)) if v.ndim > 1 else v for k, v in arrays.items()}
    path = write(tmp_path, lines(squares["x_train"], squares["y_train"]), "digits_train.csv")
    write(tmp_path, lines(squares["x_test"], squares["y_test"]), "digits_test.csv")
    data = load_dataset(path)
    assert data.note == "The label of digits_train.csv is column 'label', by its name (0, 1, 2)."
    assert np.array_equal(data.pixels, squares["x_train"])
    assert np.array_equal(data.pixels_test, squares["x_test"])
    assert np.array_equal(data.labels, squares["y_train"])
    assert np.array_equal(data.labels_test, squares["y_test"])


def test_the_hash_is_that_of_the_same_pixels_in_an_npz(tmp_path: Path, arrays: Arrays) -> None:
    squares = {k: np.resize(v, (len(v), 4, 4)) if v.ndim > 1 else v for k, v in arrays.items()}
    np.savez(tmp_path / "same.npz", **squares)
    path = write(tmp_path, lines(squares["x_train"], squares["y_train"]), "a_train.csv")
    write(tmp_path, lines(squares["x_test"], squares["y_test"]), "a_test.csv")
    assert load_dataset(path).sha256 == load_dataset(str(tmp_path / "same.npz")).sha256


def test_labels_as_text_are_numbered_in_alphabetical_order_and_keep_their_names(
    tmp_path: Path,
) -> None:
    data = load_dataset(write(tmp_path, flowers()))
    assert data.class_names == ("lily", "setosa", "virginica")
    assert data.X.shape == (12, 2)
    assert data.labels[:3].tolist() == [1, 2, 0]


def test_without_a_word_on_testing_every_fifth_example_of_a_class_is_for_that(
    tmp_path: Path,
) -> None:
    data = load_dataset(write(tmp_path, flowers(31)))
    assert np.bincount(data.labels).tolist() == [8, 9, 8]
    assert np.bincount(data.labels_test).tolist() == [2, 2, 2]
    assert "every fifth of each class" in data.note


def test_a_column_says_which_examples_are_for_testing(tmp_path: Path) -> None:
    text = "a;split;label\n1,5;train;0\n".replace(",", ".") + "2;test;1\n3;train;1\n4;test;0\n"
    data = load_dataset(write(tmp_path, text))
    assert data.labels.tolist() == [0, 1]
    assert data.labels_test.tolist() == [1, 0]
    assert data.note == "The label of own.csv is column 'label', by its name (0, 1)."


@pytest.mark.parametrize(
    ("header", "place"),
    [("x,y,label", 2), ("y,Class,x", 1), ("x,digit,y", 1), ("x,y,z", 1), ("a,b,c", 0)],
)
def test_the_likeliest_name_in_the_header_is_the_label(
    tmp_path: Path, header: str, place: int
) -> None:
    # Nothing else could be a label.
    rows = [[str(n) if column == place else "7.5" for column in range(3)] for n in (0, 1)]
    data = load_dataset(write(tmp_path, header + "".join(f"\n{','.join(row)}" for row in rows * 5)))
    assert data.labels.tolist() == [0, 1] * 4


def test_the_column_of_the_split_is_never_the_label(tmp_path: Path) -> None:
    text = "split,kind,a,b\n" + "train,red,1,2\ntrain,blue,3,4\ntest,red,5,6\n"
    data = load_dataset(write(tmp_path, text))
    assert data.class_names == ("blue", "red")
    assert data.labels.tolist() == [1, 0]
    assert data.labels_test.tolist() == [1]
    assert data.X.shape == (2, 2)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_fields_may_be_separated_in_three_ways(tmp_path: Path, delimiter: str) -> None:
    data = load_dataset(write(tmp_path, flowers().replace(",", delimiter)))
    assert data.X.shape == (12, 2)


def test_a_mark_at_the_start_of_the_file_is_no_part_of_it(tmp_path: Path) -> None:
    data = load_dataset(write(tmp_path, "\ufeff" + "label,a\n" + "0,1\n1,2\n" * 5))
    assert data.X.shape == (8, 1)


def test_pixels_make_pictures_and_other_features_do_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    bytes_ = rng.integers(0, 256, (10, 16))
    labels = np.arange(10) % 2
    shapes = {
        "pixels": bytes_,
        "too-wide": np.hstack([bytes_, bytes_[:, :1]]),
        "too-few": bytes_[:, :9],
        "real": bytes_ / 2,
        "beyond": bytes_ * 2,
        "flags": bytes_ % 2,
    }
    found = {
        name: load_dataset(write(tmp_path, lines(x, labels), f"{name}.csv")).pixels.shape[1:]
        for name, x in shapes.items()
    }
    assert found == {
        "pixels": (4, 4), "too-wide": (17,), "too-few": (9,), "real": (16,), "beyond": (16,),
        "flags": (16,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no table"),
        ("label,a\n", "0 lines of 2 fields"),
        ("1\n2\n", "2 lines of 1 fields"),
        ("label,a\n0,1\n1,\n", "no value in example 2, column 'a'"),
        ("label,a\n0,1\n1,2,3\n", "is no table"),
        ("label,a\n0,1\n1\n", "no value in example 2"),
        ("label,a\n" + "0,1\n1,red\n" * 5, "column 'a' holds 'red', which is no number"),
        ("label,a\n" + "0.5,1\n1,2\n" * 5, "label 0.5 in column 'label' is no class"),
        ("label,a\n" + "".join(f"{n},1\n" for n in range(1001)), "has 1001 different values"),
        ("label,a\n" + "7,1\n7,2\n" * 5, "all training examples are of one class, 7"),
        ("label,a\n0,1\n1,2\n", "fewer than 5 examples of every class"),
        (
            "label,Label,a\n" + "0,1,1\n1,0,2\n" * 5,
            "the columns 'label' and 'Label', each of which",
        ),
        ("y,a,y\n" + "0,1,1\n1,0,2\n" * 5, "the columns 'y' and 'y', each of which"),
        ("label,split,a\n" + "0,train,2\n1,maybe,4\n" * 5, "split is 'maybe'"),
        ("label,split,a\n0,train,2\n1,train,4\n", "holds nothing"),
        ("label,a\n" + "0,1\n1,inf\n" * 5, "must be finite"),
        ("label,a\n" + "0,1\n1,1e300\n" * 5, "range of float32"),
    ],
)
def test_a_table_that_is_no_data_set_is_explained(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=r"own\.csv") as caught:
        load_dataset(write(tmp_path, text))
    assert said in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00label,a\n0,1\n", b"label,a\n0,\x001\n" * 5, b"k\xfcrzer,a\n"):
        (tmp_path / "own.csv").write_bytes(content)
        with pytest.raises(DatasetError, match="is no table"):
            load_dataset(str(tmp_path / "own.csv"))


def test_training_and_test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "label,a\n0,1\n1,2\n", "x_train.csv")
    write(tmp_path, "label,b\n0,1\n1,2\n", "x_test.csv")
    with pytest.raises(DatasetError, match="or their names differ"):
        load_dataset(path)
