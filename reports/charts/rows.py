"""What charts with one row per implementation share: names on the left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.ticker import NullLocator

from reports import format as text
from reports.charts.canvas import INK, MUTED, Canvas, canvas
from reports.charts.frame import CHARACTER, WIDTH

_ROW = 26
_TOP, _BOTTOM = 30, 28


@contextmanager
def row_canvas(
    names: Sequence[str], *, title: str, description: str, right: int = 16
) -> Iterator[Canvas]:
    """Axes with a row for each of ``names``, the first on top.

    ``right`` is the margin on the right in pixels.
    """
    labels = [text.label(name) for name in names]
    left = round(max(map(len, labels)) * CHARACTER) + 12
    with canvas(
        size=(WIDTH, _TOP + _BOTTOM + _ROW * len(labels)),
        margins=(left, right, _TOP, _BOTTOM),
        description=description,
    ) as drawing:
        plot = drawing.axes
        yield drawing
        # The title starts at the left edge of the chart, above the names.
        plot.annotate(
            title, (0, 1), xytext=(4 - left, 12), xycoords="axes fraction",
            textcoords="offset points", fontsize=12, fontweight="bold",
        )  # fmt: skip
        plot.grid(visible=False, axis="y")
        plot.xaxis.set_minor_locator(NullLocator())
        plot.set_yticks(range(len(labels)), labels, color=INK)
        plot.set_ylim(len(labels) - 0.5, -0.5)


def note_at_edge(axes: Any, place: int, note: str) -> None:
    """Text in the right margin."""
    axes.annotate(
        note,
        (1, place),
        xytext=(6, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color=MUTED,
    )
