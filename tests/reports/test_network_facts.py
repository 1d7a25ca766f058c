from __future__ import annotations

import re

from impls.convolution import Convolution
from impls.networks import Network, Training
from impls.presets import PRESETS
from reports.facts.network_facts import described, structure
from reports.gather import build_context
from reports.sections import method
from tests.reports import pieces, sample
from tests.reports.sample import Shape

BY = "\N{MULTIPLICATION SIGN}"
SMALL = Shape(names=("numpy-naive",), batch_sizes=(500,), threads=(1,), blocks=1, outcomes=False)


def test_the_network_of_the_articles_in_words() -> None:
    preset = PRESETS["blog"]
    assert described(preset.network, [preset.training_at(500)]) == [
        ("network", "blog, 57390 parameters in float32"),
        ("layers", "784-70-30-10"),
        ("activation", "sigmoid, sigmoid at the output"),
        ("dropout", "none"),
        ("loss", "logloss, sum over the examples of a batch"),
        ("optimiser", "sgd, momentum 5e-05, of the previous step alone"),
        ("learning rate", "0.001, decay 1e-06"),
        ("penalty", "l2 0.01, l1 0"),
        ("start weights", "uniform within 2 / \N{SQUARE ROOT}inputs"),
    ]


def test_rates_stand_with_their_batch_sizes_where_they_differ() -> None:
    preset = PRESETS["blog"]
    trainings = [preset.training_at(size) for size in (20000, 100, 500)]
    assert dict(described(preset.network, trainings))["learning rate"] == (
        "0.001, decay 1e-06 at batch 100 and 500; 0.0001, decay 1e-06 at batch 20000"
    )


def test_dropout_and_the_memory_of_an_optimiser_are_told() -> None:
    preset = PRESETS["islr"]
    facts = dict(described(preset.network, [preset.training_at(128)]))
    assert facts["dropout"] == "0.2 and 0.2 of the hidden layers"
    assert facts["optimiser"] == "adam, betas 0.9 and 0.999, epsilon 1e-07"
    assert facts["loss"] == "cross-entropy, mean over the examples of a batch"
    assert facts["start weights"] == "glorot"


def test_convolutions_come_before_the_dense_layers() -> None:
    network = Network(
        name="c", layers=(36, 4, 3), image=(6, 6, 1),
        convolutions=(Convolution(filters=5, pool=2), Convolution(filters=3, kernel=2)),
    )  # fmt: skip
    facts = dict(described(network, [Training(optimiser="rmsprop")]))
    assert facts["image"] == f"6 {BY} 6 {BY} 1"
    assert facts["convolutions"] == f"5 of 3 {BY} 3, pooled by 2 {BY} 2; 3 of 2 {BY} 2"
    assert facts["dense layers"] == "3-4-3"
    assert structure(network) == (
        f"image 6 {BY} 6 {BY} 1, convolutions 5 of 3 {BY} 3, pooled by 2 {BY} 2; 3 of 2 {BY} 2, "
        "dense layers 3-4-3"
    )
    assert structure(PRESETS["blog"].network) == "784-70-30-10"
    assert facts["optimiser"] == "rmsprop, rho 0.9, epsilon 1e-07"


def test_without_a_training_only_the_network_is_told() -> None:
    facts = dict(described(PRESETS["blog"].network, []))
    assert facts["loss"] == "logloss"
    assert "optimiser" not in facts


def test_the_report_describes_each_network_once() -> None:
    one = sample.document(SMALL)
    plan = pieces.replan(one.plan, network=PRESETS["cnn-small"].network)
    documents = [one, sample.document(SMALL), pieces.replace(one, plan=plan)]
    page = str(method.render(build_context(documents)))
    assert re.findall(r"<dt>network</dt><dd>(\S+),", page) == ["blog", "cnn-small"]
