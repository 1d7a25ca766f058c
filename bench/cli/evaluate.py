"""``mlpbench evaluate``: what saved networks do, on their own data or on other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import exits
from bench.cli.inputs import choose_trainer, read_raw, require_class
from bench.cli.options import PATH, dataset_option, digit_option, label_option, out_option
from bench.cli.output import folder_for, note, open_folder, require_untaken
from bench.cli.training_run import WRITTEN, conclude, say_failed
from bench.planning.plan import require_distinct
from impls import environment
from impls.data.training_data import from_raw
from impls.errors import BenchError
from impls.training import model_files, sessions
from impls.training.evaluation import Trained, evaluate
from reports.evaluation.sections.summary import stranger


@click.command("evaluate")
@click.argument("paths", metavar="MODEL...", nargs=-1, required=True, type=PATH)
@click.option(
    "--impl",
    "implementation",
    help="Let this implementation predict. Default: the one that trained each network.",
)
@dataset_option
@label_option
@digit_option
@out_option("the report", "evaluate-DATE-TIME")
def evaluate_command(paths: tuple[Path, ...], **options: Any) -> int:
    """Write the evaluation report of saved networks, without any training.

    Examples are normalised as in each network's training. Exit code 3: an implementation failed;
    the report has the networks of the others.
    """
    console = Console()
    require_distinct("MODEL", paths)
    saved = [model_files.load(path) for path in paths]
    folder = require_untaken(folder_for(options["out"], "evaluate"), WRITTEN)
    raw = read_raw(console, options["dataset"], options["label"])
    several = [from_raw(raw, model.normaliser) for model in saved]
    require_class(options["digit"], several[0])
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    reached: list[Trained] = []
    for name, model, data in zip(names, saved, several, strict=True):
        try:
            sessions.require_fit(model.network, data)
            address = options["implementation"] or sessions.address_of(sessions.row_of(model))
            row = choose_trainer(address)
            environment.set_variables(row, is_ours=True)
            trainer = sessions.build(row, model.network, model.training, model.state.parameters)
            trained = Trained(name, model, evaluate(trainer, data))
            if remark := stranger(trained, data):
                note(console, remark)
            reached.append(trained)
        except (Exception, SystemExit) as error:
            if isinstance(error, BenchError) and len(paths) == 1:
                raise
            say_failed(console, name, error)
    if reached:
        conclude(console, reached, several[0], open_folder(folder), options["digit"])
    return exits.FINE if len(reached) == len(paths) else exits.NOT_ALL_VALID
