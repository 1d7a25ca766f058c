"""What can be said to ``mlpbench run``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import Cpus, Duration, Share, Threads, Whole, list_option
from bench.cli.shared_options import (
    DATA_OPTIONS,
    NETWORK_OPTIONS,
    Option,
    margin_option,
    out_option,
)
from bench.planning.profiles import PROFILES

METRICS = ("epoch-time", "time-to-accuracy")

RUN_OPTIONS: tuple[Option, ...] = (
    list_option(
        "--impl",
        "implementations",
        item=click.STRING,
        help="Implementations: names or patterns of 'mlpbench list', such as 'numpy-*', "
        "FILE.py:CLASS, or all. NAME@REVISION and FILE.py:CLASS@REVISION are taken from git. "
        "Default: all but the opt-in ones.",
    ),
    *NETWORK_OPTIONS,
    list_option(
        "--batch-size",
        "batch_sizes",
        item=Whole(min=1),
        help="Batch sizes, such as 500,20000. Default: the profile's.",
    ),
    list_option(
        "--threads",
        item=Threads(),
        help="Thread counts, such as 1,2,unset. Default: the profile's. Rows on a GPU use the "
        "largest only.",
    ),
    list_option(
        "--neighbours",
        item=Whole(min=0),
        help="Busy foreign processes during the rounds, such as 0,1: which thread setting survives "
        "a shared machine? Default: none.",
    ),
    click.option(
        "--cpus",
        type=Cpus(),
        default=(),
        metavar="LIST",
        help="Hold the workers to these processors, such as 2-3,6. Default: all that are usable.",
    ),
    click.option(
        "--env",
        "assignments",
        multiple=True,
        metavar="NAME=V1,V2",
        help="Sweep an environment variable; 'unset' removes it. A comma within a value is "
        "written \\, as in --env 'GOMP_CPU_AFFINITY=0\\,1'. Repeatable.",
    ),
    click.option(
        "--profile",
        type=click.Choice(list(PROFILES)),
        default="default",
        show_default=True,
        help="; ".join(f"{p.name}: {p.summary}" for p in PROFILES.values()) + ".",
    ),
    *DATA_OPTIONS,
    click.option(
        "--device",
        type=click.Choice(["cpu", "gpu"]),
        default=None,
        help="Only implementations that run on this device.",
    ),
    click.option(
        "--seed",
        type=Whole(min=0),
        default=1,
        show_default=True,
        help="Seed of start weights, batch order and schedule.",
    ),
    out_option("results.json and report.html", "DATE-TIME"),
    click.option(
        "--timeout",
        type=Whole(min=1),
        default=1800,
        show_default=True,
        help="Seconds without an answer after which a worker is stopped.",
    ),
    click.option(
        "--blocks",
        type=Whole(min=1),
        default=None,
        help="Fresh processes per configuration. Default: the profile's.",
    ),
    click.option(
        "--precision",
        type=Share(),
        default=None,
        help="Measure until every ratio to the baseline is known within this share, such as 2%.",
    ),
    click.option(
        "--budget",
        type=Duration(),
        default=None,
        help="Time budget, such as 3min. Blocks and sweeps are fitted to it.",
    ),
    margin_option,
    click.option(
        "--metric",
        type=click.Choice(METRICS),
        default=METRICS[0],
        show_default=True,
        help="Time an epoch, or train until a test accuracy is held.",
    ),
    click.option(
        "--target",
        type=Share(),
        default=None,
        help="The test accuracy of --metric time-to-accuracy, such as 0.96.",
    ),
    click.option(
        "--epochs",
        type=Whole(min=1),
        default=None,
        help="Give up on --target after N epochs. Default: the network's.",
    ),
    click.option(
        "--fail-on",
        type=click.Choice(["slower"]),
        default=None,
        help="Exit with 1 if an implementation is slower than its own earlier @REVISION.",
    ),
    click.option("--bare", is_flag=True, help="Skip floor and control."),
    click.option(
        "--resume",
        type=click.Path(path_type=Path),
        default=None,
        metavar="DIR",
        help="Go on with the interrupted run in this folder, with its plan. What failed, was "
        "refused or is unverified is measured again, once.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of prose."),
)
