"""Charts as inline SVG strings and as rows of a table: the only one that draws by matplotlib.

Colours are CSS variables, so one chart serves the light and the dark theme; text stays text.
"""

from __future__ import annotations

from reports.charts.canvas import Style, style_of, swatch
from reports.charts.columns import columns
from reports.charts.crossover import crossover
from reports.charts.lines import Series, curves, lines
from reports.charts.panel import MOST_NAMED
from reports.charts.roofline import roofline
from reports.charts.rounds import Strip, Track, strips, timeline
from reports.charts.rowchart import (
    Axis,
    ChartRow,
    Dot,
    Line,
    RowChart,
    Segment,
    dot,
    linear_axis,
    log_axis,
    segment,
    stacked,
)

__all__ = [
    "MOST_NAMED",
    "Axis",
    "ChartRow",
    "Dot",
    "Line",
    "RowChart",
    "Segment",
    "Series",
    "Strip",
    "Style",
    "Track",
    "columns",
    "crossover",
    "curves",
    "dot",
    "linear_axis",
    "lines",
    "log_axis",
    "roofline",
    "segment",
    "stacked",
    "strips",
    "style_of",
    "swatch",
    "timeline",
]  # fmt: skip
