"""``mlpbench run`` as a user starts it, in small: a process of its own that can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

import bench
from bench.running import lock

EXAMPLES = 400
_PIXELS = 6
_CLASSES = 3
_FIXED = (
    "--network", f"{_PIXELS**2}-8-{_CLASSES}", "--profile", "quick", "--threads", "1", "--bare",
)  # fmt: skip


class Living(NamedTuple):
    """A process of this machine that has not ended; a stopped one waits for a signal to go on."""

    id: int
    parent: int
    command: str
    is_stopped: bool = False


class Workshop:
    """A folder with small data, implementations as files, and a temporary folder of its own.

    The machine's lock lies in the temporary folder: these runs neither wait for others nor stop
    them.  ``sources`` maps the names of implementations to their text.
    """

    def __init__(self, folder: Path, sources: Mapping[str, str]) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.data = folder / "small.npz"
        _write_images(self.data)
        self.implementations = {name: folder / f"{name}.py" for name in sources}
        for name, text in sources.items():
            self.implementations[name].write_text(text)

    def run(self, out: Path, *arguments: object) -> subprocess.Popen[bytes]:
        """Start measuring all implementations into ``out``."""
        files = ",".join(f"{file}:Trainer" for file in self.implementations.values())
        return self.command(
            "run", "--impl", files, "--dataset", self.data, *_FIXED, "--out", out, *arguments
        )

    def command(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start ``mlpbench`` with ``arguments``; what it says goes to :attr:`said`."""
        root = str(Path(bench.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._said.open("ab") as said:
            return subprocess.Popen(  # noqa: S603  # our own command, no shell
                # Isolated: defaults of the user's are no part of what is checked.
                [sys.executable, "-P", "-m", "bench", "--isolated", *map(str, arguments)],
                env={
                    **os.environ,
                    "TMPDIR": str(self.temporary),
                    lock.FOLDER: str(self.temporary),
                    "PYTHONPATH": ":".join(paths),
                },
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def workers(self) -> list[Living]:
        """Worker processes of runs in this workshop, orphans included."""
        return [
            one
            for one in _living()
            if "bench.measuring.worker" in one.command and str(self.temporary) in one.command
        ]

    @property
    def last_words(self) -> str:
        """The last line that any command said."""
        lines = self._said.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "nothing")

    @property
    def _said(self) -> Path:
        return self.folder / "said.txt"


def _write_images(path: Path) -> None:
    """Random images with labels that go round, in the layout of ``mnist.npz``."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (EXAMPLES + 12, _PIXELS, _PIXELS), dtype=np.uint8)
    labels = np.arange(len(images), dtype=np.uint8) % _CLASSES
    train, test = slice(EXAMPLES), slice(EXAMPLES, None)
    np.savez(
        path,
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


def _living() -> Iterator[Living]:
    """Yield all processes but those that have ended and only wait for their parents to notice."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # proc(5): the name stands in brackets and may hold any; then come state and parent.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if state not in {"Z", "X"}:
            yield Living(int(folder.name), int(parent), command, is_stopped=state == "T")
