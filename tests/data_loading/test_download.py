from __future__ import annotations

import errno
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pooch
import pytest
import requests
from rich.console import Console
from rich.progress import Progress

from impls.data.download import HOST, Bar, download
from impls.errors import DatasetError

FILE = "~/cache/mlpbench/mnist.npz"


class Response:
    """What ``requests.get`` returns, as far as pooch looks at it."""

    def __init__(self, content: bytes, *, says_length: bool) -> None:
        self.content = content
        self.headers = {"content-length": str(len(content))} if says_length else {}

    def raise_for_status(self) -> None:
        """Nothing went wrong."""

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        for start in range(0, len(self.content), chunk_size):
            yield self.content[start : start + chunk_size]


@pytest.mark.parametrize("says_length", [True, False])
def test_the_bar_does_what_pooch_asks_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, says_length: bool
) -> None:
    content, progress = bytes(1000), Progress(console=Console(file=io.StringIO()))
    bar = Bar(progress)
    assert bar.total is None
    monkeypatch.setattr(
        "requests.get", lambda *_a, **_k: Response(content, says_length=says_length)
    )
    target = tmp_path / "file"
    pooch.HTTPDownloader(progressbar=bar, chunk_size=300)("https://x.test", str(target), None)
    assert target.read_bytes() == content
    assert bar.total == (1000 if says_length else None)
    assert progress.tasks[0].completed == (1000 if says_length else 0)


@pytest.mark.parametrize("progress", [False, True])
def test_a_bar_is_drawn_on_standard_error_only_where_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, progress: bool
) -> None:
    def retrieve(*_args: object, downloader: Any, **_options: object) -> None:
        if downloader.progressbar:
            downloader.progressbar.total = 10
            downloader.progressbar.update(10)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    download(timeout=1, progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("MNIST" in captured.err) is progress


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (requests.ConnectTimeout("internals"), f"{HOST} did not answer within 7 s"),
        (requests.ReadTimeout("internals"), f"{HOST} did not answer within 7 s"),
        (requests.exceptions.ProxyError("internals"), f"no connection to {HOST} (ProxyError)"),
        (requests.HTTPError("404 Client Error"), "404 Client Error"),
        (ValueError("SHA256 hash does not match"), "SHA256 hash does not match"),
        (OSError(errno.ENOSPC, "No space left"), f"cannot write {FILE} (No space left)"),
        (PermissionError("pooch's own text"), f"cannot write {FILE} (PermissionError)"),
    ],
)
def test_a_failed_download_says_what_failed(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def retrieve(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(DatasetError) as caught:
        download(timeout=7, progress=False)
    assert f"the download failed: {text}" in str(caught.value)
    assert "internals" not in str(caught.value)


def test_pooch_is_silent_during_the_download_and_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logger, during = pooch.get_logger(), list[int]()
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    monkeypatch.setattr("pooch.retrieve", lambda *_a, **_k: during.append(logger.level))
    download(timeout=1, progress=False)
    assert during == [logging.WARNING]
    assert logger.level == logging.DEBUG
