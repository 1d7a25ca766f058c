from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.errors import DatasetError
from impls.data import load_dataset

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


@pytest.mark.parametrize(
    "magic", [b"\0\0\x08\x01", b"\0\0\x0d\x03", b"\x1f\x8b\x08\x00", b"PK\3\4"]
)
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


def test_a_file_called_gz_that_is_not_zipped_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    folder = write_idx(tmp_path / "idx", arrays)
    (folder / IMAGES).rename(folder / f"{IMAGES}.gz")
    with pytest.raises(DatasetError, match="is damaged: Not a gzipped file"):
        load_dataset(str(folder))


def test_gzip_content_that_does_not_inflate_is_refused(
    tmp_path: Path, arrays: Arrays, write_idx: Writer
) -> None:
    folder = write_idx(tmp_path / "idx", arrays, zipped=True)
    content = bytearray(gzip.compress(bytes(500), mtime=0))
    content[10:14] = b"\xff\xff\xff\xff"
    (folder / f"{IMAGES}.gz").write_bytes(content)
    with pytest.raises(DatasetError, match="is damaged"):
        load_dataset(str(folder))
