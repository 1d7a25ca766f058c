"""What tells rows apart in the picture: dense or sparse products, processor or GPU."""

from __future__ import annotations

from impls.registry import ROWS
from reports.charts.rowchart import Shape
from reports.context import Context

WORDS: dict[Shape, str] = {
    "dense": "dense, CPU",
    "sparse": "sparse: skips zeros",
    "gpu": "GPU",
}


def shape_of(context: Context, name: str) -> Shape:
    """The marker of an implementation."""
    row = context.rows.get(name)
    if row is not None and row.on_device:
        return "gpu"
    # Documents of earlier versions hold rows that do not say so yet.
    ours = [one for one in ROWS if row is not None and one.target == row.target]
    sparse = any(one.sparse for one in ours) or (row is not None and row.sparse)
    return "sparse" if sparse else "dense"
