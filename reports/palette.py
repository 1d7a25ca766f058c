"""How a row looks in every picture: its place in the palette and its marker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impls.registry import ROWS
from impls.row import Row
from reports.charts.rowchart import Shape
from reports.context import Context
from reports.devices import CPU


def slots(names: Sequence[str], known: Mapping[str, Row]) -> dict[str, int]:
    """Places of all trainers of the registry, of those that documents know, and of other ``names``.

    Those that are measured unless others are named come first, so that they share no colour as
    long as there are enough; those on a processor before those on a device.
    """
    ours = [row for row in ROWS if row.role == "trainer"]
    ours.sort(key=lambda row: (row.by_name_only, row.device != CPU))
    theirs = [row.name for row in known.values() if row.role == "trainer"]
    others = [name for name in names if name not in known]
    every = dict.fromkeys([*(row.name for row in ours), *theirs, *others])
    return {name: slot for slot, name in enumerate(every)}


WORDS: dict[Shape, str] = {
    "dense": "dense, CPU",
    "sparse": "sparse: skips zeros",
    "gpu": "GPU",
}


def shape_of(context: Context, name: str) -> Shape:
    """Return the marker of an implementation."""
    row = context.rows.get(name)
    if row is not None and row.on_device:
        return "gpu"
    # Documents of earlier versions hold rows that do not say so yet.
    ours = [candidate for candidate in ROWS if row is not None and candidate.target == row.target]
    sparse = any(candidate.sparse for candidate in ours) or (row is not None and row.sparse)
    return "sparse" if sparse else "dense"
