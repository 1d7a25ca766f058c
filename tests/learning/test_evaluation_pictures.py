"""Examples as pictures: hits and misses, the first example."""

from __future__ import annotations

import dataclasses
import io
import re

import numpy as np
from matplotlib.image import imread

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports import pictures
from reports.evaluation import build_evaluation
from tests.learning.evaluations import predicting, rows, section


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
        "False negatives: missed 0 (2)": ["2 / 0"] * 2,
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
    assert "False negatives: missed 1 (2)" in panels(page)


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
