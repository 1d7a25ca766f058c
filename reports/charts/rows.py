"""What charts with one row per implementation share: names on the left, seconds below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from matplotlib.ticker import FuncFormatter, NullFormatter

from reports import format as text
from reports.charts.canvas import INK, Canvas, canvas

_WIDTH = 460
_ROW = 26
_CHARACTER = 6.3
_RIGHT, _TOP, _BOTTOM = 16, 30, 28


@contextmanager
def row_canvas(names: Sequence[str], *, title: str, description: str) -> Iterator[Canvas]:
    """Axes with a row for each of ``names``, the first on top, and seconds from left to right."""
    labels = [text.label(name) for name in names]
    left = round(max(map(len, labels)) * _CHARACTER) + 12
    with canvas(
        size=(_WIDTH, _TOP + _BOTTOM + _ROW * len(labels)),
        margins=(left, _RIGHT, _TOP, _BOTTOM),
        description=description,
    ) as drawing:
        yield drawing
        plot = drawing.axes
        # The title starts at the left edge of the chart, above the names.
        plot.annotate(
            title, (0, 1), xytext=(4 - left, 12), xycoords="axes fraction",
            textcoords="offset points", fontsize=12, fontweight="bold",
        )  # fmt: skip
        plot.grid(visible=False, axis="y")
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.seconds(value)))
        plot.xaxis.set_minor_formatter(NullFormatter())
        plot.set_yticks(range(len(labels)), labels, color=INK)
        plot.set_ylim(len(labels) - 0.5, -0.5)
