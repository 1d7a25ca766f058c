"""Handing jobs to submitit: to SLURM as arrays of whole hosts, or to this machine one by one."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.cluster.job import MeasuringRun
from bench.cluster.submission import LOGS, Resources, Submission, Task
from bench.planning.revisions import ROOT, search_path
from impls.errors import UsageError

SECONDS_TO_WRITE = 90
"""This long before the time limit, a run gets the signal to write what it has measured."""


def to_slurm(
    folder: Path, submission: Submission, tasks: Sequence[Task]
) -> Iterator[dict[str, str]]:
    """Submit ``tasks``, those of one kind as one array; yield the job numbers of each kind by name.

    Raises:
        UsageError: submitit is missing, there is no SLURM here, or it refused the job.
    """
    submitit = library()
    folder = folder.resolve()
    for kind in dict.fromkeys(task.kind for task in tasks):
        some = [task for task in tasks if task.kind == kind]
        try:
            # exec: the signal before the time limit goes to the script's own process.
            executor = submitit.SlurmExecutor(
                folder / LOGS, python=f"exec {shlex.quote(sys.executable)}"
            )
            executor.update_parameters(**sbatch_parameters(submission.resources, some[0]))
            with executor.batch():
                jobs = [
                    executor.submit(MeasuringRun(folder / task.name, submission, task))
                    for task in some
                ]
        except submitit.core.utils.FailedJobError as error:
            said = " ".join(str(error).split())
            raise UsageError(f"sbatch refused the jobs of kind {kind}: {said}") from error
        except RuntimeError as error:
            # What submitit says where it finds no srun.
            raise UsageError(
                f"{error} Submit where sbatch and srun are, or run the jobs here with --local."
            ) from error
        yield {task.name: job.job_id for task, job in zip(some, jobs, strict=True)}


def here(
    folder: Path,
    submission: Submission,
    tasks: Sequence[Task],
    begun: Callable[[Task, str], None],
) -> Iterator[Task]:
    """Run ``tasks`` on this machine, one after the other; yield each when it has ended.

    ``begun`` is called with each task and its job number.

    Raises:
        UsageError: submitit is missing.
    """
    submitit = library()
    folder = folder.resolve()
    path = f"PYTHONPATH={search_path(os.environ)}"
    executor = submitit.LocalExecutor(
        folder / LOGS, python=shlex.join(["env", path, sys.executable])
    )
    executor.update_parameters(timeout_min=submission.resources.minutes, tasks_per_node=1)
    for task in tasks:
        job = executor.submit(MeasuringRun(folder / task.name, submission, task))
        begun(task, job.job_id)
        job.wait()
        yield task


def sbatch_parameters(resources: Resources, task: Task) -> dict[str, Any]:
    """Return what submitit writes into the batch script: one process on one host, alone on it.

    Without ``srun``, which may bind processes to processors; with all of the host's memory.
    """
    path = f"export PYTHONPATH={shlex.quote(str(ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}"
    parameters: dict[str, Any] = {
        "job_name": f"mlpbench-{task.kind}",
        "nodes": 1,
        "ntasks_per_node": 1,
        "exclusive": True,
        "use_srun": False,
        "mem": "0",
        "time": resources.minutes,
        "array_parallelism": resources.parallel,
        "setup": [*resources.setup, path],
    }
    if resources.partition:
        parameters["partition"] = resources.partition
    if task.constraint:
        parameters["constraint"] = task.constraint
    # B: to the batch script, for there are no steps without srun.
    more: dict[str, str | bool] = {"signal": f"B:USR2@{SECONDS_TO_WRITE}"}
    if "no-requeue" not in resources.options:
        more["requeue"] = True
    more |= {name: value or True for name, value in resources.options.items()}
    return {**parameters, "additional_parameters": more}


def library() -> ModuleType:
    """Return the library, which only this command needs.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("submitit")
    except ImportError as error:
        raise UsageError(
            "'mlpbench submit' needs the package submitit, which is not installed: "
            "pip install 'mlpbench[slurm]'"
        ) from error
