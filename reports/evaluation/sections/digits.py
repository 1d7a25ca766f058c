"""Examples as pictures: hits and misses of one class, and some of all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from reports import pictures, templates
from reports.evaluation.context import Learned
from reports.section import Absence, Section

_MOST_HITS = 50
_MOST_MISSES = 100
_NINE = 9


def render(learned: Learned) -> Markup | Absence:
    """Return panels of the first network's test examples."""
    data = learned.data
    if not pictures.are_pictures(data.pixels_test):
        return Absence("The examples are no pictures.")
    labels, predicted = data.labels_test, learned.first.evaluation.test.predicted
    of_class, taken = labels == learned.digit, predicted == learned.digit
    right = labels == predicted
    name = data.class_names[learned.digit]

    def panel(title: str, chosen: npt.NDArray[np.bool_], most: int) -> dict[str, Any]:
        """Return pictures under a heading, and how many more there are."""
        rows = np.flatnonzero(chosen).tolist()
        shown = [
            {
                "uri": pictures.uri(data.pixels_test[row]),
                "true": data.class_names[labels[row]],
                "predicted": data.class_names[predicted[row]],
                "number": row,
            }
            for row in rows[:most]
        ]
        title = f"{title} ({len(rows)})"
        return {"title": title, "pictures": shown, "left_out": len(rows) - len(shown)}

    return templates.fill(
        "evaluation/sections/digits.html",
        name=name,
        network=learned.first.name,
        several=len(learned.trained) > 1,
        panels=[
            panel("True positives", of_class & taken, _MOST_HITS),
            panel(f"False positives: taken for {name}", taken & ~of_class, _MOST_MISSES),
            panel(f"False negatives: missed {name}", of_class & ~taken, _MOST_MISSES),
        ],
        nines=[
            panel("Nine recognised", right, _NINE),
            panel("Nine not recognised", ~right, _NINE),
        ],
    )


SECTION = Section("digits", "Hits and misses", 60, render)
