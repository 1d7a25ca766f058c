"""What the networks saw."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from impls.data import TrainingData
from impls.data.normalise import NORMALISATIONS
from reports import charts, pictures, tables, templates
from reports import format as text
from reports.evaluation.context import PARTS, Learned
from reports.facts.network_facts import shape
from reports.figures import Figure
from reports.section import Absence, Section
from reports.tables import TableCell

_BINS = 16
_WIDEST = 64


def render(learned: Learned) -> Markup | Absence:
    """Return shapes, class counts, a histogram of values, and the first example."""
    data = learned.data
    train = np.bincount(data.labels, minlength=data.classes).tolist()
    test = np.bincount(data.labels_test, minlength=data.classes).tolist()
    classes = charts.columns(
        "examples of each class",
        data.class_names,
        [(style, counts) for (_, style), counts in zip(PARTS, (train, test), strict=True)],
        labels=("class", "examples"),
        y_format="{:.0f}".format,
        description="How many training and test examples each class has.",
    )
    return templates.fill(
        "evaluation/sections/data.html",
        facts=_facts(data),
        figures=[Figure(classes), Figure(_histogram(data))],
        table=tables.of_items(
            "Examples of each class",
            zip(data.class_names, train, test, strict=True),
            {
                "Class": lambda row: TableCell(row[0]),
                "Training": lambda row: tables.whole(row[1]),
                "Test": lambda row: tables.whole(row[2]),
            },
        ),
        first=_first(data),
    )


def _facts(data: TrainingData) -> list[tuple[str, str]]:
    lowest, highest = float(data.X.min()), float(data.X.max())
    return [
        ("data set", f"{data.name}, from {data.source}"),
        ("training examples", shape(data.pixels.shape)),
        ("test examples", shape(data.pixels_test.shape)),
        ("as the network sees them", f"{shape(data.X.shape)}, from {lowest:.3g} to {highest:.3g}"),
        ("normalisation", f"{data.normaliser.name}: {NORMALISATIONS[data.normaliser.name]}"),
        ("targets, one-hot", shape((len(data.labels), data.classes))),
        ("SHA-256", data.sha256),
    ]


def _histogram(data: TrainingData) -> Markup:
    counts = np.bincount(data.pixels.ravel(), minlength=256).reshape(_BINS, -1).sum(axis=1)
    width = 256 // _BINS
    return charts.columns(
        "values of all training examples",
        [str(place * width) for place in range(_BINS)],
        [(PARTS[0][1], (counts / counts.sum()).tolist())],
        labels=(f"value, {width} to a column", "share of all values"),
        y_format=lambda value: text.percent(value) if value >= 1e-3 else f"{100 * value:g} %",
        description="How often pixel values occur in the training examples, on a logarithmic axis.",
        log=True,
    )


def _first(data: TrainingData) -> dict[str, Any] | None:
    """Return the first training example: its picture, its values, its class and target.

    None where it is no grey picture, or too wide to be read as numbers.
    """
    pixels = data.pixels[0]
    if not pictures.are_pictures(data.pixels) or pixels.ndim != 2 or pixels.shape[1] > _WIDEST:
        return None
    label = int(data.labels[0])
    return {
        "uri": pictures.uri(pixels),
        "lines": pixels.tolist(),
        "name": data.class_names[label],
        "target": " ".join("1" if place == label else "0" for place in range(data.classes)),
    }


SECTION = Section("data", "Data", 70, render)
