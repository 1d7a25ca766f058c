"""A place without MNIST, without network, and small data to write into it."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Arrays = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; a test that reaches for the network fails."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("MLPBENCH_DATA_DIR", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda project: folder / "cache" / project)

    def no_network(*_args: object, **_kwargs: object) -> None:
        pytest.fail("the test reached for the network")

    monkeypatch.setattr("pooch.retrieve", no_network)
    return folder


@pytest.fixture
def arrays() -> Arrays:
    """Twelve training and six test images of 4 x 5 pixels in three classes."""
    rng = np.random.default_rng(7)
    return {
        "x_train": rng.integers(0, 256, (12, 4, 5), dtype=np.uint8),
        "y_train": np.arange(12, dtype=np.uint8) % 3,
        "x_test": rng.integers(0, 256, (6, 4, 5), dtype=np.uint8),
        "y_test": np.arange(6, dtype=np.uint8) % 3,
    }


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the small data count as MNIST."""
    monkeypatch.setattr("impls.data.mnist.SHAPES", ((12, 4, 5), (6, 4, 5)))
    monkeypatch.setattr("impls.data.mnist.CLASS_COUNTS", (4, 4, 4))


@pytest.fixture
def write_npz() -> Callable[[Path, Arrays], Path]:
    """Write arrays as an ``.npz`` file and return its path."""

    def write(path: Path, content: Arrays) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **content)
        return path

    return write


@pytest.fixture
def write_idx() -> Callable[..., Path]:
    """Write arrays as a folder of IDX files and return the folder."""

    def write(folder: Path, content: Arrays, *, dot: str = "-", zipped: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for key, stem in {"train": "train", "test": "t10k"}.items():
            for kind, array in (("images", content[f"x_{key}"]), ("labels", content[f"y_{key}"])):
                data = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
                data += array.astype(np.uint8).tobytes()
                file = folder / f"{stem}-{kind}{dot}idx{array.ndim}-ubyte{'.gz' if zipped else ''}"
                file.write_bytes(gzip.compress(data, mtime=0) if zipped else data)
        return folder

    return write
