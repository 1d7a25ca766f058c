"""``mlpbench run`` as a user starts it, in small: a separate process that can be killed.

Moments at which to kill it come from an undisturbed run: when its journal got which line.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.documents import files
from bench.documents import journal as journals
from bench.planning.plan import Plan
from bench.planning.revisions import search_path
from bench.running import lock
from impls.errors import ResultsError

EXAMPLES = 400
BLOCKS = 2
POLL_SECONDS = 0.01
_BATCH_SIZE = 20
_PIXELS = 6
_CLASSES = 3
_FIXED = (
    "--network", f"{_PIXELS**2}-8-{_CLASSES}", "--profile", "quick", "--threads", "1", "--bare",
)  # fmt: skip


class Worker(NamedTuple):
    """A worker process that has not ended; a stopped one waits for a signal to go on."""

    id: int
    command: str
    is_stopped: bool


class Workshop:
    """A folder with small data, implementations as files, and a temporary folder.

    The machine's lock lies in the temporary folder: these runs neither wait for others nor stop
    them.  ``sources`` maps the names of implementations to their text.
    """

    def __init__(self, folder: Path, sources: Mapping[str, str]) -> None:
        self.folder = folder
        self.log = folder / "log.txt"
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
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
        """Start ``mlpbench`` with ``arguments``; its output goes to :attr:`log`."""
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # our own command, no shell
                # Isolated: defaults of the user's are no part of what is checked.
                [sys.executable, "-P", "-m", "bench", "--isolated", *map(str, arguments)],
                env={
                    **os.environ,
                    "TMPDIR": str(self.temporary),
                    lock.FOLDER: str(self.temporary),
                    "PYTHONPATH": search_path(os.environ),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def workers(self) -> list[Worker]:
        """Return the worker processes of runs in this workshop, orphans included."""
        workers = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
                # proc(5): the name stands in brackets and may hold any; then comes the state.
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            is_ours = "bench.measuring.worker" in command and str(self.temporary) in command
            # Those that have ended only wait for their parents to notice.
            if is_ours and state not in {"Z", "X"}:
                workers.append(Worker(int(folder.name), command, state == "T"))
        return workers

    @property
    def last_line(self) -> str:
        """The last line that any command printed."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "nothing")


def _write_images(path: Path) -> None:
    """Write random images with labels that go round, in the layout of ``mnist.npz``."""
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


@dataclass(frozen=True)
class Moment:
    """A moment at the same progress of any run: ``seconds`` after the journal had ``lines``."""

    lines: int
    seconds: float


@dataclass(frozen=True)
class UndisturbedRun:
    """A run that is not killed: its plan, and how many seconds after its start it ended.

    ``marks`` are the seconds at which the journal got its lines, from the header to the end.
    ``sweeps`` is how many it made.
    """

    plan: Plan
    marks: tuple[float, ...]
    end: float
    sweeps: int = 0

    def moment(self, place: float) -> Moment:
        """Return the moment at a share of the whole run."""
        return self._moment(place * self.end)

    def working_moment(self, place: float) -> Moment:
        """Return the moment at a share of the time in which there are workers."""
        first, *_, last, _ = self.marks
        return self._moment(first + place * (last - first))

    def writing_moment(self, place: float) -> Moment:
        """Return the moment at a share of the journal's lines, most of which are sweeps."""
        return Moment(1 + int(place * (len(self.marks) - 1)), 0.0)

    def _moment(self, seconds: float) -> Moment:
        lines = bisect.bisect_right(self.marks, seconds)
        return Moment(lines, seconds - (self.marks[lines - 1] if lines else 0.0))


def start(workshop: Workshop, out: Path) -> subprocess.Popen[bytes]:
    """Start the run that is to be killed, into ``out``."""
    return workshop.run(out, "--batch-size", _BATCH_SIZE, "--blocks", BLOCKS)


def run_undisturbed(workshop: Workshop, out: Path) -> UndisturbedRun:
    """Run to the end, for comparison.

    Raises:
        ResultsError: not even that run left results.
    """
    begun = time.monotonic()
    marks: list[float] = []
    with start(workshop, out) as process:
        while process.poll() is None:
            new = _line_count(out) - len(marks)
            marks += [time.monotonic() - begun] * new
            time.sleep(POLL_SECONDS)
    try:
        plan = files.load(out / "results.json").plan
    except ResultsError as error:
        raise ResultsError(f"the undisturbed run failed: {workshop.last_line}") from error
    end = time.monotonic() - begun
    sweeps = (out / journals.NAME).read_bytes().count(b'{"line":"sweep"')
    return UndisturbedRun(plan, tuple(marks), end, sweeps)


def wait_for(process: subprocess.Popen[bytes], out: Path, moment: Moment) -> None:
    """Return at ``moment`` of the run into ``out``, or at its end."""
    while process.poll() is None and _line_count(out) < moment.lines:
        time.sleep(POLL_SECONDS)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment.seconds)


def _line_count(out: Path) -> int:
    """Return how many lines the journal has."""
    journal = out / journals.NAME
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
