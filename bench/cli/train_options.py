"""What can be said to ``mlpbench train`` beside the network and its training."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import Whole
from bench.cli.shared_options import Option, digit_option, out_option
from bench.cli.training_check import check_option

WITH_RESUME = {
    "implementations", "epochs", "dataset", "label", "resume", "out", "print_period",
    "evaluate_every", "checkpoint_every", "digit", "check",
}  # fmt: skip
"""What may be said beside --resume; everything else is in the model."""

TRAIN_OPTIONS: tuple[Option, ...] = (
    click.option(
        "--print-period",
        type=Whole(min=1),
        default=5,
        show_default=True,
        help="Epochs between two status reports.",
    ),
    click.option(
        "--evaluate-every",
        type=Whole(min=0),
        default=1,
        show_default=True,
        help="Evaluate every N epochs, outside the clock; 0 for never.",
    ),
    click.option(
        "--checkpoint-every",
        type=Whole(min=1),
        default=None,
        help="Save the network every N epochs. Default: only at the end.",
    ),
    click.option(
        "--resume",
        type=click.Path(path_type=Path),
        default=None,
        metavar="MODEL",
        help="Continue this saved training, with its settings, up to --epochs.",
    ),
    click.option(
        "--weights",
        type=click.Path(path_type=Path),
        default=None,
        metavar="MODEL",
        help="Start a new training from the network in this .npz or .keras file.",
    ),
    check_option,
    digit_option,
    out_option("models and report", "train-DATE-TIME"),
)
