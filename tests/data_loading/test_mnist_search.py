from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from impls.data import load_dataset, mnist
from impls.data.download import SHA256, URL
from impls.errors import DatasetError

Arrays = dict[str, np.ndarray]
Writer = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("small_mnist")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Downloads fail; returns the keyword arguments of every attempt."""
    attempts = []

    def fail(url: str, **options: object) -> None:
        attempts.append({"url": url, **options})
        raise requests.ConnectionError("HTTPSConnectionPool object at 0x7f")

    monkeypatch.setattr("pooch.retrieve", fail)
    return attempts


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digits in small numbers, which is fast."""
    monkeypatch.setattr("impls.data.digits.EXAMPLES", 100)
    monkeypatch.setattr("impls.data.digits.EXAMPLES_TEST", 50)


def test_the_named_folder_comes_first(
    tmp_path: Path, home: Path, arrays: Arrays, write_npz: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_npz(home / ".keras" / "datasets" / "mnist.npz", arrays)
    arrays["x_train"] = arrays["x_train"] // 2
    write_npz(tmp_path / "named" / "mnist.npz", arrays)
    monkeypatch.setenv("MLPBENCH_DATA_DIR", str(tmp_path / "named"))
    data = load_dataset("mnist")
    assert (data.name, data.source) == ("mnist", "mnist.npz in MLPBENCH_DATA_DIR")
    np.testing.assert_array_equal(data.pixels, arrays["x_train"])


def test_the_named_folder_may_hold_idx_files(
    tmp_path: Path, arrays: Arrays, write_idx: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPBENCH_DATA_DIR", str(write_idx(tmp_path / "idx", arrays)))
    assert load_dataset("mnist").name == "mnist"


@pytest.mark.parametrize("spec", ["mnist", "auto"])
@pytest.mark.parametrize("content", ["missing", "empty", "damaged", "other"])
def test_a_named_folder_without_mnist_is_an_error_and_nothing_replaces_it(
    tmp_path: Path,
    home: Path,
    arrays: Arrays,
    write_npz: Writer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    spec: str,
    content: str,
) -> None:
    write_npz(home / ".keras" / "datasets" / "mnist.npz", arrays)
    folder = tmp_path / "named"
    monkeypatch.setenv("MLPBENCH_DATA_DIR", str(folder))
    if content != "missing":
        folder.mkdir()
    if content == "damaged":
        (folder / "mnist.npz").write_bytes(b"PK\x03\x04")
    if content == "other":
        # Fashion-MNIST differs from MNIST just so: the same shapes, other counts.
        arrays["y_train"] = np.array([0] * 6 + [1] * 3 + [2] * 3)
        write_npz(folder / "mnist.npz", arrays)
    with pytest.raises(
        DatasetError, match=r"MLPBENCH_DATA_DIR is .*named, which does not hold MNIST"
    ):
        load_dataset(spec)


def test_other_data_under_the_name_of_mnist_can_still_be_given_as_a_path(
    tmp_path: Path, arrays: Arrays, write_npz: Writer
) -> None:
    arrays["y_train"] = np.array([0] * 6 + [1] * 3 + [2] * 3)
    assert load_dataset(str(write_npz(tmp_path / "mnist.npz", arrays))).classes == 3


def test_an_empty_variable_counts_as_unset(
    home: Path, arrays: Arrays, write_npz: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_npz(home / ".keras" / "datasets" / "mnist.npz", arrays)
    monkeypatch.setenv("MLPBENCH_DATA_DIR", "")
    assert load_dataset("mnist").source == "Keras cache"


@pytest.mark.parametrize("spec", ["mnist", "auto"])
def test_the_keras_cache_comes_before_our_own(
    home: Path, arrays: Arrays, write_npz: Writer, spec: str
) -> None:
    write_npz(home / "cache" / "mlpbench" / "mnist.npz", arrays)
    assert load_dataset(spec).source == "download"
    write_npz(home / ".keras" / "datasets" / "mnist.npz", arrays)
    data = load_dataset(spec)
    assert (data.name, data.source, data.note) == ("mnist", "Keras cache", "")


def test_keras_home_moves_the_keras_cache(
    tmp_path: Path, home: Path, arrays: Arrays, write_npz: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_npz(home / ".keras" / "datasets" / "mnist.npz", arrays)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(DatasetError, match=r"there is no .*keras/datasets/mnist\.npz"):
        load_dataset("mnist", allow_download=False)
    write_npz(tmp_path / "keras" / "datasets" / "mnist.npz", arrays)
    assert load_dataset("mnist", allow_download=False).source == "Keras cache"


def test_a_broken_cache_is_passed_over_and_the_note_says_so(
    home: Path, arrays: Arrays, write_npz: Writer
) -> None:
    broken = home / ".keras" / "datasets" / "mnist.npz"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\x03\x04 and no more")
    write_npz(home / "cache" / "mlpbench" / "mnist.npz", arrays)
    data = load_dataset("mnist")
    assert data.source == "download"
    assert data.note.startswith("Passed over: ~/.keras/datasets/mnist.npz is damaged")


def test_what_no_cache_has_is_downloaded_and_checked(
    tmp_path: Path, home: Path, arrays: Arrays, write_npz: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, options = write_npz(tmp_path / "served.npz", arrays), dict[str, Any]()

    def retrieve(url: str, **given: Any) -> str:
        options.update(given, url=url)
        given["path"].mkdir(parents=True)
        return str(shutil.copy(served, given["path"] / given["fname"]))

    monkeypatch.setattr("pooch.retrieve", retrieve)
    data = load_dataset("mnist")
    assert (data.source, data.note) == ("download", "")
    assert (options["url"], options["known_hash"]) == (URL, SHA256)
    assert Path(options["path"]) == home / "cache" / "mlpbench"


def test_without_network_the_error_offers_three_ways_out(
    home: Path, offline: list[dict[str, Any]]
) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset("mnist")
    text = str(caught.value)
    assert "no connection to storage.googleapis.com (ConnectionError)" in text
    assert "0x7f" not in text
    assert str(home) not in text
    for way in ("--dataset PATH", "MLPBENCH_DATA_DIR", "--dataset digits"):
        assert way in text
    assert len(offline) == 1


def test_a_download_that_is_not_allowed_is_not_tried(offline: list[dict[str, Any]]) -> None:
    with pytest.raises(DatasetError, match="a download was not allowed"):
        load_dataset("mnist", allow_download=False)
    assert not offline


@pytest.mark.usefixtures("few_digits")
def test_auto_falls_back_to_digits_and_says_why(home: Path, offline: list[dict[str, Any]]) -> None:
    data = load_dataset("auto")
    assert (data.name, data.source) == ("digits", "scikit-learn")
    assert data.note.startswith("MNIST was not available (there is no ~/.keras/datasets/mnist.npz;")
    assert "no connection to storage.googleapis.com" in data.note
    assert "1797 real handwritten digits" in data.note
    assert str(home) not in data.note
    assert len(offline) == 1


@pytest.mark.usefixtures("few_digits")
def test_auto_is_less_patient_with_a_silent_server_than_mnist(
    offline: list[dict[str, Any]],
) -> None:
    load_dataset("auto")
    with pytest.raises(DatasetError):
        load_dataset("mnist")
    assert [attempt["downloader"].kwargs["timeout"] for attempt in offline] == [10, 30]


def test_labels_of_any_integer_type_are_counted(
    arrays: Arrays, write_npz: Writer, home: Path
) -> None:
    arrays["y_train"] = arrays["y_train"].astype(np.uint64)
    write_npz(home / ".keras" / "datasets" / "mnist.npz", arrays)
    assert load_dataset("mnist").classes == 3


def test_the_class_counts_add_up_to_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert sum(mnist.CLASS_COUNTS) == mnist.SHAPES[0][0] == 60000
