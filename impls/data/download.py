"""Fetching MNIST once, checked against its known hash, into a cache of our own."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from impls.data.files import MNIST_FILE
from impls.errors import DatasetError
from impls.files import shown

HOST = "storage.googleapis.com"
URL = f"https://{HOST}/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

# Pooch's default of 1 KiB redraws the progress bar eleven thousand times.
_CHUNK_BYTES = 1 << 16


class Bar:
    """The part of a progress bar that pooch calls, drawn by rich."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("MNIST", total=None)

    @property
    def total(self) -> float | None:
        """Return how many bytes are to come; None while that is unknown."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, count: int) -> None:
        self._progress.update(self._task, total=count or None)

    def update(self, count: int) -> None:
        """Note ``count`` more bytes."""
        self._progress.advance(self._task, count)

    def reset(self) -> None:
        """Start again at none; pooch then adds the exact total."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Draw the final state."""
        self._progress.refresh()


def cache_file() -> Path:
    """Return where a download is kept; it need not exist."""
    return Path(pooch.os_cache("mlpbench")) / MNIST_FILE


def download(*, timeout: float, progress: bool) -> Path:
    """Fetch MNIST unless the cache already has it; return the file.

    ``timeout`` is how many seconds a server may be silent.  ``progress`` draws
    a bar on standard error.

    Raises:
        DatasetError: no connection, no answer in time, a wrong checksum, or no place to keep it.
    """
    target = cache_file()
    with _quiet(), _bar(visible=progress) as bar:
        downloader = pooch.HTTPDownloader(
            progressbar=bar or False, chunk_size=_CHUNK_BYTES, timeout=timeout
        )
        try:
            pooch.retrieve(
                URL,
                known_hash=SHA256,
                fname=target.name,
                path=target.parent,
                downloader=downloader,
            )
        except (OSError, ValueError) as error:
            raise DatasetError(f"the download failed: {_reason(error, target, timeout)}") from error
    return target


@contextlib.contextmanager
def _bar(*, visible: bool) -> Iterator[Bar | None]:
    if not visible:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        yield Bar(progress)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep pooch from announcing the download: only the command line prints."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _reason(error: Exception, target: Path, timeout: float) -> str:
    """Return ``error`` in words; of lost connections requests gives internals of urllib3."""
    if isinstance(error, requests.Timeout):
        return f"{HOST} did not answer within {timeout:g} s"
    if isinstance(error, requests.ConnectionError):
        return f"no connection to {HOST} ({type(error).__name__})"
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return f"cannot write {shown(target)} ({error.strerror or type(error).__name__})"
    return str(error) or type(error).__name__
