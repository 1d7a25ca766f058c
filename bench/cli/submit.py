"""``mlpbench submit``: whole runs on many machines, by SLURM or one after the other here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from bench import exits
from bench.cli.compare import print_answer
from bench.cli.compare_answer import answer
from bench.cli.inputs import choose_implementations
from bench.cli.options import PATH, Duration, Whole, given, json_option, list_option, preset_of
from bench.cli.output import REPORT, facts_table, folder_for, open_folder, say
from bench.cli.run import run_command
from bench.cluster import submission, submit
from bench.cluster.collect import OVER, Collected, ask_slurm, collect
from bench.cluster.submission import (
    ANY,
    LOCAL,
    Resources,
    State,
    Submission,
    Task,
    tasks_for,
)
from bench.documents import files
from impls.errors import ResultsError, UsageError
from reports import cluster

COLLECTED = "collected.json"
OURS = {"out", "resume", "as_json"}
"""Options of ``run`` that each job is given by this command."""
_WITH = {"status": {"as_json"}, "collect": {"as_json", "across_machines"}, "resubmit": {"as_json"}}
"""What may be said beside the options that look after a submission."""


@click.command(
    "submit", context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@list_option(
    "--kind",
    "kinds",
    item=click.STRING,
    metavar="K1,K2",
    help="Kinds of machines: SLURM constraints, one run on each. Default: any machine.",
)
@click.option(
    "--replicates",
    type=Whole(min=1),
    default=1,
    show_default=True,
    help="Runs per kind, each on its own host.",
)
@click.option("--partition", metavar="NAME", help="SLURM partition.")
@click.option(
    "--time-limit",
    type=Duration(),
    default=4 * 3600.0,
    show_default="4h",
    help="Time limit of a job, such as 90min. A run that reaches it goes on in its next turn.",
)
@click.option(
    "--parallel",
    type=Whole(min=1),
    default=4,
    show_default=True,
    help="Jobs of one kind that run at once.",
)
@click.option(
    "--setup",
    multiple=True,
    metavar="COMMAND",
    help="A line of shell that runs before the job, such as 'module load python'. Repeatable.",
)
@click.option(
    "--sbatch",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Another option of sbatch, such as account=bench. Repeatable.",
)
@click.option("--out", type=PATH, help="Folder. Default: results/submit-DATE-TIME.")
@click.option("--local", is_flag=True, help="Run the same jobs here, one after the other.")
@click.option("--status", type=PATH, metavar="DIR", help="Show the state of each job in DIR.")
@click.option("--collect", type=PATH, metavar="DIR", help="Write one report on the runs in DIR.")
@click.option(
    "--resubmit", type=PATH, metavar="DIR", help="Submit again jobs that ended before completion."
)
@click.option(
    "--across-machines",
    is_flag=True,
    help="With --collect: also compare the first run with each other one.",
)
@json_option("prose")
@click.pass_context
def submit_command(context: click.Context, /, **options: Any) -> int:
    """Run 'mlpbench run' on several machines: one job is one whole run on one exclusive host.

    All options of 'mlpbench run' may be given as well, except --out and --resume. Every job
    measures the same. The folder must be on a file system that all nodes share.

    Exit code 3 of --local, --status and --collect: a job is not done, or what it measured is not
    all valid. 4 of --collect: there is nothing to report yet.
    """
    console = Console(stderr=options["as_json"])
    modes = [name for name in _WITH if options[name] is not None]
    if len(modes) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in modes)}: give one of them")
    as_json: bool = options["as_json"]
    if not modes:
        planned = _plan(context, options)
        folder = open_folder(folder_for(options["out"], "submit"))
        if (folder / submission.NAME).exists():
            raise ResultsError(
                f"{folder} holds a submission already: choose another folder with --out, or see "
                "--status, --collect and --resubmit."
            )
        fresh = State(version=submission.VERSION, submission=planned, jobs={})
        return _begin(console, folder, fresh, planned.tasks, as_json=as_json)

    (mode,) = modes
    allowed = {mode, *_WITH[mode]}
    others = [option for name, option in given(context).items() if name not in allowed]
    if others or context.args:
        listed = ", ".join([*others, *context.args])
        raise UsageError(f"--{mode} applies to submitted jobs: leave out {listed}")
    folder = options[mode]
    before = submission.load(folder)
    collected = _collect(folder, before)
    if mode == "collect":
        return _report(
            console,
            folder,
            collected,
            across_machines=options["across_machines"],
            as_json=as_json,
        )
    if mode == "status":
        return _show(console, folder, collected, as_json=as_json)
    # The command that waited for jobs on this machine has ended.
    kinds = {*OVER, "running", "waiting"} if before.submission.local else OVER
    over = {standing.task for standing in collected.standings if standing.kind in kinds}
    again = [task for task in before.submission.tasks if task.name in over]
    if not again:
        raise UsageError(f"no job in {folder} ended before completion: there is nothing to submit")
    return _begin(console, folder, before, again, as_json=as_json)


def _plan(context: click.Context, options: dict[str, Any]) -> Submission:
    """Return what is to be submitted; what ``run`` would refuse of its options is refused here.

    Raises:
        UsageError, UnknownNameError, ImplementationError: an option is not acceptable, or submitit
            is missing.
    """
    if options["across_machines"]:
        raise UsageError("--across-machines belongs to --collect: without it, leave it out")
    arguments = tuple(context.args)
    parsed = run_command.make_context("run", list(arguments), parent=context.parent)
    decided = [option for name, option in given(parsed).items() if name in OURS]
    if decided:
        raise UsageError(f"each job is given its own {', '.join(decided)}: leave it out")
    choose_implementations(parsed.params["implementations"], parsed.params["device"])
    preset_of(parsed.params)
    submit.library()
    local: bool = options["local"]
    if local:
        of_slurm = {"kinds", "partition", "parallel", "setup", "sbatch"}
        others = [option for name, option in given(context).items() if name in of_slurm]
        if others:
            raise UsageError(f"--local runs here and not in SLURM: leave out {', '.join(others)}")
    kinds = options["kinds"] or ((LOCAL,) if local else (ANY,))
    return Submission(
        arguments=arguments,
        directory=str(Path.cwd()),
        tasks=tasks_for(kinds, options["replicates"]),
        resources=Resources(
            partition=options["partition"],
            minutes=max(1, round(options["time_limit"] / 60)),
            parallel=options["parallel"],
            setup=options["setup"],
            options=dict(option.partition("=")[::2] for option in options["sbatch"]),
        ),
        local=local,
    )


def _begin(
    console: Console, folder: Path, before: State, tasks: Sequence[Task], *, as_json: bool
) -> int:
    """Submit ``tasks`` and write down their job numbers; locally, wait for them as well."""
    now = before

    def record(jobs_of: dict[str, str]) -> None:
        nonlocal now
        added = {name: (*now.jobs.get(name, ()), job) for name, job in jobs_of.items()}
        now = msgspec.structs.replace(now, jobs=now.jobs | added)
        submission.save(folder, now)

    if before.submission.local:
        submission.save(folder, now)

        def begun(task: Task, job: str) -> None:
            record({task.name: job})
            say(console, f"{task.name}: begun")

        for task in submit.here(folder, before.submission, tasks, begun):
            say(console, f"{task.name}: ended")
        return _show(console, folder, _collect(folder, now), as_json=as_json)
    for submitted in submit.to_slurm(folder, before.submission, tasks):
        # At once: what is submitted must not be lost where the next kind is refused.
        record(submitted)
    numbers = {task.name: now.jobs[task.name][-1] for task in tasks}
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "jobs": numbers}))
        return exits.FINE
    for name, job in numbers.items():
        say(console, f"{name}: job {job}")
    say(console, f"Show their state: mlpbench submit --status {folder}")
    say(console, f"Report on them: mlpbench submit --collect {folder}")
    return exits.FINE


def _collect(folder: Path, of: State) -> Collected:
    latest = [] if of.submission.local else [numbers[-1] for numbers in of.jobs.values()]
    return collect(folder, of, ask_slurm(latest))


def _show(console: Console, folder: Path, collected: Collected, *, as_json: bool) -> int:
    """Print how the jobs stand; return the exit code."""
    if as_json:
        click.echo(json.dumps(_as_data(folder, collected)))
    else:
        say(console, cluster.summary(collected.standings))
        rows = [
            (
                standing.task,
                standing.job or "-",
                standing.node or "-",
                standing.kind,
                cluster.outcome(standing),
            )
            for standing in collected.standings
        ]
        console.print(facts_table("Jobs", ("job", "number", "node", "state", "reason"), rows))
    fine = all(
        standing.kind == "done" and standing.exit_code == exits.FINE
        for standing in collected.standings
    )
    return exits.FINE if fine else exits.NOT_ALL_VALID


def _as_data(folder: Path, collected: Collected) -> dict[str, Any]:
    """Return the standings as they are written down, with the machine of each run."""
    rows = []
    for standing in collected.standings:
        row: dict[str, Any] = {**asdict(standing), "results": None, "machine_id": None, "cpu": None}
        if standing.run is not None:
            machine = collected.documents[standing.run - 1].machine
            path = collected.paths[standing.run - 1]
            row |= {"results": str(path), "machine_id": machine.id, "cpu": machine.cpu}
        rows.append(row)
    return {"folder": str(folder), "summary": cluster.summary(collected.standings), "jobs": rows}


def _report(
    console: Console, folder: Path, collected: Collected, *, across_machines: bool, as_json: bool
) -> int:
    """Write standings and report into ``folder``; print what they say, and the verdicts.

    Across machines every run is compared with the first, though their machines differ.
    """
    data = _as_data(folder, collected)
    files.write_bytes(folder / COLLECTED, json.dumps(data, indent=1).encode())
    code = _show(console, folder, collected, as_json=as_json)
    if not collected.documents:
        say(console, "There is nothing to report yet: no run has written results.")
        return exits.UNAVAILABLE
    page = cluster.build_collected(collected.standings, collected.documents)
    files.write_bytes(folder / REPORT, page.encode())
    if across_machines and not as_json:
        if len(collected.documents) < 2:
            say(console, "Nothing is compared across machines: there is one run.")
        else:
            console.print()
            across = answer(collected.paths, collected.documents, across_machines=True)
            print_answer(across, console)
    say(console, f"Report: {folder / REPORT}")
    return code
