"""Which place in the palette a row has: the same in every report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impls.registry import ROWS
from impls.row import Row
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
    found = dict.fromkeys([*(row.name for row in ours), *theirs, *others])
    return {name: slot for slot, name in enumerate(found)}
