"""Crossings in sentences: from which batch size on the GPU is faster, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.judging.stats import MINIMUM_PROCESSES
from reports import format as text
from reports.crossing import Crossing, Node, Stretch, crossings, undecided

_NO_INTERVAL = f"no interval: fewer than {MINIMUM_PROCESSES} processes at some batch size"


def told(nodes: Sequence[Node]) -> str:
    """What a curve of GPU time over CPU time says; ``nodes`` has at least one."""
    found = crossings(nodes)
    if not found:
        return _one_side(nodes)
    if len(found) == 1:
        return f"{_crossing(found[0], nodes)}."
    stretches = [one.interval for one in found if one.interval]
    merged = len(set(stretches)) < len(stretches)
    each = "; ".join(_crossing(one, nodes) for one in found)
    doubt = " Crossings that share an interval may be no more than one." if merged else ""
    return f"{len(found)} crossings: {each}.{doubt}"


def _crossing(one: Crossing, nodes: Sequence[Node]) -> str:
    """One crossing with its interval."""
    faster = "GPU" if one.falls else "CPU"
    known = _NO_INTERVAL if one.interval is None else f"interval {_range(one.interval, nodes)}"
    return f"from a batch of {_size(one.size)} on the {faster} is faster ({known})"


def _one_side(nodes: Sequence[Node]) -> str:
    """A curve that stays on one side of 1, or at it."""
    first, last = _size(nodes[0].size), _size(nodes[-1].size)
    heights = {(node.ratio > 1) - (node.ratio < 1) for node in nodes} - {0}
    if not heights:
        return "both take the same time at every batch size measured: no crossover."
    gpu = heights == {-1}
    faster = "GPU" if gpu else "CPU"
    if len(nodes) == 1:
        is_ = "is likely" if nodes[0].likely else "is"
        said = f"the {faster} {is_} faster at a batch of {first}, the only one measured on both"
    else:
        beyond = f"below {first}" if gpu else f"above {last}"
        said = (
            f"no crossover: the {faster} is faster at every batch size measured; if there is one, "
            f"it is {beyond}"
        )
        likely = [_size(node.size) for node in nodes if node.likely]
        said += f". At {text.listing(likely)} that is only likely" if likely else ""
    return f"{said}{_doubt(nodes)}."


def _doubt(nodes: Sequence[Node]) -> str:
    """Where the interval holds 1 although the ratio does not reach it."""
    open_to_doubt = undecided(nodes)
    if open_to_doubt is None:
        return f" ({_NO_INTERVAL})"
    if not open_to_doubt:
        return ""
    if len(nodes) == 1:
        return ", but its interval holds 1"
    where = text.listing([f"from {_range(one, nodes)}" for one in open_to_doubt])
    return f". Its interval holds 1 {where}: there it is not decided"


def _range(stretch: Stretch, nodes: Sequence[Node]) -> str:
    """A stretch; an open end is said to lie beyond the sizes measured."""
    low = f"below {_size(nodes[0].size)}" if stretch.low is None else _size(stretch.low)
    high = f"above {_size(nodes[-1].size)}" if stretch.high is None else _size(stretch.high)
    return f"{low} to {high}"


def _size(size: float) -> str:
    """A batch size; interpolated ones have no more digits than they deserve."""
    if math.isclose(size, round(size)):
        return str(round(size))
    return text.significant(size, 3 if size >= 100 else 2)
