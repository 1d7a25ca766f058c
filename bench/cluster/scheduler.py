"""What SLURM says of jobs: asked of the controller, then of the accounts where there are any."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_SECONDS = 60.0
_SEPARATOR = "|"


@dataclass(frozen=True)
class JobState:
    """A job as the scheduler sees it: ``name`` such as ``RUNNING``, its reason and its node."""

    name: str
    reason: str = ""
    node: str = ""


def states(jobs: Collection[str]) -> dict[str, JobState]:
    """Return the state of each of ``jobs`` that SLURM still knows.

    The controller forgets a job some minutes after its end; accounts, where a cluster keeps them,
    do not.
    """
    if not jobs:
        return {}
    wanted = ",".join(sorted(jobs))
    known = dict(
        _read(
            "squeue", "--noheader", "--array", "--states=all", f"--jobs={wanted}",
            f"--format={_SEPARATOR.join(['%i', '%T', '%r', '%N'])}",
        )
    )  # fmt: skip
    if set(jobs) - known.keys():
        accounts = _read(
            "sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={wanted}",
            "--format=JobID,State,Reason,NodeList",
        )  # fmt: skip
        known = {**dict(accounts), **known}
    return {job: state for job, state in known.items() if job in jobs}


def _read(*command: str) -> Iterator[tuple[str, JobState]]:
    """One job per line; nothing where the command is missing or fails, as without accounts."""
    if shutil.which(command[0]) is None:
        return
    done = subprocess.run(  # noqa: S603  # job numbers that sbatch gave
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False
    )
    for line in done.stdout.decode(errors="replace").splitlines():
        parts = [part.strip() for part in line.split(_SEPARATOR)]
        if len(parts) == 4:
            job, name, reason, node = parts
            # "CANCELLED by 1000" is cancelled as well.
            yield job, JobState(name.partition(" ")[0], _said(reason), _said(node))


def _said(text: str) -> str:
    return "" if text in {"None", "(null)", "None assigned"} else text
