from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from impls.data import load_dataset
from impls.errors import DatasetError

Arrays = dict[str, np.ndarray]
Writer = Callable[..., Path]

IMAGES = "train-images-idx3-ubyte"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_files_are_found_under_all_their_names(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, dot: str, *, zipped: bool
) -> None:
    data = load_dataset(str(write_idx(tmp_path / "shirts", arrays, dot=dot, zipped=zipped)))
    assert (data.name, data.source) == ("shirts", "IDX files in shirts")
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])
    np.testing.assert_array_equal(data.labels, arrays["y_train"])
    np.testing.assert_array_equal(data.pixels_test, arrays["x_test"])
    np.testing.assert_array_equal(data.labels_test, arrays["y_test"])


def test_idx_and_npz_of_the_same_content_have_the_same_hash(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, write_npz: Writer
) -> None:
    from_idx = load_dataset(str(write_idx(tmp_path / "idx", arrays)))
    from_npz = load_dataset(str(write_npz(tmp_path / "a.npz", arrays)))
    assert from_idx.sha256 == from_npz.sha256


def test_a_missing_idx_file_is_named(tmp_path: Path, arrays: Arrays, write_idx: Writer) -> None:
    folder = write_idx(tmp_path / "idx", arrays)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DatasetError, match="has no t10k-labels-idx1-ubyte"):
        load_dataset(str(folder))


@pytest.mark.parametrize(
    ("length", "message"),
    [(0, "begins with nothing"), (3, "begins with 00 00 08,"), (9, "cut short in its header"),
     (16, "announces 12 x 4 x 5 = 240 bytes but holds 0"), (255, "but holds 239")],
)  # fmt: skip
def test_a_truncated_idx_file_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, length: int, message: str
) -> None:
    file = write_idx(tmp_path / "idx", arrays) / IMAGES
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DatasetError, match=message):
        load_dataset(str(file.parent))


def test_an_idx_file_that_is_too_long_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    file = write_idx(tmp_path / "idx", arrays) / IMAGES
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(DatasetError, match="= 240 bytes but holds more"):
        load_dataset(str(file.parent))


def test_a_header_that_announces_exabytes_is_refused_without_reading_them(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    file = write_idx(tmp_path / "idx", arrays) / IMAGES
    content = file.read_bytes()
    file.write_bytes(content[:4] + b"\x00\x0f\xff\xff" * 3 + content[16:])
    with pytest.raises(DatasetError, match="but holds 240"):
        load_dataset(str(file.parent))


@pytest.mark.parametrize("magic", [b"\0\0\x08\x01", b"\0\0\x0d\x03", b"PK\3\4"])
def test_a_wrong_magic_number_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, magic: bytes
) -> None:
    file = write_idx(tmp_path / "idx", arrays) / IMAGES
    file.write_bytes(magic + file.read_bytes()[4:])
    with pytest.raises(DatasetError, match=r"in 3 dimension.* begins with 00 00 08 03"):
        load_dataset(str(file.parent))


@pytest.mark.parametrize("length", [5, 12, 40, -4, -9])
def test_a_truncated_gzip_file_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, length: int
) -> None:
    file = write_idx(tmp_path / "idx", arrays, zipped=True) / f"{IMAGES}.gz"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DatasetError, match="is damaged"):
        load_dataset(str(file.parent))


def test_the_first_bytes_say_what_is_packed_and_not_the_name(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    folder = write_idx(tmp_path / "idx", arrays)
    (folder / IMAGES).rename(folder / f"{IMAGES}.gz")
    labels = folder / "train-labels-idx1-ubyte"
    labels.write_bytes(gzip.compress(labels.read_bytes(), mtime=0))
    data = load_dataset(str(folder))
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])
    np.testing.assert_array_equal(data.labels, arrays["y_train"])


@pytest.mark.parametrize("below", ["raw", "FashionMNIST/raw"])
def test_the_folder_that_torchvision_makes_is_found(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, below: str
) -> None:
    root = tmp_path / "FashionMNIST"
    write_idx(root / below if below == "raw" else tmp_path / below, arrays)
    data = load_dataset(str(root if below == "raw" else tmp_path))
    assert (data.name, data.note) == ("FashionMNIST", "")
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])


def test_of_several_folders_below_none_is_guessed(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    for name in ("MNIST", "FashionMNIST"):
        write_idx(tmp_path / name / "raw", arrays)
    with pytest.raises(DatasetError, match=r"several data sets: .*FashionMNIST.*MNIST.* Name one"):
        load_dataset(str(tmp_path))


def emnist(folder: Path, arrays: Arrays, write_idx: Writer, *sets: str) -> Path:
    """A folder as EMNIST is unpacked to: labels from 1, pictures on their side."""
    lying = {key: a.transpose(0, 2, 1) if key[0] == "x" else a + 1 for key, a in arrays.items()}
    write_idx(folder, {key: np.ascontiguousarray(a) for key, a in lying.items()}, zipped=True)
    for path in list(folder.iterdir()):
        name = path.name.replace("t10k", "test")
        for one in sets:
            (folder / f"emnist-{one}-{name}").write_bytes(path.read_bytes())
        path.unlink()
    return folder


def test_emnist_is_turned_upright_and_its_classes_counted_from_0(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    data = load_dataset(str(emnist(tmp_path / "gzip", arrays, write_idx, "letters")))
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])
    np.testing.assert_array_equal(data.pixels_test, arrays["x_test"])
    np.testing.assert_array_equal(data.labels, arrays["y_train"])
    assert data.class_names == ("1", "2", "3")
    assert "have been turned upright" in data.note
    assert "The classes 1, 2, 3 are numbered from 0" in data.note


def test_one_of_several_sets_in_a_folder_is_named_by_a_file(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    folder = emnist(tmp_path / "gzip", arrays, write_idx, "letters", "mnist")
    with pytest.raises(DatasetError, match="begin with 'emnist-letters-', 'emnist-mnist-'"):
        load_dataset(str(folder))
    data = load_dataset(str(folder / "emnist-mnist-train-images-idx3-ubyte.gz"))
    assert (data.name, data.source) == ("emnist-mnist", "IDX files in emnist-mnist")
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])


def test_gzip_content_that_does_not_inflate_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    folder = write_idx(tmp_path / "idx", arrays, zipped=True)
    content = bytearray(gzip.compress(bytes(500), mtime=0))
    content[10:14] = b"\xff\xff\xff\xff"
    (folder / f"{IMAGES}.gz").write_bytes(content)
    with pytest.raises(DatasetError, match="is damaged"):
        load_dataset(str(folder))
