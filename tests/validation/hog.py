"""Foreign processes that begin to keep processors busy at a known moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

# It ends by itself, should its parent be killed.
_TEXT = """
import os, sys, time
print("ready", flush=True)
sys.stdin.readline()
time.sleep(float(sys.argv[1]))
begun = time.perf_counter()
print(begun, flush=True)
for _ in range(int(sys.argv[2]) - 1):
    if not os.fork():
        break
while time.perf_counter() < begun + float(sys.argv[3]):
    pass
"""


class Hog:
    """Keeps processors busy from the moment ``begun``, on the clock of the rounds."""

    def __init__(self, process: subprocess.Popen[str] | None = None) -> None:
        self.process = process
        self.begun = float("inf")

    def release(self) -> None:
        """From now on its delay counts."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def stop(self) -> None:
        """End it, and learn when it began; it may not have come to that."""
        if self.process is not None and self.process.stdout is not None:
            # A hog on several processors has children, which would outlive it.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.begun = float(self.process.stdout.readline() or "inf")


@contextlib.contextmanager
def waiting_hog(delay: float | None, processors: int = 1, seconds: float = 60.0) -> Iterator[Hog]:
    """A hog that begins ``delay`` seconds after it is released; None for one that never does.

    It keeps ``processors`` processors busy for at most ``seconds``.
    """
    if delay is None:
        yield Hog()
        return
    with subprocess.Popen(  # our own text
        [sys.executable, "-c", _TEXT, str(delay), str(processors), str(seconds)],
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # it is a pipe
        # Its own start must not disturb what comes before it.
        process.stdout.readline()
        hog = Hog(process)
        try:
            yield hog
        finally:
            hog.stop()
