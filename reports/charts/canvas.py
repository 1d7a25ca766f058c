"""A figure to draw on: sizes in pixels, colours by role, and the look that all charts share."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from reports.charts import svg

INK, MUTED, LINE, PAGE = list(svg.SENTINELS)[:4]
COLOURS = list(svg.SENTINELS)[4:]
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">")
_MARKER_SIZES = {"o": 6, "s": 6, "D": 6, "*": 9}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (2, 1)), (0, (6, 1.5, 1.5, 1.5)))
_PIECES = ((0.0, 0.0), (2.8, 0.0), (0.0, 2.8), (2.2, 2.2))
_POINTS_PER_INCH = 72  # so that one unit of the SVG is one pixel
_FONT_SIZE = 11

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mlpbench",  # equal figures give equal text
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": _FONT_SIZE,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": _FONT_SIZE + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "none",
}


@dataclass(frozen=True)
class Style:
    """How an implementation looks in every chart: it never differs by colour alone.

    Where colours repeat, the line has another ``dash`` and another ``marker``, which is
    ``hollow`` every other time, and dots become short lines: ``piece`` is half of one, across and
    up in pixels.
    """

    slot: int | None
    colour: str
    marker: str
    dash: Any
    hollow: bool = False
    piece: tuple[float, float] = (0.0, 0.0)

    @property
    def series(self) -> str:
        """What marks all that is drawn for the implementation, for scripts to find."""
        return "floor" if self.slot is None else str(self.slot)

    @property
    def gid(self) -> str:
        """:attr:`series` as an id; see :func:`reports.charts.svg.inline`."""
        return f"series-{self.series}"

    def line(self) -> dict[str, Any]:
        """Return arguments for a line with markers."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.dash,
            "linewidth": 1.8,
            "markersize": _MARKER_SIZES.get(self.marker, 7.5) if self.marker else 0,
            "markerfacecolor": PAGE if self.hollow else self.colour,
            "markeredgecolor": self.colour if self.hollow else PAGE,
            "markeredgewidth": 1.5 if self.hollow else 0.8,
        }


def style_of(slot: int | None) -> Style:
    """Return the style of a place in the palette; None is the floor, dashed and without markers."""
    if slot is None:
        return Style(None, INK, "", (0, (4, 3)))
    turn, place = divmod(slot, len(COLOURS))
    turn %= len(_DASHES)
    # Of an equal colour, another marker.
    marker = _MARKERS[(place + 3 * turn) % len(_MARKERS)]
    return Style(slot, COLOURS[place], marker, _DASHES[turn], bool(turn % 2), _PIECES[turn])


@dataclass
class Canvas:
    """One set of axes and, after the block that draws on it, its SVG."""

    axes: Any
    tips: list[tuple[float, float, str]] = field(default_factory=list)
    """Places in the units of the axes, and what a pointer reads there."""
    markup: Markup = field(default_factory=Markup)
    """The finished chart; empty inside the block."""


@contextmanager
def canvas(
    *,
    size: tuple[int, int],
    margins: tuple[int, int, int, int],
    description: str,
    salt: str = "",
) -> Iterator[Canvas]:
    """Yield axes in a figure of ``size`` (width, height), rendered when the block ends.

    ``margins`` are left, right, top and bottom; both are in pixels.  ``description`` is what the
    chart shows, in words; ``salt`` sets equal charts apart.
    """
    width, height = size
    left, right, top, bottom = margins
    with mpl.rc_context(_SETTINGS):
        figure = Figure(
            figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH), dpi=_POINTS_PER_INCH
        )
        axes = figure.add_axes(
            (
                left / width,
                bottom / height,
                (width - left - right) / width,
                (height - top - bottom) / height,
            )
        )
        drawing = Canvas(axes)
        yield drawing
        tips = [
            (float(place[0]), height - float(place[1]), words)
            for x, y, words in drawing.tips
            for place in [axes.transData.transform((x, y))]
        ]
        stream = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with warnings.catch_warnings():
            # Text stays text, drawn by the reader's fonts: they have glyphs that are missing here.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            warnings.filterwarnings("ignore", message="Matplotlib currently does not support .*")
            figure.savefig(stream, format="svg", metadata=metadata)
    source = stream.getvalue()
    digest = hashlib.sha256((salt + description + source).encode()).hexdigest()
    drawing.markup = svg.inline(source, prefix=f"f{digest[:8]}", description=description, tips=tips)


def swatch(style: Style, *, key: str, dots: bool = False) -> Markup:
    """Return a piece of an implementation's line, or a dot of it, for the key called ``key``."""
    with canvas(size=(30, 14), margins=(0, 0, 0, 0), description="", salt=key) as drawing:
        drawing.axes.set_axis_off()
        drawing.axes.set(xlim=(0, 30), ylim=(0, 14))
        if dots:
            draw_dots(drawing.axes, [(15, 7)], style, size=6, pieces=True)
        else:
            middle = {"marker": style.marker or "none", "markevery": [1]}
            drawing.axes.plot([1, 15, 29], [7, 7, 7], **{**style.line(), **middle})
    return drawing.markup


def draw_dots(
    axes: Any,
    points: Sequence[tuple[float, float]],
    style: Style,
    *,
    size: float,
    pieces: bool = False,
) -> None:
    """Draw many dots as one path: pieces of line without length, but with round ends.

    A marker for each of them would take several times the space in the page.  With ``pieces`` they
    have the length by which styles of one colour differ; the limits of ``axes`` must then be final.
    """
    across, up = style.piece if pieces else (0.0, 0.0)
    ends = [
        (x + sign * across, y + sign * up)
        for x, y in (axes.transData.transform(points) if pieces else points)
        for sign in (-1, 1)
    ]
    path = Path(ends, [Path.MOVETO, Path.LINETO] * len(points))
    path.should_simplify = False
    dots = PathPatch(
        path, fill=False, edgecolor=style.colour, linewidth=size, capstyle="round", alpha=0.75,
        transform=IdentityTransform() if pieces else axes.transData,
    )  # fmt: skip
    dots.set_gid(style.gid)
    axes.add_patch(dots)
