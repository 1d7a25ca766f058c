"""The page of an evaluation: complete, self-contained, and right in every number it shows."""

from __future__ import annotations

import dataclasses
import io
import json
import re

import msgspec
import numpy as np
import pytest
from matplotlib.image import imread

from bench.errors import UsageError
from impls.data import TrainingData
from impls.evaluation import Evaluation, Part, Trained, evaluate
from impls.fit import fit
from impls.history import Epoch, History
from impls.metrics import confusion_matrix
from impls.model import Model, Order, Source
from impls.networks import PRESETS
from reports import pictures, templates
from reports.evaluation import build_evaluation
from reports.evaluation.as_data import as_data
from reports.evaluation.published import RUNS, published
from tests.learning.conftest import NETWORK, TRAINING, trainer_of
from tests.reports.reading import Page

SECTIONS = [
    "summary", "articles", "curves", "confusion", "classes", "digits", "data", "model", "terms",
]  # fmt: skip


def learned(data: TrainingData, epochs: int = 4, name: str = "reference") -> Trained:
    trainer = trainer_of(data)
    history = fit(
        trainer, 90, epochs=epochs, seed=1, look=lambda _: evaluate(trainer, data).standing
    )
    source = Source(name=data.name, sha256=data.sha256, examples=90, class_names=data.class_names)
    model = Model(
        implementation="reference", network=NETWORK, training=TRAINING, order=Order(seed=1),
        source=source, normaliser=data.normaliser, state=trainer.state(),
        learning_rate=trainer.learning_rate, history=history,
    )  # fmt: skip
    return Trained(name, model, evaluate(trainer, data))


def predicting(trained: Trained, data: TrainingData, predicted: np.ndarray) -> Trained:
    """The same network, had it predicted this of the test examples."""
    matrix = confusion_matrix(data.labels_test, predicted, data.classes)
    test = Part(predicted, matrix, 0.5, 0.1)
    return dataclasses.replace(
        trained, evaluation=dataclasses.replace(trained.evaluation, test=test)
    )


@pytest.fixture
def trained(data: TrainingData) -> Trained:
    return learned(data)


@pytest.fixture
def page(trained: Trained, data: TrainingData) -> str:
    return build_evaluation([trained], data, command="mlpbench train", generator="mlpbench 1")


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


def rows(source: str, caption: str) -> list[list[str]]:
    """The cells of the body of the table with this caption, without their small print."""
    table = re.search(
        rf"<caption>{re.escape(caption)}.*?</caption>.*?<tbody>(.*?)</tbody>", source, re.DOTALL
    )
    assert table, caption
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t", row)]
        for row in re.findall(r"<tr.*?>(.*?)</tr>", table[1], re.DOTALL)
    ]


def test_the_page_holds_every_section(page: str) -> None:
    assert [one["id"] for one in Page(page).all("section")] == SECTIONS


def test_it_is_balanced_and_loads_nothing(page: str) -> None:
    read = Page(page)
    assert read.unbalanced == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    for _, attributes in read.elements:
        for name in ("src", "href", "xlink:href"):
            target = str(attributes.get(name) or "#")
            assert target.startswith(("#", "data:")), target
    assert "xmlns" not in page


def test_every_chart_is_described_and_every_picture_has_words(page: str) -> None:
    assert all(re.findall(r"<svg [^>]*>(<title>[^<]+</title>|<title ?/>)?", page))
    assert page.count("<table") == page.count("<caption>")
    assert Page(page).all("img")
    assert all(one.get("alt") for one in Page(page).all("img"))


def test_the_script_finds_no_filters_and_does_without(page: str) -> None:
    assert 'class="filters"' not in page
    assert "if (form)" in templates.asset("script.js")


def test_the_summary_says_what_was_reached(page: str, trained: Trained) -> None:
    accuracy = trained.evaluation.test.accuracy
    said = section(page, "summary").replace("\n", " ")
    assert f"reference recognises {100 * accuracy:.2f}\N{NO-BREAK SPACE}% of the 30 test" in said
    shown = dict(rows(page, "At the end of training"))
    assert shown["epochs"] == "4"
    assert shown["learning rate at the end"] == repr(trained.model.learning_rate)
    assert shown["sum of squared weights"] == f"{trained.evaluation.squared_weights:.4g}"


def test_the_matrix_shows_shares_of_the_row_and_leaves_zeros_blank(
    trained: Trained, data: TrainingData
) -> None:
    predicted = data.labels_test.astype(np.int64).copy()
    predicted[[0, 3, 6]] = 2
    page = build_evaluation([predicting(trained, data, predicted)], data)
    shown = rows(page, "reference, 30 test examples: rows are true classes")
    source = section(page, "confusion")
    assert shown == [["0", "70.0 %7/10", "", "30.0 %3"], ["1", "", "100.0 %10/10", ""],
                     ["2", "", "", "100.0 %10/10"]]  # fmt: skip
    assert rows(source, "reference: the 1 pair confused most often") == [["0", "2", "3", "30.00 %"]]


def test_undefined_ratios_are_called_so(trained: Trained, data: TrainingData) -> None:
    predicted = np.zeros(30, np.int64)
    page = build_evaluation([predicting(trained, data, predicted)], data)
    first, second, _, means = rows(page, "reference, test examples")
    assert first == ["0", "0.3333", "1.0000", "0.5000", "10", "20", "0", "10"]
    assert second == ["1", "undefinednever predicted", "0.0000", "0.0000", "0", "0", "10", "10"]
    assert means[1] == "0.3333of 1 classes"


def test_a_class_without_test_examples_has_no_recall(trained: Trained, data: TrainingData) -> None:
    without = dataclasses.replace(
        data, labels_test=np.where(data.labels_test == 2, 0, data.labels_test)
    )
    page = build_evaluation([predicting(trained, without, np.zeros(30, np.int64))], without)
    shown = rows(page, "reference, test examples")[2]
    assert shown[1:4] == ["undefinednever predicted", "undefinedno examples", "undefinedneither"]


def panels(page: str) -> dict[str, list[str]]:
    """What is written below the pictures of each panel."""
    found = re.findall(
        r"<h4>(.*?)</h4>(.*?)(?=<h4>|<h3>|</section>)", section(page, "digits"), re.DOTALL
    )
    return {title: re.findall(r"<span>(.*?)</span>", body) for title, body in found}


def test_panels_show_the_hits_and_misses_of_the_chosen_class(
    trained: Trained, data: TrainingData
) -> None:
    predicted = data.labels_test.astype(np.int64).copy()
    predicted[[0, 3]], predicted[1] = 2, 0
    one = predicting(trained, data, predicted)
    shown = panels(build_evaluation([one], data, digit=0))
    assert shown == {
        "True positives (8)": ["0 / 0"] * 8,
        "False positives: taken for 0 (1)": ["0 / 1"],
        "False negatives: 0, but not seen (2)": ["2 / 0"] * 2,
        "Nine recognised (27)": ["2 / 2", "1 / 1", "2 / 2", "0 / 0", "1 / 1", "2 / 2", "0 / 0",
                                 "1 / 1", "2 / 2"],
        "Nine not recognised (3)": ["2 / 0", "0 / 1", "2 / 0"],
    }  # fmt: skip


def test_without_a_choice_the_class_missed_most_often_is_shown(
    trained: Trained, data: TrainingData
) -> None:
    predicted = data.labels_test.astype(np.int64).copy()
    predicted[[1, 4]], predicted[0] = 2, 1
    page = build_evaluation([predicting(trained, data, predicted)], data)
    assert "False negatives: 1, but not seen (2)" in panels(page)


def test_panels_without_examples_say_so_and_long_ones_are_cut(
    trained: Trained, data: TrainingData
) -> None:
    many = dataclasses.replace(
        data, labels_test=np.repeat(data.labels_test, 20),
        pixels_test=np.repeat(data.pixels_test, 20, axis=0),
    )  # fmt: skip
    page = build_evaluation([predicting(trained, many, many.labels_test.astype(np.int64))], many)
    shown = panels(page)
    assert len(shown["True positives (200)"]) == 50
    assert shown["Nine not recognised (0)"] == []
    assert "150 more are left out" in section(page, "digits")
    assert section(page, "digits").count(">None.<") == 3


def test_data_that_are_no_pictures_have_no_panels(trained: Trained, data: TrainingData) -> None:
    flat = dataclasses.replace(
        data, pixels=data.pixels.reshape(90, -1), pixels_test=data.pixels_test.reshape(30, -1)
    )
    page = build_evaluation([trained], flat)
    assert "The examples are no pictures." in section(page, "digits")
    assert "<img" not in page
    assert "The first training example" not in page


def test_pictures_are_valid_and_dark_on_white(data: TrainingData) -> None:
    picture = data.pixels_test[0]
    drawn = imread(io.BytesIO(pictures.png(picture)), format="png")
    assert np.array_equal(np.rint(drawn * 255).astype(np.uint8), 255 - picture)
    colours = np.random.default_rng(1).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    drawn = imread(io.BytesIO(pictures.png(colours)), format="png")
    assert np.array_equal(np.rint(drawn[..., :3] * 255).astype(np.uint8), colours)


def test_the_first_example_is_shown_as_numbers_and_as_a_picture(
    page: str, data: TrainingData
) -> None:
    shown = rows(section(page, "data"), "The same as it was stored")
    assert np.array_equal(np.array(shown, dtype=int), data.pixels[0])
    assert "Class 0, target 1 0 0" in page


def test_the_classes_of_the_data_are_counted(page: str) -> None:
    assert rows(page, "Examples of each class") == [["0", "30", "10"], ["1", "30", "10"],
                                                    ["2", "30", "10"]]  # fmt: skip


def test_the_network_is_described_with_its_parameters(page: str) -> None:
    shown = rows(page, "Network small")
    assert [row[-3:] for row in shown] == [
        ["0", "0", "0"], ["288", "8", "296"], ["24", "3", "27"], ["312", "11", "323"],
    ]  # fmt: skip
    facts = " ".join(re.sub(r"<[^>]+>", " ", section(page, "model")).split())
    for words in ("momentum 0.3", "0.02, decay 0.001", "l2 0.01, l1 0", "batches 20 examples",
                  "seed 1", "epochs 4 of 35"):  # fmt: skip
        assert words in facts, words


def test_every_epoch_stands_in_a_table(page: str, trained: Trained) -> None:
    shown = rows(page, "Epochs of reference")
    for row, epoch in zip(shown, trained.model.history.epochs, strict=True):
        assert row[0] == str(epoch.number)
        assert row[1] == f"{epoch.cost:.5g}"
        assert row[6] == repr(epoch.learning_rate)


def test_networks_are_compared_side_by_side(data: TrainingData) -> None:
    several = [learned(data, 2, "one"), learned(data, 3, "two")]
    page = build_evaluation(several, data)
    shown = {row[0]: row[1:] for row in rows(page, "At the end of training")}
    assert shown["epochs"] == ["2", "3"]
    assert re.search(r"(one|two) reaches [0-9.]+\N{NO-BREAK SPACE}%\.", section(page, "summary"))
    for name in ("one", "two"):
        assert f"Epochs of {name}" in page
    assert page.count("<h3>one and two</h3>") == 0  # alike, so described once without names


def test_a_network_without_training_has_no_curves(data: TrainingData) -> None:
    page = build_evaluation([learned(data, 0)], data)
    assert "without any training" in page
    assert "No network was trained" in section(page, "curves")


def test_a_training_that_diverged_is_called_so(trained: Trained, data: TrainingData) -> None:
    bad = np.full((3, 3), np.nan)
    history = History([Epoch(1, bad, 0.1, 1.0), Epoch(2, bad, 0.1, 1.0)])
    part = dataclasses.replace(trained.evaluation.train, loss=np.nan, mean_error=np.nan)
    evaluation = Evaluation(part, part, np.nan, np.nan, np.nan)
    # The test part must fit the test examples; the labels are irrelevant here.
    evaluation = dataclasses.replace(evaluation, test=trained.evaluation.test)
    diverged = Trained("bad", dataclasses.replace(trained.model, history=history), evaluation)
    page = build_evaluation([diverged], data)
    assert "bad: the loss is no finite number" in page
    assert json.dumps(as_data([diverged], data, ""), allow_nan=False)


def test_hostile_names_stay_text(trained: Trained, data: TrainingData) -> None:
    name = "<script>alert(1)</script>&'\""
    hostile = dataclasses.replace(data, name=name, note=name, class_names=(name, "b", "c"))
    page = build_evaluation(
        [dataclasses.replace(trained, name=name)], hostile, command=name, generator=name
    )
    assert "<script>alert" not in page
    assert page.count("<script") == 1


def test_nothing_to_report_is_refused(data: TrainingData) -> None:
    with pytest.raises(UsageError, match="at least one"):
        build_evaluation([], data)


def of_the_articles(trained: Trained, batch_size: int) -> Trained:
    """A training that claims to be one of the articles."""
    preset = PRESETS["blog"]
    model = dataclasses.replace(
        trained.model,
        network=preset.network,
        training=preset.training_at(batch_size),
        source=msgspec.structs.replace(trained.model.source, name="mnist", examples=60000),
        history=History([Epoch(n + 1, np.array([[9.0, 1.0, 0.25]]), 0.1, 0.5) for n in range(35)]),
    )
    return dataclasses.replace(trained, model=model)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.batch_size)
def test_a_repeated_training_stands_beside_the_printed_values(
    run: object, trained: Trained, data: TrainingData
) -> None:
    one = of_the_articles(trained, run.batch_size)
    assert published(one.model) is run
    shown = {
        row[0]: row[1:]
        for row in rows(build_evaluation([one], data), f"35 epochs of batches of {run.batch_size}")
    }
    assert shown["rate after the last epoch"][0] == repr(run.rate)
    assert shown["cost of the last batch"] == [f"{run.last_cost:.6g}", "10"]
    assert shown["its penalty, share"] == [f"{100 * run.last_penalty_share:.4f} %", "10.0000 %"]
    assert shown["mean error of the last batch"] == [f"{run.last_mean_error:.5f}", "0.25000"]
    assert shown["1 - mean error of the epoch"] == [f"{run.averaged_accuracy:.5f}", "0.75000"]


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("training", "batch_size", 501), ("training", "learning_rate", 0.002),
        ("training", "optimiser", "adam"), ("source", "name", "digits"),
        ("source", "examples", 5000), ("network", "activation", "tanh"),
        ("order", "max_batches", 3),
    ],
)  # fmt: skip
def test_another_training_does_not(trained: Trained, part: str, name: str, value: object) -> None:
    model = of_the_articles(trained, 500).model
    changed = msgspec.structs.replace(getattr(model, part), **{name: value})
    assert published(dataclasses.replace(model, **{part: changed})) is None


def test_the_printed_rates_are_those_of_the_decay() -> None:
    for run in RUNS:
        rate = run.start_rate
        for epoch in range(35):
            rate /= 1 + 1e-6 * epoch
        assert rate == run.rate


def test_the_numbers_for_machines_agree_with_the_evaluation(
    trained: Trained, data: TrainingData
) -> None:
    found = json.loads(json.dumps(as_data([trained], data, "c"), allow_nan=False))
    network = found["networks"][0]
    assert network["test"]["confusion_matrix"] == trained.evaluation.test.matrix.tolist()
    assert network["test"]["accuracy"] == trained.evaluation.test.accuracy
    assert [e["cost"] for e in network["history"]] == [
        epoch.cost for epoch in trained.model.history.epochs
    ]
    assert network["history"][-1]["standing"]["test_accuracy"] == network["test"]["accuracy"]
    assert found["dataset"]["sha256"] == data.sha256
