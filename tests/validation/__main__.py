"""``python -m tests.validation NAME``: checks of the measuring that only its developers need."""

from __future__ import annotations

import sys

from bench.cli import main
from bench.cli.selfcheck import command_of

CHECKS = {
    "overhead": "what the harness adds inside the clock and beside it; half a minute",
    "disturbance": "foreign hogs that start in mid-run, found in the rounds; a minute",
    "phases": "planted waits found in their phase, phases beside the step; half a minute",
    "threads": "thread settings that do not take, and ones that do, in real workers; a minute",
}

if __name__ == "__main__":
    sys.exit(main(command=command_of("python -m tests.validation", CHECKS, "tests.validation")))
