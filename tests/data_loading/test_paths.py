from __future__ import annotations

import codecs
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from impls.data import DATASETS, load_dataset
from impls.errors import DatasetError
from impls.files import shown

Arrays = dict[str, np.ndarray]
Writer = Callable[..., Path]


def test_the_listed_names_are_those_that_can_be_given() -> None:
    assert list(DATASETS) == ["auto", "mnist", "digits"]
    assert all(summary and "\n" not in summary for summary in DATASETS.values())


def test_a_folder_with_mnist_npz_is_read(tmp_path: Path, arrays: Arrays, write_npz: Writer) -> None:
    write_npz(tmp_path / "data" / "mnist.npz", arrays)
    data = load_dataset(str(tmp_path / "data"))
    assert (data.name, data.source) == ("mnist", "mnist.npz")


def test_a_relative_folder_is_named_after_itself(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_idx(tmp_path / "shirts", arrays))
    assert load_dataset(".").name == "shirts"


def test_a_name_comes_before_a_folder_of_the_same_name(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "mnist", arrays)
    monkeypatch.chdir(tmp_path)
    assert load_dataset("./mnist").source == "IDX files in mnist"
    with pytest.raises(DatasetError, match="MNIST is not available"):
        load_dataset("mnist", allow_download=False)


@pytest.mark.parametrize("name", ["a.pdf", "a.mat.gz", "bare"])
def test_other_files_are_refused_with_the_list_of_what_is_accepted(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"1,2,3")
    with pytest.raises(DatasetError, match=r"Accepted: an \.npz file .*; a table .* the IDX files"):
        load_dataset(str(tmp_path / name))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no data set\. Accepted"):
        load_dataset(str(tmp_path))


def test_an_npz_file_that_is_a_folder_is_read_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(DatasetError, match=r"the folder .*a\.npz holds no data set"):
        load_dataset(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("name", ["mnsit", "MNIST", "digit"])
def test_a_mistyped_name_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(DatasetError, match=r"Or did you mean '(mnist|digits)'"):
        load_dataset(name)


@pytest.mark.parametrize("name", ["x" * 5000 + ".npz", "a\0b.npz"])
def test_a_path_that_no_file_system_accepts_is_an_ordinary_error(name: str) -> None:
    with pytest.raises(DatasetError):
        load_dataset(name)


def test_messages_do_not_show_where_the_home_folder_lies(home: Path, tmp_path: Path) -> None:
    assert shown(home / "data" / "a.npz") == "~/data/a.npz"
    assert shown(tmp_path / "a.npz") == str(tmp_path / "a.npz")


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, impls.data; heavy = {'pooch', 'requests', 'rich', 'scipy', 'sklearn'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 11490434\n"
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n"


@pytest.mark.parametrize(
    ("content", "said"), [(LFS, "'git lfs pull'"), (PAGE, "that failed. Download it again")]
)
@pytest.mark.parametrize("name", ["a.csv", "a.npz", "train-images-idx3-ubyte"])
def test_what_stands_in_the_place_of_a_file_is_named(
    tmp_path: Path, arrays: Arrays, write_idx: Callable[..., Path], name: str, content: bytes,
    said: str,
) -> None:  # fmt: skip
    write_idx(tmp_path / "a", arrays)
    (tmp_path / "a" / name).write_bytes(content)
    spec = tmp_path / "a" if "idx" in name else tmp_path / "a" / name
    with pytest.raises(DatasetError, match=said):
        load_dataset(str(spec))


@pytest.mark.parametrize("name", ["a.zip", "a.tgz", "a.7z"])
def test_an_archive_is_to_be_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DatasetError, match="is an archive"):
        load_dataset(str(tmp_path / name))


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_not_the_current_folder(name: str) -> None:
    with pytest.raises(DatasetError, match="the name of the data set is empty"):
        load_dataset(name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_in_utf_16_says_so_by_its_first_bytes(tmp_path: Path, encoding: str) -> None:
    text = "a\tlabel\n" + "".join(f"{n * n}\t{'ä' if n % 2 else 'ö'}\n" for n in range(20))
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    (tmp_path / "a.txt").write_bytes(mark + text.encode(encoding))
    data = load_dataset(str(tmp_path / "a.txt"))
    assert data.class_names == ("ä", "ö")
