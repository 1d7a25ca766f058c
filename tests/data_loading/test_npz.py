from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impls.data import load_dataset
from impls.errors import DatasetError

Arrays = dict[str, np.ndarray]
Writer = Callable[..., Path]


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_an_npz_file_gives_its_arrays_and_is_named_after_its_stem(
    tmp_path: Path, arrays: Arrays, write_npz: Writer
) -> None:
    data = load_dataset(str(write_npz(tmp_path / "fashion.npz", arrays)))
    assert (data.name, data.source, data.note) == ("fashion", "fashion.npz", "")
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])
    np.testing.assert_array_equal(data.pixels_test, arrays["x_test"])
    np.testing.assert_array_equal(data.labels, arrays["y_train"])
    np.testing.assert_array_equal(data.labels_test, arrays["y_test"])
    assert data.X.shape == (12, 20)
    assert data.X_test.shape == (6, 20)


def test_a_missing_array_is_named_along_with_those_that_are_there(
    tmp_path: Path, arrays: Arrays, write_npz: Writer
) -> None:
    del arrays["y_test"]
    with pytest.raises(DatasetError, match=r"has no y_test; it holds 'x_train', 'y_train'"):
        load_dataset(str(write_npz(tmp_path / "a.npz", arrays)))


def test_names_in_a_message_cannot_control_the_terminal(tmp_path: Path, write_npz: Writer) -> None:
    file = write_npz(tmp_path / "a.npz", {"\x1b[31mred": np.zeros(1)})
    with pytest.raises(DatasetError) as caught:
        load_dataset(str(file))
    assert "\x1b" not in str(caught.value)


def test_object_arrays_are_refused_and_nothing_is_unpickled(
    tmp_path: Path, arrays: Arrays, write_npz: Writer
) -> None:
    target = tmp_path / "exploded"
    arrays["x_train"] = np.array([Bomb(target)], dtype=object)
    with pytest.raises(DatasetError, match="holds Python objects"):
        load_dataset(str(write_npz(tmp_path / "a.npz", arrays)))
    assert not target.exists()


def test_a_pickle_under_an_npz_name_is_refused_and_not_unpickled(tmp_path: Path) -> None:
    target, file = tmp_path / "exploded", tmp_path / "a.npz"
    file.write_bytes(pickle.dumps(Bomb(target)))
    with pytest.raises(DatasetError, match=r"is not an \.npz file"):
        load_dataset(str(file))
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"\x89PNG\r\n", npy(np.zeros(3))])
def test_a_file_that_is_no_zip_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=r"is not an \.npz file"):
        load_dataset(str(file))


def test_every_truncation_gives_one_clear_error(
    tmp_path: Path, arrays: Arrays, write_npz: Writer
) -> None:
    file = write_npz(tmp_path / "a.npz", arrays)
    whole = file.read_bytes()
    for length in range(4, len(whole), 97):
        file.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=r"is damaged: .*\. Fetch it again"):
            load_dataset(str(file))


def test_a_changed_byte_in_the_images_is_noticed(
    tmp_path: Path, arrays: Arrays, write_npz: Writer
) -> None:
    file = write_npz(tmp_path / "a.npz", arrays)
    content = bytearray(file.read_bytes())
    content[200] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(DatasetError, match="is damaged"):
        load_dataset(str(file))


def test_a_member_that_is_no_array_is_refused(tmp_path: Path, arrays: Arrays) -> None:
    file = tmp_path / "a.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            archive.writestr(f"{key}.npy", b"no array" if key == "x_train" else npy(array))
    with pytest.raises(
        DatasetError, match=r"training images are .* they must be integers or floats"
    ):
        load_dataset(str(file))


def test_an_array_that_announces_more_than_it_holds_is_refused(
    tmp_path: Path, arrays: Arrays
) -> None:
    file = tmp_path / "a.npz"
    lying = npy(arrays["x_train"]).replace(b"(12, 4, 5)", b"(99, 4, 5)")
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            archive.writestr(f"{key}.npy", lying if key == "x_train" else npy(array))
    with pytest.raises(DatasetError, match="is damaged"):
        load_dataset(str(file))
