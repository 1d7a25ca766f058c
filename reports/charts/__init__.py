"""Charts as inline SVG strings and as rows of a table: the only package that knows matplotlib.

Colours are CSS variables, so one chart serves the light and the dark theme; text stays text.
"""

from __future__ import annotations

from reports.charts.axis import Axis, linear_axis, log_axis
from reports.charts.canvas import Style, style_of, swatch
from reports.charts.columns import Columns, columns
from reports.charts.crossover import Contested, Crossed, crossover
from reports.charts.curves import Curve, CurveAxes, curves
from reports.charts.dots import Strip, strips
from reports.charts.frame import MOST_NAMED
from reports.charts.lines import Axes, Series, lines
from reports.charts.roofline import Limits, Path, roofline
from reports.charts.rowchart import Block, ChartRow, Dot, Line, RowChart, block, dot
from reports.charts.timeline import Track, timeline

__all__ = [
    "MOST_NAMED",
    "Axes",
    "Axis",
    "Block",
    "ChartRow",
    "Columns",
    "Contested",
    "Crossed",
    "Curve",
    "CurveAxes",
    "Dot",
    "Limits",
    "Line",
    "Path",
    "RowChart",
    "Series",
    "Strip",
    "Style",
    "Track",
    "block",
    "columns",
    "crossover",
    "curves",
    "dot",
    "linear_axis",
    "lines",
    "log_axis",
    "roofline",
    "strips",
    "style_of",
    "swatch",
    "timeline",
]
