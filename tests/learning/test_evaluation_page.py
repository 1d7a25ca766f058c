"""The page of an evaluation: complete, self-contained, and right in every number it shows."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from impls.data import TrainingData
from impls.errors import UsageError
from impls.training.evaluation import Evaluation, Trained
from impls.training.history import Epoch, History
from reports import templates
from reports.evaluation import build_evaluation
from reports.evaluation.as_data import as_data
from tests.learning.evaluations import learned, predicting, rows, section
from tests.reports.reading import Page

SECTIONS = [
    "summary", "articles", "curves", "confusion", "classes", "digits", "filters", "data", "model",
    "terms",
]  # fmt: skip


def test_the_page_holds_every_section(page: str) -> None:
    read = Page(page)
    absent = [one["id"] for one in read.all("section") if one.get("class") == "absent"]
    present = [one for one in SECTIONS if one not in absent]
    assert [one["id"] for one in read.all("section")] == [*present, *absent]


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
    assert all(
        re.findall(r"<svg (?![^>]*aria-hidden)[^>]*>(<title>[^<]+</title>|<title ?/>)?", page)
    )
    assert page.count("<table") == page.count("<caption>")
    assert Page(page).all("img")
    assert all(one.get("alt") for one in Page(page).all("img"))


def test_the_script_finds_no_filters_and_does_without(page: str) -> None:
    assert 'class="filters"' not in page
    assert "if (filters)" in templates.asset("script.js")


def test_the_summary_says_what_was_reached(page: str, trained: Trained) -> None:
    accuracy = trained.evaluation.test.accuracy
    said = section(page, "summary").replace("\n", " ")
    assert f"reference recognises {100 * accuracy:.2f}\N{NO-BREAK SPACE}% of the 30 test" in said
    shown = dict(rows(page, "At the end of training"))
    assert shown["epochs"] == "4"
    assert shown["learning rate at the end"] == f"{trained.model.learning_rate:.6g}"
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
